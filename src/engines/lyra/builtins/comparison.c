/* SPDX-License-Identifier: Apache-2.0 */
/* Equal, Less, SameQ and their like; Not, Xor, Boole; predicates on types. */
#include <math.h>

#include "builtins_internal.h"

/* Real constants and what N makes a number of, compared numerically where that decides. */
static bool order_numeric(hone_lyra *lyra, hn_value a, hn_value b, int *out_order) {
    hn_value x = hn_is_number(a) ? a : hn_numeric(lyra, a);
    hn_value y = hn_is_number(b) ? b : hn_numeric(lyra, b);
    if (HN_IS_FORM(lyra, a, DirectedInfinity) && hn_count(a) == 1) {
        x = hn_make_real(lyra, hn_arg(a, 0) == hn_of_small(1) ? INFINITY : -INFINITY);
    }
    if (HN_IS_FORM(lyra, b, DirectedInfinity) && hn_count(b) == 1) {
        y = hn_make_real(lyra, hn_arg(b, 0) == hn_of_small(1) ? INFINITY : -INFINITY);
    }
    if (!hn_is_real_number(x) || !hn_is_real_number(y)) {
        return false;
    }
    if (hn_is_rational(x) && hn_is_rational(y)) {
        *out_order = hn_number_compare(lyra, x, y);
        return true;
    }
    double left = hn_number_to_double(x), right = hn_number_to_double(y);
    if (isnan(left) || isnan(right)) {
        return false;
    }
    double size = fmax(fabs(left), fabs(right));
    bool is_close = fabs(left - right) <= size * 1.4210854715202004e-14; /* the last 7 bits */
    *out_order = is_close && !isinf(size) ? 0 : (left > right) - (left < right);
    return true;
}

int hn_equal(hone_lyra *lyra, hn_value a, hn_value b) {
    int order;
    if (hn_is_same(lyra, a, b)) {
        return 1;
    }
    if (hn_is_number(a) && hn_is_number(b)) {
        if (hn_is_real_number(a) && hn_is_real_number(b)) {
            return order_numeric(lyra, a, b, &order) ? order == 0 : -1;
        }
        return hn_equal(lyra, hn_real_part(a), hn_real_part(b)) == 1 &&
               hn_equal(lyra, hn_imaginary_part(a), hn_imaginary_part(b)) == 1;
    }
    bool a_raw = hn_is_number(a) || hn_is_string(a), b_raw = hn_is_number(b) || hn_is_string(b);
    if (a_raw && b_raw) {
        return 0;
    }
    if (HN_IS_FORM(lyra, a, List) && HN_IS_FORM(lyra, b, List)) {
        if (hn_count(a) != hn_count(b)) {
            return 0;
        }
        int all = 1;
        for (uint32_t i = 0; i < hn_count(a); i++) {
            int one = hn_equal(lyra, hn_arg(a, i), hn_arg(b, i));
            all = one == 0 || all == 0 ? 0 : one == -1 ? -1 : all;
        }
        return all;
    }
    hn_value true_symbol = HN_SYM(lyra, True), false_symbol = HN_SYM(lyra, False);
    if ((a == true_symbol || a == false_symbol) && (b == true_symbol || b == false_symbol)) {
        return 0;
    }
    if (!hn_is_number(hn_numeric(lyra, a)) && !HN_IS_FORM(lyra, a, DirectedInfinity)) {
        return -1;
    }
    return order_numeric(lyra, a, b, &order) ? order == 0 : -1;
}

static hn_value equal(hone_lyra *lyra, hn_call *call) {
    int all = 1;
    for (uint32_t i = 1; i < call->count; i++) {
        int one = hn_equal(lyra, call->args[i - 1], call->args[i]);
        if (one == 0) {
            return HN_SYM(lyra, False);
        }
        all = one < 0 ? -1 : all;
    }
    return all == 1 ? HN_SYM(lyra, True) : HN_NONE;
}

static hn_value unequal(hone_lyra *lyra, hn_call *call) {
    bool is_known = true;
    for (uint32_t i = 0; i < call->count; i++) {
        for (uint32_t k = 0; k < i; k++) {
            int one = hn_equal(lyra, call->args[k], call->args[i]);
            if (one == 1) {
                return HN_SYM(lyra, False);
            }
            is_known = is_known && one == 0;
        }
    }
    return is_known ? HN_SYM(lyra, True) : HN_NONE;
}

typedef bool test(int order);

