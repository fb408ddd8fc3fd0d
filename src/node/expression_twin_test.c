/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A naive twin: random trees are printed as source, compiled and evaluated over whole batches, and
 * computed here row by row, value by value. The same trees with literals for leaves must give the
 * same through constant folding as with fields for leaves. Selection must agree with evaluation on
 * dense and on narrowed batches. Every allocation is made to fail once.
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
#include "hone/memory/failing.h"
#include "hone/node/expression.h"

enum { ROWS = 150, DEPTH = 4, TREES = 6000, FIELDS_PER_TYPE = 2, FIELDS = 8, ARGS = 3 };

typedef struct value {
    hone_type type;
    bool is_missing;
    int64_t i64;
    double f64;
    char text[4096];
} value;

/* Deep trees of concat would outgrow value.text; longer texts end the comparison of that row. */
enum { TEXT_MAX = 1000 };

typedef enum operation {
    OP_LEAF,
    OP_ADD,
    OP_SUBTRACT,
    OP_MULTIPLY,
    OP_DIVIDE,
    OP_FLOOR_DIVIDE,
    OP_MODULO,
    OP_NEGATE,
    OP_ABS,
    OP_SIGN,
    OP_MIN,
    OP_MAX,
    OP_CLAMP,
    OP_SQRT,
    OP_EXP,
    OP_EQUAL,
    OP_UNEQUAL,
    OP_LESS,
    OP_LESS_EQUAL,
    OP_GREATER,
    OP_GREATER_EQUAL,
    OP_AND,
    OP_OR,
    OP_NOT,
    OP_IF,
    OP_COALESCE,
    OP_IS_MISSING,
    OP_IS_NAN,
    OP_TO_I64,
    OP_TO_F64,
    OP_TO_BOOL,
    OP_TO_TEXT,
    OP_LEN,
    OP_UPPER,
    OP_CONTAINS,
    OP_CONCAT,
    OP_SUBSTRING,
    OP_FLOOR,
} operation;

typedef struct tree {
    operation op;
    hone_type type;
    int field; /* LEAF */
    int args_count;
    struct tree *args[ARGS];
} tree;

static uint64_t random_state = 88172645463325252u;

static uint32_t random_below(uint32_t bound) {
    random_state ^= random_state << 13;
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (uint32_t)((random_state >> 20) % bound);
}

/* --- Growing trees --- */

static tree nodes[4096];
static int nodes_count;

static tree *grow(hone_type type, int depth);

static tree *new_node(operation op, hone_type type) {
    tree *node = &nodes[nodes_count++];
    *node = (tree){.op = op, .type = type};
    return node;
}

static tree *grow_call(operation op, hone_type type, int depth, int count, const hone_type *types) {
    tree *node = new_node(op, type);
    node->args_count = count;
    for (int i = 0; i < count; i++) {
        node->args[i] = grow(types[i], depth - 1);
    }
    return node;
}

static hone_type random_number_type(void) {
    return random_below(2) ? HONE_TYPE_I64 : HONE_TYPE_F64;
}

/* The types of the arguments of a numeric operator with this result: at least one f64 for f64. */
static void numeric_types(hone_type type, hone_type types[ARGS]) {
    for (int i = 0; i < ARGS; i++) {
        types[i] = type == HONE_TYPE_I64 ? HONE_TYPE_I64 : random_number_type();
    }
    types[random_below(2)] = type;
    types[0] = type; /* so that one-argument calls have it, too */
}

