/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: TOML 1.0.0 exactly, with positions. Method: the public toml-test suite (from the folder
 * HONE_DATA, skipped without it), every valid case against its tagged JSON, every invalid one must
 * fail with a place and a message; then tables of what the suite does not look at: positions,
 * messages, order, limits, lack of memory.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "hone/base/json.h"
#include "hone/base/number.h"
#include "hone/base/toml.h"

enum { ARENA_MAX = 64 << 20 };

/* --- The suite ------------------------------------------------------------------------------ */

static char *read_file(const char *path, size_t *out_size) {
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    char *data = malloc(1 << 20);
    assert_non_null(data);
    *out_size = fread(data, 1, 1 << 20, file);
    assert_true(feof(file));
    (void)fclose(file);
    return data;
}

static const char *tag_of(hone_toml_type type) {
    static const char *const tags[] = {"string",   "integer",        "float",      "bool",
                                       "datetime", "datetime-local", "date-local", "time-local"};
    return tags[type];
}

/* The suite writes fractions of seconds with trailing zeros, hone without. */
static bool is_same_datetime(const hone_toml_value *value, const char *wanted) {
    char text[HONE_TOML_DATETIME_MAX], trimmed[HONE_TOML_DATETIME_MAX * 2];
    size_t size = 0;
    hone_toml_format_datetime(value, text);
    assert_true(strlen(wanted) < sizeof trimmed);
    const char *point = strchr(wanted, '.');
    const char *behind = point ? point + 1 + strspn(point + 1, "0123456789") : "";
    if (point) {
        const char *last = behind;
        while (last[-1] == '0') {
            last--;
        }
        size = (size_t)((last == point + 1 ? point : last) - wanted);
        memcpy(trimmed, wanted, size);
        memcpy(trimmed + size, behind, strlen(behind) + 1);
        wanted = trimmed;
    }
    return strcmp(text, wanted) == 0;
}

static bool is_same_scalar(const hone_toml_value *value, const char *tag, hone_text text) {
    char terminated[256];
    int64_t integer;
    double number;
    if (value->type >= HONE_TOML_ARRAY || strcmp(tag_of(value->type), tag) != 0) {
        return false;
    }
    switch (value->type) {
    case HONE_TOML_STRING: return hone_text_is_equal(value->as.string, text);
    case HONE_TOML_BOOL: return hone_text_is(text, value->as.boolean ? "true" : "false");
    case HONE_TOML_INTEGER:
        return hone_number_parse_i64(text, &integer) == HONE_OK && integer == value->as.integer;
    case HONE_TOML_FLOAT:
        return hone_number_parse_f64(text, &number) == HONE_OK &&
               (number == value->as.number || (isnan(number) && isnan(value->as.number)));
    default:
        (void)snprintf(terminated, sizeof terminated, "%.*s", HONE_TEXT_ARGS(text));
        return is_same_datetime(value, terminated);
    }
}

/* The expected tree, read event by event beside the parsed one; texts are decoded into `scratch`.
 */
typedef struct expected {
    hone_json_reader reader;
    hone_json_event event; /* the current one */
    char scratch[1 << 16];
} expected;

static void advance(expected *from) {
    assert_int_equal(hone_json_reader_next(&from->reader, &from->event), HONE_OK);
}

static hone_text decoded(expected *from) {
    assert_true(from->event.text.size <= sizeof from->scratch);
    return (hone_text){from->scratch, hone_json_decode(from->event.text, from->scratch)};
}

/* {"type": ..., "value": ...}, the current event is the key "type"; leaves the closing brace. */
static bool is_same_tagged(const hone_toml_value *value, expected *from) {
    char tag[32];
    advance(from);
    (void)snprintf(tag, sizeof tag, "%.*s", HONE_TEXT_ARGS(from->event.text));
    advance(from);
    assert_true(hone_text_is(from->event.text, "value"));
    advance(from);
    bool is_equal = is_same_scalar(value, tag, decoded(from));
    advance(from);
    return is_equal;
}

static bool is_same(const hone_toml_value *value, expected *from);

static bool is_same_array(const hone_toml_value *value, expected *from) {
    bool is_equal = value->type == HONE_TOML_ARRAY;
    size_t count = 0;
    for (advance(from); is_equal && from->event.type != HONE_JSON_ARRAY_END; advance(from)) {
        const hone_toml_value *item = hone_toml_item_at(value, count++);
        is_equal = item && is_same(item, from);
    }
    return is_equal && count == hone_toml_count(value);
}

