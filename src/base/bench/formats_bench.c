/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one number costs, from text and to text, beside libc; and one record of NDJSON. Numbers are
 * of the kinds that records hold: measured values with 3 decimals, doubles with all their digits,
 * integers. Inputs are varied enough that branches are not learnt.
 */
#include <stdio.h>
#include <stdlib.h>

#include "hone/base/json.h"
#include "hone/base/number.h"
#include "hone/measure/bench_main.h"

enum { NUMBERS_COUNT = 4096 };

typedef enum number_kind { SHORT_DECIMALS, ALL_DIGITS, INTEGERS } number_kind;

typedef struct numbers {
    double values[NUMBERS_COUNT];
    int64_t integers[NUMBERS_COUNT];
    char texts[NUMBERS_COUNT][HONE_NUMBER_TEXT_MAX]; /* terminated, for libc */
    hone_text views[NUMBERS_COUNT];
} numbers;

static const number_kind short_decimals = SHORT_DECIMALS, all_digits = ALL_DIGITS,
                         integers = INTEGERS;

static hone_status make_numbers(const void *parameter, hone_diag *diag, void **out_context) {
    number_kind kind = *(const number_kind *)parameter;
    numbers *made = HONE_NEW(NULL, numbers);
    if (!made) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for the input");
    }
    uint64_t random = 88172645463325252u;
    for (size_t i = 0; i < NUMBERS_COUNT; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        made->integers[i] = (int64_t)(random % 1000000000);
        made->values[i] = kind == SHORT_DECIMALS ? (double)(random % 100000000) / 1000
                          : kind == ALL_DIGITS   ? (double)(random >> 11) * 0x1p-53
                                                 : (double)made->integers[i];
        size_t size = hone_number_format_f64(made->values[i], made->texts[i]);
        made->texts[i][size] = '\0';
        made->views[i] = (hone_text){made->texts[i], size};
    }
    *out_context = made;
    return HONE_OK;
}

static void drop_numbers(void *context) {
    HONE_DELETE(NULL, numbers, context);
}

static void parse_f64(void *context, uint64_t iterations) {
    const numbers *input = context;
    double value = 0, sum = 0;
    for (uint64_t i = 0; i < iterations; i++) {
        if (hone_number_parse_f64(input->views[i % NUMBERS_COUNT], &value) == HONE_OK) {
            sum += value;
        }
    }
    hone_bench_consume(&sum);
}

static void parse_strtod(void *context, uint64_t iterations) {
    const numbers *input = context;
    double sum = 0;
    for (uint64_t i = 0; i < iterations; i++) {
        sum += strtod(input->texts[i % NUMBERS_COUNT], NULL);
    }
    hone_bench_consume(&sum);
}

static void format_f64(void *context, uint64_t iterations) {
    const numbers *input = context;
    char text[HONE_NUMBER_TEXT_MAX];
    for (uint64_t i = 0; i < iterations; i++) {
        (void)hone_number_format_f64(input->values[i % NUMBERS_COUNT], text);
        hone_bench_consume(text);
    }
}

static void format_snprintf(void *context, uint64_t iterations) {
    const numbers *input = context;
    char text[HONE_NUMBER_TEXT_MAX];
    for (uint64_t i = 0; i < iterations; i++) {
        (void)snprintf(text, sizeof text, "%.17g", input->values[i % NUMBERS_COUNT]);
        hone_bench_consume(text);
    }
}

static void parse_i64(void *context, uint64_t iterations) {
    const numbers *input = context;
    int64_t value = 0, sum = 0;
    for (uint64_t i = 0; i < iterations; i++) {
        if (hone_number_parse_i64(input->views[i % NUMBERS_COUNT], &value) == HONE_OK) {
            sum += value;
        }
    }
    hone_bench_consume(&sum);
}

static void parse_strtoll(void *context, uint64_t iterations) {
    const numbers *input = context;
    int64_t sum = 0;
    for (uint64_t i = 0; i < iterations; i++) {
        sum += strtoll(input->texts[i % NUMBERS_COUNT], NULL, 10);
    }
    hone_bench_consume(&sum);
}

static void format_i64(void *context, uint64_t iterations) {
    const numbers *input = context;
    char text[HONE_NUMBER_TEXT_MAX];
    for (uint64_t i = 0; i < iterations; i++) {
        (void)hone_number_format_i64(input->integers[i % NUMBERS_COUNT], text);
        hone_bench_consume(text);
    }
}

