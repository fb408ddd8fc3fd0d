/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the index lies in memory, and what its files share.
 *
 * A *slot* is a vector's place: a number below slots_count. Slots come in chunks of CHUNK_ROWS; a
 * chunk is one run of bytes with a section per kind of data (hn_layout). Chunks never move, and the
 * table of chunks has its full length from the start: so readers need no lock for addresses.
 *
 * The level of a slot is a function of seed and slot. A slot that is used again keeps its level,
 * and with it the place of its links: nothing of the graph is ever allocated twice.
 *
 * Keys of the walk: a distance and a slot in one integer that sorts by distance, then slot.
 *
 * Locks: `writers` is held through a change; `lock` exclusively only while what readers look at is
 * written, which for links is a copy of rows that were made ready before.
 */
#ifndef HONE_VECTOR_INTERNAL_H
#define HONE_VECTOR_INTERNAL_H

#include <string.h>

#include "hone/base/hints.h"
#include "hone/kernels/distance.h"
#include "hone/platform/thread.h"
#include "hone/vector/index.h"

enum {
    HN_CHUNK_SHIFT = 10,
    HN_CHUNK_ROWS = 1 << HN_CHUNK_SHIFT,
    HN_LEVELS_MAX = 16,
    HN_LINKS0_MAX = 2 * HONE_VECTOR_LINKS_MAX,
    HN_SLAB_CHUNKS_MAX = 16,
    HN_BATCH_MAX = HN_LINKS0_MAX,
    HN_CANDIDATES_MAX = 2 * HN_LINKS0_MAX + 1, /* the links of two, and one more */
};

#define HN_NO_SLOT UINT32_MAX

/* Of a slot. */
enum { HN_STATE_FREE = 0, HN_STATE_LIVE = 1 };

/* Offsets of the sections in a chunk; a section of size 0 is not there. */
typedef struct hn_layout {
    uint32_t row_bytes;    /* of a code: a multiple of 32 */
    uint32_t row_elements; /* that kernels are asked for: dims, filled up with zeros */
    size_t codes, residuals, links, scales, norms, fine_norms, keys, tags, uppers, states;
    size_t chunk_bytes;
} hn_layout;

/* A query, or a stored row in its place, as the kernels want it. */
typedef struct hn_query {
    const void *values; /* F32, F16, BF16: floats; BITS: words */
    const int8_t *code; /* I8 */
    const int8_t *residual;
    float scale;
    float norm, fine_norm; /* I8 under L2: squares of the codes' lengths */
} hn_query;

/* Room for a query that is made: row_elements floats, and two codes. */
typedef struct hn_query_space {
    float *floats;
    int8_t *code, *residual;
} hn_query_space;

/* What one search (or the writer) works with. */
typedef struct hn_searcher {
    struct hn_searcher *next;
    uint8_t *visited; /* by slot: the epoch of the last walk that came by */
    size_t visited_count;
    uint8_t epoch;
    uint64_t *pool;  /* keys, sorted */
    uint64_t *found; /* keys that pass the filter, sorted */
    size_t pool_capacity;
    size_t pool_count, found_count;
    hn_query_space space, row_space;
    uint32_t batch_slots[HN_BATCH_MAX];
    const void *batch_rows[HN_BATCH_MAX];
    float batch_distances[HN_BATCH_MAX];
    int32_t batch_sums[HN_BATCH_MAX];
} hn_searcher;

/* New links of one slot on one level, made ready before they are written. */
typedef struct hn_link_change {
    uint32_t slot, level, count;
    uint32_t links[HN_LINKS0_MAX];
} hn_link_change;

typedef struct hn_plan {
    hn_link_change *changes;
    size_t count, capacity;
    uint32_t entry_slot, entry_level; /* afterwards */
} hn_plan;

struct hone_vector_index {
    uint32_t dims, links_max, build_width, exact_below, vectors_max;
    hone_vector_metric metric;
    hone_vector_storage storage;
    uint64_t seed;
    const hone_allocator *allocator;
    const hone_distance_variant *kernels;
    hn_layout layout;

    uint8_t **chunks;
    size_t chunks_count, chunks_max;
    uint32_t **upper_chunks; /* HN_CHUNK_ROWS rows of links_max links each */
    size_t upper_chunks_count, upper_chunks_max;
    size_t chunks_mapped, upper_chunks_mapped; /* the first so many lie in the file */
    bool is_map_mapped;
    struct hn_vector_journal *journal; /* NULL: there is no file */
    uint64_t uppers_used;
    uint32_t slots_count, free_count, free_slot; /* free slots are chained through their keys */
    uint32_t entry_slot, entry_level;

