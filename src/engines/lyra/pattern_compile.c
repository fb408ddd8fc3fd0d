/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiles patterns and right sides. Variables get numbers in the order in which they are met, so
 * patterns that differ in names only compile to the same.
 */
#include "evaluate_internal.h"
#include "make_internal.h"
#include "match_internal.h"
#include "symbols_internal.h"

enum { VARIABLES_MAX = 256 };

typedef struct compiler {
    hone_lyra *lyra;
    hn_value names[VARIABLES_MAX];
    uint32_t count;
    hn_value options, options_defaults; /* the local of OptionsPattern, and what it names */
    hn_value owner;                     /* the head of the left side */
} compiler;

static hn_value make_pattern(hone_lyra *lyra, hn_pattern_op op, const hn_value *words,
                             uint32_t count) {
    hn_node *node = hn_node_new(lyra, HN_PATTERN, count);
    node->flags = (uint8_t)op;
    node->count = count;
    memcpy(node->words, words, count * sizeof *words);
    return hn_of_node(node);
}

static bool is_pattern_head(const hone_lyra *lyra, hn_value head) {
    const hn_value heads[] = {HN_SYM(lyra, Blank),
                              HN_SYM(lyra, BlankSequence),
                              HN_SYM(lyra, BlankNullSequence),
                              HN_SYM(lyra, Pattern),
                              HN_SYM(lyra, Alternatives),
                              HN_SYM(lyra, Repeated),
                              HN_SYM(lyra, RepeatedNull),
                              HN_SYM(lyra, Condition),
                              HN_SYM(lyra, PatternTest),
                              HN_SYM(lyra, Optional),
                              HN_SYM(lyra, Except),
                              HN_SYM(lyra, HoldPattern),
                              HN_SYM(lyra, Verbatim),
                              HN_SYM(lyra, Longest),
                              HN_SYM(lyra, Shortest),
                              HN_SYM(lyra, OptionsPattern),
                              HN_SYM(lyra, PatternSequence),
                              HN_SYM(lyra, KeyValuePattern),
                              HN_SYM(lyra, OrderlessPatternSequence)};
    for (uint32_t i = 0; i < sizeof heads / sizeof *heads; i++) {
        if (head == heads[i]) {
            return true;
        }
    }
    return false;
}

bool hn_has_pattern(hone_lyra *lyra, hn_value value) {
    if (!hn_is_normal(value)) {
        return false;
    }
    if (is_pattern_head(lyra, hn_head(value)) || hn_has_pattern(lyra, hn_head(value))) {
        return true;
    }
    if (hn_is_stack_low(lyra)) {
        hn_stack_exhausted(lyra);
    }
    for (uint32_t i = 0; i < hn_count(value); i++) {
        if (hn_has_pattern(lyra, hn_arg(value, i))) {
            return true;
        }
    }
    return false;
}

static hn_value compile(compiler *it, hn_value pattern);

static uint32_t number_of(compiler *it, hn_value name) {
    for (uint32_t i = 0; i < it->count; i++) {
        if (it->names[i] == name) {
            return i;
        }
    }
    if (it->count == VARIABLES_MAX) {
        return VARIABLES_MAX - 1;
    }
    it->names[it->count] = name;
    return it->count++;
}

static hn_value compile_all(compiler *it, hn_pattern_op op, const hn_value *args, uint32_t count,
                            const hn_value *first, uint32_t first_count) {
    size_t top = it->lyra->stack_top;
    for (uint32_t i = 0; i < first_count; i++) {
        hn_push(it->lyra, first[i]);
    }
    for (uint32_t i = 0; i < count; i++) {
        hn_push(it->lyra, compile(it, args[i]));
    }
    hn_value made =
        make_pattern(it->lyra, op, it->lyra->stack + top, (uint32_t)(it->lyra->stack_top - top));
    it->lyra->stack_top = top;
    return made;
}

static hn_value compile_named(compiler *it, hn_value pattern) {
    hn_value name = hn_arg(pattern, 0);
    if (!hn_is_symbol(name)) {
        return pattern;
    }
    hn_value words[] = {hn_of_small(number_of(it, name)), HN_NONE};
    words[1] = compile(it, hn_arg(pattern, 1));
    return make_pattern(it->lyra, HN_P_NAMED, words, 2);
}

