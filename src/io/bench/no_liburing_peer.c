/* SPDX-License-Identifier: Apache-2.0 */
/* The build without liburing: the peer says so. */
#include "io_bench_internal.h"

hone_status liburing_make(const void *parameter, hone_diag *diag, void **out_context) {
    (void)parameter;
    (void)out_context;
    return hone_diag_set(diag, HONE_STATUS_ABSENT, "liburing-dev was not there at build time");
}

void liburing_run_batches(void *context, uint64_t iterations) {
    (void)context;
    (void)iterations;
}

void liburing_run_pipeline(void *context, uint64_t iterations) {
    (void)context;
    (void)iterations;
}

void liburing_run_nops(void *context, uint64_t iterations) {
    (void)context;
    (void)iterations;
}

void liburing_run_chain(void *context, uint64_t iterations) {
    (void)context;
    (void)iterations;
}

void liburing_drop(void *context) {
    (void)context;
}

hone_status liburing_make_log(const void *parameter, hone_diag *diag, void **out_context) {
    return liburing_make(parameter, diag, out_context);
}

void liburing_run_log(void *context, uint64_t iterations) {
    (void)context;
    (void)iterations;
}

void liburing_drop_log(void *context) {
    (void)context;
}
