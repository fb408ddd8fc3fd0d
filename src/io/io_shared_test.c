/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two rings on threads at one stream: whenever the one has been told that it is ready, the other
 * one is faster. The linker redirects the calls that tell it to here (--wrap), so each moment comes
 * in turn. A ring that waits in its operation all the same ends the test by the alarm.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <termios.h>

#include "ring_test.h"

enum { PATIENCE_S = 20, PIPE_BYTES_MAX = 1 << 20 };

/* ---- being overtaken on demand ---- */

static struct {
    uint32_t count; /* of the times that something was said to be ready */
    uint32_t at;    /* at the n-th, from 1; 0: never */
    void (*overtake)(void *context);
    void *context;
} rival;

static void plan(uint32_t at, void (*overtake)(void *context), void *context) {
    rival.count = 0;
    rival.at = at;
    rival.overtake = overtake;
    rival.context = context;
}

static int tell(int ready_count) {
    if (ready_count > 0 && ++rival.count == rival.at) {
        rival.at = 0; /* what the other ring does is its own affair */
        rival.overtake(rival.context);
    }
    return ready_count;
}

int __real_poll(struct pollfd *all, nfds_t count, int timeout_ms);
int __wrap_poll(struct pollfd *all, nfds_t count, int timeout_ms);
int __wrap_poll(struct pollfd *all, nfds_t count, int timeout_ms) {
    return tell(__real_poll(all, count, timeout_ms));
}

int __real_epoll_wait(int epoll, struct epoll_event *events, int count, int timeout_ms);
int __wrap_epoll_wait(int epoll, struct epoll_event *events, int count, int timeout_ms);
int __wrap_epoll_wait(int epoll, struct epoll_event *events, int count, int timeout_ms) {
    return tell(__real_epoll_wait(epoll, events, count, timeout_ms));
}

/* The descriptor of its own by which a ring reads from a FIFO, refused while that is planned. */
static bool is_opening_refused;

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...) {
    if (is_opening_refused && strncmp(path, "/proc/self/fd/", 14) == 0) {
        errno = EMFILE;
        return -1;
    }
    return __real_open(path, flags, 0600);
}

/* ---- streams ---- */

typedef struct stream {
    const char *name;
    void (*make)(int ends[2]); /* to read from, to write to */
    bool is_opening_refused;
    bool is_left_to_pool; /* which fills no more than there is room for: writing is not tested */
} stream;

static void make_pipe(int ends[2]) {
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
}

static void make_fifo(int ends[2]) {
    char path[] = HONE_BUILD_DIR "/io-shared-XXXXXX", fifo[sizeof path + 2];
    assert_non_null(mkdtemp(path));
    (void)snprintf(fifo, sizeof fifo, "%s/f", path);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    int both = open(fifo, O_RDWR | O_CLOEXEC);
    ends[0] = open(fifo, O_RDONLY | O_CLOEXEC);
    ends[1] = open(fifo, O_WRONLY | O_CLOEXEC);
    assert_true(both >= 0 && ends[0] >= 0 && ends[1] >= 0);
    assert_int_equal(close(both), 0);
    assert_int_equal(unlink(fifo), 0);
    assert_int_equal(rmdir(path), 0);
}

static void make_sockets(int ends[2]) {
    make_pair(ends);
}

static void make_terminal(int ends[2]) {
    ends[1] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(ends[1] >= 0);
    assert_int_equal(grantpt(ends[1]), 0);
    assert_int_equal(unlockpt(ends[1]), 0);
    char name[64];
    assert_int_equal(ptsname_r(ends[1], name, sizeof name), 0);
    ends[0] = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    assert_true(ends[0] >= 0);
    struct termios mode;
    assert_int_equal(tcgetattr(ends[0], &mode), 0);
    cfmakeraw(&mode);
    assert_int_equal(tcsetattr(ends[0], TCSANOW, &mode), 0);
}

static const stream streams[] = {
    {"pipe", make_pipe, false, false},
    {"FIFO", make_fifo, false, false},
    {"FIFO that cannot be opened again", make_fifo, true, true},
    {"socket", make_sockets, false, false},
    {"terminal", make_terminal, false, true},
};

typedef struct contest {
    hone_io *mine, *other;
    int ends[2];
    bool was_overtaken;
    char filling[PIPE_BYTES_MAX];
} contest;

static void take_byte(void *context) {
    contest *it = context;
    char byte;
    struct pollfd one = {it->ends[0], POLLIN, 0};
    if (__real_poll(&one, 1, 0) != 1) {
        return; /* it was the end of the operation that was told */
    }
    hone_io_completion done = run_one(it->other, (hone_io_request){.kind = HONE_IO_READ,
                                                                   .fd = it->ends[0],
                                                                   .data = &byte,
                                                                   .size = 1,
                                                                   .offset = HONE_IO_POSITION});
    assert_int_equal(done.count, 1);
    it->was_overtaken = true;
}

