/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds sink.record and source.replay by themselves: waiting, pace, loops, bad files. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hone/platform/clock.h"
#include "hone/platform/file.h"
#include "record_file_internal.h"
#include "stages/kinds_internal.h"
#include "stages/stage_fake_test.h"

#define FIELDS "n:i64 load:f64 up:bool host:text"
#define ROWS_1 "1000|1|0.5|true|alpha\n2000|-|-|-|-\n3000|-3|1e+300|false|"
#define ROWS_2 "4000|4|0|true|Z\xc3\xa4hler"
#define SECOND INT64_C(1000000000)

static hn_fake fake; /* one at a time; large */
static char path[64];
static hone_buffer content;

static int setup(void **state) {
    (void)state;
    (void)snprintf(path, sizeof path, "/tmp/hone-record-XXXXXX");
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    hone_buffer_init(&content, NULL, 256 << 20);
    return 0;
}

static int teardown(void **state) {
    (void)state;
    hone_buffer_deinit(&content);
    return unlink(path);
}

static hone_status open_kind(const hn_stage_kind *kind, const char *at, const char *more,
                             bool is_timed) {
    char toml[256];
    (void)snprintf(toml, sizeof toml, "path = '%s'\n%s", at, more);
    bool is_sink = kind->role == HN_ROLE_SINK;
    return hn_fake_open(&fake, kind, toml,
                        is_sink ? hn_fake_schema(&fake, FIELDS, is_timed) : NULL);
}

static void read_content(void) {
    hone_buffer_clear(&content);
    assert_int_equal(hone_file_read_all(path, 256 << 20, NULL, &content), HONE_OK);
}

static void write_content(size_t size) {
    assert_int_equal(hone_file_replace(path, (hone_text){(const char *)content.data, size}, NULL),
                     HONE_OK);
}

/* Records each text as one batch into `path`. */
static void record(const char *const *rows, uint32_t count, bool is_timed) {
    hn_fake_init(&fake);
    assert_int_equal(open_kind(&hn_kind_sink_record, path, "", is_timed), HONE_OK);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(hn_fake_process(&fake, rows[i]), HONE_OK);
    }
    assert_int_equal(hn_fake_finish(&fake), HONE_OK);
    assert_int_equal(hn_fake_deinit(&fake), 0);
    read_content();
}

static void record_two(void) {
    record((const char *const[]){ROWS_1, ROWS_2}, 2, true);
}

static hone_status replay(const char *more) {
    hn_fake_init(&fake);
    hone_status status = open_kind(&hn_kind_source_replay, path, more, true);
    return status == HONE_OK ? hn_fake_produce(&fake, 1000) : status;
}

static void end(void) {
    assert_int_equal(hn_fake_deinit(&fake), 0);
}

static void assert_logged(const char *text) {
    if (!text) {
        assert_int_equal(fake.logged.size, 0);
        return;
    }
    hone_buffer_append_byte(&fake.logged, '\0');
    assert_non_null(strstr((const char *)fake.logged.data, text));
}

static void assert_message(const char *text) {
    if (!strstr(hn_fake_message(&fake), text)) {
        fail_msg("'%s' is not in: %s", text, hn_fake_message(&fake));
    }
}

static void test_replay_gives_what_was_recorded(void **state) {
    (void)state;
    record_two();
    assert_int_equal(replay(""), HONE_STATUS_CLOSED);
    assert_true(hone_schema_is_equal(fake.stage.schema, hn_fake_schema(&fake, FIELDS, true)));
    assert_int_equal(fake.sent_count, 2);
    assert_string_equal(hn_fake_sent_text(&fake), ROWS_1 "\n" ROWS_2 "\n");
    assert_int_equal(fake.live.bytes, content.size);
    assert_logged(NULL);
    end();
}

static void test_only_selected_rows_are_recorded(void **state) {
    (void)state;
    hn_fake_init(&fake);
    assert_int_equal(open_kind(&hn_kind_sink_record, path, "sync = true", false), HONE_OK);
    hone_batch *batch = hn_fake_batch(&fake, fake.stage.input_schema, ROWS_1);
    hone_batch_selection(batch)[0] = 1;
    hone_batch_selection(batch)[1] = 2;
    batch->selected_count = 2;
    assert_int_equal(fake.stage.kind->process(&fake.stage, batch, &fake.diag), HONE_OK);
    assert_int_equal(fake.live.records_out, 2);
    assert_int_equal(hn_fake_finish(&fake), HONE_OK);
    end();
    assert_int_equal(replay(""), HONE_STATUS_CLOSED);
    assert_string_equal(hn_fake_sent_text(&fake), "2000|-|-|-|-\n3000|-3|1e+300|false|\n");
    end();
}

