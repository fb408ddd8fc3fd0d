/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The language by tables: what expressions give, what is wrong with bad ones and where, the limits,
 * the list for help, and every example of the manual.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "hone/base/buffer.h"
#include "hone/base/number.h"
#include "hone/node/expression.h"

enum { ROWS = 70 }; /* more than one word of missing bits, the last one not full */

typedef struct fixture {
    hone_arena arena;
    const hone_schema *schema;
    hone_batch *batch;
    size_t batch_bytes;
} fixture;

static const hone_field fields[] = {
    {{"a", 1}, HONE_TYPE_I64},
    {{"b", 1}, HONE_TYPE_I64},
    {{"big", 3}, HONE_TYPE_I64},
    {{"none", 4}, HONE_TYPE_I64}, /* missing */
    {{"x", 1}, HONE_TYPE_F64},
    {{"nan", 3}, HONE_TYPE_F64},
    {{"gone", 4}, HONE_TYPE_F64}, /* missing */
    {{"cpu_busy.mean", 13}, HONE_TYPE_F64},
    {{"flag", 4}, HONE_TYPE_BOOL},
    {{"unknown", 7}, HONE_TYPE_BOOL}, /* missing */
    {{"name", 4}, HONE_TYPE_TEXT},
    {{"note", 4}, HONE_TYPE_TEXT}, /* missing */
    {{"1st `value`", 11}, HONE_TYPE_I64},
    {{"gr\xc3\xb6\xc3\x9f"
      "e",
      7},
     HONE_TYPE_F64},
    {{"time", 4}, HONE_TYPE_I64},
};

enum { FIELDS = sizeof fields / sizeof fields[0] };

static void add_row(hone_batch *batch) {
    const hone_cell values[FIELDS] = {
        {.i64 = 7},   {.i64 = -2}, {.i64 = INT64_MAX}, {0},          {.f64 = 2.5},
        {.f64 = NAN}, {0},         {.f64 = 0.93},      {.i64 = 1},   {.i64 = 1},
        {0},          {0},         {.i64 = 1},         {.f64 = 1.5}, {.i64 = 12}};
    uint32_t row = hone_batch_add_row(batch, 1500000000);
    for (uint32_t field = 0; field < FIELDS; field++) {
        hone_batch_cells(batch, field)[row] = values[field];
    }
    hone_cell *name = &hone_batch_cells(batch, 10)[row];
    assert_int_equal(hone_batch_add_text(batch, HONE_TEXT("Node-7 \xc3\xa4"), &name->text),
                     HONE_OK);
    /* a missing text may refer to anywhere */
    hone_batch_cells(batch, 11)[row].text = (hone_text_ref){0xFFFFFFFF, 0xFFFFFFFF};
    hone_batch_set_missing(batch, 3, row);
    hone_batch_set_missing(batch, 6, row);
    hone_batch_set_missing(batch, 9, row);
    hone_batch_set_missing(batch, 11, row);
}

static int setup(void **state) {
    static fixture f;
    hone_batch_layout layout;
    hone_arena_init(&f.arena, NULL, 64 << 20);
    assert_int_equal(hone_schema_create(&f.arena, fields, FIELDS, true, NULL, &f.schema), HONE_OK);
    assert_int_equal(hone_batch_plan(f.schema, ROWS, 4096, &layout), HONE_OK);
    f.batch_bytes = layout.size_bytes;
    void *memory = hone_arena_allocate(&f.arena, layout.size_bytes, 64);
    assert_non_null(memory);
    f.batch = hone_batch_init(memory, &layout);
    for (int i = 0; i < ROWS; i++) {
        add_row(f.batch);
    }
    *state = &f;
    return 0;
}

static int teardown(void **state) {
    fixture *f = *state;
    hone_arena_deinit(&f->arena);
    return 0;
}

/* "i64 7", "f64 0.5", "bool true", "text abc", "i64 missing". */
static void describe(const hone_expression_column *column, uint32_t row, char *out, size_t size) {
    char digits[HONE_NUMBER_TEXT_MAX + 1] = "";
    const char *type = hone_type_name(column->type);
    if ((column->missing[row / 64] >> (row % 64)) & 1) {
        (void)snprintf(out, size, "%s missing", type);
        return;
    }
    switch (column->type) {
    case HONE_TYPE_I64:
        digits[hone_number_format_i64(column->cells[row].i64, digits)] = '\0';
        break;
    case HONE_TYPE_F64:
        digits[hone_number_format_f64(column->cells[row].f64, digits)] = '\0';
        break;
    case HONE_TYPE_BOOL:
        (void)snprintf(digits, sizeof digits, "%s",
                       column->cells[row].i64 == 1   ? "true"
                       : column->cells[row].i64 == 0 ? "false"
                                                     : "no bool");
        break;
    case HONE_TYPE_TEXT:
        (void)snprintf(out, size, "text %.*s", HONE_TEXT_ARGS(column->texts[row]));
        return;
    }
    (void)snprintf(out, size, "%s %s", type, digits);
}

