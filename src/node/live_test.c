/* SPDX-License-Identifier: Apache-2.0 */
/* The live page as other processes see it, and the node file that changes under a running node. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hone/platform/clock.h"
#include "node_kinds_test.h"

#define NODE                                                                              \
    "[node]\nname = \"seen\"\n"                                                           \
    "[[stage]]\nname = \"in\"\nkind = \"test.source\"\nrows = 1000000\nevery = \"1ms\"\n" \
    "[[stage]]\nname = \"out\"\nkind = \"test.sink\"\nfrom = \"in\"\n"

static void set_folder(const char *path) {
    assert_int_equal(setenv("HONE_RUNTIME_DIR", path, 1), 0);
}

static bool has_page(int64_t pid) {
    int64_t pids[HONE_LIVE_LIST_MAX];
    uint32_t count = 0;
    assert_int_equal(hone_live_list(pids, HONE_LIVE_LIST_MAX, &count), HONE_OK);
    for (uint32_t i = 0; i < count; i++) {
        if (pids[i] == pid) {
            return true;
        }
    }
    return false;
}

static bool is_page_left(const char *folder, pid_t pid) {
    char path[200];
    (void)snprintf(path, sizeof path, "%s/%lld.live", folder, (long long)pid);
    return access(path, F_OK) == 0;
}

/* A child that runs a node until it gets a byte; then it ends as it should. */
typedef struct child {
    int fd;
    hone_node *node;
} child;

static void stop_when_told(void *context, const hone_live_page *live) {
    const child *self = context;
    char byte;
    (void)live;
    if (read(self->fd, &byte, 1) == 1) {
        hone_node_stop(self->node);
    }
}

static int child_main(int fd) {
    child self = {.fd = fd};
    hone_node_run_options options = {
        .progress = stop_when_told, .progress_context = &self, .progress_ns = 1000000};
    const hone_report *report = NULL;
    if (fcntl(fd, F_SETFL, O_NONBLOCK) != 0 ||
        hone_node_load_text(HONE_TEXT(NODE), "n.toml", NULL, NULL, &self.node) != HONE_OK) {
        return 1;
    }
    int code = hone_node_run(self.node, &options, NULL, &report) == HONE_OK ? 0 : 2;
    hone_node_destroy(self.node);
    return code;
}

static pid_t start_child(int *out_fd) {
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)close(ends[1]);
        _exit(child_main(ends[0]));
    }
    (void)close(ends[0]);
    *out_fd = ends[1];
    return pid;
}

static void open_running(pid_t pid, hone_live *out_live) {
    uint64_t end_ns = hone_clock_monotonic_ns() + 20000000000u;
    while (hone_live_open(pid, NULL, out_live) != HONE_OK) {
        assert_true(hone_clock_monotonic_ns() < end_ns);
        (void)usleep(1000);
    }
    while (out_live->page->stages_count < 2 || out_live->page->stages[1].records_out < 3) {
        assert_true(hone_clock_monotonic_ns() < end_ns);
        (void)usleep(1000);
    }
}

static void another_process_sees_a_running_node(void **test) {
    int fd, code = -1;
    hone_live live;
    if (HONE_IS_EMULATED) {
        skip(); /* an emulator makes up /proc/self/stat: a process does not know when it began */
    }
    pid_t pid = start_child(&fd);
    open_running(pid, &live);
    assert_true(has_page(pid));
    assert_string_equal(live.page->node_name, "seen");
    assert_int_equal(live.page->pid, pid);
    assert_int_equal(live.page->state, HONE_LIVE_RUNNING);
    assert_string_equal(live.page->stages[0].name, "in");
    assert_string_equal(live.page->stages[1].kind, "test.sink");
    assert_int_equal(live.page->stages[1].inputs_count, 1);
    uint64_t before = live.page->stages[1].records_out;
    (void)usleep(50000);
    assert_true(live.page->stages[1].records_out > before); /* it is alive */
    assert_int_equal(write(fd, "x", 1), 1);
    assert_int_equal(waitpid(pid, &code, 0), pid);
    assert_int_equal(code, 0);
    assert_int_equal(live.page->state, HONE_LIVE_ENDED); /* who has it mapped can read the end */
    assert_int_equal(live.page->stages[0].records_out, live.page->stages[1].records_in);
    hone_live_close(&live);
    assert_false(is_page_left(*test, pid));
    assert_int_equal(hone_live_open(pid, NULL, &live), HONE_STATUS_NOT_FOUND);
    (void)close(fd);
}

