/* SPDX-License-Identifier: Apache-2.0 */
/* Binds the keys of a TOML table to the fields of a struct, by a table of options. */
#include <stdio.h>

#include "hone/base/units.h"
#include "node_internal.h"
#include "suggestion_internal.h"

static const char *const type_names[] = {
    [HN_OPTION_TEXT] = "text",   [HN_OPTION_DURATION] = "duration", [HN_OPTION_SIZE] = "size",
    [HN_OPTION_COUNT] = "count", [HN_OPTION_FLAG] = "flag",         [HN_OPTION_CHOICE] = "choice",
    [HN_OPTION_TEXTS] = "texts", [HN_OPTION_VALUE] = "value",
};

hone_stage_option_info hn_option_describe(const hn_option *option) {
    return (hone_stage_option_info){
        .name = option->name,
        .type = type_names[option->type],
        .fallback = option->fallback,
        .is_required = option->is_required,
        .help = option->help,
        .choices = option->type == HN_OPTION_CHOICE ? option->choices : NULL,
    };
}

bool hn_options_describe(const hn_option *options, uint32_t options_count, uint32_t index,
                         hone_stage_option_info *out_info) {
    if (index < options_count) {
        *out_info = hn_option_describe(&options[index]);
    }
    return index < options_count;
}

/* "must be a duration such as "100ms", but is an integer" */
static hone_status wrong_type(const hn_option *option, const hone_toml_value *value,
                              const char *expected, hone_diag *diag) {
    hone_diag_at(diag, NULL, value->line, value->column);
    if (value->type == HONE_TOML_INTEGER) {
        return hone_diag_set(diag, HONE_STATUS_TYPE_MISMATCH, "'%s' must be %s, but is %lld",
                             option->name, expected, (long long)value->as.integer);
    }
    return hone_diag_set(diag, HONE_STATUS_TYPE_MISMATCH, "'%s' must be %s, but is %s",
                         option->name, expected, hone_toml_type_name(value->type));
}

static hone_status bad_value(const hn_option *option, const hone_toml_value *value,
                             const char *expected, hone_diag *diag) {
    hone_diag_at(diag, NULL, value->line, value->column);
    return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT, "'%s = \"%.*s\"' is not %s",
                         option->name,
                         (int)(value->as.string.size < 60 ? value->as.string.size : 60),
                         value->as.string.data, expected);
}

static hone_status read_quantity(const hn_option *option, const hone_toml_value *value,
                                 uint64_t *field, hone_diag *diag) {
    bool is_duration = option->type == HN_OPTION_DURATION;
    const char *expected = is_duration ? "a duration in quotes, such as \"100ms\" or \"3s\""
                                       : "a size, such as \"64KiB\"";
    if (!is_duration && value->type == HONE_TOML_INTEGER && value->as.integer >= 0) {
        *field = (uint64_t)value->as.integer;
        return HONE_OK;
    }
    if (value->type != HONE_TOML_STRING) {
        return wrong_type(option, value, expected, diag);
    }
    hone_status status = is_duration ? hone_duration_parse(value->as.string, field)
                                     : hone_size_parse(value->as.string, field);
    return status == HONE_OK ? HONE_OK : bad_value(option, value, expected, diag);
}

/* One of "none", "compact"; did you mean 'compact'? */
static hone_status read_choice(const hn_option *option, const hone_toml_value *value,
                               uint32_t *field, hone_diag *diag) {
    char expected[160 + HN_SUGGESTION_BYTES];
    size_t used = 0;
    uint32_t count = 0;
    bool is_text = value->type == HONE_TOML_STRING;
    for (; option->choices[count]; count++) {
        if (is_text && hone_text_is(value->as.string, option->choices[count])) {
            *field = count;
            return HONE_OK;
        }
        int length = snprintf(expected + used, sizeof expected - used, "%s\"%s\"",
                              count ? ", " : "one of ", option->choices[count]);
        used += length > 0 ? (size_t)length : 0;
    }
    if (!is_text) {
        return wrong_type(option, value, expected, diag);
    }
    hn_suggestion suggestion = {.wanted = value->as.string};
    for (uint32_t i = 0; i < count; i++) {
        hn_suggestion_add(&suggestion, option->choices[i]);
    }
    if (used < sizeof expected) {
        (void)snprintf(expected + used, sizeof expected - used, "%s",
                       hn_suggestion_text(&suggestion));
    }
    return bad_value(option, value, expected, diag);
}

/* Options end at their zero byte, so that one inside would cut them without a word. */
static hone_status check_text(const hn_option *option, const hone_toml_value *value,
                              hone_diag *diag) {
    if (memchr(value->as.string.data, 0, value->as.string.size)) {
        hone_diag_at(diag, NULL, value->line, value->column);
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "'%s' has a zero byte in it: remove \\u0000", option->name);
    }
    return HONE_OK;
}

static hone_status read_texts(const hn_option *option, const hone_toml_value *value,
                              hn_texts *field, hone_arena *arena, hone_diag *diag) {
    bool is_array = value->type == HONE_TOML_ARRAY;
    uint32_t count = is_array ? (uint32_t)hone_toml_count(value) : 1;
    field->items = HONE_ARENA_NEW_ARRAY(arena, const char *, count);
    field->values = HONE_ARENA_NEW_ARRAY(arena, const hone_toml_value *, count);
    if (!field->items || !field->values) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for the node file");
    }
    for (uint32_t i = 0; i < count; i++) {
        const hone_toml_value *item = is_array ? hone_toml_item_at(value, i) : value;
        if (item->type != HONE_TOML_STRING) {
            return wrong_type(option, item, "a text or a list of texts", diag);
        }
        hone_status status = check_text(option, item, diag);
        if (status != HONE_OK) {
            return status;
        }
        field->items[i] = item->as.string.data; /* the parser terminates them */
        field->values[i] = item;
    }
    field->count = count;
    return HONE_OK;
}

