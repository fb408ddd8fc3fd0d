/* SPDX-License-Identifier: Apache-2.0 */
#include "hone/platform/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PIPE_WRITE_BYTES = 4096, READ_STEP_BYTES = 65536 };

static hone_status status_of_errno(int error) {
    switch (error) {
    case ENOENT:
    case ENOTDIR: return HONE_STATUS_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS: return HONE_STATUS_FORBIDDEN;
    case EISDIR: return HONE_STATUS_IS_DIRECTORY;
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return HONE_STATUS_NO_SPACE;
    case EPIPE: return HONE_STATUS_BROKEN_PIPE;
    case EAGAIN: return HONE_STATUS_WOULD_BLOCK;
    case ENOMEM: return HONE_STATUS_OUT_OF_MEMORY;
    default: return HONE_STATUS_IO;
    }
}

static hone_status fail(hone_diag *diag, const char *what, const char *path) {
    int error = errno;
    char name[160];
    (void)snprintf(name, sizeof name, "%s", path);
    return hone_diag_set(diag, status_of_errno(error), "cannot %s '%s': %s", what, name,
                         strerror(error));
}

static bool is_dash(const char *path) {
    return strcmp(path, "-") == 0;
}

hone_status hone_file_open(const char *path, hone_file_mode mode, hone_diag *diag,
                           hone_file *out_file) {
    static const int flags[] = {
        [HONE_FILE_READ] = O_RDONLY,
        [HONE_FILE_WRITE] = O_WRONLY | O_CREAT | O_TRUNC,
        [HONE_FILE_APPEND] = O_WRONLY | O_CREAT | O_APPEND,
    };
    const char *what = mode == HONE_FILE_READ ? "read" : "write";
    hone_file file = {.fd = mode == HONE_FILE_READ ? STDIN_FILENO : STDOUT_FILENO,
                      .is_standard = is_dash(path)};
    if (!file.is_standard) {
        do {
            file.fd = open(path, flags[mode] | O_CLOEXEC | O_NOCTTY, 0666);
        } while (file.fd < 0 && errno == EINTR);
        if (file.fd < 0) {
            return fail(diag, what, path);
        }
    }
    struct stat info;
    if (fstat(file.fd, &info) != 0) {
        hone_status status = fail(diag, what, path);
        (void)hone_file_close(&file, NULL);
        return status;
    }
    if (S_ISDIR(info.st_mode)) {
        (void)hone_file_close(&file, NULL);
        return hone_diag_set(diag, HONE_STATUS_IS_DIRECTORY,
                             "cannot %s '%.160s': it is a directory, not a file", what, path);
    }
    file.is_regular = S_ISREG(info.st_mode) || S_ISBLK(info.st_mode);
    file.size_bytes = S_ISREG(info.st_mode) ? (uint64_t)info.st_size : 0;
    *out_file = file;
    return HONE_OK;
}

hone_status hone_file_read(hone_file *file, void *data, size_t size, size_t *out_size,
                           hone_diag *diag) {
    ssize_t got;
    do {
        got = read(file->fd, data, size);
    } while (got < 0 && errno == EINTR);
    if (got < 0) {
        return hone_diag_set(diag, status_of_errno(errno), "reading failed: %s", strerror(errno));
    }
    *out_size = (size_t)got;
    return HONE_OK;
}

hone_status hone_file_write(hone_file *file, const void *data, size_t size, size_t *out_size,
                            hone_diag *diag) {
    ssize_t done;
    size_t tried = file->is_regular || size < PIPE_WRITE_BYTES ? size : PIPE_WRITE_BYTES;
    *out_size = 0;
    do {
        done = write(file->fd, data, tried);
    } while (done < 0 && errno == EINTR);
    if (done < 0) {
        return hone_diag_set(diag, status_of_errno(errno), "writing failed: %s", strerror(errno));
    }
    *out_size = (size_t)done;
    return HONE_OK;
}

static bool is_ready(const hone_file *file, short events) {
    if (file->is_regular) {
        return true;
    }
    struct pollfd poll_fd = {.fd = file->fd, .events = events};
    return poll(&poll_fd, 1, 0) !=
           0; /* errors and hang-ups count as ready: the next call reports them */
}

bool hone_file_is_readable(const hone_file *file) {
    return is_ready(file, POLLIN);
}

bool hone_file_is_writable(const hone_file *file) {
    return is_ready(file, POLLOUT);
}

