/* SPDX-License-Identifier: Apache-2.0 */
/* source.csv in a running node: what arrives, and what a person is told when it does not. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "hone/memory/checking.h"
#include "hone/memory/failing.h"
#include "node_kinds_test.h"

#define GRAPH                                                              \
    "[node]\nworkers = 2\nmemory_budget = \"24MiB\"\n"                     \
    "[[stage]]\nname = \"in\"\nkind = \"source.csv\"\npath = \"%s\"\n%s\n" \
    "[[stage]]\nname = \"out\"\nkind = \"test.sink\"\nfrom = \"in\"\n"

/* What a file gives: a load or a run that fails has the message, file names cut to their base. */
typedef struct outcome {
    hone_status status;
    bool is_loaded;
    char message[700];
    size_t rows_count;
    int64_t first, last; /* of the first field */
    uint64_t text_bytes, skipped, peak_bytes, undelivered, bytes;
    bool is_ended;
    char schema[200]; /* "a:i64 b:text" */
    char logged[600];
} outcome;

static void describe_schema(const hone_node *node, outcome *result) {
    hone_node_stage_info info;
    size_t used = 0;
    assert_int_equal(hone_node_stage_info_read(node, 0, &info), HONE_OK);
    for (uint32_t i = 0; i < info.schema->fields_count && used < sizeof result->schema; i++) {
        used += (size_t)snprintf(result->schema + used, sizeof result->schema - used, "%s%.*s:%s",
                                 i ? " " : "", HONE_TEXT_ARGS(info.schema->fields[i].name),
                                 hone_type_name(info.schema->fields[i].type));
    }
}

static void describe_error(const hone_diag *diag, outcome *result) {
    hone_diag shown = *diag;
    const char *base = strrchr(diag->file, '/');
    (void)snprintf(shown.file, sizeof shown.file, "%s", base ? base + 1 : diag->file);
    (void)hone_diag_format(&shown, result->message, sizeof result->message);
}

static void describe_run(const hone_report *report, const hn_test_context *context,
                         outcome *result) {
    const hn_test_sink_rows *rows = hn_test_rows(context, "out");
    const hone_live_stage *source = &report->live->stages[0], *sink = &report->live->stages[1];
    result->rows_count = rows->count;
    result->first = rows->count ? rows->values[0] : -1;
    result->last = rows->count ? rows->values[rows->count - 1] : -1;
    result->text_bytes = rows->text_bytes;
    result->is_ended = rows->is_ended;
    result->skipped = source->records_skipped;
    result->bytes = source->bytes;
    result->undelivered = sink->records_undelivered;
    result->peak_bytes = report->live->peak_bytes;
    assert_int_equal(source->records_out, sink->records_in);
    assert_int_equal(sink->records_in, sink->records_out + sink->records_undelivered);
}

static void read_path(const char *path, const char *options, outcome *result) {
    hn_test_context context;
    hone_checking *checking = NULL;
    hone_diag diag = {0};
    hone_node *node = NULL;
    const hone_report *report = NULL;
    char content[1200];
    *result = (outcome){0};
    hn_test_context_init(&context);
    assert_int_equal(hone_checking_create(NULL, 1 << 16, &checking), HONE_OK);
    (void)snprintf(content, sizeof content, GRAPH, path, options);
    hone_node_options loading = {.allocator = hone_checking_allocator(checking),
                                 .log = &context.log};
    result->status = hone_node_load_text(hone_text_of(content), "n.toml", &loading, &diag, &node);
    result->is_loaded = result->status == HONE_OK;
    if (result->is_loaded) {
        describe_schema(node, result);
        result->status = hone_node_run(node, NULL, &diag, &report);
        describe_run(report, &context, result);
    }
    describe_error(&diag, result);
    hone_node_destroy(node);
    (void)snprintf(result->logged, sizeof result->logged, "%.599s", context.lines);
    if (hone_checking_verify(checking, &diag) != HONE_OK) {
        fail_msg("%s", diag.message);
    }
    hone_checking_destroy(checking);
    hn_test_context_deinit(&context);
}