static tree *grow_number(hone_type type, int depth) {
    static const operation binary[] = {OP_ADD,    OP_SUBTRACT, OP_MULTIPLY, OP_FLOOR_DIVIDE,
                                       OP_MODULO, OP_MIN,      OP_MAX};
    static const operation unary[] = {OP_NEGATE, OP_ABS, OP_SIGN, OP_FLOOR};
    hone_type types[ARGS], any = (hone_type)random_below(4);
    numeric_types(type, types);
    switch (random_below(type == HONE_TYPE_F64 ? 8 : 6)) {
    case 0:
    case 1: return grow_call(binary[random_below(7)], type, depth, 2, types);
    case 2: return grow_call(unary[random_below(4)], type, depth, 1, types);
    case 3: return grow_call(OP_CLAMP, type, depth, 3, types);
    case 4: return grow_call(type == HONE_TYPE_I64 ? OP_TO_I64 : OP_TO_F64, type, depth, 1, &any);
    case 5:
        return type == HONE_TYPE_I64
                   ? grow_call(OP_LEN, type, depth, 1, (hone_type[]){HONE_TYPE_TEXT})
                   : grow_call(OP_EXP, type, depth, 1, types);
    case 6: return grow_call(OP_SQRT, type, depth, 1, (hone_type[]){random_number_type()});
    default: types[0] = random_number_type(); return grow_call(OP_DIVIDE, type, depth, 2, types);
    }
}

static tree *grow_bool(int depth) {
    static const operation compares[] = {OP_LESS,          OP_LESS_EQUAL, OP_GREATER,
                                         OP_GREATER_EQUAL, OP_EQUAL,      OP_UNEQUAL};
    hone_type any = (hone_type)random_below(4);
    hone_type numbers[2] = {random_number_type(), random_number_type()};
    hone_type texts[2] = {HONE_TYPE_TEXT, HONE_TYPE_TEXT},
              bools[2] = {HONE_TYPE_BOOL, HONE_TYPE_BOOL};
    switch (random_below(10)) {
    case 0:
    case 1: return grow_call(compares[random_below(6)], HONE_TYPE_BOOL, depth, 2, numbers);
    case 2: return grow_call(compares[random_below(6)], HONE_TYPE_BOOL, depth, 2, texts);
    case 3: return grow_call(compares[4 + random_below(2)], HONE_TYPE_BOOL, depth, 2, bools);
    case 4: return grow_call(OP_AND, HONE_TYPE_BOOL, depth, 2, bools);
    case 5: return grow_call(OP_OR, HONE_TYPE_BOOL, depth, 2, bools);
    case 6: return grow_call(OP_NOT, HONE_TYPE_BOOL, depth, 1, bools);
    case 7: return grow_call(OP_IS_MISSING, HONE_TYPE_BOOL, depth, 1, &any);
    case 8: return grow_call(OP_TO_BOOL, HONE_TYPE_BOOL, depth, 1, &any);
    default:
        return random_below(2) ? grow_call(OP_CONTAINS, HONE_TYPE_BOOL, depth, 2, texts)
                               : grow_call(OP_IS_NAN, HONE_TYPE_BOOL, depth, 1, numbers);
    }
}

static tree *grow_text(int depth) {
    hone_type types[ARGS] = {HONE_TYPE_TEXT, HONE_TYPE_TEXT, HONE_TYPE_TEXT};
    hone_type any = (hone_type)random_below(4);
    switch (random_below(4)) {
    case 0: return grow_call(OP_UPPER, HONE_TYPE_TEXT, depth, 1, types);
    case 1: return grow_call(OP_CONCAT, HONE_TYPE_TEXT, depth, 3, types);
    case 2: return grow_call(OP_TO_TEXT, HONE_TYPE_TEXT, depth, 1, &any);
    default:
        types[1] = types[2] = HONE_TYPE_I64;
        return grow_call(OP_SUBSTRING, HONE_TYPE_TEXT, depth, 3, types);
    }
}

static tree *grow(hone_type type, int depth) {
    if (depth == 0 || random_below(6) == 0) {
        tree *leaf = new_node(OP_LEAF, type);
        leaf->field = (int)type * FIELDS_PER_TYPE + (int)random_below(FIELDS_PER_TYPE);
        return leaf;
    }
    if (random_below(6) == 0) {
        hone_type types[ARGS] = {HONE_TYPE_BOOL, type, type};
        return random_below(2) ? grow_call(OP_IF, type, depth, 3, types)
                               : grow_call(OP_COALESCE, type, depth, 2, types + 1);
    }
    switch (type) {
    case HONE_TYPE_BOOL: return grow_bool(depth);
    case HONE_TYPE_TEXT: return grow_text(depth);
    default: return grow_number(type, depth);
    }
}

