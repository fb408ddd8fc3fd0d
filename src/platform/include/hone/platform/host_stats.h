/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's own counters, sampled cheaply: what the stage `source.host` emits.
 *
 * Contract: confined; own storage. Files are opened once at create and read again at each sample;
 * a sample allocates nothing. A metric that cannot be had is not present and says why; names, their
 * order within a version, and units are stable. Rates are per second between this sample and the
 * one before, so they are missing in the first. Cost: about 10 system calls, <= 200 us on a machine
 * with a few CPUs (the kernel's part of /proc/stat grows with CPUs and interrupts).
 *
 * Disks: whole devices with hardware behind them (a `device` link in /sys/block), so that
 * partitions, loop and mapped devices are not counted twice. Network: interfaces with hardware
 * behind them; where there is none (containers), all but lo.
 * Sources: proc(5); Linux Documentation/admin-guide/iostats.rst, Documentation/accounting/psi.rst.
 */
#ifndef HONE_PLATFORM_HOST_STATS_H
#define HONE_PLATFORM_HOST_STATS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hone/base/allocator.h"
#include "hone/base/span.h"
#include "hone/base/status.h"
#include "hone/platform/fact.h"

/* enum name, metric name, unit, whole number?, what it is. Shares run from 0 to 1. */
#define HONE_HOST_METRIC_LIST(X)                                                                  \
    X(CPU_BUSY, "cpu_busy", "share", false, "CPU time not idle and not waiting for disks")        \
    X(CPU_USER, "cpu_user", "share", false, "CPU time in programs")                               \
    X(CPU_SYSTEM, "cpu_system", "share", false, "CPU time in the kernel, interrupts included")    \
    X(CPU_IOWAIT, "cpu_iowait", "share", false, "CPU time idle while a disk request was waiting") \
    X(CPU_STEAL, "cpu_steal", "share", false, "CPU time that a hypervisor gave to others")        \
    X(LOAD1, "load1", "tasks", false, "load average over one minute")                             \
    X(MEM_TOTAL, "mem_total_bytes", "bytes", true, "memory of the machine")                       \
    X(MEM_AVAILABLE, "mem_available_bytes", "bytes", true, "memory to be had without swapping")   \
    X(MEM_USED, "mem_used", "share", false, "1 - available / total")                              \
    X(SWAP_TOTAL, "swap_total_bytes", "bytes", true, "swap space")                                \
    X(SWAP_USED, "swap_used_bytes", "bytes", true, "swap space in use")                           \
    X(PSI_CPU, "psi_cpu", "share", false, "time some task waited for a CPU, last 10 s")           \
    X(PSI_MEMORY, "psi_memory", "share", false, "time some task waited for memory, last 10 s")    \
    X(PSI_IO, "psi_io", "share", false, "time some task waited for a disk, last 10 s")            \
    X(DISK_READ_BYTES, "disk_read_bytes_rate", "bytes/s", false, "read from disks")               \
    X(DISK_WRITE_BYTES, "disk_write_bytes_rate", "bytes/s", false, "written to disks")            \
    X(DISK_READ_OPS, "disk_read_ops_rate", "1/s", false, "read requests completed")               \
    X(DISK_WRITE_OPS, "disk_write_ops_rate", "1/s", false, "write requests completed")            \
    X(NET_RX_BYTES, "net_rx_bytes_rate", "bytes/s", false, "received by network interfaces")      \
    X(NET_TX_BYTES, "net_tx_bytes_rate", "bytes/s", false, "sent by network interfaces")          \
    X(CONTEXT_SWITCHES, "context_switches_rate", "1/s", false, "context switches of all CPUs")    \
    X(INTERRUPTS, "interrupts_rate", "1/s", false, "interrupts served")                           \
    X(TASKS, "tasks", "tasks", true, "processes and threads that exist")                          \
    X(TASKS_RUNNING, "tasks_running", "tasks", true, "of these, running or ready to run")         \
    X(TASKS_BLOCKED, "tasks_blocked", "tasks", true, "of these, waiting for a disk")              \
    X(UPTIME, "uptime_seconds", "s", false, "time since the machine started")

typedef enum hone_host_metric {
#define HONE_HOST_METRIC_ENUM(id, name, unit, is_whole, text) HONE_HOST_##id,
    HONE_HOST_METRIC_LIST(HONE_HOST_METRIC_ENUM)
#undef HONE_HOST_METRIC_ENUM
        HONE_HOST_METRICS_COUNT
} hone_host_metric;

typedef struct hone_host_metric_info {
    const char *name;
    const char *unit;
    bool is_whole; /* an i64 in records, else an f64 */
    const char *description;
} hone_host_metric_info;

/* Whole numbers are exact in the double up to 2^53. */
typedef struct hone_host_value {
    hone_fact_state state;
    double value;       /* meaningful when present */
    const char *reason; /* why it is not present, else ""; valid until destroy */
} hone_host_value;

typedef struct hone_host_stats hone_host_stats;

/* HONE_HOST_METRICS_COUNT entries, indexed by hone_host_metric. Static storage. */
const hone_host_metric_info *hone_host_metrics(void);

/* Opens the files below `root` (NULL or "" for this machine). Files that are not there are no
 * error: their metrics are not present. OUT_OF_MEMORY, INVALID_ARGUMENT (over-long root). */
HONE_MUST_USE hone_status hone_host_stats_create(const char *root, const hone_allocator *allocator,
                                                 hone_diag *diag, hone_host_stats **out_stats);
void hone_host_stats_destroy(hone_host_stats *stats);

/* Reads every metric. `now_ns` is the monotonic time of the sample; it must grow from call to call,
 * or the rates are not present. */
void hone_host_stats_sample(hone_host_stats *stats, uint64_t now_ns,
                            hone_host_value out_values[HONE_HOST_METRICS_COUNT]);

#endif
