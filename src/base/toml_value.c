/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree. Entries and items are allocated one by one and listed by pointer, so that they never
 * move while the list doubles. Tables beyond a few entries get a hash index of twice their
 * capacity.
 */
#include "toml_internal.h"

enum { CAPACITY_FIRST = 4, INDEXED_COUNT = 8 };

static uint32_t slot_of(const hone_toml_table *table, hone_text key) {
    uint64_t hash = hone_hash_bytes(key.data, key.size);
    uint32_t mask = table->capacity * 2 - 1;
    uint32_t slot = (uint32_t)(hash ^ hash >> 32) & mask;
    while (table->slots[slot] &&
           !hone_text_is_equal(table->entries[table->slots[slot] - 1]->key, key)) {
        slot = (slot + 1) & mask;
    }
    return slot;
}

static hone_toml_entry *find(const hone_toml_table *table, hone_text key) {
    if (table->slots) {
        uint32_t position = table->slots[slot_of(table, key)];
        return position ? table->entries[position - 1] : NULL;
    }
    for (uint32_t i = 0; i < table->count; i++) {
        if (hone_text_is_equal(table->entries[i]->key, key)) {
            return table->entries[i];
        }
    }
    return NULL;
}

/* A list of pointers of the next capacity, with the old ones in it, or NULL. */
static void *grow_list(hone_arena *arena, void *list, uint32_t count, uint32_t *capacity) {
    uint32_t grown = *capacity ? *capacity * 2 : CAPACITY_FIRST;
    void **larger = HONE_ARENA_NEW_ARRAY(arena, void *, grown);
    if (larger) {
        if (count) {
            memcpy(larger, list, count * sizeof *larger);
        }
        *capacity = grown;
    }
    return larger;
}

static bool grow_table(hone_toml_table *table, hone_arena *arena) {
    hone_toml_entry **entries = grow_list(arena, table->entries, table->count, &table->capacity);
    if (!entries) {
        return false;
    }
    table->entries = entries;
    table->slots = NULL;
    if (table->capacity <= INDEXED_COUNT) {
        return true;
    }
    table->slots = HONE_ARENA_NEW_ARRAY(arena, uint32_t, (size_t)table->capacity * 2);
    for (uint32_t i = 0; table->slots && i < table->count; i++) {
        table->slots[slot_of(table, entries[i]->key)] = i + 1;
    }
    return table->slots != NULL;
}

hone_toml_entry *hn_toml_add_entry(hone_toml_table *table, hone_arena *arena,
                                   const hn_toml_key *key) {
    hone_toml_entry *entry = HONE_ARENA_NEW(arena, hone_toml_entry);
    if (!entry || (table->count == table->capacity && !grow_table(table, arena))) {
        return NULL;
    }
    *entry = (hone_toml_entry){.key = key->name, .key_line = key->line, .key_column = key->column};
    if (table->slots) {
        table->slots[slot_of(table, key->name)] = table->count + 1;
    }
    table->entries[table->count++] = entry;
    return entry;
}

hone_toml_value *hn_toml_add_item(hone_toml_array *array, hone_arena *arena) {
    hone_toml_value *item = HONE_ARENA_NEW(arena, hone_toml_value);
    if (!item) {
        return NULL;
    }
    if (array->count == array->capacity) {
        hone_toml_value **items = grow_list(arena, array->items, array->count, &array->capacity);
        if (!items) {
            return NULL;
        }
        array->items = items;
    }
    return array->items[array->count++] = item;
}

