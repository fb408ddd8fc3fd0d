/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lists of rules, in the order in which they are tried: more specific ones first, else as defined.
 * Rules whose left side has no pattern are found by hash. Among the others an index picks, by the
 * number of arguments and by one argument that tells most of them apart, the ones that can match;
 * so a thousand rules cost about what ten do. The index is made when a list is first used after a
 * change.
 */
#include "rules_internal.h"

#include "evaluate_internal.h"
#include "make_internal.h"
#include "match_internal.h"
#include "unwind_internal.h"

enum { INDEX_FROM = 8, RULES_MAX = 1 << 24 };

typedef struct bucket {
    uint32_t key, begin, count; /* of `order`; key 0: free */
} bucket;

struct hn_rules {
    hn_value *rules;
    uint32_t count, capacity;
    bool is_indexed;
    uint32_t generation;     /* counts changes: conditions may define rules while rules are tried */
    uint32_t literals_count; /* they come first */
    uint32_t *literals;      /* open addressing: position + 1 */
    uint32_t literals_capacity;
    uint32_t position; /* of the argument that the buckets look at */
    bucket *buckets;
    uint32_t buckets_capacity, any_begin, any_count;
    uint32_t *order; /* positions of rules, bucket by bucket */
    uint32_t order_count;
};

uint32_t hn_rules_count(const hn_rules *rules) {
    return rules ? rules->count : 0;
}

hn_value hn_rules_at(const hn_rules *rules, uint32_t index) {
    return rules->rules[index];
}

static void drop_index(hone_lyra *lyra, hn_rules *rules) {
    HONE_DELETE_ARRAY(lyra->allocator, uint32_t, rules->literals, rules->literals_capacity);
    HONE_DELETE_ARRAY(lyra->allocator, bucket, rules->buckets, rules->buckets_capacity);
    HONE_DELETE_ARRAY(lyra->allocator, uint32_t, rules->order, rules->order_count);
    rules->literals = NULL;
    rules->buckets = NULL;
    rules->order = NULL;
    rules->literals_capacity = rules->buckets_capacity = rules->order_count = 0;
    rules->is_indexed = false;
    rules->generation++;
}

void hn_rules_clear(hone_lyra *lyra, hn_rules *rules) {
    if (rules) {
        drop_index(lyra, rules);
        rules->count = 0;
    }
}

void hn_rules_destroy(hone_lyra *lyra, hn_rules *rules) {
    if (rules) {
        drop_index(lyra, rules);
        HONE_DELETE_ARRAY(lyra->allocator, hn_value, rules->rules, rules->capacity);
        HONE_DELETE(lyra->allocator, hn_rules, rules);
    }
}

void hn_rules_mark(hone_lyra *lyra, const hn_rules *rules) {
    for (uint32_t i = 0; rules && i < rules->count; i++) {
        hn_collector_mark(lyra, rules->rules[i]);
    }
}

/* --- order ----------------------------------------------------------------------------------- */

static int rank_of(hn_value pattern) {
    if (!hn_is_kind(pattern, HN_PATTERN)) {
        return 0;
    }
    const hn_node *node = hn_node_of(pattern);
    switch ((hn_pattern_op)node->flags) {
    case HN_P_LITERAL: return 0;
    case HN_P_NORMAL: return 10;
    case HN_P_KEYS: return 15;
    case HN_P_BLANK: return node->words[0] != HN_NONE ? 20 : 40;
    case HN_P_BLANK_SEQ: return node->words[0] != HN_NONE ? 50 : 60;
    case HN_P_BLANK_NULL: return node->words[0] != HN_NONE ? 70 : 80;
    case HN_P_OPTIONS: return 75;
    case HN_P_NAMED: return rank_of(node->words[1]);
    case HN_P_CONDITION:
    case HN_P_TEST: return rank_of(node->words[0]) - 2;
    case HN_P_OPTIONAL: return rank_of(node->words[0]) + 5;
    case HN_P_ALTERNATIVES: return 25;
    case HN_P_EXCEPT: return 35;
    case HN_P_REPEATED: return rank_of(node->words[0]) + 30;
    default: return 45;
    }
}

static hn_value unnamed(hn_value pattern) {
    while (hn_is_kind(pattern, HN_PATTERN) && hn_node_of(pattern)->flags == HN_P_NAMED) {
        pattern = hn_node_of(pattern)->words[1];
    }
    return pattern;
}

