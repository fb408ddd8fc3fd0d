/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nine files stay open and are read again from their start; their texts are parsed in one buffer.
 * Rates come from differences; devices are followed one by one, so that one that comes or goes does
 * not show up as a jump of the sum.
 */
#include "hone/platform/host_stats.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "procfs_internal.h"

enum {
    ROOT_SIZE = 1024,
    BUFFER_BYTES_FIRST = 64 << 10,
    BUFFER_BYTES_MAX = 4 << 20,
    DEVICES_MAX = 256,
    DEVICE_NAME_SIZE = 32,
    DEVICE_COUNTERS = 4,
    SECTOR_BYTES = 512
};

typedef enum source_id {
    SOURCE_STAT,
    SOURCE_LOADAVG,
    SOURCE_MEMINFO,
    SOURCE_PSI_CPU,
    SOURCE_PSI_MEMORY,
    SOURCE_PSI_IO,
    SOURCE_DISKS,
    SOURCE_NET,
    SOURCE_UPTIME,
    SOURCES_COUNT
} source_id;

static const char *const source_paths[SOURCES_COUNT] = {
    "/proc/stat",         "/proc/loadavg",         "/proc/meminfo",
    "/proc/pressure/cpu", "/proc/pressure/memory", "/proc/pressure/io",
    "/proc/diskstats",    "/proc/net/dev",         "/proc/uptime",
};

typedef struct stat_file {
    int fd; /* -1: not open, for the reason */
    hone_fact_state state;
    bool is_too_large; /* for the buffer, when last read */
    char reason[160];
} stat_file;

typedef struct counted_device {
    char name[DEVICE_NAME_SIZE];
    bool has_hardware;
    uint64_t last[DEVICE_COUNTERS];
} counted_device;

/* Devices of one kind. A rate is the sum of what each counted one did since the last sample. */
typedef struct device_table {
    counted_device devices[DEVICES_MAX];
    uint32_t count;
    bool is_full; /* there were more */
} device_table;

typedef struct running_count {
    uint64_t last;
    bool is_known;
} running_count;

struct hone_host_stats {
    const hone_allocator *allocator;
    char root[ROOT_SIZE];
    stat_file files[SOURCES_COUNT];
    char *buffer;
    size_t buffer_bytes;
    uint64_t last_ns; /* of the last sample; 0: none yet */
    double elapsed_s; /* between the last two; 0: no rates in this sample */
    hn_cpu_times cpu_last;
    bool is_cpu_known;
    running_count context_switches, interrupts;
    device_table disks, interfaces;
    bool is_disk_list_readable;
};

const hone_host_metric_info *hone_host_metrics(void) {
    static const hone_host_metric_info infos[HONE_HOST_METRICS_COUNT] = {
#define METRIC_INFO(id, name, unit, is_whole, text) {name, unit, is_whole, text},
        HONE_HOST_METRIC_LIST(METRIC_INFO)
#undef METRIC_INFO
    };
    return infos;
}

static void open_source(hone_host_stats *stats, source_id id) {
    char path[ROOT_SIZE + 64];
    stat_file *file = &stats->files[id];
    (void)snprintf(path, sizeof path, "%s%s", stats->root, source_paths[id]);
    file->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (file->fd < 0) {
        bool is_forbidden = errno == EACCES || errno == EPERM;
        file->state = is_forbidden ? HONE_FACT_FORBIDDEN : HONE_FACT_ABSENT;
        (void)snprintf(file->reason, sizeof file->reason, "%s: %s", source_paths[id],
                       strerror(errno));
    }
}

/* The content of a source, read from its start; false, with the reason in the source. */
static bool read_source(hone_host_stats *stats, source_id id, hone_text *out_text) {
    stat_file *file = &stats->files[id];
    size_t used = 0;
    file->is_too_large = false;
    if (file->fd < 0) {
        return false;
    }
    while (used < stats->buffer_bytes) {
        ssize_t got =
            pread(file->fd, stats->buffer + used, stats->buffer_bytes - used, (off_t)used);
        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got < 0) {
            file->state =
                errno == EACCES || errno == EPERM ? HONE_FACT_FORBIDDEN : HONE_FACT_ABSENT;
            (void)snprintf(file->reason, sizeof file->reason, "%s: %s", source_paths[id],
                           strerror(errno));
            return false;
        }
        if (got == 0) {
            *out_text = (hone_text){stats->buffer, used};
            return true;
        }
        used += (size_t)got;
    }
    file->is_too_large = true;
    file->state = HONE_FACT_ABSENT;
    (void)snprintf(file->reason, sizeof file->reason, "%s: more than %zu bytes", source_paths[id],
                   stats->buffer_bytes);
    return false;
}

