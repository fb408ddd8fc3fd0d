/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Recording and replaying with the real runtime: the same bytes again, the same output as behind
 * the original source, and nothing but the tail lost when the recorder is killed.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "hone/node/node.h"
#include "hone/node/report.h"
#include "hone/platform/clock.h"
#include "hone/platform/file.h"

enum { ROWS = 3000, FILE_BYTES_MAX = 256 << 20, KILLED_LOOPS = 400 };

static char folder[64];

static int make_folder(void **state) {
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/hone-record-XXXXXX");
    return mkdtemp(folder) && chdir(folder) == 0 ? 0 : -1;
}

static const char *const made[] = {"in.csv", "a.rec", "b.rec", "c.rec", "torn.rec"};

static int remove_folder(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof made / sizeof *made; i++) {
        (void)unlink(made[i]);
    }
    return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

static void write_csv(void) {
    hone_buffer text;
    hone_buffer_init(&text, NULL, FILE_BYTES_MAX);
    hone_buffer_append_text(&text, HONE_TEXT("when,n,load,up,host\n"));
    for (int i = 0; i < ROWS; i++) {
        hone_buffer_format(&text, "%d.%03d,%d,%s%d.%d,%s,%s%d\n", 1700000000 + i / 100,
                           i * 7 % 1000, i - 5, i % 11 ? "" : "-", i % 97, i % 8,
                           i % 13 == 0 ? ""
                           : i % 2     ? "true"
                                       : "false",
                           i % 5 ? "host-" : "\xc3\xa4\xc3\xb6\xc3\xbc-", i % 10);
    }
    assert_int_equal(hone_file_replace("in.csv", hone_buffer_text(&text), NULL), HONE_OK);
    hone_buffer_deinit(&text);
}

/* What was logged, as far as it fits. */
typedef struct notes {
    hone_log log;
    char text[2048];
    size_t size;
} notes;

static void note(void *self, hone_log_level level, hone_text message) {
    notes *here = self;
    (void)level;
    int length = snprintf(here->text + here->size, sizeof here->text - here->size, "%.*s\n",
                          HONE_TEXT_ARGS(message));
    here->size +=
        length > 0 && here->size + (size_t)length < sizeof here->text ? (size_t)length : 0;
}

/* Runs source | stages | sink, each given as the lines of its table behind the name. */
static hone_status run_node(const char *source, const char *middle, const char *sink,
                            hone_diag *diag, notes *here) {
    char toml[2048];
    hone_node *node = NULL;
    const hone_report *report;
    *here = (notes){.log = {note, here, HONE_LOG_INFO}};
    hone_diag_clear(diag);
    int length = snprintf(toml, sizeof toml,
                          "[node]\nname = 'test'\nworkers = 2\n"
                          "[[stage]]\nname = 'in'\n%s\n%s"
                          "[[stage]]\nname = 'out'\nfrom = '%s'\n%s\n",
                          source, middle, *middle ? "last" : "in", sink);
    assert_in_range(length, 1, sizeof toml - 1);
    hone_node_options options = {.log = &here->log};
    hone_status status =
        hone_node_load_text(hone_text_of(toml), "node.toml", &options, diag, &node);
    if (status == HONE_OK) {
        status = hone_node_run(node, NULL, diag, &report);
    }
    hone_node_destroy(node);
    return status;
}

static void run(const char *source, const char *middle, const char *sink) {
    hone_diag diag;
    notes here;
    if (run_node(source, middle, sink, &diag, &here) != HONE_OK) {
        fail_msg("%s: %s", diag.subject, diag.message);
    }
    assert_string_equal(here.text, "");
}

static void read_file(const char *path, hone_buffer *content) {
    hone_buffer_init(content, NULL, FILE_BYTES_MAX);
    assert_int_equal(hone_file_read_all(path, FILE_BYTES_MAX, NULL, content), HONE_OK);
}

