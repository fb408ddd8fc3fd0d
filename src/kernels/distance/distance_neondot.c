/* SPDX-License-Identifier: Apache-2.0 */
#include "distance_internal.h"

#include <arm_neon.h>
#include <string.h>

#include "hone/base/hints.h"

enum { STEP = 16, GROUP = 4 };

static HONE_ALWAYS_INLINE int8x16_t load_bytes(const int8_t *bytes, size_t count) {
    if (count >= STEP) {
        return vld1q_s8(bytes);
    }
    int8_t part[STEP] = {0};
    memcpy(part, bytes, count);
    return vld1q_s8(part);
}

void hn_dot_i8_neondot(const int8_t *query, const void *const *rows, size_t rows_count, size_t dims,
                       int32_t *out) {
    size_t r = 0;
    for (; r + GROUP <= rows_count; r += GROUP) {
        int32x4_t sums[GROUP] = {vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0)};
        for (size_t i = 0; i < dims; i += STEP) {
            int8x16_t q = load_bytes(query + i, dims - i);
            for (int k = 0; k < GROUP; k++) {
                const int8_t *row = rows[r + (size_t)k];
                sums[k] = vdotq_s32(sums[k], q, load_bytes(row + i, dims - i));
            }
        }
        for (int k = 0; k < GROUP; k++) {
            out[r + (size_t)k] = vaddvq_s32(sums[k]);
        }
    }
    for (; r < rows_count; r++) {
        const int8_t *row = rows[r];
        int32x4_t sum = vdupq_n_s32(0);
        for (size_t i = 0; i < dims; i += STEP) {
            sum = vdotq_s32(sum, load_bytes(query + i, dims - i), load_bytes(row + i, dims - i));
        }
        out[r] = vaddvq_s32(sum);
    }
}
