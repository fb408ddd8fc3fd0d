/* SPDX-License-Identifier: Apache-2.0 */
/* The stage kinds there are: one row each, in the order in which help lists them. */
#include "node_internal.h"
#include "stages/kinds_internal.h"

/* clang-format off */
static const hn_stage_kind *const kinds[] = {
    &hn_kind_source_csv,
    &hn_kind_source_ndjson,
    &hn_kind_source_host,
    &hn_kind_source_replay,
    &hn_kind_filter,
    &hn_kind_map,
    &hn_kind_window,
    &hn_kind_sink_csv,
    &hn_kind_sink_ndjson,
    &hn_kind_sink_record,
    &hn_kind_sink_null,
};
/* clang-format on */
enum { KINDS_COUNT = sizeof kinds / sizeof *kinds };

const hn_stage_kind *hn_stage_kind_at(uint32_t index) {
    return index < KINDS_COUNT ? kinds[index] : NULL;
}

bool hone_stage_kind_at(uint32_t index, hone_stage_kind_info *out_info) {
    const hn_stage_kind *kind = hn_stage_kind_at(index);
    if (kind) {
        *out_info = (hone_stage_kind_info){kind->name, kind->summary, kind->options_count,
                                           kind->role != HN_ROLE_SOURCE};
    }
    return kind != NULL;
}

bool hone_stage_option_at(uint32_t kind_index, uint32_t option_index,
                          hone_stage_option_info *out_info) {
    const hn_stage_kind *kind = hn_stage_kind_at(kind_index);
    if (!kind || option_index >= kind->options_count) {
        return false;
    }
    *out_info = hn_option_describe(&kind->options[option_index]);
    return true;
}
