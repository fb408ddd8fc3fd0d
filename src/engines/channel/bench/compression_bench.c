/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What compression costs and brings, on real numbers (gait, movements, gestures, spectra of vowels,
 * the power of appliances: HONE_DATA/time-series, as f32) and on noise. GB/s of packing and
 * unpacking, and the ratio raw to packed, by filter and codec; then sending over a simulated wire,
 * which takes the time that one of its speed would: adaptive beside always packed and never packed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hone/base/number.h"
#include "hone/channel/compression.h"
#include "hone/measure/bench_main.h"
#include "hone/platform/clock.h"
#include "hone/platform/file.h"
#include "hone/platform/isa.h"

enum {
    MESSAGE_BYTES = 64 << 10,
    MESSAGES_COUNT = 8,
    FILE_BYTES_MAX = 4 << 20,
    NUMBERS_COUNT = MESSAGES_COUNT * MESSAGE_BYTES / 4
};

/* What a case measures. */
typedef struct work {
    const char *file;        /* in HONE_DATA/time-series; NULL: noise */
    double wire_ns_per_byte; /* of sending */
} work;

typedef struct input {
    hone_compression *compression;
    double wire_ns_per_byte;
    uint32_t turn, messages_count; /* those that the data fill */
    float numbers[NUMBERS_COUNT];
    uint8_t back[MESSAGE_BYTES];
    hone_packed packed[MESSAGES_COUNT];
    uint8_t *out[MESSAGES_COUNT];
} input;

static const uint8_t *message(const input *it, size_t index) {
    return (const uint8_t *)it->numbers + index * MESSAGE_BYTES;
}

/* The numbers of a CSV file, or of a .ts file: behind a line "@data" rows that end with ":label".
 * What is no number, such as a time, is passed over. */
static size_t parse_numbers(hone_text text, float *numbers, size_t count) {
    static const char mark[] = "@data";
    const char *end = text.data + text.size;
    const char *at = memmem(text.data, text.size, mark, sizeof mark - 1);
    size_t found = 0;
    at = at ? at : text.data;
    while (at < end && found < count) {
        const char *begin = at;
        while (at < end && *at != ',' && *at != ':' && *at != '\n') {
            at++;
        }
        double value;
        if (hone_number_parse_f64((hone_text){begin, (size_t)(at - begin)}, &value) == HONE_OK) {
            numbers[found++] = (float)value;
        }
        at++;
    }
    return found;
}

static hone_status read_numbers(const char *file, float *numbers, size_t *out_count,
                                hone_diag *diag) {
    char path[4096];
    const char *folder = getenv("HONE_DATA");
    if (!folder) {
        return hone_diag_set(diag, HONE_STATUS_ABSENT,
                             "HONE_DATA does not name a folder with time-series/%s", file);
    }
    snprintf(path, sizeof path, "%s/time-series/%s", folder, file);
    hone_buffer text;
    hone_buffer_init(&text, NULL, FILE_BYTES_MAX);
    hone_status status = hone_file_read_all(path, FILE_BYTES_MAX, diag, &text);
    if (!status) {
        *out_count = parse_numbers(hone_buffer_text(&text), numbers, NUMBERS_COUNT);
        if (*out_count < MESSAGE_BYTES / 4) {
            status = hone_diag_set(diag, HONE_STATUS_TRUNCATED, "%s: %zu numbers, %d are needed",
                                   path, *out_count, MESSAGE_BYTES / 4);
        }
    }
    hone_buffer_deinit(&text);
    return status;
}

static void make_noise(float *numbers) {
    uint64_t random = 88172645463325252u;
    for (size_t i = 0; i < NUMBERS_COUNT; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        memcpy(&numbers[i], &random, sizeof numbers[i]);
    }
}

static void drop_input(void *context) {
    input *it = context;
    if (it) {
        hone_compression_destroy(it->compression);
        for (size_t i = 0; i < MESSAGES_COUNT; i++) {
            free(it->out[i]);
        }
        free(it);
    }
}

