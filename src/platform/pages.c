/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A mapping starts as a range without access that is large enough to find an aligned place in; what
 * is too much is cut off, and the middle is opened. The pages without access that stay on both
 * sides catch overruns, and keep the kernel from merging the mapping with its neighbours, which
 * would blur what smaps says about it.
 */
#include "hone/platform/pages.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "hone/base/checked.h"
#include "hone/platform/file.h"

#define THP_FOLDER "/sys/kernel/mm/transparent_hugepage/"

enum { SMALL_FILE_BYTES = 4096, SMAPS_BYTES_MAX = 256 << 20 };

size_t hone_pages_size_bytes(void) {
    return (size_t)sysconf(_SC_PAGESIZE);
}

/* The beginning of a small file of the kernel's as a terminated string; "" where it cannot be read.
 */
static void read_small(const char *path, char *out_text, size_t size) {
    hone_file file;
    size_t length = 0;
    if (hone_file_open(path, HONE_FILE_READ, NULL, &file) == HONE_OK) {
        size_t got;
        while (length < size - 1 &&
               hone_file_read(&file, out_text + length, size - 1 - length, &got, NULL) == HONE_OK &&
               got > 0) {
            length += got;
        }
        (void)hone_file_close(&file, NULL);
    }
    out_text[length] = '\0';
}

/* The number behind `key` in /proc/meminfo; 0 where there is none. */
static size_t read_meminfo(const char *key) {
    char text[SMALL_FILE_BYTES];
    read_small("/proc/meminfo", text, sizeof text);
    const char *line = strstr(text, key);
    return line ? (size_t)strtoull(line + strlen(key), NULL, 10) : 0;
}

size_t hone_pages_reserved_huge_bytes(void) {
    return read_meminfo("Hugepagesize:") * 1024;
}

size_t hone_pages_reserved_free_bytes(void) {
    size_t pages = read_meminfo("HugePages_Free:"), promised = read_meminfo("HugePages_Rsvd:");
    return pages > promised ? (pages - promised) * hone_pages_reserved_huge_bytes() : 0;
}

size_t hone_pages_transparent_huge_bytes(void) {
    char text[64];
    read_small(THP_FOLDER "hpage_pmd_size", text, sizeof text);
    return (size_t)strtoull(text, NULL, 10);
}

/* ---- mapping ---- */

static bool is_good_shape(size_t size_bytes, size_t page_bytes) {
    return size_bytes > 0 && size_bytes % page_bytes == 0;
}

