/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: allocator, arena, buffer and map keep their contracts, above all when memory or a maximum
 * is exhausted. Method: an allocator that counts every byte and fails the n-th request, driven
 * through all n; a naive twin for the map.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "hone/base/arena.h"
#include "hone/base/buffer.h"
#include "hone/base/checked.h"
#include "hone/base/text_map.h"

/* --- An allocator that counts and fails ------------------------------------------------------ */

typedef struct failing {
    size_t requests_count;
    size_t fails_from; /* this request and all after it; 0: never */
    size_t held_bytes;
} failing;

static bool may_allocate(failing *self) {
    self->requests_count++;
    return self->fails_from == 0 || self->requests_count < self->fails_from;
}

static void *failing_allocate(void *self, size_t size, size_t alignment) {
    failing *counter = self;
    if (!may_allocate(counter)) {
        return NULL;
    }
    counter->held_bytes += size;
    return hone_allocate(NULL, size, alignment);
}

static void *failing_resize(void *self, void *block, size_t old_size, size_t new_size,
                            size_t alignment) {
    failing *counter = self;
    if (!may_allocate(counter)) {
        return NULL;
    }
    counter->held_bytes += new_size - old_size;
    return hone_reallocate(NULL, block, old_size, new_size, alignment);
}

static void failing_release(void *self, void *block, size_t size, size_t alignment) {
    failing *counter = self;
    assert_true(counter->held_bytes >= size);
    counter->held_bytes -= size;
    hone_release(NULL, block, size, alignment);
}

static hone_allocator failing_allocator(failing *counter) {
    return (hone_allocator){failing_allocate, failing_resize, failing_release, counter};
}

static bool is_aligned(const void *block, size_t alignment) {
    return (uintptr_t)block % alignment == 0;
}

/* --- Allocator ------------------------------------------------------------------------------- */

static void allocator_aligns_zeroes_and_refuses(void **state) {
    (void)state;
    for (size_t alignment = 1; alignment <= 4096; alignment *= 2) {
        uint8_t *block = hone_allocate(NULL, 100, alignment);
        assert_non_null(block);
        assert_true(is_aligned(block, alignment));
        memset(block, 7, 100);
        block = hone_reallocate(NULL, block, 100, 5000, alignment);
        assert_non_null(block);
        assert_true(is_aligned(block, alignment));
        for (size_t i = 0; i < 100; i++) {
            assert_int_equal(block[i], 7);
        }
        hone_release(NULL, block, 5000, alignment);
    }
    uint32_t *zeroed = HONE_NEW_ARRAY(NULL, uint32_t, 1000);
    assert_non_null(zeroed);
    for (size_t i = 0; i < 1000; i++) {
        assert_int_equal(zeroed[i], 0);
    }
    HONE_DELETE_ARRAY(NULL, uint32_t, zeroed, 1000);
    assert_null(hone_allocate(NULL, 0, 8));
    assert_null(hone_allocate_zeroed(NULL, SIZE_MAX / 2, 3, 1));
    assert_null(hone_allocate_zeroed(NULL, SIZE_MAX, SIZE_MAX, 1));
    assert_null(hone_allocate(NULL, SIZE_MAX, 4096));
    hone_release(NULL, NULL, 10, 8);
}

static void checked_arithmetic_is_checked(void **state) {
    (void)state;
    size_t out = 42;
    assert_true(hone_size_add(SIZE_MAX - 1, 1, &out) && out == SIZE_MAX);
    assert_false(hone_size_add(SIZE_MAX, 1, &out));
    assert_false(hone_size_multiply(SIZE_MAX / 2, 3, &out));
    assert_false(hone_size_align(SIZE_MAX - 2, 64, &out));
    assert_int_equal(out, SIZE_MAX);
    assert_true(hone_size_align(65, 64, &out) && out == 128);
    assert_true(hone_size_align(64, 64, &out) && out == 64);
    assert_true(hone_is_power_of_two(1) && hone_is_power_of_two(UINT64_C(1) << 63));
    assert_false(hone_is_power_of_two(0) || hone_is_power_of_two(6));
    assert_int_equal(hone_power_of_two_ceil(1), 1);
    assert_int_equal(hone_power_of_two_ceil(5), 8);
    assert_int_equal(hone_power_of_two_ceil(8), 8);
    assert_true(hone_power_of_two_ceil((UINT64_C(1) << 62) + 1) == UINT64_C(1) << 63);
}

/* --- Arena ----------------------------------------------------------------------------------- */

