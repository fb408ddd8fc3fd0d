/* SPDX-License-Identifier: Apache-2.0 */
/* What partitions used of their shares, and why it was less. */
#include <stdio.h>
#include <string.h>

#include "hone/node/report.h"

/* Shares hold to within so much; a stage that was busy for so much of the time had no more. */
static const double share_tolerance = 0.02, busy_share_min = 0.85;

static uint64_t read_figure(const _Atomic uint64_t *figure) {
    return atomic_load_explicit(figure, memory_order_relaxed);
}

double hone_report_share_used(const hone_report *report, uint32_t partition) {
    return report->partitions_cpu_ns
               ? (double)report->partitions[partition].cpu_ns / (double)report->partitions_cpu_ns
               : 0;
}

typedef struct stages_seen {
    const char *busy_name; /* of the first that was busy all the time */
    uint32_t busy_count;
    uint64_t blocked_count;
} stages_seen;

/* Whether workers slept for as long as the partition had less than its share: they would have run
 * its stages, had these had anything to do. */
static bool had_nothing_to_do(const hone_report *report, const hone_partition_stats *stats) {
    double missing_ns = stats->share * (double)report->partitions_cpu_ns - (double)stats->cpu_ns;
    return (double)report->scheduler.idle_ns >= missing_ns;
}

/* Where no stage was busy all the time. Says nothing where the figures do not tell. */
static void explain_waiting(const hone_report *report, uint32_t partition, uint64_t blocked_count,
                            char *out_text, size_t size) {
    uint64_t waiting_count = read_figure(&report->live->partitions[partition].waiting_count);
    if (waiting_count) {
        (void)snprintf(out_text, size,
                       "%llu of its stages had work and waited for a worker when last looked at",
                       (unsigned long long)waiting_count);
    } else if (blocked_count) {
        (void)snprintf(out_text, size,
                       "its stages waited %s(%llu times) for room in full queues or for memory",
                       had_nothing_to_do(report, &report->partitions[partition]) ? "for input, or "
                                                                                 : "",
                       (unsigned long long)blocked_count);
    } else if (had_nothing_to_do(report, &report->partitions[partition])) {
        (void)snprintf(out_text, size, "its stages waited for input");
    }
}

static stages_seen look_at_stages(const hone_report *report, const char *partition) {
    stages_seen seen = {0};
    for (uint32_t i = 0; i < report->live->stages_count; i++) {
        const hone_live_stage *live = &report->live->stages[i];
        hone_node_stage_info info;
        if (hone_node_stage_info_read(report->node, i, &info) != HONE_OK || !info.partition ||
            strcmp(info.partition, partition) != 0) {
            continue;
        }
        bool is_busy =
            (double)read_figure(&live->busy_ns) >= busy_share_min * (double)report->elapsed_ns;
        seen.busy_name = is_busy && !seen.busy_name ? info.name : seen.busy_name;
        seen.busy_count += is_busy;
        seen.blocked_count += read_figure(&live->blocked_count);
    }
    return seen;
}

bool hone_report_explain_share(const hone_report *report, uint32_t partition, char *out_text,
                               size_t size) {
    const hone_partition_stats *stats = &report->partitions[partition];
    stages_seen seen = look_at_stages(report, stats->name);
    double share_cpus = stats->share * report->live->workers_count;
    out_text[0] = '\0';
    if (hone_report_share_used(report, partition) + share_tolerance >= stats->share) {
        return false;
    }
    if (seen.busy_count == 1 && share_cpus > 1) {
        (void)snprintf(out_text, size,
                       "its stage '%s' was busy all the time, and a stage uses one CPU at most; "
                       "the share is %.2f CPUs",
                       seen.busy_name, share_cpus);
    } else if (seen.busy_count && share_cpus > seen.busy_count) {
        (void)snprintf(out_text, size,
                       "%u of its stages were busy all the time, and a stage uses one CPU at "
                       "most; the share is %.2f CPUs",
                       seen.busy_count, share_cpus);
    } else if (seen.busy_count) {
        (void)snprintf(out_text, size,
                       "its stages were busy all the time, but other programs had the CPUs for a "
                       "part of it");
    } else {
        explain_waiting(report, partition, seen.blocked_count, out_text, size);
    }
    return out_text[0] != '\0';
}
