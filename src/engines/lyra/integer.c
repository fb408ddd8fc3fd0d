/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Integers: 62 bits in the word, else limbs in a cell, which GMP reads in place. Results of GMP are
 * made in the kernel's own mpz's and copied into a cell.
 */
#include "make_internal.h"
#include "numbers_internal.h"
#include "unwind_internal.h"

_Static_assert(sizeof(mp_limb_t) == 8, "limbs of 64 bits");

const __mpz_struct *hn_mpz_view(hn_value integer, hn_mpz_room *room, mpz_t out_view) {
    if (hn_is_integer(integer)) {
        int64_t small = hn_integer_of(integer);
        room->limb = small < 0 ? (mp_limb_t) - (uint64_t)small : (mp_limb_t)small;
        return mpz_roinit_n(out_view, &room->limb, small < 0 ? -1 : small > 0);
    }
    const hn_node *node = hn_node_of(integer);
    mp_size_t size = (mp_size_t)node->count;
    return mpz_roinit_n(out_view, (const mp_limb_t *)node->words,
                        node->flags & HN_FLAG_NEGATIVE ? -size : size);
}

hn_value hn_make_mpz(hone_lyra *lyra, const __mpz_struct *integer) {
    if (mpz_fits_slong_p(integer)) {
        long small = mpz_get_si(integer);
        if (small >= HN_INTEGER_MIN && small <= HN_INTEGER_MAX) {
            return hn_of_small(small);
        }
    }
    size_t count = mpz_size(integer);
    hn_node *node = hn_node_new(lyra, HN_BIG, (uint32_t)count);
    node->count = (uint32_t)count;
    node->flags = mpz_sgn(integer) < 0 ? HN_FLAG_NEGATIVE : 0;
    memcpy(node->words, mpz_limbs_read(integer), count * sizeof(mp_limb_t));
    return hn_of_node(node);
}

hn_value hn_make_integer(hone_lyra *lyra, int64_t integer) {
    if (integer >= HN_INTEGER_MIN && integer <= HN_INTEGER_MAX) {
        return hn_of_small(integer);
    }
    hn_node *node = hn_node_new(lyra, HN_BIG, 1);
    node->count = 1;
    node->flags = integer < 0 ? HN_FLAG_NEGATIVE : 0;
    node->words[0] = integer < 0 ? -(uint64_t)integer : (uint64_t)integer;
    return hn_of_node(node);
}

int hn_integer_sign(hn_value integer) {
    if (hn_is_integer(integer)) {
        int64_t small = hn_integer_of(integer);
        return (small > 0) - (small < 0);
    }
    return hn_node_of(integer)->flags & HN_FLAG_NEGATIVE ? -1 : 1;
}

int hn_integer_compare(hn_value a, hn_value b) {
    if (hn_is_integer(a) && hn_is_integer(b)) {
        return (hn_integer_of(a) > hn_integer_of(b)) - (hn_integer_of(a) < hn_integer_of(b));
    }
    hn_mpz_room left_room, right_room;
    mpz_t left, right;
    (void)hn_mpz_view(a, &left_room, left);
    (void)hn_mpz_view(b, &right_room, right);
    int order = mpz_cmp(left, right);
    return (order > 0) - (order < 0);
}

typedef void operation(mpz_ptr out, mpz_srcptr a, mpz_srcptr b);

static hn_value by_gmp(hone_lyra *lyra, operation *operate, hn_value a, hn_value b) {
    hn_mpz_room left_room, right_room;
    mpz_t left, right;
    (void)hn_mpz_view(a, &left_room, left);
    (void)hn_mpz_view(b, &right_room, right);
    operate(lyra->integers[0], left, right);
    return hn_make_mpz(lyra, lyra->integers[0]);
}

hn_value hn_integer_add(hone_lyra *lyra, hn_value a, hn_value b) {
    if (hn_is_integer(a) && hn_is_integer(b)) {
        return hn_make_integer(lyra, hn_integer_of(a) + hn_integer_of(b)); /* 63 bits suffice */
    }
    return by_gmp(lyra, mpz_add, a, b);
}

hn_value hn_integer_subtract(hone_lyra *lyra, hn_value a, hn_value b) {
    if (hn_is_integer(a) && hn_is_integer(b)) {
        return hn_make_integer(lyra, hn_integer_of(a) - hn_integer_of(b));
    }
    return by_gmp(lyra, mpz_sub, a, b);
}

