/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What memory costs, beside glibc's malloc and, where they are installed, mimalloc, jemalloc and
 * tcmalloc. The peers are loaded at run time and called through a pointer, glibc's as well, so that
 * all of them pay the same call. hone's calls are plain ones: that is how both are used. Every
 * block is written to once.
 *
 * pool/pair       one object of 64 bytes taken and given back at once: the best case of all
 * pool/fifo-1000  the oldest of 1000 live objects given back, a new one taken
 * shared-pool/... the same out of the pool for all threads, without and with a magazine
 * arena-4096      a block from the arena, everything dropped after 4096; peers free one by one
 * heap/pair-*     as pool/pair, of several sizes; shared: through the allocator for all threads
 * heap/fifo-1000  as pool/fifo-1000
 * heap/burst-100k half the life of a block: 100000 taken, then given back in the same order
 * heap/replace    any of 4096 live blocks of 16 to 512 bytes given back, another one taken
 * heap/cross      taken on one thread, given back on another, a ring of 1024 between them
 * campaign        a budget of 64 MB under a workload that wants 1000 MB, evicting in the bands of
 *                 pressure: wishes per second, the most ever held, what was evicted, in how many
 *                 passes. A budget that does not hold fails the suite
 * accounted       malloc and free through a budget of three levels; peers without any accounting
 * lease           a lease of 64 bytes through three levels and its return; peers malloc and free
 */
#include <stdlib.h>
#include <unistd.h>

#include "bench_internal.h"
#include "hone/base/arena.h"
#include "hone/measure/bench_main.h"
#include "hone/memory/heap.h"
#include "hone/memory/pool.h"
#include "hone/memory/shared_pool.h"

/* ---- the heap ---- */

typedef struct heap_run {
    hone_heap *heap;
    hone_heap_local *local;
} heap_run;

static void drop_heap(void *context) {
    pattern *it = context;
    heap_run *self = it->self;
    for (size_t i = 0; i < BURST_COUNT; i++) {
        hone_heap_release(self->local, it->live[i].data, it->live[i].size, 16);
    }
    hone_heap_local_destroy(self->local);
    (void)hone_heap_destroy(self->heap, NULL);
    free(self);
    drop_pattern(it);
}

