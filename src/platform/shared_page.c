/* SPDX-License-Identifier: Apache-2.0 */
#include "hone/platform/shared_page.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hone/platform/handover.h"

#define PAGE_BYTES_MAX ((uint64_t)1 << 30)

/* The folder's path; false when it does not fit. */
static bool folder_path(char *out_path, size_t size) {
    const char *own = getenv("HONE_RUNTIME_DIR");
    const char *session = getenv("XDG_RUNTIME_DIR");
    int length;
    if (own && own[0] == '/') {
        length = snprintf(out_path, size, "%s", own);
    } else if (session && session[0] == '/' && access(session, W_OK) == 0) {
        length = snprintf(out_path, size, "%s/hone", session);
    } else {
        length = snprintf(out_path, size, "/dev/shm/hone-%lu", (unsigned long)geteuid());
    }
    return length > 0 && (size_t)length < size;
}

static hone_status fail(hone_diag *diag, const char *what, const char *path) {
    int error = errno;
    hone_status status = error == ENOSPC || error == EDQUOT   ? HONE_STATUS_NO_SPACE
                         : error == ENOENT                    ? HONE_STATUS_NOT_FOUND
                         : error == ENOMEM                    ? HONE_STATUS_OUT_OF_MEMORY
                         : error == EMFILE || error == ENFILE ? HONE_STATUS_LIMIT
                                                              : HONE_STATUS_FORBIDDEN;
    return hone_diag_set(diag, status, "cannot %s '%s': %s", what, path, strerror(error));
}

/* Opens the folder, after making sure that it is a folder of ours that nobody else can write to. */
static hone_status open_folder(bool is_created, hone_diag *diag, int *out_fd) {
    char path[192];
    struct stat info;
    const char *own = getenv("HONE_RUNTIME_DIR");
    if (own && own[0] && own[0] != '/') {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "HONE_RUNTIME_DIR must begin with '/', but is '%.100s'", own);
    }
    if (!folder_path(path, sizeof path)) {
        return hone_diag_set(diag, HONE_STATUS_LIMIT, "the path of the runtime folder is too long");
    }
    if (is_created && mkdir(path, 0700) != 0 && errno != EEXIST) {
        return fail(diag, "create", path);
    }
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &info) != 0) {
        hone_status status = fail(diag, "open", path);
        if (fd >= 0) {
            (void)close(fd);
        }
        return status;
    }
    if (info.st_uid != geteuid() || (info.st_mode & (S_IWGRP | S_IWOTH))) {
        (void)close(fd);
        return hone_diag_set(
            diag, HONE_STATUS_FORBIDDEN,
            "'%s' belongs to somebody else or can be written by others; set HONE_RUNTIME_DIR to a "
            "folder of your own",
            path);
    }
    *out_fd = fd;
    return HONE_OK;
}

hone_status hone_runtime_folder(hone_diag *diag, char *out_path, size_t size_bytes) {
    int folder_fd;
    hone_status status = open_folder(true, diag, &folder_fd);
    if (status != HONE_OK) {
        return status;
    }
    (void)close(folder_fd);
    return folder_path(out_path, size_bytes) ? HONE_OK : HONE_STATUS_LIMIT;
}

static hone_status map_new(int fd, uint64_t size_bytes, hone_diag *diag, hone_shared_page *page) {
    int error;
    do { /* so that a full disk shows here, not as SIGBUS later */
        error = posix_fallocate(fd, 0, (off_t)size_bytes);
    } while (error == EINTR);
    if (error) {
        errno = error;
        return fail(diag, "make room for", page->path);
    }
    void *memory = mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (memory == MAP_FAILED) {
        return fail(diag, "map", page->path);
    }
    page->memory = memory;
    page->size_bytes = size_bytes;
    return HONE_OK;
}

