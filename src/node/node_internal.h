/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a node, shared by load.c, runtime.c, batches.c and report.c. */
#ifndef HONE_NODE_NODE_INTERNAL_H
#define HONE_NODE_NODE_INTERNAL_H

#include "hone/channel/channel.h"
#include "hone/memory/budget.h"
#include "hone/memory/pressure.h"
#include "hone/memory/shared_pool.h"
#include "hone/node/node.h"
#include "hone/node/report.h"
#include "hone/platform/file.h"
#include "hone/platform/power.h"
#include "hone/platform/thread.h"
#include "hone/scheduler/scheduler.h"
#include "stage_internal.h"

enum {
    HN_STAGES_MAX = HONE_LIVE_STAGES_MAX,
    HN_PARKED_MAX = 8, /* batches that one call of a kind may send */
    HN_QUEUE_DEFAULT = 16,
    HN_QUEUE_MAX = 65536,
};

typedef enum hn_on_full {
    HN_ON_FULL_BLOCK,
    HN_ON_FULL_DROP_OLDEST,
    HN_ON_FULL_DROP_NEWEST
} hn_on_full;

typedef struct hn_stage_run hn_stage_run;

/* One stage feeds another. The producer's side is used by the producer's task only, the consumer's
 * by the consumer's. */
typedef struct hn_edge {
    hn_stage_run *producer;
    hn_stage_run *consumer;
    hone_channel *channel; /* of pointers to batches */
    hone_sender *sender;
    hone_receiver *receiver;
    hone_batch *parked[HN_PARKED_MAX];
    uint32_t parked_count;
    bool is_drained;              /* consumer: closed and empty */
    uint64_t sent_count;          /* producer: sent and not evicted */
    uint64_t taken_copy;          /* producer: taken_count as it last looked */
    _Atomic uint64_t taken_count; /* by the consumer */
    _Atomic uint32_t is_producer_waiting;
} hn_edge;

/* A stage's task: at most one worker runs it at a time. */
typedef enum hn_task_state {
    HN_TASK_IDLE,
    HN_TASK_QUEUED,
    HN_TASK_RUNNING,
    HN_TASK_NOTIFIED,
    HN_TASK_DONE
} hn_task_state;

/* What a stage does now; only its own task reads and writes it. */
typedef enum hn_phase {
    HN_PHASE_FLOWING,
    HN_PHASE_RESUMING,  /* a sink has begun a batch that it could not write in full */
    HN_PHASE_FINISHING, /* as above, but in finish */
    HN_PHASE_FAILED,    /* takes its input only to count it as undelivered */
    HN_PHASE_CLOSING,   /* has finished; what is parked must go before the outputs are closed */
    HN_PHASE_ENDED,
} hn_phase;

struct hn_stage_run {
    hn_stage stage; /* what the kind sees */
    hone_node *node;
    hn_edge **inputs;
    hn_edge **outputs;
    uint32_t inputs_count, outputs_count;
    uint32_t *input_stages; /* indices, for the graph's picture */
    uint32_t next_input;    /* where the round begins */
    uint32_t rows_wanted;
    uint64_t queue_batches;
    uint32_t on_full;           /* hn_on_full */
    const char *partition_name; /* NULL: the file names none */
    uint32_t partition;         /* index into the node's */
    bool is_critical;
    hn_texts from;
    hone_batch_layout layout;
    hone_shared_pool *pool;
    hone_budget_evictable spare; /* blocks of the pool that nobody uses */
    hone_task task;
    hone_task wake_task; /* of timers and descriptors: notifies */
    hone_timer timer;
    _Atomic uint32_t task_state; /* hn_task_state */
    hn_phase phase;
    uint64_t current_origin_ns; /* of the batch being processed */
    uint32_t memory_waits;      /* in a row */
    bool is_opened;
};

struct hone_node {
    const hone_allocator *allocator;
    const hone_log *log;
    char *path;
    hone_arena arena;
    const char *name;
    const hone_toml_value *root;
    hone_budget *budget;
    hone_file_stamp file_stamp;
    bool has_file_stamp;
    bool is_check;
    hone_isa_mask isa;
    uint64_t budget_bytes;
    uint32_t workers_count;
    const char *machine_root; /* for the power supply */
    uint32_t pinning;         /* hone_pinning */
    bool is_one_per_core;
    uint32_t power_wanted;       /* hone_power_profile */
    uint64_t batch_rows_wanted;  /* 0: by the power profile */
    _Atomic uint32_t batch_rows; /* what sources aim at; may change while the node runs */
    hone_power power;            /* as last decided */
    uint32_t power_changes_count;
    uint64_t lone_loop_ns; /* 0: not measured */
    hone_partition_options partitions[HONE_PARTITIONS_MAX];
    uint32_t partitions_count;
    double rest_share;    /* what the [[partition]] tables leave */
    hn_stage_run *stages; /* in topological order */
    uint32_t stages_count;
    hn_edge *edges;
    uint32_t edges_count;
    hone_live live;

