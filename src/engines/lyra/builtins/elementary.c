/* SPDX-License-Identifier: Apache-2.0 */
/* N, elementary functions of numbers, rounding, and number theory's basics. */
#include <complex.h>
#include <math.h>

#include "builtins_internal.h"

typedef double real_function(double x);
typedef double complex complex_function(double complex z);
typedef int mpfr_function(mpfr_ptr out, mpfr_srcptr x, mpfr_rnd_t rounding);

static const struct elementary {
    hn_system_symbol symbol;
    real_function *real;
    complex_function *on_complex;
    mpfr_function *big;
    double least, most; /* where the real function is defined */
} functions[] = {
    {HN_S_Sin, sin, csin, mpfr_sin, -INFINITY, INFINITY},
    {HN_S_Cos, cos, ccos, mpfr_cos, -INFINITY, INFINITY},
    {HN_S_Tan, tan, ctan, mpfr_tan, -INFINITY, INFINITY},
    {HN_S_ArcSin, asin, casin, mpfr_asin, -1, 1},
    {HN_S_ArcCos, acos, cacos, mpfr_acos, -1, 1},
    {HN_S_ArcTan, atan, catan, mpfr_atan, -INFINITY, INFINITY},
    {HN_S_Sinh, sinh, csinh, mpfr_sinh, -INFINITY, INFINITY},
    {HN_S_Cosh, cosh, ccosh, mpfr_cosh, -INFINITY, INFINITY},
    {HN_S_Tanh, tanh, ctanh, mpfr_tanh, -INFINITY, INFINITY},
    {HN_S_ArcSinh, asinh, casinh, mpfr_asinh, -INFINITY, INFINITY},
    {HN_S_Log, log, clog, mpfr_log, 0, INFINITY},
};

enum { FUNCTIONS_COUNT = sizeof functions / sizeof *functions };

static const struct elementary *function_of(hone_lyra *lyra, hn_value head) {
    for (uint32_t i = 0; i < FUNCTIONS_COUNT; i++) {
        if (head == hn_of_symbol(&lyra->system[functions[i].symbol])) {
            return &functions[i];
        }
    }
    return NULL;
}

static hn_value inexact(hone_lyra *lyra, const struct elementary *it, hn_value number) {
    if (hn_is_kind(number, HN_BIGREAL)) {
        double size = hn_number_to_double(number);
        if (size >= it->least && size <= it->most) {
            mpfr_t view;
            hn_bigreal_view(hn_node_of(number), view);
            mpfr_set_prec(lyra->reals[0], mpfr_get_prec(view));
            (void)it->big(lyra->reals[0], view, MPFR_RNDN);
            return hn_make_mpfr(lyra, lyra->reals[0]);
        }
    }
    if (hn_is_real_number(number)) {
        double x = hn_number_to_double(number);
        if (x >= it->least && x <= it->most) {
            return hn_make_real(lyra, it->real(x));
        }
    }
    double complex z = hn_number_to_double(hn_real_part(number)) +
                       hn_number_to_double(hn_imaginary_part(number)) * I;
    z = it->on_complex(z);
    hn_value real = hn_make_real(lyra, creal(z));
    return hn_make_complex(lyra, real, hn_make_real(lyra, cimag(z)));
}

static bool constant_value(const hone_lyra *lyra, hn_value symbol, double *out) {
    static const struct {
        hn_system_symbol symbol;
        double value;
    } constants[] = {{HN_S_Pi, M_PI},
                     {HN_S_E, M_E},
                     {HN_S_Degree, M_PI / 180},
                     {HN_S_GoldenRatio, 1.6180339887498949},
                     {HN_S_EulerGamma, 0.57721566490153286},
                     {HN_S_Catalan, 0.91596559417721901}};
    for (size_t i = 0; i < sizeof constants / sizeof *constants; i++) {
        if (symbol == hn_of_symbol(&lyra->system[constants[i].symbol])) {
            *out = constants[i].value;
            return true;
        }
    }
    return false;
}

