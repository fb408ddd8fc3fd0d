/* SPDX-License-Identifier: Apache-2.0 */
/* The report as text and as JSON; report_page.c makes the page, graph.c the pictures. */
#include "hone/node/report.h"

#include <stdio.h>
#include <string.h>

#include "graph_internal.h"
#include "hone/base/json.h"
#include "hone/base/units.h"

static uint64_t read_figure(const _Atomic uint64_t *figure) {
    return atomic_load_explicit(figure, memory_order_relaxed);
}

hone_report_totals hone_report_sum(const hone_live_page *live) {
    hone_report_totals totals = {0};
    for (uint32_t i = 0; i < live->stages_count; i++) {
        const hone_live_stage *stage = &live->stages[i];
        if (stage->role == HONE_LIVE_SOURCE) {
            totals.records_in += read_figure(&stage->records_in);
        }
        if (stage->role == HONE_LIVE_SINK) {
            totals.records_out += read_figure(&stage->records_out);
        }
        totals.records_dropped += read_figure(&stage->records_dropped);
        totals.records_skipped += read_figure(&stage->records_skipped);
        totals.records_undelivered += read_figure(&stage->records_undelivered);
    }
    return totals;
}

/* --- text: at most 80 columns --- */

enum {
    TEXT_COLUMNS = 80,
    NODE_NAME_COLUMNS = 40,
    STAGE_NAME_COLUMNS = 14,
    KIND_COLUMNS = 13,
    EXPLANATION_BYTES = 320,
};

/* Bytes of the first `columns` characters of UTF-8, and how many characters these are. */
static size_t fit(hone_text text, uint32_t columns, uint32_t *out_width) {
    size_t size = 0;
    *out_width = 0;
    for (; size < text.size; size++) {
        bool starts = ((unsigned char)text.data[size] & 0xC0) != 0x80;
        if (starts && *out_width == columns) {
            break;
        }
        *out_width += starts;
    }
    return size;
}

/* A name that is too long ends with "~". `pad`: blanks behind it, up to `columns`. */
static void append_name(hone_buffer *out_text, const char *name, uint32_t columns, bool pad) {
    hone_text text = hone_text_of(name);
    uint32_t width;
    size_t size = fit(text, columns, &width);
    if (size < text.size) {
        size = fit(text, columns - 1, &width);
        hone_buffer_append(out_text, name, size);
        hone_buffer_append_byte(out_text, '~');
        width++;
    } else {
        hone_buffer_append(out_text, name, size);
    }
    hone_buffer_format(out_text, "%*s", pad ? (int)(columns - width) : 0, "");
}

/* "12.0", "16.0 k", "204 M" */
static void format_figure(double value, char *out_text, size_t size) {
    static const char *const units[] = {"", " k", " M", " G", " T", " P", " E"};
    size_t step = 0;
    while (value >= 999.5 && step + 1 < sizeof units / sizeof *units) {
        value /= 1000;
        step++;
    }
    (void)snprintf(out_text, size, "%.*f%s", value < 99.95 ? 1 : 0, value, units[step]);
}

/* As many digits as there are columns are exact. */
static void append_count(hone_buffer *out_text, uint64_t count, int columns) {
    char text[24];
    int length = snprintf(text, sizeof text, "%llu", (unsigned long long)count);
    if (length > columns) {
        format_figure((double)count, text, sizeof text);
    }
    hone_buffer_format(out_text, " %*s", columns, text);
}

static void append_duration(hone_buffer *out_text, uint64_t ns, uint64_t count) {
    char text[24];
    (void)hone_duration_format((double)ns, text, sizeof text);
    hone_buffer_format(out_text, " %8s", count ? text : "-");
}

