/* SPDX-License-Identifier: Apache-2.0 */
/* 6 rows x 16 columns: 12 sums, two vectors of B, two of A in 16 registers. */
#include "vec_f32_avx2_internal.h"

#define VECS 2
#define ROWS_MAX 6
#define WIDE_ROWS_1 6
#define WIDE_ROWS_2 3

#include "gemm_f32_body_internal.h"

void hn_gemm_f32_block_avx2(const hn_gemm_f32_block *block) {
    run_block(block);
}
