/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: every variant gives the bits that the header promises, one chain of fma() per element, for
 * every tail and every way A, B and C may lie. Method: an oracle of its own, in the header's words;
 * every count of rows and columns around the tiles; random jobs; operands that end at the end of a
 * mapping; C and scratch poisoned before and checked behind; tiny caches, so that k and n are cut.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "gemm_test_internal.h"

/* What a case is made of; the operands are made from it. */
typedef struct shape {
    size_t m, n, segments, segment_k;
    size_t a_pad, b_pad, c_pad; /* beyond the rows */
    bool is_a_transposed, is_b_transposed, is_packed, has_bias, is_accumulating;
    float low, high;
    hone_gemm_caches caches;
} shape;

enum { SEGMENTS_MAX = 9 };

typedef struct operands {
    hone_gemm_f32_job job;
    const float *bases[SEGMENTS_MAX];
    float *c;
    size_t c_count, k;
} operands;

static void make_operands(const shape *of, operands *out) {
    const size_t k = of->segments * of->segment_k;
    const size_t a_stride = (of->is_a_transposed ? of->m : of->segment_k) + of->a_pad;
    const size_t b_stride = (of->is_b_transposed ? k : of->n) + of->b_pad;
    size_t a_lines = of->is_a_transposed ? of->segment_k : of->m;
    size_t b_lines = of->is_b_transposed ? of->n : k, c_stride = of->n + of->c_pad;
    size_t a_count = a_lines * a_stride, c_count = (of->m - 1) * c_stride + of->n;
    memset(out, 0, sizeof *out);
    float *a = take(0, of->segments * a_count, random_below(3));
    for (size_t s = 0; s < of->segments; s++) {
        /* not in rising order */
        out->bases[s] = a + (of->segments - 1 - s) * a_count;
    }
    size_t b_count = b_lines > 0 ? (b_lines - 1) * b_stride + (of->is_b_transposed ? k : of->n) : 0;
    out->c = take(2, c_count, random_below(3));
    out->c_count = c_count;
    out->k = k;
    out->job = (hone_gemm_f32_job){
        .m = of->m,
        .n = of->n,
        .a = out->bases,
        .segments_count = of->segments,
        .segment_k = of->segment_k,
        .a_row_stride = of->is_a_transposed ? 1 : (ptrdiff_t)a_stride,
        .a_step = of->is_a_transposed ? (ptrdiff_t)a_stride : 1,
        .b = take(1, b_count, random_below(3)),
        .b_row_stride = of->is_b_transposed ? 1 : (ptrdiff_t)b_stride,
        .b_step = of->is_b_transposed ? (ptrdiff_t)b_stride : 1,
        .c = out->c,
        .c_row_stride = (ptrdiff_t)c_stride,
        .bias = of->has_bias ? take(3, of->n, random_below(3)) : NULL,
        .is_accumulating = of->is_accumulating,
        .low = of->low,
        .high = of->high,
    };
}

/* The header's definition of an element. */
static float expected_element(const hone_gemm_f32_job *job, size_t i, size_t j) {
    float x = job->is_accumulating ? job->c[(ptrdiff_t)i * job->c_row_stride + (ptrdiff_t)j]
              : job->bias          ? job->bias[j]
                                   : 0;
    for (size_t s = 0; s < job->segments_count; s++) {
        for (size_t p = 0; p < job->segment_k; p++) {
            const float *b = job->b + (ptrdiff_t)(s * job->segment_k + p) * job->b_row_stride;
            x = fmaf(job->a[s][(ptrdiff_t)i * job->a_row_stride + (ptrdiff_t)p * job->a_step],
                     b[(ptrdiff_t)j * job->b_step], x);
        }
    }
    x = x < job->low ? job->low : x;
    return x > job->high ? job->high : x;
}

static void assert_same_bits(const float *got, const float *expected, size_t count,
                             const char *name, const shape *of) {
    if (memcmp(got, expected, count * sizeof *got) != 0) {
        size_t i = 0;
        while (memcmp(&got[i], &expected[i], sizeof *got) == 0) {
            i++;
        }
        fail_msg("%s: m %zu n %zu k %zux%zu packed %d transposed %d %d: float %zu is %a, not %a",
                 name, of->m, of->n, of->segments, of->segment_k, of->is_packed,
                 of->is_a_transposed, of->is_b_transposed, i, (double)got[i], (double)expected[i]);
    }
}

