/* SPDX-License-Identifier: Apache-2.0 */
/* The report as one page that needs nothing else: the graph with its figures, a table, and per
 * stage the distribution of the waiting time, as bars over powers of two. */
#include <stdio.h>

#include "graph_internal.h"
#include "hone/base/units.h"

enum { BINS_COUNT = 44, BIN_WIDTH = 14, PLOT_HEIGHT = 110 };

static const char page_begin[] =
    "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
    "content=\"width=device-width,initial-scale=1\">\n<title>hone report</title>\n<style>\n"
    ":root{color-scheme:light "
    "dark;--paper:#fff;--ink:#1b2733;--soft:#5d6c79;--line:#d5dde4;--bar:#4a78b5}\n"
    "@media(prefers-color-scheme:dark){:root{--paper:#12181e;--ink:#e4eaef;--soft:#9aa8b4;--line:#"
    "2c3843;"
    "--bar:#7fa8dd}}\n"
    "body{font:15px/1.5 system-ui,sans-serif;background:var(--paper);color:var(--ink);margin:2rem "
    "auto;max-width:70rem;"
    "padding:0 "
    "1rem}\nh1{font-size:1.5rem;margin:0}h2{font-size:1.1rem;margin-top:2rem}p{color:var(--soft)}\n"
    "table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}"
    "th,td{text-align:right;padding:.3rem .6rem;border-bottom:1px solid var(--line)}"
    "th:nth-child(-n+2),td:nth-child(-n+2){text-align:left}\n"
    ".graph{overflow-x:auto;background:#fff;border:1px solid var(--line);border-radius:8px}\n"
    ".plots{display:flex;flex-wrap:wrap;gap:1.5rem}.bar{fill:var(--bar)}.tick{font:11px "
    "sans-serif;fill:var(--soft)}"
    "figure{margin:0}figcaption{color:var(--soft)}.bad{color:#c0392b}\n"
    "</style></head><body>\n";

static uint64_t read_figure(const _Atomic uint64_t *figure) {
    return atomic_load_explicit(figure, memory_order_relaxed);
}

static void append_duration(hone_buffer *out_text, const hone_histogram *histogram,
                            double quantile) {
    char text[24] = "n/a";
    if (hone_histogram_count(histogram)) {
        (void)hone_duration_format((double)hone_histogram_quantile(histogram, quantile), text,
                                   sizeof text);
    }
    hone_buffer_format(out_text, "<td>%s</td>", text);
}

static void append_row(hone_buffer *out_text, const hone_live_stage *stage,
                       const hone_report *report) {
    hone_buffer_append_text(out_text, HONE_TEXT("<tr><td>"));
    hn_xml_append(out_text, hone_text_of(stage->name));
    hone_buffer_append_text(out_text, HONE_TEXT("</td><td>"));
    hn_xml_append(out_text, hone_text_of(stage->kind));
    hone_buffer_format(out_text,
                       "</td><td>%llu</td><td>%llu</td><td>%llu</td><td>%llu</td><td>%llu</td>",
                       (unsigned long long)read_figure(&stage->records_in),
                       (unsigned long long)read_figure(&stage->records_out),
                       (unsigned long long)read_figure(&stage->records_dropped),
                       (unsigned long long)read_figure(&stage->records_skipped),
                       (unsigned long long)read_figure(&stage->records_undelivered));
    append_duration(out_text, &stage->hop_ns, 0.5);
    append_duration(out_text, &stage->hop_ns, 0.99);
    append_duration(out_text, &stage->end_to_end_ns, 0.99);
    hone_buffer_format(out_text, "<td>%.1f %%</td></tr>\n",
                       report->elapsed_ns
                           ? 100 * (double)read_figure(&stage->busy_ns) / (double)report->elapsed_ns
                           : 0.0);
}

