/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "heap_internal.h"
#include "hone/memory/budget.h"
#include "hone/memory/failing.h"
#include "hone/memory/heap.h"
#include "random_test.h"

enum { MIB = 1 << 20 };

static hone_heap *make_heap(size_t bytes_max, const hone_allocator *allocator) {
    hone_heap *heap = NULL;
    hone_heap_options options = {.bytes_max = bytes_max, .allocator = allocator};
    assert_int_equal(hone_heap_create(&options, NULL, &heap), HONE_OK);
    return heap;
}

static hone_heap_local *make_local(hone_heap *heap) {
    hone_heap_local *local = NULL;
    assert_int_equal(hone_heap_local_create(heap, NULL, &local), HONE_OK);
    return local;
}

static void drop_heap(hone_heap *heap) {
    hone_diag diag = {0};
    if (hone_heap_destroy(heap, &diag) != HONE_OK) {
        fail_msg("%s", diag.message);
    }
}

static void test_options(void **state) {
    (void)state;
    hone_heap *heap = NULL;
    hone_diag diag = {0};
    assert_int_equal(hone_heap_create(NULL, &diag, &heap), HONE_STATUS_INVALID_ARGUMENT);
    assert_int_equal(hone_heap_create(&(hone_heap_options){0}, &diag, &heap),
                     HONE_STATUS_INVALID_ARGUMENT);
    assert_true(diag.message[0]);
    assert_null(heap);
    assert_int_equal(hone_heap_destroy(NULL, NULL), HONE_OK);
    hone_heap_local_destroy(NULL);
}

/* Every class holds what is sent to it, wastes at most a quarter, and is aligned as asked. */
static void test_classes(void **state) {
    (void)state;
    hone_heap *heap = make_heap(MIB, NULL);
    size_t previous = 0;
    for (size_t size = 1; size <= 4 * MIB; size += size < 40000 ? 1 : 997) {
        size_t index = hn_heap_home(size, 1);
        assert_in_range(index, 0, HN_HEAP_CLASSES - 1);
        size_t bytes = heap->classes[index].block_bytes;
        assert_true(bytes >= size);
        assert_true(size <= 64 ? bytes < size + 8 : bytes * 4 <= size * 5 + 3);
        assert_true(index == previous || index == previous + 1 || size > 40000);
        previous = index;
        for (size_t alignment = 1; alignment <= HONE_HEAP_ALIGNMENT_MAX; alignment *= 2) {
            size_t aligned = hn_heap_home(size, alignment);
            assert_true(aligned == HN_HEAP_CLASSES ||
                        (heap->classes[aligned].block_bytes >= size &&
                         heap->classes[aligned].block_bytes % alignment == 0));
        }
    }
    assert_int_equal(hn_heap_home(0, 1), HN_HEAP_CLASSES);
    assert_int_equal(hn_heap_home(0, 4096), HN_HEAP_CLASSES);
    assert_int_equal(hn_heap_home(SIZE_MAX, 64), HN_HEAP_CLASSES);
    assert_int_equal(hn_heap_home(4 * MIB + 1, 1), HN_HEAP_CLASSES);
    assert_int_equal(hn_heap_home(100, 8192), HN_HEAP_CLASSES);
    drop_heap(heap);
}

/* ---- a naive twin: every live block is known, and keeps what was written into it ---- */

enum { LIVE_MAX = 600 };

typedef struct live_block {
    uint8_t *data;
    size_t size, alignment;
    uint8_t mark;
} live_block;

typedef struct twin {
    hone_heap *heap;
    hone_heap_local *locals[3];
    live_block live[LIVE_MAX];
    size_t count;
    uint64_t random;
} twin;

static size_t random_size(uint64_t *random) {
    switch (random_below(random, 12)) {
    case 0: return 1 + random_below(random, 16 * 1024);
    case 1: return 1 + random_below(random, 128 * 1024);
    case 2: return random_below(random, 20) ? 1 : 1 + random_below(random, 6 * MIB);
    default: return 1 + random_below(random, 700);
    }
}

