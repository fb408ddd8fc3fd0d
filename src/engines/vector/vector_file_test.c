/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: what was committed is in the file, whatever happens; what is damaged is refused. Method:
 * round trips of every kind; files cut at every length and with every part turned over; a writer
 * that is killed at random moments; a file that must not grow; allocations that fail.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hone/memory/failing.h"
#include "hone/platform/file.h"
#include "hone/vector/index_file.h"

enum { DIMS = 8 };

typedef struct place {
    char folder[64], path[96];
} place;

static place make_place(void) {
    place made;
    (void)snprintf(made.folder, sizeof made.folder, "/tmp/hone-vector-XXXXXX");
    assert_non_null(mkdtemp(made.folder));
    (void)snprintf(made.path, sizeof made.path, "%s/index", made.folder);
    return made;
}

static void drop_place(const place *made) {
    (void)unlink(made->path);
    assert_int_equal(rmdir(made->folder), 0); /* nothing was left beside it */
}

static uint64_t next_random(uint64_t *state) {
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* The values of a key, in its given version: the same whenever they are asked for. */
static void values_of(uint64_t key, uint64_t version, float *out_values) {
    uint64_t seed = key * 1000 + version;
    for (size_t i = 0; i < DIMS; i++) {
        out_values[i] = (float)((double)(next_random(&seed) >> 11) * 0x1p-52 - 1);
    }
}

static hone_status add(hone_vector_index *index, uint64_t key, hone_diag *diag) {
    float values[DIMS];
    values_of(key, 0, values);
    const hone_vector_item item = {.key = key, .values = {values, DIMS}, .tags = key % 4};
    return hone_vector_add(index, &item, diag);
}

static hone_status update(hone_vector_index *index, uint64_t key, uint64_t version) {
    float values[DIMS];
    values_of(key, version, values);
    const hone_vector_item item = {.key = key, .values = {values, DIMS}, .tags = key % 4};
    return hone_vector_update(index, &item, NULL);
}

static hone_vector_index *make_index(const hone_allocator *allocator) {
    const hone_vector_options options = {.dims = DIMS,
                                         .metric = HONE_VECTOR_L2,
                                         .links_max = 4,
                                         .build_width = 20,
                                         .exact_below = 1,
                                         .vectors_max = 5000,
                                         .allocator = allocator};
    hone_vector_index *index = NULL;
    (void)!hone_vector_create(&options, NULL, &index);
    return index;
}

static hone_vector_index *open_index(const char *path, bool is_writable) {
    const hone_vector_file_options options = {.is_writable = is_writable};
    hone_vector_index *index = NULL;
    hone_diag diag = {0};
    hone_status status = hone_vector_open(path, &options, &diag, &index);
    if (status != HONE_OK) {
        print_message("%s: %s\n", diag.file, diag.message);
    }
    assert_int_equal(status, HONE_OK);
    return index;
}

static void save_some(const char *path, uint64_t count) {
    hone_vector_index *index = make_index(NULL);
    assert_non_null(index);
    for (uint64_t key = 0; key < count; key++) {
        assert_int_equal(add(index, key, NULL), HONE_OK);
    }
    assert_int_equal(hone_vector_save(index, path, NULL), HONE_OK);
    hone_vector_destroy(index);
}

static void assert_same(hone_vector_index *a, hone_vector_index *b) {
    hone_vector_stats stats_a, stats_b;
    hone_vector_stats_read(a, &stats_a);
    hone_vector_stats_read(b, &stats_b);
    assert_int_equal(stats_a.vectors_count, stats_b.vectors_count);
    assert_int_equal(stats_a.links_count, stats_b.links_count);
    for (uint64_t i = 0; i < 40; i++) {
        float query[DIMS];
        hone_vector_hit hits_a[10], hits_b[10];
        size_t found_a, found_b;
        values_of(i, 99, query);
        const hone_vector_search search = {.query = {query, DIMS}, .count = 10, .width = 12};
        assert_int_equal(hone_vector_find(a, &search, NULL, hits_a, &found_a), HONE_OK);
        assert_int_equal(hone_vector_find(b, &search, NULL, hits_b, &found_b), HONE_OK);
        assert_int_equal(found_a, found_b);
        for (size_t k = 0; k < found_a; k++) {
            assert_int_equal(hits_a[k].key, hits_b[k].key);
            assert_true(hits_a[k].distance == hits_b[k].distance);
        }
    }
}

static void change_some(hone_vector_index *index) {
    for (uint64_t key = 10; key < 60; key++) {
        assert_int_equal(key % 3 ? update(index, key, 1) : hone_vector_remove(index, key, NULL),
                         HONE_OK);
    }
    for (uint64_t key = 5000; key < 5100; key++) {
        assert_int_equal(add(index, key, NULL), HONE_OK);
    }
}

static void snapshot_and_log_give_the_same_index(void **state) {
    (void)state;
    static const uint64_t counts[] = {0, 1, 300, 1024, 1025, 2500};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        place made = make_place();
        save_some(made.path, counts[i]);
        hone_vector_index *twin = make_index(NULL);
        for (uint64_t key = 0; key < counts[i]; key++) {
            assert_int_equal(add(twin, key, NULL), HONE_OK);
        }
        hone_vector_index *index = open_index(made.path, true);
        assert_same(index, twin);
        if (counts[i] >= 60) {
            change_some(index);
            change_some(twin);
        }
        assert_int_equal(add(index, 7777, NULL), HONE_OK);
        assert_int_equal(add(twin, 7777, NULL), HONE_OK);
        assert_true(hone_vector_log_bytes(index) > 0);
        assert_int_equal(hone_vector_commit(index, NULL), HONE_OK);
        assert_same(index, twin);
        hone_vector_destroy(index);
        assert_int_equal(hone_vector_check_file(made.path, NULL), HONE_OK);
        hone_vector_index *reader = open_index(made.path, false); /* replays the log */
        assert_same(reader, twin);
        index = open_index(made.path, true);
        assert_int_equal(hone_vector_checkpoint(index, NULL), HONE_OK);
        assert_int_equal(hone_vector_log_bytes(index), 0);
        assert_int_equal(add(index, 8888, NULL), HONE_OK);
        assert_int_equal(hone_vector_commit(index, NULL), HONE_OK);
        hone_vector_destroy(index);
        assert_same(reader, twin); /* still the file that it opened */
        hone_vector_destroy(reader);
        assert_int_equal(add(twin, 8888, NULL), HONE_OK);
        index = open_index(made.path, false);
        assert_same(index, twin);
        hone_vector_destroy(index);
        hone_vector_destroy(twin);
        drop_place(&made);
    }
}

