/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests on ranks. U counts the pairs (a, b) with a > b, ties as a half; one merge over both sorted
 * sets gives it together with the sizes of the tie groups. The exact distribution of U for small
 * sets is the number of ways to write u as a sum of at most n parts of at most m each, by the usual
 * recurrence.
 */
#include <assert.h>
#include <math.h>

#include "hone/measure/statistics.h"

enum { EXACT_COUNT_MAX = 20, EXACT_U_MAX = EXACT_COUNT_MAX * EXACT_COUNT_MAX };

typedef struct pair_counts {
    double above;    /* pairs with a > b */
    double below;    /* pairs with a < b */
    double tie_term; /* sum of t^3 - t over groups of t equal values */
} pair_counts;

static size_t run_length(const double *sorted, size_t count, size_t from, double value) {
    size_t at = from;
    while (at < count && sorted[at] == value) {
        at++;
    }
    return at - from;
}

static pair_counts count_pairs(const double *a, size_t a_count, const double *b, size_t b_count) {
    pair_counts counts = {0};
    size_t i = 0, j = 0;
    while (i < a_count || j < b_count) {
        bool is_from_a = j >= b_count || (i < a_count && a[i] <= b[j]);
        double value = is_from_a ? a[i] : b[j];
        size_t in_a = run_length(a, a_count, i, value), in_b = run_length(b, b_count, j, value);
        double equal = (double)(in_a + in_b);
        counts.above += (double)in_a * (double)j;
        counts.below += (double)in_a * (double)(b_count - j - in_b);
        counts.tie_term += equal * equal * equal - equal;
        i += in_a;
        j += in_b;
    }
    return counts;
}

/* P(U <= u) when all orders of m + n values are equally likely. ways[j][k]: number of ways to get
 * U = k from i values of one set and j of the other, for the i of the loop. */
static double exact_cumulative(size_t m, size_t n, size_t u) {
    double ways[EXACT_COUNT_MAX + 1][EXACT_U_MAX + 1] = {{0}};
    for (size_t j = 0; j <= n; j++) {
        ways[j][0] = 1; /* i = 0: nothing to exceed */
    }
    for (size_t i = 1; i <= m; i++) {
        /* The largest value is either of the first set (it exceeds all j others) or not. */
        for (size_t j = 1; j <= n; j++) {
            for (size_t k = i * j + 1; k-- > 0;) {
                ways[j][k] = (k >= j ? ways[j][k - j] : 0) + ways[j - 1][k];
            }
        }
    }
    double total = 0, low = 0;
    for (size_t k = 0; k <= m * n; k++) {
        total += ways[n][k];
        low += k <= u ? ways[n][k] : 0;
    }
    return low / total;
}

double hone_mann_whitney(const double *sorted_a, size_t a_count, const double *sorted_b,
                         size_t b_count) {
    assert(a_count > 0 && b_count > 0);
    pair_counts counts = count_pairs(sorted_a, a_count, sorted_b, b_count);
    double pairs = (double)a_count * (double)b_count, all = (double)(a_count + b_count);
    double ties = pairs - counts.above - counts.below;
    double u = fmin(counts.above, counts.below) + ties / 2;
    if (counts.tie_term == 0 && a_count <= EXACT_COUNT_MAX && b_count <= EXACT_COUNT_MAX) {
        return fmin(1, 2 * exact_cumulative(a_count, b_count, (size_t)u));
    }
    double variance = pairs / 12 * (all + 1 - counts.tie_term / (all * (all - 1)));
    if (variance <= 0) {
        return 1; /* all values are equal */
    }
    double distance = fmax(0, fabs(u - pairs / 2) - 0.5);
    return erfc(distance / sqrt(2 * variance));
}

double hone_cliff_delta(const double *sorted_a, size_t a_count, const double *sorted_b,
                        size_t b_count) {
    assert(a_count > 0 && b_count > 0);
    pair_counts counts = count_pairs(sorted_a, a_count, sorted_b, b_count);
    return (counts.above - counts.below) / ((double)a_count * (double)b_count);
}

void hone_holm_adjust(double *p_values, size_t count, double *scratch) {
    for (size_t i = 0; i < count; i++) {
        scratch[i] = p_values[i];
    }
    hone_sort_doubles(scratch, count);
    for (size_t i = 0; i < count; i++) {
        double largest = 0;
        for (size_t rank = 0; rank < count && scratch[rank] <= p_values[i]; rank++) {
            largest = fmax(largest, (double)(count - rank) * scratch[rank]);
        }
        p_values[i] = fmin(1, largest);
    }
}
