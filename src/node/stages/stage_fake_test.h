/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One stage without a node around it, for tests of kinds: what it sends is kept in a list, what it
 * waits for is noted, its memory comes from an allocator that can fail and counts.
 *
 * Rows are written as text, one line each: a timestamp in ns, then the fields, with '|' between;
 * '-' is a missing value. "1000|3|0.5|true|word".
 */
#ifndef HONE_NODE_STAGES_STAGE_FAKE_TEST_H
#define HONE_NODE_STAGES_STAGE_FAKE_TEST_H

#include "hone/base/buffer.h"
#include "hone/memory/failing.h"
#include "stage_internal.h"

enum { HN_FAKE_SENT_MAX = 8192 };

typedef struct hn_fake {
    hn_stage stage; /* first: the functions that kinds call find the rest from it */
    bool is_check;  /* set before hn_fake_open: the kind is not started */
    hone_live_stage live;
    hone_failing failing;
    hone_arena arena;
    hone_log log;
    hone_buffer logged; /* the lines of the log */
    hone_buffer text;   /* of hn_fake_sent_text, hn_fake_message */
    hone_diag diag;
    uint32_t rows_wanted;
    hone_batch *sent[HN_FAKE_SENT_MAX];
    uint32_t sent_count;
    int watched_fd; /* -1: none */
    uint64_t wake_ns;
    bool is_stopping;
    bool is_open;
} hn_fake;

void hn_fake_init(hn_fake *fake);

/* Reads the options from `toml`, the content of a stage's table, and opens the stage. */
HONE_MUST_USE hone_status hn_fake_open(hn_fake *fake, const hn_stage_kind *kind, const char *toml,
                                       const hone_schema *input);

/* "a:i64 b:f64 c:text" */
const hone_schema *hn_fake_schema(hn_fake *fake, const char *fields, bool is_timed);

/* A batch of rows for process. */
hone_batch *hn_fake_batch(hn_fake *fake, const hone_schema *schema, const char *rows);

/* process, for a batch of such rows. */
HONE_MUST_USE hone_status hn_fake_process(hn_fake *fake, const char *rows);

HONE_MUST_USE hone_status hn_fake_finish(hn_fake *fake);

/* produce until it answers something other than HONE_OK, at most `calls_max` times. */
HONE_MUST_USE hone_status hn_fake_produce(hn_fake *fake, uint32_t calls_max);

/* All selected rows that were sent, as text; valid until the next call. */
const char *hn_fake_sent_text(hn_fake *fake);

/* "file:line: stage: message" of the last error; valid until the next call. */
const char *hn_fake_message(hn_fake *fake);

void hn_fake_drop_sent(hn_fake *fake);

/* Closes the stage and drops what was sent. Returns the bytes that are still allocated: 0, or
 * something leaks. */
uint64_t hn_fake_deinit(hn_fake *fake);

#endif
