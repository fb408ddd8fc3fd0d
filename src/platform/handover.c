/* SPDX-License-Identifier: Apache-2.0 */
#include "hone/platform/handover.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "hone/platform/limits.h"
#include "hone/platform/shared_page.h"

enum { SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL, BACKLOG = 64 };

static hone_status status_of(int error) {
    switch (error) {
    case ENOSPC:
    case EDQUOT: return HONE_STATUS_NO_SPACE;
    case ENOENT:
    case ECONNREFUSED: return HONE_STATUS_NOT_FOUND;
    case ENOMEM: return HONE_STATUS_OUT_OF_MEMORY;
    case EMFILE:
    case ENFILE: return HONE_STATUS_LIMIT;
    case EACCES:
    case EPERM: return HONE_STATUS_FORBIDDEN;
    case ENOSYS: return HONE_STATUS_UNSUPPORTED;
    case EAGAIN: return HONE_STATUS_WOULD_BLOCK;
    case EPIPE:
    case ECONNRESET: return HONE_STATUS_BROKEN_PIPE;
    default: return HONE_STATUS_IO;
    }
}

static hone_status fail(hone_diag *diag, const char *what, const char *name) {
    int error = errno;
    return hone_diag_set(diag, status_of(error), "cannot %s '%s': %s", what, name, strerror(error));
}

void hone_descriptor_close(int fd) {
    if (fd >= 0) {
        (void)close(fd);
    }
}

/* --- memory --- */

/* The kernel would kill processes, any of them, before it says that there is not so much. */
static hone_status check_size(const char *name, uint64_t size_bytes, hone_diag *diag) {
    hone_limits limits;
    hone_status status = hone_limits_read(NULL, NULL, diag, &limits);
    if (status != HONE_OK) {
        return status;
    }
    const hone_fact *effective = &limits.memory_effective;
    uint64_t memory_bytes =
        effective->state == HONE_FACT_PRESENT
            ? (uint64_t)effective->value.number
            : (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    hone_limits_deinit(&limits);
    if (size_bytes > memory_bytes / 2) {
        return hone_diag_set(diag, HONE_STATUS_NO_SPACE,
                             "'%s': %llu bytes are more than half of the memory that this process "
                             "may use now (%llu)",
                             name, (unsigned long long)size_bytes,
                             (unsigned long long)memory_bytes);
    }
    return HONE_OK;
}

hone_status hone_memory_file_create(const char *name, uint64_t size_bytes, hone_diag *diag,
                                    int *out_fd) {
    hone_status status = check_size(name, size_bytes, diag);
    if (status != HONE_OK) {
        return status;
    }
    int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0) {
        return fail(diag, "create memory for", name);
    }
    int error;
    do { /* so that a lack of memory shows here, not as SIGBUS later */
        error = posix_fallocate(fd, 0, (off_t)size_bytes);
    } while (error == EINTR);
    errno = error;
    if (error != 0 || fcntl(fd, F_ADD_SEALS, SEALS) != 0) {
        status = fail(diag, "make room for", name);
        (void)close(fd);
        return status;
    }
    *out_fd = fd;
    return HONE_OK;
}

hone_status hone_memory_file_map(int fd, hone_diag *diag, void **out_memory,
                                 uint64_t *out_size_bytes) {
    struct stat info;
    int seals = fcntl(fd, F_GET_SEALS);
    if (seals < 0 || (seals & SEALS) != SEALS || fstat(fd, &info) != 0 || info.st_size <= 0) {
        return hone_diag_set(diag, HONE_STATUS_CORRUPT,
                             "the memory that was handed over is not sealed against a change of "
                             "its size");
    }
    size_t size = (size_t)info.st_size;
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) {
        return fail(diag, "map", "memory that was handed over");
    }
    (void)madvise(memory, size, MADV_DONTFORK);
    *out_memory = memory;
    *out_size_bytes = size;
    return HONE_OK;
}

void hone_memory_file_unmap(void *memory, uint64_t size_bytes) {
    if (memory) {
        (void)munmap(memory, size_bytes);
    }
}

