/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parallel loops. The range is cut into a slice for each who may take part; a slice is claimed in
 * chunks, from the front by the one whose it is, from the back by those who have finished theirs.
 * A thread has the same slice in every loop over the same range, so a loop that comes again finds
 * in its cache what it left there. The caller never waits for a helper to begin: it claims until
 * nothing is left of any slice and then waits only for items that a helper has claimed. A helper
 * may come late and find nothing left, after the caller has returned, so the descriptor is not on
 * the caller's stack but in a fixed set and goes back to it with the last who looks at it.
 *
 * Whether to share at all is decided by what an item of this body cost before (a site, found by the
 * body's address): a loop that takes less than waking somebody is run alone. A loop of an unknown
 * body is shared at once, for its first chunk may be all there is.
 *
 * A claim takes half of what is left of the slice (after guided self-scheduling,
 * C. Polychronopoulos, D. Kuck 1987), but not more than CHUNK_NS_MAX of work, so that whoever loses
 * its CPU with a chunk in hand keeps little back, and not less than CHUNK_NS_MIN, so that claiming
 * costs nothing beside it; both by the site's cost.
 */
#include <string.h>

#include "scheduler_internal.h"
#include "slice_internal.h"

#include "hone/platform/clock.h"

enum {
    SITES_COUNT = 64,      /* a power of two; bodies that meet in one share it */
    SLICES_MAX = 16,       /* of a loop; where more take part, some begin in the same */
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
    size_t count, piece_max;      /* items of all, of one call of the body */
    size_t unit;                  /* items, a multiple of chunk_min: what claims are counted in */
    uint32_t chunk_max;           /* units in a claim */
    uint32_t slices_count;        /* at least 2 */
    uint32_t units_count;         /* the last may have fewer items */
    _Atomic uint32_t helpers_max; /* may be read while the loop is made anew */
    uint32_t partition;
    uint32_t cpu;                     /* the caller's, when it began */
    bool is_callers_first;            /* slice 0 is the caller's, for it is no worker */
    _Alignas(64) _Atomic size_t done; /* items finished by helpers */
    _Atomic uint32_t done_word;       /* changes when a helper has finished, if awaited */
    _Atomic uint32_t is_awaited;
    _Alignas(64) _Atomic uint32_t visitors; /* who looks at this; CLOSED with 0: free */
    hn_slice slices[SLICES_MAX];
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

static void run_pieces(size_t begin, size_t end, size_t piece_max, hone_loop_body *body,
                       void *context) {
    while (end - begin > piece_max) {
        body(context, begin, begin + piece_max);
        begin += piece_max;
    }
    body(context, begin, end);
}

static uint32_t helpers_max_of(const hn_loop *loop) {
    return atomic_load_explicit(&loop->helpers_max, memory_order_relaxed);
}

/* Units in a claim where `left` are left. */
static uint32_t chunk_size(const hn_loop *loop, uint32_t left) {
    uint64_t cost = atomic_load_explicit(&loop->site->cost, memory_order_relaxed);
    size_t most = items_in(cost, CHUNK_NS_MAX, loop->count) / loop->unit;
    size_t least = cost ? items_in(cost, CHUNK_NS_MIN, loop->count) / loop->unit : 1;
    size_t chunk = left - left / 2;
    chunk = chunk > most ? most : chunk;
    chunk = chunk < least ? least : chunk;
    chunk = chunk > loop->chunk_max ? loop->chunk_max : chunk;
    return chunk < 1 ? 1 : chunk > left ? left : (uint32_t)chunk;
}

/* The slice to claim from: `own` while something is left of it, then the longest. */
static uint32_t best_slice(const hn_loop *loop, uint32_t own, hn_units *out_rest) {
    uint32_t best = own;
    hn_units best_rest = hn_slice_rest(&loop->slices[own]);
    if (hn_units_count(best_rest) == 0) {
        for (uint32_t i = 0; i < loop->slices_count; i++) {
            hn_units rest = hn_slice_rest(&loop->slices[i]);
            if (hn_units_count(rest) > hn_units_count(best_rest)) {
                best = i;
                best_rest = rest;
            }
        }
    }
    *out_rest = best_rest;
    return best;
}

/* The next chunk of who owns slice `own`; false when nothing is left of any. */
static bool claim(hn_loop *loop, uint32_t own, hn_units *out_units) {
    for (;;) {
        hn_units rest;
        uint32_t index = best_slice(loop, own, &rest);
        uint32_t left = hn_units_count(rest);
        if (left == 0) {
            return false;
        }
        if (hn_slice_take(&loop->slices[index], rest, chunk_size(loop, left), index == own,
                          out_units)) {
            return true;
        }
    }
}

/* Runs a chunk; returns how many items it was. */
static size_t run_units(const hn_loop *loop, hn_units units) {
    size_t first = units.begin * loop->unit;
    size_t last = units.end == loop->units_count ? loop->count : units.end * loop->unit;
    run_pieces(first, last, loop->piece_max, loop->body, loop->context);
    return last - first;
}

/* Runs chunks until nothing is left; returns how many items it were. */
static size_t run_chunks(hn_loop *loop, uint32_t own) {
    size_t items = 0, learnt = 0;
    hn_units units;
    uint64_t start_ns = hone_clock_monotonic_ns();
    uint64_t now_ns = start_ns;
    while (claim(loop, own, &units)) {
        items += run_units(loop, units);
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
    /* the caller's own slice, where it is a worker, is that of its index, too */
    uint32_t first = loop->is_callers_first;
    size_t items = run_chunks(loop, first + worker->index % (loop->slices_count - first));
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

static bool is_anything_left(const hn_loop *loop) {
    hn_units rest;
    (void)best_slice(loop, 0, &rest);
    return hn_units_count(rest) > 0;
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
        hn_worker_part_from(worker, loop->cpu);
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
    for (uint32_t i = 0; i < loop->slices_count; i++) {
        uint64_t units = loop->units_count;
        hn_slice_set(&loop->slices[i],
                     (hn_units){(uint32_t)(units * i / loop->slices_count),
                                (uint32_t)(units * (i + 1) / loop->slices_count)});
    }
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
        /* An exchange, though a store would do: emulators of weak memory (qemu-user) let the load
         * below pass a seq_cst store, and the wake-up would be missed. */
        (void)atomic_exchange_explicit(&loop->is_awaited, 1, memory_order_seq_cst);
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

static void run_shared(hone_scheduler *scheduler, hn_loop *loop, uint32_t own) {
    open_loop(scheduler, loop);
    size_t mine = run_chunks(loop, own);
    shut(scheduler, loop);
    await_helpers(scheduler, loop, loop->count - mine);
    close_loop(scheduler, loop);
}

/* Runs all of it here and learns from that. */
static void run_alone(hn_loop_site *site, size_t count, size_t piece_max, hone_loop_body *body,
                      void *context) {
    uint64_t start_ns = hone_clock_monotonic_ns();
    run_pieces(0, count, piece_max, body, context);
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

/* The claims of a loop over `count` items in pieces from `chunk_min` to `piece_max`. */
static void set_units(hn_loop *loop, size_t count, size_t chunk_min, size_t piece_max) {
    size_t chunks = count / chunk_min + (count % chunk_min != 0);
    /* all but one unit in 2^32 - 1 numbers */
    size_t chunks_in_unit = (chunks - 1) / UINT32_MAX + 1;
    size_t chunk_max = piece_max / chunk_min / chunks_in_unit;
    loop->count = count;
    loop->piece_max = piece_max / chunk_min * chunk_min;
    loop->unit = chunks_in_unit * chunk_min;
    loop->units_count = (uint32_t)((chunks - 1) / chunks_in_unit + 1);
    loop->chunk_max = chunk_max > UINT32_MAX ? UINT32_MAX : (uint32_t)chunk_max;
}

/* `what` tells the site: the function whose cost is learnt. */
static void run_loop(hone_scheduler *scheduler, size_t count, const hone_loop_options *options,
                     uintptr_t what, hone_loop_body *body, void *context) {
    size_t chunk_min = options->chunk_min ? options->chunk_min : 1;
    size_t piece_max = options->is_chunk_fixed ? chunk_min
                       : options->chunk_max    ? options->chunk_max
                                               : SIZE_MAX;
    piece_max = piece_max < chunk_min ? chunk_min : piece_max;
    hn_worker *worker = hn_worker_current(scheduler);
    hn_loop_site *site = site_of(scheduler, what);
    uint32_t helpers =
        options->is_always_alone ? 0 : helpers_wanted(scheduler, worker, site, count, chunk_min);
    hn_loop *loop = helpers ? take_loop(scheduler) : NULL;
    if (!loop) {
        if (helpers) {
            hn_count_shared(&scheduler->lone_loops);
        }
        run_alone(site, count, piece_max, body, context);
        return;
    }
    loop->body = body;
    loop->context = context;
    loop->site = site;
    set_units(loop, count, chunk_min, piece_max);
    atomic_store_explicit(&loop->helpers_max, helpers, memory_order_relaxed);
    loop->slices_count = helpers < SLICES_MAX ? helpers + 1 : SLICES_MAX;
    loop->cpu = hone_thread_cpu();
    loop->is_callers_first = !worker;
    loop->partition = worker ? worker->billing.partition : 0;
    if (worker) {
        worker->is_hot = true;
    }
    run_shared(scheduler, loop, worker ? worker->index % loop->slices_count : 0);
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