static void what_was_not_committed_is_gone(void **state) {
    (void)state;
    place made = make_place();
    save_some(made.path, 50);
    hone_vector_index *index = open_index(made.path, true);
    assert_int_equal(add(index, 100, NULL), HONE_OK);
    assert_int_equal(hone_vector_commit(index, NULL), HONE_OK);
    assert_int_equal(hone_vector_commit(index, NULL), HONE_OK); /* nothing new */
    assert_int_equal(add(index, 101, NULL), HONE_OK);
    assert_true(hone_vector_has(index, 101));
    hone_vector_destroy(index);
    index = open_index(made.path, true);
    assert_true(hone_vector_has(index, 100));
    assert_false(hone_vector_has(index, 101));
    hone_vector_destroy(index);
    drop_place(&made);
}

static void one_writes_and_readers_do_not(void **state) {
    (void)state;
    place made = make_place();
    hone_diag diag = {0};
    hone_vector_index *other;
    const hone_vector_file_options writable = {.is_writable = true};
    assert_int_equal(hone_vector_open(made.path, &writable, &diag, &other), HONE_STATUS_NOT_FOUND);
    assert_int_equal(hone_vector_open(made.path, NULL, &diag, &other), HONE_STATUS_NOT_FOUND);
    save_some(made.path, 20);
    hone_vector_index *index = open_index(made.path, true);
    assert_int_equal(hone_vector_open(made.path, &writable, &diag, &other),
                     HONE_STATUS_WOULD_BLOCK);
    hone_vector_index *reader = open_index(made.path, false);
    assert_int_equal(add(reader, 21, &diag), HONE_STATUS_READ_ONLY);
    assert_int_equal(hone_vector_remove(reader, 2, &diag), HONE_STATUS_READ_ONLY);
    assert_true(hone_vector_has(reader, 2));
    assert_int_equal(hone_vector_commit(reader, &diag), HONE_STATUS_READ_ONLY);
    assert_int_equal(hone_vector_checkpoint(reader, &diag), HONE_STATUS_READ_ONLY);
    hone_vector_destroy(reader);
    hone_vector_destroy(index);
    index = make_index(NULL);
    assert_int_equal(hone_vector_commit(index, &diag), HONE_STATUS_INVALID_ARGUMENT);
    hone_vector_destroy(index);
    drop_place(&made);
}

