/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Everything that can fail while a ring is made, failing once each: every allocation, and every
 * call of the OS or of liburing, which the linker redirects to here (--wrap). Then the refusals
 * that a ring lives with: older kinds of ring, no registered buffers or files, a kernel that takes
 * nothing for a moment.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/mman.h>

#include "hone/memory/failing.h"
#include "ring_test.h"

/* ---- calls that fail on demand ---- */

typedef enum call_kind {
    CALL_EVENTFD,
    CALL_EPOLL_CREATE,
    CALL_EPOLL_CTL,
    CALL_TIMERFD,
    CALL_THREAD,
    CALL_MMAP,
    CALL_SETUP, /* from here on they return minus the error number */
    CALL_BUFFERS,
    CALL_FILES,
    CALL_RECEIVE_RING,
    CALL_EVENT,
    CALL_SUBMIT,
    CALL_WAIT,
    CALLS_COUNT
} call_kind;

static struct {
    uint32_t counts[CALLS_COUNT];
    call_kind failing; /* that call fails */
    uint32_t fail_at;  /* the n-th time, from 1; 0: never */
    uint32_t fail_count;
    int error;
    unsigned unknown_flags; /* of a setup: as an older kernel, which gives EINVAL */
} faults;

static bool is_to_fail(call_kind call) {
    uint32_t n = ++faults.counts[call];
    bool is_hit = faults.fail_at != 0 && faults.failing == call && n >= faults.fail_at &&
                  n < faults.fail_at + faults.fail_count;
    if (is_hit) {
        errno = faults.error;
    }
    return is_hit;
}

static void plan(call_kind failing, uint32_t fail_at, uint32_t fail_count, int error) {
    memset(&faults, 0, sizeof faults);
    faults.failing = failing;
    faults.fail_at = fail_at;
    faults.fail_count = fail_count;
    faults.error = error;
}

#define WRAP(call, name, failure, parameters, arguments)               \
    int __real_##name parameters;                                      \
    int __wrap_##name parameters;                                      \
    int __wrap_##name parameters {                                     \
        return is_to_fail(call) ? (failure) : __real_##name arguments; \
    }

struct io_uring;
struct io_uring_params;
struct io_uring_buf_reg;
struct io_uring_cqe;
struct __kernel_timespec;

WRAP(CALL_EVENTFD, eventfd, -1, (unsigned count, int flags), (count, flags))
WRAP(CALL_EPOLL_CREATE, epoll_create1, -1, (int flags), (flags))
WRAP(CALL_EPOLL_CTL, epoll_ctl, -1, (int epoll, int what, int fd, struct epoll_event *event),
     (epoll, what, fd, event))
WRAP(CALL_TIMERFD, timerfd_create, -1, (int clock, int flags), (clock, flags))
WRAP(CALL_THREAD, pthread_create, faults.error,
     (pthread_t * thread, const pthread_attr_t *attributes, void *(*run)(void *), void *context),
     (thread, attributes, run, context))
WRAP(CALL_BUFFERS, io_uring_register_buffers, -faults.error,
     (struct io_uring * ring, const struct iovec *vectors, unsigned count), (ring, vectors, count))
WRAP(CALL_FILES, io_uring_register_files, -faults.error,
     (struct io_uring * ring, const int *files, unsigned count), (ring, files, count))
WRAP(CALL_RECEIVE_RING, io_uring_register_buf_ring, -faults.error,
     (struct io_uring * ring, struct io_uring_buf_reg *registration, unsigned flags),
     (ring, registration, flags))
WRAP(CALL_EVENT, io_uring_register_eventfd, -faults.error, (struct io_uring * ring, int fd),
     (ring, fd))
WRAP(CALL_SUBMIT, io_uring_submit, -faults.error, (struct io_uring * ring), (ring))
WRAP(CALL_WAIT, io_uring_submit_and_wait_timeout, -faults.error,
     (struct io_uring * ring, struct io_uring_cqe **entry, unsigned count,
      struct __kernel_timespec *timeout, void *mask),
     (ring, entry, count, timeout, mask))

void *__real_mmap(void *address, size_t size, int access, int flags, int fd, off_t offset);
void *__wrap_mmap(void *address, size_t size, int access, int flags, int fd, off_t offset);
void *__wrap_mmap(void *address, size_t size, int access, int flags, int fd, off_t offset) {
    return is_to_fail(CALL_MMAP) ? MAP_FAILED
                                 : __real_mmap(address, size, access, flags, fd, offset);
}

