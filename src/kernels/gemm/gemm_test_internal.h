/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of this folder share: random operands that end at the end of a mapping. */
#ifndef HONE_KERNELS_GEMM_TEST_INTERNAL_H
#define HONE_KERNELS_GEMM_TEST_INTERNAL_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <sys/mman.h>
#include <unistd.h>

#include "hone/kernels/gemm.h"
#include "hone/platform/isa.h"

enum { OPERANDS = 5, POISON = 0x7FA5A5A5, AREA_FLOATS = 1 << 17 };

static inline uint32_t random_below(uint32_t limit) {
    static uint64_t seed = 21;
    uint64_t z = (seed += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return (uint32_t)((z ^ (z >> 31)) >> 32) % limit;
}

/* Values of many magnitudes, so that a sum in another order has other bits. */
static inline float random_value(void) {
    float value = (float)random_below(2000001) / 1000000.0f - 1.0f;
    return ldexpf(value, (int)random_below(12) - 6);
}

/* An area of floats that ends at a page nobody may touch. */
static inline float *guarded_end(int which) {
    static float *ends[OPERANDS];
    if (!ends[which]) {
        size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = AREA_FLOATS * sizeof(float);
        uint8_t *map = mmap(NULL, bytes + 2 * page, PROT_READ | PROT_WRITE,
                            MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        assert_true(map != MAP_FAILED);
        bytes = (bytes + page - 1) / page * page;
        assert_int_equal(mprotect(map + bytes, page, PROT_NONE), 0);
        ends[which] = (float *)(void *)(map + bytes);
    }
    return ends[which];
}

static inline float *take(int which, size_t count, uint32_t offset) {
    assert_true(count + offset <= AREA_FLOATS);
    float *area = guarded_end(which) - offset - count;
    for (size_t i = 0; i < count; i++) {
        area[i] = random_value();
    }
    return area;
}

#endif
