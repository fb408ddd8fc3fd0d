/* SPDX-License-Identifier: Apache-2.0 */
#include "stage_fake_test.h"

#include <assert.h>
#include <stdlib.h>

#include "hone/base/number.h"
#include "node_internal.h"

static hn_fake *fake_of(hn_stage *stage) {
    return (hn_fake *)stage;
}

/* --- what kinds call --- */

void hn_stage_blame(const hn_stage *stage, const char *option, hone_diag *diag) {
    const hone_toml_entry *entry =
        option ? hone_toml_find_entry(stage->table, hone_text_of(option)) : NULL;
    hone_diag_at(diag, "node.toml", entry ? entry->key_line : stage->table->line,
                 entry ? entry->key_column : 0);
    hone_diag_about(diag, stage->name);
}

void hn_stage_blame_data(const hn_stage *stage, const char *file, uint64_t line, hone_diag *diag) {
    hone_diag_at(diag, file, (uint32_t)line, 0);
    hone_diag_about(diag, stage->name);
}

hone_status hn_batch_acquire_sized(hn_stage *stage, uint32_t rows_count, uint64_t text_bytes,
                                   hone_diag *diag, hone_batch **out_batch) {
    hone_batch_layout layout;
    hone_status status = hone_batch_plan(stage->schema, rows_count, text_bytes, &layout);
    if (status != HONE_OK) {
        return hone_diag_set(diag, status, "a batch is too large");
    }
    void *memory = hone_allocate(stage->allocator, layout.size_bytes, 64);
    if (!memory) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for a batch");
    }
    *out_batch = hone_batch_init(memory, &layout);
    return HONE_OK;
}

hone_status hn_batch_acquire(hn_stage *stage, hone_diag *diag, hone_batch **out_batch) {
    return hn_batch_acquire_sized(stage, fake_of(stage)->rows_wanted, 0, diag, out_batch);
}

void hn_batch_release(hn_stage *stage, hone_batch *batch) {
    if (batch && atomic_fetch_sub(&batch->references, 1) == 1) {
        hone_release(stage->allocator, batch, batch->size_bytes, 64);
    }
}

hone_status hn_batch_own(hn_stage *stage, hone_batch **batch, hone_diag *diag) {
    if (hone_batch_is_unique(*batch)) {
        return HONE_OK;
    }
    hone_batch *copy = hone_allocate(stage->allocator, (*batch)->size_bytes, 64);
    hone_status status = HONE_OK;
    if (copy) {
        memcpy((void *)copy, (void *)*batch, (*batch)->size_bytes);
        atomic_init(&copy->references, 1);
    } else {
        status = hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for a batch");
    }
    hn_batch_release(stage, *batch);
    *batch = copy;
    return status;
}

void hn_stage_send(hn_stage *stage, hone_batch *batch) {
    hn_fake *fake = fake_of(stage);
    if (batch->selected_count == 0) {
        hn_batch_release(stage, batch);
        return;
    }
    assert(fake->sent_count < HN_FAKE_SENT_MAX);
    fake->sent[fake->sent_count++] = batch;
}

void hn_stage_set_rows(hn_stage *stage, uint32_t rows_wanted) {
    fake_of(stage)->rows_wanted = rows_wanted;
}

hone_status hn_stage_wake_at(hn_stage *stage, uint64_t deadline_ns) {
    fake_of(stage)->wake_ns = deadline_ns;
    return HONE_OK;
}

hone_status hn_stage_wake_on_fd(hn_stage *stage, int fd, bool is_write) {
    (void)is_write;
    fake_of(stage)->watched_fd = fd;
    return HONE_OK;
}

void hn_stage_forget_fd(hn_stage *stage, int fd) {
    if (fake_of(stage)->watched_fd == fd) {
        fake_of(stage)->watched_fd = -1;
    }
}

bool hn_stage_is_stopping(const hn_stage *stage) {
    return ((const hn_fake *)stage)->is_stopping;
}

/* --- the fake itself --- */