static void check_result(const fixture *f, hone_text source, const char *expected) {
    const hone_expression *expression;
    hone_expression_scratch *scratch;
    hone_expression_column column;
    hone_diag diag;
    hone_arena arena;
    char found[256];
    hone_diag_clear(&diag);
    hone_arena_init(&arena, NULL, 64 << 20);
    if (hone_expression_compile(source, f->schema, &arena, &diag, &expression) != HONE_OK) {
        fail_msg("%.*s: %u: %s", HONE_TEXT_ARGS(source), diag.column, diag.message);
    }
    assert_int_equal(hone_expression_scratch_create(expression, NULL, 0, &scratch), HONE_OK);
    assert_int_equal(hone_expression_evaluate(expression, f->batch, scratch, &column), HONE_OK);
    assert_int_equal(column.type, hone_expression_type(expression));
    for (uint32_t row = 0; row < ROWS; row++) {
        describe(&column, row, found, sizeof found);
        if (strcmp(found, expected) != 0) {
            fail_msg("%.*s in row %u: expected %s, found %s", HONE_TEXT_ARGS(source), row, expected,
                     found);
        }
    }
    hone_expression_scratch_destroy(scratch);
    hone_arena_deinit(&arena);
}

static const char *const results[][2] = {
    /* literals */
    {"42", "i64 42"},
    {"-9223372036854775808", "i64 -9223372036854775808"},
    {"- 0009223372036854775808 + 0", "i64 -9223372036854775808"},
    {"9223372036854775807", "i64 9223372036854775807"},
    {".5", "f64 0.5"},
    {"5.", "f64 5"},
    {"1e3", "f64 1000"},
    {"1.5E-2", "f64 0.015"},
    {"true", "bool true"},
    {"'it\\'s \"here\"'", "text it's \"here\""},
    {"\"a\\tb\\\\ \\u00e4 \\U0001F600\"", "text a\tb\\ \xc3\xa4 \xf0\x9f\x98\x80"},
    {"''", "text "},
    /* fields */
    {"a", "i64 7"},
    {"name", "text Node-7 \xc3\xa4"},
    {"cpu_busy.mean", "f64 0.93"},
    {"`cpu_busy.mean`", "f64 0.93"},
    {"gr\xc3\xb6\xc3\x9f"
     "e * 2",
     "f64 3"},
    {"time + 1", "i64 13"},
    {"none", "i64 missing"},
    {"note", "text missing"},
    /* precedence */
    {"1 + 2 * 3", "i64 7"},
    {"(1 + 2) * 3", "i64 9"},
    {"10 - 4 - 3", "i64 3"},
    {"2 ** 3 ** 2", "f64 512"},
    {"-2 ** 2", "f64 -4"},
    {"2 ** -1", "f64 0.5"},
    {"2 * -a", "i64 -14"},
    {"- - a", "i64 7"},
    {"not a == 7", "bool false"},
    {"!flag == false", "bool true"},
    {"not not flag", "bool true"},
    {"true or false and false", "bool true"},
    {"not true or true", "bool true"},
    {"1 < 2 and 2 < 3", "bool true"},
    {"1 + 1 == 2 && !(3 < 2) || false", "bool true"},
    /* arithmetic */
    {"a + x", "f64 9.5"},
    {"a / b", "f64 -3.5"},
    {"a // b", "i64 -4"},
    {"a % b", "i64 -1"},
    {"-7 // 2", "i64 -4"},
    {"-7 % 2", "i64 1"},
    {"7.5 // 2", "f64 3"},
    {"-7.5 % 2", "f64 0.5"},
    {"7.5 % -2", "f64 -0.5"},
    {"x // 0", "f64 +Inf"},
    {"x % 0", "f64 NaN"},
    {"a / 0", "f64 missing"},
    {"a // 0", "i64 missing"},
    {"a % 0", "i64 missing"},
    {"a % (b + 1)", "i64 0"},
    {"a / 0.0", "f64 +Inf"},
    {"big + 1", "i64 missing"},
    {"big + a * 0", "i64 9223372036854775807"},
    {"-big - 2", "i64 missing"},
    {"big * 2", "i64 missing"},
    {"-(-big - 1)", "i64 missing"},
    {"abs(-big - 1)", "i64 missing"},
    {"(-big - 1) // (b + 1)", "i64 missing"},
    {"(-big - 1) % (b + 1)", "i64 0"},
    {"9223372036854775807 + 1", "i64 missing"},
    {"1 / 0", "f64 missing"},
    {"9223372036854775807 + 1.0", "f64 9223372036854776000"},
    {"a + none", "i64 missing"},
    {"a ** 2", "f64 49"},
    /* comparisons */
    {"a > 6.5", "bool true"},
    {"6.5 > a", "bool false"},
    {"a <= 7", "bool true"},
    {"7 != a", "bool false"},
    {"nan == nan", "bool false"},
    {"nan != nan", "bool true"},
    {"nan < 1 or nan >= 1", "bool false"},
    {"none == none", "bool missing"},
    {"gone > 1", "bool missing"},
    {"name == 'Node-7 \\u00e4'", "bool true"},
    {"name < 'Node-8'", "bool true"},
    {"'b' > 'abc'", "bool true"},
    {"'a' < 'ab'", "bool true"},
    {"note == ''", "bool missing"},
    {"flag == true", "bool true"},
    {"flag != unknown", "bool missing"},
    /* three-valued logic */
    {"unknown and false", "bool false"},
    {"false and unknown", "bool false"},
    {"unknown and true", "bool missing"},
    {"unknown and unknown", "bool missing"},
    {"unknown or true", "bool true"},
    {"flag or unknown", "bool true"},
    {"unknown or false", "bool missing"},
    {"not unknown", "bool missing"},
    {"unknown and not flag", "bool false"},
    /* missing values */
    {"is_missing(gone)", "bool true"},
    {"is_missing(note)", "bool true"},
    {"is_missing(a)", "bool false"},
    {"is_missing(1 // 0)", "bool true"},
    {"coalesce(gone, a)", "f64 7"},
    {"coalesce(note, null, 'x', name)", "text x"},
    {"coalesce(none, gone)", "f64 missing"},
    {"coalesce(unknown, false)", "bool false"},
    {"if(flag, a, none)", "i64 7"},
    {"if(flag, note, name)", "text missing"},
    {"if(unknown, 1, 2)", "i64 missing"},
    {"if(a > b, 'up', 'down')", "text up"},
    {"if(a < b, null, x)", "f64 2.5"},
    {"if(a > b, null, x)", "f64 missing"},
    {"if(true, 1, 2.5)", "f64 1"},
    /* functions */
    {"abs(b)", "i64 2"},
    {"abs(-x)", "f64 2.5"},
    {"sign(b)", "i64 -1"},
    {"sign(-x)", "f64 -1"},
    {"sign(nan)", "f64 NaN"},
    {"min(a, b)", "i64 -2"},
    {"min(a, x, b, 9)", "f64 -2"},
    {"max(a, x, b)", "f64 7"},
    {"max(1, nan)", "f64 NaN"},
    {"min(nan, 1)", "f64 NaN"},
    {"max(1, none)", "i64 missing"},
    {"clamp(a, 0, 5)", "i64 5"},
    {"clamp(x, 3, 5)", "f64 3"},
    {"clamp(nan, 0, 1)", "f64 NaN"},
    {"floor(-x)", "f64 -3"},
    {"ceil(x)", "f64 3"},
    {"round(x)", "f64 3"},
    {"round(-x)", "f64 -3"},
    {"trunc(-x)", "f64 -2"},
    {"floor(a)", "i64 7"},
    {"sqrt(a + 2)", "f64 3"},
    {"sqrt(-1)", "f64 NaN"},
    {"cbrt(-8)", "f64 -2"},
    {"hypot(3, 4)", "f64 5"},
    {"pow(2, 10)", "f64 1024"},
    {"exp(0)", "f64 1"},
    {"log(0)", "f64 -Inf"},
    {"log(1)", "f64 0"},
    {"log2(8)", "f64 3"},
    {"log10(1000)", "f64 3"},
    {"sin(0) + tan(0) + asin(0) + atan(0) + tanh(0)", "f64 0"},
    {"cos(0)", "f64 1"},
    {"acos(1)", "f64 0"},
    {"atan2(0, 1)", "f64 0"},
    {"is_nan(nan)", "bool true"},
    {"is_nan(x)", "bool false"},
    {"is_nan(gone)", "bool missing"},
    {"time()", "f64 1.5"},
    {"time", "i64 12"},
    /* conversions */
    {"i64(-x)", "i64 -2"},
    {"i64(nan)", "i64 missing"},
    {"i64(1e19)", "i64 missing"},
    {"i64(-9223372036854775808.0)", "i64 -9223372036854775808"},
    {"i64(9223372036854775808.0)", "i64 missing"},
    {"i64(flag)", "i64 1"},
    {"i64('12')", "i64 12"},
    {"i64('12.5')", "i64 missing"},
    {"i64(name)", "i64 missing"},
    {"f64(a)", "f64 7"},
    {"f64(flag)", "f64 1"},
    {"f64('1e3')", "f64 1000"},
    {"f64('')", "f64 missing"},
    {"bool(a)", "bool true"},
    {"bool(0.0)", "bool false"},
    {"bool(nan)", "bool missing"},
    {"bool('false')", "bool false"},
    {"bool('yes')", "bool missing"},
    {"text(a)", "text 7"},
    {"text(x)", "text 2.5"},
    {"text(flag)", "text true"},
    {"text(name)", "text Node-7 \xc3\xa4"},
    {"text(none)", "text missing"},
    {"text(0.1)", "text 0.1"},
    /* text */
    {"len(name)", "i64 8"},
    {"len('')", "i64 0"},
    {"lower(name)", "text node-7 \xc3\xa4"},
    {"upper(name)", "text NODE-7 \xc3\xa4"},
    {"upper('abc{')", "text ABC{"},
    {"contains(name, 'de-')", "bool true"},
    {"contains(name, '')", "bool true"},
    {"contains('', 'a')", "bool false"},
    {"starts_with(name, 'Node')", "bool true"},
    {"ends_with(name, '7')", "bool false"},
    {"ends_with(name, '\\u00e4')", "bool true"},
    {"concat(name, '/', text(a), '')", "text Node-7 \xc3\xa4/7"},
    {"concat('a', 'b')", "text ab"},
    {"concat(name, note)", "text missing"},
    {"substring(name, 5, 1)", "text 7"},
    {"substring(name, 7, 9)", "text \xc3\xa4"},
    {"substring(name, 20, 1)", "text "},
    {"substring(name, -1, 1)", "text missing"},
    {"substring(name, 0, b)", "text missing"},
    {"substring('abc', 0, 9223372036854775807)", "text abc"},
    {"upper(concat(lower(name), lower(name))) == upper(concat(name, name))", "bool true"},
};

