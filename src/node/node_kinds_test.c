/* SPDX-License-Identifier: Apache-2.0 */
#include "node_kinds_test.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <unistd.h>

#include "hone/platform/clock.h"
#include "hone/scheduler/loop.h"
#include "stages/kinds_internal.h"

/* --- the context --- */

static void log_line(void *self, hone_log_level level, hone_text message) {
    hn_test_context *context = self;
    (void)level;
    hone_mutex_lock(&context->lock);
    size_t used = strlen(context->lines);
    size_t size = sizeof context->lines - 2 - used;
    size = message.size < size ? message.size : size;
    memcpy(context->lines + used, message.data, size);
    context->lines[used + size] = '\n';
    context->lines[used + size + 1] = '\0';
    context->lines_count++;
    hone_mutex_unlock(&context->lock);
}

void hn_test_context_init(hn_test_context *context) {
    *context = (hn_test_context){.log = {log_line, context, HONE_LOG_DEBUG}};
    hone_mutex_init(&context->lock);
}

void hn_test_context_deinit(hn_test_context *context) {
    for (int i = 0; i < HN_TEST_SINKS_MAX; i++) {
        hn_test_sink_rows *rows = &context->sinks[i];
        hone_release(NULL, rows->values, rows->capacity * sizeof *rows->values, 8);
    }
    hone_mutex_deinit(&context->lock);
}

const hn_test_sink_rows *hn_test_rows(const hn_test_context *context, const char *stage) {
    for (int i = 0; i < HN_TEST_SINKS_MAX; i++) {
        if (context->sinks[i].stage && strcmp(context->sinks[i].stage, stage) == 0) {
            return &context->sinks[i];
        }
    }
    fail_msg("there is no sink '%s'", stage);
    return NULL;
}

/* --- test.source --- */

typedef struct test_source {
    uint64_t rows, batch, first, fail_at, every_ns, gate_fd;
    const char *field;
    bool is_sized; /* the stage's batches have `batch` rows */
    uint64_t made, due_ns;
} test_source;

#define COUNT_OPTION(type_, field_, name_, fallback_)                                \
    {                                                                                \
        .name = (name_), .type = HN_OPTION_COUNT, .offset = offsetof(type_, field_), \
        .fallback = (fallback_)                                                      \
    }

static const hn_option source_options[] = {
    {.name = "rows",
     .type = HN_OPTION_COUNT,
     .offset = offsetof(test_source, rows),
     .is_required = true,
     .help = "how many rows"},
    COUNT_OPTION(test_source, batch, "batch", "1"),
    COUNT_OPTION(test_source, first, "first", "0"),
    COUNT_OPTION(test_source, fail_at, "fail_at", "1000000000"),
    COUNT_OPTION(test_source, gate_fd, "opens", "0"), /* write a byte to it at the end */
    {.name = "every", .type = HN_OPTION_DURATION, .offset = offsetof(test_source, every_ns)},
    {.name = "field",
     .type = HN_OPTION_TEXT,
     .offset = offsetof(test_source, field),
     .fallback = "n"},
};

static hone_status test_source_open(hn_stage *stage, hone_diag *diag) {
    test_source *state = stage->state;
    hone_field field = {hone_text_of(state->field), HONE_TYPE_I64};
    hn_stage_set_rows(stage, (uint32_t)state->batch);
    return hone_schema_create(stage->arena, &field, 1, false, diag, &stage->schema);
}

static hone_status test_source_end(test_source *state) {
    if (state->gate_fd && write((int)state->gate_fd, "x", 1) != 1) {
        return HONE_STATUS_IO;
    }
    state->gate_fd = 0;
    return HONE_STATUS_CLOSED;
}

static hone_status test_source_produce(hn_stage *stage, hone_diag *diag) {
    test_source *state = stage->state;
    hone_batch *batch = NULL;
    if (state->made >= state->fail_at) {
        hn_stage_blame_data(stage, "made-up.data", state->made + 1, diag);
        return hone_diag_set(diag, HONE_STATUS_BAD_RECORD, "row %llu is bad",
                             (unsigned long long)state->made);
    }
    if (state->made >= state->rows) {
        return test_source_end(state);
    }
    uint64_t now_ns = hone_clock_monotonic_ns();
    if (state->every_ns && now_ns < state->due_ns) {
        hone_status status = hn_stage_wake_at(stage, state->due_ns);
        return status == HONE_OK ? HONE_STATUS_WOULD_BLOCK : status;
    }
    state->due_ns = now_ns + state->every_ns;
    hone_status status = hn_batch_acquire(stage, diag, &batch);
    if (status != HONE_OK) {
        return status;
    }
    for (uint64_t i = 0; i < state->batch && state->made < state->rows; i++) {
        if (state->made == state->fail_at) {
            break;
        }
        uint32_t row = hone_batch_add_row(batch, (int64_t)state->made);
        hone_batch_cells(batch, 0)[row].i64 = (int64_t)(state->first + state->made++);
    }
    hn_stage_send(stage, batch);
    return HONE_OK;
}