static bool is_op(hn_value pattern, hn_pattern_op op) {
    return hn_is_kind(pattern, HN_PATTERN) && hn_node_of(pattern)->flags == (uint8_t)op;
}

typedef enum order { SAME, MORE_SPECIFIC, LESS_SPECIFIC, UNRELATED } order;

static order merge(order a, order b) {
    if (a == SAME || b == SAME) {
        return a == SAME ? b : a;
    }
    return a == b ? a : UNRELATED;
}

/* Is `a` more specific than `b`? */
static order compare(hone_lyra *lyra, hn_value a, hn_value b) {
    a = unnamed(a);
    b = unnamed(b);
    if (hn_is_stack_low(lyra)) {
        hn_stack_exhausted(lyra);
    }
    if (is_op(a, HN_P_NORMAL) && is_op(b, HN_P_NORMAL)) {
        const hn_node *left = hn_node_of(a), *right = hn_node_of(b);
        order all = compare(lyra, left->words[0], right->words[0]);
        uint32_t common = left->count < right->count ? left->count : right->count;
        for (uint32_t i = 2; i < common; i++) {
            all = merge(all, compare(lyra, left->words[i], right->words[i]));
        }
        return left->count == right->count ? all : merge(all, UNRELATED);
    }
    if (!hn_is_kind(a, HN_PATTERN) && !hn_is_kind(b, HN_PATTERN)) {
        return hn_is_same(lyra, a, b) ? SAME : UNRELATED;
    }
    int left = rank_of(a), right = rank_of(b);
    return left == right ? SAME : left < right ? MORE_SPECIFIC : LESS_SPECIFIC;
}

static bool is_conditional(hn_value rule) {
    return hn_rule_word_of(rule, HN_R_CONDITION) != HN_NONE ||
           hn_integer_of(hn_rule_word_of(rule, HN_R_FLAGS)) & HN_RULE_IS_CONDITIONAL;
}

static bool is_before(hone_lyra *lyra, hn_value a, hn_value b) {
    hn_value left = hn_rule_word_of(a, HN_R_PATTERN), right = hn_rule_word_of(b, HN_R_PATTERN);
    if (!hn_is_kind(left, HN_PATTERN)) {
        return hn_is_kind(right, HN_PATTERN);
    }
    if (!hn_is_kind(right, HN_PATTERN)) {
        return false;
    }
    order by_pattern = compare(lyra, left, right);
    if (by_pattern == SAME) {
        return is_conditional(a) && !is_conditional(b);
    }
    return by_pattern == MORE_SPECIFIC;
}

static bool is_same_left(hone_lyra *lyra, hn_value a, hn_value b) {
    hn_value left = hn_rule_word_of(a, HN_R_CONDITION), right = hn_rule_word_of(b, HN_R_CONDITION);
    return hn_rule_word_of(a, HN_R_LOCALS) == hn_rule_word_of(b, HN_R_LOCALS) &&
           hn_is_same(lyra, hn_rule_word_of(a, HN_R_PATTERN), hn_rule_word_of(b, HN_R_PATTERN)) &&
           (left == right ||
            (left != HN_NONE && right != HN_NONE && hn_is_same(lyra, left, right)));
}

static void reserve(hone_lyra *lyra, hn_rules **rules) {
    hn_rules *it = *rules;
    if (!it) {
        it = HONE_NEW(lyra->allocator, hn_rules);
        if (!it) {
            hn_unwind(lyra, HN_UNWIND_MEMORY);
        }
        *rules = it;
    }
    if (it->count == it->capacity) {
        uint32_t capacity = it->capacity ? it->capacity * 2 : 4;
        hn_value *grown =
            capacity > RULES_MAX
                ? NULL
                : hone_reallocate(lyra->allocator, it->rules, it->capacity * sizeof(hn_value),
                                  capacity * sizeof(hn_value), _Alignof(hn_value));
        if (!grown) {
            hn_unwind(lyra, HN_UNWIND_MEMORY);
        }
        it->rules = grown;
        it->capacity = capacity;
    }
}

