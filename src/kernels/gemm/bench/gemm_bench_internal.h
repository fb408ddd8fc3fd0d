/* SPDX-License-Identifier: Apache-2.0 */
#ifndef HONE_GEMM_BENCH_INTERNAL_H
#define HONE_GEMM_BENCH_INTERNAL_H

#include "hone/base/status.h"

typedef void sgemm_fn(int order, int transpose_a, int transpose_b, int m, int n, int k, float alpha,
                      const float *a, int lda, const float *b, int ldb, float beta, float *c,
                      int ldc);

/* cblas_sgemm() of a library that is loaded when asked for, on one thread. ABSENT. */
hone_status load_openblas(hone_diag *diag, sgemm_fn **out_sgemm);
hone_status load_blis(hone_diag *diag, sgemm_fn **out_sgemm);

/* Floating-point operations per second of independent multiply-adds in registers: what no product
 * can exceed. 0 where this architecture has no probe. */
double measure_fma_peak(void *unused);

#endif