/* --- Printing: `#` is the next argument --- */

static const char *const forms[] = {
    [OP_ADD] = "(# + #)",
    [OP_SUBTRACT] = "(# - #)",
    [OP_MULTIPLY] = "(# * #)",
    [OP_DIVIDE] = "(# / #)",
    [OP_FLOOR_DIVIDE] = "(# // #)",
    [OP_MODULO] = "(# % #)",
    [OP_NEGATE] = "(-(#))",
    [OP_ABS] = "abs(#)",
    [OP_SIGN] = "sign(#)",
    [OP_MIN] = "min(#, #)",
    [OP_MAX] = "max(#, #)",
    [OP_CLAMP] = "clamp(#, #, #)",
    [OP_SQRT] = "sqrt(#)",
    [OP_EXP] = "exp(#)",
    [OP_EQUAL] = "(# == #)",
    [OP_UNEQUAL] = "(# != #)",
    [OP_LESS] = "(# < #)",
    [OP_LESS_EQUAL] = "(# <= #)",
    [OP_GREATER] = "(# > #)",
    [OP_GREATER_EQUAL] = "(# >= #)",
    [OP_AND] = "(# and #)",
    [OP_OR] = "(# || #)",
    [OP_NOT] = "(not #)",
    [OP_IF] = "if(#, #, #)",
    [OP_COALESCE] = "coalesce(#, #)",
    [OP_IS_MISSING] = "is_missing(#)",
    [OP_IS_NAN] = "is_nan(#)",
    [OP_TO_I64] = "i64(#)",
    [OP_TO_F64] = "f64(#)",
    [OP_TO_BOOL] = "bool(#)",
    [OP_TO_TEXT] = "text(#)",
    [OP_LEN] = "len(#)",
    [OP_UPPER] = "upper(#)",
    [OP_CONTAINS] = "contains(#, #)",
    [OP_CONCAT] = "concat(#, #, #)",
    [OP_SUBSTRING] = "substring(#, #, #)",
    [OP_FLOOR] = "floor(#)",
};

static const char *const field_names[FIELDS] = {"i", "j", "x", "y.z", "p", "q", "s", "t t"};

static void print_literal(hone_buffer *out, const value *v) {
    static const char *const missing[] = {"(1 // 0)", "(1 / 0)", "bool('')", "text(1 // 0)"};
    char digits[64];
    if (v->is_missing) {
        hone_buffer_append_text(out, hone_text_of(missing[v->type]));
        return;
    }
    switch (v->type) {
    case HONE_TYPE_I64: hone_buffer_format(out, "(%lld)", (long long)v->i64); break;
    case HONE_TYPE_F64:
        digits[hone_number_format_f64(v->f64, digits)] = '\0';
        hone_buffer_format(out, "f64('%s')", digits);
        break;
    case HONE_TYPE_BOOL: hone_buffer_format(out, "%s", v->i64 ? "true" : "false"); break;
    case HONE_TYPE_TEXT: hone_buffer_format(out, "'%s'", v->text); break;
    }
}

/* Leaves are the fields, or, with `row`, the literals of that row. */
static void print(hone_buffer *out, const tree *node, const value *row) {
    if (node->op == OP_LEAF) {
        if (row) {
            print_literal(out, &row[node->field]);
        } else {
            hone_buffer_format(out, "`%s`", field_names[node->field]);
        }
        return;
    }
    int next = 0;
    for (const char *c = forms[node->op]; *c; c++) {
        if (*c == '#') {
            print(out, node->args[next++], row);
        } else {
            hone_buffer_append_byte(out, *c);
        }
    }
}

/* --- The twin --- */

static double as_f64(const value *v) {
    return v->type == HONE_TYPE_I64 ? (double)v->i64 : v->f64;
}

static void naive(const tree *node, const value *row, value *out);

__extension__ typedef __int128 wide_i64;

