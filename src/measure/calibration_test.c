/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hone/base/arena.h"
#include "hone/base/buffer.h"
#include "hone/measure/calibration.h"
#include "hone/platform/cpu_set.h"
#include "hone/platform/file.h"

static hone_calibration make_calibration(void) {
    hone_calibration calibration = {.measured_at_ns = 1700000000123456789,
                                    .block_bytes = 1 << 28,
                                    .huge_bytes = 1 << 27,
                                    .others_cpus = 0.125};
    hone_bench_host_read(NULL, &calibration.host);
    for (int i = 0; i < HONE_CALIBRATION_COUNT; i++) {
        calibration.figures[i] = (hone_calibration_figure){.is_known = true,
                                                           .value = 1.5 * (i + 1),
                                                           .low = 1.25 * (i + 1),
                                                           .high = 1.75 * (i + 1),
                                                           .clean_count = 30,
                                                           .samples_count = 31};
    }
    calibration.figures[HONE_CALIBRATION_L3_LATENCY] = (hone_calibration_figure){
        .samples_count = 9, .clean_count = 2, .reason = "this machine has none"};
    return calibration;
}

static void make_folder(char *out_path, size_t size) {
    const char *parent = getenv("TMPDIR");
    (void)snprintf(out_path, size, "%s/hone-test-XXXXXX", parent ? parent : "/tmp");
    assert_non_null(mkdtemp(out_path));
}

static void find_file(const char *folder, const hone_calibration *calibration, char *out_path,
                      size_t size) {
    (void)snprintf(out_path, size, "%s/deep/%016llx.json", folder,
                   (unsigned long long)calibration->host.fingerprint);
}

static void remove_all(const char *folder, const char *path) {
    char deep[1024];
    assert_int_equal(unlink(path), 0);
    (void)snprintf(deep, sizeof deep, "%s/deep", folder);
    assert_int_equal(rmdir(deep), 0);
    assert_int_equal(rmdir(folder), 0);
}

static void test_round_trip(void **state) {
    (void)state;
    char folder[512], deep[1024], path[1200];
    struct stat info;
    hone_calibration calibration = make_calibration(), loaded;
    hone_diag diag = {0};
    make_folder(folder, sizeof folder);
    (void)snprintf(deep, sizeof deep, "%s/deep", folder);
    assert_int_equal(hone_calibration_load(deep, &calibration.host, &diag, &loaded),
                     HONE_STATUS_NOT_FOUND);
    assert_non_null(strstr(diag.message, "not calibrated"));
    for (int i = 0; i < 2; i++) { /* also over an older one */
        assert_int_equal(hone_calibration_save(&calibration, deep, NULL), HONE_OK);
    }
    find_file(folder, &calibration, path, sizeof path);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(hone_calibration_load(deep, &calibration.host, NULL, &loaded), HONE_OK);
    assert_int_equal(loaded.measured_at_ns, calibration.measured_at_ns);
    assert_int_equal(loaded.block_bytes, calibration.block_bytes);
    assert_int_equal(loaded.huge_bytes, calibration.huge_bytes);
    assert_true(loaded.others_cpus == calibration.others_cpus);
    assert_int_equal(loaded.host.fingerprint, calibration.host.fingerprint);
    for (int i = 0; i < HONE_CALIBRATION_COUNT; i++) {
        const hone_calibration_figure *a = &calibration.figures[i], *b = &loaded.figures[i];
        assert_int_equal(a->is_known, b->is_known);
        assert_true(a->value == b->value && a->low == b->low && a->high == b->high);
        assert_int_equal(a->clean_count, b->clean_count);
        assert_int_equal(a->samples_count, b->samples_count);
        assert_string_equal(a->reason, b->reason);
    }
    /* another host's file under this host's name */
    hone_bench_host other = calibration.host;
    other.fingerprint ^= 1;
    char wrong[1200];
    (void)snprintf(wrong, sizeof wrong, "%s/%016llx.json", deep,
                   (unsigned long long)other.fingerprint);
    assert_int_equal(rename(path, wrong), 0);
    assert_int_equal(hone_calibration_load(deep, &other, &diag, &loaded), HONE_STATUS_CORRUPT);
    assert_non_null(strstr(diag.message, "another host"));
    remove_all(folder, wrong);
}