/* Writes until there is no room. */
static void fill(void *context) {
    contest *it = context;
    uint32_t count;
    do {
        hone_io_completion done;
        hone_io_handle handle = prepare(it->other, (hone_io_request){.kind = HONE_IO_WRITE,
                                                                     .fd = it->ends[1],
                                                                     .source = it->filling,
                                                                     .size = sizeof it->filling,
                                                                     .offset = HONE_IO_POSITION});
        assert_int_equal(hone_io_wait(it->other, 0, 0, &done, 1, NULL, &count), HONE_OK);
        if (count == 0) {
            assert_int_equal(hone_io_cancel(it->other, handle), HONE_OK);
            wait_for(it->other, &done, 1);
            assert_int_equal(done.status, HONE_STATUS_CANCELLED);
        }
    } while (count > 0);
    it->was_overtaken = true;
}

static void drain(const contest *it) {
    static char bytes[PIPE_BYTES_MAX];
    struct pollfd one = {it->ends[0], POLLIN, 0};
    while (__real_poll(&one, 1, 0) == 1) {
        assert_true(read(it->ends[0], bytes, sizeof bytes) > 0);
    }
}

/* Looks `times` times; true when the operation has ended. */
static bool look_for(hone_io *io, int times, hone_io_completion *done) {
    uint32_t count = 0;
    for (int i = 0; i < times && count == 0; i++) {
        assert_int_equal(hone_io_wait(io, 0, 0, done, 1, NULL, &count), HONE_OK);
    }
    return count == 1;
}

/* ---- tests ---- */

static void read_against(contest *it, const stream *way, bool is_waiting) {
    for (uint32_t n = 1;; n++) { /* each time that the ring is told that it may read */
        char byte = 0;
        hone_io_completion done;
        hone_io_request request = {.kind = HONE_IO_READ,
                                   .fd = it->ends[0],
                                   .data = &byte,
                                   .size = 1,
                                   .offset = HONE_IO_POSITION};
        it->was_overtaken = false;
        if (is_waiting) {
            prepare(it->mine, request);
            assert_true(is_quiet(it->mine));
        }
        struct pollfd arrived = {it->ends[0], POLLIN, 0};
        assert_int_equal(write(it->ends[1], "1", 1), 1);
        assert_int_equal(__real_poll(&arrived, 1, PATIENCE_S * 1000), 1); /* terminals take time */
        if (!is_waiting) {
            prepare(it->mine, request);
        }
        plan(n, take_byte, it);
        bool has_ended = look_for(it->mine, 3, &done);
        plan(0, NULL, NULL);
        if (it->was_overtaken) {
            assert_false(has_ended);
            assert_int_equal(write(it->ends[1], "2", 1), 1);
        }
        if (!has_ended) {
            wait_for(it->mine, &done, 1);
        }
        assert_int_equal(done.status, HONE_OK);
        assert_int_equal(done.count, 1);
        assert_int_equal(byte, it->was_overtaken ? '2' : '1');
        if (!it->was_overtaken) {
            print_message("%s: a read %s overtaken %u times\n", way->name,
                          is_waiting ? "that waits was" : "was", n - 1);
            assert_true(!is_waiting || n > 1);
            return;
        }
    }
}

static void write_against(contest *it, const stream *way) {
    for (uint32_t n = 1;; n++) {
        hone_io_completion done;
        it->was_overtaken = false;
        fill(it);
        it->was_overtaken = false;
        prepare(it->mine, (hone_io_request){.kind = HONE_IO_WRITE,
                                            .fd = it->ends[1],
                                            .source = it->filling,
                                            .size = 1000,
                                            .offset = HONE_IO_POSITION});
        assert_true(is_quiet(it->mine));
        drain(it);
        plan(n, fill, it);
        bool has_ended = look_for(it->mine, 3, &done);
        plan(0, NULL, NULL);
        if (it->was_overtaken) {
            assert_false(has_ended);
            drain(it);
        }
        if (!has_ended) {
            wait_for(it->mine, &done, 1);
        }
        assert_int_equal(done.status, HONE_OK);
        assert_int_equal(done.count, 1000);
        drain(it);
        if (!it->was_overtaken) {
            print_message("%s: a write was overtaken %u times\n", way->name, n - 1);
            assert_true(n > 1);
            return;
        }
    }
}

static void nobody_waits_for_a_rival(void **state) {
    const stream *way = *state;
    contest *it = calloc(1, sizeof *it);
    assert_non_null(it);
    (void)alarm(PATIENCE_S);
    it->mine = make_ring(HONE_IO_THREADS, (hone_io_options){.threads_count = 1});
    it->other = make_ring(HONE_IO_THREADS, (hone_io_options){.threads_count = 1});
    way->make(it->ends);
    is_opening_refused = way->is_opening_refused;
    read_against(it, way, true);
    read_against(it, way, false);
    if (!way->is_left_to_pool) {
        write_against(it, way);
    }
    is_opening_refused = false;
    hone_io_destroy(it->mine);
    hone_io_destroy(it->other);
    assert_int_equal(close(it->ends[0]), 0);
    assert_int_equal(close(it->ends[1]), 0);
    (void)alarm(0);
    free(it);
}

#define ROW(index)                                                              \
    {                                                                           \
        "a rival at one stream, " #index, nobody_waits_for_a_rival, NULL, NULL, \
            (void *)&streams[index]                                             \
    }

int main(void) {
    const struct CMUnitTest tests[] = {ROW(0), ROW(1), ROW(2), ROW(3), ROW(4)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
