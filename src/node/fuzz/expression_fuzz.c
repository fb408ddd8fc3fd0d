/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The input is the source of an expression. It is compiled against a fixed schema; what compiles is
 * evaluated over a small batch with missing values and edge cases, and its promises are checked:
 * bools are 0 or 1, texts can be read, a selection is ascending and a part of the one before.
 */
#include <math.h>
#include <stdlib.h>

#include "hone/node/expression.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ROWS = 67, FIELDS = 8 };

static void require(bool condition) {
    if (!condition) {
        abort();
    }
}

static void fill(hone_batch *batch) {
    static const int64_t wholes[] = {0, 1, -1, INT64_MAX, INT64_MIN, 7, -7, 1000};
    static const double reals[] = {0, -0.0, NAN, INFINITY, -INFINITY, 0.5, -1e308, 5e-324};
    static const char *const texts[] = {"",           "a",        "true", "-12.5",
                                        "Z\xc3\xa4h", "\xff\x80", "abc",  "9"};
    for (uint32_t row = 0; row < ROWS; row++) {
        (void)hone_batch_add_row(batch, (int64_t)row * 1000000007);
        for (uint32_t field = 0; field < FIELDS; field++) {
            hone_cell *cell = &hone_batch_cells(batch, field)[row];
            uint32_t pick = (row * 5 + field * 3 + row / 8) % 8;
            cell->i64 = -1;
            if ((row + field) % 5 == 0) {
                hone_batch_set_missing(batch, field, row);
            } else if (field < 2) {
                cell->i64 = wholes[pick];
            } else if (field < 4) {
                cell->f64 = reals[pick];
            } else if (field < 6) {
                cell->i64 = pick & 1;
            } else {
                require(hone_batch_add_text(batch, hone_text_of(texts[pick]), &cell->text) ==
                        HONE_OK);
            }
        }
    }
}

static void check_column(const hone_expression_column *column) {
    uint64_t sum = 0;
    for (uint32_t row = 0; row < ROWS; row++) {
        if ((column->missing[row / 64] >> (row % 64)) & 1) {
            continue;
        }
        if (column->type == HONE_TYPE_BOOL) {
            require(column->cells[row].i64 == 0 || column->cells[row].i64 == 1);
        } else if (column->type == HONE_TYPE_TEXT) {
            sum += hone_hash_bytes(column->texts[row].data, column->texts[row].size);
        }
    }
    require(sum != 1); /* so that the texts are really read */
}

static void check_selection(const hone_expression *expression, hone_batch *batch,
                            hone_expression_scratch *scratch) {
    const uint16_t *selection = hone_batch_selection(batch);
    for (int pass = 0; pass < 2; pass++) { /* what was selected is selected again */
        uint32_t before = batch->selected_count;
        hone_status status = hone_expression_select(expression, batch, scratch);
        require(status == HONE_OK || status == HONE_STATUS_LIMIT);
        require(batch->selected_count <= before && (pass == 0 || batch->selected_count == before));
    }
    for (uint32_t i = 0; i < batch->selected_count; i++) {
        require(selection[i] < ROWS && (i == 0 || selection[i] > selection[i - 1]));
    }
}

static void run(const hone_expression *expression, const hone_schema *schema, hone_arena *arena) {
    hone_batch_layout layout;
    hone_expression_scratch *scratch;
    hone_expression_column column;
    require(hone_batch_plan(schema, ROWS, 4096, &layout) == HONE_OK);
    void *memory = hone_arena_allocate(arena, layout.size_bytes, 64);
    require(memory != NULL);
    hone_batch *batch = hone_batch_init(memory, &layout);
    fill(batch);
    require(hone_expression_scratch_create(expression, NULL, 1 << 16, &scratch) == HONE_OK);
    hone_status status = hone_expression_evaluate(expression, batch, scratch, &column);
    require(status == HONE_OK || status == HONE_STATUS_LIMIT);
    if (status == HONE_OK) {
        require(column.type == hone_expression_type(expression));
        check_column(&column);
    }
    if (hone_expression_type(expression) == HONE_TYPE_BOOL) {
        check_selection(expression, batch, scratch);
    }
    hone_expression_scratch_destroy(scratch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const hone_field fields[FIELDS] = {
        {{"a", 1}, HONE_TYPE_I64},   {{"b", 1}, HONE_TYPE_I64},     {{"x", 1}, HONE_TYPE_F64},
        {{"y.z", 3}, HONE_TYPE_F64}, {{"p", 1}, HONE_TYPE_BOOL},    {{"q", 1}, HONE_TYPE_BOOL},
        {{"s", 1}, HONE_TYPE_TEXT},  {{"1 `t", 4}, HONE_TYPE_TEXT},
    };
    hone_arena arena;
    const hone_schema *schema;
    const hone_expression *expression;
    hone_diag diag;
    hone_diag_clear(&diag);
    hone_arena_init(&arena, NULL, 64 << 20);
    require(hone_schema_create(&arena, fields, FIELDS, true, NULL, &schema) == HONE_OK);
    hone_text source = {(const char *)data, size};
    hone_status status = hone_expression_compile(source, schema, &arena, &diag, &expression);
    if (status == HONE_OK) {
        run(expression, schema, &arena);
    } else {
        require(diag.status == status && diag.message[0] != '\0');
        require(status == HONE_STATUS_LIMIT || diag.column > 0);
    }
    hone_arena_deinit(&arena);
    return 0;
}