static void test_results(void **state) {
    for (size_t i = 0; i < sizeof results / sizeof results[0]; i++) {
        check_result(*state, hone_text_of(results[i][0]), results[i][1]);
    }
    check_result(*state, HONE_TEXT("`1st ``value``` + 1"), "i64 2");
}

/* --- Errors --- */

typedef struct error_case {
    const char *source;
    hone_status status;
    uint32_t line;
    uint32_t column;
    const char *message;
} error_case;

static const error_case error_cases[] = {
    {"", HONE_STATUS_SYNTAX, 1, 1, "the expression is empty"},
    {" \t", HONE_STATUS_SYNTAX, 1, 1, "the expression is empty"},
    {"a +", HONE_STATUS_SYNTAX, 1, 4, "expected a value, found the end"},
    {"a + )", HONE_STATUS_SYNTAX, 1, 5, "expected a value, found ')'"},
    {"a and or b", HONE_STATUS_SYNTAX, 1, 7, "expected a value, found 'or'"},
    {"(a", HONE_STATUS_SYNTAX, 1, 3, "expected an operator or ')', found the end"},
    {"a b", HONE_STATUS_SYNTAX, 1, 3, "expected an operator or the end, found 'b'"},
    {"flag AND flag", HONE_STATUS_SYNTAX, 1, 6,
     "expected an operator or the end, found 'AND'; did you mean 'and'?"},
    {"name + note", HONE_STATUS_TYPE_MISMATCH, 1, 1,
     "the left side of '+' is text; it must be a number (f64(...) and i64(...) convert); "
     "concat(a, b) joins texts"},
    {"a)", HONE_STATUS_SYNTAX, 1, 2, "expected an operator or the end, found ')'"},
    {"min(a b)", HONE_STATUS_SYNTAX, 1, 7, "expected an operator, ',' or ')', found 'b'"},
    {"min(a,)", HONE_STATUS_SYNTAX, 1, 7, "expected a value, found ')'"},
    {"a = 7", HONE_STATUS_SYNTAX, 1, 3, "'=' is no operator here; write '=='"},
    {"a & b", HONE_STATUS_SYNTAX, 1, 3, "'&' is no operator here; write 'and'"},
    {"a <> b", HONE_STATUS_SYNTAX, 1, 3, "'<>' is no operator here; write '!='"},
    {"a ? b", HONE_STATUS_SYNTAX, 1, 3, "the character '?' (0x3f) has no meaning in an expression"},
    {"a < b < 3", HONE_STATUS_SYNTAX, 1, 7,
     "comparisons cannot be chained; write a < b and b < c, or use parentheses"},
    {"a == 7 == true", HONE_STATUS_SYNTAX, 1, 8,
     "comparisons cannot be chained; write a < b and b < c, or use parentheses"},
    {"name == 'abc", HONE_STATUS_SYNTAX, 1, 9, "a text has no closing '"},
    {"'abc\\", HONE_STATUS_SYNTAX, 1, 1, "a text has no closing '"},
    {"1 + `abc", HONE_STATUS_SYNTAX, 1, 5, "a field name has no closing `"},
    {"'a\\qb'", HONE_STATUS_SYNTAX, 1, 3,
     "unknown escape in a text; known are \\n \\t \\r \\\\ \\' \\\" \\uXXXX \\UXXXXXXXX"},
    {"'\\ud800'", HONE_STATUS_SYNTAX, 1, 2, "'\\u' needs the 4 hexadecimal digits of a character"},
    {"'\\u12'", HONE_STATUS_SYNTAX, 1, 2, "'\\u' needs the 4 hexadecimal digits of a character"},
    {"1e", HONE_STATUS_SYNTAX, 1, 1, "the exponent of the number '1e' has no digits"},
    {"2 * 1st", HONE_STATUS_SYNTAX, 1, 5,
     "a number cannot go on with 's'; a field whose name begins with a digit is written in "
     "backquotes: `1...`"},
    {"9223372036854775808", HONE_STATUS_OVERFLOW, 1, 1,
     "the number 9223372036854775808 does not fit an i64; with a decimal point it is an f64"},
    {"a - 9223372036854775808", HONE_STATUS_OVERFLOW, 1, 5,
     "the number 9223372036854775808 does not fit an i64; with a decimal point it is an f64"},
    {"99999999999999999999", HONE_STATUS_OVERFLOW, 1, 1,
     "the number 99999999999999999999 does not fit an i64; with a decimal point "
     "(99999999999999999999.0) it is an f64"},
    {"1e999", HONE_STATUS_OVERFLOW, 1, 1, "the number 1e999 does not fit an f64"},
    {"a >\n  nme == 3", HONE_STATUS_SYNTAX, 2, 7,
     "comparisons cannot be chained; write a < b and b < c, or use parentheses"},
    {"a >\n  1 and\ncpu_busy.meen > 1", HONE_STATUS_NOT_FOUND, 3, 1,
     "there is no field 'cpu_busy.meen'; did you mean 'cpu_busy.mean'?"},
    {"zzzzzzzzz", HONE_STATUS_NOT_FOUND, 1, 1, "there is no field 'zzzzzzzzz'"},
    {"sqrt + 1", HONE_STATUS_NOT_FOUND, 1, 1,
     "there is no field 'sqrt'; the function is written sqrt(...)"},
    {"1 + flor(x)", HONE_STATUS_NOT_FOUND, 1, 5,
     "there is no function 'flor'; did you mean 'floor'?"},
    {"concatenate(name)", HONE_STATUS_NOT_FOUND, 1, 1,
     "there is no function 'concatenate'; did you mean 'concat'?"},
    {"cpu > 1", HONE_STATUS_NOT_FOUND, 1, 1,
     "there is no field 'cpu'; did you mean 'cpu_busy.mean'?"},
    {"and(a, b)", HONE_STATUS_SYNTAX, 1, 1, "expected a value, found 'and'"},
    {"clamp(x, 1)", HONE_STATUS_SYNTAX, 1, 1,
     "clamp() takes 3 arguments, found 2: clamp(x, lo, hi)"},
    {"min(x)", HONE_STATUS_SYNTAX, 1, 1, "min() takes at least 2 arguments, found 1: min(a, b...)"},
    {"time(x)", HONE_STATUS_SYNTAX, 1, 1, "time() takes 0 arguments, found 1: time()"},
    {"1 + name", HONE_STATUS_TYPE_MISMATCH, 1, 5,
     "the right side of '+' is text; it must be a number (f64(...) and i64(...) convert); "
     "concat(a, b) joins texts"},
    {"flag * 2", HONE_STATUS_TYPE_MISMATCH, 1, 1,
     "the left side of '*' is a bool; it must be a number (f64(...) and i64(...) convert)"},
    {"-name", HONE_STATUS_TYPE_MISMATCH, 1, 2,
     "what follows '-' is text; it must be a number (f64(...) and i64(...) convert)"},
    {"not a", HONE_STATUS_TYPE_MISMATCH, 1, 5,
     "what follows 'not' is an i64; it must be a bool (compare it with something, or use "
     "bool(...))"},
    {"flag and x", HONE_STATUS_TYPE_MISMATCH, 1, 10,
     "the right side of 'and' is an f64; it must be a bool (compare it with something, or use "
     "bool(...))"},
    {"flag < true", HONE_STATUS_TYPE_MISMATCH, 1, 1,
     "the left side of '<' is a bool; it must be a number or text"},
    {"name == 3", HONE_STATUS_TYPE_MISMATCH, 1, 9,
     "the right side of '==' is an i64, but the left side of '==' is text; both must be of one "
     "type (i64(), f64(), bool() and text() convert)"},
    {"if(flag, 1, 'a')", HONE_STATUS_TYPE_MISMATCH, 1, 13,
     "argument 3 of if() is text, but argument 2 of if() is an i64; both must be of one type "
     "(i64(), f64(), bool() and text() convert)"},
    {"len(a + 1)", HONE_STATUS_TYPE_MISMATCH, 1, 5,
     "argument 1 of len() is an i64; it must be text (text(...) converts)"},
    {"substring(name, x, 1)", HONE_STATUS_TYPE_MISMATCH, 1, 17,
     "argument 2 of substring() is an f64; it must be an i64 (i64(...) converts)"},
    {"a == null", HONE_STATUS_TYPE_MISMATCH, 1, 6,
     "the right side of '==' is null, which would make every result missing; is_missing(x) asks "
     "whether a value is missing"},
    {"null", HONE_STATUS_TYPE_MISMATCH, 1, 1, "null alone has no type"},
    {"coalesce(null, null)", HONE_STATUS_TYPE_MISMATCH, 1, 16,
     "coalesce() of nothing but null has no type"},
    {"a + '\xff'", HONE_STATUS_ENCODING, 1, 6, "the expression is not valid UTF-8 here"},
};

