/* SPDX-License-Identifier: Apache-2.0 */
#include "hone/base/text_map.h"

enum { MAP_CAPACITY_FIRST = 8 };

void hone_text_map_init(hone_text_map *map, const hone_allocator *allocator, uint32_t count_max) {
    *map = (hone_text_map){.allocator = allocator, .count_max = count_max};
}

void hone_text_map_deinit(hone_text_map *map) {
    HONE_DELETE_ARRAY(map->allocator, hone_text_map_entry, map->entries, map->capacity);
    HONE_DELETE_ARRAY(map->allocator, uint32_t, map->slots, (size_t)map->capacity * 2);
    *map = (hone_text_map){0};
}

/* The slot that holds `key`, or the free slot where it belongs. The map has free slots always. */
static uint32_t slot_of(const hone_text_map *map, hone_text key, uint64_t hash) {
    uint32_t mask = map->capacity * 2 - 1;
    uint32_t slot = (uint32_t)(hash ^ (hash >> 32)) & mask;
    while (map->slots[slot]) {
        const hone_text_map_entry *entry = &map->entries[map->slots[slot] - 1];
        if (entry->hash == hash && hone_text_is_equal(entry->key, key)) {
            break;
        }
        slot = (slot + 1) & mask;
    }
    return slot;
}

hone_text_map_entry *hone_text_map_find(const hone_text_map *map, hone_text key) {
    if (map->count == 0) {
        return NULL;
    }
    uint32_t position = map->slots[slot_of(map, key, hone_hash_bytes(key.data, key.size))];
    return position ? &map->entries[position - 1] : NULL;
}

static hone_status grow(hone_text_map *map) {
    uint32_t capacity = map->capacity ? map->capacity * 2 : MAP_CAPACITY_FIRST;
    hone_text_map_entry *entries = HONE_NEW_ARRAY(map->allocator, hone_text_map_entry, capacity);
    uint32_t *slots = HONE_NEW_ARRAY(map->allocator, uint32_t, (size_t)capacity * 2);
    if (!entries || !slots) {
        HONE_DELETE_ARRAY(map->allocator, hone_text_map_entry, entries, capacity);
        HONE_DELETE_ARRAY(map->allocator, uint32_t, slots, (size_t)capacity * 2);
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    hone_text_map old = *map;
    map->entries = entries;
    map->slots = slots;
    map->capacity = capacity;
    for (uint32_t i = 0; i < old.count; i++) {
        entries[i] = old.entries[i];
        slots[slot_of(map, entries[i].key, entries[i].hash)] = i + 1;
    }
    HONE_DELETE_ARRAY(old.allocator, hone_text_map_entry, old.entries, old.capacity);
    HONE_DELETE_ARRAY(old.allocator, uint32_t, old.slots, (size_t)old.capacity * 2);
    return HONE_OK;
}

hone_status hone_text_map_insert(hone_text_map *map, hone_text key,
                                 hone_text_map_entry **out_entry) {
    uint64_t hash = hone_hash_bytes(key.data, key.size);
    if (map->count) {
        uint32_t position = map->slots[slot_of(map, key, hash)];
        if (position) {
            *out_entry = &map->entries[position - 1];
            return HONE_STATUS_DUPLICATE;
        }
    }
    if (map->count >= map->count_max) {
        return HONE_STATUS_LIMIT;
    }
    if (map->count == map->capacity) {
        hone_status status = grow(map);
        if (status != HONE_OK) {
            return status;
        }
    }
    hone_text_map_entry *entry = &map->entries[map->count++];
    *entry = (hone_text_map_entry){.key = key, .hash = hash};
    map->slots[slot_of(map, key, hash)] = map->count;
    *out_entry = entry;
    return HONE_OK;
}
