/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Matching with full backtracking, by continuations: `match` takes what is to be matched after it
 * as a list of goals on the C stack, and returns true when all of them succeeded, and the acceptor
 * at the end said that it has enough. A choice is undone by returning. So every order of choices
 * that the language documents is just the order of a loop: arguments from left to right, the first
 * sequence of variable length takes as little as possible.
 *
 * Depth on the C stack is bounded by its limit (hn_is_stack_low); time by the evaluator's ticks.
 */
#include "match_internal.h"

#include "evaluate_internal.h"
#include "make_internal.h"
#include "unwind_internal.h"

typedef enum goal_kind {
    GOAL_BIND,
    GOAL_CONDITION,
    GOAL_TEST,
    GOAL_ARGS,
    GOAL_ORDERLESS,
    GOAL_REPEAT,
} goal_kind;

struct hn_goal {
    goal_kind kind;
    hn_value pattern; /* what the kind needs of it */
    hn_value value;
    hn_args_goal args;
    const hn_goal *next;
};

/* --- variables ------------------------------------------------------------------------------- */

static void undo(hn_matcher *it, uint32_t trail_count) {
    while (it->trail_count > trail_count) {
        it->locals[it->trail[--it->trail_count]] = HN_NONE;
    }
}

static bool bind(hn_matcher *it, uint32_t index, hn_value value) {
    if (it->locals[index] != HN_NONE) {
        return hn_is_same(it->lyra, it->locals[index], value);
    }
    it->locals[index] = value;
    it->trail[it->trail_count++] = index;
    return true;
}

static hn_value word(hn_value pattern, uint32_t index) {
    return hn_node_of(pattern)->words[index];
}

static hn_pattern_op op_of(hn_value pattern) {
    return (hn_pattern_op)hn_node_of(pattern)->flags;
}

static bool is_pattern(hn_value value) {
    return hn_is_kind(value, HN_PATTERN);
}

hn_value hn_head_of(hone_lyra *lyra, hn_value value) {
    if (hn_is_symbol(value)) {
        return HN_SYM(lyra, Symbol);
    }
    if (hn_is_integer(value)) {
        return HN_SYM(lyra, Integer);
    }
    if (hn_is_flonum(value)) {
        return HN_SYM(lyra, Real);
    }
    switch (hn_node_of(value)->kind) {
    case HN_NORMAL: return hn_head(value);
    case HN_STRING: return HN_SYM(lyra, String);
    case HN_BIG: return HN_SYM(lyra, Integer);
    case HN_RATIONAL: return HN_SYM(lyra, Rational);
    case HN_COMPLEX: return HN_SYM(lyra, Complex);
    default: return HN_SYM(lyra, Real);
    }
}

static bool head_fits(hn_matcher *it, hn_value value, hn_value head) {
    return head == HN_NONE || hn_is_same(it->lyra, hn_head_of(it->lyra, value), head);
}

/* Patterns of one value that match in one way or not at all. */
static bool is_plain(hn_value pattern) {
    if (!is_pattern(pattern)) {
        return true;
    }
    if (op_of(pattern) == HN_P_NAMED) {
        pattern = word(pattern, 1);
        return !is_pattern(pattern) || op_of(pattern) == HN_P_BLANK;
    }
    return op_of(pattern) == HN_P_BLANK || op_of(pattern) == HN_P_LITERAL;
}

static bool match_plain(hn_matcher *it, hn_value pattern, hn_value value) {
    if (!is_pattern(pattern)) {
        return hn_is_same(it->lyra, pattern, value);
    }
    switch (op_of(pattern)) {
    case HN_P_BLANK: return head_fits(it, value, word(pattern, 0));
    case HN_P_LITERAL: return hn_is_same(it->lyra, word(pattern, 0), value);
    default:
        return match_plain(it, word(pattern, 1), value) &&
               bind(it, (uint32_t)hn_integer_of(word(pattern, 0)), value);
    }
}

/* --- how many arguments a pattern takes ------------------------------------------------------ */

typedef struct width {
    uint32_t least, most;
} width;

enum { MANY = UINT32_MAX };

static uint32_t add_widths(uint32_t a, uint32_t b) {
    return a == MANY || b == MANY ? MANY : a + b;
}