static uint32_t find_literal(hone_lyra *lyra, const hn_rules *rules, hn_value pattern) {
    uint32_t mask = rules->literals_capacity - 1, slot = hn_hash(lyra, pattern) & mask;
    for (; rules->literals[slot]; slot = (slot + 1) & mask) {
        uint32_t at = rules->literals[slot] - 1;
        if (hn_is_same(lyra, hn_rule_word_of(rules->rules[at], HN_R_PATTERN), pattern)) {
            return at;
        }
    }
    return UINT32_MAX;
}

/* f[5] = 120 into a list that already has an index: at the end of the literals, without a search
 * through all rules. True when that was possible. */
static bool add_literal_fast(hone_lyra *lyra, hn_rules *it, hn_value rule) {
    hn_value pattern = hn_rule_word_of(rule, HN_R_PATTERN);
    if (!it->is_indexed || hn_is_kind(pattern, HN_PATTERN) ||
        hn_rule_word_of(rule, HN_R_CONDITION) != HN_NONE) {
        return false;
    }
    uint32_t at = it->literals_capacity ? find_literal(lyra, it, pattern) : UINT32_MAX;
    if (at != UINT32_MAX && hn_rule_word_of(it->rules[at], HN_R_CONDITION) == HN_NONE) {
        it->rules[at] = rule;
        return true;
    }
    return false;
}

void hn_rules_add(hone_lyra *lyra, hn_rules **rules, hn_value rule) {
    reserve(lyra, rules);
    hn_rules *it = *rules;
    if (add_literal_fast(lyra, it, rule)) {
        return;
    }
    uint32_t at = it->count;
    bool is_literal = !hn_is_kind(hn_rule_word_of(rule, HN_R_PATTERN), HN_PATTERN);
    bool is_new_literal = is_literal && it->is_indexed && it->literals_capacity > 0 &&
                          find_literal(lyra, it, hn_rule_word_of(rule, HN_R_PATTERN)) == UINT32_MAX;
    uint32_t same_until = is_literal && it->is_indexed ? it->literals_count : it->count;
    for (uint32_t i = 0; !is_new_literal && i < same_until; i++) {
        if (is_same_left(lyra, it->rules[i], rule)) {
            it->rules[i] = rule;
            drop_index(lyra, it);
            return;
        }
    }
    if (is_new_literal) {
        at = it->literals_count;
    } else {
        for (uint32_t i = 0; i < it->count && at == it->count; i++) {
            at = is_before(lyra, rule, it->rules[i]) ? i : at;
        }
    }
    memmove(it->rules + at + 1, it->rules + at, (it->count - at) * sizeof(hn_value));
    it->rules[at] = rule;
    it->count++;
    drop_index(lyra, it);
}

bool hn_rules_remove(hone_lyra *lyra, hn_rules *rules, hn_value left) {
    hn_value wanted = hn_rule_compile(lyra, left, HN_SYM(lyra, Null), false);
    for (uint32_t i = 0; rules && i < rules->count; i++) {
        if (hn_is_same(lyra, hn_rule_word_of(rules->rules[i], HN_R_PATTERN),
                       hn_rule_word_of(wanted, HN_R_PATTERN))) {
            memmove(rules->rules + i, rules->rules + i + 1,
                    (rules->count - i - 1) * sizeof(hn_value));
            rules->count--;
            drop_index(lyra, rules);
            return true;
        }
    }
    return false;
}

/* --- index ----------------------------------------------------------------------------------- */

/* What an argument must be for the pattern to match: a hash of the literal, of the head of f[...]
 * or of Blank[f], or 0 when nothing is known. */
static uint32_t key_of_pattern(hone_lyra *lyra, hn_value pattern, bool *out_is_head) {
    pattern = unnamed(pattern);
    while (is_op(pattern, HN_P_CONDITION) || is_op(pattern, HN_P_TEST)) {
        pattern = unnamed(hn_node_of(pattern)->words[0]);
    }
    *out_is_head = false;
    if (!hn_is_kind(pattern, HN_PATTERN)) {
        *out_is_head = hn_is_normal(pattern);
        return hn_is_normal(pattern) ? hn_hash(lyra, hn_head(pattern)) : hn_hash(lyra, pattern);
    }
    hn_value head = hn_node_of(pattern)->words[0];
    if ((is_op(pattern, HN_P_NORMAL) && !hn_is_kind(head, HN_PATTERN) &&
         hn_integer_of(hn_node_of(pattern)->words[1]) == 0)) {
        *out_is_head = true;
        return hn_hash(lyra, head);
    }
    return 0;
}

