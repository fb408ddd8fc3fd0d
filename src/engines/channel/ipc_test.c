/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Channels between processes: what arrives, what is refused, and a campaign that kills senders and
 * receivers at random moments. HONE_KILLS=N sets how many (default 24).
 */
#include "pair_test.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "channel_internal.h"
#include "hone/channel/uri.h"
#include "hone/platform/clock.h"
#include "hone/platform/handover.h"

static const uint64_t LONG_NS = UINT64_C(20000000000);

enum { NUMBERS_MAX = 1 << 20 };

/* What children tell the parent, in memory that a fork shares. */
typedef struct notes {
    _Atomic uint64_t committed_count; /* by the sender that lives, after the commit */
    _Atomic uint64_t go;
    _Atomic uint8_t taken_counts[NUMBERS_MAX];
} notes;

static notes *make_notes(void) {
    void *memory =
        mmap(NULL, sizeof(notes), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(memory != MAP_FAILED);
    return memory;
}

/* A name of this run's own. */
static const char *name_of(const char *what) {
    static char uri[80];
    (void)snprintf(uri, sizeof uri, "ipc://test-%s-%ld", what, (long)getpid());
    return uri;
}

static hone_channel *create(const char *uri, const hone_channel_options *options) {
    hone_diag diag = {0};
    hone_channel *channel = NULL;
    if (hone_channel_create_uri(uri, options, &diag, &channel) != HONE_OK) {
        fail_msg("%s: %s", uri, diag.message);
    }
    return channel;
}

/* --- what arrives --- */

/* The child answers each vector with a message: the offset of what it read, and the sum. */
static void sum_vector_in_child(const char *uri) {
    hone_channel *channel;
    hone_receiver *receiver;
    hone_message message;
    hone_channel_options options = {.type = "f32[]"};
    if (hone_channel_connect(uri, &options, NULL, &channel) != HONE_OK ||
        hone_channel_open_receiver(channel, NULL, &receiver) != HONE_OK ||
        hone_channel_take_wait(receiver, LONG_NS, &message) != HONE_OK) {
        _exit(1);
    }
    const float *values = message.data;
    float sum = 0;
    for (size_t i = 0; i < message.size_bytes / sizeof *values; i++) {
        sum += values[i];
    }
    size_t offset = (size_t)((const uint8_t *)message.data - channel->ring.data);
    bool is_right = sum == 499500.0F && offset == message.position % channel->ring.units_count * 64;
    hone_channel_release(receiver, &message);
    hone_receiver_destroy(receiver);
    hone_channel_destroy(channel);
    _exit(is_right ? 0 : 2);
}

/* What the receiver reads lies where the sender wrote it: at the same offset of the same memory. */
static void a_vector_crosses_without_a_copy(void **state) {
    (void)state;
    const char *uri = name_of("vector");
    hone_channel_options options = {.type = "f32[]"};
    hone_channel *channel = create(uri, &options);
    hone_sender *sender;
    hone_loan loan;
    assert_int_equal(hone_channel_open_sender(channel, NULL, &sender), HONE_OK);
    assert_int_equal(hone_channel_loan(sender, 1000 * sizeof(float), &loan), HONE_OK);
    float *values = loan.data;
    for (int i = 0; i < 1000; i++) {
        values[i] = (float)i;
    }
    size_t offset = (size_t)((uint8_t *)loan.data - channel->ring.data);
    assert_int_equal(offset, loan.position % channel->ring.units_count * 64);
    hone_channel_commit(sender, &loan);
    pid_t child = fork();
    if (child == 0) {
        sum_vector_in_child(uri);
    }
    int result;
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFEXITED(result));
    assert_int_equal(WEXITSTATUS(result), 0);
    hone_sender_destroy(sender);
    hone_channel_destroy(channel);
}

/* --- what is refused --- */

