/* SPDX-License-Identifier: Apache-2.0 */
#include "ndjson_internal.h"

enum { PEEK_BYTES = 64 << 10, INFER_LINES_MAX = 1000 };

/* --- walk --- */

hone_status hn_ndjson_walk_begin(hn_ndjson_walk *walk, hone_text line) {
    hone_json_event event;
    walk->depth = walk->path_bytes = 0;
    hone_json_reader_init(&walk->reader, line);
    hone_status status = hone_json_reader_next(&walk->reader, &event);
    if (status != HONE_OK) {
        return status;
    }
    return event.type == HONE_JSON_OBJECT_BEGIN ? HONE_OK : HONE_STATUS_TYPE_MISMATCH;
}

static void set_name(hn_ndjson_walk *walk, const hone_json_event *key) {
    walk->name = key->text;
    if (walk->depth == 0 && !key->has_escapes) {
        return;
    }
    if (key->text.size > sizeof walk->path - walk->path_bytes) {
        walk->name = (hone_text){walk->path, 0};
        return;
    }
    char *end = walk->path + walk->path_bytes;
    size_t size = key->text.size;
    if (key->has_escapes) {
        size = hone_json_decode(key->text, end);
    } else if (size) {
        memcpy(end, key->text.data, size);
    }
    walk->name = (hone_text){walk->path, walk->path_bytes + size};
}

hone_status hn_ndjson_walk_next(hn_ndjson_walk *walk, hone_json_event *out_event) {
    for (;;) {
        hone_status status = hone_json_reader_next(&walk->reader, out_event);
        if (status != HONE_OK) {
            return status;
        }
        switch (out_event->type) {
        case HONE_JSON_END: return HONE_STATUS_CLOSED;
        case HONE_JSON_KEY:
            set_name(walk, out_event);
            return hone_json_reader_next(&walk->reader, out_event);
        default: /* the end of an object: of one that was entered, or of the line's */
            if (walk->depth > 0) {
                walk->path_bytes = walk->outer_bytes[--walk->depth];
            }
        }
    }
}

void hn_ndjson_walk_enter(hn_ndjson_walk *walk) {
    walk->outer_bytes[walk->depth++] = walk->path_bytes;
    if (walk->name.size == 0 || walk->name.size >= sizeof walk->path) {
        walk->path_bytes = sizeof walk->path; /* no key fits behind it: none is a field */
        return;
    }
    memmove(walk->path, walk->name.data, walk->name.size);
    walk->path[walk->name.size] = '.';
    walk->path_bytes = (uint32_t)walk->name.size + 1;
}

hone_status hn_ndjson_walk_skip(hn_ndjson_walk *walk, const hone_json_event *event,
                                hone_text *out_raw) {
    const char *start = walk->reader.start + event->byte_offset;
    hone_status status = hone_json_reader_skip(&walk->reader, event);
    if (status == HONE_OK) {
        *out_raw = (hone_text){start, (size_t)(walk->reader.at - start)};
    }
    return status;
}

/* --- fields --- */

/* Which types were seen under a key, as bits. */
static uint64_t type_bit(const hone_json_event *event) {
    switch (event->type) {
    case HONE_JSON_INTEGER: return 1u << HONE_TYPE_I64;
    case HONE_JSON_FLOAT: return 1u << HONE_TYPE_F64;
    case HONE_JSON_BOOL: return 1u << HONE_TYPE_BOOL;
    case HONE_JSON_NULL: return 0;
    default: return 1u << HONE_TYPE_TEXT;
    }
}

/* The narrowest type that holds all; text where nothing but null was seen. */
static hone_type type_of_bits(uint64_t bits) {
    const uint64_t whole = 1u << HONE_TYPE_I64, number = 1u << HONE_TYPE_F64;
    if (bits == whole) {
        return HONE_TYPE_I64;
    }
    if (bits == number || bits == (whole | number)) {
        return HONE_TYPE_F64;
    }
    return bits == 1u << HONE_TYPE_BOOL ? HONE_TYPE_BOOL : HONE_TYPE_TEXT;
}

static hone_status note_key(hone_text_map *seen, hone_arena *arena, hone_text name,
                            const hone_json_event *event) {
    hone_text_map_entry *entry = hone_text_map_find(seen, name);
    if (name.size == 0) {
        return HONE_OK;
    }
    if (!entry) {
        char *copy = hone_arena_copy_text(arena, name);
        hone_status status = copy ? hone_text_map_insert(seen, (hone_text){copy, name.size}, &entry)
                                  : HONE_STATUS_OUT_OF_MEMORY;
        if (status != HONE_OK) {
            return status;
        }
    }
    entry->value.number |= type_bit(event);
    return HONE_OK;
}