hone_status hone_file_sync(hone_file *file, hone_diag *diag) {
    if (!file->is_regular) {
        return HONE_OK;
    }
    int result;
    do {
        result = fdatasync(file->fd);
    } while (result != 0 && errno == EINTR);
    if (result == 0 || errno == EINVAL) { /* EINVAL: a file system without anything to sync */
        return HONE_OK;
    }
    return hone_diag_set(diag, status_of_errno(errno), "writing to the device failed: %s",
                         strerror(errno));
}

static hone_status not_regular(const char *what, hone_diag *diag) {
    return hone_diag_set(diag, HONE_STATUS_UNSUPPORTED, "only a regular file can be %s", what);
}

hone_status hone_file_cut(hone_file *file, uint64_t size_bytes, hone_diag *diag) {
    if (!file->is_regular) {
        return not_regular("shortened", diag);
    }
    if (ftruncate(file->fd, (off_t)size_bytes) != 0 ||
        lseek(file->fd, (off_t)size_bytes, SEEK_SET) < 0) {
        return hone_diag_set(diag, status_of_errno(errno), "shortening the file failed: %s",
                             strerror(errno));
    }
    return HONE_OK;
}

hone_status hone_file_try_lock(hone_file *file, const char *path, hone_diag *diag) {
    if (flock(file->fd, LOCK_EX | LOCK_NB) != 0) {
        hone_status status = status_of_errno(errno);
        return hone_diag_set(diag, status, "%s",
                             status == HONE_STATUS_WOULD_BLOCK
                                 ? "another process (or this one) has the file open for writing"
                                 : strerror(errno));
    }
    /* who had it before may have put another file into its place */
    struct stat here, there;
    if (fstat(file->fd, &here) != 0 || stat(path, &there) != 0 || here.st_dev != there.st_dev ||
        here.st_ino != there.st_ino) {
        (void)flock(file->fd, LOCK_UN);
        return hone_diag_set(diag, HONE_STATUS_WOULD_BLOCK,
                             "the file was replaced while it was opened; try again");
    }
    return HONE_OK;
}

hone_status hone_file_take_back(hone_file *file, uint64_t size, hone_diag *diag) {
    if (!file->is_regular) {
        return not_regular("shortened", diag);
    }
    struct stat info;
    off_t end = lseek(file->fd, 0, SEEK_CUR);
    if (end >= 0 && fstat(file->fd, &info) == 0 && info.st_size > end) {
        return hone_diag_set(diag, HONE_STATUS_UNSUPPORTED,
                             "the file cannot be shortened: somebody else has written behind us");
    }
    if (end < 0 || (uint64_t)end < size || ftruncate(file->fd, end - (off_t)size) != 0 ||
        lseek(file->fd, end - (off_t)size, SEEK_SET) < 0) {
        return hone_diag_set(diag, HONE_STATUS_IO, "shortening the file failed: %s",
                             end >= 0 && (uint64_t)end < size ? "it is shorter already"
                                                              : strerror(errno));
    }
    return HONE_OK;
}

hone_status hone_file_seek(hone_file *file, uint64_t offset_bytes, hone_diag *diag) {
    if (!file->is_regular) {
        return not_regular("read again", diag);
    }
    if (offset_bytes > INT64_MAX || lseek(file->fd, (off_t)offset_bytes, SEEK_SET) < 0) {
        return hone_diag_set(diag, HONE_STATUS_IO, "going back in the file failed: %s",
                             offset_bytes > INT64_MAX ? "no such place" : strerror(errno));
    }
    return HONE_OK;
}

hone_status hone_file_close(hone_file *file, hone_diag *diag) {
    int fd = file->fd;
    file->fd = -1;
    if (fd < 0 || file->is_standard || close(fd) == 0 || errno == EINTR) {
        return HONE_OK; /* on EINTR Linux has closed it, too */
    }
    return hone_diag_set(diag, status_of_errno(errno), "closing failed: %s", strerror(errno));
}

/* Reads one step into the buffer: as much as both limits allow, and one byte more than size_max, so
 * that a file that is larger shows itself. *out_size 0 means the end. */
static hone_status read_step(hone_file *file, size_t left, hone_buffer *content, size_t *out_size,
                             hone_diag *diag) {
    size_t step = left < READ_STEP_BYTES ? left + 1 : READ_STEP_BYTES;
    size_t room = content->size_max - content->size;
    char beyond;
    if (room == 0) {
        hone_status status = hone_file_read(file, &beyond, 1, out_size, diag);
        return status == HONE_OK && *out_size ? HONE_STATUS_LIMIT : status;
    }
    step = step < room ? step : room;
    hone_status status = hone_buffer_reserve(content, step);
    if (status != HONE_OK) {
        return status;
    }
    status = hone_file_read(file, content->data + content->size, step, out_size, diag);
    content->size += status == HONE_OK ? *out_size : 0;
    return status;
}

