/* SPDX-License-Identifier: Apache-2.0 */
/*
 * InputForm, OutputForm (on one line), FullForm. What an operator prints is put into brackets where
 * its place binds tighter than it does; the precedences are those of the reader's table.
 */
#include <stdio.h>

#include "evaluate_internal.h"
#include "make_internal.h"
#include "numbers_internal.h"
#include "print_internal.h"
#include "reader_internal.h"
#include "symbols_internal.h"

enum { P_SUM = 310, P_PRODUCT = 400, P_POWER = 590, P_UNARY = 480, P_CALL = 670, P_ATOM = 1000 };

typedef struct printer {
    hone_lyra *lyra;
    hone_lyra_form form;
    hone_buffer *out;
} printer;

static void print(printer *it, hn_value value, uint32_t precedence);

static void text(printer *it, const char *string) {
    hone_buffer_append_text(it->out, hone_text_of(string));
}

static bool is_input(const printer *it) {
    return it->form != HONE_LYRA_OUTPUT_FORM;
}

static void open(printer *it, bool is_needed) {
    if (is_needed) {
        hone_buffer_append_byte(it->out, '(');
    }
}

static void close(printer *it, bool is_needed) {
    if (is_needed) {
        hone_buffer_append_byte(it->out, ')');
    }
}

/* --- atoms ----------------------------------------------------------------------------------- */

static uint32_t decode(hone_text string, size_t *at) {
    unsigned char first = (unsigned char)string.data[*at];
    size_t size = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    uint32_t code = size == 1 ? first : first & (0x3fu >> (size - 1));
    for (size_t i = 1; i < size && *at + i < string.size; i++) {
        code = code << 6 | ((unsigned char)string.data[*at + i] & 0x3f);
    }
    *at += size;
    return code;
}

static void print_quoted(printer *it, hone_text string) {
    hone_buffer_append_byte(it->out, '"');
    for (size_t at = 0; at < string.size;) {
        size_t begin = at;
        uint32_t code = decode(string, &at);
        switch (code) {
        case '"': text(it, "\\\""); break;
        case '\\': text(it, "\\\\"); break;
        case '\n': text(it, "\\n"); break;
        case '\t': text(it, "\\t"); break;
        case '\r': text(it, "\\r"); break;
        default:
            if (code < ' ') {
                hone_buffer_format(it->out, "\\.%02x", code);
            } else {
                hone_buffer_append(it->out, string.data + begin,
                                   (at < string.size ? at : string.size) - begin);
            }
        }
    }
    hone_buffer_append_byte(it->out, '"');
}

static void print_symbol(printer *it, hn_value symbol) {
    hone_buffer_append_text(it->out, hn_symbol_shown_name(it->lyra, hn_symbol_of(symbol)));
}

static void print_complex(printer *it, hn_value number, uint32_t precedence) {
    hn_value real = hn_real_part(number), imaginary = hn_imaginary_part(number);
    if (it->form == HONE_LYRA_FULL_FORM) {
        text(it, "Complex[");
        print(it, real, 0);
        text(it, ", ");
        print(it, imaginary, 0);
        text(it, "]");
        return;
    }
    bool has_real = real != hn_of_small(0);
    bool is_one = imaginary == hn_of_small(1), is_minus_one = imaginary == hn_of_small(-1);
    bool needs = has_real ? precedence >= P_SUM : precedence >= P_PRODUCT && !is_one;
    open(it, needs);
    if (has_real) {
        print(it, real, P_SUM);
        bool is_negative = hn_number_sign(imaginary) < 0;
        text(it, is_negative ? " - " : " + ");
        imaginary = is_negative ? hn_number_negate(it->lyra, imaginary) : imaginary;
        is_one = is_one || is_minus_one;
        is_minus_one = false;
    }
    if (is_minus_one) {
        text(it, "-");
    } else if (!is_one) {
        bool is_rational = hn_is_kind(imaginary, HN_RATIONAL);
        bool is_plain = is_rational && hn_numerator(imaginary) == hn_of_small(1);
        if (!is_plain) {
            open(it, is_rational);
            print(it, hn_numerator(imaginary), 0);
            text(it, is_input(it) ? "*I" : " I");
            close(it, is_rational);
        } else {
            text(it, "I");
        }
        if (is_rational) {
            text(it, "/");
            print(it, hn_denominator(imaginary), 0);
        }
        close(it, needs);
        return;
    }
    text(it, "I");
    close(it, needs);
}

