/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs of small graphs. After each run the books must balance: what sources made is what sinks
 * wrote plus what was dropped, filtered out or not delivered.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "hone/memory/checking.h"
#include "hone/memory/failing.h"
#include "node_kinds_test.h"

/* --- one run --- */

typedef struct trial {
    hn_test_context context;
    hone_checking *checking;
    hone_node *node;
    hone_diag diag;
    hone_status status;
    const hone_report *report;
} trial;

static void start(trial *t, const char *content) {
    *t = (trial){0};
    hn_test_context_init(&t->context);
    assert_int_equal(hone_checking_create(NULL, 1 << 16, &t->checking), HONE_OK);
    hone_node_options options = {.allocator = hone_checking_allocator(t->checking),
                                 .log = &t->context.log};
    t->status = hone_node_load_text(hone_text_of(content), "n.toml", &options, &t->diag, &t->node);
    if (t->status != HONE_OK) {
        fail_msg("%s", t->diag.message);
    }
}

static void run(trial *t, const hone_node_run_options *options) {
    t->status = hone_node_run(t->node, options, &t->diag, &t->report);
    assert_non_null(t->report);
    assert_int_equal(t->report->status, t->status);
}

static const hone_live_stage *stage_of(const trial *t, const char *name) {
    const hone_live_page *live = t->report->live;
    for (uint32_t i = 0; i < live->stages_count; i++) {
        if (strcmp(live->stages[i].name, name) == 0) {
            return &live->stages[i];
        }
    }
    fail_msg("there is no stage '%s'", name);
    return NULL;
}

typedef struct figures {
    uint64_t in, out, dropped, undelivered;
} figures;

static figures figures_of(const trial *t, const char *name) {
    const hone_live_stage *stage = stage_of(t, name);
    return (figures){stage->records_in, stage->records_out, stage->records_dropped,
                     stage->records_undelivered};
}

/* What went into an edge came out or was dropped; a sink wrote or lost what it took. */
static void check_balance(const trial *t) {
    for (uint32_t i = 0; i < hone_node_stages_count(t->node); i++) {
        hone_node_stage_info info;
        uint64_t given = 0;
        assert_int_equal(hone_node_stage_info_read(t->node, i, &info), HONE_OK);
        const hone_live_stage *stage = &t->report->live->stages[i];
        for (uint32_t k = 0; k < info.inputs_count; k++) {
            given += t->report->live->stages[info.inputs[k]].records_out;
        }
        if (info.inputs_count) {
            assert_int_equal(given, stage->records_in + stage->records_dropped);
        }
        if (stage->role == HONE_LIVE_SINK) {
            assert_int_equal(stage->records_in, stage->records_out + stage->records_undelivered);
        }
        if (stage->role == HONE_LIVE_SOURCE) {
            assert_int_equal(stage->records_in, stage->records_out);
        }
        assert_int_equal(stage->queued_count, 0);
    }
    hone_report_totals totals = hone_report_sum(t->report->live);
    assert_true(totals.records_out + totals.records_dropped + totals.records_undelivered > 0 ||
                totals.records_in == 0);
}

static void end(trial *t) {
    hone_diag diag = {0};
    if (t->report) {
        check_balance(t);
    }
    hone_node_destroy(t->node);
    if (hone_checking_verify(t->checking, &diag) != HONE_OK) {
        fail_msg("%s", diag.message);
    }
    hone_checking_destroy(t->checking);
    hn_test_context_deinit(&t->context);
}

/* The sink's values are first, first + step, ... and nothing else. */
static void assert_rows(const trial *t, const char *sink, size_t count, int64_t first,
                        int64_t step) {
    const hn_test_sink_rows *rows = hn_test_rows(&t->context, sink);
    assert_int_equal(rows->count, count);
    for (size_t i = 0; i < count; i++) {
        if (rows->values[i] != first + (int64_t)i * step) {
            fail_msg("row %zu of '%s' is %lld, not %lld", i, sink, (long long)rows->values[i],
                     (long long)(first + (int64_t)i * step));
        }
    }
}

#define STAGE(name, kind, rest) "[[stage]]\nname = \"" name "\"\nkind = \"" kind "\"\n" rest "\n"
#define SOURCE(name, rest) STAGE(name, "test.source", rest)
#define EDIT(name, from, rest) STAGE(name, "test.edit", "from = " from "\n" rest)
#define SINK(name, from, rest) STAGE(name, "test.sink", "from = " from "\n" rest)

/* --- shapes --- */

