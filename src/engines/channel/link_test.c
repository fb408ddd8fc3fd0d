/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: what is sent arrives, in order and once, whatever the connection does; nothing hostile
 * passes. Method: two links with a relay between them that cuts after every possible byte, in
 * either direction, or hands on one byte at a time; raw sockets that say what a link never says.
 * Time is a number that the test advances.
 */
#include "pair_test.h"

#include <sys/socket.h>

#include "hone/memory/failing.h"
#include "hone/platform/socket.h"
#include "link_internal.h"

enum { MESSAGES = 12, CAPACITY = 1 << 14, STEPS_MAX = 1 << 16, NO_CUT = 1 << 30 };
#define STEP_NS 100000

/* Two links, and the four ends of the sockets between them and the relay. */
typedef struct world {
    pair from, to;
    hone_link *out, *in;
    int ends[4];              /* out, relay, relay, in */
    size_t budgets[2], chunk; /* bytes that are handed on there and back before the cut */
    uint64_t now_ns, received;
    hone_status out_status, in_status;
} world;

static const hone_compression_options packing = {.codec = HONE_CODEC_LZ4};

static world make_world(bool is_packing, size_t to_capacity) {
    world it = {.ends = {-1, -1, -1, -1}, .chunk = 4096, .now_ns = 1};
    const hone_compression_options *compression =
        is_packing && hone_codec_is_present(packing.codec) ? &packing : NULL;
    it.from = make_pair(HONE_CHANNEL_SPSC, HONE_CHANNEL_ON_FULL_WAIT, CAPACITY);
    it.to = make_pair(HONE_CHANNEL_SPSC, HONE_CHANNEL_ON_FULL_WAIT, to_capacity);
    assert_int_equal(hone_link_create(&(hone_link_options){.outgoing = it.from.receiver,
                                                           .token = 7,
                                                           .compression = compression},
                                      NULL, &it.out),
                     HONE_OK);
    assert_int_equal(
        hone_link_create(
            &(hone_link_options){.incoming = it.to.sender, .token = 8, .compression = compression},
            NULL, &it.in),
        HONE_OK);
    return it;
}

static void disconnect(world *it) {
    hone_link_detach(it->out);
    hone_link_detach(it->in);
    for (int i = 0; i < 4; i++) {
        hone_socket_close(it->ends[i]);
        it->ends[i] = -1;
    }
}

static void free_world(world *it) {
    disconnect(it);
    hone_link_destroy(it->out);
    hone_link_destroy(it->in);
    free_pair(&it->from);
    free_pair(&it->to);
}

static void connect_world(world *it, size_t there, size_t back) {
    disconnect(it);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, it->ends), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, it->ends + 2), 0);
    assert_int_equal(hone_link_attach(it->out, it->ends[0]), HONE_OK);
    assert_int_equal(hone_link_attach(it->in, it->ends[3]), HONE_OK);
    it->budgets[0] = there;
    it->budgets[1] = back;
    it->out_status = it->in_status = HONE_OK;
}

/* False when the budget is used up. */
static bool relay(world *it, int from, int to, size_t *budget) {
    char bytes[4096];
    size_t size = *budget < it->chunk ? *budget : it->chunk;
    ssize_t got = recv(from, bytes, size, MSG_DONTWAIT);
    if (got > 0) {
        (void)!send(to, bytes, (size_t)got, MSG_NOSIGNAL);
        *budget -= (size_t)got;
    }
    return *budget != 0;
}

static void take_all(world *it) {
    for (uint64_t number; (number = take_number(it->to.receiver)) != UINT64_MAX;) {
        assert_int_equal(number, it->received++);
    }
}

static void step(world *it) {
    hone_link_wants wants;
    it->now_ns += STEP_NS;
    if (it->out_status == HONE_OK) {
        it->out_status = hone_link_run(it->out, it->now_ns, NULL, &wants);
    }
    bool is_whole = relay(it, it->ends[1], it->ends[2], &it->budgets[0]);
    if (it->in_status == HONE_OK) {
        it->in_status = hone_link_run(it->in, it->now_ns, NULL, &wants);
    }
    is_whole = relay(it, it->ends[2], it->ends[1], &it->budgets[1]) && is_whole;
    if (!is_whole) {
        hone_socket_close(it->ends[1]);
        hone_socket_close(it->ends[2]);
        it->ends[1] = it->ends[2] = -1;
        it->budgets[0] = it->budgets[1] = NO_CUT;
    }
}

