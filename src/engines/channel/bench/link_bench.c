/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a link costs over a TCP connection on loopback, beside bare sockets: one write for each
 * message, and writes of 64 KiB that know no messages, which is what the connection itself can do.
 * One thread drives both ends, so it is the work that is measured, without waking anybody.
 */
#include <stdlib.h>
#include <string.h>

#include "hone/channel/link.h"
#include "hone/measure/bench_main.h"
#include "hone/platform/clock.h"
#include "hone/platform/socket.h"

enum { CAPACITY = 4 << 20, BLOCK_BYTES = 64 << 10 };

typedef struct work {
    size_t message_bytes;
    uint32_t messages_count; /* of an iteration */
} work;

typedef struct setting {
    work what;
    int fds[2];
    hone_channel *channels[2];
    hone_sender *senders[2];
    hone_receiver *receivers[2];
    hone_link *links[2]; /* sends, receives */
    uint8_t *block;
    size_t block_bytes;
} setting;

static void drop(void *context) {
    setting *it = context;
    for (int i = 0; it && i < 2; i++) {
        hone_link_destroy(it->links[i]);
        hone_socket_close(it->fds[i]);
    }
    for (int i = 0; it && i < 2; i++) {
        hone_sender_destroy(it->senders[i]);
        hone_receiver_destroy(it->receivers[i]);
        hone_channel_destroy(it->channels[i]);
    }
    free(it ? it->block : NULL);
    free(it);
}

static hone_status connect_fds(int fds[2], hone_diag *diag) {
    const uint64_t second_ns = 1000000000;
    int listener = -1;
    hone_status status = hone_socket_listen("127.0.0.1", 0, diag, &listener);
    if (status == HONE_OK) {
        status =
            hone_socket_connect("127.0.0.1", hone_socket_port(listener), second_ns, diag, &fds[0]);
    }
    if (status == HONE_OK) {
        (void)hone_socket_wait(listener, true, false, second_ns);
        status = hone_socket_accept(listener, &fds[1]);
    }
    for (int i = 0; i < 2 && status == HONE_OK; i++) {
        status = hone_socket_tune(fds[i], &(hone_socket_tuning){.is_no_delay = true});
    }
    hone_socket_close(listener);
    return status;
}