static void assert_same_files(const char *a, const char *b) {
    hone_buffer content_a, content_b;
    read_file(a, &content_a);
    read_file(b, &content_b);
    assert_true(content_a.size > 1000);
    assert_int_equal(content_a.size, content_b.size);
    assert_memory_equal(content_a.data, content_b.data, content_a.size);
    hone_buffer_deinit(&content_a);
    hone_buffer_deinit(&content_b);
}

#define CSV "kind = 'source.csv'\npath = 'in.csv'\ntime = 'when'"
#define MIDDLE                                                                       \
    "[[stage]]\nname = 'some'\nfrom = 'in'\nkind = 'filter'\nwhere = 'n % 3 != 1'\n" \
    "[[stage]]\nname = 'more'\nfrom = 'some'\nkind = 'map'\n"                        \
    "set = { twice = 'load * 2', label = 'concat(host, \"!\")' }\n"                  \
    "[[stage]]\nname = 'last'\nfrom = 'more'\nkind = 'window'\nlength = '2s'\n"      \
    "fields = ['load', 'twice']\ncompute = ['mean', 'std', 'max']\n"

static void test_record_replay_record_is_the_same_file(void **state) {
    (void)state;
    write_csv();
    run(CSV, "", "kind = 'sink.record'\npath = 'a.rec'");
    run("kind = 'source.replay'\npath = 'a.rec'", "", "kind = 'sink.record'\npath = 'b.rec'");
    assert_same_files("a.rec", "b.rec");
    run("kind = 'source.replay'\npath = 'b.rec'", "",
        "kind = 'sink.record'\npath = 'c.rec'\nsync = true");
    assert_same_files("a.rec", "c.rec");
}

static void test_same_output_as_behind_the_source(void **state) {
    (void)state;
    write_csv();
    run(CSV, "", "kind = 'sink.record'\npath = 'a.rec'");
    run(CSV, MIDDLE, "kind = 'sink.record'\npath = 'b.rec'");
    run("kind = 'source.replay'\npath = 'a.rec'", MIDDLE, "kind = 'sink.record'\npath = 'c.rec'");
    assert_same_files("b.rec", "c.rec");
    run("kind = 'source.replay'\npath = 'a.rec'", MIDDLE, "kind = 'sink.csv'\npath = 'b.rec'");
    run(CSV, MIDDLE, "kind = 'sink.csv'\npath = 'c.rec'");
    assert_same_files("b.rec", "c.rec");
    /* other batches, the same records in the same order */
    run("kind = 'source.replay'\npath = 'a.rec'\nspeed = '1000x'", MIDDLE,
        "kind = 'sink.csv'\npath = 'c.rec'");
    assert_same_files("b.rec", "c.rec");
}

/* --- a recorder that is killed --- */

#define ENDLESS(loops) "kind = 'source.replay'\npath = 'a.rec'\nloop = " loops

static void record_until_killed(void) {
    hone_diag diag;
    notes here;
    hone_status status =
        run_node(ENDLESS("0"), "", "kind = 'sink.record'\npath = 'torn.rec'", &diag, &here);
    _exit(status == HONE_OK ? 0 : 1);
}

static void wait_ns(uint64_t duration_ns) {
    struct timespec time = {(time_t)(duration_ns / 1000000000), (long)(duration_ns % 1000000000)};
    (void)nanosleep(&time, NULL);
}

static void kill_a_recorder(uint64_t after_ns) {
    struct stat info;
    int result;
    (void)unlink("torn.rec");
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        record_until_killed();
    }
    uint64_t give_up_ns = hone_clock_monotonic_ns() + UINT64_C(30000000000);
    while ((stat("torn.rec", &info) != 0 || info.st_size == 0) &&
           hone_clock_monotonic_ns() < give_up_ns) {
        wait_ns(20000); /* until the recording has begun */
    }
    wait_ns(after_ns);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFSIGNALED(result));
}

