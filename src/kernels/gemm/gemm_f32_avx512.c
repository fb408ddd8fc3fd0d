/* SPDX-License-Identifier: Apache-2.0 */
/* 14 rows x 32 columns: 28 sums, two vectors of B, one or two of A in 32 registers. */
#include "vec_f32_avx512_internal.h"

#define VECS 2
#define ROWS_MAX 14
#define WIDE_ROWS_1 4
#define WIDE_ROWS_2 2

#include "gemm_f32_body_internal.h"

void hn_gemm_f32_block_avx512(const hn_gemm_f32_block *block) {
    run_block(block);
}
