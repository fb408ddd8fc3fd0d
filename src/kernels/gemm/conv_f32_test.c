/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: every variant gives the bits that the header promises, for every stride, padding, dilation
 * and group. Method: an oracle in the header's words; random jobs; operands at the end of a
 * mapping; the output poisoned before; lines computed in several calls.
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
#include "hone/kernels/gemm/conv.h"

typedef struct operands {
    float *in, *weights, *bias, *out, *expected;
    size_t out_count;
} operands;

static float in_or_zero(const hone_conv_f32_job *job, size_t image, ptrdiff_t y, ptrdiff_t x,
                        size_t c) {
    if (y < 0 || x < 0 || y >= (ptrdiff_t)job->height || x >= (ptrdiff_t)job->width) {
        return 0;
    }
    size_t pixel = (image * job->height + (size_t)y) * job->width + (size_t)x;
    return job->in[pixel * job->channels + c];
}

static float expected_element(const hone_conv_f32_job *job, const float *weights, size_t line,
                              size_t x, size_t o) {
    const size_t group_in = job->channels / job->groups,
                 group_out = job->out_channels / job->groups;
    size_t image = line / job->out_height, y = line % job->out_height;
    float sum = job->bias ? job->bias[o] : 0;
    for (size_t r = 0; r < job->kernel_height; r++) {
        for (size_t q = 0; q < job->kernel_width; q++) {
            for (size_t c = 0; c < group_in; c++) {
                ptrdiff_t in_y =
                    (ptrdiff_t)(y * job->stride_y + r * job->dilation_y) - (ptrdiff_t)job->pad_top;
                ptrdiff_t in_x =
                    (ptrdiff_t)(x * job->stride_x + q * job->dilation_x) - (ptrdiff_t)job->pad_left;
                size_t tap = r * job->kernel_width + q;
                size_t taps = job->kernel_height * job->kernel_width;
                sum = fmaf(in_or_zero(job, image, in_y, in_x, o / group_out * group_in + c),
                           weights[(o * group_in + c) * taps + tap], sum);
            }
        }
    }
    sum = sum < job->low ? job->low : sum;
    return sum > job->high ? job->high : sum;
}

static void make_operands(hone_conv_f32_job *job, bool has_bias, operands *out) {
    size_t in_count = job->batch * job->height * job->width * job->channels;
    size_t weights_count =
        job->out_channels * (job->channels / job->groups) * job->kernel_height * job->kernel_width;
    out->out_count = job->batch * job->out_height * job->out_width * job->out_channels;
    out->in = take(0, in_count, random_below(3));
    out->weights = take(1, weights_count, 0);
    out->bias = has_bias ? take(3, job->out_channels, 0) : NULL;
    out->out = take(2, out->out_count, random_below(3));
    out->expected = malloc((out->out_count + 1) * sizeof(float));
    assert_non_null(out->expected);
    job->in = out->in;
    job->bias = out->bias;
    job->out = out->out;
    size_t at = 0;
    for (size_t line = 0; line < job->batch * job->out_height; line++) {
        for (size_t x = 0; x < job->out_width; x++) {
            for (size_t o = 0; o < job->out_channels; o++) {
                out->expected[at++] = expected_element(job, out->weights, line, x, o);
            }
        }
    }
}

