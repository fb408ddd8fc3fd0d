/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plus, Times and what is written with them. Operands come evaluated, flat and in canonical order;
 * in it like terms and powers of one base are neighbours.
 */
#include "builtins_internal.h"

static bool is_infinity(hone_lyra *lyra, hn_value value) {
    return HN_IS_FORM(lyra, value, DirectedInfinity);
}

static hn_value indeterminate(hone_lyra *lyra, hn_value head, hn_value a, hn_value b) {
    hn_value sum = hn_make1(lyra, HN_SYM(lyra, HoldForm), hn_make2(lyra, head, a, b));
    hn_message1(lyra, HN_SYM(lyra, Infinity), "indet", sum);
    return HN_SYM(lyra, Indeterminate);
}

/* --- sums ------------------------------------------------------------------------------------ */

/* 3 x y as 3 and x y. */
static hn_value term_of(hone_lyra *lyra, hn_value value, hn_value *out_factor) {
    *out_factor = hn_of_small(1);
    if (!HN_IS_FORM(lyra, value, Times) || hn_count(value) < 2 || !hn_is_number(hn_arg(value, 0))) {
        return value;
    }
    *out_factor = hn_arg(value, 0);
    return hn_count(value) == 2 ? hn_arg(value, 1)
                                : hn_stamp(lyra, hn_make(lyra, HN_SYM(lyra, Times),
                                                         hn_args(value) + 1, hn_count(value) - 1));
}

static bool is_same_term(hone_lyra *lyra, hn_value a, hn_value b) {
    hn_value times = HN_SYM(lyra, Times);
    uint32_t skip_a = hn_has_head(a, times) && hn_is_number(hn_arg(a, 0));
    uint32_t skip_b = hn_has_head(b, times) && hn_is_number(hn_arg(b, 0));
    const hn_value *left = skip_a ? hn_args(a) + 1 : &a, *right = skip_b ? hn_args(b) + 1 : &b;
    uint32_t left_count = skip_a ? hn_count(a) - 1 : 1, right_count = skip_b ? hn_count(b) - 1 : 1;
    if (!skip_a && skip_b && right_count > 1 && hn_has_head(a, times)) {
        left = hn_args(a);
        left_count = hn_count(a);
    }
    if (!skip_b && skip_a && left_count > 1 && hn_has_head(b, times)) {
        right = hn_args(b);
        right_count = hn_count(b);
    }
    if (left_count != right_count) {
        return false;
    }
    for (uint32_t i = 0; i < left_count; i++) {
        if (!hn_is_same(lyra, left[i], right[i])) {
            return false;
        }
    }
    return true;
}

static hn_value with_factor(hone_lyra *lyra, hn_value factor, hn_value term) {
    if (factor == hn_of_small(1)) {
        return term;
    }
    if (hn_is_number(factor) && hn_number_is_exact(factor) && hn_number_is_zero(factor)) {
        return hn_of_small(0);
    }
    if (!HN_IS_FORM(lyra, term, Times)) {
        return hn_stamp(lyra, hn_make2(lyra, HN_SYM(lyra, Times), factor, term));
    }
    size_t top = lyra->stack_top;
    hn_push(lyra, factor);
    for (uint32_t i = 0; i < hn_count(term); i++) {
        hn_push(lyra, hn_arg(term, i));
    }
    return hn_stamp(lyra, hn_make_pushed(lyra, HN_SYM(lyra, Times), top));
}

static hn_value add_infinities(hone_lyra *lyra, hn_value a, hn_value b) {
    bool are_complex = hn_count(a) == 0 || hn_count(b) == 0;
    if (!are_complex && hn_is_same(lyra, a, b)) {
        return a;
    }
    return indeterminate(lyra, HN_SYM(lyra, Plus), a, b);
}

/* Sums of canonical terms in canonical order: neighbours only have to be compared. */
static hn_value sum_sorted(hone_lyra *lyra, hn_call *call, hn_value number, hn_value infinity) {
    size_t top = lyra->stack_top;
    bool has_changed = false;
    if (infinity != HN_NONE) {
        hn_push(lyra, infinity);
    } else if (number != hn_of_small(0)) {
        hn_push(lyra, number);
    }
    for (uint32_t i = 0; i < call->count; i++) {
        hn_value term = call->args[i], factor, other;
        if (hn_is_number(term) || is_infinity(lyra, term)) {
            continue;
        }
        if (i + 1 < call->count && is_same_term(lyra, term, call->args[i + 1])) {
            hn_value rest = term_of(lyra, term, &factor);
            while (i + 1 < call->count && is_same_term(lyra, term, call->args[i + 1])) {
                (void)term_of(lyra, call->args[++i], &other);
                factor = hn_number_add(lyra, factor, other);
            }
            term = with_factor(lyra, factor, rest);
            has_changed = true;
            if (term == hn_of_small(0)) {
                continue;
            }
        }
        hn_push(lyra, term);
    }
    uint32_t count = (uint32_t)(lyra->stack_top - top);
    if (count == call->count && !has_changed) {
        bool is_same = memcmp(lyra->stack + top, call->args, count * sizeof(hn_value)) == 0;
        if (is_same) {
            lyra->stack_top = top;
            return HN_NONE;
        }
    }
    hn_value result = count == 0   ? hn_of_small(0)
                      : count == 1 ? lyra->stack[top]
                                   : hn_make(lyra, HN_SYM(lyra, Plus), lyra->stack + top, count);
    lyra->stack_top = top;
    return result;
}