/* --- names --- */

static hone_status make_address(const char *folder, const char *name, hone_diag *diag,
                                struct sockaddr_un *out_address) {
    *out_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    int length =
        snprintf(out_address->sun_path, sizeof out_address->sun_path, "%s/%s", folder, name);
    if (length < 0 || (size_t)length >= sizeof out_address->sun_path) {
        return hone_diag_set(diag, HONE_STATUS_LIMIT,
                             "the path '%.200s/%.60s' has more than %zu bytes; set "
                             "HONE_RUNTIME_DIR to a shorter one",
                             folder, name, sizeof out_address->sun_path - 1);
    }
    return HONE_OK;
}

/* Whoever has the lock owns the name; the kernel takes it back when the owner ends. */
static hone_status own_name(const char *path, hone_diag *diag, int *out_lock_fd) {
    char lock_path[128];
    (void)snprintf(lock_path, sizeof lock_path, "%s.lock", path);
    int fd = open(lock_path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return fail(diag, "lock", path);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        hone_status status = errno == EWOULDBLOCK
                                 ? hone_diag_set(diag, HONE_STATUS_DUPLICATE,
                                                 "'%s' is owned by a process that lives; connect "
                                                 "to it, or choose another name",
                                                 path)
                                 : fail(diag, "lock", path);
        (void)close(fd);
        return status;
    }
    struct stat held, named; /* the owner before may have removed the file that was opened here */
    if (fstat(fd, &held) != 0 || stat(lock_path, &named) != 0 || held.st_ino != named.st_ino) {
        (void)close(fd);
        return hone_diag_set(diag, HONE_STATUS_DUPLICATE,
                             "'%s' is changing its owner at this moment; try again", path);
    }
    *out_lock_fd = fd;
    return HONE_OK;
}

hone_status hone_local_listen(const char *folder, const char *name, uint32_t mode, hone_diag *diag,
                              hone_local_listener *out_listener) {
    struct sockaddr_un address;
    hone_local_listener listener = {-1, -1, ""};
    hone_status status = make_address(folder, name, diag, &address);
    if (status != HONE_OK) {
        return status;
    }
    status = own_name(address.sun_path, diag, &listener.lock_fd);
    if (status != HONE_OK) {
        return status;
    }
    memcpy(listener.path, address.sun_path, sizeof listener.path);
    (void)unlink(address.sun_path); /* of an owner that died */
    listener.fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    /* nobody can connect before listen, so the rights are right from the beginning */
    if (listener.fd < 0 ||
        bind(listener.fd, (const struct sockaddr *)&address, sizeof address) != 0 ||
        chmod(address.sun_path, mode & 0777) != 0 || listen(listener.fd, BACKLOG) != 0) {
        status = fail(diag, "listen at", address.sun_path);
        hone_local_listener_close(&listener);
        return status;
    }
    *out_listener = listener;
    return HONE_OK;
}

void hone_local_listener_close(hone_local_listener *listener) {
    if (listener->lock_fd >= 0) {
        char lock_path[128];
        (void)snprintf(lock_path, sizeof lock_path, "%s.lock", listener->path);
        hone_descriptor_close(listener->fd);
        (void)unlink(listener->path);
        (void)unlink(lock_path); /* whoever waits for it makes a new one */
        hone_descriptor_close(listener->lock_fd);
    }
    *listener = (hone_local_listener){-1, -1, ""};
}

/* --- connections --- */

hone_status hone_local_accept(const hone_local_listener *listener, int *out_fd,
                              hone_local_peer *out_peer) {
    struct ucred who;
    socklen_t size = sizeof who;
    int fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd < 0) {
        return status_of(errno);
    }
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) {
        (void)close(fd);
        return HONE_STATUS_IO;
    }
    *out_fd = fd;
    *out_peer = (hone_local_peer){who.pid, who.uid, who.gid};
    return HONE_OK;
}

