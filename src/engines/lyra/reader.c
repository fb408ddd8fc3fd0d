/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parser: operator precedence with a stack of its own. Operands lie on the kernel's value
 * stack; an entry of the operator stack knows where its operands begin. Newlines end an expression
 * at depth 0 when it is complete. `reduce` makes one operator and its operands one operand.
 */
#include <stdio.h>

#include "make_internal.h"
#include "numbers_internal.h"
#include "reader_internal.h"
#include "symbols_internal.h"

enum {
    ENTRIES_MAX = 100000,
    ENTRIES_FIRST = 64,
    CALL_PRECEDENCE = 670,
    TIMES_PRECEDENCE = 400,
};

typedef enum entry_kind {
    ENTRY_PREFIX,
    ENTRY_INFIX,
    ENTRY_GROUP, /* ( */
    ENTRY_LIST,
    ENTRY_ASSOCIATION,
    ENTRY_CALL,
    ENTRY_PART,
} entry_kind;

typedef struct entry {
    uint8_t kind;
    bool is_negated; /* a - b: the last operand of a Plus */
    bool is_second;  /* a ~ f ~: the second tilde was there */
    uint16_t precedence;
    uint16_t row;    /* of hn_operators */
    uint32_t base;   /* where its operands begin, from the reader's own */
    uint32_t column; /* for messages: offset in the source */
} entry;

typedef struct parser {
    hone_lyra *lyra;
    hn_lexer lexer;
    hn_token token;
    entry *entries; /* in a cell */
    uint32_t entries_count, entries_capacity;
    size_t base; /* of the value stack */
    bool expects_operand;
    uint32_t brackets_count;
    const char *problem;
    size_t problem_at;
    bool is_truncated;
} parser;

static bool fail(parser *it, size_t at, const char *problem, bool is_truncated) {
    it->problem = problem;
    it->problem_at = at;
    it->is_truncated = is_truncated;
    return false;
}

static entry *top(parser *it) {
    return it->entries_count ? &it->entries[it->entries_count - 1] : NULL;
}

static uint32_t operands_count(const parser *it) {
    return (uint32_t)(it->lyra->stack_top - it->base);
}

static bool push_entry(parser *it, entry one) {
    if (it->entries_count == it->entries_capacity) {
        uint32_t capacity = it->entries_capacity ? it->entries_capacity * 2 : ENTRIES_FIRST;
        if (capacity > ENTRIES_MAX * 2) {
            return fail(it, it->token.begin, "this is nested too deeply", false);
        }
        hn_node *cell = hn_node_new(it->lyra, HN_STRING,
                                    (uint32_t)(capacity * sizeof(entry) / sizeof(hn_value)));
        if (it->entries_count > 0) {
            memcpy(cell->words, it->entries, it->entries_count * sizeof(entry));
        }
        it->entries = (entry *)cell->words;
        it->entries_capacity = capacity;
    }
    it->entries[it->entries_count++] = one;
    return true;
}

/* --- making expressions ---------------------------------------------------------------------- */

static hn_value pop(parser *it) {
    return it->lyra->stack[--it->lyra->stack_top];
}

static void push(parser *it, hn_value value) {
    hn_push(it->lyra, value);
    it->expects_operand = false;
}

static hn_value negated(hone_lyra *lyra, hn_value value) {
    if (hn_is_number(value)) {
        return hn_number_negate(lyra, value);
    }
    return hn_make2(lyra, HN_SYM(lyra, Times), hn_of_small(-1), value);
}

static hn_value symbol_of(parser *it, const char *name) {
    char full[64];
    int size = snprintf(full, sizeof full, "System`%s", name);
    return hn_of_symbol(hn_symbol_of_full_name(it->lyra, (hone_text){full, (size_t)size}, true));
}

static hn_value make_prefix(parser *it, const char *head, hn_value operand) {
    hone_lyra *lyra = it->lyra;
    if (strcmp(head, "Minus") == 0) {
        return negated(lyra, operand);
    }
    if (strcmp(head, "Plus") == 0) {
        return hn_make1(lyra, HN_SYM(lyra, Plus), operand);
    }
    return hn_make1(lyra, symbol_of(it, head), operand);
}

