/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: the scanner splits exactly as RFC 4180 says, wherever the window is cut. Method: tables; a
 * naive twin that reads byte by byte, compared on random texts of the few bytes that matter, in
 * windows of random sizes; the writer's output read back.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdlib.h>

#include "hone/base/csv.h"

enum { FIELDS_MAX = 64, TEXT_MAX = 4096 };

static uint64_t next_random(uint64_t *state) {
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* Everything that was read, as one text: fields in [] (quoted ones in {}), rows by their line, then
 * the end: '.', or the error and its line. So two readers can be compared by one comparison. */
typedef struct transcript {
    char text[TEXT_MAX * 8];
    size_t size;
} transcript;

static void put(transcript *to, const char *data, size_t size) {
    assert_true(to->size + size <= sizeof to->text);
    memcpy(to->text + to->size, data, size);
    to->size += size;
}

static void put_number(transcript *to, char mark, uint64_t number) {
    char digits[24];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number);
    put(to, &mark, 1);
    put(to, digits + at, sizeof digits - at);
}

static void put_field(transcript *to, const char *data, size_t size, bool is_quoted) {
    put(to, is_quoted ? "{" : "[", 1);
    put(to, data, size);
    put(to, is_quoted ? "}" : "]", 1);
}

/* --- The naive twin ------------------------------------------------------------------------- */

/* Reads one field from *at on, unescaped. False: an error at line *line. */
static bool read_field(const char **at, const char *end, uint64_t *line, transcript *to) {
    char field[TEXT_MAX];
    size_t size = 0;
    const char *c = *at;
    if (c == end || *c != '"') {
        for (; c < end && *c != ',' && *c != '\n'; c++) {
            if (*c == '"') {
                return false;
            }
            field[size++] = *c;
        }
        if ((c == end || *c == '\n') && size && field[size - 1] == '\r') {
            size--;
        }
        put_field(to, field, size, false);
        *at = c;
        return true;
    }
    uint64_t start_line = *line;
    for (c++;; c++) {
        if (c == end) {
            *line = start_line;
            return false;
        }
        if (*c == '"' && c + 1 < end && c[1] == '"') {
            c++;
        } else if (*c == '"') {
            break;
        }
        *line += *c == '\n';
        field[size++] = *c;
    }
    c++;
    if (c < end && *c == '\r' && (c + 1 == end || c[1] == '\n')) {
        c++;
    }
    put_field(to, field, size, true);
    *at = c;
    return c == end || *c == ',' || *c == '\n';
}

static void read_naively(hone_text text, transcript *to) {
    const char *at = text.data, *end = text.data + text.size;
    uint64_t line = 1;
    to->size = 0;
    while (at < end) {
        transcript row = {.size = 0};
        uint64_t row_line = line;
        for (;;) {
            if (!read_field(&at, end, &line, &row)) {
                put_number(to, '!', line);
                return;
            }
            if (at == end || *at == '\n') {
                break;
            }
            at++;
        }
        put_number(to, ' ', row_line);
        put(to, row.text, row.size);
        if (at < end) {
            line++;
            at++;
        }
    }
    put(to, ".", 1);
}

/* --- The scanner ---------------------------------------------------------------------------- */

static void put_scanned(transcript *to, hone_csv_field field) {
    char unescaped[TEXT_MAX];
    hone_text text = hone_csv_text(field);
    if (field.flags & HONE_CSV_ESCAPED) {
        assert_true(field.flags & HONE_CSV_QUOTED);
        text = (hone_text){unescaped, hone_csv_unescape(field, unescaped)};
    }
    put_field(to, text.data, text.size, field.flags & HONE_CSV_QUOTED);
}

/* Feeds windows that grow by up to step_max bytes; each is a block of its own, so that a sanitizer
 * sees every byte too far. */
