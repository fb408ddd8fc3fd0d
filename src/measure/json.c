/* SPDX-License-Identifier: Apache-2.0 */
#include "json_internal.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

static bool copy_field(const json_t *object, const char *key, char *out_text, size_t size) {
    const json_t *value = json_object_get(object, key);
    const char *text = json_string_value(value);
    /* A zero byte inside would cut the text unnoticed. */
    if (!text || strlen(text) != json_string_length(value) || strlen(text) >= size) {
        return false;
    }
    memcpy(out_text, text, strlen(text) + 1);
    return true;
}

bool hn_json_read_host(const json_t *object, hone_bench_host *out_host) {
    hone_bench_host host = {.load_average = -1};
    json_int_t cpus = json_integer_value(json_object_get(object, "cpus"));
    if (!copy_field(object, "cpu", host.cpu, sizeof host.cpu) ||
        !copy_field(object, "architecture", host.architecture, sizeof host.architecture) ||
        !copy_field(object, "kernel", host.kernel, sizeof host.kernel) ||
        !copy_field(object, "compiler", host.compiler, sizeof host.compiler) ||
        !copy_field(object, "build", host.build, sizeof host.build) || cpus < 1 || cpus > 1 << 20) {
        return false;
    }
    host.cpus_count = (uint32_t)cpus;
    json_t *load = json_object_get(object, "load");
    host.load_average = json_is_number(load) ? json_number_value(load) : -1;
    host.fingerprint = hn_host_fingerprint(&host);
    *out_host = host;
    return true;
}

hone_status hn_state_directory(const char *leaf, hone_arena *arena, hone_diag *diag,
                               const char **out_path) {
    const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    char path[2048];
    int length;
    if (state && state[0] == '/') {
        length = snprintf(path, sizeof path, "%s/hone/%s", state, leaf);
    } else if (home && home[0] == '/') {
        length = snprintf(path, sizeof path, "%s/.local/state/hone/%s", home, leaf);
    } else {
        return hone_diag_set(diag, HONE_STATUS_ABSENT,
                             "neither XDG_STATE_HOME nor HOME is set: name a directory for the %s "
                             "(--%s DIR)",
                             leaf, leaf);
    }
    char *copy = NULL;
    if (length > 0 && (size_t)length < sizeof path) {
        copy = hone_arena_copy_text(arena, hone_text_of(path));
    }
    if (!copy) {
        return hone_diag_set(diag, HONE_STATUS_LIMIT, "the path of the %s is too long", leaf);
    }
    *out_path = copy;
    return HONE_OK;
}