static void the_page_of_a_killed_node_is_removed(void **test) {
    int fd;
    hone_live live;
    if (HONE_IS_EMULATED) {
        skip(); /* as above */
    }
    pid_t pid = start_child(&fd);
    open_running(pid, &live);
    hone_live_close(&live);
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_true(is_page_left(*test, pid));
    assert_int_not_equal(hone_live_open(pid, NULL, &live), HONE_OK);
    assert_false(has_page(pid)); /* and whoever lists removes it */
    assert_false(is_page_left(*test, pid));
    (void)close(fd);
}

static void damaged_pages_are_refused(void **test) {
    int fd;
    char path[200];
    hone_live live;
    hone_diag diag = {0};
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) { /* a process that is alive and has no node */
        (void)pause();
        _exit(0);
    }
    (void)snprintf(path, sizeof path, "%s/%lld.live", (const char *)*test, (long long)pid);
    static const off_t sizes[] = {0, 1, 4096, sizeof(hone_live_page), 1 << 20};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0600);
        assert_true(fd >= 0);
        assert_int_equal(ftruncate(fd, sizes[i]), 0);
        hone_live_page page = {.magic = HONE_LIVE_MAGIC,
                               .version = HONE_LIVE_VERSION,
                               .stages_count = 200, /* more than there is room for */
                               .size_bytes = (uint64_t)sizes[i],
                               .pid = pid,
                               .process_start = hone_process_start(pid)};
        if (i >= 3) {
            assert_int_equal(pwrite(fd, &page, sizeof page, 0), sizeof page);
        }
        (void)close(fd);
        assert_int_equal(hone_live_open(pid, &diag, &live), HONE_STATUS_CORRUPT);
    }
    (void)unlink(path);
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
}

/* A folder that others can write to, or that is somebody else's, is not used: the node runs, says
 * so, and is only not seen. */
static void folders_of_others_are_not_used(void **test) {
    char path[200];
    (void)snprintf(path, sizeof path, "%s/others", (const char *)*test);
    assert_int_equal(mkdir(path, 0777), 0);
    for (int i = 0; i < 2; i++) {
        hn_test_context context;
        hone_node *node = NULL;
        assert_int_equal(chmod(path, i ? 0700 : 0777), 0);
        if (i && (geteuid() != 0 || chown(path, 65534, (gid_t)-1) != 0)) {
            break; /* only the superuser can make somebody else's */
        }
        hn_test_context_init(&context);
        hone_node_options options = {.log = &context.log};
        set_folder(path);
        assert_int_equal(hone_node_load_text(HONE_TEXT(NODE), "n.toml", &options, NULL, &node),
                         HONE_OK);
        assert_non_null(strstr(context.lines, "`hone top` cannot see this node: '"));
        assert_non_null(strstr(context.lines, "set HONE_RUNTIME_DIR to a folder of your own"));
        hone_node_destroy(node);
        hn_test_context_deinit(&context);
        set_folder(*test);
    }
    assert_int_equal(rmdir(path), 0); /* nothing was put there */
}

static void a_node_that_is_only_checked_is_not_seen(void **test) {
    hone_node *node = NULL;
    hone_node_options options = {.is_check = true};
    const hone_report *report = NULL;
    hone_diag diag = {0};
    assert_int_equal(hone_node_load_text(HONE_TEXT(NODE), "n.toml", &options, NULL, &node),
                     HONE_OK);
    assert_false(is_page_left(*test, getpid()));
    assert_int_equal(hone_node_run(node, NULL, &diag, &report), HONE_STATUS_INVALID_ARGUMENT);
    assert_string_equal(diag.message, "the node was loaded to be checked only");
    hone_node_destroy(node);
}

/* --- the node file --- */

typedef enum change { CHANGE_NONE, CHANGE_CONTENT, CHANGE_REMOVE, CHANGES_COUNT } change;

static void file_changes_are_noticed(void **test) {
    char path[200];
    (void)snprintf(path, sizeof path, "%s/n.toml", (const char *)*test);
    for (int i = 0; i < CHANGES_COUNT; i++) {
        hn_test_context context;
        hone_node *node = NULL;
        const hone_report *report = NULL;
        hn_test_context_init(&context);
        hone_node_options options = {.log = &context.log};
        hone_node_run_options running = {.records_max = 3};
        assert_int_equal(hone_file_replace(path, HONE_TEXT(NODE), NULL), HONE_OK);
        assert_int_equal(hone_node_load(path, &options, NULL, &node), HONE_OK);
        if (i == CHANGE_CONTENT) {
            assert_int_equal(hone_file_replace(path, HONE_TEXT("x = 1\n"), NULL), HONE_OK);
        } else if (i == CHANGE_REMOVE) {
            assert_int_equal(unlink(path), 0);
        }
        assert_int_equal(hone_node_run(node, &running, NULL, &report), HONE_OK);
        assert_int_equal(report->is_file_changed, i != CHANGE_NONE);
        assert_int_equal(context.lines_count, i != CHANGE_NONE);
        assert_int_equal(hn_test_rows(&context, "out")->count, 3);
        hone_node_destroy(node);
        hn_test_context_deinit(&context);
    }
    (void)unlink(path);
}