static void naive_whole(operation op, int64_t a, int64_t b, value *out) {
    wide_i64 result = 0, wide = a;
    switch (op) {
    case OP_ADD: result = wide + b; break;
    case OP_SUBTRACT: result = wide - b; break;
    case OP_MULTIPLY: result = wide * b; break;
    case OP_NEGATE: result = -wide; break;
    case OP_ABS: result = wide < 0 ? -wide : wide; break;
    case OP_SIGN: result = a > 0 ? 1 : a < 0 ? -1 : 0; break;
    case OP_MIN: result = a < b ? a : b; break;
    case OP_MAX: result = a < b ? b : a; break;
    case OP_FLOOR: result = a; break;
    default: /* // and % */
        if (b == 0) {
            out->is_missing = true;
            return;
        }
        wide_i64 quotient = wide / b;
        while (quotient * b > wide && b > 0) {
            quotient--;
        }
        while (quotient * b < wide && b < 0) {
            quotient--;
        }
        result = op == OP_MODULO ? wide - quotient * b : quotient;
        break;
    }
    out->is_missing = result > INT64_MAX || result < INT64_MIN;
    out->i64 = (int64_t)result;
}

static double naive_modulo(double a, double b) {
    double r = fmod(a, b);
    return r != 0 && signbit(r) != signbit(b) ? r + b : r == 0 ? copysign(0, b) : r;
}

static double naive_real(operation op, double a, double b) {
    switch (op) {
    case OP_ADD: return a + b;
    case OP_SUBTRACT: return a - b;
    case OP_MULTIPLY: return a * b;
    case OP_DIVIDE: return a / b;
    case OP_NEGATE: return -a;
    case OP_ABS: return fabs(a);
    case OP_SIGN: return isnan(a) ? a : a > 0 ? 1 : a < 0 ? -1 : a;
    case OP_MIN: return isnan(a) || isnan(b) ? NAN : a < b ? a : b;
    case OP_MAX: return isnan(a) || isnan(b) ? NAN : a > b ? a : b;
    case OP_FLOOR: return floor(a);
    case OP_SQRT: return sqrt(a);
    case OP_EXP: return exp(a);
    case OP_MODULO: return naive_modulo(a, b);
    default: /* // */
        if (b == 0 || isinf(a / b)) {
            return a / b;
        }
        if (isinf(b) && isfinite(a)) {
            return a != 0 && signbit(a) != signbit(b) ? -1 : a / b;
        }
        return round((a - naive_modulo(a, b)) / b);
    }
}

static bool naive_compare(operation op, const value *a, const value *b) {
    if (a->type == HONE_TYPE_F64 || b->type == HONE_TYPE_F64) {
        double x = as_f64(a), y = as_f64(b);
        return op == OP_EQUAL        ? x == y
               : op == OP_UNEQUAL    ? x != y
               : op == OP_LESS       ? x < y
               : op == OP_LESS_EQUAL ? x <= y
               : op == OP_GREATER    ? x > y
                                     : x >= y;
    }
    int64_t order = a->type == HONE_TYPE_TEXT ? strcmp(a->text, b->text)
                                              : (a->i64 > b->i64) - (a->i64 < b->i64);
    return op == OP_EQUAL        ? order == 0
           : op == OP_UNEQUAL    ? order != 0
           : op == OP_LESS       ? order < 0
           : op == OP_LESS_EQUAL ? order <= 0
           : op == OP_GREATER    ? order > 0
                                 : order >= 0;
}