static void append_stage_line(hone_buffer *out_text, const hone_live_stage *stage, double seconds) {
    uint64_t lost = read_figure(&stage->records_dropped) + read_figure(&stage->records_skipped) +
                    read_figure(&stage->records_undelivered);
    uint64_t hops = hone_histogram_count(&stage->hop_ns);
    append_name(out_text, stage->name, STAGE_NAME_COLUMNS, true);
    hone_buffer_append_byte(out_text, ' ');
    append_name(out_text, stage->kind, KIND_COLUMNS, true);
    append_count(out_text, read_figure(&stage->records_in), 8);
    append_count(out_text, read_figure(&stage->records_out), 8);
    append_count(out_text, lost, 7);
    append_duration(out_text, hone_histogram_quantile(&stage->hop_ns, 0.5), hops);
    append_duration(out_text, hone_histogram_quantile(&stage->hop_ns, 0.99), hops);
    hone_buffer_format(out_text, " %5.1f %%\n",
                       100 * (double)read_figure(&stage->busy_ns) / 1e9 / seconds);
}

static void append_end_to_end(hone_buffer *out_text, const hone_live_stage *stage) {
    if (hone_histogram_count(&stage->end_to_end_ns)) {
        hone_buffer_append_text(out_text, HONE_TEXT("end to end, to "));
        append_name(out_text, stage->name, STAGE_NAME_COLUMNS, true);
        append_duration(out_text, hone_histogram_quantile(&stage->end_to_end_ns, 0.5), 1);
        append_duration(out_text, hone_histogram_quantile(&stage->end_to_end_ns, 0.99), 1);
        append_duration(out_text, hone_histogram_max(&stage->end_to_end_ns), 1);
        hone_buffer_append_text(out_text, HONE_TEXT("   (p50, p99, max)\n"));
    }
}

static const char *plural(uint64_t count) {
    return count == 1 ? "" : "s";
}

/* What came in and went out: behind the node's name where there is room, else in the next line. */
static void append_headline(hone_buffer *out_text, const hone_report *report, double seconds) {
    hone_report_totals totals = hone_report_sum(report->live);
    uint32_t sinks_count = 0;
    char elapsed[24], rate[24], written[64] = "out", records[160];
    for (uint32_t i = 0; i < report->live->stages_count; i++) {
        sinks_count += report->live->stages[i].role == HONE_LIVE_SINK;
    }
    if (sinks_count > 1) { /* a record counts once for each sink that wrote it */
        (void)snprintf(written, sizeof written, "written by %u sinks", sinks_count);
    }
    (void)hone_duration_format((double)report->elapsed_ns, elapsed, sizeof elapsed);
    format_figure((double)totals.records_in / seconds, rate, sizeof rate);
    (void)snprintf(records, sizeof records, "%llu record%s in, %llu %s (%s records/s)",
                   (unsigned long long)totals.records_in, plural(totals.records_in),
                   (unsigned long long)totals.records_out, written, rate);
    size_t start = out_text->size;
    append_name(out_text, hone_node_name(report->node), NODE_NAME_COLUMNS, false);
    hone_buffer_format(out_text, ": %s after %s", report->status == HONE_OK ? "done" : "failed",
                       elapsed);
    bool has_room = out_text->size - start + strlen("; ") + strlen(records) <= TEXT_COLUMNS;
    hone_buffer_format(out_text, "%s%s\n", has_room ? "; " : "\n", records);
}

/* Only the ways in which something was lost. */
static void append_losses(hone_buffer *out_text, const hone_report_totals *totals) {
    const struct {
        uint64_t count;
        const char *text;
    } losses[] = {{totals->records_dropped, "by full queues"},
                  {totals->records_skipped, "not readable"},
                  {totals->records_undelivered, "not delivered"}};
    const char *joint = "lost: ";
    for (size_t i = 0; i < sizeof losses / sizeof *losses; i++) {
        if (losses[i].count) {
            hone_buffer_format(out_text, "%s%llu %s", joint, (unsigned long long)losses[i].count,
                               losses[i].text);
            joint = ", ";
        }
    }
    hone_buffer_append_byte(out_text, '\n');
}

