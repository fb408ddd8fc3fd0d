/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Channels that processes share: a sealed segment without a name, handed over a local socket, and
 * what has to be done when one of the processes is gone.
 *
 * Who clears up after the dead holds `recovery_owner`, a word with his pid and start time, so that
 * when he dies, too, the next one can take it over. The server does it at once, because the kernel
 * tells it; everybody else does it when a wait has lasted a while, so that a dead server is no
 * harm.
 */
#include <stdio.h>
#include <string.h>

#include "channel_internal.h"
#include "hone/platform/barrier.h"
#include "hone/platform/handover.h"
#include "hone/platform/shared_page.h"

static const uint64_t LOOK_INTERVAL_NS = 50000000;
static const uint64_t GREETING_TIMEOUT_NS = UINT64_C(5000000000);

/* --- the dead --- */

static bool is_gone(uint64_t pid, uint64_t start_ticks) {
    return hone_process_has_ended((int64_t)pid, start_ticks);
}

/* pid and the lower half of the start time name a process well enough to see whether it lives. */
static uint64_t own_mark(const hn_ring *ring) {
    return ring->self_pid << 32 | (uint32_t)hone_process_start(hone_process_id());
}

static bool is_mark_gone(uint64_t mark) {
    int64_t pid = (int64_t)(mark >> 32);
    uint64_t start = hone_process_start(pid);
    return is_gone((uint64_t)pid, 0) || (start != 0 && (uint32_t)start != (uint32_t)mark);
}

static bool begin_recovery(const hn_ring *ring) {
    _Atomic uint64_t *owner = &ring->segment->recovery_owner;
    uint64_t before = atomic_load_explicit(owner, memory_order_acquire);
    if (before != 0 && !is_mark_gone(before)) {
        return false; /* somebody is at it */
    }
    return atomic_compare_exchange_strong_explicit(owner, &before, own_mark(ring),
                                                   memory_order_acq_rel, memory_order_relaxed);
}

static bool is_member_gone(const hn_ring *ring, uint32_t index) {
    const hn_participant *member = &ring->participants[index];
    uint64_t identity = atomic_load_explicit(&member->identity, memory_order_seq_cst);
    uint64_t pid = hn_identity_pid(identity);
    if (hn_identity_life(identity) == HN_LIFE_FREE || pid == ring->self_pid) {
        return false;
    }
    bool is_active = hn_identity_life(identity) == HN_LIFE_ACTIVE;
    uint64_t start = atomic_load_explicit(&member->start_ticks, memory_order_relaxed);
    return is_gone(pid, is_active ? start : 0) &&
           atomic_load_explicit(&member->identity, memory_order_seq_cst) == identity;
}

void hn_channel_settle_dead(hone_channel *channel) {
    const hn_ring *ring = &channel->ring;
    bool has_dead = false;
    for (uint32_t i = 0; i < ring->participants_max; i++) {
        has_dead = has_dead || is_member_gone(ring, i);
    }
    if (!has_dead || !begin_recovery(ring)) {
        return;
    }
    for (uint32_t i = 0; i < ring->participants_max; i++) {
        if (is_member_gone(ring, i)) {
            hn_ring_leave(ring, i, true);
        }
    }
    atomic_store_explicit(&ring->segment->recovery_owner, 0, memory_order_release);
}

static void look(hone_channel *channel) {
    if (channel->can_look) {
        hn_channel_settle_dead(channel);
    }
}

/* --- making and joining --- */

hone_status hn_channel_folder(const hone_channel_options *options, hone_diag *diag,
                              char *out_folder, size_t size) {
    if (options && options->folder) {
        int length = snprintf(out_folder, size, "%s", options->folder);
        return length > 0 && (size_t)length < size
                   ? HONE_OK
                   : hone_diag_set(diag, HONE_STATUS_LIMIT, "the folder's path is too long");
    }
    return hone_runtime_folder(diag, out_folder, size);
}

static void release(hone_channel *channel) {
    hn_server_destroy(channel->server);
    hone_memory_file_unmap(channel->ring.segment, channel->size_bytes);
    hone_descriptor_close(channel->socket_fd);
}

/* Maps the memory into a new channel. */
static hone_status attach(int memory_fd, const hone_allocator *allocator, hone_diag *diag,
                          hone_channel **out_channel) {
    hone_channel *channel = HONE_NEW(allocator, hone_channel);
    void *memory = NULL;
    uint64_t size_bytes = 0;
    if (!channel) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for a channel");
    }
    hone_status status = hone_memory_file_map(memory_fd, diag, &memory, &size_bytes);
    if (status != HONE_OK) {
        HONE_DELETE(allocator, hone_channel, channel);
        return status;
    }
    channel->allocator = allocator;
    channel->size_bytes = (size_t)size_bytes;
    channel->ring.segment = memory;
    channel->release = release;
    channel->socket_fd = -1;
    channel->look = look;
    channel->look_interval_ns = LOOK_INTERVAL_NS;
    *out_channel = channel;
    return HONE_OK;
}

static void format(hone_channel *channel, const char *name, const hone_channel_options *options,
                   uint32_t units_log2) {
    hn_segment *segment = channel->ring.segment;
    hn_segment_format(segment, options, units_log2, hone_barrier_prepare() != HONE_OK);
    segment->pid_namespace = hone_process_namespace();
    segment->type_hash = hn_type_hash(options->type);
    (void)snprintf(segment->name, sizeof segment->name, "%s", name);
    (void)snprintf(segment->type_text, sizeof segment->type_text, "%s",
                   options->type ? options->type : "");
    hn_ring_attach(&channel->ring, segment, segment);
    channel->can_look = segment->pid_namespace != 0;
}