/* Notes the keys of one line. A line that is no object notes nothing more: reading will tell. */
static hone_status note_line(hn_ndjson *state, hn_stage *stage, hone_text line,
                             hone_text_map *seen) {
    hn_ndjson_walk *walk = &state->walk;
    hone_json_event event;
    hone_text raw;
    if (hn_ndjson_walk_begin(walk, line) != HONE_OK) {
        return HONE_OK;
    }
    while (hn_ndjson_walk_next(walk, &event) == HONE_OK) {
        if (event.type == HONE_JSON_OBJECT_BEGIN) {
            hn_ndjson_walk_enter(walk);
            continue;
        }
        hone_status status = note_key(seen, stage->arena, walk->name, &event);
        if (status != HONE_OK) {
            return status;
        }
        if (event.type == HONE_JSON_ARRAY_BEGIN &&
            hn_ndjson_walk_skip(walk, &event, &raw) != HONE_OK) {
            return HONE_OK;
        }
    }
    return HONE_OK;
}

static hone_status note_lines(hn_ndjson *state, hn_stage *stage, hone_text_map *seen) {
    hone_text rest = hn_input_window(&state->input);
    hone_status status = HONE_OK;
    for (int i = 0; i < INFER_LINES_MAX && status == HONE_OK && rest.size; i++) {
        bool is_complete = memchr(rest.data, '\n', rest.size) != NULL;
        hone_text line = hone_text_trim(hone_text_split(&rest, '\n'));
        if (!is_complete && !state->input.is_ended) {
            break; /* the rest of it is still to come */
        }
        if (line.size) {
            status = note_line(state, stage, line, seen);
        }
    }
    return status;
}

static hone_status make_schema(hn_ndjson *state, hn_stage *stage, const hone_text_map *seen,
                               hone_diag *diag) {
    hn_stage_blame_data(stage, state->path, 1, diag);
    if (seen->count == 0) {
        return hone_diag_set(diag, HONE_STATUS_TRUNCATED,
                             "there is no JSON object in the first lines, {\"name\": value, ...}, "
                             "from which the fields could be inferred; declare them by 'fields'");
    }
    hone_field *fields = HONE_ARENA_NEW_ARRAY(stage->arena, hone_field, seen->count);
    if (!fields) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for %u fields",
                             seen->count);
    }
    for (uint32_t i = 0; i < seen->count; i++) {
        fields[i] = (hone_field){seen->entries[i].key, type_of_bits(seen->entries[i].value.number)};
    }
    return hone_schema_create(stage->arena, fields, seen->count, state->time != NULL, diag,
                              &stage->schema);
}

hone_status hn_ndjson_infer(hn_ndjson *state, hn_stage *stage, hone_diag *diag) {
    hone_text_map seen;
    hone_status status = hn_input_peek(&state->input, PEEK_BYTES, diag);
    if (status != HONE_OK) {
        return status;
    }
    hone_text_map_init(&seen, stage->allocator, HONE_SCHEMA_FIELDS_MAX);
    status = note_lines(state, stage, &seen);
    if (status == HONE_OK) {
        status = make_schema(state, stage, &seen, diag);
    } else {
        hn_stage_blame_data(stage, state->path, 1, diag);
        (void)hone_diag_set(diag, status,
                            status == HONE_STATUS_LIMIT
                                ? "the first lines have more than %d different keys; declare those "
                                  "that are wanted by 'fields'"
                                : "no memory for the fields of the first lines (at most %d)",
                            HONE_SCHEMA_FIELDS_MAX);
    }
    hone_text_map_deinit(&seen);
    return status;
}

hone_status hn_ndjson_index(hn_ndjson *state, hn_stage *stage, hone_diag *diag) {
    const hone_schema *schema = stage->schema;
    hone_text_map_entry *entry;
    hone_status status = HONE_OK;
    hone_text_map_init(&state->names, stage->allocator, HONE_SCHEMA_FIELDS_MAX + 1);
    for (uint32_t i = 0; i < schema->fields_count && status == HONE_OK; i++) {
        status = hone_text_map_insert(&state->names, schema->fields[i].name, &entry);
        if (status == HONE_OK) {
            entry->value.number = i;
        }
    }
    if (status == HONE_OK && state->time_field == schema->fields_count) {
        status = hone_text_map_insert(&state->names, hone_text_of(state->time), &entry);
        if (status == HONE_OK) {
            entry->value.number = state->time_field;
        }
    }
    if (status != HONE_OK) {
        hn_stage_blame(stage, NULL, diag);
        (void)hone_diag_set(diag, status, "no memory for the names of %u fields",
                            schema->fields_count);
    }
    return status;
}

uint32_t hn_ndjson_find(hn_ndjson *state, hone_text name) {
    const hone_text_map *names = &state->names;
    uint32_t guess = state->next_field;
    if (guess >= names->count || !hone_text_is_equal(names->entries[guess].key, name)) {
        const hone_text_map_entry *entry = hone_text_map_find(names, name);
        if (!entry) {
            return HN_NDJSON_NO_FIELD;
        }
        guess = (uint32_t)entry->value.number; /* they were inserted in this order */
    }
    state->next_field = guess + 1 < names->count ? guess + 1 : 0;
    return guess;
}
