/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Threads that come and go: each takes a handle, or none, passes blocks on to others, leaves some
 * behind when it ends, and others release them. Meanwhile the heap is shrunk again and again.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "hone/memory/failing.h"
#include "hone/memory/heap.h"
#include "hone/platform/thread.h"
#include "random_test.h"

enum { THREADS = 4, GENERATIONS = 6, ROUNDS = 12000, SLOTS = 64 };

/* Every word of a block has the same value, so that anyone else's write shows. */
typedef struct block {
    size_t size;
    uint64_t words[];
} block;

typedef struct market {
    hone_heap *heap;
    _Atomic(block *) slots[SLOTS];
    _Atomic uint64_t bad_count, refused_count;
} market;

typedef struct worker {
    market *market;
    uint64_t random;
    bool is_without_handle;
} worker;

static block *make_block(const worker *it, const hone_allocator *allocator, uint64_t *random) {
    size_t size =
        sizeof(block) + 8 * (1 + random_below(random, random_below(random, 40) ? 60 : 6000));
    block *made = hone_allocate(allocator, size, 8);
    if (!made) {
        atomic_fetch_add_explicit(&it->market->refused_count, 1, memory_order_relaxed);
        return NULL;
    }
    made->size = size;
    size_t words_count = (size - sizeof(block)) / 8;
    uint64_t value = random_next(random);
    for (size_t i = 0; i < words_count; i += words_count < 100 ? 1 : 50) {
        made->words[i] = value;
    }
    return made;
}

static void check_and_release(market *shared, const hone_allocator *allocator, block *taken) {
    if (!taken) {
        return;
    }
    size_t words_count = (taken->size - sizeof(block)) / 8;
    for (size_t i = 0; i < words_count; i += words_count < 100 ? 1 : 50) {
        if (taken->words[i] != taken->words[0]) {
            atomic_fetch_add_explicit(&shared->bad_count, 1, memory_order_relaxed);
        }
    }
    hone_release(allocator, taken, taken->size, 8);
}

static void worker_run(void *context) {
    worker *it = context;
    market *shared = it->market;
    hone_heap_local *local = NULL;
    if (!it->is_without_handle && hone_heap_local_create(shared->heap, NULL, &local) != HONE_OK) {
        return;
    }
    const hone_allocator *allocator =
        local ? hone_heap_local_allocator(local) : hone_heap_allocator(shared->heap);
    for (int round = 0; round < ROUNDS; round++) {
        block *made = make_block(it, allocator, &it->random);
        size_t slot = random_below(&it->random, SLOTS);
        /* acq_rel: hands our block over and takes another thread's. */
        made = atomic_exchange_explicit(&shared->slots[slot], made, memory_order_acq_rel);
        check_and_release(shared, allocator, made);
        if (random_below(&it->random, 2000) == 0) {
            (void)hone_heap_shrink(shared->heap, random_below(&it->random, 2) ? SIZE_MAX : 1);
        }
    }
    hone_heap_local_destroy(local);
}

static void test_threads_come_and_go(void **state) {
    (void)state;
    hone_failing counting;
    hone_failing_init(&counting, NULL, 0, false);
    static market shared;
    shared = (market){0};
    /* Tight, so that refusals happen, too. */
    hone_heap_options options = {.bytes_max = 3 << 20, .allocator = &counting.allocator};
    assert_int_equal(hone_heap_create(&options, NULL, &shared.heap), HONE_OK);
    worker workers[THREADS];
    hone_thread threads[THREADS];
    for (int i = 0; i < THREADS * GENERATIONS; i++) {
        int at = i % THREADS;
        if (i >= THREADS) {
            hone_thread_join(threads[at]);
        }
        workers[at] = (worker){&shared, (uint64_t)i + 1, i % 3 == 2};
        assert_int_equal(hone_thread_create("heap", worker_run, &workers[at], &threads[at]),
                         HONE_OK);
    }
    for (int i = 0; i < THREADS; i++) {
        hone_thread_join(threads[i]);
    }
    for (int i = 0; i < SLOTS; i++) {
        check_and_release(&shared, hone_heap_allocator(shared.heap), atomic_load(&shared.slots[i]));
    }
    assert_int_equal(atomic_load(&shared.bad_count), 0);
    hone_heap_stats stats = hone_heap_read_stats(shared.heap);
    assert_true(stats.held_bytes_max <= stats.bytes_max);
    assert_int_equal(stats.refused_count, atomic_load(&shared.refused_count));
    hone_diag diag = {0};
    if (hone_heap_destroy(shared.heap, &diag) != HONE_OK) {
        fail_msg("%s", diag.message);
    }
    assert_int_equal(hone_failing_read_stats(&counting).live_bytes, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_threads_come_and_go),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
