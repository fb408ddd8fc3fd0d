/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node: stages joined by channels, described in one TOML file. Load it, run it, read its report.
 *
 *     hone_node *node;
 *     const hone_report *report;
 *     if (hone_node_load("node.toml", NULL, &diag, &node) == HONE_OK) {
 *         status = hone_node_run(node, &(hone_node_run_options){.duration_ns = 10000000000}, &diag,
 * &report);
 *     }
 *
 * While a node runs, the calling thread looks at the memory pressure of the machine and of the
 * node's budget now and then, and has stages give back the blocks they do not use when it is high.
 *
 * Contract: load, run and destroy belong to one thread. hone_node_stop may come from any thread and
 * from a signal handler. A node runs once. Errors name file, line, stage and field in the diag; the
 * library prints nothing.
 */
#ifndef HONE_NODE_NODE_H
#define HONE_NODE_NODE_H

#include <stdbool.h>

#include "hone/base/allocator.h"
#include "hone/base/buffer.h"
#include "hone/base/log.h"
#include "hone/base/status.h"
#include "hone/measure/calibration.h"
#include "hone/node/live.h"
#include "hone/node/schema.h"
#include "hone/platform/power.h"
#include "hone/scheduler/scheduler.h"

typedef struct hone_node hone_node;
typedef struct hone_report hone_report; /* hone/node/report.h */

typedef struct hone_node_options {
    const hone_allocator *allocator; /* NULL: libc */
    const hone_log *log;             /* warnings; NULL: none. Must be shared */
    uint64_t memory_budget_bytes;    /* 0: what the file says, else 64 MiB */
    uint32_t workers_count;          /* 0: what the file says, else what this process may use */
    /* "STAGE.KEY=VALUE" or "node.KEY=VALUE", applied in order before the file is checked. VALUE is
     * TOML; what is no TOML value is a text. */
    const char *const *settings;
    uint32_t settings_count;
    bool is_check;         /* only to be looked at: sinks create and truncate nothing */
    const char *root;      /* where the power supply and memory pressure are read below, NULL: this
                         machine; borrowed as long as the node */
    uint64_t lone_loop_ns; /* as hone_scheduler_options; from a calibration: hone_node_calibrate */
} hone_node_options;

/* Takes from a calibration of this host what the scheduler can use; what is not known there stays
 * as it is. lone_loop_ns: what a futex wake costs the waker. */
void hone_node_calibrate(hone_node_options *options, const hone_calibration *calibration);

#define HONE_NODE_NEVER UINT64_MAX

typedef struct hone_node_run_options {
    uint64_t duration_ns; /* sources stop after this time; 0: when they end */
    uint64_t records_max; /* sources stop after this many records in all; 0: no limit */
    uint64_t progress_ns; /* progress is called about this often on the calling thread; 0: never */
    void (*progress)(void *context, const hone_live_page *live);
    void *progress_context;
    uint64_t power_interval_ns; /* how often the supply is looked at where the profile follows it;
                                   0: 10 s */
    /* How often memory pressure is looked at; 0: every second, at least 1 ms. While it is
     * high, four times as often. HONE_NODE_NEVER: not at all. */
    uint64_t pressure_interval_ns;
} hone_node_run_options;

/* Reads and checks the file, opens the sources, wires and type-checks the stages. NOT_FOUND,
 * FORBIDDEN, SYNTAX, TYPE_MISMATCH, CYCLE, UNCONNECTED, BUDGET, LIMIT, ...: the diag says where and
 * what to do. */
HONE_MUST_USE hone_status hone_node_load(const char *path, const hone_node_options *options,
                                         hone_diag *diag, hone_node **out_node);

/* The same from text in memory; `name` stands for the file in messages. */
HONE_MUST_USE hone_status hone_node_load_text(hone_text content, const char *name,
                                              const hone_node_options *options, hone_diag *diag,
                                              hone_node **out_node);