/* N with machine numbers, of whole expressions: parts that have no number stay. */
static hn_value numeric(hone_lyra *lyra, hn_value value) {
    double constant;
    if (hn_is_number(value)) {
        if (hn_is_kind(value, HN_COMPLEX)) {
            hn_value real = hn_make_real(lyra, hn_number_to_double(hn_real_part(value)));
            return hn_make_complex(
                lyra, real, hn_make_real(lyra, hn_number_to_double(hn_imaginary_part(value))));
        }
        return hn_make_real(lyra, hn_number_to_double(value));
    }
    if (hn_is_symbol(value)) {
        return constant_value(lyra, value, &constant) ? hn_make_real(lyra, constant) : value;
    }
    if (!hn_is_normal(value) || HN_IS_FORM(lyra, value, DirectedInfinity)) {
        return value;
    }
    if (hn_is_stack_low(lyra)) {
        hn_stack_exhausted(lyra);
    }
    uint32_t attributes =
        hn_is_symbol(hn_head(value)) ? hn_symbol_of(hn_head(value))->attributes : 0;
    bool is_power = HN_IS_FORM(lyra, value, Power);
    size_t top = lyra->stack_top;
    for (uint32_t i = 0; i < hn_count(value); i++) {
        hn_value arg = hn_arg(value, i);
        bool is_held = attributes & (i == 0 ? HN_N_HOLD_FIRST : HN_N_HOLD_REST) ||
                       (is_power && i == 1 && hn_is_any_integer(arg));
        hn_push(lyra, is_held ? arg : numeric(lyra, arg));
    }
    return hn_make_pushed(lyra, hn_head(value), top);
}

hn_value hn_numeric(hone_lyra *lyra, hn_value value) {
    if (hn_is_number(value)) {
        return value;
    }
    if (hn_is_symbol(value)) {
        double constant;
        return constant_value(lyra, value, &constant) ? hn_make_real(lyra, constant) : HN_NONE;
    }
    bool can = hn_is_normal(value) && hn_is_symbol(hn_head(value)) &&
               hn_symbol_of(hn_head(value))->attributes & HN_NUMERIC_FUNCTION;
    for (uint32_t i = 0; can && i < hn_count(value); i++) {
        can = hn_numeric(lyra, hn_arg(value, i)) != HN_NONE;
    }
    if (!can) {
        return HN_NONE;
    }
    hn_value number = hn_evaluate(lyra, numeric(lyra, value));
    return hn_is_number(number) ? number : HN_NONE;
}

/* --- N to any precision ---------------------------------------------------------------------- */

static hn_value numeric_big(hone_lyra *lyra, hn_value value, uint32_t bits) {
    mpfr_ptr real = lyra->reals[3];
    mpfr_set_prec(real, bits);
    if (hn_is_real_number(value)) {
        hn_number_to_mpfr(value, real);
        return hn_is_real(value) ? value : hn_make_mpfr(lyra, real);
    }
    if (value == HN_SYM(lyra, Pi) || value == HN_SYM(lyra, E) ||
        value == HN_SYM(lyra, EulerGamma)) {
        if (value == HN_SYM(lyra, Pi)) {
            mpfr_const_pi(real, MPFR_RNDN);
        } else if (value == HN_SYM(lyra, EulerGamma)) {
            mpfr_const_euler(real, MPFR_RNDN);
        } else {
            mpfr_set_ui(real, 1, MPFR_RNDN);
            mpfr_exp(real, real, MPFR_RNDN);
        }
        return hn_make_mpfr(lyra, real);
    }
    if (!hn_is_normal(value)) {
        return value;
    }
    if (hn_is_stack_low(lyra)) {
        hn_stack_exhausted(lyra);
    }
    size_t top = lyra->stack_top;
    for (uint32_t i = 0; i < hn_count(value); i++) {
        bool is_held =
            HN_IS_FORM(lyra, value, Power) && i == 1 && hn_is_any_integer(hn_arg(value, i));
        hn_push(lyra, is_held ? hn_arg(value, i) : numeric_big(lyra, hn_arg(value, i), bits));
    }
    return hn_make_pushed(lyra, hn_head(value), top);
}

static hn_value number_form(hone_lyra *lyra, hn_call *call) {
    double digits;
    if (call->count == 1 || call->args[1] == HN_SYM(lyra, MachinePrecision)) {
        return numeric(lyra, call->args[0]);
    }
    if (!hn_get_real(lyra, call->args[1], &digits) || digits < 1 || digits > 1e6) {
        return HN_NONE;
    }
    return numeric_big(lyra, call->args[0], hn_bits_of_digits(digits));
}

/* --- elementary functions -------------------------------------------------------------------- */