static hn_value make_postfix(parser *it, const char *head, hn_value operand) {
    hone_lyra *lyra = it->lyra;
    if (strcmp(head, "Derivative") == 0) {
        int64_t order;
        if (hn_is_normal(operand) && hn_has_form(hn_head(operand), HN_SYM(lyra, Derivative), 1) &&
            hn_count(operand) == 1 && hn_get_int(hn_arg(hn_head(operand), 0), &order)) {
            hn_value next = hn_make1(lyra, HN_SYM(lyra, Derivative), hn_of_small(order + 1));
            return hn_make1(lyra, next, hn_arg(operand, 0));
        }
        return hn_make1(lyra, hn_make1(lyra, HN_SYM(lyra, Derivative), hn_of_small(1)), operand);
    }
    return hn_make1(lyra, symbol_of(it, head), operand);
}

static hn_value make_colon(hone_lyra *lyra, hn_value left, hn_value right) {
    return hn_is_symbol(left) ? hn_make2(lyra, HN_SYM(lyra, Pattern), left, right)
                              : hn_make2(lyra, HN_SYM(lyra, Optional), left, right);
}

/* Operands are x, op, y, op, z with the heads as symbols: one head gives Less[x, y, z]. */
static hn_value make_comparison(hone_lyra *lyra, hn_value *operands, uint32_t count) {
    for (uint32_t i = 3; i < count; i += 2) {
        if (operands[i] != operands[1]) {
            return hn_make(lyra, HN_SYM(lyra, Inequality), operands, count);
        }
    }
    hn_value head = operands[1];
    for (uint32_t i = 0; 2 * i < count; i++) {
        operands[i] = operands[2 * i];
    }
    return hn_make(lyra, head, operands, (count + 1) / 2);
}

static hn_value make_message_name(hone_lyra *lyra, const hn_value *operands, uint32_t count) {
    return hn_make(lyra, HN_SYM(lyra, MessageName), operands, count);
}

static bool is_comparison(const hn_operator *row) {
    return row->precedence == 290 && row->fixity == HN_INFIX_NONE;
}

/* f /: lhs = rhs, where `below` is the entry of /: */
static hn_value make_tag_set(parser *it, const char *head, const hn_value *operands) {
    hone_lyra *lyra = it->lyra;
    hn_value symbol = strcmp(head, "Set") == 0          ? HN_SYM(lyra, TagSet)
                      : strcmp(head, "SetDelayed") == 0 ? HN_SYM(lyra, TagSetDelayed)
                                                        : HN_SYM(lyra, TagUnset);
    return hn_make(lyra, symbol, operands, symbol == HN_SYM(lyra, TagUnset) ? 2 : 3);
}

static bool is_row(const entry *one, const char *spelling) {
    return one && one->kind == ENTRY_INFIX &&
           strcmp(hn_operators[one->row].spelling, spelling) == 0;
}

static hn_value make_infix(parser *it, const entry *one, hn_value *operands, uint32_t count) {
    hone_lyra *lyra = it->lyra;
    const hn_operator *row = &hn_operators[one->row];
    const char *head = row->head;
    if (strcmp(head, "@") == 0) {
        return hn_make1(lyra, operands[0], operands[1]);
    }
    if (strcmp(head, "//") == 0) {
        return hn_make1(lyra, operands[1], operands[0]);
    }
    if (strcmp(head, "~") == 0) {
        return hn_make2(lyra, operands[1], operands[0], operands[2]);
    }
    if (strcmp(head, ":") == 0) {
        return make_colon(lyra, operands[0], operands[1]);
    }
    if (strcmp(head, "MessageName") == 0) {
        return make_message_name(lyra, operands, count);
    }
    if (strcmp(head, "Divide") == 0) {
        hn_value under = hn_make2(lyra, HN_SYM(lyra, Power), operands[1], hn_of_small(-1));
        return hn_make2(lyra, HN_SYM(lyra, Times), operands[0], under);
    }
    if (is_comparison(row)) {
        return make_comparison(lyra, operands, count);
    }
    if (strcmp(row->spelling, "\\[Divide]") == 0) {
        head = "Divide";
    }
    return hn_make(lyra, symbol_of(it, head), operands, count);
}