    uint32_t *map; /* key to slot: open addressing, HN_NO_SLOT where nothing is */
    size_t map_capacity;
    uint64_t memory_bytes;

    hone_mutex writers;
    hone_rwlock lock;
    hone_mutex searchers_lock;
    hn_searcher *searchers;
    hn_searcher *writer; /* the writers' own */
    hn_plan plan;
    uint64_t candidates[HN_CANDIDATES_MAX]; /* the writers' */
};

/* ---- slots.c: memory, slots, keys ---- */

void hn_vector_lay_out(hone_vector_index *index);
HONE_MUST_USE void *hn_vector_allocate(hone_vector_index *index, size_t size);
void hn_vector_release(hone_vector_index *index, void *block, size_t size);
hone_status hn_vector_grow(hone_vector_index *index, hone_diag *diag);
void hn_vector_free_store(hone_vector_index *index);
uint32_t hn_vector_level_of(const hone_vector_index *index, uint32_t slot);
hone_status hn_vector_map_reserve(hone_vector_index *index, hone_diag *diag);
uint32_t hn_vector_map_find(const hone_vector_index *index, uint64_t key);
void hn_vector_map_insert(hone_vector_index *index, uint64_t key, uint32_t slot);
void hn_vector_map_remove(hone_vector_index *index, uint64_t key);

static inline size_t hn_row_of(uint32_t slot) {
    return slot & (HN_CHUNK_ROWS - 1);
}

static inline uint8_t *hn_chunk_of(const hone_vector_index *index, uint32_t slot) {
    return index->chunks[slot >> HN_CHUNK_SHIFT];
}

static inline uint8_t *hn_code_of(const hone_vector_index *index, uint32_t slot) {
    return hn_chunk_of(index, slot) + index->layout.codes +
           hn_row_of(slot) * index->layout.row_bytes;
}

static inline uint8_t *hn_residual_of(const hone_vector_index *index, uint32_t slot) {
    return hn_chunk_of(index, slot) + index->layout.residuals +
           hn_row_of(slot) * index->layout.row_bytes;
}

#define HN_FIELD(type, name, section)                                               \
    static inline type *name(const hone_vector_index *index, uint32_t slot) {       \
        return (type *)(void *)(hn_chunk_of(index, slot) + index->layout.section) + \
               hn_row_of(slot);                                                     \
    }
HN_FIELD(float, hn_scale_of, scales)
HN_FIELD(float, hn_norm_of, norms)
HN_FIELD(float, hn_fine_norm_of, fine_norms)
HN_FIELD(uint64_t, hn_key_of, keys)
HN_FIELD(uint64_t, hn_tags_of, tags)
HN_FIELD(uint32_t, hn_upper_of, uppers)
HN_FIELD(uint8_t, hn_state_of, states)
#undef HN_FIELD

static inline uint32_t hn_links_limit(const hone_vector_index *index, uint32_t level) {
    return level == 0 ? 2 * index->links_max : index->links_max;
}

/* The links of a slot: as many as the limit, those behind the last are HN_NO_SLOT. */
static inline uint32_t *hn_links_of(const hone_vector_index *index, uint32_t slot, uint32_t level) {
    if (level == 0) {
        return (uint32_t *)(void *)(hn_chunk_of(index, slot) + index->layout.links) +
               hn_row_of(slot) * 2 * index->links_max;
    }
    uint32_t row = *hn_upper_of(index, slot) + level - 1;
    return index->upper_chunks[row >> HN_CHUNK_SHIFT] + hn_row_of(row) * index->links_max;
}

/* Whether a slot has links on that level; in a damaged file some that it should have are not. */
static inline bool hn_has_links(const hone_vector_index *index, uint32_t slot, uint32_t level) {
    return level == 0 || (uint64_t)*hn_upper_of(index, slot) + level <= index->uppers_used;
}

/* ---- codes.c: values to codes, distances ---- */

hone_status hn_vector_query_make(const hone_vector_index *index, hone_vector_values values,
                                 const hn_query_space *space, hn_query *out_query,
                                 float *out_length, hone_diag *diag);
void hn_vector_store(hone_vector_index *index, uint32_t slot, const hn_query *query, float length);
void hn_vector_load(const hone_vector_index *index, uint32_t slot, void *out_values);
hn_query hn_vector_query_of(const hone_vector_index *index, uint32_t slot,
                            const hn_query_space *space);
/* Distances of the searcher's first `count` batch_slots, whose batch_rows are set. */
void hn_vector_distances(const hone_vector_index *index, const hn_query *query, hn_searcher *with,
                         size_t count);
/* The same of the `count` slots from `first` on, all in one chunk. */
void hn_vector_run_distances(const hone_vector_index *index, const hn_query *query, uint32_t first,
                             hn_searcher *with, size_t count);