hone_status hn_ipc_create(const char *name, const hone_channel_options *options, hone_diag *diag,
                          hone_channel **out_channel) {
    hone_channel_options chosen;
    hone_channel *channel = NULL;
    uint32_t units_log2;
    int memory_fd = -1;
    hone_status status = hn_channel_options_check(options, diag, &chosen, &units_log2);
    if (status == HONE_OK) {
        size_t size = hn_segment_size(units_log2, chosen.participants_max);
        status = hone_memory_file_create(name, size, diag, &memory_fd);
    }
    if (status == HONE_OK) {
        status = attach(memory_fd, chosen.allocator, diag, &channel);
    }
    if (status != HONE_OK) {
        hone_descriptor_close(memory_fd);
        return status;
    }
    format(channel, name, &chosen, units_log2);
    status = hn_server_create(channel, name, &chosen, memory_fd, diag, &channel->server);
    if (status != HONE_OK) {
        hone_channel_destroy(channel);
        return status;
    }
    *out_channel = channel;
    return HONE_OK;
}

static hone_status check_type_of(const hn_segment *frozen, const hone_channel_options *options,
                                 hone_diag *diag) {
    const char *wanted = options && options->type ? options->type : "";
    if (wanted[0] == '\0' || frozen->type_hash == 0 ||
        (frozen->type_hash == hn_type_hash(wanted) && strcmp(frozen->type_text, wanted) == 0)) {
        return HONE_OK;
    }
    return hone_diag_set(diag, HONE_STATUS_TYPE_MISMATCH,
                         "channel '%s' carries '%.150s', this side wants '%.150s'", frozen->name,
                         frozen->type_text, wanted);
}

/* Checks the segment behind the channel, on a copy, and makes the channel's view of it. */
static hone_status adopt(hone_channel *channel, int64_t own_pid,
                         const hone_channel_options *options, hone_diag *diag) {
    if (channel->size_bytes < sizeof(hn_segment)) {
        return hone_diag_set(diag, HONE_STATUS_CORRUPT, "what was handed over is no channel");
    }
    hn_segment frozen;
    memcpy((void *)&frozen, channel->ring.segment, sizeof frozen);
    hone_status status = hn_segment_check(&frozen, channel->size_bytes, diag);
    status = status == HONE_OK ? check_type_of(&frozen, options, diag) : status;
    if (status != HONE_OK) {
        return status;
    }
    if (!frozen.is_fenced && hone_barrier_prepare() != HONE_OK) {
        return hone_diag_set(diag, HONE_STATUS_UNSUPPORTED,
                             "the channel relies on membarrier, which this process may not use; "
                             "allow it the system call");
    }
    hn_ring_attach(&channel->ring, channel->ring.segment, &frozen);
    channel->ring.self_pid = (uint64_t)own_pid;
    channel->can_look =
        frozen.pid_namespace != 0 && frozen.pid_namespace == hone_process_namespace();
    return HONE_OK;
}

/* Asks whoever has the name for the memory. */
static hone_status ask(const char *folder, const char *name, hone_diag *diag, int *out_socket_fd,
                       int *out_memory_fd, hn_greeting *out_greeting) {
    int socket_fd = -1, memory_fd = -1;
    char file[HN_NAME_BYTES];
    (void)snprintf(file, sizeof file, "%s.channel", name);
    hone_status status = hone_local_connect(folder, file, diag, &socket_fd);
    if (status != HONE_OK) {
        return status;
    }
    status = hone_local_receive(socket_fd, GREETING_TIMEOUT_NS, out_greeting, sizeof *out_greeting,
                                &memory_fd);
    if (status != HONE_OK || out_greeting->magic != HN_SEGMENT_MAGIC) {
        status = hone_diag_set(diag, status != HONE_OK ? status : HONE_STATUS_CORRUPT,
                               "whoever has the name '%s' did not answer as a channel does", name);
    } else if (out_greeting->version != HN_SEGMENT_VERSION) {
        status = hone_diag_set(diag, HONE_STATUS_UNSUPPORTED,
                               "channel '%s' has format %u, this program knows format %d; use the "
                               "same release of hone on both sides",
                               name, out_greeting->version, HN_SEGMENT_VERSION);
    } else if (out_greeting->status != HONE_OK || memory_fd < 0) {
        status = hone_diag_set(diag, HONE_STATUS_LIMIT,
                               "channel '%s' has as many connections as it allows", name);
    }
    if (status != HONE_OK) {
        hone_descriptor_close(socket_fd);
        hone_descriptor_close(memory_fd);
        return status;
    }
    *out_socket_fd = socket_fd;
    *out_memory_fd = memory_fd;
    return HONE_OK;
}

hone_status hn_ipc_connect(const char *name, const hone_channel_options *options, hone_diag *diag,
                           hone_channel **out_channel) {
    char folder[128];
    int socket_fd = -1, memory_fd = -1;
    hn_greeting greeting;
    hone_channel *channel = NULL;
    hone_status status = hn_channel_folder(options, diag, folder, sizeof folder);
    if (status == HONE_OK) {
        status = ask(folder, name, diag, &socket_fd, &memory_fd, &greeting);
    }
    if (status != HONE_OK) {
        return status;
    }
    status = attach(memory_fd, options ? options->allocator : NULL, diag, &channel);
    hone_descriptor_close(memory_fd);
    if (status != HONE_OK) {
        hone_descriptor_close(socket_fd);
        return status;
    }
    channel->socket_fd = socket_fd;
    status = adopt(channel, greeting.pid, options, diag);
    if (status != HONE_OK) {
        hone_channel_destroy(channel);
        return status;
    }
    *out_channel = channel;
    return HONE_OK;
}
