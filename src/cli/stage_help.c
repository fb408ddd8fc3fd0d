/* SPDX-License-Identifier: Apache-2.0 */
/* Help for the stage kinds, from the tables that the node itself reads its files with. */
#include <stdio.h>
#include <string.h>

#include "help_internal.h"

#include "hone/node/expression.h"
#include "hone/node/node.h"

void hn_help_print_stages(hn_cli_output *output) {
    hone_stage_kind_info kind;
    hn_help_print_title(output, "Stage kinds");
    for (uint32_t i = 0; hone_stage_kind_at(i, &kind); i++) {
        hn_help_print_row(output, kind.name, kind.summary);
    }
    hn_cli_print(output, "\n'hone help KIND' lists the keys of a kind, as 'hone help %s' does.\n",
                 hone_stage_kind_at(0, &kind) ? kind.name : "KIND");
}

static bool find_kind(hone_text name, uint32_t *out_index, hone_stage_kind_info *out_kind) {
    for (uint32_t i = 0; hone_stage_kind_at(i, out_kind); i++) {
        if (hone_text_is(name, out_kind->name)) {
            *out_index = i;
            return true;
        }
    }
    return false;
}

/* What a choice may be, unless the help has said it. */
static size_t append_choices(const hone_stage_option_info *option, char *text, size_t size) {
    size_t used = 0;
    text[0] = '\0';
    if (strchr(option->help, '"')) {
        return 0;
    }
    for (const char *const *choice = option->choices; choice && *choice && used < size; choice++) {
        const char *joint = choice == option->choices ? ": " : choice[1] ? ", " : " or ";
        int length = snprintf(text + used, size - used, "%s\"%.40s\"", joint, *choice);
        used += length > 0 ? (size_t)length : 0;
    }
    return used < size ? used : size - 1;
}

static void print_key(hn_cli_output *output, const hone_stage_option_info *option) {
    char title[96], text[700];
    (void)snprintf(title, sizeof title, "%s (%s)", option->name, option->type);
    size_t used = (size_t)snprintf(text, sizeof text, "%.300s", option->help);
    used += append_choices(option, text + used, sizeof text - used);
    if (option->is_required) {
        (void)snprintf(text + used, sizeof text - used, "; must be given");
    } else if (option->fallback) {
        (void)snprintf(text + used, sizeof text - used, " (default %.100s)", option->fallback);
    }
    hn_help_print_row(output, title, text);
}

bool hn_help_print_stage(hn_cli_output *output, hone_text name) {
    hone_stage_kind_info kind;
    hone_stage_option_info option;
    uint32_t index = 0;
    if (!find_kind(name, &index, &kind)) {
        return false;
    }
    hn_cli_print(output, "Stage kind %s%s%s\n\n", hn_cli_style_of(output, HN_STYLE_TITLE),
                 kind.name, hn_cli_style_of(output, HN_STYLE_PLAIN));
    hn_cli_print_wrapped(output, hone_text_of(kind.summary), 0, 0);
    if (kind.options_count) {
        hn_help_print_title(output, "Keys");
    }
    for (uint32_t i = 0; hone_stage_option_at(index, i, &option); i++) {
        print_key(output, &option);
    }
    hn_help_print_title(output, "Keys of every stage");
    hn_help_print_row(output, "name (text)", "its own name in this node; must be given");
    hn_help_print_row(output, "kind (text)", "what it is; must be given");
    for (uint32_t i = 0; hone_stage_common_option_at(i, &option); i++) {
        print_key(output, &option);
    }
    for (uint32_t i = 0; kind.has_inputs && hone_stage_input_option_at(i, &option); i++) {
        print_key(output, &option);
    }
    return true;
}

void hn_help_print_node(hn_cli_output *output) {
    hone_stage_option_info option;
    hn_help_print_title(output, "Keys of [node], each of which may be left out");
    for (uint32_t i = 0; hone_node_option_at(i, &option); i++) {
        print_key(output, &option);
    }
    hn_help_print_title(output, "Keys of a [[partition]], a share of CPU time");
    for (uint32_t i = 0; hone_partition_option_at(i, &option); i++) {
        print_key(output, &option);
    }
    hn_cli_print(output, "\n");
    hn_cli_print_wrapped(output,
                         HONE_TEXT("Behind it, each stage begins with a line [[stage]]; 'hone help "
                                   "stages' lists the kinds."),
                         0, 0);
}

void hn_help_print_expressions(hn_cli_output *output) {
    const hone_expression_function *entry;
    hn_cli_print_wrapped(output,
                         HONE_TEXT("What the stages filter and map compute with: fields by their "
                                   "names, numbers, 'texts' in single quotes, true, false, null, "
                                   "and these operators (the weakest first) and functions."),
                         0, 0);
    hn_help_print_title(output, "Operators and functions");
    for (uint32_t i = 0; (entry = hone_expression_function_at(i)); i++) {
        hn_help_print_row(output, entry->signature, entry->summary);
    }
}

uint32_t hn_help_stage_names(const char **out_names, uint32_t names_max) {
    hone_stage_kind_info kind;
    uint32_t count = 0;
    while (count < names_max && hone_stage_kind_at(count, &kind)) {
        out_names[count++] = kind.name;
    }
    return count;
}