static void test_errors(void **state) {
    fixture *f = *state;
    for (size_t i = 0; i < sizeof error_cases / sizeof error_cases[0]; i++) {
        const error_case *c = &error_cases[i];
        const hone_expression *expression = NULL;
        hone_diag diag;
        size_t held = f->arena.held_bytes, used = f->arena.used_bytes;
        hone_diag_clear(&diag);
        hone_status status = hone_expression_compile(hone_text_of(c->source), f->schema, &f->arena,
                                                     &diag, &expression);
        if (status != c->status || diag.line != c->line || diag.column != c->column ||
            strcmp(diag.message, c->message) != 0) {
            fail_msg("%s: %s %u:%u: %s", c->source, hone_status_name(status), diag.line,
                     diag.column, diag.message);
        }
        assert_null(expression);
        assert_int_equal(f->arena.held_bytes, held);
        assert_int_equal(f->arena.used_bytes, used);
        assert_int_equal(hone_expression_compile(hone_text_of(c->source), f->schema, &f->arena,
                                                 NULL, &expression),
                         c->status);
    }
}

static hone_status compile_repeated(fixture *f, const char *head, const char *middle, size_t count,
                                    const char *tail, hone_diag *diag) {
    const hone_expression *expression;
    hone_buffer buffer;
    hone_buffer_init(&buffer, NULL, 1 << 20);
    hone_buffer_append_text(&buffer, hone_text_of(head));
    for (size_t i = 0; i < count; i++) {
        hone_buffer_append_text(&buffer, hone_text_of(middle));
    }
    hone_buffer_append_text(&buffer, hone_text_of(tail));
    assert_int_equal(hone_buffer_status(&buffer), HONE_OK);
    hone_diag_clear(diag);
    hone_status status =
        hone_expression_compile(hone_buffer_text(&buffer), f->schema, &f->arena, diag, &expression);
    hone_buffer_deinit(&buffer);
    return status;
}

