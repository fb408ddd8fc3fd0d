/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GB/s of finding separators and of splitting rows, on 8 numeric columns in windows of 64 KiB:
 * hone's choice for this machine beside every variant; memchr() that looks for line ends only shows
 * what is left to gain.
 */
#include <stdlib.h>

#include "hone/kernels/scan.h"
#include "hone/measure/bench_main.h"
#include "hone/platform/isa.h"

enum { WINDOW_BYTES = 1 << 16, COLUMNS = 8 };

typedef struct input {
    hone_csv_mask_fn *mask;
    hone_csv_scanner scanner;
    hone_csv_masks masks[WINDOW_BYTES / HONE_CSV_BLOCK_BYTES];
    char window[WINDOW_BYTES];
} input;

/* Whole rows of numbers with 3 decimals, the last one filled up to the window's end. */
static bool fill_window(char *window) {
    hone_buffer buffer;
    hone_csv_writer writer;
    uint64_t random = 88172645463325252u;
    hone_buffer_init(&buffer, NULL, 2 * WINDOW_BYTES);
    hone_csv_writer_init(&writer, &buffer, ',');
    while (buffer.size < WINDOW_BYTES && hone_buffer_status(&buffer) == HONE_OK) {
        for (int column = 0; column < COLUMNS; column++) {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            hone_csv_write_f64(&writer, (double)(random % 100000000) / 1000);
        }
        hone_csv_write_row_end(&writer);
    }
    bool is_filled = buffer.size >= WINDOW_BYTES;
    if (is_filled) {
        memcpy(window, buffer.data, WINDOW_BYTES);
        window[WINDOW_BYTES - 1] = '\n';
    }
    hone_buffer_deinit(&buffer);
    return is_filled;
}

static hone_status make_input(hone_csv_mask_fn *mask, hone_diag *diag, void **out_context) {
    input *made = HONE_NEW(NULL, input);
    if (!made || !fill_window(made->window)) {
        HONE_DELETE(NULL, input, made);
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for the input");
    }
    made->mask = mask;
    *out_context = made;
    return HONE_OK;
}

static hone_status make_chosen(const void *parameter, hone_diag *diag, void **out_context) {
    (void)parameter;
    return make_input(hone_scan_csv_mask(hone_isa_detect()), diag, out_context);
}

static hone_status make_variant(const char *name, hone_diag *diag, void **out_context) {
    size_t count;
    const hone_scan_variant *variants = hone_scan_variants(&count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(variants[i].name, name) == 0 &&
            hone_isa_has(hone_isa_detect(), variants[i].needed)) {
            return make_input(variants[i].csv_mask, diag, out_context);
        }
    }
    return hone_diag_set(diag, HONE_STATUS_ABSENT, "this machine or build does not have %s", name);
}

static hone_status make_ref(const void *parameter, hone_diag *diag, void **out_context) {
    (void)parameter;
    return make_variant("ref", diag, out_context);
}

static hone_status make_avx2(const void *parameter, hone_diag *diag, void **out_context) {
    (void)parameter;
    return make_variant("avx2", diag, out_context);
}

static hone_status make_avx512(const void *parameter, hone_diag *diag, void **out_context) {
    (void)parameter;
    return make_variant("avx512", diag, out_context);
}

static hone_status make_neon(const void *parameter, hone_diag *diag, void **out_context) {
    (void)parameter;
    return make_variant("neon", diag, out_context);
}

static void drop_input(void *context) {
    HONE_DELETE(NULL, input, context);
}

static void run_masks(void *context, uint64_t iterations) {
    input *given = context;
    for (uint64_t i = 0; i < iterations; i++) {
        given->mask((const uint8_t *)given->window, WINDOW_BYTES / HONE_CSV_BLOCK_BYTES, ',',
                    given->masks);
        hone_bench_consume(given->masks);
    }
}

static void run_rows(void *context, uint64_t iterations) {
    input *given = context;
    const hone_csv_options options = {.mask = given->mask};
    if (hone_csv_scanner_init(&given->scanner, &options) != HONE_OK) {
        return;
    }
    for (uint64_t i = 0; i < iterations; i++) {
        hone_csv_field fields[COLUMNS];
        size_t fields_count;
        hone_csv_scanner_feed(&given->scanner, (hone_text){given->window, WINDOW_BYTES}, false);
        while (hone_csv_scan_row(&given->scanner, fields, COLUMNS, &fields_count) == HONE_OK) {
            hone_bench_consume(fields);
        }
    }
}

static void run_memchr(void *context, uint64_t iterations) {
    const input *given = context;
    const char *end = given->window + WINDOW_BYTES;
    for (uint64_t i = 0; i < iterations; i++) {
        for (const char *at = given->window; at < end; at++) {
            at = memchr(at, '\n', (size_t)(end - at));
            hone_bench_consume(at);
        }
    }
}

#define VARIANTS(function)                                                                   \
    {.name = "hone", .setup = make_chosen, .run = function, .teardown = drop_input},         \
        {.name = "ref", .setup = make_ref, .run = function, .teardown = drop_input},         \
        {.name = "avx2", .setup = make_avx2, .run = function, .teardown = drop_input},       \
        {.name = "avx512", .setup = make_avx512, .run = function, .teardown = drop_input}, { \
        .name = "neon", .setup = make_neon, .run = function, .teardown = drop_input          \
    }

static const hone_bench_case cases[] = {
    {.name = "csv_masks",
     .unit = "GB/s",
     .better = HONE_BENCH_HIGHER,
     .items_per_iteration = WINDOW_BYTES,
     .scale = 1e-9,
     .variants = {VARIANTS(run_masks)}},
    {.name = "csv_rows/8-numbers",
     .unit = "GB/s",
     .better = HONE_BENCH_HIGHER,
     .items_per_iteration = WINDOW_BYTES,
     .scale = 1e-9,
     .variants = {VARIANTS(run_rows),
                  {.name = "memchr-lines",
                   .setup = make_chosen,
                   .run = run_memchr,
                   .teardown = drop_input}}},
};

int main(int argc, char **argv) {
    static const hone_bench_suite suite = {"scan", cases, sizeof cases / sizeof *cases};
    return hone_bench_main(argc, argv, &suite);
}
