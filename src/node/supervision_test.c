/* SPDX-License-Identifier: Apache-2.0 */
/* What a running node shows of its partitions and of memory pressure, and does about it. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "node_kinds_test.h"

/* --- memory pressure, on faked machines --- */

static const char *const machine_files[][2] = {
    {"/proc/self/cgroup", "0::/app\n"},
    {"/proc/self/mountinfo", "31 23 0:28 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"},
    {"/sys/fs/cgroup/app/memory.max", "1000\n"},
    {"/sys/fs/cgroup/app/memory.current", "100\n"},
};
enum { MACHINE_FILES_COUNT = sizeof machine_files / sizeof *machine_files };

static void write_file(const char *root, const char *path, const char *text) {
    char full[256];
    (void)snprintf(full, sizeof full, "%s%s", root, path);
    for (char *slash = strchr(full + strlen(root) + 1, '/'); slash;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(full, 0755);
        *slash = '/';
    }
    assert_int_equal(hone_file_replace(full, hone_text_of(text), NULL), HONE_OK);
}

static void make_machine(char root[], const char *used) {
    assert_non_null(mkdtemp(root));
    for (int i = 0; i < MACHINE_FILES_COUNT; i++) {
        write_file(root, machine_files[i][0], machine_files[i][1]);
    }
    write_file(root, "/sys/fs/cgroup/app/memory.current", used);
}

/* Each file and then the folders above it, as far as they are empty. */
static void drop_machine(const char *root) {
    for (int i = 0; i < MACHINE_FILES_COUNT; i++) {
        char full[256];
        (void)snprintf(full, sizeof full, "%s%s", root, machine_files[i][0]);
        (void)unlink(full);
        for (char *slash = strrchr(full, '/'); slash && slash > full + strlen(root);
             slash = strrchr(full, '/')) {
            *slash = '\0';
            (void)rmdir(full);
        }
    }
    assert_int_equal(rmdir(root), 0);
}

/* Many batches queue up before a slow sink; while they drain, their blocks are of no use. */
static const char draining[] =
    "[node]\nname = \"draining\"\nmemory_budget = \"1GiB\"\n"
    "[[stage]]\nname = \"in\"\nkind = \"test.source\"\nrows = 8192\nbatch = 64\n"
    "[[stage]]\nname = \"out\"\nkind = \"test.sink\"\nfrom = \"in\"\nqueue = 128\ndelay = "
    "\"1ms\"\n";

static hone_node *run_draining(const char *root, uint64_t interval_ns, const hone_report **out) {
    hone_node *node = NULL;
    hone_node_options options = {.root = root};
    hone_node_run_options running = {.pressure_interval_ns = interval_ns};
    assert_int_equal(hone_node_load_text(hone_text_of(draining), "n.toml", &options, NULL, &node),
                     HONE_OK);
    assert_int_equal(hone_node_run(node, &running, NULL, out), HONE_OK);
    assert_int_equal(hone_report_sum((*out)->live).records_out, 8192);
    return node;
}

static bool has_text(const hone_report *report, void (*writer)(const hone_report *, hone_buffer *),
                     const char *wanted) {
    hone_buffer text;
    hone_buffer_init(&text, NULL, 1 << 20);
    writer(report, &text);
    hone_buffer_append_byte(&text, 0);
    assert_int_equal(hone_buffer_status(&text), HONE_OK);
    bool has = strstr((const char *)text.data, wanted) != NULL;
    hone_buffer_deinit(&text);
    return has;
}

