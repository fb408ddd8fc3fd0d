/* SPDX-License-Identifier: Apache-2.0 */
/*
 * glibc's malloc and, where they are installed, mimalloc, jemalloc and tcmalloc.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "bench_internal.h"

pattern *make_pattern(void *self) {
    pattern *it = calloc(1, sizeof *it);
    live_block *live = calloc(BURST_COUNT, sizeof *live);
    if (!it || !live) {
        free(it);
        free(live);
        return NULL;
    }
    *it = (pattern){.self = self, .random = 88172645463325252u, .live = live};
    return it;
}

void drop_pattern(pattern *it) {
    free(it->live);
    free(it);
}

void drop_peer(void *context) {
    pattern *it = context;
    peer *self = it->self;
    for (size_t i = 0; i < BURST_COUNT; i++) {
        self->release(it->live[i].data);
    }
    /* The library stays: allocators do not like to be unloaded. */
    free(self);
    drop_pattern(it);
}

static hone_status make_peer(void *(*allocate)(size_t), void (*release)(void *),
                             void **out_context) {
    peer *self = calloc(1, sizeof *self);
    pattern *it = self ? make_pattern(self) : NULL;
    if (!it) {
        free(self);
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    *self = (peer){allocate, release};
    /* The first call starts an allocator up, for longer than a whole sample; that is not measured.
     */
    release(allocate(OBJECT_BYTES));
    *out_context = it;
    return HONE_OK;
}

static hone_status load_peer(const char *file, const char *package, const char *allocate_name,
                             const char *release_name, hone_diag *diag, void **out_context) {
    void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        const char *why = dlerror();
        return hone_diag_set(diag, HONE_STATUS_ABSENT, "%s (Debian has it in the package %s)",
                             why ? why : file, package);
    }
    void *allocate = dlsym(library, allocate_name);
    void *release = dlsym(library, release_name);
    if (!allocate || !release) {
        return hone_diag_set(diag, HONE_STATUS_ABSENT, "%s has no %s", file, allocate_name);
    }
    void *(*allocate_function)(size_t);
    void (*release_function)(void *);
    /* As POSIX has it: object pointers can hold functions, C does not say so. */
    memcpy(&allocate_function, &allocate, sizeof allocate);
    memcpy(&release_function, &release, sizeof release);
    return make_peer(allocate_function, release_function, out_context);
}

hone_status make_glibc(const void *parameter, hone_diag *diag, void **out_context) {
    (void)parameter;
    (void)diag;
    return make_peer(malloc, free, out_context);
}

hone_status make_mimalloc(const void *parameter, hone_diag *diag, void **out_context) {
    (void)parameter;
    return load_peer("libmimalloc.so.2", "libmimalloc2.0", "mi_malloc", "mi_free", diag,
                     out_context);
}

hone_status make_jemalloc(const void *parameter, hone_diag *diag, void **out_context) {
    (void)parameter;
    return load_peer("libjemalloc.so.2", "libjemalloc2", "malloc", "free", diag, out_context);
}

hone_status make_tcmalloc(const void *parameter, hone_diag *diag, void **out_context) {
    (void)parameter;
    return load_peer("libtcmalloc_minimal.so.4", "libtcmalloc-minimal4", "tc_malloc", "tc_free",
                     diag, out_context);
}

static HONE_ALWAYS_INLINE void *peer_allocate(void *self, size_t size) {
    return ((const peer *)self)->allocate(size);
}

static HONE_ALWAYS_INLINE void peer_release(void *self, void *block, size_t size) {
    (void)size;
    ((const peer *)self)->release(block);
}

void run_peer_pair(void *context, uint64_t iterations) {
    run_pair(context, iterations, OBJECT_BYTES, peer_allocate, peer_release);
}

void run_peer_pair_32k(void *context, uint64_t iterations) {
    run_pair(context, iterations, 32 << 10, peer_allocate, peer_release);
}

void run_peer_pair_1m(void *context, uint64_t iterations) {
    run_pair(context, iterations, 1 << 20, peer_allocate, peer_release);
}

void run_peer_fifo(void *context, uint64_t iterations) {
    run_fifo(context, iterations, peer_allocate, peer_release);
}

void run_peer_burst(void *context, uint64_t iterations) {
    run_burst(context, iterations, peer_allocate, peer_release);
}

void run_peer_replace(void *context, uint64_t iterations) {
    run_replace(context, iterations, peer_allocate, peer_release);
}

/* Beside the arena, which drops all of a batch at once. */
void run_peer_batch(void *context, uint64_t iterations) {
    pattern *it = context;
    const peer *self = it->self;
    for (uint64_t i = 0; i < iterations; i++) {
        void *block = self->allocate(OBJECT_BYTES);
        touch(block);
        it->live[it->position++].data = block;
        if (it->position == BATCH_COUNT) {
            for (size_t n = 0; n < BATCH_COUNT; n++) {
                self->release(it->live[n].data);
                it->live[n].data = NULL;
            }
            it->position = 0;
        }
    }
}