/* The buffer grows at create, until every source fits with room to spare; never later. */
static hone_status size_buffer(hone_host_stats *stats) {
    hone_text text;
    for (size_t bytes = BUFFER_BYTES_FIRST; bytes <= BUFFER_BYTES_MAX; bytes *= 2) {
        size_t largest = 0;
        char *larger = hone_reallocate(stats->allocator, stats->buffer, stats->buffer_bytes, bytes,
                                       _Alignof(max_align_t));
        if (!larger) {
            return HONE_STATUS_OUT_OF_MEMORY;
        }
        stats->buffer = larger;
        stats->buffer_bytes = bytes;
        for (int id = 0; id < SOURCES_COUNT; id++) {
            text.size = 0;
            (void)read_source(stats, (source_id)id, &text);
            size_t size = stats->files[id].is_too_large ? bytes : text.size;
            largest = size > largest ? size : largest;
        }
        if (largest <= bytes / 2) {
            break;
        }
    }
    return HONE_OK;
}

hone_status hone_host_stats_create(const char *root, const hone_allocator *allocator,
                                   hone_diag *diag, hone_host_stats **out_stats) {
    root = root ? root : "";
    if (strlen(root) >= ROOT_SIZE) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "the root prefix has more than %d bytes", ROOT_SIZE - 1);
    }
    hone_host_stats *stats = HONE_NEW(allocator, hone_host_stats);
    if (!stats) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for the host's counters");
    }
    stats->allocator = allocator;
    memcpy(stats->root, root, strlen(root));
    for (int id = 0; id < SOURCES_COUNT; id++) {
        open_source(stats, (source_id)id);
    }
    char blocks[ROOT_SIZE + 16];
    (void)snprintf(blocks, sizeof blocks, "%s/sys/block", root);
    stats->is_disk_list_readable = access(blocks, R_OK) == 0;
    hone_status status = size_buffer(stats);
    if (status != HONE_OK) {
        hone_host_stats_destroy(stats);
        return hone_diag_set(diag, status, "no memory for the host's counters");
    }
    *out_stats = stats;
    return HONE_OK;
}

void hone_host_stats_destroy(hone_host_stats *stats) {
    if (!stats) {
        return;
    }
    for (int id = 0; id < SOURCES_COUNT; id++) {
        if (stats->files[id].fd >= 0) {
            (void)close(stats->files[id].fd);
        }
    }
    hone_release(stats->allocator, stats->buffer, stats->buffer_bytes, _Alignof(max_align_t));
    HONE_DELETE(stats->allocator, hone_host_stats, stats);
}

static void put(hone_host_value *values, hone_host_metric metric, double value) {
    values[metric] = (hone_host_value){HONE_FACT_PRESENT, value, ""};
}

static void miss(hone_host_value *values, hone_host_metric first, hone_host_metric last,
                 hone_fact_state state, const char *reason) {
    for (int metric = (int)first; metric <= (int)last; metric++) {
        values[metric] = (hone_host_value){state, 0, reason};
    }
}

/* Why there is no rate in this sample. */
static const char *no_rate_reason(const hone_host_stats *stats) {
    return stats->last_ns == 0 ? "a rate needs two samples"
                               : "no time has passed since the last sample";
}

/* A counter that went back was reset: what it shows now is what it counted since. */
static uint64_t difference(uint64_t now, uint64_t last) {
    return now >= last ? now - last : now;
}

