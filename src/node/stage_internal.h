/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a stage kind is made of, and what it may call. A new kind is one file in stages/ that
 * defines a `const hn_stage_kind`, and one row in kinds.c.
 *
 * May be included by the files of node/ and node/stages/.
 */
#ifndef HONE_NODE_STAGE_INTERNAL_H
#define HONE_NODE_STAGE_INTERNAL_H

#include <stddef.h>

#include "hone/base/arena.h"
#include "hone/base/isa_mask.h"
#include "hone/base/log.h"
#include "hone/base/toml.h"
#include "hone/node/batch.h"
#include "hone/node/live.h"
#include "hone/node/schema.h"

typedef struct hn_stage hn_stage;

/* --- Options: one table binds the keys of the node file to the fields of the stage's state --- */

typedef enum hn_option_type {
    HN_OPTION_TEXT,     /* const char *, terminated; NULL when absent */
    HN_OPTION_DURATION, /* uint64_t ns: "100ms" */
    HN_OPTION_SIZE,     /* uint64_t bytes: "64KiB" */
    HN_OPTION_COUNT,    /* uint64_t */
    HN_OPTION_FLAG,     /* bool */
    HN_OPTION_CHOICE,   /* uint32_t: index into choices */
    HN_OPTION_TEXTS,    /* hn_texts: one text or an array of them */
    HN_OPTION_VALUE,    /* const hone_toml_value *: the kind reads it itself; NULL when absent */
} hn_option_type;

typedef struct hn_texts {
    const char **items;
    const hone_toml_value **values; /* for positions in messages */
    uint32_t count;
} hn_texts;

typedef struct hn_option {
    const char *name;
    hn_option_type type;
    size_t offset;        /* of the field in the stage's state */
    const char *fallback; /* as it would stand in the file, without quotes; NULL: zero */
    bool is_required;
    const char *help;
    const char *choices[5]; /* of a CHOICE; NULL after the last */
} hn_option;

/* --- The kind --- */

typedef enum hn_role { HN_ROLE_SOURCE, HN_ROLE_TRANSFORM, HN_ROLE_SINK } hn_role;

typedef struct hn_stage_kind {
    const char *name;
    const char *summary;
    hn_role role;
    size_t state_size_bytes; /* zeroed, then filled from the options, before open */
    const hn_option *options;
    uint32_t options_count;

    /* Checks options and fields against stage->input_schema (transform, sink), opens what is read,
     * and sets stage->schema (source, transform). Called once, at load time; creates and truncates
     * nothing. A failed open is followed by close. */
    hone_status (*open)(hn_stage *stage, hone_diag *diag);

    /* May be NULL. Opens what is written; called when every stage of the node was opened without a
     * mistake, and not at all when the node is only checked. */
    hone_status (*start)(hn_stage *stage, hone_diag *diag);

    /* Source: makes and sends at most one batch. HONE_OK: call again soon; WOULD_BLOCK:
     * hn_stage_wake_* was called and will bring it back; CLOSED: the end. */
    hone_status (*produce)(hn_stage *stage, hone_diag *diag);

    /* Transform, sink: takes one batch over: sends it on (hn_stage_send) or gives it back
     * (hn_batch_release). For a sink WOULD_BLOCK means: kept in part, hn_stage_wake_on_fd was
     * called; `resume` comes next instead of more input. */
    hone_status (*process)(hn_stage *stage, hone_batch *batch, hone_diag *diag);

    /* Sink, may be NULL: goes on with what process or finish left; HONE_OK when all is written. */
    hone_status (*resume)(hn_stage *stage, hone_diag *diag);

    /* May be NULL: the input has ended; sends what is left, flushes. A sink may answer WOULD_BLOCK
     * as process does. */
    hone_status (*finish)(hn_stage *stage, hone_diag *diag);

    /* May be NULL: frees what open took. */
    void (*close)(hn_stage *stage);
} hn_stage_kind;

/* NULL beyond the last. */
const hn_stage_kind *hn_stage_kind_at(uint32_t index);

