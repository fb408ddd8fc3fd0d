/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a power profile means for a node: how many rows sources gather (hone/platform/power.h), and
 * how eager the workers are. On battery timers that are due about the same time run together, and
 * further workers stay asleep until there is more to do: few bursts with the CPU asleep between.
 */
#include "node_internal.h"

_Static_assert(HONE_POWER_AUTO == 0 && HONE_POWER_PERFORMANCE == 1 && HONE_POWER_BALANCED == 2 &&
                   HONE_POWER_SAVE == 3,
               "the profiles stand in the order of the choices of 'power' in node_table.c");

enum { SPIN_NS_BALANCED = 10000, BACKLOG_BALANCED = 4, BACKLOG_SAVE = 16 };

hone_scheduler_power hn_power_for_scheduler(const hone_power *power) {
    hone_scheduler_power out = {.timer_slack_ns = power->policy.wake_delay_ns, .wake_backlog = 1};
    if (power->profile == HONE_POWER_BALANCED) {
        out.spin_ns = SPIN_NS_BALANCED;
        out.wake_backlog = BACKLOG_BALANCED;
    } else if (power->profile == HONE_POWER_SAVE) {
        out.is_spinning_off = true;
        out.wake_backlog = BACKLOG_SAVE;
    }
    return out;
}

static hone_status decide(const hone_node *node, hone_diag *diag, hone_power *out_power) {
    hone_power_options options = {.forced = (hone_power_profile)node->power_wanted};
    hone_power_supply supply = {0};
    hone_status status = HONE_OK;
    if (options.forced == HONE_POWER_AUTO) {
        status = hone_power_read(node->machine_root, node->allocator, diag, &supply);
    }
    return status == HONE_OK ? hone_power_decide(&supply, &options, diag, out_power) : status;
}

static void use(hone_node *node, const hone_power *power) {
    uint64_t rows = node->batch_rows_wanted ? node->batch_rows_wanted : power->policy.batch_size;
    node->power = *power;
    /* relaxed: sources take it up with their next batch */
    atomic_store_explicit(&node->batch_rows, (uint32_t)rows, memory_order_relaxed);
}

hone_status hn_node_decide_power(hone_node *node, hone_diag *diag) {
    hone_power power;
    hone_status status = decide(node, diag, &power);
    if (status == HONE_OK) {
        use(node, &power);
    }
    return status;
}

void hn_node_review_power(hone_node *node) {
    hone_power power;
    hone_diag ignored = {0};
    if (decide(node, &ignored, &power) != HONE_OK || power.profile == node->power.profile) {
        return;
    }
    use(node, &power);
    node->power_changes_count++;
    hone_scheduler_power workers = hn_power_for_scheduler(&power);
    hone_scheduler_set_power(node->scheduler, &workers);
    hone_log_write(node->log, HONE_LOG_INFO, "the power profile is %s now: %s",
                   hone_power_profile_name(power.profile), power.reason);
}

void hone_node_calibrate(hone_node_options *options, const hone_calibration *calibration) {
    const hone_calibration_figure *cost = &calibration->figures[HONE_CALIBRATION_WAKE_FUTEX_COST];
    if (cost->is_known) {
        options->lone_loop_ns = cost->value < HONE_LONE_LOOP_NS_MAX ? (uint64_t)(cost->value + 0.5)
                                                                    : HONE_LONE_LOOP_NS_MAX;
    }
}
