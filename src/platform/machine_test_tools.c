/* SPDX-License-Identifier: Apache-2.0 */
#include "machine_test_internal.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <ftw.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

void hn_test_make_folder(char *out_path, size_t size) {
    const char *parent = getenv("TMPDIR");
    (void)snprintf(out_path, size, "%s/hone-test-XXXXXX", parent ? parent : "/tmp");
    assert_non_null(mkdtemp(out_path));
}

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *place) {
    (void)info;
    (void)type;
    (void)place;
    return remove(path);
}

void hn_test_remove_folder(const char *path) {
    assert_int_equal(nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS), 0);
}

static void make_parents(char *path, size_t from) {
    for (char *slash = strchr(path + from + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        (void)mkdir(path, 0755);
        *slash = '/';
    }
}

void hn_test_make_directory(const char *root, const char *path) {
    char full[2048];
    (void)snprintf(full, sizeof full, "%s%s/", root, path);
    make_parents(full, strlen(root));
}

void hn_test_write_file(const char *root, const char *path, const char *text) {
    char full[2048];
    (void)snprintf(full, sizeof full, "%s%s", root, path);
    make_parents(full, strlen(root));
    FILE *file = fopen(full, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(text, 1, strlen(text), file), strlen(text));
    assert_int_equal(fclose(file), 0);
}

static bool is_turn_to_fail(test_allocator *test) {
    return test->calls_count++ >= test->fail_at;
}

static void *test_allocate(void *self, size_t size, size_t alignment) {
    test_allocator *test = self;
    if (is_turn_to_fail(test)) {
        return NULL;
    }
    test->held_bytes += size;
    return hone_allocate(NULL, size, alignment);
}

static void *test_resize(void *self, void *block, size_t old_size, size_t new_size,
                         size_t alignment) {
    test_allocator *test = self;
    if (is_turn_to_fail(test)) {
        return NULL;
    }
    test->held_bytes += new_size - old_size;
    return hone_reallocate(NULL, block, old_size, new_size, alignment);
}

static void test_release(void *self, void *block, size_t size, size_t alignment) {
    test_allocator *test = self;
    test->held_bytes -= size;
    hone_release(NULL, block, size, alignment);
}

void hn_test_allocator_init(test_allocator *test, size_t fail_at) {
    *test = (test_allocator){
        .allocator = {test_allocate, test_resize, test_release, test},
        .fail_at = fail_at,
    };
}

uint32_t hn_test_shape_cpus(const test_shape *shape) {
    return shape->nodes * shape->caches * shape->cores * shape->siblings;
}

HONE_PRINTF(3, 4)
static void write_formatted(const char *root, const char *text, const char *format, ...) {
    char path[256];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(path, sizeof path, format, arguments);
    va_end(arguments);
    hn_test_write_file(root, path, text);
}

void hn_test_write_shape(const char *root, const test_shape *shape, const char *allowed) {
    char text[64];
    uint32_t cpus = hn_test_shape_cpus(shape), per_cache = shape->cores * shape->siblings;
    (void)snprintf(text, sizeof text, "0-%u", cpus - 1);
    write_formatted(root, text, "/sys/devices/system/cpu/online");
    (void)snprintf(text, sizeof text, "0-%u", shape->nodes - 1);
    write_formatted(root, text, "/sys/devices/system/node/online");
    (void)snprintf(text, sizeof text, "Cpus_allowed_list:\t%s\n", allowed);
    write_formatted(root, text, "/proc/self/status");
    for (uint32_t cpu = 0; cpu < cpus; cpu++) {
        uint32_t core = cpu / shape->siblings * shape->siblings,
                 cache = cpu / per_cache * per_cache;
        (void)snprintf(text, sizeof text, "%u-%u", core, core + shape->siblings - 1);
        write_formatted(root, text, "/sys/devices/system/cpu/cpu%u/topology/thread_siblings_list",
                        cpu);
        (void)snprintf(text, sizeof text, "%u", cpu / (per_cache * shape->caches));
        write_formatted(root, text, "/sys/devices/system/cpu/cpu%u/topology/physical_package_id",
                        cpu);
        write_formatted(root, "3", "/sys/devices/system/cpu/cpu%u/cache/index0/level", cpu);
        write_formatted(root, "Unified", "/sys/devices/system/cpu/cpu%u/cache/index0/type", cpu);
        (void)snprintf(text, sizeof text, "%u-%u", cache, cache + per_cache - 1);
        write_formatted(root, text, "/sys/devices/system/cpu/cpu%u/cache/index0/shared_cpu_list",
                        cpu);
    }
    uint32_t per_node = per_cache * shape->caches;
    for (uint32_t node = 0; node < shape->nodes; node++) {
        (void)snprintf(text, sizeof text, "%u-%u", node * per_node, (node + 1) * per_node - 1);
        write_formatted(root, text, "/sys/devices/system/node/node%u/cpulist", node);
        write_formatted(root, shape->distances[node], "/sys/devices/system/node/node%u/distance",
                        node);
    }
}