static void sample_cpu(hone_host_stats *stats, hone_text text, hone_host_value *values) {
    hn_cpu_times now;
    const hn_cpu_times *last = &stats->cpu_last;
    if (!hn_parse_cpu_times(text, &now)) {
        miss(values, HONE_HOST_CPU_BUSY, HONE_HOST_CPU_STEAL, HONE_FACT_ABSENT,
             "/proc/stat does not begin with the times of all CPUs");
        return;
    }
    if (!stats->is_cpu_known) {
        stats->cpu_last = now;
        stats->is_cpu_known = true;
        miss(values, HONE_HOST_CPU_BUSY, HONE_HOST_CPU_STEAL, HONE_FACT_ABSENT,
             "a share needs two samples");
        return;
    }
    /* Idle and iowait may go back a little when CPUs come and go: that is no reset. */
    uint64_t idle = now.idle > last->idle ? now.idle - last->idle : 0;
    uint64_t iowait = now.iowait > last->iowait ? now.iowait - last->iowait : 0;
    uint64_t user = difference(now.user, last->user) + difference(now.nice, last->nice);
    uint64_t system = difference(now.system, last->system) + difference(now.irq, last->irq) +
                      difference(now.softirq, last->softirq);
    uint64_t steal = difference(now.steal, last->steal);
    double total = (double)user + (double)system + (double)steal + (double)idle + (double)iowait;
    if (total <= 0) {
        /* The baseline stays, so that short intervals add up to a tick. */
        miss(values, HONE_HOST_CPU_BUSY, HONE_HOST_CPU_STEAL, HONE_FACT_ABSENT,
             "the kernel's clock has not ticked since the last sample");
        return;
    }
    stats->cpu_last = now;
    put(values, HONE_HOST_CPU_BUSY, ((double)user + (double)system + (double)steal) / total);
    put(values, HONE_HOST_CPU_USER, (double)user / total);
    put(values, HONE_HOST_CPU_SYSTEM, (double)system / total);
    put(values, HONE_HOST_CPU_IOWAIT, (double)iowait / total);
    put(values, HONE_HOST_CPU_STEAL, (double)steal / total);
}

static void sample_counter(const hone_host_stats *stats, hone_text text, const char *key,
                           running_count *counter, hone_host_metric metric,
                           hone_host_value *values) {
    uint64_t now;
    if (!hn_find_counter(text, key, &now)) {
        miss(values, metric, metric, HONE_FACT_ABSENT, "/proc/stat has no readable line for it");
        return;
    }
    if (counter->is_known && stats->elapsed_s > 0) {
        put(values, metric, (double)difference(now, counter->last) / stats->elapsed_s);
    } else {
        miss(values, metric, metric, HONE_FACT_ABSENT, no_rate_reason(stats));
    }
    counter->last = now;
    counter->is_known = true;
}

static void sample_stat(hone_host_stats *stats, hone_host_value *values) {
    hone_text text;
    uint64_t number;
    if (!read_source(stats, SOURCE_STAT, &text)) {
        const stat_file *from = &stats->files[SOURCE_STAT];
        miss(values, HONE_HOST_CPU_BUSY, HONE_HOST_CPU_STEAL, from->state, from->reason);
        miss(values, HONE_HOST_CONTEXT_SWITCHES, HONE_HOST_INTERRUPTS, from->state, from->reason);
        miss(values, HONE_HOST_TASKS_RUNNING, HONE_HOST_TASKS_BLOCKED, from->state, from->reason);
        return;
    }
    sample_cpu(stats, text, values);
    sample_counter(stats, text, "ctxt", &stats->context_switches, HONE_HOST_CONTEXT_SWITCHES,
                   values);
    sample_counter(stats, text, "intr", &stats->interrupts, HONE_HOST_INTERRUPTS, values);
    const char *untold = "/proc/stat has no readable line for it";
    miss(values, HONE_HOST_TASKS_RUNNING, HONE_HOST_TASKS_BLOCKED, HONE_FACT_ABSENT, untold);
    if (hn_find_counter(text, "procs_running", &number)) {
        put(values, HONE_HOST_TASKS_RUNNING, (double)number);
    }
    if (hn_find_counter(text, "procs_blocked", &number)) {
        put(values, HONE_HOST_TASKS_BLOCKED, (double)number);
    }
}

/* "0.09 0.03 0.01 1/91 5910" */
static void sample_load(hone_host_stats *stats, hone_host_value *values) {
    hone_text text;
    double load;
    uint64_t tasks;
    const stat_file *from = &stats->files[SOURCE_LOADAVG];
    if (!read_source(stats, SOURCE_LOADAVG, &text)) {
        miss(values, HONE_HOST_LOAD1, HONE_HOST_LOAD1, from->state, from->reason);
        miss(values, HONE_HOST_TASKS, HONE_HOST_TASKS, from->state, from->reason);
        return;
    }
    const char *garbage = "/proc/loadavg is not readable as numbers";
    miss(values, HONE_HOST_LOAD1, HONE_HOST_LOAD1, HONE_FACT_ABSENT, garbage);
    miss(values, HONE_HOST_TASKS, HONE_HOST_TASKS, HONE_FACT_ABSENT, garbage);
    if (hn_parse_decimal(hn_next_word(&text), &load)) {
        put(values, HONE_HOST_LOAD1, load);
    }
    (void)hn_next_word(&text);
    (void)hn_next_word(&text);
    hone_text total = hn_next_word(&text);
    (void)hone_text_split(&total, '/');
    if (total.data && hn_parse_digits(total, &tasks)) {
        put(values, HONE_HOST_TASKS, (double)tasks);
    }
}