static void test_check_touches_nothing(void **state) {
    (void)state;
    record_two();
    size_t size = content.size;
    hn_fake_init(&fake);
    fake.is_check = true;
    assert_int_equal(open_kind(&hn_kind_sink_record, path, "", true), HONE_OK);
    end();
    read_content();
    assert_int_equal(content.size, size);
    hn_fake_init(&fake);
    fake.is_check = true;
    assert_int_equal(open_kind(&hn_kind_sink_record, "/tmp/hone-record-none", "", true), HONE_OK);
    end();
    assert_int_not_equal(access("/tmp/hone-record-none", F_OK), 0);
}

/* Every place where a crash can cut the file: what is complete is replayed, and one line says that
 * there was more. */
static void test_torn_tail(void **state) {
    (void)state;
    record_two();
    hn_record_block block;
    hone_diag diag;
    hn_fake_init(&fake);
    const hone_schema *schema = hn_fake_schema(&fake, FIELDS, true);
    uint32_t head = 0;
    assert_int_equal(hn_record_head_measure((hone_span){content.data, content.size}, &diag, &head),
                     HONE_OK);
    assert_int_equal(hn_record_block_measure((hone_span){content.data + head, content.size - head},
                                             schema, 0, &diag, &block),
                     HONE_OK);
    end();
    size_t first_end = head + block.size_bytes;
    for (size_t size = head; size < content.size; size++) {
        write_content(size);
        assert_int_equal(replay("loop = 2"), HONE_STATUS_CLOSED);
        const char *once = size < first_end ? "" : ROWS_1 "\n";
        char expected[512];
        (void)snprintf(expected, sizeof expected, "%s%s", once, once);
        assert_string_equal(hn_fake_sent_text(&fake), expected);
        bool is_torn = size != head && size != first_end;
        assert_logged(is_torn ? "the recording was interrupted there" : NULL);
        if (is_torn) { /* said once, not once a loop */
            assert_null(strchr(strchr((char *)fake.logged.data, '\n') + 1, '\n'));
        }
        end();
    }
}

static void test_damage_is_an_error(void **state) {
    (void)state;
    record_two();
    for (size_t at = 88; at < content.size; at += 13) {
        content.data[at] ^= 0x20;
        write_content(content.size);
        content.data[at] ^= 0x20;
        hone_status status = replay("");
        if (status == HONE_STATUS_CORRUPT && at > 400) {
            assert_message(path);
            assert_message("it: block 1 at byte ");
            assert_message("the 3 records before it were replayed");
            assert_string_equal(hn_fake_sent_text(&fake), ROWS_1 "\n");
        }
        assert_int_equal(status, HONE_STATUS_CORRUPT);
        end();
    }
}

