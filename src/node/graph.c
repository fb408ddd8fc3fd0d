/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pictures of a node. As text: a tree, where a stage stands below the last of the stages it takes
 * from and names the others. As SVG: columns from left to right, a stage one column to the right of
 * the farthest stage it takes from.
 */
#include "graph_internal.h"

#include <stdio.h>

#include "hone/base/json.h"
#include "hone/base/units.h"

static hone_node_stage_info info_of(const hone_node *node, uint32_t index) {
    hone_node_stage_info info = {0};
    hone_status status = hone_node_stage_info_read(node, index, &info);
    (void)status; /* callers stay below hone_node_stages_count */
    return info;
}

/* --- text --- */

enum { TEXT_COLUMNS = 80, FIELDS_WIDTH_MIN = 30, FIELDS_SHOWN_MAX = 60 };

/* Columns that UTF-8 text takes, one per character. */
static size_t width_of(hone_text text) {
    size_t width = 0;
    for (size_t i = 0; i < text.size; i++) {
        width += ((unsigned char)text.data[i] & 0xC0) != 0x80;
    }
    return width;
}

/* What stands before the text at a depth of the tree, 3 columns per level. */
static void append_rails(uint32_t depth, const bool *is_open, hone_buffer *out_text) {
    for (uint32_t level = 0; level < depth; level++) {
        hone_buffer_append_text(out_text, is_open[level] ? HONE_TEXT("│  ") : HONE_TEXT("   "));
    }
}

/* "name type, name type", wrapped behind the rails; a wide schema is cut. */
static void append_fields(const hone_schema *schema, uint32_t depth, const bool *is_open,
                          hone_buffer *out_text) {
    size_t rails = (size_t)depth * 3, used = 0;
    size_t room = rails + FIELDS_WIDTH_MIN < TEXT_COLUMNS ? TEXT_COLUMNS - rails : FIELDS_WIDTH_MIN;
    uint32_t shown =
        schema->fields_count <= FIELDS_SHOWN_MAX ? schema->fields_count : FIELDS_SHOWN_MAX;
    for (uint32_t i = 0; i < shown; i++) {
        const char *type = hone_type_name(schema->fields[i].type);
        hone_text name = schema->fields[i].name;
        size_t width = width_of(name) + 1 + strlen(type) + (i + 1 < schema->fields_count);
        bool is_new_line = used == 0 || used + 1 + width > room;
        if (is_new_line) {
            hone_buffer_append_text(out_text, used ? HONE_TEXT("\n") : HONE_TEXT(""));
            append_rails(depth, is_open, out_text);
        }
        used = is_new_line ? width : used + 1 + width;
        hone_buffer_append_text(out_text, is_new_line ? HONE_TEXT("") : HONE_TEXT(" "));
        hone_buffer_append_text(out_text, name);
        hone_buffer_format(out_text, " %s%s", type, i + 1 < schema->fields_count ? "," : "");
    }
    hone_buffer_append_byte(out_text, '\n');
    if (shown < schema->fields_count) {
        append_rails(depth, is_open, out_text);
        hone_buffer_format(out_text, "... and %u more (--json lists all)\n",
                           schema->fields_count - shown);
    }
}

static void append_stage(const hone_node *node, uint32_t index, hone_buffer *out_text) {
    hone_node_stage_info info = info_of(node, index);
    hone_buffer_format(out_text, "%s (%s)", info.name, info.kind);
    if (info.schema) {
        hone_buffer_format(out_text, ", %u field%s%s", info.schema->fields_count,
                           info.schema->fields_count == 1 ? "" : "s",
                           info.schema->is_timed ? ", timed" : "");
    }
    for (uint32_t i = 0; i + 1 < info.inputs_count; i++) {
        hone_buffer_format(out_text, "%s %s", i ? "," : ", also from",
                           info_of(node, info.inputs[i]).name);
    }
    if (strcmp(info.on_full, "block") != 0) {
        hone_buffer_format(out_text, ", %s", info.on_full);
    }
    if (info.is_critical) {
        hone_buffer_append_text(out_text, HONE_TEXT(", critical"));
    }
    hone_buffer_append_byte(out_text, '\n');
}