static bool is_less(int order) {
    return order < 0;
}
static bool is_less_equal(int order) {
    return order <= 0;
}
static bool is_greater(int order) {
    return order > 0;
}
static bool is_greater_equal(int order) {
    return order >= 0;
}

static hn_value compare(hone_lyra *lyra, hn_call *call, test *is_fine) {
    bool is_known = true;
    for (uint32_t i = 1; i < call->count; i++) {
        int order;
        hn_value a = call->args[i - 1], b = call->args[i];
        if (hn_is_integer(a) && hn_is_integer(b)) {
            order = (hn_integer_of(a) > hn_integer_of(b)) - (hn_integer_of(a) < hn_integer_of(b));
        } else if (!order_numeric(lyra, a, b, &order)) {
            is_known = false;
            continue;
        }
        if (!is_fine(order)) {
            return HN_SYM(lyra, False);
        }
    }
    return is_known ? HN_SYM(lyra, True) : HN_NONE;
}

static hn_value less(hone_lyra *lyra, hn_call *call) {
    return compare(lyra, call, is_less);
}
static hn_value less_equal(hone_lyra *lyra, hn_call *call) {
    return compare(lyra, call, is_less_equal);
}
static hn_value greater(hone_lyra *lyra, hn_call *call) {
    return compare(lyra, call, is_greater);
}
static hn_value greater_equal(hone_lyra *lyra, hn_call *call) {
    return compare(lyra, call, is_greater_equal);
}

static hn_value inequality(hone_lyra *lyra, hn_call *call) {
    size_t top = lyra->stack_top;
    bool is_known = true;
    for (uint32_t i = 0; i + 2 < call->count; i += 2) {
        hn_value one = hn_apply2(lyra, call->args[i + 1], call->args[i], call->args[i + 2]);
        if (one == HN_SYM(lyra, False)) {
            lyra->stack_top = top;
            return one;
        }
        is_known = is_known && hn_is_true(lyra, one);
    }
    return is_known ? HN_SYM(lyra, True) : HN_NONE;
}

static hn_value same_q(hone_lyra *lyra, hn_call *call) {
    for (uint32_t i = 1; i < call->count; i++) {
        if (!hn_is_same(lyra, call->args[i - 1], call->args[i])) {
            return HN_SYM(lyra, False);
        }
    }
    return HN_SYM(lyra, True);
}

static hn_value unsame_q(hone_lyra *lyra, hn_call *call) {
    for (uint32_t i = 0; i < call->count; i++) {
        for (uint32_t k = 0; k < i; k++) {
            if (hn_is_same(lyra, call->args[k], call->args[i])) {
                return HN_SYM(lyra, False);
            }
        }
    }
    return HN_SYM(lyra, True);
}

static hn_value logical_not(hone_lyra *lyra, hn_call *call) {
    hn_value arg = call->args[0];
    if (arg == HN_SYM(lyra, True) || arg == HN_SYM(lyra, False)) {
        return hn_make_bool(lyra, arg == HN_SYM(lyra, False));
    }
    static const hn_system_symbol opposite[][2] = {
        {HN_S_Equal, HN_S_Unequal}, {HN_S_Less, HN_S_GreaterEqual}, {HN_S_Greater, HN_S_LessEqual}};
    for (size_t i = 0; i < 3 && hn_is_normal(arg); i++) {
        hn_value a = hn_of_symbol(&lyra->system[opposite[i][0]]);
        hn_value b = hn_of_symbol(&lyra->system[opposite[i][1]]);
        if (hn_count(arg) == 2 && (hn_head(arg) == a || hn_head(arg) == b)) {
            return hn_make(lyra, hn_head(arg) == a ? b : a, hn_args(arg), 2);
        }
    }
    return hn_has_form(arg, HN_SYM(lyra, Not), 1) ? hn_arg(arg, 0) : HN_NONE;
}

static hn_value boole(hone_lyra *lyra, hn_call *call) {
    hn_value arg = call->args[0];
    return arg == HN_SYM(lyra, True)    ? hn_of_small(1)
           : arg == HN_SYM(lyra, False) ? hn_of_small(0)
                                        : HN_NONE;
}

static hn_value logic(hone_lyra *lyra, hn_call *call) {
    (void)lyra;
    (void)call;
    return HN_NONE; /* the evaluator's own */
}

/* --- predicates ------------------------------------------------------------------------------ */

#define PREDICATE(name, test)                              \
    static hn_value name(hone_lyra *lyra, hn_call *call) { \
        hn_value value = call->args[0];                    \
        return hn_make_bool(lyra, (test));                 \
    }

