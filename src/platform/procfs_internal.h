/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parsers for the texts of /proc and /sys: pure, strict, on views. Each returns false for anything
 * that is not exactly what the kernel writes, and then leaves the output alone.
 */
#ifndef HONE_PLATFORM_PROCFS_INTERNAL_H
#define HONE_PLATFORM_PROCFS_INTERNAL_H

#include "hone/base/span.h"
#include "hone/platform/cpu_set.h"

/* Decimal digits and nothing else; false on overflow. */
bool hn_parse_digits(hone_text text, uint64_t *out_number);

/* The same with blanks around it. */
bool hn_parse_number(hone_text text, uint64_t *out_number);

/* hn_parse_number with an optional '-'. */
bool hn_parse_signed(hone_text text, int64_t *out_number);

/* "0.03": digits, optionally a point and digits; at most 1e15. */
bool hn_parse_decimal(hone_text text, double *out_number);

/* "48K", "2M", "1024": bytes, in the units of cache sizes. */
bool hn_parse_cache_size(hone_text text, uint64_t *out_bytes);

/* "always [madvise] never" gives "madvise". */
bool hn_parse_choice(hone_text text, hone_text *out_choice);

/* The next word (run of non-blanks) of the line; empty at its end. */
hone_text hn_next_word(hone_text *rest);

/* True when `word` stands in the list of words; separators are blanks or commas. */
bool hn_has_word(hone_text words, const char *word);

/* The value, trimmed, of the first line "key<blanks>:<value>" ("MemTotal:  12 kB"). */
bool hn_find_field(hone_text text, const char *key, hone_text *out_value);

/* "key: 123 kB" in bytes. */
bool hn_find_kilobytes(hone_text text, const char *key, uint64_t *out_bytes);

/* The number in the first line "key 123 ..." ("inactive_file 4096", "ctxt 5"). */
bool hn_find_counter(hone_text text, const char *key, uint64_t *out_number);

/* A line of /proc/self/limits ("Max open files   1024   4096   files"); UINT64_MAX: unlimited. */
bool hn_find_resource_limit(hone_text text, const char *name, uint64_t *out_soft);

/* "key:<blanks>HEX" of /proc/self/status, as the capability masks. */
bool hn_find_hex(hone_text text, const char *key, uint64_t *out_number);

/* avg10 of the "some" line of a pressure file, in percent 0 .. 100. */
bool hn_parse_pressure(hone_text text, double *out_percent);

/* Jiffies of the first line of /proc/stat. */
typedef struct hn_cpu_times {
    uint64_t user, nice, system, idle, iowait, irq, softirq, steal;
} hn_cpu_times;
bool hn_parse_cpu_times(hone_text text, hn_cpu_times *out_times);

/* One line of /proc/diskstats. */
typedef struct hn_disk_line {
    hone_text name;
    uint64_t reads, sectors_read, writes, sectors_written; /* sectors of 512 bytes, always */
} hn_disk_line;
bool hn_parse_disk_line(hone_text line, hn_disk_line *out_disk);

/* One line of /proc/net/dev; false for its two headings. */
typedef struct hn_net_line {
    hone_text name;
    uint64_t received_bytes, sent_bytes;
} hn_net_line;
bool hn_parse_net_line(hone_text line, hn_net_line *out_interface);

/* A line of /proc/self/cgroup for `controller` ("" for the v2 hierarchy). */
bool hn_find_cgroup_path(hone_text text, const char *controller, hone_text *out_path);

/* The mount of `controller` ("" for v2) in mountinfo; views with the kernel's octal escapes. */
typedef struct hn_cgroup_mount {
    hone_text root;  /* the cgroup that is mounted, "/" mostly */
    hone_text point; /* where */
} hn_cgroup_mount;
bool hn_find_cgroup_mount(hone_text mountinfo, const char *controller, hn_cgroup_mount *out_mount);

/* Undoes "\040". False when the result does not fit, is not absolute, or has a ".." component. */
bool hn_decode_path(hone_text encoded, char *out_path, size_t size);

/* cpu.max: "max 100000" gives no quota (infinity), "150000 100000" gives 1.5. */
bool hn_parse_cpu_max(hone_text text, double *out_cpus);

/* memory.max and kin: bytes, or UINT64_MAX for "max". */
bool hn_parse_limit(hone_text text, uint64_t *out_bytes);

#endif