static hn_value compile_repeated(compiler *it, hn_value pattern, int64_t least) {
    int64_t most = -1;
    if (hn_count(pattern) > 1) {
        hn_value range = hn_arg(pattern, 1);
        if (hn_is_integer(range)) {
            most = hn_integer_of(range);
        } else if (HN_IS_FORM(it->lyra, range, List) && hn_count(range) > 0) {
            (void)hn_get_int(hn_arg(range, 0), &least);
            if (hn_count(range) == 1) {
                most = least;
            } else {
                (void)hn_get_int(hn_arg(range, 1), &most);
            }
        }
    }
    hn_value words[] = {compile(it, hn_arg(pattern, 0)), hn_of_small(least < 0 ? 0 : least),
                        hn_of_small(most)};
    return make_pattern(it->lyra, HN_P_REPEATED, words, 3);
}

/* Is it surely one fixed value or a form with one, so that it is cheap to try first? */
static int cost_of(hn_value pattern) {
    if (!hn_is_kind(pattern, HN_PATTERN)) {
        return 0;
    }
    const hn_node *node = hn_node_of(pattern);
    switch ((hn_pattern_op)node->flags) {
    case HN_P_BLANK_SEQ:
    case HN_P_BLANK_NULL:
    case HN_P_REPEATED:
    case HN_P_OPTIONS: return 4;
    case HN_P_OPTIONAL: return 3;
    case HN_P_NAMED: return cost_of(node->words[1]);
    case HN_P_CONDITION:
    case HN_P_TEST: return cost_of(node->words[0]);
    case HN_P_NORMAL: return 1;
    default: return 2;
    }
}

/* Arguments of an Orderless function: the most definite first, else as written. */
static void sort_by_cost(hn_value *patterns, uint32_t count) {
    for (uint32_t i = 1; i < count; i++) {
        hn_value moved = patterns[i];
        uint32_t at = i;
        for (; at > 0 && cost_of(patterns[at - 1]) > cost_of(moved); at--) {
            patterns[at] = patterns[at - 1];
        }
        patterns[at] = moved;
    }
}

static hn_value compile_normal(compiler *it, hn_value pattern) {
    hone_lyra *lyra = it->lyra;
    hn_value head = compile(it, hn_head(pattern));
    size_t top = lyra->stack_top;
    hn_push(lyra, head);
    hn_push(lyra, hn_of_small(0));
    for (uint32_t i = 0; i < hn_count(pattern); i++) {
        hn_value arg = compile(it, hn_arg(pattern, i));
        hn_push(lyra, arg);
        if (hn_is_kind(arg, HN_PATTERN) && hn_node_of(arg)->flags == HN_P_OPTIONAL) {
            lyra->stack[top + 1] = hn_of_small(1);
        }
    }
    if (hn_is_symbol(head) && hn_symbol_of(head)->attributes & HN_ORDERLESS) {
        sort_by_cost(lyra->stack + top + 2, hn_count(pattern));
    }
    hn_value made =
        make_pattern(lyra, HN_P_NORMAL, lyra->stack + top, (uint32_t)(lyra->stack_top - top));
    lyra->stack_top = top;
    return made;
}

static hn_value compile_options(compiler *it, hn_value pattern) {
    hn_value words[] = {hn_count(pattern) > 0 ? hn_arg(pattern, 0) : HN_NONE, HN_NONE};
    words[1] = hn_of_small(number_of(it, HN_SYM(it->lyra, OptionsPattern)));
    it->options = hn_of_local((uint32_t)hn_integer_of(words[1]));
    it->options_defaults = words[0] != HN_NONE ? words[0] : it->owner;
    return make_pattern(it->lyra, HN_P_OPTIONS, words, 2);
}

static hn_value compile_unary(compiler *it, hn_pattern_op op, hn_value pattern) {
    hn_value inner = compile(it, hn_arg(pattern, 0));
    return make_pattern(it->lyra, op, &inner, 1);
}

static hn_value compile_blank(compiler *it, hn_pattern_op op, hn_value pattern) {
    hn_value head = hn_count(pattern) > 0 ? hn_arg(pattern, 0) : HN_NONE;
    return make_pattern(it->lyra, op, &head, 1);
}

