/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers from text and back: exact, independent of any locale, and fast enough for every field of
 * every record.
 *
 * Contract: pure functions, shared, no allocation. Parsing takes the whole text: no blanks, no text
 * behind the number. SYNTAX when it is no number, OVERFLOW when it is one that the type cannot
 * hold; the result is written only on success.
 */
#ifndef HONE_BASE_NUMBER_H
#define HONE_BASE_NUMBER_H

#include "hone/base/span.h"
#include "hone/base/status.h"

/* What the longest formatted number needs: 26 bytes are the most that are ever written. */
enum { HONE_NUMBER_TEXT_MAX = 32 };

/* Decimal digits with an optional sign + or -. OVERFLOW outside INT64_MIN..INT64_MAX. */
HONE_MUST_USE hone_status hone_number_parse_i64(hone_text text, int64_t *out_value);

/* [sign] digits [. digits] [e|E [sign] digits], with digits on at least one side of the point; or
 * "nan", "inf", "infinity" in any case, signed or not (so that what is formatted can be read back).
 * The nearest double, ties to even, for any number of digits. OVERFLOW when that is beyond DBL_MAX;
 * too small becomes 0 with its sign. Cost: about 15 ns for up to 19 digits; digits beyond these
 * cost more only where they decide. Source: Clinger 1990; Lemire, Number parsing at a gigabyte per
 * second, 2021. */
HONE_MUST_USE hone_status hone_number_parse_f64(hone_text text, double *out_value);

/* Write the shortest text that reads back as the same value, not terminated, into `out_text` of
 * HONE_NUMBER_TEXT_MAX bytes; return its length. Doubles stand as plain decimals for powers of ten
 * from -4 to 20 ("0.1", "5", "-0", "100000000000000000000"), else with an exponent of at least two
 * digits ("1e+21", "1.5e-07"); "NaN", "+Inf", "-Inf". Among texts of equal length the one nearest
 * to the value. Cost: about 25 ns. Source: Giulietti, The Schubfach way to render doubles, 2020. */
size_t hone_number_format_i64(int64_t value, char *out_text);
size_t hone_number_format_f64(double value, char *out_text);

#endif
