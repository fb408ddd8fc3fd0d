/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: frames say what they said, and nothing hostile passes. Method: round trips; a table of
 * frames with one thing wrong each; every bit of valid frames turned around.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <string.h>

#include "frame_internal.h"

static const hn_wire_limits limits = {1000, 1u << HONE_CODEC_NONE | 1u << HONE_CODEC_LZ4};

static const hn_frame valid_frames[] = {
    {.kind = HN_FRAME_HELLO, .size = HN_HELLO_BYTES},
    {.kind = HN_FRAME_DATA, .sequence = 1},
    {.kind = HN_FRAME_DATA, .type = UINT32_MAX, .size = 1000, .raw_size = 1000, .sequence = 7},
    {.kind = HN_FRAME_DATA, .codec = HONE_CODEC_LZ4, .size = 10, .raw_size = 900, .sequence = 8},
    {.kind = HN_FRAME_DATA,
     .codec = HONE_CODEC_LZ4,
     .filter = HONE_FILTER_SHUFFLE,
     .element_size = 4,
     .size = 10,
     .raw_size = 900,
     .sequence = UINT64_MAX},
    {.kind = HN_FRAME_ACK, .raw_size = 99, .sequence = 0},
    {.kind = HN_FRAME_CLOSE, .sequence = 9},
    {.kind = HN_FRAME_REFUSE, .type = HONE_STATUS_LIMIT, .size = 20},
};

enum { VALID_COUNT = sizeof valid_frames / sizeof *valid_frames };

static void test_frames_round_trip(void **state) {
    (void)state;
    for (size_t i = 0; i < VALID_COUNT; i++) {
        uint8_t bytes[HN_FRAME_BYTES], again[HN_FRAME_BYTES];
        hn_frame back;
        hn_frame_encode(&valid_frames[i], bytes);
        assert_int_equal(hn_frame_decode(bytes, &limits, NULL, &back), HONE_OK);
        hn_frame_encode(&back, again);
        assert_memory_equal(bytes, again, sizeof bytes);
        assert_int_equal(back.sequence, valid_frames[i].sequence);
        assert_int_equal(back.raw_size, valid_frames[i].raw_size);
    }
}

static void test_layout_is_little_endian(void **state) {
    (void)state;
    static const uint8_t expected[HN_FRAME_BYTES] = {0xA1, 2, 5, 8, 1, 2, 3, 4, 2, 1, 0, 0,
                                                     0,    2, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1};
    const hn_frame frame = {HN_FRAME_DATA, HONE_CODEC_LZ4, HONE_FILTER_SHUFFLE, 8, 0x04030201,
                            0x102,         0x200,          0x0102030405060708};
    uint8_t bytes[HN_FRAME_BYTES];
    hn_frame_encode(&frame, bytes);
    assert_memory_equal(bytes, expected, sizeof bytes);
}

static const struct {
    const char *what;
    hn_frame frame;
    hone_status expected;
} hostile[] = {
    {"no kind", {.kind = 0}, HONE_STATUS_CORRUPT},
    {"unknown kind", {.kind = 6}, HONE_STATUS_CORRUPT},
    {"hello too long", {.kind = HN_FRAME_HELLO, .size = HN_HELLO_BYTES + 1}, HONE_STATUS_CORRUPT},
    {"hello too short", {.kind = HN_FRAME_HELLO}, HONE_STATUS_CORRUPT},
    {"no number", {.kind = HN_FRAME_DATA}, HONE_STATUS_CORRUPT},
    {"too large",
     {.kind = HN_FRAME_DATA, .size = 1001, .raw_size = 1001, .sequence = 1},
     HONE_STATUS_LIMIT},
    {"huge",
     {.kind = HN_FRAME_DATA, .size = UINT32_MAX, .raw_size = UINT32_MAX, .sequence = 1},
     HONE_STATUS_LIMIT},
    {"huge on the wire",
     {.kind = HN_FRAME_DATA, .size = UINT32_MAX, .raw_size = 10, .sequence = 1},
     HONE_STATUS_CORRUPT},
    {"a bomb",
     {.kind = HN_FRAME_DATA,
      .codec = HONE_CODEC_LZ4,
      .size = 10,
      .raw_size = 1u << 30,
      .sequence = 1},
     HONE_STATUS_LIMIT},
    {"packed to the same size",
     {.kind = HN_FRAME_DATA, .codec = HONE_CODEC_LZ4, .size = 10, .raw_size = 10, .sequence = 1},
     HONE_STATUS_CORRUPT},
    {"packed to nothing",
     {.kind = HN_FRAME_DATA, .codec = HONE_CODEC_LZ4, .raw_size = 10, .sequence = 1},
     HONE_STATUS_CORRUPT},
    {"a codec that was not agreed on",
     {.kind = HN_FRAME_DATA, .codec = HONE_CODEC_ZSTD, .size = 5, .raw_size = 10, .sequence = 1},
     HONE_STATUS_CORRUPT},
    {"an unknown filter",
     {.kind = HN_FRAME_DATA,
      .codec = HONE_CODEC_LZ4,
      .filter = 3,
      .element_size = 4,
      .size = 5,
      .raw_size = 10,
      .sequence = 1},
     HONE_STATUS_CORRUPT},
    {"a filter without elements",
     {.kind = HN_FRAME_DATA,
      .codec = HONE_CODEC_LZ4,
      .filter = HONE_FILTER_SHUFFLE,
      .size = 5,
      .raw_size = 10,
      .sequence = 1},
     HONE_STATUS_CORRUPT},
    {"a filter without a codec",
     {.kind = HN_FRAME_DATA,
      .filter = HONE_FILTER_SHUFFLE,
      .element_size = 4,
      .size = 8,
      .raw_size = 8,
      .sequence = 1},
     HONE_STATUS_CORRUPT},
    {"an acknowledgement with a payload", {.kind = HN_FRAME_ACK, .size = 1}, HONE_STATUS_CORRUPT},
    {"an end without a number", {.kind = HN_FRAME_CLOSE}, HONE_STATUS_CORRUPT},
    {"a refusal that is a book",
     {.kind = HN_FRAME_REFUSE, .type = 4, .size = 257},
     HONE_STATUS_CORRUPT},
    {"a refusal without a reason", {.kind = HN_FRAME_REFUSE}, HONE_STATUS_CORRUPT},
};