static void print_atom(printer *it, hn_value value, uint32_t precedence) {
    if (hn_is_symbol(value)) {
        print_symbol(it, value);
    } else if (hn_is_string(value)) {
        if (is_input(it)) {
            print_quoted(it, hn_text_of(value));
        } else {
            hone_buffer_append_text(it->out, hn_text_of(value));
        }
    } else if (hn_is_kind(value, HN_COMPLEX)) {
        print_complex(it, value, precedence);
    } else if (hn_is_number(value)) {
        bool is_negative = hn_number_sign(value) < 0;
        bool is_fraction = hn_is_kind(value, HN_RATIONAL) && it->form != HONE_LYRA_FULL_FORM;
        bool needs = (is_negative && precedence > P_SUM && it->form != HONE_LYRA_FULL_FORM) ||
                     (is_fraction && precedence >= P_PRODUCT);
        open(it, needs);
        hn_print_number(it->lyra, value, it->form, it->out);
        close(it, needs);
    } else {
        text(it, "<internal>");
    }
}

/* --- sequences ------------------------------------------------------------------------------- */

static void print_list(printer *it, const hn_value *values, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        text(it, i ? ", " : "");
        print(it, values[i], 0);
    }
}

static void print_call(printer *it, hn_value value) {
    hn_value head = hn_head(value);
    print(it, head, it->form == HONE_LYRA_FULL_FORM ? 0 : P_CALL);
    text(it, "[");
    print_list(it, hn_args(value), hn_count(value));
    text(it, "]");
}

/* --- sums and products ----------------------------------------------------------------------- */

static bool is_negative_number(hn_value value) {
    return hn_is_real_number(value) && hn_number_sign(value) < 0;
}

static bool is_negative_term(hone_lyra *lyra, hn_value term) {
    return is_negative_number(term) || (HN_IS_FORM(lyra, term, Times) && hn_count(term) > 0 &&
                                        is_negative_number(hn_arg(term, 0)));
}

static hn_value negate_term(hone_lyra *lyra, hn_value term) {
    if (hn_is_number(term)) {
        return hn_number_negate(lyra, term);
    }
    hn_value number = hn_number_negate(lyra, hn_arg(term, 0));
    if (number == hn_of_small(1)) {
        return hn_count(term) == 2
                   ? hn_arg(term, 1)
                   : hn_make(lyra, hn_head(term), hn_args(term) + 1, hn_count(term) - 1);
    }
    return hn_replace_arg(lyra, term, 0, number);
}

static void print_sum(printer *it, hn_value value, uint32_t precedence) {
    open(it, precedence >= P_SUM);
    for (uint32_t i = 0; i < hn_count(value); i++) {
        hn_value term = hn_arg(value, i);
        if (i > 0 && is_negative_term(it->lyra, term)) {
            text(it, " - ");
            print(it, negate_term(it->lyra, term), P_SUM);
        } else {
            text(it, i ? " + " : "");
            print(it, term, i ? P_SUM : P_SUM - 1);
        }
    }
    close(it, precedence >= P_SUM);
}

static bool has_negative_exponent(hone_lyra *lyra, hn_value factor) {
    return hn_has_form(factor, HN_SYM(lyra, Power), 2) && is_negative_number(hn_arg(factor, 1));
}

static void print_factors(printer *it, const hn_value *factors, uint32_t count,
                          uint32_t precedence) {
    bool needs = count > 1 && precedence >= P_PRODUCT;
    open(it, needs);
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) {
            text(it, is_input(it) ? "*" : " ");
        }
        print(it, factors[i], P_PRODUCT);
    }
    close(it, needs);
}

static hn_value inverse_power(hone_lyra *lyra, hn_value factor) {
    hn_value exponent = hn_number_negate(lyra, hn_arg(factor, 1));
    return exponent == hn_of_small(1)
               ? hn_arg(factor, 0)
               : hn_make2(lyra, HN_SYM(lyra, Power), hn_arg(factor, 0), exponent);
}