static void append_table(hone_buffer *out_text, const hone_report *report) {
    hone_buffer_append_text(
        out_text,
        HONE_TEXT("<h2>Stages</h2>\n<table><tr><th>stage</th><th>kind</th><th>records in</th>"
                  "<th>out</th><th>dropped</th><th>skipped</th><th>undelivered</th><th>hop p50</th>"
                  "<th>hop p99</th><th>end to end p99</th><th>busy</th></tr>\n"));
    for (uint32_t i = 0; i < report->live->stages_count; i++) {
        append_row(out_text, &report->live->stages[i], report);
    }
    hone_buffer_append_text(out_text, HONE_TEXT("</table>\n"));
}

static void append_partitions(hone_buffer *out_text, const hone_report *report) {
    if (report->partitions_count == 0) {
        return;
    }
    hone_buffer_append_text(
        out_text, HONE_TEXT("<h2>CPU partitions</h2>\n<table><tr><th>partition</th><th></th>"
                            "<th>share</th><th>used</th><th>cpu time</th><th>critical share</th>"
                            "<th>critical cpu time</th></tr>\n"));
    for (uint32_t i = 0; i < report->partitions_count; i++) {
        const hone_partition_stats *partition = &report->partitions[i];
        char cpu[24], critical[24];
        (void)hone_duration_format((double)partition->cpu_ns, cpu, sizeof cpu);
        (void)hone_duration_format((double)partition->critical_ns, critical, sizeof critical);
        hone_buffer_append_text(out_text, HONE_TEXT("<tr><td>"));
        hn_xml_append(out_text, hone_text_of(partition->name));
        hone_buffer_format(out_text,
                           "</td><td></td><td>%.1f %%</td><td>%.1f %%</td><td>%s</td><td>%.1f "
                           "%%</td><td>%s</td></tr>\n",
                           100 * partition->share, 100 * hone_report_share_used(report, i), cpu,
                           100 * partition->critical_share,
                           partition->critical_ns ? critical : "n/a");
    }
    hone_buffer_append_text(out_text, HONE_TEXT("</table>\n"));
    for (uint32_t i = 0; i < report->partitions_count; i++) {
        char reason[320];
        if (hone_report_explain_share(report, i, reason, sizeof reason)) {
            hone_buffer_append_text(out_text, HONE_TEXT("<p>"));
            hn_xml_append(out_text, hone_text_of(report->partitions[i].name));
            hone_buffer_append_text(out_text, HONE_TEXT(" did not use up its share: "));
            hn_xml_append(out_text, hone_text_of(reason));
            hone_buffer_append_text(out_text, HONE_TEXT("</p>\n"));
        }
    }
}

/* bins[i]: how many lie in [2^i, 2^(i+1)). Returns the largest. */
static uint64_t fill_bins(const hone_histogram *histogram, uint64_t bins[BINS_COUNT],
                          int *out_first, int *out_last) {
    uint64_t most = 0;
    *out_first = BINS_COUNT;
    *out_last = -1;
    for (uint32_t i = 0; i < HONE_HISTOGRAM_BUCKETS; i++) {
        uint64_t low, high, count = hone_histogram_bucket(histogram, i, &low, &high);
        if (count == 0) {
            continue;
        }
        int bin = low ? 63 - __builtin_clzll(low) : 0;
        bin = bin < BINS_COUNT ? bin : BINS_COUNT - 1;
        bins[bin] += count;
        most = bins[bin] > most ? bins[bin] : most;
        *out_first = bin < *out_first ? bin : *out_first;
        *out_last = bin > *out_last ? bin : *out_last;
    }
    return most;
}

