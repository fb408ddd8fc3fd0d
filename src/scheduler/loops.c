/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parallel loops. The range is claimed in chunks from one atomic counter, by the caller and by
 * whoever helps. The caller never waits for a helper to begin: it claims until nothing is left and
 * then waits only for items that a helper has claimed. A helper may come late and find nothing
 * left, after the caller has returned, so the descriptor is not on the caller's stack but in a
 * fixed set and goes back to it with the last who looks at it.
 *
 * Whether to share at all is decided by what an item of this body cost before (a site, found by the
 * body's address): a loop that takes less than waking somebody is run alone. A loop of an unknown
 * body is shared at once, for its first chunk may be all there is.
 *
 * A claim takes half of an even share of what is left (guided self-scheduling, C. Polychronopoulos,
 * D. Kuck 1987), but not more than CHUNK_NS_MAX of work, so that whoever loses its CPU with a chunk
 * in hand keeps little back, and not less than CHUNK_NS_MIN, so that claiming costs nothing beside
 * it; both by the site's cost.
 */
#include <string.h>

#include "scheduler_internal.h"

#include "hone/platform/clock.h"

enum {
    SITES_COUNT = 64,      /* a power of two; bodies that meet in one share it */
    CHUNK_NS_MIN = 2000,   /* of work in a claim */
    CHUNK_NS_MAX = 100000, /* likewise */
    LOOKS_MAX = 1500,      /* of a waiting caller before it sleeps, some 40 us */
    CLOSED = 1 << 30,      /* of `visitors`: the caller is done, nobody may enter */
};

/* What one item of a body costs, in 1/1024 ns; 0: not known yet. */
struct hn_loop_site {
    _Atomic uintptr_t body;
    _Atomic uint64_t cost;
};

struct hn_loop {
    hone_loop_body *body;
    void *context;
    hn_loop_site *site;
    size_t count, chunk_min, chunk_max;
    _Atomic uint32_t helpers_max; /* may be read while the loop is made anew */
    uint32_t partition;
    bool is_chunk_fixed;
    _Alignas(64) _Atomic size_t claimed; /* items given away */
    _Alignas(64) _Atomic size_t done;    /* items finished by helpers */
    _Atomic uint32_t done_word;          /* changes when a helper has finished, if awaited */
    _Atomic uint32_t is_awaited;
    _Alignas(64) _Atomic uint32_t visitors; /* who looks at this; CLOSED with 0: free */
};

hone_status hn_loops_init(hone_scheduler *scheduler) {
    scheduler->loops = HONE_NEW_ARRAY(scheduler->allocator, hn_loop, HN_LOOPS_COUNT);
    scheduler->loop_sites = HONE_NEW_ARRAY(scheduler->allocator, hn_loop_site, SITES_COUNT);
    if (!scheduler->loops || !scheduler->loop_sites) {
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    for (uint32_t i = 0; i < HN_LOOPS_COUNT; i++) {
        atomic_init(&scheduler->loops[i].visitors, CLOSED);
    }
    return HONE_OK;
}

void hn_loops_deinit(hone_scheduler *scheduler) {
    HONE_DELETE_ARRAY(scheduler->allocator, hn_loop, scheduler->loops, HN_LOOPS_COUNT);
    HONE_DELETE_ARRAY(scheduler->allocator, hn_loop_site, scheduler->loop_sites, SITES_COUNT);
}

/* ---- what items cost ---- */

static hn_loop_site *site_of(hone_scheduler *scheduler, uintptr_t address) {
    uint64_t hash = (uint64_t)address * 0x9E3779B97F4A7C15u >> 58;
    hn_loop_site *site = &scheduler->loop_sites[hash % SITES_COUNT];
    if (atomic_load_explicit(&site->body, memory_order_relaxed) != address) {
        atomic_store_explicit(&site->cost, 0, memory_order_relaxed);
        atomic_store_explicit(&site->body, address, memory_order_relaxed);
    }
    return site;
}

/* Follows down by half of the way and up by four times at the most: one run that lost its CPU must
 * not look like a new cost. Written only when it moves, since others read it. */
static void learn_cost(hn_loop_site *site, uint64_t ns, size_t items) {
    uint64_t before = atomic_load_explicit(&site->cost, memory_order_relaxed);
    uint64_t seen = (uint64_t)((double)ns * 1024 / (double)items) + 1;
    uint64_t after = before ? before / 2 + seen / 2 + 1 : seen;
    if (before && after > before * 4) {
        after = before * 4;
    }
    if (after > before + before / 8 || after + after / 8 < before) {
        atomic_store_explicit(&site->cost, after, memory_order_relaxed);
    }
}

/* How many items make up `ns`, at least 1. */
static size_t items_in(uint64_t cost, uint64_t ns, size_t items_max) {
    uint64_t items = cost ? ns * 1024 / cost : items_max;
    return items < 1 ? 1 : items > items_max ? items_max : (size_t)items;
}

/* ---- chunks ---- */

static size_t chunk_size(const hn_loop *loop, size_t left, uint32_t takers) {
    if (loop->is_chunk_fixed) {
        return loop->chunk_min;
    }
    uint64_t cost = atomic_load_explicit(&loop->site->cost, memory_order_relaxed);
    size_t chunk = left / (2 * (size_t)takers);
    size_t most = items_in(cost, CHUNK_NS_MAX, loop->chunk_max);
    size_t least = cost ? items_in(cost, CHUNK_NS_MIN, loop->chunk_max) : 1;
    chunk = chunk > most ? most : chunk;
    chunk = chunk < least ? least : chunk;
    return chunk < loop->chunk_min ? loop->chunk_min : chunk;
}

static uint32_t helpers_max_of(const hn_loop *loop) {
    return atomic_load_explicit(&loop->helpers_max, memory_order_relaxed);
}

/* The next chunk; false when nothing is left. */
static bool claim(hn_loop *loop, size_t *out_begin, size_t *out_end) {
    size_t begin = atomic_load_explicit(&loop->claimed, memory_order_relaxed);
    for (;;) {
        if (begin >= loop->count) {
            return false;
        }
        size_t left = loop->count - begin;
        size_t chunk = chunk_size(loop, left, helpers_max_of(loop) + 1);
        size_t end = chunk < left ? begin + chunk : loop->count;
        /* relaxed: what the body reads was published by opening the loop */
        if (atomic_compare_exchange_strong_explicit(&loop->claimed, &begin, end,
                                                    memory_order_relaxed, memory_order_relaxed)) {
            *out_begin = begin;
            *out_end = end;
            return true;
        }
    }
}

/* Runs chunks until nothing is left; returns how many items it were. */
static size_t run_chunks(hn_loop *loop) {
    size_t items = 0, learnt = 0, begin, end;
    uint64_t start_ns = hone_clock_monotonic_ns();
    uint64_t now_ns = start_ns;
    while (claim(loop, &begin, &end)) {
        loop->body(loop->context, begin, end);
        items += end - begin;
        now_ns = hone_clock_monotonic_ns();
        if (now_ns - start_ns >= CHUNK_NS_MIN) {
            learn_cost(loop->site, now_ns - start_ns, items - learnt);
            start_ns = now_ns;
            learnt = items;
        }
    }
    if (items > learnt) {
        learn_cost(loop->site, now_ns - start_ns, items - learnt);
    }
    return items;
}

/* ---- helpers ---- */

static bool enter(hn_loop *loop) {
    uint32_t visitors = atomic_load_explicit(&loop->visitors, memory_order_relaxed);
    do {
        if (visitors & CLOSED || visitors >= helpers_max_of(loop)) {
            return false;
        }
        /* acquire: pairs with open_loop, what it wrote is seen */
    } while (!atomic_compare_exchange_strong_explicit(&loop->visitors, &visitors, visitors + 1,
                                                      memory_order_acquire, memory_order_relaxed));
    return true;
}

static void put_back(hone_scheduler *scheduler, const hn_loop *loop) {
    uint64_t bit = (uint64_t)1 << (loop - scheduler->loops);
    atomic_fetch_and_explicit(&scheduler->loops_used, ~bit, memory_order_release);
}

static void leave(hone_scheduler *scheduler, hn_loop *loop) {
    uint32_t before = atomic_fetch_sub_explicit(&loop->visitors, 1, memory_order_acq_rel);
    if (before == (CLOSED | 1)) {
        put_back(scheduler, loop);
    }
}

static void help(hn_worker *worker, hn_loop *loop) {
    if (worker->scheduler->is_billing) {
        hn_billing_enter(worker, loop->partition, false);
    }
    size_t items = run_chunks(loop);
    if (items) {
        /* seq_cst: pairs with await_helpers; release: the caller sees what the body wrote */
        atomic_fetch_add_explicit(&loop->done, items, memory_order_seq_cst);
        if (atomic_load_explicit(&loop->is_awaited, memory_order_seq_cst)) {
            atomic_fetch_add_explicit(&loop->done_word, 1, memory_order_seq_cst);
            hone_futex_wake(&loop->done_word, 1);
        }
        hn_count(&worker->loops_helped, 1);
    }
}

static bool is_anything_left(hn_loop *loop) {
    return atomic_load_explicit(&loop->claimed, memory_order_relaxed) < loop->count;
}

/* Nobody needs to come any more. */
static void shut(hone_scheduler *scheduler, const hn_loop *loop) {
    uint64_t bit = (uint64_t)1 << (loop - scheduler->loops);
    if (atomic_load_explicit(&scheduler->loops_open, memory_order_relaxed) & bit) {
        atomic_fetch_and_explicit(&scheduler->loops_open, ~bit, memory_order_relaxed);
    }
}

bool hn_loops_want_help(hone_scheduler *scheduler) {
    uint64_t open = atomic_load_explicit(&scheduler->loops_open, memory_order_seq_cst);
    for (; open; open &= open - 1) {
        hn_loop *loop = &scheduler->loops[__builtin_ctzll(open)];
        uint32_t visitors = atomic_load_explicit(&loop->visitors, memory_order_relaxed);
        if (!(visitors & CLOSED) && visitors < helpers_max_of(loop)) {
            return true;
        }
    }
    return false;
}

bool hn_loops_help(hn_worker *worker) {
    hone_scheduler *scheduler = worker->scheduler;
    uint64_t open = atomic_load_explicit(&scheduler->loops_open, memory_order_seq_cst);
    bool is_helped = false;
    for (; open; open &= open - 1) {
        hn_loop *loop = &scheduler->loops[__builtin_ctzll(open)];
        if (!enter(loop)) {
            continue;
        }
        if (is_anything_left(loop)) {
            if (hn_loops_want_help(scheduler)) {
                hn_scheduler_wake(scheduler); /* there may be enough for one more */
            }
            help(worker, loop);
            is_helped = true;
        }
        shut(scheduler, loop);
        leave(scheduler, loop);
    }
    return is_helped;
}

/* ---- the caller ---- */

static hn_loop *take_loop(hone_scheduler *scheduler) {
    uint64_t used = atomic_load_explicit(&scheduler->loops_used, memory_order_relaxed);
    while (~used) {
        uint64_t bit = ~used & (used + 1); /* the lowest that is free */
        /* acquire: pairs with put_back, nobody looks at it any more */
        if (atomic_compare_exchange_strong_explicit(&scheduler->loops_used, &used, used | bit,
                                                    memory_order_acquire, memory_order_relaxed)) {
            return &scheduler->loops[__builtin_ctzll(bit)];
        }
    }
    return NULL;
}

static void open_loop(hone_scheduler *scheduler, hn_loop *loop) {
    uint64_t bit = (uint64_t)1 << (loop - scheduler->loops);
    atomic_store_explicit(&loop->claimed, 0, memory_order_relaxed);
    atomic_store_explicit(&loop->done, 0, memory_order_relaxed);
    atomic_store_explicit(&loop->is_awaited, 0, memory_order_relaxed);
    atomic_store_explicit(&loop->visitors, 0, memory_order_release); /* pairs with enter */
    atomic_fetch_or_explicit(&scheduler->loops_open, bit, memory_order_seq_cst);
    hn_scheduler_wake(scheduler);
}

/* Until helpers have done `items`. */
static void await_helpers(hone_scheduler *scheduler, hn_loop *loop, size_t items) {
    uint32_t looks = hn_scheduler_looks_max(scheduler, LOOKS_MAX);
    /* acquire: pairs with the addition in help */
    while (atomic_load_explicit(&loop->done, memory_order_acquire) != items) {
        if (looks > 0) {
            looks--;
            hone_cpu_relax();
            continue;
        }
        uint32_t word = atomic_load_explicit(&loop->done_word, memory_order_seq_cst);
        atomic_store_explicit(&loop->is_awaited, 1, memory_order_seq_cst);
        if (atomic_load_explicit(&loop->done, memory_order_seq_cst) != items) {
            hone_futex_wait(&loop->done_word, word, UINT64_MAX);
            hn_worker_has_slept(scheduler);
        }
    }
}

static void close_loop(hone_scheduler *scheduler, hn_loop *loop) {
    if (atomic_fetch_or_explicit(&loop->visitors, CLOSED, memory_order_acq_rel) == 0) {
        put_back(scheduler, loop);
    }
}

static void run_shared(hone_scheduler *scheduler, hn_loop *loop) {
    open_loop(scheduler, loop);
    size_t mine = run_chunks(loop);
    shut(scheduler, loop);
    await_helpers(scheduler, loop, loop->count - mine);
    close_loop(scheduler, loop);
}

/* Runs all of it here, in pieces of `chunk_max`, and learns from that. */
static void run_alone(hn_loop_site *site, size_t count, size_t chunk_max, hone_loop_body *body,
                      void *context) {
    uint64_t start_ns = hone_clock_monotonic_ns();
    for (size_t begin = 0; begin < count;) {
        size_t end = count - begin > chunk_max ? begin + chunk_max : count;
        body(context, begin, end);
        begin = end;
    }
    learn_cost(site, hone_clock_monotonic_ns() - start_ns, count);
}

/* How many may help at the most; 0: the loop is not worth it. */
static uint32_t helpers_wanted(const hone_scheduler *scheduler, const hn_worker *worker,
                               const hn_loop_site *site, size_t count, size_t chunk_min) {
    uint64_t cost = atomic_load_explicit(&site->cost, memory_order_relaxed);
    size_t chunks = count / chunk_min + (count % chunk_min != 0);
    size_t others = scheduler->workers_count - (worker ? 1 : 0);
    /* a caller that is no worker has a CPU that one of them would have */
    others -= !worker && others > 1;
    if (chunks < 2 ||
        (cost && (double)cost * (double)count < (double)scheduler->lone_loop_ns * 1024)) {
        return 0;
    }
    return (uint32_t)(others < chunks - 1 ? others : chunks - 1);
}

/* `what` tells the site: the function whose cost is learnt. */
static void run_loop(hone_scheduler *scheduler, size_t count, const hone_loop_options *options,
                     uintptr_t what, hone_loop_body *body, void *context) {
    size_t chunk_min = options->chunk_min ? options->chunk_min : 1;
    size_t chunk_max = options->is_chunk_fixed ? chunk_min
                       : options->chunk_max    ? options->chunk_max
                                               : SIZE_MAX;
    chunk_max = chunk_max < chunk_min ? chunk_min : chunk_max;
    hn_worker *worker = hn_worker_current(scheduler);
    hn_loop_site *site = site_of(scheduler, what);
    uint32_t helpers =
        options->is_always_alone ? 0 : helpers_wanted(scheduler, worker, site, count, chunk_min);
    hn_loop *loop = helpers ? take_loop(scheduler) : NULL;
    if (!loop) {
        if (helpers) {
            hn_count_shared(&scheduler->lone_loops);
        }
        run_alone(site, count, chunk_max, body, context);
        return;
    }
    loop->body = body;
    loop->context = context;
    loop->site = site;
    loop->count = count;
    loop->chunk_min = chunk_min;
    loop->chunk_max = chunk_max;
    atomic_store_explicit(&loop->helpers_max, helpers, memory_order_relaxed);
    loop->partition = worker ? worker->billing.partition : 0;
    loop->is_chunk_fixed = options->is_chunk_fixed;
    if (worker) {
        worker->is_hot = true;
    }
    run_shared(scheduler, loop);
}

void hone_scheduler_for_with(hone_scheduler *scheduler, size_t count,
                             const hone_loop_options *options, hone_loop_body *body,
                             void *context) {
    if (count) {
        run_loop(scheduler, count, options, (uintptr_t)body, body, context);
    }
}

void hone_scheduler_for(hone_scheduler *scheduler, size_t count, size_t grain, hone_loop_body *body,
                        void *context) {
    hone_loop_options options = {.chunk_min = grain};
    hone_scheduler_for_with(scheduler, count, &options, body, context);
}

/* ---- reductions ---- */

typedef struct reduction_run {
    const hone_reduction *reduction;
    size_t count, part; /* items of all, of one part */
    _Alignas(
        HONE_REDUCTION_BYTES_MAX) uint8_t partials[HONE_REDUCTION_PARTS][HONE_REDUCTION_BYTES_MAX];
} reduction_run;

static void fold_parts(void *context, size_t begin, size_t end) {
    reduction_run *run = context;
    for (size_t i = begin; i < end; i++) {
        size_t first = i * run->part;
        size_t last = run->count - first > run->part ? first + run->part : run->count;
        (void)memcpy(run->partials[i], run->reduction->identity, run->reduction->size_bytes);
        run->reduction->fold(run->reduction->context, first, last, run->partials[i]);
    }
}

hone_status hone_scheduler_reduce(hone_scheduler *scheduler, size_t count, size_t grain,
                                  const hone_reduction *reduction, void *out_result) {
    if (reduction->size_bytes == 0 || reduction->size_bytes > HONE_REDUCTION_BYTES_MAX ||
        !reduction->identity || !reduction->fold || !reduction->combine) {
        return HONE_STATUS_INVALID_ARGUMENT;
    }
    reduction_run run; /* its partial results are set by fold_parts */
    run.reduction = reduction;
    run.count = count;
    run.part = count / HONE_REDUCTION_PARTS + (count % HONE_REDUCTION_PARTS != 0);
    run.part = run.part < grain ? grain : run.part;
    size_t parts = run.part ? count / run.part + (count % run.part != 0) : 0;
    hone_loop_options options = {.chunk_min = 1};
    if (parts) {
        run_loop(scheduler, parts, &options, (uintptr_t)reduction->fold, fold_parts, &run);
    }
    (void)memcpy(out_result, reduction->identity, reduction->size_bytes);
    for (size_t i = 0; i < parts; i++) {
        reduction->combine(reduction->context, out_result, run.partials[i]);
    }
    return HONE_OK;
}
