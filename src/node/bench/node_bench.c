/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole nodes. `csv_pipeline` is a job as people have it: a million rows of eight columns are read,
 * filtered, averaged over a sliding window and written; the peer is Miller, and both outputs must
 * be the same byte for byte before anything is measured. `filter_records` is what the runtime costs
 * a small record on one core, from a source that costs next to nothing; `filter_single_records` the
 * same when each record comes alone. `version` is what it takes
 * to start the program.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hone/base/number.h"
#include "hone/measure/bench_main.h"
#include "hone/platform/clock.h"
#include "hone/platform/file.h"
#include "hone/platform/process.h"
#include "hone/platform/program.h"
#include "node_internal.h"
#include "stages/kinds_internal.h"

enum { CSV_ROWS = 1000000, CSV_BYTES_MAX = 256 << 20, PATH_BYTES = 256 };

/* --- the program under test --- */

/* The command of this build (or installation): this program lies in libexec/hone/, it in bin/. */
static hone_status find_hone(char *out_path, size_t size, hone_diag *diag) {
    char own[PATH_BYTES];
    hone_status status = hone_program_path(own, sizeof own);
    if (status != HONE_OK) {
        return hone_diag_set(diag, status, "where this program lies is not known");
    }
    for (int up = 0; up < 3; up++) {
        char *slash = strrchr(own, '/');
        if (slash) {
            *slash = '\0';
        }
    }
    int length = snprintf(out_path, size, "%s/bin/hone", own);
    if (length < 0 || (size_t)length >= size || !hone_process_is_runnable(out_path)) {
        return hone_diag_set(diag, HONE_STATUS_NOT_FOUND, "there is no program '%s'", out_path);
    }
    return HONE_OK;
}

/* --- csv_pipeline --- */

typedef struct csv_job {
    char folder[PATH_BYTES];
    char hone[PATH_BYTES], node[PATH_BYTES + 32], data[PATH_BYTES + 32], out[PATH_BYTES + 32];
    char shell_line[3 * PATH_BYTES];
    const char *arguments[8];
} csv_job;

/* Numbers are written in their shortest form, as hone writes them: Miller keeps what it read. */
static void append_number(hone_buffer *out, double value, char end) {
    char text[40];
    size_t size = hone_number_format_f64(value, text);
    text[size] = end;
    hone_buffer_append_text(out, (hone_text){text, size + 1});
}

static void append_row(hone_buffer *out, hone_random *random, int row, double temperature) {
    hone_buffer_format(out, "%d,cell-%02d,", row, (int)hone_random_below(random, 40));
    append_number(out, (double)hone_random_below(random, 1000) / 1000, ',');
    append_number(out, temperature, ',');
    hone_buffer_format(out, "%d,%d,%d,%s\n", (int)hone_random_below(random, 10000000),
                       (int)hone_random_below(random, 1000000),
                       (int)(hone_random_below(random, 3) ? 0 : hone_random_below(random, 9)),
                       hone_random_below(random, 100) < 97 ? "true" : "false");
}

/* The same rows each time. */
static hone_status write_data(const char *path, hone_diag *diag) {
    hone_buffer content;
    hone_random random;
    int temperature = 400; /* tenths of a degree */
    hone_random_init(&random, 7);
    hone_buffer_init(&content, NULL, CSV_BYTES_MAX);
    hone_buffer_append_text(&content, HONE_TEXT("seq,cell,load,temperature,rx,tx,errors,ok\n"));
    for (int row = 0; row < CSV_ROWS; row++) {
        temperature += (int)hone_random_below(&random, 11) - 5;
        append_row(&content, &random, row, (double)temperature / 10);
    }
    hone_status status = hone_buffer_status(&content);
    if (status == HONE_OK) {
        status = hone_file_replace(path, hone_buffer_text(&content), diag);
    }
    hone_buffer_deinit(&content);
    return status;
}