static void arena_gives_separate_aligned_blocks(void **state) {
    (void)state;
    enum { BLOCKS = 2000 };
    static uint8_t *blocks[BLOCKS];
    static size_t sizes[BLOCKS];
    failing counter = {0};
    hone_allocator allocator = failing_allocator(&counter);
    hone_arena arena;
    hone_arena_init(&arena, &allocator, 64 << 20);
    assert_int_equal(counter.requests_count, 0);
    for (size_t i = 0; i < BLOCKS; i++) {
        size_t alignment = (size_t)1 << i % 7;
        sizes[i] = i * 37 % 3001;
        blocks[i] = hone_arena_allocate(&arena, sizes[i], alignment);
        assert_non_null(blocks[i]);
        assert_true(is_aligned(blocks[i], alignment));
        memset(blocks[i], (int)(i % 251), sizes[i]);
    }
    for (size_t i = 0; i < BLOCKS; i++) {
        for (size_t b = 0; b < sizes[i]; b++) {
            assert_int_equal(blocks[i][b], i % 251);
        }
    }
    assert_int_equal(arena.held_bytes, counter.held_bytes);
    assert_null(hone_arena_allocate(&arena, SIZE_MAX, 1));
    assert_null(hone_arena_allocate_zeroed(&arena, SIZE_MAX, 2, 1));
    assert_null(hone_arena_copy_text(&arena, (hone_text){"", SIZE_MAX}));
    hone_arena_deinit(&arena);
    assert_int_equal(counter.held_bytes, 0);
    hone_arena_deinit(&(hone_arena){0});
}

static void arena_returns_to_savepoints(void **state) {
    (void)state;
    failing counter = {0};
    hone_allocator allocator = failing_allocator(&counter);
    hone_arena arena;
    hone_arena_init(&arena, &allocator, 1 << 20);
    hone_arena_savepoint empty = hone_arena_save(&arena);
    char *kept = hone_arena_copy_text(&arena, HONE_TEXT("kept"));
    assert_non_null(kept);
    hone_arena_savepoint savepoint = hone_arena_save(&arena);
    size_t held_bytes = arena.held_bytes;
    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 10; i++) {
            assert_non_null(hone_arena_allocate(&arena, 10000, 16));
        }
        hone_arena_reset(&arena, savepoint);
        assert_int_equal(arena.held_bytes, held_bytes);
        assert_string_equal(kept, "kept");
    }
    hone_arena_reset(&arena, empty);
    assert_int_equal(arena.held_bytes, 0);
    assert_int_equal(counter.held_bytes, arena.spare_bytes);
    size_t spare_bytes = arena.spare_bytes;
    assert_int_equal(hone_arena_trim(&arena), spare_bytes);
    assert_int_equal(counter.held_bytes, 0);
    uint64_t *zeroed = HONE_ARENA_NEW_ARRAY(&arena, uint64_t, 100);
    assert_non_null(zeroed);
    assert_int_equal(zeroed[99], 0);
    hone_arena_deinit(&arena);
}

/* Work in rounds asks the allocator in the first round only, whatever the sizes of its blocks. */
static void arena_takes_nothing_in_the_steady_state(void **state) {
    (void)state;
    static const size_t sizes[] = {64, 3000, 100000, 1500000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        failing counter = {0};
        hone_allocator allocator = failing_allocator(&counter);
        hone_arena arena;
        hone_arena_init(&arena, &allocator, 64 << 20);
        size_t requests_count = 0, held_bytes = 0;
        for (int round = 0; round < 6; round++) {
            for (size_t bytes = 0; bytes < 3000000; bytes += sizes[i]) {
                assert_non_null(hone_arena_allocate(&arena, sizes[i], 8));
            }
            hone_arena_reset(&arena, (hone_arena_savepoint){0});
            if (round >= 2) { /* the second round finds larger chunks worth taking */
                assert_int_equal(counter.requests_count, requests_count);
                assert_int_equal(counter.held_bytes, held_bytes);
            }
            requests_count = counter.requests_count;
            held_bytes = counter.held_bytes;
            assert_true(held_bytes <= HONE_ARENA_SPARE_BYTES_MAX);
        }
        hone_arena_deinit(&arena);
        assert_int_equal(counter.held_bytes, 0);
    }
}