hn_value hn_integer_multiply(hone_lyra *lyra, hn_value a, hn_value b) {
    int64_t product;
    if (hn_is_integer(a) && hn_is_integer(b) &&
        !__builtin_mul_overflow(hn_integer_of(a), hn_integer_of(b), &product)) {
        return hn_make_integer(lyra, product);
    }
    if (hn_integer_bits(a) + hn_integer_bits(b) > HN_BITS_MAX) {
        hn_unwind(lyra, HN_UNWIND_MEMORY);
    }
    return by_gmp(lyra, mpz_mul, a, b);
}

hn_value hn_integer_negate(hone_lyra *lyra, hn_value a) {
    return hn_integer_subtract(lyra, hn_of_small(0), a);
}

hn_value hn_integer_gcd(hone_lyra *lyra, hn_value a, hn_value b) {
    if (hn_is_integer(a) && hn_is_integer(b)) {
        int64_t left = hn_integer_of(a), right = hn_integer_of(b);
        left = left < 0 ? -left : left;
        right = right < 0 ? -right : right;
        while (right) {
            int64_t rest = left % right;
            left = right;
            right = rest;
        }
        return hn_make_integer(lyra, left);
    }
    return by_gmp(lyra, mpz_gcd, a, b);
}

hn_value hn_integer_quotient(hone_lyra *lyra, hn_value a, hn_value b) {
    if (hn_is_integer(a) && hn_is_integer(b)) {
        int64_t left = hn_integer_of(a), right = hn_integer_of(b), quotient = left / right;
        return hn_make_integer(lyra, quotient - ((left % right != 0) && (left < 0) != (right < 0)));
    }
    return by_gmp(lyra, mpz_fdiv_q, a, b);
}

hn_value hn_integer_mod(hone_lyra *lyra, hn_value a, hn_value b) {
    if (hn_is_integer(a) && hn_is_integer(b)) {
        int64_t right = hn_integer_of(b), rest = hn_integer_of(a) % right;
        return hn_of_small(rest != 0 && (rest < 0) != (right < 0) ? rest + right : rest);
    }
    return by_gmp(lyra, mpz_fdiv_r, a, b);
}

hn_value hn_integer_exact_quotient(hone_lyra *lyra, hn_value a, hn_value b) {
    if (hn_is_integer(a) && hn_is_integer(b)) {
        return hn_make_integer(lyra, hn_integer_of(a) / hn_integer_of(b));
    }
    return by_gmp(lyra, mpz_divexact, a, b);
}

hn_value hn_integer_power(hone_lyra *lyra, hn_value base, uint64_t exponent) {
    size_t bits = hn_integer_bits(base);
    if (bits > 1 && exponent > HN_BITS_MAX / (bits - 1)) {
        return HN_NONE;
    }
    hn_mpz_room room;
    mpz_t view;
    (void)hn_mpz_view(base, &room, view);
    if (bits <= 1) { /* -1, 0, 1 */
        exponent = exponent == 0 ? 0 : 2 - (exponent & 1);
    }
    mpz_pow_ui(lyra->integers[0], view, exponent);
    return hn_make_mpz(lyra, lyra->integers[0]);
}

bool hn_integer_is_odd(hn_value integer) {
    return hn_is_integer(integer) ? hn_integer_of(integer) & 1 : hn_node_of(integer)->words[0] & 1;
}

size_t hn_integer_bits(hn_value integer) {
    hn_mpz_room room;
    mpz_t view;
    return mpz_sizeinbase(hn_mpz_view(integer, &room, view), 2);
}

hn_value hn_integer_read(hone_lyra *lyra, hone_text digits, int base) {
    size_t top = lyra->stack_top, words = digits.size / 8 + 1;
    hn_stack_need(lyra, words);
    char *copy = (char *)(lyra->stack + top); /* terminated, as GMP wants it */
    memcpy(copy, digits.data, digits.size);
    copy[digits.size] = '\0';
    return mpz_set_str(lyra->integers[0], copy, base) == 0 ? hn_make_mpz(lyra, lyra->integers[0])
                                                           : HN_NONE;
}