static hone_status write_node(const csv_job *job, hone_diag *diag) {
    hone_buffer content;
    hone_buffer_init(&content, NULL, 1 << 16);
    hone_buffer_format(
        &content,
        "[node]\nname = \"csv-pipeline\"\n"
        "[[stage]]\nname = \"in\"\nkind = \"source.csv\"\npath = \"%s\"\n"
        "[[stage]]\nname = \"busy\"\nkind = \"filter\"\nfrom = \"in\"\nwhere = \"load > 0.5\"\n"
        "[[stage]]\nname = \"mean\"\nkind = \"window\"\nfrom = \"busy\"\nrows = 10\n"
        "fields = [\"load\"]\ncompute = [\"mean\"]\nkeep = true\n"
        "[[stage]]\nname = \"out\"\nkind = \"sink.csv\"\nfrom = \"mean\"\npath = \"%s\"\n"
        "header = [\"seq\", \"cell\", \"load\", \"temperature\", \"rx\", \"tx\", \"errors\", "
        "\"ok\", \"load_9_0\"]\n",
        job->data, job->out);
    hone_status status = hone_buffer_status(&content);
    if (status == HONE_OK) {
        status = hone_file_replace(job->node, hone_buffer_text(&content), diag);
    }
    hone_buffer_deinit(&content);
    return status;
}

static void drop_csv_job(void *self) {
    csv_job *job = self;
    if (job->folder[0]) {
        (void)unlink(job->data);
        (void)unlink(job->node);
        (void)unlink(job->out);
        (void)rmdir(job->folder);
    }
    HONE_DELETE(NULL, csv_job, job);
}

static hone_status prepare_csv_job(csv_job *job, hone_diag *diag) {
    char folder[PATH_BYTES];
    const char *base = getenv("TMPDIR");
    (void)snprintf(folder, sizeof folder, "%.150s/hone-bench-XXXXXX", base ? base : "/tmp");
    if (!mkdtemp(folder)) {
        return hone_diag_set(diag, HONE_STATUS_IO, "cannot create a folder like '%s'", folder);
    }
    memcpy(job->folder, folder, sizeof folder);
    (void)snprintf(job->data, sizeof job->data, "%s/data.csv", folder);
    (void)snprintf(job->node, sizeof job->node, "%s/node.toml", folder);
    (void)snprintf(job->out, sizeof job->out, "%s/out.csv", folder);
    hone_status status = find_hone(job->hone, sizeof job->hone, diag);
    if (status == HONE_OK) {
        status = write_data(job->data, diag);
    }
    return status == HONE_OK ? write_node(job, diag) : status;
}

static hone_status make_csv_job(hone_diag *diag, csv_job **out_job) {
    csv_job *job = HONE_NEW(NULL, csv_job);
    if (!job) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for the job");
    }
    hone_status status = prepare_csv_job(job, diag);
    if (status != HONE_OK) {
        drop_csv_job(job);
        return status;
    }
    *out_job = job;
    return HONE_OK;
}

static void use_hone(csv_job *job) {
    const char *const arguments[] = {job->hone, "run", job->node, NULL};
    memcpy(job->arguments, arguments, sizeof arguments);
}

static hone_status setup_csv_hone(const void *parameter, hone_diag *diag, void **out_context) {
    csv_job *job = NULL;
    (void)parameter;
    hone_status status = make_csv_job(diag, &job);
    if (status == HONE_OK) {
        use_hone(job);
        *out_context = job;
    }
    return status;
}

static void use_miller(csv_job *job) {
    const char *const arguments[] = {"/bin/sh", "-c", job->shell_line, NULL};
    (void)snprintf(job->shell_line, sizeof job->shell_line,
                   "exec mlr --icsv --ocsv filter '$load > 0.5' then step -a slwin_9_0 -f load "
                   "'%s' > '%s'",
                   job->data, job->out);
    memcpy(job->arguments, arguments, sizeof arguments);
}

static hone_status run_and_read(const csv_job *job, hone_diag *diag, hone_buffer *content) {
    hone_process_result result = {0};
    hone_status status = hone_process_run(job->arguments, NULL, diag, &result);
    if (status == HONE_OK && result.exit_code != 0) {
        status = hone_diag_set(diag, HONE_STATUS_IO, "'%s' fails with exit code %d",
                               job->arguments[0], result.exit_code);
    }
    return status == HONE_OK ? hone_file_read_all(job->out, CSV_BYTES_MAX, diag, content) : status;
}