/* Words of `text` in lines of at most TEXT_COLUMNS, each behind two blanks. */
static void append_wrapped(hone_buffer *out_text, hone_text text) {
    size_t used = TEXT_COLUMNS;
    while (text.data && text.size) {
        hone_text word = hone_text_split(&text, ' ');
        bool is_first = used + 1 + word.size > TEXT_COLUMNS;
        hone_buffer_append_text(out_text, !is_first              ? HONE_TEXT(" ")
                                          : used == TEXT_COLUMNS ? HONE_TEXT("  ")
                                                                 : HONE_TEXT("\n  "));
        hone_buffer_append_text(out_text, word);
        used = is_first ? 2 + word.size : used + 1 + word.size;
    }
    hone_buffer_append_byte(out_text, '\n');
}

/* Why shares were not used up. */
static void append_unused_shares(hone_buffer *out_text, const hone_report *report) {
    for (uint32_t i = 0; i < report->partitions_count; i++) {
        char reason[EXPLANATION_BYTES];
        if (hone_report_explain_share(report, i, reason, sizeof reason)) {
            append_name(out_text, report->partitions[i].name, STAGE_NAME_COLUMNS, false);
            hone_buffer_append_text(out_text, HONE_TEXT(" did not use up its share:\n"));
            append_wrapped(out_text, hone_text_of(reason));
        }
    }
}

static void append_partitions(hone_buffer *out_text, const hone_report *report) {
    if (report->partitions_count) {
        hone_buffer_format(out_text, "%-14s %8s %8s %8s %16s %12s\n", "partition", "share", "used",
                           "cpu", "critical share", "critical cpu");
    }
    for (uint32_t i = 0; i < report->partitions_count; i++) {
        const hone_partition_stats *partition = &report->partitions[i];
        char cpu[24], critical[24];
        (void)hone_duration_format((double)partition->cpu_ns, cpu, sizeof cpu);
        (void)hone_duration_format((double)partition->critical_ns, critical, sizeof critical);
        append_name(out_text, partition->name, STAGE_NAME_COLUMNS, true);
        hone_buffer_format(out_text, " %6.1f %% %6.1f %% %8s %14.1f %% %12s\n",
                           100 * partition->share, 100 * hone_report_share_used(report, i), cpu,
                           100 * partition->critical_share,
                           partition->critical_ns ? critical : "-");
    }
}

/* "memory pressure: 12 % at most (own 3 %, cgroup 12 %)": at the end, of the sources that there
 * are. */
static void append_pressure(hone_buffer *out_text, const hone_report *report) {
    const hone_live_pressure *live = &report->live->pressure;
    const struct {
        const char *name;
        uint64_t ppm;
    } sources[] = {{"own", read_figure(&live->own_ppm)},
                   {"cgroup", read_figure(&live->cgroup_ppm)},
                   {"stall", read_figure(&live->stall_ppm)}};
    const char *joint = "; last: ";
    if (!report->has_pressure || read_figure(&live->looks_count) == 0) {
        return;
    }
    hone_buffer_format(out_text, "memory pressure: %.0f %% at most",
                       (double)read_figure(&live->pressure_peak_ppm) / 1e4);
    for (size_t i = 0; i < sizeof sources / sizeof *sources; i++) {
        if (sources[i].ppm != HONE_LIVE_UNKNOWN) {
            hone_buffer_format(out_text, "%s%s %.0f %%", joint, sources[i].name,
                               (double)sources[i].ppm / 1e4);
            joint = ", ";
        }
    }
    uint64_t passes_count = read_figure(&live->passes_count);
    if (passes_count) {
        char evicted[24];
        (void)hone_size_format((double)read_figure(&live->evicted_bytes), evicted, sizeof evicted);
        hone_buffer_format(out_text, "\n  %llu eviction%s gave back %s",
                           (unsigned long long)passes_count, plural(passes_count), evicted);
    }
    hone_buffer_append_byte(out_text, '\n');
}

