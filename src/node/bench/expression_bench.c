/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows a second of filters and of computed columns over one batch of 1024 rows that stays in the
 * cache. The peer of the first case is the loop that a C programmer would write for it by hand.
 */
#include "hone/base/allocator.h"
#include "hone/measure/bench_main.h"
#include "hone/node/expression.h"

enum { ROWS = HONE_BATCH_ROWS_MAX, FIELDS = 4, ARENA_BYTES_MAX = 16 << 20 };

typedef struct context {
    hone_arena arena;
    const hone_expression *expression;
    hone_expression_scratch *scratch;
    hone_batch *batch;
} context;

static hone_status fill(hone_batch *batch) {
    static const char *const hosts[] = {"host-1", "host-2", "host-3", "gateway-17"};
    hone_random random;
    hone_random_init(&random, 42);
    for (uint32_t row = 0; row < ROWS; row++) {
        (void)hone_batch_add_row(batch, row);
        hone_batch_cells(batch, 0)[row].f64 = (double)hone_random_below(&random, 1000) / 1000;
        hone_batch_cells(batch, 1)[row].f64 = (double)hone_random_below(&random, 1000) / 1000;
        hone_batch_cells(batch, 2)[row].i64 = (int64_t)hone_random_below(&random, 1000);
        hone_status status =
            hone_batch_add_text(batch, hone_text_of(hosts[hone_random_below(&random, 4)]),
                                &hone_batch_cells(batch, 3)[row].text);
        if (status != HONE_OK) {
            return status;
        }
    }
    return HONE_OK;
}

static hone_status build(context *made, const char *source, hone_diag *diag) {
    static const hone_field fields[FIELDS] = {{{"x", 1}, HONE_TYPE_F64},
                                              {{"y", 1}, HONE_TYPE_F64},
                                              {{"i", 1}, HONE_TYPE_I64},
                                              {{"s", 1}, HONE_TYPE_TEXT}};
    const hone_schema *schema;
    hone_batch_layout layout;
    hone_status status = hone_schema_create(&made->arena, fields, FIELDS, true, diag, &schema);
    if (status != HONE_OK || (status = hone_batch_plan(schema, ROWS, 0, &layout)) != HONE_OK) {
        return status;
    }
    void *memory = hone_arena_allocate(&made->arena, layout.size_bytes, 64);
    if (!memory) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for the batch");
    }
    made->batch = hone_batch_init(memory, &layout);
    status = fill(made->batch);
    if (status == HONE_OK) {
        status = hone_expression_compile(hone_text_of(source), schema, &made->arena, diag,
                                         &made->expression);
    }
    if (status == HONE_OK) {
        status = hone_expression_scratch_create(made->expression, NULL, 0, &made->scratch);
    }
    return status;
}

static void drop(void *self) {
    context *made = self;
    hone_expression_scratch_destroy(made->scratch);
    hone_arena_deinit(&made->arena);
    HONE_DELETE(NULL, context, made);
}

static hone_status make(const void *parameter, hone_diag *diag, void **out_context) {
    context *made = HONE_NEW(NULL, context);
    if (!made) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for the input");
    }
    hone_arena_init(&made->arena, NULL, ARENA_BYTES_MAX);
    hone_status status = build(made, parameter, diag);
    if (status != HONE_OK) {
        drop(made);
        return status;
    }
    *out_context = made;
    return HONE_OK;
}

static void run_evaluate(void *self, uint64_t iterations) {
    context *made = self;
    for (uint64_t n = 0; n < iterations; n++) {
        hone_expression_column column;
        hone_status status =
            hone_expression_evaluate(made->expression, made->batch, made->scratch, &column);
        hone_bench_consume(&column);
        (void)hone_bench_opaque((uint64_t)status);
    }
}

/* Marking all rows as selected is enough to begin anew: a full selection is not read. */
static void run_select(void *self, uint64_t iterations) {
    context *made = self;
    for (uint64_t n = 0; n < iterations; n++) {
        made->batch->selected_count = ROWS;
        hone_status status = hone_expression_select(made->expression, made->batch, made->scratch);
        hone_bench_consume(made->batch);
        (void)hone_bench_opaque((uint64_t)status);
    }
}

static void run_by_hand(void *self, uint64_t iterations) {
    hone_batch *batch = ((context *)self)->batch;
    const hone_cell *x = hone_batch_cells(batch, 0);
    uint16_t *selection = hone_batch_selection(batch);
    for (uint64_t n = 0; n < iterations; n++) {
        uint32_t kept = 0;
        for (uint32_t row = 0; row < ROWS; row++) {
            if (!hone_batch_is_missing(batch, 0, row) && x[row].f64 > 0.5) {
                selection[kept++] = (uint16_t)row;
            }
        }
        batch->selected_count = kept;
        hone_bench_consume(batch);
    }
}

#define ROWS_CASE(title, source, function)                                               \
    {                                                                                    \
        .name = (title), .unit = "M rows/s", .better = HONE_BENCH_HIGHER,                \
        .items_per_iteration = ROWS, .scale = 1e-6, .parameter = (source), .variants = { \
            {.name = "hone", .setup = make, .run = (function), .teardown = drop},        \
        }                                                                                \
    }

static const hone_bench_case cases[] = {
    {.name = "filter_field",
     .unit = "M rows/s",
     .better = HONE_BENCH_HIGHER,
     .items_per_iteration = ROWS,
     .scale = 1e-6,
     .parameter = "x > 0.5",
     .variants = {{.name = "hone", .setup = make, .run = run_select, .teardown = drop},
                  {.name = "by_hand", .setup = make, .run = run_by_hand, .teardown = drop}}},
    ROWS_CASE("filter_and", "x > 0.5 and y < 0.5", run_select),
    ROWS_CASE("filter_arithmetic", "x * y + 1 > 1.2", run_select),
    ROWS_CASE("filter_text", "s == 'host-3'", run_select),
    ROWS_CASE("map_f64", "x * y + 1", run_evaluate),
    ROWS_CASE("map_i64", "i * 3 + 1", run_evaluate),
    ROWS_CASE("map_if", "if(x > 0.5, x, y)", run_evaluate),
    ROWS_CASE("map_upper", "upper(s)", run_evaluate),
};

int main(int argc, char **argv) {
    static const hone_bench_suite suite = {
        .name = "expression", .cases = cases, .cases_count = sizeof cases / sizeof cases[0]};
    return hone_bench_main(argc, argv, &suite);
}
