/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quantiles and summaries. The interval of a quantile q comes from order statistics: the number of
 * samples below the true quantile is binomial(n, q) whatever the distribution, so the ranks that
 * cut off alpha/2 at each side bound it. Where no rank does, the bound is unknown.
 */
#include "hone/measure/statistics.h"

#include <assert.h>
#include <math.h>

double hone_quantile(const double *sorted, size_t count, double quantile) {
    assert(count > 0 && quantile >= 0 && quantile <= 1);
    double position = quantile * (double)(count - 1);
    size_t index = (size_t)position;
    if (index + 1 >= count) {
        return sorted[count - 1];
    }
    double share = position - (double)index;
    return sorted[index] + share * (sorted[index + 1] - sorted[index]);
}

bool hone_quantile_is_supported(size_t count, double quantile, double confidence) {
    return count > 0 && 1 - pow(quantile, (double)count) >= confidence;
}

static double binomial_mass(size_t count, size_t k, double q) {
    int sign;
    double n = (double)count, x = (double)k;
    double choose = lgamma_r(n + 1, &sign) - lgamma_r(x + 1, &sign) - lgamma_r(n - x + 1, &sign);
    return exp(choose + x * log(q) + (n - x) * log1p(-q));
}

hone_estimate hone_quantile_estimate(const double *sorted, size_t count, double quantile,
                                     double confidence) {
    hone_estimate estimate = {.value = hone_quantile(sorted, count, quantile)};
    double alpha = (1 - confidence) / 2, below = 0;
    estimate.low = sorted[0];
    estimate.high = sorted[count - 1];
    if (quantile <= 0 || quantile >= 1) {
        return estimate;
    }
    /* below = P(B < rank), B the number of samples under the true quantile. The sample of rank r
     * (from 1) is a lower bound while P(B < r) <= alpha and an upper one when P(B < r) >= 1-alpha.
     */
    for (size_t rank = 1; rank <= count; rank++) {
        below += binomial_mass(count, rank - 1, quantile);
        if (below <= alpha) {
            estimate.low = sorted[rank - 1];
            estimate.is_low_known = true;
        }
        if (below >= 1 - alpha) {
            estimate.high = sorted[rank - 1];
            estimate.is_high_known = true;
            break;
        }
    }
    return estimate;
}

static void summarize_spread(const double *sorted, size_t count, double *scratch,
                             hone_summary *summary) {
    double sum = 0, squares = 0;
    for (size_t i = 0; i < count; i++) {
        sum += sorted[i];
    }
    summary->mean = sum / (double)count;
    for (size_t i = 0; i < count; i++) {
        double off = sorted[i] - summary->mean;
        squares += off * off;
        scratch[i] = fabs(sorted[i] - summary->median.value);
    }
    summary->deviation = count > 1 ? sqrt(squares / (double)(count - 1)) : 0;
    hone_sort_doubles(scratch, count);
    summary->deviation_absolute = hone_quantile(scratch, count, 0.5);
}

static void summarize_outliers(const double *sorted, size_t count, hone_summary *summary) {
    double low = hone_quantile(sorted, count, 0.25), high = hone_quantile(sorted, count, 0.75);
    double range = high - low;
    summary->fence_low = low - 1.5 * range;
    summary->fence_high = high + 1.5 * range;
    for (size_t i = 0; i < count; i++) {
        if (sorted[i] < low - 3 * range || sorted[i] > high + 3 * range) {
            summary->outliers_severe_count++;
        } else if (sorted[i] < summary->fence_low || sorted[i] > summary->fence_high) {
            summary->outliers_mild_count++;
        }
    }
}

void hone_summarize(const double *sorted, size_t count, double *scratch,
                    hone_summary *out_summary) {
    const double confidence = 0.95;
    hone_summary summary = {
        .count = count,
        .min = sorted[0],
        .max = sorted[count - 1],
        .median = hone_quantile_estimate(sorted, count, 0.5, confidence),
        .p95 = hone_quantile_estimate(sorted, count, 0.95, confidence),
        .p99 = hone_quantile_estimate(sorted, count, 0.99, confidence),
        .has_p95 = hone_quantile_is_supported(count, 0.95, confidence),
        .has_p99 = hone_quantile_is_supported(count, 0.99, confidence),
    };
    summarize_spread(sorted, count, scratch, &summary);
    summarize_outliers(sorted, count, &summary);
    *out_summary = summary;
}
