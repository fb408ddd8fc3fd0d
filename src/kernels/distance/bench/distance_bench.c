/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ns per row of 128 elements, 32 gathered rows a call, as a search of the vector engine asks for
 * them: hone's choice for this machine beside every variant. The rows lie in 512 KiB or less, near
 * enough not to measure memory.
 */
#include <stdlib.h>
#include <string.h>

#include "hone/base/allocator.h"
#include "hone/kernels/distance.h"
#include "hone/measure/bench_main.h"
#include "hone/platform/isa.h"

enum { DIMS = 128, ROWS = 1024, BATCH = 32, BITS_WORDS = 16 };

typedef enum subject {
    SUBJECT_FLOATS,
    SUBJECT_I8,
    SUBJECT_BITS,
} subject;

typedef struct workload {
    subject subject;
    hone_distance_metric metric;
    hone_distance_element element;
} workload;

typedef struct input {
    const workload *task;
    const hone_distance_variant *variant;
    _Alignas(64) float query[DIMS];
    _Alignas(64) int8_t query_bytes[DIMS];
    uint64_t query_bits[BITS_WORDS];
    _Alignas(64) uint8_t rows[ROWS][DIMS * sizeof(float)];
    const void *gathered[ROWS];
    float out[BATCH];
    int32_t sums[BATCH];
    uint32_t counts[BATCH];
} input;

static uint64_t next_random(uint64_t *state) {
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static float next_float(uint64_t *state) {
    return (float)((double)(next_random(state) >> 11) * 0x1p-52 - 1);
}

static void fill_row(const workload *task, uint8_t *row, uint64_t *seed) {
    for (size_t i = 0; i < DIMS; i++) {
        float value = next_float(seed);
        uint16_t half = task->element == HONE_DISTANCE_F16 ? hone_distance_f16_of(value)
                                                           : hone_distance_bf16_of(value);
        if (task->subject != SUBJECT_FLOATS) {
            row[i] = (uint8_t)next_random(seed);
        } else if (task->element == HONE_DISTANCE_F32) {
            memcpy(row + 4 * i, &value, sizeof value);
        } else {
            memcpy(row + 2 * i, &half, sizeof half);
        }
    }
}

static hone_status make_input(const void *parameter, const hone_distance_variant *variant,
                              hone_diag *diag, void **out_context) {
    input *made = HONE_NEW(NULL, input);
    uint64_t seed = 11;
    if (!made) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for the input");
    }
    made->task = parameter;
    made->variant = variant;
    for (size_t i = 0; i < DIMS; i++) {
        made->query[i] = next_float(&seed);
        made->query_bytes[i] = (int8_t)((int)(next_random(&seed) % 255) - 127);
        made->query_bits[i % BITS_WORDS] = next_random(&seed);
    }
    for (size_t i = 0; i < ROWS; i++) {
        fill_row(made->task, made->rows[i], &seed);
        made->gathered[i] = made->rows[next_random(&seed) % ROWS];
    }
    *out_context = made;
    return HONE_OK;
}

static hone_status make_chosen(const void *parameter, hone_diag *diag, void **out_context) {
    return make_input(parameter, hone_distance_best(hone_isa_detect()), diag, out_context);
}

static hone_status make_variant(const void *parameter, const char *name, hone_diag *diag,
                                void **out_context) {
    size_t count;
    const hone_distance_variant *variants = hone_distance_variants(&count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(variants[i].name, name) == 0 &&
            hone_isa_has(hone_isa_detect(), variants[i].needed)) {
            return make_input(parameter, &variants[i], diag, out_context);
        }
    }
    return hone_diag_set(diag, HONE_STATUS_ABSENT, "this machine or build does not have %s", name);
}

static hone_status make_ref(const void *parameter, hone_diag *diag, void **out_context) {
    return make_variant(parameter, "ref", diag, out_context);
}

static hone_status make_avx2(const void *parameter, hone_diag *diag, void **out_context) {
    return make_variant(parameter, "avx2", diag, out_context);
}

static hone_status make_avx512(const void *parameter, hone_diag *diag, void **out_context) {
    return make_variant(parameter, "avx512", diag, out_context);
}

static hone_status make_vnni(const void *parameter, hone_diag *diag, void **out_context) {
    return make_variant(parameter, "avx512vnni", diag, out_context);
}

static hone_status make_neon(const void *parameter, hone_diag *diag, void **out_context) {
    return make_variant(parameter, "neon", diag, out_context);
}

static hone_status make_neondot(const void *parameter, hone_diag *diag, void **out_context) {
    return make_variant(parameter, "neondot", diag, out_context);
}

static void drop_input(void *context) {
    HONE_DELETE(NULL, input, context);
}

static void run_task(void *context, uint64_t iterations) {
    input *given = context;
    const hone_distance_variant *variant = given->variant;
    for (uint64_t i = 0; i < iterations; i++) {
        const void *const *rows = given->gathered + i * BATCH % ROWS;
        switch (given->task->subject) {
        case SUBJECT_FLOATS:
            variant->floats[given->task->metric][given->task->element](given->query, rows, BATCH,
                                                                       DIMS, given->out);
            break;
        case SUBJECT_I8: variant->dot_i8(given->query_bytes, rows, BATCH, DIMS, given->sums); break;
        case SUBJECT_BITS:
            variant->hamming(given->query_bits, rows, BATCH, BITS_WORDS, given->counts);
            break;
        }
        hone_bench_consume(given);
    }
}

#define CASE(title, ...)                                                                         \
    {                                                                                            \
        .name = (title), .unit = "ns/row", .items_per_iteration = BATCH,                         \
        .parameter = &(const workload){__VA_ARGS__}, .variants = {                               \
            {.name = "hone", .setup = make_chosen, .run = run_task, .teardown = drop_input},     \
            {.name = "ref", .setup = make_ref, .run = run_task, .teardown = drop_input},         \
            {.name = "avx2", .setup = make_avx2, .run = run_task, .teardown = drop_input},       \
            {.name = "avx512", .setup = make_avx512, .run = run_task, .teardown = drop_input},   \
            {.name = "avx512vnni", .setup = make_vnni, .run = run_task, .teardown = drop_input}, \
            {.name = "neon", .setup = make_neon, .run = run_task, .teardown = drop_input},       \
            {.name = "neondot", .setup = make_neondot, .run = run_task, .teardown = drop_input}, \
        }                                                                                        \
    }

static const hone_bench_case cases[] = {
    CASE("l2/f32", SUBJECT_FLOATS, HONE_DISTANCE_L2, HONE_DISTANCE_F32),
    CASE("dot/f32", SUBJECT_FLOATS, HONE_DISTANCE_DOT, HONE_DISTANCE_F32),
    CASE("cosine/f32", SUBJECT_FLOATS, HONE_DISTANCE_COSINE, HONE_DISTANCE_F32),
    CASE("dot/f16", SUBJECT_FLOATS, HONE_DISTANCE_DOT, HONE_DISTANCE_F16),
    CASE("dot/bf16", SUBJECT_FLOATS, HONE_DISTANCE_DOT, HONE_DISTANCE_BF16),
    CASE("dot/i8", SUBJECT_I8, HONE_DISTANCE_DOT, HONE_DISTANCE_F32),
    CASE("hamming/1024-bits", SUBJECT_BITS, HONE_DISTANCE_DOT, HONE_DISTANCE_F32),
};

int main(int argc, char **argv) {
    static const hone_bench_suite suite = {"distance", cases, sizeof cases / sizeof *cases};
    return hone_bench_main(argc, argv, &suite);
}
