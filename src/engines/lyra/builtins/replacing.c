/* SPDX-License-Identifier: Apache-2.0 */
/* Rules applied, and patterns asked for: Replace and its family, MatchQ, Cases, Position, Count. */
#include "builtins_internal.h"

enum { REPEATED_MAX = 65536 };

/* Applies the first rule that matches; HN_NONE: none did. `rules` is a rule or a list of rules. */
static hn_value apply_first(hone_lyra *lyra, hn_value rules, hn_value value) {
    if (HN_IS_FORM(lyra, rules, List) || HN_IS_FORM(lyra, rules, Association)) {
        for (uint32_t i = 0; i < hn_count(rules); i++) {
            hn_value made = apply_first(lyra, hn_arg(rules, i), value);
            if (made != HN_NONE) {
                return made;
            }
        }
        return HN_NONE;
    }
    hn_value rule = hn_rule_of(lyra, rules);
    return rule == HN_NONE ? HN_NONE : hn_rule_apply(lyra, rule, value);
}

static bool are_rules(hone_lyra *lyra, hn_value rules) {
    if (HN_IS_FORM(lyra, rules, List) || HN_IS_FORM(lyra, rules, Association)) {
        for (uint32_t i = 0; i < hn_count(rules); i++) {
            if (!are_rules(lyra, hn_arg(rules, i))) {
                return false;
            }
        }
        return true;
    }
    return hn_has_form(rules, HN_SYM(lyra, Rule), 2) ||
           hn_has_form(rules, HN_SYM(lyra, RuleDelayed), 2);
}

static bool check_rules(hone_lyra *lyra, hn_call *call, hn_value rules) {
    if (are_rules(lyra, rules)) {
        return true;
    }
    hn_message1(lyra, call->head, "reps", rules);
    return false;
}

static bool is_list_of_lists(hone_lyra *lyra, hn_value rules) {
    return HN_IS_FORM(lyra, rules, List) && hn_count(rules) > 0 &&
           HN_IS_FORM(lyra, hn_arg(rules, 0), List);
}

typedef struct all_replacer {
    hone_lyra *lyra;
    hn_value rules;
} all_replacer;

static hn_value replace_in(void *context, hn_value value) {
    const all_replacer *it = context;
    hn_value made = apply_first(it->lyra, it->rules, value);
    if (made != HN_NONE) {
        return made;
    }
    if (!hn_is_normal(value)) {
        return value;
    }
    if (hn_is_stack_low(it->lyra)) {
        hn_stack_exhausted(it->lyra);
    }
    return hn_map_parts(it->lyra, value, replace_in, context);
}

static hn_value replace_all(hone_lyra *lyra, hn_value value, hn_value rules) {
    return replace_in(&(all_replacer){lyra, rules}, value);
}

static hn_value each_rules(hone_lyra *lyra, hn_call *call, hn_value rules) {
    size_t top = lyra->stack_top;
    for (uint32_t i = 0; i < hn_count(rules); i++) {
        hn_push(lyra, hn_apply2(lyra, call->head, call->args[0], hn_arg(rules, i)));
    }
    return hn_make_pushed(lyra, HN_SYM(lyra, List), top);
}

static hn_value replace_all_form(hone_lyra *lyra, hn_call *call) {
    if (call->count == 1 || !check_rules(lyra, call, call->args[1])) {
        return HN_NONE;
    }
    if (is_list_of_lists(lyra, call->args[1])) {
        return each_rules(lyra, call, call->args[1]);
    }
    return replace_all(lyra, call->args[0], call->args[1]);
}

static hn_value replace_repeated(hone_lyra *lyra, hn_call *call) {
    if (call->count == 1 || !check_rules(lyra, call, call->args[1])) {
        return HN_NONE;
    }
    if (is_list_of_lists(lyra, call->args[1])) {
        return each_rules(lyra, call, call->args[1]);
    }
    hn_value value = call->args[0];
    for (uint32_t i = 0; i < REPEATED_MAX; i++) {
        hn_tick(lyra);
        hn_value next = hn_evaluate(lyra, replace_all(lyra, value, call->args[1]));
        if (hn_is_same(lyra, next, value)) {
            return value;
        }
        value = next;
    }
    hn_message2(lyra, HN_SYM(lyra, ReplaceRepeated), "rrlim", call->args[0],
                hn_of_small(REPEATED_MAX));
    return value;
}

/* --- levels ---------------------------------------------------------------------------------- */