static void write_log(void *self, hone_log_level level, hone_text message) {
    (void)level;
    hone_buffer_append_text(self, message);
    hone_buffer_append_byte(self, '\n');
}

void hn_fake_init(hn_fake *fake) {
    memset(fake, 0, sizeof *fake);
    hone_failing_init(&fake->failing, NULL, 0, false);
    hone_arena_init(&fake->arena, NULL, 64 << 20);
    hone_buffer_init(&fake->logged, NULL, 1 << 20);
    hone_buffer_init(&fake->text, NULL, 64 << 20);
    fake->log = (hone_log){write_log, &fake->logged, HONE_LOG_DEBUG};
    fake->watched_fd = -1;
}

hone_status hn_fake_open(hn_fake *fake, const hn_stage_kind *kind, const char *toml,
                         const hone_schema *input) {
    const hone_toml_value *table;
    hone_diag_clear(&fake->diag);
    hone_status status =
        hone_toml_parse(hone_text_of(toml), "node.toml", &fake->arena, &fake->diag, &table);
    if (status != HONE_OK) {
        return status;
    }
    fake->stage = (hn_stage){
        .kind = kind,
        .state = hone_arena_allocate_zeroed(&fake->arena, 1, kind->state_size_bytes, 64),
        .name = "it",
        .table = table,
        .input_schema = input,
        .arena = &fake->arena,
        .allocator = &fake->failing.allocator,
        .log = &fake->log,
        .live = &fake->live,
    };
    status = hn_options_read_table(table, kind->options, kind->options_count, fake->stage.state,
                                   &fake->arena, &fake->diag);
    if (status == HONE_OK) {
        fake->is_open = true;
        status = kind->open(&fake->stage, &fake->diag);
    }
    if (status == HONE_OK && kind->start && !fake->is_check) {
        status = kind->start(&fake->stage, &fake->diag);
    }
    return status;
}

const hone_schema *hn_fake_schema(hn_fake *fake, const char *fields, bool is_timed) {
    hone_field parsed[256];
    uint32_t count = 0;
    const hone_schema *schema = NULL;
    hone_text rest = hone_text_of(fields);
    while (rest.size) {
        hone_text type = hone_text_split(&rest, ' ');
        hone_text name = hone_text_split(&type, ':');
        parsed[count].name = name;
        hone_status status = hone_type_parse(type, &parsed[count++].type);
        assert(status == HONE_OK);
        (void)status;
    }
    hone_status status =
        hone_schema_create(&fake->arena, parsed, count, is_timed, &fake->diag, &schema);
    assert(status == HONE_OK);
    (void)status;
    return schema;
}

static void set_cell(hone_batch *batch, const hone_schema *schema, uint32_t field, uint32_t row,
                     hone_text text) {
    hone_cell *cell = &hone_batch_cells(batch, field)[row];
    hone_status status = HONE_OK;
    if (hone_text_is(text, "-")) {
        hone_batch_set_missing(batch, field, row);
        return;
    }
    switch (schema->fields[field].type) {
    case HONE_TYPE_I64: status = hone_number_parse_i64(text, &cell->i64); break;
    case HONE_TYPE_F64: status = hone_number_parse_f64(text, &cell->f64); break;
    case HONE_TYPE_BOOL: cell->i64 = hone_text_is(text, "true"); break;
    case HONE_TYPE_TEXT: status = hone_batch_add_text(batch, text, &cell->text); break;
    }
    assert(status == HONE_OK);
    (void)status;
}

hone_batch *hn_fake_batch(hn_fake *fake, const hone_schema *schema, const char *rows) {
    hone_batch_layout layout;
    hone_text rest = hone_text_of(rows);
    hone_status status = hone_batch_plan(schema, HONE_BATCH_ROWS_MAX, rest.size, &layout);
    assert(status == HONE_OK);
    void *memory = hone_allocate(&fake->failing.allocator, layout.size_bytes, 64);
    assert(memory);
    hone_batch *batch = hone_batch_init(memory, &layout);
    while (rest.size) {
        hone_text line = hone_text_split(&rest, '\n');
        int64_t timestamp;
        status = hone_number_parse_i64(hone_text_split(&line, '|'), &timestamp);
        assert(status == HONE_OK);
        uint32_t row = hone_batch_add_row(batch, timestamp);
        for (uint32_t field = 0; field < schema->fields_count; field++) {
            set_cell(batch, schema, field, row, hone_text_split(&line, '|'));
        }
    }
    (void)status;
    return batch;
}