/* What resets keep gives way to a block that would not fit under the maximum beside it. */
static void arena_spares_give_way_to_the_maximum(void **state) {
    (void)state;
    hone_arena arena;
    hone_arena_init(&arena, NULL, 1000000);
    for (int i = 0; i < 40; i++) {
        assert_non_null(hone_arena_allocate(&arena, 10000, 8));
    }
    hone_arena_reset(&arena, (hone_arena_savepoint){0});
    assert_true(arena.spare_bytes >= 400000);
    assert_non_null(hone_arena_allocate(&arena, 900000, 64));
    assert_true(arena.held_bytes + arena.spare_bytes <= 1000000);
    assert_null(hone_arena_allocate(&arena, 900000, 64));
    hone_arena_deinit(&arena);
}

static void arena_holds_its_maximum(void **state) {
    (void)state;
    for (size_t bytes_max = 0; bytes_max < 40000; bytes_max += 997) {
        hone_arena arena;
        size_t given_bytes = 0;
        hone_arena_init(&arena, NULL, bytes_max);
        while (hone_arena_allocate(&arena, 100, 8)) {
            given_bytes += 100;
            assert_true(arena.held_bytes <= bytes_max);
        }
        assert_true(given_bytes <= bytes_max);
        assert_true(bytes_max < 1000 || given_bytes * 4 > bytes_max);
        hone_arena_deinit(&arena);
    }
}

static void arena_survives_lack_of_memory(void **state) {
    (void)state;
    for (size_t n = 1; n < 8; n++) {
        failing counter = {.fails_from = n};
        hone_allocator allocator = failing_allocator(&counter);
        hone_arena arena;
        size_t blocks = 0;
        hone_arena_init(&arena, &allocator, 1 << 30);
        while (hone_arena_allocate(&arena, 3000, 8)) {
            blocks++;
        }
        assert_int_equal(counter.requests_count, n);
        assert_true(blocks >= n - 1);
        hone_arena_deinit(&arena);
        assert_int_equal(counter.held_bytes, 0);
    }
}

/* --- Buffer ---------------------------------------------------------------------------------- */

static void buffer_grows_and_keeps(void **state) {
    (void)state;
    failing counter = {0};
    hone_allocator allocator = failing_allocator(&counter);
    hone_buffer buffer;
    hone_buffer_init(&buffer, &allocator, 1 << 20);
    for (int i = 0; i < 5000; i++) {
        hone_buffer_append_byte(&buffer, 'a');
        hone_buffer_append_text(&buffer, HONE_TEXT("bc"));
        hone_buffer_format(&buffer, "%04d", i);
        hone_buffer_append(&buffer, NULL, 0);
    }
    assert_int_equal(hone_buffer_status(&buffer), HONE_OK);
    assert_int_equal(buffer.size, 5000 * 7);
    for (int i = 0; i < 5000; i++) {
        char expected[16];
        (void)snprintf(expected, sizeof expected, "abc%04d", i);
        assert_memory_equal(buffer.data + (size_t)i * 7, expected, 7);
    }
    assert_true(counter.requests_count < 20);
    size_t requests_count = counter.requests_count;
    hone_buffer_clear(&buffer);
    hone_buffer_append_text(&buffer, HONE_TEXT("again"));
    assert_true(hone_text_is(hone_buffer_text(&buffer), "again"));
    assert_int_equal(counter.requests_count, requests_count);
    hone_buffer_deinit(&buffer);
    assert_int_equal(counter.held_bytes, 0);
}

static void buffer_failure_sticks_and_keeps_the_content(void **state) {
    (void)state;
    hone_buffer buffer;
    hone_buffer_init(&buffer, NULL, 10);
    hone_buffer_append_text(&buffer, HONE_TEXT("12345678"));
    hone_buffer_append_text(&buffer, HONE_TEXT("90x"));
    assert_int_equal(hone_buffer_status(&buffer), HONE_STATUS_LIMIT);
    hone_buffer_append_text(&buffer, HONE_TEXT("9"));
    assert_true(hone_text_is(hone_buffer_text(&buffer), "12345678"));
    assert_int_equal(hone_buffer_reserve(&buffer, 1), HONE_STATUS_LIMIT);
    hone_buffer_clear(&buffer);
    hone_buffer_append_text(&buffer, HONE_TEXT("1234567890"));
    assert_int_equal(hone_buffer_status(&buffer), HONE_OK);
    assert_int_equal(hone_buffer_reserve(&buffer, SIZE_MAX), HONE_STATUS_LIMIT);
    hone_buffer_deinit(&buffer);

    for (size_t n = 1; n < 5; n++) {
        failing counter = {.fails_from = n};
        hone_allocator allocator = failing_allocator(&counter);
        hone_buffer_init(&buffer, &allocator, 1 << 20);
        size_t appended = 0;
        while (hone_buffer_status(&buffer) == HONE_OK) {
            hone_buffer_append_byte(&buffer, (char)appended++);
        }
        assert_int_equal(hone_buffer_status(&buffer), HONE_STATUS_OUT_OF_MEMORY);
        assert_int_equal(buffer.size, appended - 1);
        for (size_t i = 0; i < buffer.size; i++) {
            assert_int_equal(buffer.data[i], i & 0xFF);
        }
        hone_buffer_deinit(&buffer);
        assert_int_equal(counter.held_bytes, 0);
    }
}

