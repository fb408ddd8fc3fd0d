/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk through one level of the graph, and the scan over all slots.
 *
 * The pool is an array of the `width` nearest keys seen, sorted: for such widths a move of some
 * hundred bytes is cheaper than a heap (Malkov's algorithm 2 with one list for candidates and
 * results). Whoever was gone on from is marked by the key's lowest bit. Of each step all links that
 * this walk has not met are gathered, their codes fetched ahead, and their distances asked for in
 * one call, so that the latencies of memory overlap.
 *
 * With a filter the pool steers the walk as without one, and what passes is kept beside it.
 */
#include "vector_internal.h"

#include <math.h>

bool hn_vector_filter_passes(const hone_vector_filter *filter, uint64_t key, uint64_t tags) {
    return (tags & filter->tags_all) == filter->tags_all &&
           (!filter->tags_any || (tags & filter->tags_any)) && !(tags & filter->tags_none) &&
           (!filter->accept || filter->accept(filter->self, key, tags));
}

void hn_vector_begin_epoch(hn_searcher *with) {
    if (++with->epoch == 0) {
        memset(with->visited, 0, with->visited_count);
        with->epoch = 1;
    }
}

static inline void add_to_batch(const hone_vector_index *index, hn_searcher *with, size_t at,
                                uint32_t slot) {
    const uint8_t *row = hn_code_of(index, slot);
    for (uint32_t byte = 0; byte < index->layout.row_bytes && byte < 512; byte += 64) {
        HONE_PREFETCH_READ(row + byte);
    }
    with->batch_slots[at] = slot;
    with->batch_rows[at] = row;
}

/* The links of `slot` that this walk has not met, into the batch. */
static inline size_t gather(const hone_vector_index *index, uint32_t slot, uint32_t level,
                            hn_searcher *with) {
    const uint32_t *links = hn_links_of(index, slot, level);
    uint32_t limit = hn_links_limit(index, level), slots_count = index->slots_count;
    size_t count = 0;
    for (uint32_t i = 0; i < limit && links[i] < slots_count; i++) {
        if (with->visited[links[i]] != with->epoch) {
            with->visited[links[i]] = with->epoch;
            add_to_batch(index, with, count++, links[i]);
        }
    }
    return count;
}

static void keep_found(const hone_vector_index *index, const hn_walk *walk, uint64_t key,
                       hn_searcher *with) {
    uint32_t slot = hn_slot_of_key(key);
    if (with->found_count == walk->found_width && key >= with->found[walk->found_width - 1]) {
        return;
    }
    if (*hn_state_of(index, slot) == HN_STATE_LIVE &&
        hn_vector_filter_passes(walk->filter, *hn_key_of(index, slot), *hn_tags_of(index, slot))) {
        (void)hn_vector_insert_key(with->found, &with->found_count, walk->found_width, key);
    }
}

/* The batch into the pool; returns the nearest place that was taken, or the width. */
static size_t take_batch(const hone_vector_index *index, const hn_walk *walk, hn_searcher *with,
                         size_t count) {
    size_t nearest = walk->width;
    hn_vector_distances(index, walk->query, with, count);
    for (size_t i = 0; i < count; i++) {
        uint64_t key = hn_key_make(with->batch_distances[i], with->batch_slots[i]);
        if (walk->filter) {
            keep_found(index, walk, key, with);
        }
        if (with->pool_count == walk->width && key >= with->pool[walk->width - 1]) {
            continue;
        }
        /* links may still lead to places of removed vectors */
        if (index->free_count && *hn_state_of(index, with->batch_slots[i]) != HN_STATE_LIVE) {
            continue;
        }
        size_t place = hn_vector_insert_key(with->pool, &with->pool_count, walk->width, key);
        nearest = place < nearest ? place : nearest;
    }
    return nearest;
}