static void path_of(void *const *test, char *out_path, size_t size) {
    (void)snprintf(out_path, size, "%s/d.csv", (const char *)*test);
}

static void read_csv(void *const *test, hone_text content, const char *options, outcome *result) {
    char path[200];
    path_of(test, path, sizeof path);
    assert_int_equal(hone_file_replace(path, content, NULL), HONE_OK);
    read_path(path, options, result);
}

/* --- what can be read --- */

static void files_are_read_as_they_are(void **test) {
    static const struct {
        const char *content, *options, *schema;
        size_t rows_count;
        int64_t first, last;
        uint64_t text_bytes;
    } rows[] = {
        {"n,t\n1,a\n2,bb\n", "", "n:i64 t:text", 2, 1, 2, 3},
        {"n,t\r\n1,a\r\n2,bb\r\n", "", "n:i64 t:text", 2, 1, 2, 3},
        {"n,t\n1,a\n2,bb", "", "n:i64 t:text", 2, 1, 2, 3},         /* no last line end */
        {"\xEF\xBB\xBFn,t\n1,a\n", "", "n:i64 t:text", 1, 1, 1, 1}, /* byte order mark */
        {"n,t\n1,\"a,b\nc\"\n2,\"x\"\"y\"\n", "", "n:i64 t:text", 2, 1, 2, 8}, /* quotes */
        {"n,t\n", "", "n:text t:text", 0, -1, -1, 0},                          /* a header only */
        {"n,t", "", "n:text t:text", 0, -1, -1, 0},
        {"n\n1\n\n3\n", "", "n:i64", 3, 1, 3, 0}, /* one column: an empty line is an empty field */
        {"n,t\n1,a\n\n2,b\n", "", "n:i64 t:text", 2, 1, 2, 2}, /* else it is nothing */
        {"\n\r\nn,t\n1,a\n", "", "n:i64 t:text", 1, 1, 1, 1},  /* also before the header */
        {"1;a\n2;b\n", "separator = \";\"\nheader = false", "c1:i64 c2:text", 2, 1, 2, 2},
        {"n,f,b,m\n1,1.5,true,7\n2,2,false,\n", "", "n:i64 f:f64 b:bool m:i64", 2, 1, 2, 0},
        {"n,zip\n1,01234\n2,5\n", "", "n:i64 zip:text", 2, 1, 2, 6}, /* leading zeros: a name */
        {"n,x\n1,1\n2,hello\n", "", "n:i64 x:text", 2, 1, 2, 6},
        {"n,x\n1,1\n2,2\n", "fields = { x = \"text\" }", "n:i64 x:text", 2, 1, 2, 2},
        {"n,,n2\n1,2,3\n", "", "n:i64 c2:i64 n2:i64", 1, 1, 1, 0}, /* a column without a name */
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        outcome result;
        read_csv(test, hone_text_of(rows[i].content), rows[i].options, &result);
        if (result.status != HONE_OK || strcmp(result.schema, rows[i].schema) != 0 ||
            result.rows_count != rows[i].rows_count || result.first != rows[i].first ||
            result.last != rows[i].last || result.text_bytes != rows[i].text_bytes) {
            fail_msg("row %zu: %s, schema %s, %zu rows, first %lld, last %lld, %llu bytes of text",
                     i, result.message, result.schema, result.rows_count, (long long)result.first,
                     (long long)result.last, (unsigned long long)result.text_bytes);
        }
        assert_true(result.is_ended);
    }
}

/* --- what cannot --- */

typedef struct bad_csv {
    const char *content, *options;
    hone_status status;
    const char *message;
    size_t rows_count; /* of those before it */
} bad_csv;

