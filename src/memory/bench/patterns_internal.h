/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The patterns of use that allocators are measured by. Each is one body, inlined once with hone's
 * calls and once with those of a peer, so that everything but the calls is the same.
 */
#ifndef HN_MEMORY_BENCH_PATTERNS_INTERNAL_H
#define HN_MEMORY_BENCH_PATTERNS_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#include "hone/base/hints.h"
#include "hone/measure/bench.h"

enum {
    OBJECT_BYTES = 64,
    FIFO_COUNT = 1000,
    BATCH_COUNT = 4096,
    BURST_COUNT = 100000,
    REPLACE_COUNT = 4096,
    REPLACE_BYTES_MIN = 16,
    REPLACE_BYTES_MAX = 512,
};

typedef struct live_block {
    void *data;
    size_t size;
} live_block;

/* What a pattern works on; the allocator behind `self` is the variant's. */
typedef struct pattern {
    void *self;
    uint64_t random;
    size_t position;
    live_block *live; /* BURST_COUNT of them */
} pattern;

typedef void *pattern_allocate(void *self, size_t size);
typedef void pattern_release(void *self, void *block, size_t size);

/* What every user does first: writes into it. */
static HONE_ALWAYS_INLINE void touch(void *block) {
    *(char *)block = 1;
    hone_bench_consume(block);
}

static HONE_ALWAYS_INLINE void run_pair(pattern *it, uint64_t iterations, size_t size,
                                        pattern_allocate *allocate, pattern_release *release) {
    for (uint64_t i = 0; i < iterations; i++) {
        void *block = allocate(it->self, size);
        touch(block);
        release(it->self, block, size);
    }
}

/* The oldest of many goes, a new one comes. */
static HONE_ALWAYS_INLINE void run_fifo(pattern *it, uint64_t iterations,
                                        pattern_allocate *allocate, pattern_release *release) {
    size_t position = it->position;
    for (uint64_t i = 0; i < iterations; i++) {
        live_block *block = &it->live[position];
        if (block->data) {
            release(it->self, block->data, OBJECT_BYTES);
        }
        *block = (live_block){allocate(it->self, OBJECT_BYTES), OBJECT_BYTES};
        touch(block->data);
        position = position + 1 == FIFO_COUNT ? 0 : position + 1;
    }
    it->position = position;
}

/* Many come, then all of them go in the same order. One iteration is one block, half of its life.
 */
static HONE_ALWAYS_INLINE void run_burst(pattern *it, uint64_t iterations,
                                         pattern_allocate *allocate, pattern_release *release) {
    for (uint64_t i = 0; i < iterations; i++) {
        live_block *block = &it->live[it->position];
        if (block->data) {
            release(it->self, block->data, OBJECT_BYTES);
            *block = (live_block){0};
        } else {
            *block = (live_block){allocate(it->self, OBJECT_BYTES), OBJECT_BYTES};
            touch(block->data);
        }
        it->position = it->position + 1 == BURST_COUNT ? 0 : it->position + 1;
    }
}

/* Any of many goes, one of another size takes its place. */
static HONE_ALWAYS_INLINE void run_replace(pattern *it, uint64_t iterations,
                                           pattern_allocate *allocate, pattern_release *release) {
    uint64_t random = it->random;
    for (uint64_t i = 0; i < iterations; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        live_block *block = &it->live[random % REPLACE_COUNT];
        size_t size = REPLACE_BYTES_MIN +
                      ((random >> 32) * (REPLACE_BYTES_MAX - REPLACE_BYTES_MIN + 1) >> 32);
        if (block->data) {
            release(it->self, block->data, block->size);
        }
        *block = (live_block){allocate(it->self, size), size};
        touch(block->data);
    }
    it->random = random;
}

#endif
