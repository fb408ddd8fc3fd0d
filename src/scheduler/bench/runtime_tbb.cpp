/* SPDX-License-Identifier: Apache-2.0 */
/* The work on oneTBB, in C++ because TBB has no other interface. */
#include <tbb/blocked_range.h>
#include <tbb/global_control.h>
#include <tbb/parallel_for.h>
#include <tbb/partitioner.h>
#include <tbb/task_arena.h>
#include <tbb/task_group.h>

#include "workload_internal.h"

namespace {

struct tbb_self {
    tbb::global_control control;
    tbb::task_arena arena;
    explicit tbb_self(std::uint32_t threads)
        : control(tbb::global_control::max_allowed_parallelism, threads),
          arena(static_cast<int>(threads)) {}
};

void *start(std::uint32_t threads) {
    return new tbb_self(threads);
}

void stop(void *self) {
    delete static_cast<tbb_self *>(self);
}

template <typename Work> void within(void *self, Work work) {
    static_cast<tbb_self *>(self)->arena.execute(work);
}

long fib(long n) {
    if (n < 2) {
        return n;
    }
    long first = 0;
    tbb::task_group group;
    group.run([&first, n] { first = fib(n - 1); });
    long second = fib(n - 2);
    group.wait();
    return first + second;
}

long run_fib(void *self, long n) {
    long result = 0;
    within(self, [&] { result = fib(n); });
    return result;
}

long queens(queens_board board) {
    if (board.rows_left == 0) {
        return 1;
    }
    long results[QUEENS_MAX];
    int count = 0;
    tbb::task_group group;
    for (std::uint32_t places = queens_places(&board); places; places &= places - 1) {
        queens_board next = queens_put(&board, places & -places);
        long *result = &results[count++];
        group.run([result, next] { *result = queens(next); });
    }
    group.wait();
    long sum = 0;
    while (count-- > 0) {
        sum += results[count];
    }
    return sum;
}

long run_queens(void *self, int size) {
    long result = 0;
    within(self, [&] { result = queens(queens_board{0, 0, 0, size, size}); });
    return result;
}

long tree(tree_node node) {
    long results[TREE_CHILDREN_MAX];
    int children = tree_children(&node);
    tbb::task_group group;
    for (int i = 0; i < children; i++) {
        tree_node child = tree_child(&node, i);
        long *result = &results[i];
        group.run([result, child] { *result = tree(child); });
    }
    group.wait();
    long nodes = 1;
    for (int i = 0; i < children; i++) {
        nodes += results[i];
    }
    return nodes;
}

long run_tree(void *self) {
    long result = 0;
    within(self, [&] { result = tree(tree_node{1, 0}); });
    return result;
}

void matrix(matrix_job job) {
    if (job.size <= MATRIX_LEAF) {
        matrix_leaf(&job);
        return;
    }
    for (int summand = 0; summand < 2; summand++) {
        tbb::task_group group;
        for (int part = 0; part < 4; part++) {
            matrix_job next = matrix_part(&job, part / 2, part % 2, summand);
            group.run([next] { matrix(next); });
        }
        group.wait();
    }
}

void run_matrix(void *self, matrix_job job) {
    within(self, [&] { matrix(job); });
}

using range = tbb::blocked_range<std::size_t>;

void loop_small_static(void *self, float *values) {
    within(self, [&] {
        tbb::parallel_for(
            range(0, LOOP_SMALL, LOOP_SMALL / 2),
            [values](const range &r) { loop_touch(values, r.begin(), r.end()); },
            tbb::static_partitioner());
    });
}

void loop_small_auto(void *self, float *values) {
    within(self, [&] {
        tbb::parallel_for(range(0, LOOP_SMALL), [values](const range &r) {
            loop_touch(values, r.begin(), r.end());
        });
    });
}

void loop_large_static(void *self, float *values) {
    within(self, [&] {
        tbb::parallel_for(
            range(0, LOOP_LARGE),
            [values](const range &r) { loop_add(values, LOOP_LARGE, r.begin(), r.end()); },
            tbb::static_partitioner());
    });
}

void loop_large_auto(void *self, float *values) {
    within(self, [&] {
        tbb::parallel_for(range(0, LOOP_LARGE), [values](const range &r) {
            loop_add(values, LOOP_LARGE, r.begin(), r.end());
        });
    });
}

void skewed_range(float *values, const range &r) {
    for (std::size_t i = r.begin(); i < r.end(); i++) {
        values[i] = skewed_item(values[i], i);
    }
}

void loop_skewed_static(void *self, float *values) {
    within(self, [&] {
        tbb::parallel_for(
            range(0, LOOP_SKEWED), [values](const range &r) { skewed_range(values, r); },
            tbb::static_partitioner());
    });
}

void loop_skewed_auto(void *self, float *values) {
    within(self, [&] {
        tbb::parallel_for(range(0, LOOP_SKEWED),
                          [values](const range &r) { skewed_range(values, r); });
    });
}

} // namespace

const runtime runtime_tbb = {
    "tbb",      start,      stop,
    run_fib,    run_queens, run_tree,
    run_matrix, loop_small_static, loop_large_static,
    loop_skewed_static, nullptr,
};

const runtime runtime_tbb_auto = {
    "tbb-auto", start,      stop,
    run_fib,    run_queens, run_tree,
    run_matrix, loop_small_auto, loop_large_auto,
    loop_skewed_auto, nullptr,
};