/* The third word of the parameters is the flags: see io_uring_setup(2). */
int __real_io_uring_queue_init_params(unsigned entries, struct io_uring *ring,
                                      struct io_uring_params *params);
int __wrap_io_uring_queue_init_params(unsigned entries, struct io_uring *ring,
                                      struct io_uring_params *params);
int __wrap_io_uring_queue_init_params(unsigned entries, struct io_uring *ring,
                                      struct io_uring_params *params) {
    uint32_t flags;
    memcpy(&flags, (const char *)params + 2 * sizeof flags, sizeof flags);
    if (flags & faults.unknown_flags) {
        return -EINVAL;
    }
    return is_to_fail(CALL_SETUP) ? -faults.error
                                  : __real_io_uring_queue_init_params(entries, ring, params);
}

/* ---- making a ring ---- */

static hone_io_options all_options(hone_io_backend backend, const hone_allocator *allocator) {
    return (hone_io_options){.backend = backend,
                             .operations_max = 8,
                             .threads_count = 3,
                             .is_pollable = true,
                             .files_count = 4,
                             .buffers_count = 2,
                             .buffer_bytes = 4096,
                             .receive_buffers_count = 3,
                             .receive_buffer_bytes = 100,
                             .allocator = allocator};
}

/* Uses each part of the ring a little, and takes it down. */
static void use(hone_io *io) {
    int pair[2], file = make_file(4096), token;
    char byte;
    hone_io_completion done;
    make_pair(pair);
    assert_int_equal(hone_io_register_file(io, 2, file, NULL), HONE_OK);
    done = run_one(io, (hone_io_request){.kind = HONE_IO_READ,
                                         .fd = 2,
                                         .is_registered_file = true,
                                         .data = hone_io_buffer(io, 1),
                                         .size = 4096});
    assert_int_equal(done.count, 4096);
    prepare(io, (hone_io_request){
                    .kind = HONE_IO_RECEIVE, .fd = pair[0], .is_multishot = true, .token = &token});
    for (int i = 0; i < 7; i++) {
        assert_int_equal(send(pair[1], "x", 1, 0), 1);
        wait_for(io, &done, 1);
        assert_true(done.is_more && done.count == 1 && *(char *)done.data == 'x');
        hone_io_give_back_buffer(io, done.data);
    }
    struct sockaddr_un address;
    socklen_t size;
    int listener = make_listener(&address, &size);
    hone_io_handle accepting = prepare(
        io, (hone_io_request){.kind = HONE_IO_ACCEPT, .fd = listener, .is_multishot = true});
    for (int i = 0; i < 3; i++) {
        int client = make_connection(&address, size);
        wait_for(io, &done, 1);
        assert_true(done.is_more && done.handle == accepting);
        assert_int_equal(close((int)done.count), 0);
        assert_int_equal(close(client), 0);
    }
    assert_int_equal(hone_io_cancel(io, accepting), HONE_OK);
    wait_for(io, &done, 1);
    assert_int_equal(done.status, HONE_STATUS_CANCELLED);
    assert_int_equal(close(listener), 0);
    done = run_one(io, (hone_io_request){.kind = HONE_IO_RECEIVE,
                                         .fd = pair[1],
                                         .data = &byte,
                                         .size = 1,
                                         .timeout_ns = MILLISECOND_NS});
    assert_int_equal(done.status, HONE_STATUS_TIMEOUT);
    prepare(io, (hone_io_request){.kind = HONE_IO_SYNC, .fd = 9999, .is_linked = true});
    hone_io_handle last = prepare(io, (hone_io_request){.kind = HONE_IO_NOP});
    for (int i = 0; i < 2; i++) {
        wait_for(io, &done, 1);
        assert_true(done.status ==
                    (done.handle == last ? HONE_STATUS_CANCELLED : HONE_STATUS_INVALID_ARGUMENT));
    }
    hone_io_destroy(io);
    assert_int_equal(close(file), 0);
    assert_int_equal(close(pair[0]), 0);
    assert_int_equal(close(pair[1]), 0);
}

