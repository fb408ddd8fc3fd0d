/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kind `map`: computes fields by expressions, keeps, drops and orders the others. All
 * expressions see the record as it came in; they are evaluated over whole batches first, because
 * only then it is known how much text the new batch must hold.
 */
#include "batch_copy_internal.h"
#include "compile_internal.h"
#include "kinds_internal.h"

typedef struct computed_field {
    hone_text name;
    hn_compiled compiled;
    hone_expression_column column; /* of the current batch */
} computed_field;

/* Where an output field comes from. */
typedef struct field_origin {
    bool is_computed;
    uint32_t index; /* of the computed field, or of the input's field */
} field_origin;

typedef struct map_state {
    const hone_toml_value *set;
    const hone_toml_value *keep; /* true, false, or a list of names */
    computed_field *computed;
    uint32_t computed_count;
    field_origin *origins; /* one per output field */
    bool keeps_text;
} map_state;

static const hn_option map_options[] = {
    {.name = "set",
     .type = HN_OPTION_VALUE,
     .offset = offsetof(map_state, set),
     .help = "a table of name = \"expression\": fields to be added or replaced"},
    {.name = "keep",
     .type = HN_OPTION_VALUE,
     .offset = offsetof(map_state, keep),
     .fallback = "true",
     .help = "which input fields stay: true (all), false (none), or a list of names"},
};

/* --- open --- */

static hone_status compile_set(hn_stage *stage, map_state *state, hone_diag *diag) {
    uint32_t count = (uint32_t)hone_toml_count(state->set);
    state->computed = HONE_ARENA_NEW_ARRAY(stage->arena, computed_field, count);
    if (!state->computed) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for %u fields", count);
    }
    for (uint32_t i = 0; i < count; i++) {
        const hone_toml_entry *entry = hone_toml_entry_at(state->set, i);
        computed_field *field = &state->computed[state->computed_count++];
        field->name = entry->key;
        hone_status status = hn_compiled_open(&field->compiled, stage, &entry->value, diag);
        if (status != HONE_OK) {
            return status;
        }
    }
    return HONE_OK;
}

static bool find_computed(const map_state *state, hone_text name, uint32_t *out_index) {
    for (uint32_t i = 0; i < state->computed_count; i++) {
        if (hone_text_is_equal(state->computed[i].name, name)) {
            *out_index = i;
            return true;
        }
    }
    return false;
}

/* An input field that stays, or the expression that takes its place. */
static void keep_field(const hn_stage *stage, map_state *state, uint32_t input_field,
                       hone_field *out_field, field_origin *out_origin) {
    const hone_field *field = &stage->input_schema->fields[input_field];
    uint32_t computed;
    *out_field = *field;
    *out_origin = (field_origin){false, input_field};
    if (find_computed(state, field->name, &computed)) {
        out_field->type = hone_expression_type(state->computed[computed].compiled.expression);
        *out_origin = (field_origin){true, computed};
    } else {
        state->keeps_text |= field->type == HONE_TYPE_TEXT;
    }
}

static hone_status keep_listed(hn_stage *stage, map_state *state, hone_field *fields,
                               uint32_t *fields_count, hone_diag *diag) {
    for (size_t i = 0; i < hone_toml_count(state->keep); i++) {
        const hone_toml_value *item = hone_toml_item_at(state->keep, i);
        uint32_t input_field;
        hone_diag_at(diag, NULL, item->line, item->column);
        if (item->type != HONE_TOML_STRING) {
            return hone_diag_set(diag, HONE_STATUS_TYPE_MISMATCH,
                                 "'keep' lists names of fields, but this is %s",
                                 hone_toml_type_name(item->type));
        }
        hone_status status =
            hone_schema_find(stage->input_schema, item->as.string, diag, &input_field);
        if (status != HONE_OK) {
            return status;
        }
        keep_field(stage, state, input_field, &fields[*fields_count],
                   &state->origins[*fields_count]);
        (*fields_count)++;
    }
    return HONE_OK;
}

static hone_status keep_fields(hn_stage *stage, map_state *state, hone_field *fields,
                               uint32_t *fields_count, hone_diag *diag) {
    hn_stage_blame(stage, "keep", diag);
    if (state->keep && state->keep->type == HONE_TOML_ARRAY) {
        return keep_listed(stage, state, fields, fields_count, diag);
    }
    if (state->keep && state->keep->type != HONE_TOML_BOOL) {
        return hone_diag_set(diag, HONE_STATUS_TYPE_MISMATCH,
                             "'keep' must be true, false or a list of names, but is %s",
                             hone_toml_type_name(state->keep->type));
    }
    if (state->keep && !state->keep->as.boolean) {
        return HONE_OK;
    }
    for (uint32_t i = 0; i < stage->input_schema->fields_count; i++, (*fields_count)++) {
        keep_field(stage, state, i, &fields[i], &state->origins[i]);
    }
    return HONE_OK;
}

/* Computed fields that took nobody's place stand behind the others. */
static void append_computed(map_state *state, hone_field *fields, uint32_t *fields_count) {
    uint32_t kept_count = *fields_count;
    for (uint32_t c = 0; c < state->computed_count; c++) {
        bool is_placed = false;
        for (uint32_t i = 0; i < kept_count && !is_placed; i++) {
            is_placed = state->origins[i].is_computed && state->origins[i].index == c;
        }
        if (!is_placed) {
            state->origins[*fields_count] = (field_origin){true, c};
            fields[(*fields_count)++] =
                (hone_field){state->computed[c].name,
                             hone_expression_type(state->computed[c].compiled.expression)};
        }
    }
}

