/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by the files that load a node: load.c, *_table.c, wiring.c, opening.c. */
#ifndef HONE_NODE_LOAD_INTERNAL_H
#define HONE_NODE_LOAD_INTERNAL_H

#include "node_internal.h"

/* Names are printed as they are: in the report, in the graph, by `hone top`. */
bool hn_name_has_control(hone_text name);

/* OUT_OF_MEMORY, said. */
hone_status hn_node_no_memory(hone_diag *diag);

/* NULL when there is none of that name. */
hn_stage_run *hn_node_find_stage(const hone_node *node, const char *name);

/* Checks the keys of the file's top level, reads [node], and makes the budget. */
HONE_MUST_USE hone_status hn_node_read_settings(hone_node *node, const hone_node_options *options,
                                                hone_diag *diag);

/* Reads [[partition]]; then, with the stages read, finds the one of each. */
HONE_MUST_USE hone_status hn_node_read_partitions(hone_node *node, hone_diag *diag);
HONE_MUST_USE hone_status hn_node_assign_partitions(hone_node *node, hone_diag *diag);

HONE_MUST_USE hone_status hn_node_read_stages(hone_node *node, hone_diag *diag);
HONE_MUST_USE hone_status hn_node_wire(hone_node *node, hone_diag *diag);
HONE_MUST_USE hone_status hn_node_open_stages(hone_node *node, hone_diag *diag);

/* After all have been opened, so that a mistake in one stage costs no other one's file. */
HONE_MUST_USE hone_status hn_node_start_kinds(hone_node *node, hone_diag *diag);

#endif