static void test_allocations(void **state) {
    plan(CALL_MMAP, 0, 0, 0);
    hone_io_destroy(make_ring(backend_of(state), (hone_io_options){0}));
    for (uint64_t n = 1;; n++) {
        hone_failing failing;
        hone_io *io = NULL;
        hone_diag diag;
        hone_diag_clear(&diag);
        hone_failing_init(&failing, NULL, n, false);
        hone_io_options options = all_options(backend_of(state), &failing.allocator);
        hone_status status = hone_io_create(&options, &diag, &io);
        if (status == HONE_OK) {
            use(io);
        }
        assert_int_equal(hone_failing_read_stats(&failing).live_bytes, 0);
        if (!hone_failing_has_failed(&failing)) {
            assert_int_equal(status, HONE_OK);
            assert_true(n > 5);
            break;
        }
        assert_int_equal(status, HONE_STATUS_OUT_OF_MEMORY);
        assert_true(diag.message[0] != '\0' && !io);
    }
}

/* The statuses that a call's failure may end in; HONE_OK: the ring lives without. */
static void test_calls(void **state) {
    hone_io_backend backend = backend_of(state);
    const struct {
        call_kind call;
        int error;
        hone_status uring, threads; /* what create gives */
    } cases[] = {
        {CALL_EVENTFD, EMFILE, HONE_STATUS_LIMIT, HONE_STATUS_LIMIT},
        {CALL_EPOLL_CREATE, EMFILE, HONE_OK, HONE_STATUS_LIMIT},
        {CALL_EPOLL_CTL, ENOMEM, HONE_OK, HONE_STATUS_OUT_OF_MEMORY},
        {CALL_TIMERFD, ENFILE, HONE_OK, HONE_STATUS_LIMIT},
        {CALL_THREAD, EAGAIN, HONE_OK, HONE_STATUS_LIMIT},
        {CALL_MMAP, ENOMEM, HONE_STATUS_OUT_OF_MEMORY, HONE_STATUS_OUT_OF_MEMORY},
        {CALL_SETUP, EPERM, HONE_STATUS_FORBIDDEN, HONE_OK},
        {CALL_SETUP, EMFILE, HONE_STATUS_LIMIT, HONE_OK},
        {CALL_BUFFERS, ENOMEM, HONE_OK, HONE_OK},
        {CALL_FILES, EMFILE, HONE_OK, HONE_OK},
        {CALL_RECEIVE_RING, EINVAL, HONE_OK, HONE_OK},
        {CALL_EVENT, ENOMEM, HONE_STATUS_OUT_OF_MEMORY, HONE_OK},
    };
    plan(CALL_MMAP, 0, 0, 0);
    hone_io_destroy(make_ring(backend, (hone_io_options){0}));
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        hone_status expected = backend == HONE_IO_URING ? cases[i].uring : cases[i].threads;
        uint32_t before = count_descriptors();
        for (uint32_t n = 1;; n++) { /* each time that create makes this call */
            hone_failing watching;
            hone_io *io = NULL;
            hone_diag diag;
            hone_diag_clear(&diag);
            hone_failing_init(&watching, NULL, 0, false);
            plan(cases[i].call, n, 1, cases[i].error);
            hone_io_options options = all_options(backend, &watching.allocator);
            hone_status status = hone_io_create(&options, &diag, &io);
            bool is_reached = faults.counts[cases[i].call] >= n;
            plan(CALL_MMAP, 0, 0, 0);
            if (status != (is_reached ? expected : HONE_OK)) {
                fail_msg("call %d, time %u: %s %s", (int)cases[i].call, n, hone_status_name(status),
                         diag.message);
            }
            if (status == HONE_OK) {
                use(io);
            } else {
                assert_true(diag.message[0] != '\0' && !io);
            }
            assert_int_equal(hone_failing_read_stats(&watching).live_bytes, 0);
            assert_int_equal(count_descriptors(), before);
            if (!is_reached) {
                assert_true(n > 1 || expected == HONE_OK);
                break;
            }
        }
    }
}