/* The text that is saved, with one place changed. */
static hone_status parse_changed(const char *text, const char *from, const char *to,
                                 hone_diag *diag) {
    char changed[65536];
    hone_calibration calibration;
    const char *at = strstr(text, from);
    assert_non_null(at);
    int length = snprintf(changed, sizeof changed, "%.*s%s%s", (int)(at - text), text, to,
                          at + strlen(from));
    assert_true(length > 0 && (size_t)length < sizeof changed);
    return hone_calibration_parse((hone_text){changed, (size_t)length}, "x.json", diag,
                                  &calibration);
}

static void test_damage(void **state) {
    (void)state;
    static const struct {
        const char *from, *to;
        hone_status status;
    } changes[] = {
        {"\"hone_calibration\": 2", "\"hone_calibration\": 2", HONE_OK},
        {"\"hone_calibration\": 2", "\"hone_calibration\": 1", HONE_STATUS_UNSUPPORTED},
        {"\"hone_calibration\": 2", "\"hone_calibration\": \"1\"", HONE_STATUS_CORRUPT},
        {"\"hone_calibration\": 2", "\"hone_calibration\": -1", HONE_STATUS_CORRUPT},
        {"\"hone_calibration\": 2", "\"extra\": 1, \"hone_calibration\": 2", HONE_STATUS_CORRUPT},
        {"\"value\": 1.5,", "\"value\": -1.5,", HONE_STATUS_CORRUPT},
        {"\"value\": 1.5,", "\"value\": 1e300,", HONE_STATUS_CORRUPT},
        {"\"value\": 1.5,", "\"value\": 1.1,", HONE_STATUS_CORRUPT}, /* below its low */
        {"\"value\": 1.5,", "\"value\": null,", HONE_STATUS_CORRUPT},
        {"\"value\": 1.5,", "\"value\": 1.5, \"value\": 1.5,", HONE_STATUS_SYNTAX},
        {"\"value\": 1.5,", "", HONE_STATUS_CORRUPT},
        {"\"clean\": 30", "\"clean\": 32", HONE_STATUS_CORRUPT}, /* more than samples */
        {"\"unit\": \"ns\"", "\"unit\": \"us\"", HONE_STATUS_CORRUPT},
        {"\"l1_latency\"", "\"l1_latensy\"", HONE_STATUS_CORRUPT},
        {"this machine has none", "", HONE_STATUS_CORRUPT},
        {"this machine has none", "a\\u0007b", HONE_STATUS_CORRUPT},
        {"this machine has none", "a\\u0000b", HONE_STATUS_SYNTAX},
        {"\"cpus\"", "\"cpu5\"", HONE_STATUS_CORRUPT},
        {"\"measured_at_ns\": 1", "\"measured_at_ns\": -1", HONE_STATUS_CORRUPT},
        {"\"huge_bytes\": 1", "\"huge_bytes\": 91", HONE_STATUS_CORRUPT},
        {"\"others_cpus\": 0.125", "\"others_cpus\": null", HONE_OK},
        {"\"others_cpus\": 0.125", "\"others_cpus\": -1", HONE_STATUS_CORRUPT},
        {"\"others_cpus\": 0.125", "\"others_cpus\": 1e300", HONE_STATUS_CORRUPT},
        {"\"others_cpus\": 0.125", "\"others_cpus\": \"few\"", HONE_STATUS_CORRUPT},
        {"\"others_cpus\": 0.125,", "", HONE_STATUS_CORRUPT},
        {"{", "[", HONE_STATUS_SYNTAX},
    };
    char folder[512], deep[1024], path[1200];
    hone_calibration calibration = make_calibration();
    hone_buffer text;
    make_folder(folder, sizeof folder);
    (void)snprintf(deep, sizeof deep, "%s/deep", folder);
    assert_int_equal(hone_calibration_save(&calibration, deep, NULL), HONE_OK);
    find_file(folder, &calibration, path, sizeof path);
    hone_buffer_init(&text, NULL, 1 << 17);
    assert_int_equal(hone_file_read_all(path, 1 << 16, NULL, &text), HONE_OK);
    hone_buffer_append_byte(&text, '\0');
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        hone_diag diag = {0};
        hone_status status =
            parse_changed((const char *)text.data, changes[i].from, changes[i].to, &diag);
        assert_int_equal(status, changes[i].status);
        assert_true(status == HONE_OK || strstr(diag.message, "calibrat"));
        assert_true(status == HONE_OK || strcmp(diag.file, "x.json") == 0);
    }
    static char large[70000];
    memset(large, ' ', sizeof large);
    assert_int_equal(
        hone_calibration_parse((hone_text){large, sizeof large}, "x", NULL, &calibration),
        HONE_STATUS_CORRUPT);
    hone_buffer_deinit(&text);
    remove_all(folder, path);
}

