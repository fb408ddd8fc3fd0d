/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of `source.ndjson`: its state, the walk through one line's object with nested keys
 * joined by dots, and finding the fields in the first lines.
 */
#ifndef HONE_NODE_STAGES_NDJSON_INTERNAL_H
#define HONE_NODE_STAGES_NDJSON_INTERNAL_H

#include "hone/base/json.h"
#include "hone/base/text_map.h"
#include "input_internal.h"

#define HN_NDJSON_NO_FIELD UINT32_MAX

enum { HN_NDJSON_PATH_BYTES = 4096 };

/* Through the keys of one object and of those inside it. */
typedef struct hn_ndjson_walk {
    hone_json_reader reader;
    hone_text name;      /* of the key it stands at; empty when it is too long to be a field's */
    uint32_t depth;      /* objects entered */
    uint32_t path_bytes; /* of `path`: the keys entered, a dot behind each */
    uint32_t outer_bytes[HONE_JSON_DEPTH_MAX];
    char path[HN_NDJSON_PATH_BYTES];
} hn_ndjson_walk;

typedef struct hn_ndjson {
    const char *path; /* options */
    const hone_toml_value *declared;
    const char *time;
    uint32_t on_error;
    uint64_t line_bytes_max;

    hn_input input;
    hn_ndjson_walk walk;
    hone_text_map names; /* of the fields, then of a time that is no field */
    uint32_t next_field; /* the one after the last found: keys mostly come in one order */
    uint32_t time_field; /* HN_NDJSON_NO_FIELD: none */
    bool is_arrival_timed;
    bool has_time;        /* this line has */
    bool has_ignored;     /* a key */
    bool is_in_long_line; /* up to whose end everything is skipped */
    int64_t arrival_ns;
    int64_t rows_count;
    uint64_t line;              /* of the line that was read last, 1-based */
    hone_status failure_status; /* of the line that ends the reading */
    hone_diag failure;
} hn_ndjson;

/* --- Walk --- */

/* TYPE_MISMATCH: the line holds something else than an object. Else the reader's errors. */
HONE_MUST_USE hone_status hn_ndjson_walk_begin(hn_ndjson_walk *walk, hone_text line);

/* To the next key: `name` is set and *out_event is where its value begins, a scalar, OBJECT_BEGIN
 * or ARRAY_BEGIN; the latter two must be entered or skipped. CLOSED at the end of the line. */
HONE_MUST_USE hone_status hn_ndjson_walk_next(hn_ndjson_walk *walk, hone_json_event *out_event);

/* Into the object that begins here. */
void hn_ndjson_walk_enter(hn_ndjson_walk *walk);

/* Behind the object or array that begins here; *out_raw is how it is spelled. */
HONE_MUST_USE hone_status hn_ndjson_walk_skip(hn_ndjson_walk *walk, const hone_json_event *event,
                                              hone_text *out_raw);

/* --- Fields --- */

/* Reads the first lines and makes stage->schema of what is in them. */
HONE_MUST_USE hone_status hn_ndjson_infer(hn_ndjson *state, hn_stage *stage, hone_diag *diag);

/* Fills `names`, when the schema and time_field are known. */
HONE_MUST_USE hone_status hn_ndjson_index(hn_ndjson *state, hn_stage *stage, hone_diag *diag);

/* The field of this name, or HN_NDJSON_NO_FIELD. */
uint32_t hn_ndjson_find(hn_ndjson *state, hone_text name);

#endif