static void mark(live_block *block) {
    block->data[0] = block->mark;
    block->data[block->size / 2] = block->mark;
    block->data[block->size - 1] = block->mark;
}

static void check_mark(const live_block *block, size_t size) {
    assert_int_equal(block->data[0], block->mark);
    if (size == block->size) {
        assert_int_equal(block->data[size / 2], block->mark);
        assert_int_equal(block->data[size - 1], block->mark);
    }
}

static bool is_apart(const twin *it, const live_block *block) {
    for (size_t i = 0; i < it->count; i++) {
        const live_block *other = &it->live[i];
        if (block->data < other->data + other->size && other->data < block->data + block->size) {
            return false;
        }
    }
    return true;
}

static const hone_allocator *any_allocator(twin *it) {
    size_t which = random_below(&it->random, 4);
    return which < 3 ? hone_heap_local_allocator(it->locals[which]) : hone_heap_allocator(it->heap);
}

static void twin_allocate(twin *it) {
    live_block block = {.size = random_size(&it->random),
                        .alignment = (size_t)1 << random_below(&it->random, 15),
                        .mark = (uint8_t)random_next(&it->random)};
    block.alignment = random_below(&it->random, 3) ? 8 : block.alignment;
    if (it->count == LIVE_MAX) {
        return;
    }
    block.data = hone_allocate(any_allocator(it), block.size, block.alignment);
    if (!block.data) {
        return;
    }
    assert_int_equal((uintptr_t)block.data % block.alignment, 0);
    assert_true(is_apart(it, &block));
    mark(&block);
    it->live[it->count++] = block;
}

static void twin_release(twin *it, size_t victim) {
    live_block *block = &it->live[victim];
    check_mark(block, block->size);
    hone_release(any_allocator(it), block->data, block->size, block->alignment);
    *block = it->live[--it->count];
}

static void twin_resize(twin *it, size_t victim) {
    live_block *block = &it->live[victim];
    size_t size = random_below(&it->random, 3) ? random_size(&it->random)
                                               : block->size + random_below(&it->random, 9);
    uint8_t *resized =
        hone_reallocate(any_allocator(it), block->data, block->size, size, block->alignment);
    if (!resized) {
        check_mark(block, block->size);
        return;
    }
    assert_int_equal((uintptr_t)resized % block->alignment, 0);
    block->data = resized;
    check_mark(block, size);
    block->size = size;
    mark(block);
}

static void twin_step(twin *it, int step) {
    uint64_t leaning = (step / 3000) % 2 ? 6 : 4; /* waves */
    uint64_t dice = random_below(&it->random, 12);
    if (random_below(&it->random, 2000) == 0) {
        (void)hone_heap_shrink(it->heap, random_below(&it->random, 2) ? SIZE_MAX : 100000);
    }
    if (random_below(&it->random, 1000) == 0) {
        size_t which = random_below(&it->random, 3);
        hone_heap_local_destroy(it->locals[which]); /* its blocks live on */
        it->locals[which] = make_local(it->heap);
    }
    if (dice < leaning) {
        twin_allocate(it);
    } else if (it->count > 0 && dice < 11) {
        twin_release(it, random_below(&it->random, it->count));
    } else if (it->count > 0) {
        twin_resize(it, random_below(&it->random, it->count));
    }
}

static void test_random_use_matches_a_naive_twin(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 4; seed++) {
        hone_failing counting;
        hone_failing_init(&counting, NULL, 0, false);
        static twin it;
        it = (twin){.random = seed};
        it.heap = make_heap(seed % 2 ? 64 * MIB : 12 * MIB, &counting.allocator);
        size_t own_bytes = hone_failing_read_stats(&counting).live_bytes;
        for (int i = 0; i < 3; i++) {
            it.locals[i] = make_local(it.heap);
        }
        for (int step = 0; step < 40000; step++) {
            twin_step(&it, step);
            if (step % 500 == 0) {
                hone_heap_stats stats = hone_heap_read_stats(it.heap);
                assert_true(stats.held_bytes <= stats.bytes_max);
                assert_true(stats.held_bytes <= stats.held_bytes_max);
                assert_int_equal(stats.held_bytes + own_bytes,
                                 hone_failing_read_stats(&counting).live_bytes);
            }
        }
        while (it.count > 0) {
            twin_release(&it, it.count - 1);
        }
        for (int i = 0; i < 3; i++) {
            hone_heap_local_destroy(it.locals[i]);
        }
        drop_heap(it.heap);
        assert_int_equal(hone_failing_read_stats(&counting).live_bytes, 0);
    }
}

