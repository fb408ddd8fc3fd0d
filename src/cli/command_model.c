/* SPDX-License-Identifier: Apache-2.0 */
/* `hone model`: what a neural network takes and gives, and running it on arrays from files. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "session_internal.h"

#include "hone/base/units.h"
#include "hone/nn/model.h"
#include "hone/nn/tensors.h"
#include "hone/platform/detect.h"
#include "hone/platform/isa.h"

enum { ENDS_MAX = 64, VALUES_SHOWN = 16, TENSOR_TEXT_BYTES = 192 };

static const size_t FILE_BYTES_MAX = (size_t)1 << 30;

typedef struct job {
    hn_session *session;
    hn_exit code; /* when it fails */
    hone_diag diag;
    hone_arena arena; /* elements of inputs and outputs */
    hone_nn_model *model;
    const hone_nn_tensor *inputs, *outputs;
    size_t inputs_count, outputs_count;
    const void *in[ENDS_MAX];
    void *out[ENDS_MAX];
} job;

/* ---- loading ---- */

static hone_status read_file(job *it, const char *path, hone_buffer *out) {
    hone_buffer_init(out, NULL, FILE_BYTES_MAX);
    return hone_file_read_all(path, FILE_BYTES_MAX, &it->diag, out);
}

/* A model's first field is its version, and everything that writes one writes that first. */
static bool is_onnx(hone_span bytes) {
    return bytes.size > 0 && bytes.data[0] == 0x08;
}

static void explain_refusal(hone_span bytes, const char *path, hone_diag *diag) {
    const hone_diag detail = *diag;
    const int size = (int)sizeof detail.message - 64;
    if (detail.status == HONE_STATUS_UNSUPPORTED) {
        (void)hone_diag_set(diag, detail.status, "%.*s; docs/nn.md lists what is supported", size,
                            detail.message);
    } else if (bytes.size > 0 && !is_onnx(bytes)) {
        (void)hone_diag_set(diag, detail.status, "is no ONNX model (%.*s)", size, detail.message);
    }
    hone_diag_at(diag, path, 0, 0);
}

static hone_status load(job *it, const char *path) {
    const hn_arguments *arguments = &it->session->arguments;
    hone_nn_options options = {.features = hone_isa_detect(),
                               .free_dim = (size_t)hn_arguments_number(arguments, "batch")};
    hone_platform platform;
    if (hone_platform_detect(NULL, NULL, &platform) == HONE_OK) {
        options.l1_bytes = (size_t)hone_platform_cache_bytes(&platform, 1);
        options.l2_bytes = (size_t)hone_platform_cache_bytes(&platform, 2);
        hone_platform_deinit(&platform);
    }
    hone_buffer file;
    hone_status status = read_file(it, path, &file);
    if (status == HONE_OK) {
        const hone_span bytes = {(const uint8_t *)file.data, file.size};
        status = hone_nn_model_load_onnx(bytes, &options, &it->diag, &it->model);
        if (status != HONE_OK) {
            explain_refusal(bytes, path, &it->diag);
        }
    }
    hone_buffer_deinit(&file);
    if (status == HONE_OK) {
        it->inputs = hone_nn_model_inputs(it->model, &it->inputs_count);
        it->outputs = hone_nn_model_outputs(it->model, &it->outputs_count);
    }
    return status;
}

/* ---- info ---- */

/* As in "f32[1, 3]". */
static void format_tensor(const hone_nn_tensor *tensor, char out_text[TENSOR_TEXT_BYTES]) {
    int used = snprintf(out_text, TENSOR_TEXT_BYTES, "%s[", hone_nn_type_name(tensor->type));
    for (uint32_t d = 0; d < tensor->rank; d++) {
        used += snprintf(out_text + used, (size_t)(TENSOR_TEXT_BYTES - used), "%s%zu",
                         d > 0 ? ", " : "", tensor->dims[d]);
    }
    (void)snprintf(out_text + used, (size_t)(TENSOR_TEXT_BYTES - used), "]");
}

