/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reports for people: the table and Markdown come from the same grid of cells. A case takes one row
 * per peer (or one, without peers); the columns of hone are filled in the first.
 */
#include "hone/measure/bench_report.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "report_internal.h"

enum { COLUMNS = 9, CELL_BYTES = 200 };

typedef enum column {
    COLUMN_CASE,
    COLUMN_UNIT,
    COLUMN_HONE,
    COLUMN_P95,
    COLUMN_P99,
    COLUMN_CLEAN,
    COLUMN_PEER,
    COLUMN_VALUE,
    COLUMN_RATIO
} column;

typedef struct row {
    char cells[COLUMNS][CELL_BYTES];
    int tint; /* 1 good, -1 bad, 0 neither: colours the ratio */
} row;

static const char *const headings[COLUMNS] = {"case",  "unit", "hone",  "p95",  "p99",
                                              "clean", "peer", "value", "ratio"};

/* What the ratios speak of: hone, or the new one of two commands. */
static const char *subject_of(const hone_bench_report *report) {
    return report->results_count ? report->results[0].variants[0].name : "hone";
}

/* The only peer of all cases of a report on something else than hone: it gets a column of its own,
 * without its name in each row. NULL in other reports. */
static const char *only_peer_of(const hone_bench_report *report) {
    const char *peer = NULL;
    bool is_pair = strcmp(subject_of(report), "hone") != 0;
    for (uint32_t i = 0; i < report->results_count && is_pair; i++) {
        const hone_bench_result *result = &report->results[i];
        is_pair =
            result->variants_count == 2 && (!peer || strcmp(peer, result->variants[1].name) == 0);
        peer = is_pair ? result->variants[1].name : NULL;
    }
    return peer;
}

/* Sees each row of a report in order. */
typedef void (*row_visitor)(void *self, const row *line);

static void set_cell(row *self, column at, const char *text) {
    (void)snprintf(self->cells[at], CELL_BYTES, "%s", text);
}

static void fill_hone(const hone_bench_result *result, row *self) {
    const hone_bench_variant_result *hone = &result->variants[0];
    char figure[HN_FIGURE_BYTES];
    set_cell(self, COLUMN_CASE, result->name);
    set_cell(self, COLUMN_UNIT, result->unit);
    if (hone->absent) {
        (void)snprintf(self->cells[COLUMN_HONE], CELL_BYTES, "absent: %s", hone->absent);
        return;
    }
    hn_figure_estimate(&hone->summary.median, figure);
    set_cell(self, COLUMN_HONE, figure);
    hn_figure_or_none(hone->summary.p95.value, hone->summary.has_p95, figure);
    set_cell(self, COLUMN_P95, figure);
    hn_figure_or_none(hone->summary.p99.value, hone->summary.has_p99, figure);
    set_cell(self, COLUMN_P99, figure);
    hn_figure_share(hone->clean_count, hone->count, figure);
    set_cell(self, COLUMN_CLEAN, figure);
}

static void fill_peer(const hone_bench_result *result, uint32_t index, row *self) {
    const hone_bench_variant_result *peer = &result->variants[index];
    const hone_estimate *ratio = &result->ratios[index];
    char figure[HN_FIGURE_BYTES];
    set_cell(self, COLUMN_PEER, peer->name);
    if (peer->absent) {
        set_cell(self, COLUMN_VALUE, "absent"); /* write_absent_peers says why */
        return;
    }
    hn_figure(peer->summary.median.value, figure);
    set_cell(self, COLUMN_VALUE, figure);
    if (result->pairs_counts[index] == 0) {
        set_cell(self, COLUMN_RATIO, "n/a");
        return;
    }
    hn_figure_estimate(ratio, figure);
    set_cell(self, COLUMN_RATIO, figure);
    self->tint = ratio->low > 1 ? 1 : ratio->high < 1 ? -1 : 0;
}