static uint32_t key_of_value(hone_lyra *lyra, hn_value value) {
    return hn_is_normal(value) ? hn_hash(lyra, hn_head(value)) : hn_hash(lyra, value);
}

/* True when every pattern before and at `position` takes exactly one argument. */
static bool has_fixed_prefix(hn_value pattern, uint32_t position) {
    const hn_node *node = hn_node_of(pattern);
    if (node->count < 2 + position + 1) {
        return false;
    }
    for (uint32_t i = 0; i <= position; i++) {
        hn_value arg = unnamed(node->words[2 + i]);
        while (is_op(arg, HN_P_CONDITION) || is_op(arg, HN_P_TEST)) {
            arg = unnamed(hn_node_of(arg)->words[0]);
        }
        if (!(!hn_is_kind(arg, HN_PATTERN) || is_op(arg, HN_P_BLANK) || is_op(arg, HN_P_NORMAL))) {
            return false;
        }
    }
    return true;
}

static uint32_t key_at(hone_lyra *lyra, const hn_rules *it, uint32_t index, uint32_t position) {
    hn_value pattern = hn_rule_word_of(it->rules[index], HN_R_PATTERN);
    bool is_head;
    if (!is_op(pattern, HN_P_NORMAL) || !has_fixed_prefix(pattern, position)) {
        return 0;
    }
    hn_value head = hn_node_of(pattern)->words[0];
    if (!hn_is_symbol(head) || hn_symbol_of(head)->attributes & (HN_ORDERLESS | HN_FLAT)) {
        return 0;
    }
    return key_of_pattern(lyra, hn_node_of(pattern)->words[2 + position], &is_head);
}

static bucket *bucket_of(const hn_rules *it, uint32_t key) {
    uint32_t mask = it->buckets_capacity - 1, slot = key & mask;
    while (it->buckets[slot].key && it->buckets[slot].key != key) {
        slot = (slot + 1) & mask;
    }
    return &it->buckets[slot];
}

static uint32_t choose_position(hone_lyra *lyra, const hn_rules *it) {
    uint32_t best = 0, best_count = 0;
    for (uint32_t position = 0; position < 4; position++) {
        uint32_t count = 0;
        for (uint32_t i = it->literals_count; i < it->count; i++) {
            count += key_at(lyra, it, i, position) != 0;
        }
        if (count > best_count) {
            best = position;
            best_count = count;
        }
    }
    return best_count * 2 > it->count - it->literals_count ? best : UINT32_MAX;
}

static bool index_literals(hone_lyra *lyra, hn_rules *it) {
    while (it->literals_count < it->count &&
           !hn_is_kind(hn_rule_word_of(it->rules[it->literals_count], HN_R_PATTERN), HN_PATTERN)) {
        it->literals_count++;
    }
    if (it->literals_count == 0) {
        return true;
    }
    uint32_t capacity = 8;
    while (capacity < it->literals_count * 2) {
        capacity *= 2;
    }
    it->literals = HONE_NEW_ARRAY(lyra->allocator, uint32_t, capacity);
    if (!it->literals) {
        return false;
    }
    it->literals_capacity = capacity;
    for (uint32_t i = 0; i < it->literals_count; i++) {
        uint32_t slot = hn_hash(lyra, hn_rule_word_of(it->rules[i], HN_R_PATTERN)) & (capacity - 1);
        while (it->literals[slot]) {
            slot = (slot + 1) & (capacity - 1);
        }
        it->literals[slot] = i + 1;
    }
    return true;
}