/* a b/(c d): factors with negative exponents and the denominator of a rational go below. */
static void print_quotient(printer *it, const hn_value *factors, uint32_t count) {
    hone_lyra *lyra = it->lyra;
    size_t top = lyra->stack_top;
    hn_value number = hn_is_rational(factors[0]) ? factors[0] : HN_NONE;
    if (number != HN_NONE && hn_numerator(number) != hn_of_small(1)) {
        hn_push(lyra, hn_numerator(number));
    }
    for (uint32_t i = number != HN_NONE; i < count; i++) {
        if (!has_negative_exponent(lyra, factors[i])) {
            hn_push(lyra, factors[i]);
        }
    }
    size_t middle = lyra->stack_top;
    if (number != HN_NONE && hn_denominator(number) != hn_of_small(1)) {
        hn_push(lyra, hn_denominator(number));
    }
    for (uint32_t i = number != HN_NONE; i < count; i++) {
        if (has_negative_exponent(lyra, factors[i])) {
            hn_push(lyra, inverse_power(lyra, factors[i]));
        }
    }
    uint32_t over = (uint32_t)(middle - top), under = (uint32_t)(lyra->stack_top - middle);
    if (over == 0) {
        text(it, "1");
    } else {
        print_factors(it, lyra->stack + top, over, over > 1 && !is_input(it) ? P_PRODUCT : 0);
    }
    text(it, "/");
    print_factors(it, lyra->stack + middle, under, 471);
    lyra->stack_top = top;
}

static void print_product(printer *it, hn_value value, uint32_t precedence) {
    hone_lyra *lyra = it->lyra;
    const hn_value *factors = hn_args(value);
    uint32_t count = hn_count(value);
    bool is_minus = is_negative_number(factors[0]);
    bool needs = precedence >= P_PRODUCT || (is_minus && precedence > P_SUM);
    open(it, needs);
    if (is_minus) {
        text(it, "-");
        hn_value positive = negate_term(lyra, value);
        if (!HN_IS_FORM(lyra, positive, Times)) {
            bool is_sum = HN_IS_FORM(lyra, positive, Plus);
            print(it, positive, is_sum ? P_PRODUCT : P_PRODUCT - 1);
            close(it, needs);
            return;
        }
        factors = hn_args(positive);
        count = hn_count(positive);
    }
    bool has_under = hn_is_kind(factors[0], HN_RATIONAL);
    for (uint32_t i = 0; i < count; i++) {
        has_under = has_under || has_negative_exponent(lyra, factors[i]);
    }
    if (has_under) {
        print_quotient(it, factors, count);
    } else {
        print_factors(it, factors, count, 0);
    }
    close(it, needs);
}

static bool is_half(hn_value value, int64_t sign) {
    return hn_is_kind(value, HN_RATIONAL) && hn_numerator(value) == hn_of_small(sign) &&
           hn_denominator(value) == hn_of_small(2);
}

static void print_power(printer *it, hn_value value, uint32_t precedence) {
    hn_value base = hn_arg(value, 0), exponent = hn_arg(value, 1);
    if (is_half(exponent, 1) || is_half(exponent, -1)) {
        bool is_inverse = is_half(exponent, -1);
        open(it, is_inverse && precedence >= P_PRODUCT);
        text(it, is_inverse ? "1/Sqrt[" : "Sqrt[");
        print(it, base, 0);
        text(it, "]");
        close(it, is_inverse && precedence >= P_PRODUCT);
        return;
    }
    open(it, precedence >= P_POWER);
    print(it, base, P_POWER);
    text(it, "^");
    print(it, exponent, hn_is_atom(exponent) ? P_POWER : P_POWER - 1);
    close(it, precedence >= P_POWER);
}

/* --- special forms --------------------------------------------------------------------------- */

static bool print_blank(printer *it, hn_value value, const char *marks) {
    if (hn_count(value) > 1 || (hn_count(value) == 1 && !hn_is_symbol(hn_arg(value, 0)))) {
        return false;
    }
    text(it, marks);
    if (hn_count(value) == 1) {
        print(it, hn_arg(value, 0), P_ATOM);
    }
    return true;
}

