/* SPDX-License-Identifier: Apache-2.0 */
/* What a node file says about CPU time and power, by its effect on a run. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

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
        cmocka_unit_test(a_calibration_sets_what_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