static width width_of(hn_value pattern) {
    width all = {1, 1};
    if (!is_pattern(pattern)) {
        return all;
    }
    const hn_node *node = hn_node_of(pattern);
    switch (op_of(pattern)) {
    case HN_P_BLANK_SEQ: return (width){1, MANY};
    case HN_P_BLANK_NULL:
    case HN_P_OPTIONS: return (width){0, MANY};
    case HN_P_NAMED: return width_of(node->words[1]);
    case HN_P_CONDITION:
    case HN_P_TEST:
    case HN_P_SHORTEST:
    case HN_P_LONGEST: return width_of(node->words[0]);
    case HN_P_OPTIONAL: return (width){0, width_of(node->words[0]).most};
    case HN_P_REPEATED: {
        int64_t most = hn_integer_of(node->words[2]);
        return (width){(uint32_t)hn_integer_of(node->words[1]), most < 0 ? MANY : (uint32_t)most};
    }
    case HN_P_ALTERNATIVES:
        all = width_of(node->words[0]);
        for (uint32_t i = 1; i < node->count; i++) {
            width one = width_of(node->words[i]);
            all.least = one.least < all.least ? one.least : all.least;
            all.most = one.most > all.most ? one.most : all.most;
        }
        return all;
    case HN_P_SEQUENCE:
    case HN_P_ORDERLESS_SEQ:
        all = (width){0, 0};
        for (uint32_t i = 0; i < node->count; i++) {
            width one = width_of(node->words[i]);
            all.least += one.least;
            all.most = add_widths(all.most, one.most);
        }
        return all;
    default: return all;
    }
}

/* --- goals ----------------------------------------------------------------------------------- */

static bool match(hn_matcher *it, hn_value pattern, hn_value value, const hn_goal *next);
static bool match_args(hn_matcher *it, hn_args_goal at, const hn_goal *next);
static bool match_orderless(hn_matcher *it, hn_args_goal at, const hn_goal *next);
static bool match_repeat(hn_matcher *it, const hn_goal *goal);

static bool is_test_true(hn_matcher *it, hn_value body) {
    return hn_is_true(it->lyra, hn_evaluate_body(it->lyra, body, it->env));
}

static bool run(hn_matcher *it, const hn_goal *goal) {
    if (!goal) {
        return it->accept(it);
    }
    uint32_t trail_count = it->trail_count;
    bool is_done = false;
    switch (goal->kind) {
    case GOAL_BIND: is_done = bind(it, goal->args.index, goal->value) && run(it, goal->next); break;
    case GOAL_CONDITION: return is_test_true(it, goal->pattern) && run(it, goal->next);
    case GOAL_TEST:
        return hn_is_true(it->lyra, hn_apply1(it->lyra, goal->pattern, goal->value)) &&
               run(it, goal->next);
    case GOAL_ARGS: is_done = match_args(it, goal->args, goal->next); break;
    case GOAL_ORDERLESS: is_done = match_orderless(it, goal->args, goal->next); break;
    case GOAL_REPEAT: is_done = match_repeat(it, goal); break;
    }
    if (!is_done) {
        undo(it, trail_count);
    }
    return is_done;
}

/* --- sequences ------------------------------------------------------------------------------- */

/* What a variable gets that took these arguments. */
static hn_value sequence_of(hn_matcher *it, const hn_value *values, uint32_t count) {
    return count == 1 ? values[0] : hn_make(it->lyra, HN_SYM(it->lyra, Sequence), values, count);
}

static bool heads_fit(hn_matcher *it, const hn_value *values, uint32_t count, hn_value head) {
    for (uint32_t i = 0; head != HN_NONE && i < count; i++) {
        if (!head_fits(it, values[i], head)) {
            return false;
        }
    }
    return true;
}

static bool are_options(hn_matcher *it, const hn_value *values, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        hn_value value = values[i];
        if (HN_IS_FORM(it->lyra, value, List)) {
            if (!are_options(it, hn_args(value), hn_count(value))) {
                return false;
            }
        } else if (!HN_IS_FORM(it->lyra, value, Rule) &&
                   !HN_IS_FORM(it->lyra, value, RuleDelayed)) {
            return false;
        }
    }
    return true;
}