static void a_chain_keeps_order(void **test) {
    trial t;
    (void)test;
    for (int workers = 1; workers <= 3; workers++) {
        char content[600];
        (void)snprintf(content, sizeof content,
                       "[node]\nworkers = %d\n" SOURCE("in", "rows = 100000\nbatch = 64")
                           EDIT("a", "\"in\"", "add = 1") EDIT("b", "\"a\"", "keep_each = 3")
                               SINK("out", "\"b\"", ""),
                       workers);
        start(&t, content);
        run(&t, NULL);
        assert_int_equal(t.status, HONE_OK);
        assert_rows(&t, "out", 33334, 1, 3);
        assert_true(hn_test_rows(&t.context, "out")->is_ended);
        assert_int_equal(figures_of(&t, "b").in, 100000);
        assert_int_equal(figures_of(&t, "b").out, 33334);
        assert_int_equal(hone_histogram_count(&stage_of(&t, "b")->hop_ns), 100000);
        assert_int_equal(hone_histogram_count(&stage_of(&t, "out")->end_to_end_ns), 33334);
        end(&t);
    }
}

/* An edit in one branch must not be seen in the other: batches are shared and copied on write. */
static void fan_out_copies_on_write(void **test) {
    trial t;
    (void)test;
    for (int queue = 1; queue <= 16; queue *= 4) {
        char content[900];
        (void)snprintf(content, sizeof content,
                       SOURCE("in", "rows = 20000\nbatch = 100")
                           EDIT("plus", "\"in\"", "add = 1000000\nqueue = %d")
                               EDIT("some", "\"in\"", "keep_each = 10\nqueue = %d")
                                   SINK("raw", "\"in\"", "") SINK("edited", "\"plus\"", "")
                                       SINK("few", "\"some\"", ""),
                       queue, queue);
        start(&t, content);
        run(&t, NULL);
        assert_int_equal(t.status, HONE_OK);
        assert_rows(&t, "raw", 20000, 0, 1);
        assert_rows(&t, "edited", 20000, 1000000, 1);
        assert_rows(&t, "few", 2000, 0, 10);
        end(&t);
    }
}

static void fan_in_brings_all(void **test) {
    trial t;
    (void)test;
    start(&t, SOURCE("a", "rows = 30000\nbatch = 64")
                  SOURCE("b", "rows = 20000\nbatch = 10\nfirst = 1000000") SOURCE("c", "rows = 0")
                      SINK("out", "[\"a\", \"b\", \"c\"]", ""));
    run(&t, NULL);
    assert_int_equal(t.status, HONE_OK);
    const hn_test_sink_rows *rows = hn_test_rows(&t.context, "out");
    int64_t next_a = 0, next_b = 1000000; /* each source's rows stay in order */
    assert_int_equal(rows->count, 50000);
    for (size_t i = 0; i < rows->count; i++) {
        int64_t *next = rows->values[i] < 1000000 ? &next_a : &next_b;
        assert_int_equal(rows->values[i], *next);
        (*next)++;
    }
    end(&t);
}

static void a_diamond_joins_again(void **test) {
    trial t;
    (void)test;
    start(&t, SOURCE("in", "rows = 5000\nbatch = 7") EDIT("l", "\"in\"", "queue = 1")
                  EDIT("r", "\"in\"", "add = 100000\nlast_row = true")
                      EDIT("both", "[\"l\", \"r\"]", "queue = 2") SINK("out", "\"both\"", ""));
    run(&t, NULL);
    assert_int_equal(t.status, HONE_OK);
    assert_int_equal(hn_test_rows(&t.context, "out")->count, 10001);
    end(&t);
}

/* --- limits of a run --- */

static void records_are_counted_exactly(void **test) {
    static const uint64_t limits[] = {1, 63, 64, 65, 4096, 39999, 40000, 50000};
    (void)test;
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        trial t;
        uint64_t expected = limits[i] < 40000 ? limits[i] : 40000;
        start(&t, SOURCE("a", "rows = 10000\nbatch = 64") SOURCE("b", "rows = 10000\nbatch = 100")
                      SOURCE("c", "rows = 20000\nbatch = 33")
                          SINK("out", "[\"a\", \"b\", \"c\"]", "queue = 2"));
        run(&t, &(hone_node_run_options){.records_max = limits[i]});
        assert_int_equal(t.status, HONE_OK);
        assert_int_equal(hn_test_rows(&t.context, "out")->count, expected);
        assert_int_equal(hone_report_sum(t.report->live).records_in, expected);
        end(&t);
    }
}

