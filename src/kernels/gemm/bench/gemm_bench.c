/* SPDX-License-Identifier: Apache-2.0 */
/*
 * f32 products on one thread, beside OpenBLAS and BLIS where they are installed. Names are rows of
 * C x columns x k, all row by row, contiguous.
 *
 * hone           B packed before, as a layer's weights are
 * hone-unpacked  A and B given as to the peers
 * avx2, ref      these variants, packed before
 * fma-peak       what the machine's multiply-adds give in registers: 1 / the ratio beside it is the
 *                share of the peak that hone reaches
 *
 * All operands fit the caches where the machine's do: a case is repeated on the same ones.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gemm_bench_internal.h"
#include "hone/kernels/gemm.h"
#include "hone/measure/bench_main.h"
#include "hone/platform/detect.h"
#include "hone/platform/isa.h"

typedef struct shape {
    int m, n, k;
} shape;

typedef struct product {
    shape size;
    float *a, *b, *c, *packed, *scratch;
    const float *base;
    const hone_gemm_f32_variant *variant;
    hone_gemm_caches caches;
    hone_gemm_f32_job job;
    sgemm_fn *sgemm;
} product;

static void drop(void *context) {
    product *it = context;
    free(it->a);
    free(it->b);
    free(it->c);
    free(it->packed);
    free(it->scratch);
    free(it);
}

static float *new_floats(size_t count) {
    return aligned_alloc(64, (count * sizeof(float) + 64 + 63) / 64 * 64);
}

static void fill(float *values, size_t count, uint64_t seed) {
    for (size_t i = 0; i < count; i++) {
        seed = seed * 6364136223846793005u + 1442695040888963407u;
        values[i] = (float)(int32_t)(seed >> 32) * 0x1p-31f;
    }
}

static product *make_product(const void *parameter) {
    product *it = calloc(1, sizeof *it);
    if (!it) {
        return NULL;
    }
    it->size = *(const shape *)parameter;
    size_t m = (size_t)it->size.m, n = (size_t)it->size.n, k = (size_t)it->size.k;
    it->a = new_floats(m * k);
    it->b = new_floats(k * n);
    it->c = new_floats(m * n);
    if (!it->a || !it->b || !it->c) {
        drop(it);
        return NULL;
    }
    fill(it->a, m * k, 1);
    fill(it->b, k * n, 2);
    memset(it->c, 0, m * n * sizeof(float));
    it->base = it->a;
    it->job = (hone_gemm_f32_job){.m = m,
                                  .n = n,
                                  .a = &it->base,
                                  .segments_count = 1,
                                  .segment_k = k,
                                  .a_row_stride = (ptrdiff_t)k,
                                  .a_step = 1,
                                  .b = it->b,
                                  .b_row_stride = (ptrdiff_t)n,
                                  .b_step = 1,
                                  .c = it->c,
                                  .c_row_stride = (ptrdiff_t)n,
                                  .low = -INFINITY,
                                  .high = INFINITY};
    return it;
}

static void read_caches(hone_gemm_caches *out_caches) {
    hone_platform platform;
    if (hone_platform_detect(NULL, NULL, &platform) == HONE_OK) {
        out_caches->l1_bytes = hone_platform_cache_bytes(&platform, 1);
        out_caches->l2_bytes = hone_platform_cache_bytes(&platform, 2);
        hone_platform_deinit(&platform);
    }
}

static hone_status make_hone(const void *parameter, const char *name, bool is_packed,
                             hone_diag *diag, void **out_context) {
    const hone_isa_mask features = hone_isa_detect();
    size_t count;
    const hone_gemm_f32_variant *variants = hone_gemm_f32_variants(&count), *chosen = NULL;
    for (size_t i = 0; i < count; i++) {
        bool is_wanted = !name || strcmp(name, variants[i].name) == 0;
        if (is_wanted && hone_isa_has(features, variants[i].needed)) {
            chosen = &variants[i];
        }
    }
    if (!chosen) {
        return hone_diag_set(diag, HONE_STATUS_ABSENT, "this machine or build does not have %s",
                             name ? name : "any");
    }
    product *it = make_product(parameter);
    if (!it) {
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    it->variant = chosen;
    read_caches(&it->caches);
    if (is_packed) {
        it->packed = new_floats(hone_gemm_f32_packed_count(chosen, it->job.segment_k, it->job.n));
        if (it->packed) {
            hone_gemm_f32_pack(chosen, it->b, it->job.b_row_stride, 1, it->job.segment_k, it->job.n,
                               it->packed);
        }
        it->job.b_packed = it->packed;
    }
    it->scratch = new_floats(hone_gemm_f32_scratch_count(chosen, &it->caches, &it->job));
    if (!it->scratch || (is_packed && !it->packed)) {
        drop(it);
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    *out_context = it;
    return HONE_OK;
}

static hone_status make_packed(const void *parameter, hone_diag *diag, void **out_context) {
    return make_hone(parameter, NULL, true, diag, out_context);
}

static hone_status make_unpacked(const void *parameter, hone_diag *diag, void **out_context) {
    return make_hone(parameter, NULL, false, diag, out_context);
}

static hone_status make_avx2(const void *parameter, hone_diag *diag, void **out_context) {
    return make_hone(parameter, "avx2", true, diag, out_context);
}

static hone_status make_ref(const void *parameter, hone_diag *diag, void **out_context) {
    return make_hone(parameter, "ref", true, diag, out_context);
}

static hone_status make_peer(const void *parameter, sgemm_fn *sgemm, void **out_context) {
    product *it = make_product(parameter);
    if (!it) {
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    it->sgemm = sgemm;
    *out_context = it;
    return HONE_OK;
}

static hone_status make_openblas(const void *parameter, hone_diag *diag, void **out_context) {
    sgemm_fn *sgemm;
    hone_status status = load_openblas(diag, &sgemm);
    return status == HONE_OK ? make_peer(parameter, sgemm, out_context) : status;
}

static hone_status make_blis(const void *parameter, hone_diag *diag, void **out_context) {
    sgemm_fn *sgemm;
    hone_status status = load_blis(diag, &sgemm);
    return status == HONE_OK ? make_peer(parameter, sgemm, out_context) : status;
}

static hone_status make_peak(const void *parameter, hone_diag *diag, void **out_context) {
    (void)parameter;
    *out_context = NULL;
    if (measure_fma_peak(NULL) == 0) {
        return hone_diag_set(diag, HONE_STATUS_ABSENT, "no probe for this architecture");
    }
    return HONE_OK;
}

static void run_hone(void *context, uint64_t iterations) {
    product *it = context;
    for (uint64_t i = 0; i < iterations; i++) {
        hone_gemm_f32_run(it->variant, &it->caches, &it->job, it->scratch);
        hone_bench_consume(it->c);
    }
}

static void run_peer(void *context, uint64_t iterations) {
    enum { ROW_MAJOR = 101, NOT_TRANSPOSED = 111 };
    product *it = context;
    const int m = it->size.m, n = it->size.n, k = it->size.k;
    for (uint64_t i = 0; i < iterations; i++) {
        it->sgemm(ROW_MAJOR, NOT_TRANSPOSED, NOT_TRANSPOSED, m, n, k, 1, it->a, k, it->b, n, 0,
                  it->c, n);
        hone_bench_consume(it->c);
    }
}

/* clang-format off */
#define MADE(variant_name, function, runs) \
    {.name = variant_name, .setup = make_##function, .run = runs, .teardown = drop}
#define PRODUCT(rows, columns, depth) \
    {.name = "f32/" #rows "x" #columns "x" #depth, \
     .unit = "GF/s", \
     .better = HONE_BENCH_HIGHER, \
     .items_per_iteration = 2.0 * (rows) * (columns) * (depth), \
     .scale = 1e-9, \
     .parameter = &(const shape){rows, columns, depth}, \
     .variants = {MADE("hone", packed, run_hone), MADE("hone-unpacked", unpacked, run_hone), \
                  MADE("openblas", openblas, run_peer), MADE("blis", blis, run_peer), \
                  {.name = "fma-peak", .setup = make_peak, .measure = measure_fma_peak}, \
                  MADE("avx2", avx2, run_hone), MADE("ref", ref, run_hone)}}
/* clang-format on */

static const hone_bench_case cases[] = {
    PRODUCT(8, 8, 8),       PRODUCT(16, 16, 16),    PRODUCT(32, 32, 32),
    PRODUCT(64, 64, 64),    PRODUCT(96, 96, 96),    PRODUCT(128, 128, 128),
    PRODUCT(256, 256, 256), PRODUCT(512, 512, 512), PRODUCT(1024, 1024, 1024),
    PRODUCT(1, 1000, 1024), PRODUCT(1, 64, 784),    PRODUCT(1, 256, 256),
    PRODUCT(16, 2304, 27),  PRODUCT(2304, 16, 27),  PRODUCT(32, 576, 144),
    PRODUCT(576, 32, 144),  PRODUCT(64, 144, 288),  PRODUCT(144, 64, 288),
    PRODUCT(64, 576, 64),   PRODUCT(576, 64, 64),
};

int main(int argc, char **argv) {
    static const hone_bench_suite suite = {"gemm", cases, sizeof cases / sizeof *cases};
    return hone_bench_main(argc, argv, &suite);
}
