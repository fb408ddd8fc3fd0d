/* SPDX-License-Identifier: Apache-2.0 */
/* What the tests of this layer share: faked machines in a temporary folder, an allocator that fails
 * on demand and counts. */
#ifndef HONE_PLATFORM_MACHINE_TEST_INTERNAL_H
#define HONE_PLATFORM_MACHINE_TEST_INTERNAL_H

#include "hone/base/allocator.h"

#define MACHINES_FOLDER HONE_SOURCE_DIR "/tests/fixtures/machines/"

/* A new folder under TMPDIR; removed with all that is in it by hn_test_remove_folder. */
void hn_test_make_folder(char *out_path, size_t size);
void hn_test_remove_folder(const char *path);

/* Writes root + path, with the folders above it. In place: an open descriptor sees the change. */
void hn_test_write_file(const char *root, const char *path, const char *text);
void hn_test_make_directory(const char *root, const char *path);

/* Gives out memory of libc until `fail_at` (counted from 0; SIZE_MAX: never), then NULL. */
typedef struct test_allocator {
    hone_allocator allocator;
    size_t calls_count, fail_at;
    size_t held_bytes;
} test_allocator;
void hn_test_allocator_init(test_allocator *test, size_t fail_at);

/* A machine of nodes, caches, cores and siblings, each so many within the one before. CPUs are
 * numbered in this order. `allowed` is the affinity. */
typedef struct test_shape {
    uint32_t nodes, caches, cores, siblings;
    const char *const *distances; /* one line per node */
} test_shape;
uint32_t hn_test_shape_cpus(const test_shape *shape);
void hn_test_write_shape(const char *root, const test_shape *shape, const char *allowed);

#endif