static const hn_stage_kind kind_source = {
    .name = "test.source",
    .summary = "counts",
    .role = HN_ROLE_SOURCE,
    .state_size_bytes = sizeof(test_source),
    .options = source_options,
    .options_count = sizeof source_options / sizeof *source_options,
    .open = test_source_open,
    .produce = test_source_produce,
};

/* --- test.edit --- */

typedef struct test_edit {
    uint64_t add, keep_each, fail_at;
    bool has_finish_row; /* sends one more row, -1, at the end */
    bool is_looping;     /* some parallel work for every batch */
    uint64_t seen;
} test_edit;

static const hn_option edit_options[] = {
    COUNT_OPTION(test_edit, add, "add", "0"),
    COUNT_OPTION(test_edit, keep_each, "keep_each", "1"),
    COUNT_OPTION(test_edit, fail_at, "fail_at", "1000000000"),
    {.name = "last_row", .type = HN_OPTION_FLAG, .offset = offsetof(test_edit, has_finish_row)},
    {.name = "loop", .type = HN_OPTION_FLAG, .offset = offsetof(test_edit, is_looping)},
};

static hone_status test_edit_open(hn_stage *stage, hone_diag *diag) {
    (void)diag;
    stage->schema = stage->input_schema;
    return HONE_OK;
}

/* Some microseconds an item, so that it is worth sharing. */
static void burn(void *context, size_t begin, size_t end) {
    (void)context;
    uint64_t end_ns = hone_clock_monotonic_ns() + (end - begin) * 5000;
    while (hone_clock_monotonic_ns() < end_ns) {
    }
}

static hone_status test_edit_process(hn_stage *stage, hone_batch *batch, hone_diag *diag) {
    test_edit *state = stage->state;
    if (state->seen + batch->selected_count > state->fail_at) {
        hn_batch_release(stage, batch);
        hn_stage_blame(stage, NULL, diag);
        return hone_diag_set(diag, HONE_STATUS_BAD_RECORD, "this was the row to fail at");
    }
    hone_status status = hn_batch_own(stage, &batch, diag);
    if (status != HONE_OK) {
        return status;
    }
    if (state->is_looping) {
        hone_scheduler_for(stage->run->node->scheduler, 32, 1, burn, NULL);
    }
    uint16_t *selection = hone_batch_selection(batch);
    hone_cell *cells = hone_batch_cells(batch, 0);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < batch->selected_count; i++) {
        uint32_t row = selection[i];
        if (state->seen++ % state->keep_each == 0) {
            cells[row].i64 += (int64_t)state->add;
            selection[kept++] = (uint16_t)row;
        }
    }
    batch->selected_count = kept;
    hn_stage_send(stage, batch);
    return HONE_OK;
}

static hone_status test_edit_finish(hn_stage *stage, hone_diag *diag) {
    test_edit *state = stage->state;
    hone_batch *batch = NULL;
    if (!state->has_finish_row) {
        return HONE_OK;
    }
    hone_status status = hn_batch_acquire(stage, diag, &batch);
    if (status == HONE_OK) {
        uint32_t row = hone_batch_add_row(batch, 0);
        hone_batch_cells(batch, 0)[row].i64 = -1;
        hn_stage_send(stage, batch);
    }
    return status;
}

static const hn_stage_kind kind_edit = {
    .name = "test.edit",
    .summary = "edits",
    .role = HN_ROLE_TRANSFORM,
    .state_size_bytes = sizeof(test_edit),
    .options = edit_options,
    .options_count = sizeof edit_options / sizeof *edit_options,
    .open = test_edit_open,
    .process = test_edit_process,
    .finish = test_edit_finish,
};

/* --- test.sink --- */

typedef struct test_sink {
    uint64_t fail_at, gate_fd, delay_ns;
    bool is_finish_gated; /* wait at the gate in finish, not at the first batch */
    bool is_finish_failing;
    hn_test_sink_rows *rows;
    hone_batch *kept;
} test_sink;

static const hn_option sink_options[] = {
    COUNT_OPTION(test_sink, fail_at, "fail_at", "1000000000"),
    COUNT_OPTION(test_sink, gate_fd, "gate", "0"), /* wait for a byte from it */
    {.name = "delay", .type = HN_OPTION_DURATION, .offset = offsetof(test_sink, delay_ns)},
    {.name = "gate_at_end", .type = HN_OPTION_FLAG, .offset = offsetof(test_sink, is_finish_gated)},
    {.name = "fail_at_end",
     .type = HN_OPTION_FLAG,
     .offset = offsetof(test_sink, is_finish_failing)},
};

