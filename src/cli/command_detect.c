/* SPDX-License-Identifier: Apache-2.0 */
/* `hone detect`: the facts about the machine in their groups, what follows from them, what was
 * measured. */
#include <stdio.h>
#include <string.h>

#include "json_members_internal.h"
#include "calibration_view_internal.h"
#include "command_machine_internal.h"

#include "hone/base/units.h"
#include "hone/platform/advise.h"

enum { NAME_COLUMNS_MAX = 36, VALUE_BYTES_MAX = 200 };

/* --- For people ----------------------------------------------------------------------------- */

/* A value in the unit that people use; exact text where there is none. */
static void format_value(const hone_fact_entry *entry, char *out_text, size_t size) {
    const hone_fact *fact = &entry->fact;
    double value = fact->kind == HONE_FACT_NUMBER ? (double)fact->value.number
                   : fact->kind == HONE_FACT_REAL ? fact->value.real
                                                  : 0;
    bool is_figure = fact->kind == HONE_FACT_NUMBER || fact->kind == HONE_FACT_REAL;
    if (is_figure && strcmp(entry->unit, "bytes") == 0) {
        (void)hone_size_format(value, out_text, size);
    } else if (is_figure && strcmp(entry->unit, "ns") == 0) {
        (void)hone_duration_format(value, out_text, size);
    } else if (is_figure && strcmp(entry->unit, "hz") == 0) {
        bool is_giga = value >= 1e9;
        (void)snprintf(out_text, size, "%.2f %s", value / (is_giga ? 1e9 : 1e6),
                       is_giga ? "GHz" : "MHz");
    } else if (is_figure && strcmp(entry->unit, "percent") == 0) {
        (void)snprintf(out_text, size, "%.200s %%", fact->text);
    } else if (is_figure && strcmp(entry->unit, "celsius") == 0) {
        (void)snprintf(out_text, size, "%.200s °C", fact->text);
    } else {
        bool has_unit = is_figure && entry->unit[0];
        int unit_length =
            (int)strlen(entry->unit) - (value == 1 && strcmp(entry->unit, "cpus") == 0);
        (void)snprintf(out_text, size, "%.200s%s%.*s", fact->text, has_unit ? " " : "",
                       has_unit ? unit_length : 0, entry->unit);
    }
}

/* "effective_bytes" as "effective", for the value shows the unit anyway; but "transparent_bytes" in
 * full where "transparent" stands above it. */
static void format_name(const hone_fact_list *facts, size_t index, char *out_text, size_t size) {
    const hone_fact_entry *entry = &facts->entries[index];
    size_t length = (size_t)snprintf(out_text, size, "%s", entry->name);
    size_t unit_length = strlen(entry->unit);
    length = length < size ? length : size - 1;
    if (unit_length && length > unit_length + 1 && out_text[length - unit_length - 1] == '_' &&
        strcmp(out_text + length - unit_length, entry->unit) == 0) {
        out_text[length - unit_length - 1] = '\0';
        for (size_t i = index; i > 0 && strcmp(facts->entries[i - 1].group, entry->group) == 0;
             i--) {
            bool is_taken = strcmp(facts->entries[i - 1].name, out_text) == 0;
            out_text[length - unit_length - 1] =
                is_taken ? '_' : out_text[length - unit_length - 1];
        }
    }
    for (char *at = out_text; *at; at++) {
        *at = *at == '_' ? ' ' : *at;
    }
}

static void print_name(hn_cli_output *out, const char *name, uint32_t column) {
    uint32_t width = (uint32_t)strlen(name) + 2;
    hn_cli_print(out, "  %s%s%s", hn_cli_style_of(out, HN_STYLE_NAME), name,
                 hn_cli_style_of(out, HN_STYLE_PLAIN));
    if (width + 2 > column) {
        hn_cli_print(out, "\n");
        width = 0;
    }
    hn_cli_print(out, "%*s", (int)(column - width), "");
}

static bool is_feature(const hone_fact_entry *entry) {
    return strcmp(entry->group, "isa") == 0 &&
           (entry->fact.state != HONE_FACT_PRESENT || entry->fact.kind == HONE_FACT_FLAG);
}

static bool is_same_answer(const hone_fact *a, const hone_fact *b) {
    return a->state == b->state && strcmp(a->reason, b->reason) == 0 &&
           (a->state != HONE_FACT_PRESENT || a->value.flag == b->value.flag);
}

