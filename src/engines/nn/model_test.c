/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: small networks give what can be worked out by hand, the same bits on every variant of the
 * kernels; what loading promises (fusion, constants, one block of memory) happens; bad files and
 * lack of memory are refused with a reason. Networks are those of tests/corpora/onnx.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "hone/memory/failing.h"
#include "hone/nn/model.h"
#include "hone/platform/file.h"
#include "hone/platform/isa.h"

enum { FILE_BYTES_MAX = 1 << 20 };

static hone_span read_corpus(const char *name, hone_buffer *out) {
    char path[512];
    (void)snprintf(path, sizeof path, "%s/tests/corpora/onnx/%s", HONE_SOURCE_DIR, name);
    hone_buffer_init(out, NULL, FILE_BYTES_MAX);
    assert_int_equal(hone_file_read_all(path, FILE_BYTES_MAX, NULL, out), HONE_OK);
    return (hone_span){(const uint8_t *)out->data, out->size};
}

static hone_nn_model *load(const char *name, const hone_nn_options *options) {
    hone_buffer file;
    hone_nn_model *model = NULL;
    hone_diag diag = {0};
    hone_status status = hone_nn_model_load_onnx(read_corpus(name, &file), options, &diag, &model);
    hone_buffer_deinit(&file);
    if (status != HONE_OK) {
        fail_msg("%s: %s", name, diag.message);
    }
    return model;
}

static void run(hone_nn_model *model, const float *in, float *out) {
    hone_diag diag = {0};
    if (hone_nn_model_run(model, (const void *[]){in}, (void *[]){out}, &diag) != HONE_OK) {
        fail_msg("%s", diag.message);
    }
}

static void a_linear_layer_with_limits(void **state) {
    (void)state;
    hone_nn_model *model = load("linear.onnx", NULL);
    size_t count;
    const hone_nn_tensor *inputs = hone_nn_model_inputs(model, &count);
    assert_int_equal(count, 1);
    assert_string_equal(inputs[0].name, "x");
    assert_int_equal(inputs[0].count, 2);
    float y[3];
    run(model, (float[]){1, 1}, y);
    assert_true(y[0] == 15 && y[1] == 27 && y[2] == 35);
    run(model, (float[]){-100, 0}, y);
    assert_true(y[0] == 0 && y[1] == 0 && y[2] == 0);
    hone_nn_figures figures;
    hone_nn_model_figures(model, &figures);
    assert_int_equal(figures.steps_count, 1); /* the limits went into the product */
    assert_int_equal(figures.parameters_count, 6 + 3 + 2);
    assert_true(figures.multiply_adds == 6);
    hone_nn_model_destroy(model);
}

static void fill(float *values, size_t count) {
    for (size_t i = 0; i < count; i++) {
        values[i] = (float)((i * 7919) % 2001) / 1000.0f - 1;
    }
}

static void every_variant_gives_the_same_bits(void **state) {
    (void)state;
    enum { BATCH = 3, IN = 3 * 16 * 12, OUT = 5 };
    float in[BATCH * IN], expected[BATCH * OUT], out[BATCH * OUT];
    fill(in, BATCH * IN);
    hone_nn_model *plain = load("conv_net.onnx", &(hone_nn_options){.free_dim = BATCH});
    run(plain, in, expected);
    for (size_t i = 0; i < BATCH; i++) {
        float sum = 0;
        for (size_t j = 0; j < OUT; j++) {
            sum += expected[i * OUT + j];
        }
        assert_true(fabsf(sum - 1) < 1e-6f);
    }
    const hone_isa_mask all = hone_isa_detect();
    const hone_isa_mask masks[] = {all, all & HONE_ISA_NEEDED_AVX2, all & HONE_ISA_NEEDED_NEON};
    for (size_t i = 0; i < sizeof masks / sizeof *masks; i++) {
        /* a batch at once, and one by one, and again */
        hone_nn_model *whole =
            load("conv_net.onnx", &(hone_nn_options){.free_dim = BATCH, .features = masks[i]});
        hone_nn_model *single = load("conv_net.onnx", &(hone_nn_options){.features = masks[i]});
        for (int round = 0; round < 2; round++) {
            memset(out, 0xFF, sizeof out);
            run(whole, in, out);
            assert_memory_equal(out, expected, sizeof out);
        }
        for (size_t image = 0; image < BATCH; image++) {
            run(single, in + image * IN, out);
            assert_memory_equal(out, expected + image * OUT, OUT * sizeof *out);
        }
        hone_nn_model_destroy(whole);
        hone_nn_model_destroy(single);
    }
    hone_nn_model_destroy(plain);
}

static void what_can_be_is_fused_and_planned(void **state) {
    (void)state;
    hone_nn_model *model = load("conv_net.onnx", NULL);
    hone_nn_figures figures;
    hone_nn_model_figures(model, &figures);
    /* layout, 3 convolutions, add, 2 pools, product, softmax: no normalisation, no Relu, no second
     * layout */
    assert_int_equal(figures.steps_count, 9);
    /* 8 x 6 channels x pixels after the first convolution, twice: input and output of the second */
    assert_true(figures.arena_least >= 2 * 8 * 8 * 6 * sizeof(float));
    assert_true(figures.arena_bytes >= figures.arena_least);
    assert_true(figures.arena_bytes <= figures.arena_least + figures.arena_least / 20);
    hone_nn_model_destroy(model);
}