bool hn_matcher_options(hn_matcher *it, hn_value pattern, const hn_value *values, uint32_t count) {
    hn_value options = hn_make_list(it->lyra, values, count);
    return bind(it, (uint32_t)hn_integer_of(word(pattern, 1)), options);
}

/* All of the patterns pattern.. of a Repeated: one value after the other. */
static bool match_repeat(hn_matcher *it, const hn_goal *goal) {
    hn_args_goal at = goal->args;
    if (at.count == 0) {
        return run(it, goal->next);
    }
    hn_goal rest = *goal;
    rest.args.values++;
    rest.args.count--;
    return match(it, goal->pattern, at.values[0], &rest);
}

static bool match_sequence(hn_matcher *it, hn_value pattern, const hn_value *values, uint32_t count,
                           const hn_goal *next) {
    if (!is_pattern(pattern)) {
        return count == 1 && match(it, pattern, values[0], next);
    }
    const hn_node *node = hn_node_of(pattern);
    hn_goal goal = {.next = next, .args = {.values = values, .count = count}};
    switch (op_of(pattern)) {
    case HN_P_BLANK_SEQ:
        return count > 0 && heads_fit(it, values, count, node->words[0]) && run(it, next);
    case HN_P_BLANK_NULL: return heads_fit(it, values, count, node->words[0]) && run(it, next);
    case HN_P_OPTIONS:
        return are_options(it, values, count) && hn_matcher_options(it, pattern, values, count) &&
               run(it, next);
    case HN_P_NAMED:
        goal.kind = GOAL_BIND;
        goal.args.index = (uint32_t)hn_integer_of(node->words[0]);
        goal.value = sequence_of(it, values, count);
        return match_sequence(it, node->words[1], values, count, &goal);
    case HN_P_CONDITION:
        goal.kind = GOAL_CONDITION;
        goal.pattern = node->words[1];
        return match_sequence(it, node->words[0], values, count, &goal);
    case HN_P_TEST: /* of each element */
        for (uint32_t i = 0; i < count; i++) {
            if (!hn_is_true(it->lyra, hn_apply1(it->lyra, node->words[1], values[i]))) {
                return false;
            }
        }
        return match_sequence(it, node->words[0], values, count, next);
    case HN_P_REPEATED:
        goal.kind = GOAL_REPEAT;
        goal.pattern = node->words[0];
        return match_repeat(it, &goal);
    case HN_P_SEQUENCE:
        return match_args(it,
                          (hn_args_goal){.patterns = node->words,
                                         .patterns_count = node->count,
                                         .values = values,
                                         .count = count},
                          next);
    case HN_P_SHORTEST:
    case HN_P_LONGEST: return match_sequence(it, node->words[0], values, count, next);
    case HN_P_OPTIONAL: return count > 0 && match_sequence(it, node->words[0], values, count, next);
    case HN_P_ALTERNATIVES:
        for (uint32_t i = 0; i < node->count; i++) {
            uint32_t trail_count = it->trail_count;
            if (match_sequence(it, node->words[i], values, count, next)) {
                return true;
            }
            undo(it, trail_count);
        }
        return false;
    default: return count == 1 && match(it, pattern, values[0], next);
    }
}

static bool is_longest(hn_value pattern) {
    while (is_pattern(pattern)) {
        switch (op_of(pattern)) {
        case HN_P_LONGEST:
        case HN_P_OPTIONAL: return true;
        case HN_P_SHORTEST: return false;
        case HN_P_NAMED: pattern = word(pattern, 1); break;
        case HN_P_CONDITION:
        case HN_P_TEST: pattern = word(pattern, 0); break;
        default: return false;
        }
    }
    return false;
}

static hn_value unwrap_optional(hn_value pattern, hn_value *out_default) {
    *out_default = HN_NONE;
    if (is_pattern(pattern) && op_of(pattern) == HN_P_OPTIONAL) {
        *out_default = word(pattern, 1);
        return word(pattern, 0);
    }
    return pattern;
}

