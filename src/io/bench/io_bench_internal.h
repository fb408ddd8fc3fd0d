/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the bench share: the test file, the shape of a case, and the peers that need a
 * library of their own, each in its file and with a twin for the build without it.
 */
#ifndef HONE_IO_BENCH_INTERNAL_H
#define HONE_IO_BENCH_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hone/base/status.h"

enum {
    READ_BYTES = 4096,
    LOG_BLOCKS = 16,
    LOG_FILE_BLOCKS = 4096,
    FILE_BYTES = 256 << 20,
    DEPTH_MAX = 64,
    DIRECT_COUNT =
        128, /* reads of one iteration of the direct cases, filling and draining included */
};

typedef struct read_shape {
    uint32_t depth;
    bool is_direct;
} read_shape;

/* The file of random bytes, made once per process in the current folder and unlinked at once: the
 * descriptor for that shape. ABSENT with the reason where it cannot be. */
hone_status open_file(const read_shape *shape, hone_diag *diag, int *out_fd);

/* A file of random bytes of the caller's own, or -1. */
int make_file(size_t size);

/* The next offset of a read. */
uint64_t next_offset(uint64_t *seed);

/* Ends the program: a bench whose reads fail has nothing to tell. */
void require(bool is_well);

/* Reads in pipelines of the shape's depth (direct), or batches of that many (cached). `items` says
 * how many reads one iteration is. */
hone_status liburing_make(const void *parameter, hone_diag *diag, void **out_context);
void liburing_run_batches(void *context, uint64_t iterations);
void liburing_run_pipeline(void *context, uint64_t iterations);
void liburing_run_nops(void *context, uint64_t iterations);
void liburing_run_chain(void *context, uint64_t iterations);
void liburing_drop(void *context);

/* 16 blocks in one write, and the sync linked to it. */
hone_status liburing_make_log(const void *parameter, hone_diag *diag, void **out_context);
void liburing_run_log(void *context, uint64_t iterations);
void liburing_drop_log(void *context);

hone_status libuv_make(const void *parameter, hone_diag *diag, void **out_context);
void libuv_run_pipeline(void *context, uint64_t iterations);
void libuv_drop(void *context);

#endif
