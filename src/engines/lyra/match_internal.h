/* SPDX-License-Identifier: Apache-2.0 */
/* The matcher, for rules.c: one attempt to match, whose success is judged by `accept`. */
#ifndef HN_LYRA_MATCH_INTERNAL_H
#define HN_LYRA_MATCH_INTERNAL_H

#include "rules_internal.h"

typedef struct hn_goal hn_goal;
typedef struct hn_matcher hn_matcher;

/* Arguments that are still to be matched. */
typedef struct hn_args_goal {
    const hn_value *patterns;
    const hn_value *values;
    uint8_t *used; /* of values, for Orderless */
    hn_value head;
    uint32_t patterns_count, count;
    uint32_t position, positions_count; /* for defaults */
    uint32_t index;                     /* of a variable */
    uint32_t picked_count;
    bool is_flat, is_one_identity, can_rest;
} hn_args_goal;

struct hn_matcher {
    hone_lyra *lyra;
    hn_value *locals;
    uint32_t *trail; /* the locals that were bound, in order */
    size_t env;      /* where locals are on the value stack */
    uint32_t locals_count, trail_count;
    bool can_rest; /* the outermost f[...] may leave arguments over: f is Flat */
    const hn_value *rest;
    uint32_t rest_count;
    hn_value rest_keeper;
    /* All is matched: true when that is enough. */
    bool (*accept)(hn_matcher *it);
    void *context;
};

/* Takes room for locals on the value stack; the caller puts the top back. */
void hn_matcher_begin(hone_lyra *lyra, hn_matcher *it, uint32_t locals_count);
bool hn_matcher_run(hn_matcher *it, hn_value pattern, hn_value value);
/* Arguments that are no expression yet, against a pattern f[...] with the same head. */
bool hn_match_call(hn_matcher *it, hn_value pattern, hn_value head, const hn_value *values,
                   uint32_t count, const hn_goal *next);
bool hn_matches_inside(hn_matcher *it, hn_value pattern, hn_value value);
/* Keeps the options for OptionValue. */
bool hn_matcher_options(hn_matcher *it, hn_value pattern, const hn_value *values, uint32_t count);

hn_value hn_head_of(hone_lyra *lyra, hn_value value);
/* Default[f, i, n], Default[f, i], Default[f]; HN_NONE: there is none. */
hn_value hn_default_of(hone_lyra *lyra, hn_value head, uint32_t position, uint32_t count);

#endif
