/* SPDX-License-Identifier: Apache-2.0 */
/* 8 rows x 12 columns: 24 sums, three vectors of B, the rest for A in 32 registers. */
#include "vec_f32_neon_internal.h"

#define VECS 3
#define ROWS_MAX 8
#define WIDE_ROWS_1 4
#define WIDE_ROWS_2 2

#include "gemm_f32_body_internal.h"

void hn_gemm_f32_block_neon(const hn_gemm_f32_block *block) {
    run_block(block);
}
