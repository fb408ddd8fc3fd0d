/* SPDX-License-Identifier: Apache-2.0 */
/*
 * vfork, and wait4, which gives the child's resource usage with its status. With a time limit the
 * wait is for a pidfd. For its peak memory the child is traced: it stops twice, at its exec and at
 * its end, and the time that we hold it there is taken off the wall time.
 */
#include "hone/platform/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hone/base/span.h"
#include "hone/platform/clock.h"
#include "hone/platform/thread.h"
#include "procfs_internal.h"

uint32_t hone_process_parent_id(void) {
    return (uint32_t)getppid();
}

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

/* What the child tells of its way to the program, through a pipe that the exec closes. */
typedef struct start_errors {
    int trace, exec; /* errno, 0 when it went well */
} start_errors;

static int redirect(int stream, const char *path) {
    const char *name = path ? path : "/dev/null";
    int flags = stream == STDIN_FILENO ? O_RDONLY : O_WRONLY | O_CREAT | O_TRUNC;
    int fd = open(name, flags, 0666);
    if (fd < 0 || fd == stream) {
        return fd < 0 ? errno : 0;
    }
    int error = dup2(fd, stream) < 0 ? errno : 0;
    (void)close(fd);
    return error;
}

/* The child starts with no signal blocked and none ignored, whatever the calling thread does. */
static void reset_signals(void) {
    const struct sigaction usual = {.sa_handler = SIG_DFL};
    sigset_t none;
    for (int number = 1; number < NSIG; number++) {
        (void)sigaction(number, &usual, NULL); /* two of them cannot be changed */
    }
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
}

/* The child's way to the program. It shares the memory of its parent: nothing is allocated here. */
static _Noreturn void become(const char *const *argv, const hone_process_options *options,
                             int pipe_fd) {
    start_errors errors = {0};
    reset_signals();
    errors.exec = redirect(STDIN_FILENO, options->stdin_path);
    errors.exec = errors.exec ? errors.exec : redirect(STDOUT_FILENO, options->stdout_path);
    errors.exec = errors.exec ? errors.exec : redirect(STDERR_FILENO, options->stderr_path);
    if (!errors.exec && options->with_rss && ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) {
        errors.trace = errno;
        (void)!write(pipe_fd, &errors, sizeof errors);
    }
    if (!errors.exec) {
        (void)execvp(argv[0], (char *const *)argv);
        errors.exec = errno;
    }
    (void)!write(pipe_fd, &errors, sizeof errors);
    _exit(127); /* tidy: allow _exit: the child, which has no caller to return to */
}

static void reap(pid_t pid) {
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {
    }
}

/* vfork: the cost does not grow with our memory, and posix_spawn, which is made of the same, has no
 * place for asking to be traced. No signal handler may run in the child; `become` ends in exec or
 * _exit and touches nothing that the parent looks at. */
static start_errors spawn(const char *const *argv, const hone_process_options *options,
                          pid_t *out_pid) {
    int fds[2];
    sigset_t all, before;
    start_errors errors = {0};
    if (pipe2(fds, O_CLOEXEC) != 0) {
        return (start_errors){.exec = errno};
    }
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    /* NOLINTBEGIN(clang-analyzer-security.insecureAPI.vfork,clang-analyzer-unix.Vfork) */
    pid_t pid = vfork();
    if (pid == 0) {
        become(argv, options, fds[1]);
    }
    /* NOLINTEND(clang-analyzer-security.insecureAPI.vfork,clang-analyzer-unix.Vfork) */
    int error = errno;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)close(fds[1]);
    if (pid < 0) {
        errors.exec = error;
    } else {
        start_errors told;
        ssize_t size;
        do { /* until the exec closes the other end */
            size = read(fds[0], &told, sizeof told);
            errors = size == (ssize_t)sizeof told ? told : errors;
        } while (size > 0 || (size < 0 && errno == EINTR));
        if (errors.exec) {
            reap(pid);
        }
    }
    (void)close(fds[0]);
    *out_pid = pid;
    return errors;
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
        has_ended = waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
                    (info.si_pid == pid && info.si_code != CLD_TRAPPED);
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    return has_ended;
}

/* A child under way. */
typedef struct child {
    pid_t pid;
    uint64_t deadline_ns; /* 0: none */
    uint64_t stopped_ns;  /* that we held it */
    uint64_t rss_max_bytes;
    const char *rss_absent;
    uint64_t end_ns; /* when its end was seen */
    bool is_late;
} child;

/* Kills the child when its time is up. It is not reaped meanwhile: its id stays its own. */
static void enforce_deadline(void *context) {
    child *self = context;
    self->is_late = !wait_until(self->pid, self->deadline_ns);
    if (self->is_late) {
        (void)kill(self->pid, SIGKILL);
    }
}