void hone_report_write_text(const hone_report *report, hone_buffer *out_text) {
    const hone_live_page *live = report->live;
    hone_report_totals totals = hone_report_sum(live);
    double seconds = (double)report->elapsed_ns / 1e9;
    char cpu[24], peak[24], budget[24];
    seconds = seconds > 0 ? seconds : 1e-9;
    (void)hone_duration_format((double)report->cpu_ns, cpu, sizeof cpu);
    (void)hone_size_format((double)read_figure(&live->peak_bytes), peak, sizeof peak);
    (void)hone_size_format((double)live->budget_bytes, budget, sizeof budget);
    append_headline(out_text, report, seconds);
    hone_buffer_format(out_text, "%-14s %-13s %8s %8s %7s %8s %8s %7s\n", "stage", "kind", "in",
                       "out", "lost", "hop p50", "p99", "busy");
    for (uint32_t i = 0; i < live->stages_count; i++) {
        append_stage_line(out_text, &live->stages[i], seconds);
    }
    for (uint32_t i = 0; i < live->stages_count; i++) {
        append_end_to_end(out_text, &live->stages[i]);
    }
    if (totals.records_dropped + totals.records_skipped + totals.records_undelivered) {
        append_losses(out_text, &totals);
    }
    append_partitions(out_text, report);
    append_unused_shares(out_text, report);
    hone_buffer_format(out_text, "memory: %s of %s at most; cpu: %s on %u worker%s\n", peak, budget,
                       cpu, live->workers_count, plural(live->workers_count));
    append_pressure(out_text, report);
    hone_buffer_format(out_text, "power: %s; batches of at most %u row%s\n",
                       hone_power_profile_name(report->scheduling.power.profile),
                       report->scheduling.batch_rows, plural(report->scheduling.batch_rows));
}

/* --- JSON --- */

static void write_number(hone_json_writer *writer, const char *key, uint64_t value) {
    hone_json_write_key(writer, hone_text_of(key));
    hone_json_write_u64(writer, value);
}

static void write_text(hone_json_writer *writer, const char *key, const char *value) {
    hone_json_write_key(writer, hone_text_of(key));
    hone_json_write_text(writer, hone_text_of(value));
}

/* An object of figures, or null when there is none: a missing figure is never 0. */
static void write_latency(hone_json_writer *writer, const char *key,
                          const hone_histogram *histogram) {
    static const struct {
        const char *name;
        double quantile;
    } rows[] = {{"p50", 0.5}, {"p90", 0.9}, {"p95", 0.95}, {"p99", 0.99}, {"p999", 0.999}};
    hone_json_write_key(writer, hone_text_of(key));
    if (hone_histogram_count(histogram) == 0) {
        hone_json_write_null(writer);
        return;
    }
    hone_json_write_object_begin(writer);
    write_number(writer, "count", hone_histogram_count(histogram));
    hone_json_write_key(writer, HONE_TEXT("mean"));
    hone_json_write_f64(writer, hone_histogram_mean(histogram));
    write_number(writer, "min", hone_histogram_min(histogram));
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        write_number(writer, rows[i].name, hone_histogram_quantile(histogram, rows[i].quantile));
    }
    write_number(writer, "max", hone_histogram_max(histogram));
    hone_json_write_object_end(writer);
}

