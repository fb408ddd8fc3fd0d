/* SPDX-License-Identifier: Apache-2.0 */
/* The build without libuv: the peer says so. */
#include "io_bench_internal.h"

hone_status libuv_make(const void *parameter, hone_diag *diag, void **out_context) {
    (void)parameter;
    (void)out_context;
    return hone_diag_set(diag, HONE_STATUS_ABSENT, "libuv1-dev was not there at build time");
}

void libuv_run_pipeline(void *context, uint64_t iterations) {
    (void)context;
    (void)iterations;
}

void libuv_drop(void *context) {
    (void)context;
}