static void sample_memory(hone_host_stats *stats, hone_host_value *values) {
    hone_text text;
    uint64_t total = 0, available, swap_total, swap_free;
    const stat_file *from = &stats->files[SOURCE_MEMINFO];
    if (!read_source(stats, SOURCE_MEMINFO, &text)) {
        miss(values, HONE_HOST_MEM_TOTAL, HONE_HOST_SWAP_USED, from->state, from->reason);
        return;
    }
    miss(values, HONE_HOST_MEM_TOTAL, HONE_HOST_SWAP_USED, HONE_FACT_ABSENT,
         "/proc/meminfo has no readable line for it");
    bool has_total = hn_find_kilobytes(text, "MemTotal", &total);
    if (has_total) {
        put(values, HONE_HOST_MEM_TOTAL, (double)total);
    }
    if (hn_find_kilobytes(text, "MemAvailable", &available)) {
        put(values, HONE_HOST_MEM_AVAILABLE, (double)available);
        if (has_total && total > 0 && available <= total) {
            put(values, HONE_HOST_MEM_USED, 1 - (double)available / (double)total);
        }
    }
    if (hn_find_kilobytes(text, "SwapTotal", &swap_total)) {
        put(values, HONE_HOST_SWAP_TOTAL, (double)swap_total);
        if (hn_find_kilobytes(text, "SwapFree", &swap_free) && swap_free <= swap_total) {
            put(values, HONE_HOST_SWAP_USED, (double)(swap_total - swap_free));
        }
    }
}

static void sample_pressure(hone_host_stats *stats, source_id id, hone_host_metric metric,
                            hone_host_value *values) {
    hone_text text;
    double percent;
    if (!read_source(stats, id, &text)) {
        miss(values, metric, metric, stats->files[id].state, stats->files[id].reason);
    } else if (!hn_parse_pressure(text, &percent)) {
        miss(values, metric, metric, HONE_FACT_ABSENT, "the file has no readable line 'some'");
    } else {
        put(values, metric, percent / 100);
    }
}

/* The device's entry, made when it is new; NULL when the table is full or the name is no name. */
static counted_device *find_device(const hone_host_stats *stats, device_table *table,
                                   const char *folder, hone_text name, bool *out_is_new) {
    char path[ROOT_SIZE + 96];
    *out_is_new = false;
    for (uint32_t i = 0; i < table->count; i++) {
        if (hone_text_is(name, table->devices[i].name)) {
            return &table->devices[i];
        }
    }
    if (name.size >= DEVICE_NAME_SIZE || memchr(name.data, '/', name.size) ||
        memchr(name.data, '\0', name.size)) {
        return NULL;
    }
    if (table->count == DEVICES_MAX) {
        table->is_full = true;
        return NULL;
    }
    counted_device *added = &table->devices[table->count++];
    memcpy(added->name, name.data, name.size);
    (void)snprintf(path, sizeof path, "%s%s/%s/device", stats->root, folder, added->name);
    added->has_hardware = access(path, F_OK) == 0;
    *out_is_new = true;
    return added;
}

/* What the device did since it was last seen; nothing when it is new. */
static void follow(counted_device *device, bool is_new, const uint64_t *now, size_t counters_count,
                   double *sums) {
    for (size_t i = 0; i < counters_count; i++) {
        sums[i] += is_new ? 0 : (double)difference(now[i], device->last[i]);
        device->last[i] = now[i];
    }
}

static void put_rates(const hone_host_stats *stats, const device_table *table, bool is_any,
                      const double *sums, hone_host_metric first, hone_host_metric last,
                      const char *none_reason, hone_host_value *values) {
    if (table->is_full) {
        miss(values, first, last, HONE_FACT_ABSENT, "there are more than 256 devices");
    } else if (!is_any) {
        miss(values, first, last, HONE_FACT_ABSENT, none_reason);
    } else if (stats->elapsed_s <= 0) {
        miss(values, first, last, HONE_FACT_ABSENT, no_rate_reason(stats));
    } else {
        for (int metric = (int)first; metric <= (int)last; metric++) {
            put(values, (hone_host_metric)metric, sums[metric - (int)first] / stats->elapsed_s);
        }
    }
}