/* The top entry, a prefix or infix operator, and its operands become one operand. */
static bool reduce(parser *it) {
    hone_lyra *lyra = it->lyra;
    entry one = *top(it);
    hn_value *operands = lyra->stack + it->base + one.base;
    uint32_t count = operands_count(it) - one.base;
    const hn_operator *row = &hn_operators[one.row];
    hn_value made;
    if (one.kind == ENTRY_PREFIX) {
        made = make_prefix(it, row->head, operands[0]);
    } else {
        if (one.is_negated) {
            operands[count - 1] = negated(lyra, operands[count - 1]);
        }
        if (strcmp(row->head, "~") == 0 && !one.is_second) {
            return fail(it, one.column, "the second ~ is missing: write a ~f~ b", false);
        }
        if (strcmp(row->head, "/:") == 0) {
            return fail(it, one.column, "an assignment is missing: write f /: lhs = rhs", false);
        }
        const entry *below = it->entries_count > 1 ? &it->entries[it->entries_count - 2] : NULL;
        bool is_set = strcmp(row->head, "Set") == 0 || strcmp(row->head, "SetDelayed") == 0;
        if (is_set && is_row(below, "/:") && below->base + 1 == one.base) {
            made = make_tag_set(it, row->head, operands - 1);
            one.base--;
            it->entries_count--;
        } else {
            made = make_infix(it, &one, operands, count);
        }
    }
    it->entries_count--;
    lyra->stack_top = it->base + one.base;
    push(it, made);
    return true;
}

static bool is_operator_entry(const entry *one) {
    return one && one->kind <= ENTRY_INFIX;
}

/* Everything that binds at least as tightly as `precedence` (tighter only, where `is_strict`). */
static bool reduce_above(parser *it, uint32_t precedence, bool is_strict) {
    while (is_operator_entry(top(it)) && (top(it)->precedence > precedence ||
                                          (!is_strict && top(it)->precedence == precedence))) {
        if (!reduce(it)) {
            return false;
        }
    }
    return true;
}

/* --- operators ------------------------------------------------------------------------------- */

static entry infix_entry(parser *it, const hn_operator *row) {
    return (entry){.kind = ENTRY_INFIX,
                   .precedence = row->precedence,
                   .row = (uint16_t)(row - hn_operators),
                   .base = operands_count(it) - 1,
                   .column = (uint32_t)it->token.begin};
}

static bool push_infix(parser *it, const hn_operator *row) {
    if (!push_entry(it, infix_entry(it, row))) {
        return false;
    }
    it->expects_operand = true;
    return true;
}

static bool sum(parser *it, const hn_operator *row) {
    if (!reduce_above(it, row->precedence, true)) {
        return false;
    }
    entry *one = top(it);
    bool is_minus = strcmp(row->spelling, "-") == 0;
    if (!(is_operator_entry(one) && one->kind == ENTRY_INFIX &&
          one->precedence == row->precedence && strcmp(hn_operators[one->row].head, "Plus") == 0)) {
        if (!reduce_above(it, row->precedence, false) ||
            !push_infix(it, hn_operator_of_head(HONE_TEXT("Plus"), HN_INFIX_FLAT))) {
            return false;
        }
        top(it)->is_negated = is_minus;
        return true;
    }
    if (one->is_negated) {
        it->lyra->stack[it->lyra->stack_top - 1] =
            negated(it->lyra, it->lyra->stack[it->lyra->stack_top - 1]);
    }
    one->is_negated = is_minus;
    it->expects_operand = true;
    return true;
}

static bool comparison(parser *it, const hn_operator *row) {
    if (!reduce_above(it, row->precedence, true)) {
        return false;
    }
    const entry *one = top(it);
    bool is_chain = is_operator_entry(one) && one->kind == ENTRY_INFIX &&
                    is_comparison(&hn_operators[one->row]);
    if (!is_chain && !push_infix(it, row)) {
        return false;
    }
    hn_push(it->lyra, symbol_of(it, row->head));
    it->expects_operand = true;
    return true;
}

static bool tilde(parser *it, const hn_operator *row) {
    if (!reduce_above(it, row->precedence, true)) {
        return false;
    }
    entry *one = top(it);
    if (is_row(one, "~") && !one->is_second) {
        one->is_second = true;
        it->expects_operand = true;
        return true;
    }
    return reduce_above(it, row->precedence, false) && push_infix(it, row);
}

static bool span(parser *it, const hn_operator *row) {
    if (!reduce_above(it, row->precedence, true)) {
        return false;
    }
    if (is_row(top(it), ";;") && operands_count(it) - top(it)->base < 3) {
        it->expects_operand = true;
        return true;
    }
    return push_infix(it, row);
}

static bool flat(parser *it, const hn_operator *row) {
    if (!reduce_above(it, row->precedence, true)) {
        return false;
    }
    const entry *one = top(it);
    if (is_operator_entry(one) && one->kind == ENTRY_INFIX &&
        strcmp(hn_operators[one->row].head, row->head) == 0) {
        it->expects_operand = true;
        return true;
    }
    return reduce_above(it, row->precedence, false) && push_infix(it, row);
}