/* Until both have ended. */
static void run_connection(world *it, size_t there, size_t back) {
    connect_world(it, there, back);
    for (int i = 0; i < STEPS_MAX; i++) {
        step(it);
        take_all(it);
        if (it->out_status != HONE_OK && it->in_status != HONE_OK) {
            return;
        }
    }
    fail_msg("no end after %llu messages: %s, %s", (unsigned long long)it->received,
             hone_status_name(it->out_status), hone_status_name(it->in_status));
}

static void send_all(world *it) {
    static const size_t sizes[] = {8, 64, 9, 1025, 300, 2000};
    for (uint64_t i = 0; i < MESSAGES; i++) {
        assert_int_equal(send_number(it->from.sender, sizes[i % 6], i), HONE_OK);
    }
    hone_channel_close(it->from.sender);
}

static void assert_finished(const world *it) {
    assert_int_equal(it->out_status, HONE_STATUS_CLOSED);
    assert_int_equal(it->in_status, HONE_STATUS_CLOSED);
    assert_int_equal(it->received, MESSAGES);
    hone_link_stats stats;
    hone_link_stats_read(it->out, &stats);
    assert_int_equal(stats.messages_count, MESSAGES);
    assert_int_equal(stats.on_the_way_count, 0);
    assert_true(hone_receiver_is_empty(it->from.receiver));
}

static void test_everything_arrives(void **state) {
    (void)state;
    for (int is_packing = 0; is_packing < 2; is_packing++) {
        for (size_t chunk = 1; chunk <= 4096; chunk *= 64) {
            world it = make_world(is_packing, CAPACITY);
            it.chunk = chunk;
            send_all(&it);
            run_connection(&it, NO_CUT, NO_CUT);
            assert_finished(&it);
            hone_link_stats stats;
            hone_link_stats_read(it.out, &stats);
            if (is_packing && hone_codec_is_present(packing.codec)) {
                assert_true(stats.written_bytes < 3000);
            } else {
                assert_true(stats.written_bytes > 6000);
            }
            free_world(&it);
        }
    }
}

/* The first connection is cut after `there` or `back` bytes, the second one likewise, the third one
 * lasts. True when the first one was. */
static bool try_cut(bool is_packing, size_t there, size_t back) {
    world it = make_world(is_packing, CAPACITY);
    send_all(&it);
    run_connection(&it, there, back);
    bool is_cut = it.out_status != HONE_STATUS_CLOSED || it.in_status != HONE_STATUS_CLOSED;
    if (is_cut) {
        run_connection(&it, there, back);
    }
    for (int i = 0;
         i < 2 && (it.out_status != HONE_STATUS_CLOSED || it.in_status != HONE_STATUS_CLOSED);
         i++) {
        run_connection(&it, NO_CUT, NO_CUT);
    }
    assert_finished(&it);
    free_world(&it);
    return is_cut;
}

static void test_cut_at_every_byte(void **state) {
    (void)state;
    for (int is_packing = 0; is_packing < 2; is_packing++) {
        size_t there = 1, back = 1;
        while (try_cut(is_packing, there, NO_CUT)) {
            there++;
        }
        while (try_cut(is_packing, NO_CUT, back)) {
            back++;
        }
        /* a greeting and the messages; a greeting and an acknowledgement at least */
        assert_true(there > HN_FRAME_BYTES + HN_HELLO_BYTES + (MESSAGES + 1) * HN_FRAME_BYTES);
        assert_true(back > HN_FRAME_BYTES + HN_HELLO_BYTES);
    }
}

static void test_slow_reader_fills_the_sender(void **state) {
    (void)state;
    world it = make_world(false, 1 << 12);
    uint64_t sent = 0;
    connect_world(&it, NO_CUT, NO_CUT);
    for (int i = 0; i < 2000; i++) { /* nobody takes anything */
        if (send_number(it.from.sender, 64, sent) == HONE_OK) {
            sent++;
        }
        step(&it);
    }
    /* no more than both channels hold */
    assert_true(sent <= (CAPACITY + (1 << 12)) / 64);
    assert_int_equal(send_number(it.from.sender, 64, sent), HONE_STATUS_FULL);
    hone_channel_close(it.from.sender);
    for (int i = 0; i < 2000 && it.out_status == HONE_OK; i++) {
        take_all(&it);
        step(&it);
    }
    take_all(&it);
    assert_int_equal(it.received, sent);
    assert_int_equal(it.out_status, HONE_STATUS_CLOSED);
    free_world(&it);
}

