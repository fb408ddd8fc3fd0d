/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes and stages as `hone top` shows them. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cells_internal.h"
#include "json_members_internal.h"
#include "watch_internal.h"

#include "hone/base/units.h"

enum { CELL_BYTES = 80, BAR_CELLS = 10, HOP_SAMPLES_MIN = 1 };

static uint64_t load(const _Atomic uint64_t *figure) {
    return atomic_load_explicit(figure, memory_order_relaxed);
}

/* --- Cells ---------------------------------------------------------------------------------- */

typedef struct stage_row {
    const hone_live_stage *live;
    const hn_watch_stage *seen;
} stage_row;

static void cell_stage(const stage_row *row, char *out_text) {
    hn_cli_figure_name(row->live->name, HONE_LIVE_NAME_BYTES, 14, out_text);
}

static void cell_kind(const stage_row *row, char *out_text) {
    hn_cli_figure_name(row->live->kind, HONE_LIVE_NAME_BYTES, 14, out_text);
}

static void cell_in(const stage_row *row, char *out_text) {
    hn_cli_figure_count((double)row->seen->records_in, out_text, CELL_BYTES);
}

static void cell_in_rate(const stage_row *row, char *out_text) {
    hn_cli_figure_count(row->seen->in_per_s, out_text, CELL_BYTES);
}

static void cell_out(const stage_row *row, char *out_text) {
    hn_cli_figure_count((double)row->seen->records_out, out_text, CELL_BYTES);
}

static void cell_out_rate(const stage_row *row, char *out_text) {
    hn_cli_figure_count(row->seen->out_per_s, out_text, CELL_BYTES);
}

static void cell_dropped(const stage_row *row, char *out_text) {
    hn_cli_figure_count((double)load(&row->live->records_dropped), out_text, CELL_BYTES);
}

static void cell_skipped(const stage_row *row, char *out_text) {
    hn_cli_figure_count((double)load(&row->live->records_skipped), out_text, CELL_BYTES);
}

static void cell_queued(const stage_row *row, char *out_text) {
    hn_cli_figure_count((double)load(&row->live->queued_count), out_text, CELL_BYTES);
}

static void cell_busy(const stage_row *row, char *out_text) {
    (void)snprintf(out_text, CELL_BYTES, "%.0f %%", row->seen->busy_share * 100);
}

static void cell_hop(const stage_row *row, double quantile, char *out_text) {
    if (hone_histogram_count(&row->live->hop_ns) < HOP_SAMPLES_MIN) {
        (void)snprintf(out_text, CELL_BYTES, "-");
        return;
    }
    (void)hone_duration_format((double)hone_histogram_quantile(&row->live->hop_ns, quantile),
                               out_text, CELL_BYTES);
}

static void cell_hop_p50(const stage_row *row, char *out_text) {
    cell_hop(row, 0.50, out_text);
}

static void cell_hop_p99(const stage_row *row, char *out_text) {
    cell_hop(row, 0.99, out_text);
}

static void cell_history(const stage_row *row, char *out_text) {
    hn_cli_figure_sparkline(row->seen->history, HN_WATCH_HISTORY, out_text, CELL_BYTES);
}

/* From left to right; what does not fit any more is left out by rank, the highest first. */
static const struct column {
    const char *title;
    uint32_t width;
    bool is_left; /* aligned */
    uint32_t rank;
    void (*cell)(const stage_row *row, char *out_text);
} columns_of_table[] = {
    {"STAGE", 14, true, 0, cell_stage},     {"KIND", 14, true, 5, cell_kind},
    {"IN", 7, false, 3, cell_in},           {"IN/S", 7, false, 0, cell_in_rate},
    {"OUT", 7, false, 3, cell_out},         {"OUT/S", 7, false, 1, cell_out_rate},
    {"DROPPED", 7, false, 1, cell_dropped}, {"SKIPPED", 7, false, 6, cell_skipped},
    {"QUEUE", 5, false, 2, cell_queued},    {"BUSY", 5, false, 2, cell_busy},
    {"HOP P50", 8, false, 4, cell_hop_p50}, {"HOP P99", 8, false, 1, cell_hop_p99},
    {"IN/S", 10, true, 2, cell_history},
};
enum { COLUMNS_COUNT = sizeof columns_of_table / sizeof *columns_of_table, RANK_MAX = 6 };