static bool message_name(parser *it, const hn_operator *row) {
    if (!flat(it, row)) {
        return false;
    }
    hn_lexer *lexer = &it->lexer;
    size_t begin = lexer->at, end = begin;
    while (
        end < lexer->source.size &&
        ((lexer->source.data[end] | 32) >= 'a' && (lexer->source.data[end] | 32) <= 'z'
             ? true
             : end > begin && lexer->source.data[end] >= '0' && lexer->source.data[end] <= '9')) {
        end++;
    }
    if (end == begin) {
        return true; /* a string follows, as any operand */
    }
    lexer->at = end;
    push(it, hn_make_string(it->lyra, (hone_text){lexer->source.data + begin, end - begin}));
    return true;
}

static bool infix(parser *it, const hn_operator *row) {
    if (row->precedence == 310 && (row->spelling[0] == '+' || row->spelling[0] == '-')) {
        return sum(it, row);
    }
    if (is_comparison(row)) {
        return comparison(it, row);
    }
    if (strcmp(row->spelling, "~") == 0) {
        return tilde(it, row);
    }
    if (strcmp(row->spelling, ";;") == 0) {
        return span(it, row);
    }
    if (strcmp(row->spelling, "::") == 0) {
        return message_name(it, row);
    }
    if (row->fixity & HN_INFIX_FLAT) {
        return flat(it, row);
    }
    bool is_right = row->fixity & HN_INFIX_RIGHT || strcmp(row->spelling, "/:") == 0;
    bool is_assignment = row->precedence == 40 && is_row(top(it), "/:");
    return reduce_above(it, row->precedence, is_right || is_assignment) && push_infix(it, row);
}

static bool postfix(parser *it, const hn_operator *row) {
    if (!reduce_above(it, row->precedence, strcmp(row->head, "Unset") == 0)) {
        return false;
    }
    if (strcmp(row->head, "Unset") == 0 && is_row(top(it), "/:")) {
        hn_value tagged = make_tag_set(it, "Unset", it->lyra->stack + it->base + top(it)->base);
        it->lyra->stack_top -= 2;
        it->entries_count--;
        push(it, tagged);
        return true;
    }
    hn_value operand = pop(it);
    push(it, make_postfix(it, row->head, operand));
    return true;
}

static bool is_spelling(const hn_token *token, const char *spelling) {
    return token->kind == HN_TOKEN_OPERATOR &&
           strcmp(hn_operators[token->spelling].spelling, spelling) == 0;
}

/* What `;` and `;;` may leave out behind them. True: an operand was supplied. */
static bool supply_operand(parser *it) {
    const entry *one = top(it);
    if (is_row(one, ";")) {
        push(it, HN_SYM(it->lyra, Null));
        return true;
    }
    if (is_row(one, ";;")) {
        push(it, HN_SYM(it->lyra, All));
        return true;
    }
    return false;
}

static bool operator_where_operand(parser *it) {
    const hn_operator *row = hn_operator_with(it->token.spelling, HN_PREFIX);
    if (row) {
        return push_entry(it, (entry){.kind = ENTRY_PREFIX,
                                      .precedence = row->precedence,
                                      .row = (uint16_t)(row - hn_operators),
                                      .base = operands_count(it),
                                      .column = (uint32_t)it->token.begin});
    }
    if (is_spelling(&it->token, ";;") && !is_row(top(it), ";;")) {
        push(it, hn_of_small(1));
        return infix(it, hn_operator_with(it->token.spelling, HN_INFIX_NONE));
    }
    if (is_spelling(&it->token, ";") && !is_operator_entry(top(it))) {
        push(it, HN_SYM(it->lyra, Null));
    } else if (!supply_operand(it)) {
        return fail(it, it->token.begin, "an operand is missing before this operator", false);
    }
    row = hn_operator_with(it->token.spelling, HN_POSTFIX | HN_INFIX_LEFT | HN_INFIX_RIGHT |
                                                   HN_INFIX_FLAT | HN_INFIX_NONE);
    return row->fixity == HN_POSTFIX ? postfix(it, row) : infix(it, row);
}