static void test_small_messages_share_a_write(void **state) {
    (void)state;
    world it = make_world(false, CAPACITY);
    for (uint64_t i = 0; i < 200; i++) {
        assert_int_equal(send_number(it.from.sender, 16, i), HONE_OK);
    }
    hone_channel_close(it.from.sender);
    run_connection(&it, NO_CUT, NO_CUT);
    hone_link_stats stats;
    hone_link_stats_read(it.out, &stats);
    assert_int_equal(it.received, 200);
    assert_int_equal(stats.writes_count, 2); /* the greeting, and all of them */
    free_world(&it);
}

static void test_a_batch_waits_for_its_deadline(void **state) {
    (void)state;
    world it = make_world(false, CAPACITY);
    hone_link_wants wants;
    hone_link_destroy(it.out);
    assert_int_equal(hone_link_create(&(hone_link_options){.outgoing = it.from.receiver,
                                                           .token = 7,
                                                           .batch_bytes = 1000,
                                                           .max_delay_ns = 5000000},
                                      NULL, &it.out),
                     HONE_OK);
    connect_world(&it, NO_CUT, NO_CUT);
    step(&it);
    step(&it);
    assert_int_equal(send_number(it.from.sender, 100, 0), HONE_OK);
    uint64_t begin_ns = it.now_ns + STEP_NS;
    for (int i = 0; i < 50; i++) {
        step(&it);
        take_all(&it);
        assert_int_equal(it.received, 0);
        assert_int_equal(hone_link_run(it.out, it.now_ns, NULL, &wants), HONE_OK);
        assert_int_equal(wants.deadline_ns, begin_ns + 5000000);
    }
    step(&it);
    take_all(&it);
    assert_int_equal(it.received, 1);
    for (uint64_t i = 1; i < 11; i++) { /* a full one does not */
        assert_int_equal(send_number(it.from.sender, 100, i), HONE_OK);
    }
    step(&it);
    take_all(&it);
    assert_true(it.received > 1);
    free_world(&it);
}

/* --- the other side is no link --- */

typedef struct saying {
    const char *what;
    bool is_to_sender, has_hello;
    hn_hello hello;
    hn_frame frame; /* kind 0: none */
    const char *raw;
    hone_status expected;
    const char *message;
} saying;

static const saying sayings[] = {
    {"http",
     false,
     false,
     {0},
     {0},
     "GET / HTTP/1.1\r\nHost: there\r\n\r\n",
     HONE_STATUS_CORRUPT,
     "does not speak"},
    {"version",
     true,
     false,
     {0},
     {0},
     "\xA7_______________________",
     HONE_STATUS_UNSUPPORTED,
     "version 7 of the protocol, this one version 1"},
    {"a message first",
     false,
     false,
     {0},
     {.kind = HN_FRAME_DATA, .sequence = 1},
     NULL,
     HONE_STATUS_CORRUPT,
     "out of its turn"},
    {"two greetings",
     false,
     true,
     {.token = 1, .first_sequence = 1},
     {.kind = HN_FRAME_HELLO, .size = HN_HELLO_BYTES},
     NULL,
     HONE_STATUS_CORRUPT,
     "out of its turn"},
    {"a gap",
     false,
     true,
     {.token = 1, .first_sequence = 5},
     {.kind = HN_FRAME_DATA, .sequence = 6},
     NULL,
     HONE_STATUS_CORRUPT,
     "after message 4"},
    {"huge",
     false,
     true,
     {.token = 1, .first_sequence = 1},
     {.kind = HN_FRAME_DATA, .size = 1u << 31, .raw_size = 1u << 31, .sequence = 1},
     NULL,
     HONE_STATUS_LIMIT,
     "2147483648 bytes"},
    {"packed though nobody agreed",
     false,
     true,
     {.token = 1, .first_sequence = 1},
     {.kind = HN_FRAME_DATA, .codec = HONE_CODEC_LZ4, .size = 8, .raw_size = 90, .sequence = 1},
     NULL,
     HONE_STATUS_CORRUPT,
     "not agreed on"},
    {"an acknowledgement to who receives",
     false,
     true,
     {.token = 1, .first_sequence = 1},
     {.kind = HN_FRAME_ACK},
     NULL,
     HONE_STATUS_CORRUPT,
     "out of its turn"},
    {"both receive",
     false,
     true,
     {.token = 1, .first_sequence = 1, .message_max = 9},
     {0},
     NULL,
     HONE_STATUS_UNSUPPORTED,
     "both sides of the link receive"},
    {"both send",
     true,
     true,
     {.token = 1, .first_sequence = 1},
     {0},
     NULL,
     HONE_STATUS_UNSUPPORTED,
     "both sides of the link send"},
    {"acknowledges the future",
     true,
     true,
     {.token = 1, .first_sequence = 1, .message_max = 99, .credit_units = 9},
     {.kind = HN_FRAME_ACK, .sequence = 3},
     NULL,
     HONE_STATUS_CORRUPT,
     "acknowledges message 3"},
    {"resumes in the future",
     true,
     true,
     {.token = 1, .first_sequence = 1, .message_max = 99, .peer_token = 7, .peer_sequence = 2},
     {0},
     NULL,
     HONE_STATUS_CORRUPT,
     "has messages up to 2"},
    {"a limit that is too small",
     true,
     true,
     {.token = 1, .first_sequence = 1, .message_max = 7, .credit_units = 9},
     {0},
     NULL,
     HONE_STATUS_LIMIT,
     "at most 7"},
    {"refuses",
     true,
     false,
     {0},
     {.kind = HN_FRAME_REFUSE, .type = 4},
     NULL,
     HONE_STATUS_REFUSED,
     "ended the connection"},
};