/* --- the report's forms --- */

static void reports_are_complete(void **test) {
    hone_node *node = NULL;
    const hone_report *report = NULL;
    hone_node_run_options running = {.records_max = 7};
    (void)test;
    assert_int_equal(hone_node_load_text(HONE_TEXT(NODE), "n.toml", NULL, NULL, &node), HONE_OK);
    assert_int_equal(hone_node_run(node, &running, NULL, &report), HONE_OK);
    void (*const writers[])(const hone_report *, hone_buffer *) = {
        hone_report_write_text, hone_report_write_json, hone_report_write_html};
    static const char *const expected[] = {"7 records in, 7 out", "\"records_out\": 7", "<svg"};
    for (int i = 0; i < 3; i++) {
        hone_buffer text;
        hone_buffer_init(&text, NULL, 1 << 20);
        writers[i](report, &text);
        assert_int_equal(hone_buffer_status(&text), HONE_OK);
        hone_buffer_append_byte(&text, 0);
        assert_non_null(strstr((const char *)text.data, expected[i]));
        assert_null(strstr((const char *)text.data, "nan"));
        hone_buffer_deinit(&text);
    }
    hone_node_destroy(node);
}

static void report_lines_are_narrow(void **test) {
    static const char wide[] =
        "[node]\nname = \"a-node-with-a-name-that-is-longer-than-anyone-needs-it-to-be\"\n"
        "[[stage]]\nname = \"a-source-with-a-long-name-ääääääääääääää\"\nkind = \"source.host\"\n"
        "interval = \"1ms\"\n"
        "[[stage]]\nname = \"one\"\nkind = \"sink.null\"\n"
        "from = \"a-source-with-a-long-name-ääääääääääääää\"\n"
        "[[stage]]\nname = \"a-sink-with-a-long-name\"\nkind = \"sink.null\"\n"
        "from = \"a-source-with-a-long-name-ääääääääääääää\"\n";
    hone_node *node = NULL;
    const hone_report *report = NULL;
    hone_buffer text;
    (void)test;
    hone_buffer_init(&text, NULL, 1 << 20);
    assert_int_equal(hone_node_load_text(hone_text_of(wide), "n.toml", NULL, NULL, &node), HONE_OK);
    hone_node_run_options running = {.records_max = 1};
    assert_int_equal(hone_node_run(node, &running, NULL, &report), HONE_OK);
    hone_live_stage *source = (hone_live_stage *)&report->live->stages[0];
    atomic_store(&source->records_out, 123456789012); /* needs a unit */
    atomic_store(&source->records_skipped, 12345678);
    hone_report_write_text(report, &text);
    hone_text rest = hone_buffer_text(&text);
    while (rest.size) {
        hone_text line = hone_text_split(&rest, '\n');
        size_t width = 0;
        for (size_t i = 0; i < line.size; i++) {
            width += ((unsigned char)line.data[i] & 0xC0) != 0x80;
        }
        assert_in_range(width, 0, 80);
    }
    hone_buffer_append_byte(&text, 0);
    assert_non_null(strstr((const char *)text.data, "\n1 record in, 2 written by 2 sinks ("));
    assert_non_null(strstr((const char *)text.data, " 123 G"));
    assert_non_null(strstr((const char *)text.data, "\nlost: 12345678 not readable\n"));
    hone_buffer_deinit(&text);
    hone_node_destroy(node);
}

static int use_own_folder(void **state) {
    static char folder[] = "/tmp/hone-live-test-XXXXXX";
    *state = mkdtemp(folder);
    set_folder(folder);
    return *state ? 0 : -1;
}

static int drop_own_folder(void **state) {
    return rmdir(*state); /* fails when a page was left there */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_process_sees_a_running_node),
        cmocka_unit_test(the_page_of_a_killed_node_is_removed),
        cmocka_unit_test(damaged_pages_are_refused),
        cmocka_unit_test(folders_of_others_are_not_used),
        cmocka_unit_test(a_node_that_is_only_checked_is_not_seen),
        cmocka_unit_test(file_changes_are_noticed),
        cmocka_unit_test(reports_are_complete),
        cmocka_unit_test(report_lines_are_narrow),
    };
    return cmocka_run_group_tests(tests, use_own_folder, drop_own_folder);
}
