/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What memory costs, beside glibc's malloc and, where they are installed, mimalloc, jemalloc and
 * tcmalloc. The peers are loaded at run time and called through a pointer, glibc's as well, so that
 * all of them pay the same call. hone's calls are plain ones: that is how both are used.
 *
 * pair          one object of 64 bytes taken and given back at once: the best case of all
 * fifo-1000     the oldest of 1000 live objects given back, a new one taken
 * arena-4096    a block from the arena, everything dropped after 4096; peers free one by one
 * accounted     malloc and free through a budget of three levels; peers without any accounting
 * lease         a lease of 64 bytes through three levels and its return; peers malloc and free them
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hone/base/arena.h"
#include "hone/measure/bench_main.h"
#include "hone/memory/budget.h"
#include "hone/memory/pool.h"
#include "hone/memory/shared_pool.h"

enum { OBJECT_BYTES = 64, LIVE_COUNT = 1000, BATCH_COUNT = 4096, LEVELS = 3 };

/* ---- peers ---- */

typedef struct peer {
    void *library; /* NULL: glibc */
    void *(*allocate)(size_t size);
    void (*release)(void *block);
    void *live[BATCH_COUNT];
    size_t oldest;
} peer;

static void drop_peer(void *context) {
    peer *it = context;
    for (size_t i = 0; i < BATCH_COUNT; i++) {
        it->release(it->live[i]);
    }
    /* The library stays: allocators do not like to be unloaded. */
    free(it);
}

static hone_status make_peer(void *library, void *(*allocate)(size_t), void (*release)(void *),
                             void **out_context) {
    peer *it = calloc(1, sizeof *it);
    if (!it) {
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    it->library = library;
    it->allocate = allocate;
    it->release = release;
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
    return make_peer(library, allocate_function, release_function, out_context);
}

static hone_status make_glibc(const void *parameter, hone_diag *diag, void **out_context) {
    (void)parameter;
    (void)diag;
    return make_peer(NULL, malloc, free, out_context);
}

static hone_status make_mimalloc(const void *parameter, hone_diag *diag, void **out_context) {
    (void)parameter;
    return load_peer("libmimalloc.so.2", "libmimalloc2.0", "mi_malloc", "mi_free", diag,
                     out_context);
}

static hone_status make_jemalloc(const void *parameter, hone_diag *diag, void **out_context) {
    (void)parameter;
    return load_peer("libjemalloc.so.2", "libjemalloc2", "malloc", "free", diag, out_context);
}

static hone_status make_tcmalloc(const void *parameter, hone_diag *diag, void **out_context) {
    (void)parameter;
    return load_peer("libtcmalloc_minimal.so.4", "libtcmalloc-minimal4", "tc_malloc", "tc_free",
                     diag, out_context);
}

static void run_peer_pair(void *context, uint64_t iterations) {
    peer *it = context;
    for (uint64_t i = 0; i < iterations; i++) {
        void *block = it->allocate(OBJECT_BYTES);
        hone_bench_consume(block);
        it->release(block);
    }
}

static void run_peer_fifo(void *context, uint64_t iterations) {
    peer *it = context;
    for (uint64_t i = 0; i < iterations; i++) {
        it->release(it->live[it->oldest]);
        it->live[it->oldest] = it->allocate(OBJECT_BYTES);
        hone_bench_consume(it->live[it->oldest]);
        it->oldest = it->oldest + 1 == LIVE_COUNT ? 0 : it->oldest + 1;
    }
}

static void run_peer_batch(void *context, uint64_t iterations) {
    peer *it = context;
    for (uint64_t i = 0; i < iterations; i++) {
        char *block = it->allocate(OBJECT_BYTES);
        block[0] = 1;
        it->live[it->oldest++] = block;
        if (it->oldest == BATCH_COUNT) {
            for (size_t n = 0; n < BATCH_COUNT; n++) {
                it->release(it->live[n]);
                it->live[n] = NULL;
            }
            it->oldest = 0;
        }
    }
}

/* ---- pools ---- */

static const hone_pool_options pool_options = {.object_bytes = OBJECT_BYTES, .objects_max = 100000};

typedef struct pool_run {
    hone_pool pool;
    void *live[LIVE_COUNT];
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
        hone_bench_consume(object);
        hone_pool_release(&it->pool, object);
    }
}

static void run_pool_fifo(void *context, uint64_t iterations) {
    pool_run *it = context;
    for (uint64_t i = 0; i < iterations; i++) {
        hone_pool_release(&it->pool, it->live[it->oldest]);
        it->live[it->oldest] = hone_pool_acquire(&it->pool);
        hone_bench_consume(it->live[it->oldest]);
        it->oldest = it->oldest + 1 == LIVE_COUNT ? 0 : it->oldest + 1;
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
        hone_bench_consume(object);
        hone_shared_pool_release(context, object);
    }
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
        char *block = hone_arena_allocate(&it->arena, OBJECT_BYTES, 8);
        block[0] = 1;
        hone_bench_consume(block);
        if (++it->count == BATCH_COUNT) {
            hone_arena_reset(&it->arena, (hone_arena_savepoint){0});
            it->count = 0;
        }
    }
}

/* ---- budgets ---- */

typedef struct budget_run {
    hone_budget *levels[LEVELS];
} budget_run;

static void drop_budgets(void *context) {
    budget_run *it = context;
    for (int i = LEVELS - 1; i >= 0; i--) {
        (void)hone_budget_destroy(it->levels[i], NULL);
    }
    free(it);
}

static hone_status make_budgets(const void *parameter, hone_diag *diag, void **out_context) {
    (void)parameter;
    budget_run *it = calloc(1, sizeof *it);
    if (!it) {
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    hone_status status = HONE_OK;
    for (int i = 0; i < LEVELS && status == HONE_OK; i++) {
        hone_budget_options options = {
            .name = "bench", .limit_bytes = 1 << 20, .parent = i ? it->levels[i - 1] : NULL};
        status = hone_budget_create(&options, diag, &it->levels[i]);
    }
    if (status != HONE_OK) {
        drop_budgets(it);
        return status;
    }
    *out_context = it;
    return HONE_OK;
}

static void run_lease(void *context, uint64_t iterations) {
    hone_budget *budget = ((budget_run *)context)->levels[LEVELS - 1];
    for (uint64_t i = 0; i < iterations; i++) {
        hone_status status = hone_budget_lease(budget, OBJECT_BYTES, NULL);
        hone_bench_consume(&status);
        hone_budget_return(budget, OBJECT_BYTES);
    }
}

static void run_accounted(void *context, uint64_t iterations) {
    const hone_allocator *allocator =
        hone_budget_allocator(((budget_run *)context)->levels[LEVELS - 1]);
    for (uint64_t i = 0; i < iterations; i++) {
        void *block = hone_allocate(allocator, OBJECT_BYTES, 8);
        hone_bench_consume(block);
        hone_release(allocator, block, OBJECT_BYTES, 8);
    }
}

/* ---- the suite ---- */

/* clang-format off */
#define PEER(peer_name, run_function) \
    {.name = #peer_name, .setup = make_##peer_name, .run = run_function, .teardown = drop_peer}
#define PEERS(run_function) \
    PEER(glibc, run_function), PEER(mimalloc, run_function), PEER(jemalloc, run_function), \
    PEER(tcmalloc, run_function)
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
    {.name = "arena-4096/block",
     .unit = "ns",
     .variants = {{.name = "hone", .setup = make_arena, .run = run_arena, .teardown = drop_arena},
                  PEERS(run_peer_batch)}},
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
