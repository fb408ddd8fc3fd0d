/* SPDX-License-Identifier: Apache-2.0 */
/* Drawing, shared by graph.c and report_page.c. */
#ifndef HONE_NODE_GRAPH_INTERNAL_H
#define HONE_NODE_GRAPH_INTERNAL_H

#include "hone/node/report.h"

/* The graph as an SVG element; with `live` (may be NULL) the boxes show the stages' records. */
void hn_graph_append_svg(const hone_node *node, const hone_live_page *live, hone_buffer *out_text);

/* As 'pinning' in [node] names it. */
const char *hn_pinning_name(hone_pinning pinning);

/* Text with the characters escaped that mean something in XML. */
void hn_xml_append(hone_buffer *out_text, hone_text text);

#endif