static hone_status fill_input(input *it, const work *what, const hone_compression_options *options,
                              hone_diag *diag) {
    hone_status status = HONE_OK;
    size_t count = NUMBERS_COUNT;
    if (what->file) {
        status = read_numbers(what->file, it->numbers, &count, diag);
    } else {
        make_noise(it->numbers);
    }
    it->messages_count = (uint32_t)(count * 4 / MESSAGE_BYTES);
    status = status ? status : hone_compression_create(options, diag, &it->compression);
    for (size_t i = 0; !status && i < it->messages_count; i++) {
        it->out[i] = malloc(hone_compression_bound(it->compression));
        status = it->out[i] ? hone_compression_pack(it->compression, message(it, i), MESSAGE_BYTES,
                                                    it->out[i], &it->packed[i])
                            : HONE_STATUS_OUT_OF_MEMORY;
    }
    return status;
}

static hone_status make_input(const void *parameter, hone_compression_options options,
                              hone_diag *diag, void **out_context) {
    input *made = calloc(1, sizeof *made);
    if (!made) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for the input");
    }
    const work *what = parameter;
    made->wire_ns_per_byte = what->wire_ns_per_byte;
    options.message_max_bytes = MESSAGE_BYTES;
    options.features = hone_isa_detect();
    hone_status status = fill_input(made, what, &options, diag);
    if (status) {
        drop_input(made);
        return status;
    }
    *out_context = made;
    return HONE_OK;
}

#define SETUP(function, ...)                                                                      \
    static hone_status function(const void *parameter, hone_diag *diag, void **out_context) {     \
        return make_input(parameter, (hone_compression_options){__VA_ARGS__}, diag, out_context); \
    }
SETUP(make_none, .codec = HONE_CODEC_NONE)
SETUP(make_lz4, .codec = HONE_CODEC_LZ4)
SETUP(make_lz4_shuffle, .codec = HONE_CODEC_LZ4, .filter = HONE_FILTER_SHUFFLE, .element_size = 4)
SETUP(make_lz4_bits, .codec = HONE_CODEC_LZ4, .filter = HONE_FILTER_BITSHUFFLE, .element_size = 4)
SETUP(make_lz4_adaptive, .codec = HONE_CODEC_LZ4, .filter = HONE_FILTER_SHUFFLE, .element_size = 4,
      .is_adaptive = true)
SETUP(make_zstd, .codec = HONE_CODEC_ZSTD, .level = 1)
SETUP(make_zstd_3, .codec = HONE_CODEC_ZSTD, .level = 3)
SETUP(make_zstd_shuffle, .codec = HONE_CODEC_ZSTD, .level = 1, .filter = HONE_FILTER_SHUFFLE,
      .element_size = 4)
SETUP(make_snappy, .codec = HONE_CODEC_SNAPPY)
SETUP(make_snappy_shuffle, .codec = HONE_CODEC_SNAPPY, .filter = HONE_FILTER_SHUFFLE,
      .element_size = 4)

static void run_pack(void *context, uint64_t iterations) {
    input *it = context;
    for (uint64_t i = 0; i < iterations; i++) {
        size_t index = it->turn++ % it->messages_count;
        hone_packed packed;
        if (hone_compression_pack(it->compression, message(it, index), MESSAGE_BYTES,
                                  it->out[index], &packed)) {
            abort();
        }
        hone_bench_consume(&packed);
    }
}

static void run_unpack(void *context, uint64_t iterations) {
    input *it = context;
    for (uint64_t i = 0; i < iterations; i++) {
        if (hone_compression_unpack(it->compression, &it->packed[it->turn++ % it->messages_count],
                                    it->back)) {
            abort();
        }
        hone_bench_consume(it->back);
    }
}

static double measure_ratio(void *context) {
    const input *it = context;
    double size = 0;
    for (size_t i = 0; i < it->messages_count; i++) {
        size += (double)it->packed[i].size_bytes;
    }
    return (double)it->messages_count * MESSAGE_BYTES / size;
}

