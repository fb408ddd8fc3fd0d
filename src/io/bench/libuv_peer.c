/* SPDX-License-Identifier: Apache-2.0 */
/* libuv: its file reads run on a pool of its own, of four threads unless UV_THREADPOOL_SIZE says
 * another number. */
#include <stdlib.h>
#include <uv.h>

#include "io_bench_internal.h"

typedef struct libuv_run {
    uv_loop_t loop;
    uv_fs_t requests[DEPTH_MAX];
    char *buffers;
    read_shape shape;
    int fd;
    uint64_t seed;
    uint32_t to_start;
} libuv_run;

static void start(libuv_run *it, uv_fs_t *request);

static void take(uv_fs_t *request) {
    libuv_run *it = request->data;
    require(request->result == READ_BYTES);
    uv_fs_req_cleanup(request);
    if (it->to_start > 0) {
        it->to_start--;
        start(it, request);
    }
}

static void start(libuv_run *it, uv_fs_t *request) {
    uv_buf_t buffer = uv_buf_init(it->buffers + (request - it->requests) * READ_BYTES, READ_BYTES);
    request->data = it;
    require(uv_fs_read(&it->loop, request, it->fd, &buffer, 1, (int64_t)next_offset(&it->seed),
                       take) == 0);
}

hone_status libuv_make(const void *parameter, hone_diag *diag, void **out_context) {
    libuv_run *it = calloc(1, sizeof *it);
    void *buffers = NULL;
    if (!it || posix_memalign(&buffers, READ_BYTES, (size_t)DEPTH_MAX * READ_BYTES) != 0) {
        free(it);
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    it->shape = *(const read_shape *)parameter;
    it->seed = 1;
    it->buffers = buffers;
    hone_status status = open_file(&it->shape, diag, &it->fd);
    if (status != HONE_OK || uv_loop_init(&it->loop) != 0) {
        free(buffers);
        free(it);
        return status != HONE_OK ? status : HONE_STATUS_OUT_OF_MEMORY;
    }
    *out_context = it;
    return HONE_OK;
}

void libuv_run_pipeline(void *context, uint64_t iterations) {
    libuv_run *it = context;
    for (uint64_t i = 0; i < iterations; i++) {
        it->to_start = DIRECT_COUNT - it->shape.depth;
        for (uint32_t n = 0; n < it->shape.depth; n++) {
            start(it, &it->requests[n]);
        }
        require(uv_run(&it->loop, UV_RUN_DEFAULT) == 0);
    }
}

void libuv_drop(void *context) {
    libuv_run *it = context;
    require(uv_loop_close(&it->loop) == 0);
    free(it->buffers);
    free(it);
}