/* What has two arguments. HN_NONE: it is none of these. */
static hn_value compile_binary(compiler *it, hn_value pattern) {
    hone_lyra *lyra = it->lyra;
    hn_value head = hn_head(pattern), words[2];
    if (head == HN_SYM(lyra, Pattern)) {
        return compile_named(it, pattern);
    }
    if (head == HN_SYM(lyra, Condition)) {
        words[0] = compile(it, hn_arg(pattern, 0));
        words[1] = hn_body_compile(lyra, hn_arg(pattern, 1), it->names, it->count);
        return make_pattern(lyra, HN_P_CONDITION, words, 2);
    }
    if (head == HN_SYM(lyra, PatternTest)) {
        words[0] = compile(it, hn_arg(pattern, 0));
        words[1] = hn_arg(pattern, 1);
        return make_pattern(lyra, HN_P_TEST, words, 2);
    }
    return HN_NONE;
}

static hn_value compile_object(compiler *it, hn_value pattern) {
    hone_lyra *lyra = it->lyra;
    hn_value head = hn_head(pattern);
    uint32_t count = hn_count(pattern);
    if (count == 2) {
        hn_value binary = compile_binary(it, pattern);
        if (binary != HN_NONE) {
            return binary;
        }
    }
    if (head == HN_SYM(lyra, Alternatives)) {
        return compile_all(it, HN_P_ALTERNATIVES, hn_args(pattern), count, NULL, 0);
    }
    if (head == HN_SYM(lyra, PatternSequence)) {
        return compile_all(it, HN_P_SEQUENCE, hn_args(pattern), count, NULL, 0);
    }
    if (head == HN_SYM(lyra, OptionsPattern)) {
        return compile_options(it, pattern);
    }
    if (count == 0) {
        return compile_normal(it, pattern);
    }
    if (head == HN_SYM(lyra, Repeated) || head == HN_SYM(lyra, RepeatedNull)) {
        return compile_repeated(it, pattern, head == HN_SYM(lyra, Repeated));
    }
    if (head == HN_SYM(lyra, Optional) || head == HN_SYM(lyra, Except)) {
        hn_value words[] = {compile(it, hn_arg(pattern, 0)), HN_NONE};
        if (count > 1) {
            words[1] =
                head == HN_SYM(lyra, Except) ? compile(it, hn_arg(pattern, 1)) : hn_arg(pattern, 1);
        }
        return make_pattern(lyra, head == HN_SYM(lyra, Except) ? HN_P_EXCEPT : HN_P_OPTIONAL, words,
                            2);
    }
    if (head == HN_SYM(lyra, HoldPattern)) {
        return compile(it, hn_arg(pattern, 0));
    }
    if (head == HN_SYM(lyra, Verbatim)) {
        hn_value literal = hn_arg(pattern, 0);
        return make_pattern(lyra, HN_P_LITERAL, &literal, 1);
    }
    if (head == HN_SYM(lyra, Shortest) || head == HN_SYM(lyra, Longest)) {
        return compile_unary(it, head == HN_SYM(lyra, Longest) ? HN_P_LONGEST : HN_P_SHORTEST,
                             pattern);
    }
    if (head == HN_SYM(lyra, KeyValuePattern)) {
        hn_value keys = hn_arg(pattern, 0);
        return HN_IS_FORM(lyra, keys, List)
                   ? compile_all(it, HN_P_KEYS, hn_args(keys), hn_count(keys), NULL, 0)
                   : compile_all(it, HN_P_KEYS, &keys, 1, NULL, 0);
    }
    return compile_normal(it, pattern);
}

static hn_value compile(compiler *it, hn_value pattern) {
    hone_lyra *lyra = it->lyra;
    if (!hn_has_pattern(lyra, pattern)) {
        return pattern;
    }
    if (hn_is_stack_low(lyra)) {
        hn_stack_exhausted(lyra);
    }
    hn_value head = hn_head(pattern);
    if (hn_count(pattern) < 2) {
        if (head == HN_SYM(lyra, Blank)) {
            return compile_blank(it, HN_P_BLANK, pattern);
        }
        if (head == HN_SYM(lyra, BlankSequence)) {
            return compile_blank(it, HN_P_BLANK_SEQ, pattern);
        }
        if (head == HN_SYM(lyra, BlankNullSequence)) {
            return compile_blank(it, HN_P_BLANK_NULL, pattern);
        }
    }
    return is_pattern_head(lyra, head) ? compile_object(it, pattern) : compile_normal(it, pattern);
}

