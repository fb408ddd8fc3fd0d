/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io_uring denied by the kernel's own means: a seccomp filter in a child, as a container's profile
 * has it. Auto must run on threads and say why; who asks for io_uring must be told. And a limit of
 * locked memory that the buffers do not fit into.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "ring_test.h"

enum { NO_FILTER = 77, NOBODY = 65534 };

static bool deny(uint32_t error) {
    struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog filter = {sizeof program / sizeof program[0], program};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

typedef struct denied_case {
    uint32_t error;
    hone_status status; /* of who asks for io_uring */
    hone_fact_state state;
    const char *word; /* in the reason */
} denied_case;

/* The number of the step that went wrong, or 0: the parent asserts. */
static int live_without(const denied_case *denial) {
    hone_io_options options = {.operations_max = 4, .backend = HONE_IO_URING};
    hone_io *io = NULL;
    hone_diag diag;
    hone_io_description description;
    hone_io_completion done[2];
    uint32_t count;
    int fd = make_file(0);
    char text[4];
    hone_diag_clear(&diag);
    if (!deny(denial->error)) {
        return NO_FILTER;
    }
    if (hone_io_create(&options, &diag, &io) != denial->status || io ||
        !strstr(diag.message, denial->word)) {
        return 1;
    }
    options.backend = HONE_IO_AUTO;
    hone_diag_clear(&diag);
    if (hone_io_create(&options, &diag, &io) != HONE_OK || diag.message[0] != '\0') {
        return 2;
    }
    hone_io_describe(io, &description);
    if (description.backend != HONE_IO_THREADS || description.uring.state != denial->state ||
        !strstr(description.uring.reason, denial->word)) {
        return 3;
    }
    hone_io_request write = {
        .kind = HONE_IO_WRITE, .fd = fd, .source = "abcd", .size = 4, .is_linked = true};
    hone_io_request read = {.kind = HONE_IO_READ, .fd = fd, .data = text, .size = 4};
    if (hone_io_prepare(io, &write, NULL, NULL) != HONE_OK ||
        hone_io_prepare(io, &read, NULL, NULL) != HONE_OK ||
        hone_io_wait(io, 2, LONG_NS, done, 2, NULL, &count) != HONE_OK || count != 2 ||
        done[1].status != HONE_OK || memcmp(text, "abcd", 4) != 0) {
        return 4;
    }
    hone_io_destroy(io);
    return 0;
}

/* Runs one of the two in a child, which nothing of the parent's is undone for. */
static void run_child(int (*live)(void), const denied_case *denial) {
    int result;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        _exit(denial ? live_without(denial) : live());
    }
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result));
    if (WEXITSTATUS(result) == NO_FILTER) {
        skip();
    }
    assert_int_equal(WEXITSTATUS(result), 0);
}

static void test_denied(void **state) {
    hone_io_destroy(make_ring(HONE_IO_URING, (hone_io_options){0})); /* else nothing is denied */
    run_child(NULL, *state);
}

/* As an ordinary user who may lock little: the buffers are used all the same, unregistered. */
static int live_with_little_memory(void) {
    int fd = make_file(1 << 16);
    struct rlimit little = {16 << 10, 16 << 10};
    if (setrlimit(RLIMIT_MEMLOCK, &little) != 0 ||
        (geteuid() == 0 && setresuid(NOBODY, NOBODY, NOBODY) != 0)) {
        return NO_FILTER;
    }
    hone_io_options options = {.operations_max = 4,
                               .backend = HONE_IO_URING,
                               .buffers_count = 16,
                               .buffer_bytes = 1 << 16};
    hone_io *io = NULL;
    hone_io_description description;
    hone_io_completion done;
    uint32_t count;
    if (hone_io_create(&options, NULL, &io) != HONE_OK) {
        return 1;
    }
    hone_io_describe(io, &description);
    if (description.registered_buffers.state != HONE_FACT_FORBIDDEN ||
        !strstr(description.registered_buffers.reason, "ulimit -l")) {
        return 2;
    }
    hone_io_request read = {
        .kind = HONE_IO_READ, .fd = fd, .data = hone_io_buffer(io, 15), .size = 1 << 16};
    if (hone_io_prepare(io, &read, NULL, NULL) != HONE_OK ||
        hone_io_wait(io, 1, LONG_NS, &done, 1, NULL, &count) != HONE_OK || count != 1 ||
        done.count != 1 << 16) {
        return 3;
    }
    hone_io_destroy(io);
    return 0;
}

static void test_locked_memory(void **state) {
    (void)state;
    hone_io_destroy(make_ring(HONE_IO_URING, (hone_io_options){0}));
    run_child(live_with_little_memory, NULL);
}

/* Whatever this machine is like: auto gives a ring, and says why it is on threads. */
static void test_auto(void **state) {
    (void)state;
    hone_io *io = make_ring(HONE_IO_AUTO, (hone_io_options){0});
    hone_io_description description;
    hone_io_describe(io, &description);
    bool is_uring = description.uring.state == HONE_FACT_PRESENT;
    assert_int_equal(description.backend, is_uring ? HONE_IO_URING : HONE_IO_THREADS);
    assert_true(is_uring || description.uring.reason[0] != '\0');
    assert_true((description.threads_count > 0) == !is_uring);
    assert_int_equal(run_one(io, (hone_io_request){.kind = HONE_IO_NOP}).status, HONE_OK);
    hone_io_destroy(io);
    hone_io_options options = {.operations_max = 1, .backend = HONE_IO_URING};
    hone_diag diag;
    hone_diag_clear(&diag);
    hone_status status = hone_io_create(&options, &diag, &io);
    assert_true((status == HONE_OK) == is_uring);
    assert_true(is_uring || diag.message[0] != '\0');
    hone_io_destroy(is_uring ? io : NULL);
}

int main(void) {
    static const denied_case forbidden = {EPERM, HONE_STATUS_FORBIDDEN, HONE_FACT_FORBIDDEN,
                                          "seccomp"};
    static const denied_case unknown = {ENOSYS, HONE_STATUS_ABSENT, HONE_FACT_ABSENT,
                                        "no io_uring"};
    static const denied_case old = {EINVAL, HONE_STATUS_ABSENT, HONE_FACT_ABSENT, "too old"};
    static const denied_case memory = {ENOMEM, HONE_STATUS_OUT_OF_MEMORY, HONE_FACT_ABSENT,
                                       "ulimit -l"};
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_auto),
        cmocka_unit_test(test_locked_memory),
        cmocka_unit_test_prestate(test_denied, (void *)&forbidden),
        cmocka_unit_test_prestate(test_denied, (void *)&unknown),
        cmocka_unit_test_prestate(test_denied, (void *)&old),
        cmocka_unit_test_prestate(test_denied, (void *)&memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
