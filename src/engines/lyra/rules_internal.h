/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Patterns, rules, and the lists of rules that symbols have.
 *
 * A pattern is compiled once: what contains no pattern object stays the value it is and is compared
 * with SameQ; the rest becomes cells of kind HN_PATTERN. Its variables are numbered; where they
 * occur in the right side of a rule or in a condition, the compiled body has locals instead. Values
 * of the variables lie on the value stack: `env` is where they begin.
 */
#ifndef HN_LYRA_RULES_INTERNAL_H
#define HN_LYRA_RULES_INTERNAL_H

#include "kernel_internal.h"

typedef enum hn_pattern_op {
    HN_P_BLANK,         /* [head or none] */
    HN_P_BLANK_SEQ,     /* [head or none] */
    HN_P_BLANK_NULL,    /* [head or none] */
    HN_P_NAMED,         /* [number, pattern] */
    HN_P_NORMAL,        /* [head, flags, arguments...] */
    HN_P_ALTERNATIVES,  /* [patterns...] */
    HN_P_CONDITION,     /* [pattern, body] */
    HN_P_TEST,          /* [pattern, function] */
    HN_P_OPTIONAL,      /* [pattern, default or none] */
    HN_P_REPEATED,      /* [pattern, least, most or -1] */
    HN_P_EXCEPT,        /* [pattern, pattern or none] */
    HN_P_SEQUENCE,      /* [patterns...] */
    HN_P_ORDERLESS_SEQ, /* [patterns...] */
    HN_P_SHORTEST,      /* [pattern] */
    HN_P_LONGEST,       /* [pattern] */
    HN_P_OPTIONS,       /* [head or list of defaults, or none; number] */
    HN_P_KEYS,          /* [patterns of rules...] */
    HN_P_LITERAL,       /* [value]: where a value would be taken for something else */
} hn_pattern_op;

/* words of an HN_RULE */
typedef enum hn_rule_word {
    HN_R_LEFT,
    HN_R_RIGHT,
    HN_R_PATTERN,
    HN_R_BODY,
    HN_R_CONDITION, /* compiled, or HN_NONE */
    HN_R_LOCALS,    /* an integer */
    HN_R_FLAGS,
    HN_R_WORDS
} hn_rule_word;

enum {
    HN_RULE_DELAYED = 1,
    HN_RULE_HAS_RETURN = 2,     /* Return occurs in the body */
    HN_RULE_IS_CONDITIONAL = 4, /* the body is Module[..., value /; test] or its like */
    HN_RULE_HAS_OPTIONS = 8,
};

static inline hn_value hn_rule_word_of(hn_value rule, hn_rule_word word) {
    return hn_node_of(rule)->words[word];
}

/* From lhs and rhs as they stand in Rule or SetDelayed. */
hn_value hn_rule_compile(hone_lyra *lyra, hn_value left, hn_value right, bool is_delayed);
/* A pattern alone, cached by identity. Its rule has the pattern, and no body. */
hn_value hn_pattern_compile(hone_lyra *lyra, hn_value pattern);
/* The compiled rule of an expression Rule[...] or RuleDelayed[...], cached; HN_NONE: it is none. */
hn_value hn_rule_of(hone_lyra *lyra, hn_value rule);
bool hn_has_pattern(hone_lyra *lyra, hn_value value);
/* Replaces symbols by locals in a body, and gives inner functions parameters of their own. */
hn_value hn_body_compile(hone_lyra *lyra, hn_value body, const hn_value *symbols, uint32_t count);

/* Does the value match? Leaves nothing on the stack. */
bool hn_matches(hone_lyra *lyra, hn_value compiled_pattern, hn_value value);

/* Applies one rule to a whole expression: the right side with its variables put in, not evaluated;
 * HN_NONE: no match. */
hn_value hn_rule_apply(hone_lyra *lyra, hn_value rule, hn_value value);
/* All ways to apply it, pushed to the value stack, `most` at most. */
void hn_rule_apply_all(hone_lyra *lyra, hn_value rule, hn_value value, uint32_t most);

/* For the evaluator: tries the rules for a call. On success either *out_body is a compiled body
 * and the values of its locals lie at the stack's top from `*out_env` on, or *out_env is 0 and
 * *out_body stands for itself. */
bool hn_rules_apply(hone_lyra *lyra, hn_rules *rules, hn_call *call, hn_value *out_body,
                    size_t *out_env, hn_value *out_rule);

/* Adds in order of specificity, or replaces the rule with the same left side. */
void hn_rules_add(hone_lyra *lyra, hn_rules **rules, hn_value rule);
/* False: there is none with this left side. */
bool hn_rules_remove(hone_lyra *lyra, hn_rules *rules, hn_value left);
uint32_t hn_rules_count(const hn_rules *rules);
hn_value hn_rules_at(const hn_rules *rules, uint32_t index);
/* Removes all; the list itself stays, because it may be in use. */
void hn_rules_clear(hone_lyra *lyra, hn_rules *rules);
void hn_rules_destroy(hone_lyra *lyra, hn_rules *rules);
void hn_rules_mark(hone_lyra *lyra, const hn_rules *rules);

#endif
