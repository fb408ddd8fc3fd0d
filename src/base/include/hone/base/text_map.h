/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash map from text to a pointer-sized value: keys of tables, names of fields and stages.
 *
 * Contract: confined. Keys are borrowed and must outlive the map. Insertion only; the map remembers
 * the order of insertion, so iterating is deterministic: entries[0 .. count). Open addressing over
 * an index of 32-bit positions; a lookup costs one hash and about one comparison.
 */
#ifndef HONE_BASE_TEXT_MAP_H
#define HONE_BASE_TEXT_MAP_H

#include "hone/base/allocator.h"
#include "hone/base/span.h"

typedef struct hone_text_map_entry {
    hone_text key;
    uint64_t hash;
    union {
        void *pointer;
        uint64_t number;
    } value;
} hone_text_map_entry;

typedef struct hone_text_map {
    const hone_allocator *allocator; /* borrowed; NULL means libc */
    hone_text_map_entry *entries;    /* in order of insertion */
    uint32_t *slots;                 /* position in entries + 1; 0 = free */
    uint32_t count;
    uint32_t capacity; /* of entries; slots has twice as many */
    uint32_t count_max;
} hone_text_map;

void hone_text_map_init(hone_text_map *map, const hone_allocator *allocator, uint32_t count_max);
void hone_text_map_deinit(hone_text_map *map);

/* The entry of `key`, or NULL. Valid until the next insertion. */
hone_text_map_entry *hone_text_map_find(const hone_text_map *map, hone_text key);

/* Adds `key` with a zero value. DUPLICATE when it is there already (then *out_entry is the old
 * one), LIMIT at count_max, OUT_OF_MEMORY. */
HONE_MUST_USE hone_status hone_text_map_insert(hone_text_map *map, hone_text key,
                                               hone_text_map_entry **out_entry);

#endif