static void test_limits(void **state) {
    fixture *f = *state;
    hone_diag diag;
    assert_int_equal(compile_repeated(f, "a", " ", 65535, "", &diag), HONE_OK);
    assert_int_equal(compile_repeated(f, "a", " ", 65536, "", &diag), HONE_STATUS_LIMIT);
    assert_string_equal(diag.message, "the expression has 65537 bytes; at most 65536 are allowed");
    assert_int_equal(compile_repeated(f, "a", " + a", 2000, "", &diag), HONE_OK);
    assert_int_equal(compile_repeated(f, "a", " + a", 2100, "", &diag), HONE_STATUS_LIMIT);
    assert_string_equal(diag.message,
                        "the expression has more than 4096 parts; split it into several");
    assert_int_equal(compile_repeated(f, "a", " ** a", 100, "", &diag), HONE_OK);
    const char *const nests[] = {"(", "-", "not ", "!", "abs(", "2 ** "};
    for (size_t i = 0; i < sizeof nests / sizeof nests[0]; i++) {
        assert_int_equal(compile_repeated(f, "", nests[i], 30000 / strlen(nests[i]), "a", &diag),
                         HONE_STATUS_LIMIT);
        assert_string_equal(diag.message, "the expression is nested more than 200 deep");
    }
    assert_int_equal(compile_repeated(f, "max(", "a, ", 31, "a)", &diag), HONE_OK);
    assert_int_equal(compile_repeated(f, "max(", "a, ", 32, "a)", &diag), HONE_STATUS_SYNTAX);
    assert_string_equal(diag.message, "max() takes at most 32 arguments, found 33: max(a, b...)");
    assert_int_equal(compile_repeated(f, "", "min(-a, -a, -a, -a, -a, ", 150, "a", &diag),
                     HONE_STATUS_SYNTAX);
}