static bool is_same_table(const hone_toml_value *value, expected *from) {
    size_t count = 0;
    for (; from->event.type != HONE_JSON_OBJECT_END; advance(from)) {
        const hone_toml_entry *entry = hone_toml_find_entry(value, decoded(from));
        advance(from);
        if (!entry || !is_same(&entry->value, from)) {
            return false;
        }
        count++;
    }
    return value->type == HONE_TOML_TABLE && count == hone_toml_count(value);
}

static bool is_tagged(const expected *from) {
    expected ahead = *from;
    if (ahead.event.type != HONE_JSON_KEY || !hone_text_is(ahead.event.text, "type")) {
        return false;
    }
    advance(&ahead);
    return ahead.event.type == HONE_JSON_TEXT;
}

/* The current event begins the expected value; afterwards it is the value's last one. */
static bool is_same(const hone_toml_value *value, expected *from) {
    if (from->event.type == HONE_JSON_ARRAY_BEGIN) {
        return is_same_array(value, from);
    }
    assert_int_equal(from->event.type, HONE_JSON_OBJECT_BEGIN);
    advance(from);
    return is_tagged(from) ? is_same_tagged(value, from) : is_same_table(value, from);
}

static bool passes_valid(const char *path, const hone_toml_value *root) {
    static expected from;
    char json_path[4096];
    size_t size;
    (void)snprintf(json_path, sizeof json_path, "%.*s.json", (int)strlen(path) - 5, path);
    char *json = read_file(json_path, &size);
    hone_json_reader_init(&from.reader, (hone_text){json, size});
    advance(&from);
    bool is_equal = is_same(root, &from);
    if (is_equal) {
        advance(&from);
        is_equal = from.event.type == HONE_JSON_END;
    }
    free(json);
    return is_equal;
}

static bool passes(const char *path, bool is_valid) {
    size_t size;
    char *content = read_file(path, &size);
    hone_arena arena;
    hone_diag diag = {0};
    const hone_toml_value *root = NULL;
    hone_arena_init(&arena, NULL, ARENA_MAX);
    hone_status status = hone_toml_parse((hone_text){content, size}, path, &arena, &diag, &root);
    bool is_passed = is_valid ? status == HONE_OK && passes_valid(path, root)
                              : status != HONE_OK && diag.line > 0 && diag.column > 0 &&
                                    diag.message[0] && diag.status == status && root == NULL;
    if (!is_passed) {
        char message[1024];
        hone_diag_format(&diag, message, sizeof message);
        print_error("%s: %s %s\n", path, hone_status_name(status), message);
    }
    if (getenv("HONE_TOML_TEST_MESSAGES") && status != HONE_OK) {
        char message[1024];
        hone_diag_format(&diag, message, sizeof message);
        print_message("%s\n", message + strlen(path) - strlen(strrchr(path, '/')));
    }
    hone_arena_deinit(&arena);
    free(content);
    return is_passed;
}

static void suite_passes(void **state) {
    (void)state;
    const char *data = getenv("HONE_DATA");
    if (!data) {
        print_message("HONE_DATA is not set: the toml-test cases are skipped\n");
        skip();
    }
    char path[4096], line[256];
    int counts[2] = {0, 0}, passed[2] = {0, 0};
    (void)snprintf(path, sizeof path, "%s/toml-test/files-toml-1.0.0", data);
    FILE *list = fopen(path, "r");
    assert_non_null(list);
    while (fgets(line, sizeof line, list)) {
        line[strcspn(line, "\r\n")] = '\0';
        size_t length = strlen(line);
        if (length < 5 || strcmp(line + length - 5, ".toml") != 0) {
            continue;
        }
        bool is_valid = strncmp(line, "valid/", 6) == 0;
        (void)snprintf(path, sizeof path, "%s/toml-test/%s", data, line);
        counts[is_valid]++;
        passed[is_valid] += passes(path, is_valid);
    }
    (void)fclose(list);
    print_message("toml-test 1.0.0: %d of %d valid, %d of %d invalid cases passed\n", passed[1],
                  counts[1], passed[0], counts[0]);
    assert_true(counts[0] > 0 && counts[1] > 0);
    assert_int_equal(passed[0], counts[0]);
    assert_int_equal(passed[1], counts[1]);
}