static hone_status make_heap(const void *parameter, hone_diag *diag, void **out_context) {
    (void)parameter;
    heap_run *self = calloc(1, sizeof *self);
    pattern *it = self ? make_pattern(self) : NULL;
    if (!it) {
        free(self);
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    hone_heap_options options = {.bytes_max = (size_t)1 << 30};
    hone_status status = hone_heap_create(&options, diag, &self->heap);
    if (status == HONE_OK) {
        status = hone_heap_local_create(self->heap, diag, &self->local);
    }
    *out_context = it;
    if (status == HONE_OK) { /* the first call fetches a slab; as with the peers */
        const hone_allocator *shared = hone_heap_allocator(self->heap);
        hone_release(shared, hone_allocate(shared, OBJECT_BYTES, 16), OBJECT_BYTES, 16);
    }
    return status;
}

static HONE_ALWAYS_INLINE void *heap_allocate(void *self, size_t size) {
    return hone_heap_allocate(((heap_run *)self)->local, size, 16);
}

static HONE_ALWAYS_INLINE void heap_release(void *self, void *block, size_t size) {
    hone_heap_release(((heap_run *)self)->local, block, size, 16);
}

static void run_heap_pair(void *context, uint64_t iterations) {
    run_pair(context, iterations, OBJECT_BYTES, heap_allocate, heap_release);
}

static void run_heap_pair_32k(void *context, uint64_t iterations) {
    run_pair(context, iterations, 32 << 10, heap_allocate, heap_release);
}

static void run_heap_pair_1m(void *context, uint64_t iterations) {
    run_pair(context, iterations, 1 << 20, heap_allocate, heap_release);
}

static void run_heap_fifo(void *context, uint64_t iterations) {
    run_fifo(context, iterations, heap_allocate, heap_release);
}

static void run_heap_burst(void *context, uint64_t iterations) {
    run_burst(context, iterations, heap_allocate, heap_release);
}

static void run_heap_replace(void *context, uint64_t iterations) {
    run_replace(context, iterations, heap_allocate, heap_release);
}

static void run_heap_shared_pair(void *context, uint64_t iterations) {
    const heap_run *self = ((const pattern *)context)->self;
    const hone_allocator *allocator = hone_heap_allocator(self->heap);
    for (uint64_t i = 0; i < iterations; i++) {
        void *block = hone_allocate(allocator, OBJECT_BYTES, 16);
        touch(block);
        hone_release(allocator, block, OBJECT_BYTES, 16);
    }
}

/* ---- pools ---- */

static const hone_pool_options pool_options = {.object_bytes = OBJECT_BYTES, .objects_max = 100000};

typedef struct pool_run {
    hone_pool pool;
    void *live[FIFO_COUNT];
    size_t oldest;
} pool_run;

static hone_status make_pool(const void *parameter, hone_diag *diag, void **out_context) {
    (void)parameter;
    pool_run *it = calloc(1, sizeof *it);
    if (!it) {
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    *out_context = it;
    return hone_pool_init(&it->pool, &pool_options, diag);
}

static void drop_pool(void *context) {
    pool_run *it = context;
    hone_pool_deinit(&it->pool);
    free(it);
}

static void run_pool_pair(void *context, uint64_t iterations) {
    pool_run *it = context;
    for (uint64_t i = 0; i < iterations; i++) {
        void *object = hone_pool_acquire(&it->pool);
        touch(object);
        hone_pool_release(&it->pool, object);
    }
}

static void run_pool_fifo(void *context, uint64_t iterations) {
    pool_run *it = context;
    for (uint64_t i = 0; i < iterations; i++) {
        hone_pool_release(&it->pool, it->live[it->oldest]);
        it->live[it->oldest] = hone_pool_acquire(&it->pool);
        touch(it->live[it->oldest]);
        it->oldest = it->oldest + 1 == FIFO_COUNT ? 0 : it->oldest + 1;
    }
}

static hone_status make_shared_pool(const void *parameter, hone_diag *diag, void **out_context) {
    (void)parameter;
    hone_shared_pool *pool = NULL;
    hone_status status = hone_shared_pool_create(&pool_options, diag, &pool);
    *out_context = pool;
    return status;
}

static void drop_shared_pool(void *context) {
    hone_shared_pool_destroy(context);
}

static void run_shared_pool_pair(void *context, uint64_t iterations) {
    for (uint64_t i = 0; i < iterations; i++) {
        void *object = hone_shared_pool_acquire(context);
        touch(object);
        hone_shared_pool_release(context, object);
    }
}

static void run_magazine_pair(void *context, uint64_t iterations) {
    hone_pool_magazine magazine;
    hone_pool_magazine_init(&magazine, context);
    for (uint64_t i = 0; i < iterations; i++) {
        void *object = hone_pool_magazine_acquire(&magazine);
        touch(object);
        hone_pool_magazine_release(&magazine, object);
    }
    hone_pool_magazine_deinit(&magazine);
}

/* ---- arena ---- */

typedef struct arena_run {
    hone_arena arena;
    uint32_t count;
} arena_run;

static hone_status make_arena(const void *parameter, hone_diag *diag, void **out_context) {
    (void)parameter;
    (void)diag;
    arena_run *it = calloc(1, sizeof *it);
    if (!it) {
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    hone_arena_init(&it->arena, NULL, (size_t)1 << 30);
    *out_context = it;
    return HONE_OK;
}

static void drop_arena(void *context) {
    arena_run *it = context;
    hone_arena_deinit(&it->arena);
    free(it);
}

static void run_arena(void *context, uint64_t iterations) {
    arena_run *it = context;
    for (uint64_t i = 0; i < iterations; i++) {
        void *block = hone_arena_allocate(&it->arena, OBJECT_BYTES, 8);
        touch(block);
        if (++it->count == BATCH_COUNT) {
            hone_arena_reset(&it->arena, (hone_arena_savepoint){0});
            it->count = 0;
        }
    }
}

/* ---- the suite ---- */

/* clang-format off */
#define HEAP(run_function) \
    {.name = "hone", .setup = make_heap, .run = run_function, .teardown = drop_heap}
#define CAMPAIGN(measure_function) \
    {.name = "hone", .setup = make_campaign, .measure = measure_function}
#define CROSS(peer_name) \
    {.name = #peer_name, .setup = make_cross_##peer_name, .measure = measure_cross_peer, \
     .teardown = drop_cross}
/* clang-format on */

static const hone_bench_case cases[] = {
    {.name = "pool/pair",
     .unit = "ns",
     .variants = {{.name = "hone", .setup = make_pool, .run = run_pool_pair, .teardown = drop_pool},
                  PEERS(run_peer_pair)}},
    {.name = "pool/fifo-1000",
     .unit = "ns",
     .variants = {{.name = "hone", .setup = make_pool, .run = run_pool_fifo, .teardown = drop_pool},
                  PEERS(run_peer_fifo)}},
    {.name = "shared-pool/pair",
     .unit = "ns",
     .variants = {{.name = "hone",
                   .setup = make_shared_pool,
                   .run = run_shared_pool_pair,
                   .teardown = drop_shared_pool},
                  PEERS(run_peer_pair)}},
    {.name = "shared-pool/pair-magazine",
     .unit = "ns",
     .variants = {{.name = "hone",
                   .setup = make_shared_pool,
                   .run = run_magazine_pair,
                   .teardown = drop_shared_pool},
                  PEERS(run_peer_pair)}},
    {.name = "arena-4096/block",
     .unit = "ns",
     .variants = {{.name = "hone", .setup = make_arena, .run = run_arena, .teardown = drop_arena},
                  PEERS(run_peer_batch)}},
    {.name = "heap/pair-64", .unit = "ns", .variants = {HEAP(run_heap_pair), PEERS(run_peer_pair)}},
    {.name = "heap/pair-32k",
     .unit = "ns",
     .variants = {HEAP(run_heap_pair_32k), PEERS(run_peer_pair_32k)}},
    {.name = "heap/pair-1m",
     .unit = "ns",
     .variants = {HEAP(run_heap_pair_1m), PEERS(run_peer_pair_1m)}},
    {.name = "heap/pair-64-shared",
     .unit = "ns",
     .variants = {HEAP(run_heap_shared_pair), PEERS(run_peer_pair)}},
    {.name = "heap/fifo-1000",
     .unit = "ns",
     .variants = {HEAP(run_heap_fifo), PEERS(run_peer_fifo)}},
    {.name = "heap/burst-100k",
     .unit = "ns",
     .variants = {HEAP(run_heap_burst), PEERS(run_peer_burst)}},
    {.name = "heap/replace-16-512",
     .unit = "ns",
     .variants = {HEAP(run_heap_replace), PEERS(run_peer_replace)}},
    {.name = "heap/cross-thread",
     .unit = "ns",
     .variants = {{.name = "hone",
                   .setup = make_cross_heap,
                   .measure = measure_cross_heap,
                   .teardown = drop_cross},
                  CROSS(glibc),
                  CROSS(mimalloc),
                  CROSS(jemalloc),
                  CROSS(tcmalloc)}},
    {.name = "budget/campaign-rate",
     .unit = "MB/s",
     .better = HONE_BENCH_HIGHER,
     .variants = {CAMPAIGN(measure_campaign_rate)}},
    {.name = "budget/campaign-peak",
     .unit = "MB",
     .scale = 1e-6,
     .variants = {CAMPAIGN(measure_campaign_peak)}},
    {.name = "budget/campaign-evicted",
     .unit = "MB",
     .scale = 1e-6,
     .variants = {CAMPAIGN(measure_campaign_evicted)}},
    {.name = "budget/campaign-passes",
     .unit = "passes",
     .variants = {CAMPAIGN(measure_campaign_passes)}},
    {.name = "budget/lease",
     .unit = "ns",
     .variants =
         {{.name = "hone", .setup = make_budgets, .run = run_lease, .teardown = drop_budgets},
          PEERS(run_peer_pair)}},
    {.name = "budget/accounted",
     .unit = "ns",
     .variants =
         {{.name = "hone", .setup = make_budgets, .run = run_accounted, .teardown = drop_budgets},
          PEERS(run_peer_pair)}},
};

static const hone_bench_suite suite = {
    .name = "memory", .cases = cases, .cases_count = sizeof cases / sizeof cases[0]};

/* jemalloc keeps its state in static thread-local storage, of which a program sets little aside for
 * libraries that are loaded later; how much can only be said before it starts. */
static void restart_with_static_tls(char **argv) {
    if (!getenv("GLIBC_TUNABLES") &&
        setenv("GLIBC_TUNABLES", "glibc.rtld.optional_static_tls=65536", 1) == 0) {
        (void)execv("/proc/self/exe", argv); /* returns on failure only: then jemalloc is absent */
    }
}

int main(int argc, char **argv) {
    restart_with_static_tls(argv);
    return hone_bench_main(argc, argv, &suite);
}