static bool operator_behind_operand(parser *it) {
    unsigned infixes = HN_INFIX_LEFT | HN_INFIX_RIGHT | HN_INFIX_FLAT | HN_INFIX_NONE;
    const hn_operator *row = hn_operator_with(it->token.spelling, HN_POSTFIX);
    if (row) {
        return postfix(it, row);
    }
    row = hn_operator_with(it->token.spelling, infixes);
    if (row) {
        return infix(it, row);
    }
    /* a \[Sqrt] b: a product with a prefix operator */
    return infix(it, hn_operator_of_head(HONE_TEXT("Times"), HN_INFIX_FLAT)) &&
           operator_where_operand(it);
}

/* --- brackets -------------------------------------------------------------------------------- */

static bool open(parser *it, entry_kind kind, uint32_t base) {
    it->brackets_count++;
    it->expects_operand = true;
    return push_entry(
        it, (entry){.kind = (uint8_t)kind, .base = base, .column = (uint32_t)it->token.begin});
}

static bool open_where_operand(parser *it) {
    switch (it->token.spelling) {
    case '(': return open(it, ENTRY_GROUP, operands_count(it));
    case '{': return open(it, ENTRY_LIST, operands_count(it));
    case '|': return open(it, ENTRY_ASSOCIATION, operands_count(it));
    default: return fail(it, it->token.begin, "an expression is expected here, not [", false);
    }
}

static bool open_behind_operand(parser *it) {
    if (it->token.spelling != '[') {
        return infix(it, hn_operator_of_head(HONE_TEXT("Times"), HN_INFIX_FLAT)) &&
               open_where_operand(it);
    }
    if (!reduce_above(it, CALL_PRECEDENCE, true)) {
        return false;
    }
    bool is_part =
        it->lexer.at < it->lexer.source.size && it->lexer.source.data[it->lexer.at] == '[';
    it->lexer.at += is_part;
    return open(it, is_part ? ENTRY_PART : ENTRY_CALL, operands_count(it) - 1);
}

static const char *missing_close(const entry *one) {
    switch (one->kind) {
    case ENTRY_GROUP: return "this ( is never closed: ) is missing";
    case ENTRY_LIST: return "this { is never closed: } is missing";
    case ENTRY_ASSOCIATION: return "this <| is never closed: |> is missing";
    case ENTRY_PART: return "this [[ is never closed: ]] is missing";
    default: return "this [ is never closed: ] is missing";
    }
}

static bool is_closed_by(const entry *one, uint32_t spelling) {
    switch (one->kind) {
    case ENTRY_GROUP: return spelling == ')';
    case ENTRY_LIST: return spelling == '}';
    case ENTRY_ASSOCIATION: return spelling == '|';
    default: return spelling == ']';
    }
}

/* Behind the last operand of a bracket, or where there is none: Null stands for what is missing. */
static bool finish_element(parser *it, bool is_comma) {
    if (it->expects_operand && !supply_operand(it)) {
        if (is_operator_entry(top(it))) {
            return fail(it, it->token.begin, "an operand is missing before this", false);
        }
        const entry *one = top(it);
        uint32_t first = one ? one->base + (one->kind >= ENTRY_CALL) : 0;
        if (is_comma || (one && operands_count(it) > first)) {
            push(it, HN_SYM(it->lyra, Null));
        }
    }
    return reduce_above(it, 0, true);
}

static bool close(parser *it) {
    hone_lyra *lyra = it->lyra;
    if (!finish_element(it, false)) {
        return false;
    }
    const entry *at = top(it);
    if (!at) {
        return fail(it, it->token.begin, "this bracket closes nothing", false);
    }
    if (!is_closed_by(at, it->token.spelling)) {
        return fail(it, it->token.begin, missing_close(at), false);
    }
    entry one = *at;
    size_t base = it->base + one.base;
    uint32_t count = operands_count(it) - one.base;
    hn_value made;
    if (one.kind == ENTRY_GROUP) {
        if (count != 1) {
            return fail(it, it->token.begin, "one expression is expected between ( and )", false);
        }
        made = lyra->stack[base];
    } else if (one.kind == ENTRY_LIST || one.kind == ENTRY_ASSOCIATION) {
        hn_value head = one.kind == ENTRY_LIST ? HN_SYM(lyra, List) : HN_SYM(lyra, Association);
        made = hn_make(lyra, head, lyra->stack + base, count);
    } else if (one.kind == ENTRY_CALL) {
        made = hn_make(lyra, lyra->stack[base], lyra->stack + base + 1, count - 1);
    } else {
        if (it->lexer.at >= it->lexer.source.size || it->lexer.source.data[it->lexer.at] != ']') {
            return fail(it, it->token.begin, "]] is expected here",
                        it->lexer.at >= it->lexer.source.size);
        }
        it->lexer.at++;
        made = hn_make(lyra, HN_SYM(lyra, Part), lyra->stack + base, count);
    }
    it->entries_count--;
    it->brackets_count--;
    lyra->stack_top = base;
    push(it, made);
    return true;
}