static void print_tensor(hn_cli_output *out, const char *what, const hone_nn_tensor *tensor) {
    char text[TENSOR_TEXT_BYTES];
    format_tensor(tensor, text);
    hn_cli_print(out, "%-12s %s  %s\n", what, tensor->name, text);
}

static void print_size(hn_cli_output *out, const char *what, size_t bytes) {
    char text[32];
    (void)hone_size_format((double)bytes, text, sizeof text);
    hn_cli_print(out, "%-12s %s", what, text);
}

static void print_info(job *it) {
    hn_cli_output *out = &it->session->out;
    hone_nn_figures figures;
    hone_nn_model_figures(it->model, &figures);
    for (size_t i = 0; i < it->inputs_count; i++) {
        print_tensor(out, "input", &it->inputs[i]);
    }
    for (size_t i = 0; i < it->outputs_count; i++) {
        print_tensor(out, "output", &it->outputs[i]);
    }
    hn_cli_print(out, "%-12s %zu\n", "parameters", figures.parameters_count);
    hn_cli_print(out, "%-12s %.0f a run\n", "multiply-adds", figures.multiply_adds);
    hn_cli_print(out, "%-12s %zu\n", "steps", figures.steps_count);
    print_size(out, "weights", figures.weights_bytes);
    hn_cli_print(out, " as kept, packed\n");
    print_size(out, "results", figures.arena_bytes);
    char least[32];
    (void)hone_size_format((double)figures.arena_least, least, sizeof least);
    hn_cli_print(out, " in one block; no plan can be below %s\n", least);
    print_size(out, "scratch", figures.scratch_bytes);
    hn_cli_print(out, "\n");
}

/* ---- run ---- */

static hone_status check_input(job *it, const char *path, const hone_nn_tensor *wanted,
                               const hone_nn_tensor *given) {
    if (given->type == wanted->type && given->rank == wanted->rank &&
        memcmp(given->dims, wanted->dims, wanted->rank * sizeof *wanted->dims) == 0) {
        return HONE_OK;
    }
    char is[TENSOR_TEXT_BYTES], should_be[TENSOR_TEXT_BYTES];
    format_tensor(given, is);
    format_tensor(wanted, should_be);
    hone_diag_at(&it->diag, path, 0, 0);
    return hone_diag_set(&it->diag, HONE_STATUS_TYPE_MISMATCH,
                         "the array for input '%.200s' is %s, wanted %s", wanted->name, is,
                         should_be);
}