typedef struct layout {
    uint32_t rank; /* columns up to it fit */
    bool has_history;
} layout;

static bool is_shown(const layout *shape, const struct column *column) {
    return column->rank <= shape->rank && (shape->has_history || column->cell != cell_history);
}

static layout layout_for(uint32_t columns, bool has_history) {
    layout fitting = {.rank = RANK_MAX, .has_history = has_history};
    for (; fitting.rank > 0; fitting.rank--) {
        uint32_t width = 0;
        for (int i = 0; i < COLUMNS_COUNT; i++) {
            bool counts = is_shown(&fitting, &columns_of_table[i]);
            width += counts ? columns_of_table[i].width + 2 : 0;
        }
        if (width <= columns) {
            break;
        }
    }
    return fitting;
}

static void print_cell(hn_cli_output *output, const struct column *column, const char *text) {
    int padding = (int)column->width - (int)hn_cli_figure_width(text);
    bool is_last = column->cell == cell_history;
    padding = padding > 0 ? padding : 0;
    hn_cli_print(output, "  %*s%s%*s", column->is_left ? 0 : padding, "", text,
                 column->is_left && !is_last ? padding : 0, "");
}

/* The row of a stage, or with NULL the titles. */
static void print_row(hn_cli_output *output, const stage_row *row, const layout *shape) {
    for (int i = 0; i < COLUMNS_COUNT; i++) {
        const struct column *column = &columns_of_table[i];
        char text[CELL_BYTES];
        if (!is_shown(shape, column)) {
            continue;
        }
        if (row) {
            column->cell(row, text);
        } else {
            (void)snprintf(text, sizeof text, "%s", column->title);
        }
        print_cell(output, column, text);
    }
    hn_cli_print(output, "\n");
}

/* --- A node --------------------------------------------------------------------------------- */

static void print_memory(hn_cli_output *output, const hone_live_page *page) {
    char held[24], budget[24], peak[24], bar[CELL_BYTES];
    uint64_t held_bytes = load(&page->held_bytes);
    (void)hone_size_format((double)held_bytes, held, sizeof held);
    (void)hone_size_format((double)page->budget_bytes, budget, sizeof budget);
    (void)hone_size_format((double)load(&page->peak_bytes), peak, sizeof peak);
    double share = page->budget_bytes ? (double)held_bytes / (double)page->budget_bytes : 0;
    hn_cli_figure_bar(share, BAR_CELLS, bar, sizeof bar);
    hn_cli_print(output, "  memory %s%s%s %s of %s, peak %s\n",
                 hn_cli_style_of(output, share > 0.9 ? HN_STYLE_BAD : HN_STYLE_GOOD), bar,
                 hn_cli_style_of(output, HN_STYLE_PLAIN), held, budget, peak);
}

/* "12 %", or "n/a" */
static void cell_share(uint64_t ppm, char *out_text) {
    if (ppm == HONE_LIVE_UNKNOWN) {
        (void)snprintf(out_text, CELL_BYTES, "n/a");
    } else {
        (void)snprintf(out_text, CELL_BYTES, "%.0f %%", (double)ppm / 1e4);
    }
}

/* What is known of it; nothing before the first look. */
static void print_pressure(hn_cli_output *output, const hone_live_pressure *pressure) {
    char now[CELL_BYTES], own[CELL_BYTES], cgroup[CELL_BYTES], stall[CELL_BYTES], peak[CELL_BYTES],
        bar[CELL_BYTES], evicted[24];
    uint64_t now_ppm = load(&pressure->pressure_ppm), passes_count = load(&pressure->passes_count);
    if (load(&pressure->looks_count) == 0) {
        return;
    }
    cell_share(now_ppm, now);
    cell_share(load(&pressure->own_ppm), own);
    cell_share(load(&pressure->cgroup_ppm), cgroup);
    cell_share(load(&pressure->stall_ppm), stall);
    cell_share(load(&pressure->pressure_peak_ppm), peak);
    hn_cli_figure_bar((double)now_ppm / 1e6, BAR_CELLS, bar, sizeof bar);
    hn_cli_print(output, "  pressure %s%s%s %s, peak %s (own %s, cgroup %s, stall %s)",
                 hn_cli_style_of(output, now_ppm >= 700000 ? HN_STYLE_BAD : HN_STYLE_GOOD), bar,
                 hn_cli_style_of(output, HN_STYLE_PLAIN), now, peak, own, cgroup, stall);
    if (passes_count) {
        (void)hone_size_format((double)load(&pressure->evicted_bytes), evicted, sizeof evicted);
        hn_cli_print(output, "; %s given back in %llu eviction%s", evicted,
                     (unsigned long long)passes_count, passes_count == 1 ? "" : "s");
    }
    hn_cli_print(output, "\n");
}

