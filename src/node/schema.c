/* SPDX-License-Identifier: Apache-2.0 */
#include "hone/node/schema.h"

#include <stdio.h>
#include <string.h>

#include "hone/base/text_map.h"
#include "suggestion_internal.h"

static const char *const type_names[HONE_TYPES_COUNT] = {"i64", "f64", "bool", "text"};

const char *hone_type_name(hone_type type) {
    return type_names[type];
}

hone_status hone_type_parse(hone_text name, hone_type *out_type) {
    for (int i = 0; i < HONE_TYPES_COUNT; i++) {
        if (hone_text_is(name, type_names[i])) {
            *out_type = (hone_type)i;
            return HONE_OK;
        }
    }
    return HONE_STATUS_NOT_FOUND;
}

/* Each name is hashed with its length and type, so that no two different schemas share one byte
 * sequence. */
static uint64_t hash_fields(const hone_field *fields, uint32_t count, bool is_timed) {
    uint64_t hash = is_timed ? 1 : 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t parts[4] = {hash, hone_hash_bytes(fields[i].name.data, fields[i].name.size),
                             fields[i].name.size, (uint64_t)fields[i].type};
        hash = hone_hash_bytes(parts, sizeof parts);
    }
    return hash;
}

static hone_status check_names(const hone_field *fields, uint32_t count, hone_diag *diag) {
    hone_text_map names;
    hone_status status = HONE_OK;
    hone_text_map_init(&names, NULL, HONE_SCHEMA_FIELDS_MAX);
    for (uint32_t i = 0; i < count && status == HONE_OK; i++) {
        hone_text_map_entry *entry;
        if (fields[i].name.size == 0) {
            status =
                hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT, "field %u has no name", i + 1);
            break;
        }
        status = hone_text_map_insert(&names, fields[i].name, &entry);
        if (status == HONE_STATUS_DUPLICATE) {
            (void)hone_diag_set(diag, status, "two fields are named '%.*s'",
                                HONE_TEXT_ARGS(fields[i].name));
        }
    }
    hone_text_map_deinit(&names);
    return status;
}

hone_status hone_schema_create(hone_arena *arena, const hone_field *fields, uint32_t fields_count,
                               bool is_timed, hone_diag *diag, const hone_schema **out_schema) {
    if (fields_count > HONE_SCHEMA_FIELDS_MAX) {
        return hone_diag_set(diag, HONE_STATUS_LIMIT, "%u fields are more than the limit of %d",
                             fields_count, HONE_SCHEMA_FIELDS_MAX);
    }
    hone_status status = check_names(fields, fields_count, diag);
    if (status != HONE_OK) {
        return status;
    }
    hone_schema *schema = HONE_ARENA_NEW(arena, hone_schema);
    hone_field *copy = HONE_ARENA_NEW_ARRAY(arena, hone_field, fields_count);
    if (!schema || !copy) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for a schema");
    }
    for (uint32_t i = 0; i < fields_count; i++) {
        const char *name = hone_arena_copy_text(arena, fields[i].name);
        if (!name) {
            return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for a schema");
        }
        copy[i] = (hone_field){{name, fields[i].name.size}, fields[i].type};
    }
    *schema =
        (hone_schema){copy, fields_count, is_timed, hash_fields(fields, fields_count, is_timed)};
    *out_schema = schema;
    return HONE_OK;
}

/* --- names that are near --- */

enum { PART_BYTES_MIN = 3 };

/* "cpu" is a part of "psi_cpu", and "concat" begins "concatenate". */
static bool is_part(hone_text wanted, const char *name) {
    hone_text whole = hone_text_of(name);
    if (whole.size >= PART_BYTES_MIN && hone_text_has_prefix(wanted, whole)) {
        return true;
    }
    for (size_t i = 0; wanted.size >= PART_BYTES_MIN && i + wanted.size <= whole.size; i++) {
        if (memcmp(name + i, wanted.data, wanted.size) == 0) {
            return true;
        }
    }
    return false;
}

void hn_suggestion_add(hn_suggestion *suggestion, const char *name) {
    const char *pair[2] = {name, suggestion->nearest};
    suggestion->nearest = hone_text_nearest(suggestion->wanted, pair, suggestion->nearest ? 2 : 1);
    if (suggestion->parts_count < HN_SUGGESTIONS_MAX && is_part(suggestion->wanted, name)) {
        suggestion->parts[suggestion->parts_count++] = name;
    }
}

const char *hn_suggestion_text(hn_suggestion *suggestion) {
    const char *names[HN_SUGGESTIONS_MAX];
    uint32_t count = 0;
    size_t used = 0;
    if (suggestion->nearest) {
        names[count++] = suggestion->nearest;
    }
    for (uint32_t i = 0; i < suggestion->parts_count && count < HN_SUGGESTIONS_MAX; i++) {
        if (suggestion->parts[i] != suggestion->nearest) {
            names[count++] = suggestion->parts[i];
        }
    }
    suggestion->text[0] = '\0';
    for (uint32_t i = 0; i < count; i++) {
        const char *joint = i == 0 ? "; did you mean " : i + 1 < count ? ", " : " or ";
        used += (size_t)snprintf(suggestion->text + used, sizeof suggestion->text - used,
                                 "%s'%.60s'%s", joint, names[i], i + 1 < count ? "" : "?");
    }
    return suggestion->text;
}

hone_status hone_schema_find(const hone_schema *schema, hone_text name, hone_diag *diag,
                             uint32_t *out_index) {
    for (uint32_t i = 0; i < schema->fields_count; i++) {
        if (hone_text_is_equal(schema->fields[i].name, name)) {
            *out_index = i;
            return HONE_OK;
        }
    }
    hn_suggestion suggestion = {.wanted = name};
    for (uint32_t i = 0; i < schema->fields_count; i++) {
        hn_suggestion_add(&suggestion, schema->fields[i].name.data);
    }
    return hone_diag_set(diag, HONE_STATUS_NOT_FOUND, "there is no field '%.*s'%s",
                         HONE_TEXT_ARGS(name), hn_suggestion_text(&suggestion));
}

bool hone_schema_is_equal(const hone_schema *a, const hone_schema *b) {
    if (a->hash != b->hash || a->fields_count != b->fields_count || a->is_timed != b->is_timed) {
        return false;
    }
    for (uint32_t i = 0; i < a->fields_count; i++) {
        if (a->fields[i].type != b->fields[i].type ||
            !hone_text_is_equal(a->fields[i].name, b->fields[i].name)) {
            return false;
        }
    }
    return true;
}