static void sample_disks(hone_host_stats *stats, hone_host_value *values) {
    hone_text text;
    double sums[4] = {0};
    bool is_any = false;
    const stat_file *from = &stats->files[SOURCE_DISKS];
    if (!read_source(stats, SOURCE_DISKS, &text)) {
        miss(values, HONE_HOST_DISK_READ_BYTES, HONE_HOST_DISK_WRITE_OPS, from->state,
             from->reason);
        return;
    }
    while (text.size) {
        hn_disk_line line;
        bool is_new;
        if (!hn_parse_disk_line(hone_text_split(&text, '\n'), &line)) {
            continue;
        }
        counted_device *disk = find_device(stats, &stats->disks, "/sys/block", line.name, &is_new);
        if (disk && disk->has_hardware) {
            uint64_t now[4] = {line.sectors_read * SECTOR_BYTES,
                               line.sectors_written * SECTOR_BYTES, line.reads, line.writes};
            follow(disk, is_new, now, 4, sums);
            is_any = true;
        }
    }
    put_rates(stats, &stats->disks, is_any, sums, HONE_HOST_DISK_READ_BYTES,
              HONE_HOST_DISK_WRITE_OPS,
              stats->is_disk_list_readable
                  ? "no disk with hardware behind it"
                  : "disks cannot be told from partitions: /sys/block is not readable",
              values);
}

static void sample_net(hone_host_stats *stats, hone_host_value *values) {
    hone_text text;
    double hardware_sums[2] = {0}, virtual_sums[2] = {0};
    bool is_any = false, is_any_hardware = false;
    const stat_file *from = &stats->files[SOURCE_NET];
    if (!read_source(stats, SOURCE_NET, &text)) {
        miss(values, HONE_HOST_NET_RX_BYTES, HONE_HOST_NET_TX_BYTES, from->state, from->reason);
        return;
    }
    while (text.size) {
        hn_net_line line;
        bool is_new;
        if (!hn_parse_net_line(hone_text_split(&text, '\n'), &line) ||
            hone_text_is(line.name, "lo")) {
            continue;
        }
        counted_device *interface =
            find_device(stats, &stats->interfaces, "/sys/class/net", line.name, &is_new);
        if (!interface) {
            continue;
        }
        uint64_t now[2] = {line.received_bytes, line.sent_bytes};
        follow(interface, is_new, now, 2, interface->has_hardware ? hardware_sums : virtual_sums);
        is_any = true;
        is_any_hardware = is_any_hardware || interface->has_hardware;
    }
    put_rates(stats, &stats->interfaces, is_any, is_any_hardware ? hardware_sums : virtual_sums,
              HONE_HOST_NET_RX_BYTES, HONE_HOST_NET_TX_BYTES,
              "no network interface but the loop-back one", values);
}

static void sample_uptime(hone_host_stats *stats, hone_host_value *values) {
    hone_text text;
    double seconds;
    const stat_file *from = &stats->files[SOURCE_UPTIME];
    if (!read_source(stats, SOURCE_UPTIME, &text)) {
        miss(values, HONE_HOST_UPTIME, HONE_HOST_UPTIME, from->state, from->reason);
    } else if (!hn_parse_decimal(hn_next_word(&text), &seconds)) {
        miss(values, HONE_HOST_UPTIME, HONE_HOST_UPTIME, HONE_FACT_ABSENT,
             "/proc/uptime does not begin with a number");
    } else {
        put(values, HONE_HOST_UPTIME, seconds);
    }
}

void hone_host_stats_sample(hone_host_stats *stats, uint64_t now_ns,
                            hone_host_value out_values[HONE_HOST_METRICS_COUNT]) {
    bool is_later = stats->last_ns != 0 && now_ns > stats->last_ns;
    stats->elapsed_s = is_later ? (double)(now_ns - stats->last_ns) / 1e9 : 0;
    sample_stat(stats, out_values);
    sample_load(stats, out_values);
    sample_memory(stats, out_values);
    sample_pressure(stats, SOURCE_PSI_CPU, HONE_HOST_PSI_CPU, out_values);
    sample_pressure(stats, SOURCE_PSI_MEMORY, HONE_HOST_PSI_MEMORY, out_values);
    sample_pressure(stats, SOURCE_PSI_IO, HONE_HOST_PSI_IO, out_values);
    sample_disks(stats, out_values);
    sample_net(stats, out_values);
    sample_uptime(stats, out_values);
    stats->last_ns = now_ns ? now_ns : 1;
}