static void test_files_that_are_no_recordings(void **state) {
    (void)state;
    static const struct {
        const char *bytes;
        size_t size;
        hone_status status;
        const char *message;
    } cases[] = {
        {"", 0, HONE_STATUS_TRUNCATED, "interrupted before the first record"},
        {"a,b\n1,2\n", 8, HONE_STATUS_CORRUPT, "this is no recording"},
        {"\xef\xbb\xbf", 3, HONE_STATUS_TRUNCATED, "ends after 0 bytes"},
        {"\x89HNREC\n", 7, HONE_STATUS_CORRUPT, "this is no recording"},
        {"\x89HNREC\r\n", 8, HONE_STATUS_TRUNCATED, "interrupted before the first record"},
        {"\x89HNREC\r\n\2\0\0\0\0\0\0\0\0\0\0\0\40\0\0\0\0\0\0\0\0\0\0\0", 32,
         HONE_STATUS_UNSUPPORTED, "format version 2"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hone_buffer_clear(&content);
        hone_buffer_append(&content, cases[i].bytes, cases[i].size);
        write_content(cases[i].size);
        assert_int_equal(replay(""), cases[i].status);
        assert_message(cases[i].message);
        assert_message(path);
        end();
    }
    hn_fake_init(&fake);
    assert_int_equal(open_kind(&hn_kind_source_replay, "/tmp/hone-record-none", "", true),
                     HONE_STATUS_NOT_FOUND);
    end();
    hn_fake_init(&fake);
    assert_int_equal(open_kind(&hn_kind_source_replay, "/tmp", "", true), HONE_STATUS_IS_DIRECTORY);
    end();
}

static void test_options(void **state) {
    (void)state;
    static const char *const wrong[] = {"",   "fast", "x",    "2",     "0x", "-1x",
                                        "2X", "nanx", "infx", "1e-7x", "2 x"};
    char toml[64];
    record_two();
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        (void)snprintf(toml, sizeof toml, "speed = '%s'", wrong[i]);
        assert_int_equal(replay(toml), HONE_STATUS_INVALID_ARGUMENT);
        assert_message("node.toml:2");
        assert_message("is not \"max\", \"recorded\" or a multiple");
        end();
    }
    record((const char *const[]){ROWS_1}, 1, false);
    assert_int_equal(replay("speed = 'recorded'"), HONE_STATUS_INVALID_ARGUMENT);
    assert_message("no times to keep a pace by");
    end();
    assert_int_equal(replay("speed = 'max'\nloop = 3"), HONE_STATUS_CLOSED);
    assert_int_equal(fake.sent_count, 3);
    end();
    record(NULL, 0, true);
    assert_int_equal(replay("loop = 0"), HONE_STATUS_CLOSED); /* not for ever */
    end();
    hn_fake_init(&fake);
    assert_int_equal(open_kind(&hn_kind_sink_record, "/dev/null", "sync = true", true),
                     HONE_STATUS_INVALID_ARGUMENT);
    assert_message("'sync' needs a file on a disk");
    end();
}

/* Rows are sent when they are due and not before, and those that are due together go together. */
static void test_pace(void **state) {
    (void)state;
    static const char *const rows[] = {
        "1000000000|1|0|true|a\n1000000000|2|0|true|b\n21000000000|3|0|true|c", "500|4|0|true|d",
        "41000000000|5|0|true|e\n9223372036854775807|6|0|true|f"};
    record(rows, 3, true);
    uint64_t before_ns = hone_clock_monotonic_ns();
    assert_int_equal(replay("speed = '1000x'"), HONE_STATUS_WOULD_BLOCK); /* 20 s are 20 ms */
    uint64_t after_ns = hone_clock_monotonic_ns();
    assert_int_equal(fake.sent_count, 1);
    assert_string_equal(hn_fake_sent_text(&fake), "1000000000|1|0|true|a\n1000000000|2|0|true|b\n");
    assert_in_range(fake.wake_ns, before_ns + 20 * SECOND / 1000, after_ns + 20 * SECOND / 1000);
    uint64_t start_ns = fake.wake_ns - 20 * SECOND / 1000;
    while (fake.sent_count < 4) {
        hone_status status = hn_fake_produce(&fake, 1);
        uint64_t now_ns = hone_clock_monotonic_ns();
        assert_true(status == HONE_OK || status == HONE_STATUS_WOULD_BLOCK);
        assert_true(fake.sent_count < 2 || now_ns >= start_ns + 20 * SECOND / 1000);
        assert_true(fake.sent_count < 4 || now_ns >= start_ns + 40 * SECOND / 1000);
        assert_true(fake.sent_count < 4 || fake.sent[3]->rows_count == 1);
    }
    assert_int_equal(hn_fake_produce(&fake, 1), HONE_STATUS_WOULD_BLOCK); /* 292 years */
    assert_in_range(fake.wake_ns, start_ns + UINT64_C(9000000000000000), UINT64_MAX / 2);
    end();
}

static void test_recorded_pace_begins_anew_each_loop(void **state) {
    (void)state;
    record((const char *const[]){"7000000|1|0|true|a\n9000000|2|0|true|b"}, 1, true);
    uint64_t before_ns = hone_clock_monotonic_ns();
    hone_status status = replay("speed = 'recorded'\nloop = 2");
    while (status == HONE_STATUS_WOULD_BLOCK) {
        status = hn_fake_produce(&fake, 10);
    }
    assert_int_equal(status, HONE_STATUS_CLOSED);
    assert_true(hone_clock_monotonic_ns() - before_ns >= 4000000);
    assert_string_equal(hn_fake_sent_text(&fake), "7000000|1|0|true|a\n9000000|2|0|true|b\n"
                                                  "7000000|1|0|true|a\n9000000|2|0|true|b\n");
    end();
}

/* --- pipes --- */