/* The first bytes of both are the same, and `part` is not much shorter than what was killed. */
static void assert_is_prefix(const char *part_path, const char *whole_path, const char *torn_path) {
    hone_buffer part, whole, torn;
    read_file(part_path, &part);
    read_file(whole_path, &whole);
    read_file(torn_path, &torn);
    size_t compared = part.size < whole.size ? part.size : whole.size;
    assert_true(part.size <= torn.size && torn.size - part.size < (256 << 10));
    assert_memory_equal(part.data, whole.data, compared);
    assert_memory_equal(part.data, torn.data, part.size);
    hone_buffer_deinit(&part);
    hone_buffer_deinit(&whole);
    hone_buffer_deinit(&torn);
}

/* Replays what was left and records it again: exactly the complete blocks. Returns whether there
 * was a torn one. */
static bool check_what_is_left(void) {
    hone_diag diag;
    notes here;
    hone_status status = run_node("kind = 'source.replay'\npath = 'torn.rec'", "",
                                  "kind = 'sink.record'\npath = 'b.rec'", &diag, &here);
    if (status != HONE_OK) {
        fail_msg("%s: %s", diag.subject, diag.message);
    }
    struct stat torn, again;
    assert_int_equal(stat("torn.rec", &torn), 0);
    assert_int_equal(stat("b.rec", &again), 0);
    bool is_torn = torn.st_size != again.st_size;
    assert_int_equal(strstr(here.text, "the recording was interrupted there") != NULL, is_torn);
    assert_is_prefix("b.rec", "c.rec", "torn.rec");
    return is_torn;
}

static void test_killed_recorder(void **state) {
    (void)state;
    char reference[64];
    uint32_t rounds_count = 0, torn_count = 0;
    uint64_t random = hone_clock_monotonic_ns() | 1;
    write_csv();
    run(CSV, "", "kind = 'sink.record'\npath = 'a.rec'");
    (void)snprintf(reference, sizeof reference, ENDLESS("%d"), (int)KILLED_LOOPS / 4);
    run(reference, "", "kind = 'sink.record'\npath = 'c.rec'");
    uint64_t end_ns = hone_clock_monotonic_ns() + 2000000000;
    do {
        random = random * 6364136223846793005u + 1442695040888963407u;
        kill_a_recorder((random >> 33) % 20000000);
        torn_count += check_what_is_left();
        rounds_count++;
    } while (hone_clock_monotonic_ns() < end_ns);
    print_message("killed %u recorders, %u of them within a block\n", rounds_count, torn_count);
    assert_true(rounds_count > 0);
}

/* --- messages of a whole run --- */

static void test_damage_ends_the_run_with_an_error(void **state) {
    (void)state;
    hone_diag diag;
    notes here;
    hone_buffer content;
    write_csv();
    run(CSV, "", "kind = 'sink.record'\npath = 'a.rec'");
    read_file("a.rec", &content);
    content.data[content.size / 2] ^= 1;
    assert_int_equal(hone_file_replace("a.rec", hone_buffer_text(&content), NULL), HONE_OK);
    hone_buffer_deinit(&content);
    assert_int_equal(run_node("kind = 'source.replay'\npath = 'a.rec'", "",
                              "kind = 'sink.record'\npath = 'b.rec'", &diag, &here),
                     HONE_STATUS_CORRUPT);
    assert_string_equal(diag.file, "a.rec");
    assert_string_equal(diag.subject, "stage 'in'");
    assert_non_null(strstr(diag.message, "is damaged: its checksum does not match"));
    /* what came before it was not lost */
    run("kind = 'source.replay'\npath = 'b.rec'", "", "kind = 'sink.record'\npath = 'c.rec'");
    assert_same_files("b.rec", "c.rec");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_record_replay_record_is_the_same_file),
        TEST(test_same_output_as_behind_the_source),
        TEST(test_killed_recorder),
        TEST(test_damage_ends_the_run_with_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