static const bad_csv bad_files[] = {
    {"", "", HONE_STATUS_TRUNCATED,
     "d.csv:1: stage 'in': the file is empty: a first row was expected", 0},
    {"n,n\n1,2\n", "", HONE_STATUS_DUPLICATE, "d.csv:1: stage 'in': two fields are named 'n'", 0},
    {"n,t\n1,a\n", "fields = { tt = \"i64\" }", HONE_STATUS_NOT_FOUND,
     "n.toml:8:12: stage 'in': there is no field 'tt'; did you mean 't'?", 0},
    {"n,t\n1,a\n", "fields = { t = \"int\" }", HONE_STATUS_TYPE_MISMATCH,
     "n.toml:8:12: stage 'in': the type of 't' must be one of \"i64\", \"f64\", "
     "\"bool\", \"text\"",
     0},
    {"n,t\n1,a\n", "fields = 3", HONE_STATUS_TYPE_MISMATCH,
     "n.toml:8:10: stage 'in': 'fields' must be a table such as { load = \"f64\" }", 0},
    {"n,t\n1,a\n", "time = \"tt\"", HONE_STATUS_NOT_FOUND,
     "n.toml:8:8: stage 'in': there is no field 'tt'; did you mean 't'?", 0},
    {"n,t\n1,a\n", "separator = \"::\"", HONE_STATUS_INVALID_ARGUMENT,
     "n.toml:8:13: stage 'in': 'separator' must be one character, and 'max_line' from "
     "1 byte to 2 GiB",
     0},
    {"n,t\n1,a\n", "separator = \"\"", HONE_STATUS_INVALID_ARGUMENT,
     "n.toml:8:13: stage 'in': 'separator' must be one character, and 'max_line' from "
     "1 byte to 2 GiB",
     0},
    {"n,t\n1,a\n", "separator = \"\\\"\"", HONE_STATUS_INVALID_ARGUMENT,
     "n.toml:8:13: stage 'in': a quote or a line end cannot be the separator", 0},
    {"n,t\n1,a\n", "max_line = 0", HONE_STATUS_INVALID_ARGUMENT,
     "n.toml:8:12: stage 'in': 'separator' must be one character, and 'max_line' from "
     "1 byte to 2 GiB",
     0},
    {"n,t\n1,a\n2,b\n3\n4,d\n", "", HONE_STATUS_BAD_RECORD,
     "d.csv:4: stage 'in': the row has 1 field, but 2 are expected; with on_error = "
     "\"skip\" such rows are left out and counted",
     2},
    {"n,t\n1,a\n2,b,c\n4,d\n", "", HONE_STATUS_BAD_RECORD,
     "d.csv:3: stage 'in': the row has 3 fields, but 2 are expected; with on_error = "
     "\"skip\" such rows are left out and counted",
     1},
    {"n,t\r\n1,a\r\n2,b,c\r\n4,d\r\n", "", HONE_STATUS_BAD_RECORD,
     "d.csv:3: stage 'in': the row has 3 fields, but 2 are expected; with on_error = "
     "\"skip\" such rows are left out and counted",
     1},
    {"n,t\n1,\"a\n\n\"\n2,b,c\n4,d\n", "", HONE_STATUS_BAD_RECORD,
     "d.csv:5: stage 'in': the row has 3 fields, but 2 are expected; with on_error = "
     "\"skip\" such rows are left out and counted",
     1},
    {"n,x\n1,1\nabc,2\n", "fields = { n = \"i64\" }", HONE_STATUS_BAD_RECORD,
     "d.csv:3: stage 'in': field 'n': 'abc' is no i64; with on_error = \"skip\" such "
     "rows are left out and counted",
     1},
    {"n,x\n1,1\n2,abc\n", "fields = { x = \"f64\" }", HONE_STATUS_BAD_RECORD,
     "d.csv:3: stage 'in': field 'x': 'abc' is no f64; with on_error = \"skip\" such "
     "rows are left out and counted",
     1},
    {"n,x\n1,true\n2,yes\n", "fields = { x = \"bool\" }", HONE_STATUS_BAD_RECORD,
     "d.csv:3: stage 'in': field 'x': 'yes' is no bool; with on_error = \"skip\" such "
     "rows are left out and counted",
     1},
    {"n,x\n1,1\n99999999999999999999,2\n", "fields = { n = \"i64\" }", HONE_STATUS_BAD_RECORD,
     "d.csv:3: stage 'in': field 'n': '99999999999999999999' is no i64; with on_error "
     "= \"skip\" such rows are left out and counted",
     1},
    {"n,x\n1,a\n2,b\xff\n", "", HONE_STATUS_BAD_RECORD,
     "d.csv:3: stage 'in': field 'x' is not valid UTF-8: save the file as UTF-8; with "
     "on_error = \"skip\" such rows are left out and counted",
     1},
    {"n,x\xff\n1,a\n", "", HONE_STATUS_ENCODING,
     "d.csv:1: stage 'in': the name of column 2 is not readable: not valid UTF-8", 0},
    {"n,x\n1,a\n2,b\"c\n", "", HONE_STATUS_SYNTAX,
     "d.csv:3: stage 'in': a quote inside a field that is not quoted: put the whole "
     "field in quotes and write the inner quote twice",
     1},
    {"n,x\n1,a\n2,\"b\"c\n", "", HONE_STATUS_SYNTAX,
     "d.csv:3: stage 'in': text behind a closing quote: expected a separator or the "
     "end of the line (a quote inside quotes is written twice)",
     1},
    {"n,x\n1,a\n2,\"b\n", "", HONE_STATUS_SYNTAX,
     "d.csv:3: stage 'in': the quote that opens here is never closed", 1},
    {"n,\"x\n", "", HONE_STATUS_SYNTAX,
     "d.csv:1: stage 'in': the quote that opens here is never closed", 0},
    {"n,when\n1,2024-05-01T10:00:00Z\n2,yesterday\n", "time = \"when\"", HONE_STATUS_BAD_RECORD,
     "d.csv:3: stage 'in': field 'when': 'yesterday' is no time (RFC 3339 or seconds "
     "since 1970), but text; with on_error = \"skip\" such rows are left out and "
     "counted",
     1},
    {"n,x\n1,a\n2,bbbbbbbbbbbbbbbbbbbb\n3,c\n", "max_line = 16", HONE_STATUS_LIMIT,
     "d.csv:3: stage 'in': the row that starts here is longer than the maximum of 16 "
     "bytes: is a line end or a closing quote missing?",
     1},
    {"nnnnnnnnnnnnnnnnnnnnnnnnn,x\n1,a\n", "max_line = 16", HONE_STATUS_LIMIT,
     "d.csv:1: stage 'in': the row that starts here is longer than the maximum of 16 "
     "bytes: is a line end or a closing quote missing?",
     0},
    {"1,a\n2,b\n3\n", "header = false", HONE_STATUS_BAD_RECORD,
     "d.csv:3: stage 'in': the row has 1 field, but 2 are expected; with on_error = "
     "\"skip\" such rows are left out and counted",
     2},
};
static void bad_files_have_their_message(void **test) {
    int wrong = 0;
    for (size_t i = 0; i < sizeof bad_files / sizeof *bad_files; i++) {
        outcome result;
        read_csv(test, hone_text_of(bad_files[i].content), bad_files[i].options, &result);
        if (result.status != bad_files[i].status ||
            strcmp(result.message, bad_files[i].message) != 0 ||
            result.rows_count != bad_files[i].rows_count) {
            print_error("--- of\n%s(%s)\nexpected %s, %zu rows: %s\n     got %s, %zu rows: %s\n",
                        bad_files[i].content, bad_files[i].options,
                        hone_status_name(bad_files[i].status), bad_files[i].rows_count,
                        bad_files[i].message, hone_status_name(result.status), result.rows_count,
                        result.message);
            wrong++;
        }
        assert_true(!result.is_loaded || result.is_ended); /* the sink has finished in any case */
    }
    assert_int_equal(wrong, 0);
}