void hn_vector_walk(const hone_vector_index *index, const hn_walk *walk, uint32_t start,
                    hn_searcher *with) {
    hn_vector_begin_epoch(with);
    with->pool_count = with->found_count = 0;
    with->visited[start] = with->epoch;
    add_to_batch(index, with, 0, start);
    (void)take_batch(index, walk, with, 1);
    size_t at = 0;
    while (at < with->pool_count) {
        uint32_t slot = hn_slot_of_key(with->pool[at]);
        with->pool[at] |= 1;
        size_t count = gather(index, slot, walk->level, with);
        size_t next = at + 1;
        while (next < with->pool_count && with->pool[next] & 1) {
            next++;
        }
        if (next < with->pool_count) { /* likely where the walk goes on */
            const uint32_t *links =
                hn_links_of(index, hn_slot_of_key(with->pool[next]), walk->level);
            HONE_PREFETCH_READ(links);
            HONE_PREFETCH_READ(links + 16);
        }
        size_t nearest = take_batch(index, walk, with, count);
        if (nearest <= at) {
            at = nearest;
        } else {
            while (at < with->pool_count && with->pool[at] & 1) {
                at++;
            }
        }
    }
}

uint32_t hn_vector_descend(const hone_vector_index *index, const hn_query *query, uint32_t level,
                           hn_searcher *with) {
    uint32_t nearest = index->entry_slot;
    with->batch_slots[0] = nearest;
    with->batch_rows[0] = hn_code_of(index, nearest);
    hn_vector_distances(index, query, with, 1);
    uint64_t best = hn_key_make(with->batch_distances[0], nearest);
    for (uint32_t at = index->entry_level; at > level; at--) {
        bool is_nearer = true;
        while (is_nearer && hn_has_links(index, hn_slot_of_key(best), at)) {
            const uint32_t *links = hn_links_of(index, hn_slot_of_key(best), at);
            size_t count = 0;
            for (; count < index->links_max && links[count] < index->slots_count; count++) {
                add_to_batch(index, with, count, links[count]);
            }
            hn_vector_distances(index, query, with, count);
            is_nearer = false;
            for (size_t i = 0; i < count; i++) {
                uint64_t key = hn_key_make(with->batch_distances[i], with->batch_slots[i]);
                if (key < best && *hn_state_of(index, with->batch_slots[i]) == HN_STATE_LIVE) {
                    best = key;
                    is_nearer = true;
                }
            }
        }
    }
    return hn_slot_of_key(best);
}

/* The batch into what was found; is_run: it has all slots from its first on. */
static void take_scanned(const hone_vector_index *index, const hn_walk *walk, hn_searcher *with,
                         size_t count, bool is_run) {
    if (count == 0) {
        return;
    }
    if (is_run) {
        hn_vector_run_distances(index, walk->query, with->batch_slots[0], with, count);
    } else {
        hn_vector_distances(index, walk->query, with, count);
    }
    float worst = with->found_count < walk->found_width
                      ? INFINITY
                      : hn_distance_of_key(with->found[walk->found_width - 1]);
    for (size_t i = 0; i < count; i++) {
        if (HONE_UNLIKELY(with->batch_distances[i] <= worst)) {
            (void)hn_vector_insert_key(with->found, &with->found_count, walk->found_width,
                                       hn_key_make(with->batch_distances[i], with->batch_slots[i]));
            if (with->found_count == walk->found_width) {
                worst = hn_distance_of_key(with->found[walk->found_width - 1]);
            }
        }
    }
}

/* The slots [first, first + count) of one chunk into the batch, those that count; how many. */
static size_t pick(const hone_vector_index *index, const hn_walk *walk, uint32_t first,
                   size_t count, hn_searcher *with) {
    const uint8_t *row = hn_code_of(index, first), *states = hn_state_of(index, first);
    const uint64_t *keys = hn_key_of(index, first), *tags = hn_tags_of(index, first);
    size_t picked = 0;
    for (size_t i = 0; i < count; i++, row += index->layout.row_bytes) {
        with->batch_slots[picked] = first + (uint32_t)i;
        with->batch_rows[picked] = row;
        picked += states[i] == HN_STATE_LIVE &&
                  (!walk->filter || hn_vector_filter_passes(walk->filter, keys[i], tags[i]));
    }
    return picked;
}

void hn_vector_scan(const hone_vector_index *index, const hn_walk *walk, hn_searcher *with) {
    with->found_count = 0;
    for (uint32_t slot = 0; slot < index->slots_count; slot += HN_BATCH_MAX) {
        size_t left = index->slots_count - slot;
        size_t count = left < HN_BATCH_MAX ? left : HN_BATCH_MAX;
        size_t picked = pick(index, walk, slot, count, with);
        take_scanned(index, walk, with, picked, picked == count);
    }
}
