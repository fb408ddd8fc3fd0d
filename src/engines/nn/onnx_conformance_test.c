/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: ONNX's own tests of operators and small networks pass wherever the operators are supported.
 * Method: HONE_ONNX_TESTDATA names the folder (Debian: libonnx-testdata,
 * .../libonnx-testdata/data); every model is loaded and run on each variant of the kernels, outputs
 * are compared as ONNX does (relative 1e-3, absolute 1e-7). A model that asks for what hone does
 * not have counts as skipped, by operator; any other refusal is a failure.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hone/nn/model.h"
#include "hone/platform/file.h"
#include "hone/platform/isa.h"
#include "onnx_internal.h"

enum { EXIT_SKIPPED = 77, ENDS_MAX = 64, OPS_MAX = 512, FILE_BYTES_MAX = 64 << 20 };

typedef enum outcome { PASSED, FAILED, SKIPPED, OUTCOMES } outcome;

typedef struct op_row {
    char name[48];
    int counts[OUTCOMES];
} op_row;

typedef struct tally {
    op_row rows[OPS_MAX];
    size_t rows_count;
    int counts[OUTCOMES];
    bool is_verbose;
} tally;

static bool read_file(const char *path, hone_buffer *out) {
    hone_buffer_init(out, NULL, FILE_BYTES_MAX);
    return hone_file_read_all(path, FILE_BYTES_MAX, NULL, out) == HONE_OK;
}

static hone_span span_of(const hone_buffer *buffer) {
    return (hone_span){(const uint8_t *)buffer->data, buffer->size};
}

static bool is_near(double got, double expected) {
    if (isnan(expected) || isinf(expected)) {
        return isnan(expected) ? isnan(got) : got == expected;
    }
    return fabs(got - expected) <= 1e-7 + 1e-3 * fabs(expected);
}

static bool is_same_tensor(const hone_nn_tensor *output, const void *got,
                           const hn_onnx_tensor *expected, char *why, size_t why_size) {
    if (output->type != expected->type || output->rank != expected->rank ||
        memcmp(output->dims, expected->dims, output->rank * sizeof *output->dims) != 0) {
        (void)snprintf(why, why_size, "type or shape of '%s'", output->name);
        return false;
    }
    for (size_t i = 0; i < output->count; i++) {
        bool is_right;
        if (output->type == HONE_NN_F32) {
            is_right = is_near((double)((const float *)got)[i],
                               (double)((const float *)expected->data)[i]);
        } else {
            size_t bytes = hone_nn_type_bytes(output->type);
            is_right = memcmp((const uint8_t *)got + i * bytes,
                              (const uint8_t *)expected->data + i * bytes, bytes) == 0;
        }
        if (!is_right) {
            (void)snprintf(why, why_size, "element %zu of '%s'", i, output->name);
            return false;
        }
    }
    return true;
}

/* One data set: -1 when there is none. */
static int run_set(hone_nn_model *model, const char *folder, int set, char *why, size_t why_size) {
    size_t inputs_count, outputs_count;
    const hone_nn_tensor *inputs = hone_nn_model_inputs(model, &inputs_count);
    const hone_nn_tensor *outputs = hone_nn_model_outputs(model, &outputs_count);
    const void *in[ENDS_MAX] = {0};
    void *out[ENDS_MAX] = {0};
    hone_arena arena;
    int result = 1;
    hone_arena_init(&arena, NULL, (size_t)1 << 30);
    for (size_t i = 0; i < inputs_count + outputs_count && result == 1; i++) {
        const bool is_input = i < inputs_count;
        const size_t index = is_input ? i : i - inputs_count;
        char path[1024];
        hone_buffer bytes;
        hn_onnx_tensor tensor;
        (void)snprintf(path, sizeof path, "%s/test_data_set_%d/%s_%zu.pb", folder, set,
                       is_input ? "input" : "output", index);
        if (!read_file(path, &bytes)) {
            result = -1;
        } else if (hn_onnx_read_tensor(span_of(&bytes), &arena, NULL, &tensor) != HONE_OK ||
                   (is_input && tensor.count != inputs[index].count)) {
            (void)snprintf(why, why_size, "cannot use %.500s", path);
            result = 0;
        } else if (is_input) {
            size_t size = tensor.count * hone_nn_type_bytes(tensor.type);
            void *copy = hone_arena_allocate(&arena, size, 64);
            assert_non_null(copy);
            in[index] = memcpy(copy, tensor.data, size);
        } else {
            if (index == 0) {
                for (size_t o = 0; o < outputs_count; o++) {
                    size_t size = outputs[o].count * hone_nn_type_bytes(outputs[o].type);
                    out[o] = malloc(size + 1);
                    assert_non_null(out[o]);
                    memset(out[o], 0xA5, size + 1);
                }
                assert_int_equal(hone_nn_model_run(model, in, out, NULL), HONE_OK);
            }
            result = is_same_tensor(&outputs[index], out[index], &tensor, why, why_size);
        }
        hone_buffer_deinit(&bytes);
    }
    for (size_t o = 0; o < outputs_count; o++) {
        free(out[o]);
    }
    hone_arena_deinit(&arena);
    return result;
}