/* Each bucket holds the rules with its key and those without any, in order. */
static bool index_buckets(hone_lyra *lyra, hn_rules *it) {
    uint32_t patterns = it->count - it->literals_count, capacity = 16, keys = 0, any = 0, next = 0;
    it->position = patterns < INDEX_FROM ? UINT32_MAX : choose_position(lyra, it);
    if (it->position == UINT32_MAX) {
        return true;
    }
    while (capacity < patterns * 2) {
        capacity *= 2;
    }
    it->buckets = HONE_NEW_ARRAY(lyra->allocator, bucket, capacity);
    if (!it->buckets) {
        return false;
    }
    it->buckets_capacity = capacity;
    for (uint32_t i = it->literals_count; i < it->count; i++) {
        uint32_t key = key_at(lyra, it, i, it->position);
        any += key == 0;
        if (key) {
            bucket *of = bucket_of(it, key);
            keys += of->key == 0;
            of->key = key;
            of->count++;
        }
    }
    uint64_t total = patterns - any + (uint64_t)(keys + 1) * any;
    it->order = total > RULES_MAX ? NULL : HONE_NEW_ARRAY(lyra->allocator, uint32_t, total);
    if (!it->order) {
        return false;
    }
    it->order_count = (uint32_t)total;
    for (uint32_t i = 0; i < capacity; i++) {
        if (it->buckets[i].key) {
            it->buckets[i].begin = next;
            next += it->buckets[i].count + any;
            it->buckets[i].count = 0;
        }
    }
    it->any_begin = next;
    it->any_count = 0;
    for (uint32_t i = it->literals_count; i < it->count; i++) {
        uint32_t key = key_at(lyra, it, i, it->position);
        for (uint32_t k = 0; k < capacity; k++) {
            bucket *of = key ? bucket_of(it, key) : &it->buckets[k];
            if (of->key) {
                it->order[of->begin + of->count++] = i;
            }
            if (key) {
                break;
            }
        }
        if (!key) {
            it->order[it->any_begin + it->any_count++] = i;
        }
    }
    return true;
}

static void make_index(hone_lyra *lyra, hn_rules *it) {
    it->literals_count = 0;
    if (!index_literals(lyra, it) || !index_buckets(lyra, it)) {
        drop_index(lyra, it);
        hn_unwind(lyra, HN_UNWIND_MEMORY);
    }
    it->is_indexed = true;
}

/* --- application ----------------------------------------------------------------------------- */

typedef struct attempt {
    hn_value rule;
    hn_value found; /* the value of a conditional body */
    uint32_t found_count, most;
    bool is_pushing;
} attempt;

/* Module[{...}, value /; test] is the right side only when the test holds: it is evaluated with If
 * in the place of Condition, and the value comes in a list, which says that it did. */
static hn_value with_if(hone_lyra *lyra, hn_value body) {
    if (hn_has_form(body, HN_SYM(lyra, Condition), 2)) {
        hn_value value = hn_make1(lyra, HN_SYM(lyra, List), hn_arg(body, 0));
        return hn_make3(lyra, HN_SYM(lyra, If), hn_arg(body, 1), value, HN_SYM(lyra, Failed));
    }
    return hn_replace_arg(lyra, body, 1, with_if(lyra, hn_arg(body, 1)));
}

static bool accept_rule(hn_matcher *it) {
    hone_lyra *lyra = it->lyra;
    attempt *try = it->context;
    hn_value condition = hn_rule_word_of(try->rule, HN_R_CONDITION);
    if (condition != HN_NONE && !hn_is_true(lyra, hn_evaluate_body(lyra, condition, it->env))) {
        return false;
    }
    if (hn_integer_of(hn_rule_word_of(try->rule, HN_R_FLAGS)) & HN_RULE_IS_CONDITIONAL) {
        hn_value body = hn_substitute(lyra, hn_rule_word_of(try->rule, HN_R_BODY), it->env);
        hn_value value = hn_evaluate(lyra, with_if(lyra, body));
        if (!HN_IS_FORM(lyra, value, List) || hn_count(value) != 1) {
            return false;
        }
        try->found = hn_arg(value, 0);
    }
    return true;
}

static bool needs_accept(hn_value rule) {
    return is_conditional(rule);
}

static uint32_t locals_count_of(hn_value rule) {
    return (uint32_t)hn_integer_of(hn_rule_word_of(rule, HN_R_LOCALS));
}

/* What the rule makes of a whole f[...] whose arguments it may have taken only in part. */
static hn_value with_rest(hn_matcher *it, hn_value head, hn_value made, const hn_value *before,
                          uint32_t before_count) {
    if (it->rest_count == 0 && before_count == 0) {
        return made;
    }
    hone_lyra *lyra = it->lyra;
    size_t top = lyra->stack_top;
    for (uint32_t i = 0; i < before_count; i++) {
        hn_push(lyra, before[i]);
    }
    hn_push(lyra, made);
    for (uint32_t i = 0; i < it->rest_count; i++) {
        hn_push(lyra, it->rest[i]);
    }
    return hn_make_pushed(lyra, head, top);
}

