/* SPDX-License-Identifier: Apache-2.0 */
/* Help for the stage kinds, from the tables that the node itself reads its files with. */
#include <stdio.h>

#include "help_internal.h"

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
        char title[96], text[600];
        (void)snprintf(title, sizeof title, "%s (%s)", option.name, option.type);
        size_t used = (size_t)snprintf(text, sizeof text, "%.400s", option.help);
        if (option.is_required) {
            (void)snprintf(text + used, sizeof text - used, "; must be given");
        } else if (option.fallback) {
            (void)snprintf(text + used, sizeof text - used, " (default %.100s)", option.fallback);
        }
        hn_help_print_row(output, title, text);
    }
    return true;
}

uint32_t hn_help_stage_names(const char **out_names, uint32_t names_max) {
    hone_stage_kind_info kind;
    uint32_t count = 0;
    while (count < names_max && hone_stage_kind_at(count, &kind)) {
        out_names[count++] = kind.name;
    }
    return count;
}