/* Returns how many bytes that took. */
static size_t fill_pipe(int fd) {
    char junk[4096] = {0};
    size_t size = 0;
    int flags = fcntl(fd, F_GETFL);
    (void)fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    for (ssize_t more = 0; more >= 0; size += more > 0 ? (size_t)more : 0) {
        more = write(fd, junk, sizeof junk);
    }
    (void)fcntl(fd, F_SETFL, flags);
    return size;
}

/* A worker is never kept: a full pipe is waited for, and what comes out at the other end is the
 * file. */
static void test_record_into_a_pipe(void **state) {
    (void)state;
    record_two();
    int ends[2];
    char at[32];
    static uint8_t got[2 << 20];
    size_t size = 0;
    assert_int_equal(pipe(ends), 0);
    (void)snprintf(at, sizeof at, "/dev/fd/%d", ends[1]);
    hn_fake_init(&fake);
    assert_int_equal(open_kind(&hn_kind_sink_record, at, "", true), HONE_OK);
    size_t junk = fill_pipe(ends[1]);
    assert_int_equal(hn_fake_process(&fake, ROWS_1), HONE_STATUS_WOULD_BLOCK);
    assert_true(fake.watched_fd >= 0);
    assert_int_equal(fake.live.records_out, 0);
    while (fake.stage.kind->resume(&fake.stage, &fake.diag) == HONE_STATUS_WOULD_BLOCK) {
        ssize_t more = read(ends[0], got, 4096); /* the junk */
        assert_true(more > 0);
        size += (size_t)more;
    }
    assert_int_equal(fake.live.records_out, 3);
    assert_int_equal(hn_fake_process(&fake, ROWS_2), HONE_OK);
    assert_int_equal(hn_fake_finish(&fake), HONE_OK);
    assert_int_equal(fake.watched_fd, -1);
    end();
    close(ends[1]);
    size_t junk_left = junk - size;
    size = 0;
    for (ssize_t more = 1; more > 0; size += (size_t)more) {
        more = read(ends[0], got + size, sizeof got - size);
        assert_true(more >= 0);
    }
    assert_int_equal(size, junk_left + content.size);
    assert_memory_equal(got + junk_left, content.data, content.size);
    close(ends[0]);
}

static void test_replay_from_a_pipe(void **state) {
    (void)state;
    record_two();
    int ends[2];
    char at[32];
    assert_int_equal(pipe(ends), 0);
    (void)snprintf(at, sizeof at, "/dev/fd/%d", ends[0]);
    size_t sent = content.size - 40;
    assert_int_equal(write(ends[1], content.data, sent), sent);
    hn_fake_init(&fake);
    assert_int_equal(open_kind(&hn_kind_source_replay, at, "loop = 2", true),
                     HONE_STATUS_INVALID_ARGUMENT);
    assert_message("'loop' needs a file that can be read again");
    end();
    close(ends[0]);
    close(ends[1]);

    assert_int_equal(pipe(ends), 0);
    (void)snprintf(at, sizeof at, "/dev/fd/%d", ends[0]);
    assert_int_equal(write(ends[1], content.data, sent), sent);
    hn_fake_init(&fake);
    assert_int_equal(open_kind(&hn_kind_source_replay, at, "", true), HONE_OK);
    assert_int_equal(hn_fake_produce(&fake, 100), HONE_STATUS_WOULD_BLOCK);
    assert_string_equal(hn_fake_sent_text(&fake), ROWS_1 "\n");
    assert_int_equal(write(ends[1], content.data + sent, 40), 40);
    close(ends[1]);
    assert_int_equal(hn_fake_produce(&fake, 100), HONE_STATUS_CLOSED);
    assert_string_equal(hn_fake_sent_text(&fake), ROWS_1 "\n" ROWS_2 "\n");
    assert_logged(NULL);
    end();
    close(ends[0]);
}

static void test_reader_is_gone(void **state) {
    (void)state;
    int ends[2];
    char at[32];
    (void)signal(SIGPIPE, SIG_IGN);
    assert_int_equal(pipe(ends), 0);
    (void)snprintf(at, sizeof at, "/dev/fd/%d", ends[1]);
    hn_fake_init(&fake);
    assert_int_equal(open_kind(&hn_kind_sink_record, at, "", true), HONE_OK);
    close(ends[0]);
    assert_int_equal(hn_fake_process(&fake, ROWS_1), HONE_STATUS_BROKEN_PIPE);
    assert_message(at);
    end();
    close(ends[1]);
}