static void test_hostile_frames_are_refused(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof hostile / sizeof *hostile; i++) {
        uint8_t bytes[HN_FRAME_BYTES];
        hn_frame back;
        hone_diag diag = {0};
        hn_frame_encode(&hostile[i].frame, bytes);
        hone_status status = hn_frame_decode(bytes, &limits, &diag, &back);
        if (status != hostile[i].expected || diag.message[0] == 0) {
            fail_msg("%s: %s", hostile[i].what, hone_status_name(status));
        }
    }
}

static void test_another_version_names_both(void **state) {
    (void)state;
    uint8_t bytes[HN_FRAME_BYTES] = {0xA7};
    hn_frame frame;
    hone_diag diag = {0};
    assert_int_equal(hn_frame_decode(bytes, &limits, &diag, &frame), HONE_STATUS_UNSUPPORTED);
    assert_non_null(strstr(diag.message, "version 7"));
    assert_non_null(strstr(diag.message, "version 1"));
    memcpy(bytes, "GET / HTTP/1.1\r\nHost: x", 24);
    assert_int_equal(hn_frame_decode(bytes, &limits, &diag, &frame), HONE_STATUS_CORRUPT);
}

/* A frame with a bit turned around is refused, or it says something else within the limits. */
static void test_every_bit_means_something(void **state) {
    (void)state;
    for (size_t i = 0; i < VALID_COUNT; i++) {
        for (size_t bit = 0; bit < (size_t)8 * HN_FRAME_BYTES; bit++) {
            uint8_t bytes[HN_FRAME_BYTES], again[HN_FRAME_BYTES];
            hn_frame back;
            hn_frame_encode(&valid_frames[i], bytes);
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            if (hn_frame_decode(bytes, &limits, NULL, &back) == HONE_OK) {
                hn_frame_encode(&back, again);
                assert_memory_equal(bytes, again, sizeof bytes);
                assert_true(back.size <= limits.message_max);
            }
        }
    }
}

static void test_hello(void **state) {
    (void)state;
    const hn_hello hello = {9, 1000, 77, 0x1122334455667788, 5, 6, 7};
    uint8_t bytes[HN_HELLO_BYTES], again[HN_HELLO_BYTES];
    hn_hello back;
    hn_hello_encode(&hello, bytes);
    assert_int_equal(hn_hello_decode(bytes, NULL, &back), HONE_OK);
    hn_hello_encode(&back, again);
    assert_memory_equal(bytes, again, sizeof bytes);
    assert_int_equal(back.token, hello.token);
    assert_int_equal(back.peer_sequence, hello.peer_sequence);
    for (size_t bit = 0; bit < (size_t)8 * HN_HELLO_BYTES; bit++) {
        hn_hello_encode(&hello, bytes);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        hone_status status = hn_hello_decode(bytes, NULL, &back);
        if (bit < 64 || (bit >= 160 && bit < 192) || bit >= 448) {
            assert_int_equal(status, HONE_STATUS_CORRUPT);
        } else if (status == HONE_OK) {
            hn_hello_encode(&back, again);
            assert_memory_equal(bytes, again, sizeof bytes);
        }
    }
    static const hn_hello wrong[] = {
        {.first_sequence = 1},                                      /* no token */
        {.token = 1},                                               /* no first number */
        {.token = 1, .first_sequence = 1, .peer_sequence = 3},      /* of what stream? */
        {.token = 1, .first_sequence = 1, .message_max = 1u << 31}, /* too large */
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        hn_hello_encode(&wrong[i], bytes);
        assert_int_equal(hn_hello_decode(bytes, NULL, &back), HONE_STATUS_CORRUPT);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_frames_round_trip),
        cmocka_unit_test(test_layout_is_little_endian),
        cmocka_unit_test(test_hostile_frames_are_refused),
        cmocka_unit_test(test_another_version_names_both),
        cmocka_unit_test(test_every_bit_means_something),
        cmocka_unit_test(test_hello),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