/* Two programs are compared only when they do the same. */
static hone_status check_same_output(csv_job *job, hone_diag *diag) {
    hone_buffer ours, theirs;
    hone_buffer_init(&ours, NULL, CSV_BYTES_MAX);
    hone_buffer_init(&theirs, NULL, CSV_BYTES_MAX);
    use_hone(job);
    hone_status status = run_and_read(job, diag, &ours);
    use_miller(job);
    if (status == HONE_OK) {
        status = run_and_read(job, diag, &theirs);
    }
    if (status == HONE_OK &&
        !hone_text_is_equal(hone_buffer_text(&ours), hone_buffer_text(&theirs))) {
        status = hone_diag_set(diag, HONE_STATUS_CORRUPT, "hone and mlr give different output");
    }
    hone_buffer_deinit(&ours);
    hone_buffer_deinit(&theirs);
    return status;
}

static hone_status setup_csv_miller(const void *parameter, hone_diag *diag, void **out_context) {
    csv_job *job = NULL;
    (void)parameter;
    if (!hone_process_is_runnable("mlr")) {
        return hone_diag_set(diag, HONE_STATUS_ABSENT,
                             "miller is not installed (Debian has it in the package miller)");
    }
    hone_status status = make_csv_job(diag, &job);
    if (status != HONE_OK) {
        return status;
    }
    status = check_same_output(job, diag);
    if (status != HONE_OK) {
        drop_csv_job(job);
        return status;
    }
    *out_context = job;
    return HONE_OK;
}

static const char *const *csv_command(void *self) {
    return ((csv_job *)self)->arguments;
}

/* --- version --- */

typedef struct version_job {
    char hone[PATH_BYTES];
    const char *arguments[3];
} version_job;

static hone_status setup_version(const void *parameter, hone_diag *diag, void **out_context) {
    version_job *job = HONE_NEW(NULL, version_job);
    (void)parameter;
    if (!job) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for the job");
    }
    hone_status status = find_hone(job->hone, sizeof job->hone, diag);
    if (status != HONE_OK) {
        HONE_DELETE(NULL, version_job, job);
        return status;
    }
    job->arguments[0] = job->hone;
    job->arguments[1] = "version";
    *out_context = job;
    return HONE_OK;
}

static const char *const *version_command(void *self) {
    return ((version_job *)self)->arguments;
}

static void drop_version(void *self) {
    HONE_DELETE(NULL, version_job, self);
}

static hone_status setup_miller_version(const void *parameter, hone_diag *diag,
                                        void **out_context) {
    static const char *const arguments[] = {"mlr", "--version", NULL};
    (void)parameter;
    *out_context = (void *)arguments;
    return hone_process_is_runnable("mlr")
               ? HONE_OK
               : hone_diag_set(diag, HONE_STATUS_ABSENT,
                               "miller is not installed (Debian has it in the package miller)");
}

static const char *const *miller_version_command(void *self) {
    return self;
}

/* --- filter_records: a source of rows that were made beforehand --- */

typedef struct bench_source {
    uint64_t rows, batch, sent;
    int64_t times[HONE_BATCH_ROWS_MAX];
    hone_cell values[HONE_BATCH_ROWS_MAX];
    uint16_t selection[HONE_BATCH_ROWS_MAX];
} bench_source;

static const hn_option bench_source_options[] = {
    {.name = "rows",
     .type = HN_OPTION_COUNT,
     .offset = offsetof(bench_source, rows),
     .is_required = true,
     .help = "how many rows"},
    {.name = "batch",
     .type = HN_OPTION_COUNT,
     .offset = offsetof(bench_source, batch),
     .fallback = "1024",
     .help = "how many of them in a batch"},
};

static hone_status bench_source_open(hn_stage *stage, hone_diag *diag) {
    static const hone_field field = {{"load", 4}, HONE_TYPE_F64};
    bench_source *state = stage->state;
    hone_random random;
    hone_random_init(&random, 3);
    hn_stage_set_rows(stage, (uint32_t)state->batch);
    for (uint32_t i = 0; i < HONE_BATCH_ROWS_MAX; i++) {
        state->times[i] = i;
        state->values[i].f64 = (double)hone_random_below(&random, 1000) / 1000;
        state->selection[i] = (uint16_t)i;
    }
    return hone_schema_create(stage->arena, &field, 1, false, diag, &stage->schema);
}