static void test_directory(void **state) {
    (void)state;
    hone_arena arena;
    const char *path = NULL;
    hone_arena_init(&arena, NULL, 1 << 16);
    assert_int_equal(setenv("XDG_STATE_HOME", "/somewhere", 1), 0);
    assert_int_equal(hone_calibration_directory(&arena, NULL, &path), HONE_OK);
    assert_string_equal(path, "/somewhere/hone/calibration");
    assert_int_equal(unsetenv("XDG_STATE_HOME"), 0);
    assert_int_equal(setenv("HOME", "/home/me", 1), 0);
    assert_int_equal(hone_calibration_directory(&arena, NULL, &path), HONE_OK);
    assert_string_equal(path, "/home/me/.local/state/hone/calibration");
    assert_int_equal(unsetenv("HOME"), 0);
    assert_int_equal(hone_calibration_directory(&arena, NULL, &path), HONE_STATUS_ABSENT);
    hone_arena_deinit(&arena);
}

static void test_huge_pages(void **state) {
    (void)state;
    hone_calibration calibration = make_calibration();
    hone_huge_page_figures figures;
    assert_true(hone_calibration_huge_pages(&calibration, &figures));
    assert_true(figures.chase_small_ns ==
                calibration.figures[HONE_CALIBRATION_CHASE_SMALL_PAGES].value);
    assert_true(figures.populate_huge_ns_per_mib ==
                calibration.figures[HONE_CALIBRATION_POPULATE_HUGE_PAGES].value);
    calibration.figures[HONE_CALIBRATION_STREAM_HUGE_PAGES].is_known = false;
    assert_false(hone_calibration_huge_pages(&calibration, &figures));
}

static void test_a_busy_machine_is_told(void **state) {
    (void)state;
    hone_calibration calibration = make_calibration();
    char reason[160];
    assert_false(hone_calibration_is_disturbed(&calibration, reason, sizeof reason));
    assert_string_equal(reason, "");
    calibration.others_cpus = -1; /* not known: no reproach */
    assert_false(hone_calibration_is_disturbed(&calibration, reason, sizeof reason));
    calibration.others_cpus = 1.26;
    assert_true(hone_calibration_is_disturbed(&calibration, reason, sizeof reason));
    assert_string_equal(reason, "other programs kept 1.3 CPUs busy meanwhile");
    calibration.others_cpus = 0;
    for (int i = 0; i < HONE_CALIBRATION_COUNT; i++) {
        calibration.figures[i].clean_count = 10;
        calibration.figures[i].samples_count = 40;
    }
    assert_true(hone_calibration_is_disturbed(&calibration, reason, sizeof reason));
    assert_string_equal(reason, "only 25 % of the samples were undisturbed: other programs or "
                                "machines took the CPU away");
    calibration = (hone_calibration){0}; /* nothing measured: nothing disturbed */
    assert_false(hone_calibration_is_disturbed(&calibration, reason, sizeof reason));
}

typedef struct seen {
    uint32_t calls, count;
} seen;

static void note(void *self, const char *title, uint32_t index, uint32_t count) {
    seen *mine = self;
    assert_true(strlen(title) > 0);
    assert_int_equal(index, mine->calls);
    mine->calls++;
    mine->count = count;
}

