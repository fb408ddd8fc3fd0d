/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stage kinds for tests of the node itself, which do what a test asks of them: count, edit, fail at
 * a row, wait at a gate. A test program that links this file has these kinds instead of the table
 * of kinds.c, and source.csv, source.host and sink.null besides.
 *
 *   test.source  rows of one i64 field, `first` upwards, `batch` in a batch; may fail, or be slow
 *   test.edit    adds to each value in place, and keeps one row of `keep_each`; may fail, or
 *                run a parallel loop for each batch
 *   test.sink    remembers what comes in the hn_test_context; may fail, or wait at a gate
 */
#ifndef HONE_NODE_NODE_KINDS_TEST_H
#define HONE_NODE_NODE_KINDS_TEST_H

#include "node_internal.h"

enum { HN_TEST_SINKS_MAX = 8 };

typedef struct hn_test_sink_rows {
    const char *stage;
    int64_t *values; /* of the first field, in order of arrival */
    size_t count, capacity;
    uint64_t text_bytes; /* of the texts of all fields */
    uint32_t batches_count;
    bool is_ended; /* finish came */
} hn_test_sink_rows;

/* Give &context.log to hone_node_load: sinks find the context through it. */
typedef struct hn_test_context {
    hone_log log;
    hone_mutex lock;
    char lines[2048]; /* what was logged */
    uint32_t lines_count;
    hn_test_sink_rows sinks[HN_TEST_SINKS_MAX];
} hn_test_context;

void hn_test_context_init(hn_test_context *context);
void hn_test_context_deinit(hn_test_context *context);

/* The rows of the sink of that name; fails the test when there is none. */
const hn_test_sink_rows *hn_test_rows(const hn_test_context *context, const char *stage);

#endif