PREDICATE(atom_q, hn_is_atom(value))
PREDICATE(number_q, hn_is_number(value))
PREDICATE(integer_q, hn_is_any_integer(value))
PREDICATE(string_q, hn_is_string(value))
PREDICATE(list_q, HN_IS_FORM(lyra, value, List))
PREDICATE(association_q, HN_IS_FORM(lyra, value, Association))
PREDICATE(true_q, hn_is_true(lyra, value))
PREDICATE(numeric_q, hn_is_number(value) || hn_is_number(hn_numeric(lyra, value)))
PREDICATE(exact_q, hn_is_number(value) && hn_number_is_exact(value))
PREDICATE(inexact_q, hn_is_number(value) && !hn_number_is_exact(value))
PREDICATE(even_q, hn_is_any_integer(value) && !hn_integer_is_odd(value))
PREDICATE(odd_q, hn_is_any_integer(value) && hn_integer_is_odd(value))
PREDICATE(boolean_q, value == HN_SYM(lyra, True) || value == HN_SYM(lyra, False))

static hn_value sign_test(hone_lyra *lyra, hn_call *call, bool (*is_fine)(int)) {
    hn_value number = call->args[0];
    number = hn_is_number(number) ? number : hn_numeric(lyra, number);
    if (HN_IS_FORM(lyra, call->args[0], DirectedInfinity) && hn_count(call->args[0]) == 1) {
        number = hn_arg(call->args[0], 0);
    }
    if (!hn_is_number(number)) {
        return HN_NONE;
    }
    return hn_make_bool(lyra, hn_is_real_number(number) && is_fine(hn_number_sign(number)));
}

static hn_value positive(hone_lyra *lyra, hn_call *call) {
    return sign_test(lyra, call, is_greater);
}
static hn_value negative(hone_lyra *lyra, hn_call *call) {
    return sign_test(lyra, call, is_less);
}
static hn_value non_negative(hone_lyra *lyra, hn_call *call) {
    return sign_test(lyra, call, is_greater_equal);
}
static hn_value non_positive(hone_lyra *lyra, hn_call *call) {
    return sign_test(lyra, call, is_less_equal);
}

static hn_value order(hone_lyra *lyra, hn_call *call) {
    int result = hn_order(lyra, call->args[0], call->args[1]);
    return hn_of_small(result < 0 ? 1 : result > 0 ? -1 : 0);
}

static hn_value ordered_q(hone_lyra *lyra, hn_call *call) {
    hn_value list = call->args[0];
    if (!hn_is_normal(list)) {
        return HN_NONE;
    }
    for (uint32_t i = 1; i < hn_count(list); i++) {
        if (hn_order(lyra, hn_arg(list, i - 1), hn_arg(list, i)) > 0) {
            return HN_SYM(lyra, False);
        }
    }
    return HN_SYM(lyra, True);
}

static hn_value extreme(hone_lyra *lyra, hn_call *call, int wanted) {
    size_t top = lyra->stack_top;
    hn_value best = HN_NONE;
    bool has_list = false;
    for (uint32_t i = 0; i < call->count; i++) {
        hn_value arg = call->args[i];
        if (HN_IS_FORM(lyra, arg, List)) {
            has_list = true;
            hn_value inner = hn_make(lyra, call->head, hn_args(arg), hn_count(arg));
            arg = hn_evaluate(lyra, inner);
        }
        int compared;
        if (HN_IS_FORM(lyra, arg, DirectedInfinity) && hn_count(arg) == 1 &&
            hn_arg(arg, 0) == hn_of_small(-wanted)) {
            has_list = true;
            continue;
        }
        if (best == HN_NONE || !order_numeric(lyra, arg, arg, &compared)) {
            if (best == HN_NONE && order_numeric(lyra, arg, arg, &compared)) {
                best = arg;
            } else {
                hn_push(lyra, arg);
            }
        } else if (order_numeric(lyra, arg, best, &compared) && compared == wanted) {
            best = arg;
        }
    }
    uint32_t symbols = (uint32_t)(lyra->stack_top - top);
    if (symbols == 0) {
        return best != HN_NONE
                   ? best
                   : hn_make1(lyra, HN_SYM(lyra, DirectedInfinity), hn_of_small(-wanted));
    }
    if (best != HN_NONE) {
        hn_push(lyra, best);
    }
    if (!has_list && lyra->stack_top - top == call->count) {
        lyra->stack_top = top;
        return call->count == 1 ? call->args[0] : HN_NONE;
    }
    return hn_make_pushed(lyra, call->head, top);
}

