/* SPDX-License-Identifier: Apache-2.0 */
/* The same work by plain calls. */
#include "workload_internal.h"

static inline long fib(long n) {
    return n < 2 ? n : fib(n - 1) + fib(n - 2);
}

static long run_fib(void *self, long n) {
    (void)self;
    return fib(n);
}

static long queens(queens_board board) {
    if (board.rows_left == 0) {
        return 1;
    }
    long sum = 0;
    for (uint32_t places = queens_places(&board); places; places &= places - 1) {
        sum += queens(queens_put(&board, places & -places));
    }
    return sum;
}

static long run_queens(void *self, int size) {
    (void)self;
    return queens((queens_board){0, 0, 0, size, size});
}

static long tree(tree_node node) {
    long nodes = 1;
    int children = tree_children(&node);
    for (int i = 0; i < children; i++) {
        nodes += tree(tree_child(&node, i));
    }
    return nodes;
}

static long run_tree(void *self) {
    (void)self;
    return tree((tree_node){1, 0});
}

static void matrix(matrix_job job) {
    if (job.size <= MATRIX_LEAF) {
        matrix_leaf(&job);
        return;
    }
    for (int summand = 0; summand < 2; summand++) {
        for (int part = 0; part < 4; part++) {
            matrix(matrix_part(&job, part / 2, part % 2, summand));
        }
    }
}

static void run_matrix(void *self, matrix_job job) {
    (void)self;
    matrix(job);
}

static void run_loop_small(void *self, float *values) {
    (void)self;
    loop_touch(values, 0, LOOP_SMALL);
}

static void run_loop_large(void *self, float *values) {
    (void)self;
    loop_add(values, LOOP_LARGE, 0, LOOP_LARGE);
}

static void run_loop_skewed(void *self, float *values) {
    (void)self;
    for (size_t i = 0; i < LOOP_SKEWED; i++) {
        values[i] = skewed_item(values[i], i);
    }
}

const runtime runtime_serial = {
    .name = "serial",
    .fib = run_fib,
    .queens = run_queens,
    .tree = run_tree,
    .matrix = run_matrix,
    .loop_small = run_loop_small,
    .loop_large = run_loop_large,
    .loop_skewed = run_loop_skewed,
};