/* ---- maxima and lack of memory ---- */

static void test_the_maximum_holds_and_caches_give_way(void **state) {
    (void)state;
    enum { BLOCKS = 4000 };
    static void *blocks[BLOCKS];
    hone_heap *heap = make_heap(MIB, NULL);
    hone_heap_local *local = make_local(heap);
    static const size_t sizes[] = {16, 100, 1000, 5000, 20000, 100000, 700000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        /* The class before left everything to caches, which have to give way to this one. */
        size_t count = 0, bytes = 0;
        while (count < BLOCKS && (blocks[count] = hone_heap_allocate(local, sizes[i], 8))) {
            bytes += sizes[i];
            count++;
        }
        assert_true(count == BLOCKS || bytes * 2 > MIB);
        hone_heap_stats stats = hone_heap_read_stats(heap);
        assert_true(stats.held_bytes_max <= MIB);
        assert_int_equal(stats.refused_count > 0, count < BLOCKS || i > 1);
        while (count > 0) {
            hone_heap_release(local, blocks[--count], sizes[i], 8);
        }
    }
    assert_null(hone_heap_allocate(local, 0, 8));
    assert_null(hone_heap_allocate(local, 2 * MIB, 8));
    assert_null(hone_heap_allocate(local, SIZE_MAX, 64));
    hone_heap_release(local, NULL, 10, 8);
    hone_diag diag = {0};
    assert_int_equal(hone_heap_destroy(heap, &diag), HONE_STATUS_INTERNAL);
    assert_true(diag.message[0]);
    hone_heap_local_destroy(local);
    drop_heap(heap);
}

/* Everything the heap is used for, once; true when nothing was refused. */
static bool use_once(const hone_allocator *allocator, hone_status *out_status) {
    static const size_t sizes[] = {24, 24, 500, 9000, 60000, 5 * MIB};
    enum { COUNT = sizeof sizes / sizeof *sizes };
    void *blocks[COUNT] = {0};
    hone_heap *heap = NULL;
    hone_heap_local *local = NULL;
    bool is_complete = true;
    hone_heap_options options = {.bytes_max = 64 * MIB, .allocator = allocator};
    *out_status = hone_heap_create(&options, NULL, &heap);
    if (*out_status != HONE_OK) {
        return false;
    }
    *out_status = hone_heap_local_create(heap, NULL, &local);
    for (int i = 0; i < COUNT && local; i++) {
        blocks[i] = i % 2 ? hone_heap_allocate(local, sizes[i], 8)
                          : hone_allocate(hone_heap_allocator(heap), sizes[i], 8);
        is_complete = is_complete && blocks[i];
    }
    for (int i = 0; i < COUNT; i++) {
        hone_release(hone_heap_allocator(heap), blocks[i], sizes[i], 8);
    }
    hone_heap_local_destroy(local);
    drop_heap(heap);
    return is_complete && local;
}

static void test_every_failed_allocation_is_survived(void **state) {
    (void)state;
    for (int is_lasting = 0; is_lasting < 2; is_lasting++) {
        for (uint64_t n = 1;; n++) {
            hone_failing failing;
            hone_status status = HONE_OK;
            hone_failing_init(&failing, NULL, n, is_lasting);
            bool is_complete = use_once(&failing.allocator, &status);
            assert_int_equal(hone_failing_read_stats(&failing).live_bytes, 0);
            if (!hone_failing_has_failed(&failing)) {
                assert_true(is_complete && n > 8);
                break;
            }
            assert_true(status == HONE_OK || status == HONE_STATUS_OUT_OF_MEMORY);
            assert_true(!is_lasting || !is_complete || n > 8);
        }
    }
}