static void visit_rows(const hone_bench_report *report, row_visitor visit, void *self) {
    for (uint32_t i = 0; i < report->results_count; i++) {
        const hone_bench_result *result = &report->results[i];
        row first = {0};
        fill_hone(result, &first);
        if (result->variants_count > 1) {
            fill_peer(result, 1, &first);
        }
        visit(self, &first);
        for (uint32_t peer = 2; peer < result->variants_count; peer++) {
            row more = {0};
            fill_peer(result, peer, &more);
            visit(self, &more);
        }
    }
}

/* Columns are as wide as their widest cell, but an "absent: reason" may run over to the right. */
typedef struct table {
    size_t widths[COLUMNS];
    bool is_shown[COLUMNS], with_color;
    hone_buffer *out;
} table;

static bool is_overflowing(const char *cell) {
    return strncmp(cell, "absent: ", 8) == 0;
}

static void measure_row(void *self, const row *line) {
    table *grid = self;
    for (int i = 0; i < COLUMNS; i++) {
        size_t width = is_overflowing(line->cells[i]) ? 0 : strlen(line->cells[i]);
        grid->widths[i] = width > grid->widths[i] ? width : grid->widths[i];
    }
}

static void write_row(void *self, const row *line) {
    table *grid = self;
    size_t start = grid->out->size;
    for (int i = 0; i < COLUMNS; i++) {
        if (!grid->is_shown[i]) {
            continue;
        }
        const char *color = line->tint > 0 ? "\033[32m" : "\033[31m";
        bool is_colored = grid->with_color && i == COLUMN_RATIO && line->tint != 0;
        bool is_text = i == COLUMN_CASE || i == COLUMN_UNIT || i == COLUMN_PEER;
        int width = (int)grid->widths[i];
        hone_buffer_format(grid->out, "%s%s%*s%s", i ? "  " : "", is_colored ? color : "",
                           is_text || is_overflowing(line->cells[i]) ? -width : width,
                           line->cells[i], is_colored ? "\033[0m" : "");
        if (is_overflowing(line->cells[i])) {
            break;
        }
    }
    while (grid->out->size > start && grid->out->data[grid->out->size - 1] == ' ') {
        grid->out->size--;
    }
    hone_buffer_append_byte(grid->out, '\n');
}

static bool has_peers(const hone_bench_report *report) {
    for (uint32_t i = 0; i < report->results_count; i++) {
        if (report->results[i].variants_count > 1) {
            return true;
        }
    }
    return false;
}

static row heading_row(const hone_bench_report *report) {
    row heading = {0};
    const char *peer = only_peer_of(report);
    for (int i = 0; i < COLUMNS; i++) {
        set_cell(&heading, (column)i, headings[i]);
    }
    set_cell(&heading, COLUMN_HONE, subject_of(report));
    if (peer) {
        set_cell(&heading, COLUMN_VALUE, peer);
    }
    return heading;
}

static table table_of(const hone_bench_report *report, bool with_color, hone_buffer *out) {
    table grid = {.with_color = with_color, .out = out};
    for (int i = 0; i < COLUMNS; i++) {
        grid.is_shown[i] = i < COLUMN_PEER || has_peers(report);
    }
    grid.is_shown[COLUMN_PEER] = has_peers(report) && !only_peer_of(report);
    return grid;
}

static void write_host(const hone_bench_report *report, hone_buffer *out) {
    const hone_bench_host *host = &report->host;
    hone_buffer_format(out, "suite %s on %s, %u CPUs, %s, kernel %s; %s, %s; load ", report->suite,
                       host->cpu, host->cpus_count, host->architecture, host->kernel,
                       host->compiler, host->build);
    if (host->load_average >= 0) {
        hone_buffer_format(out, "%.2f", host->load_average);
    } else {
        hone_buffer_format(out, "n/a");
    }
}