/* Packs and waits for as long as the wire would take. */
static void run_send(void *context, uint64_t iterations) {
    input *it = context;
    for (uint64_t i = 0; i < iterations; i++) {
        size_t index = it->turn++ % it->messages_count;
        hone_packed packed;
        if (hone_compression_pack(it->compression, message(it, index), MESSAGE_BYTES,
                                  it->out[index], &packed)) {
            abort();
        }
        uint64_t begin_ns = hone_clock_monotonic_ns(), now_ns = begin_ns;
        double wire_ns = it->wire_ns_per_byte * (double)packed.size_bytes;
        while ((double)(now_ns - begin_ns) < wire_ns) {
            now_ns = hone_clock_monotonic_ns();
        }
        hone_compression_note_wire(it->compression, packed.size_bytes, now_ns - begin_ns);
    }
}

#define VARIANT(variant_name, setup_function, how) \
    { .name = variant_name, .setup = setup_function, how, .teardown = drop_input }
#define BY_CODEC(how)                                                 \
    .variants = {VARIANT("lz4-shuffle", make_lz4_shuffle, how),       \
                 VARIANT("lz4", make_lz4, how),                       \
                 VARIANT("lz4-bits", make_lz4_bits, how),             \
                 VARIANT("zstd-1-shuffle", make_zstd_shuffle, how),   \
                 VARIANT("zstd-1", make_zstd, how),                   \
                 VARIANT("zstd-3", make_zstd_3, how),                 \
                 VARIANT("snappy-shuffle", make_snappy_shuffle, how), \
                 VARIANT("snappy", make_snappy, how)}
#define SPEED \
    .unit = "GB/s", .better = HONE_BENCH_HIGHER, .items_per_iteration = MESSAGE_BYTES, .scale = 1e-9
#define BOTH(name_suffix, file_name)                                                    \
    {.name = "ratio/" name_suffix,                                                      \
     .unit = "raw/packed",                                                              \
     .better = HONE_BENCH_HIGHER,                                                       \
     .parameter = &(const work){file_name, 0},                                          \
     BY_CODEC(.measure = measure_ratio)},                                               \
        {.name = "pack/" name_suffix,                                                   \
         SPEED,                                                                         \
         .parameter = &(const work){file_name, 0},                                      \
         BY_CODEC(.run = run_pack)},                                                    \
    {                                                                                   \
        .name = "unpack/" name_suffix, SPEED, .parameter = &(const work){file_name, 0}, \
        BY_CODEC(.run = run_unpack)                                                     \
    }
#define SEND(case_name, file_name, ns_per_byte)                                       \
    {                                                                                 \
        .name = case_name, SPEED, .parameter = &(const work){file_name, ns_per_byte}, \
        .variants = {                                                                 \
            VARIANT("adaptive", make_lz4_adaptive, .run = run_send),                  \
            VARIANT("packed", make_lz4_shuffle, .run = run_send),                     \
            VARIANT("plain", make_none, .run = run_send)                              \
        }                                                                             \
    }
#define APPLIANCES "ACSF1_TEST.ts"
#define VOWELS "JapaneseVowels_TEST.ts"

static const hone_bench_case cases[] = {
    BOTH("gait", "S06R02E0.csv"),
    BOTH("motion", "BasicMotions_TEST.ts"),
    BOTH("gestures", "GunPoint_TEST.ts"),
    BOTH("vowels", VOWELS),
    BOTH("appliances", APPLIANCES),
    BOTH("noise", NULL),
    SEND("send-100M/vowels", VOWELS, 80),
    SEND("send-1G/vowels", VOWELS, 8),
    SEND("send-10G/vowels", VOWELS, 0.8),
    SEND("send-100M/appliances", APPLIANCES, 80),
    SEND("send-1G/appliances", APPLIANCES, 8),
    SEND("send-10G/appliances", APPLIANCES, 0.8),
    SEND("send-100G/appliances", APPLIANCES, 0.08),
    SEND("send-1G/noise", NULL, 8),
    SEND("send-10G/noise", NULL, 0.8),
};

int main(int argc, char **argv) {
    static const hone_bench_suite suite = {"compression", cases, sizeof cases / sizeof *cases};
    return hone_bench_main(argc, argv, &suite);
}
