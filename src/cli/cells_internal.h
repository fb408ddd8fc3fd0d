/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Figures in few columns: counts, bars, sparklines. Contract: pure, but for the locale's variables
 * in the environment, which say whether block characters can be shown; "#" and "." stand in for
 * them otherwise.
 */
#ifndef HN_CLI_CELLS_INTERNAL_H
#define HN_CLI_CELLS_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

/* "0", "12.3", "987", "12.3k", "4.56M": at most six columns. */
void hn_cli_figure_count(double value, char *out_text, size_t size);

/* `share` (0 to 1; more is cut) of `cells` columns filled. */
void hn_cli_figure_bar(double share, uint32_t cells, char *out_text, size_t size);

/* One column per value, as high as the value is beside the largest. */
void hn_cli_figure_sparkline(const double *values, uint32_t count, char *out_text, size_t size);

/* A name of foreign origin in at most `columns` columns (and 4 * columns + 1 bytes): cut with a
 * '~', and without control characters, which could speak to the terminal. */
void hn_cli_figure_name(const char *name, size_t name_size_max, uint32_t columns, char *out_text);

/* The columns that text takes. */
uint32_t hn_cli_figure_width(const char *text);

#endif