static hn_value exact_zero(hone_lyra *lyra, hn_value head, hn_value number) {
    bool is_zero = number == hn_of_small(0), is_one = number == hn_of_small(1);
    if (is_zero && (head == HN_SYM(lyra, Cos) || head == HN_SYM(lyra, Cosh))) {
        return hn_of_small(1);
    }
    if (is_zero && head == HN_SYM(lyra, Log)) {
        return hn_make1(lyra, HN_SYM(lyra, DirectedInfinity), hn_of_small(-1));
    }
    if (is_zero && head != HN_SYM(lyra, ArcCos)) {
        return number;
    }
    if (is_one && (head == HN_SYM(lyra, Log) || head == HN_SYM(lyra, ArcCos))) {
        return hn_of_small(0);
    }
    return HN_NONE;
}

/* Sin[p/q Pi] for the denominators 1, 2, 3, 4, 6. */
static hn_value sine_of_pi(hone_lyra *lyra, hn_value turns) {
    hn_value two = hn_of_small(2);
    hn_value whole = hn_integer_quotient(lyra, hn_numerator(turns),
                                         hn_integer_multiply(lyra, two, hn_denominator(turns)));
    turns = hn_number_subtract(lyra, turns, hn_number_multiply(lyra, two, whole));
    int sign = 1;
    if (hn_number_compare(lyra, turns, hn_of_small(1)) >= 0) {
        turns = hn_number_subtract(lyra, turns, hn_of_small(1));
        sign = -1;
    }
    int64_t p, q;
    if (!hn_get_int(hn_numerator(turns), &p) || !hn_get_int(hn_denominator(turns), &q)) {
        return HN_NONE;
    }
    p = 2 * p > q ? q - p : p;
    hn_value half = hn_make_rational(lyra, hn_of_small(1), two), result;
    if (p == 0) {
        return hn_of_small(0);
    }
    if (q == 2) {
        result = hn_of_small(1);
    } else if (q == 6 && p == 1) {
        result = half;
    } else if (q == 4) {
        result = hn_raise(lyra, two, hn_number_negate(lyra, half));
    } else if (q == 3) {
        result = hn_times(lyra, half, hn_raise(lyra, hn_of_small(3), half));
    } else {
        return HN_NONE;
    }
    return hn_times(lyra, hn_of_small(sign), result);
}

static hn_value turns_of(hone_lyra *lyra, hn_value value) {
    if (value == HN_SYM(lyra, Pi)) {
        return hn_of_small(1);
    }
    return hn_has_form(value, HN_SYM(lyra, Times), 2) && hn_is_rational(hn_arg(value, 0)) &&
                   hn_arg(value, 1) == HN_SYM(lyra, Pi)
               ? hn_arg(value, 0)
               : HN_NONE;
}

static hn_value trigonometric(hone_lyra *lyra, hn_value head, hn_value turns) {
    hn_value half = hn_make_rational(lyra, hn_of_small(1), hn_of_small(2));
    if (head == HN_SYM(lyra, Sin)) {
        return sine_of_pi(lyra, turns);
    }
    hn_value cosine = sine_of_pi(lyra, hn_number_add(lyra, turns, half));
    if (head == HN_SYM(lyra, Cos) || cosine == HN_NONE) {
        return cosine;
    }
    hn_value sine = sine_of_pi(lyra, turns);
    return sine == HN_NONE ? sine : hn_times(lyra, sine, hn_raise(lyra, cosine, hn_of_small(-1)));
}

static bool is_negative(hone_lyra *lyra, hn_value value) {
    value = HN_IS_FORM(lyra, value, Times) && hn_count(value) > 0 ? hn_arg(value, 0) : value;
    return hn_is_real_number(value) && hn_number_sign(value) < 0;
}