/* Instruction sets with the same answer share a row; returns the index behind them. */
static size_t print_features(hn_cli_output *out, const hone_fact_list *facts, size_t index,
                             uint32_t name_columns) {
    const hone_fact *first = &facts->entries[index].fact;
    hone_buffer names;
    hone_buffer_init(&names, NULL, 65536);
    for (; index < facts->count && is_feature(&facts->entries[index]) &&
           is_same_answer(first, &facts->entries[index].fact);
         index++) {
        hone_buffer_format(&names, "%s ", facts->entries[index].name);
    }
    if (first->reason[0]) {
        hone_buffer_format(&names, "(%s)", first->reason);
    }
    print_name(out,
               first->state != HONE_FACT_PRESENT ? "n/a"
               : first->value.flag               ? "has"
                                                 : "lacks",
               name_columns + 4);
    hn_cli_print_wrapped(out, hone_buffer_text(&names), name_columns + 4, name_columns + 4);
    hone_buffer_deinit(&names);
    return index;
}

static void print_fact(hn_cli_output *out, const hone_fact_list *facts, size_t index,
                       uint32_t name_columns) {
    const hone_fact_entry *entry = &facts->entries[index];
    char name[64], value[VALUE_BYTES_MAX + 40], line[1024];
    const char *faint = hn_cli_style_of(out, HN_STYLE_FAINT),
               *plain = hn_cli_style_of(out, HN_STYLE_PLAIN);
    const hone_fact *fact = &entry->fact;
    uint32_t column = name_columns + 4;
    format_name(facts, index, name, sizeof name);
    print_name(out, name, column);
    if (fact->state == HONE_FACT_PRESENT && strlen(fact->text) > VALUE_BYTES_MAX) {
        hn_cli_print_wrapped(out, hone_text_of(fact->text), column, column);
        return;
    }
    if (fact->state == HONE_FACT_PRESENT) {
        format_value(entry, value, sizeof value);
        (void)snprintf(line, sizeof line, "%s%s%s%s", value, fact->reason[0] ? " (" : "",
                       fact->reason, fact->reason[0] ? ")" : "");
        hn_cli_print_wrapped(out, hone_text_of(line), column, column);
        return;
    }
    (void)snprintf(line, sizeof line, "n/a%s: %s",
                   fact->state == HONE_FACT_FORBIDDEN ? ", forbidden" : "", fact->reason);
    hn_cli_print(out, "%s", faint);
    hn_cli_print_wrapped(out, hone_text_of(line), column, column);
    hn_cli_print(out, "%s", plain);
}

static void print_title(hn_cli_output *out, const char *title, bool is_first) {
    hn_cli_print(out, "%s%s%s%s\n", is_first ? "" : "\n", hn_cli_style_of(out, HN_STYLE_TITLE),
                 title, hn_cli_style_of(out, HN_STYLE_PLAIN));
}

/* The width of the names of the group that starts at `index`. */
static uint32_t group_columns(const hone_fact_list *facts, size_t index) {
    uint32_t columns = 0;
    const char *group = facts->entries[index].group;
    for (; index < facts->count && strcmp(facts->entries[index].group, group) == 0; index++) {
        char name[64];
        format_name(facts, index, name, sizeof name);
        uint32_t width = (uint32_t)strlen(name);
        columns = width > columns && width <= NAME_COLUMNS_MAX ? width : columns;
    }
    return columns;
}

static void print_people(hn_cli_output *out, const hone_platform *platform,
                         const hone_advice advice[HONE_OPTIMISATION_COUNT],
                         const hn_calibration_view *view) {
    const hone_fact_list *facts = &platform->facts;
    const char *group = "";
    uint32_t name_columns = 0;
    for (size_t i = 0; i < facts->count;) {
        const hone_fact_entry *entry = &facts->entries[i];
        if (strcmp(entry->group, group) != 0) {
            print_title(out, entry->group, i == 0);
            group = entry->group;
            name_columns = group_columns(facts, i);
        }
        if (is_feature(entry)) {
            i = print_features(out, facts, i, name_columns);
            continue;
        }
        print_fact(out, facts, i++, name_columns);
    }
    print_title(out, "optimisations", facts->count == 0);
    for (int i = 0; i < HONE_OPTIMISATION_COUNT; i++) {
        char name[64];
        const char *plain = hn_cli_style_of(out, HN_STYLE_PLAIN);
        (void)snprintf(name, sizeof name, "%s", hone_optimisation_name(advice[i].optimisation));
        hn_cli_print(out, "  %s%-13s%s %s%-3s%s ", hn_cli_style_of(out, HN_STYLE_NAME), name, plain,
                     hn_cli_style_of(out, advice[i].is_on ? HN_STYLE_GOOD : HN_STYLE_FAINT),
                     advice[i].is_on ? "on" : "off", plain);
        hn_cli_print_wrapped(out, hone_text_of(advice[i].reason), 20, 20);
    }
    hn_cli_calibration_print(out, view);
    hn_cli_huge_pages_print(out, platform, view);
}

