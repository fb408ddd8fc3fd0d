/* SPDX-License-Identifier: Apache-2.0 */
#include "hone/memory/failing.h"

/* The counters say nothing about other memory, so relaxed order is enough everywhere. */
static void count(_Atomic uint64_t *counter, uint64_t more) {
    atomic_fetch_add_explicit(counter, more, memory_order_relaxed);
}

static void uncount(_Atomic uint64_t *counter, uint64_t less) {
    atomic_fetch_sub_explicit(counter, less, memory_order_relaxed);
}

static uint64_t get(const _Atomic uint64_t *counter) {
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static bool is_to_fail(hone_failing *failing) {
    uint64_t call = atomic_fetch_add_explicit(&failing->calls_count, 1, memory_order_relaxed) + 1;
    bool is_due = failing->fail_at != 0 &&
                  (call == failing->fail_at || (failing->is_lasting && call > failing->fail_at));
    if (is_due) {
        count(&failing->failed_count, 1);
    }
    return is_due;
}

static void *failing_allocate(void *self, size_t size, size_t alignment) {
    hone_failing *failing = self;
    void *block = is_to_fail(failing) ? NULL : hone_allocate(failing->backing, size, alignment);
    if (block) {
        count(&failing->live_count, 1);
        count(&failing->live_bytes, size);
    }
    return block;
}

static void *failing_resize(void *self, void *block, size_t old_size, size_t new_size,
                            size_t alignment) {
    hone_failing *failing = self;
    if (is_to_fail(failing)) {
        return NULL;
    }
    void *resized = hone_reallocate(failing->backing, block, old_size, new_size, alignment);
    if (resized) {
        count(&failing->live_bytes, new_size);
        uncount(&failing->live_bytes, old_size);
    }
    return resized;
}

static void failing_release(void *self, void *block, size_t size, size_t alignment) {
    hone_failing *failing = self;
    hone_release(failing->backing, block, size, alignment);
    uncount(&failing->live_count, 1);
    uncount(&failing->live_bytes, size);
}

void hone_failing_init(hone_failing *failing, const hone_allocator *backing, uint64_t fail_at,
                       bool is_lasting) {
    *failing = (hone_failing){
        .allocator = {failing_allocate, failing_resize, failing_release, failing},
        .backing = backing,
        .fail_at = fail_at,
        .is_lasting = is_lasting,
    };
}

bool hone_failing_has_failed(const hone_failing *failing) {
    return get(&failing->failed_count) > 0;
}

hone_failing_stats hone_failing_read_stats(const hone_failing *failing) {
    return (hone_failing_stats){
        .calls_count = get(&failing->calls_count),
        .failed_count = get(&failing->failed_count),
        .live_count = get(&failing->live_count),
        .live_bytes = get(&failing->live_bytes),
    };
}