static void duration_ends_a_waiting_source(void **test) {
    trial t;
    (void)test;
    start(&t, SOURCE("in", "rows = 1000000\nevery = \"1h\"") SINK("out", "\"in\"", ""));
    run(&t, &(hone_node_run_options){.duration_ns = 50000000});
    assert_int_equal(t.status, HONE_OK);
    assert_int_equal(hn_test_rows(&t.context, "out")->count, 1);
    assert_true(t.report->elapsed_ns >= 50000000 && t.report->elapsed_ns < 5000000000);
    end(&t);
}

static void stop_from_progress(void *context, const hone_live_page *live) {
    trial *t = context;
    if (live->stages[0].records_in > 0) {
        hone_node_stop(t->node);
        hone_node_stop(t->node); /* twice does no harm */
    }
}

static void stop_ends_a_flowing_source(void **test) {
    trial t;
    (void)test;
    start(&t, SOURCE("in", "rows = 1000000000\nbatch = 64") EDIT("e", "\"in\"", "add = 0")
                  SINK("out", "\"e\"", "queue = 1"));
    hone_node_run_options options = {
        .progress_ns = 1000000, .progress = stop_from_progress, .progress_context = &t};
    run(&t, &options);
    assert_int_equal(t.status, HONE_OK);
    assert_true(figures_of(&t, "out").out > 0);
    assert_rows(&t, "out", figures_of(&t, "in").in, 0, 1);
    end(&t);
}

static void a_node_runs_once(void **test) {
    trial t;
    const hone_report *again = NULL;
    (void)test;
    start(&t, SOURCE("in", "rows = 1") SINK("out", "\"in\"", ""));
    run(&t, NULL);
    assert_int_equal(hone_node_run(t.node, NULL, &t.diag, &again), HONE_STATUS_INVALID_ARGUMENT);
    assert_string_equal(t.diag.message, "a node runs only once");
    end(&t);
}

/* --- back-pressure --- */

typedef struct gate {
    int ends[2];
    char content[700];
} gate;

/* A sink that keeps its first batch until the source has sent everything: what the queue cannot
 * hold must be dropped. One row in a batch. */
static void gated(gate *g, const char *on_full, int queue, int rows) {
    assert_int_equal(pipe2(g->ends, O_CLOEXEC | O_NONBLOCK), 0);
    (void)snprintf(g->content, sizeof g->content,
                   SOURCE("in", "rows = %d\nopens = %d")
                       SINK("out", "\"in\"", "on_full = \"%s\"\nqueue = %d\ngate = %d"),
                   rows, g->ends[1], on_full, queue, g->ends[0]);
}

static void close_gate(gate *g) {
    (void)close(g->ends[0]);
    (void)close(g->ends[1]);
}

/* With a queue of q the sink gets its first batch and then q others, which ones says the policy. */
static void full_queues_drop_what_they_should(void **test) {
    static const int queues[] = {1, 2, 3, 4, 5, 16, 63, 64, 65};
    (void)test;
    for (size_t i = 0; i < 2 * sizeof queues / sizeof *queues; i++) {
        bool is_oldest = i % 2;
        int queue = queues[i / 2];
        gate g;
        trial t;
        gated(&g, is_oldest ? "drop_oldest" : "drop_newest", queue, 500);
        start(&t, g.content);
        run(&t, NULL);
        assert_int_equal(t.status, HONE_OK);
        const hn_test_sink_rows *rows = hn_test_rows(&t.context, "out");
        assert_in_range(rows->count, queue,
                        queue + 1); /* was the first taken before it was full? */
        assert_int_equal(figures_of(&t, "out").dropped, 500 - rows->count);
        bool has_more = rows->count == (size_t)queue + 1; /* than the queue holds */
        for (size_t k = 0; k < rows->count; k++) {
            int64_t value = rows->values[k], from_end = 500 - (int64_t)(rows->count - k);
            bool is_right = is_oldest
                                ? value == from_end || (has_more && k == 0 && value < from_end)
                                : value == (int64_t)k ||
                                      (has_more && k + 1 == rows->count && value > (int64_t)k);
            if (!is_right) {
                fail_msg("queue %d, %s: row %zu is %lld", queue, is_oldest ? "oldest" : "newest", k,
                         (long long)value);
            }
        }
        end(&t);
        close_gate(&g);
    }
}

static void block_loses_nothing(void **test) {
    trial t;
    (void)test;
    start(&t, SOURCE("in", "rows = 3000") SINK("a", "\"in\"", "queue = 1")
                  SINK("b", "\"in\"", "queue = 3") SINK("c", "\"in\"", "queue = 1000"));
    run(&t, NULL);
    assert_int_equal(t.status, HONE_OK);
    assert_rows(&t, "a", 3000, 0, 1);
    assert_rows(&t, "b", 3000, 0, 1);
    assert_rows(&t, "c", 3000, 0, 1);
    end(&t);
}