static hn_value elementary(hone_lyra *lyra, hn_call *call) {
    const struct elementary *it = function_of(lyra, call->head);
    hn_value arg = call->args[0];
    if (call->head == HN_SYM(lyra, Log) && call->count == 2) {
        hn_value over = hn_apply1(lyra, call->head, call->args[1]);
        return hn_times(lyra, over,
                        hn_raise(lyra, hn_apply1(lyra, call->head, arg), hn_of_small(-1)));
    }
    if (call->count != 1) {
        return HN_NONE;
    }
    if (hn_is_number(arg) && !hn_number_is_exact(arg)) {
        return inexact(lyra, it, arg);
    }
    if (hn_is_number(arg)) {
        hn_value exact = exact_zero(lyra, call->head, arg);
        if (exact != HN_NONE) {
            return exact;
        }
    }
    if (call->head == HN_SYM(lyra, Log)) {
        if (arg == HN_SYM(lyra, E)) {
            return hn_of_small(1);
        }
        bool is_power =
            hn_has_form(arg, HN_SYM(lyra, Power), 2) && hn_arg(arg, 0) == HN_SYM(lyra, E);
        return is_power && hn_is_rational(hn_arg(arg, 1)) ? hn_arg(arg, 1) : HN_NONE;
    }
    if (call->head == HN_SYM(lyra, Sin) || call->head == HN_SYM(lyra, Cos) ||
        call->head == HN_SYM(lyra, Tan)) {
        hn_value turns = turns_of(lyra, arg);
        hn_value found = turns == HN_NONE ? turns : trigonometric(lyra, call->head, turns);
        if (found != HN_NONE) {
            return found;
        }
    }
    if (!is_negative(lyra, arg) || call->head == HN_SYM(lyra, ArcCos)) {
        return HN_NONE;
    }
    hn_value positive = hn_apply1(lyra, call->head, hn_times(lyra, hn_of_small(-1), arg));
    bool is_even = call->head == HN_SYM(lyra, Cos) || call->head == HN_SYM(lyra, Cosh);
    return is_even ? positive : hn_times(lyra, hn_of_small(-1), positive);
}

/* --- parts and rounding ---------------------------------------------------------------------- */

static hn_value absolute(hone_lyra *lyra, hn_call *call) {
    hn_value number = call->args[0];
    if (hn_is_real_number(number)) {
        return hn_number_sign(number) < 0 ? hn_number_negate(lyra, number) : number;
    }
    if (hn_is_number(number)) {
        hn_value real = hn_real_part(number), imaginary = hn_imaginary_part(number);
        hn_value norm = hn_number_add(lyra, hn_number_multiply(lyra, real, real),
                                      hn_number_multiply(lyra, imaginary, imaginary));
        return hn_raise(lyra, norm, hn_make_rational(lyra, hn_of_small(1), hn_of_small(2)));
    }
    hn_value known = hn_numeric(lyra, number);
    if (known != HN_NONE && hn_is_real_number(known)) {
        return hn_number_sign(known) < 0 ? hn_times(lyra, hn_of_small(-1), number) : number;
    }
    if (HN_IS_FORM(lyra, number, DirectedInfinity)) {
        return hn_make1(lyra, HN_SYM(lyra, DirectedInfinity), hn_of_small(1));
    }
    return HN_NONE;
}

static hn_value sign(hone_lyra *lyra, hn_call *call) {
    hn_value number = hn_is_number(call->args[0]) ? call->args[0] : hn_numeric(lyra, call->args[0]);
    return number != HN_NONE && hn_is_real_number(number) ? hn_of_small(hn_number_sign(number))
                                                          : HN_NONE;
}

static hn_value real_part(hone_lyra *lyra, hn_call *call) {
    (void)lyra;
    return hn_is_number(call->args[0]) ? hn_real_part(call->args[0]) : HN_NONE;
}
static hn_value imaginary_part(hone_lyra *lyra, hn_call *call) {
    (void)lyra;
    return hn_is_number(call->args[0]) ? hn_imaginary_part(call->args[0]) : HN_NONE;
}
static hn_value conjugate(hone_lyra *lyra, hn_call *call) {
    hn_value number = call->args[0];
    return hn_is_number(number) ? hn_make_complex(lyra, hn_real_part(number),
                                                  hn_number_negate(lyra, hn_imaginary_part(number)))
                                : HN_NONE;
}

typedef enum rounding { DOWN, UP, NEAREST } rounding;

static hn_value round_exact(hone_lyra *lyra, hn_value number, rounding how) {
    hn_value p = hn_numerator(number), q = hn_denominator(number);
    hn_value down = hn_integer_quotient(lyra, p, q);
    if (how == DOWN || hn_is_any_integer(number)) {
        return down;
    }
    hn_value up = hn_integer_add(lyra, down, hn_of_small(1));
    if (how == UP) {
        return up;
    }
    hn_value twice =
        hn_number_multiply(lyra, hn_of_small(2), hn_number_subtract(lyra, number, down));
    int order = hn_number_compare(lyra, twice, hn_of_small(1));
    return order < 0 || (order == 0 && !hn_integer_is_odd(down)) ? down : up;
}