typedef struct content {
    hone_buffer bytes;
    size_t snapshot_size;
} content;

/* A snapshot of 30, then a commit of one key (100) and another of two (101, 102). */
static content make_content(const place *made) {
    content got;
    save_some(made->path, 30);
    hone_file_stamp stamp;
    assert_int_equal(hone_file_stamp_read(made->path, &stamp), HONE_OK);
    got.snapshot_size = (size_t)stamp.size_bytes;
    hone_vector_index *index = open_index(made->path, true);
    assert_int_equal(add(index, 100, NULL), HONE_OK);
    assert_int_equal(hone_vector_commit(index, NULL), HONE_OK);
    assert_int_equal(add(index, 101, NULL), HONE_OK);
    assert_int_equal(add(index, 102, NULL), HONE_OK);
    assert_int_equal(hone_vector_commit(index, NULL), HONE_OK);
    hone_vector_destroy(index);
    hone_buffer_init(&got.bytes, NULL, 1 << 24);
    assert_int_equal(hone_file_read_all(made->path, 1 << 24, NULL, &got.bytes), HONE_OK);
    return got;
}

/* Not by hone_file_replace: these tests write hundreds of files and none has to survive. */
static void write_content(const place *made, const uint8_t *data, size_t size) {
    hone_file file;
    assert_int_equal(hone_file_open(made->path, HONE_FILE_WRITE, NULL, &file), HONE_OK);
    assert_int_equal(hone_file_write_all(&file, (hone_text){(const char *)data, size}, NULL),
                     HONE_OK);
    assert_int_equal(hone_file_close(&file, NULL), HONE_OK);
}

static void a_file_that_is_cut_is_refused_or_ends_at_a_commit(void **state) {
    (void)state;
    place made = make_place();
    content got = make_content(&made);
    const size_t record = 32 + DIMS * sizeof(float), commit = 32;
    const size_t first_end = got.snapshot_size + record + commit;
    assert_int_equal(got.bytes.size, first_end + 2 * record + commit);
    for (size_t size = 0; size < got.bytes.size;
         size += size < got.snapshot_size ? got.snapshot_size / 37 : 1) {
        const hone_vector_file_options options = {.is_writable = true};
        hone_vector_index *index;
        hone_diag diag = {0};
        write_content(&made, got.bytes.data, size);
        hone_status status = hone_vector_open(made.path, &options, &diag, &index);
        if (size < got.snapshot_size) {
            assert_int_equal(status, HONE_STATUS_TRUNCATED);
            continue;
        }
        assert_int_equal(status, HONE_OK);
        assert_int_equal(hone_vector_has(index, 100), size >= first_end);
        assert_false(hone_vector_has(index, 101) || hone_vector_has(index, 102));
        assert_int_equal(add(index, 200, NULL), HONE_OK); /* goes on behind the last commit */
        assert_int_equal(hone_vector_commit(index, NULL), HONE_OK);
        hone_vector_destroy(index);
        index = open_index(made.path, false);
        assert_true(hone_vector_has(index, 200));
        hone_vector_destroy(index);
    }
    hone_buffer_deinit(&got.bytes);
    drop_place(&made);
}

