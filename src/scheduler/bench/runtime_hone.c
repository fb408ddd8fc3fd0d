/* SPDX-License-Identifier: Apache-2.0 */
/* The work on hone: the calling thread takes part, as in the other runtimes. */
#include <stdlib.h>

#include "hone/platform/thread.h"
#include "hone/scheduler/fork.h"
#include "hone/scheduler/loop.h"
#include "workload_internal.h"

typedef struct hone_self {
    hone_scheduler *scheduler;
    hone_task blocker; /* keeps the one worker of a scheduler for one thread from helping */
    _Atomic uint32_t is_over, has_ended;
} hone_self;

static void block(void *context) {
    hone_self *it = context;
    while (!atomic_load_explicit(&it->is_over, memory_order_acquire)) {
        hone_futex_wait(&it->is_over, 0, UINT64_MAX);
    }
    atomic_store_explicit(&it->has_ended, 1, memory_order_release);
}

static void stop(void *self) {
    hone_self *it = self;
    atomic_store_explicit(&it->is_over, 1, memory_order_release);
    hone_futex_wake(&it->is_over, 1);
    hone_scheduler_destroy(it->scheduler);
    free(it);
}

static void *start(uint32_t threads) {
    hone_self *it = calloc(1, sizeof *it);
    /* the caller is one of the threads */
    hone_scheduler_options options = {.workers_count = threads > 1 ? threads - 1 : 1};
    if (!it || hone_scheduler_create(&options, NULL, &it->scheduler) != HONE_OK) {
        free(it);
        return NULL;
    }
    if (threads == 1) {
        it->blocker = (hone_task){.run = block, .context = it};
        hone_scheduler_submit(it->scheduler, &it->blocker);
    }
    return it;
}

/* ---- fib ---- */

typedef struct fib_call {
    long n, result;
} fib_call;

static inline long fib(hone_fork_point at, long n);

static void run_fib_call(hone_fork_point at, void *context) {
    fib_call *call = context;
    call->result = fib(at, call->n);
}

static inline long fib(hone_fork_point at, long n) {
    if (n < 2) {
        return n;
    }
    fib_call first;
    first.n = n - 1;
    hone_fork_point after = hone_fork(at, run_fib_call, &first);
    long second = fib(after, n - 2);
    hone_join(at, run_fib_call, &first);
    return first.result + second;
}

static long run_fib(void *self, long n) {
    hone_fork_point at = hone_fork_enter(((hone_self *)self)->scheduler);
    long result = fib(at, n);
    hone_fork_leave(at);
    return result;
}

/* ---- queens ---- */

typedef struct queens_call {
    queens_board board;
    long result;
} queens_call;

static void queens(hone_fork_point at, void *context) {
    queens_call *call = context;
    if (call->board.rows_left == 0) {
        call->result = 1;
        return;
    }
    queens_call calls[QUEENS_MAX];
    hone_fork_point points[QUEENS_MAX + 1] = {at};
    int count = 0;
    for (uint32_t places = queens_places(&call->board); places; places &= places - 1) {
        calls[count].board = queens_put(&call->board, places & -places);
        points[count + 1] = hone_fork(points[count], queens, &calls[count]);
        count++;
    }
    long sum = 0;
    while (count-- > 0) {
        hone_join(points[count], queens, &calls[count]);
        sum += calls[count].result;
    }
    call->result = sum;
}

static long run_queens(void *self, int size) {
    queens_call call = {.board = {0, 0, 0, size, size}};
    hone_fork_point at = hone_fork_enter(((hone_self *)self)->scheduler);
    queens(at, &call);
    hone_fork_leave(at);
    return call.result;
}

/* ---- tree ---- */

typedef struct tree_call {
    tree_node node;
    long result;
} tree_call;

static void tree(hone_fork_point at, void *context) {
    tree_call *call = context;
    tree_call calls[TREE_CHILDREN_MAX];
    hone_fork_point points[TREE_CHILDREN_MAX + 1] = {at};
    int children = tree_children(&call->node);
    for (int i = 0; i < children; i++) {
        calls[i].node = tree_child(&call->node, i);
        points[i + 1] = hone_fork(points[i], tree, &calls[i]);
    }
    long nodes = 1;
    for (int i = children; i-- > 0;) {
        hone_join(points[i], tree, &calls[i]);
        nodes += calls[i].result;
    }
    call->result = nodes;
}

static long run_tree(void *self) {
    tree_call call = {.node = {1, 0}};
    hone_fork_point at = hone_fork_enter(((hone_self *)self)->scheduler);
    tree(at, &call);
    hone_fork_leave(at);
    return call.result;
}

/* ---- matrix ---- */

static void matrix(hone_fork_point at, void *context) {
    const matrix_job *job = context;
    if (job->size <= MATRIX_LEAF) {
        matrix_leaf(job);
        return;
    }
    for (int summand = 0; summand < 2; summand++) {
        matrix_job parts[4];
        hone_fork_point points[5] = {at};
        for (int part = 0; part < 4; part++) {
            parts[part] = matrix_part(job, part / 2, part % 2, summand);
            points[part + 1] = hone_fork(points[part], matrix, &parts[part]);
        }
        for (int part = 4; part-- > 0;) {
            hone_join(points[part], matrix, &parts[part]);
        }
    }
}

static void run_matrix(void *self, matrix_job job) {
    hone_fork_point at = hone_fork_enter(((hone_self *)self)->scheduler);
    matrix(at, &job);
    hone_fork_leave(at);
}

/* ---- loops ---- */

static void touch_body(void *context, size_t begin, size_t end) {
    loop_touch(context, begin, end);
}

static void add_body(void *context, size_t begin, size_t end) {
    loop_add(context, LOOP_LARGE, begin, end);
}

static void skewed_body(void *context, size_t begin, size_t end) {
    float *values = context;
    for (size_t i = begin; i < end; i++) {
        values[i] = skewed_item(values[i], i);
    }
}

static void run_loop_small(void *self, float *values) {
    hone_scheduler_for(((hone_self *)self)->scheduler, LOOP_SMALL, 1, touch_body, values);
}

static void run_loop_large(void *self, float *values) {
    hone_scheduler_for(((hone_self *)self)->scheduler, LOOP_LARGE, 1, add_body, values);
}

static void run_loop_skewed(void *self, float *values) {
    hone_scheduler_for(((hone_self *)self)->scheduler, LOOP_SKEWED, 1, skewed_body, values);
}

const runtime runtime_hone = {
    .name = "hone",
    .start = start,
    .stop = stop,
    .fib = run_fib,
    .queens = run_queens,
    .tree = run_tree,
    .matrix = run_matrix,
    .loop_small = run_loop_small,
    .loop_large = run_loop_large,
    .loop_skewed = run_loop_skewed,
};
