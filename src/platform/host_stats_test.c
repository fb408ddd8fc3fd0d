/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hone/platform/clock.h"
#include "hone/platform/host_stats.h"
#include "machine_test_internal.h"

#define SECOND_NS UINT64_C(1000000000)

typedef struct faked_host {
    char root[512];
    hone_host_stats *stats;
    hone_host_value values[HONE_HOST_METRICS_COUNT];
} faked_host;

static const char first_stat[] = "cpu  100 0 100 700 100 0 0 0 0 0\ncpu0 1 2 3 4\n"
                                 "intr 1000 1 2 3\nctxt 5000\nprocs_running 3\nprocs_blocked 1\n";
/* 100 ticks later: 20 user, 5 nice, 5 system, 5 softirq, 5 steal, 50 idle, 10 iowait. */
static const char second_stat[] = "cpu  120 5 105 750 110 0 5 5 0 0\ncpu0 1 2 3 4\n"
                                  "intr 1200 1 2 3\nctxt 6000\nprocs_running 2\nprocs_blocked 0\n";
static const char meminfo[] = "MemTotal: 1000 kB\nMemFree: 100 kB\nMemAvailable: 250 kB\n"
                              "SwapTotal: 100 kB\nSwapFree: 60 kB\n";

static void write_devices(const faked_host *host, unsigned sectors, unsigned bytes) {
    char text[512];
    (void)snprintf(text, sizeof text,
                   "8 0 sda 10 0 %u 0 20 0 %u 0 0 0 0\n8 1 sda1 10 0 %u 0 20 0 %u 0 0 0 0\n"
                   "7 0 loop0 1 0 9999 0 1 0 9999 0 0 0 0\n",
                   sectors, sectors * 2, sectors, sectors * 2);
    hn_test_write_file(host->root, "/proc/diskstats", text);
    (void)snprintf(text, sizeof text,
                   "Inter-|   Receive | Transmit\n face |bytes    packets\n"
                   "    lo: 999 1 0 0 0 0 0 0 999 1 0 0 0 0 0 0\n"
                   "  eth0: %u 1 0 0 0 0 0 0 %u 1 0 0 0 0 0 0\n"
                   "  br0: %u 1 0 0 0 0 0 0 %u 1 0 0 0 0 0 0\n",
                   bytes, bytes * 3, bytes, bytes * 3);
    hn_test_write_file(host->root, "/proc/net/dev", text);
}

static void make_host(faked_host *host) {
    hn_test_make_folder(host->root, sizeof host->root);
    hn_test_write_file(host->root, "/proc/stat", first_stat);
    hn_test_write_file(host->root, "/proc/meminfo", meminfo);
    hn_test_write_file(host->root, "/proc/loadavg", "1.25 0.50 0.10 2/345 6789\n");
    hn_test_write_file(host->root, "/proc/uptime", "123.45 400.00\n");
    hn_test_write_file(host->root, "/proc/pressure/cpu", "some avg10=12.50 avg60=0 total=1\n");
    hn_test_write_file(host->root, "/proc/pressure/memory", "nothing of the kind\n");
    write_devices(host, 1000, 5000);
    hn_test_make_directory(host->root, "/sys/block/sda/device");
    hn_test_make_directory(host->root, "/sys/block/loop0");
    hn_test_make_directory(host->root, "/sys/class/net/eth0/device");
    hn_test_make_directory(host->root, "/sys/class/net/br0");
    assert_int_equal(hone_host_stats_create(host->root, NULL, NULL, &host->stats), HONE_OK);
}

static void remove_host(faked_host *host) {
    hone_host_stats_destroy(host->stats);
    hn_test_remove_folder(host->root);
}

static void expect(const faked_host *host, hone_host_metric metric, double value) {
    const hone_host_value *found = &host->values[metric];
    if (found->state != HONE_FACT_PRESENT) {
        fail_msg("%s: %s", hone_host_metrics()[metric].name, found->reason);
    }
    double error = found->value - value;
    if (error > 1e-9 || error < -1e-9) {
        fail_msg("%s is %g, not %g", hone_host_metrics()[metric].name, found->value, value);
    }
}

static void expect_missing(const faked_host *host, hone_host_metric metric, const char *part) {
    const hone_host_value *found = &host->values[metric];
    if (found->state == HONE_FACT_PRESENT || !strstr(found->reason, part)) {
        fail_msg("%s: '%s', state %d", hone_host_metrics()[metric].name, found->reason,
                 found->state);
    }
}

