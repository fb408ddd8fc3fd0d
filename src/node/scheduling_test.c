/* SPDX-License-Identifier: Apache-2.0 */
/* What a node file says about CPU time and power, by its effect on a run. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <dirent.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "hone/base/number.h"
#include "node_kinds_test.h"

#define LAPTOP HONE_SOURCE_DIR "/tests/fixtures/machines/laptop-on-battery"
#define BURNER(name, partition)                                                      \
    "[[stage]]\nname = \"" name "\"\nkind = \"test.source\"\nrows = 1000000000000\n" \
    "batch = 64\npartition = \"" partition "\"\n[[stage]]\nname = \"" name           \
    "-end\"\nkind = \"sink.null\"\nfrom = \"" name "\"\npartition = \"" partition "\"\n"

/* One worker, so that both always compete for it; CPU time, so that other programs do not count. */
static void shares_hold(void **test) {
    static const char content[] =
        "[node]\nworkers = 1\n[[partition]]\nname = \"big\"\nshare = \"70%\"\n"
        "[[partition]]\nname = \"small\"\nshare = 0.3\n" BURNER("a", "big") BURNER("b", "small");
    hone_node *node = NULL;
    const hone_report *report = NULL;
    hone_node_run_options running = {.duration_ns = 2000000000};
    (void)test;
    assert_int_equal(hone_node_load_text(hone_text_of(content), "n.toml", NULL, NULL, &node),
                     HONE_OK);
    assert_int_equal(hone_node_run(node, &running, NULL, &report), HONE_OK);
    assert_int_equal(report->partitions_count, 2);
    assert_string_equal(report->partitions[0].name, "big");
    double used = (double)report->partitions[0].cpu_ns / (double)report->partitions_cpu_ns;
    assert_true(used > 0.67 && used < 0.73);
    hone_node_destroy(node);
}

/* How many batches 1000 rows of a file come in. */
static uint32_t batches_of(const char *root, const char *settings, hone_power_profile profile) {
    char path[] = "/tmp/hone-scheduling-XXXXXX", content[400];
    int fd = mkstemp(path);
    hn_test_context context;
    hone_node *node = NULL;
    const hone_report *report = NULL;
    assert_true(fd >= 0 && dprintf(fd, "n\n") == 2);
    for (int i = 0; i < 1000; i++) {
        assert_true(dprintf(fd, "%d\n", i) > 0);
    }
    (void)close(fd);
    (void)snprintf(content, sizeof content,
                   "[node]\n%s[[stage]]\nname = \"in\"\nkind = \"source.csv\"\npath = \"%s\"\n"
                   "[[stage]]\nname = \"out\"\nkind = \"test.sink\"\nfrom = \"in\"\n",
                   settings, path);
    hn_test_context_init(&context);
    hone_node_options options = {.log = &context.log, .root = root};
    assert_int_equal(hone_node_load_text(hone_text_of(content), "n.toml", &options, NULL, &node),
                     HONE_OK);
    assert_int_equal(hone_node_run(node, NULL, NULL, &report), HONE_OK);
    assert_int_equal(report->scheduling.power.profile, profile);
    assert_int_equal(hn_test_rows(&context, "out")->count, 1000);
    uint32_t count = hn_test_rows(&context, "out")->batches_count;
    hone_node_destroy(node);
    hn_test_context_deinit(&context);
    (void)unlink(path);
    return count;
}

static void batches_follow_the_battery(void **test) {
    (void)test; /* the laptop is charged to 37 % */
    assert_int_equal(batches_of(LAPTOP, "", HONE_POWER_BALANCED), 10);
    assert_int_equal(batches_of(LAPTOP, "batch_rows = 50\n", HONE_POWER_BALANCED), 20);
    assert_int_equal(batches_of(LAPTOP, "power = \"power_save\"\n", HONE_POWER_SAVE), 100);
    assert_int_equal(batches_of(LAPTOP, "power = \"performance\"\n", HONE_POWER_PERFORMANCE), 1);
}

