/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the channel know of each other above the ring. */
#ifndef HONE_CHANNEL_CHANNEL_INTERNAL_H
#define HONE_CHANNEL_CHANNEL_INTERNAL_H

#include "ring_internal.h"

typedef struct hn_server hn_server;

struct hone_channel {
    hn_ring ring;
    const hone_allocator *allocator;
    size_t size_bytes;
    void (*release)(hone_channel *channel); /* of memory that is not from the allocator; or NULL */
    bool can_look;     /* process numbers mean the same as for the one who made it */
    hn_server *server; /* of the one who made it */
    int socket_fd;     /* of one who connected; -1 */
    /* Where others can die: looks for such, and settles what they left; called after each sleep,
     * which lasts look_interval_ns at most. */
    void (*look)(hone_channel *channel);
    uint64_t look_interval_ns;
};

/* Defaults and limits. */
HONE_MUST_USE hone_status hn_channel_options_check(const hone_channel_options *options,
                                                   hone_diag *diag,
                                                   hone_channel_options *out_options,
                                                   uint32_t *out_units_log2);

/* The hash of a type's text; 0 for the empty one, which fits any. */
uint64_t hn_type_hash(const char *text);

/* Settles what members left whose processes are gone. Any process may do it at any time. */
void hn_channel_settle_dead(hone_channel *channel);

/* Where the sockets of names lie. LIMIT when the path does not fit; what hone_runtime_folder says.
 */
HONE_MUST_USE hone_status hn_channel_folder(const hone_channel_options *options, hone_diag *diag,
                                            char *out_folder, size_t size);

/* The thread that hands the memory to whoever connects, and sees who dies. Takes `memory_fd`. */
HONE_MUST_USE hone_status hn_server_create(hone_channel *channel, const char *name,
                                           const hone_channel_options *options, int memory_fd,
                                           hone_diag *diag, hn_server **out_server);
void hn_server_destroy(hn_server *server);

/* What a server says to whoever connects; with it comes the descriptor of the memory. */
typedef struct hn_greeting {
    uint64_t magic;
    uint32_t version;
    uint32_t status; /* a hone_status */
    int64_t pid;     /* of the one who connected */
} hn_greeting;

/* ipc:// (ipc.c) */
HONE_MUST_USE hone_status hn_ipc_create(const char *name, const hone_channel_options *options,
                                        hone_diag *diag, hone_channel **out_channel);
HONE_MUST_USE hone_status hn_ipc_connect(const char *name, const hone_channel_options *options,
                                         hone_diag *diag, hone_channel **out_channel);

#endif