static void write_notes(const hone_bench_report *report, const char *prefix, hone_buffer *out) {
    for (uint32_t i = 0; i < report->results_count; i++) {
        const hone_bench_result *result = &report->results[i];
        for (uint32_t v = 0; v < result->variants_count; v++) {
            hone_buffer note;
            hone_buffer_init(&note, NULL, 4096);
            if (hn_variant_notes(&result->variants[v], &note)) {
                hone_buffer_format(out, "%s%s, %s: %.*s\n", prefix, result->name,
                                   result->variants[v].name,
                                   HONE_TEXT_ARGS(hone_buffer_text(&note)));
            }
            hone_buffer_deinit(&note);
        }
    }
}

static bool is_same_absence(const hone_bench_variant_result *a,
                            const hone_bench_variant_result *b) {
    return a->absent && b->absent && strcmp(a->name, b->name) == 0 &&
           strcmp(a->absent, b->absent) == 0;
}

/* Of the cases [first, end), those where this peer is absent for this reason. */
static uint32_t absences_count(const hone_bench_report *report, uint32_t first, uint32_t end,
                               const hone_bench_variant_result *peer) {
    uint32_t count = 0;
    for (uint32_t i = first; i < end; i++) {
        const hone_bench_result *result = &report->results[i];
        for (uint32_t v = 1; v < result->variants_count; v++) {
            count += is_same_absence(&result->variants[v], peer);
        }
    }
    return count;
}

/* A line per absent peer and reason, however many cases it is missing from. */
static void write_absent_peers(const hone_bench_report *report, const char *prefix,
                               hone_buffer *out) {
    for (uint32_t i = 0; i < report->results_count; i++) {
        const hone_bench_result *result = &report->results[i];
        for (uint32_t v = 1; v < result->variants_count; v++) {
            const hone_bench_variant_result *peer = &result->variants[v];
            if (!peer->absent || absences_count(report, 0, i, peer)) {
                continue; /* there, or said before */
            }
            uint32_t count = absences_count(report, i, report->results_count, peer);
            hone_buffer_format(out, "%sabsent: %s, ", prefix, peer->name);
            if (count > 1) {
                hone_buffer_format(out, "in %u cases: %s\n", count, peer->absent);
            } else {
                hone_buffer_format(out, "in %s: %s\n", result->name, peer->absent);
            }
        }
    }
}

/* Per iteration; only where the machine counts. */
static void write_counters(const hone_bench_report *report, const char *prefix, hone_buffer *out) {
    const hone_bench_variant_result *counted = hn_counted_variant(report);
    hone_buffer_append_text(out, hone_text_of(prefix));
    hn_counters_note(report, out);
    hone_buffer_append_byte(out, '\n');
    if (!counted || counted->counters[HONE_COUNTER_CYCLES].state == HONE_COUNTER_UNSUPPORTED) {
        return;
    }
    for (uint32_t i = 0; i < report->results_count; i++) {
        const hone_bench_variant_result *hone = &report->results[i].variants[0];
        char cycles[HN_FIGURE_BYTES], misses[HN_FIGURE_BYTES], branches[HN_FIGURE_BYTES];
        const double *values = hone->counter_values;
        if (hone->absent || hone->counters_count == 0) {
            continue;
        }
        hn_figure(values[HONE_COUNTER_CYCLES], cycles);
        hn_figure_or_none(values[HONE_COUNTER_CACHE_MISSES],
                          hone->counters[HONE_COUNTER_CACHE_MISSES].state, misses);
        hn_figure_or_none(values[HONE_COUNTER_BRANCH_MISSES],
                          hone->counters[HONE_COUNTER_BRANCH_MISSES].state, branches);
        hone_buffer_format(out,
                           "%s%s: per iteration %s cycles, %.2f instructions a cycle, %s cache "
                           "misses, %s branch misses\n",
                           prefix, report->results[i].name, cycles,
                           values[HONE_COUNTER_INSTRUCTIONS] / values[HONE_COUNTER_CYCLES], misses,
                           branches);
    }
}