static void bad_names_are_refused(void **state) {
    (void)state;
    static const struct {
        const char *uri;
        hone_status created, connected;
    } cases[] = {
        {"", HONE_STATUS_INVALID_ARGUMENT, HONE_STATUS_INVALID_ARGUMENT},
        {"ipc:/x", HONE_STATUS_INVALID_ARGUMENT, HONE_STATUS_INVALID_ARGUMENT},
        {"ipc://", HONE_STATUS_INVALID_ARGUMENT, HONE_STATUS_INVALID_ARGUMENT},
        {"ipc://a/b", HONE_STATUS_INVALID_ARGUMENT, HONE_STATUS_INVALID_ARGUMENT},
        {"ipc://..", HONE_STATUS_INVALID_ARGUMENT, HONE_STATUS_INVALID_ARGUMENT},
        {"ipc://a-name-that-is-much-too-long-to-be-the-name-of-one", HONE_STATUS_INVALID_ARGUMENT,
         HONE_STATUS_INVALID_ARGUMENT},
        {"tcp://localhost:1", HONE_STATUS_UNSUPPORTED, HONE_STATUS_UNSUPPORTED},
        {"quic://x", HONE_STATUS_INVALID_ARGUMENT, HONE_STATUS_INVALID_ARGUMENT},
    };
    hone_channel *channel;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        hone_diag diag = {0};
        assert_int_equal(hone_channel_create_uri(cases[i].uri, NULL, &diag, &channel),
                         cases[i].created);
        assert_true(strlen(diag.message) > 20);
        assert_int_equal(hone_channel_connect(cases[i].uri, NULL, &diag, &channel),
                         cases[i].connected);
    }
    assert_int_equal(hone_channel_connect("memory://x", NULL, NULL, &channel),
                     HONE_STATUS_UNSUPPORTED);
    char folder[256]; /* not cut to a folder that may be somebody else's */
    memset(folder, 'f', sizeof folder - 1);
    folder[sizeof folder - 1] = '\0';
    const hone_channel_options options = {.folder = folder};
    assert_int_equal(hone_channel_create_uri("ipc://x", &options, NULL, &channel),
                     HONE_STATUS_LIMIT);
    assert_int_equal(hone_channel_connect("ipc://x", &options, NULL, &channel), HONE_STATUS_LIMIT);
    assert_int_equal(hone_channel_connect(name_of("nobody"), NULL, NULL, &channel),
                     HONE_STATUS_NOT_FOUND);
    assert_int_equal(hone_channel_create_uri("memory://x", NULL, NULL, &channel), HONE_OK);
    hone_channel_destroy(channel);
}

static void a_name_has_one_owner(void **state) {
    (void)state;
    const char *uri = name_of("owner");
    hone_channel *channel = create(uri, NULL), *second;
    hone_diag diag = {0};
    assert_int_equal(hone_channel_create_uri(uri, NULL, &diag, &second), HONE_STATUS_DUPLICATE);
    assert_non_null(strstr(diag.message, "owned by a process that lives"));
    assert_int_equal(hone_channel_connect(uri, NULL, NULL, &second), HONE_OK);
    assert_int_equal(hone_channel_capacity_bytes(second), 65536);
    assert_int_equal(hone_channel_mode_of(second), HONE_CHANNEL_SPSC);
    hone_channel_destroy(second);
    hone_channel_destroy(channel);
    hone_channel_destroy(create(uri, NULL)); /* free again */
    assert_int_equal(hone_channel_connect(uri, NULL, NULL, &second), HONE_STATUS_NOT_FOUND);
}

static void types_have_to_match(void **state) {
    (void)state;
    const char *uri = name_of("type");
    hone_channel *channel = create(uri, &(hone_channel_options){.type = "f32[]"}), *second;
    hone_diag diag = {0};
    assert_int_equal(
        hone_channel_connect(uri, &(hone_channel_options){.type = "f64[]"}, &diag, &second),
        HONE_STATUS_TYPE_MISMATCH);
    assert_non_null(strstr(diag.message, "'f32[]'"));
    assert_non_null(strstr(diag.message, "'f64[]'"));
    assert_int_equal(hone_channel_connect(uri, NULL, &diag, &second), HONE_OK);
    hone_channel_destroy(second);
    hone_channel_destroy(channel);
}

static void the_rights_of_the_name_decide(void **state) {
    (void)state;
    char folder[] = "/tmp/hone-channel-XXXXXX", path[128];
    assert_non_null(mkdtemp(folder));
    hone_channel_options options = {.folder = folder, .rights = 0620};
    hone_channel *channel = create("ipc://rights", &options);
    struct stat info;
    (void)snprintf(path, sizeof path, "%s/rights.channel", folder);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0620);
    if (geteuid() == 0) { /* who is not allowed to write to the name cannot connect */
        assert_int_equal(chmod(folder, 0755), 0);
        pid_t child = fork();
        if (child == 0) {
            hone_channel *second;
            bool is_refused = setgid(65534) == 0 && setuid(65534) == 0 &&
                              hone_channel_connect("ipc://rights", &options, NULL, &second) ==
                                  HONE_STATUS_FORBIDDEN;
            _exit(is_refused ? 0 : 1);
        }
        int result;
        assert_int_equal(waitpid(child, &result, 0), child);
        assert_int_equal(result, 0);
    }
    hone_channel_destroy(channel);
    assert_int_equal(stat(path, &info), -1);
    assert_int_equal(rmdir(folder), 0);
}

