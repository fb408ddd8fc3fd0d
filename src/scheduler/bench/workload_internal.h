/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the suite computes, and one table of functions for each runtime that computes it: serially,
 * on hone, on TBB, on OpenMP. All split the work at the same places; the leaves are the same code.
 *
 * Also read by C++ (TBB has no other interface).
 */
#ifndef HONE_SCHEDULER_BENCH_WORKLOAD_INTERNAL_H
#define HONE_SCHEDULER_BENCH_WORKLOAD_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    QUEENS_MAX = 12,
    TREE_CHILDREN_MAX = 16,
    MATRIX_SIZE = 256, /* rows and columns */
    MATRIX_LEAF = 64,
    LOOP_SMALL = 1000,
    LOOP_LARGE = 1 << 20,
    LOOP_SKEWED = 2000,
};

/* ---- n queens: all ways to place them, a call for each place in a row ---- */

typedef struct queens_board {
    uint32_t columns, diagonals_up, diagonals_down; /* taken */
    int size, rows_left;
} queens_board;

static inline uint32_t queens_places(const queens_board *board) {
    return ~(board->columns | board->diagonals_up | board->diagonals_down) &
           ((1u << board->size) - 1);
}

static inline queens_board queens_put(const queens_board *board, uint32_t place) {
    queens_board next = {board->columns | place, (board->diagonals_up | place) << 1,
                         (board->diagonals_down | place) >> 1, board->size, board->rows_left - 1};
    return next;
}

/* ---- an unbalanced tree: a node's number decides about its children (after UTS, S. Olivier et
 * al. 2006: geometric, the expected number falls with the depth) ---- */

typedef struct tree_node {
    uint64_t number;
    int depth;
} tree_node;

static inline uint64_t tree_mix(uint64_t x) {
    x += 0x9E3779B97F4A7C15u;
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9u;
    x = (x ^ (x >> 27)) * 0x94D049BB133111EBu;
    return x ^ (x >> 31);
}

enum { TREE_DEPTH = 12, TREE_BRANCHING = 4 };

static inline int tree_children(const tree_node *node) {
    if (node->depth == 0) {
        return TREE_BRANCHING;
    }
    if (node->depth >= TREE_DEPTH) {
        return 0;
    }
    /* two throws multiplied: mostly few, sometimes many */
    uint64_t bits = tree_mix(node->number);
    uint32_t a = (uint32_t)bits % 8, b = (uint32_t)(bits >> 32) % 8;
    int children = (int)(a * b) * (TREE_DEPTH - node->depth) / (3 * TREE_DEPTH);
    return children < TREE_CHILDREN_MAX ? children : TREE_CHILDREN_MAX;
}

static inline tree_node tree_child(const tree_node *node, int index) {
    tree_node child = {tree_mix(node->number + (uint64_t)index + 1), node->depth + 1};
    return child;
}

/* ---- product of matrices: eight products of quarters, four at a time ---- */

typedef struct matrix_job {
    const float *a, *b;
    float *c; /* c += a x b, all with MATRIX_SIZE columns */
    int size;
} matrix_job;

static inline void matrix_leaf(const matrix_job *job) {
    for (int i = 0; i < job->size; i++) {
        for (int k = 0; k < job->size; k++) {
            float factor = job->a[i * MATRIX_SIZE + k];
            for (int j = 0; j < job->size; j++) {
                job->c[i * MATRIX_SIZE + j] += factor * job->b[k * MATRIX_SIZE + j];
            }
        }
    }
}

/* Quarter (row, column) of the result, its first or second summand. */
static inline matrix_job matrix_part(const matrix_job *job, int row, int column, int summand) {
    int half = job->size / 2;
    matrix_job part = {job->a + (row * MATRIX_SIZE + summand) * half,
                       job->b + (summand * MATRIX_SIZE + column) * half,
                       job->c + (row * MATRIX_SIZE + column) * half, half};
    return part;
}

/* ---- loops ---- */

typedef struct loop_data {
    float *values;
    size_t count;
} loop_data;

static inline void loop_touch(float *values, size_t begin, size_t end) {
    for (size_t i = begin; i < end; i++) {
        values[i] += 1;
    }
}

static inline void loop_add(float *values, size_t half, size_t begin, size_t end) {
    for (size_t i = begin; i < end; i++) {
        values[i] += 0.5f * values[half + i];
    }
}

/* Item i costs i steps, each waiting for the one before. */
static inline float skewed_item(float start, size_t i) {
    for (size_t k = 0; k < i; k++) {
        start = start * 0.75f + 1;
    }
    return start;
}

/* ---- runtimes ---- */

typedef struct runtime {
    const char *name;
    /* Makes it ready for so many threads; NULL when it needs nothing. */
    void *(*start)(uint32_t threads);
    void (*stop)(void *self);
    long (*fib)(void *self, long n);
    long (*queens)(void *self, int size);
    long (*tree)(void *self);
    void (*matrix)(void *self, matrix_job job);
    void (*loop_small)(void *self, float *values);
    void (*loop_large)(void *self, float *values);
    void (*loop_skewed)(void *self, float *values);
    void (*relax)(void); /* ends threads that would go on spinning; may be NULL */
} runtime;

extern const runtime runtime_serial, runtime_hone, runtime_tbb, runtime_tbb_auto, runtime_openmp;

#ifdef __cplusplus
}
#endif

#endif
