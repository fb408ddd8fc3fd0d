/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parallel loops. The pieces of a loop are claimed from one atomic counter by the caller and by
 * helper tasks. The caller never waits for a helper to begin: it claims until nothing is left, and
 * then waits only for pieces that a helper has begun. Helper tasks that come late find nothing
 * left; because they may come after the loop has returned, the descriptor is not on the caller's
 * stack but in a fixed set, and goes back to it with the last reference. Without a free descriptor,
 * or with one worker, the loop runs on the caller alone.
 */
#include "scheduler_internal.h"

enum { LOOPS_COUNT = 32, HELPERS_MAX = 63, PIECES_PER_WORKER = 4, SPINS_MAX = 200 };

typedef struct loop_helper {
    hone_task task;
    hn_loop *loop;
} loop_helper;

struct hn_loop {
    void (*body)(void *context, size_t begin, size_t end);
    void *context;
    size_t count, piece;
    _Alignas(64) _Atomic size_t claimed; /* items given away, may pass count */
    _Atomic size_t done;                 /* items finished */
    _Atomic uint32_t done_flag;          /* futex word: 1 when done == count */
    _Atomic uint32_t references; /* the caller and each helper task that has not run; 0 = free */
    loop_helper helpers[HELPERS_MAX];
};

hone_status hn_loops_init(hone_scheduler *scheduler) {
    scheduler->loops = HONE_NEW_ARRAY(scheduler->allocator, hn_loop, LOOPS_COUNT);
    return scheduler->loops ? HONE_OK : HONE_STATUS_OUT_OF_MEMORY;
}

void hn_loops_deinit(hone_scheduler *scheduler) {
    HONE_DELETE_ARRAY(scheduler->allocator, hn_loop, scheduler->loops, LOOPS_COUNT);
}

static void run_pieces(hn_loop *loop) {
    size_t mine = 0;
    for (;;) {
        size_t begin = atomic_fetch_add_explicit(&loop->claimed, loop->piece, memory_order_relaxed);
        if (begin >= loop->count) {
            break;
        }
        size_t end = loop->count - begin > loop->piece ? begin + loop->piece : loop->count;
        loop->body(loop->context, begin, end);
        mine += end - begin;
    }
    /* release: the caller's acquire of done_flag (or of done) sees what the body wrote */
    if (mine &&
        atomic_fetch_add_explicit(&loop->done, mine, memory_order_acq_rel) + mine == loop->count) {
        atomic_store_explicit(&loop->done_flag, 1, memory_order_release);
        hone_futex_wake(&loop->done_flag, 1);
    }
}

static void drop_reference(hn_loop *loop) {
    atomic_fetch_sub_explicit(&loop->references, 1,
                              memory_order_acq_rel); /* 0 frees it: pairs with claim_loop */
}

static void helper_run(void *context) {
    loop_helper *helper = context;
    hn_loop *loop = helper->loop;
    run_pieces(loop);
    drop_reference(loop);
}

static hn_loop *claim_loop(hone_scheduler *scheduler, uint32_t references) {
    for (int i = 0; i < LOOPS_COUNT; i++) {
        uint32_t expected = 0;
        hn_loop *loop = &scheduler->loops[i];
        if (atomic_compare_exchange_strong_explicit(&loop->references, &expected, references,
                                                    memory_order_acq_rel, memory_order_relaxed)) {
            return loop;
        }
    }
    return NULL;
}

static void wait_until_done(hn_loop *loop) {
    for (int i = 0; i < SPINS_MAX; i++) {
        if (atomic_load_explicit(&loop->done_flag, memory_order_acquire)) {
            return;
        }
        hone_cpu_relax();
    }
    while (!atomic_load_explicit(&loop->done_flag, memory_order_acquire)) {
        hone_futex_wait(&loop->done_flag, 0, UINT64_MAX);
    }
}

void hone_scheduler_for(hone_scheduler *scheduler, size_t count, size_t grain,
                        void (*body)(void *context, size_t begin, size_t end), void *context) {
    size_t workers_count = scheduler->workers_count;
    size_t piece = count / (workers_count * PIECES_PER_WORKER);
    piece = piece > grain ? piece : grain ? grain : 1;
    size_t pieces_count = count / piece + (count % piece != 0);
    size_t helpers_count = pieces_count > workers_count ? workers_count : pieces_count;
    helpers_count = helpers_count > HELPERS_MAX ? HELPERS_MAX : helpers_count;
    helpers_count -= helpers_count > 0;     /* the caller is one of them */
    bool can_claim = count <= SIZE_MAX / 4; /* `claimed` passes count by at most twice as much */
    hn_loop *loop =
        helpers_count && can_claim ? claim_loop(scheduler, (uint32_t)helpers_count + 1) : NULL;
    if (!loop) {
        if (count) {
            body(context, 0, count);
        }
        return;
    }
    loop->body = body;
    loop->context = context;
    loop->count = count;
    loop->piece = piece;
    atomic_store_explicit(&loop->claimed, 0, memory_order_relaxed);
    atomic_store_explicit(&loop->done, 0, memory_order_relaxed);
    atomic_store_explicit(&loop->done_flag, 0, memory_order_relaxed);
    for (size_t i = 0; i < helpers_count; i++) {
        loop->helpers[i] = (loop_helper){{helper_run, &loop->helpers[i], NULL}, loop};
        hone_scheduler_submit(scheduler, &loop->helpers[i].task);
    }
    run_pieces(loop);
    wait_until_done(loop);
    drop_reference(loop);
}