static hone_status test_sink_open(hn_stage *stage, hone_diag *diag) {
    test_sink *state = stage->state;
    hn_test_context *context = stage->log ? stage->log->self : NULL;
    for (int i = 0; context && i < HN_TEST_SINKS_MAX && !state->rows; i++) {
        if (!context->sinks[i].stage) {
            context->sinks[i].stage = stage->name;
            state->rows = &context->sinks[i];
        }
    }
    return state->rows || !context ? HONE_OK
                                   : hone_diag_set(diag, HONE_STATUS_LIMIT, "too many test sinks");
}

static void remember(hn_stage *stage, hone_batch *batch) {
    hn_test_sink_rows *rows = ((test_sink *)stage->state)->rows;
    size_t needed = rows ? rows->count + batch->selected_count : 0;
    if (rows && needed > rows->capacity) {
        size_t capacity = needed * 2;
        rows->values = hone_reallocate(NULL, rows->values, rows->capacity * sizeof *rows->values,
                                       capacity * sizeof *rows->values, 8);
        assert_non_null(rows->values);
        rows->capacity = capacity;
    }
    for (uint32_t i = 0; rows && i < batch->selected_count; i++) {
        uint32_t row = hone_batch_selection(batch)[i];
        rows->values[rows->count++] = hone_batch_cells(batch, 0)[row].i64;
        for (uint32_t f = 0; f < stage->input_schema->fields_count; f++) {
            bool is_text = stage->input_schema->fields[f].type == HONE_TYPE_TEXT &&
                           !hone_batch_is_missing(batch, f, row);
            rows->text_bytes += is_text ? hone_batch_cells(batch, f)[row].text.size_bytes : 0;
        }
    }
    if (rows) {
        rows->batches_count++;
    }
    hn_count(&stage->live->records_out, batch->selected_count);
    hn_batch_release(stage, batch);
}

static hone_status wait_at_gate(hn_stage *stage, hone_diag *diag) {
    hone_status status =
        hn_stage_wake_on_fd(stage, (int)((test_sink *)stage->state)->gate_fd, false);
    return status == HONE_OK ? HONE_STATUS_WOULD_BLOCK
                             : hone_diag_set(diag, status, "the gate cannot be watched");
}

static hone_status test_sink_process(hn_stage *stage, hone_batch *batch, hone_diag *diag) {
    test_sink *state = stage->state;
    uint64_t out = atomic_load_explicit(&stage->live->records_out, memory_order_relaxed);
    if (out + batch->selected_count > state->fail_at) {
        hn_batch_release(stage, batch);
        hn_stage_blame(stage, NULL, diag);
        return hone_diag_set(diag, HONE_STATUS_NO_SPACE, "the sink is full");
    }
    if (state->gate_fd && !state->is_finish_gated) {
        state->kept = batch;
        return wait_at_gate(stage, diag);
    }
    if (state->delay_ns) {
        (void)usleep((useconds_t)(state->delay_ns / 1000));
    }
    remember(stage, batch);
    return HONE_OK;
}

static hone_status test_sink_resume(hn_stage *stage, hone_diag *diag) {
    test_sink *state = stage->state;
    char byte;
    if (state->gate_fd && read((int)state->gate_fd, &byte, 1) != 1) {
        return wait_at_gate(stage, diag); /* it was more input that woke us */
    }
    state->gate_fd = 0;
    if (state->kept) {
        remember(stage, state->kept);
        state->kept = NULL;
    }
    return HONE_OK;
}

static hone_status test_sink_finish(hn_stage *stage, hone_diag *diag) {
    test_sink *state = stage->state;
    if (state->is_finish_failing) {
        hn_stage_blame(stage, NULL, diag);
        return hone_diag_set(diag, HONE_STATUS_IO, "the end could not be written");
    }
    if (state->rows) {
        state->rows->is_ended = true;
    }
    return state->gate_fd ? wait_at_gate(stage, diag) : HONE_OK;
}

static void test_sink_close(hn_stage *stage) {
    test_sink *state = stage->state;
    hn_batch_release(stage, state->kept);
}

static const hn_stage_kind kind_sink = {
    .name = "test.sink",
    .summary = "remembers",
    .role = HN_ROLE_SINK,
    .state_size_bytes = sizeof(test_sink),
    .options = sink_options,
    .options_count = sizeof sink_options / sizeof *sink_options,
    .open = test_sink_open,
    .process = test_sink_process,
    .resume = test_sink_resume,
    .finish = test_sink_finish,
    .close = test_sink_close,
};

/* --- the table: stands for that of kinds.c --- */

const hn_stage_kind *hn_stage_kind_at(uint32_t index) {
    static const hn_stage_kind *const kinds[] = {
        &kind_source,        &kind_edit,           &kind_sink,
        &hn_kind_source_csv, &hn_kind_source_host, &hn_kind_sink_null,
    };
    return index < sizeof kinds / sizeof *kinds ? kinds[index] : NULL;
}