/* Every level holds five results while the next one is computed. */
static void test_limit_of_registers(void **state) {
    fixture *f = *state;
    const hone_expression *expression;
    hone_diag diag;
    hone_buffer buffer;
    hone_buffer_init(&buffer, NULL, 1 << 20);
    for (int i = 0; i < 150; i++) {
        hone_buffer_append_text(&buffer, HONE_TEXT("min(-a, -a, -a, -a, -a, "));
    }
    hone_buffer_append_byte(&buffer, 'a');
    for (int i = 0; i < 150; i++) {
        hone_buffer_append_byte(&buffer, ')');
    }
    hone_diag_clear(&diag);
    assert_int_equal(hone_expression_compile(hone_buffer_text(&buffer), f->schema, &f->arena, &diag,
                                             &expression),
                     HONE_STATUS_LIMIT);
    assert_string_equal(diag.message, "the expression needs more than 512 intermediate results at "
                                      "once; split it into several");
    hone_buffer_deinit(&buffer);
}

static void test_fields_used(void **state) {
    fixture *f = *state;
    const hone_expression *expression;
    assert_int_equal(hone_expression_compile(HONE_TEXT("len(name) + b * a > b"), f->schema,
                                             &f->arena, NULL, &expression),
                     HONE_OK);
    assert_int_equal(hone_expression_type(expression), HONE_TYPE_BOOL);
    assert_int_equal(hone_expression_fields_count(expression), 3);
    assert_int_equal(hone_expression_field_at(expression, 0), 0);
    assert_int_equal(hone_expression_field_at(expression, 1), 1);
    assert_int_equal(hone_expression_field_at(expression, 2), 10);
}

