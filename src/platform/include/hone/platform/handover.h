/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Handing memory to other processes: memory in a file without a name, and local sockets that carry
 * its descriptor together with who is at the other end.
 *
 * Contract: shared; no state. Descriptors belong to the caller and are closed on exec. The kernel
 * frees such memory with the last process that has it; nothing is left behind.
 */
#ifndef HONE_PLATFORM_HANDOVER_H
#define HONE_PLATFORM_HANDOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hone/base/status.h"

/* Zeroed memory whose size nobody can change any more (sealed), all of it reserved: a lack of
 * memory shows here. OUT_OF_MEMORY, NO_SPACE (also when it is more than half of what the
 * process may use now), LIMIT, UNSUPPORTED. */
HONE_MUST_USE hone_status hone_memory_file_create(const char *name, uint64_t size_bytes,
                                                  hone_diag *diag, int *out_fd);

/* Maps all of it for reading and writing; children of a fork do not get it. CORRUPT when it is not
 * sealed: whoever made it could shrink it under us. The descriptor can be closed afterwards. */
HONE_MUST_USE hone_status hone_memory_file_map(int fd, hone_diag *diag, void **out_memory,
                                               uint64_t *out_size_bytes);
void hone_memory_file_unmap(void *memory, uint64_t size_bytes);

/* Who is at the other end, as the kernel says. */
typedef struct hone_local_peer {
    int64_t pid; /* in this process' namespace; 0 when it has none there */
    uint32_t uid, gid;
} hone_local_peer;

/* A name in a folder that one process at a time can own; it gives the name back when it ends,
 * however it ends. `mode` are the rights of the socket file, which decide who may connect.
 * DUPLICATE (somebody alive owns it), FORBIDDEN, LIMIT (the path is too long), IO. */
typedef struct hone_local_listener {
    int fd, lock_fd;
    char path[108];
} hone_local_listener;

HONE_MUST_USE hone_status hone_local_listen(const char *folder, const char *name, uint32_t mode,
                                            hone_diag *diag, hone_local_listener *out_listener);
void hone_local_listener_close(hone_local_listener *listener);

/* WOULD_BLOCK when nobody waits. */
HONE_MUST_USE hone_status hone_local_accept(const hone_local_listener *listener, int *out_fd,
                                            hone_local_peer *out_peer);

/* NOT_FOUND (nobody has that name), FORBIDDEN, LIMIT, IO. */
HONE_MUST_USE hone_status hone_local_connect(const char *folder, const char *name, hone_diag *diag,
                                             int *out_fd);

/* One message with a descriptor (-1: without), which are kept or lost together. send never blocks:
 * WOULD_BLOCK. receive waits for `timeout_ns` at most: TIMEOUT; TRUNCATED (another size),
 * BROKEN_PIPE (the other end is gone). */
HONE_MUST_USE hone_status hone_local_send(int socket_fd, const void *bytes, size_t size_bytes,
                                          int carried_fd);
HONE_MUST_USE hone_status hone_local_receive(int socket_fd, uint64_t timeout_ns, void *out_bytes,
                                             size_t size_bytes, int *out_carried_fd);

/* The folder for names and pages of this user (shared_page.h), made when it is missing. */
HONE_MUST_USE hone_status hone_runtime_folder(hone_diag *diag, char *out_path, size_t size_bytes);

/* A descriptor that is readable once all threads of the process are gone. NOT_FOUND, UNSUPPORTED,
 * LIMIT. */
HONE_MUST_USE hone_status hone_process_watch(int64_t pid, int *out_fd);

/* True when the process that had this number and began at this time is certainly gone; false when
 * it lives, or is stopped, or nobody can say. */
bool hone_process_has_ended(int64_t pid, uint64_t start_ticks);

/* Tells namespaces of process numbers from each other; 0: unknown. */
uint64_t hone_process_namespace(void);

void hone_descriptor_close(int fd);

#endif
