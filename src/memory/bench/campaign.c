/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Caches are queues: what came first goes first. They are asked by priority, cache 0 first. Each
 * has a lock of its own that its shrink only tries, as evictables must.
 */
#include "campaign_internal.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "hone/platform/thread.h"

enum { ENTRIES_MAX = 1 << 16, PINNED_MAX = 1 << 14, SIZE_SHIFT_MIN = 10, SIZE_SHIFTS = 8 };

typedef struct entry {
    void *data;
    size_t size;
} entry;

typedef struct cache {
    hone_mutex lock;
    hone_budget *budget;
    hone_budget_evictable evictable;
    entry *entries; /* a ring of ENTRIES_MAX */
    size_t oldest, count, bytes;
} cache;

typedef struct campaign {
    const campaign_options *options;
    hone_budget *root, *pinned_budget;
    cache caches[CAMPAIGN_CACHES];
    _Atomic uint64_t granted_count, refused_count, over_count;
} campaign;

typedef struct worker {
    campaign *campaign;
    uint64_t random;
    size_t wanted_bytes;
    entry *pinned; /* PINNED_MAX */
    size_t pinned_count, pinned_bytes, pinned_max;
    hone_thread thread;
    bool is_started;
} worker;

static uint64_t random_next(uint64_t *state) {
    uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15)); /* splitmix64 */
    z = (z ^ (z >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94D049BB133111EB);
    return z ^ (z >> 31);
}

size_t campaign_size(uint64_t *random) {
    uint64_t bits = random_next(random);
    size_t base = (size_t)1 << (SIZE_SHIFT_MIN + bits % SIZE_SHIFTS);
    return base + (size_t)((bits >> 32) % base);
}

/* ---- caches ---- */

static size_t cache_size(void *self) {
    cache *it = self;
    if (!hone_mutex_try_lock(&it->lock)) {
        return 0;
    }
    size_t bytes = it->bytes;
    hone_mutex_unlock(&it->lock);
    return bytes;
}

static size_t drop_oldest(cache *it) {
    entry oldest = it->entries[it->oldest];
    it->oldest = (it->oldest + 1) % ENTRIES_MAX;
    it->count--;
    it->bytes -= oldest.size;
    hone_release(hone_budget_allocator(it->budget), oldest.data, oldest.size, 16);
    return oldest.size;
}

static size_t cache_shrink(void *self, size_t bytes) {
    cache *it = self;
    size_t given = 0;
    if (!hone_mutex_try_lock(&it->lock)) {
        return 0;
    }
    while (given < bytes && it->count > 0) {
        given += drop_oldest(it);
    }
    hone_mutex_unlock(&it->lock);
    return given;
}

static bool insert(cache *it, size_t size) {
    void *data = hone_allocate(hone_budget_allocator(it->budget), size, 16);
    if (!data) {
        return false;
    }
    *(char *)data = 1;
    hone_mutex_lock(&it->lock);
    if (it->count == ENTRIES_MAX) {
        (void)drop_oldest(it);
    }
    it->entries[(it->oldest + it->count) % ENTRIES_MAX] = (entry){data, size};
    it->count++;
    it->bytes += size;
    hone_mutex_unlock(&it->lock);
    return true;
}

/* ---- the workload ---- */

static bool pin(worker *it, size_t size) {
    void *data = hone_allocate(hone_budget_allocator(it->campaign->pinned_budget), size, 16);
    if (data) {
        *(char *)data = 1;
        it->pinned[it->pinned_count++] = (entry){data, size};
        it->pinned_bytes += size;
    }
    return data != NULL;
}

static size_t unpin(worker *it, size_t bytes) {
    size_t given = 0;
    while (it->pinned_count > 0 && given < bytes) {
        entry last = it->pinned[--it->pinned_count];
        hone_release(hone_budget_allocator(it->campaign->pinned_budget), last.data, last.size, 16);
        given += last.size;
    }
    it->pinned_bytes -= given;
    return given;
}

/* One wish in four is for a block that cannot be evicted; when there are enough of those, two
 * thirds of them go. */
static campaign_step take_step(worker *it) {
    campaign *shared = it->campaign;
    campaign_step step = {.is_granted = true};
    if (it->pinned_count == PINNED_MAX || it->pinned_bytes > it->pinned_max) {
        step.cache = CAMPAIGN_CACHES + 1;
        step.size_bytes = unpin(it, it->pinned_bytes / 3 * 2 + 1);
        return step;
    }
    step.size_bytes = campaign_size(&it->random);
    uint64_t dice = random_next(&it->random) % 16;
    step.cache = dice < 12 ? (uint32_t)(dice % CAMPAIGN_CACHES) : CAMPAIGN_CACHES;
    it->wanted_bytes -= step.size_bytes < it->wanted_bytes ? step.size_bytes : it->wanted_bytes;
    step.is_granted = step.cache < CAMPAIGN_CACHES
                          ? insert(&shared->caches[step.cache], step.size_bytes)
                          : pin(it, step.size_bytes);
    atomic_fetch_add_explicit(step.is_granted ? &shared->granted_count : &shared->refused_count, 1,
                              memory_order_relaxed);
    return step;
}

static void worker_run(void *context) {
    worker *it = context;
    campaign *shared = it->campaign;
    const campaign_options *options = shared->options;
    while (it->wanted_bytes > 0) {
        campaign_step step = take_step(it);
        if (hone_budget_read_usage(shared->root).held_bytes > options->limit_bytes) {
            atomic_fetch_add_explicit(&shared->over_count, 1, memory_order_relaxed);
        }
        if (options->after_step && options->threads_count == 1) {
            options->after_step(options->self, shared->root, &step);
        }
    }
}