static void scan(hone_text text, size_t step_max, uint64_t *seed, transcript *to) {
    hone_csv_scanner scanner;
    hone_csv_field fields[FIELDS_MAX];
    size_t fields_count, start = 0, end = 0;
    hone_status status = HONE_STATUS_EMPTY;
    to->size = 0;
    assert_int_equal(hone_csv_scanner_init(&scanner, NULL), HONE_OK);
    while (status == HONE_STATUS_EMPTY) {
        size_t step = next_random(seed) % (step_max + 1);
        end = end + step < text.size ? end + step : text.size;
        char *window = malloc(end - start + 1);
        memcpy(window, text.data + start, end - start);
        hone_csv_scanner_feed(&scanner, (hone_text){window, end - start}, end == text.size);
        while ((status = hone_csv_scan_row(&scanner, fields, FIELDS_MAX, &fields_count)) ==
               HONE_OK) {
            put_number(to, ' ', scanner.line);
            for (size_t i = 0; i < fields_count && i < FIELDS_MAX; i++) {
                put_scanned(to, fields[i]);
            }
        }
        assert_int_equal(hone_csv_scan_row(&scanner, fields, FIELDS_MAX, &fields_count), status);
        start += scanner.consumed_bytes;
        free(window);
        if (status == HONE_STATUS_EMPTY && end == text.size) {
            assert_int_equal(start, end);
            put(to, ".", 1);
            return;
        }
    }
    hone_diag diag = {0};
    assert_int_equal(hone_csv_scanner_explain(&scanner, "x.csv", &diag), status);
    assert_int_equal(status, HONE_STATUS_SYNTAX);
    assert_true(diag.message[0] && diag.line);
    put_number(to, '!', diag.line);
}

static void assert_scanned(hone_text text, const char *expected) {
    static transcript got;
    uint64_t seed = 1;
    static const size_t steps[] = {10000, 64, 1};
    for (size_t i = 0; i < 3; i++) {
        scan(text, steps[i], &seed, &got);
        if (got.size != strlen(expected) || memcmp(got.text, expected, got.size) != 0) {
            fail_msg("%.*s gave %.*s instead of %s", HONE_TEXT_ARGS(text), (int)got.size, got.text,
                     expected);
        }
    }
    read_naively(text, &got);
    assert_int_equal(got.size, strlen(expected));
    assert_memory_equal(got.text, expected, got.size);
}