/* --- For programs --------------------------------------------------------------------------- */

static void write_value(hone_json_writer *writer, const hone_fact *fact) {
    hn_json_key(writer, "value");
    if (fact->state != HONE_FACT_PRESENT) {
        hone_json_write_null(writer);
        return;
    }
    switch (fact->kind) {
    case HONE_FACT_TEXT: hone_json_write_text(writer, hone_text_of(fact->text)); break;
    case HONE_FACT_NUMBER: hone_json_write_u64(writer, fact->value.number); break;
    case HONE_FACT_REAL: hone_json_write_f64(writer, fact->value.real); break;
    case HONE_FACT_FLAG: hone_json_write_bool(writer, fact->value.flag); break;
    }
}

static void write_facts(hone_json_writer *writer, const hone_fact_list *facts) {
    const char *group = NULL;
    for (size_t i = 0; i < facts->count; i++) {
        const hone_fact_entry *entry = &facts->entries[i];
        if (!group || strcmp(entry->group, group) != 0) {
            if (group) {
                hone_json_write_object_end(writer);
            }
            group = entry->group;
            hn_json_key(writer, group);
            hone_json_write_object_begin(writer);
        }
        hn_json_key(writer, entry->name);
        hone_json_write_object_begin(writer);
        hn_json_text(writer, "state", hone_fact_state_name(entry->fact.state));
        write_value(writer, &entry->fact);
        hn_json_text(writer, "unit", entry->unit);
        hn_json_text(writer, "reason", entry->fact.reason);
        hone_json_write_object_end(writer);
    }
    if (group) {
        hone_json_write_object_end(writer);
    }
}

static void print_json(hn_cli_output *out, const hone_platform *platform,
                       const hone_advice advice[HONE_OPTIMISATION_COUNT],
                       const hn_calibration_view *view) {
    hone_json_writer writer;
    hone_json_writer_init(&writer, &out->buffer, 2);
    hone_json_write_object_begin(&writer);
    hn_json_text(&writer, "root", platform->root);
    hn_json_key(&writer, "facts");
    hone_json_write_object_begin(&writer);
    write_facts(&writer, &platform->facts);
    hone_json_write_object_end(&writer);
    hn_json_key(&writer, "optimisations");
    hone_json_write_object_begin(&writer);
    for (int i = 0; i < HONE_OPTIMISATION_COUNT; i++) {
        hn_json_key(&writer, hone_optimisation_name(advice[i].optimisation));
        hone_json_write_object_begin(&writer);
        hn_json_bool(&writer, "is_on", advice[i].is_on);
        hn_json_text(&writer, "reason", advice[i].reason);
        hone_json_write_object_end(&writer);
    }
    hone_json_write_object_end(&writer);
    hn_cli_calibration_write(&writer, view);
    hn_cli_huge_pages_write(&writer, platform, view);
    hone_json_write_object_end(&writer);
    hn_cli_print(out, "\n");
}

int hn_command_detect(hn_session *session) {
    hone_platform platform;
    hn_calibration_view view;
    int code = hn_cli_calibration_get(session, &view);
    if (code == HN_EXIT_OK) {
        code = hn_cli_describe_machine(session, &platform);
    }
    if (code != HN_EXIT_OK) {
        return code;
    }
    hone_advice advice[HONE_OPTIMISATION_COUNT];
    hone_platform_advise(&platform, NULL, advice);
    if (hn_arguments_has(&session->arguments, "json")) {
        print_json(&session->out, &platform, advice, &view);
    } else {
        print_people(&session->out, &platform, advice, &view);
    }
    hone_platform_deinit(&platform);
    return HN_EXIT_OK;
}