/* The stage that hangs below `parent` next after `after`, or the count when there is none. */
static uint32_t next_child(const hone_node *node, uint32_t parent, uint32_t after) {
    uint32_t count = hone_node_stages_count(node);
    for (uint32_t i = after; i < count; i++) {
        hone_node_stage_info info = info_of(node, i);
        if (info.inputs_count && info.inputs[info.inputs_count - 1] == parent) {
            return i;
        }
    }
    return count;
}

/* Depth is bounded by the number of stages. `is_open` tells for each level whether more children
 * follow. */
static void append_subtree(const hone_node *node, uint32_t index, uint32_t depth, bool *is_open,
                           hone_buffer *out_text) {
    uint32_t count = hone_node_stages_count(node);
    hone_node_stage_info info = info_of(node, index);
    append_stage(node, index, out_text);
    is_open[depth] = next_child(node, index, 0) < count;
    if (info.schema && info.schema->fields_count) {
        append_fields(info.schema, depth + 1, is_open, out_text);
    }
    for (uint32_t child = next_child(node, index, 0); child < count;) {
        uint32_t following = next_child(node, index, child + 1);
        append_rails(depth, is_open, out_text);
        is_open[depth] = following < count;
        hone_buffer_append_text(out_text, is_open[depth] ? HONE_TEXT("├─ ") : HONE_TEXT("└─ "));
        append_subtree(node, child, depth + 1, is_open, out_text);
        child = following;
    }
}

const char *hn_pinning_name(hone_pinning pinning) {
    static const char *const names[] = {"none", "compact", "scatter"};
    return names[pinning];
}

/* "partition control: 30 % (critical 50 %): fast, out" */
static void append_partition(const hone_node *node, const hone_partition_options *partition,
                             hone_buffer *out_text) {
    const char *joint = ": ";
    hone_buffer_format(out_text, "partition %s: %g %%", partition->name, 100 * partition->share);
    if (partition->critical_share > 0) {
        hone_buffer_format(out_text, " (critical %g %%)", 100 * partition->critical_share);
    }
    for (uint32_t i = 0; i < hone_node_stages_count(node); i++) {
        hone_node_stage_info info = info_of(node, i);
        if (strcmp(info.partition, partition->name) == 0) {
            hone_buffer_format(out_text, "%s%s", joint, info.name);
            joint = ", ";
        }
    }
    hone_buffer_append_text(out_text, *joint == ':' ? HONE_TEXT(": no stage\n") : HONE_TEXT("\n"));
}

static void append_scheduling(const hone_node *node, hone_buffer *out_text) {
    hone_node_scheduling scheduling;
    hone_node_scheduling_read(node, &scheduling);
    hone_buffer_format(out_text, "power %s, batches of at most %u rows; workers ",
                       hone_power_profile_name(scheduling.power.profile), scheduling.batch_rows);
    if (scheduling.pinning == HONE_PINNING_NONE) {
        hone_buffer_append_text(out_text, HONE_TEXT("not pinned"));
    } else {
        hone_buffer_format(out_text, "pinned: %s", hn_pinning_name(scheduling.pinning));
    }
    hone_buffer_append_text(out_text, scheduling.is_one_per_core ? HONE_TEXT(", one per core\n")
                                                                 : HONE_TEXT("\n"));
    for (uint32_t i = 0; i < scheduling.partitions_count; i++) {
        append_partition(node, &scheduling.partitions[i], out_text);
    }
}

void hone_graph_write_text(const hone_node *node, hone_buffer *out_text) {
    bool is_open[HONE_LIVE_STAGES_MAX + 1] = {false};
    char budget[24];
    uint32_t count = hone_node_stages_count(node);
    (void)hone_size_format((double)hone_node_budget_bytes(node), budget, sizeof budget);
    hone_buffer_format(out_text, "%s: %u stages, memory budget %s, %u workers\n",
                       hone_node_name(node), count, budget, hone_node_workers_count(node));
    append_scheduling(node, out_text);
    for (uint32_t i = 0; i < count; i++) {
        if (info_of(node, i).inputs_count == 0) {
            append_subtree(node, i, 0, is_open, out_text);
        }
    }
}

/* --- JSON --- */

