/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files and pipes: open, read, write, readiness; errno becomes a status with a message that says
 * what to do.
 *
 * Contract: a hone_file is confined to one task at a time. Reads and writes retry on EINTR and
 * report short counts. The path "-" is standard input or output and is never closed.
 */
#ifndef HONE_PLATFORM_FILE_H
#define HONE_PLATFORM_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "hone/base/buffer.h"
#include "hone/base/span.h"
#include "hone/base/status.h"

typedef enum hone_file_mode {
    HONE_FILE_READ,
    HONE_FILE_WRITE,  /* creates or truncates */
    HONE_FILE_APPEND, /* creates, writes at the end */
} hone_file_mode;

typedef struct hone_file {
    int fd;              /* -1 when closed */
    bool is_standard;    /* "-": stays open on close */
    bool is_regular;     /* always ready: reads and writes do not wait for a peer */
    uint64_t size_bytes; /* at open; 0 unless regular */
} hone_file;

/* What identifies the content of a path at one moment; equal stamps mean an untouched file. */
typedef struct hone_file_stamp {
    uint64_t device, inode, size_bytes;
    int64_t modified_ns;
} hone_file_stamp;

/* NOT_FOUND, FORBIDDEN, IS_DIRECTORY, NO_SPACE, IO. New files get mode 0666 less the umask. */
HONE_MUST_USE hone_status hone_file_open(const char *path, hone_file_mode mode, hone_diag *diag,
                                         hone_file *out_file);

/* Up to `size` bytes; *out_size 0 means the end. IO. */
HONE_MUST_USE hone_status hone_file_read(hone_file *file, void *data, size_t size, size_t *out_size,
                                         hone_diag *diag);

/* Up to `size` bytes, of which *out_size were written (also on failure). For pipes and sockets at
 * most 4096 bytes are tried, so that a write after hone_file_is_writable() never blocks. NO_SPACE,
 * BROKEN_PIPE (the program ignores SIGPIPE, or it dies of it), IO. */
HONE_MUST_USE hone_status hone_file_write(hone_file *file, const void *data, size_t size,
                                          size_t *out_size, hone_diag *diag);

/* All of it, in as many writes as it takes. As write. */
HONE_MUST_USE hone_status hone_file_write_all(hone_file *file, hone_text content, hone_diag *diag);

/* True when a read (write) would not wait now. Regular files always are. */
bool hone_file_is_readable(const hone_file *file);
bool hone_file_is_writable(const hone_file *file);

/* Waits until everything written has reached the device, so that it survives a power failure. Pipes
 * and terminals have nothing to wait for. NO_SPACE, IO. Cost: a device's round trip, ms. */
HONE_MUST_USE hone_status hone_file_sync(hone_file *file, hone_diag *diag);

/* Removes the last `size` bytes written, the next write goes to where they were: for a piece that
 * could not be written whole. UNSUPPORTED unless regular, or when somebody else wrote behind us;
 * IO. */
HONE_MUST_USE hone_status hone_file_take_back(hone_file *file, uint64_t size, hone_diag *diag);

/* The file is `size_bytes` long, the next write goes there. UNSUPPORTED unless regular; IO. */
HONE_MUST_USE hone_status hone_file_cut(hone_file *file, uint64_t size_bytes, hone_diag *diag);

/* Nobody else gets this lock while the file is open here; it keeps nobody from writing who does not
 * ask. WOULD_BLOCK when somebody has it, or when another file lies at `path` by now: open again. */
HONE_MUST_USE hone_status hone_file_try_lock(hone_file *file, const char *path, hone_diag *diag);

/* The next read begins at this byte. UNSUPPORTED unless regular; IO. */
HONE_MUST_USE hone_status hone_file_seek(hone_file *file, uint64_t offset_bytes, hone_diag *diag);

/* Reports what the kernel kept back until now (full disk, quota). A closed file is allowed. */
hone_status hone_file_close(hone_file *file, hone_diag *diag);

/* The whole content, at most size_max bytes. As open and read, and LIMIT. Appends to `out_content`.
 */
HONE_MUST_USE hone_status hone_file_read_all(const char *path, size_t size_max, hone_diag *diag,
                                             hone_buffer *out_content);

/* Writes the whole file beside `path` and renames it into place: readers see the old or the new
 * content, never a part of it, and a crash leaves one of the two. Permissions are kept; a
 * symbolic link is replaced by the file. A device or pipe is written to instead. */
HONE_MUST_USE hone_status hone_file_replace(const char *path, hone_text content, hone_diag *diag);

/* The same, and only the owner may read it afterwards (mode 0600), whatever there was before. */
HONE_MUST_USE hone_status hone_file_replace_private(const char *path, hone_text content,
                                                    hone_diag *diag);

/* The same of a content that is written piece by piece: write(self, file, diag) writes all of it.
 * After a power failure, too, the old or the new content is there, and the new one once this
 * returned. What `write` returned, and as replace. */
typedef hone_status hone_file_writer(void *self, hone_file *file, hone_diag *diag);
HONE_MUST_USE hone_status hone_file_replace_by(const char *path, hone_file_writer *write,
                                               void *self, hone_diag *diag);

/* The content of a file as memory, read from the device when it is touched. */
typedef struct hone_file_mapping {
    void *data;
    size_t size_bytes;
} hone_file_mapping;

/* Maps a whole regular file. is_private: its memory may be written to, which the file never sees.
 * The file must not be shortened meanwhile (SIGBUS). TRUNCATED when it is empty or not regular; as
 * open, and OUT_OF_MEMORY. Cost: some us, whatever the size. */
HONE_MUST_USE hone_status hone_file_map(const char *path, bool is_private, hone_diag *diag,
                                        hone_file_mapping *out_mapping);
void hone_file_unmap(hone_file_mapping *mapping);

/* True when the two paths, opened in these modes, would get into each other's way: the same regular
 * file unless both only read it, the same pipe in the same direction, "-" twice. What cannot be
 * looked at, and devices such as /dev/null, never do. */
bool hone_file_is_contended(const char *a, hone_file_mode a_mode, const char *b,
                            hone_file_mode b_mode);

HONE_MUST_USE hone_status hone_file_stamp_read(const char *path, hone_file_stamp *out_stamp);

#endif