static hn_value round_value(hone_lyra *lyra, hn_call *call, rounding how) {
    hn_value number = call->args[0];
    if (call->count == 2) {
        hn_value ratio = hn_times(lyra, number, hn_raise(lyra, call->args[1], hn_of_small(-1)));
        hn_value rounded = hn_apply1(lyra, call->head, ratio);
        return hn_is_any_integer(rounded) ? hn_times(lyra, rounded, call->args[1]) : HN_NONE;
    }
    if (!hn_is_number(number)) {
        number = hn_numeric(lyra, number);
    }
    if (number == HN_NONE || !hn_is_real_number(number)) {
        return HN_NONE;
    }
    if (hn_is_rational(number)) {
        return round_exact(lyra, number, how);
    }
    mpfr_set_prec(lyra->reals[0], 64 + hn_number_bits(number));
    hn_number_to_mpfr(number, lyra->reals[0]);
    if (!mpfr_number_p(lyra->reals[0])) {
        return HN_NONE;
    }
    mpfr_get_z(lyra->integers[0], lyra->reals[0],
               how == DOWN ? MPFR_RNDD
               : how == UP ? MPFR_RNDU
                           : MPFR_RNDN);
    return hn_make_mpz(lyra, lyra->integers[0]);
}

static hn_value floor_value(hone_lyra *lyra, hn_call *call) {
    return round_value(lyra, call, DOWN);
}
static hn_value ceiling(hone_lyra *lyra, hn_call *call) {
    return round_value(lyra, call, UP);
}
static hn_value round_nearest(hone_lyra *lyra, hn_call *call) {
    return round_value(lyra, call, NEAREST);
}

static hn_value mod(hone_lyra *lyra, hn_call *call) {
    hn_value a = call->args[0], b = call->args[1];
    if (!hn_is_real_number(a) || !hn_is_real_number(b)) {
        return HN_NONE;
    }
    if (hn_number_is_zero(b)) {
        hn_message1(lyra, call->head, "indet", hn_call_node(lyra, call));
        return HN_SYM(lyra, Indeterminate);
    }
    if (call->count == 3) {
        hn_value shifted = hn_plus(lyra, a, hn_times(lyra, hn_of_small(-1), call->args[2]));
        return hn_plus(lyra, hn_apply2(lyra, call->head, shifted, b), call->args[2]);
    }
    if (hn_is_any_integer(a) && hn_is_any_integer(b)) {
        return hn_integer_mod(lyra, a, b);
    }
    hn_value quotient = hn_apply1(lyra, HN_SYM(lyra, Floor), hn_number_divide(lyra, a, b));
    return hn_number_subtract(lyra, a, hn_number_multiply(lyra, b, quotient));
}

static hn_value quotient(hone_lyra *lyra, hn_call *call) {
    hn_value a = call->args[0], b = call->args[1];
    if (!hn_is_real_number(a) || !hn_is_real_number(b)) {
        return HN_NONE;
    }
    if (hn_number_is_zero(b)) {
        hn_message1(lyra, call->head, "infy",
                    hn_make1(lyra, HN_SYM(lyra, HoldForm), hn_call_node(lyra, call)));
        return hn_make0(lyra, HN_SYM(lyra, DirectedInfinity));
    }
    return hn_make1(lyra, HN_SYM(lyra, Floor), hn_number_divide(lyra, a, b));
}

/* --- integers -------------------------------------------------------------------------------- */

static hn_value gcd_lcm(hone_lyra *lyra, hn_call *call, bool is_lcm) {
    hn_value result = hn_of_small(is_lcm);
    for (uint32_t i = 0; i < call->count; i++) {
        hn_value arg = call->args[i];
        if (!hn_is_any_integer(arg)) {
            return HN_NONE;
        }
        if (!is_lcm) {
            result = hn_integer_gcd(lyra, result, arg);
        } else if (arg == hn_of_small(0)) {
            return arg;
        } else {
            hn_value common = hn_integer_gcd(lyra, result, arg);
            result =
                hn_integer_multiply(lyra, result, hn_integer_exact_quotient(lyra, arg, common));
            result = hn_integer_sign(result) < 0 ? hn_integer_negate(lyra, result) : result;
        }
    }
    return result;
}