static hn_value maximum(hone_lyra *lyra, hn_call *call) {
    return extreme(lyra, call, 1);
}
static hn_value minimum(hone_lyra *lyra, hn_call *call) {
    return extreme(lyra, call, -1);
}

const hn_builtin hn_builtins_comparison[] = {
    {"Equal", equal, HN_P, 0, -1, "lhs == rhs is True when both are equal."},
    {"Unequal", unequal, HN_P, 0, -1, "lhs != rhs is False when both are equal."},
    {"Less", less, HN_P, 0, -1, "x < y is True when x is less than y."},
    {"LessEqual", less_equal, HN_P, 0, -1, "x <= y is True when x is at most y."},
    {"Greater", greater, HN_P, 0, -1, "x > y is True when x is greater than y."},
    {"GreaterEqual", greater_equal, HN_P, 0, -1, "x >= y is True when x is at least y."},
    {"Inequality", inequality, HN_P, 0, -1, "Inequality represents a chain of comparisons."},
    {"SameQ", same_q, HN_P, 0, -1, "lhs === rhs is True when both are identical."},
    {"UnsameQ", unsame_q, HN_P, 0, -1, "lhs =!= rhs is True when both are not identical."},
    {"And", logic, HN_P | HN_FLAT | HN_HOLD_ALL | HN_ONE_IDENTITY, 0, -1,
     "e1 && e2 is the logical AND."},
    {"Or", logic, HN_P | HN_FLAT | HN_HOLD_ALL | HN_ONE_IDENTITY, 0, -1,
     "e1 || e2 is the logical OR."},
    {"Not", logical_not, HN_P, 1, 1, "!expr is the logical NOT."},
    {"Boole", boole, HN_P | HN_LISTABLE, 1, 1, "Boole[expr] is 1 for True and 0 for False."},
    {"AtomQ", atom_q, HN_P, 1, 1, "AtomQ[expr] is True for what has no parts."},
    {"NumberQ", number_q, HN_P, 1, 1, "NumberQ[expr] is True for numbers."},
    {"IntegerQ", integer_q, HN_P, 1, 1, "IntegerQ[expr] is True for integers."},
    {"StringQ", string_q, HN_P, 1, 1, "StringQ[expr] is True for strings."},
    {"ListQ", list_q, HN_P, 1, 1, "ListQ[expr] is True for lists."},
    {"AssociationQ", association_q, HN_P, 1, 1, "AssociationQ[expr] is True for associations."},
    {"TrueQ", true_q, HN_P, 1, 1, "TrueQ[expr] is True only for True."},
    {"NumericQ", numeric_q, HN_P, 1, 1, "NumericQ[expr] is True for what has a numeric value."},
    {"ExactNumberQ", exact_q, HN_P, 1, 1, "ExactNumberQ[expr] is True for exact numbers."},
    {"InexactNumberQ", inexact_q, HN_P, 1, 1, "InexactNumberQ[expr] is True for inexact numbers."},
    {"EvenQ", even_q, HN_P | HN_LISTABLE, 1, 1, "EvenQ[n] is True for even integers."},
    {"OddQ", odd_q, HN_P | HN_LISTABLE, 1, 1, "OddQ[n] is True for odd integers."},
    {"BooleanQ", boolean_q, HN_P, 1, 1, "BooleanQ[expr] is True for True and False."},
    {"Positive", positive, HN_P | HN_LISTABLE, 1, 1, "Positive[x] is True for x > 0."},
    {"Negative", negative, HN_P | HN_LISTABLE, 1, 1, "Negative[x] is True for x < 0."},
    {"NonNegative", non_negative, HN_P | HN_LISTABLE, 1, 1, "NonNegative[x] is True for x >= 0."},
    {"NonPositive", non_positive, HN_P | HN_LISTABLE, 1, 1, "NonPositive[x] is True for x <= 0."},
    {"Order", order, HN_P, 2, 2, "Order[a, b] is 1 when a comes before b, -1 when after."},
    {"OrderedQ", ordered_q, HN_P, 1, 1, "OrderedQ[list] is True for a list in canonical order."},
    {"Max", maximum, HN_P | HN_FLAT | HN_ORDERLESS | HN_ONE_IDENTITY | HN_NUMERIC_FUNCTION, 0, -1,
     "Max[x, y, ...] is the largest."},
    {"Min", minimum, HN_P | HN_FLAT | HN_ORDERLESS | HN_ONE_IDENTITY | HN_NUMERIC_FUNCTION, 0, -1,
     "Min[x, y, ...] is the smallest."},
    {0},
};