static const char *blank_marks(hone_lyra *lyra, hn_value value) {
    return HN_IS_FORM(lyra, value, Blank)               ? "_"
           : HN_IS_FORM(lyra, value, BlankSequence)     ? "__"
           : HN_IS_FORM(lyra, value, BlankNullSequence) ? "___"
                                                        : NULL;
}

static bool print_pattern(printer *it, hn_value value, uint32_t precedence) {
    if (hn_count(value) != 2 || !hn_is_symbol(hn_arg(value, 0))) {
        return false;
    }
    const char *marks = blank_marks(it->lyra, hn_arg(value, 1));
    if (marks) {
        print(it, hn_arg(value, 0), P_ATOM);
        return print_blank(it, hn_arg(value, 1), marks);
    }
    open(it, precedence >= 150);
    print(it, hn_arg(value, 0), P_ATOM);
    text(it, ":");
    print(it, hn_arg(value, 1), 150);
    close(it, precedence >= 150);
    return true;
}

static bool print_slot(printer *it, hn_value value, const char *mark) {
    if (hn_count(value) != 1) {
        return false;
    }
    hn_value index = hn_arg(value, 0);
    if (hn_is_integer(index) && hn_integer_of(index) >= 0) {
        text(it, mark);
        if (index != hn_of_small(1) || !mark[1]) {
            print(it, index, 0);
        }
        return true;
    }
    if (hn_is_string(index)) {
        text(it, mark);
        hone_buffer_append_text(it->out, hn_text_of(index));
        return true;
    }
    return false;
}

static bool print_function(printer *it, hn_value value, uint32_t precedence) {
    if (hn_count(value) == 1) {
        open(it, precedence >= 90);
        print(it, hn_arg(value, 0), 90);
        text(it, " & ");
        if (it->out->size > 0) {
            it->out->size--; /* no blank behind the & */
        }
        close(it, precedence >= 90);
        return true;
    }
    return false;
}

static bool print_derivative(printer *it, hn_value value) {
    hn_value head = hn_head(value);
    int64_t order;
    if (!hn_has_form(head, HN_SYM(it->lyra, Derivative), 1) || hn_count(value) != 1 ||
        !hn_get_int(hn_arg(head, 0), &order) || order < 1 || order > 2) {
        return false;
    }
    print(it, hn_arg(value, 0), P_CALL);
    text(it, order == 1 ? "'" : "''");
    return true;
}

static void print_comparison(printer *it, hn_value value, const char *spelling,
                             uint32_t precedence) {
    open(it, precedence >= 290);
    for (uint32_t i = 0; i < hn_count(value); i++) {
        if (i > 0) {
            hone_buffer_format(it->out, " %s ", spelling);
        }
        print(it, hn_arg(value, i), 290);
    }
    close(it, precedence >= 290);
}

static bool print_inequality(printer *it, hn_value value, uint32_t precedence) {
    uint32_t count = hn_count(value);
    if (count < 3 || count % 2 == 0) {
        return false;
    }
    open(it, precedence >= 290);
    for (uint32_t i = 0; i < count; i++) {
        const hn_operator *row =
            i % 2 && hn_is_symbol(hn_arg(value, i))
                ? hn_operator_of_head(hn_symbol_short_name(hn_symbol_of(hn_arg(value, i))),
                                      HN_INFIX_NONE)
                : NULL;
        if (row) {
            hone_buffer_format(it->out, " %s ", row->spelling);
        } else {
            print(it, hn_arg(value, i), 290);
        }
    }
    close(it, precedence >= 290);
    return true;
}

static const char *spaced(const hn_operator *row) {
    static const char *const tight[] = {"^",   "::", "?", "@*", "/*", "..",
                                        "...", ";;", ":", ".",  NULL};
    for (uint32_t i = 0; tight[i]; i++) {
        if (strcmp(tight[i], row->spelling) == 0) {
            return "";
        }
    }
    return " ";
}