static void naive_convert(operation op, const value *x, value *out) {
    hone_text text = hone_text_of(x->text);
    char digits[HONE_NUMBER_TEXT_MAX];
    bool is_text = x->type == HONE_TYPE_TEXT, is_real = x->type == HONE_TYPE_F64;
    if (op == OP_TO_I64 && is_text) {
        out->is_missing = hone_number_parse_i64(text, &out->i64) != HONE_OK;
    } else if (op == OP_TO_I64 && is_real) {
        out->is_missing = !(fabs(x->f64) < 0x1p63) && x->f64 != -0x1p63;
        out->i64 = out->is_missing ? 0 : (int64_t)x->f64;
    } else if (op == OP_TO_F64 && is_text) {
        out->is_missing = hone_number_parse_f64(text, &out->f64) != HONE_OK;
    } else if (op == OP_TO_F64) {
        out->f64 = is_real ? x->f64 : (double)x->i64;
    } else if (op == OP_TO_BOOL && is_text) {
        out->i64 = strcmp(x->text, "true") == 0;
        out->is_missing = !out->i64 && strcmp(x->text, "false") != 0;
    } else if (op == OP_TO_BOOL && is_real) {
        out->i64 = x->f64 != 0;
        out->is_missing = isnan(x->f64);
    } else if (op == OP_TO_BOOL) {
        out->i64 = x->i64 != 0;
    } else if (op == OP_TO_TEXT && !is_text) {
        size_t size = is_real ? hone_number_format_f64(x->f64, digits)
                              : hone_number_format_i64(x->i64, digits);
        (void)snprintf(out->text, sizeof out->text, "%.*s", (int)size, digits);
        if (x->type == HONE_TYPE_BOOL) {
            (void)snprintf(out->text, sizeof out->text, "%s", x->i64 ? "true" : "false");
        }
    } else {
        out->i64 = x->i64;
        memcpy(out->text, x->text, sizeof out->text);
    }
}

/* The texts of this test are ASCII. */
static void naive_text(operation op, const value *a, value *out) {
    size_t length = strlen(a[0].text);
    if (op == OP_LEN) {
        out->i64 = (int64_t)length;
    } else if (op == OP_CONTAINS) {
        out->i64 = strstr(a[0].text, a[1].text) != NULL;
    } else if (op == OP_CONCAT) {
        (void)snprintf(out->text, sizeof out->text, "%.*s%.*s%.*s", TEXT_MAX, a[0].text, TEXT_MAX,
                       a[1].text, TEXT_MAX, a[2].text);
    } else if (op == OP_UPPER) {
        for (size_t i = 0; i <= length; i++) {
            char c = a[0].text[i];
            out->text[i] = (char)(c >= 'a' && c <= 'z' ? c - 32 : c);
        }
    } else if (a[1].i64 < 0 || a[2].i64 < 0) {
        out->is_missing = true;
    } else {
        size_t start = a[1].i64 > (int64_t)length ? length : (size_t)a[1].i64;
        size_t count = a[2].i64 > (int64_t)(length - start) ? length - start : (size_t)a[2].i64;
        (void)snprintf(out->text, sizeof out->text, "%.*s", (int)count, a[0].text + start);
    }
}

static void naive_logic(operation op, const value *a, value *out) {
    bool decisive = op == OP_OR;
    for (int i = 0; i < 2; i++) {
        if (!a[i].is_missing && (a[i].i64 != 0) == decisive) {
            out->i64 = decisive;
            return;
        }
    }
    out->is_missing = a[0].is_missing || a[1].is_missing;
    out->i64 = !decisive;
}

static void naive_number(const tree *node, const value *a, value *out) {
    double x = as_f64(&a[0]), y = as_f64(&a[1]);
    bool is_whole =
        a[0].type == HONE_TYPE_I64 && (node->args_count == 1 || a[1].type == HONE_TYPE_I64);
    if (node->op == OP_DIVIDE && is_whole) {
        out->is_missing = a[1].i64 == 0;
        out->f64 = x / y;
    } else if (node->op == OP_CLAMP && node->type == HONE_TYPE_I64) {
        naive_whole(OP_MAX, a[0].i64, a[1].i64, out);
        naive_whole(OP_MIN, out->i64, a[2].i64, out);
    } else if (node->op == OP_CLAMP) {
        out->f64 = naive_real(OP_MIN, naive_real(OP_MAX, x, y), as_f64(&a[2]));
    } else if (node->type == HONE_TYPE_I64) {
        naive_whole(node->op, a[0].i64, a[1].i64, out);
    } else {
        out->f64 = naive_real(node->op, x, y);
    }
}