/* Runs until every source has ended or was stopped and everything in flight is drained. Once the
 * stages were started a report is made, whatever comes; it belongs to the node and is valid until
 * hone_node_destroy. The status is HONE_OK, or the first failure of a stage; where nothing was
 * started (INVALID_ARGUMENT, or what hone_scheduler_create says) *out_report is left alone. */
HONE_MUST_USE hone_status hone_node_run(hone_node *node, const hone_node_run_options *options,
                                        hone_diag *diag, const hone_report **out_report);

/* Asks the sources to stop; returns at once. Async-signal-safe. */
void hone_node_stop(hone_node *node);

/* NULL is allowed. Not while it runs. */
void hone_node_destroy(hone_node *node);

/* --- The graph, for drawings and reports; borrowed from the node --- */

typedef struct hone_node_stage_info {
    const char *name;
    const char *kind;
    uint32_t line;             /* in the node file */
    const hone_schema *schema; /* of what it gives; NULL for sinks */
    uint32_t inputs_count;
    const uint32_t *inputs; /* indices of the stages it takes from */
    const char *on_full;    /* "block", "drop_oldest", "drop_newest" */
    uint32_t queue_batches;
    const char *partition; /* NULL: the node has none */
    bool is_critical;
} hone_node_stage_info;

/* How the node's workers are placed and shared out. */
typedef struct hone_node_scheduling {
    hone_pinning pinning;
    bool is_one_per_core;
    hone_power power; /* as last decided; its policy's batch_size is without `batch_rows` */
    hone_scheduler_power scheduler_power;     /* what that means for the workers */
    uint32_t power_changes_count;             /* while the node ran */
    uint32_t batch_rows;                      /* what sources that read files gather at most */
    uint64_t lone_loop_ns;                    /* 0: not measured */
    const hone_partition_options *partitions; /* in the order of the file, then what they leave */
    uint32_t partitions_count;
} hone_node_scheduling;

/* Not while the node runs. */
void hone_node_scheduling_read(const hone_node *node, hone_node_scheduling *out_scheduling);

const char *hone_node_name(const hone_node *node);
const char *hone_node_path(const hone_node *node);
uint64_t hone_node_budget_bytes(const hone_node *node);
uint32_t hone_node_workers_count(const hone_node *node);

/* Stages in an order in which each comes after those it takes from. INVALID_ARGUMENT beyond the
 * last. */
uint32_t hone_node_stages_count(const hone_node *node);
HONE_MUST_USE hone_status hone_node_stage_info_read(const hone_node *node, uint32_t index,
                                                    hone_node_stage_info *out_info);

/* --- The kinds of stages there are, for help --- */

typedef struct hone_stage_option_info {
    const char *name;
    const char *type; /* "text", "duration", "size" ... */
    const char
        *fallback; /* what stands for it when it is not given; NULL: it must be given, or is off */
    bool is_required;
    const char *help;
    const char *const *choices; /* what a "choice" may be, ended by NULL; NULL for other types */
} hone_stage_option_info;

typedef struct hone_stage_kind_info {
    const char *name;
    const char *summary;
    uint32_t options_count;
    bool has_inputs; /* not a source */
} hone_stage_kind_info;

/* False beyond the last. */
bool hone_stage_kind_at(uint32_t index, hone_stage_kind_info *out_info);
bool hone_stage_option_at(uint32_t kind_index, uint32_t option_index,
                          hone_stage_option_info *out_info);

/* What every stage takes besides its kind's own. False beyond the last. */
bool hone_stage_common_option_at(uint32_t option_index, hone_stage_option_info *out_info);

/* What every stage with inputs takes besides: 'from' and its queue. False beyond the last. */
bool hone_stage_input_option_at(uint32_t option_index, hone_stage_option_info *out_info);

/* The keys of [node]. False beyond the last. */
bool hone_node_option_at(uint32_t option_index, hone_stage_option_info *out_info);

/* The keys of a [[partition]]. False beyond the last. */
bool hone_partition_option_at(uint32_t option_index, hone_stage_option_info *out_info);

#endif
