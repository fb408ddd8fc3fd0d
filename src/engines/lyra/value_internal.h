/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a value is: one 64-bit word. Its two lowest bits say which kind.
 *
 *     ..00  the address of a node: an expression f[x, y], a string, a number that does not fit here
 *     ..01  an integer of 62 bits
 *     ..10  a machine real whose exponent is near 0 (about 1e-77 to 1e77) or that is +0., rotated
 * so           that nothing of it is lost; the others are nodes. The encoding is Ruby's "flonum".
 *     .011  the address of a symbol
 *     .111  a local: the number of a variable in the body of a rule or of a function. Only compiled
 *           bodies have them, no program ever sees one.
 *     0     no value at all (HN_NONE)
 *
 * Nodes are immutable once a program can see them. A node has its hash, computed when first asked
 * for, and a stamp: at which moment it was found to evaluate to itself (evaluate.c).
 */
#ifndef HN_LYRA_VALUE_INTERNAL_H
#define HN_LYRA_VALUE_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "hone/base/hints.h"
#include "hone/base/span.h"

typedef uint64_t hn_value;

#define HN_NONE ((hn_value)0)
#define HN_INTEGER_MAX ((int64_t)0x1fffffffffffffff)
#define HN_INTEGER_MIN (-HN_INTEGER_MAX - 1)

typedef enum hn_kind {
    HN_FREE, /* a cell that holds nothing */
    HN_NORMAL,
    HN_STRING,
    HN_BIG,      /* an integer: sign in flags, count limbs of 64 bits */
    HN_RATIONAL, /* two integers, in lowest terms, the second > 1 */
    HN_REAL,     /* a double that is no immediate */
    HN_BIGREAL,  /* significant digits; see bigreal.c */
    HN_COMPLEX,  /* real and imaginary part, never both exact with the second 0 */
    HN_PATTERN,  /* a compiled pattern: op in flags, the operands are values */
    HN_RULE,     /* a compiled rule */
} hn_kind;

enum {
    HN_FLAG_LOCALS = 1,   /* a local occurs in it */
    HN_FLAG_NEGATIVE = 2, /* of HN_BIG and HN_BIGREAL */
    HN_GROUP_SYSTEM = 1,  /* the group of all symbols of System` */
};

typedef struct hn_node {
    uint8_t kind;
    uint8_t flags;
    uint16_t groups;  /* of the symbols in it, one bit a group */
    uint32_t count;   /* arguments; bytes of a string; limbs of a number */
    uint32_t hash;    /* 0: not computed yet */
    uint32_t stamp;   /* 0: never found to evaluate to itself */
    hn_value words[]; /* head, then arguments */
} hn_node;

typedef struct hn_symbol hn_symbol;

static inline bool hn_is_integer(hn_value value) {
    return (value & 3) == 1;
}
static inline bool hn_is_flonum(hn_value value) {
    return (value & 3) == 2;
}
static inline bool hn_is_symbol(hn_value value) {
    return (value & 7) == 3;
}
static inline bool hn_is_local(hn_value value) {
    return (value & 7) == 7;
}
static inline bool hn_is_node(hn_value value) {
    return (value & 3) == 0 && value != HN_NONE;
}

static inline int64_t hn_integer_of(hn_value value) {
    return (int64_t)value >> 2;
}
/* `integer` must fit. */
static inline hn_value hn_of_small(int64_t integer) {
    return ((uint64_t)integer << 2) | 1;
}
static inline hn_node *hn_node_of(hn_value value) {
    return (hn_node *)(uintptr_t)value;
}
static inline hn_value hn_of_node(const hn_node *node) {
    return (hn_value)(uintptr_t)node;
}
static inline hn_symbol *hn_symbol_of(hn_value value) {
    return (hn_symbol *)(uintptr_t)(value & ~(hn_value)7);
}
static inline hn_value hn_of_symbol(const hn_symbol *symbol) {
    return (hn_value)(uintptr_t)symbol | 3;
}
static inline uint32_t hn_local_of(hn_value value) {
    return (uint32_t)(value >> 3);
}
static inline hn_value hn_of_local(uint32_t index) {
    return ((hn_value)index << 3) | 7;
}

static inline double hn_flonum_of(hn_value value) {
    uint64_t bits = 0;
    if (value != 0x8000000000000002u) {
        uint64_t turned = (2 - (value >> 63)) | (value & ~(uint64_t)3);
        bits = turned >> 3 | turned << 61;
    }
    double real;
    memcpy(&real, &bits, sizeof real);
    return real;
}

/* HN_NONE when this real needs a node. */
static inline hn_value hn_of_flonum(double real) {
    uint64_t bits;
    memcpy(&bits, &real, sizeof bits);
    uint64_t high = (bits >> 60) & 7;
    if (bits != 0x3000000000000000u && (high == 3 || high == 4)) {
        return ((bits << 3 | bits >> 61) & ~(uint64_t)3) | 2;
    }
    return bits == 0 ? 0x8000000000000002u : HN_NONE;
}

static inline bool hn_is_kind(hn_value value, hn_kind kind) {
    return hn_is_node(value) && hn_node_of(value)->kind == kind;
}
static inline bool hn_is_normal(hn_value value) {
    return hn_is_kind(value, HN_NORMAL);
}
static inline bool hn_is_string(hn_value value) {
    return hn_is_kind(value, HN_STRING);
}
static inline bool hn_is_real(hn_value value) {
    return hn_is_flonum(value) || hn_is_kind(value, HN_REAL);
}
static inline bool hn_is_any_integer(hn_value value) {
    return hn_is_integer(value) || hn_is_kind(value, HN_BIG);
}
static inline bool hn_is_rational(hn_value value) {
    return hn_is_any_integer(value) || hn_is_kind(value, HN_RATIONAL);
}
static inline bool hn_is_number(hn_value value) {
    if (hn_is_node(value)) {
        uint8_t kind = hn_node_of(value)->kind;
        return kind >= HN_BIG && kind <= HN_COMPLEX;
    }
    return hn_is_integer(value) || hn_is_flonum(value);
}
static inline bool hn_is_atom(hn_value value) {
    return !hn_is_normal(value);
}

static inline hn_value *hn_args(hn_value value) {
    return hn_node_of(value)->words + 1;
}
static inline uint32_t hn_count(hn_value value) {
    return hn_node_of(value)->count;
}
static inline hn_value hn_arg(hn_value value, uint32_t index) {
    return hn_node_of(value)->words[1 + index];
}
static inline hn_value hn_head(hn_value value) {
    return hn_node_of(value)->words[0];
}
/* f[...] with this head. */
static inline bool hn_has_head(hn_value value, hn_value head) {
    return hn_is_normal(value) && hn_head(value) == head;
}
static inline bool hn_has_form(hn_value value, hn_value head, uint32_t count) {
    return hn_has_head(value, head) && hn_count(value) == count;
}

static inline hone_text hn_text_of(hn_value string) {
    return (hone_text){(const char *)hn_node_of(string)->words, hn_node_of(string)->count};
}

#endif