static void naive_call(const tree *node, const value *a, value *out) {
    switch (node->op) {
    case OP_IF: *out = a[0].is_missing ? a[0] : a[0].i64 ? a[1] : a[2]; break;
    case OP_COALESCE: *out = a[0].is_missing ? a[1] : a[0]; break;
    case OP_IS_MISSING: out->i64 = a[0].is_missing; break;
    case OP_AND:
    case OP_OR: naive_logic(node->op, a, out); break;
    default:
        for (int i = 0; i < node->args_count; i++) {
            out->is_missing |= a[i].is_missing;
        }
        if (out->is_missing) {
            break;
        }
        if (node->op >= OP_EQUAL && node->op <= OP_GREATER_EQUAL) {
            out->i64 = naive_compare(node->op, &a[0], &a[1]);
        } else if (node->op == OP_NOT) {
            out->i64 = !a[0].i64;
        } else if (node->op == OP_IS_NAN) {
            out->i64 = isnan(as_f64(&a[0]));
        } else if (node->op >= OP_TO_I64 && node->op <= OP_TO_TEXT) {
            naive_convert(node->op, &a[0], out);
        } else if (node->op >= OP_LEN && node->op <= OP_SUBSTRING) {
            naive_text(node->op, a, out);
        } else {
            naive_number(node, a, out);
        }
    }
    out->type = node->type;
}

static void naive(const tree *node, const value *row, value *out) {
    value *args;
    if (node->op == OP_LEAF) {
        *out = row[node->field];
        return;
    }
    args = calloc(ARGS, sizeof *args);
    assert_non_null(args);
    for (int i = 0; i < node->args_count; i++) {
        naive(node->args[i], row, &args[i]);
    }
    *out = (value){.type = node->type};
    naive_call(node, args, out);
    free(args);
}

/* --- Data --- */

typedef struct fixture {
    hone_arena arena;
    const hone_schema *schema;
    hone_batch *batch;
    value rows[ROWS][FIELDS];
} fixture;

static int64_t random_i64(void) {
    static const int64_t edges[] = {0, 1, -1, INT64_MAX, INT64_MIN, INT64_MAX - 1, 1LL << 53, 2};
    return random_below(3) ? (int64_t)random_below(41) - 20 : edges[random_below(8)];
}

static double random_f64(void) {
    static const double edges[] = {0, -0.0, 1, -1, INFINITY, -INFINITY, NAN, 1e308, 5e-324, 0x1p63};
    return random_below(3) ? ((int)random_below(401) - 200) / 8.0 : edges[random_below(10)];
}

static void random_value(hone_type type, value *out) {
    static const char *const texts[] = {"",     "a",     "ab", "b",    "A",
                                        "true", "false", "12", "-7.5", "x y z"};
    *out = (value){.type = type, .is_missing = random_below(5) == 0};
    switch (type) {
    case HONE_TYPE_I64: out->i64 = random_i64(); break;
    case HONE_TYPE_F64: out->f64 = random_f64(); break;
    case HONE_TYPE_BOOL: out->i64 = random_below(2); break;
    case HONE_TYPE_TEXT:
        (void)snprintf(out->text, sizeof out->text, "%s", texts[random_below(10)]);
        break;
    }
}

static void put_value(hone_batch *batch, uint32_t field, uint32_t row, const value *v) {
    hone_cell *cell = &hone_batch_cells(batch, field)[row];
    if (v->is_missing) {
        hone_batch_set_missing(batch, field, row);
        cell->i64 = (int64_t)random_below(1u << 30) << 33 | random_below(1u << 30); /* anything */
    } else if (v->type == HONE_TYPE_TEXT) {
        assert_int_equal(hone_batch_add_text(batch, hone_text_of(v->text), &cell->text), HONE_OK);
    } else if (v->type == HONE_TYPE_F64) {
        cell->f64 = v->f64;
    } else {
        cell->i64 = v->i64;
    }
}

static int setup(void **state) {
    static fixture f;
    hone_field fields[FIELDS];
    hone_batch_layout layout;
    hone_arena_init(&f.arena, NULL, 64 << 20);
    for (int i = 0; i < FIELDS; i++) {
        fields[i] = (hone_field){hone_text_of(field_names[i]), (hone_type)(i / FIELDS_PER_TYPE)};
    }
    assert_int_equal(hone_schema_create(&f.arena, fields, FIELDS, true, NULL, &f.schema), HONE_OK);
    assert_int_equal(hone_batch_plan(f.schema, ROWS, 0, &layout), HONE_OK);
    void *memory = hone_arena_allocate(&f.arena, layout.size_bytes, 64);
    assert_non_null(memory);
    f.batch = hone_batch_init(memory, &layout);
    for (uint32_t row = 0; row < ROWS; row++) {
        (void)hone_batch_add_row(f.batch, row);
        for (uint32_t field = 0; field < FIELDS; field++) {
            random_value(fields[field].type, &f.rows[row][field]);
            put_value(f.batch, field, row, &f.rows[row][field]);
        }
    }
    *state = &f;
    return 0;
}