    hone_pressure_monitor *pressure; /* while and after it ran; NULL: not looked at */
    hone_pressure_state pressure_seen;
    bool has_pressure_failed; /* said once */
    hone_scheduler *scheduler;
    uint64_t records_max; /* UINT64_MAX: no limit */
    bool has_run;
    _Atomic uint64_t records_taken; /* by all sources, against records_max */
    _Atomic uint32_t is_stopping;
    _Atomic uint32_t stages_left;
    _Atomic uint32_t news_count; /* futex word of hone_node_run: changes with the two above */
    hone_mutex failure_lock;
    hone_diag failure; /* the first one */
    hone_report report;
};

/* --- options.c --- */

/* Fills `state` from the keys of `table`, with fallbacks for those that are not there. */
HONE_MUST_USE hone_status hn_options_read_table(const hone_toml_value *table,
                                                const hn_option *options, uint32_t options_count,
                                                void *state, hone_arena *arena, hone_diag *diag);
/* Every key of `table` must be an option or one of `extra`. */
HONE_MUST_USE hone_status hn_options_check_keys(const hone_toml_value *table,
                                                const hn_option *options, uint32_t options_count,
                                                const char *const *extra, uint32_t extra_count,
                                                const char *what, hone_diag *diag);
hone_stage_option_info hn_option_describe(const hn_option *option);

/* False beyond the last. */
bool hn_options_describe(const hn_option *options, uint32_t options_count, uint32_t index,
                         hone_stage_option_info *out_info);

/* --- settings.c --- */

/* Changes the tree by options->settings. NOT_FOUND for a stage that is not there, SYNTAX. */
HONE_MUST_USE hone_status hn_settings_apply(const hone_node_options *options,
                                            const hone_toml_value *root, hone_arena *arena,
                                            hone_diag *diag);

/* Whether what has this line in the tree came from a setting. */
bool hn_settings_is_line(uint32_t line);

/* When the diag points at what came from a setting, it names the setting instead of a line. */
void hn_settings_blame(const hone_node_options *options, hone_diag *diag);

/* --- power_policy.c --- */

/* Reads the power supply (only when the profile is to follow it) and decides. */
HONE_MUST_USE hone_status hn_node_decide_power(hone_node *node, hone_diag *diag);

/* Does so again and applies what has changed to the running node. An unreadable supply changes
 * nothing. */
void hn_node_review_power(hone_node *node);

/* What the profile means for the workers. */
hone_scheduler_power hn_power_for_scheduler(const hone_power *power);

/* --- opening.c --- */

/* After an allocation of so many bytes has failed: BUDGET or OUT_OF_MEMORY, with what to do. */
hone_status hn_node_explain_no_memory(const hone_node *node, size_t bytes, hone_diag *diag);

/* --- claims.c --- */

/* DUPLICATE, with the diag at the option `path`, when the stage would read or write what another
 * stage writes, or write what another stage or the node file is. Pipes may have one user a
 * direction; devices may be shared. */
HONE_MUST_USE hone_status hn_stage_check_file(const hn_stage *stage, hone_diag *diag);

/* --- batches.c --- */
HONE_MUST_USE hone_status hn_stage_pool_create(hn_stage_run *run, hone_diag *diag);
void hn_stage_pool_destroy(hn_stage_run *run);

/* True when a source or a transform should wait until batches of its own have come back. */
bool hn_stage_lacks_memory(const hn_stage_run *run);

/* --- edges.c --- */
HONE_MUST_USE hone_status hn_edge_create(hone_node *node, hn_edge *edge, hone_diag *diag);
void hn_edge_destroy(hn_edge *edge);

/* Gives a batch to the edge, by its policy: sent, parked or dropped. */
void hn_edge_send(hn_edge *edge, hone_batch *batch);

/* Sends what is parked. False when there is no room yet; then the producer will be notified. */
bool hn_edge_flush(hn_edge *edge);

/* The next batch, or NULL; sets is_drained at the end. */
hone_batch *hn_edge_take(hn_edge *edge);

/* --- supervision.c --- */

/* Makes the monitor of memory pressure, unless it is not to be looked at. */
HONE_MUST_USE hone_status hn_node_watch_pressure(hone_node *node,
                                                 const hone_node_run_options *options,
                                                 hone_diag *diag);

/* The calling thread's part of a run; returns when all stages have ended. */
void hn_node_supervise(hone_node *node, const hone_node_run_options *options, uint64_t start_ns);

/* Brings the live page up to date with what nobody else writes there. */
void hn_node_update_live(hone_node *node);

/* --- runtime.c --- */

/* Makes the stage's task run, soon. From any thread. */
void hn_stage_notify(hn_stage_run *run);

#endif
