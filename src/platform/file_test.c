/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hone/platform/file.h"
#include "hone/platform/thread.h"
#include "machine_test_internal.h"

typedef struct folder {
    char root[512];
    char path[1024];
} folder;

static const char *in_folder(folder *here, const char *name) {
    (void)snprintf(here->path, sizeof here->path, "%s/%s", here->root, name);
    return here->path;
}

static void test_open_errors(void **state) {
    (void)state;
    folder here;
    hone_file file;
    hone_diag diag;
    hn_test_make_folder(here.root, sizeof here.root);
    hn_test_write_file(here.root, "/plain", "x");
    static const struct {
        const char *name;
        hone_file_mode mode;
        hone_status status;
    } cases[] = {
        {"none", HONE_FILE_READ, HONE_STATUS_NOT_FOUND},
        {"plain/below", HONE_FILE_READ, HONE_STATUS_NOT_FOUND},
        {"none/below", HONE_FILE_WRITE, HONE_STATUS_NOT_FOUND},
        {"", HONE_FILE_READ, HONE_STATUS_IS_DIRECTORY},
        {"", HONE_FILE_WRITE, HONE_STATUS_IS_DIRECTORY},
        {"", HONE_FILE_APPEND, HONE_STATUS_IS_DIRECTORY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const char *path = in_folder(&here, cases[i].name);
        hone_diag_clear(&diag);
        assert_int_equal(hone_file_open(path, cases[i].mode, &diag, &file), cases[i].status);
        assert_int_equal(diag.status, cases[i].status);
        assert_non_null(strstr(diag.message, here.root));
    }
    hn_test_remove_folder(here.root);
}

static void test_write_and_read(void **state) {
    (void)state;
    folder here;
    hone_file file;
    size_t done;
    char text[16];
    hn_test_make_folder(here.root, sizeof here.root);
    const char *path = in_folder(&here, "a");
    assert_int_equal(hone_file_open(path, HONE_FILE_WRITE, NULL, &file), HONE_OK);
    assert_true(file.is_regular && hone_file_is_writable(&file));
    assert_int_equal(hone_file_write(&file, "hello", 5, &done, NULL), HONE_OK);
    assert_int_equal(done, 5);
    assert_int_equal(hone_file_close(&file, NULL), HONE_OK);
    assert_int_equal(hone_file_close(&file, NULL), HONE_OK); /* a closed one is allowed */
    assert_int_equal(hone_file_open(path, HONE_FILE_APPEND, NULL, &file), HONE_OK);
    assert_int_equal(hone_file_write(&file, " you", 4, &done, NULL), HONE_OK);
    assert_int_equal(hone_file_close(&file, NULL), HONE_OK);
    assert_int_equal(hone_file_open(path, HONE_FILE_READ, NULL, &file), HONE_OK);
    assert_int_equal(file.size_bytes, 9);
    assert_true(hone_file_is_readable(&file));
    assert_int_equal(hone_file_read(&file, text, sizeof text, &done, NULL), HONE_OK);
    assert_int_equal(done, 9);
    assert_memory_equal(text, "hello you", 9);
    assert_int_equal(hone_file_read(&file, text, sizeof text, &done, NULL), HONE_OK);
    assert_int_equal(done, 0);
    assert_int_equal(hone_file_close(&file, NULL), HONE_OK);
    assert_int_equal(hone_file_open(path, HONE_FILE_WRITE, NULL, &file), HONE_OK); /* truncates */
    assert_int_equal(hone_file_close(&file, NULL), HONE_OK);
    assert_int_equal(hone_file_open(path, HONE_FILE_READ, NULL, &file), HONE_OK);
    assert_int_equal(file.size_bytes, 0);
    assert_int_equal(hone_file_write(&file, "x", 1, &done, NULL), HONE_STATUS_IO);
    assert_int_equal(done, 0);
    assert_int_equal(hone_file_close(&file, NULL), HONE_OK);
    hn_test_remove_folder(here.root);
}

static void test_take_back(void **state) {
    (void)state;
    folder here;
    hone_file file, other;
    size_t done;
    char text[16];
    hn_test_make_folder(here.root, sizeof here.root);
    const char *path = in_folder(&here, "a");
    assert_int_equal(hone_file_open(path, HONE_FILE_WRITE, NULL, &file), HONE_OK);
    assert_int_equal(hone_file_write(&file, "line\ntor", 8, &done, NULL), HONE_OK);
    assert_int_equal(hone_file_take_back(&file, 9, NULL), HONE_STATUS_IO);
    assert_int_equal(hone_file_take_back(&file, 3, NULL), HONE_OK);
    assert_int_equal(hone_file_write(&file, "go", 2, &done, NULL), HONE_OK);
    assert_int_equal(hone_file_open(path, HONE_FILE_APPEND, NULL, &other), HONE_OK);
    assert_int_equal(hone_file_write(&other, "!", 1, &done, NULL), HONE_OK);
    assert_int_equal(hone_file_take_back(&file, 1, NULL),
                     HONE_STATUS_UNSUPPORTED); /* not our end */
    assert_int_equal(hone_file_take_back(&other, 1, NULL), HONE_OK);
    assert_int_equal(hone_file_close(&other, NULL), HONE_OK);
    assert_int_equal(hone_file_close(&file, NULL), HONE_OK);
    assert_int_equal(hone_file_open(path, HONE_FILE_READ, NULL, &file), HONE_OK);
    assert_int_equal(hone_file_read(&file, text, sizeof text, &done, NULL), HONE_OK);
    assert_int_equal(done, 7);
    assert_memory_equal(text, "line\ngo", 7);
    assert_int_equal(hone_file_close(&file, NULL), HONE_OK);
    hn_test_remove_folder(here.root);
}

/* At most one limit decides, and a file that fills it to the byte is not too large. */
static void test_read_all(void **state) {
    (void)state;
    folder here;
    hone_diag diag;
    hn_test_make_folder(here.root, sizeof here.root);
    static char text[200001];
    memset(text, 'x', sizeof text - 1);
    hn_test_write_file(here.root, "/large", text);
    hn_test_write_file(here.root, "/empty", "");
    static const struct {
        const char *name;
        size_t size_max, buffer_max;
        hone_status status;
        size_t size;
    } cases[] = {
        {"large", 200000, 1 << 20, HONE_OK, 200000},
        {"large", 199999, 1 << 20, HONE_STATUS_LIMIT, 0},
        {"large", SIZE_MAX, 200000, HONE_OK, 200000},
        {"large", SIZE_MAX, 199999, HONE_STATUS_LIMIT, 0},
        {"large", 0, 1 << 20, HONE_STATUS_LIMIT, 0},
        {"empty", 0, 1 << 20, HONE_OK, 0},
        {"empty", 10, 0, HONE_OK, 0},
        {"none", 10, 10, HONE_STATUS_NOT_FOUND, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        hone_buffer content;
        hone_buffer_init(&content, NULL, cases[i].buffer_max);
        hone_diag_clear(&diag);
        const char *path = in_folder(&here, cases[i].name);
        assert_int_equal(hone_file_read_all(path, cases[i].size_max, &diag, &content),
                         cases[i].status);
        if (cases[i].status == HONE_OK) {
            assert_int_equal(content.size, cases[i].size);
        } else {
            assert_non_null(strstr(diag.message, cases[i].name));
        }
        hone_buffer_deinit(&content);
    }
    test_allocator test;
    hone_buffer content;
    hn_test_allocator_init(&test, 0);
    hone_buffer_init(&content, &test.allocator, 1 << 20);
    assert_int_equal(hone_file_read_all(in_folder(&here, "large"), 1 << 20, &diag, &content),
                     HONE_STATUS_OUT_OF_MEMORY);
    hone_buffer_deinit(&content);
    hn_test_remove_folder(here.root);
}

static void test_no_space(void **state) {
    (void)state;
    hone_file file;
    hone_diag diag;
    size_t done = 9;
    if (hone_file_open("/dev/full", HONE_FILE_WRITE, NULL, &file) != HONE_OK) {
        skip();
    }
    assert_int_equal(hone_file_write(&file, "x", 1, &done, &diag), HONE_STATUS_NO_SPACE);
    assert_int_equal(done, 0);
    assert_int_equal(hone_file_close(&file, NULL), HONE_OK);
}

static void test_pipe(void **state) {
    (void)state;
    int ends[2];
    static char large[100000];
    char text[8];
    size_t done;
    assert_int_equal(pipe(ends), 0);
    hone_file reader = {.fd = ends[0]}, writer = {.fd = ends[1]};
    assert_false(hone_file_is_readable(&reader));
    assert_true(hone_file_is_writable(&writer));
    while (hone_file_is_writable(&writer)) { /* never blocks, so it comes to an end */
        assert_int_equal(hone_file_write(&writer, large, sizeof large, &done, NULL), HONE_OK);
        assert_in_range(done, 1, 4096);
    }
    assert_true(hone_file_is_readable(&reader));
    assert_int_equal(hone_file_read(&reader, text, sizeof text, &done, NULL), HONE_OK);
    assert_int_equal(done, sizeof text);
    void (*before)(int) = signal(SIGPIPE, SIG_IGN);
    assert_int_equal(hone_file_close(&reader, NULL), HONE_OK);
    assert_true(hone_file_is_writable(&writer)); /* the error is waiting */
    assert_int_equal(hone_file_write(&writer, "x", 1, &done, NULL), HONE_STATUS_BROKEN_PIPE);
    assert_int_equal(hone_file_close(&writer, NULL), HONE_OK);
    (void)signal(SIGPIPE, before);
}

enum { REPLACERS_COUNT = 3, REPLACES_COUNT = 50, CONTENT_BYTES = 8192 };

typedef struct replacer {
    const char *path;
    char letter;
    int failures;
} replacer;

static void replace_often(void *context) {
    replacer *mine = context;
    char content[CONTENT_BYTES];
    memset(content, mine->letter, sizeof content);
    for (int i = 0; i < REPLACES_COUNT; i++) {
        mine->failures +=
            hone_file_replace(mine->path, (hone_text){content, sizeof content}, NULL) != HONE_OK;
    }
}

/* Readers see one whole version while several threads replace the file. */
static void test_replace(void **state) {
    (void)state;
    folder here, other;
    hone_diag diag;
    hone_thread threads[REPLACERS_COUNT];
    replacer replacers[REPLACERS_COUNT];
    hn_test_make_folder(here.root, sizeof here.root);
    const char *path = in_folder(&here, "file");
    assert_int_equal(hone_file_replace(path, HONE_TEXT(""), NULL), HONE_OK);
    replace_often(&(replacer){path, 'z', 0});
    for (int i = 0; i < REPLACERS_COUNT; i++) {
        replacers[i] = (replacer){path, (char)('a' + i), 0};
        assert_int_equal(hone_thread_create("replace", replace_often, &replacers[i], &threads[i]),
                         HONE_OK);
    }
    for (int i = 0; i < REPLACES_COUNT; i++) {
        hone_buffer content;
        hone_buffer_init(&content, NULL, 2 * CONTENT_BYTES);
        assert_int_equal(hone_file_read_all(path, CONTENT_BYTES, NULL, &content), HONE_OK);
        assert_int_equal(content.size, CONTENT_BYTES);
        for (size_t k = 1; k < content.size; k++) {
            assert_int_equal(content.data[k], content.data[0]);
        }
        hone_buffer_deinit(&content);
    }
    for (int i = 0; i < REPLACERS_COUNT; i++) {
        hone_thread_join(threads[i]);
        assert_int_equal(replacers[i].failures, 0);
    }
    assert_int_equal(unlink(path), 0);
    assert_int_equal(rmdir(here.root), 0); /* nothing was left beside it */

    hn_test_make_folder(other.root, sizeof other.root);
    hn_test_make_directory(other.root, "/taken/by/a/folder");
    assert_int_not_equal(hone_file_replace(in_folder(&other, "taken"), HONE_TEXT("x"), &diag),
                         HONE_OK);
    assert_int_equal(hone_file_replace(in_folder(&other, "no/way"), HONE_TEXT("x"), &diag),
                     HONE_STATUS_NOT_FOUND);
    assert_int_equal(rmdir(in_folder(&other, "taken/by/a/folder")), 0);
    assert_int_equal(rmdir(in_folder(&other, "taken/by/a")), 0);
    assert_int_equal(rmdir(in_folder(&other, "taken/by")), 0);
    assert_int_equal(rmdir(in_folder(&other, "taken")), 0);
    assert_int_equal(rmdir(other.root), 0); /* nor after a failure */
}

/* A link that somebody put under the name of the new file is not written through. */
static void test_replace_follows_no_link(void **state) {
    (void)state;
    folder here;
    hone_file_stamp before, after;
    char trap[sizeof here.path + 32];
    hn_test_make_folder(here.root, sizeof here.root);
    hn_test_write_file(here.root, "/victim", "precious");
    (void)snprintf(trap, sizeof trap, "%s.%ld.tmp", in_folder(&here, "a"), (long)gettid());
    assert_int_equal(symlink("victim", trap), 0);
    assert_int_equal(hone_file_stamp_read(in_folder(&here, "victim"), &before), HONE_OK);
    assert_int_equal(hone_file_replace(in_folder(&here, "a"), HONE_TEXT("new"), NULL), HONE_OK);
    assert_int_equal(hone_file_stamp_read(in_folder(&here, "victim"), &after), HONE_OK);
    assert_memory_equal(&before, &after, sizeof before);
    hn_test_remove_folder(here.root);
}

/* A file that was kept from others stays so, also where the umask would clear nothing. */
static void test_replace_keeps_the_mode(void **state) {
    (void)state;
    folder here;
    struct stat info;
    hn_test_make_folder(here.root, sizeof here.root);
    hn_test_write_file(here.root, "/a", "secret");
    mode_t umask_before = umask(022);
    static const mode_t modes[] = {0600, 0666, 0644};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        assert_int_equal(chmod(in_folder(&here, "a"), modes[i]), 0);
        assert_int_equal(hone_file_replace(in_folder(&here, "a"), HONE_TEXT("new"), NULL), HONE_OK);
        assert_int_equal(stat(in_folder(&here, "a"), &info), 0);
        assert_int_equal(info.st_mode & 0777, modes[i]);
    }
    assert_int_equal(hone_file_replace(in_folder(&here, "b"), HONE_TEXT("new"), NULL), HONE_OK);
    assert_int_equal(stat(in_folder(&here, "b"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0644);
    /* Private: whatever was there, and whatever the umask says. */
    for (int i = 0; i < 2; i++) {
        const char *path = in_folder(&here, i == 0 ? "b" : "c");
        assert_int_equal(hone_file_replace_private(path, HONE_TEXT("new"), NULL), HONE_OK);
        assert_int_equal(stat(path, &info), 0);
        assert_int_equal(info.st_mode & 0777, 0600);
    }
    (void)umask(umask_before);
    hn_test_remove_folder(here.root);
}

static void test_stamp(void **state) {
    (void)state;
    folder here;
    hone_file_stamp first, second;
    hn_test_make_folder(here.root, sizeof here.root);
    hn_test_write_file(here.root, "/a", "one");
    const char *path = in_folder(&here, "a");
    assert_int_equal(hone_file_stamp_read(path, &first), HONE_OK);
    assert_int_equal(hone_file_stamp_read(path, &second), HONE_OK);
    assert_memory_equal(&first, &second, sizeof first);
    assert_int_equal(hone_file_replace(path, HONE_TEXT("two"), NULL), HONE_OK);
    assert_int_equal(hone_file_stamp_read(path, &second), HONE_OK);
    assert_memory_not_equal(&first, &second, sizeof first);
    assert_int_equal(hone_file_stamp_read(in_folder(&here, "none"), &second),
                     HONE_STATUS_NOT_FOUND);
    hn_test_remove_folder(here.root);
}

static void test_standard(void **state) {
    (void)state;
    hone_file file;
    assert_int_equal(hone_file_open("-", HONE_FILE_WRITE, NULL, &file), HONE_OK);
    assert_true(file.is_standard);
    assert_int_equal(hone_file_close(&file, NULL), HONE_OK);
    struct stat info;
    assert_int_equal(fstat(STDOUT_FILENO, &info), 0); /* still open */
}

static void test_sync_and_seek(void **state) {
    (void)state;
    folder here;
    hone_file file;
    hone_diag diag;
    char data[32] = {0};
    size_t size;
    hn_test_make_folder(here.root, sizeof here.root);
    const char *path = in_folder(&here, "tape");
    hone_diag_clear(&diag);
    assert_int_equal(hone_file_open(path, HONE_FILE_APPEND, &diag, &file), HONE_OK);
    assert_int_equal(hone_file_write(&file, "head block", 10, &size, &diag), HONE_OK);
    assert_int_equal(hone_file_sync(&file, &diag), HONE_OK);
    assert_int_equal(hone_file_close(&file, &diag), HONE_OK);

    assert_int_equal(hone_file_open(path, HONE_FILE_READ, &diag, &file), HONE_OK);
    for (int loop = 0; loop < 3; loop++) {
        assert_int_equal(hone_file_seek(&file, 5, &diag), HONE_OK);
        assert_int_equal(hone_file_read(&file, data, sizeof data, &size, &diag), HONE_OK);
        assert_int_equal(size, 5);
        assert_memory_equal(data, "block", 5);
    }
    assert_int_equal(hone_file_seek(&file, UINT64_MAX, &diag), HONE_STATUS_IO);
    assert_int_equal(hone_file_close(&file, &diag), HONE_OK);

    assert_int_equal(hone_file_open("/dev/null", HONE_FILE_WRITE, &diag, &file), HONE_OK);
    assert_int_equal(hone_file_sync(&file, &diag), HONE_OK); /* nothing to wait for */
    assert_int_equal(hone_file_take_back(&file, 0, &diag), HONE_STATUS_UNSUPPORTED);
    assert_int_equal(hone_file_seek(&file, 0, &diag), HONE_STATUS_UNSUPPORTED);
    assert_int_equal(hone_file_close(&file, &diag), HONE_OK);
    hn_test_remove_folder(here.root);
}

static void test_lock_and_cut(void **state) {
    (void)state;
    folder here;
    hone_file first, second;
    hone_file_stamp stamp;
    hn_test_make_folder(here.root, sizeof here.root);
    hn_test_write_file(here.root, "/a", "0123456789");
    const char *path = in_folder(&here, "a");
    assert_int_equal(hone_file_open(path, HONE_FILE_APPEND, NULL, &first), HONE_OK);
    assert_int_equal(hone_file_open(path, HONE_FILE_APPEND, NULL, &second), HONE_OK);
    assert_int_equal(hone_file_try_lock(&first, path, NULL), HONE_OK);
    assert_int_equal(hone_file_try_lock(&second, path, NULL), HONE_STATUS_WOULD_BLOCK);
    assert_int_equal(hone_file_cut(&first, 4, NULL), HONE_OK);
    assert_int_equal(hone_file_write_all(&first, hone_text_of("ab"), NULL), HONE_OK);
    assert_int_equal(hone_file_stamp_read(path, &stamp), HONE_OK);
    assert_int_equal(stamp.size_bytes, 6);
    assert_int_equal(hone_file_close(&first, NULL), HONE_OK);
    assert_int_equal(hone_file_try_lock(&second, path, NULL), HONE_OK);
    assert_int_equal(hone_file_replace(path, hone_text_of("new"), NULL), HONE_OK);
    assert_int_equal(hone_file_try_lock(&second, path, NULL), HONE_STATUS_WOULD_BLOCK);
    assert_int_equal(hone_file_close(&second, NULL), HONE_OK);
    hn_test_remove_folder(here.root);
}

static hone_status write_twice(void *self, hone_file *file, hone_diag *diag) {
    hone_status status = hone_file_write_all(file, hone_text_of("half "), diag);
    if (status == HONE_OK && *(const bool *)self) {
        return HONE_STATUS_NO_SPACE;
    }
    return status == HONE_OK ? hone_file_write_all(file, hone_text_of("whole"), diag) : status;
}

static void test_replace_by_and_map(void **state) {
    (void)state;
    folder here;
    hone_file_mapping mapping;
    bool is_failing = true;
    hn_test_make_folder(here.root, sizeof here.root);
    hn_test_write_file(here.root, "/a", "old");
    const char *path = in_folder(&here, "a");
    assert_int_equal(hone_file_replace_by(path, write_twice, &is_failing, NULL),
                     HONE_STATUS_NO_SPACE);
    assert_int_equal(hone_file_map(path, false, NULL, &mapping), HONE_OK);
    assert_int_equal(mapping.size_bytes, 3);
    assert_memory_equal(mapping.data, "old", 3);
    is_failing = false;
    assert_int_equal(hone_file_replace_by(path, write_twice, &is_failing, NULL), HONE_OK);
    assert_memory_equal(mapping.data, "old", 3); /* of the file that it mapped */
    hone_file_unmap(&mapping);
    assert_int_equal(hone_file_map(path, true, NULL, &mapping), HONE_OK);
    assert_int_equal(mapping.size_bytes, 10);
    memcpy(mapping.data, "HALF", 4); /* private: the file never sees it */
    hone_file_unmap(&mapping);
    assert_int_equal(hone_file_map(path, false, NULL, &mapping), HONE_OK);
    assert_memory_equal(mapping.data, "half whole", 10);
    hone_file_unmap(&mapping);
    hn_test_write_file(here.root, "/empty", "");
    assert_int_equal(hone_file_map(in_folder(&here, "empty"), true, NULL, &mapping),
                     HONE_STATUS_TRUNCATED);
    assert_int_equal(hone_file_map(in_folder(&here, "none"), true, NULL, &mapping),
                     HONE_STATUS_NOT_FOUND);
    hn_test_remove_folder(here.root);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open_errors),
        cmocka_unit_test(test_write_and_read),
        cmocka_unit_test(test_take_back),
        cmocka_unit_test(test_read_all),
        cmocka_unit_test(test_no_space),
        cmocka_unit_test(test_pipe),
        cmocka_unit_test(test_replace),
        cmocka_unit_test(test_replace_follows_no_link),
        cmocka_unit_test(test_replace_keeps_the_mode),
        cmocka_unit_test(test_stamp),
        cmocka_unit_test(test_standard),
        cmocka_unit_test(test_sync_and_seek),
        cmocka_unit_test(test_lock_and_cut),
        cmocka_unit_test(test_replace_by_and_map),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