/* In lines, for a terminal: a sentence each. */
static void write_legend(const hone_bench_report *report, hone_buffer *out) {
    hone_buffer legend;
    hone_buffer_init(&legend, NULL, 4096);
    hn_legend(report, &legend);
    hone_text rest = hone_buffer_text(&legend);
    while (rest.data) {
        hone_text sentence = hone_text_trim(hone_text_split(&rest, ';'));
        hone_buffer_format(out, "%.*s\n", HONE_TEXT_ARGS(sentence));
    }
    hone_buffer_deinit(&legend);
}

void hone_bench_write_table(const hone_bench_report *report, bool with_color, hone_buffer *out) {
    table grid = table_of(report, with_color, out);
    row heading = heading_row(report);
    write_host(report, out);
    hone_buffer_append_text(out, HONE_TEXT("\n\n"));
    measure_row(&grid, &heading);
    visit_rows(report, measure_row, &grid);
    write_row(&grid, &heading);
    visit_rows(report, write_row, &grid);
    hone_buffer_append_text(out, HONE_TEXT("\nmedian [95 % interval]"));
    if (has_peers(report)) {
        hone_buffer_format(out, "; a ratio above 1: %s is better", subject_of(report));
    }
    hone_buffer_append_text(out, HONE_TEXT("; "));
    write_legend(report, out);
    write_absent_peers(report, "", out);
    write_notes(report, "note: ", out);
    write_counters(report, "", out);
}

static void write_spread(const hone_bench_variant_result *variant, hone_buffer *out) {
    const hone_summary *summary = &variant->summary;
    const struct {
        const char *name;
        double value;
    } figures[] = {
        {"mean", summary->mean},
        {"deviation", summary->deviation},
        {"min", summary->min},
        {"max", summary->max},
        {"absolute deviation", summary->deviation_absolute},
    };
    for (size_t i = 0; i < sizeof figures / sizeof figures[0]; i++) {
        char figure[HN_FIGURE_BYTES];
        hn_figure(figures[i].value, figure);
        hone_buffer_format(out, "%s%s %s", i ? ", " : "  ", figures[i].name, figure);
    }
    hone_buffer_format(out,
                       "\n  %u samples (%u clean) of %" PRIu64 " iterations, %zu mild and %zu "
                       "severe outliers, warm-up %.0f ms\n",
                       variant->count, variant->clean_count, variant->iterations,
                       summary->outliers_mild_count, summary->outliers_severe_count,
                       (double)variant->warm_up_ns * 1e-6);
}

static void write_each_counter(const hone_bench_variant_result *variant, hone_buffer *out) {
    for (uint32_t id = 0; id < variant->counters_count; id++) {
        const hone_counter *counter = &variant->counters[id];
        char figure[HN_FIGURE_BYTES];
        hn_figure_or_none(variant->counter_values[id], counter->state != HONE_COUNTER_UNSUPPORTED,
                          figure);
        hone_buffer_format(out, "  %s per iteration: %s", hone_counter_name((hone_counter_id)id),
                           figure);
        if (counter->state == HONE_COUNTER_UNSUPPORTED) {
            hone_buffer_format(out, " (%s)", counter->reason);
        } else if (counter->state == HONE_COUNTER_MULTIPLEXED) {
            hone_buffer_format(out, " (counted %.0f %% of the time)", counter->counted_share * 100);
        }
        hone_buffer_append_byte(out, '\n');
    }
}

void hone_bench_write_details(const hone_bench_report *report, hone_buffer *out) {
    for (uint32_t i = 0; i < report->results_count; i++) {
        const hone_bench_result *result = &report->results[i];
        for (uint32_t v = 0; v < result->variants_count; v++) {
            const hone_bench_variant_result *variant = &result->variants[v];
            if (variant->absent || variant->count == 0) {
                continue;
            }
            hone_buffer_format(out, "%s, %s (%s)\n", result->name, variant->name, result->unit);
            write_spread(variant, out);
            write_each_counter(variant, out);
        }
    }
}

