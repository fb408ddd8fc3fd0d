/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a page is seen by others of the same user and by nobody else, and nothing that lies in the
 * folder can mislead or hold up a reader. Method: a runtime folder of the test's own, with every
 * kind of thing in it that is no page.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hone/platform/shared_page.h"
#include "machine_test_internal.h"

enum { PIDS_MAX = 8 };

typedef struct place {
    char folder[512];
    char path[600];
} place;

static void enter(place *here) {
    hn_test_make_folder(here->folder, sizeof here->folder);
    assert_int_equal(chmod(here->folder, 0700), 0);
    assert_int_equal(setenv("HONE_RUNTIME_DIR", here->folder, 1), 0);
}

static void leave(place *here) {
    assert_int_equal(unsetenv("HONE_RUNTIME_DIR"), 0);
    hn_test_remove_folder(here->folder);
}

/* The path of the page of this process. */
static const char *own_path(place *here, const char *suffix) {
    (void)snprintf(here->path, sizeof here->path, "%s/%lld.%s", here->folder,
                   (long long)hone_process_id(), suffix);
    return here->path;
}

static void a_page_is_shared(void **state) {
    (void)state;
    place here;
    enter(&here);
    hone_shared_page page, view;
    int64_t pids[PIDS_MAX];
    uint32_t count;
    assert_int_equal(hone_shared_page_create("a", 10000, NULL, &page), HONE_OK);
    for (int i = 0; i < 10000; i++) {
        assert_int_equal(((const char *)page.memory)[i], 0);
    }
    memcpy(page.memory, "hello", 6);
    assert_int_equal(hone_shared_page_open("a", hone_process_id(), NULL, &view), HONE_OK);
    assert_int_equal(view.size_bytes, 10000);
    assert_string_equal(view.memory, "hello");
    struct stat info;
    assert_int_equal(stat(own_path(&here, "a"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0600);
    assert_int_equal(hone_shared_page_list("a", pids, PIDS_MAX, &count), HONE_OK);
    assert_int_equal(count, 1);
    assert_int_equal(pids[0], hone_process_id());
    assert_int_equal(hone_shared_page_list("b", pids, PIDS_MAX, &count), HONE_OK);
    assert_int_equal(count, 0);
    hone_shared_page_close(&view);
    assert_int_equal(stat(own_path(&here, "a"), &info), 0); /* a reader takes nothing away */
    hone_shared_page_close(&page);
    assert_int_not_equal(stat(own_path(&here, "a"), &info), 0);
    hone_shared_page_close(&page); /* again: nothing */
    leave(&here);
}

static void impossible_sizes_are_refused(void **state) {
    (void)state;
    place here;
    enter(&here);
    static const uint64_t sizes[] = {0, ((uint64_t)1 << 30) + 1, UINT64_MAX};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        hone_shared_page page;
        hone_diag diag = {0};
        struct stat info;
        assert_int_equal(hone_shared_page_create("a", sizes[i], &diag, &page), HONE_STATUS_LIMIT);
        assert_non_null(strstr(diag.message, "bytes"));
        assert_int_not_equal(stat(own_path(&here, "a"), &info), 0);
    }
    leave(&here);
}

static void folders_of_others_are_refused(void **state) {
    (void)state;
    place here;
    hone_shared_page page;
    hone_diag diag = {0};
    enter(&here);
    assert_int_equal(chmod(here.folder, 0770), 0);
    assert_int_equal(hone_shared_page_create("a", 64, &diag, &page), HONE_STATUS_FORBIDDEN);
    assert_non_null(strstr(diag.message, "HONE_RUNTIME_DIR"));
    assert_int_equal(hone_shared_page_open("a", 1, NULL, &page), HONE_STATUS_FORBIDDEN);
    assert_int_equal(chmod(here.folder, 0700), 0);
    char link[600];
    (void)snprintf(link, sizeof link, "%s/link", here.folder);
    assert_int_equal(symlink(".", link), 0);
    assert_int_equal(setenv("HONE_RUNTIME_DIR", link, 1), 0);
    assert_int_equal(hone_shared_page_create("a", 64, NULL, &page), HONE_STATUS_FORBIDDEN);
    leave(&here);
}

/* What lies under the name of a page: a link, a pipe that nobody writes to, a folder, nothing in a
 * file. None is opened as a page, and the pipe does not hold the reader up. */
static void what_is_no_page_is_refused(void **state) {
    (void)state;
    place here;
    hone_shared_page page;
    enter(&here);
    hn_test_write_file(here.folder, "/target", "data");
    assert_int_equal(symlink("target", own_path(&here, "link")), 0);
    assert_int_equal(mkfifo(own_path(&here, "pipe"), 0600), 0);
    assert_int_equal(mkdir(own_path(&here, "folder"), 0700), 0);
    FILE *empty = fopen(own_path(&here, "empty"), "w");
    assert_non_null(empty);
    assert_int_equal(fclose(empty), 0);
    int64_t pid = hone_process_id();
    (void)alarm(60); /* a reader that waits for the pipe ends here */
    assert_int_equal(hone_shared_page_open("link", pid, NULL, &page), HONE_STATUS_FORBIDDEN);
    assert_int_equal(hone_shared_page_open("pipe", pid, NULL, &page), HONE_STATUS_CORRUPT);
    assert_int_equal(hone_shared_page_open("folder", pid, NULL, &page), HONE_STATUS_CORRUPT);
    assert_int_equal(hone_shared_page_open("empty", pid, NULL, &page), HONE_STATUS_CORRUPT);
    assert_int_equal(hone_shared_page_open("none", pid, NULL, &page), HONE_STATUS_NOT_FOUND);
    (void)alarm(0);
    leave(&here);
}

/* Pages of the dead are swept away; names that are no page's are left alone. */
static void the_list_has_the_living(void **state) {
    (void)state;
    place here;
    int64_t pids[PIDS_MAX];
    uint32_t count;
    struct stat info;
    enter(&here);
    static const char *const others[] = {"/-1.a", "/0.a", "/x.a", "/99999999999999999999.a", "/5"};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        hn_test_write_file(here.folder, others[i], "x");
    }
    hn_test_write_file(here.folder, "/2147483647.a", "x"); /* above the largest pid of Linux */
    assert_int_equal(hone_shared_page_list("a", pids, PIDS_MAX, &count), HONE_OK);
    assert_int_equal(count, 0);
    (void)snprintf(here.path, sizeof here.path, "%s/2147483647.a", here.folder);
    assert_int_not_equal(stat(here.path, &info), 0);
    (void)snprintf(here.path, sizeof here.path, "%s/x.a", here.folder);
    assert_int_equal(stat(here.path, &info), 0);
    leave(&here);
}

static void no_descriptors_left_is_a_limit(void **state) {
    (void)state;
    place here;
    hone_shared_page page;
    struct rlimit before, none;
    enter(&here);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 3;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    hone_status status = hone_shared_page_create("a", 64, NULL, &page);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(status, HONE_STATUS_LIMIT);
    leave(&here);
}

static void a_start_names_one_process(void **state) {
    (void)state;
    assert_int_not_equal(hone_process_start(hone_process_id()), 0);
    assert_true(hone_process_start(hone_process_id()) == hone_process_start(hone_process_id()));
    assert_int_equal(hone_process_start(INT32_MAX), 0);
    assert_int_equal(hone_process_start(-1), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_page_is_shared),
        cmocka_unit_test(impossible_sizes_are_refused),
        cmocka_unit_test(folders_of_others_are_refused),
        cmocka_unit_test(what_is_no_page_is_refused),
        cmocka_unit_test(the_list_has_the_living),
        cmocka_unit_test(no_descriptors_left_is_a_limit),
        cmocka_unit_test(a_start_names_one_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
