/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a node did: the same figures as text, JSON or one HTML page.
 *
 * Contract: a report belongs to its node and is frozen; the writers append to the caller's buffer,
 * whose status tells whether everything fitted.
 */
#ifndef HONE_NODE_REPORT_H
#define HONE_NODE_REPORT_H

#include "hone/base/buffer.h"
#include "hone/memory/pressure.h"
#include "hone/node/live.h"
#include "hone/node/node.h"
#include "hone/scheduler/scheduler.h"

struct hone_report {
    const hone_node *node;      /* for the graph */
    const hone_live_page *live; /* the final counters */
    hone_status status;         /* of the run */
    hone_diag diag;             /* why it failed, or empty */
    uint64_t elapsed_ns;
    uint64_t cpu_ns; /* CPU time of the process during the run */
    hone_scheduler_stats scheduler;
    hone_node_scheduling scheduling; /* at the end of the run */
    hone_partition_stats partitions[HONE_PARTITIONS_MAX];
    uint32_t partitions_count;
    uint64_t partitions_cpu_ns;   /* of all of them */
    bool has_pressure;            /* memory pressure was looked at; its figures are in `live` */
    hone_pressure_state pressure; /* the last look; its texts belong to the node */
    bool is_file_changed;         /* the node file was changed while the node ran */
};

/* Sums over the stages. */
typedef struct hone_report_totals {
    uint64_t records_in;  /* made by sources */
    uint64_t records_out; /* written by sinks */
    uint64_t records_dropped;
    uint64_t records_skipped;
    uint64_t records_undelivered;
} hone_report_totals;

hone_report_totals hone_report_sum(const hone_live_page *live);

/* Of what all partitions used; 0 where nothing was. `partition`: an index into the report's. */
double hone_report_share_used(const hone_report *report, uint32_t partition);

/* Why a partition used less than its share, as a sentence in `out_text`; false, and "", when it
 * used it up or the figures do not tell why. */
bool hone_report_explain_share(const hone_report *report, uint32_t partition, char *out_text,
                               size_t size);

/* A table for the terminal. */
void hone_report_write_text(const hone_report *report, hone_buffer *out_text);

/* One JSON object; the keys are documented in docs/report.md. */
void hone_report_write_json(const hone_report *report, hone_buffer *out_text);

/* One self-contained page: the graph with its figures, latency distributions as SVG. */
void hone_report_write_html(const hone_report *report, hone_buffer *out_text);

/* The graph of a loaded node: as lines of text, as an SVG picture, as JSON. */
void hone_graph_write_text(const hone_node *node, hone_buffer *out_text);
void hone_graph_write_svg(const hone_node *node, hone_buffer *out_text);
void hone_graph_write_json(const hone_node *node, hone_buffer *out_text);

#endif