/* A segment that could be shrunk under its readers, one that is too small, one of garbage. */
static void hostile_memory_is_refused(void **state) {
    (void)state;
    void *memory;
    uint64_t size;
    int plain = memfd_create("plain", MFD_CLOEXEC), sealed;
    assert_int_equal(ftruncate(plain, 8192), 0);
    assert_int_equal(hone_memory_file_map(plain, NULL, &memory, &size), HONE_STATUS_CORRUPT);
    hone_descriptor_close(plain);
    assert_int_equal(hone_memory_file_create("sealed", 8192, NULL, &sealed), HONE_OK);
    assert_int_equal(ftruncate(sealed, 4096), -1);
    assert_int_equal(hone_memory_file_map(sealed, NULL, &memory, &size), HONE_OK);
    hn_segment frozen;
    memcpy((void *)&frozen, memory, sizeof frozen);
    assert_int_equal(hn_segment_check(&frozen, size, NULL), HONE_STATUS_CORRUPT);
    hone_memory_file_unmap(memory, size);
    hone_descriptor_close(sealed);
    /* more than there is */
    hone_diag diag = {0};
    assert_int_equal(hone_memory_file_create("huge", (uint64_t)1 << 50, &diag, &sealed),
                     HONE_STATUS_NO_SPACE);
    assert_non_null(strstr(diag.message, "more than half of the memory"));
}

/* --- the campaign --- */

/* qemu-user makes up /proc/self/stat: a process does not know the start time that others read. */
static void skip_emulated(void) {
    if (HONE_IS_EMULATED) {
        skip();
    }
}

static uint32_t kills_count(void) {
    const char *wanted = getenv("HONE_KILLS");
    return wanted ? (uint32_t)strtoul(wanted, NULL, 10) : 24;
}

/* Nobody may hang for longer than this on somebody's death. It is a matter of pace, so it is held
 * against the clock only where the campaign was asked for, not in every run on a busy machine. */
static void note_delay(uint64_t killed_ns) {
    uint64_t delay_ns = hone_clock_monotonic_ns() - killed_ns;
    if (getenv("HONE_KILLS") && delay_ns > 200000000) {
        fail_msg("%llu ms passed until a death was told, at most 200 are promised",
                 (unsigned long long)(delay_ns / 1000000));
    }
}

static void pause_us(uint32_t microseconds) {
    uint64_t end = hone_clock_monotonic_ns() + (uint64_t)microseconds * 1000;
    while (hone_clock_monotonic_ns() < end) {
        (void)usleep(50);
    }
}

static void kill_child(pid_t child) {
    int result;
    assert_true(child > 0);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_true(WIFSIGNALED(result));
}

static void send_for_ever(const char *uri, notes *shared) {
    hone_channel *channel;
    hone_sender *sender;
    uint32_t random = (uint32_t)getpid();
    if (hone_channel_connect(uri, NULL, NULL, &channel) != HONE_OK ||
        hone_channel_open_sender(channel, NULL, &sender) != HONE_OK) {
        _exit(1);
    }
    for (uint64_t number = 1;; number++) {
        hone_loan loan;
        if (hone_channel_loan_wait(sender, 8 + next_random(&random) % 400, LONG_NS, &loan) !=
            HONE_OK) {
            _exit(2);
        }
        memcpy(loan.data, &number, sizeof number);
        memset((uint8_t *)loan.data + 8, (int)(number & 0xFF), loan.size_bytes - 8);
        hone_channel_commit(sender, &loan);
        atomic_store(&shared->committed_count, number);
    }
}

/* Takes until the sender's death is told; returns the last number. Each comes once, in order. */
static uint64_t receive_until_death(hone_receiver *receiver, uint64_t newest) {
    for (;;) {
        hone_message message;
        hone_status status = hone_channel_take_wait(receiver, LONG_NS, &message);
        if (status == HONE_STATUS_PEER_DEAD) {
            return newest;
        }
        assert_int_equal(status, HONE_OK);
        assert_int_equal(check(&message), newest + 1);
        newest++;
        hone_channel_release(receiver, &message);
    }
}

