/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers as text. InputForm and FullForm show all digits that matter, OutputForm six of a machine
 * real. From 10^6 on and below 10^-5 stands an exponent: 1.5*^7.
 */
#include <math.h>
#include <stdio.h>

#include "hone/base/number.h"

#include "make_internal.h"
#include "numbers_internal.h"
#include "print_internal.h"

enum { OUTPUT_DIGITS = 6, DIGITS_ROOM = 32 };

static void print_integer(hone_lyra *lyra, hn_value integer, hone_buffer *out) {
    (void)lyra;
    char small[HONE_NUMBER_TEXT_MAX];
    if (hn_is_integer(integer)) {
        hone_buffer_append(out, small, hone_number_format_i64(hn_integer_of(integer), small));
        return;
    }
    hn_mpz_room room;
    mpz_t view;
    (void)hn_mpz_view(integer, &room, view);
    size_t size = mpz_sizeinbase(view, 10) + 2;
    if (hone_buffer_reserve(out, size) == HONE_OK) {
        char *text = (char *)out->data + out->size;
        (void)mpz_get_str(text, 10, view);
        out->size += strlen(text);
    }
}

/* Digits d1 d2 d3... with the point behind `point` of them. */
static void print_digits(const char *digits, int count, int point, hone_buffer *out) {
    bool has_exponent = point > OUTPUT_DIGITS || point < -4;
    int exponent = point - 1;
    point = has_exponent ? 1 : point;
    while (count > 1 && digits[count - 1] == '0' && count > point) {
        count--;
    }
    if (point <= 0) {
        hone_buffer_append_text(out, HONE_TEXT("0."));
        for (int i = point; i < 0; i++) {
            hone_buffer_append_byte(out, '0');
        }
        hone_buffer_append(out, digits, (size_t)count);
    } else {
        for (int i = 0; i < point || i < count; i++) {
            hone_buffer_append_byte(out, i < count ? digits[i] : '0');
            if (i == point - 1) {
                hone_buffer_append_byte(out, '.');
            }
        }
    }
    if (has_exponent) {
        hone_buffer_format(out, "*^%d", exponent);
    }
}

static void print_machine(double real, hone_lyra_form form, hone_buffer *out) {
    char text[DIGITS_ROOM], digits[DIGITS_ROOM];
    if (isnan(real) || isinf(real)) {
        hone_buffer_append_text(out, isnan(real) ? HONE_TEXT("Indeterminate")
                                     : real > 0  ? HONE_TEXT("Infinity")
                                                 : HONE_TEXT("-Infinity"));
        return;
    }
    if (real == 0) {
        hone_buffer_append_text(out, HONE_TEXT("0."));
    } else {
        int wanted = OUTPUT_DIGITS;
        (void)snprintf(text, sizeof text, "%.*e", wanted - 1, fabs(real));
        if (form != HONE_LYRA_OUTPUT_FORM) { /* the fewest that read back as the same */
            for (wanted = 1; wanted < 17; wanted++) {
                double back;
                (void)snprintf(text, sizeof text, "%.*e", wanted - 1, fabs(real));
                if (hone_number_parse_f64(hone_text_of(text), &back) == HONE_OK &&
                    back == fabs(real)) {
                    break;
                }
            }
            (void)snprintf(text, sizeof text, "%.*e", wanted - 1, fabs(real));
        }
        int count = 0;
        const char *at = text;
        for (; *at && *at != 'e'; at++) {
            if (*at != '.') {
                digits[count++] = *at;
            }
        }
        int64_t exponent = 0;
        (void)!hone_number_parse_i64(hone_text_of(at + 1), &exponent);
        if (signbit(real)) {
            hone_buffer_append_byte(out, '-');
        }
        print_digits(digits, count, (int)exponent + 1, out);
    }
    if (form == HONE_LYRA_FULL_FORM) {
        hone_buffer_append_byte(out, '`');
    }
}

static void print_bigreal(hn_value number, hone_lyra_form form, hone_buffer *out) {
    mpfr_t view;
    hn_bigreal_view(hn_node_of(number), view);
    uint32_t bits = (uint32_t)hn_node_of(number)->words[0];
    double precision = hn_digits_of_bits(bits);
    if (mpfr_zero_p(view)) {
        hone_buffer_append_text(out, HONE_TEXT("0``"));
        hone_buffer_format(out, "%.6g", precision);
        return;
    }
    size_t digits = (size_t)floor(precision + 0.5) + (form == HONE_LYRA_OUTPUT_FORM ? 0 : 2);
    digits = digits < 1 ? 1 : digits;
    mpfr_exp_t exponent;
    char *text = mpfr_get_str(NULL, &exponent, 10, digits < 2 ? 2 : digits, view, MPFR_RNDN);
    if (!text) {
        return;
    }
    bool is_negative = text[0] == '-';
    if (is_negative) {
        hone_buffer_append_byte(out, '-');
    }
    print_digits(text + is_negative, (int)strlen(text + is_negative), (int)exponent, out);
    mpfr_free_str(text);
    if (form != HONE_LYRA_OUTPUT_FORM) {
        hone_buffer_format(out, "`%.*g", form == HONE_LYRA_FULL_FORM ? 17 : 6, precision);
    }
}

void hn_print_number(hone_lyra *lyra, hn_value number, hone_lyra_form form, hone_buffer *out) {
    if (hn_is_any_integer(number)) {
        print_integer(lyra, number, out);
    } else if (hn_is_kind(number, HN_RATIONAL)) {
        bool is_full = form == HONE_LYRA_FULL_FORM;
        hone_buffer_append_text(out, is_full ? HONE_TEXT("Rational[") : HONE_TEXT(""));
        print_integer(lyra, hn_numerator(number), out);
        hone_buffer_append_text(out, is_full ? HONE_TEXT(", ") : HONE_TEXT("/"));
        print_integer(lyra, hn_denominator(number), out);
        hone_buffer_append_text(out, is_full ? HONE_TEXT("]") : HONE_TEXT(""));
    } else if (hn_is_kind(number, HN_BIGREAL)) {
        print_bigreal(number, form, out);
    } else {
        print_machine(hn_number_to_double(number), form, out);
    }
}