/* --- Our own cases -------------------------------------------------------------------------- */

static hone_status parse(const char *content, hone_arena *arena, hone_diag *diag,
                         const hone_toml_value **out_root) {
    hone_arena_init(arena, NULL, ARENA_MAX);
    *diag = (hone_diag){0};
    return hone_toml_parse(hone_text_of(content), "node.toml", arena, diag, out_root);
}

static void values_know_their_place(void **state) {
    (void)state;
    static const char content[] = "title = 'x'\n"
                                  "\n"
                                  "[node]\n"
                                  "  \"na me\" = \"a\"\n"
                                  "  many = [1,\n"
                                  "     2.5]\n"
                                  "[[stage]]\n"
                                  "kind = 'one'\n"
                                  "[[stage]]\n"
                                  "text = \"\"\"\n"
                                  "a\n"
                                  "b\"\"\"\n"
                                  "last = 1979-05-27\n";
    hone_arena arena;
    hone_diag diag;
    const hone_toml_value *root;
    assert_int_equal(parse(content, &arena, &diag, &root), HONE_OK);
    assert_int_equal(hone_toml_count(root), 3);
    const hone_toml_value *node = hone_toml_find(root, HONE_TEXT("node"));
    assert_int_equal(node->line, 3);
    assert_int_equal(node->column, 2);
    const hone_toml_entry *name = hone_toml_find_entry(node, HONE_TEXT("na me"));
    assert_int_equal(name->key_line, 4);
    assert_int_equal(name->key_column, 3);
    assert_int_equal(name->value.line, 4);
    assert_int_equal(name->value.column, 13);
    const hone_toml_value *many = hone_toml_find(node, HONE_TEXT("many"));
    assert_int_equal(hone_toml_item_at(many, 1)->line, 6);
    assert_int_equal(hone_toml_item_at(many, 1)->column, 6);
    assert_true(hone_toml_item_at(many, 1)->as.number == 2.5);
    assert_null(hone_toml_item_at(many, 2));
    const hone_toml_value *stages = hone_toml_find(root, HONE_TEXT("stage"));
    assert_int_equal(hone_toml_count(stages), 2);
    const hone_toml_value *second = hone_toml_item_at(stages, 1);
    assert_int_equal(second->line, 9);
    assert_true(hone_text_is(hone_toml_find(second, HONE_TEXT("text"))->as.string, "a\nb"));
    assert_int_equal(hone_toml_find(second, HONE_TEXT("last"))->line, 13);
    assert_null(hone_toml_find(root, HONE_TEXT("nothing")));
    assert_null(hone_toml_find(many, HONE_TEXT("node")));
    assert_null(hone_toml_find(NULL, HONE_TEXT("node")));
    assert_null(hone_toml_entry_at(root, 3));
    hone_arena_deinit(&arena);
}

