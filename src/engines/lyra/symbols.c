/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One open-addressing table of ids by full name ("Global`x"). A symbol belongs to one of 16 groups
 * with a clock each; System` is a group of its own, so that stamps of expressions made of built-ins
 * survive whatever a program defines.
 */
#include "symbols_internal.h"

#include <assert.h>
#include <stdio.h>

#include "make_internal.h"
#include "rules_internal.h"
#include "unwind_internal.h"

enum { NAME_BYTES_MAX = 4096, SEGMENTS_MAX = 1 << 14 };

static const char *const system_names[] = {
#define HN_SYSTEM_SYMBOL_NAME(name) #name,
    HN_SYSTEM_SYMBOLS(HN_SYSTEM_SYMBOL_NAME)
#undef HN_SYSTEM_SYMBOL_NAME
};

hn_symbol *hn_symbol_at(const hone_lyra *lyra, uint32_t id) {
    if (id < HN_SYSTEM_SYMBOLS_COUNT) {
        return (hn_symbol *)&lyra->system[id];
    }
    uint32_t index = id - HN_SYSTEM_SYMBOLS_COUNT;
    return &lyra->segments[index / HN_SYMBOLS_PER_SEGMENT][index % HN_SYMBOLS_PER_SEGMENT];
}

static uint32_t slot_of(const hone_lyra *lyra, hone_text name) {
    uint64_t hash = hone_hash_bytes(name.data, name.size);
    return (uint32_t)(hash ^ hash >> 32) & (lyra->table_capacity - 1);
}

static uint32_t *find_slot(const hone_lyra *lyra, hone_text name) {
    uint32_t slot = slot_of(lyra, name);
    while (lyra->table[slot]) {
        const hn_symbol *symbol = hn_symbol_at(lyra, lyra->table[slot] - 1);
        if (hone_text_is_equal((hone_text){symbol->name, symbol->name_bytes}, name)) {
            break;
        }
        slot = (slot + 1) & (lyra->table_capacity - 1);
    }
    return &lyra->table[slot];
}

static bool grow_table(hone_lyra *lyra) {
    uint32_t capacity = lyra->table_capacity ? lyra->table_capacity * 2 : 4096;
    uint32_t *old = lyra->table, old_capacity = lyra->table_capacity;
    uint32_t *table = HONE_NEW_ARRAY(lyra->allocator, uint32_t, capacity);
    if (!table) {
        return false;
    }
    lyra->table = table;
    lyra->table_capacity = capacity;
    for (uint32_t i = 0; i < old_capacity; i++) {
        if (old[i]) {
            const hn_symbol *symbol = hn_symbol_at(lyra, old[i] - 1);
            *find_slot(lyra, (hone_text){symbol->name, symbol->name_bytes}) = old[i];
        }
    }
    HONE_DELETE_ARRAY(lyra->allocator, uint32_t, old, old_capacity);
    return true;
}

static bool add_segment(hone_lyra *lyra) {
    hn_symbol *segment = HONE_NEW_ARRAY(lyra->allocator, hn_symbol, HN_SYMBOLS_PER_SEGMENT);
    if (!segment || lyra->segments_count == SEGMENTS_MAX) {
        HONE_DELETE_ARRAY(lyra->allocator, hn_symbol, segment, HN_SYMBOLS_PER_SEGMENT);
        return false;
    }
    if (!lyra->segments) {
        lyra->segments = HONE_NEW_ARRAY(lyra->allocator, hn_symbol *, SEGMENTS_MAX);
        if (!lyra->segments) {
            HONE_DELETE_ARRAY(lyra->allocator, hn_symbol, segment, HN_SYMBOLS_PER_SEGMENT);
            return false;
        }
    }
    lyra->segments[lyra->segments_count++] = segment;
    return true;
}

/* Fills a new record; the name is copied. */
static bool set_name(hone_lyra *lyra, hn_symbol *symbol, uint32_t id, hone_text name) {
    char *copy = hone_allocate(lyra->allocator, name.size + 1, 1);
    if (!copy) {
        return false;
    }
    memcpy(copy, name.data, name.size);
    copy[name.size] = '\0';
    memset(symbol, 0, sizeof *symbol);
    symbol->id = id;
    symbol->name = copy;
    symbol->name_bytes = (uint32_t)name.size;
    for (uint32_t i = 0; i < name.size; i++) {
        symbol->context_bytes = copy[i] == '`' ? i + 1 : symbol->context_bytes;
    }
    symbol->is_system = hone_text_is(hn_symbol_context(symbol), "System`");
    symbol->group = (uint16_t)(symbol->is_system ? HN_GROUP_SYSTEM : 2u << id % 15);
    return true;
}