static void append_plot(hone_buffer *out_text, const char *stage_name, const char *what,
                        const hone_histogram *histogram) {
    uint64_t bins[BINS_COUNT] = {0};
    int first, last;
    uint64_t most = fill_bins(histogram, bins, &first, &last);
    if (most == 0) {
        return;
    }
    int width = (last - first + 1) * BIN_WIDTH + 60;
    hone_buffer_append_text(out_text, HONE_TEXT("<figure><figcaption>"));
    hn_xml_append(out_text, hone_text_of(stage_name));
    hone_buffer_format(out_text, ": %s</figcaption><svg width=\"%d\" height=\"%d\" role=\"img\">\n",
                       what, width, PLOT_HEIGHT + 22);
    for (int bin = first; bin <= last; bin++) {
        int height = (int)((double)bins[bin] / (double)most * PLOT_HEIGHT + 0.5);
        int x = (bin - first) * BIN_WIDTH;
        char edge[24];
        height = bins[bin] && height == 0 ? 1 : height;
        (void)hone_duration_format((double)((uint64_t)1 << bin), edge, sizeof edge);
        hone_buffer_format(
            out_text,
            "<rect class=\"bar\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"><title>from %s: %llu"
            "</title></rect>\n",
            x, PLOT_HEIGHT - height, BIN_WIDTH - 2, height, edge, (unsigned long long)bins[bin]);
        if ((bin - first) % 5 == 0) {
            hone_buffer_format(out_text, "<text class=\"tick\" x=\"%d\" y=\"%d\">%s</text>\n", x,
                               PLOT_HEIGHT + 16, edge);
        }
    }
    hone_buffer_append_text(out_text, HONE_TEXT("</svg></figure>\n"));
}

static void append_summary(hone_buffer *out_text, const hone_report *report) {
    const hone_live_page *live = report->live;
    hone_report_totals totals = hone_report_sum(live);
    char elapsed[24], peak[24], budget[24], message[1024];
    (void)hone_duration_format((double)report->elapsed_ns, elapsed, sizeof elapsed);
    (void)hone_size_format((double)read_figure(&live->peak_bytes), peak, sizeof peak);
    (void)hone_size_format((double)live->budget_bytes, budget, sizeof budget);
    hone_buffer_append_text(out_text, HONE_TEXT("<h1>"));
    hn_xml_append(out_text, hone_text_of(live->node_name));
    hone_buffer_format(
        out_text,
        "</h1>\n<p>%llu records in, %llu out in %s; memory %s of %s at most; %u workers. Source: ",
        (unsigned long long)totals.records_in, (unsigned long long)totals.records_out, elapsed,
        peak, budget, live->workers_count);
    hn_xml_append(out_text, hone_text_of(hone_node_path(report->node)));
    hone_buffer_format(out_text, "</p>\n<p>Power profile %s, batches of at most %u rows. ",
                       hone_power_profile_name(report->scheduling.power.profile),
                       report->scheduling.batch_rows);
    hn_xml_append(out_text, hone_text_of(report->scheduling.power.reason));
    hone_buffer_append_text(out_text, HONE_TEXT("</p>\n"));
    if (report->status != HONE_OK) {
        size_t size = hone_diag_format(&report->diag, message, sizeof message);
        hone_buffer_append_text(out_text, HONE_TEXT("<p class=\"bad\">failed: "));
        hn_xml_append(out_text, (hone_text){message, size});
        hone_buffer_append_text(out_text, HONE_TEXT("</p>\n"));
    }
}

void hone_report_write_html(const hone_report *report, hone_buffer *out_text) {
    const hone_live_page *live = report->live;
    hone_buffer_append_text(out_text, hone_text_of(page_begin));
    append_summary(out_text, report);
    hone_buffer_append_text(out_text, HONE_TEXT("<div class=\"graph\">\n"));
    hn_graph_append_svg(report->node, live, out_text);
    hone_buffer_append_text(out_text, HONE_TEXT("</div>\n"));
    append_table(out_text, report);
    append_partitions(out_text, report);
    hone_buffer_append_text(out_text, HONE_TEXT("<h2>Latency</h2>\n<div class=\"plots\">\n"));
    for (uint32_t i = 0; i < live->stages_count; i++) {
        append_plot(out_text, live->stages[i].name, "waiting before it (hop)",
                    &live->stages[i].hop_ns);
    }
    for (uint32_t i = 0; i < live->stages_count; i++) {
        append_plot(out_text, live->stages[i].name, "end to end", &live->stages[i].end_to_end_ns);
    }
    hone_buffer_append_text(out_text, HONE_TEXT("</div>\n</body></html>\n"));
}
