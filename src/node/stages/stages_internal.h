/* SPDX-License-Identifier: Apache-2.0 */
/* The stage kinds, one per file of this folder; kinds.c lists them. */
#ifndef HONE_NODE_STAGES_INTERNAL_H
#define HONE_NODE_STAGES_INTERNAL_H

#include "stage_internal.h"

extern const hn_stage_kind hn_kind_source_csv;
extern const hn_stage_kind hn_kind_source_host;
extern const hn_stage_kind hn_kind_sink_null;

#endif
