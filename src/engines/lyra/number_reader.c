/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers as the language writes them: 12, 1.5, 16^^ff, 1.5*^10, 1.5`20 (precision), 1.5``20
 * (accuracy), 1.5` (machine). More than 17 digits make a real of that many.
 */
#include <math.h>

#include "hone/base/number.h"

#include "make_internal.h"
#include "numbers_internal.h"
#include "reader_internal.h"

enum {
    MACHINE_DIGITS = 17,
    DIGITS_MAX = 1 << 24,
    EXPONENT_MAX = 1 << 25,
    PRECISION_MAX = 10000000
};

typedef struct number {
    hone_text digits, fraction;
    bool has_point;
    int base;
    int64_t exponent; /* of *^ */
    bool has_mark, is_accuracy, has_precision;
    double precision;
} number;

static int at(const hn_lexer *it, size_t offset) {
    return it->at + offset < it->source.size ? (unsigned char)it->source.data[it->at + offset] : -1;
}

static int digit_of(int byte) {
    if (byte >= '0' && byte <= '9') {
        return byte - '0';
    }
    byte |= 32;
    return byte >= 'a' && byte <= 'z' ? byte - 'a' + 10 : 99;
}

static hone_text read_digits(hn_lexer *it, int base) {
    size_t begin = it->at;
    while (at(it, 0) >= 0 && digit_of(at(it, 0)) < base) {
        it->at++;
    }
    return (hone_text){it->source.data + begin, it->at - begin};
}

static bool fail(hn_token *token, const char *problem) {
    token->problem = problem;
    return false;
}

static bool read_base(hn_lexer *it, number *out, hn_token *token) {
    int base = 0;
    for (size_t i = 0; i < out->digits.size; i++) {
        base = base > 36 ? base : base * 10 + (out->digits.data[i] - '0');
    }
    if (base < 2 || base > 36) {
        return fail(token, "a base is between 2 and 36");
    }
    it->at += 2;
    out->base = base;
    out->digits = read_digits(it, base);
    return out->digits.size > 0 || at(it, 0) == '.' || fail(token, "this base has no such digit");
}

static bool read_precision(hn_lexer *it, number *out, hn_token *token) {
    out->has_mark = true;
    it->at++;
    if (at(it, 0) == '`') {
        out->is_accuracy = true;
        it->at++;
    }
    size_t begin = it->at;
    if (at(it, 0) == '-' && digit_of(at(it, 1)) < 10) {
        it->at++;
    }
    (void)read_digits(it, 10);
    if (at(it, 0) == '.') {
        it->at++;
        (void)read_digits(it, 10);
    }
    hone_text text = {it->source.data + begin, it->at - begin};
    if (text.size == 0) {
        return !out->is_accuracy || fail(token, "an accuracy is missing behind ``");
    }
    out->has_precision = true;
    if (hone_number_parse_f64(text, &out->precision) || fabs(out->precision) > PRECISION_MAX) {
        return fail(token, "this precision is out of range");
    }
    return true;
}

static bool read_exponent(hn_lexer *it, number *out, hn_token *token) {
    it->at += 2;
    bool is_negative = at(it, 0) == '-';
    it->at += is_negative || at(it, 0) == '+';
    hone_text digits = read_digits(it, 10);
    if (digits.size == 0) {
        return fail(token, "an exponent is missing behind *^");
    }
    if (hone_number_parse_i64(digits, &out->exponent) || out->exponent > EXPONENT_MAX) {
        return fail(token, "this exponent is out of range");
    }
    out->exponent = is_negative ? -out->exponent : out->exponent;
    return true;
}

static bool read_parts(hn_lexer *it, number *out, hn_token *token) {
    out->digits = read_digits(it, 10);
    if (at(it, 0) == '^' && at(it, 1) == '^' && !read_base(it, out, token)) {
        return false;
    }
    if (at(it, 0) == '.' && at(it, 1) != '.') {
        out->has_point = true;
        it->at++;
        out->fraction = read_digits(it, out->base);
    }
    if (at(it, 0) == '`' && !read_precision(it, out, token)) {
        return false;
    }
    if (at(it, 0) == '*' && at(it, 1) == '^') {
        return read_exponent(it, out, token);
    }
    return true;
}