/* ---- with a budget ---- */

static size_t heap_spare(void *self) {
    return hone_heap_spare_bytes(self);
}

static size_t heap_shrink(void *self, size_t bytes) {
    return hone_heap_shrink(self, bytes);
}

/* The budget sees slabs, not blocks, and takes the caches of one heap for another. */
static void test_a_budget_evicts_caches(void **state) {
    (void)state;
    hone_budget *budget = NULL;
    hone_budget_options of_budget = {.name = "node", .limit_bytes = 4 * MIB};
    assert_int_equal(hone_budget_create(&of_budget, NULL, &budget), HONE_OK);
    hone_heap *heaps[2];
    hone_heap_local *locals[2];
    hone_budget_evictable evictables[2];
    for (int i = 0; i < 2; i++) {
        heaps[i] = make_heap(16 * MIB, hone_budget_allocator(budget));
        evictables[i] = (hone_budget_evictable){
            .name = "heap", .size_bytes = heap_spare, .shrink = heap_shrink, .self = heaps[i]};
        assert_int_equal(hone_budget_register(budget, &evictables[i], NULL), HONE_OK);
        locals[i] = make_local(heaps[i]);
    }
    size_t before = hone_budget_read_usage(budget).held_bytes;
    void *small = hone_heap_allocate(locals[0], 40, 8);
    assert_true(hone_budget_read_usage(budget).held_bytes >= before + HN_HEAP_SLAB_BYTES);
    before = hone_budget_read_usage(budget).held_bytes;
    void *other = hone_heap_allocate(locals[0], 40, 8);
    assert_int_equal(hone_budget_read_usage(budget).held_bytes, before);
    hone_heap_release(locals[0], small, 40, 8);
    hone_heap_release(locals[0], other, 40, 8);
    for (int round = 0; round < 6; round++) {
        enum { BLOCKS = 40, BYTES = 80000 };
        void *blocks[BLOCKS];
        for (int i = 0; i < BLOCKS; i++) {
            blocks[i] = hone_heap_allocate(locals[round % 2], BYTES, 8);
            assert_non_null(blocks[i]);
        }
        for (int i = 0; i < BLOCKS; i++) {
            hone_heap_release(locals[round % 2], blocks[i], BYTES, 8);
        }
        assert_true(hone_heap_read_stats(heaps[round % 2]).cached_bytes > 0);
    }
    assert_true(hone_budget_read_usage(budget).evicted_bytes > 0);
    for (int i = 0; i < 2; i++) {
        hone_budget_unregister(&evictables[i]);
        hone_heap_local_destroy(locals[i]);
        drop_heap(heaps[i]);
    }
    assert_int_equal(hone_budget_destroy(budget, NULL), HONE_OK);
}

static void test_shrink_gives_empty_slabs_back(void **state) {
    (void)state;
    enum { BLOCKS = 20000 };
    static void *blocks[BLOCKS];
    hone_heap *heap = NULL;
    hone_heap_options options = {.bytes_max = 64 * MIB, .cache_bytes_max = MIB};
    assert_int_equal(hone_heap_create(&options, NULL, &heap), HONE_OK);
    hone_heap_local *local = make_local(heap);
    size_t handle_bytes = hone_heap_read_stats(heap).held_bytes;
    for (int i = 0; i < BLOCKS; i++) {
        blocks[i] = hone_heap_allocate(local, 200, 8);
        assert_non_null(blocks[i]);
    }
    size_t full = hone_heap_read_stats(heap).held_bytes;
    assert_true(full >= (size_t)BLOCKS * 200);
    for (int i = 0; i < BLOCKS; i++) {
        hone_heap_release(local, blocks[i], 200, 8);
    }
    hone_heap_local_flush(local);
    size_t held = hone_heap_read_stats(heap).held_bytes;
    assert_true(held < full); /* nothing kept what was beyond the caches */
    assert_int_equal(hone_heap_shrink(heap, SIZE_MAX), held - handle_bytes);
    assert_int_equal(hone_heap_read_stats(heap).held_bytes, handle_bytes);
    assert_int_equal(hone_heap_read_stats(heap).slabs_count, 0);
    hone_heap_local_destroy(local);
    drop_heap(heap);
}