hone_status hone_local_connect(const char *folder, const char *name, hone_diag *diag, int *out_fd) {
    struct sockaddr_un address;
    hone_status status = make_address(folder, name, diag, &address);
    if (status != HONE_OK) {
        return status;
    }
    int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (fd < 0 || connect(fd, (const struct sockaddr *)&address, sizeof address) != 0) {
        status = fail(diag, "connect to", address.sun_path);
        hone_descriptor_close(fd);
        return status;
    }
    *out_fd = fd;
    return HONE_OK;
}

hone_status hone_local_send(int socket_fd, const void *bytes, size_t size_bytes, int carried_fd) {
    union {
        char space[CMSG_SPACE(sizeof(int))];
        struct cmsghdr alignment;
    } control = {{0}};
    struct iovec part = {(void *)(uintptr_t)bytes, size_bytes};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    if (carried_fd >= 0) {
        message.msg_control = control.space;
        message.msg_controllen = sizeof control.space;
        struct cmsghdr *header = CMSG_FIRSTHDR(&message);
        header->cmsg_level = SOL_SOCKET;
        header->cmsg_type = SCM_RIGHTS;
        header->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(header), &carried_fd, sizeof(int));
    }
    ssize_t sent = sendmsg(socket_fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    return sent == (ssize_t)size_bytes ? HONE_OK : status_of(errno);
}

static int take_descriptor(struct msghdr *message) {
    int fd = -1;
    for (struct cmsghdr *it = CMSG_FIRSTHDR(message); it; it = CMSG_NXTHDR(message, it)) {
        if (it->cmsg_level == SOL_SOCKET && it->cmsg_type == SCM_RIGHTS &&
            it->cmsg_len == CMSG_LEN(sizeof(int))) {
            hone_descriptor_close(fd);
            memcpy(&fd, CMSG_DATA(it), sizeof fd);
        }
    }
    return fd;
}

hone_status hone_local_receive(int socket_fd, uint64_t timeout_ns, void *out_bytes,
                               size_t size_bytes, int *out_carried_fd) {
    union {
        char space[CMSG_SPACE(sizeof(int))];
        struct cmsghdr alignment;
    } control;
    struct pollfd wait = {.fd = socket_fd, .events = POLLIN};
    if (poll(&wait, 1, (int)(timeout_ns / 1000000)) == 0) {
        return HONE_STATUS_TIMEOUT;
    }
    struct iovec part = {out_bytes, size_bytes};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.space,
                             .msg_controllen = sizeof control.space};
    ssize_t got = recvmsg(socket_fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (got < 0) {
        return status_of(errno);
    }
    int fd = take_descriptor(&message);
    if (got != (ssize_t)size_bytes || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
        hone_descriptor_close(fd);
        return got == 0 ? HONE_STATUS_BROKEN_PIPE : HONE_STATUS_TRUNCATED;
    }
    *out_carried_fd = fd;
    return HONE_OK;
}

/* --- processes --- */

hone_status hone_process_watch(int64_t pid, int *out_fd) {
    int fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
    if (fd < 0) {
        return errno == ESRCH ? HONE_STATUS_NOT_FOUND : status_of(errno);
    }
    *out_fd = fd;
    return HONE_OK;
}

bool hone_process_has_ended(int64_t pid, uint64_t start_ticks) {
    int fd = -1;
    hone_status status = hone_process_watch(pid, &fd);
    if (status != HONE_OK) {
        return status == HONE_STATUS_NOT_FOUND;
    }
    /* While the descriptor is open the number cannot be given to anybody else unseen. */
    uint64_t start_now = hone_process_start(pid);
    struct pollfd ended = {.fd = fd, .events = POLLIN};
    bool has_ended = poll(&ended, 1, 0) == 1 && (ended.revents & POLLIN) != 0;
    (void)close(fd);
    return has_ended || (start_ticks != 0 && start_now != 0 && start_now != start_ticks);
}

uint64_t hone_process_namespace(void) {
    struct stat info;
    return stat("/proc/self/ns/pid", &info) == 0 ? (uint64_t)info.st_ino : 0;
}