static hone_status read_input(job *it, const char *path, size_t index) {
    hone_buffer file;
    hone_nn_tensor tensor;
    hone_span elements;
    hone_status status = read_file(it, path, &file);
    if (status == HONE_OK) {
        const hone_span bytes = {(const uint8_t *)file.data, file.size};
        status = hone_nn_tensor_read(bytes, &it->diag, &tensor, &elements);
        if (status != HONE_OK) {
            hone_diag_at(&it->diag, path, 0, 0);
        }
    }
    if (status == HONE_OK) {
        status = check_input(it, path, &it->inputs[index], &tensor);
    }
    if (status == HONE_OK) {
        void *copy = hone_arena_allocate(&it->arena, elements.size, 64);
        if (copy) {
            it->in[index] = memcpy(copy, elements.data, elements.size);
        } else {
            status = hone_diag_set(&it->diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for an input");
        }
    }
    hone_buffer_deinit(&file);
    return status;
}

static hone_status check_inputs_count(job *it) {
    size_t count = 0;
    const hn_argument *given = NULL;
    while ((given = hn_arguments_next(&it->session->arguments, "input", given))) {
        count++;
    }
    if (count == it->inputs_count) {
        return HONE_OK;
    }
    it->code = HN_EXIT_USAGE;
    return hone_diag_set(&it->diag, HONE_STATUS_INVALID_ARGUMENT,
                         "the model has %zu input%s, but --input was given %zu time%s "
                         "('hone model info FILE' shows them)",
                         it->inputs_count, it->inputs_count == 1 ? "" : "s", count,
                         count == 1 ? "" : "s");
}

static hone_status read_inputs(job *it) {
    const hn_argument *given = NULL;
    hone_status status = check_inputs_count(it);
    for (size_t i = 0; i < it->inputs_count && status == HONE_OK; i++) {
        given = hn_arguments_next(&it->session->arguments, "input", given);
        status = read_input(it, given->text, i);
    }
    return status;
}

static void print_values(hn_cli_output *out, const hone_nn_tensor *tensor, const void *elements) {
    print_tensor(out, "output", tensor);
    const float *values = elements;
    size_t shown = tensor->count < VALUES_SHOWN ? tensor->count : VALUES_SHOWN;
    for (size_t i = 0; i < shown && tensor->type == HONE_NN_F32; i++) {
        hn_cli_print(out, "%s%g", i > 0 ? " " : "", (double)values[i]);
    }
    hn_cli_print(out, "%s\n", shown < tensor->count ? " ..." : "");
}

static hone_status write_output(job *it, const char *path) {
    hone_buffer file;
    hone_buffer_init(&file, NULL, FILE_BYTES_MAX);
    hone_nn_tensor_write(&it->outputs[0], it->out[0], &file);
    hone_status status = hone_buffer_status(&file);
    status = status ? hone_diag_set(&it->diag, status, "the output does not fit into memory")
                    : hn_cli_write_file(path, hone_buffer_text(&file), &it->diag);
    hone_diag_about(&it->diag, "--output");
    hone_buffer_deinit(&file);
    return status;
}

static hone_status run_model(job *it) {
    const char *path = hn_arguments_text(&it->session->arguments, "output");
    hone_status status = read_inputs(it);
    for (size_t i = 0; i < it->outputs_count && status == HONE_OK; i++) {
        size_t bytes = it->outputs[i].count * hone_nn_type_bytes(it->outputs[i].type);
        it->out[i] = hone_arena_allocate(&it->arena, bytes, 64);
        if (!it->out[i]) {
            status = hone_diag_set(&it->diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for an output");
        }
    }
    if (status == HONE_OK) {
        status = hone_nn_model_run(it->model, it->in, it->out, &it->diag);
    }
    if (status != HONE_OK) {
        return status;
    }
    if (path) {
        if (it->outputs_count != 1) {
            return hone_diag_set(&it->diag, HONE_STATUS_UNSUPPORTED,
                                 "--output: the model has %zu outputs; only one can be written",
                                 it->outputs_count);
        }
        return write_output(it, path);
    }
    for (size_t i = 0; i < it->outputs_count; i++) {
        print_values(&it->session->out, &it->outputs[i], it->out[i]);
    }
    return HONE_OK;
}

/* Of what is given, before anything is read. */
static hone_status check_arguments(const hn_arguments *arguments, hone_diag *diag) {
    const char *action = arguments->operands[0];
    if (strcmp(action, "run") == 0) {
        return HONE_OK;
    }
    if (strcmp(action, "info") != 0) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "'%.100s' is nothing that can be done with a model: info or run",
                             action);
    }
    const char *of_run = hn_arguments_has(arguments, "input")    ? "input"
                         : hn_arguments_has(arguments, "output") ? "output"
                                                                 : NULL;
    return of_run
               ? hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                               "--%s goes with 'hone model run': 'info' computes nothing", of_run)
               : HONE_OK;
}

int hn_command_model(hn_session *session) {
    const hn_arguments *arguments = &session->arguments;
    job it = {.session = session, .code = HN_EXIT_INPUT};
    if (check_arguments(arguments, &it.diag) != HONE_OK) {
        return hn_cli_fail(session, HN_EXIT_USAGE, &it.diag);
    }
    hone_arena_init(&it.arena, NULL, FILE_BYTES_MAX);
    hone_status status = load(&it, arguments->operands[1]);
    if (status == HONE_OK && strcmp(arguments->operands[0], "info") == 0) {
        print_info(&it);
    } else if (status == HONE_OK) {
        status = run_model(&it);
    }
    hone_arena_deinit(&it.arena);
    hone_nn_model_destroy(it.model);
    return status == HONE_OK ? HN_EXIT_OK : hn_cli_fail(session, it.code, &it.diag);
}