static void test_time_needs_timestamps(void **state) {
    fixture *f = *state;
    const hone_schema *schema;
    const hone_expression *expression;
    hone_diag diag;
    hone_diag_clear(&diag);
    assert_int_equal(hone_schema_create(&f->arena, fields, FIELDS, false, NULL, &schema), HONE_OK);
    assert_int_equal(
        hone_expression_compile(HONE_TEXT("1 + time()"), schema, &f->arena, &diag, &expression),
        HONE_STATUS_TYPE_MISMATCH);
    assert_int_equal(diag.column, 5);
    assert_string_equal(diag.message, "time() needs timestamps, and these records have none; name "
                                      "the field of the source that holds the time");
}

static void test_text_space_is_bounded(void **state) {
    fixture *f = *state;
    const hone_expression *expression, *other;
    hone_expression_scratch *scratch;
    hone_expression_column column;
    assert_int_equal(
        hone_expression_compile(HONE_TEXT("upper(name)"), f->schema, &f->arena, NULL, &expression),
        HONE_OK);
    assert_int_equal(
        hone_expression_compile(HONE_TEXT("a + 1"), f->schema, &f->arena, NULL, &other), HONE_OK);
    assert_int_equal(hone_expression_scratch_create(expression, NULL, ROWS * 9 - 1, &scratch),
                     HONE_OK);
    assert_int_equal(hone_expression_evaluate(expression, f->batch, scratch, &column),
                     HONE_STATUS_LIMIT);
    assert_int_equal(hone_expression_evaluate(other, f->batch, scratch, &column),
                     HONE_STATUS_INVALID_ARGUMENT);
    assert_int_equal(hone_expression_select(other, f->batch, scratch), HONE_STATUS_TYPE_MISMATCH);
    hone_expression_scratch_destroy(scratch);
    assert_int_equal(hone_expression_scratch_create(expression, NULL, ROWS * 9, &scratch), HONE_OK);
    for (int i = 0; i < 3; i++) { /* each evaluation has the whole space */
        assert_int_equal(hone_expression_evaluate(expression, f->batch, scratch, &column), HONE_OK);
    }
    hone_expression_scratch_destroy(scratch);
    hone_expression_scratch_destroy(NULL);
}

