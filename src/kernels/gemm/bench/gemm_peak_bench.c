/* SPDX-License-Identifier: Apache-2.0 */
#include "gemm_bench_internal.h"
#include "hone/platform/clock.h"

#if defined(__x86_64__)
#include <immintrin.h>

enum { LANES = 8 };
typedef __m256 vec;

#define STEP(sum) __asm__ volatile("vfmadd213ps %1, %1, %0" : "+x"(sum) : "x"(factor))
__attribute__((target("avx2,fma")))
#elif defined(__aarch64__)
#include <arm_neon.h>

enum { LANES = 4 };
typedef float32x4_t vec;

#define STEP(sum) __asm__ volatile("fmla %0.4s, %1.4s, %1.4s" : "+w"(sum) : "w"(factor))
#endif

#ifdef STEP
/* Ten chains: more than any pipeline is deep times how many there are. */
static double
fma_rounds(int rounds) {
    vec factor = {0.5f}, a = factor, b = factor, c = factor, d = factor, e = factor, f = factor,
        g = factor, h = factor, i = factor, j = factor;
    for (int round = 0; round < rounds; round++) {
        STEP(a);
        STEP(b);
        STEP(c);
        STEP(d);
        STEP(e);
        STEP(f);
        STEP(g);
        STEP(h);
        STEP(i);
        STEP(j);
    }
    return (double)rounds * 10 * 2 * LANES;
}

double measure_fma_peak(void *unused) {
    (void)unused;
    uint64_t start_ns = hone_clock_monotonic_ns();
    double operations = fma_rounds(20000);
    return operations * 1e9 / (double)(hone_clock_monotonic_ns() - start_ns);
}
#else
double measure_fma_peak(void *unused) {
    (void)unused;
    return 0;
}
#endif