static hone_status bench_source_produce(hn_stage *stage, hone_diag *diag) {
    bench_source *state = stage->state;
    hone_batch *batch = NULL;
    if (state->sent >= state->rows) {
        return HONE_STATUS_CLOSED;
    }
    hone_status status = hn_batch_acquire(stage, diag, &batch);
    if (status != HONE_OK) {
        return status;
    }
    uint64_t left = state->rows - state->sent;
    uint32_t rows = left < state->batch ? (uint32_t)left : (uint32_t)state->batch;
    memcpy(hone_batch_timestamps(batch), state->times, rows * sizeof *state->times);
    memcpy(hone_batch_cells(batch, 0), state->values, rows * sizeof *state->values);
    memcpy(hone_batch_selection(batch), state->selection, rows * sizeof *state->selection);
    batch->rows_count = batch->selected_count = rows;
    state->sent += rows;
    hn_stage_send(stage, batch);
    return HONE_OK;
}

static const hn_stage_kind bench_source_kind = {
    .name = "bench.source",
    .summary = "rows made beforehand",
    .role = HN_ROLE_SOURCE,
    .state_size_bytes = sizeof(bench_source),
    .options = bench_source_options,
    .options_count = sizeof bench_source_options / sizeof *bench_source_options,
    .open = bench_source_open,
    .produce = bench_source_produce,
};

/* Stands for the table of kinds.c in this program. */
const hn_stage_kind *hn_stage_kind_at(uint32_t index) {
    static const hn_stage_kind *const kinds[] = {&bench_source_kind, &hn_kind_filter,
                                                 &hn_kind_sink_null};
    return index < sizeof kinds / sizeof *kinds ? kinds[index] : NULL;
}

#define FILTER_NODE(rows, batch)                                                              \
    "[node]\nworkers = 1\n"                                                                   \
    "[[stage]]\nname = \"in\"\nkind = \"bench.source\"\nrows = " rows "\nbatch = " batch "\n" \
    "[[stage]]\nname = \"keep\"\nkind = \"filter\"\nfrom = \"in\"\nwhere = \"load >= 0\"\n"   \
    "[[stage]]\nname = \"out\"\nkind = \"sink.null\"\nfrom = \"keep\"\n"

/* Records a second through filter > sink.null, one worker; 0 when the run fails. */
static double measure_filter(void *content) {
    hone_node *node = NULL;
    const hone_report *report = NULL;
    double rate = 0;
    if (hone_node_load_text(hone_text_of(content), "bench", NULL, NULL, &node) != HONE_OK) {
        return 0;
    }
    uint64_t start_ns = hone_clock_monotonic_ns();
    if (hone_node_run(node, NULL, NULL, &report) == HONE_OK) {
        hone_report_totals totals = hone_report_sum(report->live);
        rate = (double)totals.records_out * 1e9 / (double)(hone_clock_monotonic_ns() - start_ns);
    }
    hone_node_destroy(node);
    return rate;
}

/* --- the suite --- */

static const hone_bench_case cases[] = {
    {.name = "csv_pipeline",
     .unit = "ms",
     .better = HONE_BENCH_LOWER,
     .scale = 1e-6,
     .variants = {{.name = "hone",
                   .setup = setup_csv_hone,
                   .command = csv_command,
                   .teardown = drop_csv_job},
                  {.name = "mlr",
                   .setup = setup_csv_miller,
                   .command = csv_command,
                   .teardown = drop_csv_job}}},
    {.name = "filter_records",
     .unit = "M records/s",
     .better = HONE_BENCH_HIGHER,
     .scale = 1e-6,
     .parameter = FILTER_NODE("4000000", "1024"),
     .variants = {{.name = "hone", .measure = measure_filter}}},
    {.name = "filter_single_records", /* each is a batch of its own */
     .unit = "M records/s",
     .better = HONE_BENCH_HIGHER,
     .scale = 1e-6,
     .parameter = FILTER_NODE("100000", "1"),
     .variants = {{.name = "hone", .measure = measure_filter}}},
    {.name = "version",
     .unit = "ms",
     .better = HONE_BENCH_LOWER,
     .scale = 1e-6,
     .variants = {{.name = "hone",
                   .setup = setup_version,
                   .command = version_command,
                   .teardown = drop_version},
                  {.name = "mlr",
                   .setup = setup_miller_version,
                   .command = miller_version_command}}},
};

int main(int argc, char **argv) {
    static const hone_bench_suite suite = {
        .name = "node", .cases = cases, .cases_count = sizeof cases / sizeof *cases};
    return hone_bench_main(argc, argv, &suite);
}
