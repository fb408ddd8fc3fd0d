/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GB/s of transposing 256 KiB (what lies in a core's own cache) into byte and bit planes and back:
 * every variant that this machine runs; memcpy shows what moving the bytes alone costs.
 */
#include <string.h>

#include "hone/kernels/shuffle.h"
#include "hone/measure/bench_main.h"
#include "hone/platform/isa.h"

enum { SIZE_BYTES = 1 << 18 };

typedef enum operation { SHUFFLE, UNSHUFFLE, SPLIT_BITS, JOIN_BITS } operation;

/* What a case measures. */
typedef struct transposition {
    operation operation;
    size_t element_size;
} transposition;

typedef struct input {
    const hone_shuffle_variant *variant;
    transposition what;
    uint8_t in[SIZE_BYTES], out[SIZE_BYTES];
} input;

static hone_status make_variant(const char *name, const transposition *what, hone_diag *diag,
                                void **out_context) {
    size_t count;
    const hone_shuffle_variant *variants = hone_shuffle_variants(&count), *found = NULL;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(variants[i].name, name) == 0 &&
            hone_isa_has(hone_isa_detect(), variants[i].needed)) {
            found = &variants[i];
        }
    }
    if (!found) {
        return hone_diag_set(diag, HONE_STATUS_ABSENT, "this machine or build does not have %s",
                             name);
    }
    input *made = HONE_NEW(NULL, input);
    if (!made) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for the input");
    }
    made->variant = found;
    made->what = *what;
    for (size_t i = 0; i < SIZE_BYTES; i++) {
        made->in[i] = (uint8_t)(i * 2654435761u >> 13);
    }
    *out_context = made;
    return HONE_OK;
}

static hone_status make_chosen(const void *parameter, hone_diag *diag, void **out_context) {
    return make_variant(hone_shuffle_choose(hone_isa_detect())->name, parameter, diag, out_context);
}

static hone_status make_ref(const void *parameter, hone_diag *diag, void **out_context) {
    return make_variant("ref", parameter, diag, out_context);
}

static hone_status make_avx2(const void *parameter, hone_diag *diag, void **out_context) {
    return make_variant("avx2", parameter, diag, out_context);
}

static hone_status make_neon(const void *parameter, hone_diag *diag, void **out_context) {
    return make_variant("neon", parameter, diag, out_context);
}

static void drop_input(void *context) {
    HONE_DELETE(NULL, input, context);
}

static void run_once(input *it) {
    size_t count = SIZE_BYTES / it->what.element_size;
    switch (it->what.operation) {
    case SHUFFLE: it->variant->shuffle(it->in, count, it->what.element_size, it->out); break;
    case UNSHUFFLE: it->variant->unshuffle(it->in, count, it->what.element_size, it->out); break;
    case SPLIT_BITS: it->variant->split_bits(it->in, SIZE_BYTES, it->out); break;
    case JOIN_BITS: it->variant->join_bits(it->in, SIZE_BYTES, it->out); break;
    }
}

static void run(void *context, uint64_t iterations) {
    input *it = context;
    for (uint64_t i = 0; i < iterations; i++) {
        run_once(it);
        hone_bench_consume(it->out);
    }
}

static void run_memcpy(void *context, uint64_t iterations) {
    input *it = context;
    for (uint64_t i = 0; i < iterations; i++) {
        memcpy(it->out, it->in, SIZE_BYTES);
        hone_bench_consume(it->out);
    }
}

#define VARIANT(variant_name, setup_function, run_function) \
    { .name = variant_name, .setup = setup_function, .run = run_function, .teardown = drop_input }
#define CASE(case_name, ...)                                            \
    {                                                                   \
        .name = case_name, .unit = "GB/s", .better = HONE_BENCH_HIGHER, \
        .items_per_iteration = SIZE_BYTES, .scale = 1e-9,               \
        .parameter = &(const transposition){__VA_ARGS__}, .variants = { \
            VARIANT("hone", make_chosen, run),                          \
            VARIANT("ref", make_ref, run),                              \
            VARIANT("avx2", make_avx2, run),                            \
            VARIANT("neon", make_neon, run),                            \
            VARIANT("memcpy", make_ref, run_memcpy),                    \
        }                                                               \
    }

static const hone_bench_case cases[] = {
    CASE("shuffle/2-bytes", SHUFFLE, 2),     CASE("shuffle/4-bytes", SHUFFLE, 4),
    CASE("shuffle/8-bytes", SHUFFLE, 8),     CASE("unshuffle/2-bytes", UNSHUFFLE, 2),
    CASE("unshuffle/4-bytes", UNSHUFFLE, 4), CASE("unshuffle/8-bytes", UNSHUFFLE, 8),
    CASE("split-bits", SPLIT_BITS, 1),       CASE("join-bits", JOIN_BITS, 1),
};

int main(int argc, char **argv) {
    static const hone_bench_suite suite = {"shuffle", cases, sizeof cases / sizeof *cases};
    return hone_bench_main(argc, argv, &suite);
}