static void write_markdown_row(void *self, const row *line) {
    table *grid = self;
    for (int i = 0; i < COLUMNS; i++) {
        if (!grid->is_shown[i]) {
            continue;
        }
        hone_buffer_append_text(grid->out, HONE_TEXT("| "));
        for (const char *at = line->cells[i]; *at; at++) {
            if (*at == '|') {
                hone_buffer_append_byte(grid->out, '\\');
            }
            hone_buffer_append_byte(grid->out, *at);
        }
        hone_buffer_append_byte(grid->out, ' ');
    }
    hone_buffer_append_text(grid->out, HONE_TEXT("|\n"));
}

void hone_bench_write_markdown(const hone_bench_report *report, hone_buffer *out) {
    table grid = table_of(report, false, out);
    row heading = heading_row(report), rule = {0};
    for (int i = 0; i < COLUMNS; i++) {
        bool is_text = i == COLUMN_CASE || i == COLUMN_UNIT || i == COLUMN_PEER;
        set_cell(&rule, (column)i, is_text ? "---" : "---:");
    }
    hone_buffer_format(out, "## %s\n\n", report->suite);
    write_host(report, out);
    hone_buffer_append_text(out, HONE_TEXT("\n\n"));
    write_markdown_row(&grid, &heading);
    write_markdown_row(&grid, &rule);
    visit_rows(report, write_markdown_row, &grid);
    hone_buffer_format(out, "\nMedian [95 %% interval]; a ratio above 1 means that %s is better; ",
                       subject_of(report));
    hn_legend(report, out);
    hone_buffer_append_text(out, HONE_TEXT(".\n\n"));
    write_absent_peers(report, "- ", out);
    write_notes(report, "- ", out);
    write_counters(report, "- ", out);
}

void hone_bench_write_comparisons(const hone_comparisons *comparisons, double threshold,
                                  bool with_color, hone_buffer *out) {
    static const char *const colors[] = {"", "\033[32m", "\033[31m", "\033[33m"};
    int width = 4;
    uint32_t regressed = 0;
    for (uint32_t i = 0; i < comparisons->count; i++) {
        int length = (int)strlen(comparisons->items[i].name);
        width = length > width ? length : width;
        regressed += comparisons->items[i].verdict == HONE_VERDICT_REGRESSED;
    }
    hone_buffer_format(out, "%-*s  %10s  %10s  %-24s  verdict (threshold %.3g %%)\n", width, "case",
                       "old", "new", "slowdown", threshold * 100);
    for (uint32_t i = 0; i < comparisons->count; i++) {
        const hone_comparison *item = &comparisons->items[i];
        char old[HN_FIGURE_BYTES], fresh[HN_FIGURE_BYTES], slowdown[HN_FIGURE_BYTES];
        hn_figure(item->old_median, old);
        hn_figure(item->new_median, fresh);
        hn_figure_estimate(&item->slowdown, slowdown);
        hone_buffer_format(
            out, "%-*s  %10s  %10s  %-24s  %s%s%s%s%s\n", width, item->name, old, fresh, slowdown,
            with_color ? colors[item->verdict] : "", hone_verdict_name(item->verdict),
            with_color && item->verdict ? "\033[0m" : "", item->note[0] ? ": " : "", item->note);
    }
    for (uint32_t i = 0; i < comparisons->missing_count; i++) {
        hone_buffer_format(out, "not compared: %s is in the baseline but not in this run\n",
                           comparisons->missing_names[i]);
    }
    for (uint32_t i = 0; i < comparisons->count && regressed; i++) {
        const hone_comparison *item = &comparisons->items[i];
        if (item->verdict == HONE_VERDICT_REGRESSED) {
            hone_buffer_format(out, "regressed: %s costs %.1f %% more\n", item->name,
                               (item->slowdown.value - 1) * 100);
        }
    }
}