static hn_value plus(hone_lyra *lyra, hn_call *call) {
    if (call->count == 2 && hn_is_integer(call->args[0]) && hn_is_integer(call->args[1])) {
        return hn_make_integer(lyra, hn_integer_of(call->args[0]) + hn_integer_of(call->args[1]));
    }
    hn_value number = hn_of_small(0), infinity = HN_NONE;
    uint32_t numbers = 0;
    for (uint32_t i = 0; i < call->count; i++) {
        hn_value arg = call->args[i];
        if (hn_is_number(arg)) {
            number = numbers++ ? hn_number_add(lyra, number, arg) : arg;
        } else if (is_infinity(lyra, arg)) {
            infinity = infinity == HN_NONE ? arg : add_infinities(lyra, infinity, arg);
            if (infinity == HN_SYM(lyra, Indeterminate)) {
                return infinity;
            }
        } else if (arg == HN_SYM(lyra, Indeterminate)) {
            return arg;
        }
    }
    if (numbers == call->count) {
        return number;
    }
    return sum_sorted(lyra, call, number, infinity);
}

/* --- products -------------------------------------------------------------------------------- */

static hn_value base_of(hone_lyra *lyra, hn_value factor) {
    return hn_has_form(factor, HN_SYM(lyra, Power), 2) ? hn_arg(factor, 0) : factor;
}

static hn_value exponent_of(hone_lyra *lyra, hn_value factor) {
    return hn_has_form(factor, HN_SYM(lyra, Power), 2) ? hn_arg(factor, 1) : hn_of_small(1);
}

static hn_value times_infinity(hone_lyra *lyra, hn_value infinity, hn_value number, hn_call *call) {
    if (number != hn_of_small(1) && hn_number_is_zero(number)) {
        return indeterminate(lyra, HN_SYM(lyra, Times), number, infinity);
    }
    size_t top = lyra->stack_top;
    hn_value direction = hn_count(infinity) == 0 ? HN_NONE : hn_arg(infinity, 0);
    for (uint32_t i = 0; i < call->count; i++) {
        hn_value arg = call->args[i];
        if (hn_is_number(arg) || is_infinity(lyra, arg)) {
            continue;
        }
        hn_value numeric = hn_numeric(lyra, arg);
        if (hn_is_real_number(numeric)) {
            number = hn_number_multiply(lyra, number, hn_of_small(hn_number_sign(numeric)));
        } else {
            hn_push(lyra, arg);
        }
    }
    hn_value made = infinity;
    if (direction != HN_NONE) {
        hn_value sign = hn_is_real_number(number) ? hn_of_small(hn_number_sign(number)) : number;
        hn_value turned = hn_times(lyra, sign, direction);
        made = hn_make1(lyra, HN_SYM(lyra, DirectedInfinity), turned);
    }
    uint32_t rest = (uint32_t)(lyra->stack_top - top);
    if (rest == 0) {
        lyra->stack_top = top;
        return made;
    }
    if (rest + 1 == call->count) {
        lyra->stack_top = top;
        return HN_NONE;
    }
    hn_push(lyra, made);
    return hn_make_pushed(lyra, HN_SYM(lyra, Times), top);
}

/* 2^(1/2) * 2 joins bases that are numbers, too: 2 Sqrt[2] stays, 2^(1/2) 2^(1/2) is 2. */
static bool can_join(hone_lyra *lyra, hn_value a, hn_value b) {
    return hn_is_same(lyra, base_of(lyra, a), base_of(lyra, b));
}

static hn_value product_sorted(hone_lyra *lyra, hn_call *call, hn_value number) {
    size_t top = lyra->stack_top;
    bool has_changed = false;
    if (number != hn_of_small(1)) {
        hn_push(lyra, number);
    }
    for (uint32_t i = 0; i < call->count; i++) {
        hn_value factor = call->args[i];
        if (hn_is_number(factor)) {
            continue;
        }
        if (i + 1 < call->count && can_join(lyra, factor, call->args[i + 1])) {
            hn_value exponent = exponent_of(lyra, factor);
            hn_value base = base_of(lyra, factor);
            while (i + 1 < call->count && can_join(lyra, base, call->args[i + 1])) {
                exponent = hn_plus(lyra, exponent, exponent_of(lyra, call->args[++i]));
            }
            factor = hn_raise(lyra, base, exponent);
            has_changed = true;
        }
        if (factor != hn_of_small(1)) {
            hn_push(lyra, factor);
        }
    }
    uint32_t count = (uint32_t)(lyra->stack_top - top);
    bool is_same = !has_changed && count == call->count &&
                   memcmp(lyra->stack + top, call->args, count * sizeof(hn_value)) == 0;
    hn_value result = is_same      ? HN_NONE
                      : count == 0 ? hn_of_small(1)
                      : count == 1 ? lyra->stack[top]
                                   : hn_make(lyra, HN_SYM(lyra, Times), lyra->stack + top, count);
    lyra->stack_top = top;
    return result;
}