/* Gives the pattern of an argument that is missing its default. */
static bool match_default(hn_matcher *it, hn_value pattern, const hn_args_goal *at,
                          const hn_goal *next) {
    hn_value value;
    hn_value inner = unwrap_optional(pattern, &value);
    if (value == HN_NONE) {
        value = hn_default_of(it->lyra, at->head, at->position + 1, at->positions_count);
    }
    if (value == HN_NONE) {
        return false;
    }
    if (is_pattern(inner) && op_of(inner) == HN_P_NAMED) {
        return bind(it, (uint32_t)hn_integer_of(word(inner, 0)), value) && run(it, next);
    }
    return run(it, next);
}

/* --- arguments in order ---------------------------------------------------------------------- */

static width rest_width(const hn_args_goal *at) {
    width all = {0, 0};
    for (uint32_t i = 1; i < at->patterns_count; i++) {
        width one = width_of(at->patterns[i]);
        if (at->is_flat) {
            one.most = MANY;
        }
        all.least += one.least;
        all.most = add_widths(all.most, one.most);
    }
    return all;
}

static hn_args_goal advanced(const hn_args_goal *at, uint32_t count) {
    hn_args_goal next = *at;
    next.patterns++;
    next.patterns_count--;
    next.position++;
    next.values += count;
    next.count -= count;
    return next;
}

/* In f with attribute Flat, a pattern of one argument takes several as f[...]. */
static bool match_flat(hn_matcher *it, const hn_args_goal *at, uint32_t count,
                       const hn_goal *next) {
    hn_value pattern = at->patterns[0];
    if (count == 1 && at->is_one_identity) {
        return match(it, pattern, at->values[0], next);
    }
    if (count == 1 && match(it, pattern, at->values[0], next)) {
        return true;
    }
    if (is_plain(pattern) && !is_pattern(pattern)) {
        return false;
    }
    return match(it, pattern, hn_make(it->lyra, at->head, at->values, count), next);
}

static bool try_width(hn_matcher *it, const hn_args_goal *at, uint32_t count, const hn_goal *next) {
    uint32_t trail_count = it->trail_count;
    hn_goal goal = {.kind = GOAL_ARGS, .args = advanced(at, count), .next = next};
    width one = width_of(at->patterns[0]);
    bool is_done;
    if (count == 0 && one.least == 0 && is_pattern(at->patterns[0]) &&
        op_of(at->patterns[0]) == HN_P_OPTIONAL) {
        is_done = match_default(it, at->patterns[0], at, &goal);
    } else if (at->is_flat && one.most == 1) {
        is_done = match_flat(it, at, count, &goal);
    } else {
        is_done = match_sequence(it, at->patterns[0], at->values, count, &goal);
    }
    if (!is_done) {
        undo(it, trail_count);
    }
    return is_done;
}

static bool finish_args(hn_matcher *it, const hn_args_goal *at, const hn_goal *next) {
    if (at->count > 0) {
        if (!at->can_rest) {
            return false;
        }
        it->rest = at->values;
        it->rest_count = at->count;
    }
    return run(it, next);
}

static bool match_args(hn_matcher *it, hn_args_goal at, const hn_goal *next) {
    hn_tick(it->lyra);
    while (at.patterns_count > 0 && !at.is_flat && is_plain(at.patterns[0])) {
        if (at.count == 0 || !match_plain(it, at.patterns[0], at.values[0])) {
            return false;
        }
        at = advanced(&at, 1);
    }
    if (at.patterns_count == 0) {
        return finish_args(it, &at, next);
    }
    width one = width_of(at.patterns[0]), rest = rest_width(&at);
    if (at.is_flat) {
        one.most = MANY;
    }
    if (at.count < one.least + rest.least) {
        return false;
    }
    uint32_t most = at.count - rest.least, least = one.least;
    most = one.most < most ? one.most : most;
    if (!at.can_rest && rest.most != MANY && at.count > rest.most && at.count - rest.most > least) {
        least = at.count - rest.most;
    }
    bool is_down = is_longest(at.patterns[0]);
    for (uint32_t i = 0; least + i <= most; i++) {
        if (try_width(it, &at, is_down ? most - i : least + i, next)) {
            return true;
        }
    }
    return false;
}

