/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The writing side of the sinks that write lines: a buffer in front of a file, a pipe or standard
 * output.
 *
 * A line is put together in reserved room and committed whole. A flush writes everything; on a pipe
 * that takes no more it answers WOULD_BLOCK, and the stage is woken when there is room. When
 * writing fails, a line that is only there in part is taken back from a regular file, the rows that
 * are really there are counted on live->records_out, and the diag says how many they are.
 *
 * Contract: confined to the stage. Bytes count on live->bytes as they are written.
 */
#ifndef HONE_NODE_STAGES_OUTPUT_INTERNAL_H
#define HONE_NODE_STAGES_OUTPUT_INTERNAL_H

#include "hone/platform/file.h"
#include "stage_internal.h"

typedef struct hn_output {
    hn_stage *stage; /* borrowed */
    const char *path;
    hone_file file;
    char *data; /* begins with a line */
    size_t size;
    size_t written; /* of size */
    size_t capacity;
    uint64_t rows_count;   /* lines in data that are records */
    uint64_t heads_count;  /* lines in data that are not: 0 or 1, the first one */
    bool has_quoted_lines; /* line ends may stand inside quotes, as in CSV */
    bool is_open;
    bool is_watched;
} hn_output;

/* Opens `path` ("-": standard output; borrowed) to write from the start or to append; for the
 * kind's start. As hone_file_open, OUT_OF_MEMORY; the diag points at the
 * stage's option `path`. */
HONE_MUST_USE hone_status hn_output_open(hn_output *output, hn_stage *stage, const char *path,
                                         bool is_append, hone_diag *diag);

/* Makes room for `size_bytes` behind the data; flushes for it where needed. WOULD_BLOCK: nothing
 * was reserved, the stage will be woken. Else as hn_output_flush, OUT_OF_MEMORY. */
HONE_MUST_USE hone_status hn_output_reserve(hn_output *output, size_t size_bytes, hone_diag *diag);

static inline char *hn_output_end(const hn_output *output) {
    return output->data + output->size;
}

static inline size_t hn_output_room(const hn_output *output) {
    return output->capacity - output->size;
}

/* A record's line, put where hn_output_end was, ends here. */
static inline void hn_output_commit_row(hn_output *output, const char *end) {
    output->size = (size_t)(end - output->data);
    output->rows_count++;
}

/* The same for a line that is no record; only as the very first one. */
void hn_output_commit_head(hn_output *output, const char *end);

/* Writes all. WOULD_BLOCK: the rest waits, the stage will be woken. NO_SPACE, BROKEN_PIPE, IO. */
HONE_MUST_USE hone_status hn_output_flush(hn_output *output, hone_diag *diag);

/* Flushes, then closes, so that what the kernel kept back is told. WOULD_BLOCK: call it again. */
HONE_MUST_USE hone_status hn_output_finish(hn_output *output, hone_diag *diag);

/* Gives everything back; what is not flushed is lost. A zeroed output is allowed. */
void hn_output_close(hn_output *output);

#endif