static void run_variant(const hone_gemm_f32_variant *variant, hone_conv_f32_job job,
                        const operands *given) {
    float *packed = malloc((hone_conv_f32_packed_count(variant, &job) + 1) * sizeof *packed);
    assert_non_null(packed);
    hone_conv_f32_pack(variant, &job, given->weights, packed);
    job.weights = packed;
    size_t bytes = hone_conv_f32_scratch_bytes(variant, NULL, &job);
    uint8_t *scratch = (uint8_t *)guarded_end(4) - (bytes + 63) / 64 * 64;
    assert_true(bytes <= AREA_FLOATS * sizeof(float));
    memset(scratch, 0xFF, bytes);
    memset(given->out, 0xFF, given->out_count * sizeof(float));
    size_t lines = job.batch * job.out_height;
    for (size_t line = 0; line < lines;) {
        size_t count = random_below(2) ? lines - line : 1 + random_below((uint32_t)(lines - line));
        hone_conv_f32_run(variant, NULL, &job, line, line + count, scratch);
        line += count;
    }
    for (size_t i = 0; i < given->out_count; i++) {
        if (memcmp(&given->out[i], &given->expected[i], sizeof(float)) != 0) {
            fail_msg("%s: %zux%zux%zu, kernel %zux%zu, stride %zu %zu, dilation %zu %zu, pad %zu "
                     "%zu, groups %zu: float %zu is %a, not %a",
                     variant->name, job.height, job.width, job.channels, job.kernel_height,
                     job.kernel_width, job.stride_y, job.stride_x, job.dilation_y, job.dilation_x,
                     job.pad_top, job.pad_left, job.groups, i, (double)given->out[i],
                     (double)given->expected[i]);
        }
    }
    free(packed);
}

static void check_variants(hone_conv_f32_job job, bool has_bias) {
    operands given;
    make_operands(&job, has_bias, &given);
    size_t count;
    const hone_gemm_f32_variant *variants = hone_gemm_f32_variants(&count);
    for (size_t v = 0; v < count; v++) {
        if (hone_isa_has(hone_isa_detect(), variants[v].needed)) {
            run_variant(&variants[v], job, &given);
        }
    }
    free(given.expected);
}

/* Output as large as the padding of at most the kernel's reach allows, or smaller. */
static size_t random_out(size_t in, size_t reach, size_t stride, size_t pad_before) {
    size_t padded = in + pad_before + random_below((uint32_t)reach);
    return padded < reach ? 1 : (padded - reach) / stride + 1;
}

static hone_conv_f32_job random_job(void) {
    hone_conv_f32_job job = {.batch = 1 + random_below(2),
                             .height = 1 + random_below(9),
                             .width = 1 + random_below(18),
                             .kernel_height = 1 + random_below(4),
                             .kernel_width = 1 + random_below(4),
                             .stride_y = 1 + random_below(3),
                             .stride_x = 1 + random_below(3),
                             .dilation_y = 1 + random_below(3) / 2,
                             .dilation_x = 1 + random_below(3) / 2,
                             .groups = 1,
                             .low = random_below(2) ? 0 : -INFINITY,
                             .high = random_below(2) ? 6 : INFINITY};
    size_t reach_y = (job.kernel_height - 1) * job.dilation_y + 1;
    size_t reach_x = (job.kernel_width - 1) * job.dilation_x + 1;
    job.pad_top = random_below((uint32_t)reach_y);
    job.pad_left = random_below((uint32_t)reach_x);
    job.out_height = random_out(job.height, reach_y, job.stride_y, job.pad_top);
    job.out_width = random_out(job.width, reach_x, job.stride_x, job.pad_left);
    if (random_below(3) == 0) {
        job.groups = 1 + random_below(4);
    }
    job.channels = job.groups * (1 + random_below(random_below(2) ? 4 : 20));
    job.out_channels = job.groups * (1 + random_below(random_below(2) ? 8 : 40));
    return job;
}

static void random_jobs(void **state) {
    (void)state;
    for (int round = 0; round < 250; round++) {
        check_variants(random_job(), round % 2);
    }
}

static void depthwise_jobs(void **state) {
    (void)state;
    for (int round = 0; round < 150; round++) {
        hone_conv_f32_job job = random_job();
        job.groups = job.channels = job.out_channels = 2 + random_below(40);
        check_variants(job, round % 2);
    }
}

static void ones_by_one_are_one_product(void **state) {
    (void)state;
    for (int round = 0; round < 40; round++) {
        hone_conv_f32_job job = random_job();
        job.kernel_height = job.kernel_width = job.stride_x = job.stride_y = 1;
        job.dilation_x = job.dilation_y = job.groups = 1;
        job.pad_top = job.pad_left = 0;
        job.out_height = job.height;
        job.out_width = job.width;
        check_variants(job, round % 2);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_jobs),
        cmocka_unit_test(depthwise_jobs),
        cmocka_unit_test(ones_by_one_are_one_product),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