hone_status hone_toml_put(hone_toml_value *table, hone_text key, const hone_toml_value *value,
                          hone_arena *arena) {
    if (!table || table->type != HONE_TOML_TABLE) {
        return HONE_STATUS_TYPE_MISMATCH;
    }
    hone_toml_entry *entry = find(&table->as.table, key);
    uint32_t line = entry ? entry->value.line : table->line;
    uint32_t column = entry ? entry->value.column : table->column;
    if (!entry) {
        hn_toml_key added = {.name = key, .line = line, .column = column};
        entry = hn_toml_add_entry(&table->as.table, arena, &added);
    }
    if (!entry) {
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    entry->value = *value;
    entry->value.line = line;
    entry->value.column = column;
    return HONE_OK;
}

/* --- Questions ------------------------------------------------------------------------------ */

const hone_toml_entry *hone_toml_find_entry(const hone_toml_value *table, hone_text key) {
    return table && table->type == HONE_TOML_TABLE ? find(&table->as.table, key) : NULL;
}

const hone_toml_value *hone_toml_find(const hone_toml_value *table, hone_text key) {
    const hone_toml_entry *entry = hone_toml_find_entry(table, key);
    return entry ? &entry->value : NULL;
}

size_t hone_toml_count(const hone_toml_value *value) {
    if (!value) {
        return 0;
    }
    return value->type == HONE_TOML_TABLE   ? value->as.table.count
           : value->type == HONE_TOML_ARRAY ? value->as.array.count
                                            : 0;
}

const hone_toml_entry *hone_toml_entry_at(const hone_toml_value *table, size_t index) {
    bool has_it = table && table->type == HONE_TOML_TABLE && index < table->as.table.count;
    return has_it ? table->as.table.entries[index] : NULL;
}

const hone_toml_value *hone_toml_item_at(const hone_toml_value *array, size_t index) {
    bool has_it = array && array->type == HONE_TOML_ARRAY && index < array->as.array.count;
    return has_it ? array->as.array.items[index] : NULL;
}

const char *hone_toml_type_name(hone_toml_type type) {
    switch (type) {
    case HONE_TOML_STRING: return "a string";
    case HONE_TOML_INTEGER: return "an integer";
    case HONE_TOML_FLOAT: return "a float";
    case HONE_TOML_BOOL: return "a boolean";
    case HONE_TOML_OFFSET_DATETIME: return "a date-time with offset";
    case HONE_TOML_LOCAL_DATETIME: return "a local date-time";
    case HONE_TOML_LOCAL_DATE: return "a local date";
    case HONE_TOML_LOCAL_TIME: return "a local time";
    case HONE_TOML_ARRAY: return "an array";
    case HONE_TOML_TABLE: return "a table";
    }
    return "an unknown type";
}

/* --- Dates as text -------------------------------------------------------------------------- */

static char *put_number(char *out, uint32_t value, int digits_count) {
    for (int i = digits_count - 1; i >= 0; i--) {
        out[i] = (char)('0' + value % 10);
        value /= 10;
    }
    return out + digits_count;
}

static char *put_pair(char *out, uint32_t first, char between, uint32_t second) {
    out = put_number(out, first, 2);
    *out++ = between;
    return put_number(out, second, 2);
}

static char *put_time(char *out, const hone_toml_datetime *time) {
    out = put_pair(out, time->hour, ':', time->minute);
    *out++ = ':';
    out = put_number(out, time->second, 2);
    if (time->nanosecond) {
        *out++ = '.';
        out = put_number(out, time->nanosecond, 9);
        while (out[-1] == '0') {
            out--;
        }
    }
    return out;
}

static char *put_offset(char *out, int offset_minutes) {
    uint32_t size = (uint32_t)(offset_minutes < 0 ? -offset_minutes : offset_minutes);
    if (size == 0) {
        *out++ = 'Z';
        return out;
    }
    *out++ = offset_minutes < 0 ? '-' : '+';
    return put_pair(out, size / 60, ':', size % 60);
}

size_t hone_toml_format_datetime(const hone_toml_value *value, char *out_text) {
    if (!value || !out_text || value->type < HONE_TOML_OFFSET_DATETIME ||
        value->type > HONE_TOML_LOCAL_TIME) {
        return 0;
    }
    const hone_toml_datetime *datetime = &value->as.datetime;
    char *out = out_text;
    if (value->type != HONE_TOML_LOCAL_TIME) {
        out = put_number(out, datetime->year, 4);
        *out++ = '-';
        out = put_pair(out, datetime->month, '-', datetime->day);
    }
    if (value->type == HONE_TOML_OFFSET_DATETIME || value->type == HONE_TOML_LOCAL_DATETIME) {
        *out++ = 'T';
    }
    if (value->type != HONE_TOML_LOCAL_DATE) {
        out = put_time(out, datetime);
    }
    if (value->type == HONE_TOML_OFFSET_DATETIME) {
        out = put_offset(out, datetime->offset_minutes);
    }
    *out = '\0';
    return (size_t)(out - out_text);
}