/* ---- misuse is caught where calls are checked ---- */

#ifndef NDEBUG

typedef void misuse(hone_heap_local *local, hone_heap_local *other);

static void release_twice(hone_heap_local *local, hone_heap_local *other) {
    (void)other;
    void *block = hone_heap_allocate(local, 100, 8);
    hone_heap_release(local, block, 100, 8);
    hone_heap_release(local, block, 100, 8);
}

static void release_large_twice(hone_heap_local *local, hone_heap_local *other) {
    (void)other;
    void *block = hone_heap_allocate(local, 100000, 8);
    hone_heap_release(local, block, 100000, 8);
    hone_heap_release(local, block, 100000, 8);
}

static void release_foreign(hone_heap_local *local, hone_heap_local *other) {
    hone_heap_release(local, hone_heap_allocate(other, 100, 8), 100, 8);
}

static void release_foreign_large(hone_heap_local *local, hone_heap_local *other) {
    hone_heap_release(local, hone_heap_allocate(other, 20000, 8), 20000, 8);
}

static void release_other_size(hone_heap_local *local, hone_heap_local *other) {
    (void)other;
    hone_heap_release(local, hone_heap_allocate(local, 100, 8), 300, 8);
}

static void release_inside(hone_heap_local *local, hone_heap_local *other) {
    (void)other;
    hone_heap_release(local, (uint8_t *)hone_heap_allocate(local, 100, 8) + 8, 100, 8);
}

static void release_from_the_stack(hone_heap_local *local, hone_heap_local *other) {
    (void)other;
    uint64_t stack[64] = {0};
    hone_heap_release(local, stack, 100, 8);
}

/* In a child, which the assert ends. */
static bool is_caught(misuse *run) {
    (void)fflush(NULL);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)signal(SIGABRT, SIG_DFL);
        (void)freopen("/dev/null", "w", stderr);
        run(make_local(make_heap(4 * MIB, NULL)), make_local(make_heap(4 * MIB, NULL)));
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void test_misuse_is_caught(void **state) {
    (void)state;
    static misuse *const cases[] = {release_twice,         release_large_twice, release_foreign,
                                    release_foreign_large, release_other_size,  release_inside,
                                    release_from_the_stack};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        if (!is_caught(cases[i])) {
            fail_msg("case %zu was not caught", i);
        }
    }
}

#endif

static void test_null_is_released_without_a_handle(void **state) {
    (void)state;
    hone_heap *heap = make_heap(MIB, NULL);
    for (size_t i = 0; i < HN_HEAP_SHARED_HANDLES; i++) {
        atomic_store(&heap->shared[i].is_busy, true);
    }
    const size_t sizes[] = {10, 100000, 8 * MIB};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        hn_heap_shared_release(heap, NULL, sizes[i], 8);
        assert_int_equal(hone_heap_spare_bytes(heap), 0);
    }
    for (size_t i = 0; i < HN_HEAP_SHARED_HANDLES; i++) {
        atomic_store(&heap->shared[i].is_busy, false);
    }
    drop_heap(heap);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_null_is_released_without_a_handle),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_classes),
        cmocka_unit_test(test_random_use_matches_a_naive_twin),
        cmocka_unit_test(test_the_maximum_holds_and_caches_give_way),
        cmocka_unit_test(test_every_failed_allocation_is_survived),
        cmocka_unit_test(test_a_budget_evicts_caches),
        cmocka_unit_test(test_shrink_gives_empty_slabs_back),
#ifndef NDEBUG
        cmocka_unit_test(test_misuse_is_caught),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
