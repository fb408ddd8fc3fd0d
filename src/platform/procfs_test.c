/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "procfs_internal.h"

static void test_numbers(void **state) {
    (void)state;
    static const struct {
        const char *text;
        bool is_good;
        uint64_t number;
    } cases[] = {
        {"0", true, 0},
        {" 42\n", true, 42},
        {"18446744073709551615", true, UINT64_MAX},
        {"", false, 0},
        {"-1", false, 0},
        {"18446744073709551616", false, 0},
        {"1 2", false, 0},
        {"0x10", false, 0},
        {"12a", false, 0},
        {"999999999999999999999999", false, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t number = 7;
        assert_int_equal(hn_parse_number(hone_text_of(cases[i].text), &number), cases[i].is_good);
        assert_int_equal(number, cases[i].is_good ? cases[i].number : 7);
    }
    int64_t signed_number;
    assert_true(hn_parse_signed(HONE_TEXT("-273"), &signed_number));
    assert_int_equal(signed_number, -273);
    assert_false(hn_parse_signed(HONE_TEXT("--1"), &signed_number));
    assert_false(hn_parse_signed(HONE_TEXT("9223372036854775808"), &signed_number));
    uint64_t bytes;
    assert_true(hn_parse_cache_size(HONE_TEXT("48K"), &bytes));
    assert_int_equal(bytes, 48 << 10);
    assert_false(hn_parse_cache_size(HONE_TEXT("K"), &bytes));
    assert_false(hn_parse_cache_size(HONE_TEXT("1X"), &bytes));
    assert_false(hn_parse_cache_size(HONE_TEXT("18446744073709551615G"), &bytes));
}

static void test_decimals(void **state) {
    (void)state;
    double number;
    assert_true(hn_parse_decimal(HONE_TEXT("12.34"), &number));
    assert_float_equal(number, 12.34, 1e-9);
    assert_true(hn_parse_decimal(HONE_TEXT("7"), &number));
    assert_float_equal(number, 7, 0);
    assert_false(hn_parse_decimal(HONE_TEXT(".5"), &number));
    assert_false(hn_parse_decimal(HONE_TEXT("1."), &number));
    assert_false(hn_parse_decimal(HONE_TEXT("nan"), &number));
    assert_false(hn_parse_decimal(HONE_TEXT("1e9"), &number));
    assert_true(hn_parse_pressure(
        HONE_TEXT("some avg10=1.50 avg60=0.00 avg300=0.00 total=5\nfull avg10=9.00"), &number));
    assert_float_equal(number, 1.5, 1e-9);
    assert_false(hn_parse_pressure(HONE_TEXT("some avg10=101.00 total=5"), &number));
    assert_false(hn_parse_pressure(HONE_TEXT("full avg10=1.00"), &number));
}

static void test_cpu_lists(void **state) {
    (void)state;
    static const struct {
        const char *text;
        hone_status status;
        const char *format; /* of the result */
    } cases[] = {
        {"0-3,8", HONE_OK, "0-3,8"},
        {"", HONE_OK, ""},
        {" 5\n", HONE_OK, "5"},
        {"3,1,2", HONE_OK, "1-3"},
        {"0-31:2/8", HONE_OK, "0-1,8-9,16-17,24-25"},
        {"8191", HONE_OK, "8191"},
        {"8192", HONE_STATUS_OVERFLOW, ""},
        {"0-4294967296", HONE_STATUS_OVERFLOW, ""},
        {"3-1", HONE_STATUS_SYNTAX, ""},
        {"0,", HONE_STATUS_SYNTAX, ""},
        {",0", HONE_STATUS_SYNTAX, ""},
        {"0,,1", HONE_STATUS_SYNTAX, ""},
        {"0-", HONE_STATUS_SYNTAX, ""},
        {"-1", HONE_STATUS_SYNTAX, ""},
        {"0-7:3/0", HONE_STATUS_SYNTAX, ""},
        {"0-7:9/8", HONE_STATUS_SYNTAX, ""},
        {"a", HONE_STATUS_SYNTAX, ""},
        {"18446744073709551616", HONE_STATUS_SYNTAX, ""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        hone_cpu_set set = {{0}};
        char text[64];
        assert_int_equal(hone_cpu_set_parse(hone_text_of(cases[i].text), &set), cases[i].status);
        (void)hone_cpu_set_format(&set, text, sizeof text);
        assert_string_equal(text, cases[i].format);
    }
}

static uint32_t next_random(uint64_t *seed) {
    *seed = *seed * 6364136223846793005u + 1442695040888963407u; /* Knuth's MMIX */
    return (uint32_t)(*seed >> 33);
}

/* What is written is read back, for sets of any shape; also the helpers against a plain array. */
static void test_cpu_set_twin(void **state) {
    (void)state;
    uint64_t seed = 7;
    for (int round = 0; round < 200; round++) {
        static bool twin[HONE_CPUS_MAX];
        hone_cpu_set set = {{0}}, again;
        uint32_t count = 0;
        memset(twin, 0, sizeof twin);
        for (int i = 0; i < round; i++) {
            uint32_t cpu = next_random(&seed) % (round % 2 ? HONE_CPUS_MAX : 70);
            twin[cpu] = true;
            hone_cpu_set_add(&set, cpu);
        }
        uint32_t next = hone_cpu_set_next(&set, 0);
        for (uint32_t cpu = 0; cpu < HONE_CPUS_MAX; cpu++) {
            assert_int_equal(hone_cpu_set_has(&set, cpu), twin[cpu]);
            count += twin[cpu];
            if (twin[cpu]) {
                assert_int_equal(next, cpu);
                next = hone_cpu_set_next(&set, cpu + 1);
            }
        }
        assert_int_equal(next, HONE_CPUS_MAX);
        assert_int_equal(hone_cpu_set_count(&set), count);
        char text[HONE_CPUS_MAX];
        size_t size = hone_cpu_set_format(&set, text, sizeof text);
        assert_int_equal(hone_cpu_set_parse((hone_text){text, size}, &again), HONE_OK);
        assert_memory_equal(&set, &again, sizeof set);
    }
    hone_cpu_set all;
    char cut[8];
    assert_int_equal(hone_cpu_set_parse(HONE_TEXT("10-11,20-21,30"), &all), HONE_OK);
    assert_int_equal(hone_cpu_set_format(&all, cut, sizeof cut), 5);
    assert_string_equal(cut, "10-11");
}

static void test_fields(void **state) {
    (void)state;
    hone_text meminfo = HONE_TEXT("MemTotal:  100 kB\nMemFree: 3\nBig: 18446744073709551615 kB\n");
    uint64_t number;
    hone_text value;
    assert_true(hn_find_kilobytes(meminfo, "MemTotal", &number));
    assert_int_equal(number, 102400);
    assert_false(hn_find_kilobytes(meminfo, "MemFree", &number));
    assert_false(hn_find_kilobytes(meminfo, "Big", &number));
    assert_false(hn_find_kilobytes(meminfo, "Mem", &number));
    assert_true(hn_find_field(meminfo, "MemFree", &value));
    assert_true(hone_text_is(value, "3"));
    hone_text stat = HONE_TEXT("cpu  1 2 3 4 5 6 7 8 9 10\nintr 99 1 2\nctxt\nprocs_running x\n");
    assert_true(hn_find_counter(stat, "intr", &number));
    assert_int_equal(number, 99);
    assert_false(hn_find_counter(stat, "ctxt", &number));
    assert_false(hn_find_counter(stat, "procs_running", &number));
    hone_text choice;
    assert_true(hn_parse_choice(HONE_TEXT("always [madvise] never"), &choice));
    assert_true(hone_text_is(choice, "madvise"));
    assert_false(hn_parse_choice(HONE_TEXT("always [madvise"), &choice));
    assert_false(hn_parse_choice(HONE_TEXT("[]"), &choice));
    assert_true(hn_has_word(HONE_TEXT("rw,cpu,cpuacct"), "cpu"));
    assert_false(hn_has_word(HONE_TEXT("rw,cpuacct"), "cpu"));
    hone_text limits = HONE_TEXT("Max open files            1024   4096   files\n"
                                 "Max locked memory         unlimited unlimited bytes\nMax x\n");
    assert_true(hn_find_resource_limit(limits, "Max open files", &number));
    assert_int_equal(number, 1024);
    assert_true(hn_find_resource_limit(limits, "Max locked memory", &number));
    assert_int_equal(number, UINT64_MAX);
    assert_false(hn_find_resource_limit(limits, "Max x", &number));
    assert_true(hn_find_hex(HONE_TEXT("CapEff:\t000001ffffffffff\n"), "CapEff", &number));
    assert_int_equal(number, 0x1ffffffffff);
    assert_false(hn_find_hex(HONE_TEXT("CapEff:\t00000000000000000\n"), "CapEff", &number));
}

static void test_stat_lines(void **state) {
    (void)state;
    hn_cpu_times times;
    assert_true(hn_parse_cpu_times(HONE_TEXT("cpu  1 2 3 4 5 6 7 8 9 10\n"), &times));
    assert_int_equal(times.steal, 8);
    assert_true(hn_parse_cpu_times(HONE_TEXT("cpu 1 2 3 4"), &times));
    assert_int_equal(times.iowait, 0);
    assert_false(hn_parse_cpu_times(HONE_TEXT("cpu 1 2 3"), &times));
    assert_false(hn_parse_cpu_times(HONE_TEXT("cpu0 1 2 3 4"), &times));
    assert_false(hn_parse_cpu_times(HONE_TEXT("cpu 1 2 3 18446744073709551615"), &times));
    hn_disk_line disk;
    assert_true(hn_parse_disk_line(
        HONE_TEXT(" 254       0 vda 33273 12065 3373154 8841 4537 10520 634488 1719 0"), &disk));
    assert_true(hone_text_is(disk.name, "vda"));
    assert_int_equal(disk.reads, 33273);
    assert_int_equal(disk.sectors_read, 3373154);
    assert_int_equal(disk.writes, 4537);
    assert_int_equal(disk.sectors_written, 634488);
    assert_false(hn_parse_disk_line(HONE_TEXT("254 0 vda 1 2 3"), &disk));
    hn_net_line net;
    assert_true(hn_parse_net_line(HONE_TEXT("  eth0:34836743 842 0 0 0 0 0 0 39427 490"), &net));
    assert_int_equal(net.received_bytes, 34836743);
    assert_int_equal(net.sent_bytes, 39427);
    assert_false(hn_parse_net_line(HONE_TEXT(" face |bytes    packets errs"), &net));
}

static void test_cgroup_texts(void **state) {
    (void)state;
    hone_text groups = HONE_TEXT("12:cpuset:/a\n3:cpu,cpuacct:/b\n1:name=systemd:/c\n0::/d:e\n");
    hone_text path;
    assert_true(hn_find_cgroup_path(groups, "cpu", &path));
    assert_true(hone_text_is(path, "/b"));
    assert_true(hn_find_cgroup_path(groups, "", &path));
    assert_true(hone_text_is(path, "/d:e"));
    assert_false(hn_find_cgroup_path(groups, "memory", &path));
    hone_text mounts =
        HONE_TEXT("1 0 0:1 / / rw - overlay overlay rw\n"
                  "2 1 0:2 /x /sys/fs/a\\040b rw shared:1 master:2 - cgroup2 none rw\n"
                  "3 1 0:3 / /sys/fs/cpu rw - cgroup cgroup rw,cpu,cpuacct\n");
    hn_cgroup_mount mount;
    assert_true(hn_find_cgroup_mount(mounts, "", &mount));
    assert_true(hone_text_is(mount.root, "/x"));
    char decoded[32];
    assert_true(hn_decode_path(mount.point, decoded, sizeof decoded));
    assert_string_equal(decoded, "/sys/fs/a b");
    assert_true(hn_find_cgroup_mount(mounts, "cpuacct", &mount));
    assert_false(hn_find_cgroup_mount(mounts, "memory", &mount));
    assert_false(hn_decode_path(HONE_TEXT("/a/../b"), decoded, sizeof decoded));
    assert_false(hn_decode_path(HONE_TEXT("/.."), decoded, sizeof decoded));
    assert_false(hn_decode_path(HONE_TEXT("/\\056\\056/b"), decoded, sizeof decoded));
    assert_true(hn_decode_path(HONE_TEXT("/a..b/c/"), decoded, sizeof decoded));
    assert_string_equal(decoded, "/a..b/c");
    assert_true(hn_decode_path(HONE_TEXT("/app-a\\x2d7.scope"), decoded, sizeof decoded));
    assert_string_equal(decoded, "/app-a\\x2d7.scope"); /* systemd's escape, not the kernel's */
    assert_false(hn_decode_path(HONE_TEXT("relative"), decoded, sizeof decoded));
    assert_false(hn_decode_path(HONE_TEXT("/a\\000b"), decoded, sizeof decoded));
    assert_false(hn_decode_path(HONE_TEXT("/0123456789012345678901234567890"), decoded, 32));
    double cpus;
    assert_true(hn_parse_cpu_max(HONE_TEXT("150000 100000\n"), &cpus));
    assert_float_equal(cpus, 1.5, 0);
    assert_true(hn_parse_cpu_max(HONE_TEXT("max 100000"), &cpus));
    assert_true(isinf(cpus));
    assert_false(hn_parse_cpu_max(HONE_TEXT("100000"), &cpus));
    assert_false(hn_parse_cpu_max(HONE_TEXT("0 100000"), &cpus));
    assert_false(hn_parse_cpu_max(HONE_TEXT("1 0"), &cpus));
    assert_false(hn_parse_cpu_max(HONE_TEXT("1 2 3"), &cpus));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),      cmocka_unit_test(test_decimals),
        cmocka_unit_test(test_cpu_lists),    cmocka_unit_test(test_cpu_set_twin),
        cmocka_unit_test(test_fields),       cmocka_unit_test(test_stat_lines),
        cmocka_unit_test(test_cgroup_texts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