static void test_empty_batch(void **state) {
    fixture *f = *state;
    const hone_expression *expression;
    hone_expression_scratch *scratch;
    hone_expression_column column;
    f->batch->rows_count = f->batch->selected_count = 0;
    const char *const sources[] = {"a > 1", "upper(name) == 'A' or flag", "true"};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(hone_expression_compile(hone_text_of(sources[i]), f->schema, &f->arena,
                                                 NULL, &expression),
                         HONE_OK);
        assert_int_equal(hone_expression_scratch_create(expression, NULL, 0, &scratch), HONE_OK);
        assert_int_equal(hone_expression_evaluate(expression, f->batch, scratch, &column), HONE_OK);
        assert_int_equal(hone_expression_select(expression, f->batch, scratch), HONE_OK);
        assert_int_equal(f->batch->selected_count, 0);
        hone_expression_scratch_destroy(scratch);
    }
    f->batch->rows_count = f->batch->selected_count = ROWS;
}

/* The manual has the signature and the summary of every function, and every "expression -> result"
 * line in it is true of the records of this test. */
static void test_manual(void **state) {
    static char manual[1 << 17];
    FILE *file = fopen(HONE_SOURCE_DIR "/docs/expressions.md", "rb");
    assert_non_null(file);
    size_t size = fread(manual, 1, sizeof manual - 1, file);
    (void)fclose(file);
    assert_in_range(size, 1000, sizeof manual - 2);
    manual[size] = '\0';
    uint32_t listed = 0;
    for (const hone_expression_function *help; (help = hone_expression_function_at(listed));
         listed++) {
        char quoted[96];
        (void)snprintf(quoted, sizeof quoted, "`%s`", help->signature);
        if (!strstr(manual, quoted) || !strstr(manual, help->summary)) {
            fail_msg("docs/expressions.md lacks %s: %s", help->signature, help->summary);
        }
    }
    assert_in_range(listed, 40, 100);
    uint32_t examples = 0;
    hone_text rest = {manual, size};
    while (rest.data) {
        hone_text line = hone_text_split(&rest, '\n');
        char *arrow = memmem(line.data, line.size, " -> ", 4);
        if (!arrow) {
            continue;
        }
        char expected[128];
        hone_text source = {line.data, (size_t)(arrow - line.data)};
        hone_text result = {arrow + 4, line.size - source.size - 4};
        (void)snprintf(expected, sizeof expected, "%.*s", HONE_TEXT_ARGS(hone_text_trim(result)));
        check_result(*state, hone_text_trim(source), expected);
        examples++;
    }
    assert_in_range(examples, 20, 500);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_results),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_limit_of_registers),
        cmocka_unit_test(test_fields_used),
        cmocka_unit_test(test_time_needs_timestamps),
        cmocka_unit_test(test_text_space_is_bounded),
        cmocka_unit_test(test_empty_batch),
        cmocka_unit_test(test_manual),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
