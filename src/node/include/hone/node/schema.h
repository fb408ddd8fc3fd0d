/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a record is made of: named, typed fields, and whether its timestamp means something.
 *
 * Contract: frozen after hone_schema_create; lives in the arena it was created in. A field name is
 * any non-empty UTF-8 text; names are unique within a schema. At most HONE_SCHEMA_FIELDS_MAX
 * fields.
 */
#ifndef HONE_NODE_SCHEMA_H
#define HONE_NODE_SCHEMA_H

#include <stdbool.h>

#include "hone/base/arena.h"
#include "hone/base/span.h"
#include "hone/base/status.h"

enum { HONE_SCHEMA_FIELDS_MAX = 4096 };

typedef enum hone_type {
    HONE_TYPE_I64,
    HONE_TYPE_F64,
    HONE_TYPE_BOOL,
    HONE_TYPE_TEXT, /* UTF-8 */
} hone_type;

enum { HONE_TYPES_COUNT = 4 };

typedef struct hone_field {
    hone_text name;
    hone_type type;
} hone_field;

typedef struct hone_schema {
    const hone_field *fields;
    uint32_t fields_count;
    bool is_timed; /* timestamps come from the data or the clock; else they are only row numbers */
    uint64_t hash; /* of names, types and order */
} hone_schema;

/* "i64", "f64", "bool", "text". */
const char *hone_type_name(hone_type type);
HONE_MUST_USE hone_status hone_type_parse(hone_text name, hone_type *out_type);

/* Copies fields and names into the arena. DUPLICATE (the diag names the field), LIMIT,
 * OUT_OF_MEMORY, INVALID_ARGUMENT for an empty name. */
HONE_MUST_USE hone_status hone_schema_create(hone_arena *arena, const hone_field *fields,
                                             uint32_t fields_count, bool is_timed, hone_diag *diag,
                                             const hone_schema **out_schema);

/* The index of the field, or NOT_FOUND with the nearest name in the diag. Cost: linear; for load
 * time. */
HONE_MUST_USE hone_status hone_schema_find(const hone_schema *schema, hone_text name,
                                           hone_diag *diag, uint32_t *out_index);

bool hone_schema_is_equal(const hone_schema *a, const hone_schema *b);

#endif
