/* SPDX-License-Identifier: Apache-2.0 */
/* The peer that one would write on plain liburing: the best kind of ring, a registered file and
 * registered buffers, nothing around them. */
#include <liburing.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "io_bench_internal.h"

typedef struct liburing_run {
    struct io_uring ring;
    read_shape shape;
    uint64_t seed;
    char *buffers;
} liburing_run;

hone_status liburing_make(const void *parameter, hone_diag *diag, void **out_context) {
    liburing_run *it = calloc(1, sizeof *it);
    void *buffers = NULL;
    if (!it || posix_memalign(&buffers, READ_BYTES, (size_t)DEPTH_MAX * READ_BYTES) != 0) {
        free(it);
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    it->shape = *(const read_shape *)parameter;
    it->seed = 1;
    it->buffers = buffers;
    int fd;
    hone_status status = open_file(&it->shape, diag, &fd);
    struct iovec all = {buffers, (size_t)DEPTH_MAX * READ_BYTES};
    struct io_uring_params params = {.flags =
                                         IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN};
    if (status == HONE_OK && io_uring_queue_init_params(DEPTH_MAX, &it->ring, &params) != 0) {
        status = hone_diag_set(diag, HONE_STATUS_ABSENT, "this kernel gives no such ring");
    }
    if (status != HONE_OK) {
        free(buffers);
        free(it);
        return status;
    }
    require(io_uring_register_buffers(&it->ring, &all, 1) == 0);
    require(io_uring_register_files(&it->ring, &fd, 1) == 0);
    require(io_uring_register_ring_fd(&it->ring) == 1);
    *out_context = it;
    return HONE_OK;
}

void liburing_drop(void *context) {
    liburing_run *it = context;
    io_uring_queue_exit(&it->ring);
    free(it->buffers);
    free(it);
}

static void prepare_read(liburing_run *it, uint64_t buffer) {
    struct io_uring_sqe *sqe = io_uring_get_sqe(&it->ring);
    io_uring_prep_read_fixed(sqe, 0, it->buffers + buffer * READ_BYTES, READ_BYTES,
                             next_offset(&it->seed), 0);
    sqe->flags |= IOSQE_FIXED_FILE;
    io_uring_sqe_set_data64(sqe, buffer);
}

/* Takes what is there; returns how many, and starts the next reads while `*to_start` is not 0. */
static uint32_t take(liburing_run *it, uint32_t *to_start, int32_t expected) {
    struct io_uring_cqe *cqe;
    unsigned head;
    uint32_t count = 0;
    io_uring_for_each_cqe(&it->ring, head, cqe) {
        require(cqe->res == expected);
        count++;
        if (*to_start > 0) {
            --*to_start;
            prepare_read(it, cqe->user_data);
        }
    }
    io_uring_cq_advance(&it->ring, count);
    return count;
}

void liburing_run_batches(void *context, uint64_t iterations) {
    liburing_run *it = context;
    uint32_t none = 0;
    for (uint64_t i = 0; i < iterations; i++) {
        for (uint32_t n = 0; n < it->shape.depth; n++) {
            prepare_read(it, n);
        }
        for (uint32_t ended_count = 0; ended_count < it->shape.depth;) {
            require(io_uring_submit_and_wait(&it->ring, it->shape.depth - ended_count) >= 0);
            ended_count += take(it, &none, READ_BYTES);
        }
    }
}

void liburing_run_pipeline(void *context, uint64_t iterations) {
    liburing_run *it = context;
    for (uint64_t i = 0; i < iterations; i++) {
        uint32_t to_start = DIRECT_COUNT - it->shape.depth;
        for (uint32_t n = 0; n < it->shape.depth; n++) {
            prepare_read(it, n);
        }
        for (uint32_t ended_count = 0; ended_count < DIRECT_COUNT;) {
            require(io_uring_submit_and_wait(&it->ring, 1) >= 0);
            ended_count += take(it, &to_start, READ_BYTES);
        }
    }
}

void liburing_run_nops(void *context, uint64_t iterations) {
    liburing_run *it = context;
    uint32_t none = 0;
    for (uint64_t i = 0; i < iterations; i++) {
        for (uint32_t n = 0; n < it->shape.depth; n++) {
            io_uring_prep_nop(io_uring_get_sqe(&it->ring));
        }
        require(io_uring_submit_and_wait(&it->ring, it->shape.depth) >= 0);
        require(take(it, &none, 0) == it->shape.depth);
    }
}

void liburing_run_chain(void *context, uint64_t iterations) {
    liburing_run *it = context;
    uint32_t none = 0;
    for (uint64_t i = 0; i < iterations; i++) {
        for (uint32_t n = 0; n < 2; n++) {
            struct io_uring_sqe *sqe = io_uring_get_sqe(&it->ring);
            io_uring_prep_nop(sqe);
            sqe->flags |= n == 0 ? IOSQE_IO_LINK : 0;
        }
        require(io_uring_submit_and_wait(&it->ring, 2) >= 0);
        require(take(it, &none, 0) == 2);
    }
}

/* ---- a log ---- */

typedef struct log_run {
    struct io_uring ring;
    int fd;
    uint64_t block;
    char data[LOG_BLOCKS][READ_BYTES];
} log_run;

hone_status liburing_make_log(const void *parameter, hone_diag *diag, void **out_context) {
    (void)parameter;
    log_run *it = calloc(1, sizeof *it);
    if (!it) {
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    memset(it->data, 'x', sizeof it->data);
    it->fd = make_file((size_t)LOG_FILE_BLOCKS * READ_BYTES);
    struct io_uring_params params = {.flags =
                                         IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN};
    if (it->fd < 0 || io_uring_queue_init_params(2, &it->ring, &params) != 0) {
        if (it->fd >= 0) {
            (void)close(it->fd);
        }
        free(it);
        return hone_diag_set(diag, HONE_STATUS_ABSENT, "no file here, or no such ring");
    }
    require(io_uring_register_ring_fd(&it->ring) == 1);
    *out_context = it;
    return HONE_OK;
}

void liburing_drop_log(void *context) {
    log_run *it = context;
    io_uring_queue_exit(&it->ring);
    (void)close(it->fd);
    free(it);
}

void liburing_run_log(void *context, uint64_t iterations) {
    log_run *it = context;
    for (uint64_t i = 0; i < iterations; i++) {
        struct iovec blocks[LOG_BLOCKS];
        for (uint32_t n = 0; n < LOG_BLOCKS; n++) {
            blocks[n] = (struct iovec){it->data[n], READ_BYTES};
        }
        it->block = (it->block + 1) % (LOG_FILE_BLOCKS - LOG_BLOCKS);
        struct io_uring_sqe *sqe = io_uring_get_sqe(&it->ring);
        io_uring_prep_writev(sqe, it->fd, blocks, LOG_BLOCKS, it->block * READ_BYTES);
        sqe->flags |= IOSQE_IO_LINK;
        io_uring_prep_fsync(io_uring_get_sqe(&it->ring), it->fd, IORING_FSYNC_DATASYNC);
        require(io_uring_submit_and_wait(&it->ring, 2) >= 0);
        for (uint32_t n = 0; n < 2; n++) {
            struct io_uring_cqe *cqe;
            require(io_uring_wait_cqe(&it->ring, &cqe) == 0 && cqe->res >= 0);
            io_uring_cqe_seen(&it->ring, cqe);
        }
    }
}