static void files_that_are_none(void **test) {
    outcome result;
    char path[200];
    path_of(test, path, sizeof path);
    (void)unlink(path);
    read_path(path, "", &result);
    assert_int_equal(result.status, HONE_STATUS_NOT_FOUND);
    assert_non_null(strstr(result.message, "n.toml:7:8: stage 'in': cannot read '/tmp/"));
    assert_non_null(strstr(result.message, "/d.csv': No such file or directory"));
    read_path(*test, "", &result);
    assert_int_equal(result.status, HONE_STATUS_IS_DIRECTORY);
    assert_non_null(strstr(result.message, "': it is a directory, not a file"));
    read_path("", "", &result);
    assert_string_equal(result.message,
                        "n.toml:7:8: stage 'in': cannot read '': No such file or directory");
}

static void append_rows(hone_buffer *content, int from, int to) {
    for (int i = from; i < to; i++) {
        hone_buffer_format(content, "%d,word-%d\n", i, i);
    }
}

/* Everything before the row is delivered, over many batches and windows. */
static void what_came_before_a_bad_row_is_delivered(void **test) {
    static const int places[] = {0, 1, 63, 64, 1023, 1024, 1025, 50000, 99999};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        outcome result;
        hone_buffer content;
        char expected[200];
        hone_buffer_init(&content, NULL, 16 << 20);
        hone_buffer_append_text(&content, HONE_TEXT("n,t\n"));
        append_rows(&content, 0, places[i]);
        hone_buffer_append_text(&content, HONE_TEXT("x,bad\n"));
        append_rows(&content, places[i] + 1, 100000);
        read_csv(test, hone_buffer_text(&content), "fields = { n = \"i64\" }", &result);
        hone_buffer_deinit(&content);
        assert_int_equal(result.status, HONE_STATUS_BAD_RECORD);
        (void)snprintf(
            expected, sizeof expected,
            "d.csv:%d: stage 'in': field 'n': 'x' is no i64; with on_error = \"skip\" such "
            "rows are left out and counted",
            places[i] + 2);
        assert_string_equal(result.message, expected);
        assert_int_equal(result.rows_count, places[i]);
        assert_int_equal(result.last, places[i] - 1);
        assert_int_equal(result.undelivered, 0);
    }
}

