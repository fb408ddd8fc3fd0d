/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file: a header (HN_HEADER_BYTES), a table of checksums, the chunks, the chunks of upper
 * links, the map, all as they lie in memory; then the log. Nothing in it is a pointer.
 *
 * The log is a row of records, each with a checksum over the rest of it and over where it begins. A
 * commit writes its records, waits for the device, writes a commit record, and waits again: so a
 * commit record that checks proves that all before it had arrived.
 */
#ifndef HONE_VECTOR_INDEX_FILE_INTERNAL_H
#define HONE_VECTOR_INDEX_FILE_INTERNAL_H

#include "hone/base/buffer.h"
#include "hone/platform/file.h"
#include "hone/vector/index_file.h"
#include "vector_internal.h"

enum { HN_HEADER_BYTES = 4096, HN_FILE_VERSION = 1, HN_LOG_BYTES_MAX = 256 << 20 };

#define HN_FILE_MAGIC "HONEVEC\n"
#define HN_FILE_BYTE_ORDER 0x01020304u

typedef struct hn_file_header {
    char magic[8];
    uint32_t version, byte_order;
    uint64_t checksum; /* of the header, with 0 here */
    uint32_t dims, metric, storage, links_max, build_width, exact_below, vectors_max, reserved;
    uint64_t seed, chunk_bytes;
    uint32_t slots_count, free_count, free_slot, entry_slot, entry_level, reserved_too;
    uint64_t uppers_used, map_capacity, log_offset;
} hn_file_header;

/* Where the sections of a file with that header begin. */
typedef struct hn_file_plan {
    uint64_t chunks_count, uppers_count, upper_bytes, map_bytes;
    uint64_t sums, chunks, uppers, map, log; /* offsets */
} hn_file_plan;

typedef enum hn_record_kind {
    HN_RECORD_ADD = 1,
    HN_RECORD_UPDATE,
    HN_RECORD_REMOVE,
    HN_RECORD_COMMIT,
} hn_record_kind;

typedef struct hn_record {
    uint64_t checksum;
    uint32_t kind, payload_bytes; /* the payload follows: values, or nothing */
    uint64_t key, tags;
} hn_record;

/* What an index has that has a file. */
typedef struct hn_vector_journal {
    char *path;
    size_t path_size;
    hone_file_mapping mapping;
    hone_file file; /* for the log; fd -1 when opened for reading */
    hone_buffer pending;
    uint64_t log_offset, committed_bytes; /* of the file */
    bool is_writable;
    bool is_replaying; /* changes come from the log and do not go there */
    bool is_broken;    /* the end of the file is not what it should be */
} hn_vector_journal;

hn_file_plan hn_vector_file_plan(const hone_vector_index *index);
hn_file_header hn_vector_file_header(const hone_vector_index *index);
/* A hone_file_writer of the index `self`. */
hone_status hn_vector_write_snapshot(void *self, hone_file *file, hone_diag *diag);
/* The first commit-free byte behind the last commit; CORRUPT when a commit comes behind damage. */
hone_status hn_vector_log_end(const uint8_t *data, uint64_t begin, uint64_t end, hone_diag *diag,
                              uint64_t *out_end);
hone_status hn_vector_log_replay(hone_vector_index *index, const uint8_t *data, uint64_t begin,
                                 uint64_t end, hone_diag *diag);
/* Every checksum of the mapped file, and all that the index relies on. */
hone_status hn_vector_verify(const hone_vector_index *index, const uint8_t *data, hone_diag *diag);
uint64_t hn_vector_checksum(const void *data, size_t size, uint64_t seed);

#endif
