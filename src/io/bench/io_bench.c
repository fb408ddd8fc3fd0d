/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What reads, no-ops and durable writes cost through a ring, beside what one would write without
 * it: a loop over pread, a loop over plain liburing, and libuv.
 *
 * cached/now       one random read of 4 KiB that the page cache has: hone_io_read_now, which asks
 *                  the cache; preadv2 is the kernel's own price of asking
 * cached/may-wait  the same when it is told that it may wait
 * cached/batch-N   N such reads prepared, submitted and taken together, into registered buffers
 * direct/depth-N   random reads of 4 KiB past the page cache, N in flight; the peer `pread` has one
 * nop/batch-64     what the ring itself costs
 * chain/2-nops     two operations of which the second starts when the first has succeeded; the peer
 *                  links them in the kernel
 * log/16-and-sync  16 blocks of 4 KiB one behind the other, then fdatasync; on a ring the kernel
 *                  does both on threads of its own, and pwritev saves the way there and back
 *
 * The file has 256 MiB of random bytes and lies in the current folder: run it on the disk in
 * question. The variant `hone-threads` is the same code on the other backend.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hone/io/io.h"
#include "hone/measure/bench_main.h"
#include "io_bench_internal.h"

enum { CHUNK_BYTES = 1 << 20 };

/* ---- the file ---- */

void require(bool is_well) {
    if (!is_well) {
        (void)fputs("io bench: an operation failed\n", stderr);
        abort();
    }
}