static int teardown(void **state) {
    hone_arena_deinit(&((fixture *)*state)->arena);
    return 0;
}

/* --- The comparison --- */

static bool agrees(const hone_expression_column *column, uint32_t row, const value *expected) {
    bool is_missing = (column->missing[row / 64] >> (row % 64)) & 1;
    if (is_missing || expected->is_missing) {
        return is_missing == expected->is_missing;
    }
    if (column->type == HONE_TYPE_TEXT) {
        return hone_text_is(column->texts[row], expected->text) ||
               strlen(expected->text) >= TEXT_MAX;
    }
    if (column->type == HONE_TYPE_F64) {
        double x = column->cells[row].f64, y = expected->f64;
        return (isnan(x) && isnan(y)) || x == y;
    }
    return column->cells[row].i64 == expected->i64;
}

/* The arena of the fixture is given back what the test took. */
static void check(fixture *f, const tree *root, hone_text source, uint32_t first, uint32_t end,
                  const value *literals) {
    const hone_expression *expression;
    hone_expression_scratch *scratch;
    hone_expression_column column;
    hone_diag diag;
    static value expected;
    hone_arena_savepoint savepoint = hone_arena_save(&f->arena);
    hone_diag_clear(&diag);
    if (hone_expression_compile(source, f->schema, &f->arena, &diag, &expression) != HONE_OK) {
        fail_msg("%.*s: %u: %s", HONE_TEXT_ARGS(source), diag.column, diag.message);
    }
    assert_int_equal(hone_expression_type(expression), root->type);
    assert_int_equal(hone_expression_scratch_create(expression, NULL, 8 << 20, &scratch), HONE_OK);
    assert_int_equal(hone_expression_evaluate(expression, f->batch, scratch, &column), HONE_OK);
    for (uint32_t row = first; row < end; row++) {
        naive(root, literals ? literals : f->rows[row], &expected);
        if (!agrees(&column, row, &expected)) {
            fail_msg("row %u of %.*s: expected %s %lld %.17g '%s', found %s %lld %.17g", row,
                     HONE_TEXT_ARGS(source), expected.is_missing ? "missing" : "",
                     (long long)expected.i64, expected.f64, expected.text,
                     (column.missing[row / 64] >> (row % 64)) & 1 ? "missing" : "",
                     column.cells ? (long long)column.cells[row].i64 : 0,
                     column.cells ? column.cells[row].f64 : 0);
        }
    }
    hone_expression_scratch_destroy(scratch);
    hone_arena_reset(&f->arena, savepoint);
}

static void test_agrees_with_naive(void **state) {
    fixture *f = *state;
    hone_buffer source;
    hone_buffer_init(&source, NULL, HONE_EXPRESSION_SOURCE_BYTES_MAX);
    for (int i = 0; i < TREES; i++) {
        nodes_count = 0;
        tree *root = grow((hone_type)(i % HONE_TYPES_COUNT), 1 + i % DEPTH);
        hone_buffer_clear(&source);
        print(&source, root, NULL);
        assert_int_equal(hone_buffer_status(&source), HONE_OK);
        check(f, root, hone_buffer_text(&source), 0, i % 16 ? 8 : ROWS, NULL);
        hone_buffer_clear(&source);
        const value *literals = f->rows[random_below(ROWS)];
        print(&source, root, literals);
        assert_int_equal(hone_buffer_status(&source), HONE_OK);
        check(f, root, hone_buffer_text(&source), ROWS - 1, ROWS, literals);
    }
    hone_buffer_deinit(&source);
}