/* As in the report; `used` since the last look. */
static void print_partitions(hn_cli_output *output, const hn_watch_node *node) {
    const hone_live_page *page = node->live.page;
    if (node->partitions_count) {
        hn_cli_print(output, "%s  %-14s  %7s  %7s  %8s  %8s  %12s  %7s%s\n",
                     hn_cli_style_of(output, HN_STYLE_FAINT), "PARTITION", "SHARE", "USED", "CPU",
                     "CRITICAL", "CRITICAL CPU", "WAITING",
                     hn_cli_style_of(output, HN_STYLE_PLAIN));
    }
    for (uint32_t i = 0; i < node->partitions_count; i++) {
        const hone_live_partition *live = &page->partitions[i];
        char name[CELL_BYTES], used[CELL_BYTES] = "-", cpu[24], critical[24] = "-";
        uint64_t critical_ns = load(&live->critical_ns);
        hn_cli_figure_name(live->name, HONE_LIVE_NAME_BYTES, 14, name);
        if (!isnan(node->partitions[i].share_used)) {
            (void)snprintf(used, sizeof used, "%.1f %%", 100 * node->partitions[i].share_used);
        }
        (void)hone_duration_format((double)node->partitions[i].cpu_ns, cpu, sizeof cpu);
        if (critical_ns) {
            (void)hone_duration_format((double)critical_ns, critical, sizeof critical);
        }
        int padding = 14 - (int)hn_cli_figure_width(name);
        hn_cli_print(output, "  %s%*s  %5.1f %%  %7s  %8s  %6.1f %%  %12s  %7llu\n", name,
                     padding > 0 ? padding : 0, "", 100 * live->share, used, cpu,
                     100 * live->critical_share, critical,
                     (unsigned long long)load(&live->waiting_count));
    }
}

static void print_end_to_end(hn_cli_output *output, const hone_histogram *end_to_end_ns) {
    static const struct {
        const char *name;
        double quantile;
    } quantiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"max", 1}};
    if (hone_histogram_count(end_to_end_ns) == 0) {
        hn_cli_print(output, "  end to end: no record has reached a sink yet\n");
        return;
    }
    hn_cli_print(output, "  end to end ");
    for (size_t i = 0; i < sizeof quantiles / sizeof *quantiles; i++) {
        char text[24];
        uint64_t value = quantiles[i].quantile < 1
                             ? hone_histogram_quantile(end_to_end_ns, quantiles[i].quantile)
                             : hone_histogram_max(end_to_end_ns);
        (void)hone_duration_format((double)value, text, sizeof text);
        hn_cli_print(output, "%s %s %s", i ? "," : "", quantiles[i].name, text);
    }
    hn_cli_print(output, "\n");
}