static bool print_infix(printer *it, hn_value value, const hn_operator *row, uint32_t precedence) {
    uint32_t count = hn_count(value), limit = row->precedence;
    bool is_flat = row->fixity & HN_INFIX_FLAT;
    if (count < 2 ||
        (!is_flat && count != 2 && !(strcmp(row->spelling, ";;") == 0 && count == 3))) {
        return false;
    }
    const char *space = spaced(row);
    bool is_compound = strcmp(row->spelling, ";") == 0;
    open(it, precedence >= limit);
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0) {
            text(it, is_compound ? "" : space);
            text(it, row->spelling);
            text(it, is_compound && i == count - 1 && hn_arg(value, i) == HN_SYM(it->lyra, Null)
                         ? ""
                     : is_compound ? " "
                                   : space);
        }
        if (is_compound && i == count - 1 && i > 0 && hn_arg(value, i) == HN_SYM(it->lyra, Null)) {
            continue;
        }
        bool is_right = row->fixity & HN_INFIX_RIGHT && i == count - 1;
        bool is_left = row->fixity & HN_INFIX_LEFT && i == 0;
        print(it, hn_arg(value, i), is_right || is_left ? limit - 1 : limit);
    }
    close(it, precedence >= limit);
    return true;
}

static bool print_operator(printer *it, hn_value value, uint32_t precedence) {
    hone_text head = hn_symbol_short_name(hn_symbol_of(hn_head(value)));
    const hn_operator *row =
        hn_operator_of_head(head, HN_INFIX_FLAT | HN_INFIX_LEFT | HN_INFIX_RIGHT | HN_INFIX_NONE);
    if (row && row->spelling[0] != '\\' && hn_count(value) > 1) {
        if (row->precedence == 290 && row->fixity == HN_INFIX_NONE) {
            print_comparison(it, value, row->spelling, precedence);
            return true;
        }
        return print_infix(it, value, row, precedence);
    }
    row = hn_operator_of_head(head, HN_POSTFIX);
    if (row && hn_count(value) == 1 && row->spelling[0] != '\\' && row->precedence != 670) {
        open(it, precedence >= row->precedence);
        print(it, hn_arg(value, 0), row->precedence);
        text(it, row->spelling);
        close(it, precedence >= row->precedence);
        return true;
    }
    row = hn_operator_of_head(head, HN_PREFIX);
    if (row && hn_count(value) == 1 && row->precedence != 480 && row->spelling[0] != '\\' &&
        row->precedence != 720) {
        open(it, precedence >= row->precedence);
        text(it, row->spelling);
        print(it, hn_arg(value, 0), row->precedence - 1);
        close(it, precedence >= row->precedence);
        return true;
    }
    return false;
}

static bool print_wrapper(printer *it, hn_value value, uint32_t precedence) {
    hone_lyra *lyra = it->lyra;
    hn_value head = hn_head(value);
    if (hn_count(value) != 1) {
        return false;
    }
    hone_lyra_form form = it->form;
    if (head == HN_SYM(lyra, FullForm)) {
        it->form = HONE_LYRA_FULL_FORM;
    } else if (head == HN_SYM(lyra, InputForm)) {
        it->form = HONE_LYRA_INPUT_FORM;
    } else if (head == HN_SYM(lyra, OutputForm)) {
        it->form = HONE_LYRA_OUTPUT_FORM;
    } else if (head != HN_SYM(lyra, HoldForm) && head != HN_SYM(lyra, StandardForm) &&
               head != HN_SYM(lyra, TraditionalForm)) {
        return false;
    }
    if (form != HONE_LYRA_OUTPUT_FORM) {
        it->form = form;
        return false;
    }
    print(it, hn_arg(value, 0), precedence);
    it->form = form;
    return true;
}