/* The part of a stage that kinds see. */
struct hn_stage {
    const hn_stage_kind *kind;
    void *state; /* state_size_bytes */
    const char *name;
    uint32_t index;
    const hone_toml_value *table;    /* the stage's part of the file */
    const hone_schema *input_schema; /* of all its inputs; NULL for sources */
    const hone_schema *schema;       /* set by open; NULL for sinks */
    hone_arena *arena;               /* for load time */
    const hone_allocator *allocator; /* accounts to the node's budget */
    const hone_log *log;
    hone_live_stage *live;              /* counters; kinds add bytes and records_skipped */
    hone_isa_mask isa;                  /* what kernels may use */
    const _Atomic uint32_t *batch_rows; /* of the node, see hn_batch_rows; NULL: no such limit */
    struct hn_stage_run *run;           /* the runtime's */
};

/* Adds to a live counter that this stage alone writes. */
static inline void hn_count(_Atomic uint64_t *figure, uint64_t more) {
    uint64_t old = atomic_load_explicit(figure, memory_order_relaxed);
    atomic_store_explicit(figure, old + more, memory_order_relaxed);
}

/* --- Messages --- */

/* Points the diag at an option of this stage in the node file (at the stage itself when `option` is
 * NULL or not given) and names the stage. */
void hn_stage_blame(const hn_stage *stage, const char *option, hone_diag *diag);

/* Names the stage only: for errors in data, whose file and line the kind sets itself. */
void hn_stage_blame_data(const hn_stage *stage, const char *file, uint64_t line, hone_diag *diag);

/* --- Batches --- */

/* An empty batch of the stage's own schema. BUDGET with a diag that says which budget is exhausted.
 */
HONE_MUST_USE hone_status hn_batch_acquire(hn_stage *stage, hone_diag *diag,
                                           hone_batch **out_batch);

/* The same with room for at least so many rows (<= 1024) and bytes of text: for what the usual
 * batch cannot hold. */
HONE_MUST_USE hone_status hn_batch_acquire_sized(hn_stage *stage, uint32_t rows_count,
                                                 uint64_t text_bytes, hone_diag *diag,
                                                 hone_batch **out_batch);

/* Drops one reference; the last one gives the block back to whoever made it. NULL is allowed. */
void hn_batch_release(hn_stage *stage, hone_batch *batch);

/* Makes *batch unique: itself, or a copy of it (the stage's schema must be its input's). On failure
 * *batch is released. */
HONE_MUST_USE hone_status hn_batch_own(hn_stage *stage, hone_batch **batch, hone_diag *diag);

/* Hands a batch to all outputs. Takes it over; an empty one is released. Never fails and never
 * blocks: what a full output cannot take yet is kept and the stage is not called again until it has
 * gone. At most 8 a call. */
void hn_stage_send(hn_stage *stage, hone_batch *batch);

/* How large the stage's batches are; sources may set rows_wanted before open returns (0: by size).
 */
void hn_stage_set_rows(hn_stage *stage, uint32_t rows_wanted);

/* How many rows a source that reads ahead of time puts into a batch before it sends it: as the
 * node's power profile or `batch_rows` says, and no more than the batch holds. */
static inline uint32_t hn_batch_rows(const hn_stage *stage, const hone_batch *batch) {
    uint32_t wanted =
        stage->batch_rows ? atomic_load_explicit(stage->batch_rows, memory_order_relaxed) : 0;
    return wanted && wanted < batch->rows_capacity ? wanted : batch->rows_capacity;
}

/* --- Coming back --- */

/* The stage runs again at this monotonic time at the latest. */
HONE_MUST_USE hone_status hn_stage_wake_at(hn_stage *stage, uint64_t deadline_ns);

/* The stage runs again when `fd` is ready. UNSUPPORTED for regular files. */
HONE_MUST_USE hone_status hn_stage_wake_on_fd(hn_stage *stage, int fd, bool is_write);

/* Before a descriptor that was waited for is closed. */
void hn_stage_forget_fd(hn_stage *stage, int fd);

/* True when the node was asked to stop: a source may end at a convenient place. */
bool hn_stage_is_stopping(const hn_stage *stage);

#endif