static void print_node(hn_cli_output *output, const hn_watch_node *node, uint64_t now_ns,
                       const layout *shape) {
    const hone_live_page *page = node->live.page;
    char name[HONE_LIVE_NAME_BYTES + 8], uptime[24];
    hn_cli_figure_name(page->node_name, HONE_LIVE_NAME_BYTES, HONE_LIVE_NAME_BYTES, name);
    (void)hone_duration_format(hn_watch_uptime_s(node, now_ns) * 1e9, uptime, sizeof uptime);
    hn_cli_print(output, "%s%s%s  pid %lld, %s%s%s, %s, %u worker%s\n",
                 hn_cli_style_of(output, HN_STYLE_TITLE), name,
                 hn_cli_style_of(output, HN_STYLE_PLAIN), (long long)node->pid,
                 hn_cli_style_of(output, node->has_ended ? HN_STYLE_WARNING : HN_STYLE_GOOD),
                 hn_watch_state_name(node), hn_cli_style_of(output, HN_STYLE_PLAIN), uptime,
                 page->workers_count, page->workers_count == 1 ? "" : "s");
    print_memory(output, page);
    print_pressure(output, &page->pressure);
    print_end_to_end(output, node->end_to_end_ns);
    hn_cli_print(output, "%s", hn_cli_style_of(output, HN_STYLE_FAINT));
    print_row(output, NULL, shape);
    hn_cli_print(output, "%s", hn_cli_style_of(output, HN_STYLE_PLAIN));
    for (uint32_t i = 0; i < node->stages_count; i++) {
        print_row(output, &(stage_row){&page->stages[i], &node->stages[i]}, shape);
    }
    print_partitions(output, node);
}

void hn_watch_print_table(hn_cli_output *output, const hn_watch *watch, uint64_t now_ns,
                          uint32_t columns, bool has_history) {
    layout fitting = layout_for(columns, has_history);
    for (uint32_t i = 0; i < watch->count; i++) {
        hn_cli_print(output, i ? "\n" : "");
        print_node(output, &watch->nodes[i], now_ns, &fitting);
    }
}

/* --- JSON ----------------------------------------------------------------------------------- */

static void write_latency(hone_json_writer *writer, const char *key,
                          const hone_histogram *histogram) {
    hn_json_key(writer, key);
    if (hone_histogram_count(histogram) == 0) {
        hone_json_write_null(writer);
        return;
    }
    hone_json_write_object_begin(writer);
    hn_json_u64(writer, "count", hone_histogram_count(histogram));
    hn_json_f64(writer, "mean", hone_histogram_mean(histogram));
    hn_json_u64(writer, "p50", hone_histogram_quantile(histogram, 0.50));
    hn_json_u64(writer, "p90", hone_histogram_quantile(histogram, 0.90));
    hn_json_u64(writer, "p99", hone_histogram_quantile(histogram, 0.99));
    hn_json_u64(writer, "max", hone_histogram_max(histogram));
    hone_json_write_object_end(writer);
}

static void write_name(hone_json_writer *writer, const char *key,
                       const char name[HONE_LIVE_NAME_BYTES]) {
    hn_json_key(writer, key);
    hone_json_write_text(writer, (hone_text){name, strnlen(name, HONE_LIVE_NAME_BYTES)});
}

static void write_stage(hone_json_writer *writer, const stage_row *row) {
    const hone_live_stage *live = row->live;
    hone_json_write_object_begin(writer);
    write_name(writer, "name", live->name);
    write_name(writer, "kind", live->kind);
    hn_json_u64(writer, "records_in", row->seen->records_in);
    hn_json_u64(writer, "records_out", row->seen->records_out);
    hn_json_f64(writer, "records_in_per_s", row->seen->in_per_s);
    hn_json_f64(writer, "records_out_per_s", row->seen->out_per_s);
    hn_json_u64(writer, "records_dropped", load(&live->records_dropped));
    hn_json_u64(writer, "records_skipped", load(&live->records_skipped));
    hn_json_u64(writer, "records_undelivered", load(&live->records_undelivered));
    hn_json_u64(writer, "batches_in", load(&live->batches_in));
    hn_json_u64(writer, "batches_out", load(&live->batches_out));
    hn_json_u64(writer, "bytes", load(&live->bytes));
    hn_json_u64(writer, "blocked_count", load(&live->blocked_count));
    hn_json_u64(writer, "busy_ns", row->seen->busy_ns);
    hn_json_f64(writer, "busy_share", row->seen->busy_share);
    hn_json_u64(writer, "queued_count", load(&live->queued_count));
    write_latency(writer, "hop_ns", &live->hop_ns);
    write_latency(writer, "end_to_end_ns", &live->end_to_end_ns);
    hone_json_write_object_end(writer);
}