/* Two workers that push and pull as fast as they can: nothing is counted twice or forgotten. */
static void dropping_under_load_balances(void **test) {
    static const char *const policies[] = {"drop_oldest", "drop_newest"};
    (void)test;
    for (int i = 0; i < 6; i++) {
        trial t;
        char content[700];
        (void)snprintf(content, sizeof content,
                       "[node]\nworkers = 3\n" SOURCE("a", "rows = 20000")
                           SOURCE("b", "rows = 20000\nfirst = 1000000")
                               SINK("out", "[\"a\", \"b\"]", "on_full = \"%s\"\nqueue = %d"),
                       policies[i % 2], 1 + i);
        start(&t, content);
        run(&t, NULL);
        assert_int_equal(t.status, HONE_OK);
        const hn_test_sink_rows *rows = hn_test_rows(&t.context, "out");
        int64_t last[2] = {-1, -1};
        for (size_t k = 0; k < rows->count; k++) {
            int64_t *before = &last[rows->values[k] >= 1000000];
            assert_true(rows->values[k] > *before);
            *before = rows->values[k];
        }
        assert_int_equal(rows->count + figures_of(&t, "out").dropped, 40000);
        end(&t);
    }
}

/* --- failures --- */

static void a_failing_source_delivers_what_came_before(void **test) {
    trial t;
    char text[256];
    (void)test;
    start(&t, SOURCE("in", "rows = 5000\nbatch = 64\nfail_at = 1234") EDIT("e", "\"in\"", "add = 0")
                  SINK("out", "\"e\"", ""));
    run(&t, NULL);
    assert_int_equal(t.status, HONE_STATUS_BAD_RECORD);
    assert_rows(&t, "out", 1234, 0, 1);
    assert_true(hn_test_rows(&t.context, "out")->is_ended);
    (void)hone_diag_format(&t.diag, text, sizeof text);
    assert_string_equal(text, "made-up.data:1235: stage 'in': row 1234 is bad");
    end(&t);
}

static void a_failing_transform_counts_what_it_could_not_deliver(void **test) {
    trial t;
    (void)test;
    start(&t, SOURCE("in", "rows = 6400\nbatch = 64") EDIT("e", "\"in\"", "fail_at = 640")
                  SINK("out", "\"e\"", "") SINK("raw", "\"in\"", ""));
    run(&t, NULL);
    assert_int_equal(t.status, HONE_STATUS_BAD_RECORD);
    assert_string_equal(t.diag.subject, "stage 'e'");
    assert_rows(&t, "out", 640, 0, 1);
    figures e = figures_of(&t, "e");
    assert_int_equal(e.undelivered, e.in - 640);
    assert_rows(&t, "raw", figures_of(&t, "in").out, 0, 1); /* the other branch loses nothing */
    end(&t);
}

static void a_failing_sink_leaves_the_others_alone(void **test) {
    trial t;
    (void)test;
    start(&t, SOURCE("in", "rows = 6400\nbatch = 64") SINK("bad", "\"in\"", "fail_at = 100")
                  SINK("good", "\"in\"", ""));
    run(&t, NULL);
    assert_int_equal(t.status, HONE_STATUS_NO_SPACE);
    assert_string_equal(t.diag.subject, "stage 'bad'");
    assert_int_equal(figures_of(&t, "bad").out, 64);
    assert_rows(&t, "good", figures_of(&t, "in").out, 0, 1);
    end(&t);
}

static void the_first_failure_is_reported_the_others_logged(void **test) {
    trial t;
    (void)test;
    start(&t, SOURCE("in", "rows = 6400\nbatch = 64") SINK("a", "\"in\"", "fail_at = 100")
                  SINK("b", "\"in\"", "fail_at_end = true"));
    run(&t, NULL);
    assert_int_equal(t.status, HONE_STATUS_NO_SPACE);
    assert_string_equal(t.diag.message, "the sink is full");
    assert_int_equal(t.context.lines_count, 1);
    assert_string_equal(t.context.lines, "stage 'b' failed, too: the end could not be written\n");
    assert_int_equal(figures_of(&t, "b").undelivered, 0);
    end(&t);
}