/* --- arguments in any order ------------------------------------------------------------------ */

static uint32_t count_unused(const hn_args_goal *at) {
    uint32_t count = 0;
    for (uint32_t i = 0; i < at->count; i++) {
        count += !at->used[i];
    }
    return count;
}

static bool finish_orderless(hn_matcher *it, const hn_args_goal *at, const hn_goal *next) {
    uint32_t unused = count_unused(at);
    if (unused > 0) {
        if (!at->can_rest) {
            return false;
        }
        size_t top = it->lyra->stack_top;
        for (uint32_t i = 0; i < at->count; i++) {
            if (!at->used[i]) {
                hn_push(it->lyra, at->values[i]);
            }
        }
        hn_value gathered = hn_make_pushed(it->lyra, HN_SYM(it->lyra, Sequence), top);
        it->rest = hn_args(gathered);
        it->rest_count = unused;
        it->rest_keeper = gathered;
    }
    return run(it, next);
}

/* Picks `missing` more of the unused values from `from` on, then matches what was picked, which
 * lies on the value stack from `top` on. */
static bool match_subset(hn_matcher *it, const hn_args_goal *at, uint32_t from, uint32_t missing,
                         const hn_goal *next) {
    hone_lyra *lyra = it->lyra;
    hn_tick(lyra);
    if (missing == 0) {
        uint32_t count = at->picked_count;
        hn_value picked = hn_make(lyra, at->head, lyra->stack + lyra->stack_top - count, count);
        hn_args_goal chosen = *at;
        chosen.values = hn_args(picked);
        chosen.count = count;
        uint32_t trail_count = it->trail_count;
        bool is_flat = at->is_flat && width_of(at->patterns[0]).most == 1;
        bool is_done = is_flat ? match_flat(it, &chosen, count, next)
                               : match_sequence(it, at->patterns[0], chosen.values, count, next);
        if (!is_done) {
            undo(it, trail_count);
        }
        return is_done;
    }
    for (uint32_t i = from; i + missing <= at->count; i++) {
        if (at->used[i]) {
            continue;
        }
        at->used[i] = 1;
        hn_push(lyra, at->values[i]);
        bool is_done = match_subset(it, at, i + 1, missing - 1, next);
        lyra->stack_top--;
        at->used[i] = 0;
        if (is_done) {
            return true;
        }
    }
    return false;
}

static bool match_each(hn_matcher *it, const hn_args_goal *at, const hn_goal *next) {
    hn_value previous = HN_NONE, ignored;
    hn_value pattern = unwrap_optional(at->patterns[0], &ignored);
    for (uint32_t i = 0; i < at->count; i++) {
        if (at->used[i] || (previous != HN_NONE && hn_is_same(it->lyra, previous, at->values[i]))) {
            continue;
        }
        previous = at->values[i];
        at->used[i] = 1;
        uint32_t trail_count = it->trail_count;
        bool is_done = match(it, pattern, at->values[i], next);
        at->used[i] = 0;
        if (is_done) {
            return true;
        }
        undo(it, trail_count);
    }
    return false;
}

static bool match_orderless(hn_matcher *it, hn_args_goal at, const hn_goal *next) {
    hn_tick(it->lyra);
    if (at.patterns_count == 0) {
        return finish_orderless(it, &at, next);
    }
    if (hn_is_stack_low(it->lyra)) {
        hn_stack_exhausted(it->lyra);
    }
    width one = width_of(at.patterns[0]), rest = rest_width(&at);
    uint32_t unused = count_unused(&at);
    bool is_optional = is_pattern(at.patterns[0]) && op_of(at.patterns[0]) == HN_P_OPTIONAL;
    if (unused < (is_optional ? 0 : one.least) + rest.least) {
        return false;
    }
    hn_goal goal = {.kind = GOAL_ORDERLESS, .args = at, .next = next};
    goal.args.patterns++;
    goal.args.patterns_count--;
    goal.args.position++;
    if (one.most == 1 && !at.is_flat) {
        if (match_each(it, &at, &goal)) {
            return true;
        }
        return is_optional && match_default(it, at.patterns[0], &at, &goal);
    }
    if (is_optional && match_default(it, at.patterns[0], &at, &goal)) {
        return true;
    }
    uint32_t least = one.least, most = unused - rest.least;
    most = !at.is_flat && one.most < most ? one.most : most;
    if (at.patterns_count == 1 && !at.can_rest) {
        least = unused;
    }
    for (uint32_t count = least ? least : !is_optional ? 0 : 1; count <= most; count++) {
        at.picked_count = count;
        if (match_subset(it, &at, 0, count, &goal)) {
            return true;
        }
    }
    return false;
}

