/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One HTML file: a table per case and a plot of how the samples are distributed. The plot is a row
 * of density curves (Gaussian kernel, Silverman's bandwidth), hone above its peers, on a common
 * axis; a bar marks the interval of the median. The axis is logarithmic where the values span more
 * than a factor of four. No scripts and no references to other files.
 */
#include "hone/measure/bench_report.h"

#include <math.h>
#include <string.h>

#include "harness_internal.h"
#include "report_internal.h"

enum {
    PLOT_WIDTH = 720,
    LABEL_WIDTH = 120,
    ROW_HEIGHT = 54,
    CURVE_HEIGHT = 40,
    AXIS_HEIGHT = 34,
    CURVE_POINTS = 160,
    DENSITY_SAMPLES_MAX = 2000,
    TICKS = 5,
};
static const double log_from_factor = 4;

static const char style[] =
    ":root{color-scheme:light dark;--text:#1b1f24;--soft:#5a6472;--line:#d5dae1;--back:#fff;"
    "--hone:#0b6bcb;--peer:#8a5a00;--good:#1a7f37;--bad:#c62828}"
    "@media(prefers-color-scheme:dark){:root{--text:#e6e9ee;--soft:#9aa4b2;--line:#343b45;"
    "--back:#14171c;--hone:#5fb0ff;--peer:#e0a84a;--good:#57c878;--bad:#ff7b72}}"
    "body{font:15px/1.5 system-ui,sans-serif;color:var(--text);background:var(--back);"
    "max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "h1{font-size:1.6rem}h2{font-size:1.15rem;margin:2.2rem 0 .4rem}"
    "p,.soft{color:var(--soft)}table{border-collapse:collapse;margin:.6rem 0}"
    "th,td{padding:.2rem .9rem .2rem 0;text-align:right;border-bottom:1px solid var(--line);"
    "font-variant-numeric:tabular-nums}th{color:var(--soft);font-weight:500}"
    "th:first-child,td:first-child,.left{text-align:left}.good{color:var(--good)}.bad{color:var(--"
    "bad)}"
    ".wide{overflow-x:auto}svg{width:100%;min-width:34rem;height:auto}"
    "svg text{font:12px system-ui,sans-serif;fill:var(--text)}svg .soft{fill:var(--soft)}"
    ".hone{fill:var(--hone);stroke:var(--hone)}.peer{fill:var(--peer);stroke:var(--peer)}"
    ".curve{fill-opacity:.25;stroke-width:1.5}.grid{stroke:var(--line)}";

static void append_escaped(hone_buffer *out, const char *text) {
    for (; *text; text++) {
        switch (*text) {
        case '<': hone_buffer_append_text(out, HONE_TEXT("&lt;")); break;
        case '>': hone_buffer_append_text(out, HONE_TEXT("&gt;")); break;
        case '&': hone_buffer_append_text(out, HONE_TEXT("&amp;")); break;
        case '"': hone_buffer_append_text(out, HONE_TEXT("&quot;")); break;
        default: hone_buffer_append_byte(out, *text); break;
        }
    }
}

static void append_cell(hone_buffer *out, const char *class_name, const char *text) {
    hone_buffer_format(out, class_name ? "<td class=\"%s\">" : "<td>", class_name);
    append_escaped(out, text);
    hone_buffer_append_text(out, HONE_TEXT("</td>"));
}

/* The axis of one plot. */
typedef struct axis {
    double low, high;
    bool is_log;
} axis;

static double place(const axis *self, double value) {
    double share = self->is_log ? log(value / self->low) / log(self->high / self->low)
                                : (value - self->low) / (self->high - self->low);
    return LABEL_WIDTH + share * (PLOT_WIDTH - LABEL_WIDTH - 10);
}

static double value_at(const axis *self, double share) {
    return self->is_log ? self->low * pow(self->high / self->low, share)
                        : self->low + share * (self->high - self->low);
}

/* From the 0.5 % to the 99.5 % quantile over all variants: a lone outlier must not flatten the
 * rest. */
static axis axis_of(const hone_bench_result *result, double *scratch) {
    axis found = {.low = INFINITY, .high = 0};
    for (uint32_t i = 0; i < result->variants_count; i++) {
        if (result->variants[i].absent || result->variants[i].count == 0) {
            continue;
        }
        uint32_t count = hn_variant_values(&result->variants[i], scratch);
        found.low = fmin(found.low, hone_quantile(scratch, count, 0.005));
        found.high = fmax(found.high, hone_quantile(scratch, count, 0.995));
    }
    double margin = (found.high - found.low) * 0.05;
    margin = margin > found.high * 1e-3 ? margin : found.high * 1e-3;
    found.is_log = found.high > log_from_factor * found.low;
    if (found.is_log) {
        found.low /= 1.1;
        found.high *= 1.1;
    } else {
        found.low = found.low > margin ? found.low - margin : found.low;
        found.high += margin;
    }
    return found;
}

/* Silverman's rule of thumb, on the scale of the axis. */
static double bandwidth_of(const double *sorted, uint32_t count, double axis_span) {
    double mean = 0, squares = 0;
    for (uint32_t i = 0; i < count; i++) {
        mean += sorted[i] / count;
    }
    for (uint32_t i = 0; i < count; i++) {
        squares += (sorted[i] - mean) * (sorted[i] - mean);
    }
    double deviation = count > 1 ? sqrt(squares / (count - 1)) : 0;
    double quartiles =
        (hone_quantile(sorted, count, 0.75) - hone_quantile(sorted, count, 0.25)) / 1.34;
    double spread = quartiles > 0 && quartiles < deviation ? quartiles : deviation;
    double width = 0.9 * spread * pow(count, -0.2);
    return width > axis_span / 400 ? width : axis_span / 400;
}

static double density_at(const double *sorted, uint32_t count, double width, double at) {
    double sum = 0;
    for (uint32_t i = 0; i < count; i++) {
        double off = (sorted[i] - at) / width;
        sum += off > -4 && off < 4 ? exp(-0.5 * off * off) : 0;
    }
    return sum;
}

static void write_curve(const axis *self, const double *sorted, uint32_t count, double base_y,
                        const char *class_name, hone_buffer *out) {
    double points[CURVE_POINTS + 1], peak = 0;
    double values[DENSITY_SAMPLES_MAX];
    /* Evenly spread over the sorted values, so that a long run costs no more than a short one. */
    uint32_t kept = count < DENSITY_SAMPLES_MAX ? count : DENSITY_SAMPLES_MAX;
    for (uint32_t i = 0; i < kept; i++) {
        double value = sorted[(uint64_t)i * count / kept];
        values[i] = self->is_log ? log(value) : value;
    }
    double low = self->is_log ? log(self->low) : self->low;
    double high = self->is_log ? log(self->high) : self->high;
    double width = bandwidth_of(values, kept, high - low);
    for (int i = 0; i <= CURVE_POINTS; i++) {
        points[i] = density_at(values, kept, width, low + (high - low) * i / CURVE_POINTS);
        peak = points[i] > peak ? points[i] : peak;
    }
    hone_buffer_format(out, "<path class=\"curve %s\" d=\"M%d %.1f", class_name, LABEL_WIDTH,
                       base_y);
    for (int i = 0; i <= CURVE_POINTS; i++) {
        hone_buffer_format(out, "L%.1f %.1f", place(self, value_at(self, (double)i / CURVE_POINTS)),
                           base_y - (peak > 0 ? points[i] / peak : 0) * CURVE_HEIGHT);
    }
    hone_buffer_format(out, "L%d %.1fZ\"/>", PLOT_WIDTH - 10, base_y);
}

static void write_axis(const axis *self, const char *unit, double height, hone_buffer *out) {
    for (int i = 0; i <= TICKS; i++) {
        double value = value_at(self, (double)i / TICKS), x = place(self, value);
        char figure[HN_FIGURE_BYTES];
        hn_figure(value, figure);
        hone_buffer_format(
            out,
            "<line class=\"grid\" x1=\"%.1f\" x2=\"%.1f\" y1=\"0\" y2=\"%.1f\"/>"
            "<text class=\"soft\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>",
            x, x, height, x, height + 16, i == TICKS ? "end" : "middle", figure);
    }
    hone_buffer_format(out, "<text class=\"soft\" x=\"0\" y=\"%.1f\">", height + 16);
    append_escaped(out, unit);
    hone_buffer_format(out, "%s</text>", self->is_log ? " (log)" : "");
}

static void write_plot(const hone_bench_result *result, double *scratch, hone_buffer *out) {
    axis scale = axis_of(result, scratch);
    int rows = 0;
    for (uint32_t i = 0; i < result->variants_count; i++) {
        rows += !result->variants[i].absent && result->variants[i].count;
    }
    if (rows == 0) {
        return;
    }
    double height = rows * ROW_HEIGHT, base_y = 0;
    hone_buffer_format(out,
                       "<div class=\"wide\"><svg viewBox=\"0 0 %d %.0f\" role=\"img\" "
                       "aria-label=\"distribution of the samples\">",
                       PLOT_WIDTH, height + AXIS_HEIGHT);
    write_axis(&scale, result->unit, height, out);
    for (uint32_t i = 0; i < result->variants_count; i++) {
        const hone_bench_variant_result *variant = &result->variants[i];
        const hone_estimate *median = &variant->summary.median;
        if (variant->absent || variant->count == 0) {
            continue;
        }
        base_y += ROW_HEIGHT;
        const char *class_name = i == 0 ? "hone" : "peer";
        uint32_t count = hn_variant_values(variant, scratch);
        write_curve(&scale, scratch, count, base_y - 4, class_name, out);
        hone_buffer_format(out,
                           "<rect class=\"%s\" x=\"%.1f\" width=\"%.1f\" y=\"%.1f\" "
                           "height=\"4\"/><text x=\"0\" y=\"%.1f\">",
                           class_name, place(&scale, median->low),
                           fmax(1.5, place(&scale, median->high) - place(&scale, median->low)),
                           base_y - 4, base_y - 6);
        append_escaped(out, variant->name);
        hone_buffer_append_text(out, HONE_TEXT("</text>"));
    }
    hone_buffer_append_text(out, HONE_TEXT("</svg></div>\n"));
}

static void write_variant(const hone_bench_result *result, uint32_t index, hone_buffer *out) {
    const hone_bench_variant_result *variant = &result->variants[index];
    const hone_summary *summary = &variant->summary;
    char figure[HN_FIGURE_BYTES];
    hone_buffer_append_text(out, HONE_TEXT("<tr>"));
    append_cell(out, NULL, variant->name);
    if (variant->absent) {
        hone_buffer_append_text(out, HONE_TEXT("<td colspan=\"9\" class=\"soft left\">absent: "));
        append_escaped(out, variant->absent);
        hone_buffer_append_text(out, HONE_TEXT("</td></tr>\n"));
        return;
    }
    hn_figure_estimate(&summary->median, figure);
    append_cell(out, NULL, figure);
    hn_figure_or_none(summary->p95.value, summary->has_p95, figure);
    append_cell(out, NULL, figure);
    hn_figure_or_none(summary->p99.value, summary->has_p99, figure);
    append_cell(out, NULL, figure);
    const double plain[] = {summary->mean, summary->deviation, summary->min, summary->max};
    for (int i = 0; i < 4; i++) {
        hn_figure(plain[i], figure);
        append_cell(out, NULL, figure);
    }
    hn_figure_share(variant->clean_count, variant->count, figure);
    append_cell(out, NULL, figure);
    if (index > 0 && result->pairs_counts[index]) {
        const hone_estimate *ratio = &result->ratios[index];
        hn_figure_estimate(ratio, figure);
        append_cell(out, ratio->low > 1 ? "good" : ratio->high < 1 ? "bad" : NULL, figure);
    } else {
        append_cell(out, NULL, "");
    }
    hone_buffer_append_text(out, HONE_TEXT("</tr>\n"));
}

static uint32_t samples_max(const hone_bench_report *report) {
    uint32_t most = 1;
    for (uint32_t i = 0; i < report->results_count; i++) {
        for (uint32_t v = 0; v < report->results[i].variants_count; v++) {
            uint32_t count = report->results[i].variants[v].count;
            most = count > most ? count : most;
        }
    }
    return most;
}

static void write_result(const hone_bench_result *result, double *scratch, hone_buffer *out) {
    hone_buffer_append_text(out, HONE_TEXT("<h2>"));
    append_escaped(out, result->name);
    hone_buffer_append_text(out, HONE_TEXT(" <span class=\"soft\">("));
    append_escaped(out, result->unit);
    hone_buffer_format(out,
                       ", %s is better)</span></h2>\n<div class=\"wide\"><table><tr><th></th>"
                       "<th>median [95 %%]</th><th>p95</th><th>p99</th><th>mean</th>"
                       "<th>deviation</th><th>min</th><th>max</th><th>clean</th>"
                       "<th>ratio (above 1: %s is better)</th></tr>\n",
                       result->better == HONE_BENCH_LOWER ? "lower" : "higher",
                       result->variants[0].name);
    for (uint32_t i = 0; i < result->variants_count; i++) {
        write_variant(result, i, out);
    }
    hone_buffer_append_text(out, HONE_TEXT("</table></div>\n"));
    write_plot(result, scratch, out);
}

void hone_bench_write_html(const hone_bench_report *report, hone_buffer *out) {
    const hone_bench_host *host = &report->host;
    size_t room = samples_max(report);
    double *scratch = HONE_NEW_ARRAY(out->allocator, double, room);
    if (!scratch) {
        out->status = HONE_STATUS_OUT_OF_MEMORY;
        return;
    }
    hone_buffer_append_text(out, HONE_TEXT("<!doctype html>\n<html lang=\"en\"><meta "
                                           "charset=\"utf-8\"><meta name=\"viewport\" "
                                           "content=\"width=device-width\"><title>"));
    append_escaped(out, report->suite);
    hone_buffer_format(out, "</title><style>%s</style>\n<h1>", style);
    append_escaped(out, report->suite);
    hone_buffer_append_text(out, HONE_TEXT("</h1>\n<p>"));
    append_escaped(out, host->cpu);
    hone_buffer_format(out, ", %u CPUs, %s, kernel %s; %s, %s<br>", host->cpus_count,
                       host->architecture, host->kernel, host->compiler, host->build);
    hn_counters_note(report, out);
    hone_buffer_append_text(out, HONE_TEXT("</p>\n<p class=\"soft\">"));
    hn_legend(report, out); /* plain text, nothing to escape */
    hone_buffer_append_text(out, HONE_TEXT("</p>\n"));
    for (uint32_t i = 0; i < report->results_count; i++) {
        write_result(&report->results[i], scratch, out);
    }
    hone_buffer_append_text(out, HONE_TEXT("</html>\n"));
    HONE_DELETE_ARRAY(out->allocator, double, scratch, room);
}