static bool print_special(printer *it, hn_value value, uint32_t precedence) {
    hone_lyra *lyra = it->lyra;
    hn_value head = hn_head(value);
    const char *marks = blank_marks(lyra, value);
    if (marks) {
        return print_blank(it, value, marks);
    }
    if (head == HN_SYM(lyra, Pattern)) {
        return print_pattern(it, value, precedence);
    }
    if (head == HN_SYM(lyra, Optional)) {
        if (hn_count(value) == 1) {
            print(it, hn_arg(value, 0), P_ATOM);
            text(it, ".");
            return true;
        }
        return hn_count(value) == 2 &&
               print_infix(it, value, hn_operator_of_head(HONE_TEXT(":"), HN_INFIX_LEFT),
                           precedence);
    }
    if (head == HN_SYM(lyra, Slot)) {
        return print_slot(it, value, "#");
    }
    if (head == HN_SYM(lyra, SlotSequence)) {
        return print_slot(it, value, "##");
    }
    if (head == HN_SYM(lyra, Function)) {
        return print_function(it, value, precedence);
    }
    if (head == HN_SYM(lyra, Inequality)) {
        return print_inequality(it, value, precedence);
    }
    if (head == HN_SYM(lyra, Association)) {
        text(it, "<|");
        print_list(it, hn_args(value), hn_count(value));
        text(it, "|>");
        return true;
    }
    if (hn_has_form(value, HN_SYM(lyra, DirectedInfinity), 1)) {
        if (hn_arg(value, 0) == hn_of_small(1) || hn_arg(value, 0) == hn_of_small(-1)) {
            bool is_minus = hn_arg(value, 0) == hn_of_small(-1);
            open(it, is_minus && precedence >= P_PRODUCT);
            text(it, is_minus ? "-Infinity" : "Infinity");
            close(it, is_minus && precedence >= P_PRODUCT);
            return true;
        }
    }
    if (hn_has_form(value, HN_SYM(lyra, DirectedInfinity), 0)) {
        text(it, "ComplexInfinity");
        return true;
    }
    if (head == HN_SYM(lyra, MessageName) && hn_count(value) == 2 &&
        hn_is_string(hn_arg(value, 1))) {
        print(it, hn_arg(value, 0), P_ATOM);
        text(it, "::");
        hone_buffer_append_text(it->out, hn_text_of(hn_arg(value, 1)));
        return true;
    }
    if (head == HN_SYM(lyra, Part) && hn_count(value) > 1) {
        print(it, hn_arg(value, 0), P_CALL);
        text(it, "[[");
        print_list(it, hn_args(value) + 1, hn_count(value) - 1);
        text(it, "]]");
        return true;
    }
    return print_wrapper(it, value, precedence);
}

static void print_normal(printer *it, hn_value value, uint32_t precedence) {
    hone_lyra *lyra = it->lyra;
    hn_value head = hn_head(value);
    if (it->form == HONE_LYRA_FULL_FORM) {
        print_call(it, value);
        return;
    }
    if (head == HN_SYM(lyra, List)) {
        text(it, "{");
        print_list(it, hn_args(value), hn_count(value));
        text(it, "}");
    } else if (head == HN_SYM(lyra, Plus) && hn_count(value) > 1) {
        print_sum(it, value, precedence);
    } else if (head == HN_SYM(lyra, Times) && hn_count(value) > 1) {
        print_product(it, value, precedence);
    } else if (head == HN_SYM(lyra, Power) && hn_count(value) == 2) {
        print_power(it, value, precedence);
    } else if (hn_is_symbol(head)
                   ? print_special(it, value, precedence) || print_operator(it, value, precedence)
                   : print_derivative(it, value)) {
        return;
    } else {
        print_call(it, value);
    }
}

static void print(printer *it, hn_value value, uint32_t precedence) {
    if (hn_is_stack_low(it->lyra)) {
        hn_stack_exhausted(it->lyra);
    }
    if (hone_buffer_status(it->out)) {
        return;
    }
    if (hn_is_normal(value)) {
        print_normal(it, value, precedence);
    } else {
        print_atom(it, value, precedence);
    }
}

void hn_print(hone_lyra *lyra, hn_value value, hone_lyra_form form, hone_buffer *out) {
    printer it = {.lyra = lyra, .form = form, .out = out};
    print(&it, value, 0);
}

/* The kernel's own buffer, so that unwinding loses nothing. */
hn_value hn_print_string(hone_lyra *lyra, hn_value value, hone_lyra_form form) {
    hone_buffer *out = &lyra->text;
    size_t before = out->size;
    hn_print(lyra, value, form, out);
    hn_value string =
        hn_make_string(lyra, (hone_text){(const char *)out->data + before, out->size - before});
    out->size = before;
    return string;
}
