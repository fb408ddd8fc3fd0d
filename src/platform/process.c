/* SPDX-License-Identifier: Apache-2.0 */
/*
 * posix_spawn (a vfork underneath: its cost does not grow with our memory) and wait4, which gives
 * the child's resource usage with its status. With a time limit the wait is for a pidfd.
 */
#include "hone/platform/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hone/base/span.h"
#include "hone/platform/clock.h"

static bool is_executable_file(const char *path) {
    struct stat info;
    return stat(path, &info) == 0 && S_ISREG(info.st_mode) && access(path, X_OK) == 0;
}

bool hone_process_is_runnable(const char *program) {
    if (strchr(program, '/')) {
        return is_executable_file(program);
    }
    const char *path = getenv("PATH");
    hone_text rest = hone_text_of(path ? path : "/usr/local/bin:/usr/bin:/bin");
    while (*program && rest.data) {
        hone_text folder = hone_text_split(&rest, ':');
        char candidate[4096];
        int length =
            snprintf(candidate, sizeof candidate, "%.*s/%s", HONE_TEXT_ARGS(folder), program);
        if (length > 0 && (size_t)length < sizeof candidate && is_executable_file(candidate)) {
            return true;
        }
    }
    return false;
}

static hone_status status_of_spawn(int error) {
    switch (error) {
    case ENOENT:
    case ENOTDIR: return HONE_STATUS_NOT_FOUND;
    case EACCES:
    case EPERM: return HONE_STATUS_FORBIDDEN;
    case EAGAIN:
    case E2BIG: return HONE_STATUS_LIMIT;
    case ENOMEM: return HONE_STATUS_OUT_OF_MEMORY;
    default: return HONE_STATUS_IO;
    }
}

/* The child starts with no signal blocked and none ignored, whatever the calling thread does. */
static int reset_signals(posix_spawnattr_t *attributes) {
    sigset_t none, all;
    (void)sigemptyset(&none);
    (void)sigfillset(&all);
    int error = posix_spawnattr_setsigmask(attributes, &none);
    if (!error) {
        error = posix_spawnattr_setsigdefault(attributes, &all);
    }
    return error ? error
                 : posix_spawnattr_setflags(attributes,
                                            POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
}

static int add_streams(posix_spawn_file_actions_t *actions, const hone_process_options *options) {
    const int create = O_WRONLY | O_CREAT | O_TRUNC;
    const char *input = options->stdin_path ? options->stdin_path : "/dev/null";
    const char *output = options->stdout_path ? options->stdout_path : "/dev/null";
    const char *errors = options->stderr_path ? options->stderr_path : "/dev/null";
    int error = posix_spawn_file_actions_addopen(actions, STDIN_FILENO, input, O_RDONLY, 0);
    if (!error) {
        error = posix_spawn_file_actions_addopen(actions, STDOUT_FILENO, output, create, 0666);
    }
    return error ? error
                 : posix_spawn_file_actions_addopen(actions, STDERR_FILENO, errors, create, 0666);
}

static int spawn(const char *const *argv, const hone_process_options *options, pid_t *out_pid) {
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attributes;
    int error = posix_spawn_file_actions_init(&actions);
    if (error) {
        return error;
    }
    error = posix_spawnattr_init(&attributes);
    if (error) {
        (void)posix_spawn_file_actions_destroy(&actions);
        return error;
    }
    error = add_streams(&actions, options);
    if (!error) {
        error = reset_signals(&attributes);
    }
    if (!error) {
        error = posix_spawnp(out_pid, argv[0], &actions, &attributes, (char *const *)argv, environ);
    }
    (void)posix_spawnattr_destroy(&attributes);
    (void)posix_spawn_file_actions_destroy(&actions);
    return error;
}

/* True when the child ended in time. */
static bool wait_until(pid_t pid, uint64_t deadline_ns) {
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    bool has_ended = false;
    while (!has_ended) {
        uint64_t now_ns = hone_clock_monotonic_ns();
        if (now_ns >= deadline_ns) {
            break;
        }
        /* Before Linux 5.3 there is no pidfd: look every millisecond instead. */
        uint64_t left_ms = fd >= 0 ? (deadline_ns - now_ns) / 1000000 + 1 : 1;
        struct pollfd poll_fd = {.fd = fd, .events = POLLIN};
        (void)poll(&poll_fd, fd >= 0, left_ms > 3600000 ? 3600000 : (int)left_ms);
        siginfo_t info = {0};
        has_ended =
            waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == pid;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return has_ended;
}

static uint64_t ns_of(struct timeval time) {
    return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_usec * 1000u;
}

hone_status hone_process_run(const char *const *argv, const hone_process_options *options,
                             hone_diag *diag, hone_process_result *out_result) {
    if (!argv || !argv[0]) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT, "there is no command to run");
    }
    hone_process_options defaults = {0};
    options = options ? options : &defaults;
    pid_t pid = 0;
    uint64_t start_ns = hone_clock_monotonic_ns();
    int error = spawn(argv, options, &pid);
    if (error) {
        return hone_diag_set(diag, status_of_spawn(error), "cannot run '%.160s': %s", argv[0],
                             strerror(error));
    }
    bool is_limited = options->timeout_ns && options->timeout_ns < UINT64_MAX - start_ns;
    bool is_late = is_limited && !wait_until(pid, start_ns + options->timeout_ns);
    if (is_late) {
        (void)kill(pid, SIGKILL);
    }
    struct rusage usage = {0};
    int state = 0;
    pid_t reaped;
    do {
        reaped = wait4(pid, &state, 0, &usage);
    } while (reaped < 0 && errno == EINTR);
    uint64_t end_ns = hone_clock_monotonic_ns();
    if (reaped < 0) {
        return hone_diag_set(diag, HONE_STATUS_IO, "lost sight of '%.160s': %s", argv[0],
                             strerror(errno));
    }
    if (is_late) {
        return hone_diag_set(diag, HONE_STATUS_TIMEOUT,
                             "'%.160s' did not end within %.1f s and was killed", argv[0],
                             (double)options->timeout_ns * 1e-9);
    }
    /* Under an emulator whose vfork is a fork, posix_spawn cannot tell that the exec failed. */
    if (WIFEXITED(state) && WEXITSTATUS(state) == 127 && !hone_process_is_runnable(argv[0])) {
        return hone_diag_set(diag, HONE_STATUS_NOT_FOUND, "cannot run '%.160s': %s", argv[0],
                             strerror(ENOENT));
    }
    *out_result = (hone_process_result){
        .wall_ns = end_ns - start_ns,
        .cpu_ns = ns_of(usage.ru_utime) + ns_of(usage.ru_stime),
        .rss_max_bytes = (uint64_t)usage.ru_maxrss * 1024,
        .involuntary_switches = (uint64_t)usage.ru_nivcsw,
        .exit_code = WIFEXITED(state) ? WEXITSTATUS(state) : -1,
        .signal = WIFSIGNALED(state) ? WTERMSIG(state) : 0,
    };
    return HONE_OK;
}