static void errors_say_where_and_what(void **state) {
    (void)state;
    static const struct {
        const char *content;
        hone_status status;
        uint32_t line;
        uint32_t column;
        const char *part; /* of the message */
    } cases[] = {
        {"a = ", HONE_STATUS_SYNTAX, 1, 5, "expected a value"},
        {"a = 1\nb", HONE_STATUS_SYNTAX, 2, 2,
         "expected = behind a key, found the end of the file"},
        {"a = 1\nb\nc = 2", HONE_STATUS_SYNTAX, 2, 2, "found the end of the line"},
        {"a = 1 b = 2", HONE_STATUS_SYNTAX, 1, 7, "expected the end of the line, found 'b'"},
        {"a = hello", HONE_STATUS_SYNTAX, 1, 5, "a string in quotes"},
        {"a = 12x", HONE_STATUS_SYNTAX, 1, 5, "'12x': not a number"},
        {"a = 012", HONE_STATUS_SYNTAX, 1, 5, "must not begin with zeros"},
        {"a = 1__2", HONE_STATUS_SYNTAX, 1, 5, "underscore"},
        {"a = 1.", HONE_STATUS_SYNTAX, 1, 5, "behind the point"},
        {"a = 9223372036854775808", HONE_STATUS_OVERFLOW, 1, 5, "64 bits"},
        {"a = 0x8000000000000000", HONE_STATUS_OVERFLOW, 1, 5, "64 bits"},
        {"a = 1e400", HONE_STATUS_OVERFLOW, 1, 5, "too large"},
        {"a = \"x", HONE_STATUS_SYNTAX, 1, 7, "not closed"},
        {"a = \"\"\"x\ny", HONE_STATUS_SYNTAX, 2, 2, "starts in line 1 is not closed"},
        {"a = \"\\q\"", HONE_STATUS_SYNTAX, 1, 7, "behind a backslash"},
        {"a = \"\\ud800\"", HONE_STATUS_ENCODING, 1, 6, "Unicode"},
        {"a = 1\n\xFF", HONE_STATUS_ENCODING, 2, 1, "0xFF"},
        {"a = [1, 2", HONE_STATUS_SYNTAX, 1, 10, ", or ]"},
        {"a = {b = 1,\n c = 2}", HONE_STATUS_SYNTAX, 1, 12, "expected a key"},
        {"a = 1\n\na = 2", HONE_STATUS_DUPLICATE, 3, 1, "'a' is defined already (line 1)"},
        {"[t]\n[t]", HONE_STATUS_DUPLICATE, 2, 2, "opened only once (line 1)"},
        {"t = 1\n[t.u]", HONE_STATUS_DUPLICATE, 2, 2, "has a value already"},
        {"[t", HONE_STATUS_SYNTAX, 1, 3, "] or ."},
        {"[[t]", HONE_STATUS_SYNTAX, 1, 5, "]]"},
        {"a = 2023-02-29", HONE_STATUS_SYNTAX, 1, 13, "29 is out of range: expected 01 to 28"},
        {"a = 10:61:00", HONE_STATUS_SYNTAX, 1, 8, "out of range"},
        {"# \x01", HONE_STATUS_SYNTAX, 1, 3, "control character (0x01)"},
        {"\xC3\xA9 = 1", HONE_STATUS_SYNTAX, 1, 1, "found '\xC3\xA9'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hone_arena arena;
        hone_diag diag;
        const hone_toml_value *root = NULL;
        hone_status status = parse(cases[i].content, &arena, &diag, &root);
        if (status != cases[i].status || diag.line != cases[i].line ||
            diag.column != cases[i].column || !strstr(diag.message, cases[i].part)) {
            fail_msg("case %zu: %s %u:%u: %s", i, hone_status_name(status), diag.line, diag.column,
                     diag.message);
        }
        assert_null(root);
        assert_string_equal(diag.file, "node.toml");
        hone_arena_deinit(&arena);
    }
}

static void large_tables_are_found_in_order(void **state) {
    (void)state;
    enum { KEYS_COUNT = 5000 };
    char *content = malloc(KEYS_COUNT * 16);
    size_t size = 0;
    for (int i = 0; i < KEYS_COUNT; i++) {
        size += (size_t)snprintf(content + size, 16, "k%d = %d\n", i * 7, i);
    }
    hone_arena arena;
    const hone_toml_value *root;
    hone_arena_init(&arena, NULL, ARENA_MAX);
    assert_int_equal(hone_toml_parse((hone_text){content, size}, NULL, &arena, NULL, &root),
                     HONE_OK);
    assert_int_equal(hone_toml_count(root), KEYS_COUNT);
    for (int i = 0; i < KEYS_COUNT; i++) {
        char key[16];
        (void)snprintf(key, sizeof key, "k%d", i * 7);
        assert_int_equal(hone_toml_find(root, hone_text_of(key))->as.integer, i);
        assert_int_equal(hone_toml_entry_at(root, (size_t)i)->value.as.integer, i);
        assert_int_equal(hone_toml_entry_at(root, (size_t)i)->key_line, i + 1);
    }
    hone_arena_deinit(&arena);
    free(content);
}

static void put_times(hone_buffer *buffer, const char *text, int count) {
    for (int i = 0; i < count; i++) {
        hone_buffer_append_text(buffer, hone_text_of(text));
    }
}

static void depth_is_limited(void **state) {
    (void)state;
    static const struct {
        const char *before, *opening, *middle, *closing;
        int levels; /* beside the root and those that opening makes */
    } kinds[] = {{"x = ", "[", "", "]", 0},
                 {"x = ", "{a=", "1", "}", 0},
                 {"", "a.", "a = 1", "", 0},
                 {"[", "a.", "a]", "", 1},
                 {"[[", "a.", "a]]", "", 2}};
    hone_buffer content;
    hone_buffer_init(&content, NULL, 1 << 16);
    for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++) {
        for (int levels = HONE_TOML_DEPTH_MAX - 4; levels < HONE_TOML_DEPTH_MAX + 3; levels++) {
            hone_buffer_clear(&content);
            put_times(&content, kinds[kind].before, 1);
            put_times(&content, kinds[kind].opening, levels);
            put_times(&content, kinds[kind].middle, 1);
            put_times(&content, kinds[kind].closing, levels);
            bool is_allowed = 1 + levels + kinds[kind].levels <= HONE_TOML_DEPTH_MAX;
            hone_arena arena;
            const hone_toml_value *root;
            hone_arena_init(&arena, NULL, ARENA_MAX);
            assert_int_equal(hone_toml_parse(hone_buffer_text(&content), NULL, &arena, NULL, &root),
                             is_allowed ? HONE_OK : HONE_STATUS_LIMIT);
            hone_arena_deinit(&arena);
        }
    }
    hone_buffer_deinit(&content);
}