bool hn_get_levels(hone_lyra *lyra, hn_value spec, hn_levels *out_levels) {
    hn_value least = hn_of_small(1), most = spec;
    if (HN_IS_FORM(lyra, spec, List) && hn_count(spec) >= 1 && hn_count(spec) <= 2) {
        least = hn_arg(spec, 0);
        most = hn_arg(spec, hn_count(spec) - 1);
    }
    if (spec == HN_SYM(lyra, All)) {
        *out_levels = (hn_levels){0, INT64_MAX};
        return true;
    }
    bool is_endless = HN_IS_FORM(lyra, most, DirectedInfinity);
    out_levels->most = INT64_MAX;
    return hn_get_int(least, &out_levels->least) &&
           (is_endless || hn_get_int(most, &out_levels->most));
}

int64_t hn_depth(hone_lyra *lyra, hn_value value) {
    int64_t deepest = 0;
    if (!hn_is_normal(value)) {
        return 1;
    }
    if (hn_is_stack_low(lyra)) {
        hn_stack_exhausted(lyra);
    }
    for (uint32_t i = 0; i < hn_count(value); i++) {
        int64_t depth = hn_depth(lyra, hn_arg(value, i));
        deepest = depth > deepest ? depth : deepest;
    }
    return deepest + 1;
}

static bool is_at_level(hone_lyra *lyra, hn_value value, int64_t level, hn_levels levels) {
    int64_t depth = levels.least < 0 || levels.most < 0 ? hn_depth(lyra, value) : 0;
    bool is_low = levels.least < 0 ? depth <= -levels.least : level >= levels.least;
    bool is_high = levels.most < 0 ? depth >= -levels.most : level <= levels.most;
    return is_low && is_high;
}

/* --- searching ------------------------------------------------------------------------------- */

typedef struct search {
    hone_lyra *lyra;
    hn_value pattern; /* compiled */
    hn_value rule;    /* compiled, or HN_NONE */
    hn_levels levels;
    int64_t most, found;
    bool with_heads, pushes_positions, only_counts, deletes;
    size_t path; /* positions on the way, on the value stack */
} search;

static bool is_match(search *it, hn_value value) {
    return hn_matches(it->lyra, it->pattern, value);
}

static void found(search *it, hn_value value, uint32_t depth) {
    hone_lyra *lyra = it->lyra;
    it->found++;
    if (it->only_counts) {
        return;
    }
    if (it->pushes_positions) {
        hn_push(lyra, hn_make_list(lyra, lyra->stack + it->path, depth));
    } else if (it->rule != HN_NONE) {
        hn_push(lyra, hn_evaluate(lyra, hn_rule_apply(lyra, it->rule, value)));
    } else {
        hn_push(lyra, value);
    }
}

static void walk(search *it, hn_value value, uint32_t depth);

static void walk_part(search *it, hn_value part, uint32_t depth, hn_value position) {
    if (it->pushes_positions) {
        it->lyra->stack[it->path + depth] = position;
    }
    walk(it, part, depth + 1);
}

static void walk(search *it, hn_value value, uint32_t depth) {
    if (it->found >= it->most) {
        return;
    }
    if (hn_is_stack_low(it->lyra) || depth >= 4000) {
        hn_stack_exhausted(it->lyra);
    }
    if (hn_is_normal(value) && (it->levels.most < 0 || depth < it->levels.most)) {
        bool is_association = HN_IS_FORM(it->lyra, value, Association);
        if (it->with_heads) {
            walk_part(it, hn_head(value), depth, hn_of_small(0));
        }
        for (uint32_t i = 0; i < hn_count(value); i++) {
            hn_value part = hn_arg(value, i), position = hn_of_small(i + 1);
            if (is_association && hn_count(part) == 2) {
                position = hn_make1(it->lyra, HN_SYM(it->lyra, Key), hn_arg(part, 0));
                part = hn_arg(part, 1);
            }
            walk_part(it, part, depth, position);
        }
    }
    if (it->found < it->most && is_at_level(it->lyra, value, depth, it->levels) &&
        is_match(it, value)) {
        found(it, value, depth);
    }
}