static void run_variant(const hone_gemm_f32_variant *variant, const shape *of, operands *given) {
    const uint32_t poison = POISON;
    hone_gemm_f32_job job = given->job;
    float *packed = NULL;
    if (of->is_packed) {
        size_t count = hone_gemm_f32_packed_count(variant, given->k, of->n);
        packed = malloc((count + 1) * sizeof *packed);
        assert_non_null(packed);
        memcpy(&packed[count], &poison, sizeof poison);
        hone_gemm_f32_pack(variant, job.b, job.b_row_stride, job.b_step, given->k, of->n, packed);
        assert_memory_equal(&packed[count], &poison, sizeof poison);
        job.b_packed = packed;
        job.b = NULL;
    }
    size_t scratch_count = hone_gemm_f32_scratch_count(variant, &of->caches, &job);
    float *scratch = guarded_end(4) - scratch_count;
    assert_true(scratch_count <= AREA_FLOATS);
    memset(scratch, 0xFF, scratch_count * sizeof *scratch); /* NaN */
    hone_gemm_f32_run(variant, &of->caches, &job, scratch);
    free(packed);
}

static void check_variants(const shape *of) {
    operands given;
    make_operands(of, &given);
    float *before = malloc(given.c_count * sizeof *before);
    float *expected = malloc(given.c_count * sizeof *expected);
    assert_non_null(before);
    assert_non_null(expected);
    memcpy(before, given.c, given.c_count * sizeof *before);
    memcpy(expected, given.c, given.c_count * sizeof *before);
    for (size_t i = 0; i < of->m; i++) {
        for (size_t j = 0; j < of->n; j++) {
            expected[i * (of->n + of->c_pad) + j] = expected_element(&given.job, i, j);
        }
    }
    size_t count;
    const hone_gemm_f32_variant *variants = hone_gemm_f32_variants(&count);
    for (size_t v = 0; v < count; v++) {
        if (hone_isa_has(hone_isa_detect(), variants[v].needed)) {
            memcpy(given.c, before, given.c_count * sizeof *before);
            run_variant(&variants[v], of, &given);
            /* between the rows, too: what is there stays */
            assert_same_bits(given.c, expected, given.c_count, variants[v].name, of);
        }
    }
    free(before);
    free(expected);
}

static const shape plain = {
    .m = 1, .n = 1, .segments = 1, .segment_k = 1, .low = -INFINITY, .high = INFINITY};

static void every_tail_of_rows_and_columns(void **state) {
    (void)state;
    for (size_t m = 1; m <= 17; m++) {
        for (size_t n = 1; n <= 67; n += n < 34 ? 1 : 3) {
            shape of = plain;
            of.m = m;
            of.n = n;
            of.segment_k = 1 + (m * 7 + n) % 5;
            of.is_packed = (m + n) % 2;
            of.has_bias = m % 3 == 0;
            of.c_pad = n % 2;
            check_variants(&of);
        }
    }
}

static void random_jobs(void **state) {
    (void)state;
    for (int round = 0; round < 600; round++) {
        shape of = plain;
        of.m = 1 + random_below(random_below(4) ? 16 : 60);
        of.n = 1 + random_below(random_below(4) ? 40 : 150);
        of.segments = random_below(3) ? 1 : random_below(SEGMENTS_MAX + 1);
        of.segment_k = 1 + random_below(of.segments == 1 ? 160 : 24);
        of.a_pad = random_below(4);
        of.b_pad = random_below(4);
        of.c_pad = random_below(4);
        of.is_a_transposed = random_below(4) == 0;
        of.is_b_transposed = random_below(3) == 0;
        of.is_packed = random_below(2);
        of.has_bias = random_below(2);
        of.is_accumulating = random_below(4) == 0;
        of.low = random_below(2) ? 0 : -INFINITY;
        of.high = random_below(3) ? INFINITY : 6;
        if (random_below(3) == 0) {
            of.caches = (hone_gemm_caches){1024, 4096};
        }
        check_variants(&of);
    }
}

/* Rows a multiple of 1024 bytes apart are copied before use. */
static void distant_rows(void **state) {
    (void)state;
    for (size_t m = 1; m <= 30; m += 7) {
        shape of = plain;
        of.m = m;
        of.n = 130;
        of.segment_k = 300;
        of.a_pad = 512 - 300;
        of.is_packed = m % 2;
        check_variants(&of);
        of.is_a_transposed = true;
        check_variants(&of);
    }
}

/* B of more than what is read where it lies. */
static void large_unpacked(void **state) {
    (void)state;
    shape of = plain;
    of.m = 31;
    of.n = 150;
    of.segment_k = 170;
    check_variants(&of);
    of.is_b_transposed = true;
    check_variants(&of);
    of.m = 2;
    check_variants(&of);
}

static void no_k_gives_the_clamped_bias(void **state) {
    (void)state;
    for (int segments = 0; segments <= 1; segments++) {
        shape of = plain;
        of.m = 3;
        of.n = 37;
        of.segments = (size_t)segments;
        of.segment_k = 1 - (size_t)segments;
        of.has_bias = true;
        of.low = 0;
        check_variants(&of);
    }
}

