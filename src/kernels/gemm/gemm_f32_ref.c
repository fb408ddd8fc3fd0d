/* SPDX-License-Identifier: Apache-2.0 */
/* The oracle and the fallback: one element after the other, in panels of one column. Without FMA in
 * hardware fmaf() is slow, and right. */
#include "gemm_internal.h"

static float element(const hn_gemm_f32_block *block, size_t i, size_t j) {
    const float *b = block->b + (ptrdiff_t)j * block->b_panel_stride;
    float sum = 0;
    if (!block->is_first) {
        sum = block->c[(ptrdiff_t)i * block->c_row_stride + (ptrdiff_t)j];
    } else if (block->bias) {
        sum = block->bias[j];
    }
    for (size_t s = 0; s < block->segments_count; s++) {
        const float *a = block->a[s] + (ptrdiff_t)i * block->a_row_stride;
        for (size_t p = 0; p < block->segment_k; p++) {
            sum = fmaf(*a, *b, sum);
            a += block->a_step;
            b += block->b_row_stride;
        }
    }
    if (block->clamps_low && sum < block->low) {
        sum = block->low;
    }
    if (block->clamps_high && sum > block->high) {
        sum = block->high;
    }
    return sum;
}

void hn_gemm_f32_block_ref(const hn_gemm_f32_block *block) {
    for (size_t i = 0; i < block->m; i++) {
        for (size_t j = 0; j < block->n; j++) {
            block->c[(ptrdiff_t)i * block->c_row_stride + (ptrdiff_t)j] = element(block, i, j);
        }
    }
}