/* A fraction, or null. */
static void write_fraction(hone_json_writer *writer, const char *key, double value) {
    hn_json_key(writer, key);
    if (isnan(value)) {
        hone_json_write_null(writer);
    } else {
        hone_json_write_f64(writer, value);
    }
}

static void write_ppm(hone_json_writer *writer, const char *key, const _Atomic uint64_t *figure) {
    uint64_t ppm = load(figure);
    write_fraction(writer, key, ppm == HONE_LIVE_UNKNOWN ? (double)NAN : (double)ppm / 1e6);
}

static void write_pressure(hone_json_writer *writer, const hone_live_pressure *pressure) {
    hn_json_key(writer, "memory_pressure");
    if (load(&pressure->looks_count) == 0) {
        hone_json_write_null(writer);
        return;
    }
    hone_json_write_object_begin(writer);
    write_ppm(writer, "last", &pressure->pressure_ppm);
    write_ppm(writer, "peak", &pressure->pressure_peak_ppm);
    write_ppm(writer, "own", &pressure->own_ppm);
    write_ppm(writer, "cgroup", &pressure->cgroup_ppm);
    write_ppm(writer, "stall", &pressure->stall_ppm);
    hn_json_u64(writer, "looks_count", load(&pressure->looks_count));
    hn_json_u64(writer, "passes_count", load(&pressure->passes_count));
    hn_json_u64(writer, "evicted_bytes", load(&pressure->evicted_bytes));
    hone_json_write_object_end(writer);
}

static void write_partition(hone_json_writer *writer, const hone_live_partition *live,
                            const hn_watch_partition *seen) {
    hone_json_write_object_begin(writer);
    write_name(writer, "name", live->name);
    write_fraction(writer, "share", live->share);
    write_fraction(writer, "critical_share", live->critical_share);
    write_fraction(writer, "share_used", seen->share_used);
    hn_json_u64(writer, "cpu_ns", seen->cpu_ns);
    hn_json_u64(writer, "critical_ns", load(&live->critical_ns));
    hn_json_u64(writer, "waiting_count", load(&live->waiting_count));
    hone_json_write_object_end(writer);
}

static void write_node(hone_json_writer *writer, const hn_watch_node *node, uint64_t now_ns) {
    const hone_live_page *page = node->live.page;
    hone_json_write_object_begin(writer);
    write_name(writer, "name", page->node_name);
    hn_json_u64(writer, "pid", (uint64_t)node->pid);
    hn_json_text(writer, "state", hn_watch_state_name(node));
    hn_json_f64(writer, "uptime_s", hn_watch_uptime_s(node, now_ns));
    hn_json_u64(writer, "workers_count", page->workers_count);
    hn_json_u64(writer, "budget_bytes", page->budget_bytes);
    hn_json_u64(writer, "held_bytes", load(&page->held_bytes));
    hn_json_u64(writer, "peak_bytes", load(&page->peak_bytes));
    write_pressure(writer, &page->pressure);
    write_latency(writer, "end_to_end_ns", node->end_to_end_ns);
    hn_json_key(writer, "partitions");
    hone_json_write_array_begin(writer);
    for (uint32_t i = 0; i < node->partitions_count; i++) {
        write_partition(writer, &page->partitions[i], &node->partitions[i]);
    }
    hone_json_write_array_end(writer);
    hn_json_key(writer, "stages");
    hone_json_write_array_begin(writer);
    for (uint32_t i = 0; i < node->stages_count; i++) {
        write_stage(writer, &(stage_row){&page->stages[i], &node->stages[i]});
    }
    hone_json_write_array_end(writer);
    hone_json_write_object_end(writer);
}

void hn_watch_print_json(hn_cli_output *output, const hn_watch *watch, uint64_t now_ns) {
    hone_json_writer writer;
    hone_json_writer_init(&writer, &output->buffer, 2);
    hone_json_write_object_begin(&writer);
    hn_json_key(&writer, "nodes");
    hone_json_write_array_begin(&writer);
    for (uint32_t i = 0; i < watch->count; i++) {
        write_node(&writer, &watch->nodes[i], now_ns);
    }
    hone_json_write_array_end(&writer);
    hone_json_write_object_end(&writer);
    hn_cli_print(output, "\n");
}
