/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reading window of a source: the bytes of a file, a pipe or standard input that are not used
 * up yet, in one piece.
 *
 *     open:     hn_input_open, hn_input_peek (to find the schema)
 *     produce:  use up complete lines of hn_input_window(), hn_input_consume them;
 *               when no complete line is left: hn_input_refill, and look again
 *     close:    hn_input_close
 *
 * Contract: confined to the stage. A worker never waits in hn_input_refill: a pipe that has nothing
 * is left to the node's poller (WOULD_BLOCK). The window moves and grows only in refill and peek;
 * views into it die there. A byte order mark at the start is left out. Bytes count on live->bytes
 * when they are consumed.
 */
#ifndef HONE_NODE_STAGES_INPUT_INTERNAL_H
#define HONE_NODE_STAGES_INPUT_INTERNAL_H

#include "hone/platform/file.h"
#include "stage_internal.h"

typedef struct hn_input {
    hn_stage *stage; /* borrowed */
    const char *path;
    hone_file file;
    uint8_t *data;
    size_t begin; /* of the window in data */
    size_t end;
    size_t capacity;
    size_t capacity_max;
    size_t counted; /* bytes of the window that are on live->bytes already */
    bool is_open;
    bool is_ended; /* nothing will come behind the window */
    bool is_past_mark;
    bool is_watched;
} hn_input;

/* Opens `path` ("-" is standard input; borrowed) with a window that can hold a line (or whatever
 * must be seen in one piece) of `piece_bytes_max`. As hone_file_open, and OUT_OF_MEMORY; the diag
 * names the stage and points at its option `path`. */
HONE_MUST_USE hone_status hn_input_open(hn_input *input, hn_stage *stage, const char *path,
                                        uint64_t piece_bytes_max, hone_diag *diag);

/* For load time, when the first lines decide what the records are: reads until the window holds
 * `bytes_wanted` or everything is read. On a pipe it waits for the first complete line, then takes
 * what is there. Nothing is consumed. IO, LIMIT (the first line is longer than the window can be),
 * OUT_OF_MEMORY. */
HONE_MUST_USE hone_status hn_input_peek(hn_input *input, size_t bytes_wanted, hone_diag *diag);

/* The same for a format whose beginning has a known length: on a pipe, too, it waits until the
 * window holds `bytes_wanted`. */
HONE_MUST_USE hone_status hn_input_peek_bytes(hn_input *input, size_t bytes_wanted,
                                              hone_diag *diag);

/* Reads more behind the window, once. HONE_OK: look again (the window grew, or is_ended is set).
 * WOULD_BLOCK: the stage will be woken: return it from produce. LIMIT: the window is full and
 * cannot grow, so that the piece at its start is too long (no diag: the caller knows the line). IO,
 * OUT_OF_MEMORY, with the file and the stage in the diag. */
HONE_MUST_USE hone_status hn_input_refill(hn_input *input, hone_diag *diag);

static inline hone_text hn_input_window(const hn_input *input) {
    return (hone_text){(const char *)input->data + input->begin, input->end - input->begin};
}

/* Uses up the first bytes of the window. */
void hn_input_consume(hn_input *input, size_t size_bytes);

/* Counts the first bytes of the window as read before they are consumed: for a kind that consumes
 * only when it needs more. */
void hn_input_count(hn_input *input, size_t size_bytes);

/* Goes back: the window is empty, and the next refill reads from this byte of the file on. Regular
 * files only. UNSUPPORTED, IO. */
HONE_MUST_USE hone_status hn_input_rewind(hn_input *input, uint64_t offset_bytes, hone_diag *diag);

/* Closes and frees. A zeroed input is allowed. */
void hn_input_close(hn_input *input);

#endif
