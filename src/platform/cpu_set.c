/* SPDX-License-Identifier: Apache-2.0 */
#include "hone/platform/cpu_set.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "procfs_internal.h"

/* "a", "a-b" or "a-b:used/group" (Documentation/admin-guide/cpu-load and bitmap_parselist). */
static hone_status parse_range(hone_text range, hone_cpu_set *set) {
    uint64_t first, last, used = 1, group = 1;
    hone_text stride = range;
    hone_text span = hone_text_split(&stride, ':');
    hone_text last_text = span;
    hone_text first_text = hone_text_split(&last_text, '-');
    if (!hn_parse_digits(first_text, &first) ||
        !hn_parse_digits(last_text.data ? last_text : first_text, &last) || last < first) {
        return HONE_STATUS_SYNTAX;
    }
    if (stride.data) {
        hone_text group_text = stride;
        hone_text used_text = hone_text_split(&group_text, '/');
        if (!hn_parse_digits(used_text, &used) || !hn_parse_digits(group_text, &group) ||
            group == 0 || used > group) {
            return HONE_STATUS_SYNTAX;
        }
    }
    if (last >= HONE_CPUS_MAX) {
        return HONE_STATUS_OVERFLOW;
    }
    for (uint64_t cpu = first; cpu <= last; cpu++) {
        if ((cpu - first) % group < used) {
            hone_cpu_set_add(set, (uint32_t)cpu);
        }
    }
    return HONE_OK;
}

hone_status hone_cpu_set_parse(hone_text text, hone_cpu_set *out_set) {
    hone_cpu_set set = {{0}};
    hone_text rest = hone_text_trim(text);
    while (rest.data && rest.size) {
        hone_text range = hone_text_split(&rest, ',');
        hone_status status = parse_range(range, &set);
        if (status == HONE_OK && rest.data && rest.size == 0) {
            status = HONE_STATUS_SYNTAX; /* ends in a comma */
        }
        if (status != HONE_OK) {
            return status;
        }
    }
    *out_set = set;
    return HONE_OK;
}

size_t hone_cpu_set_format(const hone_cpu_set *set, char *out_text, size_t size) {
    size_t used = 0;
    if (size == 0) {
        return 0;
    }
    out_text[0] = '\0';
    uint32_t first = hone_cpu_set_next(set, 0);
    while (first < HONE_CPUS_MAX) {
        char range[32];
        uint32_t last = first;
        while (last + 1 < HONE_CPUS_MAX && hone_cpu_set_has(set, last + 1)) {
            last++;
        }
        int length = last == first
                         ? snprintf(range, sizeof range, "%s%u", used ? "," : "", first)
                         : snprintf(range, sizeof range, "%s%u-%u", used ? "," : "", first, last);
        if (length < 0 || used + (size_t)length + 1 > size) {
            break;
        }
        memcpy(out_text + used, range, (size_t)length + 1);
        used += (size_t)length;
        first = hone_cpu_set_next(set, last + 1);
    }
    return used;
}

void hone_cpu_set_add(hone_cpu_set *set, uint32_t cpu) {
    if (cpu < HONE_CPUS_MAX) {
        set->words[cpu / 64] |= (uint64_t)1 << (cpu % 64);
    }
}

bool hone_cpu_set_has(const hone_cpu_set *set, uint32_t cpu) {
    return cpu < HONE_CPUS_MAX && (set->words[cpu / 64] >> (cpu % 64) & 1);
}

uint32_t hone_cpu_set_count(const hone_cpu_set *set) {
    uint32_t count = 0;
    for (size_t i = 0; i < HONE_CPUS_MAX / 64; i++) {
        count += (uint32_t)__builtin_popcountll(set->words[i]);
    }
    return count;
}

hone_cpu_set hone_cpu_set_intersect(const hone_cpu_set *a, const hone_cpu_set *b) {
    hone_cpu_set both;
    for (size_t i = 0; i < HONE_CPUS_MAX / 64; i++) {
        both.words[i] = a->words[i] & b->words[i];
    }
    return both;
}

uint32_t hone_cpu_set_next(const hone_cpu_set *set, uint32_t from) {
    for (uint32_t word = from / 64; word < HONE_CPUS_MAX / 64; word++) {
        uint64_t bits = set->words[word];
        if (word == from / 64) {
            bits &= UINT64_MAX << (from % 64);
        }
        if (bits) {
            return word * 64 + (uint32_t)__builtin_ctzll(bits);
        }
    }
    return HONE_CPUS_MAX;
}

hone_status hone_cpu_set_affinity(hone_cpu_set *out_set) {
    hone_cpu_set set = {{0}};
    /* The raw call: glibc's wrapper wants a cpu_set_t of 1024 CPUs. The kernel writes longs, which
     * on little endian lie in memory as these words do. */
    _Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ || sizeof(long) == 8,
                   "longs of the kernel's mask must match 64-bit words");
    if (syscall(SYS_sched_getaffinity, 0, sizeof set, &set) < 0) {
        return errno == EPERM || errno == EACCES ? HONE_STATUS_FORBIDDEN : HONE_STATUS_IO;
    }
    *out_set = set;
    return HONE_OK;
}