static void bad_rows_are_skipped_and_counted(void **test) {
    outcome result;
    hone_buffer content;
    hone_buffer_init(&content, NULL, 16 << 20);
    hone_buffer_append_text(&content, HONE_TEXT("n,t\n"));
    for (int i = 0; i < 10000; i++) {
        hone_buffer_format(&content, i % 10 == 3 ? "x%d,t\n" : i % 10 == 7 ? "%d\n" : "%d,t\n", i);
    }
    read_csv(test, hone_buffer_text(&content), "fields = { n = \"i64\" }\non_error = \"skip\"",
             &result);
    hone_buffer_deinit(&content);
    assert_int_equal(result.status, HONE_OK);
    assert_int_equal(result.rows_count, 8000);
    assert_int_equal(result.skipped, 2000);
    assert_int_equal(result.last, 9999);
    assert_non_null(strstr(result.logged, "d.csv:5: stage 'in': field 'n': 'x3' is no i64 (this "
                                          "row and others like it are skipped and counted)"));
}

/* Every byte counts once, in files of one window and of many, with and without a last line end. */
static void all_bytes_are_counted(void **test) {
    static const int counts[] = {0, 1, 3, 1024, 1025, 100000};
    for (size_t i = 0; i < 2 * sizeof counts / sizeof *counts; i++) {
        outcome result;
        hone_buffer content;
        hone_buffer_init(&content, NULL, 16 << 20);
        hone_buffer_append_text(&content, HONE_TEXT("n,t\n"));
        append_rows(&content, 0, counts[i / 2]);
        hone_buffer_append_text(&content, i % 2 ? HONE_TEXT("7,end") : HONE_TEXT(""));
        size_t size = hone_buffer_text(&content).size;
        read_csv(test, hone_buffer_text(&content), "", &result);
        hone_buffer_deinit(&content);
        assert_int_equal(result.status, HONE_OK);
        assert_int_equal(result.bytes, size);
    }
}

/* --- long lines --- */