static void senders_are_killed_in(hone_channel_mode mode) {
    const char *uri = name_of("kill-senders");
    hone_channel *channel =
        create(uri, &(hone_channel_options){.mode = mode, .capacity_bytes = 4096});
    hone_receiver *receiver;
    notes *shared = make_notes();
    uint32_t random = 11;
    assert_int_equal(hone_channel_open_receiver(channel, NULL, &receiver), HONE_OK);
    for (uint32_t i = 0; i < kills_count(); i++) {
        atomic_store(&shared->committed_count, 0);
        pid_t child = fork();
        if (child == 0) {
            send_for_ever(uri, shared);
        }
        hone_message message;
        hone_status status;
        while ((status = hone_channel_take_wait(receiver, LONG_NS, &message)) ==
               HONE_STATUS_PEER_DEAD) {
            pause_us(50); /* the one before is dead, the next one is on its way */
        }
        assert_int_equal(status, HONE_OK);
        assert_int_equal(check(&message), 1);
        hone_channel_release(receiver, &message);
        uint64_t newest = 1;
        uint64_t end = hone_clock_monotonic_ns() + (next_random(&random) >> 12);
        while (hone_clock_monotonic_ns() < end) {
            if (hone_channel_take(receiver, &message) == HONE_OK) {
                assert_int_equal(check(&message), ++newest);
                hone_channel_release(receiver, &message);
            }
        }
        kill_child(child);
        uint64_t killed_ns = hone_clock_monotonic_ns();
        newest = receive_until_death(receiver, newest);
        note_delay(killed_ns);
        /* what was committed arrived; the one that was being committed may have */
        uint64_t committed = atomic_load(&shared->committed_count);
        assert_true(newest == committed || newest == committed + 1);
    }
    hone_channel_stats stats;
    hone_channel_stats_read(channel, &stats);
    assert_true(stats.lost_uncommitted_count <= kills_count());
    assert_int_equal(stats.senders_count, 0);
    (void)munmap(shared, sizeof *shared);
    hone_receiver_destroy(receiver);
    hone_channel_destroy(channel);
}

static void killed_senders_lose_only_what_they_did_not_commit(void **state) {
    (void)state;
    skip_emulated();
    for (int mode = 0; mode < HONE_CHANNEL_MODES_COUNT; mode++) {
        senders_are_killed_in((hone_channel_mode)mode);
    }
}

static void receive_for_ever(const char *uri, notes *shared) {
    hone_channel *channel;
    hone_receiver *receiver;
    if (hone_channel_connect(uri, NULL, NULL, &channel) != HONE_OK ||
        hone_channel_open_receiver(channel, NULL, &receiver) != HONE_OK) {
        _exit(1);
    }
    atomic_store(&shared->go, 1);
    for (;;) {
        hone_message message;
        if (hone_channel_take_wait(receiver, LONG_NS, &message) != HONE_OK) {
            _exit(2);
        }
        uint64_t number;
        memcpy(&number, message.data, sizeof number);
        atomic_fetch_add(&shared->taken_counts[number % NUMBERS_MAX], 1);
        for (size_t i = 8; i < message.size_bytes; i++) {
            if (((const uint8_t *)message.data)[i] != (number & 0xFF)) {
                _exit(3);
            }
        }
        hone_channel_release(receiver, &message);
    }
}

