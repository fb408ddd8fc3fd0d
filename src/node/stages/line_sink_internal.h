/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the sinks that write a line for each record have in common: which fields, in which order,
 * with or without the time, and going on where a full pipe stopped them. A format adds how its line
 * looks.
 */
#ifndef HONE_NODE_STAGES_LINE_SINK_INTERNAL_H
#define HONE_NODE_STAGES_LINE_SINK_INTERNAL_H

#include "hone/base/number.h"
#include "hone/base/timestamp.h"
#include "output_internal.h"

typedef enum hn_line_time { HN_LINE_TIME_AUTO, HN_LINE_TIME_NONE, HN_LINE_TIME_UNIX } hn_line_time;

typedef struct hn_line_sink hn_line_sink;

/* One field of the line. */
typedef struct hn_line_field {
    hone_text name;
    hone_text prefix; /* what stands in front of the value; the format's */
    uint32_t field;   /* in the schema */
    hone_type type;
    const hone_cell *cells; /* of the batch that is being written */
    const uint64_t *missing;
} hn_line_field;

struct hn_line_sink {
    const char *path; /* options */
    hn_texts names;
    uint32_t timestamp; /* hn_line_time */
    bool append;

    hn_output output;
    hn_line_field *fields; /* in the arena */
    uint32_t fields_count;
    bool has_time; /* the line begins with the time, as a field "time" */
    hone_text time_prefix;
    size_t line_bytes;    /* the most that a line without its texts can have */
    size_t text_growth;   /* the most bytes that a byte of text can become */
    uint32_t texts_count; /* fields of type text */
    hone_batch *batch;    /* being written */
    uint32_t next;        /* in its selection */
    bool is_finishing;

    /* Writes the row's line, its end included, and returns where it ends. */
    char *(*put_line)(const hn_line_sink *sink, uint32_t row, char *out);
};

/* The options that the two kinds share; `base` is the offset of the hn_line_sink in the state. */
#define HN_LINE_SINK_OPTIONS(base)                                                                \
    {.name = "path",                                                                              \
     .type = HN_OPTION_TEXT,                                                                      \
     .offset = (base) + offsetof(hn_line_sink, path),                                             \
     .is_required = true,                                                                         \
     .help = "the file; \"-\" is standard output"},                                               \
        {.name = "fields",                                                                        \
         .type = HN_OPTION_TEXTS,                                                                 \
         .offset = (base) + offsetof(hn_line_sink, names),                                        \
         .help = "which fields, in which order; without it all of them"},                         \
        {.name = "timestamp",                                                                     \
         .type = HN_OPTION_CHOICE,                                                                \
         .offset = (base) + offsetof(hn_line_sink, timestamp),                                    \
         .fallback = "auto",                                                                      \
         .help =                                                                                  \
             "the field \"time\" in front: \"auto\" (RFC 3339, where records have a time and no " \
             "field of that name), \"unix\" (seconds) or \"none\"",                               \
         .choices = {"auto", "none", "unix"}},                                                    \
    {                                                                                             \
        .name = "append", .type = HN_OPTION_FLAG,                                                 \
        .offset = (base) + offsetof(hn_line_sink, append), .fallback = "false",                   \
        .help = "write behind what is in the file instead of replacing it"                        \
    }

/* Chooses the fields. Then the format sets put_line, text_growth and the prefixes, and adds the
 * size of these to line_bytes. */
HONE_MUST_USE hone_status hn_line_sink_choose(hn_line_sink *sink, hn_stage *stage, hone_diag *diag);

/* Opens the file; last, so that nothing is truncated when the options are wrong. */
HONE_MUST_USE hone_status hn_line_sink_open(hn_line_sink *sink, hn_stage *stage, hone_diag *diag);

HONE_MUST_USE hone_status hn_line_sink_process(hn_line_sink *sink, hone_batch *batch,
                                               hone_diag *diag);
HONE_MUST_USE hone_status hn_line_sink_resume(hn_line_sink *sink, hone_diag *diag);
HONE_MUST_USE hone_status hn_line_sink_finish(hn_line_sink *sink, hone_diag *diag);
void hn_line_sink_close(hn_line_sink *sink, hn_stage *stage);

/* The row's time as the options want it, without quotes. */
char *hn_line_put_time(const hn_line_sink *sink, uint32_t row, char *out);

static inline bool hn_line_is_missing(const hn_line_field *field, uint32_t row) {
    return (field->missing[row / 64] >> (row % 64)) & 1;
}

static inline char *hn_line_put(char *out, const char *text, size_t size) {
    memcpy(out, text, size);
    return out + size;
}

static inline char *hn_line_put_bool(char *out, bool value) {
    return value ? hn_line_put(out, "true", 4) : hn_line_put(out, "false", 5);
}

#endif
