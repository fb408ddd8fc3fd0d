/* SPDX-License-Identifier: Apache-2.0 */
/* From expressions to text. */
#ifndef HN_LYRA_PRINT_INTERNAL_H
#define HN_LYRA_PRINT_INTERNAL_H

#include "kernel_internal.h"

/* Appends; text that does not fit is cut, as hone_buffer_status tells. Unwinds where an expression
 * is nested beyond the C stack. */
void hn_print(hone_lyra *lyra, hn_value value, hone_lyra_form form, hone_buffer *out);
/* number_print.c */
void hn_print_number(hone_lyra *lyra, hn_value number, hone_lyra_form form, hone_buffer *out);
/* The text as a string of the language: what ToString gives. */
hn_value hn_print_string(hone_lyra *lyra, hn_value value, hone_lyra_form form);

#endif