/* --- full disks --- */

static void test_full_device(void **state) {
    (void)state;
    hn_fake_init(&fake);
    if (access("/dev/full", W_OK) != 0) {
        skip();
    }
    assert_int_equal(open_kind(&hn_kind_sink_record, "/dev/full", "", true), HONE_OK);
    assert_int_equal(hn_fake_process(&fake, ROWS_1), HONE_STATUS_NO_SPACE);
    assert_message("/dev/full");
    assert_message("it: ");
    assert_message("make room and record again");
    assert_int_equal(fake.live.records_out, 0);
    end();
}

/* A limit on the size of files ends a write in the middle, as a full disk does: wherever that is,
 * the file keeps its complete blocks and no part of another. */
static void record_until_full(size_t size_max) {
    struct rlimit limit = {size_max, size_max};
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    hn_fake_init(&fake);
    assert_int_equal(open_kind(&hn_kind_sink_record, path, "", true), HONE_OK);
    hone_status status = HONE_OK;
    for (int i = 0; i < 10 && status == HONE_OK; i++) {
        status = hn_fake_process(&fake, ROWS_1);
    }
    assert_int_equal(status, HONE_STATUS_NO_SPACE);
    assert_message(path);
    end();
}

static void test_full_disk_keeps_complete_blocks(void **state) {
    (void)state;
    record((const char *const[]){ROWS_1}, 1, true);
    size_t one = content.size;
    record((const char *const[]){ROWS_1, ROWS_1}, 2, true);
    size_t two = content.size;
    for (size_t size_max = one; size_max < two; size_max += 9) {
        pid_t child = fork(); /* the limit cannot be lifted again */
        if (child == 0) {
            record_until_full(size_max);
            _exit(0);
        }
        int result = 0;
        assert_int_equal(waitpid(child, &result, 0), child);
        assert_int_equal(result, 0);
        struct stat info;
        assert_int_equal(stat(path, &info), 0);
        assert_int_equal(info.st_size, one);
        assert_int_equal(replay(""), HONE_STATUS_CLOSED);
        assert_logged(NULL);
        end();
    }
}

/* --- memory --- */

static void test_every_allocation_may_fail(void **state) {
    (void)state;
    record_two();
    for (uint64_t n = 1;; n++) {
        hn_fake_init(&fake);
        hone_failing_init(&fake.failing, NULL, n, false);
        hone_status status = open_kind(&hn_kind_source_replay, path, "", true);
        status = status == HONE_OK ? hn_fake_produce(&fake, 100) : status;
        bool has_failed = hone_failing_has_failed(&fake.failing);
        assert_int_equal(status, has_failed ? HONE_STATUS_OUT_OF_MEMORY : HONE_STATUS_CLOSED);
        end();
        if (!has_failed) {
            break;
        }
    }
    for (uint64_t n = 1;; n++) {
        hn_fake_init(&fake);
        hone_failing_init(&fake.failing, NULL, 0, false);
        hone_batch *batch = hn_fake_batch(&fake, hn_fake_schema(&fake, FIELDS, true), ROWS_1);
        fake.failing.fail_at = n + 1; /* behind the batch */
        hone_status status = open_kind(&hn_kind_sink_record, path, "", true);
        if (status == HONE_OK) {
            status = fake.stage.kind->process(&fake.stage, batch, &fake.diag);
        } else {
            hn_batch_release(&fake.stage, batch);
        }
        status = status == HONE_OK ? hn_fake_finish(&fake) : status;
        bool has_failed = hone_failing_has_failed(&fake.failing);
        assert_int_equal(status, has_failed ? HONE_STATUS_OUT_OF_MEMORY : HONE_OK);
        end();
        if (!has_failed) {
            break;
        }
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_replay_gives_what_was_recorded),
        TEST(test_only_selected_rows_are_recorded),
        TEST(test_check_touches_nothing),
        TEST(test_torn_tail),
        TEST(test_damage_is_an_error),
        TEST(test_files_that_are_no_recordings),
        TEST(test_options),
        TEST(test_pace),
        TEST(test_recorded_pace_begins_anew_each_loop),
        TEST(test_record_into_a_pipe),
        TEST(test_replay_from_a_pipe),
        TEST(test_reader_is_gone),
        TEST(test_full_device),
        TEST(test_full_disk_keeps_complete_blocks),
        TEST(test_every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