/* Once the supply is another one, the profile is, too. */
static void change_supply(void *context, const hone_live_page *live) {
    (void)live;
    (void)unlink(context);
    assert_int_equal(symlink(LAPTOP "/sys", context), 0);
}

static void the_profile_follows_the_supply(void **test) {
    static const char content[] =
        "[[stage]]\nname = \"in\"\nkind = \"test.source\"\nrows = 1000000\nevery = \"10ms\"\n"
        "[[stage]]\nname = \"out\"\nkind = \"sink.null\"\nfrom = \"in\"\n";
    char root[] = "/tmp/hone-supply-XXXXXX", path[64];
    hone_node *node = NULL;
    const hone_report *report = NULL;
    (void)test;
    assert_non_null(mkdtemp(root));
    (void)snprintf(path, sizeof path, "%s/sys", root);
    hone_node_options options = {.root = root};
    hone_node_run_options running = {.duration_ns = 500000000,
                                     .progress_ns = 50000000,
                                     .progress = change_supply,
                                     .progress_context = path,
                                     .power_interval_ns = 10000000};
    assert_int_equal(hone_node_load_text(hone_text_of(content), "n.toml", &options, NULL, &node),
                     HONE_OK);
    hone_node_scheduling before;
    hone_node_scheduling_read(node, &before);
    assert_int_equal(before.power.profile, HONE_POWER_PERFORMANCE); /* no battery */
    assert_int_equal(hone_node_run(node, &running, NULL, &report), HONE_OK);
    assert_int_equal(report->scheduling.power.profile, HONE_POWER_BALANCED);
    assert_int_equal(report->scheduling.batch_rows, 100);
    assert_int_equal(report->scheduling.power_changes_count, 1);
    hone_node_destroy(node);
    (void)unlink(path);
    (void)rmdir(root);
}

/* --- what [node] says about the workers, by what they then do --- */

typedef struct threads_seen {
    uint32_t pinned_count; /* of this process's threads: may run on one CPU only */
    bool are_apart;        /* each on another one */
} threads_seen;

static void look_at_threads(void *context, const hone_live_page *live) {
    threads_seen *seen = context;
    cpu_set_t all, set;
    DIR *folder = opendir("/proc/self/task");
    (void)live;
    assert_non_null(folder);
    CPU_ZERO(&all);
    *seen = (threads_seen){.are_apart = true};
    for (struct dirent *entry = readdir(folder); entry; entry = readdir(folder)) {
        int64_t thread = 0;
        bool is_thread = hone_number_parse_i64(hone_text_of(entry->d_name), &thread) == HONE_OK;
        if (is_thread && sched_getaffinity((pid_t)thread, sizeof set, &set) == 0 &&
            CPU_COUNT(&set) == 1) {
            cpu_set_t both;
            CPU_AND(&both, &all, &set);
            seen->are_apart = seen->are_apart && CPU_COUNT(&both) == 0;
            CPU_OR(&all, &all, &set);
            seen->pinned_count++;
        }
    }
    (void)closedir(folder);
}

/* A node that does little, so that there is a look at the threads. */
static threads_seen threads_of(const char *settings) {
    char content[400];
    hone_node *node = NULL;
    const hone_report *report = NULL;
    threads_seen seen = {0};
    hone_node_run_options running = {.duration_ns = 100000000,
                                     .progress_ns = 20000000,
                                     .progress = look_at_threads,
                                     .progress_context = &seen};
    (void)snprintf(content, sizeof content,
                   "[node]\nworkers = 2\n%s[[stage]]\nname = \"in\"\nkind = \"test.source\"\n"
                   "rows = 100000\nevery = \"10ms\"\n"
                   "[[stage]]\nname = \"out\"\nkind = \"sink.null\"\nfrom = \"in\"\n",
                   settings);
    assert_int_equal(hone_node_load_text(hone_text_of(content), "n.toml", NULL, NULL, &node),
                     HONE_OK);
    assert_int_equal(hone_node_run(node, &running, NULL, &report), HONE_OK);
    hone_node_destroy(node);
    return seen;
}