static void hostile_depth_does_not_reach_the_stack(void **state) {
    (void)state;
    size_t size = 1 << 20;
    char *content = malloc(size);
    assert_non_null(content);
    memset(content, '[', size);
    memcpy(content, "a=", 2);
    hone_arena arena;
    const hone_toml_value *root;
    hone_arena_init(&arena, NULL, ARENA_MAX);
    assert_int_equal(hone_toml_parse((hone_text){content, size}, NULL, &arena, NULL, &root),
                     HONE_STATUS_LIMIT);
    hone_arena_deinit(&arena);
    free(content);
}

/* With every possible maximum of the arena the answer is either the tree or OUT_OF_MEMORY. */
static void lack_of_memory_is_reported(void **state) {
    (void)state;
    static const char content[] =
        "a.b.c = 'text'\n[t]\nx = [1, 2, 3, 4, 5, {y = \"\\u00e9\"}]\nd = 1_000.5\n[[q]]\n[[q]]\n"
        "k1=1\nk2=1\nk3=1\nk4=1\nk5=1\nk6=1\nk7=1\nk8=1\nk9=1\n";
    size_t bytes_max = 0;
    hone_status status;
    do {
        hone_arena arena;
        hone_diag diag = {0};
        const hone_toml_value *root = NULL;
        hone_arena_init(&arena, NULL, bytes_max);
        status = hone_toml_parse(hone_text_of(content), "t", &arena, &diag, &root);
        assert_true(status == HONE_OK ? root != NULL
                                      : status == HONE_STATUS_OUT_OF_MEMORY && !root &&
                                            strstr(diag.message, "memory"));
        hone_arena_deinit(&arena);
        bytes_max += 32;
        assert_true(bytes_max < 1 << 16);
    } while (status != HONE_OK);
    assert_true(bytes_max > 2048);
}

static void bad_arguments_are_refused(void **state) {
    (void)state;
    hone_arena arena;
    const hone_toml_value *root;
    hone_arena_init(&arena, NULL, ARENA_MAX);
    assert_int_equal(hone_toml_parse(HONE_TEXT(""), NULL, NULL, NULL, &root),
                     HONE_STATUS_INVALID_ARGUMENT);
    assert_int_equal(hone_toml_parse(HONE_TEXT(""), NULL, &arena, NULL, NULL),
                     HONE_STATUS_INVALID_ARGUMENT);
    assert_int_equal(hone_toml_parse((hone_text){NULL, 0}, NULL, &arena, NULL, &root), HONE_OK);
    assert_int_equal(hone_toml_count(root), 0);
    hone_arena_deinit(&arena);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(suite_passes),
        cmocka_unit_test(values_know_their_place),
        cmocka_unit_test(errors_say_where_and_what),
        cmocka_unit_test(large_tables_are_found_in_order),
        cmocka_unit_test(depth_is_limited),
        cmocka_unit_test(hostile_depth_does_not_reach_the_stack),
        cmocka_unit_test(lack_of_memory_is_reported),
        cmocka_unit_test(bad_arguments_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
