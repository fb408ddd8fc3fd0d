/* SPDX-License-Identifier: Apache-2.0 */
/* Private to measure: jansson where a tree is wanted. */
#ifndef HONE_MEASURE_JSON_INTERNAL_H
#define HONE_MEASURE_JSON_INTERNAL_H

#include <jansson.h>

#include "hone/base/buffer.h"
#include "hone/measure/bench.h"

/* Appends the tree as text with a line end, and releases it. NULL (out of memory) marks the buffer.
 */
void hn_json_write(json_t *tree, size_t flags, hone_buffer *out);

/* A number, or null where it is not finite or not known. */
json_t *hn_json_number(double value, bool is_known);

json_t *hn_json_host(const hone_bench_host *host);

/* The same back. The fingerprint is computed again. False when a part is missing or too long. */
bool hn_json_read_host(const json_t *object, hone_bench_host *out_host);

/* $XDG_STATE_HOME/hone/LEAF or ~/.local/state/hone/LEAF, in the arena. ABSENT, LIMIT. */
hone_status hn_state_directory(const char *leaf, hone_arena *arena, hone_diag *diag,
                               const char **out_path);

const char *hn_better_name(hone_bench_better better);

/* Of cpu, architecture, kernel and cpus_count. */
uint64_t hn_host_fingerprint(const hone_bench_host *host);

#endif