/* Searches of what may be damaged: any answer, no harm. */
static void use_for_reading(const char *path) {
    hone_vector_index *index;
    if (hone_vector_open(path, NULL, NULL, &index) != HONE_OK) {
        return;
    }
    for (uint64_t key = 0; key < 5; key++) {
        float query[DIMS];
        hone_vector_hit hits[10];
        size_t found;
        values_of(key, 3, query);
        hone_vector_search search = {.query = {query, DIMS}, .count = 10, .width = 40};
        (void)!hone_vector_find(index, &search, NULL, hits, &found);
        search.is_exact = true;
        (void)!hone_vector_find(index, &search, NULL, hits, &found);
        (void)!hone_vector_get(index, key, NULL, query, NULL);
    }
    hone_vector_stats stats;
    hone_vector_stats_read(index, &stats);
    hone_vector_destroy(index);
}

static void a_damaged_file_is_found_out(void **state) {
    (void)state;
    place made = make_place();
    content got = make_content(&made);
    uint64_t seed = 1;
    size_t last_commit = got.bytes.size - (2 * (32 + DIMS * sizeof(float)) + 32);
    for (int round = 0; round < 400; round++) {
        size_t at = next_random(&seed) % got.bytes.size;
        if (round % 4 == 0) { /* in the log */
            at = got.snapshot_size + next_random(&seed) % (got.bytes.size - got.snapshot_size);
        } else if (round % 4 == 1) {
            at = next_random(&seed) % 160;
        }
        uint8_t bit = (uint8_t)(1u << next_random(&seed) % 8);
        got.bytes.data[at] ^= bit;
        write_content(&made, got.bytes.data, got.bytes.size);
        hone_status status = hone_vector_check_file(made.path, NULL);
        if (at >= last_commit) { /* the last commit is not there: never was whole, or damaged */
            assert_true(status == HONE_OK || status == HONE_STATUS_CORRUPT);
        } else {
            assert_int_not_equal(status, HONE_OK);
        }
        use_for_reading(made.path);
        got.bytes.data[at] ^= bit;
    }
    hone_buffer_deinit(&got.bytes);
    drop_place(&made);
}

/* A writer that commits and says so, until it is killed. */
static void write_until_killed(const char *path, int out) {
    const hone_vector_file_options options = {.is_writable = true};
    hone_vector_index *index;
    (void)alarm(60); /* where the parent fails before it kills, nothing stays behind */
    if (hone_vector_open(path, &options, NULL, &index) != HONE_OK) {
        _exit(1);
    }
    for (uint64_t key = 1000; key < 4900; key++) {
        bool is_due = key % 16 == 0;
        if (hone_vector_has(index, key)) {
            continue; /* of an earlier life */
        }
        if (add(index, key, NULL) != HONE_OK) {
            _exit(1);
        }
        if (key % 3 == 0 && hone_vector_commit(index, NULL) == HONE_OK) {
            (void)!write(out, &key, sizeof key);
        }
        if (is_due && hone_vector_checkpoint(index, NULL) == HONE_OK) {
            (void)!write(out, &key, sizeof key);
        }
    }
    (void)close(out); /* whoever waits for more must not wait for ever */
    for (;;) {
        (void)pause();
    }
}