static hn_symbol *try_add(hone_lyra *lyra, hone_text name) {
    if ((lyra->symbols_count + 1) * 2 > lyra->table_capacity && !grow_table(lyra)) {
        return NULL;
    }
    uint32_t id;
    bool is_reused = lyra->free_ids_count > 0;
    if (is_reused) {
        id = lyra->free_ids[lyra->free_ids_count - 1];
    } else {
        id = lyra->symbols_count;
        if (id >= lyra->symbols_max ||
            (id >= HN_SYSTEM_SYMBOLS_COUNT + lyra->segments_count * HN_SYMBOLS_PER_SEGMENT &&
             !add_segment(lyra))) {
            return NULL;
        }
    }
    hn_symbol *symbol = hn_symbol_at(lyra, id);
    if (!set_name(lyra, symbol, id, name)) {
        return NULL;
    }
    *find_slot(lyra, name) = id + 1;
    if (is_reused) {
        lyra->free_ids_count--;
    } else {
        lyra->symbols_count++;
    }
    return symbol;
}

static hn_symbol *add(hone_lyra *lyra, hone_text name) {
    hn_symbol *symbol = try_add(lyra, name);
    if (!symbol) {
        hn_collect(lyra);
        symbol = try_add(lyra, name);
    }
    if (!symbol) {
        hn_unwind(lyra, HN_UNWIND_MEMORY);
    }
    return symbol;
}

hn_symbol *hn_symbol_of_full_name(hone_lyra *lyra, hone_text full_name, bool is_made) {
    uint32_t *slot = find_slot(lyra, full_name);
    if (*slot) {
        return hn_symbol_at(lyra, *slot - 1);
    }
    return is_made ? add(lyra, full_name) : NULL;
}

static hn_symbol *in_context(hone_lyra *lyra, hone_text context, hone_text name, bool is_made) {
    char full[NAME_BYTES_MAX];
    if (context.size + name.size > sizeof full) {
        if (is_made) {
            hn_unwind(lyra, HN_UNWIND_MEMORY);
        }
        return NULL;
    }
    memcpy(full, context.data, context.size);
    memcpy(full + context.size, name.data, name.size);
    return hn_symbol_of_full_name(lyra, (hone_text){full, context.size + name.size}, is_made);
}

static hn_symbol *look(hone_lyra *lyra, hone_text name, bool is_made) {
    hone_text context = hone_text_of(lyra->context);
    if (name.size > 0 && name.data[0] == '`') {
        return in_context(lyra, context, (hone_text){name.data + 1, name.size - 1}, is_made);
    }
    if (memchr(name.data, '`', name.size)) {
        return hn_symbol_of_full_name(lyra, name, is_made);
    }
    hn_symbol *found = in_context(lyra, context, name, false);
    for (uint32_t i = 0; !found && i < hn_count(lyra->context_path); i++) {
        hn_value entry = hn_arg(lyra->context_path, i);
        if (hn_is_string(entry)) {
            found = in_context(lyra, hn_text_of(entry), name, false);
        }
    }
    return found || !is_made ? found : in_context(lyra, context, name, true);
}

hn_symbol *hn_symbol_resolve(hone_lyra *lyra, hone_text name) {
    return look(lyra, name, true);
}

hn_symbol *hn_symbol_find(hone_lyra *lyra, hone_text name) {
    return look(lyra, name, false);
}