/* ---- a run ---- */

static hone_status make_cache(campaign *it, uint32_t index, hone_diag *diag) {
    cache *made = &it->caches[index];
    hone_budget_options options = {
        .name = "cache", .limit_bytes = HONE_BUDGET_UNLIMITED, .parent = it->root};
    made->entries = calloc(ENTRIES_MAX, sizeof *made->entries);
    if (!made->entries) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for a cache");
    }
    hone_mutex_init(&made->lock);
    hone_status status = hone_budget_create(&options, diag, &made->budget);
    if (status != HONE_OK) {
        return status;
    }
    made->evictable = (hone_budget_evictable){.name = "cache",
                                              .priority = index,
                                              .size_bytes = cache_size,
                                              .shrink = cache_shrink,
                                              .self = made};
    return hone_budget_register(made->budget, &made->evictable, diag);
}

static hone_status make(campaign *it, hone_diag *diag) {
    hone_budget_options of_root = {.name = "campaign",
                                   .limit_bytes = it->options->limit_bytes,
                                   .soft_share = it->options->soft_share};
    hone_status status = hone_budget_create(&of_root, diag, &it->root);
    hone_budget_options of_pinned = {
        .name = "pinned", .limit_bytes = HONE_BUDGET_UNLIMITED, .parent = it->root};
    if (status == HONE_OK) {
        status = hone_budget_create(&of_pinned, diag, &it->pinned_budget);
    }
    for (uint32_t i = 0; i < CAMPAIGN_CACHES && status == HONE_OK; i++) {
        status = make_cache(it, i, diag);
    }
    return status;
}

/* True when every node could go. */
static bool unmake(campaign *it) {
    bool is_clean = true;
    for (uint32_t i = 0; i < CAMPAIGN_CACHES; i++) {
        cache *made = &it->caches[i];
        hone_budget_unregister(&made->evictable);
        while (made->count > 0) {
            (void)drop_oldest(made);
        }
        is_clean = hone_budget_destroy(made->budget, NULL) == HONE_OK && is_clean;
        free(made->entries);
        if (made->budget) {
            hone_mutex_deinit(&made->lock);
        }
    }
    is_clean = hone_budget_destroy(it->pinned_budget, NULL) == HONE_OK && is_clean;
    return hone_budget_destroy(it->root, NULL) == HONE_OK && is_clean;
}

static hone_status run_workers(campaign *it, worker *workers) {
    const campaign_options *options = it->options;
    hone_status status = HONE_OK;
    for (uint32_t i = 0; i < options->threads_count && status == HONE_OK; i++) {
        worker *each = &workers[i];
        *each =
            (worker){.campaign = it,
                     .random = options->seed * 1000 + i,
                     .wanted_bytes = options->wanted_bytes / options->threads_count,
                     .pinned_max = (size_t)(options->pinned_share * (double)options->limit_bytes) /
                                   options->threads_count,
                     .pinned = calloc(PINNED_MAX, sizeof *each->pinned)};
        if (!each->pinned) {
            status = HONE_STATUS_OUT_OF_MEMORY;
        } else if (options->threads_count == 1) {
            worker_run(each);
        } else {
            status = hone_thread_create("campaign", worker_run, each, &each->thread);
            each->is_started = status == HONE_OK;
        }
    }
    for (uint32_t i = 0; i < options->threads_count; i++) {
        if (workers[i].is_started) {
            hone_thread_join(workers[i].thread);
        }
    }
    return status;
}

static void read_result(campaign *it, const worker *workers, campaign_result *out_result) {
    hone_budget_usage usage = hone_budget_read_usage(it->root);
    *out_result = (campaign_result){
        .peak_bytes = usage.peak_bytes,
        .held_bytes = usage.held_bytes,
        .passes_count = usage.passes_count,
        .granted_count = atomic_load_explicit(&it->granted_count, memory_order_relaxed),
        .refused_count = atomic_load_explicit(&it->refused_count, memory_order_relaxed),
        .over_count = atomic_load_explicit(&it->over_count, memory_order_relaxed),
    };
    for (uint32_t i = 0; i < CAMPAIGN_CACHES; i++) {
        const cache *each = &it->caches[i];
        out_result->evicted_bytes += hone_budget_read_usage(each->budget).evicted_bytes;
        for (size_t n = 0; n < each->count; n++) {
            out_result->counted_bytes += each->entries[(each->oldest + n) % ENTRIES_MAX].size;
        }
    }
    for (uint32_t i = 0; i < it->options->threads_count; i++) {
        for (size_t n = 0; n < workers[i].pinned_count; n++) {
            out_result->counted_bytes += workers[i].pinned[n].size;
        }
    }
}

hone_status campaign_run(const campaign_options *options, hone_diag *diag,
                         campaign_result *out_result) {
    if (options->threads_count == 0 || options->threads_count > CAMPAIGN_THREADS_MAX) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT, "a campaign has 1 to %d threads",
                             CAMPAIGN_THREADS_MAX);
    }
    campaign it = {.options = options};
    worker workers[CAMPAIGN_THREADS_MAX] = {0};
    hone_status status = make(&it, diag);
    if (status == HONE_OK) {
        status = run_workers(&it, workers);
    }
    if (status == HONE_OK) {
        read_result(&it, workers, out_result);
    }
    for (uint32_t i = 0; i < CAMPAIGN_THREADS_MAX; i++) {
        (void)unpin(&workers[i], SIZE_MAX);
        free(workers[i].pinned);
    }
    bool is_clean = unmake(&it);
    if (status == HONE_OK) {
        out_result->is_clean = is_clean;
    }
    return status;
}