static hone_status make_schema(hn_stage *stage, map_state *state, hone_diag *diag) {
    uint32_t listed_count = state->keep ? (uint32_t)hone_toml_count(state->keep) : 0;
    uint32_t count_max = stage->input_schema->fields_count + listed_count + state->computed_count;
    uint32_t count = 0;
    hone_field *fields = HONE_ARENA_NEW_ARRAY(stage->arena, hone_field, count_max);
    state->origins = HONE_ARENA_NEW_ARRAY(stage->arena, field_origin, count_max);
    if (!fields || !state->origins) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for a schema");
    }
    hone_status status = keep_fields(stage, state, fields, &count, diag);
    if (status != HONE_OK) {
        return status;
    }
    append_computed(state, fields, &count);
    if (count == 0) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "no field is left: keep some, or 'set' some");
    }
    return hone_schema_create(stage->arena, fields, count, stage->input_schema->is_timed, diag,
                              &stage->schema);
}

static hone_status map_open(hn_stage *stage, hone_diag *diag) {
    map_state *state = stage->state;
    hone_batch_layout layout;
    bool has_list = state->keep && state->keep->type == HONE_TOML_ARRAY;
    hn_stage_blame(stage, "set", diag);
    if (state->set ? state->set->type != HONE_TOML_TABLE : !has_list) {
        return hone_diag_set(diag, HONE_STATUS_TYPE_MISMATCH,
                             "a map needs 'set', a table such as { kib = \"bytes / 1024\" }, or a "
                             "list of fields to 'keep'");
    }
    hone_status status = compile_set(stage, state, diag);
    if (status == HONE_OK) {
        status = make_schema(stage, state, diag);
    }
    if (status == HONE_OK && hone_batch_plan(stage->input_schema, 0, 0, &layout) == HONE_OK) {
        hn_stage_set_rows(stage, layout.rows_capacity);
    }
    return status;
}

/* --- process --- */

static uint64_t text_bytes_of(const hone_expression_column *column, hone_batch *batch) {
    const uint16_t *selection = hone_batch_selection(batch);
    uint64_t bytes = 0;
    for (uint32_t i = 0; column->texts && i < batch->selected_count; i++) {
        uint32_t row = selection[i];
        bool is_missing = (column->missing[row / 64] >> (row % 64)) & 1;
        bytes += is_missing ? 0 : column->texts[row].size;
    }
    return bytes;
}

static hone_status write_texts(const hn_batch_copy *copy, const hone_expression_column *column,
                               uint32_t field) {
    hone_cell *cells = hone_batch_cells(copy->to, field);
    for (uint32_t i = 0; i < copy->rows_count; i++) {
        uint32_t row = copy->rows[i];
        if ((column->missing[row / 64] >> (row % 64)) & 1) {
            cells[i].text = (hone_text_ref){0, 0};
            hone_batch_set_missing(copy->to, field, i);
            continue;
        }
        hone_status status = hone_batch_add_text(copy->to, column->texts[row], &cells[i].text);
        if (status != HONE_OK) {
            return status; /* cannot be: the room was counted */
        }
    }
    return HONE_OK;
}

static hone_status fill(const hn_stage *stage, const map_state *state, const hn_batch_copy *copy) {
    hn_batch_copy_rows(copy);
    if (state->keeps_text) {
        hn_batch_copy_heap(copy);
    }
    for (uint32_t i = 0; i < stage->schema->fields_count; i++) {
        field_origin origin = state->origins[i];
        hone_status status = HONE_OK;
        if (!origin.is_computed) {
            hn_batch_copy_column(copy, origin.index, i);
            continue;
        }
        const hone_expression_column *column = &state->computed[origin.index].column;
        if (column->texts) {
            status = write_texts(copy, column, i);
        } else {
            hn_batch_copy_cells(copy, column->cells, column->missing, i);
        }
        if (status != HONE_OK) {
            return status;
        }
    }
    return HONE_OK;
}

static hone_status map_process(hn_stage *stage, hone_batch *batch, hone_diag *diag) {
    map_state *state = stage->state;
    uint64_t text_bytes = state->keeps_text ? batch->text_used_bytes : 0;
    hone_batch *made = NULL;
    hone_status status = HONE_OK;
    for (uint32_t i = 0; i < state->computed_count && status == HONE_OK; i++) {
        computed_field *field = &state->computed[i];
        status = hn_compiled_evaluate(&field->compiled, stage, batch, diag, &field->column);
        if (status == HONE_OK) {
            text_bytes += text_bytes_of(&field->column, batch);
        }
    }
    if (status == HONE_OK) {
        status = hn_batch_acquire_sized(stage, batch->selected_count, text_bytes, diag, &made);
    }
    if (status == HONE_OK) {
        hn_batch_copy copy = {batch, made, hone_batch_selection(batch), batch->selected_count};
        status = fill(stage, state, &copy);
        hn_stage_send(stage, made);
    }
    hn_batch_release(stage, batch);
    return status;
}

static void map_close(hn_stage *stage) {
    map_state *state = stage->state;
    for (uint32_t i = 0; i < state->computed_count; i++) {
        hn_compiled_close(&state->computed[i].compiled);
    }
}

const hn_stage_kind hn_kind_map = {
    .name = "map",
    .summary = "computes fields by expressions; keeps, drops and orders the others",
    .role = HN_ROLE_TRANSFORM,
    .state_size_bytes = sizeof(map_state),
    .options = map_options,
    .options_count = sizeof map_options / sizeof map_options[0],
    .open = map_open,
    .process = map_process,
    .close = map_close,
};