/* ru_maxrss would not do: it outlives the exec, and so begins with our own peak. */
static void read_rss(child *self) {
    char path[48], text[4096];
    (void)snprintf(path, sizeof path, "/proc/%d/status", (int)self->pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd >= 0 ? read(fd, text, sizeof text) : -1;
    if (fd >= 0) {
        (void)close(fd);
    }
    hone_text status = {.data = text, .size = size > 0 ? (size_t)size : 0};
    bool is_known = hn_find_kilobytes(status, "VmHWM", &self->rss_max_bytes);
    self->rss_absent = is_known ? NULL : "/proc/PID/status shows no VmHWM";
}

/* Waits until the child stops or ends; true when it stopped, with the stop's status. */
static bool wait_for_stop(const child *self, int *out_stop) {
    siginfo_t info = {0};
    int result;
    do {
        result = waitid(P_PID, (id_t)self->pid, &info, WEXITED | WNOWAIT);
    } while (result != 0 && errno == EINTR);
    *out_stop = info.si_status;
    return result == 0 && info.si_code == CLD_TRAPPED;
}

/* Lets a stopped child go on. A signal on its way is passed on. */
static void pass_stop(child *self, int stop) {
    uint64_t start_ns = hone_clock_monotonic_ns();
    int event = stop >> 8, number = event ? 0 : stop & 0xff;
    if (event == PTRACE_EVENT_EXIT) {
        read_rss(self);
    }
    (void)ptrace(PTRACE_CONT, self->pid, NULL, (void *)(intptr_t)number);
    if (event) { /* at a signal its other threads may run on */
        self->stopped_ns += hone_clock_monotonic_ns() - start_ns;
    }
}

/* Follows a child that asked to be traced from its exec to its end. At the exit stop its memory is
 * still there. A program that stops itself is not stopped. */
static hone_status follow(child *self, hone_diag *diag) {
    const intptr_t options = PTRACE_O_TRACEEXEC | PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL;
    hone_thread watchdog = {0};
    hone_status status = HONE_OK;
    int stop = 0;
    self->rss_absent = "the program was killed before its memory could be read";
    if (!wait_for_stop(self, &stop)) {
        return HONE_OK;
    }
    uint64_t start_ns = hone_clock_monotonic_ns();
    bool is_followed = ptrace(PTRACE_SETOPTIONS, self->pid, NULL, (void *)options) == 0;
    (void)ptrace(is_followed ? PTRACE_CONT : PTRACE_DETACH, self->pid, NULL, NULL);
    self->stopped_ns = hone_clock_monotonic_ns() - start_ns;
    if (!is_followed) {
        self->rss_absent = "the kernel refuses to stop a program at its end (ptrace)";
    }
    if (self->deadline_ns) {
        status = hone_thread_create("watchdog", enforce_deadline, self, &watchdog);
    }
    if (status != HONE_OK) {
        (void)kill(self->pid, SIGKILL);
    }
    while (wait_for_stop(self, &stop)) {
        pass_stop(self, stop);
    }
    self->end_ns = hone_clock_monotonic_ns();
    if (self->deadline_ns && status == HONE_OK) {
        hone_thread_join(watchdog);
    }
    return status == HONE_OK ? status
                             : hone_diag_set(diag, status, "no thread to watch over a time limit");
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
    child self = {.rss_absent = "not asked for"};
    uint64_t start_ns = hone_clock_monotonic_ns();
    start_errors errors = spawn(argv, options, &self.pid);
    if (errors.exec) {
        return hone_diag_set(diag, status_of_spawn(errors.exec), "cannot run '%.160s': %s", argv[0],
                             strerror(errors.exec));
    }
    if (options->timeout_ns && options->timeout_ns < UINT64_MAX - start_ns) {
        self.deadline_ns = start_ns + options->timeout_ns;
    }
    hone_status status = HONE_OK;
    if (options->with_rss && !errors.trace) {
        status = follow(&self, diag);
    } else if (self.deadline_ns) {
        enforce_deadline(&self);
    }
    if (errors.trace) {
        self.rss_absent = "this system forbids a program to trace its child (ptrace)";
    }
    struct rusage usage = {0};
    int state = 0;
    pid_t reaped;
    do {
        reaped = wait4(self.pid, &state, 0, &usage);
    } while (reaped < 0 && errno == EINTR);
    uint64_t end_ns = self.end_ns ? self.end_ns : hone_clock_monotonic_ns();
    if (reaped < 0) {
        return hone_diag_set(diag, HONE_STATUS_IO, "lost sight of '%.160s': %s", argv[0],
                             strerror(errno));
    }
    if (status != HONE_OK) {
        return status;
    }
    if (self.is_late) {
        return hone_diag_set(diag, HONE_STATUS_TIMEOUT,
                             "'%.160s' did not end within %.1f s and was killed", argv[0],
                             (double)options->timeout_ns * 1e-9);
    }
    *out_result = (hone_process_result){
        .wall_ns = end_ns - start_ns - self.stopped_ns,
        .cpu_ns = ns_of(usage.ru_utime) + ns_of(usage.ru_stime),
        .rss_max_bytes = self.rss_absent ? 0 : self.rss_max_bytes,
        .rss_absent = self.rss_absent,
        .involuntary_switches = (uint64_t)usage.ru_nivcsw,
        .exit_code = WIFEXITED(state) ? WEXITSTATUS(state) : -1,
        .signal = WIFSIGNALED(state) ? WTERMSIG(state) : 0,
    };
    return HONE_OK;
}