static void write_stage(hone_json_writer *writer, const hone_live_stage *stage) {
    hone_json_write_object_begin(writer);
    write_text(writer, "name", stage->name);
    write_text(writer, "kind", stage->kind);
    write_number(writer, "records_in", read_figure(&stage->records_in));
    write_number(writer, "records_out", read_figure(&stage->records_out));
    write_number(writer, "records_dropped", read_figure(&stage->records_dropped));
    write_number(writer, "records_skipped", read_figure(&stage->records_skipped));
    write_number(writer, "records_undelivered", read_figure(&stage->records_undelivered));
    write_number(writer, "batches_in", read_figure(&stage->batches_in));
    write_number(writer, "batches_out", read_figure(&stage->batches_out));
    write_number(writer, "bytes", read_figure(&stage->bytes));
    write_number(writer, "blocked_count", read_figure(&stage->blocked_count));
    write_number(writer, "busy_ns", read_figure(&stage->busy_ns));
    write_latency(writer, "hop_ns", &stage->hop_ns);
    write_latency(writer, "end_to_end_ns", &stage->end_to_end_ns);
    hone_json_write_object_end(writer);
}

static void write_totals(hone_json_writer *writer, const hone_live_page *live) {
    hone_report_totals totals = hone_report_sum(live);
    write_number(writer, "records_in", totals.records_in);
    write_number(writer, "records_out", totals.records_out);
    write_number(writer, "records_dropped", totals.records_dropped);
    write_number(writer, "records_skipped", totals.records_skipped);
    write_number(writer, "records_undelivered", totals.records_undelivered);
}

static void write_scheduler(hone_json_writer *writer, const hone_report *report) {
    hone_json_write_key(writer, HONE_TEXT("scheduler"));
    hone_json_write_object_begin(writer);
    write_number(writer, "workers_count", report->live->workers_count);
    write_number(writer, "tasks_run", report->scheduler.tasks_run);
    write_number(writer, "steals_tried", report->scheduler.steals_tried);
    write_number(writer, "steals_won", report->scheduler.steals_won);
    write_number(writer, "sleeps_count", report->scheduler.sleeps_count);
    write_number(writer, "wakes_count", report->scheduler.wakes_count);
    write_text(writer, "pinning", hn_pinning_name(report->scheduling.pinning));
    hone_json_write_key(writer, HONE_TEXT("one_per_core"));
    hone_json_write_bool(writer, report->scheduling.is_one_per_core);
    hone_json_write_key(writer, HONE_TEXT("lone_loop_ns"));
    if (report->scheduling.lone_loop_ns) {
        hone_json_write_u64(writer, report->scheduling.lone_loop_ns);
    } else {
        hone_json_write_null(writer);
    }
    /* not idle_ns: a worker's sleep counts when it ends, so that one that never woke would be 0 */
    hone_json_write_object_end(writer);
}

static void write_power(hone_json_writer *writer, const hone_node_scheduling *scheduling) {
    hone_json_write_key(writer, HONE_TEXT("power"));
    hone_json_write_object_begin(writer);
    write_text(writer, "profile", hone_power_profile_name(scheduling->power.profile));
    write_text(writer, "reason", scheduling->power.reason);
    write_number(writer, "changes_count", scheduling->power_changes_count);
    write_number(writer, "batch_rows", scheduling->batch_rows);
    write_number(writer, "timer_slack_ns", scheduling->scheduler_power.timer_slack_ns);
    write_number(writer, "wake_backlog", scheduling->scheduler_power.wake_backlog);
    hone_json_write_object_end(writer);
}

static void write_fraction(hone_json_writer *writer, const char *key, double value) {
    hone_json_write_key(writer, hone_text_of(key));
    hone_json_write_f64(writer, value);
}

static void write_partitions(hone_json_writer *writer, const hone_report *report) {
    hone_json_write_key(writer, HONE_TEXT("partitions"));
    hone_json_write_array_begin(writer);
    for (uint32_t i = 0; i < report->partitions_count; i++) {
        const hone_partition_stats *partition = &report->partitions[i];
        char reason[EXPLANATION_BYTES];
        hone_json_write_object_begin(writer);
        write_text(writer, "name", partition->name);
        write_fraction(writer, "share", partition->share);
        write_fraction(writer, "critical_share", partition->critical_share);
        write_fraction(writer, "share_used", hone_report_share_used(report, i));
        hone_json_write_key(writer, HONE_TEXT("unused_reason"));
        if (hone_report_explain_share(report, i, reason, sizeof reason)) {
            hone_json_write_text(writer, hone_text_of(reason));
        } else {
            hone_json_write_null(writer);
        }
        write_number(writer, "cpu_ns", partition->cpu_ns);
        write_number(writer, "critical_ns", partition->critical_ns);
        write_number(writer, "tasks_run", partition->tasks_run);
        hone_json_write_object_end(writer);
    }
    hone_json_write_array_end(writer);
}