static hn_value made_by(hn_matcher *it, attempt *try) {
    return try->found != HN_NONE
               ? try->found
               : hn_substitute(it->lyra, hn_rule_word_of(try->rule, HN_R_BODY), it->env);
}

/* Flat: also parts of the arguments. On success *out is the whole new expression. */
static bool apply_flat(hn_matcher *it, attempt *try, hn_value pattern, const hn_call *call,
                       hn_value *out) {
    const hn_symbol *symbol = hn_symbol_of(call->head);
    uint32_t starts = symbol->attributes & HN_ORDERLESS ? 1 : call->count;
    for (uint32_t start = 0; start < starts && call->count - start > 1; start++) {
        it->can_rest = true;
        it->rest_count = 0;
        if (hn_match_call(it, pattern, call->head, call->args + start, call->count - start, NULL)) {
            *out = with_rest(it, call->head, made_by(it, try), call->args, start);
            return true;
        }
        memset(it->locals, 0, it->locals_count * sizeof(hn_value));
        it->trail_count = 0;
    }
    return false;
}

static bool is_flat_pattern(hn_value pattern) {
    if (!is_op(pattern, HN_P_NORMAL)) {
        return false;
    }
    hn_value head = hn_node_of(pattern)->words[0];
    return hn_is_symbol(head) && hn_symbol_of(head)->attributes & HN_FLAT;
}

static bool accept_collect(hn_matcher *it) {
    attempt *try = it->context;
    if (!accept_rule(it)) {
        return false;
    }
    hn_value made = made_by(it, try);
    /* Below the matcher's own part of the stack there is room that the caller has left. */
    try->found = HN_NONE;
    it->lyra->reaped = hn_make2(it->lyra, HN_SYM(it->lyra, List), made, it->lyra->reaped);
    return ++try->found_count >= try->most;
}

void hn_rule_apply_all(hone_lyra *lyra, hn_value rule, hn_value value, uint32_t most) {
    hn_value pattern = hn_rule_word_of(rule, HN_R_PATTERN), outer = lyra->reaped;
    attempt try = {.rule = rule, .most = most};
    hn_matcher it;
    size_t top = lyra->stack_top;
    lyra->reaped = HN_SYM(lyra, Null);
    hn_matcher_begin(lyra, &it, locals_count_of(rule));
    it.accept = accept_collect;
    it.context = &try;
    (void)hn_matcher_run(&it, pattern, value);
    hn_value list = lyra->reaped;
    lyra->reaped = outer;
    lyra->stack_top = top;
    hn_stack_need(lyra, try.found_count);
    for (uint32_t i = try.found_count; i-- > 0; list = hn_arg(list, 1)) {
        lyra->stack[top + i] = hn_arg(list, 0);
    }
    lyra->stack_top = top + try.found_count;
}

hn_value hn_rule_apply(hone_lyra *lyra, hn_value rule, hn_value value) {
    hn_value pattern = hn_rule_word_of(rule, HN_R_PATTERN), made = HN_NONE;
    if (!hn_is_kind(pattern, HN_PATTERN)) {
        if (!hn_is_same(lyra, pattern, value)) {
            return HN_NONE;
        }
        if (!needs_accept(rule)) {
            return hn_rule_word_of(rule, HN_R_BODY);
        }
    }
    attempt try = {.rule = rule};
    hn_matcher it;
    size_t top = lyra->stack_top;
    hn_matcher_begin(lyra, &it, locals_count_of(rule));
    it.context = &try;
    if (needs_accept(rule)) {
        it.accept = accept_rule;
    }
    if (hn_matcher_run(&it, pattern, value)) {
        made = made_by(&it, &try);
    } else if (is_flat_pattern(pattern) && hn_has_head(value, hn_node_of(pattern)->words[0])) {
        hn_call call = {.head = hn_head(value), .args = hn_args(value), .count = hn_count(value)};
        (void)apply_flat(&it, &try, pattern, &call, &made);
    }
    lyra->stack_top = top;
    return made;
}