hone_status hone_file_read_all(const char *path, size_t size_max, hone_diag *diag,
                               hone_buffer *out_content) {
    hone_file file = {.fd = -1};
    hone_status status = hone_file_open(path, HONE_FILE_READ, diag, &file);
    size_t got = 1, total = 0;
    if (status != HONE_OK) {
        return status;
    }
    while (status == HONE_OK && got > 0) {
        status = read_step(&file, size_max - total, out_content, &got, diag);
        total += status == HONE_OK ? got : 0;
        if (status == HONE_OK && total > size_max) {
            status = HONE_STATUS_LIMIT;
        }
    }
    (void)hone_file_close(&file, NULL);
    switch (status) {
    case HONE_OK: return HONE_OK;
    case HONE_STATUS_LIMIT:
        return hone_diag_set(diag, status, "'%.160s' is larger than the limit of %zu bytes", path,
                             size_max < out_content->size_max ? size_max : out_content->size_max);
    case HONE_STATUS_OUT_OF_MEMORY:
        return hone_diag_set(diag, status, "'%.160s' does not fit into memory", path);
    default: hone_diag_at(diag, path, 0, 0); return status;
    }
}

hone_status hone_file_write_all(hone_file *file, hone_text content, hone_diag *diag) {
    hone_status status = HONE_OK;
    while (status == HONE_OK && content.size) {
        size_t done;
        status = hone_file_write(file, content.data, content.size, &done, diag);
        content.data += done;
        content.size -= done;
    }
    return status;
}

/* Devices and pipes have no content to replace; and renaming over one would take it away. */
static hone_status write_in_place(const char *path, hone_file_writer *write, void *self,
                                  hone_diag *diag) {
    hone_file file;
    hone_status status = hone_file_open(path, HONE_FILE_WRITE, diag, &file);
    if (status != HONE_OK) {
        return status;
    }
    status = write(self, &file, diag);
    hone_status closed = hone_file_close(&file, status == HONE_OK ? diag : NULL);
    return status == HONE_OK ? closed : status;
}

/* A new file under a name that anybody could guess: nothing that lies there is followed or kept.
 * `like` is the file that it will replace, or NULL: its permissions are kept unless private. */
static hone_status create_beside(const char *path, const struct stat *like, bool is_private,
                                 hone_diag *diag, hone_file *out_file) {
    (void)unlink(path);
    mode_t mode = is_private ? 0600 : like ? like->st_mode & 0777 : 0666;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0) {
        return fail(diag, "write", path);
    }
    if (like || is_private) {
        (void)!fchmod(fd, mode); /* what the umask took; some file systems have no permissions */
    }
    *out_file = (hone_file){.fd = fd, .is_regular = true};
    return HONE_OK;
}

/* The folder of `path` on the device, so that a name that was put there outlives a power failure.
 * Where the system cannot, the file is there all the same. */
static void sync_folder(const char *path) {
    char folder[4096];
    const char *slash = strrchr(path, '/');
    size_t length = slash ? (size_t)(slash - path) + 1 : 0;
    if (length >= sizeof folder) {
        return;
    }
    memcpy(folder, path, length);
    folder[length] = '\0';
    int fd = open(length ? folder : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)!fsync(fd);
        (void)close(fd);
    }
}

typedef struct replacement {
    hone_file_writer *write;
    void *self;
    bool is_private, is_lasting;
} replacement;

static hone_status replace(const char *path, const replacement *by, hone_diag *diag) {
    char beside[4096];
    /* The thread's number, so that two threads do not write the same file. */
    int length = snprintf(beside, sizeof beside, "%s.%ld.tmp", path, (long)gettid());
    if (length < 0 || (size_t)length >= sizeof beside) {
        return hone_diag_set(diag, HONE_STATUS_LIMIT, "the path is too long");
    }
    struct stat info;
    bool is_there = stat(path, &info) == 0;
    if (is_there && !S_ISREG(info.st_mode)) {
        return write_in_place(path, by->write, by->self, diag);
    }
    hone_file file = {.fd = -1};
    hone_status status =
        create_beside(beside, is_there ? &info : NULL, by->is_private, diag, &file);
    if (status != HONE_OK) {
        return status;
    }
    status = by->write(by->self, &file, diag);
    if (status == HONE_OK && fsync(file.fd) != 0 && errno != EINVAL) {
        status = fail(diag, "write", path);
    }
    hone_status closed = hone_file_close(&file, status == HONE_OK ? diag : NULL);
    status = status == HONE_OK ? closed : status;
    if (status == HONE_OK && rename(beside, path) != 0) {
        status = fail(diag, "replace", path);
    }
    if (status != HONE_OK) {
        (void)unlink(beside);
    } else if (by->is_lasting) {
        sync_folder(path);
    }
    return status;
}