static void receivers_are_killed_in(hone_channel_mode mode) {
    const char *uri = name_of("kill-receivers");
    hone_channel *channel =
        create(uri, &(hone_channel_options){.mode = mode, .capacity_bytes = 4096});
    hone_sender *sender;
    notes *shared = make_notes();
    uint32_t random = 5;
    uint64_t number = 0;
    assert_int_equal(hone_channel_open_sender(channel, NULL, &sender), HONE_OK);
    for (uint32_t i = 0; i < kills_count(); i++) {
        atomic_store(&shared->go, 0);
        pid_t child = fork();
        if (child == 0) {
            receive_for_ever(uri, shared);
        }
        while (!atomic_load(&shared->go)) {
            pause_us(50);
        }
        uint64_t end = hone_clock_monotonic_ns() + (next_random(&random) >> 12);
        while (hone_clock_monotonic_ns() < end && number + 1 < NUMBERS_MAX) {
            hone_status status = send_number(sender, 8 + next_random(&random) % 400, number + 1);
            assert_true(status == HONE_OK || status == HONE_STATUS_FULL);
            number += status == HONE_OK;
        }
        kill_child(child);
        uint64_t killed_ns = hone_clock_monotonic_ns();
        hone_loan loan; /* the death is told: by the kernel to the server, by it to the ring */
        hone_status status;
        while ((status = hone_channel_loan_wait(sender, 2000, LONG_NS, &loan)) == HONE_OK) {
            fill(&loan, ++number);
            hone_channel_commit(sender, &loan);
        }
        assert_int_equal(status, HONE_STATUS_PEER_DEAD);
        note_delay(killed_ns);
    }
    hone_receiver *receiver;
    hone_message message;
    hone_channel_stats stats;
    assert_int_equal(hone_channel_open_receiver(channel, NULL, &receiver), HONE_OK);
    while (hone_channel_take(receiver, &message) == HONE_OK) {
        uint64_t left = check(&message);
        atomic_fetch_add(&shared->taken_counts[left], 1);
        hone_channel_release(receiver, &message);
    }
    hone_channel_stats_read(channel, &stats);
    uint64_t missing = 0;
    for (uint64_t i = 1; i <= number; i++) {
        uint8_t count = atomic_load(&shared->taken_counts[i]);
        assert_true(count <= 1); /* never twice */
        missing += count == 0;
    }
    assert_true(missing <= stats.reclaimed_count); /* and counted */
    assert_true(stats.reclaimed_count <= kills_count());
    (void)munmap(shared, sizeof *shared);
    hone_receiver_destroy(receiver);
    hone_sender_destroy(sender);
    hone_channel_destroy(channel);
}

static void what_killed_receivers_held_is_counted(void **state) {
    (void)state;
    skip_emulated();
    for (int mode = 0; mode < HONE_CHANNEL_BROADCAST; mode++) {
        receivers_are_killed_in((hone_channel_mode)mode);
    }
}

/* However long it is stopped: it keeps its loan, and goes on when it is continued. */
static void a_stopped_process_is_not_dead(void **state) {
    (void)state;
    skip_emulated();
    const char *uri = name_of("stop");
    hone_channel *channel =
        create(uri, &(hone_channel_options){.mode = HONE_CHANNEL_MPSC, .capacity_bytes = 4096});
    hone_receiver *receiver;
    notes *shared = make_notes();
    assert_int_equal(hone_channel_open_receiver(channel, NULL, &receiver), HONE_OK);
    pid_t child = fork();
    if (child == 0) {
        send_for_ever(uri, shared);
    }
    uint64_t newest = 0;
    for (int round = 0; round < 3; round++) {
        hone_message message;
        assert_int_equal(kill(child, SIGSTOP), 0);
        hone_status status;
        while ((status = hone_channel_take_wait(receiver, 200000000, &message)) == HONE_OK) {
            assert_int_equal(check(&message), ++newest);
            hone_channel_release(receiver, &message);
        }
        assert_int_equal(status, HONE_STATUS_TIMEOUT);
        assert_int_equal(kill(child, SIGCONT), 0);
        for (int i = 0; i < 100; i++) {
            assert_int_equal(hone_channel_take_wait(receiver, LONG_NS, &message), HONE_OK);
            assert_int_equal(check(&message), ++newest);
            hone_channel_release(receiver, &message);
        }
    }
    kill_child(child);
    (void)receive_until_death(receiver, newest);
    (void)munmap(shared, sizeof *shared);
    hone_receiver_destroy(receiver);
    hone_channel_destroy(channel);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_vector_crosses_without_a_copy),
        cmocka_unit_test(bad_names_are_refused),
        cmocka_unit_test(a_name_has_one_owner),
        cmocka_unit_test(types_have_to_match),
        cmocka_unit_test(the_rights_of_the_name_decide),
        cmocka_unit_test(hostile_memory_is_refused),
        cmocka_unit_test(killed_senders_lose_only_what_they_did_not_commit),
        cmocka_unit_test(what_killed_receivers_held_is_counted),
        cmocka_unit_test(a_stopped_process_is_not_dead),
    };
    return cmocka_run_group_tests_name("ipc", tests, NULL, NULL);
}
