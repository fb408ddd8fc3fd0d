/* SPDX-License-Identifier: Apache-2.0 */
/* A file of any bytes, its header's checksum set right so that more than that is reached: opened
 * for reading it must be refused or searched without harm, opened for writing be refused or work.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "index_file_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(hone_vector_index *index) {
    enum { DIMS_MAX = 4096, HITS = 8 };
    static uint64_t values[DIMS_MAX];
    hone_vector_stats stats;
    hone_vector_hit hits[HITS];
    size_t found;
    hone_vector_stats_read(index, &stats);
    if (stats.dims > DIMS_MAX) {
        return;
    }
    memset(values, 0, sizeof values);
    const float first = 1;
    memcpy(values, &first, sizeof first);
    hone_vector_search search = {
        .query = {values, stats.storage == HONE_VECTOR_BITS ? stats.dims / 64 : stats.dims},
        .count = HITS};
    const hone_vector_filter filter = {.tags_any = 5};
    for (int way = 0; way < 4; way++) {
        search.is_exact = way & 1;
        search.filter = way & 2 ? &filter : NULL;
        (void)!hone_vector_find(index, &search, NULL, hits, &found);
    }
    hone_vector_item item = {.key = 77, .values = search.query};
    (void)!hone_vector_get(index, 1, NULL, values, NULL);
    (void)!hone_vector_add(index, &item, NULL);
    (void)!hone_vector_remove(index, 1, NULL);
    (void)!hone_vector_commit(index, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const hone_vector_file_options ways[] = {{.is_writable = false}, {.is_writable = true}};
    char path[64];
    uint8_t *copy = malloc(size + 1);
    int fd = memfd_create("vector", MFD_CLOEXEC);
    if (!copy || fd < 0) {
        free(copy);
        return 0;
    }
    memcpy(copy, data, size);
    if (size >= sizeof(hn_file_header)) {
        hn_file_header header;
        memcpy(&header, copy, sizeof header);
        header.checksum = 0;
        header.vectors_max %= 1 << 20; /* the tables for more are slow to make, not wrong */
        header.checksum = hn_vector_checksum(&header, sizeof header, 0);
        memcpy(copy, &header, sizeof header);
    }
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    for (size_t way = 0; way < 2; way++) {
        hone_vector_index *index;
        if (ftruncate(fd, 0) == 0 && pwrite(fd, copy, size, 0) == (ssize_t)size &&
            hone_vector_open(path, &ways[way], NULL, &index) == HONE_OK) {
            use(index);
            hone_vector_destroy(index);
        }
    }
    (void)close(fd);
    free(copy);
    return 0;
}