hone_status hone_pages_map(size_t size_bytes, size_t alignment, void **out_pages) {
    size_t page = hone_pages_size_bytes();
    if (!is_good_shape(size_bytes, page) || !hone_is_power_of_two(alignment) || alignment < page) {
        return HONE_STATUS_INVALID_ARGUMENT;
    }
    size_t total;
    if (!hone_size_add(size_bytes, alignment + page, &total) || total > PTRDIFF_MAX) {
        return HONE_STATUS_OVERFLOW;
    }
    uint8_t *range = mmap(NULL, total, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (range == MAP_FAILED) {
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    /* With `page` before it, the first aligned address lies at most `alignment` into the range. */
    size_t skip = (size_t)(-(uintptr_t)(range + page) & (alignment - 1));
    uint8_t *pages = range + page + skip;
    uint8_t *end = pages + size_bytes + page;
    if (skip > 0) {
        (void)munmap(range, skip);
    }
    if (end < range + total) {
        (void)munmap(end, (size_t)(range + total - end));
    }
    if (mprotect(pages, size_bytes, PROT_READ | PROT_WRITE) != 0) {
        hone_pages_unmap(pages, size_bytes);
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    *out_pages = pages;
    return HONE_OK;
}

void hone_pages_unmap(void *pages, size_t size_bytes) {
    if (pages) {
        size_t page = hone_pages_size_bytes();
        (void)munmap((uint8_t *)pages - page, size_bytes + 2 * page);
    }
}

hone_status hone_pages_map_huge(size_t size_bytes, void **out_pages) {
    size_t page = hone_pages_reserved_huge_bytes();
    if (page == 0) {
        return HONE_STATUS_ABSENT;
    }
    if (!is_good_shape(size_bytes, page)) {
        return HONE_STATUS_INVALID_ARGUMENT;
    }
    void *pages = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
    if (pages != MAP_FAILED) {
        *out_pages = pages;
        return HONE_OK;
    }
    switch (errno) {
    case ENOMEM: return HONE_STATUS_OUT_OF_MEMORY;
    case EPERM:
    case EACCES: return HONE_STATUS_FORBIDDEN;
    default: return HONE_STATUS_ABSENT;
    }
}

void hone_pages_unmap_huge(void *pages, size_t size_bytes) {
    if (pages) {
        (void)munmap(pages, size_bytes);
    }
}

/* ---- advice ---- */

bool hone_pages_is_transparent_allowed(void) {
    char text[128];
    read_small(THP_FOLDER "enabled", text, sizeof text);
    return text[0] && !strstr(text, "[never]") && prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0) != 1;
}

hone_status hone_pages_advise(void *pages, size_t size_bytes, hone_pages_advice advice) {
    static const int advices[] = {
        [HONE_PAGES_HUGE] = MADV_HUGEPAGE,
        [HONE_PAGES_SMALL] = MADV_NOHUGEPAGE,
        [HONE_PAGES_DISCARD] = MADV_DONTNEED,
    };
    if (advice == HONE_PAGES_HUGE && !hone_pages_is_transparent_allowed()) {
        return HONE_STATUS_FORBIDDEN;
    }
    if (madvise(pages, size_bytes, advices[advice]) == 0) {
        return HONE_OK;
    }
    return errno == ENOMEM || errno == EAGAIN ? HONE_STATUS_OUT_OF_MEMORY : HONE_STATUS_UNSUPPORTED;
}

/* Known since Linux 5.14; the headers may be older than the kernel. */
#define ADVICE_POPULATE_WRITE 23

hone_status hone_pages_populate(void *pages, size_t size_bytes) {
    if (madvise(pages, size_bytes, ADVICE_POPULATE_WRITE) == 0) {
        return HONE_OK;
    }
    if (errno != EINVAL) {
        return errno == ENOMEM || errno == EAGAIN || errno == EFAULT ? HONE_STATUS_OUT_OF_MEMORY
                                                                     : HONE_STATUS_INVALID_ARGUMENT;
    }
    size_t step = hone_pages_size_bytes();
    for (size_t i = 0; i < size_bytes; i += step) {
        /* Atomic: nothing is lost when another thread writes there at the same time. */
        (void)__atomic_fetch_or((uint8_t *)pages + i, 0, __ATOMIC_RELAXED);
    }
    return HONE_OK;
}

/* ---- what was obtained ---- */

/* The kB that a line like "AnonHugePages:  2048 kB" tells, when it is about huge pages, in bytes.
 */
static size_t huge_bytes_of_line(const char *line) {
    static const char *const fields[] = {"AnonHugePages:", "Private_Hugetlb:", "Shared_Hugetlb:"};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        size_t length = strlen(fields[i]);
        if (strncmp(line, fields[i], length) == 0) {
            return (size_t)strtoull(line + length, NULL, 10) * 1024;
        }
    }
    return 0;
}

/* "55d0...-55d1... rw-p ..." begins what is said about one mapping. */
static bool parse_range(const char *line, uintptr_t *out_start, uintptr_t *out_end) {
    char *after;
    uintptr_t start = (uintptr_t)strtoull(line, &after, 16);
    if (after == line || *after != '-') {
        return false;
    }
    const char *second = after + 1;
    uintptr_t end = (uintptr_t)strtoull(second, &after, 16);
    if (after == second || *after != ' ') {
        return false;
    }
    *out_start = start;
    *out_end = end;
    return true;
}

hone_status hone_pages_count_huge(const void *pages, size_t size_bytes, size_t *out_huge_bytes) {
    hone_buffer smaps;
    hone_buffer_init(&smaps, NULL, SMAPS_BYTES_MAX);
    hone_status status = hone_file_read_all("/proc/self/smaps", SMAPS_BYTES_MAX, NULL, &smaps);
    hone_buffer_append_byte(&smaps, '\0');
    if (status != HONE_OK || hone_buffer_status(&smaps) != HONE_OK) {
        hone_buffer_deinit(&smaps);
        return HONE_STATUS_ABSENT;
    }
    uintptr_t first = (uintptr_t)pages, last = first + size_bytes;
    bool is_inside = false;
    size_t huge_bytes = 0;
    const char *line = (const char *)smaps.data;
    while (line) {
        uintptr_t start, end;
        if (parse_range(line, &start, &end)) {
            is_inside = start >= first && end <= last;
        } else if (is_inside) {
            huge_bytes += huge_bytes_of_line(line);
        }
        line = strchr(line, '\n');
        line = line ? line + 1 : NULL;
    }
    hone_buffer_deinit(&smaps);
    *out_huge_bytes = huge_bytes;
    return HONE_OK;
}