static void write_schema(hone_json_writer *writer, const hone_schema *schema) {
    hone_json_write_key(writer, HONE_TEXT("fields"));
    if (!schema) {
        hone_json_write_null(writer);
        return;
    }
    hone_json_write_array_begin(writer);
    for (uint32_t i = 0; i < schema->fields_count; i++) {
        hone_json_write_object_begin(writer);
        hone_json_write_key(writer, HONE_TEXT("name"));
        hone_json_write_text(writer, schema->fields[i].name);
        hone_json_write_key(writer, HONE_TEXT("type"));
        hone_json_write_text(writer, hone_text_of(hone_type_name(schema->fields[i].type)));
        hone_json_write_object_end(writer);
    }
    hone_json_write_array_end(writer);
}

static void write_stage(hone_json_writer *writer, const hone_node *node, uint32_t index) {
    hone_node_stage_info info = info_of(node, index);
    hone_json_write_object_begin(writer);
    hone_json_write_key(writer, HONE_TEXT("name"));
    hone_json_write_text(writer, hone_text_of(info.name));
    hone_json_write_key(writer, HONE_TEXT("kind"));
    hone_json_write_text(writer, hone_text_of(info.kind));
    hone_json_write_key(writer, HONE_TEXT("line"));
    hone_json_write_u64(writer, info.line);
    hone_json_write_key(writer, HONE_TEXT("from"));
    hone_json_write_array_begin(writer);
    for (uint32_t i = 0; i < info.inputs_count; i++) {
        hone_json_write_text(writer, hone_text_of(info_of(node, info.inputs[i]).name));
    }
    hone_json_write_array_end(writer);
    hone_json_write_key(writer, HONE_TEXT("on_full"));
    hone_json_write_text(writer, hone_text_of(info.on_full));
    hone_json_write_key(writer, HONE_TEXT("queue_batches"));
    hone_json_write_u64(writer, info.queue_batches);
    hone_json_write_key(writer, HONE_TEXT("partition"));
    if (info.partition) {
        hone_json_write_text(writer, hone_text_of(info.partition));
    } else {
        hone_json_write_null(writer);
    }
    hone_json_write_key(writer, HONE_TEXT("critical"));
    hone_json_write_bool(writer, info.is_critical);
    write_schema(writer, info.schema);
    hone_json_write_object_end(writer);
}

static void write_scheduling(hone_json_writer *writer, const hone_node *node) {
    hone_node_scheduling scheduling;
    hone_node_scheduling_read(node, &scheduling);
    hone_json_write_key(writer, HONE_TEXT("pinning"));
    hone_json_write_text(writer, hone_text_of(hn_pinning_name(scheduling.pinning)));
    hone_json_write_key(writer, HONE_TEXT("one_per_core"));
    hone_json_write_bool(writer, scheduling.is_one_per_core);
    hone_json_write_key(writer, HONE_TEXT("power"));
    hone_json_write_text(writer, hone_text_of(hone_power_profile_name(scheduling.power.profile)));
    hone_json_write_key(writer, HONE_TEXT("power_reason"));
    hone_json_write_text(writer, hone_text_of(scheduling.power.reason));
    hone_json_write_key(writer, HONE_TEXT("batch_rows"));
    hone_json_write_u64(writer, scheduling.batch_rows);
    hone_json_write_key(writer, HONE_TEXT("partitions"));
    hone_json_write_array_begin(writer);
    for (uint32_t i = 0; i < scheduling.partitions_count; i++) {
        const hone_partition_options *partition = &scheduling.partitions[i];
        hone_json_write_object_begin(writer);
        hone_json_write_key(writer, HONE_TEXT("name"));
        hone_json_write_text(writer, hone_text_of(partition->name));
        hone_json_write_key(writer, HONE_TEXT("share"));
        hone_json_write_f64(writer, partition->share);
        hone_json_write_key(writer, HONE_TEXT("critical_share"));
        hone_json_write_f64(writer, partition->critical_share > 0 ? partition->critical_share
                                                                  : partition->share);
        hone_json_write_object_end(writer);
    }
    hone_json_write_array_end(writer);
}