/* Rows of very different length, some beyond a batch, arrive complete and in order. */
static void huge_texts_take_batches_of_their_own(void **test) {
    outcome result;
    hone_buffer content;
    uint64_t text_bytes = 0;
    hone_buffer_init(&content, NULL, 64 << 20);
    hone_buffer_append_text(&content, HONE_TEXT("n,t\n"));
    for (int i = 0; i < 400; i++) {
        size_t length = i % 97 == 5 ? 700000 : i % 10 == 3 ? 60000 : (size_t)i % 300;
        hone_buffer_format(&content, "%d,", i);
        for (size_t k = 0; k < length; k++) {
            hone_buffer_append_byte(&content, (uint8_t)('a' + k % 26));
        }
        hone_buffer_append_byte(&content, '\n');
        text_bytes += length;
    }
    assert_int_equal(hone_buffer_status(&content), HONE_OK);
    read_csv(test, hone_buffer_text(&content), "", &result);
    hone_buffer_deinit(&content);
    assert_int_equal(result.status, HONE_OK);
    assert_int_equal(result.rows_count, 400);
    assert_int_equal(result.last, 399);
    assert_int_equal(result.text_bytes, text_bytes);
}

/* Writes a header, two rows, and then a line without an end, from another thread. */
typedef struct endless {
    int fd;
    uint64_t bytes;
    bool is_quoted;
} endless;

static void *write_endless(void *context) {
    const endless *self = context;
    static char block[65536];
    memset(block, 'x', sizeof block);
    const char *start = self->is_quoted ? "n,t\n1,a\n2,b\n3,\"" : "n,t\n1,a\n2,b\n3,";
    bool is_open = write(self->fd, start, strlen(start)) > 0;
    for (uint64_t written = 0; is_open && written < self->bytes;) {
        ssize_t got = write(self->fd, block, sizeof block);
        is_open = got > 0;
        written += got > 0 ? (uint64_t)got : 0;
    }
    (void)close(self->fd);
    return NULL;
}

static void an_endless_line_is_refused_in_little_memory(void **test) {
    (void)test;
    for (int is_quoted = 0; is_quoted < 2; is_quoted++) {
        int ends[2];
        char path[64];
        pthread_t writer;
        outcome result;
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        endless input = {ends[1], UINT64_C(1) << 30, is_quoted};
        assert_int_equal(pthread_create(&writer, NULL, write_endless, &input), 0);
        (void)snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
        read_path(path, "", &result);
        (void)close(ends[0]); /* the writer gets EPIPE */
        assert_int_equal(pthread_join(writer, NULL), 0);
        assert_int_equal(result.status, HONE_STATUS_LIMIT);
        assert_int_equal(result.rows_count, 2);
        assert_true(result.peak_bytes < 8 << 20);
        assert_non_null(strstr(result.message, ":4: stage 'in': "));
        assert_non_null(strstr(result.message, "longer than the maximum of 1048576 bytes"));
    }
}

/* A first line that never ends is refused while the file is loaded. */
static void an_endless_first_line_is_refused(void **test) {
    char path[200];
    outcome result;
    path_of(test, path, sizeof path);
    (void)unlink(path);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, 1 << 30), 0); /* a hole: zero bytes, and no line end */
    (void)close(fd);
    read_path(path, "", &result);
    assert_int_equal(result.status, HONE_STATUS_LIMIT);
    assert_false(result.is_loaded);
    assert_string_equal(
        result.message,
        "d.csv:1: stage 'in': the first row is longer than 1048576 bytes; raise 'max_line'");
    (void)unlink(path);
}

/* --- pipes --- */

static void *write_slowly(void *context) {
    int fd = *(int *)context;
    static const char *const pieces[] = {"n,", "t\n1", ",a\n2,b", "\n3,c\n", "4,", "d\n"};
    for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        (void)usleep(3000);
        if (write(fd, pieces[i], strlen(pieces[i])) < 0) {
            break;
        }
    }
    (void)close(fd);
    return NULL;
}

static void a_slow_pipe_is_read_to_its_end(void **test) {
    int ends[2];
    char path[64];
    pthread_t writer;
    outcome result;
    (void)test;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(pthread_create(&writer, NULL, write_slowly, &ends[1]), 0);
    (void)snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
    read_path(path, "", &result);
    assert_int_equal(pthread_join(writer, NULL), 0);
    (void)close(ends[0]);
    assert_int_equal(result.status, HONE_OK);
    assert_int_equal(result.rows_count, 4);
    assert_int_equal(result.last, 4);
}