static void rows_are_split(void **state) {
    (void)state;
    const struct {
        hone_text text;
        const char *expected;
    } cases[] = {
        {HONE_TEXT(""), "."},
        {HONE_TEXT("\n"), " 1[]."},
        {HONE_TEXT("a"), " 1[a]."},
        {HONE_TEXT("a\n"), " 1[a]."},
        {HONE_TEXT("a\r\n"), " 1[a]."},
        {HONE_TEXT("a,b\nc,d"), " 1[a][b] 2[c][d]."},
        {HONE_TEXT("a,b\r\nc,d\r\n"), " 1[a][b] 2[c][d]."},
        {HONE_TEXT(",\n,,"), " 1[][] 2[][][]."},
        {HONE_TEXT("a\n\nb"), " 1[a] 2[] 3[b]."},
        {HONE_TEXT("a\rb,c"), " 1[a\rb][c]."},
        {HONE_TEXT("\"a,b\",c"), " 1{a,b}[c]."},
        {HONE_TEXT("\"\",\"\"\"\""), " 1{}{\"}."},
        {HONE_TEXT("\"a\nb\",c\n\"d\r\ne\"\r\nf"), " 1{a\nb}[c] 3{d\r\ne} 5[f]."},
        {HONE_TEXT("\"a\"\"b\"\"\"\n"), " 1{a\"b\"}."},
        {HONE_TEXT("a\n\"b"), " 1[a]!2"},
        {HONE_TEXT("a\n\"b\n\n\nc"), " 1[a]!2"},
        {HONE_TEXT("a\nb\"c\nd\"\n"), " 1[a]!2"},
        {HONE_TEXT("a\n\"b\"c\n"), " 1[a]!2"},
        {HONE_TEXT("a\n\"b\" ,c\n"), " 1[a]!2"},
        {HONE_TEXT("\"b\n\"c,\n"), "!2"},
        {HONE_TEXT("\"a\"\r"), " 1{a}."},
        {HONE_TEXT("\"a\"\r\r\n"), "!1"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_scanned(cases[i].text, cases[i].expected);
    }
}

static void random_texts_are_read_like_the_twin(void **state) {
    (void)state;
    static transcript got, expected;
    uint64_t seed = 5;
    for (int i = 0; i < 60000; i++) {
        static const char *const alphabets[] = {
            "ab,\n", "a,\n\"\"", "aaaaaaaaaaaaaaaaaaaaaa,,,\"\"\r\n\n", "aaaa,,\"\",,,,\r\n"};
        const char *alphabet = alphabets[i % 4];
        char text[512];
        size_t size = next_random(&seed) % (i % 8 ? 200 : sizeof text);
        for (size_t c = 0; c < size; c++) {
            text[c] = alphabet[next_random(&seed) % strlen(alphabet)];
        }
        read_naively((hone_text){text, size}, &expected);
        scan((hone_text){text, size}, i % 3 ? 400 : 30, &seed, &got);
        if (got.size != expected.size || memcmp(got.text, expected.text, got.size) != 0) {
            fail_msg("%.*s\ngave\n%.*s\ninstead of\n%.*s", (int)size, text, (int)got.size, got.text,
                     (int)expected.size, expected.text);
        }
    }
}

static void masks_are_exact(void **state) {
    (void)state;
    uint64_t seed = 6;
    for (int i = 0; i < 20000; i++) {
        uint8_t bytes[3 * HONE_CSV_BLOCK_BYTES];
        hone_csv_masks masks[3];
        char separator = i % 2 ? (char)next_random(&seed) : ',';
        for (size_t c = 0; c < sizeof bytes; c++) {
            uint64_t random = next_random(&seed);
            bytes[c] = random & 1 ? (uint8_t)(random >> 8) : (uint8_t) ",\"\n\r"[random >> 8 & 3];
        }
        hone_csv_mask_ref(bytes, 3, separator, masks);
        for (size_t c = 0; c < sizeof bytes; c++) {
            bool is_end = bytes[c] == '\n' || bytes[c] == (uint8_t)separator;
            assert_int_equal(masks[c / 64].ends >> c % 64 & 1, is_end);
            assert_int_equal(masks[c / 64].quotes >> c % 64 & 1, bytes[c] == '"');
        }
    }
}

static void options_and_limits_work(void **state) {
    (void)state;
    hone_csv_scanner scanner;
    hone_csv_field fields[2];
    size_t count;
    assert_int_equal(hone_csv_scanner_init(&scanner, &(hone_csv_options){.separator = '"'}),
                     HONE_STATUS_INVALID_ARGUMENT);
    assert_int_equal(hone_csv_scanner_init(NULL, NULL), HONE_STATUS_INVALID_ARGUMENT);
    assert_int_equal(
        hone_csv_scanner_init(&scanner, &(hone_csv_options){.separator = ';', .row_bytes_max = 10}),
        HONE_OK);
    assert_int_equal(hone_csv_scan_row(&scanner, fields, 2, &count), HONE_STATUS_EMPTY);

    /* More fields than the caller has room for are counted, and the next row is whole. */
    hone_csv_scanner_feed(&scanner, HONE_TEXT("a;b,;c;d\ne\n1234567890\n"), false);
    assert_int_equal(hone_csv_scan_row(&scanner, fields, 2, &count), HONE_OK);
    assert_int_equal(count, 4);
    assert_true(hone_text_is(hone_csv_text(fields[1]), "b,"));
    assert_int_equal(hone_csv_scan_row(&scanner, fields, 2, &count), HONE_OK);
    assert_int_equal(count, 1);
    assert_int_equal(scanner.line, 2);
    assert_int_equal(scanner.consumed_bytes, 11);

    hone_diag diag = {0};
    assert_int_equal(hone_csv_scan_row(&scanner, fields, 2, &count), HONE_STATUS_LIMIT);
    assert_int_equal(hone_csv_scan_row(&scanner, fields, 2, &count), HONE_STATUS_LIMIT);
    assert_int_equal(hone_csv_scanner_explain(&scanner, "x.csv", &diag), HONE_STATUS_LIMIT);
    assert_int_equal(diag.line, 3);
    assert_non_null(strstr(diag.message, "10 bytes"));

    /* A row without an end is refused as soon as the window shows that it is too long. */
    assert_int_equal(hone_csv_scanner_init(&scanner, &(hone_csv_options){.row_bytes_max = 10}),
                     HONE_OK);
    hone_csv_scanner_feed(&scanner, HONE_TEXT("1234567890"), false);
    assert_int_equal(hone_csv_scan_row(&scanner, fields, 2, &count), HONE_STATUS_EMPTY);
    hone_csv_scanner_feed(&scanner, HONE_TEXT("12345678901"), false);
    assert_int_equal(hone_csv_scan_row(&scanner, fields, 2, &count), HONE_STATUS_LIMIT);

    /* A stray quote is found without reading on to the quote that would pair with it. */
    assert_int_equal(hone_csv_scanner_init(&scanner, NULL), HONE_OK);
    hone_csv_scanner_feed(&scanner, HONE_TEXT("a,b\"c\nd\ne"), false);
    assert_int_equal(hone_csv_scan_row(&scanner, fields, 2, &count), HONE_STATUS_SYNTAX);
}

/* --- Writer --------------------------------------------------------------------------------- */

static void writer_quotes_only_when_needed(void **state) {
    (void)state;
    hone_buffer buffer;
    hone_csv_writer writer;
    hone_buffer_init(&buffer, NULL, 1 << 16);
    hone_csv_writer_init(&writer, &buffer, 0);
    hone_csv_write_text(&writer, HONE_TEXT("plain text"));
    hone_csv_write_text(&writer, HONE_TEXT(""));
    hone_csv_write_text(&writer, HONE_TEXT("a,b"));
    hone_csv_write_text(&writer, HONE_TEXT("\"x\""));
    hone_csv_write_i64(&writer, -5);
    hone_csv_write_f64(&writer, 0.25);
    hone_csv_write_row_end(&writer);
    hone_csv_write_text(&writer, HONE_TEXT(""));
    hone_csv_write_row_end(&writer);
    hone_csv_write_text(&writer, HONE_TEXT(""));
    hone_csv_write_text(&writer, HONE_TEXT("a\nb"));
    hone_csv_write_row_end(&writer);
    assert_int_equal(hone_buffer_status(&buffer), HONE_OK);
    assert_true(hone_text_is(hone_buffer_text(&buffer),
                             "plain text,,\"a,b\",\"\"\"x\"\"\",-5,0.25\n\"\"\n,\"a\nb\"\n"));
    hone_buffer_deinit(&buffer);
}

static void what_is_written_is_read_back(void **state) {
    (void)state;
    uint64_t seed = 7;
    hone_buffer buffer;
    hone_buffer_init(&buffer, NULL, 1 << 16);
    for (int i = 0; i < 5000; i++) {
        char texts[6][16];
        size_t sizes[6], count = 1 + next_random(&seed) % 6, fields_count;
        hone_csv_writer writer;
        hone_buffer_clear(&buffer);
        hone_csv_writer_init(&writer, &buffer, ',');
        for (size_t f = 0; f < count; f++) {
            sizes[f] = next_random(&seed) % 16;
            for (size_t c = 0; c < sizes[f]; c++) {
                texts[f][c] = "abc,\"\n\r "[next_random(&seed) % 8];
            }
            hone_csv_write_text(&writer, (hone_text){texts[f], sizes[f]});
        }
        hone_csv_write_row_end(&writer);
        hone_csv_scanner scanner;
        hone_csv_field fields[6];
        assert_int_equal(hone_csv_scanner_init(&scanner, NULL), HONE_OK);
        hone_csv_scanner_feed(&scanner, hone_buffer_text(&buffer), true);
        assert_int_equal(hone_csv_scan_row(&scanner, fields, 6, &fields_count), HONE_OK);
        assert_int_equal(fields_count, count);
        for (size_t f = 0; f < count; f++) {
            char unescaped[64];
            bool is_escaped = fields[f].flags & HONE_CSV_ESCAPED;
            hone_text text = is_escaped
                                 ? (hone_text){unescaped, hone_csv_unescape(fields[f], unescaped)}
                                 : hone_csv_text(fields[f]);
            assert_true(hone_text_is_equal(text, (hone_text){texts[f], sizes[f]}));
        }
        assert_int_equal(hone_csv_scan_row(&scanner, fields, 6, &fields_count), HONE_STATUS_EMPTY);
    }
    hone_buffer_deinit(&buffer);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_split),
        cmocka_unit_test(random_texts_are_read_like_the_twin),
        cmocka_unit_test(masks_are_exact),
        cmocka_unit_test(options_and_limits_work),
        cmocka_unit_test(writer_quotes_only_when_needed),
        cmocka_unit_test(what_is_written_is_read_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
