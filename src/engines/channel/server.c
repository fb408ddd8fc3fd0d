/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread of an ipc channel's creator. It sleeps in the kernel until somebody connects, hangs
 * up, or ends. Nothing that a client sends is ever read: the rights of the socket's file say who
 * may connect, the kernel says who that is, and what is handed over is the same for all.
 */
#include <stdio.h>
#include <string.h>

#include "channel_internal.h"
#include "hone/platform/handover.h"
#include "hone/platform/poller.h"
#include "hone/platform/thread.h"

enum { SESSIONS_MAX = HN_PARTICIPANTS_MAX, TOKENS_MAX = 16 };

typedef struct session {
    int socket_fd; /* -1 after it hung up */
    int process_fd;
    int64_t pid; /* 0: free */
} session;

struct hn_server {
    hone_channel *channel;
    hone_local_listener listener;
    hone_poller poller;
    hone_thread thread;
    int memory_fd;
    _Atomic uint32_t is_ending;
    session sessions[SESSIONS_MAX];
};

static bool has_members(const hn_ring *ring, int64_t pid) {
    for (uint32_t i = 0; i < ring->participants_max; i++) {
        uint64_t identity =
            atomic_load_explicit(&ring->participants[i].identity, memory_order_acquire);
        if (hn_identity_life(identity) != HN_LIFE_FREE &&
            (int64_t)hn_identity_pid(identity) == pid) {
            return true;
        }
    }
    return false;
}

static void hang_up(hn_server *server, session *one) {
    if (one->socket_fd >= 0) {
        hone_poller_unwatch(&server->poller, one->socket_fd);
        hone_descriptor_close(one->socket_fd);
        one->socket_fd = -1;
    }
}

static void end_session(hn_server *server, session *one) {
    hang_up(server, one);
    hone_poller_unwatch(&server->poller, one->process_fd);
    hone_descriptor_close(one->process_fd);
    *one = (session){-1, -1, 0};
}

/* A free session, or one whose client hung up and has left the ring. */
static session *find_session(hn_server *server) {
    for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
        session *one = &server->sessions[i];
        if (one->pid != 0 && one->socket_fd < 0 && !has_members(&server->channel->ring, one->pid)) {
            end_session(server, one);
        }
        if (one->pid == 0) {
            return one;
        }
    }
    return NULL;
}

static void greet(hn_server *server, int socket_fd, const hone_local_peer *peer) {
    session *one = find_session(server);
    int process_fd = -1;
    hone_status status =
        one && peer->pid > 0 ? hone_process_watch(peer->pid, &process_fd) : HONE_STATUS_LIMIT;
    hn_greeting greeting = {HN_SEGMENT_MAGIC, HN_SEGMENT_VERSION, (uint32_t)status, peer->pid};
    if (status == HONE_OK) { /* first the watch: who gets the memory is known to die */
        *one = (session){socket_fd, process_fd, peer->pid};
        if (hone_poller_watch(&server->poller, process_fd, false, one) != HONE_OK ||
            hone_poller_watch(&server->poller, socket_fd, false, one) != HONE_OK) {
            end_session(server, one);
            return;
        }
    }
    int carried_fd = status == HONE_OK ? server->memory_fd : -1;
    if (hone_local_send(socket_fd, &greeting, sizeof greeting, carried_fd) != HONE_OK &&
        status == HONE_OK) {
        end_session(server, one);
    } else if (status != HONE_OK) {
        hone_descriptor_close(socket_fd);
    }
}

static void accept_all(hn_server *server) {
    hone_local_peer peer;
    int socket_fd;
    while (hone_local_accept(&server->listener, &socket_fd, &peer) == HONE_OK) {
        greet(server, socket_fd, &peer);
    }
}

/* The socket or the process of a session has something to tell. */
static void look_at(hn_server *server, session *one) {
    if (one->pid == 0) {
        return; /* it ended with an event before this one */
    }
    if (hone_process_has_ended(one->pid, 0)) {
        hn_channel_settle_dead(server->channel);
        end_session(server, one);
        return;
    }
    /* Hung up, or talks, which nobody has asked it to. If it has members still, they are watched
     * until its end. */
    hang_up(server, one);
    if (!has_members(&server->channel->ring, one->pid)) {
        end_session(server, one);
    }
}

static void server_main(void *context) {
    hn_server *server = context;
    void *tokens[TOKENS_MAX];
    while (!atomic_load_explicit(&server->is_ending, memory_order_acquire)) {
        uint32_t count = hone_poller_wait(&server->poller, true, tokens, TOKENS_MAX);
        for (uint32_t i = 0; i < count; i++) {
            if (tokens[i] != server) {
                look_at(server, tokens[i]);
                continue;
            }
            accept_all(server);
            if (hone_poller_watch(&server->poller, server->listener.fd, false, server) != HONE_OK) {
                return; /* nobody new can connect any more; the channel goes on */
            }
        }
    }
}

hone_status hn_server_create(hone_channel *channel, const char *name,
                             const hone_channel_options *options, int memory_fd, hone_diag *diag,
                             hn_server **out_server) {
    char folder[128], file[HN_NAME_BYTES];
    hn_server *server = HONE_NEW(channel->allocator, hn_server);
    if (!server) {
        hone_descriptor_close(memory_fd);
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for a channel's server");
    }
    server->channel = channel;
    server->memory_fd = memory_fd;
    server->listener = (hone_local_listener){-1, -1, ""};
    for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
        server->sessions[i] = (session){-1, -1, 0};
    }
    (void)snprintf(file, sizeof file, "%s.channel", name);
    hone_status status = hn_channel_folder(options, diag, folder, sizeof folder);
    if (status == HONE_OK) {
        uint32_t rights = options->rights ? options->rights : 0600;
        status = hone_local_listen(folder, file, rights, diag, &server->listener);
    }
    if (status == HONE_OK) {
        status = hone_poller_init(&server->poller);
    }
    if (status == HONE_OK) {
        status = hone_poller_watch(&server->poller, server->listener.fd, false, server);
    }
    if (status == HONE_OK) {
        status = hone_thread_create("channel", server_main, server, &server->thread);
    }
    if (status != HONE_OK) {
        hone_poller_deinit(&server->poller);
        hone_local_listener_close(&server->listener);
        hone_descriptor_close(memory_fd);
        HONE_DELETE(channel->allocator, hn_server, server);
        return diag && diag->status != HONE_OK
                   ? status
                   : hone_diag_set(diag, status, "channel '%s' cannot be offered to others", name);
    }
    *out_server = server;
    return HONE_OK;
}

void hn_server_destroy(hn_server *server) {
    if (!server) {
        return;
    }
    atomic_store_explicit(&server->is_ending, 1, memory_order_release); /* pairs with main's loop */
    hone_poller_wake(&server->poller);
    hone_thread_join(server->thread);
    for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
        if (server->sessions[i].pid != 0) {
            end_session(server, &server->sessions[i]);
        }
    }
    hone_poller_deinit(&server->poller);
    hone_local_listener_close(&server->listener);
    hone_descriptor_close(server->memory_fd);
    HONE_DELETE(server->channel->allocator, hn_server, server);
}
