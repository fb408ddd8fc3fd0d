/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: what is packed comes back, nothing that was not packed here is trusted, and the adaptive
 * policy takes the cheaper way. Method: round trips over every codec, filter and kind of data;
 * descriptions and bytes that were damaged, with outputs of exactly the size that may be written
 * (the sanitizers watch their ends); the policy fed with figures.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "adaptive_internal.h"
#include "hone/channel/compression.h"
#include "hone/memory/failing.h"
#include "hone/platform/isa.h"

enum { MESSAGE_MAX = 70000 };

static uint64_t next_random(uint64_t *state) {
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

typedef enum data_kind { DATA_ZERO, DATA_WALK, DATA_TEXT, DATA_RANDOM, DATA_KINDS } data_kind;

static void fill(uint8_t *bytes, size_t size, data_kind kind, uint64_t seed) {
    float walk = 20;
    for (size_t i = 0; i < size; i++) {
        uint64_t random = next_random(&seed);
        switch (kind) {
        case DATA_ZERO: bytes[i] = 0; break;
        case DATA_WALK:
            walk += i % sizeof walk ? 0 : (float)(random % 3) - 1;
            bytes[i] = ((uint8_t *)&walk)[i % sizeof walk];
            break;
        case DATA_TEXT: bytes[i] = (uint8_t) "the quick brown fox "[(i + random % 2) % 20]; break;
        default: bytes[i] = (uint8_t)random;
        }
    }
}

static hone_compression *make(hone_compression_options options) {
    hone_compression *made = NULL;
    options.message_max_bytes = MESSAGE_MAX;
    options.features = hone_isa_detect();
    assert_int_equal(hone_compression_create(&options, NULL, &made), HONE_OK);
    return made;
}

/* Packs with one and unpacks with another, as two machines do. */
static void round_trip(hone_compression *packer, hone_compression *unpacker, const uint8_t *message,
                       size_t size) {
    uint8_t *out = malloc(hone_compression_bound(packer)), *back = malloc(size + 1);
    hone_packed packed;
    assert_non_null(out);
    assert_non_null(back);
    assert_int_equal(hone_compression_pack(packer, message, size, out, &packed), HONE_OK);
    assert_int_equal(packed.raw_bytes, size);
    assert_true(packed.size_bytes <= size);
    back[size] = 0xA5;
    assert_int_equal(hone_compression_unpack(unpacker, &packed, back), HONE_OK);
    assert_memory_equal(back, message, size);
    assert_int_equal(back[size], 0xA5);
    free(out);
    free(back);
}

/* All sizes and kinds of data through one way of packing. */
static void check_round_trips(hone_compression_options options, hone_compression *unpacker) {
    static const size_t sizes[] = {0, 1, 7, 127, 128, 129, 1000, 4099, MESSAGE_MAX};
    hone_compression *packer = make(options);
    uint8_t *message = malloc(MESSAGE_MAX);
    assert_non_null(message);
    for (size_t s = 0; s < sizeof sizes / sizeof *sizes; s++) {
        for (unsigned kind = 0; kind < DATA_KINDS; kind++) {
            fill(message, sizes[s], (data_kind)kind, s);
            round_trip(packer, unpacker, message, sizes[s]);
        }
    }
    free(message);
    hone_compression_destroy(packer);
}

static void packed_messages_come_back(void **state) {
    (void)state;
    static const uint8_t element_sizes[] = {1, 2, 3, 4, 8, 255};
    hone_compression *unpacker = make((hone_compression_options){.codec = HONE_CODEC_NONE});
    for (unsigned codec = 0; codec < HONE_CODEC_COUNT; codec++) {
        hone_compression_options options = {.codec = (hone_codec)codec};
        if (!hone_codec_is_present(options.codec)) {
            print_message("%s: not in this build, not checked\n", hone_codec_name(options.codec));
            continue;
        }
        for (size_t e = 0; e < sizeof element_sizes; e++) {
            options.element_size = element_sizes[e];
            for (unsigned filter = 0; filter < HONE_FILTER_COUNT; filter++) {
                options.filter = (hone_filter)filter;
                check_round_trips(options, unpacker);
            }
        }
    }
    hone_compression_destroy(unpacker);
}

static hone_codec any_codec(void) {
    for (unsigned codec = 1; codec < HONE_CODEC_COUNT; codec++) {
        if (hone_codec_is_present((hone_codec)codec)) {
            return (hone_codec)codec;
        }
    }
    return HONE_CODEC_NONE;
}

static hone_codec codec_or_skip(void) {
    hone_codec codec = any_codec();
    if (codec == HONE_CODEC_NONE) {
        skip();
    }
    return codec;
}

static void a_shuffle_makes_numbers_smaller(void **state) {
    (void)state;
    hone_codec codec = codec_or_skip();
    uint8_t *message = malloc(MESSAGE_MAX), *out;
    size_t sizes[2];
    assert_non_null(message);
    fill(message, MESSAGE_MAX, DATA_WALK, 1);
    for (unsigned filter = HONE_FILTER_NONE; filter <= HONE_FILTER_SHUFFLE; filter++) {
        hone_compression *it = make((hone_compression_options){
            .codec = codec, .filter = (hone_filter)filter, .element_size = 4});
        hone_packed packed;
        out = malloc(hone_compression_bound(it));
        assert_non_null(out);
        assert_int_equal(hone_compression_pack(it, message, MESSAGE_MAX, out, &packed), HONE_OK);
        sizes[filter] = packed.size_bytes;
        hone_compression_destroy(it);
        free(out);
    }
    assert_true(sizes[1] < sizes[0]);
    free(message);
}

static void small_and_dense_messages_go_as_they_are(void **state) {
    (void)state;
    hone_codec codec = codec_or_skip();
    hone_compression *it = make((hone_compression_options){.codec = codec, .min_size_bytes = 64});
    uint8_t message[1000], *out = malloc(hone_compression_bound(it));
    hone_packed packed;
    hone_compression_stats stats;
    assert_non_null(out);
    memset(message, 0, sizeof message);
    assert_int_equal(hone_compression_pack(it, message, 63, out, &packed), HONE_OK);
    assert_int_equal(packed.codec, HONE_CODEC_NONE);
    assert_ptr_equal(packed.bytes, message);
    assert_int_equal(hone_compression_pack(it, message, 64, out, &packed), HONE_OK);
    assert_int_equal(packed.codec, codec);
    size_t packed_size = packed.size_bytes;
    fill(message, sizeof message, DATA_RANDOM, 3);
    assert_int_equal(hone_compression_pack(it, message, sizeof message, out, &packed), HONE_OK);
    assert_int_equal(packed.codec, HONE_CODEC_NONE);
    assert_int_equal(hone_compression_pack(it, message, MESSAGE_MAX + 1, out, &packed),
                     HONE_STATUS_LIMIT);
    hone_compression_stats_read(it, &stats);
    assert_int_equal(stats.messages_count, 3);
    assert_int_equal(stats.packed_count, 1);
    assert_int_equal(stats.raw_bytes, 63 + 64 + 1000);
    assert_int_equal(stats.packed_bytes, 63 + packed_size + 1000);
    hone_compression_destroy(it);
    free(out);
}

static void bad_options_are_refused(void **state) {
    (void)state;
    hone_codec codec = any_codec();
    const struct {
        hone_compression_options options;
        const char *text;
    } cases[] = {
        {{.codec = (hone_codec)77, .message_max_bytes = 1}, "codec 77"},
        {{.level = 1, .message_max_bytes = 1}, "level 1 of none"},
        {{.codec = codec, .level = 99, .message_max_bytes = 1}, "level 99"},
        {{.filter = (hone_filter)9, .message_max_bytes = 1}, "filter 9"},
        {{.filter = HONE_FILTER_SHUFFLE, .message_max_bytes = 1}, "element_size"},
        {{.codec = codec}, "message_max_bytes 0"},
        {{.message_max_bytes = (size_t)HONE_COMPRESSION_MESSAGE_MAX + 1}, "message_max_bytes"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hone_compression *it = NULL;
        hone_diag diag = {0};
        assert_int_equal(hone_compression_create(&cases[i].options, &diag, &it),
                         HONE_STATUS_INVALID_ARGUMENT);
        assert_null(it);
        assert_non_null(strstr(diag.message, cases[i].text));
    }
    for (unsigned c = 0; c < HONE_CODEC_COUNT; c++) {
        hone_codec parsed;
        assert_int_equal(hone_codec_parse(hone_text_of(hone_codec_name((hone_codec)c)), &parsed),
                         HONE_OK);
        assert_int_equal(parsed, c);
        if (!hone_codec_is_present((hone_codec)c)) {
            hone_compression *it = NULL;
            hone_compression_options options = {.codec = (hone_codec)c, .message_max_bytes = 1};
            assert_int_equal(hone_compression_create(&options, NULL, &it), HONE_STATUS_ABSENT);
        }
    }
    hone_codec parsed;
    assert_int_equal(hone_codec_parse(hone_text_of("gzip"), &parsed), HONE_STATUS_NOT_FOUND);
}

static void descriptions_are_not_trusted(void **state) {
    (void)state;
    hone_codec codec = any_codec();
    hone_compression *it = make((hone_compression_options){.codec = HONE_CODEC_NONE});
    static const uint8_t bytes[64] = {0x1F, 1, 2, 3};
    uint8_t out[100];
    const struct {
        hone_packed packed;
        hone_status expected;
    } cases[] = {
        {{bytes, 64, MESSAGE_MAX + 1, codec, 0, 0}, HONE_STATUS_LIMIT},
        {{bytes, 64, SIZE_MAX, codec, 0, 0}, HONE_STATUS_LIMIT},
        {{bytes, 64, 65, (hone_codec)4, 0, 0}, HONE_STATUS_CORRUPT},
        {{bytes, 64, 65, codec, (hone_filter)3, 4}, HONE_STATUS_CORRUPT},
        {{bytes, 64, 100, codec, HONE_FILTER_SHUFFLE, 0}, HONE_STATUS_CORRUPT},
        {{bytes, 64, 64, HONE_CODEC_NONE, HONE_FILTER_SHUFFLE, 4}, HONE_STATUS_CORRUPT},
        {{bytes, 64, 63, HONE_CODEC_NONE, 0, 0}, HONE_STATUS_CORRUPT},
        {{bytes, 63, 64, HONE_CODEC_NONE, 0, 0}, HONE_STATUS_CORRUPT},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(hone_compression_unpack(it, &cases[i].packed, out), cases[i].expected);
    }
    for (unsigned c = 1; c < HONE_CODEC_COUNT; c++) {
        hone_packed packed = {bytes, 64, 64, (hone_codec)c, 0, 0};
        assert_int_equal(hone_compression_unpack(it, &packed, out), HONE_STATUS_CORRUPT);
        packed.size_bytes = 0;
        assert_int_equal(hone_compression_unpack(it, &packed, out), HONE_STATUS_CORRUPT);
        packed = (hone_packed){bytes, 64, 100, (hone_codec)c, 0, 0};
        assert_int_equal(hone_compression_unpack(it, &packed, out),
                         hone_codec_is_present((hone_codec)c) ? HONE_STATUS_CORRUPT
                                                              : HONE_STATUS_UNSUPPORTED);
    }
    hone_compression_destroy(it);
}

/* Any answer is right; what counts is what the sanitizers see. */
static void damaged_bytes_do_no_harm(void **state) {
    (void)state;
    uint8_t message[3000];
    uint64_t seed = 8;
    fill(message, sizeof message, DATA_WALK, 2);
    for (unsigned codec = 1; codec < HONE_CODEC_COUNT; codec++) {
        if (!hone_codec_is_present((hone_codec)codec)) {
            continue;
        }
        hone_compression *it = make((hone_compression_options){
            .codec = (hone_codec)codec, .filter = HONE_FILTER_BITSHUFFLE, .element_size = 4});
        uint8_t *out = malloc(hone_compression_bound(it)), *back = malloc(sizeof message);
        hone_packed packed;
        unsigned refused_count = 0;
        assert_non_null(out);
        assert_non_null(back);
        for (int round = 0; round < 500; round++) {
            assert_int_equal(hone_compression_pack(it, message, sizeof message, out, &packed),
                             HONE_OK);
            assert_int_equal(packed.codec, codec);
            size_t size = round % 2 ? packed.size_bytes : next_random(&seed) % packed.size_bytes;
            uint8_t *damaged = malloc(size + 1); /* of just its size: reading beyond is seen */
            assert_non_null(damaged);
            memcpy(damaged, out, size);
            damaged[next_random(&seed) % (size + 1)] ^= (uint8_t)(1u << round % 8);
            packed.bytes = damaged;
            packed.size_bytes = size;
            hone_status status = hone_compression_unpack(it, &packed, back);
            assert_true(status == HONE_OK || status == HONE_STATUS_CORRUPT);
            refused_count += status != HONE_OK;
            free(damaged);
        }
        assert_true(refused_count >= 250); /* at the least all that were cut */
        hone_compression_destroy(it);
        free(out);
        free(back);
    }
}

static void every_failing_allocation_is_reported(void **state) {
    (void)state;
    hone_codec codec = any_codec();
    hone_compression_options options = {.codec = codec,
                                        .filter = HONE_FILTER_BITSHUFFLE,
                                        .element_size = 4,
                                        .message_max_bytes = 1000};
    for (uint64_t nth = 1;; nth++) {
        hone_failing failing;
        hone_compression *it = NULL;
        hone_failing_init(&failing, NULL, nth, false);
        options.allocator = &failing.allocator;
        hone_status status = hone_compression_create(&options, NULL, &it);
        hone_compression_destroy(it);
        assert_int_equal(hone_failing_read_stats(&failing).live_bytes, 0);
        if (!hone_failing_has_failed(&failing)) {
            assert_int_equal(status, HONE_OK);
            return;
        }
        assert_int_equal(status, HONE_STATUS_OUT_OF_MEMORY);
    }
}

/* ---- the policy ---- */

enum { PIECE = 1000 };

static void note_samples(hn_adaptive *it, size_t codec_size, uint64_t codec_ns, size_t filter_size,
                         uint64_t filter_ns) {
    hn_adaptive_note_sample(it, HN_WAY_CODEC, PIECE, codec_size, codec_ns);
    hn_adaptive_note_sample(it, HN_WAY_FILTER, PIECE, filter_size, filter_ns);
    hn_adaptive_end_samples(it, codec_ns + filter_ns);
}

static void the_policy_takes_the_cheapest_way(void **state) {
    (void)state;
    static const struct {
        uint64_t wire_ns; /* for PIECE bytes; 0: never noted */
        size_t codec_size;
        uint64_t codec_ns;
        size_t filter_size;
        uint64_t filter_ns;
        hn_way expected;
    } cases[] = {
        {0, 100, 10, 100, 10, HN_WAY_PLAIN},         /* an unknown wire counts as fast */
        {8000, 1000, 100, 500, 1000, HN_WAY_FILTER}, /* 1000 + 4000 < 8000 */
        {8000, 500, 1000, 500, 1500, HN_WAY_CODEC},
        {100, 500, 1000, 300, 1000, HN_WAY_PLAIN}, /* a wire that is faster than packing */
        {8000, 950, 1, 950, 1, HN_WAY_PLAIN},      /* saves less than a tenth */
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hn_adaptive it;
        hn_adaptive_init(&it);
        assert_true(hn_adaptive_is_sample_due(&it));
        if (cases[i].wire_ns) {
            hn_adaptive_note_wire(&it, PIECE, cases[i].wire_ns);
        }
        note_samples(&it, cases[i].codec_size, cases[i].codec_ns, cases[i].filter_size,
                     cases[i].filter_ns);
        assert_int_equal(it.way, cases[i].expected);
        assert_false(hn_adaptive_is_sample_due(&it));
    }
}

static void the_policy_samples_seldom_and_turns_round(void **state) {
    (void)state;
    hn_adaptive it;
    hn_adaptive_init(&it);
    hn_adaptive_note_wire(&it, PIECE, 8000);
    note_samples(&it, 1000, 500, 300, 500);
    assert_int_equal(it.way, HN_WAY_FILTER);
    hn_adaptive_note_time(&it, 99000); /* samples took 1000 ns: a hundredth of it is not over yet */
    assert_false(hn_adaptive_is_sample_due(&it));
    hn_adaptive_note_time(&it, 1001);
    assert_true(hn_adaptive_is_sample_due(&it));
    for (int round = 0; round < 20; round++) { /* the data no longer shrink */
        note_samples(&it, 1000, 500, 1000, 500);
    }
    assert_int_equal(it.way, HN_WAY_PLAIN);
}

static void adaptive_messages_come_back_and_dense_ones_are_left(void **state) {
    (void)state;
    hone_codec codec = codec_or_skip();
    hone_compression *it = make((hone_compression_options){
        .codec = codec, .filter = HONE_FILTER_SHUFFLE, .element_size = 4, .is_adaptive = true});
    uint8_t *message = malloc(MESSAGE_MAX);
    hone_compression_stats stats;
    assert_non_null(message);
    hone_compression_note_wire(it, 1, 1000000); /* a wire so slow that any saving pays */
    for (unsigned kind = 0; kind < DATA_KINDS; kind++) {
        fill(message, MESSAGE_MAX, (data_kind)kind, 1);
        round_trip(it, it, message, MESSAGE_MAX);
    }
    hone_compression_stats_read(it, &stats);
    assert_true(stats.packed_count >= 1 && stats.packed_count < DATA_KINDS);
    assert_true(stats.samples_count >= 1);
    hone_compression_destroy(it);
    free(message);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packed_messages_come_back),
        cmocka_unit_test(a_shuffle_makes_numbers_smaller),
        cmocka_unit_test(small_and_dense_messages_go_as_they_are),
        cmocka_unit_test(bad_options_are_refused),
        cmocka_unit_test(descriptions_are_not_trusted),
        cmocka_unit_test(damaged_bytes_do_no_harm),
        cmocka_unit_test(every_failing_allocation_is_reported),
        cmocka_unit_test(the_policy_takes_the_cheapest_way),
        cmocka_unit_test(the_policy_samples_seldom_and_turns_round),
        cmocka_unit_test(adaptive_messages_come_back_and_dense_ones_are_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