static bool try_rule(hone_lyra *lyra, hn_value rule, hn_call *call, hn_value *out_body,
                     size_t *out_env) {
    hn_value pattern = hn_rule_word_of(rule, HN_R_PATTERN);
    attempt try = {.rule = rule};
    hn_matcher it;
    size_t top = lyra->stack_top;
    lyra->rules_tried_count++;
    hn_matcher_begin(lyra, &it, locals_count_of(rule));
    it.context = &try;
    if (needs_accept(rule)) {
        it.accept = accept_rule;
    }
    bool is_call = is_op(pattern, HN_P_NORMAL) && hn_node_of(pattern)->words[0] == call->head;
    bool is_match = is_call ? hn_match_call(&it, pattern, call->head, call->args, call->count, NULL)
                            : hn_matcher_run(&it, pattern, hn_call_node(lyra, call));
    *out_env = 0;
    if (is_match && try.found == HN_NONE) {
        *out_body = hn_rule_word_of(rule, HN_R_BODY);
        *out_env = it.env;
        return true;
    }
    if (is_match) {
        *out_body = try.found;
    } else if (is_call && is_flat_pattern(pattern)) {
        is_match = apply_flat(&it, &try, pattern, call, out_body);
    }
    lyra->stack_top = top;
    return is_match;
}

/* The literal left side equal to the call, with all its conditions. */
static bool try_literals(hone_lyra *lyra, hn_rules *rules, hn_call *call, hn_value *out_body,
                         size_t *out_env, hn_value *out_rule) {
    hn_value node = hn_call_node(lyra, call);
    uint32_t at = find_literal(lyra, rules, node), generation = rules->generation;
    for (; rules->generation == generation && at < rules->literals_count; at++) {
        if (!hn_is_same(lyra, hn_rule_word_of(rules->rules[at], HN_R_PATTERN), node)) {
            continue; /* the same left side may come again with another condition */
        }
        *out_rule = rules->rules[at];
        if (!needs_accept(*out_rule)) {
            *out_body = hn_rule_word_of(*out_rule, HN_R_BODY);
            *out_env = 0;
            return true;
        }
        if (try_rule(lyra, *out_rule, call, out_body, out_env)) {
            return true;
        }
    }
    return false;
}

bool hn_rules_apply(hone_lyra *lyra, hn_rules *rules, hn_call *call, hn_value *out_body,
                    size_t *out_env, hn_value *out_rule) {
    if (HONE_UNLIKELY(!rules->is_indexed)) {
        make_index(lyra, rules);
    }
    if (rules->literals_count > 0 && try_literals(lyra, rules, call, out_body, out_env, out_rule)) {
        return true;
    }
    uint32_t generation = rules->generation;
    const uint32_t *positions = NULL;
    uint32_t count = rules->count - rules->literals_count;
    if (rules->buckets) {
        const bucket *of = call->count > rules->position
                               ? bucket_of(rules, key_of_value(lyra, call->args[rules->position]))
                               : NULL;
        bool is_found = of && of->key;
        positions = rules->order + (is_found ? of->begin : rules->any_begin);
        count = is_found ? of->count : rules->any_count;
    }
    for (uint32_t i = 0; i < count; i++) {
        *out_rule = rules->rules[positions ? positions[i] : rules->literals_count + i];
        if (try_rule(lyra, *out_rule, call, out_body, out_env)) {
            return true;
        }
        if (HONE_UNLIKELY(rules->generation != generation)) {
            return hn_rules_apply(lyra, rules, call, out_body, out_env, out_rule);
        }
    }
    return false;
}

hn_value hn_default_of(hone_lyra *lyra, hn_value head, uint32_t position, uint32_t count) {
    if (!hn_is_symbol(head)) {
        return HN_NONE;
    }
    hn_rules *defaults = lyra->system[HN_S_Default].down;
    for (uint32_t args = 3; defaults && args > 0; args--) {
        hn_value words[] = {head, hn_of_small(position), hn_of_small(count)}, body, rule;
        size_t env, top = lyra->stack_top;
        hn_call call = {.head = HN_SYM(lyra, Default), .args = words, .count = args};
        if (hn_rules_apply(lyra, defaults, &call, &body, &env, &rule)) {
            hn_value value = hn_evaluate_body(lyra, body, env);
            lyra->stack_top = top;
            return value;
        }
    }
    if (head == HN_SYM(lyra, Plus)) {
        return hn_of_small(0);
    }
    bool is_one = head == HN_SYM(lyra, Times) || (head == HN_SYM(lyra, Power) && position == 2);
    return is_one ? hn_of_small(1) : HN_NONE;
}
