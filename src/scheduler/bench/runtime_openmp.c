/* SPDX-License-Identifier: Apache-2.0 */
/* The work by OpenMP tasks and loops (libgomp, with gcc). */
#include <omp.h>
#include <stdlib.h>

#include "workload_internal.h"

typedef struct openmp_self {
    int threads;
} openmp_self;

static void *start(uint32_t threads) {
    openmp_self *it = calloc(1, sizeof *it);
    if (it) {
        it->threads = (int)threads;
    }
    return it;
}

static int threads_of(const void *self) {
    return ((const openmp_self *)self)->threads;
}

static long fib(long n) {
    if (n < 2) {
        return n;
    }
    long first, second;
#pragma omp task shared(first)
    first = fib(n - 1);
    second = fib(n - 2);
#pragma omp taskwait
    return first + second;
}

static long run_fib(void *self, long n) {
    long result = 0;
#pragma omp parallel num_threads(threads_of(self))
#pragma omp single
    result = fib(n);
    return result;
}

static long queens(queens_board board) {
    if (board.rows_left == 0) {
        return 1;
    }
    long results[QUEENS_MAX];
    int count = 0;
    for (uint32_t places = queens_places(&board); places; places &= places - 1) {
        queens_board next = queens_put(&board, places & -places);
        int slot = count++;
#pragma omp task shared(results) firstprivate(next, slot)
        results[slot] = queens(next);
    }
#pragma omp taskwait
    long sum = 0;
    while (count-- > 0) {
        sum += results[count];
    }
    return sum;
}

static long run_queens(void *self, int size) {
    long result = 0;
#pragma omp parallel num_threads(threads_of(self))
#pragma omp single
    result = queens((queens_board){0, 0, 0, size, size});
    return result;
}

static long tree(tree_node node) {
    long results[TREE_CHILDREN_MAX];
    int children = tree_children(&node);
    for (int i = 0; i < children; i++) {
        tree_node child = tree_child(&node, i);
#pragma omp task shared(results) firstprivate(child, i)
        results[i] = tree(child);
    }
#pragma omp taskwait
    long nodes = 1;
    for (int i = 0; i < children; i++) {
        nodes += results[i];
    }
    return nodes;
}

static long run_tree(void *self) {
    long result = 0;
#pragma omp parallel num_threads(threads_of(self))
#pragma omp single
    result = tree((tree_node){1, 0});
    return result;
}

static void matrix(matrix_job job) {
    if (job.size <= MATRIX_LEAF) {
        matrix_leaf(&job);
        return;
    }
    for (int summand = 0; summand < 2; summand++) {
        for (int part = 0; part < 4; part++) {
            matrix_job next = matrix_part(&job, part / 2, part % 2, summand);
#pragma omp task firstprivate(next)
            matrix(next);
        }
#pragma omp taskwait
    }
}

static void run_matrix(void *self, matrix_job job) {
#pragma omp parallel num_threads(threads_of(self))
#pragma omp single
    matrix(job);
}

static void run_loop_small(void *self, float *values) {
#pragma omp parallel for schedule(static) num_threads(threads_of(self))
    for (int i = 0; i < LOOP_SMALL; i++) {
        values[i] += 1;
    }
}

static void run_loop_large(void *self, float *values) {
#pragma omp parallel for schedule(static) num_threads(threads_of(self))
    for (int i = 0; i < LOOP_LARGE; i++) {
        values[i] += 0.5f * values[LOOP_LARGE + i];
    }
}

static void run_loop_skewed(void *self, float *values) {
#pragma omp parallel for schedule(dynamic, 16) num_threads(threads_of(self))
    for (int i = 0; i < LOOP_SKEWED; i++) {
        values[i] = skewed_item(values[i], (size_t)i);
    }
}

static void end_threads(void) {
    (void)omp_pause_resource_all(omp_pause_hard);
}

const runtime runtime_openmp = {
    .name = "libgomp",
    .start = start,
    .stop = free,
    .fib = run_fib,
    .queens = run_queens,
    .tree = run_tree,
    .matrix = run_matrix,
    .loop_small = run_loop_small,
    .loop_large = run_loop_large,
    .loop_skewed = run_loop_skewed,
    .relax = end_threads,
};