hone_status hone_shared_page_create(const char *suffix, uint64_t size_bytes, hone_diag *diag,
                                    hone_shared_page *out_page) {
    hone_shared_page page = {.is_owner = true};
    char folder[192], name[64];
    int folder_fd = -1;
    if (size_bytes == 0 || size_bytes > PAGE_BYTES_MAX) {
        return hone_diag_set(diag, HONE_STATUS_LIMIT, "a shared page has 1 to %llu bytes, not %llu",
                             (unsigned long long)PAGE_BYTES_MAX, (unsigned long long)size_bytes);
    }
    hone_status status = open_folder(true, diag, &folder_fd);
    if (status != HONE_OK) {
        return status;
    }
    (void)folder_path(folder, sizeof folder);
    (void)snprintf(name, sizeof name, "%lld.%.20s", (long long)getpid(), suffix);
    (void)snprintf(page.path, sizeof page.path, "%.190s/%.60s", folder, name);
    (void)unlinkat(folder_fd, name, 0);
    int fd = openat(folder_fd, name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    status = fd < 0 ? fail(diag, "create", page.path) : map_new(fd, size_bytes, diag, &page);
    if (fd >= 0) {
        (void)close(fd);
        if (status != HONE_OK) {
            (void)unlinkat(folder_fd, name, 0);
        }
    }
    (void)close(folder_fd);
    if (status == HONE_OK) {
        *out_page = page;
    }
    return status;
}

hone_status hone_shared_page_create_private(uint64_t size_bytes, hone_shared_page *out_page) {
    void *memory =
        mmap(NULL, size_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) {
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    *out_page = (hone_shared_page){.memory = memory, .size_bytes = size_bytes, .is_owner = true};
    return HONE_OK;
}

hone_status hone_shared_page_open(const char *suffix, int64_t pid, hone_diag *diag,
                                  hone_shared_page *out_page) {
    hone_shared_page page = {.is_owner = false};
    char name[64];
    int folder_fd = -1;
    struct stat info;
    hone_status status = open_folder(false, diag, &folder_fd);
    if (status != HONE_OK) {
        return status;
    }
    (void)snprintf(name, sizeof name, "%lld.%.20s", (long long)pid, suffix);
    (void)snprintf(page.path, sizeof page.path, "%s", name);
    /* Not waiting: what has the name of a page may be a pipe. */
    int fd = openat(folder_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    (void)close(folder_fd);
    if (fd < 0 || fstat(fd, &info) != 0) {
        status = fail(diag, "open", name);
    } else if (!S_ISREG(info.st_mode) || info.st_size <= 0 ||
               (uint64_t)info.st_size > PAGE_BYTES_MAX) {
        status =
            hone_diag_set(diag, HONE_STATUS_CORRUPT, "'%s' is no page of a running process", name);
    } else {
        page.size_bytes = (uint64_t)info.st_size;
        page.memory = mmap(NULL, page.size_bytes, PROT_READ, MAP_SHARED, fd, 0);
        status = page.memory == MAP_FAILED ? fail(diag, "map", name) : HONE_OK;
    }
    if (fd >= 0) {
        (void)close(fd);
    }
    if (status == HONE_OK) {
        *out_page = page;
    }
    return status;
}

void hone_shared_page_close(hone_shared_page *page) {
    if (page->memory) {
        (void)munmap(page->memory, page->size_bytes);
        if (page->is_owner && page->path[0]) {
            (void)unlink(page->path);
        }
    }
    *page = (hone_shared_page){0};
}

static bool is_alive(int64_t pid) {
    return kill((pid_t)pid, 0) == 0 || errno == EPERM;
}

hone_status hone_shared_page_list(const char *suffix, int64_t *out_pids, uint32_t pids_max,
                                  uint32_t *out_pids_count) {
    int fd = -1;
    uint32_t count = 0;
    hone_status status = open_folder(false, NULL, &fd);
    if (status == HONE_STATUS_NOT_FOUND) {
        *out_pids_count = 0;
        return HONE_OK;
    }
    DIR *folder = status == HONE_OK ? fdopendir(fd) : NULL;
    if (!folder) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return status == HONE_OK ? HONE_STATUS_OUT_OF_MEMORY : status;
    }
    for (struct dirent *entry; (entry = readdir(folder));) {
        char *rest = NULL;
        long long pid = strtoll(entry->d_name, &rest, 10);
        if (pid <= 0 || pid > INT32_MAX || *rest != '.' || strcmp(rest + 1, suffix) != 0) {
            continue;
        }
        if (!is_alive(pid)) {
            (void)unlinkat(fd, entry->d_name, 0);
        } else if (count < pids_max) {
            out_pids[count++] = pid;
        }
    }
    (void)closedir(folder);
    *out_pids_count = count;
    return HONE_OK;
}

int64_t hone_process_id(void) {
    return getpid();
}

uint64_t hone_process_start(int64_t pid) {
    char path[64], text[1024];
    (void)snprintf(path, sizeof path, "/proc/%lld/stat", (long long)pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0) {
        (void)close(fd);
    }
    if (size <= 0) {
        return 0;
    }
    text[size] = '\0';
    char *at = strrchr(text, ')'); /* the name before it may hold anything */
    for (int field = 2; at && field < 22; field++) {
        at = strchr(at + 1, ' ');
    }
    return at ? strtoull(at + 1, NULL, 10) : 0;
}