/* What is done without says so. */
static void test_extras(void **state) {
    (void)state;
    const struct {
        call_kind call;
        int error;
        hone_fact_state buffers, files, multishot;
        const char *word;
    } cases[] = {
        {CALL_BUFFERS, ENOMEM, HONE_FACT_FORBIDDEN, HONE_FACT_PRESENT, HONE_FACT_PRESENT,
         "ulimit -l"},
        {CALL_FILES, EMFILE, HONE_FACT_PRESENT, HONE_FACT_FORBIDDEN, HONE_FACT_PRESENT, "files"},
        {CALL_RECEIVE_RING, EINVAL, HONE_FACT_PRESENT, HONE_FACT_PRESENT, HONE_FACT_ABSENT,
         "one by one"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        plan(cases[i].call, 1, 1, cases[i].error);
        hone_io *io = make_ring(HONE_IO_URING, all_options(HONE_IO_URING, NULL));
        hone_io_description description;
        hone_io_describe(io, &description);
        const hone_fact *facts[] = {&description.registered_buffers, &description.registered_files,
                                    &description.multishot};
        const hone_fact_state states[] = {cases[i].buffers, cases[i].files, cases[i].multishot};
        for (size_t n = 0; n < 3; n++) {
            assert_int_equal(facts[n]->state, states[n]);
            assert_true(states[n] == HONE_FACT_PRESENT || strstr(facts[n]->reason, cases[i].word));
        }
        use(io);
    }
}

/* Each kind of ring, by a kernel that does not know the better ones. */
static void test_kinds(void **state) {
    (void)state;
    enum { COOPERATIVE = 1 << 8, SINGLE_ISSUER = 1 << 12, SQ_THREAD = 1 << 1 };
    const struct {
        unsigned unknown_flags;
        uint32_t sq_idle_ms;
        const char *text;
    } cases[] = {
        {SINGLE_ISSUER, 0, "cooperative work"},
        {SINGLE_ISSUER | COOPERATIVE, 0, "plain"},
        {SINGLE_ISSUER, 2, "submission thread"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        plan(CALL_MMAP, 0, 0, 0);
        faults.unknown_flags = cases[i].unknown_flags;
        hone_io_options options = all_options(HONE_IO_URING, NULL);
        options.sq_idle_ms = cases[i].sq_idle_ms;
        hone_io *io = make_ring(HONE_IO_URING, options);
        hone_io_description description;
        hone_io_describe(io, &description);
        assert_string_equal(description.uring.text, cases[i].text);
        assert_int_equal(description.multishot.state, HONE_FACT_ABSENT);
        use(io);
    }
    plan(CALL_MMAP, 0, 0, 0);
    faults.unknown_flags = SQ_THREAD;
    hone_io_options options = all_options(HONE_IO_AUTO, NULL);
    options.sq_idle_ms = 2;
    hone_io *io = make_ring(HONE_IO_AUTO, options);
    hone_io_description description;
    hone_io_describe(io, &description);
    assert_int_equal(description.backend, HONE_IO_THREADS);
    assert_non_null(strstr(description.uring.reason, "too old"));
    use(io);
}

/* A kernel that takes nothing for a moment: what is prepared stays, and goes later. */
static void test_busy(void **state) {
    (void)state;
    const int errors[] = {EBUSY, EAGAIN, EINTR};
    for (size_t i = 0; i < sizeof errors / sizeof errors[0]; i++) {
        plan(CALL_MMAP, 0, 0, 0);
        hone_io *io = make_ring(HONE_IO_URING, all_options(HONE_IO_URING, NULL));
        hone_io_completion done[2];
        uint32_t count = 7;
        prepare(io, (hone_io_request){.kind = HONE_IO_NOP});
        plan(CALL_SUBMIT, 1, 1, errors[i]);
        bool is_interrupted = errors[i] == EINTR;
        assert_int_equal(hone_io_submit(io, NULL),
                         is_interrupted ? HONE_OK : HONE_STATUS_WOULD_BLOCK);
        prepare(io, (hone_io_request){.kind = HONE_IO_NOP});
        plan(CALL_WAIT, 1, 1, errors[i]);
        hone_status status = hone_io_wait(io, 2, LONG_NS, done, 2, NULL, &count);
        if (is_interrupted) {
            assert_int_equal(status, HONE_OK);
            assert_int_equal(count, 2);
        } else {
            assert_int_equal(status, HONE_STATUS_WOULD_BLOCK);
            assert_int_equal(count, 7);
            wait_for(io, done, 2);
        }
        assert_int_equal(hone_io_read_stats(io).in_flight_count, 0);
        /* In the middle of a chain: the member that had its turn goes later, too. */
        prepare(io, (hone_io_request){.kind = HONE_IO_NOP, .is_linked = true});
        prepare(io, (hone_io_request){.kind = HONE_IO_NOP});
        plan(CALL_SUBMIT, 2, 1, errors[i]);
        assert_int_equal(hone_io_submit(io, NULL),
                         is_interrupted ? HONE_OK : HONE_STATUS_WOULD_BLOCK);
        assert_true(faults.counts[CALL_SUBMIT] >= 2);
        plan(CALL_MMAP, 0, 0, 0);
        wait_for(io, done, 2);
        assert_true(done[0].status == HONE_OK && done[1].status == HONE_OK);
        use(io);
    }
}

/* A cancel that the kernel has no room for has changed nothing: the chain goes on to its end. */
static void test_cancel_without_room(void **state) {
    (void)state;
    plan(CALL_MMAP, 0, 0, 0);
    hone_io *io = make_ring(HONE_IO_URING, all_options(HONE_IO_URING, NULL));
    int pair[2], stopped;
    char byte;
    hone_io_completion done[4];
    make_pair(pair);
    hone_io_handle timer = prepare(
        io, (hone_io_request){.kind = HONE_IO_TIMEOUT, .timeout_ns = LONG_NS, .token = &stopped});
    hone_io_handle head = prepare(
        io,
        (hone_io_request){
            .kind = HONE_IO_RECEIVE, .fd = pair[0], .data = &byte, .size = 1, .is_linked = true});
    prepare(io, (hone_io_request){.kind = HONE_IO_NOP, .is_linked = true});
    prepare(io, (hone_io_request){.kind = HONE_IO_NOP});
    assert_int_equal(hone_io_submit(io, NULL), HONE_OK);
    plan(CALL_SUBMIT, 1, UINT32_MAX - 1, EBUSY);
    uint32_t asked_count = 0;
    while (hone_io_cancel(io, timer) == HONE_OK) { /* fills the queue */
        assert_true(++asked_count < 1000);
    }
    assert_int_equal(hone_io_cancel(io, head), HONE_STATUS_WOULD_BLOCK);
    plan(CALL_MMAP, 0, 0, 0);
    assert_int_equal(send(pair[1], "x", 1, 0), 1);
    uint32_t count = 0;
    assert_int_equal(hone_io_wait(io, 4, LONG_NS, done, 4, NULL, &count), HONE_OK);
    assert_int_equal(count, 4);
    for (uint32_t i = 0; i < count; i++) {
        assert_int_equal(done[i].status,
                         done[i].token == &stopped ? HONE_STATUS_CANCELLED : HONE_OK);
    }
    use(io);
    assert_int_equal(close(pair[0]), 0);
    assert_int_equal(close(pair[1]), 0);
}

/* An epoll instance that takes no more: the operation says so, and the ring goes on. */
static void test_no_watch(void **state) {
    (void)state;
    plan(CALL_MMAP, 0, 0, 0);
    hone_io *io = make_ring(HONE_IO_THREADS, all_options(HONE_IO_THREADS, NULL));
    int pair[2];
    char byte;
    hone_io_completion done[2];
    make_pair(pair);
    hone_io_request request = {
        .kind = HONE_IO_RECEIVE, .fd = pair[0], .data = &byte, .size = 1, .timeout_ns = LONG_NS};
    plan(CALL_EPOLL_CTL, 1, 1, ENOMEM);
    done[0] = run_one(io, request);
    assert_int_equal(done[0].status, HONE_STATUS_OUT_OF_MEMORY);
    prepare(io, request);
    assert_true(is_quiet(io));
    plan(CALL_EPOLL_CTL, 1, 1, ENOMEM); /* beside one that waits, for the other direction */
    prepare(io,
            (hone_io_request){
                .kind = HONE_IO_POLL, .fd = pair[0], .flags = HONE_IO_READABLE, .token = &byte});
    wait_for(io, done, 1);
    assert_ptr_equal(done[0].token, &byte);
    assert_int_equal(done[0].status, HONE_STATUS_OUT_OF_MEMORY);
    assert_int_equal(send(pair[1], "x", 1, 0), 1);
    wait_for(io, done, 1);
    assert_int_equal(done[0].count, 1);
    use(io);
    assert_int_equal(close(pair[0]), 0);
    assert_int_equal(close(pair[1]), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        BOTH(test_allocations),
        BOTH(test_calls),
        cmocka_unit_test(test_extras),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_busy),
        cmocka_unit_test(test_no_watch),
        cmocka_unit_test(test_cancel_without_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