static size_t say(const saying *it, uint8_t bytes[256]) {
    size_t size = 0;
    if (it->has_hello) {
        hn_frame_encode(&(hn_frame){.kind = HN_FRAME_HELLO, .size = HN_HELLO_BYTES}, bytes);
        hn_hello_encode(&it->hello, bytes + HN_FRAME_BYTES);
        size = HN_FRAME_BYTES + HN_HELLO_BYTES;
    }
    if (it->frame.kind != 0) {
        hn_frame_encode(&it->frame, bytes + size);
        size += HN_FRAME_BYTES;
    }
    if (it->raw) {
        memcpy(bytes + size, it->raw, strlen(it->raw));
        size += strlen(it->raw);
    }
    return size;
}

static void test_what_a_link_never_says_ends_it(void **state) {
    (void)state;
    for (size_t i = 0; i < sizeof sayings / sizeof *sayings; i++) {
        world it = make_world(false, CAPACITY);
        hone_link *link = sayings[i].is_to_sender ? it.out : it.in;
        hone_link_wants wants;
        hone_diag diag;
        uint8_t bytes[256];
        int ends[2];
        size_t size = say(&sayings[i], bytes);
        assert_int_equal(send_number(it.from.sender, 8, 0), HONE_OK);
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
        assert_int_equal(hone_link_attach(link, ends[0]), HONE_OK);
        assert_int_equal(send(ends[1], bytes, size, 0), size);
        hone_status status = hone_link_run(link, 1, &diag, &wants);
        if (status == HONE_OK) {
            status = hone_link_run(link, 2, &diag, &wants);
        }
        if (status != sayings[i].expected || !strstr(diag.message, sayings[i].message)) {
            fail_msg("%s: %s, %s", sayings[i].what, hone_status_name(status), diag.message);
        }
        assert_int_equal(hone_link_run(link, 3, &diag, &wants), HONE_STATUS_NOT_CONNECTED);
        hone_socket_close(ends[0]);
        hone_socket_close(ends[1]);
        free_world(&it);
    }
}

/* The side that is refused is told why. */
static void test_a_refusal_says_why(void **state) {
    (void)state;
    world it = make_world(false, CAPACITY);
    const saying gap = {.has_hello = true,
                        .hello = {.token = 1, .first_sequence = 5},
                        .frame = {.kind = HN_FRAME_DATA, .sequence = 6}};
    const hn_wire_limits limits = {0};
    hone_link_wants wants;
    hone_diag diag;
    hn_frame frame;
    uint8_t bytes[512] = {0};
    int ends[2], back[2];
    size_t size = say(&gap, bytes);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
    assert_int_equal(hone_link_attach(it.in, ends[0]), HONE_OK);
    assert_int_equal(send(ends[1], bytes, size, 0), size);
    assert_int_equal(hone_link_run(it.in, 1, &diag, &wants), HONE_STATUS_CORRUPT);
    ssize_t got = recv(ends[1], bytes, sizeof bytes, 0);
    const uint8_t *refusal = bytes + HN_FRAME_BYTES + HN_HELLO_BYTES;
    assert_int_equal(hn_frame_decode(refusal, &limits, &diag, &frame), HONE_OK);
    assert_int_equal(frame.kind, HN_FRAME_REFUSE);

    /* what it said reaches the owner of the other link */
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, back), 0);
    assert_int_equal(hone_link_attach(it.out, back[0]), HONE_OK);
    assert_int_equal(send(back[1], bytes, (size_t)got, 0), got);
    assert_int_equal(hone_link_run(it.out, 1, &diag, &wants), HONE_STATUS_REFUSED);
    assert_non_null(strstr(diag.message, "message 6 comes after message 4"));
    for (int i = 0; i < 2; i++) {
        hone_socket_close(ends[i]);
        hone_socket_close(back[i]);
    }
    free_world(&it);
}