/* --- expressions ----------------------------------------------------------------------------- */

bool hn_match_call(hn_matcher *it, hn_value pattern, hn_value head, const hn_value *values,
                   uint32_t count, const hn_goal *next) {
    const hn_node *node = hn_node_of(pattern);
    uint32_t attributes = hn_is_symbol(head) ? hn_symbol_of(head)->attributes : 0;
    hn_args_goal at = {.patterns = node->words + 2,
                       .patterns_count = node->count - 2,
                       .positions_count = node->count - 2,
                       .values = values,
                       .count = count,
                       .head = head,
                       .is_flat = attributes & HN_FLAT,
                       .is_one_identity = attributes & HN_ONE_IDENTITY,
                       .can_rest = it->can_rest};
    it->can_rest = false;
    if (!(attributes & HN_ORDERLESS)) {
        return match_args(it, at, next);
    }
    size_t top = it->lyra->stack_top, words = count / 8 + 1;
    hn_stack_need(it->lyra, words);
    at.used = (uint8_t *)(it->lyra->stack + top);
    memset(at.used, 0, words * sizeof(hn_value));
    it->lyra->stack_top += words;
    bool is_done = match_orderless(it, at, next);
    it->lyra->stack_top = top;
    return is_done;
}

static bool match_normal(hn_matcher *it, hn_value pattern, hn_value value, const hn_goal *next) {
    hn_value head = word(pattern, 0);
    uint32_t trail_count = it->trail_count;
    if (hn_is_normal(value)) {
        if (is_plain(head) ? match_plain(it, head, hn_head(value))
                           : hn_matches_inside(it, head, hn_head(value))) {
            if (hn_match_call(it, pattern, hn_head(value), hn_args(value), hn_count(value), next)) {
                return true;
            }
        }
        undo(it, trail_count);
    }
    /* x_. y_ also matches what is no product at all */
    bool has_optional = hn_integer_of(word(pattern, 1)) != 0;
    if (!has_optional || !hn_is_symbol(head) || hn_has_head(value, head) ||
        !(hn_symbol_of(head)->attributes & HN_ONE_IDENTITY)) {
        return false;
    }
    const hn_node *node = hn_node_of(pattern);
    hn_value *slot = it->lyra->stack + it->lyra->stack_top;
    hn_push(it->lyra, value);
    hn_args_goal at = {.patterns = node->words + 2,
                       .patterns_count = node->count - 2,
                       .positions_count = node->count - 2,
                       .values = slot,
                       .count = 1,
                       .head = head};
    bool is_done;
    if (hn_symbol_of(head)->attributes & HN_ORDERLESS) {
        hn_push(it->lyra, HN_NONE);
        at.used = (uint8_t *)(slot + 1);
        is_done = match_orderless(it, at, next);
        it->lyra->stack_top--;
    } else {
        is_done = match_args(it, at, next);
    }
    it->lyra->stack_top--;
    return is_done;
}

static bool match_alternatives(hn_matcher *it, hn_value pattern, hn_value value,
                               const hn_goal *next) {
    for (uint32_t i = 0; i < hn_node_of(pattern)->count; i++) {
        uint32_t trail_count = it->trail_count;
        if (match(it, word(pattern, i), value, next)) {
            return true;
        }
        undo(it, trail_count);
    }
    return false;
}

static bool accept_once(hn_matcher *it) {
    (void)it;
    return true;
}

/* Does it match by itself? What it binds stays bound. */
bool hn_matches_inside(hn_matcher *it, hn_value pattern, hn_value value) {
    bool (*accept)(hn_matcher *) = it->accept;
    it->accept = accept_once;
    bool is_match = match(it, pattern, value, NULL);
    it->accept = accept;
    return is_match;
}