/* --- Selection --- */

static void check_selection(fixture *f, hone_text source, bool is_sparse) {
    const hone_expression *expression;
    hone_expression_scratch *scratch;
    hone_expression_column column;
    uint16_t expected[ROWS];
    uint32_t expected_count = 0, before_count = 0;
    hone_arena_savepoint savepoint = hone_arena_save(&f->arena);
    uint16_t *selection = hone_batch_selection(f->batch);
    assert_int_equal(hone_expression_compile(source, f->schema, &f->arena, NULL, &expression),
                     HONE_OK);
    assert_int_equal(hone_expression_scratch_create(expression, NULL, 8 << 20, &scratch), HONE_OK);
    assert_int_equal(hone_expression_evaluate(expression, f->batch, scratch, &column), HONE_OK);
    for (uint32_t row = 0; row < ROWS; row++) {
        if (is_sparse && random_below(2)) {
            continue;
        }
        selection[before_count++] = (uint16_t)row;
        if (column.cells[row].i64 && !((column.missing[row / 64] >> (row % 64)) & 1)) {
            expected[expected_count++] = (uint16_t)row;
        }
    }
    f->batch->selected_count = before_count;
    assert_int_equal(hone_expression_select(expression, f->batch, scratch), HONE_OK);
    assert_int_equal(f->batch->selected_count, expected_count);
    if (expected_count) {
        assert_memory_equal(selection, expected, expected_count * sizeof *expected);
    }
    hone_expression_scratch_destroy(scratch);
    hone_arena_reset(&f->arena, savepoint);
}

static void test_selection(void **state) {
    fixture *f = *state;
    static const char *const operators[] = {"<", "<=", ">", ">=", "==", "!="};
    static const char *const sides[] = {"x", "1", "1.5", "i", "j", "0.0", "`y.z`"};
    char source[64];
    hone_buffer buffer;
    for (int i = 0; i < 6 * 7 * 7; i++) {
        (void)snprintf(source, sizeof source, "%s %s %s", sides[i / 7 % 7], operators[i / 49],
                       sides[i % 7]);
        check_selection(f, hone_text_of(source), false);
        check_selection(f, hone_text_of(source), true);
    }
    hone_buffer_init(&buffer, NULL, HONE_EXPRESSION_SOURCE_BYTES_MAX);
    for (int i = 0; i < 500; i++) {
        nodes_count = 0;
        hone_buffer_clear(&buffer);
        print(&buffer, grow(HONE_TYPE_BOOL, 3), NULL);
        check_selection(f, hone_buffer_text(&buffer), i % 2);
    }
    hone_buffer_deinit(&buffer);
}

/* --- Memory --- */

static hone_status build_and_drop(const fixture *f, const hone_allocator *allocator) {
    const hone_expression *expression;
    hone_expression_scratch *scratch;
    hone_arena arena;
    hone_arena_init(&arena, allocator, 1 << 20);
    hone_status status = hone_expression_compile(
        HONE_TEXT("concat(upper(s), 'A\\n', text(i * 2 + 1)) == upper('abc') and x > 0.5 * i"),
        f->schema, &arena, NULL, &expression);
    if (status == HONE_OK) {
        status = hone_expression_scratch_create(expression, allocator, 0, &scratch);
    }
    if (status == HONE_OK) {
        hone_expression_scratch_destroy(scratch);
    }
    hone_arena_deinit(&arena);
    return status;
}

static void test_every_allocation_fails_once(void **state) {
    for (uint64_t n = 1;; n++) {
        hone_failing failing;
        hone_failing_init(&failing, NULL, n, false);
        hone_status status = build_and_drop(*state, &failing.allocator);
        assert_int_equal(hone_failing_read_stats(&failing).live_bytes, 0);
        if (!hone_failing_has_failed(&failing)) {
            assert_int_equal(status, HONE_OK);
            assert_in_range(n, 4, 100);
            break;
        }
        assert_int_equal(status, HONE_STATUS_OUT_OF_MEMORY);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agrees_with_naive),
        cmocka_unit_test(test_selection),
        cmocka_unit_test(test_every_allocation_fails_once),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