static void a_full_control_group_makes_stages_give_back(void **test) {
    char root[] = "/tmp/hone-supervision-XXXXXX";
    const hone_report *report = NULL;
    (void)test;
    make_machine(root, "990\n");
    hone_node *node = run_draining(root, 1000000, &report);
    const hone_live_pressure *live = &report->live->pressure;
    assert_int_equal(live->cgroup_ppm, 990000);
    assert_true(live->own_ppm < 100000);
    assert_int_equal(live->stall_ppm, HONE_LIVE_UNKNOWN); /* this machine has no PSI */
    assert_true(live->pressure_peak_ppm >= 990000);
    assert_true(live->passes_count > 0 && live->passes_count <= live->looks_count);
    assert_true(live->evicted_bytes > 0);
    assert_true(report->pressure.is_evicting);
    assert_true(
        has_text(report, hone_report_write_text, "memory pressure: 99 % at most; last: own "));
    assert_true(has_text(report, hone_report_write_text, "gave back "));
    assert_true(has_text(report, hone_report_write_json, "\"passes_count\": "));
    hone_node_destroy(node);
    drop_machine(root);
}

static void without_pressure_nothing_is_evicted(void **test) {
    char root[] = "/tmp/hone-supervision-XXXXXX";
    const hone_report *report = NULL;
    (void)test;
    make_machine(root, "100\n");
    hone_node *node = run_draining(root, 1000000, &report);
    assert_true(report->live->pressure.looks_count > 1);
    assert_int_equal(report->live->pressure.passes_count, 0);
    assert_int_equal(report->live->pressure.evicted_bytes, 0);
    hone_node_destroy(node);
    node = run_draining(root, HONE_NODE_NEVER, &report);
    assert_false(report->has_pressure);
    assert_int_equal(report->live->pressure.looks_count, 0);
    assert_false(has_text(report, hone_report_write_text, "pressure"));
    assert_true(has_text(report, hone_report_write_json, "\"memory_pressure\": null"));
    hone_node_destroy(node);
    drop_machine(root);
}

/* The root goes away while the node runs: that is told once, and the run goes on. */
static void remove_machine(void *context, const hone_live_page *live) {
    (void)live;
    if (access(context, F_OK) == 0) {
        drop_machine(context);
    }
}

static void a_look_that_fails_is_told_once(void **test) {
    static const char content[] =
        "[[stage]]\nname = \"in\"\nkind = \"test.source\"\nrows = 1000000\nevery = \"1ms\"\n"
        "[[stage]]\nname = \"out\"\nkind = \"test.sink\"\nfrom = \"in\"\n";
    char root[] = "/tmp/hone-supervision-XXXXXX";
    hn_test_context context;
    hone_node *node = NULL;
    const hone_report *report = NULL;
    hone_node_run_options running = {.duration_ns = 200000000,
                                     .pressure_interval_ns = 1000000,
                                     .power_interval_ns = 3600000000000,
                                     .progress_ns = 50000000,
                                     .progress = remove_machine,
                                     .progress_context = root};
    (void)test;
    make_machine(root, "100\n");
    hn_test_context_init(&context);
    hone_node_options options = {.root = root, .log = &context.log};
    assert_int_equal(hone_node_load_text(hone_text_of(content), "n.toml", &options, NULL, &node),
                     HONE_OK);
    assert_int_equal(hone_node_run(node, &running, NULL, &report), HONE_OK);
    assert_int_equal(context.lines_count, 1);
    assert_non_null(strstr(context.lines, "memory pressure cannot be read: "));
    assert_true(report->live->pressure.looks_count > 0);
    hone_node_destroy(node);
    hn_test_context_deinit(&context);
}

/* --- partitions --- */

/* A source that is never held up; nothing else has to do with how much of a CPU it uses. */
#define BURNER(name, partition)                                                                  \
    "[[stage]]\nname = \"" name "\"\nkind = \"test.source\"\nrows = 1000000000000\nbatch = "     \
    "1024\npartition = \"" partition "\"\n[[stage]]\nname = \"" name                             \
    "-end\"\nkind = \"sink.null\"\nfrom = \"" name "\"\non_full = \"drop_newest\"\npartition = " \
    "\"" partition "\"\n"
#define PARTITIONS(big, small)                                        \
    "[[partition]]\nname = \"big\"\nshare = " big "\n[[partition]]\n" \
    "name = \"small\"\nshare = " small "\ncritical_share = 0.9\n"