static void nothing_is_done_without_rows_or_columns(void **state) {
    (void)state;
    size_t count;
    const hone_gemm_f32_variant *variants = hone_gemm_f32_variants(&count);
    for (size_t v = 0; v < count; v++) {
        float c = 1;
        hone_gemm_f32_job job = {.m = 0, .n = 5, .c = &c};
        hone_gemm_f32_run(&variants[v], NULL, &job, NULL);
        job.m = 5;
        job.n = 0;
        hone_gemm_f32_run(&variants[v], NULL, &job, NULL);
        assert_true(c == 1);
    }
}

/* 3 = 1 x NaN + ... stays NaN under every clamp; infinities of both signs give one. */
static void nan_and_infinity_pass(void **state) {
    (void)state;
    size_t count;
    const hone_gemm_f32_variant *variants = hone_gemm_f32_variants(&count);
    for (size_t v = 0; v < count; v++) {
        if (!hone_isa_has(hone_isa_detect(), variants[v].needed)) {
            continue;
        }
        float a[2] = {1, 1}, b[2][3] = {{NAN, INFINITY, INFINITY}, {1, -INFINITY, 1}}, c[3];
        const float *base = a;
        hone_gemm_f32_job job = {.m = 1,
                                 .n = 3,
                                 .a = &base,
                                 .segments_count = 1,
                                 .segment_k = 2,
                                 .a_row_stride = 2,
                                 .a_step = 1,
                                 .b = &b[0][0],
                                 .b_row_stride = 3,
                                 .b_step = 1,
                                 .c = c,
                                 .c_row_stride = 3,
                                 .low = 0,
                                 .high = 6};
        float scratch[4096];
        assert_true(hone_gemm_f32_scratch_count(&variants[v], NULL, &job) <= 4096);
        hone_gemm_f32_run(&variants[v], NULL, &job, scratch);
        assert_true(isnan(c[0]));
        assert_true(isnan(c[1]));
        assert_true(c[2] == 6);
    }
}

static void parts_give_the_bits_of_the_whole(void **state) {
    (void)state;
    size_t count;
    const hone_gemm_f32_variant *variants = hone_gemm_f32_variants(&count);
    for (size_t v = 0; v < count; v++) {
        if (!hone_isa_has(hone_isa_detect(), variants[v].needed)) {
            continue;
        }
        shape of = plain;
        of.m = 40;
        of.n = 100;
        of.segment_k = 33;
        operands given;
        make_operands(&of, &given);
        hone_gemm_f32_job job = given.job;
        float *scratch = guarded_end(4) - hone_gemm_f32_scratch_count(&variants[v], NULL, &job);
        hone_gemm_f32_run(&variants[v], NULL, &job, scratch);
        float *whole = malloc(given.c_count * sizeof *whole);
        assert_non_null(whole);
        memcpy(whole, given.c, given.c_count * sizeof *whole);
        memset(given.c, 0xFF, given.c_count * sizeof *whole);
        for (size_t i = 0; i < of.m;) {
            size_t rows = 1 + random_below((uint32_t)(of.m - i));
            const float *base = given.bases[0] + (ptrdiff_t)i * job.a_row_stride;
            hone_gemm_f32_job part = job;
            part.m = rows;
            part.a = &base;
            part.c = job.c + (ptrdiff_t)i * job.c_row_stride;
            hone_gemm_f32_run(&variants[v], NULL, &part, scratch);
            i += rows;
        }
        assert_same_bits(given.c, whole, given.c_count, variants[v].name, &of);
        free(whole);
    }
}

static void table_takes_the_best_allowed(void **state) {
    (void)state;
    size_t count;
    const hone_gemm_f32_variant *variants = hone_gemm_f32_variants(&count);
    assert_string_equal(variants[0].name, "ref");
    assert_ptr_equal(hone_gemm_f32_choose(0), &variants[0]);
    for (size_t i = 0; i < count; i++) {
        assert_ptr_equal(hone_gemm_f32_choose(variants[i].needed), &variants[i]);
    }
    assert_ptr_equal(hone_gemm_f32_choose(~(hone_isa_mask)0), &variants[count - 1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_tail_of_rows_and_columns),
        cmocka_unit_test(random_jobs),
        cmocka_unit_test(distant_rows),
        cmocka_unit_test(large_unpacked),
        cmocka_unit_test(no_k_gives_the_clamped_bias),
        cmocka_unit_test(nothing_is_done_without_rows_or_columns),
        cmocka_unit_test(nan_and_infinity_pass),
        cmocka_unit_test(parts_give_the_bits_of_the_whole),
        cmocka_unit_test(table_takes_the_best_allowed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