static hone_status read_option(const hn_option *option, const hone_toml_value *value, void *state,
                               hone_arena *arena, hone_diag *diag) {
    void *field = (uint8_t *)state + option->offset;
    switch (option->type) {
    case HN_OPTION_TEXT:
        if (value->type != HONE_TOML_STRING) {
            return wrong_type(option, value, "a text in quotes", diag);
        }
        *(const char **)field = value->as.string.data;
        return check_text(option, value, diag);
    case HN_OPTION_DURATION:
    case HN_OPTION_SIZE: return read_quantity(option, value, field, diag);
    case HN_OPTION_COUNT:
        if (value->type != HONE_TOML_INTEGER || value->as.integer < 0) {
            return wrong_type(option, value, "a whole number from 0", diag);
        }
        *(uint64_t *)field = (uint64_t)value->as.integer;
        return HONE_OK;
    case HN_OPTION_FLAG:
        if (value->type != HONE_TOML_BOOL) {
            return wrong_type(option, value, "true or false", diag);
        }
        *(bool *)field = value->as.boolean;
        return HONE_OK;
    case HN_OPTION_CHOICE: return read_choice(option, value, field, diag);
    case HN_OPTION_TEXTS: return read_texts(option, value, field, arena, diag);
    case HN_OPTION_VALUE: *(const hone_toml_value **)field = value; return HONE_OK;
    }
    return HONE_STATUS_INTERNAL;
}

/* A fallback is read as if it stood in the file. */
static hone_status read_fallback(const hn_option *option, void *state, hone_arena *arena,
                                 hone_diag *diag) {
    hone_toml_value value = {.type = HONE_TOML_STRING, .as.string = hone_text_of(option->fallback)};
    uint64_t number = 0;
    if (option->type == HN_OPTION_FLAG) {
        value.type = HONE_TOML_BOOL;
        value.as.boolean = strcmp(option->fallback, "true") == 0;
    } else if (option->type == HN_OPTION_COUNT &&
               hone_size_parse(value.as.string, &number) == HONE_OK) {
        value.type = HONE_TOML_INTEGER;
        value.as.integer = (int64_t)number;
    }
    return read_option(option, &value, state, arena, diag);
}

hone_status hn_options_read_table(const hone_toml_value *table, const hn_option *options,
                                  uint32_t options_count, void *state, hone_arena *arena,
                                  hone_diag *diag) {
    for (uint32_t i = 0; i < options_count; i++) {
        const hone_toml_value *value = hone_toml_find(table, hone_text_of(options[i].name));
        hone_status status = HONE_OK;
        if (value) {
            status = read_option(&options[i], value, state, arena, diag);
        } else if (options[i].is_required) {
            hone_diag_at(diag, NULL, table->line, table->column);
            status = hone_diag_set(diag, HONE_STATUS_NOT_FOUND, "'%s' is missing: %s",
                                   options[i].name, options[i].help);
        } else if (options[i].fallback && options[i].type != HN_OPTION_VALUE) {
            status = read_fallback(&options[i], state, arena, diag);
        }
        if (status != HONE_OK) {
            return status;
        }
    }
    return HONE_OK;
}

static bool is_known(hone_text key, const hn_option *options, uint32_t options_count,
                     const char *const *extra, uint32_t extra_count) {
    for (uint32_t i = 0; i < options_count; i++) {
        if (hone_text_is(key, options[i].name)) {
            return true;
        }
    }
    for (uint32_t i = 0; i < extra_count; i++) {
        if (hone_text_is(key, extra[i])) {
            return true;
        }
    }
    return false;
}

/* Says the nearest key that there is, or else all of them. */
static hone_status unknown_key(const hone_toml_entry *entry, const char *const *names,
                               uint32_t names_count, const char *what, hone_diag *diag) {
    hn_suggestion suggestion = {.wanted = entry->key};
    char list[320] = "";
    size_t used = 0;
    for (uint32_t i = 0; i < names_count; i++) {
        hn_suggestion_add(&suggestion, names[i]);
        if (used < sizeof list) {
            int length = snprintf(list + used, sizeof list - used, "%s%s",
                                  i ? ", " : "; its keys are ", names[i]);
            used += length > 0 ? (size_t)length : 0;
        }
    }
    const char *advice = hn_suggestion_text(&suggestion);
    hone_diag_at(diag, NULL, entry->key_line, entry->key_column);
    return hone_diag_set(diag, HONE_STATUS_NOT_FOUND, "%s has no key '%.*s'%s", what,
                         (int)(entry->key.size < 60 ? entry->key.size : 60), entry->key.data,
                         advice[0] ? advice : list);
}

hone_status hn_options_check_keys(const hone_toml_value *table, const hn_option *options,
                                  uint32_t options_count, const char *const *extra,
                                  uint32_t extra_count, const char *what, hone_diag *diag) {
    const char *names[64];
    uint32_t names_count = 0;
    for (uint32_t i = 0; i < options_count && names_count < 64; i++) {
        names[names_count++] = options[i].name;
    }
    for (uint32_t i = 0; i < extra_count && names_count < 64; i++) {
        names[names_count++] = extra[i];
    }
    for (size_t i = 0; i < hone_toml_count(table); i++) {
        const hone_toml_entry *entry = hone_toml_entry_at(table, i);
        if (is_known(entry->key, options, options_count, extra, extra_count)) {
            continue;
        }
        return unknown_key(entry, names, names_count, what, diag);
    }
    return HONE_OK;
}