static void a_killed_writer_loses_nothing_committed(void **state) {
    (void)state;
    const char *wanted = getenv("HONE_KILLS");
    int kills = wanted ? (int)strtol(wanted, NULL, 10) : 12;
    uint64_t seed = 5, committed = 999;
    place made = make_place();
    save_some(made.path, 100);
    for (int round = 0; round < kills; round++) {
        int ends[2];
        assert_int_equal(pipe(ends), 0);
        pid_t child = fork();
        if (child == 0) {
            (void)close(ends[0]);
            write_until_killed(made.path, ends[1]);
        }
        assert_true(child > 0);
        (void)close(ends[1]);
        uint64_t said, reports = 1 + next_random(&seed) % 6;
        while (reports-- > 0 && read(ends[0], &said, sizeof said) == (ssize_t)sizeof said) {
            committed = said > committed ? said : committed;
        }
        (void)usleep((useconds_t)(next_random(&seed) % 3000));
        assert_int_equal(kill(child, SIGKILL), 0);
        int how;
        assert_int_equal(waitpid(child, &how, 0), child);
        assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL); /* it did not fail by itself */
        while (read(ends[0], &said, sizeof said) == (ssize_t)sizeof said) {
            committed = said > committed ? said : committed;
        }
        (void)close(ends[0]);
        assert_int_equal(hone_vector_check_file(made.path, NULL), HONE_OK);
        hone_vector_index *index = open_index(made.path, false);
        for (uint64_t key = 1000; key <= committed; key++) {
            assert_true(hone_vector_has(index, key));
        }
        hone_vector_destroy(index);
    }
    /* a checkpoint that was killed leaves what it wrote so far beside the file */
    char command[160];
    (void)snprintf(command, sizeof command, "rm -f %s/index.*.tmp", made.folder);
    assert_int_equal(system(command), 0);
    drop_place(&made);
}

/* The limit of the size of files stands for a disk that is full. */
static void a_full_disk_loses_nothing(void **state) {
    (void)state;
    place made = make_place();
    hone_diag diag = {0};
    struct rlimit before, tight;
    save_some(made.path, 50);
    hone_file_stamp stamp;
    assert_int_equal(hone_file_stamp_read(made.path, &stamp), HONE_OK);
    hone_vector_index *index = open_index(made.path, true);
    for (uint64_t key = 100; key < 120; key++) {
        assert_int_equal(add(index, key, NULL), HONE_OK);
    }
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    tight = (struct rlimit){.rlim_cur = stamp.size_bytes + 100, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    assert_int_equal(hone_vector_commit(index, &diag), HONE_STATUS_NO_SPACE);
    tight.rlim_cur = stamp.size_bytes - 1000;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    assert_int_equal(hone_vector_checkpoint(index, &diag), HONE_STATUS_NO_SPACE);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(hone_vector_check_file(made.path, NULL), HONE_OK);
    assert_int_equal(hone_vector_commit(index, &diag), HONE_OK); /* there is room again */
    hone_vector_destroy(index);
    index = open_index(made.path, false);
    assert_true(hone_vector_has(index, 119));
    hone_vector_destroy(index);
    drop_place(&made);
}

static hone_status run_program(const char *path, const hone_allocator *allocator) {
    const hone_vector_file_options options = {.is_writable = true, .allocator = allocator};
    hone_vector_index *index = NULL;
    hone_diag diag = {0};
    hone_status status = hone_vector_open(path, &options, &diag, &index);
    for (uint64_t key = 100; key < 110 && status == HONE_OK; key++) {
        status = add(index, key, &diag);
    }
    if (status == HONE_OK) {
        status = hone_vector_commit(index, &diag);
    }
    hone_vector_destroy(index);
    return status;
}

static void each_allocation_may_fail(void **state) {
    (void)state;
    place made = make_place();
    save_some(made.path, 60);
    for (uint64_t nth = 1;; nth++) {
        hone_failing failing;
        hone_failing_init(&failing, NULL, nth, false);
        hone_status status = run_program(made.path, &failing.allocator);
        assert_int_equal(hone_failing_read_stats(&failing).live_bytes, 0);
        if (!hone_failing_has_failed(&failing)) {
            assert_int_equal(status, HONE_OK);
            break;
        }
        assert_int_equal(status, HONE_STATUS_OUT_OF_MEMORY);
    }
    drop_place(&made);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(snapshot_and_log_give_the_same_index),
        cmocka_unit_test(what_was_not_committed_is_gone),
        cmocka_unit_test(one_writes_and_readers_do_not),
        cmocka_unit_test(a_file_that_is_cut_is_refused_or_ends_at_a_commit),
        cmocka_unit_test(a_damaged_file_is_found_out),
        cmocka_unit_test(a_killed_writer_loses_nothing_committed),
        cmocka_unit_test(a_full_disk_loses_nothing),
        cmocka_unit_test(each_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