/* --- Map ------------------------------------------------------------------------------------- */

enum { KEYS_COUNT = 3000, KEY_SIZE = 16 };

static void make_keys(char (*keys)[KEY_SIZE]) {
    for (int i = 0; i < KEYS_COUNT; i++) {
        (void)snprintf(keys[i], KEY_SIZE, "key%d", i * 7919 % KEYS_COUNT);
    }
}

static void map_finds_what_was_inserted(void **state) {
    (void)state;
    static char keys[KEYS_COUNT][KEY_SIZE];
    hone_text_map map;
    hone_text_map_entry *entry;
    make_keys(keys);
    hone_text_map_init(&map, NULL, KEYS_COUNT);
    assert_null(hone_text_map_find(&map, HONE_TEXT("key1")));
    for (uint32_t i = 0; i < KEYS_COUNT; i++) {
        assert_int_equal(hone_text_map_insert(&map, hone_text_of(keys[i]), &entry), HONE_OK);
        assert_int_equal(entry->value.number, 0);
        entry->value.number = i;
        assert_int_equal(hone_text_map_insert(&map, hone_text_of(keys[i / 2]), &entry),
                         HONE_STATUS_DUPLICATE);
        assert_int_equal(entry->value.number, i / 2);
    }
    assert_int_equal(hone_text_map_insert(&map, HONE_TEXT("one more"), &entry), HONE_STATUS_LIMIT);
    assert_int_equal(map.count, KEYS_COUNT);
    for (uint32_t i = 0; i < KEYS_COUNT; i++) {
        assert_int_equal(hone_text_map_find(&map, hone_text_of(keys[i]))->value.number, i);
        assert_true(hone_text_is(map.entries[i].key, keys[i]));
    }
    assert_null(hone_text_map_find(&map, HONE_TEXT("key")));
    assert_null(hone_text_map_find(&map, HONE_TEXT("")));
    hone_text_map_deinit(&map);
}

static void map_survives_lack_of_memory(void **state) {
    (void)state;
    static char keys[KEYS_COUNT][KEY_SIZE];
    make_keys(keys);
    for (size_t n = 1; n < 10; n++) {
        failing counter = {.fails_from = n};
        hone_allocator allocator = failing_allocator(&counter);
        hone_text_map map;
        hone_text_map_entry *entry;
        hone_status status = HONE_OK;
        uint32_t inserted = 0;
        hone_text_map_init(&map, &allocator, KEYS_COUNT);
        while (status == HONE_OK && inserted < KEYS_COUNT) {
            status = hone_text_map_insert(&map, hone_text_of(keys[inserted]), &entry);
            inserted += status == HONE_OK;
        }
        assert_int_equal(status, HONE_STATUS_OUT_OF_MEMORY);
        assert_int_equal(map.count, inserted);
        for (uint32_t i = 0; i < inserted; i++) {
            assert_non_null(hone_text_map_find(&map, hone_text_of(keys[i])));
        }
        assert_null(hone_text_map_find(&map, hone_text_of(keys[inserted])));
        hone_text_map_deinit(&map);
        assert_int_equal(counter.held_bytes, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocator_aligns_zeroes_and_refuses),
        cmocka_unit_test(checked_arithmetic_is_checked),
        cmocka_unit_test(arena_gives_separate_aligned_blocks),
        cmocka_unit_test(arena_returns_to_savepoints),
        cmocka_unit_test(arena_takes_nothing_in_the_steady_state),
        cmocka_unit_test(arena_spares_give_way_to_the_maximum),
        cmocka_unit_test(arena_holds_its_maximum),
        cmocka_unit_test(arena_survives_lack_of_memory),
        cmocka_unit_test(buffer_grows_and_keeps),
        cmocka_unit_test(buffer_failure_sticks_and_keeps_the_content),
        cmocka_unit_test(map_finds_what_was_inserted),
        cmocka_unit_test(map_survives_lack_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
