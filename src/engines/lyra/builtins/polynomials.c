/* SPDX-License-Identifier: Apache-2.0 */
/* Expand: products and whole powers of sums are multiplied out. */
#include "builtins_internal.h"

static hn_value expand(hone_lyra *lyra, hn_value value);

static hn_value multiply(hone_lyra *lyra, hn_value a, hn_value b) {
    hn_value plus = HN_SYM(lyra, Plus);
    if (!hn_has_head(a, plus) && !hn_has_head(b, plus)) {
        return hn_times(lyra, a, b);
    }
    const hn_value *left = hn_has_head(a, plus) ? hn_args(a) : &a;
    const hn_value *right = hn_has_head(b, plus) ? hn_args(b) : &b;
    uint32_t left_count = hn_has_head(a, plus) ? hn_count(a) : 1;
    uint32_t right_count = hn_has_head(b, plus) ? hn_count(b) : 1;
    size_t top = lyra->stack_top;
    for (uint32_t i = 0; i < left_count; i++) {
        for (uint32_t k = 0; k < right_count; k++) {
            hn_push(lyra, hn_times(lyra, left[i], right[k]));
        }
    }
    return hn_evaluate(lyra, hn_make_pushed(lyra, plus, top));
}

static hn_value expand_power(hone_lyra *lyra, hn_value base, int64_t exponent) {
    hn_value result = hn_of_small(1);
    for (int64_t i = 0; i < exponent; i++) {
        result = multiply(lyra, result, base);
    }
    return result;
}

static hn_value expand(hone_lyra *lyra, hn_value value) {
    int64_t exponent;
    if (!hn_is_normal(value)) {
        return value;
    }
    if (hn_is_stack_low(lyra)) {
        hn_stack_exhausted(lyra);
    }
    if (HN_IS_FORM(lyra, value, Plus) || HN_IS_FORM(lyra, value, List)) {
        size_t top = lyra->stack_top;
        for (uint32_t i = 0; i < hn_count(value); i++) {
            hn_push(lyra, expand(lyra, hn_arg(value, i)));
        }
        return hn_evaluate(lyra, hn_make_pushed(lyra, hn_head(value), top));
    }
    if (HN_IS_FORM(lyra, value, Times)) {
        hn_value result = hn_of_small(1);
        for (uint32_t i = 0; i < hn_count(value); i++) {
            result = multiply(lyra, result, expand(lyra, hn_arg(value, i)));
        }
        return result;
    }
    if (hn_has_form(value, HN_SYM(lyra, Power), 2) && hn_get_int(hn_arg(value, 1), &exponent) &&
        exponent > 1) {
        hn_value base = expand(lyra, hn_arg(value, 0));
        if (HN_IS_FORM(lyra, base, Plus)) {
            return expand_power(lyra, base, exponent);
        }
    }
    return value;
}

static hn_value expand_form(hone_lyra *lyra, hn_call *call) {
    return expand(lyra, call->args[0]);
}

const hn_builtin hn_builtins_polynomials[] = {
    {"Expand", expand_form, HN_P, 1, 1, "Expand[expr] multiplies products and powers of sums out."},
    {0},
};