void hone_graph_write_json(const hone_node *node, hone_buffer *out_text) {
    hone_json_writer writer;
    hone_json_writer_init(&writer, out_text, 2);
    hone_json_write_object_begin(&writer);
    hone_json_write_key(&writer, HONE_TEXT("node"));
    hone_json_write_text(&writer, hone_text_of(hone_node_name(node)));
    hone_json_write_key(&writer, HONE_TEXT("file"));
    hone_json_write_text(&writer, hone_text_of(hone_node_path(node)));
    hone_json_write_key(&writer, HONE_TEXT("memory_budget_bytes"));
    hone_json_write_u64(&writer, hone_node_budget_bytes(node));
    hone_json_write_key(&writer, HONE_TEXT("workers_count"));
    hone_json_write_u64(&writer, hone_node_workers_count(node));
    write_scheduling(&writer, node);
    hone_json_write_key(&writer, HONE_TEXT("stages"));
    hone_json_write_array_begin(&writer);
    for (uint32_t i = 0; i < hone_node_stages_count(node); i++) {
        write_stage(&writer, node, i);
    }
    hone_json_write_array_end(&writer);
    hone_json_write_object_end(&writer);
    hone_buffer_append_byte(out_text, '\n');
}

/* --- SVG --- */

enum { BOX_WIDTH = 190, BOX_HEIGHT = 64, GAP_X = 70, GAP_Y = 24, MARGIN = 16 };

typedef struct place {
    uint32_t column, row;
} place;

typedef struct layout {
    place places[HONE_LIVE_STAGES_MAX];
    uint32_t rows[HONE_LIVE_STAGES_MAX]; /* of each column */
    uint32_t columns_count, rows_count;
} layout;

static void lay_out(const hone_node *node, layout *out) {
    *out = (layout){.columns_count = 1};
    for (uint32_t i = 0; i < hone_node_stages_count(node); i++) {
        hone_node_stage_info info = info_of(node, i);
        uint32_t column = 0;
        for (uint32_t k = 0; k < info.inputs_count;
             k++) { /* inputs come earlier, so they are placed */
            uint32_t after = out->places[info.inputs[k]].column + 1;
            column = after > column ? after : column;
        }
        out->places[i] = (place){column, out->rows[column]++};
        out->columns_count = column + 1 > out->columns_count ? column + 1 : out->columns_count;
        out->rows_count = out->rows[column] > out->rows_count ? out->rows[column] : out->rows_count;
    }
}

static int left_of(const layout *plan, uint32_t index) {
    return MARGIN + (int)plan->places[index].column * (BOX_WIDTH + GAP_X);
}

static int top_of(const layout *plan, uint32_t index) {
    return MARGIN + (int)plan->places[index].row * (BOX_HEIGHT + GAP_Y);
}

void hn_xml_append(hone_buffer *out_text, hone_text text) {
    for (size_t i = 0; i < text.size; i++) {
        switch (text.data[i]) {
        case '<': hone_buffer_append_text(out_text, HONE_TEXT("&lt;")); break;
        case '>': hone_buffer_append_text(out_text, HONE_TEXT("&gt;")); break;
        case '&': hone_buffer_append_text(out_text, HONE_TEXT("&amp;")); break;
        case '"': hone_buffer_append_text(out_text, HONE_TEXT("&quot;")); break;
        default:
            hone_buffer_append_byte(out_text,
                                    (unsigned char)text.data[i] < 32 ? ' ' : text.data[i]);
        }
    }
}

/* At most 24 bytes of a name fit into a box; the whole name is its tooltip. */
static void append_label(hone_buffer *out_text, int x, int y, const char *style, hone_text text) {
    hone_buffer_format(out_text, "<text x=\"%d\" y=\"%d\" class=\"%s\">", x, y, style);
    hn_xml_append(out_text, (hone_text){text.data, text.size > 26 ? 24 : text.size});
    hone_buffer_append_text(out_text,
                            text.size > 26 ? HONE_TEXT("…</text>\n") : HONE_TEXT("</text>\n"));
}