static void format_lld(void *context, uint64_t iterations) {
    const numbers *input = context;
    char text[HONE_NUMBER_TEXT_MAX];
    for (uint64_t i = 0; i < iterations; i++) {
        (void)snprintf(text, sizeof text, "%lld", (long long)input->integers[i % NUMBERS_COUNT]);
        hone_bench_consume(text);
    }
}

/* --- NDJSON --------------------------------------------------------------------------------- */

static const hone_text record = {
    "{\"timestamp\":1700000000123456789,\"cpu_busy\":0.2512,\"memory_free\":8123456512,"
    "\"load\":1.75,\"host\":\"edge-node-17\",\"is_idle\":false}",
    0};

static void read_record(void *context, uint64_t iterations) {
    hone_text line = hone_text_of(record.data);
    (void)context;
    for (uint64_t i = 0; i < iterations; i++) {
        hone_json_reader reader;
        hone_json_event event = {.type = HONE_JSON_NULL};
        hone_json_reader_init(&reader, line);
        while (hone_json_reader_next(&reader, &event) == HONE_OK && event.type != HONE_JSON_END) {
            hone_bench_consume(&event);
        }
    }
}

static void write_record(void *context, uint64_t iterations) {
    hone_buffer buffer;
    (void)context;
    hone_buffer_init(&buffer, NULL, 4096);
    for (uint64_t i = 0; i < iterations; i++) {
        hone_json_writer writer;
        hone_buffer_clear(&buffer);
        hone_json_writer_init(&writer, &buffer, 0);
        hone_json_write_object_begin(&writer);
        hone_json_write_key(&writer, HONE_TEXT("timestamp"));
        hone_json_write_i64(&writer, 1700000000123456789);
        hone_json_write_key(&writer, HONE_TEXT("cpu_busy"));
        hone_json_write_f64(&writer, 0.2512);
        hone_json_write_key(&writer, HONE_TEXT("memory_free"));
        hone_json_write_i64(&writer, 8123456512);
        hone_json_write_key(&writer, HONE_TEXT("load"));
        hone_json_write_f64(&writer, 1.75);
        hone_json_write_key(&writer, HONE_TEXT("host"));
        hone_json_write_text(&writer, HONE_TEXT("edge-node-17"));
        hone_json_write_key(&writer, HONE_TEXT("is_idle"));
        hone_json_write_bool(&writer, false);
        hone_json_write_object_end(&writer);
        hone_bench_consume(buffer.data);
    }
    hone_buffer_deinit(&buffer);
}

#define HONE_AND_LIBC(ours, libc_name, libc)                                   \
    .variants = {{"hone", NULL, make_numbers, ours, NULL, NULL, drop_numbers}, \
                 {libc_name, NULL, make_numbers, libc, NULL, NULL, drop_numbers}}

static const hone_bench_case cases[] = {
    {.name = "parse_f64/3-decimals",
     .unit = "ns",
     .parameter = &short_decimals,
     HONE_AND_LIBC(parse_f64, "strtod", parse_strtod)},
    {.name = "parse_f64/17-digits",
     .unit = "ns",
     .parameter = &all_digits,
     HONE_AND_LIBC(parse_f64, "strtod", parse_strtod)},
    {.name = "format_f64/3-decimals",
     .unit = "ns",
     .parameter = &short_decimals,
     HONE_AND_LIBC(format_f64, "snprintf", format_snprintf)},
    {.name = "format_f64/17-digits",
     .unit = "ns",
     .parameter = &all_digits,
     HONE_AND_LIBC(format_f64, "snprintf", format_snprintf)},
    {.name = "parse_i64",
     .unit = "ns",
     .parameter = &integers,
     HONE_AND_LIBC(parse_i64, "strtoll", parse_strtoll)},
    {.name = "format_i64",
     .unit = "ns",
     .parameter = &integers,
     HONE_AND_LIBC(format_i64, "snprintf", format_lld)},
    {.name = "json_read/6-fields",
     .unit = "ns",
     .variants = {{.name = "hone", .run = read_record}}},
    {.name = "json_write/6-fields",
     .unit = "ns",
     .variants = {{.name = "hone", .run = write_record}}},
};

int main(int argc, char **argv) {
    static const hone_bench_suite suite = {"formats", cases, sizeof cases / sizeof *cases};
    return hone_bench_main(argc, argv, &suite);
}