static void stop_ends_a_source_that_waits_on_a_pipe(void **test) {
    int ends[2];
    char content[600];
    hn_test_context context;
    hone_node *node = NULL;
    const hone_report *report = NULL;
    hone_diag diag = {0};
    (void)test;
    hn_test_context_init(&context);
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(write(ends[1], "n,t\n1,a\n2,b\n3,un", 16), 16);
    (void)snprintf(content, sizeof content,
                   "[[stage]]\nname = \"in\"\nkind = \"source.csv\"\npath = \"/dev/fd/%d\"\n"
                   "[[stage]]\nname = \"out\"\nkind = \"test.sink\"\nfrom = \"in\"\n",
                   ends[0]);
    hone_node_options loading = {.log = &context.log};
    assert_int_equal(hone_node_load_text(hone_text_of(content), "n.toml", &loading, &diag, &node),
                     HONE_OK);
    hone_node_run_options running = {.duration_ns = 30000000};
    assert_int_equal(hone_node_run(node, &running, &diag, &report), HONE_OK);
    assert_int_equal(hn_test_rows(&context, "out")->count, 2);
    hone_node_destroy(node);
    hn_test_context_deinit(&context);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

/* --- memory --- */

static void each_allocation_may_fail(void **test) {
    char path[200], content[1200];
    path_of(test, path, sizeof path);
    assert_int_equal(hone_file_replace(path, HONE_TEXT("n,t\n1,a\n2,\"b\"\"c\"\n3,d\n"), NULL),
                     HONE_OK);
    (void)snprintf(content, sizeof content, GRAPH, path, "");
    for (uint64_t n = 1;; n++) {
        hone_failing failing;
        hone_node *node = NULL;
        hone_diag diag = {0};
        const hone_report *report = NULL;
        hone_failing_init(&failing, NULL, n, false);
        hone_node_options options = {.allocator = &failing.allocator};
        hone_status status =
            hone_node_load_text(hone_text_of(content), "n.toml", &options, &diag, &node);
        if (status == HONE_OK) {
            status = hone_node_run(node, NULL, &diag, &report);
        }
        hone_node_destroy(node);
        assert_int_equal(hone_failing_read_stats(&failing).live_bytes, 0);
        if (!hone_failing_has_failed(&failing)) {
            assert_int_equal(status, HONE_OK);
            break;
        }
        if (status != HONE_STATUS_OUT_OF_MEMORY) {
            fail_msg("allocation %llu failed, and the status is %s: %s", (unsigned long long)n,
                     hone_status_name(status), diag.message);
        }
    }
}

static int use_own_folder(void **state) {
    static char folder[] = "/tmp/hone-csv-test-XXXXXX";
    *state = mkdtemp(folder);
    return *state && setenv("HONE_RUNTIME_DIR", *state, 1) == 0 ? 0 : -1;
}

static int drop_own_folder(void **state) {
    char path[200];
    path_of(state, path, sizeof path);
    (void)unlink(path);
    return rmdir(*state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_read_as_they_are),
        cmocka_unit_test(bad_files_have_their_message),
        cmocka_unit_test(files_that_are_none),
        cmocka_unit_test(what_came_before_a_bad_row_is_delivered),
        cmocka_unit_test(bad_rows_are_skipped_and_counted),
        cmocka_unit_test(all_bytes_are_counted),
        cmocka_unit_test(huge_texts_take_batches_of_their_own),
        cmocka_unit_test(an_endless_line_is_refused_in_little_memory),
        cmocka_unit_test(an_endless_first_line_is_refused),
        cmocka_unit_test(a_slow_pipe_is_read_to_its_end),
        cmocka_unit_test(stop_ends_a_source_that_waits_on_a_pipe),
        cmocka_unit_test(each_allocation_may_fail),
    };
    (void)signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, use_own_folder, drop_own_folder);
}