static void test_options_are_checked(void **state) {
    (void)state;
    pair it = make_pair(HONE_CHANNEL_SPSC, HONE_CHANNEL_ON_FULL_WAIT, 1 << 12);
    const hone_link_options wrong[] = {
        {.token = 1},
        {.outgoing = it.receiver, .incoming = it.sender, .token = 1},
        {.outgoing = it.receiver},
        {.outgoing = it.receiver, .token = 1, .batch_bytes = HN_BATCH_BYTES_MAX + 1},
        {.outgoing = it.receiver, .token = 1, .window_bytes = 1},
        {.incoming = it.sender, .token = 1, .max_delay_ns = 1},
        {.incoming = it.sender, .token = 1, .message_max_bytes = 1 << 12},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        hone_link *link;
        hone_diag diag = {0};
        assert_int_equal(hone_link_create(&wrong[i], &diag, &link), HONE_STATUS_INVALID_ARGUMENT);
        assert_true(diag.message[0] != 0);
    }
    hone_link_destroy(NULL);
    free_pair(&it);
}

static void test_every_failing_allocation_is_reported(void **state) {
    (void)state;
    pair it = make_pair(HONE_CHANNEL_SPSC, HONE_CHANNEL_ON_FULL_WAIT, 1 << 12);
    for (int is_incoming = 0; is_incoming < 2; is_incoming++) {
        bool has_failed = true;
        for (uint64_t nth = 1; has_failed; nth++) {
            hone_link *link = NULL;
            hone_failing failing;
            hone_failing_init(&failing, NULL, nth, false);
            hone_link_options options = {.outgoing = is_incoming ? NULL : it.receiver,
                                         .incoming = is_incoming ? it.sender : NULL,
                                         .token = 1,
                                         .compression = &(hone_compression_options){0},
                                         .allocator = &failing.allocator};
            hone_status status = hone_link_create(&options, NULL, &link);
            has_failed = hone_failing_has_failed(&failing);
            assert_int_equal(status, has_failed ? HONE_STATUS_OUT_OF_MEMORY : HONE_OK);
            hone_link_destroy(link);
            assert_int_equal(hone_failing_read_stats(&failing).live_bytes, 0);
        }
    }
    free_pair(&it);
}

/* Real sockets; the receiving channel is smaller than what is sent. */
static void test_loopback(void **state) {
    (void)state;
    enum { COUNT = 20000 };
    world it = make_world(false, CAPACITY);
    hone_link_wants wants;
    hone_diag diag = {0};
    int listener;
    uint64_t sent = 0;
    assert_int_equal(hone_socket_listen("127.0.0.1", 0, &diag, &listener), HONE_OK);
    assert_int_equal(hone_socket_connect("127.0.0.1", hone_socket_port(listener), 10000000000u,
                                         &diag, &it.ends[0]),
                     HONE_OK);
    assert_true(hone_socket_wait(listener, true, false, 10000000000u));
    assert_int_equal(hone_socket_accept(listener, &it.ends[3]), HONE_OK);
    hone_socket_close(listener);
    assert_int_equal(hone_link_attach(it.out, it.ends[0]), HONE_OK);
    assert_int_equal(hone_link_attach(it.in, it.ends[3]), HONE_OK);
    while (it.out_status == HONE_OK || it.in_status == HONE_OK) {
        while (sent < COUNT && send_number(it.from.sender, 8 + sent % 3000, sent) == HONE_OK) {
            if (++sent == COUNT) {
                hone_channel_close(it.from.sender);
            }
        }
        it.now_ns += STEP_NS;
        it.out_status = it.out_status == HONE_OK ? hone_link_run(it.out, it.now_ns, &diag, &wants)
                                                 : it.out_status;
        it.in_status =
            it.in_status == HONE_OK ? hone_link_run(it.in, it.now_ns, &diag, &wants) : it.in_status;
        take_all(&it);
    }
    assert_int_equal(it.out_status, HONE_STATUS_CLOSED);
    assert_int_equal(it.in_status, HONE_STATUS_CLOSED);
    assert_int_equal(it.received, COUNT);
    free_world(&it);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_arrives),
        cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_slow_reader_fills_the_sender),
        cmocka_unit_test(test_small_messages_share_a_write),
        cmocka_unit_test(test_a_batch_waits_for_its_deadline),
        cmocka_unit_test(test_what_a_link_never_says_ends_it),
        cmocka_unit_test(test_a_refusal_says_why),
        cmocka_unit_test(test_options_are_checked),
        cmocka_unit_test(test_every_failing_allocation_is_reported),
        cmocka_unit_test(test_loopback),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
