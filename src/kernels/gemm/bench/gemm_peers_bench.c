/* SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>

#include "gemm_bench_internal.h"

/* Both define the same names, so neither may see the other's. */
static hone_status load(const char *file, const char *package, hone_diag *diag,
                        void **out_library) {
    *out_library = dlopen(file, RTLD_NOW | RTLD_LOCAL | RTLD_DEEPBIND);
    if (!*out_library) {
        const char *why = dlerror();
        return hone_diag_set(diag, HONE_STATUS_ABSENT, "%s (Debian has it in the package %s)",
                             why ? why : file, package);
    }
    return HONE_OK;
}

/* A pointer to a function comes out of dlsym() as one to data. */
static void *find(void *library, const char *name) {
    return dlsym(library, name);
}

hone_status load_openblas(hone_diag *diag, sgemm_fn **out_sgemm) {
    void *library;
    hone_status status = load("libopenblas.so.0", "libopenblas0-pthread", diag, &library);
    if (status != HONE_OK) {
        return status;
    }
    void (*set_threads)(int);
    *(void **)&set_threads = find(library, "openblas_set_num_threads");
    *(void **)out_sgemm = find(library, "cblas_sgemm");
    if (!set_threads || !*out_sgemm) {
        return hone_diag_set(diag, HONE_STATUS_ABSENT, "libopenblas.so.0 has no cblas_sgemm");
    }
    set_threads(1);
    return HONE_OK;
}

hone_status load_blis(hone_diag *diag, sgemm_fn **out_sgemm) {
    void *library;
    hone_status status = load("libblis.so.4", "libblis4-openmp", diag, &library);
    if (status != HONE_OK) {
        return status;
    }
    void (*set_threads)(int64_t);
    *(void **)&set_threads = find(library, "bli_thread_set_num_threads");
    *(void **)out_sgemm = find(library, "cblas_sgemm");
    if (!set_threads || !*out_sgemm) {
        return hone_diag_set(diag, HONE_STATUS_ABSENT, "libblis.so.4 has no cblas_sgemm");
    }
    set_threads(1);
    return HONE_OK;
}
