/* SPDX-License-Identifier: Apache-2.0 */
/* Sends a vector from one process to another without a copy: the parent writes it into the
 * channel's memory, and the child reads it there. Prints what the child found. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "hone/channel/uri.h"

static void check(hone_status status) {
    if (status != HONE_OK) {
        (void)fprintf(stderr, "vector: %s\n", hone_status_text(status));
        exit(1);
    }
}

static int receive(const char *uri) {
    hone_channel *channel;
    hone_receiver *receiver;
    hone_message message;
    const hone_channel_options options = {.type = "f32[]"};
    hone_status status = HONE_STATUS_NOT_FOUND;
    for (int i = 0; i < 10000 && status == HONE_STATUS_NOT_FOUND; i++) {
        (void)usleep(1000); /* until the parent has created it, 10 s at most */
        status = hone_channel_connect(uri, &options, NULL, &channel);
    }
    check(status);
    check(hone_channel_open_receiver(channel, NULL, &receiver));
    check(hone_channel_take_wait(receiver, UINT64_MAX, &message));
    const float *values = message.data;
    size_t count = message.size_bytes / sizeof *values;
    (void)printf("%zu values, the last is %g\n", count, (double)values[count - 1]);
    hone_channel_release(receiver, &message);
    hone_receiver_destroy(receiver);
    hone_channel_destroy(channel);
    return 0;
}

int main(int argc, char **argv) {
    const char *uri = argc > 1 ? argv[1] : "ipc://vector";
    hone_channel *channel;
    hone_sender *sender;
    hone_loan loan;
    if (fork() == 0) {
        return receive(uri);
    }
    check(hone_channel_create_uri(uri, &(hone_channel_options){.type = "f32[]"}, NULL, &channel));
    check(hone_channel_open_sender(channel, NULL, &sender));
    check(hone_channel_loan(sender, 1000 * sizeof(float), &loan));
    float *values = loan.data;
    for (int i = 0; i < 1000; i++) {
        values[i] = (float)i / 2;
    }
    hone_channel_commit(sender, &loan);
    int result = 1;
    (void)wait(&result);
    hone_sender_destroy(sender);
    hone_channel_destroy(channel);
    return result == 0 ? 0 : 1;
}