static void append_box(const hone_node *node, const layout *plan, uint32_t index,
                       const hone_live_page *live, hone_buffer *out_text) {
    static const char *const classes[] = {"source", "transform", "sink"};
    hone_node_stage_info info = info_of(node, index);
    int x = left_of(plan, index), y = top_of(plan, index);
    char third[64];
    int role = info.inputs_count == 0 ? 0 : info.schema ? 1 : 2;
    hone_buffer_format(
        out_text,
        "<g><rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" rx=\"8\" class=\"%s\"/><title>", x,
        y, BOX_WIDTH, BOX_HEIGHT, classes[role]);
    hn_xml_append(out_text, hone_text_of(info.name));
    hone_buffer_append_text(out_text, HONE_TEXT("</title>\n"));
    append_label(out_text, x + 12, y + 22, "name", hone_text_of(info.name));
    append_label(out_text, x + 12, y + 39, "kind", hone_text_of(info.kind));
    if (live) {
        const hone_live_stage *stage = &live->stages[index];
        (void)snprintf(third, sizeof third, "%llu in, %llu out",
                       (unsigned long long)atomic_load(&stage->records_in),
                       (unsigned long long)atomic_load(&stage->records_out));
    } else if (info.schema) {
        (void)snprintf(third, sizeof third, "%u fields%s", info.schema->fields_count,
                       info.schema->is_timed ? ", timed" : "");
    } else {
        (void)snprintf(third, sizeof third, "queue %u, %s", info.queue_batches, info.on_full);
    }
    append_label(out_text, x + 12, y + 55, "kind", hone_text_of(third));
    hone_buffer_append_text(out_text, HONE_TEXT("</g>\n"));
}

static void append_edges(const hone_node *node, const layout *plan, uint32_t index,
                         hone_buffer *out_text) {
    hone_node_stage_info info = info_of(node, index);
    int x = left_of(plan, index), y = top_of(plan, index) + BOX_HEIGHT / 2;
    for (uint32_t k = 0; k < info.inputs_count; k++) {
        int from_x = left_of(plan, info.inputs[k]) + BOX_WIDTH,
            from_y = top_of(plan, info.inputs[k]) + BOX_HEIGHT / 2;
        hone_buffer_format(
            out_text,
            "<path d=\"M%d %d C%d %d %d %d %d %d\" class=\"edge\" marker-end=\"url(#tip)\"/>\n",
            from_x, from_y, from_x + GAP_X / 2, from_y, x - 8 - GAP_X / 2, y, x - 8, y);
    }
}

void hn_graph_append_svg(const hone_node *node, const hone_live_page *live, hone_buffer *out_text) {
    static const char style[] =
        "<style>.name{font:600 14px sans-serif;fill:#1b2733}.kind{font:12px "
        "sans-serif;fill:#4a5a68}"
        ".edge{fill:none;stroke:#8496a5;stroke-width:1.5}rect{stroke-width:1.5}"
        ".source{fill:#e3f2ec;stroke:#3f8f6b}.transform{fill:#e6eef8;stroke:#4a78b5}.sink{fill:#"
        "faf0e0;stroke:#b8863b}"
        "</style><defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"1\" refY=\"4\" "
        "markerWidth=\"7\" "
        "markerHeight=\"7\" orient=\"auto\"><path d=\"M0 0L8 4L0 8z\" "
        "fill=\"#8496a5\"/></marker></defs>\n";
    layout plan;
    lay_out(node, &plan);
    int width = 2 * MARGIN + (int)plan.columns_count * (BOX_WIDTH + GAP_X) - GAP_X;
    int height = 2 * MARGIN + (int)plan.rows_count * (BOX_HEIGHT + GAP_Y) - GAP_Y;
    hone_buffer_format(out_text,
                       "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
                       "viewBox=\"0 0 %d %d\" "
                       "role=\"img\">\n",
                       width, height, width, height);
    hone_buffer_append_text(out_text, hone_text_of(style));
    for (uint32_t i = 0; i < hone_node_stages_count(node); i++) {
        append_edges(node, &plan, i, out_text);
    }
    for (uint32_t i = 0; i < hone_node_stages_count(node); i++) {
        append_box(node, &plan, i, live, out_text);
    }
    hone_buffer_append_text(out_text, HONE_TEXT("</svg>\n"));
}

void hone_graph_write_svg(const hone_node *node, hone_buffer *out_text) {
    hn_graph_append_svg(node, NULL, out_text);
}
