/* SPDX-License-Identifier: Apache-2.0 */
/* Frames and greetings from outside: what is accepted keeps within the limits, and says the same
 * when it is encoded again. */
#include <stdlib.h>
#include <string.h>

#include "frame_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MESSAGE_MAX = 1 << 20 };

static void try_frame(const uint8_t *data) {
    const hn_wire_limits limits = {MESSAGE_MAX, 1u << HONE_CODEC_NONE | 1u << HONE_CODEC_LZ4};
    uint8_t again[HN_FRAME_BYTES];
    hone_diag diag;
    hn_frame frame;
    hone_diag_clear(&diag);
    hone_status status = hn_frame_decode(data, &limits, &diag, &frame);
    if (status != HONE_OK) {
        if (diag.status != status || !diag.message[0]) {
            abort();
        }
        return;
    }
    hn_frame_encode(&frame, again);
    if (frame.size > MESSAGE_MAX || memcmp(again, data, sizeof again) != 0) {
        abort();
    }
}

static void try_hello(const uint8_t *data) {
    uint8_t again[HN_HELLO_BYTES];
    hn_hello hello;
    if (hn_hello_decode(data, NULL, &hello) == HONE_OK) {
        hn_hello_encode(&hello, again);
        if (memcmp(again, data, sizeof again) != 0) {
            abort();
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size >= HN_FRAME_BYTES) {
        try_frame(data);
    }
    if (size >= HN_FRAME_BYTES + HN_HELLO_BYTES) {
        try_hello(data + HN_FRAME_BYTES);
    }
    return 0;
}
