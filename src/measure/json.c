/* SPDX-License-Identifier: Apache-2.0 */
#include "json_internal.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>

static int append_piece(const char *data, size_t size, void *out) {
    hone_buffer_append(out, data, size);
    return hone_buffer_status(out) == HONE_OK ? 0 : -1;
}

void hn_json_write(json_t *tree, size_t flags, hone_buffer *out) {
    if (!tree || json_dump_callback(tree, append_piece, out, flags) != 0) {
        out->status = out->status != HONE_OK ? out->status : HONE_STATUS_OUT_OF_MEMORY;
    }
    hone_buffer_append_byte(out, '\n');
    json_decref(tree);
}

json_t *hn_json_number(double value, bool is_known) {
    return is_known && isfinite(value) ? json_real(value) : json_null();
}

const char *hn_better_name(hone_bench_better better) {
    return better == HONE_BENCH_LOWER ? "lower" : "higher";
}

uint64_t hn_host_fingerprint(const hone_bench_host *host) {
    char identity[300];
    int length = snprintf(identity, sizeof identity, "%s|%s|%s|%u", host->cpu, host->architecture,
                          host->kernel, host->cpus_count);
    return hone_hash_bytes(identity, (size_t)length);
}

json_t *hn_json_host(const hone_bench_host *host) {
    char fingerprint[24];
    (void)snprintf(fingerprint, sizeof fingerprint, "%016" PRIx64, host->fingerprint);
    return json_pack("{s:s, s:s, s:s, s:i, s:s, s:s, s:o, s:s}", "cpu", host->cpu, "architecture",
                     host->architecture, "kernel", host->kernel, "cpus", (int)host->cpus_count,
                     "compiler", host->compiler, "build", host->build, "load",
                     hn_json_number(host->load_average, host->load_average >= 0), "fingerprint",
                     fingerprint);
}