/* --- bodies ---------------------------------------------------------------------------------- */

typedef struct body_compiler {
    hone_lyra *lyra;
    const hn_value *symbols;
    uint32_t count;
    hn_value options, options_defaults;
} body_compiler;

/* Function[y, ... x ...] with x a local becomes Function[y$, ...], so that a value put in for x
 * cannot be caught by y. */
static hn_value rename_parameters(body_compiler *it, hn_value function) {
    hone_lyra *lyra = it->lyra;
    hn_value parameters = hn_arg(function, 0), renamed[VARIABLES_MAX];
    bool is_list = HN_IS_FORM(lyra, parameters, List);
    const hn_value *names = is_list ? hn_args(parameters) : &parameters;
    uint32_t count = is_list ? hn_count(parameters) : 1;
    for (uint32_t i = 0; i < count; i++) {
        if (!hn_is_symbol(names[i]) || count > VARIABLES_MAX) {
            return function;
        }
        char text[256];
        hone_text name = hn_symbol_short_name(hn_symbol_of(names[i]));
        size_t size = name.size < sizeof text - 1 ? name.size : sizeof text - 1;
        memcpy(text, name.data, size);
        text[size] = '$';
        renamed[i] = hn_of_symbol(hn_symbol_resolve(lyra, (hone_text){text, size + 1}));
    }
    size_t top = lyra->stack_top;
    hn_push(lyra, is_list ? hn_make_list(lyra, renamed, count) : renamed[0]);
    for (uint32_t i = 1; i < hn_count(function); i++) {
        hn_push(lyra, hn_replace_symbols(lyra, hn_arg(function, i), names, renamed, count));
    }
    return hn_make_pushed(lyra, hn_head(function), top);
}

static hn_value compile_body(void *context, hn_value body) {
    body_compiler *it = context;
    hone_lyra *lyra = it->lyra;
    if (hn_is_symbol(body)) {
        for (uint32_t i = 0; i < it->count; i++) {
            if (it->symbols[i] == body) {
                return hn_of_local(i);
            }
        }
        return body;
    }
    if (!hn_is_normal(body)) {
        return body;
    }
    if (hn_is_stack_low(lyra)) {
        hn_stack_exhausted(lyra);
    }
    if (it->options != HN_NONE && hn_has_form(body, HN_SYM(lyra, OptionValue), 1)) {
        hn_value defaults =
            it->options_defaults == HN_NONE ? hn_make_list(lyra, NULL, 0) : it->options_defaults;
        return hn_make3(lyra, hn_head(body), defaults, it->options,
                        compile_body(it, hn_arg(body, 0)));
    }
    if (HN_IS_FORM(lyra, body, Function) && hn_count(body) >= 2 &&
        hn_arg(body, 0) != HN_SYM(lyra, Null)) {
        hn_value compiled = hn_map_parts(it->lyra, body, compile_body, it);
        if (compiled == body) {
            return body;
        }
        return hn_map_parts(it->lyra, rename_parameters(it, body), compile_body, it);
    }
    return hn_map_parts(it->lyra, body, compile_body, it);
}

hn_value hn_body_compile(hone_lyra *lyra, hn_value body, const hn_value *symbols, uint32_t count) {
    body_compiler it = {.lyra = lyra, .symbols = symbols, .count = count};
    return compile_body(&it, body);
}

static bool contains(hone_lyra *lyra, hn_value body, hn_value symbol) {
    if (!hn_is_normal(body)) {
        return body == symbol;
    }
    if (!(hn_node_of(body)->groups & hn_symbol_of(symbol)->group)) {
        return false;
    }
    if (hn_is_stack_low(lyra)) {
        hn_stack_exhausted(lyra);
    }
    for (uint32_t i = 0; i <= hn_count(body); i++) {
        if (contains(lyra, hn_node_of(body)->words[i], symbol)) {
            return true;
        }
    }
    return false;
}

/* --- rules ----------------------------------------------------------------------------------- */