typedef struct page_seen {
    uint64_t looks_count, waiting_max, cpu_ns[2];
    bool has_shrunk;
} page_seen;

static void watch_page(void *context, const hone_live_page *live) {
    page_seen *seen = context;
    seen->looks_count++;
    for (int i = 0; i < 2; i++) {
        uint64_t cpu_ns = atomic_load(&live->partitions[i].cpu_ns);
        uint64_t waiting_count = atomic_load(&live->partitions[i].waiting_count);
        seen->has_shrunk = seen->has_shrunk || cpu_ns < seen->cpu_ns[i];
        seen->cpu_ns[i] = cpu_ns;
        seen->waiting_max = waiting_count > seen->waiting_max ? waiting_count : seen->waiting_max;
    }
}

static hone_node *run_partitions(const char *content, page_seen *seen, const hone_report **out) {
    hone_node *node = NULL;
    hone_node_run_options running = {.duration_ns = 400000000,
                                     .progress_ns = 20000000,
                                     .progress = watch_page,
                                     .progress_context = seen};
    assert_int_equal(hone_node_load_text(hone_text_of(content), "n.toml", NULL, NULL, &node),
                     HONE_OK);
    assert_int_equal(hone_node_run(node, &running, NULL, out), HONE_OK);
    return node;
}

static void the_live_page_has_the_partitions(void **test) {
    page_seen seen = {0};
    const hone_report *report = NULL;
    (void)test;
    hone_node *node = run_partitions("[node]\nworkers = 1\n" PARTITIONS("0.6", "0.4")
                                         BURNER("a", "big") BURNER("b", "small"),
                                     &seen, &report);
    const hone_live_page *live = report->live;
    assert_true(seen.looks_count > 0 && !seen.has_shrunk);
    assert_true(seen.waiting_max >= 1); /* of two burners on one worker one waits */
    assert_int_equal(live->partitions_count, 2);
    assert_string_equal(live->partitions[0].name, "big");
    assert_true(live->partitions[0].share > 0.59 && live->partitions[0].share < 0.61);
    assert_true(live->partitions[0].critical_share < 0.61); /* none given: the share */
    assert_true(live->partitions[1].critical_share > 0.89);
    for (uint32_t i = 0; i < 2; i++) { /* and the report has the same */
        assert_true(live->partitions[i].cpu_ns > 0);
        assert_int_equal(live->partitions[i].critical_ns, report->partitions[i].critical_ns);
        assert_true(live->partitions[i].cpu_ns <= report->partitions[i].cpu_ns);
    }
    hone_node_destroy(node);
}

/* Figures as they may be at the end of a run of 100 ns, on two workers: big has the stages a and
 * a-end, small b and b-end. */
typedef struct share_row {
    uint64_t cpu_ns[2], busy_ns[2], blocked_count; /* of the partitions; of a and a-end; of a */
    uint64_t idle_ns, waiting_count;               /* of all workers; of big's stages */
    const char *reason; /* why big did not use up its share of 1.8 CPUs; NULL: it did */
} share_row;

static const share_row share_rows[] = {
    {.cpu_ns = {95, 95},
     .busy_ns = {100, 4},
     .reason =
         "its stage 'a' was busy all the time, and a stage uses one CPU at most; the share is "
         "1.80 CPUs"},
    {.cpu_ns = {170, 30},
     .busy_ns = {95, 70},
     .reason =
         "its stage 'a' was busy all the time, and a stage uses one CPU at most; the share is "
         "1.80 CPUs"},
    {.cpu_ns = {177, 23}, .busy_ns = {95, 90}}, /* 88.5 %: near enough */
    {.cpu_ns = {30, 70},
     .busy_ns = {30, 4},
     .idle_ns = 100,
     .reason = "its stages waited for input"},
    {.cpu_ns = {30, 70}, .busy_ns = {30, 4}, .idle_ns = 50}, /* 60 are missing: why? */
    {.cpu_ns = {30, 70},
     .busy_ns = {30, 4},
     .idle_ns = 100,
     .waiting_count = 2,
     .reason = "2 of its stages had work and waited for a worker when last looked at"},
    {.cpu_ns = {30, 70},
     .busy_ns = {30, 4},
     .blocked_count = 7,
     .idle_ns = 100,
     .reason = "its stages waited for input, or (7 times) for room in full queues or for memory"},
    {.cpu_ns = {30, 70},
     .busy_ns = {30, 4},
     .blocked_count = 7,
     .reason = "its stages waited (7 times) for room in full queues or for memory"},
    {.cpu_ns = {0, 100}}, /* nor is it told here */
    {.cpu_ns = {100, 100},
     .busy_ns = {99, 99},
     .reason = "its stages were busy all the time, but other programs had the CPUs for a part of "
               "it"},
};