static void shapes_are_worked_out_when_loading(void **state) {
    (void)state;
    hone_nn_model *model = load("shapes.onnx", NULL);
    float x[24], y[2];
    fill(x, 24);
    run(model, x, y);
    assert_true(fabsf(y[0] - (x[0] + x[12]) / 2) < 1e-6f);
    assert_true(fabsf(y[1] - (x[1] + x[13]) / 2) < 1e-6f);
    hone_nn_figures figures;
    hone_nn_model_figures(model, &figures);
    assert_int_equal(figures.steps_count, 3); /* transposed, cut, reduced */
    hone_nn_model_destroy(model);
}

static void bad_files_are_refused_with_a_reason(void **state) {
    (void)state;
    static const struct {
        const char *file;
        hone_status status;
        const char *words[3];
    } cases[] = {
        {"missing_operators.onnx",
         HONE_STATUS_UNSUPPORTED,
         {"2 operators", "Frobnicate-13 (node 'one')", "LSTM-13 (node 'two')"}},
        {"truncated.onnx", HONE_STATUS_TRUNCATED, {"ends in the middle"}},
        {"empty.onnx", HONE_STATUS_CORRUPT, {"no graph"}},
        {"wrong_data.onnx", HONE_STATUS_CORRUPT, {"'w'", "3 elements", "1000"}},
        {"huge.onnx", HONE_STATUS_LIMIT, {"2^31"}},
        {"early_use.onnx", HONE_STATUS_CORRUPT, {"no node before"}},
        {"window.onnx", HONE_STATUS_CORRUPT, {"windows"}},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hone_buffer file;
        hone_diag diag = {0};
        hone_nn_model *model = NULL;
        hone_span bytes = read_corpus(cases[i].file, &file);
        hone_status status = hone_nn_model_load_onnx(bytes, NULL, &diag, &model);
        hone_buffer_deinit(&file);
        if (status != cases[i].status) {
            fail_msg("%s: %s: %s", cases[i].file, hone_status_name(status), diag.message);
        }
        assert_null(model);
        for (size_t w = 0; w < 3 && cases[i].words[w]; w++) {
            if (!strstr(diag.message, cases[i].words[w])) {
                fail_msg("%s: '%s' does not name '%s'", cases[i].file, diag.message,
                         cases[i].words[w]);
            }
        }
    }
}

static void every_beginning_of_a_file_is_refused(void **state) {
    (void)state;
    hone_buffer file;
    hone_span bytes = read_corpus("conv_net.onnx", &file);
    for (size_t size = 0; size < bytes.size; size++) {
        hone_nn_model *model = NULL;
        hone_span cut = {bytes.data, size};
        assert_int_not_equal(hone_nn_model_load_onnx(cut, NULL, NULL, &model), HONE_OK);
    }
    hone_buffer_deinit(&file);
}

static void every_allocation_may_fail(void **state) {
    (void)state;
    hone_buffer file;
    hone_span bytes = read_corpus("conv_net.onnx", &file);
    for (uint64_t n = 1;; n++) {
        hone_failing failing;
        hone_failing_init(&failing, NULL, n, false);
        hone_nn_model *model = NULL;
        const hone_nn_options options = {.allocator = &failing.allocator};
        hone_status status = hone_nn_model_load_onnx(bytes, &options, NULL, &model);
        hone_nn_model_destroy(model);
        assert_int_equal(hone_failing_read_stats(&failing).live_bytes, 0);
        if (!hone_failing_has_failed(&failing)) {
            assert_int_equal(status, HONE_OK);
            break;
        }
        assert_int_equal(status, HONE_STATUS_OUT_OF_MEMORY);
    }
    const hone_nn_options small = {.memory_max = 4096};
    hone_nn_model *model = NULL;
    hone_diag diag = {0};
    assert_int_equal(hone_nn_model_load_onnx(bytes, &small, &diag, &model),
                     HONE_STATUS_OUT_OF_MEMORY);
    assert_non_null(strstr(diag.message, "memory"));
    hone_buffer_deinit(&file);
}

static void inputs_and_outputs_must_be_given(void **state) {
    (void)state;
    hone_nn_model *model = load("linear.onnx", NULL);
    float x[2] = {0}, y[3];
    hone_diag diag = {0};
    assert_int_equal(hone_nn_model_run(model, (const void *[]){NULL}, (void *[]){y}, &diag),
                     HONE_STATUS_INVALID_ARGUMENT);
    assert_non_null(strstr(diag.message, "'x'"));
    assert_int_equal(hone_nn_model_run(model, (const void *[]){x}, (void *[]){NULL}, &diag),
                     HONE_STATUS_INVALID_ARGUMENT);
    assert_non_null(strstr(diag.message, "'y'"));
    hone_nn_model_destroy(model);
    hone_nn_model_destroy(NULL);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_linear_layer_with_limits),
        cmocka_unit_test(every_variant_gives_the_same_bits),
        cmocka_unit_test(what_can_be_is_fused_and_planned),
        cmocka_unit_test(shapes_are_worked_out_when_loading),
        cmocka_unit_test(bad_files_are_refused_with_a_reason),
        cmocka_unit_test(every_beginning_of_a_file_is_refused),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(inputs_and_outputs_must_be_given),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