static hn_value gcd(hone_lyra *lyra, hn_call *call) {
    return gcd_lcm(lyra, call, false);
}
static hn_value lcm(hone_lyra *lyra, hn_call *call) {
    return gcd_lcm(lyra, call, true);
}

static hn_value factorial(hone_lyra *lyra, hn_call *call) {
    int64_t n;
    hn_value arg = call->args[0];
    if (hn_is_real(arg)) {
        return hn_make_real(lyra, tgamma(hn_number_to_double(arg) + 1));
    }
    if (!hn_get_int(arg, &n)) {
        return HN_NONE;
    }
    if (n < 0) {
        return hn_make0(lyra, HN_SYM(lyra, DirectedInfinity));
    }
    if (n > 5000000) {
        hn_message(lyra, HN_SYM(lyra, General), "ovfl", NULL, 0);
        return hn_make0(lyra, HN_SYM(lyra, Overflow));
    }
    mpz_fac_ui(lyra->integers[0], (unsigned long)n);
    return hn_make_mpz(lyra, lyra->integers[0]);
}

static hn_value binomial(hone_lyra *lyra, hn_call *call) {
    int64_t k;
    if (!hn_is_any_integer(call->args[0]) || !hn_get_int(call->args[1], &k)) {
        return HN_NONE;
    }
    if (k < 0) {
        return hn_of_small(0);
    }
    hn_mpz_room room;
    mpz_t view;
    if (k > 1000000) {
        return HN_NONE;
    }
    mpz_bin_ui(lyra->integers[0], hn_mpz_view(call->args[0], &room, view), (unsigned long)k);
    return hn_make_mpz(lyra, lyra->integers[0]);
}

static hn_value prime_q(hone_lyra *lyra, hn_call *call) {
    hn_mpz_room room;
    mpz_t view;
    if (!hn_is_any_integer(call->args[0])) {
        return HN_SYM(lyra, False);
    }
    mpz_abs(lyra->integers[0], hn_mpz_view(call->args[0], &room, view));
    return hn_make_bool(lyra, mpz_probab_prime_p(lyra->integers[0], 25) > 0);
}

static hn_value power_mod(hone_lyra *lyra, hn_call *call) {
    hn_mpz_room rooms[3];
    mpz_t views[3];
    for (uint32_t i = 0; i < 3; i++) {
        if (!hn_is_any_integer(call->args[i])) {
            return HN_NONE;
        }
        (void)hn_mpz_view(call->args[i], &rooms[i], views[i]);
    }
    if (mpz_sgn(views[2]) == 0 ||
        (mpz_sgn(views[1]) < 0 && !mpz_invert(lyra->integers[1], views[0], views[2]))) {
        return HN_NONE;
    }
    mpz_powm(lyra->integers[0], views[0], views[1], views[2]);
    return hn_make_mpz(lyra, lyra->integers[0]);
}

static hn_value integer_digits(hone_lyra *lyra, hn_call *call) {
    int64_t base = 10;
    hn_value number = call->args[0];
    if (!hn_is_any_integer(number) ||
        (call->count > 1 && (!hn_get_int(call->args[1], &base) || base < 2))) {
        return HN_NONE;
    }
    number = hn_integer_sign(number) < 0 ? hn_integer_negate(lyra, number) : number;
    size_t top = lyra->stack_top;
    do {
        hn_push(lyra, hn_integer_mod(lyra, number, hn_of_small(base)));
        number = hn_integer_quotient(lyra, number, hn_of_small(base));
    } while (number != hn_of_small(0));
    for (size_t i = top, k = lyra->stack_top - 1; i < k; i++, k--) {
        hn_value moved = lyra->stack[i];
        lyra->stack[i] = lyra->stack[k];
        lyra->stack[k] = moved;
    }
    return hn_make_pushed(lyra, HN_SYM(lyra, List), top);
}

static hn_value numerator(hone_lyra *lyra, hn_call *call) {
    (void)lyra;
    return hn_is_rational(call->args[0]) ? hn_numerator(call->args[0]) : HN_NONE;
}
static hn_value denominator(hone_lyra *lyra, hn_call *call) {
    (void)lyra;
    return hn_is_rational(call->args[0]) ? hn_denominator(call->args[0]) : HN_NONE;
}