/* {"share": 0.12, "reason": ""}, or null with the reason why. */
static void write_pressure_source(hone_json_writer *writer, const char *key,
                                  const hone_fact *fact) {
    hone_json_write_key(writer, hone_text_of(key));
    hone_json_write_object_begin(writer);
    hone_json_write_key(writer, HONE_TEXT("share"));
    if (fact->state == HONE_FACT_PRESENT) {
        hone_json_write_f64(writer, fact->value.real);
    } else {
        hone_json_write_null(writer);
    }
    write_text(writer, "reason", fact->reason ? fact->reason : "");
    hone_json_write_object_end(writer);
}

static void write_pressure(hone_json_writer *writer, const hone_report *report) {
    const hone_live_pressure *live = &report->live->pressure;
    uint64_t looks_count = read_figure(&live->looks_count);
    hone_json_write_key(writer, HONE_TEXT("memory_pressure"));
    if (!report->has_pressure || looks_count == 0) {
        hone_json_write_null(writer);
        return;
    }
    hone_json_write_object_begin(writer);
    write_fraction(writer, "last", report->pressure.pressure);
    write_fraction(writer, "peak", (double)read_figure(&live->pressure_peak_ppm) / 1e6);
    write_pressure_source(writer, "own", &report->pressure.own);
    write_pressure_source(writer, "cgroup", &report->pressure.cgroup);
    write_pressure_source(writer, "stall", &report->pressure.stall);
    write_number(writer, "looks_count", looks_count);
    write_number(writer, "passes_count", read_figure(&live->passes_count));
    write_number(writer, "evicted_bytes", read_figure(&live->evicted_bytes));
    hone_json_write_object_end(writer);
}

void hone_report_write_json(const hone_report *report, hone_buffer *out_text) {
    hone_json_writer writer;
    const hone_live_page *live = report->live;
    char message[1024];
    hone_json_writer_init(&writer, out_text, 2);
    hone_json_write_object_begin(&writer);
    write_text(&writer, "node", live->node_name);
    write_text(&writer, "file", hone_node_path(report->node));
    write_text(&writer, "status", hone_status_name(report->status));
    hone_json_write_key(&writer, HONE_TEXT("error"));
    if (report->status == HONE_OK) {
        hone_json_write_null(&writer);
    } else {
        hone_json_write_text(&writer, (hone_text){message, hone_diag_format(&report->diag, message,
                                                                            sizeof message)});
    }
    hone_json_write_key(&writer, HONE_TEXT("is_file_changed"));
    hone_json_write_bool(&writer, report->is_file_changed);
    write_number(&writer, "elapsed_ns", report->elapsed_ns);
    write_number(&writer, "cpu_ns", report->cpu_ns);
    write_totals(&writer, live);
    write_number(&writer, "memory_budget_bytes", live->budget_bytes);
    write_number(&writer, "memory_peak_bytes", read_figure(&live->peak_bytes));
    write_pressure(&writer, report);
    write_scheduler(&writer, report);
    write_power(&writer, &report->scheduling);
    write_partitions(&writer, report);
    hone_json_write_key(&writer, HONE_TEXT("stages"));
    hone_json_write_array_begin(&writer);
    for (uint32_t i = 0; i < live->stages_count; i++) {
        write_stage(&writer, &live->stages[i]);
    }
    hone_json_write_array_end(&writer);
    hone_json_write_object_end(&writer);
    hone_buffer_append_byte(out_text, '\n');
}