hn_symbol *hn_symbol_unique(hone_lyra *lyra, hone_text base, uint64_t number, bool is_temporary) {
    char name[NAME_BYTES_MAX];
    int bytes =
        snprintf(name, sizeof name, "%.*s$%llu", HONE_TEXT_ARGS(base), (unsigned long long)number);
    hone_text text = {name, (size_t)bytes < sizeof name ? (size_t)bytes : sizeof name - 1};
    hn_symbol *symbol = in_context(lyra, hone_text_of(lyra->context), text, true);
    symbol->attributes |= is_temporary ? HN_TEMPORARY : 0;
    return symbol;
}

hone_text hn_symbol_shown_name(hone_lyra *lyra, const hn_symbol *symbol) {
    hone_text name = hn_symbol_short_name(symbol);
    return !symbol->is_removed && hn_symbol_find(lyra, name) == symbol
               ? name
               : (hone_text){symbol->name, symbol->name_bytes};
}

/* --- marking and forgetting ------------------------------------------------------------------ */

static void mark_definitions(hone_lyra *lyra, hn_symbol *symbol) {
    hn_collector_mark(lyra, symbol->own);
    hn_collector_mark(lyra, symbol->own_rule);
    hn_collector_mark(lyra, symbol->messages);
    hn_collector_mark(lyra, symbol->options);
    hn_rules *const all[] = {symbol->down,    symbol->up,      symbol->sub,
                             symbol->numeric, symbol->formats, symbol->defaults};
    for (uint32_t i = 0; i < sizeof all / sizeof *all; i++) {
        hn_rules_mark(lyra, all[i]);
    }
}

/* Temporary symbols' definitions are marked only once the symbol is; that may reach further ones,
 * so it goes on until nothing new turns up. */
void hn_symbols_mark(hone_lyra *lyra) {
    for (uint32_t i = 0; i < lyra->symbols_count; i++) {
        hn_symbol *symbol = hn_symbol_at(lyra, i);
        if (!symbol->is_free && !(symbol->attributes & HN_TEMPORARY)) {
            mark_definitions(lyra, symbol);
        }
    }
}

void hn_symbols_mark_word(hone_lyra *lyra, hn_value word) {
    for (uint32_t i = 0; i < lyra->segments_count; i++) {
        uintptr_t offset = (uintptr_t)word - (uintptr_t)lyra->segments[i];
        if (offset < HN_SYMBOLS_PER_SEGMENT * sizeof(hn_symbol)) {
            lyra->segments[i][offset / sizeof(hn_symbol)].is_marked = true;
        }
    }
}

static void forget(hone_lyra *lyra, hn_symbol *symbol) {
    uint32_t mask = lyra->table_capacity - 1;
    uint32_t hole =
        (uint32_t)(find_slot(lyra, (hone_text){symbol->name, symbol->name_bytes}) - lyra->table);
    for (uint32_t slot = hole;;) {
        lyra->table[hole] = 0;
        uint32_t home;
        do {
            slot = (slot + 1) & mask;
            if (!lyra->table[slot]) {
                goto closed;
            }
            const hn_symbol *other = hn_symbol_at(lyra, lyra->table[slot] - 1);
            home = slot_of(lyra, (hone_text){other->name, other->name_bytes});
        } while (((slot - home) & mask) < ((slot - hole) & mask));
        lyra->table[hole] = lyra->table[slot];
        hole = slot;
    }
closed:
    hn_rules_destroy(lyra, symbol->down);
    hn_rules_destroy(lyra, symbol->up);
    hn_rules_destroy(lyra, symbol->sub);
    hn_rules_destroy(lyra, symbol->numeric);
    hn_rules_destroy(lyra, symbol->formats);
    hn_rules_destroy(lyra, symbol->defaults);
    hone_release(lyra->allocator, (void *)(uintptr_t)symbol->name, symbol->name_bytes + 1, 1);
    uint32_t id = symbol->id;
    memset(symbol, 0, sizeof *symbol);
    symbol->id = id;
    symbol->is_free = true;
    lyra->free_ids[lyra->free_ids_count++] = id;
}