static void test_levels_and_rates(void **state) {
    (void)state;
    faked_host host;
    make_host(&host);
    hone_host_stats_sample(host.stats, 1 * SECOND_NS, host.values);
    expect(&host, HONE_HOST_LOAD1, 1.25);
    expect(&host, HONE_HOST_TASKS, 345);
    expect(&host, HONE_HOST_TASKS_RUNNING, 3);
    expect(&host, HONE_HOST_TASKS_BLOCKED, 1);
    expect(&host, HONE_HOST_MEM_TOTAL, 1024000);
    expect(&host, HONE_HOST_MEM_AVAILABLE, 256000);
    expect(&host, HONE_HOST_MEM_USED, 0.75);
    expect(&host, HONE_HOST_SWAP_USED, 40960);
    expect(&host, HONE_HOST_PSI_CPU, 0.125);
    expect(&host, HONE_HOST_UPTIME, 123.45);
    expect_missing(&host, HONE_HOST_PSI_MEMORY, "some");
    expect_missing(&host, HONE_HOST_PSI_IO, "/proc/pressure/io");
    expect_missing(&host, HONE_HOST_CPU_BUSY, "two samples");
    expect_missing(&host, HONE_HOST_CONTEXT_SWITCHES, "two samples");
    expect_missing(&host, HONE_HOST_DISK_READ_BYTES, "two samples");
    expect_missing(&host, HONE_HOST_NET_RX_BYTES, "two samples");

    hn_test_write_file(host.root, "/proc/stat", second_stat);
    write_devices(&host, 1100, 7000);
    hone_host_stats_sample(host.stats, 3 * SECOND_NS, host.values);
    expect(&host, HONE_HOST_CPU_BUSY, 0.4);
    expect(&host, HONE_HOST_CPU_USER, 0.25);
    expect(&host, HONE_HOST_CPU_SYSTEM, 0.1);
    expect(&host, HONE_HOST_CPU_IOWAIT, 0.1);
    expect(&host, HONE_HOST_CPU_STEAL, 0.05);
    expect(&host, HONE_HOST_CONTEXT_SWITCHES, 500);
    expect(&host, HONE_HOST_INTERRUPTS, 100);
    expect(&host, HONE_HOST_DISK_READ_BYTES, 100 * 512 / 2.0); /* the partition not again */
    expect(&host, HONE_HOST_DISK_WRITE_BYTES, 200 * 512 / 2.0);
    expect(&host, HONE_HOST_DISK_READ_OPS, 0);
    expect(&host, HONE_HOST_NET_RX_BYTES, 1000); /* the bridge not again */
    expect(&host, HONE_HOST_NET_TX_BYTES, 3000);
    remove_host(&host);
}

static void test_time_and_ticks(void **state) {
    (void)state;
    faked_host host;
    make_host(&host);
    hone_host_stats_sample(host.stats, 5 * SECOND_NS, host.values);
    hone_host_stats_sample(host.stats, 5 * SECOND_NS, host.values);
    expect_missing(&host, HONE_HOST_CONTEXT_SWITCHES, "no time has passed");
    expect_missing(&host, HONE_HOST_CPU_BUSY, "not ticked");
    hone_host_stats_sample(host.stats, 4 * SECOND_NS, host.values); /* back in time */
    expect_missing(&host, HONE_HOST_NET_RX_BYTES, "no time has passed");
    hn_test_write_file(host.root, "/proc/stat", second_stat);
    hone_host_stats_sample(host.stats, 6 * SECOND_NS, host.values);
    expect(&host, HONE_HOST_CPU_BUSY, 0.4); /* since the last tick that was seen */
    remove_host(&host);
}

/* Counters that go back, devices that come and go, interfaces without hardware. */
static void test_devices_change(void **state) {
    (void)state;
    faked_host host;
    make_host(&host);
    hone_host_stats_sample(host.stats, 1 * SECOND_NS, host.values);
    hn_test_write_file(host.root, "/proc/diskstats",
                       "8 0 sda 3 0 200 0 0 0 0 0 0 0 0\n8 16 sdb 9 0 999999 0 0 0 0 0 0 0 0\n");
    hn_test_make_directory(host.root, "/sys/block/sdb/device");
    hn_test_write_file(host.root, "/proc/net/dev", "lo: 1 0 0 0 0 0 0 0 1\n");
    hone_host_stats_sample(host.stats, 2 * SECOND_NS, host.values);
    expect(&host, HONE_HOST_DISK_READ_BYTES, 200 * 512); /* sda restarted, sdb is new */
    expect_missing(&host, HONE_HOST_NET_RX_BYTES, "loop-back");
    hn_test_write_file(host.root, "/proc/diskstats", "8 16 sdb 9 0 1000099 0 0 0 0 0 0 0 0\n");
    hn_test_write_file(host.root, "/proc/net/dev", "br0: 9000 0 0 0 0 0 0 0 15000\n");
    hone_host_stats_sample(host.stats, 3 * SECOND_NS, host.values);
    expect(&host, HONE_HOST_DISK_READ_BYTES, 100 * 512);
    expect(&host, HONE_HOST_NET_RX_BYTES, 4000); /* the only one left, though virtual */
    remove_host(&host);
}

