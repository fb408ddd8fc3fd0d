/* SPDX-License-Identifier: Apache-2.0 */
/* What comes over a connection to a link that receives (first byte even) or sends (odd): whatever
 * it is, the link goes on or ends with a reason, and the channel stays in order. */
#include <stdlib.h>
#include <sys/socket.h>

#include "hone/channel/link.h"
#include "hone/platform/socket.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CAPACITY = 1 << 12, RUNS_MAX = 64 };

static void check(bool is_right) {
    if (!is_right) {
        abort();
    }
}

static void take_all(hone_receiver *receiver) {
    hone_message message;
    while (hone_channel_take(receiver, &message) == HONE_OK) {
        check(message.size_bytes <= CAPACITY / 2);
        hone_channel_release(receiver, &message);
    }
}

static void talk(hone_link *link, hone_receiver *taker, const uint8_t *data, size_t size) {
    int ends[2];
    hone_link_wants wants = {0};
    hone_diag diag;
    check(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    check(hone_link_attach(link, ends[0]) == HONE_OK);
    (void)!send(ends[1], data, size, MSG_DONTWAIT);
    check(shutdown(ends[1], SHUT_WR) == 0);
    hone_status status = HONE_OK;
    for (uint64_t run = 0; run < RUNS_MAX && status == HONE_OK; run++) {
        status = hone_link_run(link, run * 1000000, &diag, &wants);
        check(status == HONE_OK || diag.message[0]);
        if (taker) {
            take_all(taker);
        }
    }
    check(status != HONE_OK); /* the end of the data is one of the connection */
    hone_socket_close(ends[0]);
    hone_socket_close(ends[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const hone_channel_options options = {.capacity_bytes = CAPACITY};
    const hone_compression_options compression = {0};
    hone_channel *channel = NULL;
    hone_sender *sender = NULL;
    hone_receiver *receiver = NULL;
    hone_link *link = NULL;
    if (size == 0 || size > 1 << 14) {
        return 0;
    }
    bool is_sending = (data[0] & 1) != 0;
    check(hone_channel_create(&options, NULL, &channel) == HONE_OK &&
          hone_channel_open_sender(channel, NULL, &sender) == HONE_OK &&
          hone_channel_open_receiver(channel, NULL, &receiver) == HONE_OK &&
          hone_link_create(&(hone_link_options){.outgoing = is_sending ? receiver : NULL,
                                                .incoming = is_sending ? NULL : sender,
                                                .token = 7,
                                                .compression = &compression},
                           NULL, &link) == HONE_OK);
    for (int i = 0; i < 3 && is_sending; i++) {
        check(hone_channel_send(sender, (hone_span){data, 1}) == HONE_OK);
    }
    /* twice: resuming */
    talk(link, is_sending ? NULL : receiver, data + 1, size - 1);
    talk(link, is_sending ? NULL : receiver, data + 1, size - 1);
    hone_link_destroy(link);
    hone_sender_destroy(sender);
    hone_receiver_destroy(receiver);
    hone_channel_destroy(channel);
    return 0;
}
