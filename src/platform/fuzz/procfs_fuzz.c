/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every parser of /proc and /sys texts on the same bytes. Besides not crashing: what a CPU list
 * parses to must survive being written and read again, and a decoded path must not climb.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hone/platform/isa.h"
#include "procfs_internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool is_true) {
    if (!is_true) {
        abort();
    }
}

static void fuzz_cpu_list(hone_text text) {
    hone_cpu_set set, again;
    char list[HONE_CPUS_MAX * 5];
    if (hone_cpu_set_parse(text, &set) != HONE_OK) {
        return;
    }
    size_t size = hone_cpu_set_format(&set, list, sizeof list);
    require(hone_cpu_set_parse((hone_text){list, size}, &again) == HONE_OK);
    require(memcmp(&set, &again, sizeof set) == 0);
}

static void fuzz_numbers(hone_text text) {
    uint64_t number;
    int64_t signed_number;
    double real;
    if (hn_parse_number(text, &number) && number <= INT64_MAX) {
        require(hn_parse_signed(text, &signed_number) && (uint64_t)signed_number == number);
    }
    require(!hn_parse_decimal(text, &real) || (real >= 0 && real < 1e16));
    require(!hn_parse_pressure(text, &real) || (real >= 0 && real <= 100));
    require(!hn_parse_cpu_max(text, &real) || real > 0);
    (void)hn_parse_cache_size(text, &number);
    (void)hn_parse_limit(text, &number);
}

static void fuzz_lines(hone_text text) {
    static const char *const keys[] = {"MemTotal", "MemAvailable", "cpu", "ctxt",
                                       "Node 0 MemTotal"};
    uint64_t number;
    hn_cpu_times times;
    hone_text value;
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        (void)hn_find_kilobytes(text, keys[i], &number);
        (void)hn_find_counter(text, keys[i], &number);
        (void)hn_find_hex(text, keys[i], &number);
        require(!hn_find_field(text, keys[i], &value) || value.size <= text.size);
    }
    (void)hn_parse_cpu_times(text, &times);
    (void)hn_find_resource_limit(text, "Max open files", &number);
    (void)hn_parse_choice(text, &value);
    (void)hone_isa_from_cpuinfo(text);
    while (text.size) {
        hn_disk_line disk;
        hn_net_line net;
        hone_text line = hone_text_split(&text, '\n');
        require(!hn_parse_disk_line(line, &disk) || disk.name.size > 0);
        require(!hn_parse_net_line(line, &net) || net.name.size > 0);
    }
}

static void fuzz_cgroups(hone_text text) {
    static const char *const controllers[] = {"", "cpu", "memory"};
    char decoded[256];
    for (size_t i = 0; i < 3; i++) {
        hone_text path;
        hn_cgroup_mount mount;
        if (hn_find_cgroup_path(text, controllers[i], &path) &&
            hn_decode_path(path, decoded, sizeof decoded)) {
            size_t length = strlen(decoded);
            require(decoded[0] == '/' && !strstr(decoded, "/../"));
            require(length < 3 || strcmp(decoded + length - 3, "/..") != 0);
        }
        if (hn_find_cgroup_mount(text, controllers[i], &mount)) {
            (void)hn_decode_path(mount.point, decoded, sizeof decoded);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hone_text text = {(const char *)data, size};
    fuzz_cpu_list(text);
    fuzz_numbers(text);
    fuzz_lines(text);
    fuzz_cgroups(text);
    return 0;
}