static bool is_conditional_body(hone_lyra *lyra, hn_value body) {
    while ((HN_IS_FORM(lyra, body, Module) || HN_IS_FORM(lyra, body, With) ||
            HN_IS_FORM(lyra, body, Block)) &&
           hn_count(body) == 2) {
        body = hn_arg(body, 1);
        if (hn_has_form(body, HN_SYM(lyra, Condition), 2)) {
            return true;
        }
    }
    return false;
}

hn_value hn_rule_compile(hone_lyra *lyra, hn_value left, hn_value right, bool is_delayed) {
    compiler it = {.lyra = lyra};
    const hn_symbol *owner = hn_innermost_head(left);
    it.owner = owner ? hn_of_symbol(owner) : HN_NONE;
    hn_value pattern = compile(&it, left), body = right, condition = HN_NONE;
    /* The outermost pattern of an expression whose head is Flat must be able to match a part. */
    if (!hn_is_kind(pattern, HN_PATTERN) && hn_is_normal(left) && hn_is_symbol(hn_head(left)) &&
        hn_symbol_of(hn_head(left))->attributes & HN_FLAT && hn_count(left) > 1) {
        pattern = compile_normal(&it, left);
    }
    if (is_delayed && hn_has_form(right, HN_SYM(lyra, Condition), 2)) {
        body = hn_arg(right, 0);
        condition = hn_body_compile(lyra, hn_arg(right, 1), it.names, it.count);
    }
    int64_t flags = is_delayed ? HN_RULE_DELAYED : 0;
    flags |= contains(lyra, body, HN_SYM(lyra, Return)) ? HN_RULE_HAS_RETURN : 0;
    flags |= is_delayed && is_conditional_body(lyra, body) ? HN_RULE_IS_CONDITIONAL : 0;
    flags |= it.options != HN_NONE ? HN_RULE_HAS_OPTIONS : 0;
    body_compiler bodies = {.lyra = lyra,
                            .symbols = it.names,
                            .count = it.count,
                            .options = it.options,
                            .options_defaults = it.options_defaults};
    body = compile_body(&bodies, body);
    if (condition != HN_NONE && it.options != HN_NONE) {
        condition = compile_body(&bodies, hn_arg(right, 1));
    }
    hn_node *node = hn_node_new(lyra, HN_RULE, HN_R_WORDS);
    node->count = HN_R_WORDS;
    node->words[HN_R_LEFT] = left;
    node->words[HN_R_RIGHT] = right;
    node->words[HN_R_PATTERN] = pattern;
    node->words[HN_R_BODY] = body;
    node->words[HN_R_CONDITION] = condition;
    node->words[HN_R_LOCALS] = hn_of_small(it.count);
    node->words[HN_R_FLAGS] = hn_of_small(flags);
    return hn_of_node(node);
}

static uint32_t cache_slot(hn_value value) {
    return (uint32_t)(value >> 4 ^ value >> 13) & (HN_FUNCTION_CACHE - 1);
}

hn_value hn_pattern_compile(hone_lyra *lyra, hn_value pattern) {
    uint32_t slot = cache_slot(pattern);
    if (lyra->pattern_cache[slot].pattern != pattern ||
        hn_rule_word_of(lyra->pattern_cache[slot].compiled, HN_R_RIGHT) != HN_NONE) {
        hn_value compiled = hn_rule_compile(lyra, pattern, HN_NONE, false);
        lyra->pattern_cache[slot].pattern = pattern;
        lyra->pattern_cache[slot].compiled = compiled;
    }
    return lyra->pattern_cache[slot].compiled;
}

hn_value hn_rule_of(hone_lyra *lyra, hn_value rule) {
    bool is_delayed = HN_IS_FORM(lyra, rule, RuleDelayed);
    if ((!is_delayed && !HN_IS_FORM(lyra, rule, Rule)) || hn_count(rule) != 2) {
        return HN_NONE;
    }
    uint32_t slot = cache_slot(rule);
    if (lyra->pattern_cache[slot].pattern != rule ||
        hn_rule_word_of(lyra->pattern_cache[slot].compiled, HN_R_RIGHT) == HN_NONE) {
        hn_value compiled = hn_rule_compile(lyra, hn_arg(rule, 0), hn_arg(rule, 1), is_delayed);
        lyra->pattern_cache[slot].pattern = rule;
        lyra->pattern_cache[slot].compiled = compiled;
    }
    return lyra->pattern_cache[slot].compiled;
}