hone_status hn_fake_process(hn_fake *fake, const char *rows) {
    hone_batch *batch = hn_fake_batch(fake, fake->stage.input_schema, rows);
    return fake->stage.kind->process(&fake->stage, batch, &fake->diag);
}

hone_status hn_fake_finish(hn_fake *fake) {
    return fake->stage.kind->finish ? fake->stage.kind->finish(&fake->stage, &fake->diag) : HONE_OK;
}

hone_status hn_fake_produce(hn_fake *fake, uint32_t calls_max) {
    hone_status status = HONE_OK;
    for (uint32_t i = 0; i < calls_max && status == HONE_OK; i++) {
        status = fake->stage.kind->produce(&fake->stage, &fake->diag);
    }
    return status;
}

static void append_cell(hone_buffer *text, hone_batch *batch, hone_type type, uint32_t field,
                        uint32_t row) {
    char number[HONE_NUMBER_TEXT_MAX];
    hone_cell cell = hone_batch_cells(batch, field)[row];
    hone_buffer_append_byte(text, '|');
    if (hone_batch_is_missing(batch, field, row)) {
        hone_buffer_append_byte(text, '-');
    } else if (type == HONE_TYPE_TEXT) {
        hone_buffer_append_text(text, hone_batch_text(batch, cell.text));
    } else if (type == HONE_TYPE_BOOL) {
        hone_buffer_append_text(text, hone_text_of(cell.i64 ? "true" : "false"));
    } else {
        size_t size = type == HONE_TYPE_I64 ? hone_number_format_i64(cell.i64, number)
                                            : hone_number_format_f64(cell.f64, number);
        hone_buffer_append(text, number, size);
    }
}

const char *hn_fake_sent_text(hn_fake *fake) {
    char number[HONE_NUMBER_TEXT_MAX];
    const hone_schema *schema = fake->stage.schema;
    hone_buffer_clear(&fake->text);
    for (uint32_t i = 0; i < fake->sent_count; i++) {
        hone_batch *batch = fake->sent[i];
        for (uint32_t k = 0; k < batch->selected_count; k++) {
            uint32_t row = hone_batch_selection(batch)[k];
            hone_buffer_append(&fake->text, number,
                               hone_number_format_i64(hone_batch_timestamps(batch)[row], number));
            for (uint32_t field = 0; field < schema->fields_count; field++) {
                append_cell(&fake->text, batch, schema->fields[field].type, field, row);
            }
            hone_buffer_append_byte(&fake->text, '\n');
        }
    }
    hone_buffer_append_byte(&fake->text, '\0');
    return (const char *)fake->text.data;
}

const char *hn_fake_message(hn_fake *fake) {
    hone_buffer_clear(&fake->text);
    if (hone_buffer_reserve(&fake->text, 1024) != HONE_OK) {
        return "";
    }
    (void)hone_diag_format(&fake->diag, (char *)fake->text.data, 1024);
    return (const char *)fake->text.data;
}

void hn_fake_drop_sent(hn_fake *fake) {
    for (uint32_t i = 0; i < fake->sent_count; i++) {
        hn_batch_release(&fake->stage, fake->sent[i]);
    }
    fake->sent_count = 0;
}

uint64_t hn_fake_deinit(hn_fake *fake) {
    hn_fake_drop_sent(fake);
    if (fake->is_open && fake->stage.kind->close) {
        fake->stage.kind->close(&fake->stage);
    }
    hone_arena_deinit(&fake->arena);
    hone_buffer_deinit(&fake->logged);
    hone_buffer_deinit(&fake->text);
    return hone_failing_read_stats(&fake->failing).live_bytes;
}
