/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nodes that `hone top` looks at: their live pages, and what changed between two looks.
 *
 * Contract: confined. The pages belong to other processes that write while we read: each value is
 * whole, but they are not of one instant.
 */
#ifndef HN_CLI_WATCH_INTERNAL_H
#define HN_CLI_WATCH_INTERNAL_H

#include "printing_internal.h"

#include "hone/node/live.h"

enum { HN_WATCH_HISTORY = 10 };

/* The figures of a stage at one look, and what they did since the one before. */
typedef struct hn_watch_stage {
    uint64_t records_in, records_out, busy_ns;
    double in_per_s,
        out_per_s;     /* since the last look; at the first and after the end, since the start */
    double busy_share; /* of one CPU, likewise */
    double history[HN_WATCH_HISTORY]; /* of in_per_s, the newest last */
} hn_watch_stage;

/* A partition's CPU time at one look, and what it used since the one before. */
typedef struct hn_watch_partition {
    uint64_t cpu_ns;
    double share_used; /* of what all partitions used, likewise; NAN: nothing was used */
} hn_watch_partition;

typedef struct hn_watch_node {
    hone_live live;
    int64_t pid;
    uint64_t looked_ns; /* monotonic; 0: never */
    uint32_t stages_count, partitions_count;
    hn_watch_stage *stages;
    hn_watch_partition partitions[HONE_LIVE_PARTITIONS_MAX];
    hone_histogram *end_to_end_ns; /* of all sinks, at the last look */
    bool has_ended;                /* the figures are the last ones */
} hn_watch_node;

typedef struct hn_watch {
    hn_watch_node nodes[HONE_LIVE_LIST_MAX]; /* by pid */
    uint32_t count;
    const char *wanted; /* name or pid of the only node of interest; NULL: all */
} hn_watch;

/* Opens the pages of nodes that are new and reads all of them. Nodes that ended stay, with their
 * last figures, until hn_watch_deinit. What hone_live_list returns, and OUT_OF_MEMORY. */
HONE_MUST_USE hone_status hn_watch_look(hn_watch *watch, uint64_t now_ns, hone_diag *diag);
void hn_watch_deinit(hn_watch *watch);

/* How many of the nodes still run. */
uint32_t hn_watch_running_count(const hn_watch *watch);

/* Seconds that the node ran until now, or until it ended. */
double hn_watch_uptime_s(const hn_watch_node *node, uint64_t now_ns);

/* "loaded", "running", "draining", "ended". */
const char *hn_watch_state_name(const hn_watch_node *node);

/* Every node with its stages as a table in `columns`, or as JSON. The table has a column of what
 * was so far only where there were several looks. */
void hn_watch_print_table(hn_cli_output *output, const hn_watch *watch, uint64_t now_ns,
                          uint32_t columns, bool has_history);
void hn_watch_print_json(hn_cli_output *output, const hn_watch *watch, uint64_t now_ns);

#endif
