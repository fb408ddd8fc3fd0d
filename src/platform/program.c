/* SPDX-License-Identifier: Apache-2.0 */
#include "hone/platform/program.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static hone_status fail(hone_diag *diag, const char *what, const char *path, int error) {
    hone_status status = error == ENOENT || error == ENOTDIR ? HONE_STATUS_NOT_FOUND
                         : error == EACCES || error == EPERM ? HONE_STATUS_FORBIDDEN
                         : error == E2BIG || error == EAGAIN ? HONE_STATUS_LIMIT
                         : error == ENOMEM                   ? HONE_STATUS_OUT_OF_MEMORY
                                                             : HONE_STATUS_IO;
    return hone_diag_set(diag, status, "cannot %s '%.200s': %s", what, path, strerror(error));
}

hone_status hone_program_path(char *out_path, size_t size) {
    ssize_t length = readlink("/proc/self/exe", out_path, size);
    if (length < 0) {
        return HONE_STATUS_ABSENT;
    }
    if ((size_t)length >= size) {
        return HONE_STATUS_LIMIT;
    }
    out_path[length] = '\0';
    return HONE_OK;
}

hone_status hone_program_replace(const char *const *arguments, hone_diag *diag) {
    void (*before)(int) = signal(SIGPIPE, SIG_DFL);
    (void)execv(arguments[0], (char *const *)arguments);
    int error = errno;
    (void)signal(SIGPIPE, before);
    return fail(diag, "start", arguments[0], error);
}

hone_status hone_program_run(const char *const *arguments, hone_diag *diag, int *out_exit) {
    posix_spawnattr_t attributes;
    sigset_t defaults;
    (void)sigemptyset(&defaults);
    (void)sigaddset(&defaults, SIGPIPE);
    int error = posix_spawnattr_init(&attributes);
    if (error) {
        return fail(diag, "start", arguments[0], error);
    }
    (void)posix_spawnattr_setsigdefault(&attributes, &defaults);
    (void)posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
    pid_t pid;
    error = posix_spawn(&pid, arguments[0], NULL, &attributes, (char *const *)arguments, environ);
    (void)posix_spawnattr_destroy(&attributes);
    if (error) {
        return fail(diag, "start", arguments[0], error);
    }
    int state = 0;
    while (waitpid(pid, &state, 0) < 0) {
        if (errno != EINTR) {
            return fail(diag, "wait for", arguments[0], errno);
        }
    }
    *out_exit = WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
    return HONE_OK;
}

hone_status hone_program_list(const char *folder, void (*visit)(void *context, const char *name),
                              void *context, hone_diag *diag) {
    DIR *stream = opendir(folder);
    if (!stream) {
        return fail(diag, "read the folder", folder, errno);
    }
    for (struct dirent *entry = readdir(stream); entry; entry = readdir(stream)) {
        if (entry->d_name[0] != '.' && faccessat(dirfd(stream), entry->d_name, X_OK, 0) == 0) {
            visit(context, entry->d_name);
        }
    }
    (void)closedir(stream);
    return HONE_OK;
}

void hone_program_guard_standard_streams(void) {
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0) {
            /* The lowest free descriptor is fd itself; opened the wrong way round on purpose. */
            (void)!open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY);
        }
    }
}