static void a_sink_may_wait_at_the_end(void **test) {
    gate g;
    trial t;
    (void)test;
    assert_int_equal(pipe2(g.ends, O_CLOEXEC | O_NONBLOCK), 0);
    (void)snprintf(
        g.content, sizeof g.content,
        SOURCE("in", "rows = 10") SOURCE("late", "rows = 1\nopens = %d\nevery = \"20ms\"")
            SINK("out", "\"in\"", "gate = %d\ngate_at_end = true") SINK("other", "\"late\"", ""),
        g.ends[1], g.ends[0]);
    start(&t, g.content);
    run(&t, NULL);
    assert_int_equal(t.status, HONE_OK);
    assert_rows(&t, "out", 10, 0, 1);
    end(&t);
    close_gate(&g);
}

/* A queue that is too long for the budget in front of a slow sink: the source waits for memory. */
static void a_slow_sink_does_not_exhaust_the_budget(void **test) {
    trial t;
    (void)test;
    start(&t, "[node]\nmemory_budget = \"1MiB\"\n" SOURCE("in", "rows = 3000")
                  EDIT("e", "\"in\"", "add = 1\nqueue = 2000")
                      SINK("out", "\"e\"", "queue = 2000\ndelay = \"20us\"")
                          SINK("raw", "\"in\"", "queue = 2000"));
    run(&t, NULL);
    assert_int_equal(t.status, HONE_OK);
    assert_rows(&t, "out", 3000, 1, 1);
    assert_rows(&t, "raw", 3000, 0, 1);
    assert_true(t.report->live->peak_bytes <= 1 << 20);
    assert_true(stage_of(&t, "in")->blocked_count > 0);
    end(&t);
}

/* --- memory --- */

static hone_status load_run_destroy(const hone_allocator *allocator, hone_status *out_load) {
    static const char content[] = "[node]\nworkers = 2\n" SOURCE("in", "rows = 300\nbatch = 64")
        EDIT("e", "\"in\"", "add = 1\nqueue = 2") SINK("out", "\"e\"", "")
            SINK("raw", "\"in\"", "");
    hone_node_options options = {.allocator = allocator};
    const hone_report *report = NULL;
    hone_node *node = NULL;
    hone_diag diag = {0};
    *out_load = hone_node_load_text(hone_text_of(content), "n.toml", &options, &diag, &node);
    hone_status status = *out_load;
    if (status == HONE_OK) {
        status = hone_node_run(node, NULL, &diag, &report);
    }
    hone_node_destroy(node);
    return status;
}

static void each_allocation_may_fail(void **test) {
    (void)test;
    for (uint64_t n = 1;; n++) {
        hone_failing failing;
        hone_status load;
        hone_failing_init(&failing, NULL, n, false);
        hone_status status = load_run_destroy(&failing.allocator, &load);
        assert_int_equal(hone_failing_read_stats(&failing).live_bytes, 0);
        if (!hone_failing_has_failed(&failing)) {
            assert_int_equal(status, HONE_OK);
            assert_true(n > 10); /* it is the loop that ends, not the counting */
            break;
        }
        if (status != HONE_STATUS_OUT_OF_MEMORY) {
            fail_msg("allocation %llu failed, and the status is %s", (unsigned long long)n,
                     hone_status_name(status));
        }
    }
}

static int use_own_folder(void **state) {
    static char folder[] = "/tmp/hone-runtime-test-XXXXXX";
    *state = mkdtemp(folder);
    return *state && setenv("HONE_RUNTIME_DIR", *state, 1) == 0 ? 0 : -1;
}

static int drop_own_folder(void **state) {
    return rmdir(*state); /* fails when a live page was left there */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_chain_keeps_order),
        cmocka_unit_test(fan_out_copies_on_write),
        cmocka_unit_test(fan_in_brings_all),
        cmocka_unit_test(a_diamond_joins_again),
        cmocka_unit_test(records_are_counted_exactly),
        cmocka_unit_test(duration_ends_a_waiting_source),
        cmocka_unit_test(stop_ends_a_flowing_source),
        cmocka_unit_test(a_node_runs_once),
        cmocka_unit_test(full_queues_drop_what_they_should),
        cmocka_unit_test(block_loses_nothing),
        cmocka_unit_test(dropping_under_load_balances),
        cmocka_unit_test(a_failing_source_delivers_what_came_before),
        cmocka_unit_test(a_failing_transform_counts_what_it_could_not_deliver),
        cmocka_unit_test(a_failing_sink_leaves_the_others_alone),
        cmocka_unit_test(the_first_failure_is_reported_the_others_logged),
        cmocka_unit_test(a_sink_may_wait_at_the_end),
        cmocka_unit_test(a_slow_sink_does_not_exhaust_the_budget),
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, use_own_folder, drop_own_folder);
}
