/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: the writer writes nothing but valid JSON, the reader accepts valid JSON and nothing else.
 * Method: tables; random documents that must come back unchanged through reader and writer; the
 * same documents cut anywhere, which must be refused.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdlib.h>

#include "hone/base/json.h"

enum { BUFFER_MAX = 1 << 20 };

static uint64_t next_random(uint64_t *state) {
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static void assert_text(const hone_buffer *buffer, const char *expected) {
    assert_int_equal(hone_buffer_status(buffer), HONE_OK);
    assert_int_equal(buffer->size, strlen(expected));
    assert_memory_equal(buffer->data, expected, buffer->size);
}

static void write_sample(hone_json_writer *writer) {
    hone_json_write_object_begin(writer);
    hone_json_write_key(writer, HONE_TEXT("a"));
    hone_json_write_array_begin(writer);
    hone_json_write_i64(writer, INT64_MIN);
    hone_json_write_u64(writer, UINT64_MAX);
    hone_json_write_f64(writer, 0.5);
    hone_json_write_f64(writer, NAN);
    hone_json_write_f64(writer, -INFINITY);
    hone_json_write_bool(writer, true);
    hone_json_write_bool(writer, false);
    hone_json_write_array_end(writer);
    hone_json_write_key(writer, HONE_TEXT("b\""));
    hone_json_write_object_begin(writer);
    hone_json_write_object_end(writer);
    hone_json_write_key(writer, HONE_TEXT("c"));
    hone_json_write_raw(writer, HONE_TEXT("[1]"));
    hone_json_write_key(writer, HONE_TEXT(""));
    hone_json_write_null(writer);
    hone_json_write_object_end(writer);
}

static void writer_writes_compact_and_indented(void **state) {
    (void)state;
    hone_buffer buffer;
    hone_json_writer writer;
    hone_buffer_init(&buffer, NULL, BUFFER_MAX);
    hone_json_writer_init(&writer, &buffer, 0);
    write_sample(&writer);
    assert_text(&buffer, "{\"a\":[-9223372036854775808,18446744073709551615,0.5,null,null,true,"
                         "false],\"b\\\"\":{},\"c\":[1],\"\":null}");
    hone_buffer_clear(&buffer);
    hone_json_writer_init(&writer, &buffer, 2);
    write_sample(&writer);
    assert_text(&buffer, "{\n  \"a\": [\n    -9223372036854775808,\n    18446744073709551615,\n"
                         "    0.5,\n    null,\n    null,\n    true,\n    false\n  ],\n"
                         "  \"b\\\"\": {},\n  \"c\": [1],\n  \"\": null\n}");
    hone_buffer_deinit(&buffer);
}

static void writer_escapes_text(void **state) {
    (void)state;
    const struct {
        hone_text text;
        const char *json;
    } cases[] = {
        {HONE_TEXT(""), "\"\""},
        {HONE_TEXT("plain text"), "\"plain text\""},
        {HONE_TEXT("\"\\/"), "\"\\\"\\\\/\""},
        {HONE_TEXT("\b\f\n\r\t"), "\"\\b\\f\\n\\r\\t\""},
        {HONE_TEXT("\0\x01\x1F\x7F"), "\"\\u0000\\u0001\\u001f\x7F\""},
        {HONE_TEXT("\xC3\xA9\xF0\x9F\x98\x80"), "\"\xC3\xA9\xF0\x9F\x98\x80\""},
        {HONE_TEXT("a\xFF\xC3"), "\"a\xEF\xBF\xBD\xEF\xBF\xBD\""},
        {HONE_TEXT("\xC3\xA9\x80\xC3\xA9"), "\"\xC3\xA9\xEF\xBF\xBD\xC3\xA9\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hone_buffer buffer;
        hone_json_writer writer;
        hone_buffer_init(&buffer, NULL, BUFFER_MAX);
        hone_json_writer_init(&writer, &buffer, 0);
        hone_json_write_text(&writer, cases[i].text);
        assert_text(&buffer, cases[i].json);
        hone_buffer_deinit(&buffer);
    }
}

/* A field of garbage from outside must not cost its size squared (that would be hours here). */
static void writer_takes_long_garbage(void **state) {
    (void)state;
    enum { GARBAGE_BYTES = 4 << 20 };
    hone_buffer buffer;
    hone_json_writer writer;
    char *garbage = malloc(GARBAGE_BYTES);
    assert_non_null(garbage);
    memset(garbage, 0x80, GARBAGE_BYTES);
    hone_buffer_init(&buffer, NULL, 4 * GARBAGE_BYTES);
    hone_json_writer_init(&writer, &buffer, 0);
    hone_json_write_text(&writer, (hone_text){garbage, GARBAGE_BYTES});
    assert_int_equal(hone_buffer_status(&buffer), HONE_OK);
    assert_int_equal(buffer.size, 3 * GARBAGE_BYTES + 2);
    hone_buffer_deinit(&buffer);
    free(garbage);
}

static void writer_stops_at_its_limits(void **state) {
    (void)state;
    hone_buffer buffer;
    hone_json_writer writer;
    for (int levels = HONE_JSON_DEPTH_MAX; levels <= HONE_JSON_DEPTH_MAX + 2; levels++) {
        hone_buffer_init(&buffer, NULL, BUFFER_MAX);
        hone_json_writer_init(&writer, &buffer, 0);
        for (int i = 0; i < levels; i++) {
            hone_json_write_array_begin(&writer);
        }
        for (int i = 0; i < levels; i++) {
            hone_json_write_array_end(&writer);
        }
        assert_int_equal(hone_buffer_status(&buffer),
                         levels <= HONE_JSON_DEPTH_MAX ? HONE_OK : HONE_STATUS_LIMIT);
        hone_buffer_deinit(&buffer);
    }
    hone_buffer_init(&buffer, NULL, 20);
    hone_json_writer_init(&writer, &buffer, 0);
    write_sample(&writer);
    assert_int_equal(hone_buffer_status(&buffer), HONE_STATUS_LIMIT);
    hone_buffer_deinit(&buffer);
}

/* Reads to the end; the number of events, or the error in *out_status. */
static int read_all(hone_text content, hone_status *out_status, hone_diag *diag) {
    hone_json_reader reader;
    hone_json_event event;
    int count = 0;
    hone_json_reader_init(&reader, content);
    do {
        *out_status = hone_json_reader_next(&reader, &event);
        count++;
    } while (*out_status == HONE_OK && event.type != HONE_JSON_END);
    (void)hone_json_reader_explain(&reader, "x.json", 10, diag);
    return count;
}

static void reader_accepts_and_refuses(void **state) {
    (void)state;
    const struct {
        hone_text content;
        hone_status status;
        uint32_t column; /* of the error; 0: any */
    } cases[] = {
        {HONE_TEXT("{}"), HONE_OK, 0},
        {HONE_TEXT(" [ ] \r\n\t"), HONE_OK, 0},
        {HONE_TEXT("null"), HONE_OK, 0},
        {HONE_TEXT("-0"), HONE_OK, 0},
        {HONE_TEXT("[1,-2,3.5,1e5,1E-2,0.1e+3,123456789012345678901234567890]"), HONE_OK, 0},
        {HONE_TEXT("{\"a\":{\"b\":[{}]},\"a\":1}"), HONE_OK, 0},
        {HONE_TEXT("\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\uDE00\""), HONE_OK, 0},
        {HONE_TEXT("\"\x7F \xC3\xA9\""), HONE_OK, 0},
        {HONE_TEXT(""), HONE_STATUS_TRUNCATED, 1},
        {HONE_TEXT("  "), HONE_STATUS_TRUNCATED, 3},
        {HONE_TEXT("{"), HONE_STATUS_TRUNCATED, 2},
        {HONE_TEXT("[1"), HONE_STATUS_TRUNCATED, 3},
        {HONE_TEXT("[1,"), HONE_STATUS_TRUNCATED, 4},
        {HONE_TEXT("{\"a\""), HONE_STATUS_TRUNCATED, 5},
        {HONE_TEXT("{\"a\":"), HONE_STATUS_TRUNCATED, 6},
        {HONE_TEXT("\"abc"), HONE_STATUS_TRUNCATED, 5},
        {HONE_TEXT("\"abc\\"), HONE_STATUS_TRUNCATED, 6},
        {HONE_TEXT("-"), HONE_STATUS_TRUNCATED, 2},
        {HONE_TEXT("1."), HONE_STATUS_TRUNCATED, 3},
        {HONE_TEXT("[1,]"), HONE_STATUS_SYNTAX, 4},
        {HONE_TEXT("[,1]"), HONE_STATUS_SYNTAX, 2},
        {HONE_TEXT("[1 2]"), HONE_STATUS_SYNTAX, 4},
        {HONE_TEXT("[1}"), HONE_STATUS_SYNTAX, 3},
        {HONE_TEXT("{\"a\":1,}"), HONE_STATUS_SYNTAX, 8},
        {HONE_TEXT("{\"a\" 1}"), HONE_STATUS_SYNTAX, 6},
        {HONE_TEXT("{a:1}"), HONE_STATUS_SYNTAX, 2},
        {HONE_TEXT("{1:1}"), HONE_STATUS_SYNTAX, 2},
        {HONE_TEXT("{\"a\":1]"), HONE_STATUS_SYNTAX, 7},
        {HONE_TEXT("]"), HONE_STATUS_SYNTAX, 1},
        {HONE_TEXT("{} {}"), HONE_STATUS_SYNTAX, 4},
        {HONE_TEXT("01"), HONE_STATUS_SYNTAX, 1},
        {HONE_TEXT("+1"), HONE_STATUS_SYNTAX, 1},
        {HONE_TEXT(".5"), HONE_STATUS_SYNTAX, 1},
        {HONE_TEXT("1.e5"), HONE_STATUS_SYNTAX, 3},
        {HONE_TEXT("1e+x"), HONE_STATUS_SYNTAX, 4},
        {HONE_TEXT("0x10"), HONE_STATUS_SYNTAX, 2},
        {HONE_TEXT("NaN"), HONE_STATUS_SYNTAX, 1},
        {HONE_TEXT("True"), HONE_STATUS_SYNTAX, 1},
        {HONE_TEXT("truex"), HONE_STATUS_SYNTAX, 5},
        {HONE_TEXT("'a'"), HONE_STATUS_SYNTAX, 1},
        {HONE_TEXT("\"a\nb\""), HONE_STATUS_SYNTAX, 3},
        {HONE_TEXT("\"a\0b\""), HONE_STATUS_SYNTAX, 3},
        {HONE_TEXT("\"\\x41\""), HONE_STATUS_SYNTAX, 2},
        {HONE_TEXT("\"\\u12g4\""), HONE_STATUS_SYNTAX, 2},
        {HONE_TEXT("[1]\0"), HONE_STATUS_SYNTAX, 4},
        {HONE_TEXT("\xEF\xBB\xBF{}"), HONE_STATUS_SYNTAX, 1},
        {HONE_TEXT("\"\\ud83d\""), HONE_STATUS_ENCODING, 2},
        {HONE_TEXT("\"\\ude00\""), HONE_STATUS_ENCODING, 2},
        {HONE_TEXT("\"\\ud83d\\u0041\""), HONE_STATUS_ENCODING, 2},
        {HONE_TEXT("\"ab\xFFyz\""), HONE_STATUS_ENCODING, 4},
        {HONE_TEXT("[1e400]"), HONE_STATUS_OVERFLOW, 2},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hone_status status;
        hone_diag diag = {0};
        read_all(cases[i].content, &status, &diag);
        if (status != cases[i].status || (cases[i].column && diag.column != cases[i].column)) {
            fail_msg("%.*s: %s, column %u: %s", HONE_TEXT_ARGS(cases[i].content),
                     hone_status_name(status), diag.column, diag.message);
        }
        assert_true(status == HONE_OK || (diag.line >= 10 && diag.message[0]));
    }
}

static void reader_hands_out_values(void **state) {
    (void)state;
    hone_text content = HONE_TEXT("{ \"n\": -7, \"x\": 2.5, \"t\\n\": \"a\\u00e9\\ud83d\\ude00z\","
                                  " \"skip\": [1, {\"y\": []}], \"yes\": true, \"no\": null,"
                                  " \"big\": 9223372036854775808, \"minus\": -0}");
    hone_json_reader reader;
    hone_json_event event;
    char decoded[64];
    hone_json_reader_init(&reader, content);
#define NEXT(expected)                                                 \
    assert_int_equal(hone_json_reader_next(&reader, &event), HONE_OK); \
    assert_int_equal(event.type, expected)
    NEXT(HONE_JSON_OBJECT_BEGIN);
    NEXT(HONE_JSON_KEY);
    assert_true(hone_text_is(event.text, "n") && !event.has_escapes && event.byte_offset == 2);
    NEXT(HONE_JSON_INTEGER);
    assert_true(event.integer == -7 && event.number == -7);
    NEXT(HONE_JSON_KEY);
    NEXT(HONE_JSON_FLOAT);
    assert_true(event.number == 2.5 && hone_text_is(event.text, "2.5"));
    NEXT(HONE_JSON_KEY);
    assert_true(event.has_escapes);
    assert_int_equal(hone_json_decode(event.text, decoded), 2);
    assert_memory_equal(decoded, "t\n", 2);
    NEXT(HONE_JSON_TEXT);
    assert_int_equal(hone_json_decode(event.text, decoded), 8);
    assert_memory_equal(decoded, "a\xC3\xA9\xF0\x9F\x98\x80z", 8);
    NEXT(HONE_JSON_KEY);
    NEXT(HONE_JSON_ARRAY_BEGIN);
    assert_int_equal(hone_json_reader_skip(&reader, &event), HONE_OK);
    NEXT(HONE_JSON_KEY);
    assert_true(hone_text_is(event.text, "yes"));
    NEXT(HONE_JSON_BOOL);
    assert_true(event.boolean);
    NEXT(HONE_JSON_KEY);
    NEXT(HONE_JSON_NULL);
    NEXT(HONE_JSON_KEY);
    NEXT(HONE_JSON_FLOAT);
    assert_true(event.number == 9223372036854775808.0);
    NEXT(HONE_JSON_KEY);
    NEXT(HONE_JSON_FLOAT);
    assert_true(event.number == 0 && signbit(event.number));
    NEXT(HONE_JSON_OBJECT_END);
    NEXT(HONE_JSON_END);
    NEXT(HONE_JSON_END);
#undef NEXT
}

static void reader_depth_is_limited(void **state) {
    (void)state;
    char content[2 * (HONE_JSON_DEPTH_MAX + 1)];
    for (size_t levels = HONE_JSON_DEPTH_MAX; levels <= HONE_JSON_DEPTH_MAX + 1; levels++) {
        hone_status status;
        memset(content, '[', levels);
        memset(content + levels, ']', levels);
        read_all((hone_text){content, 2 * levels}, &status, NULL);
        assert_int_equal(status, levels == HONE_JSON_DEPTH_MAX ? HONE_OK : HONE_STATUS_LIMIT);
    }
}

/* --- Random documents ----------------------------------------------------------------------- */

static void write_random_text(hone_json_writer *writer, uint64_t *seed, bool is_key) {
    static const char *const pieces[] = {
        "a",        "long plain text",  "\"",  "\\", "\n", "\x01", "/",
        "\xC3\xA9", "\xF0\x9F\x98\x80", "\x7F"};
    char text[256];
    size_t size = 0;
    for (uint64_t i = next_random(seed) % 8; i > 0; i--) {
        const char *piece = pieces[next_random(seed) % 10];
        memcpy(text + size, piece, strlen(piece));
        size += strlen(piece);
    }
    if (is_key) {
        hone_json_write_key(writer, (hone_text){text, size});
    } else {
        hone_json_write_text(writer, (hone_text){text, size});
    }
}

static void write_random_value(hone_json_writer *writer, uint64_t *seed, int depth) {
    uint64_t random = next_random(seed), kind = random % (depth < 5 ? 8 : 6);
    switch (kind) {
    case 0: hone_json_write_null(writer); return;
    case 1: hone_json_write_bool(writer, random >> 32 & 1); return;
    case 2: hone_json_write_i64(writer, (int64_t)next_random(seed) >> (random >> 58)); return;
    case 3: hone_json_write_f64(writer, (double)(int32_t)random * 1e-3); return;
    case 4:
    case 5: write_random_text(writer, seed, false); return;
    case 6:
        hone_json_write_array_begin(writer);
        for (uint64_t i = random >> 32 & 7; i > 0; i--) {
            write_random_value(writer, seed, depth + 1);
        }
        hone_json_write_array_end(writer);
        return;
    default:
        hone_json_write_object_begin(writer);
        for (uint64_t i = random >> 32 & 7; i > 0; i--) {
            write_random_text(writer, seed, true);
            write_random_value(writer, seed, depth + 1);
        }
        hone_json_write_object_end(writer);
    }
}

static void write_text_event(hone_json_writer *writer, const hone_json_event *event) {
    static char decoded[1024];
    assert_true(event->text.size <= sizeof decoded);
    hone_text text = {decoded, hone_json_decode(event->text, decoded)};
    assert_true(event->has_escapes || hone_text_is_equal(text, event->text));
    if (event->type == HONE_JSON_KEY) {
        hone_json_write_key(writer, text);
    } else {
        hone_json_write_text(writer, text);
    }
}

static void copy_event(hone_json_writer *writer, const hone_json_event *event) {
    switch (event->type) {
    case HONE_JSON_END: break;
    case HONE_JSON_OBJECT_BEGIN: hone_json_write_object_begin(writer); break;
    case HONE_JSON_OBJECT_END: hone_json_write_object_end(writer); break;
    case HONE_JSON_ARRAY_BEGIN: hone_json_write_array_begin(writer); break;
    case HONE_JSON_ARRAY_END: hone_json_write_array_end(writer); break;
    case HONE_JSON_KEY:
    case HONE_JSON_TEXT: write_text_event(writer, event); break;
    case HONE_JSON_INTEGER: hone_json_write_i64(writer, event->integer); break;
    case HONE_JSON_FLOAT: hone_json_write_f64(writer, event->number); break;
    case HONE_JSON_BOOL: hone_json_write_bool(writer, event->boolean); break;
    case HONE_JSON_NULL: hone_json_write_null(writer); break;
    }
}

static void random_documents_make_the_round_trip(void **state) {
    (void)state;
    uint64_t seed = 11;
    hone_buffer written, copied;
    hone_buffer_init(&written, NULL, BUFFER_MAX);
    hone_buffer_init(&copied, NULL, BUFFER_MAX);
    for (int i = 0; i < 5000; i++) {
        hone_json_writer writer;
        uint32_t indent = i % 3;
        hone_buffer_clear(&written);
        hone_json_writer_init(&writer, &written, indent);
        write_random_value(&writer, &seed, 0);

        hone_json_reader reader;
        hone_json_event event;
        hone_buffer_clear(&copied);
        hone_json_writer_init(&writer, &copied, indent);
        hone_json_reader_init(&reader, hone_buffer_text(&written));
        do {
            assert_int_equal(hone_json_reader_next(&reader, &event), HONE_OK);
            copy_event(&writer, &event);
        } while (event.type != HONE_JSON_END);
        assert_int_equal(written.size, copied.size);
        assert_memory_equal(written.data, copied.data, written.size);
    }
    hone_buffer_deinit(&written);
    hone_buffer_deinit(&copied);
}

/* A proper prefix of an object or array is never a document. */
static void cut_documents_are_refused(void **state) {
    (void)state;
    uint64_t seed = 12;
    hone_buffer written;
    hone_buffer_init(&written, NULL, BUFFER_MAX);
    for (int i = 0; i < 300; i++) {
        hone_json_writer writer;
        hone_buffer_clear(&written);
        hone_json_writer_init(&writer, &written, 0);
        hone_json_write_array_begin(&writer);
        write_random_value(&writer, &seed, 1);
        hone_json_write_array_end(&writer);
        for (size_t size = 0; size < written.size; size++) {
            /* An own block of exactly this size, so that a sanitizer sees every byte too far. */
            char *cut = malloc(size ? size : 1);
            hone_status status;
            memcpy(cut, written.data, size);
            read_all((hone_text){cut, size}, &status, NULL);
            assert_int_not_equal(status, HONE_OK);
            free(cut);
        }
    }
    hone_buffer_deinit(&written);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writer_writes_compact_and_indented),
        cmocka_unit_test(writer_escapes_text),
        cmocka_unit_test(writer_takes_long_garbage),
        cmocka_unit_test(writer_stops_at_its_limits),
        cmocka_unit_test(reader_accepts_and_refuses),
        cmocka_unit_test(reader_hands_out_values),
        cmocka_unit_test(reader_depth_is_limited),
        cmocka_unit_test(random_documents_make_the_round_trip),
        cmocka_unit_test(cut_documents_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