static uint64_t next_random(uint64_t *seed) {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

uint64_t next_offset(uint64_t *seed) {
    return next_random(seed) % (FILE_BYTES / READ_BYTES) * READ_BYTES;
}

int make_file(size_t size) {
    char path[] = ".hone-bench-io-XXXXXX";
    int fd = mkstemp(path);
    if (fd < 0) {
        return -1;
    }
    (void)unlink(path);
    uint64_t *chunk = malloc(CHUNK_BYTES), seed = 88172645463325252u;
    bool is_well = chunk != NULL;
    for (size_t offset = 0; is_well && offset < size; offset += CHUNK_BYTES) {
        for (size_t i = 0; i < CHUNK_BYTES / sizeof *chunk; i++) {
            chunk[i] = next_random(&seed);
        }
        is_well = pwrite(fd, chunk, CHUNK_BYTES, (off_t)offset) == CHUNK_BYTES;
    }
    free(chunk);
    if (!is_well || fsync(fd) != 0) {
        (void)close(fd);
        return -1;
    }
    return fd;
}

hone_status open_file(const read_shape *shape, hone_diag *diag, int *out_fd) {
    static int cached = -1, direct = -1; /* one file for all cases: to make it takes a second */
    if (cached < 0) {
        cached = make_file(FILE_BYTES);
    }
    if (cached < 0) {
        return hone_diag_set(diag, HONE_STATUS_ABSENT,
                             "no file of %d MiB can be made in the current folder",
                             FILE_BYTES >> 20);
    }
    if (shape->is_direct && direct < 0) {
        char path[64];
        (void)snprintf(path, sizeof path, "/proc/self/fd/%d", cached);
        direct = open(path, O_RDONLY | O_DIRECT | O_CLOEXEC);
    }
    if (shape->is_direct && direct < 0) {
        return hone_diag_set(diag, HONE_STATUS_ABSENT,
                             "the current folder's file system has no O_DIRECT (%s)",
                             strerrordesc_np(errno));
    }
    *out_fd = shape->is_direct ? direct : cached;
    return HONE_OK;
}

/* ---- hone ---- */

typedef struct ring_run {
    hone_io *io;
    read_shape shape;
    int fd;
    uint64_t seed;
} ring_run;

static void drop_ring(void *context) {
    ring_run *it = context;
    hone_io_destroy(it->io);
    free(it);
}

static hone_status make_on(hone_io_backend backend, const read_shape *shape, hone_diag *diag,
                           void **out_context) {
    ring_run *it = calloc(1, sizeof *it);
    if (!it) {
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    hone_io_options options = {.backend = backend,
                               .operations_max = DEPTH_MAX,
                               .threads_count = 16,
                               .files_count = 1,
                               .buffers_count = DEPTH_MAX,
                               .buffer_bytes = READ_BYTES};
    it->shape = *shape;
    it->seed = 1;
    hone_status status = open_file(shape, diag, &it->fd);
    if (status == HONE_OK) {
        status = hone_io_create(&options, diag, &it->io);
    }
    if (status == HONE_OK) {
        status = hone_io_register_file(it->io, 0, it->fd, diag);
    }
    if (status != HONE_OK) {
        drop_ring(it);
        return status == HONE_STATUS_FORBIDDEN ? HONE_STATUS_ABSENT : status;
    }
    *out_context = it;
    return HONE_OK;
}

static hone_status make_ring(const void *parameter, hone_diag *diag, void **out_context) {
    return make_on(HONE_IO_AUTO, parameter, diag, out_context);
}

static hone_status make_threads(const void *parameter, hone_diag *diag, void **out_context) {
    return make_on(HONE_IO_THREADS, parameter, diag, out_context);
}

static void prepare_read(ring_run *it, void *buffer) {
    hone_io_request request = {.kind = HONE_IO_READ,
                               .is_registered_file = true,
                               .data = buffer,
                               .size = READ_BYTES,
                               .offset = next_offset(&it->seed),
                               .token = buffer};
    require(hone_io_prepare(it->io, &request, NULL, NULL) == HONE_OK);
}

static void read_now(ring_run *it, bool may_wait, uint64_t iterations) {
    for (uint64_t i = 0; i < iterations; i++) {
        hone_io_request request = {.kind = HONE_IO_READ,
                                   .fd = it->fd,
                                   .data = hone_io_buffer(it->io, 0),
                                   .size = READ_BYTES,
                                   .offset = next_offset(&it->seed),
                                   .may_wait = may_wait};
        hone_io_completion done;
        hone_status status = hone_io_read_now(it->io, &request, NULL, &done);
        if (status == HONE_STATUS_WOULD_BLOCK) { /* the cache lost it */
            uint32_t count;
            status = hone_io_wait(it->io, 1, HONE_IO_FOR_EVER, &done, 1, NULL, &count);
        }
        require(status == HONE_OK && done.count == READ_BYTES);
    }
}

static void run_now(void *context, uint64_t iterations) {
    read_now(context, false, iterations);
}

static void run_may_wait(void *context, uint64_t iterations) {
    read_now(context, true, iterations);
}

/* Takes `count` completions. */
static void take(ring_run *it, hone_io_completion *done, uint32_t count) {
    uint32_t got;
    hone_status status = hone_io_wait(it->io, count, HONE_IO_FOR_EVER, done, count, NULL, &got);
    require(status == HONE_OK && got == count);
}

static void run_batches(void *context, uint64_t iterations) {
    ring_run *it = context;
    hone_io_completion done[DEPTH_MAX];
    for (uint64_t i = 0; i < iterations; i++) {
        for (uint32_t n = 0; n < it->shape.depth; n++) {
            prepare_read(it, hone_io_buffer(it->io, n));
        }
        take(it, done, it->shape.depth);
        for (uint32_t n = 0; n < it->shape.depth; n++) {
            require(done[n].count == READ_BYTES);
        }
    }
}

static void run_pipeline(void *context, uint64_t iterations) {
    ring_run *it = context;
    hone_io_completion done[DEPTH_MAX];
    for (uint64_t i = 0; i < iterations; i++) {
        uint32_t started_count = 0, ended_count = 0;
        for (; started_count < it->shape.depth; started_count++) {
            prepare_read(it, hone_io_buffer(it->io, started_count));
        }
        while (ended_count < DIRECT_COUNT) {
            uint32_t count;
            require(hone_io_wait(it->io, 1, HONE_IO_FOR_EVER, done, DEPTH_MAX, NULL, &count) ==
                    HONE_OK);
            for (uint32_t n = 0; n < count; n++) {
                require(done[n].count == READ_BYTES);
                if (started_count < DIRECT_COUNT) {
                    started_count++;
                    prepare_read(it, done[n].token);
                }
            }
            ended_count += count;
        }
    }
}

static void run_nops(void *context, uint64_t iterations) {
    ring_run *it = context;
    hone_io_request request = {.kind = HONE_IO_NOP};
    hone_io_completion done[DEPTH_MAX];
    for (uint64_t i = 0; i < iterations; i++) {
        for (uint32_t n = 0; n < it->shape.depth; n++) {
            require(hone_io_prepare(it->io, &request, NULL, NULL) == HONE_OK);
        }
        take(it, done, it->shape.depth);
        hone_bench_consume(done);
    }
}

static void run_chain(void *context, uint64_t iterations) {
    ring_run *it = context;
    hone_io_request request = {.kind = HONE_IO_NOP};
    hone_io_completion done[2];
    for (uint64_t i = 0; i < iterations; i++) {
        for (uint32_t n = 0; n < 2; n++) {
            request.is_linked = n == 0;
            require(hone_io_prepare(it->io, &request, NULL, NULL) == HONE_OK);
        }
        take(it, done, 2);
        hone_bench_consume(done);
    }
}

/* ---- pread ---- */

typedef struct pread_run {
    int fd;
    uint64_t seed;
    void *buffer;
} pread_run;

static hone_status make_pread(const void *parameter, hone_diag *diag, void **out_context) {
    pread_run *it = calloc(1, sizeof *it);
    if (!it || posix_memalign(&it->buffer, READ_BYTES, READ_BYTES) != 0) {
        free(it);
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    it->seed = 1;
    *out_context = it;
    return open_file(parameter, diag, &it->fd);
}

static void drop_pread(void *context) {
    pread_run *it = context;
    free(it->buffer);
    free(it);
}

static void read_many(pread_run *it, uint64_t count) {
    for (uint64_t i = 0; i < count; i++) {
        require(pread(it->fd, it->buffer, READ_BYTES, (off_t)next_offset(&it->seed)) == READ_BYTES);
    }
}

static void run_pread_1(void *context, uint64_t iterations) {
    read_many(context, iterations);
}

static void run_preadv2(void *context, uint64_t iterations) {
    pread_run *it = context;
    for (uint64_t i = 0; i < iterations; i++) {
        struct iovec all = {it->buffer, READ_BYTES};
        off_t offset = (off_t)next_offset(&it->seed);
        require(preadv2(it->fd, &all, 1, offset, RWF_NOWAIT) == READ_BYTES ||
                pread(it->fd, it->buffer, READ_BYTES, offset) == READ_BYTES);
    }
}

static void run_pread_8(void *context, uint64_t iterations) {
    read_many(context, 8 * iterations);
}

static void run_pread_64(void *context, uint64_t iterations) {
    read_many(context, 64 * iterations);
}

static void run_pread_direct(void *context, uint64_t iterations) {
    read_many(context, DIRECT_COUNT * iterations);
}

/* ---- a log ---- */

typedef struct log_run {
    hone_io *io; /* NULL: pwrite */
    int fd;
    uint64_t block;
    char data[LOG_BLOCKS][READ_BYTES];
} log_run;

static void drop_log(void *context) {
    log_run *it = context;
    hone_io_destroy(it->io);
    (void)close(it->fd);
    free(it);
}

static hone_status make_log(hone_io_backend backend, bool is_plain, hone_diag *diag,
                            void **out_context) {
    log_run *it = calloc(1, sizeof *it);
    if (!it) {
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    *out_context = it;
    memset(it->data, 'x', sizeof it->data);
    it->fd = make_file(LOG_FILE_BLOCKS * READ_BYTES); /* written over: no growth is measured */
    if (it->fd < 0) {
        return hone_diag_set(diag, HONE_STATUS_ABSENT, "no file can be made here");
    }
    hone_io_options options = {.backend = backend, .operations_max = LOG_BLOCKS + 1};
    return is_plain ? HONE_OK : hone_io_create(&options, diag, &it->io);
}

static hone_status make_ring_log(const void *parameter, hone_diag *diag, void **out_context) {
    (void)parameter;
    return make_log(HONE_IO_AUTO, false, diag, out_context);
}

static hone_status make_threads_log(const void *parameter, hone_diag *diag, void **out_context) {
    (void)parameter;
    return make_log(HONE_IO_THREADS, false, diag, out_context);
}

static hone_status make_plain_log(const void *parameter, hone_diag *diag, void **out_context) {
    (void)parameter;
    return make_log(HONE_IO_AUTO, true, diag, out_context);
}

static uint64_t next_block(log_run *it) {
    it->block = (it->block + 1) % (LOG_FILE_BLOCKS - LOG_BLOCKS);
    return it->block * READ_BYTES;
}

/* One write of 16 vectors and the sync behind it: two operations, one call. */
static void run_ring_log(void *context, uint64_t iterations) {
    log_run *it = context;
    for (uint64_t i = 0; i < iterations; i++) {
        struct iovec blocks[LOG_BLOCKS];
        for (uint32_t n = 0; n < LOG_BLOCKS; n++) {
            blocks[n] = (struct iovec){it->data[n], READ_BYTES};
        }
        hone_io_request write = {.kind = HONE_IO_WRITEV,
                                 .fd = it->fd,
                                 .vectors = blocks,
                                 .size = LOG_BLOCKS,
                                 .offset = next_block(it),
                                 .is_linked = true};
        hone_io_request sync = {.kind = HONE_IO_SYNC, .fd = it->fd, .is_data_only = true};
        hone_io_completion done[2];
        uint32_t count;
        require(hone_io_prepare(it->io, &write, NULL, NULL) == HONE_OK &&
                hone_io_prepare(it->io, &sync, NULL, NULL) == HONE_OK &&
                hone_io_wait(it->io, 2, HONE_IO_FOR_EVER, done, 2, NULL, &count) == HONE_OK &&
                count == 2 && done[0].status == HONE_OK && done[1].status == HONE_OK);
    }
}

static void run_plain_log(void *context, uint64_t iterations) {
    log_run *it = context;
    for (uint64_t i = 0; i < iterations; i++) {
        struct iovec blocks[LOG_BLOCKS];
        for (uint32_t n = 0; n < LOG_BLOCKS; n++) {
            blocks[n] = (struct iovec){it->data[n], READ_BYTES};
        }
        require(pwritev(it->fd, blocks, LOG_BLOCKS, (off_t)next_block(it)) ==
                    LOG_BLOCKS * READ_BYTES &&
                fdatasync(it->fd) == 0);
    }
}

/* ---- the suite ---- */

static const read_shape cached_1 = {1, false}, cached_8 = {8, false}, cached_64 = {64, false},
                        direct_1 = {1, true}, direct_4 = {4, true}, direct_16 = {16, true},
                        direct_64 = {64, true};

/* clang-format off */
#define ROW(row_name, prefix, make, function, drop) \
    {.name = row_name, .setup = prefix##make, .run = prefix##function, .teardown = prefix##drop}
#define HONE(function) \
    {.name = "hone", .setup = make_ring, .run = function, .teardown = drop_ring}
#define HONE_THREADS(function) \
    {.name = "hone-threads", .setup = make_threads, .run = function, .teardown = drop_ring}
#define PREAD(function) \
    {.name = "pread", .setup = make_pread, .run = function, .teardown = drop_pread}
#define LIBURING(function) ROW("liburing", liburing_, make, function, drop)
#define LIBUV ROW("libuv", libuv_, make, run_pipeline, drop)
#define LOG(row_name, make, function) \
    {.name = row_name, .setup = make, .run = function, .teardown = drop_log}
#define CACHED(n) \
    {.name = "cached/batch-" #n, .unit = "ns", .items_per_iteration = n, .parameter = &cached_##n, \
     .variants = {HONE(run_batches), LIBURING(run_batches), PREAD(run_pread_##n)}}
#define DIRECT(n) \
    {.name = "direct/depth-" #n, .unit = "us", .scale = 1e-3, .parameter = &direct_##n, \
     .items_per_iteration = DIRECT_COUNT, .iterations_max = 1, \
     .variants = {HONE(run_pipeline), LIBURING(run_pipeline), PREAD(run_pread_direct), \
                  HONE_THREADS(run_pipeline), LIBUV}}

static const hone_bench_case cases[] = {
    {.name = "cached/now", .unit = "ns", .parameter = &cached_1,
     .variants = {HONE(run_now), PREAD(run_pread_1),
                  {.name = "preadv2", .setup = make_pread, .run = run_preadv2,
                   .teardown = drop_pread}}},
    {.name = "cached/may-wait", .unit = "ns", .parameter = &cached_1,
     .variants = {HONE(run_may_wait), PREAD(run_pread_1)}},
    CACHED(1), CACHED(8), CACHED(64),
    DIRECT(1), DIRECT(4), DIRECT(16), DIRECT(64),
    {.name = "nop/batch-64", .unit = "ns", .items_per_iteration = 64, .parameter = &cached_64,
     .variants = {HONE(run_nops), LIBURING(run_nops)}},
    {.name = "chain/2-nops", .unit = "ns", .parameter = &cached_1,
     .variants = {HONE(run_chain), LIBURING(run_chain)}},
    {.name = "log/16-and-sync", .unit = "us", .scale = 1e-3,
     .variants = {LOG("hone", make_ring_log, run_ring_log),
                  LOG("pwritev", make_plain_log, run_plain_log),
                  ROW("liburing", liburing_, make_log, run_log, drop_log),
                  LOG("hone-threads", make_threads_log, run_ring_log)}},
};
/* clang-format on */

static const hone_bench_suite suite = {
    .name = "io", .cases = cases, .cases_count = sizeof cases / sizeof cases[0]};

int main(int argc, char **argv) {
    return hone_bench_main(argc, argv, &suite);
}