static bool comma(parser *it) {
    if (!finish_element(it, true)) {
        return false;
    }
    if (!top(it) || top(it)->kind == ENTRY_GROUP) {
        return fail(it, it->token.begin, "a comma is expected between brackets only", false);
    }
    it->expects_operand = true;
    return true;
}

/* --- the loop -------------------------------------------------------------------------------- */

static bool operand(parser *it) {
    if (!it->expects_operand &&
        !infix(it, hn_operator_of_head(HONE_TEXT("Times"), HN_INFIX_FLAT))) {
        return false;
    }
    push(it, it->token.value);
    return true;
}

static bool step(parser *it) {
    switch (it->token.kind) {
    case HN_TOKEN_NUMBER:
    case HN_TOKEN_STRING:
    case HN_TOKEN_SYMBOL:
    case HN_TOKEN_BLANKS:
    case HN_TOKEN_SLOT:
    case HN_TOKEN_OUT: return operand(it);
    case HN_TOKEN_OPERATOR:
        return it->expects_operand ? operator_where_operand(it) : operator_behind_operand(it);
    case HN_TOKEN_OPEN:
        return it->expects_operand ? open_where_operand(it) : open_behind_operand(it);
    case HN_TOKEN_CLOSE: return close(it);
    case HN_TOKEN_COMMA: return comma(it);
    case HN_TOKEN_ERROR:
        return fail(it, it->token.begin, it->token.problem, it->token.is_truncated);
    default: return true;
    }
}

static bool finish(parser *it) {
    if (it->expects_operand && !supply_operand(it)) {
        const entry *one = top(it);
        return fail(it, one ? one->column : it->token.begin,
                    one && !is_operator_entry(one) ? missing_close(one)
                                                   : "an operand is missing behind this operator",
                    true);
    }
    if (!reduce_above(it, 0, true)) {
        return false;
    }
    return it->entries_count == 0 || fail(it, top(it)->column, missing_close(top(it)), true);
}

/* Does a newline end the expression here? */
static bool ends_line(const parser *it) {
    if (it->brackets_count > 0) {
        return false;
    }
    if (!it->expects_operand) {
        return true;
    }
    return it->entries_count > 0 && (is_row(&it->entries[it->entries_count - 1], ";") ||
                                     is_row(&it->entries[it->entries_count - 1], ";;"));
}

static hone_status explain(const parser *it, const hn_reader *reader, hone_diag *diag) {
    uint32_t line = 1, column = 1;
    for (size_t i = 0; i < it->problem_at && i < reader->source.size; i++) {
        column = reader->source.data[i] == '\n' ? 1 : column + 1;
        line += reader->source.data[i] == '\n';
    }
    hone_diag_at(diag, reader->name, line, column);
    if (diag) {
        diag->byte_offset = it->problem_at;
    }
    return hone_diag_set(diag, it->is_truncated ? HONE_STATUS_TRUNCATED : HONE_STATUS_SYNTAX, "%s",
                         it->problem);
}

hone_status hn_read_next(hn_reader *reader, hone_diag *diag, hn_value *out_value) {
    hone_lyra *lyra = reader->lyra;
    parser it = {.lyra = lyra,
                 .base = lyra->stack_top,
                 .expects_operand = true,
                 .lexer = {.lyra = lyra, .source = reader->source, .at = reader->at}};
    *out_value = HN_NONE;
    for (;;) {
        hn_lex(&it.lexer, &it.token);
        if (it.token.kind == HN_TOKEN_NEWLINE) {
            if (operands_count(&it) == 0 || !ends_line(&it)) {
                continue;
            }
            break;
        }
        if (it.token.kind == HN_TOKEN_END) {
            break;
        }
        if (!step(&it)) {
            lyra->stack_top = it.base;
            return explain(&it, reader, diag);
        }
    }
    reader->at = it.lexer.at;
    if (operands_count(&it) > 0 || it.entries_count > 0) {
        if (!finish(&it)) {
            lyra->stack_top = it.base;
            return explain(&it, reader, diag);
        }
        *out_value = lyra->stack[it.base];
    }
    lyra->stack_top = it.base;
    return HONE_OK;
}