/* Blocks of `block_bytes`; 0: the message's size. */
static hone_status make(const work *what, size_t block_bytes, hone_diag *diag,
                        setting **out_setting) {
    setting *it = calloc(1, sizeof *it);
    if (!it) {
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    it->what = *what;
    it->fds[0] = it->fds[1] = -1;
    it->block_bytes = block_bytes ? block_bytes : what->message_bytes;
    it->block = calloc(1, it->block_bytes > BLOCK_BYTES ? it->block_bytes : BLOCK_BYTES);
    hone_status status = it->block ? connect_fds(it->fds, diag) : HONE_STATUS_OUT_OF_MEMORY;
    if (status) {
        drop(it);
        return status;
    }
    *out_setting = it;
    return HONE_OK;
}

static hone_status make_link(const void *parameter, hone_diag *diag, void **out_context) {
    setting *it = NULL;
    hone_status status = make(parameter, 0, diag, &it);
    const hone_channel_options options = {.capacity_bytes = CAPACITY};
    for (int i = 0; i < 2 && status == HONE_OK; i++) {
        status = hone_channel_create(&options, diag, &it->channels[i]);
        status = status ? status : hone_channel_open_sender(it->channels[i], diag, &it->senders[i]);
        status =
            status ? status : hone_channel_open_receiver(it->channels[i], diag, &it->receivers[i]);
    }
    for (int i = 0; i < 2 && status == HONE_OK; i++) {
        const hone_link_options link = {.outgoing = i == 0 ? it->receivers[0] : NULL,
                                        .incoming = i == 1 ? it->senders[1] : NULL,
                                        .token = 1 + (uint64_t)i};
        status = hone_link_create(&link, diag, &it->links[i]);
        status = status ? status : hone_link_attach(it->links[i], it->fds[i]);
    }
    if (status) {
        drop(it);
        return status;
    }
    *out_context = it;
    return HONE_OK;
}

static hone_status make_raw(const void *parameter, hone_diag *diag, void **out_context) {
    setting *it = NULL;
    hone_status status = make(parameter, 0, diag, &it);
    *out_context = it;
    return status;
}

static hone_status make_blocks(const void *parameter, hone_diag *diag, void **out_context) {
    setting *it = NULL;
    hone_status status = make(parameter, BLOCK_BYTES, diag, &it);
    *out_context = it;
    return status;
}

static uint32_t send_some(setting *it, uint32_t count) {
    hone_loan loan;
    uint32_t sent = 0;
    while (sent < count &&
           hone_channel_loan(it->senders[0], it->what.message_bytes, &loan) == HONE_OK) {
        memcpy(loan.data, &sent, sizeof sent);
        hone_channel_commit(it->senders[0], &loan);
        sent++;
    }
    return sent;
}

static uint32_t take_some(setting *it) {
    hone_message message;
    uint32_t taken = 0;
    while (hone_channel_take(it->receivers[1], &message) == HONE_OK) {
        hone_bench_consume(message.data);
        hone_channel_release(it->receivers[1], &message);
        taken++;
    }
    return taken;
}

static void run_link(void *context, uint64_t iterations) {
    setting *it = context;
    hone_link_wants wants;
    for (uint64_t i = 0; i < iterations; i++) {
        uint32_t sent = 0, taken = 0;
        while (taken < it->what.messages_count) {
            sent += send_some(it, it->what.messages_count - sent);
            for (int end = 0; end < 2; end++) {
                if (hone_link_run(it->links[end], hone_clock_monotonic_ns(), NULL, &wants)) {
                    abort(); /* a bench without a connection measures nothing */
                }
            }
            taken += take_some(it);
        }
    }
}

/* Messages one after another, in blocks of the setting's size; both ends know nothing of them. */
static void run_stream(void *context, uint64_t iterations) {
    setting *it = context;
    size_t total = it->what.message_bytes * it->what.messages_count;
    size_t in_size = it->block_bytes > BLOCK_BYTES ? it->block_bytes : BLOCK_BYTES;
    for (uint64_t i = 0; i < iterations; i++) {
        size_t written = 0, read = 0, count;
        while (read < total) {
            while (written < total) {
                size_t rest = it->block_bytes - written % it->block_bytes;
                rest = rest < total - written ? rest : total - written;
                struct iovec out = {it->block, rest};
                if (hone_socket_write(it->fds[0], &out, 1, &count) != HONE_OK) {
                    break;
                }
                written += count;
            }
            struct iovec in = {it->block, in_size};
            while (read < written && hone_socket_read(it->fds[1], &in, 1, &count) == HONE_OK) {
                read += count;
            }
        }
    }
}

#define VARIANTS                                                                              \
    .variants = {                                                                             \
        {.name = "hone", .setup = make_link, .run = run_link, .teardown = drop},              \
        {.name = "a-write-each", .setup = make_raw, .run = run_stream, .teardown = drop},     \
        {.name = "blocks-of-64K", .setup = make_blocks, .run = run_stream, .teardown = drop}, \
    }
#define RATE(case_name, size, count)                                                      \
    {                                                                                     \
        .name = case_name, .unit = "M/s", .better = HONE_BENCH_HIGHER, .scale = 1e-6,     \
        .items_per_iteration = (count), .parameter = &(const work){size, count}, VARIANTS \
    }

static const hone_bench_case cases[] = {
    RATE("stream/64B", 64, 1000),
    RATE("stream/1K", 1 << 10, 250),
    RATE("stream/64K", 64 << 10, 8),
    RATE("stream/1M", 1 << 20, 1),
    {.name = "single/64B",
     .unit = "us",
     .scale = 1e-3,
     .parameter = &(const work){64, 1},
     VARIANTS},
};

int main(int argc, char **argv) {
    static const hone_bench_suite suite = {"link", cases, sizeof cases / sizeof *cases};
    return hone_bench_main(argc, argv, &suite);
}