/* Room for the ids of all that could be forgotten; false: nothing is forgotten this time. */
static bool reserve_free_ids(hone_lyra *lyra) {
    if (lyra->free_ids_capacity >= lyra->symbols_count) {
        return true;
    }
    uint32_t capacity = lyra->symbols_count + lyra->symbols_count / 2;
    uint32_t *grown =
        hone_reallocate(lyra->allocator, lyra->free_ids, lyra->free_ids_capacity * sizeof(uint32_t),
                        capacity * sizeof(uint32_t), _Alignof(uint32_t));
    if (!grown) {
        return false;
    }
    lyra->free_ids = grown;
    lyra->free_ids_capacity = capacity;
    return true;
}

void hn_symbols_sweep(hone_lyra *lyra) {
    bool is_new = true;
    while (is_new) {
        is_new = false;
        for (uint32_t i = HN_SYSTEM_SYMBOLS_COUNT; i < lyra->symbols_count; i++) {
            hn_symbol *symbol = hn_symbol_at(lyra, i);
            if (symbol->is_marked && symbol->attributes & HN_TEMPORARY && !symbol->is_removed) {
                symbol->is_removed = true; /* for now: its definitions are marked */
                mark_definitions(lyra, symbol);
                is_new = true;
            }
        }
    }
    bool can_forget = reserve_free_ids(lyra);
    for (uint32_t i = 0; i < lyra->symbols_count; i++) {
        hn_symbol *symbol = hn_symbol_at(lyra, i);
        bool is_temporary = symbol->attributes & HN_TEMPORARY;
        if (!symbol->is_free && is_temporary && !symbol->is_marked && can_forget) {
            forget(lyra, symbol);
        } else if (is_temporary) {
            symbol->is_removed = false;
        }
        symbol->is_marked = false;
    }
}

static void forget_stamp(hn_node *node) {
    node->stamp = 0;
}

void hn_epoch_wrapped(hone_lyra *lyra) {
    hn_collector_visit(&lyra->collector, forget_stamp);
    memset(lyra->clocks, 0, sizeof lyra->clocks);
    lyra->epoch = 1;
}

/* --- life ------------------------------------------------------------------------------------ */

hone_status hn_symbols_init(hone_lyra *lyra) {
    if (!grow_table(lyra)) {
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    for (uint32_t i = 0; i < HN_SYSTEM_SYMBOLS_COUNT; i++) {
        char full[64];
        int bytes = snprintf(full, sizeof full, "System`%s", system_names[i]);
        if (!try_add(lyra, (hone_text){full, (size_t)bytes})) {
            return HONE_STATUS_OUT_OF_MEMORY;
        }
    }
    return HONE_OK;
}

void hn_symbols_deinit(hone_lyra *lyra) {
    for (uint32_t i = 0; i < lyra->symbols_count; i++) {
        hn_symbol *symbol = hn_symbol_at(lyra, i);
        if (symbol->is_free) {
            continue;
        }
        hn_rules *const all[] = {symbol->down,    symbol->up,      symbol->sub,
                                 symbol->numeric, symbol->formats, symbol->defaults};
        for (uint32_t k = 0; k < sizeof all / sizeof *all; k++) {
            hn_rules_destroy(lyra, all[k]);
        }
        hone_release(lyra->allocator, (void *)(uintptr_t)symbol->name, symbol->name_bytes + 1, 1);
    }
    for (uint32_t i = 0; i < lyra->segments_count; i++) {
        HONE_DELETE_ARRAY(lyra->allocator, hn_symbol, lyra->segments[i], HN_SYMBOLS_PER_SEGMENT);
    }
    HONE_DELETE_ARRAY(lyra->allocator, hn_symbol *, lyra->segments,
                      lyra->segments ? SEGMENTS_MAX : 0);
    HONE_DELETE_ARRAY(lyra->allocator, uint32_t, lyra->table, lyra->table_capacity);
    HONE_DELETE_ARRAY(lyra->allocator, uint32_t, lyra->free_ids, lyra->free_ids_capacity);
}