/* Options at the end, then the level, then the largest number. */
static bool read_search(hone_lyra *lyra, hn_call *call, search *it, hn_levels levels) {
    *it = (search){.lyra = lyra, .rule = HN_NONE, .levels = levels, .most = INT64_MAX};
    uint32_t count = call->count;
    while (count > 2 && hn_has_form(call->args[count - 1], HN_SYM(lyra, Rule), 2)) {
        hn_value option = call->args[--count];
        if (hn_arg(option, 0) == HN_SYM(lyra, Heads)) {
            it->with_heads = hn_is_true(lyra, hn_arg(option, 1));
        }
    }
    if (count > 2 && !hn_get_levels(lyra, call->args[2], &it->levels)) {
        hn_message1(lyra, call->head, "level", call->args[2]);
        return false;
    }
    if (count > 3 && !hn_get_int(call->args[3], &it->most) &&
        !HN_IS_FORM(lyra, call->args[3], DirectedInfinity)) {
        return false;
    }
    it->pattern = hn_pattern_compile(lyra, call->args[1]);
    return true;
}

static hn_value cases(hone_lyra *lyra, hn_call *call) {
    search it;
    if (call->count == 1 || !read_search(lyra, call, &it, (hn_levels){1, 1})) {
        return HN_NONE;
    }
    hn_value rule = hn_rule_of(lyra, call->args[1]);
    if (rule != HN_NONE) {
        it.rule = rule;
        it.pattern = hn_pattern_compile(lyra, hn_arg(call->args[1], 0));
    }
    size_t top = lyra->stack_top;
    walk(&it, call->args[0], 0);
    return hn_make_pushed(lyra, HN_SYM(lyra, List), top);
}

static hn_value first_case(hone_lyra *lyra, hn_call *call) {
    if (call->count == 1) {
        return HN_NONE;
    }
    hn_value limited[] = {call->args[0], call->args[1],
                          call->count > 3 ? call->args[3]
                                          : hn_make_list(lyra, (hn_value[]){hn_of_small(1)}, 1),
                          hn_of_small(1)};
    hn_value list = cases(lyra, &(hn_call){.head = call->head, .args = limited, .count = 4});
    if (HN_IS_FORM(lyra, list, List) && hn_count(list) > 0) {
        return hn_arg(list, 0);
    }
    return call->count > 2
               ? call->args[2]
               : hn_make1(lyra, HN_SYM(lyra, Missing), hn_make_string(lyra, HONE_TEXT("NotFound")));
}

static hn_value count_cases(hone_lyra *lyra, hn_call *call) {
    search it;
    if (call->count == 1 || !read_search(lyra, call, &it, (hn_levels){1, 1})) {
        return HN_NONE;
    }
    it.only_counts = true;
    walk(&it, call->args[0], 0);
    return hn_of_small(it.found);
}

static hn_value position(hone_lyra *lyra, hn_call *call) {
    search it;
    if (call->count == 1 || !read_search(lyra, call, &it, (hn_levels){0, INT64_MAX})) {
        return HN_NONE;
    }
    bool has_option = hn_has_form(call->args[call->count - 1], HN_SYM(lyra, Rule), 2);
    it.with_heads = has_option ? it.with_heads : true;
    it.pushes_positions = true;
    it.path = lyra->stack_top;
    hn_stack_need(lyra, 4001);
    memset(lyra->stack + it.path, 0, 4001 * sizeof(hn_value));
    lyra->stack_top += 4001;
    size_t top = lyra->stack_top;
    walk(&it, call->args[0], 0);
    hn_value made = hn_make_pushed(lyra, HN_SYM(lyra, List), top);
    lyra->stack_top = it.path;
    return made;
}

static hn_value delete_cases(hone_lyra *lyra, hn_call *call) {
    if (call->count == 1 || !hn_is_normal(call->args[0])) {
        return HN_NONE;
    }
    hn_value list = call->args[0], pattern = hn_pattern_compile(lyra, call->args[1]);
    size_t top = lyra->stack_top;
    for (uint32_t i = 0; i < hn_count(list); i++) {
        hn_value arg = hn_arg(list, i);
        bool is_association = HN_IS_FORM(lyra, list, Association);
        if (!hn_matches(lyra, pattern, is_association ? hn_arg(arg, 1) : arg)) {
            hn_push(lyra, arg);
        }
    }
    return hn_make_pushed(lyra, hn_head(list), top);
}

static hn_value member_q(hone_lyra *lyra, hn_call *call) {
    search it;
    if (call->count == 1 || !read_search(lyra, call, &it, (hn_levels){1, 1})) {
        return HN_NONE;
    }
    it.only_counts = true;
    it.most = 1;
    walk(&it, call->args[0], 0);
    return hn_make_bool(lyra, it.found > 0);
}