static hone_status write_text(void *self, hone_file *file, hone_diag *diag) {
    return hone_file_write_all(file, *(const hone_text *)self, diag);
}

hone_status hone_file_replace(const char *path, hone_text content, hone_diag *diag) {
    return replace(path, &(replacement){.write = write_text, .self = &content}, diag);
}

hone_status hone_file_replace_private(const char *path, hone_text content, hone_diag *diag) {
    return replace(path, &(replacement){.write = write_text, .self = &content, .is_private = true},
                   diag);
}

hone_status hone_file_replace_by(const char *path, hone_file_writer *write, void *self,
                                 hone_diag *diag) {
    return replace(path, &(replacement){.write = write, .self = self, .is_lasting = true}, diag);
}

hone_status hone_file_map(const char *path, bool is_private, hone_diag *diag,
                          hone_file_mapping *out_mapping) {
    hone_file file;
    struct stat info; /* looked at first, because opening a FIFO waits for its writer */
    if (stat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)) {
        return hone_diag_set(diag, HONE_STATUS_TRUNCATED, "'%.160s' is no file", path);
    }
    hone_status status = hone_file_open(path, HONE_FILE_READ, diag, &file);
    if (status != HONE_OK) {
        return status;
    }
    hone_file_mapping mapping = {.size_bytes = (size_t)file.size_bytes};
    if (mapping.size_bytes > 0) {
        mapping.data = mmap(NULL, mapping.size_bytes, PROT_READ | (is_private ? PROT_WRITE : 0),
                            MAP_PRIVATE, file.fd, 0);
        if (mapping.data == MAP_FAILED) {
            status = fail(diag, "map", path);
        }
    } else {
        status = hone_diag_set(diag, HONE_STATUS_TRUNCATED, "'%.160s' is empty", path);
    }
    (void)hone_file_close(&file, NULL); /* the mapping stays */
    if (status == HONE_OK) {
        *out_mapping = mapping;
    }
    return status;
}

void hone_file_unmap(hone_file_mapping *mapping) {
    if (mapping->data) {
        (void)munmap(mapping->data, mapping->size_bytes);
    }
    *mapping = (hone_file_mapping){0};
}

hone_status hone_file_stamp_read(const char *path, hone_file_stamp *out_stamp) {
    struct stat info;
    if (stat(path, &info) != 0) {
        return status_of_errno(errno);
    }
    *out_stamp = (hone_file_stamp){
        .device = (uint64_t)info.st_dev,
        .inode = (uint64_t)info.st_ino,
        .size_bytes = (uint64_t)info.st_size,
        .modified_ns = (int64_t)info.st_mtim.tv_sec * 1000000000 + info.st_mtim.tv_nsec,
    };
    return HONE_OK;
}

static bool stat_path(const char *path, hone_file_mode mode, struct stat *out_info) {
    int standard = mode == HONE_FILE_READ ? STDIN_FILENO : STDOUT_FILENO;
    return (is_dash(path) ? fstat(standard, out_info) : stat(path, out_info)) == 0;
}

bool hone_file_is_contended(const char *a, hone_file_mode a_mode, const char *b,
                            hone_file_mode b_mode) {
    struct stat a_info, b_info;
    bool a_reads = a_mode == HONE_FILE_READ, b_reads = b_mode == HONE_FILE_READ;
    if (is_dash(a) && is_dash(b) && a_reads == b_reads) {
        return true; /* whatever it is: both would share one descriptor */
    }
    bool has_a = stat_path(a, a_mode, &a_info), has_b = stat_path(b, b_mode, &b_info);
    if (!has_a && !has_b) { /* to be created */
        return !a_reads && !b_reads && strcmp(a, b) == 0;
    }
    if (!has_a || !has_b || a_info.st_dev != b_info.st_dev || a_info.st_ino != b_info.st_ino) {
        return false;
    }
    bool is_stream = S_ISFIFO(a_info.st_mode) || S_ISSOCK(a_info.st_mode);
    bool is_disk = S_ISREG(a_info.st_mode) || S_ISBLK(a_info.st_mode);
    return is_stream ? a_reads == b_reads : is_disk && !(a_reads && b_reads);
}