static void pinned_workers_stay_on_their_cpus(void **test) {
    cpu_set_t own;
    (void)test;
    if (HONE_IS_EMULATED || sched_getaffinity(0, sizeof own, &own) != 0 || CPU_COUNT(&own) < 2) {
        skip(); /* with one CPU every thread is pinned; an emulator's threads are not the host's */
    }
    assert_int_equal(threads_of("").pinned_count, 0);
    assert_int_equal(threads_of("pinning = \"none\"\n").pinned_count, 0);
    threads_seen compact = threads_of("pinning = \"compact\"\n");
    threads_seen scatter = threads_of("pinning = \"scatter\"\n");
    assert_int_equal(compact.pinned_count, 2);
    assert_int_equal(scatter.pinned_count, 2);
    assert_true(compact.are_apart && scatter.are_apart);
}

static hone_scheduler_stats stats_of(const char *power, const char *stages) {
    char content[1600];
    hone_node *node = NULL;
    const hone_report *report = NULL;
    (void)snprintf(content, sizeof content,
                   "[node]\nworkers = 2\npower = \"%s\"\n[[stage]]\nname = \"in\"\n"
                   "kind = \"test.source\"\nrows = 40\nevery = \"2ms\"\n%s",
                   power, stages);
    assert_int_equal(hone_node_load_text(hone_text_of(content), "n.toml", NULL, NULL, &node),
                     HONE_OK);
    assert_int_equal(hone_node_run(node, NULL, NULL, &report), HONE_OK);
    hone_scheduler_stats stats = report->scheduler;
    hone_node_destroy(node);
    return stats;
}

/* After parallel work workers look for more, unless power is to be saved; nor do they while other
 * programs want their CPUs, but not always. */
static void workers_search_as_the_profile_says(void **test) {
    static const char stages[] =
        "[[stage]]\nname = \"loop\"\nkind = \"test.edit\"\nfrom = \"in\"\nloop = true\n"
        "[[stage]]\nname = \"out\"\nkind = \"sink.null\"\nfrom = \"loop\"\n";
    (void)test;
    assert_int_equal(stats_of("power_save", stages).search_ns, 0);
    hone_scheduler_stats eager = stats_of("performance", stages);
    assert_true(eager.search_ns > 0 || eager.is_crowded);
}

/* A batch for eight sinks queues up to eight tasks at once: less than the backlog of power_save. */
static void workers_are_woken_as_the_profile_says(void **test) {
    char stages[1200] = "";
    (void)test;
    for (int i = 0; i < 8; i++) {
        size_t used = strlen(stages);
        (void)snprintf(stages + used, sizeof stages - used,
                       "[[stage]]\nname = \"out%d\"\nkind = \"sink.null\"\nfrom = \"in\"\n", i);
    }
    uint64_t eager = stats_of("performance", stages).wakes_count;
    uint64_t saving = stats_of("power_save", stages).wakes_count;
    assert_true(saving < eager);
    assert_in_range(saving, 0, 8); /* for the first task and the end */
}

static void a_calibration_sets_what_is_known(void **test) {
    static hone_calibration calibration;
    hone_node_options options = {0};
    (void)test;
    hone_node_calibrate(&options, &calibration);
    assert_int_equal(options.lone_loop_ns, 0);
    calibration.figures[HONE_CALIBRATION_WAKE_FUTEX_COST] =
        (hone_calibration_figure){.is_known = true, .value = 2345.6};
    hone_node_calibrate(&options, &calibration);
    assert_int_equal(options.lone_loop_ns, 2346);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shares_hold),
        cmocka_unit_test(batches_follow_the_battery),
        cmocka_unit_test(the_profile_follows_the_supply),
        cmocka_unit_test(pinned_workers_stay_on_their_cpus),
        cmocka_unit_test(workers_search_as_the_profile_says),
        cmocka_unit_test(workers_are_woken_as_the_profile_says),
        cmocka_unit_test(a_calibration_sets_what_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