const hn_builtin hn_builtins_elementary[] = {
    {"N", number_form, HN_P, 1, 2, "N[expr, n] gives the numerical value of expr to n digits."},
    {"Sin", elementary, HN_NUMERIC, 1, 1, "Sin[z] gives the sine of z."},
    {"Cos", elementary, HN_NUMERIC, 1, 1, "Cos[z] gives the cosine of z."},
    {"Tan", elementary, HN_NUMERIC, 1, 1, "Tan[z] gives the tangent of z."},
    {"ArcSin", elementary, HN_NUMERIC, 1, 1, "ArcSin[z] gives the arc sine of z."},
    {"ArcCos", elementary, HN_NUMERIC, 1, 1, "ArcCos[z] gives the arc cosine of z."},
    {"ArcTan", elementary, HN_NUMERIC, 1, 1, "ArcTan[z] gives the arc tangent of z."},
    {"Sinh", elementary, HN_NUMERIC, 1, 1, "Sinh[z] gives the hyperbolic sine of z."},
    {"Cosh", elementary, HN_NUMERIC, 1, 1, "Cosh[z] gives the hyperbolic cosine of z."},
    {"Tanh", elementary, HN_NUMERIC, 1, 1, "Tanh[z] gives the hyperbolic tangent of z."},
    {"ArcSinh", elementary, HN_NUMERIC, 1, 1, "ArcSinh[z] gives the inverse hyperbolic sine of z."},
    {"Log", elementary, HN_NUMERIC, 1, 2, "Log[b, z] gives the logarithm of z to base b, or E."},
    {"Abs", absolute, HN_NUMERIC, 1, 1, "Abs[z] gives the absolute value of z."},
    {"Sign", sign, HN_NUMERIC, 1, 1, "Sign[x] is -1, 0, or 1."},
    {"Re", real_part, HN_NUMERIC, 1, 1, "Re[z] gives the real part of z."},
    {"Im", imaginary_part, HN_NUMERIC, 1, 1, "Im[z] gives the imaginary part of z."},
    {"Conjugate", conjugate, HN_NUMERIC, 1, 1, "Conjugate[z] gives the complex conjugate of z."},
    {"Floor", floor_value, HN_NUMERIC, 1, 2,
     "Floor[x, a] gives the largest multiple of a up to x."},
    {"Ceiling", ceiling, HN_NUMERIC, 1, 2,
     "Ceiling[x, a] gives the smallest multiple of a from x on."},
    {"Round", round_nearest, HN_NUMERIC, 1, 2, "Round[x, a] gives the nearest multiple of a."},
    {"Mod", mod, HN_NUMERIC, 2, 3, "Mod[m, n, d] gives the remainder of m divided by n."},
    {"Quotient", quotient, HN_NUMERIC, 2, 2,
     "Quotient[m, n] gives the integer quotient of m and n."},
    {"GCD", gcd, HN_NUMERIC | HN_FLAT | HN_ORDERLESS | HN_ONE_IDENTITY, 0, -1,
     "GCD[n1, ...] gives the greatest common divisor."},
    {"LCM", lcm, HN_NUMERIC | HN_FLAT | HN_ORDERLESS | HN_ONE_IDENTITY, 1, -1,
     "LCM[n1, ...] gives the least common multiple."},
    {"Factorial", factorial, HN_NUMERIC, 1, 1, "n! gives the factorial of n."},
    {"Binomial", binomial, HN_NUMERIC, 2, 2, "Binomial[n, m] gives the binomial coefficient."},
    {"PrimeQ", prime_q, HN_P | HN_LISTABLE, 1, 1, "PrimeQ[n] is True for primes."},
    {"PowerMod", power_mod, HN_P | HN_LISTABLE, 3, 3, "PowerMod[a, b, m] gives a^b modulo m."},
    {"IntegerDigits", integer_digits, HN_P | HN_LISTABLE, 1, 2,
     "IntegerDigits[n, b] gives the digits of n in base b."},
    {"Numerator", numerator, HN_P | HN_LISTABLE, 1, 1,
     "Numerator[q] gives the numerator of a rational."},
    {"Denominator", denominator, HN_P | HN_LISTABLE, 1, 1,
     "Denominator[q] gives the denominator of a rational."},
    {0},
};