static outcome run_model(const char *folder, hone_isa_mask features, char *why, size_t why_size) {
    char path[1024];
    hone_buffer file;
    hone_diag diag = {0};
    hone_nn_model *model;
    (void)snprintf(path, sizeof path, "%s/model.onnx", folder);
    if (!read_file(path, &file)) {
        hone_buffer_deinit(&file);
        (void)snprintf(why, why_size, "no model.onnx");
        return SKIPPED;
    }
    const hone_nn_options options = {.features = features};
    hone_status status = hone_nn_model_load_onnx(span_of(&file), &options, &diag, &model);
    hone_buffer_deinit(&file);
    if (status != HONE_OK) {
        (void)snprintf(why, why_size, "%s", diag.message);
        return status == HONE_STATUS_UNSUPPORTED ? SKIPPED : FAILED;
    }
    int sets = 0, result = 1;
    for (; result == 1; sets++) {
        result = run_set(model, folder, sets, why, why_size);
    }
    hone_nn_model_destroy(model);
    return result == 0 ? FAILED : sets > 1 ? PASSED : SKIPPED;
}

/* The operator that the model is about: the first node's. */
static void name_op(const char *folder, char *name, size_t size) {
    char path[1024];
    hone_buffer file;
    hone_arena arena;
    hn_onnx_graph graph;
    (void)snprintf(path, sizeof path, "%s/model.onnx", folder);
    hone_arena_init(&arena, NULL, (size_t)1 << 30);
    bool is_read = read_file(path, &file) &&
                   hn_onnx_read(span_of(&file), &arena, NULL, &graph) == HONE_OK &&
                   graph.nodes_count > 0;
    (void)snprintf(name, size, "%.*s", is_read ? (int)graph.nodes[0].op.size : 1,
                   is_read ? graph.nodes[0].op.data : "-");
    hone_buffer_deinit(&file);
    hone_arena_deinit(&arena);
}

static op_row *row_of(tally *into, const char *name) {
    for (size_t i = 0; i < into->rows_count; i++) {
        if (strcmp(into->rows[i].name, name) == 0) {
            return &into->rows[i];
        }
    }
    assert_true(into->rows_count < OPS_MAX);
    op_row *made = &into->rows[into->rows_count++];
    (void)snprintf(made->name, sizeof made->name, "%s", name);
    return made;
}

static void run_folder(const char *root, const char *kind, hone_isa_mask features, tally *into) {
    char folder[512], test[800], op[48], why[768];
    (void)snprintf(folder, sizeof folder, "%s/%s", root, kind);
    DIR *directory = opendir(folder);
    for (struct dirent *entry; directory && (entry = readdir(directory));) {
        if (entry->d_name[0] == '.') {
            continue;
        }
        why[0] = '\0';
        (void)snprintf(test, sizeof test, "%s/%s", folder, entry->d_name);
        name_op(test, op, sizeof op);
        outcome result = run_model(test, features, why, sizeof why);
        row_of(into, op)->counts[result]++;
        into->counts[result]++;
        if (result == FAILED || (into->is_verbose && result == SKIPPED)) {
            print_message("%s %s: %s\n", result == FAILED ? "FAILED" : "skipped", entry->d_name,
                          why);
        }
    }
    if (directory) {
        (void)closedir(directory);
    }
}

static int by_name(const void *a, const void *b) {
    return strcmp(((const op_row *)a)->name, ((const op_row *)b)->name);
}

static void every_supported_case_passes(void **state) {
    const char *root = *state;
    static const char *const kinds[] = {"node", "simple", "pytorch-operator", "pytorch-converted"};
    static tally total;
    total.is_verbose = getenv("HONE_ONNX_VERBOSE") != NULL;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        tally *into = &total;
        int before[OUTCOMES];
        memcpy(before, into->counts, sizeof before);
        run_folder(root, kinds[i], hone_isa_detect(), into);
        print_message("%s: %d passed, %d failed, %d skipped\n", kinds[i],
                      into->counts[PASSED] - before[PASSED], into->counts[FAILED] - before[FAILED],
                      into->counts[SKIPPED] - before[SKIPPED]);
    }
    qsort(total.rows, total.rows_count, sizeof *total.rows, by_name);
    for (size_t i = 0; i < total.rows_count; i++) {
        const op_row *row = &total.rows[i];
        print_message("  %-28s %3d passed %3d failed %3d skipped\n", row->name, row->counts[PASSED],
                      row->counts[FAILED], row->counts[SKIPPED]);
    }
    assert_int_equal(total.counts[FAILED], 0);
    assert_true(total.counts[PASSED] >= 200); /* fewer: the folder holds something else */
}

int main(void) {
    const char *root = getenv("HONE_ONNX_TESTDATA");
    if (!root || !*root) {
        (void)fprintf(stderr, "HONE_ONNX_TESTDATA is not set\n");
        return EXIT_SKIPPED;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_prestate(every_supported_case_passes, (void *)(uintptr_t)root),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