/* Each figure is either sound or says why it is not there; nothing is left changed. */
static void test_run(void **state) {
    (void)state;
    hone_calibration calibration;
    seen mine = {0};
    hone_calibration_options options = {.is_quick = true, .progress = note, .self = &mine};
    hone_cpu_set before, after;
    assert_int_equal(hone_cpu_set_affinity(&before), HONE_OK);
    assert_int_equal(hone_calibration_run(&options, NULL, &calibration), HONE_OK);
    assert_int_equal(hone_cpu_set_affinity(&after), HONE_OK);
    assert_memory_equal(&before, &after, sizeof before);
    assert_true(mine.calls > 0);
    assert_int_equal(mine.calls, mine.count);
    for (int i = 0; i < HONE_CALIBRATION_COUNT; i++) {
        const hone_calibration_figure *figure = &calibration.figures[i];
        assert_true(figure->clean_count <= figure->samples_count);
        if (figure->is_known) {
            assert_true(isfinite(figure->value) && figure->low > 0);
            assert_true(figure->low <= figure->value && figure->value <= figure->high);
            assert_string_equal(figure->reason, "");
            assert_true(figure->clean_count >= 5);
        } else {
            assert_true(strlen(figure->reason) > 0);
            assert_string_not_equal(figure->reason, "not measured");
        }
    }
    assert_true(calibration.huge_bytes <= calibration.block_bytes);
    assert_true(calibration.measured_at_ns > 0);
}

/* Call number `fail_at`, from 1, gives NULL; memory/failing.h stands above this layer. */
typedef struct failing {
    hone_allocator allocator;
    uint64_t calls_count, fail_at;
    size_t live_bytes;
} failing;

static void *failing_allocate(void *self, size_t size, size_t alignment) {
    failing *mine = self;
    void *block =
        ++mine->calls_count == mine->fail_at ? NULL : hone_allocate(NULL, size, alignment);
    mine->live_bytes += block ? size : 0;
    return block;
}

static void *failing_resize(void *self, void *block, size_t old_size, size_t new_size,
                            size_t alignment) {
    failing *mine = self;
    void *moved = ++mine->calls_count == mine->fail_at
                      ? NULL
                      : hone_reallocate(NULL, block, old_size, new_size, alignment);
    mine->live_bytes += moved ? new_size - old_size : 0;
    return moved;
}

static void failing_release(void *self, void *block, size_t size, size_t alignment) {
    ((failing *)self)->live_bytes -= size;
    hone_release(NULL, block, size, alignment);
}

static void test_failing_allocations(void **state) {
    (void)state;
    uint64_t fail_at = 1;
    for (;; fail_at++) {
        hone_calibration calibration;
        failing test = {.fail_at = fail_at};
        test.allocator = (hone_allocator){failing_allocate, failing_resize, failing_release, &test};
        hone_calibration_options options = {.is_quick = true, .allocator = &test.allocator};
        hone_status status = hone_calibration_run(&options, NULL, &calibration);
        assert_int_equal(test.live_bytes, 0);
        if (test.calls_count < fail_at) {
            assert_int_equal(status, HONE_OK);
            break;
        }
        assert_int_equal(status, HONE_STATUS_OUT_OF_MEMORY);
    }
    assert_true(fail_at > 10);
}

static void test_names(void **state) {
    (void)state;
    for (int i = 0; i < HONE_CALIBRATION_COUNT; i++) {
        hone_calibration_id id = (hone_calibration_id)i;
        assert_true(strlen(hone_calibration_title(id)) > 0);
        assert_true(strlen(hone_calibration_unit(id)) > 0);
        for (int j = 0; j < i; j++) {
            assert_string_not_equal(hone_calibration_name(id),
                                    hone_calibration_name((hone_calibration_id)j));
        }
    }
    assert_string_equal(hone_calibration_name(HONE_CALIBRATION_L1_LATENCY), "l1_latency");
    assert_string_equal(hone_calibration_name(HONE_CALIBRATION_COUNT), "unknown");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_damage),
        cmocka_unit_test(test_directory),
        cmocka_unit_test(test_huge_pages),
        cmocka_unit_test(test_a_busy_machine_is_told),
        cmocka_unit_test(test_run),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