static hn_value free_q(hone_lyra *lyra, hn_call *call) {
    search it;
    if (call->count == 1 || !read_search(lyra, call, &it, (hn_levels){0, INT64_MAX})) {
        return HN_NONE;
    }
    it.only_counts = true;
    it.with_heads = true;
    it.most = 1;
    walk(&it, call->args[0], 0);
    return hn_make_bool(lyra, it.found == 0);
}

static hn_value match_q(hone_lyra *lyra, hn_call *call) {
    if (call->count == 1) {
        return HN_NONE;
    }
    return hn_make_bool(lyra,
                        hn_matches(lyra, hn_pattern_compile(lyra, call->args[1]), call->args[0]));
}

static hn_value replace_levels(hone_lyra *lyra, hn_value value, hn_value rules, hn_levels levels,
                               int64_t level) {
    if (hn_is_stack_low(lyra)) {
        hn_stack_exhausted(lyra);
    }
    if (hn_is_normal(value) && (levels.most < 0 || level < levels.most)) {
        size_t top = lyra->stack_top;
        for (uint32_t i = 0; i < hn_count(value); i++) {
            hn_push(lyra, replace_levels(lyra, hn_arg(value, i), rules, levels, level + 1));
        }
        value = hn_make_pushed(lyra, hn_head(value), top);
    }
    if (!is_at_level(lyra, value, level, levels)) {
        return value;
    }
    hn_value made = apply_first(lyra, rules, value);
    return made == HN_NONE ? value : made;
}

static hn_value replace(hone_lyra *lyra, hn_call *call) {
    hn_levels levels = {0, 0};
    if (call->count == 1 || !check_rules(lyra, call, call->args[1]) ||
        (call->count > 2 && !hn_get_levels(lyra, call->args[2], &levels))) {
        return HN_NONE;
    }
    if (is_list_of_lists(lyra, call->args[1])) {
        return each_rules(lyra, call, call->args[1]);
    }
    return replace_levels(lyra, call->args[0], call->args[1], levels, 0);
}

static hn_value replace_list(hone_lyra *lyra, hn_call *call) {
    int64_t most = UINT32_MAX;
    hn_value rules = call->args[1];
    if (!check_rules(lyra, call, rules) || (call->count > 2 && !hn_get_int(call->args[2], &most))) {
        return HN_NONE;
    }
    size_t top = lyra->stack_top;
    bool is_list = HN_IS_FORM(lyra, rules, List);
    for (uint32_t i = 0; i < (is_list ? hn_count(rules) : 1); i++) {
        hn_value rule = hn_rule_of(lyra, is_list ? hn_arg(rules, i) : rules);
        if (rule != HN_NONE && (int64_t)(lyra->stack_top - top) < most) {
            hn_rule_apply_all(lyra, rule, call->args[0],
                              (uint32_t)(most - (int64_t)(lyra->stack_top - top)));
        }
    }
    return hn_make_pushed(lyra, HN_SYM(lyra, List), top);
}

const hn_builtin hn_builtins_replacing[] = {
    {"ReplaceAll", replace_all_form, HN_P, 1, 2,
     "expr /. rules applies rules to each part of expr once."},
    {"ReplaceRepeated", replace_repeated, HN_P, 1, 3,
     "expr //. rules applies rules until nothing changes."},
    {"Replace", replace, HN_P, 1, 4,
     "Replace[expr, rules, levelspec] applies rules to whole parts."},
    {"ReplaceList", replace_list, HN_P, 2, 3, "ReplaceList[expr, rules] gives all results."},
    {"MatchQ", match_q, HN_P, 1, 2, "MatchQ[expr, form] is True when the pattern matches."},
    {"Cases", cases, HN_P, 1, -1, "Cases[expr, pattern, levelspec] gives the parts that match."},
    {"FirstCase", first_case, HN_P | HN_HOLD_REST, 1, 4,
     "FirstCase[expr, pattern] gives the first part that matches."},
    {"Count", count_cases, HN_P, 1, -1,
     "Count[expr, pattern, levelspec] counts the parts that match."},
    {"Position", position, HN_P, 1, -1,
     "Position[expr, pattern] gives the positions of parts that match."},
    {"DeleteCases", delete_cases, HN_P, 1, 3,
     "DeleteCases[expr, pattern] removes elements that match."},
    {"MemberQ", member_q, HN_P, 1, -1, "MemberQ[list, form] is True when an element matches."},
    {"FreeQ", free_q, HN_P, 1, -1, "FreeQ[expr, form] is True when no part matches."},
    {0},
};