static bool match_keys(hn_matcher *it, hn_value pattern, hn_value value, const hn_goal *next) {
    if (!HN_IS_FORM(it->lyra, value, Association) && !HN_IS_FORM(it->lyra, value, List)) {
        return false;
    }
    for (uint32_t i = 0; i < hn_node_of(pattern)->count; i++) {
        bool is_found = false;
        for (uint32_t k = 0; k < hn_count(value) && !is_found; k++) {
            uint32_t trail_count = it->trail_count;
            is_found = hn_matches_inside(it, word(pattern, i), hn_arg(value, k));
            if (!is_found) {
                undo(it, trail_count);
            }
        }
        if (!is_found) {
            return false;
        }
    }
    return run(it, next);
}

static bool match_except(hn_matcher *it, hn_value pattern, hn_value value, const hn_goal *next) {
    uint32_t trail_count = it->trail_count;
    bool is_match = hn_matches_inside(it, word(pattern, 0), value);
    undo(it, trail_count);
    if (is_match) {
        return false;
    }
    return word(pattern, 1) == HN_NONE ? run(it, next) : match(it, word(pattern, 1), value, next);
}

static bool match(hn_matcher *it, hn_value pattern, hn_value value, const hn_goal *next) {
    if (hn_is_stack_low(it->lyra)) {
        hn_stack_exhausted(it->lyra);
    }
    if (is_plain(pattern)) {
        return match_plain(it, pattern, value) && run(it, next);
    }
    hn_goal goal = {.next = next, .value = value};
    switch (op_of(pattern)) {
    case HN_P_NAMED:
        goal.kind = GOAL_BIND;
        goal.args.index = (uint32_t)hn_integer_of(word(pattern, 0));
        return match(it, word(pattern, 1), value, &goal);
    case HN_P_NORMAL: return match_normal(it, pattern, value, next);
    case HN_P_ALTERNATIVES: return match_alternatives(it, pattern, value, next);
    case HN_P_CONDITION:
        goal.kind = GOAL_CONDITION;
        goal.pattern = word(pattern, 1);
        return match(it, word(pattern, 0), value, &goal);
    case HN_P_TEST:
        goal.kind = GOAL_TEST;
        goal.pattern = word(pattern, 1);
        return match(it, word(pattern, 0), value, &goal);
    case HN_P_OPTIONAL:
    case HN_P_SHORTEST:
    case HN_P_LONGEST: return match(it, word(pattern, 0), value, next);
    case HN_P_EXCEPT: return match_except(it, pattern, value, next);
    case HN_P_KEYS: return match_keys(it, pattern, value, next);
    default: return match_sequence(it, pattern, &value, 1, next);
    }
}

/* --- entry ----------------------------------------------------------------------------------- */

void hn_matcher_begin(hone_lyra *lyra, hn_matcher *it, uint32_t locals_count) {
    size_t words = (size_t)locals_count + (locals_count + 1) / 2;
    hn_stack_need(lyra, words + 1);
    *it = (hn_matcher){
        .lyra = lyra, .env = lyra->stack_top, .locals_count = locals_count, .accept = accept_once};
    it->locals = lyra->stack + lyra->stack_top;
    it->trail = (uint32_t *)(it->locals + locals_count);
    memset(it->locals, 0, words * sizeof(hn_value));
    lyra->stack_top += words;
}

bool hn_matcher_run(hn_matcher *it, hn_value pattern, hn_value value) {
    return match(it, pattern, value, NULL);
}

bool hn_matches(hone_lyra *lyra, hn_value compiled_pattern, hn_value value) {
    hn_value pattern = hn_rule_word_of(compiled_pattern, HN_R_PATTERN);
    if (!is_pattern(pattern)) {
        return hn_is_same(lyra, pattern, value);
    }
    hn_matcher it;
    size_t top = lyra->stack_top;
    hn_matcher_begin(lyra, &it,
                     (uint32_t)hn_integer_of(hn_rule_word_of(compiled_pattern, HN_R_LOCALS)));
    bool is_match = match(&it, pattern, value, NULL);
    lyra->stack_top = top;
    return is_match;
}