/* The exact value: digits times a power of the base. */
static hn_value exact_value(hone_lyra *lyra, const number *it) {
    size_t size = it->digits.size + it->fraction.size, top = lyra->stack_top;
    hn_stack_need(lyra, size / 8 + 1);
    char *joined = (char *)(lyra->stack + top);
    memcpy(joined, it->digits.data, it->digits.size);
    if (it->fraction.size > 0) {
        memcpy(joined + it->digits.size, it->fraction.data, it->fraction.size);
    }
    lyra->stack_top += size / 8 + 1;
    hn_value digits = hn_integer_read(lyra, (hone_text){joined, size}, it->base);
    lyra->stack_top = top;
    int64_t exponent = it->exponent - (int64_t)it->fraction.size;
    hn_value scale = hn_number_power_int(lyra, hn_of_small(it->base), exponent);
    return scale == HN_NONE ? HN_NONE : hn_number_multiply(lyra, digits, scale);
}

static hn_value bigreal_value(hone_lyra *lyra, const number *it, double precision) {
    hn_value exact = exact_value(lyra, it);
    if (exact == HN_NONE) {
        return HN_NONE;
    }
    if (it->is_accuracy) {
        double size = hn_number_is_zero(exact) ? 0 : log10(fabs(hn_number_to_double(exact)));
        precision = precision + size;
    }
    mpfr_set_prec(lyra->reals[0], hn_bits_of_digits(precision < 1 ? 1 : precision));
    hn_number_to_mpfr(exact, lyra->reals[0]);
    return hn_make_mpfr(lyra, lyra->reals[0]);
}

static hn_value machine_value(hone_lyra *lyra, const hn_lexer *lexer, const number *it,
                              size_t begin) {
    if (it->base != 10 || it->exponent != 0 || it->has_mark) {
        hn_value exact = exact_value(lyra, it);
        return exact == HN_NONE ? HN_NONE : hn_make_real(lyra, hn_number_to_double(exact));
    }
    double real = 0;
    hone_text text = {lexer->source.data + begin, lexer->at - begin};
    return hone_number_parse_f64(text, &real) ? HN_NONE : hn_make_real(lyra, real);
}

static size_t significant_digits(const number *it) {
    size_t count = it->digits.size + it->fraction.size, leading = 0;
    while (leading < it->digits.size && it->digits.data[leading] == '0') {
        leading++;
    }
    if (leading == it->digits.size) {
        for (size_t i = 0; i < it->fraction.size && it->fraction.data[i] == '0'; i++) {
            leading++;
        }
    }
    return count - leading;
}

bool hn_lex_number(hn_lexer *lexer, hn_token *token) {
    hone_lyra *lyra = lexer->lyra;
    size_t begin = lexer->at;
    number it = {.base = 10, .fraction = {"", 0}};
    if (!read_parts(lexer, &it, token)) {
        return false;
    }
    if (it.digits.size + it.fraction.size > DIGITS_MAX) {
        return fail(token, "this number has too many digits");
    }
    token->kind = HN_TOKEN_NUMBER;
    if (!it.has_point && !it.has_mark) {
        token->value = exact_value(lyra, &it);
    } else if (it.has_precision) {
        token->value = bigreal_value(lyra, &it, it.precision);
    } else if (!it.has_mark && significant_digits(&it) > MACHINE_DIGITS) {
        double digits = (double)significant_digits(&it) * log10((double)it.base);
        token->value = bigreal_value(lyra, &it, digits);
    } else {
        token->value = machine_value(lyra, lexer, &it, begin);
    }
    return token->value != HN_NONE || fail(token, "this number is out of range");
}