static void test_garbage(void **state) {
    (void)state;
    faked_host host;
    make_host(&host);
    hone_host_stats_sample(host.stats, 1 * SECOND_NS, host.values);
    hn_test_write_file(host.root, "/proc/stat", "cpu one two\nctxt -4\n");
    hn_test_write_file(host.root, "/proc/meminfo", "MemTotal: 0 kB\nMemAvailable: 5 kB\n");
    hn_test_write_file(host.root, "/proc/loadavg", "");
    hn_test_write_file(host.root, "/proc/uptime", "soon");
    hn_test_write_file(host.root, "/proc/diskstats", "8 0 ../../etc 1 1 1 1 1 1 1\n\n\n8 0\n");
    hone_host_stats_sample(host.stats, 2 * SECOND_NS, host.values);
    expect_missing(&host, HONE_HOST_CPU_BUSY, "/proc/stat");
    expect_missing(&host, HONE_HOST_CONTEXT_SWITCHES, "/proc/stat");
    expect_missing(&host, HONE_HOST_LOAD1, "/proc/loadavg");
    expect_missing(&host, HONE_HOST_TASKS, "/proc/loadavg");
    expect(&host, HONE_HOST_MEM_TOTAL, 0);
    expect_missing(&host, HONE_HOST_MEM_USED, "/proc/meminfo");
    expect_missing(&host, HONE_HOST_SWAP_TOTAL, "/proc/meminfo");
    expect_missing(&host, HONE_HOST_UPTIME, "/proc/uptime");
    expect_missing(&host, HONE_HOST_DISK_READ_BYTES, "no disk");
    remove_host(&host);
}

static void test_nothing_readable(void **state) {
    (void)state;
    faked_host host;
    hn_test_make_folder(host.root, sizeof host.root);
    assert_int_equal(hone_host_stats_create(host.root, NULL, NULL, &host.stats), HONE_OK);
    for (uint64_t i = 1; i <= 2; i++) {
        hone_host_stats_sample(host.stats, i * SECOND_NS, host.values);
        for (int metric = 0; metric < HONE_HOST_METRICS_COUNT; metric++) {
            expect_missing(&host, (hone_host_metric)metric, "/proc/");
        }
    }
    remove_host(&host);
}

static void test_metric_table(void **state) {
    (void)state;
    const hone_host_metric_info *infos = hone_host_metrics();
    for (int i = 0; i < HONE_HOST_METRICS_COUNT; i++) {
        assert_true(infos[i].name[0] && infos[i].unit[0] && infos[i].description[0]);
        for (int k = 0; k < i; k++) {
            assert_string_not_equal(infos[i].name, infos[k].name);
        }
    }
    assert_string_equal(infos[HONE_HOST_CPU_BUSY].name, "cpu_busy");
    assert_true(infos[HONE_HOST_MEM_AVAILABLE].is_whole);
}

/* This machine: plausible, and not one allocation after create. */
static void test_live(void **state) {
    (void)state;
    faked_host host = {.root = ""};
    test_allocator test;
    hn_test_allocator_init(&test, SIZE_MAX);
    assert_int_equal(hone_host_stats_create(NULL, &test.allocator, NULL, &host.stats), HONE_OK);
    size_t calls_count = test.calls_count;
    uint64_t start_ns = hone_clock_monotonic_ns();
    do { /* long enough for the kernel's clock to tick, with work for it to see */
        hone_host_stats_sample(host.stats, hone_clock_monotonic_ns(), host.values);
    } while (hone_clock_monotonic_ns() - start_ns < 60000000u);
    assert_int_equal(test.calls_count, calls_count);
    for (int i = 0; i < HONE_HOST_METRICS_COUNT; i++) {
        bool is_share = strcmp(hone_host_metrics()[i].unit, "share") == 0;
        if (host.values[i].state == HONE_FACT_PRESENT) {
            assert_true(host.values[i].value >= 0);
            assert_true(!is_share || host.values[i].value <= 1);
        } else {
            assert_true(host.values[i].reason[0] != '\0');
        }
    }
    assert_int_equal(host.values[HONE_HOST_MEM_TOTAL].state, HONE_FACT_PRESENT);
    hone_host_stats_destroy(host.stats);
    assert_int_equal(test.held_bytes, 0);
    for (size_t fail_at = 0; fail_at < 2; fail_at++) {
        hn_test_allocator_init(&test, fail_at);
        assert_int_equal(hone_host_stats_create(NULL, &test.allocator, NULL, &host.stats),
                         HONE_STATUS_OUT_OF_MEMORY);
        assert_int_equal(test.held_bytes, 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_levels_and_rates),
        cmocka_unit_test(test_time_and_ticks),
        cmocka_unit_test(test_devices_change),
        cmocka_unit_test(test_garbage),
        cmocka_unit_test(test_nothing_readable),
        cmocka_unit_test(test_metric_table),
        cmocka_unit_test(test_live),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