/* As hn_vector_distances, finer where the storage has finer codes. */
void hn_vector_fine_distances(const hone_vector_index *index, const hn_query *query,
                              hn_searcher *with, size_t count);
float hn_vector_distance_shown(const hone_vector_index *index, float distance);

/* ---- walk.c ---- */

typedef struct hn_walk {
    const hn_query *query;
    uint32_t level;
    size_t width;                     /* of the pool */
    const hone_vector_filter *filter; /* NULL: none */
    size_t found_width;               /* of what passes the filter, or of a scan */
} hn_walk;

static inline uint32_t hn_ordered_bits(float distance) {
    uint32_t bits;
    memcpy(&bits, &distance, sizeof bits);
    return bits & 0x80000000u ? ~bits : bits | 0x80000000u;
}

static inline float hn_distance_of_key(uint64_t key) {
    uint32_t bits = (uint32_t)(key >> 32);
    bits = bits & 0x80000000u ? bits & 0x7FFFFFFFu : ~bits;
    float distance;
    memcpy(&distance, &bits, sizeof distance);
    return distance;
}

/* The lowest bit says that the walk has gone on from there. */
static inline uint64_t hn_key_make(float distance, uint32_t slot) {
    return (uint64_t)hn_ordered_bits(distance) << 32 | (uint64_t)slot << 1;
}

static inline uint32_t hn_slot_of_key(uint64_t key) {
    return (uint32_t)key >> 1;
}

/* The place for `key` among count sorted ones. */
static inline size_t hn_vector_place_of(const uint64_t *keys, size_t count, uint64_t key) {
    const uint64_t *base = keys;
    while (count > 1) {
        size_t half = count / 2;
        base = base[half - 1] < key ? base + half : base;
        count -= half;
    }
    return (size_t)(base - keys) + (count == 1 && *base < key);
}

/* Puts a key in, the last one falls out when there are `width`. Returns its place, or width. */
static inline size_t hn_vector_insert_key(uint64_t *keys, size_t *count, size_t width,
                                          uint64_t key) {
    if (*count == width) {
        if (key >= keys[width - 1]) {
            return width;
        }
        --*count;
    }
    size_t place = hn_vector_place_of(keys, *count, key);
    memmove(keys + place + 1, keys + place, (*count - place) * sizeof *keys);
    keys[place] = key;
    ++*count;
    return place;
}

/* All slots count as not visited. */
void hn_vector_begin_epoch(hn_searcher *with);
bool hn_vector_filter_passes(const hone_vector_filter *filter, uint64_t key, uint64_t tags);
/* From the top of the graph down to above `level`, always to the nearest. */
uint32_t hn_vector_descend(const hone_vector_index *index, const hn_query *query, uint32_t level,
                           hn_searcher *with);
/* Fills with->pool, and with a filter with->found. */
void hn_vector_walk(const hone_vector_index *index, const hn_walk *walk, uint32_t start,
                    hn_searcher *with);
/* All live slots that pass the filter, the nearest `width` of them, into with->found. */
void hn_vector_scan(const hone_vector_index *index, const hn_walk *walk, hn_searcher *with);

/* ---- index_log.c, index_file.c; kinds are hn_record_kind ---- */

hone_status hn_vector_log_reserve(hone_vector_index *index, hone_diag *diag);
void hn_vector_log_append(hone_vector_index *index, uint32_t kind, const hone_vector_item *item);
void hn_vector_journal_destroy(const hone_allocator *allocator, struct hn_vector_journal *journal);

/* ---- searchers.c ---- */

hn_searcher *hn_vector_searcher_create(hone_vector_index *index);
void hn_vector_searcher_destroy(hone_vector_index *index, hn_searcher *searcher);
hone_status hn_vector_searcher_fit(hone_vector_index *index, hn_searcher *searcher, size_t width,
                                   hone_diag *diag);
hone_status hn_vector_searcher_acquire(hone_vector_index *index, hone_diag *diag,
                                       hn_searcher **out_searcher);
void hn_vector_searcher_release(hone_vector_index *index, hn_searcher *searcher);

/* ---- links.c: called with `writers` held ---- */

/* Room for the plan that links `slot`. */
hone_status hn_vector_plan_reserve(hone_vector_index *index, uint32_t slot, hone_diag *diag);
/* What has to change so that `slot`, whose row is stored, is linked; needs room for it. */
void hn_vector_plan_link(hone_vector_index *index, uint32_t slot);
/* So that it is not any more. */
hone_status hn_vector_plan_unlink(hone_vector_index *index, uint32_t slot, hone_diag *diag);
/* Writes the plan. `lock` is held. */
void hn_vector_plan_apply(hone_vector_index *index);

#endif