/* -1 (a + b) is -a - b; other numbers stay in front of the sum. */
static hn_value negate_sum(hone_lyra *lyra, hn_value sum) {
    size_t top = lyra->stack_top;
    for (uint32_t i = 0; i < hn_count(sum); i++) {
        hn_push(lyra, hn_times(lyra, hn_of_small(-1), hn_arg(sum, i)));
    }
    return hn_make_pushed(lyra, HN_SYM(lyra, Plus), top);
}

static hn_value times(hone_lyra *lyra, hn_call *call) {
    int64_t product;
    if (call->count == 2 && hn_is_integer(call->args[0]) && hn_is_integer(call->args[1]) &&
        !__builtin_mul_overflow(hn_integer_of(call->args[0]), hn_integer_of(call->args[1]),
                                &product)) {
        return hn_make_integer(lyra, product);
    }
    hn_value number = hn_of_small(1), infinity = HN_NONE;
    uint32_t numbers = 0;
    for (uint32_t i = 0; i < call->count; i++) {
        hn_value arg = call->args[i];
        if (hn_is_number(arg)) {
            number = numbers++ ? hn_number_multiply(lyra, number, arg) : arg;
        } else if (is_infinity(lyra, arg)) {
            hn_value direction = infinity == HN_NONE ? arg : HN_NONE;
            if (direction == HN_NONE) {
                direction = hn_count(arg) && hn_count(infinity)
                                ? hn_make1(lyra, HN_SYM(lyra, DirectedInfinity),
                                           hn_times(lyra, hn_arg(arg, 0), hn_arg(infinity, 0)))
                                : hn_make0(lyra, HN_SYM(lyra, DirectedInfinity));
            }
            infinity = direction;
        } else if (arg == HN_SYM(lyra, Indeterminate)) {
            return arg;
        }
    }
    if (numbers == call->count) {
        return number;
    }
    if (infinity != HN_NONE) {
        return times_infinity(lyra, infinity, number, call);
    }
    if (number == hn_of_small(0)) {
        return number;
    }
    if (number == hn_of_small(-1) && call->count == 2 && HN_IS_FORM(lyra, call->args[1], Plus)) {
        return negate_sum(lyra, call->args[1]);
    }
    return product_sorted(lyra, call, number);
}

/* --- for others ------------------------------------------------------------------------------ */

hn_value hn_plus(hone_lyra *lyra, hn_value a, hn_value b) {
    if (hn_is_number(a) && hn_is_number(b)) {
        return hn_number_add(lyra, a, b);
    }
    return hn_evaluate(lyra, hn_make2(lyra, HN_SYM(lyra, Plus), a, b));
}

hn_value hn_times(hone_lyra *lyra, hn_value a, hn_value b) {
    if (hn_is_number(a) && hn_is_number(b)) {
        return hn_number_multiply(lyra, a, b);
    }
    return hn_evaluate(lyra, hn_make2(lyra, HN_SYM(lyra, Times), a, b));
}

hn_value hn_raise(hone_lyra *lyra, hn_value base, hn_value exponent) {
    return hn_evaluate(lyra, hn_make2(lyra, HN_SYM(lyra, Power), base, exponent));
}

static hn_value minus(hone_lyra *lyra, hn_call *call) {
    return hn_times(lyra, hn_of_small(-1), call->args[0]);
}

static hn_value subtract(hone_lyra *lyra, hn_call *call) {
    return hn_plus(lyra, call->args[0], hn_times(lyra, hn_of_small(-1), call->args[1]));
}

static hn_value divide(hone_lyra *lyra, hn_call *call) {
    return hn_times(lyra, call->args[0], hn_raise(lyra, call->args[1], hn_of_small(-1)));
}

const hn_builtin hn_builtins_arithmetic[] = {
    {"Plus", plus, HN_NUMERIC | HN_FLAT | HN_ORDERLESS | HN_ONE_IDENTITY, 0, -1,
     "x + y + z is the sum of its terms."},
    {"Times", times, HN_NUMERIC | HN_FLAT | HN_ORDERLESS | HN_ONE_IDENTITY, 0, -1,
     "x*y*z, x y z is the product of its factors."},
    {"Minus", minus, HN_NUMERIC, 1, 1, "-x is the negative of x."},
    {"Subtract", subtract, HN_NUMERIC, 2, 2, "x - y is equivalent to x + (-1 * y)."},
    {"Divide", divide, HN_NUMERIC, 2, 2, "x/y is equivalent to x y^-1."},
    {0},
};