static void set_figures(hone_report *report, const share_row *row) {
    hone_live_stage *stages = ((hone_live_page *)report->live)->stages;
    report->elapsed_ns = 100;
    report->partitions_cpu_ns = row->cpu_ns[0] + row->cpu_ns[1];
    report->scheduler.idle_ns = row->idle_ns;
    atomic_store(&((hone_live_page *)report->live)->partitions[0].waiting_count,
                 row->waiting_count);
    for (int i = 0; i < 2; i++) {
        report->partitions[i].cpu_ns = row->cpu_ns[i];
    }
    for (uint32_t i = 0; i < report->live->stages_count; i++) {
        bool is_a = strcmp(stages[i].name, "a") == 0, is_end = strcmp(stages[i].name, "a-end") == 0;
        atomic_store(&stages[i].busy_ns, is_a ? row->busy_ns[0] : is_end ? row->busy_ns[1] : 0);
        atomic_store(&stages[i].blocked_count, is_a ? row->blocked_count : 0);
    }
}

static void the_report_says_why_a_share_is_not_used_up(void **test) {
    page_seen seen = {0};
    char reason[320];
    const hone_report *report = NULL;
    (void)test;
    hone_node *node = run_partitions("[node]\nworkers = 2\n" PARTITIONS("0.9", "0.1")
                                         BURNER("a", "big") BURNER("b", "small"),
                                     &seen, &report);
    for (size_t i = 0; i < sizeof share_rows / sizeof *share_rows; i++) {
        const char *expected = share_rows[i].reason;
        hone_report made = *report;
        set_figures(&made, &share_rows[i]);
        assert_int_equal(hone_report_explain_share(&made, 0, reason, sizeof reason),
                         expected != NULL);
        assert_string_equal(reason, expected ? expected : "");
    }
    hone_report made = *report;
    set_figures(&made, &share_rows[0]);
    assert_true(has_text(&made, hone_report_write_text,
                         "\nbig did not use up its share:\n  its stage 'a' was busy all the time, "
                         "and a stage uses one CPU at most; the\n  share is 1.80 CPUs\n"));
    assert_true(
        has_text(&made, hone_report_write_json, "\"unused_reason\": \"its stage 'a' was busy"));
    assert_true(has_text(&made, hone_report_write_json, "\"unused_reason\": null"));
    assert_true(
        has_text(&made, hone_report_write_html, "<p>big did not use up its share: its stage"));
    hone_node_destroy(node);
}

static int use_own_folder(void **state) {
    static char folder[] = "/tmp/hone-supervision-test-XXXXXX";
    *state = mkdtemp(folder);
    return *state && setenv("HONE_RUNTIME_DIR", folder, 1) == 0 ? 0 : -1;
}

static int drop_own_folder(void **state) {
    return rmdir(*state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_control_group_makes_stages_give_back),
        cmocka_unit_test(without_pressure_nothing_is_evicted),
        cmocka_unit_test(a_look_that_fails_is_told_once),
        cmocka_unit_test(the_live_page_has_the_partitions),
        cmocka_unit_test(the_report_says_why_a_share_is_not_used_up),
    };
    return cmocka_run_group_tests(tests, use_own_folder, drop_own_folder);
}
