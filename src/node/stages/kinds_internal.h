/* SPDX-License-Identifier: Apache-2.0 */
/* The kinds that stages/ defines: kinds.c puts them into its table. docs/stages.md is their manual.
 */
#ifndef HONE_NODE_STAGES_KINDS_INTERNAL_H
#define HONE_NODE_STAGES_KINDS_INTERNAL_H

#include "stage_internal.h"

extern const hn_stage_kind hn_kind_window;
extern const hn_stage_kind hn_kind_filter;
extern const hn_stage_kind hn_kind_map;
extern const hn_stage_kind hn_kind_source_csv;
extern const hn_stage_kind hn_kind_source_host;
extern const hn_stage_kind hn_kind_source_ndjson;
extern const hn_stage_kind hn_kind_source_replay;
extern const hn_stage_kind hn_kind_sink_csv;
extern const hn_stage_kind hn_kind_sink_ndjson;
extern const hn_stage_kind hn_kind_sink_null;
extern const hn_stage_kind hn_kind_sink_record;

#endif
