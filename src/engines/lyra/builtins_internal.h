/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Built-in functions stand in tables, one for each file of builtins/. A row has name, function,
 * attributes, how many arguments it takes, and its help text. To add one: write the function and
 * its row; a new file also needs its line below, in kernel.c and in CMakeLists.txt. Texts of
 * messages are in messages.c.
 */
#ifndef HN_LYRA_BUILTINS_INTERNAL_H
#define HN_LYRA_BUILTINS_INTERNAL_H

#include "evaluate_internal.h"
#include "make_internal.h"
#include "match_internal.h"
#include "numbers_internal.h"
#include "print_internal.h"
#include "rules_internal.h"
#include "symbols_internal.h"
#include "unwind_internal.h"

/* Each ends with a row without a name. */
extern const hn_builtin hn_builtins_control[];
extern const hn_builtin hn_builtins_iteration[];
extern const hn_builtin hn_builtins_scoping[];
extern const hn_builtin hn_builtins_assign[];
extern const hn_builtin hn_builtins_definitions[];
extern const hn_builtin hn_builtins_arithmetic[];
extern const hn_builtin hn_builtins_powers[];
extern const hn_builtin hn_builtins_comparison[];
extern const hn_builtin hn_builtins_replacing[];
extern const hn_builtin hn_builtins_parts[];
extern const hn_builtin hn_builtins_lists[];
extern const hn_builtin hn_builtins_functional[];
extern const hn_builtin hn_builtins_elementary[];
extern const hn_builtin hn_builtins_strings[];
extern const hn_builtin hn_builtins_associations[];
extern const hn_builtin hn_builtins_polynomials[];

/* Attributes that go together. */
enum {
    HN_P = HN_PROTECTED,
    HN_NUMERIC = HN_PROTECTED | HN_LISTABLE | HN_NUMERIC_FUNCTION,
};

/* --- what several of them need */
/* builtins/arithmetic.c: canonical sums and products of evaluated operands. */
hn_value hn_plus(hone_lyra *lyra, hn_value a, hn_value b);
hn_value hn_times(hone_lyra *lyra, hn_value a, hn_value b);
hn_value hn_raise(hone_lyra *lyra, hn_value base, hn_value exponent);
/* builtins/elementary.c: N[value] with machine numbers; HN_NONE where that gives no number. */
hn_value hn_numeric(hone_lyra *lyra, hn_value value);
/* Equality of values as Equal sees it: 1 yes, 0 no, -1 unknown. */
int hn_equal(hone_lyra *lyra, hn_value a, hn_value b);
/* builtins/assign.c */
bool hn_assign(hone_lyra *lyra, hn_value left, hn_value right, bool is_delayed, hn_value tag);
/* builtins/definitions.c: Attributes[symbol] = names; false with a message. */
bool hn_set_attributes(hone_lyra *lyra, hn_value symbol, hn_value names);
/* Level specifications: n, {n}, {a, b}, Infinity, All. */
typedef struct hn_levels {
    int64_t least, most;
} hn_levels;
bool hn_get_levels(hone_lyra *lyra, hn_value spec, hn_levels *out_levels);
int64_t hn_depth(hone_lyra *lyra, hn_value value);
/* builtins/associations.c: the position of a key, or UINT32_MAX. */
uint32_t hn_association_find(hone_lyra *lyra, hn_value association, hn_value key);
hn_value hn_missing_key(hone_lyra *lyra, hn_value key);
/* builtins/parts.c: value[[index]]; HN_NONE and no message where there is no such part. */
hn_value hn_part(hone_lyra *lyra, hn_value value, hn_value index);

#endif
