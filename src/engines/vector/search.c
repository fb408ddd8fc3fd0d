/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Queries: which way to look, and the order of what was found.
 *
 * With a filter that passes a share s of the vectors, a walk has to be 1/s times as wide to see as
 * many that pass; a scan reads the filter's data of everything and the codes of what passes. Both
 * costs are estimated, s from a sample of slots, and the cheaper way is taken. A walk that found
 * less than was asked for is followed by the scan, which is the proof that there is no more.
 */
#include "vector_internal.h"

#include <math.h>

enum {
    WIDTH_DEFAULT = 64,
    SAMPLE_COUNT = 256,
    FINE_COUNT_MIN = 64,
    FINE_FACTOR = 4,
    /* costs, in units of reading a slot's state and tags in a scan */
    STEP_COST = 80,
    DISTANCE_COST = 2,
};

typedef struct plan {
    hn_walk walk;
    bool is_scan;
} plan;

static hone_status check_search(const hone_vector_search *search, const hone_vector_hit *out_hits,
                                const size_t *out_count, hone_diag *diag) {
    const char *what = NULL;
    if (!search || !out_hits || !out_count) {
        what = "search, out_hits and out_count are needed";
    } else if (search->count < 1 || search->count > HONE_VECTOR_WIDTH_MAX) {
        what = "count, the hits wanted, is from 1 to 65536";
    } else if (search->width > HONE_VECTOR_WIDTH_MAX) {
        what = "width is at most 65536";
    }
    return what ? hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT, "vector search: %s", what)
                : HONE_OK;
}

static size_t width_of(const hone_vector_search *search) {
    size_t width = search->width ? search->width : WIDTH_DEFAULT;
    return width < search->count ? search->count : width;
}

static double selectivity(const hone_vector_index *index, const hone_vector_filter *filter) {
    uint32_t passed = 0, live = 0, step = index->slots_count / SAMPLE_COUNT + 1;
    for (uint32_t slot = 0; slot < index->slots_count; slot += step) {
        if (*hn_state_of(index, slot) == HN_STATE_LIVE) {
            live++;
            passed +=
                hn_vector_filter_passes(filter, *hn_key_of(index, slot), *hn_tags_of(index, slot));
        }
    }
    return live ? (double)passed / live : 0;
}

static plan make_plan(const hone_vector_index *index, const hone_vector_search *search,
                      const hn_query *query) {
    size_t width = width_of(search), live = index->slots_count - index->free_count;
    plan made = {
        .walk = {.query = query, .width = width, .found_width = width, .filter = search->filter}};
    made.is_scan = search->is_exact || live < index->exact_below || width >= live;
    if (made.is_scan || !search->filter) {
        return made;
    }
    double share = selectivity(index, search->filter);
    double scan_cost = (double)index->slots_count + share * (double)live * DISTANCE_COST;
    double walk_width = share > 0 ? (double)width / share : (double)HONE_VECTOR_WIDTH_MAX;
    if (walk_width * STEP_COST >= scan_cost || walk_width >= HONE_VECTOR_WIDTH_MAX) {
        made.is_scan = true;
    } else {
        made.walk.width = (size_t)walk_width;
    }
    return made;
}

/* Runs the plan; what was found, by the coarse distance, is *out_keys. */
static hone_status run_plan(hone_vector_index *index, const plan *todo, size_t wanted,
                            hn_searcher *with, hone_diag *diag) {
    size_t width =
        todo->walk.width > todo->walk.found_width ? todo->walk.width : todo->walk.found_width;
    hone_status status = hn_vector_searcher_fit(index, with, width, diag);
    if (status != HONE_OK) {
        return status;
    }
    bool is_scan = todo->is_scan;
    if (!is_scan) {
        uint32_t start = hn_vector_descend(index, todo->walk.query, 0, with);
        hn_vector_walk(index, &todo->walk, start, with);
        is_scan = (todo->walk.filter ? with->found_count : with->pool_count) < wanted;
    }
    if (is_scan) {
        hn_vector_scan(index, &todo->walk, with);
    } else if (!todo->walk.filter) {
        uint64_t *found = with->found;
        with->found = with->pool;
        with->found_count = with->pool_count;
        with->pool = found;
    }
    return HONE_OK;
}

/* The first `count` found, ordered anew by the fine distance, into the pool. */
static void order_finely(const hone_vector_index *index, const hn_query *query, size_t count,
                         hn_searcher *with) {
    with->pool_count = 0;
    for (size_t from = 0; from < count; from += HN_BATCH_MAX) {
        size_t batch = count - from < HN_BATCH_MAX ? count - from : HN_BATCH_MAX;
        for (size_t i = 0; i < batch; i++) {
            uint32_t slot = hn_slot_of_key(with->found[from + i]);
            HONE_PREFETCH_READ(hn_residual_of(index, slot));
            HONE_PREFETCH_READ(hn_residual_of(index, slot) + 64);
            with->batch_slots[i] = slot;
            with->batch_rows[i] = hn_code_of(index, slot);
        }
        hn_vector_fine_distances(index, query, with, batch);
        for (size_t i = 0; i < batch; i++) {
            uint64_t key = hn_key_make(with->batch_distances[i], with->batch_slots[i]);
            hn_vector_insert_key(with->pool, &with->pool_count, count, key);
        }
    }
}

static void order(const hone_vector_index *index, const hn_query *query, size_t wanted,
                  hn_searcher *with) {
    size_t count = FINE_FACTOR * wanted < FINE_COUNT_MIN ? FINE_COUNT_MIN : FINE_FACTOR * wanted;
    count = count < with->found_count ? count : with->found_count;
    if (index->storage == HONE_VECTOR_I8) {
        order_finely(index, query, count, with);
        return;
    }
    memcpy(with->pool, with->found, count * sizeof *with->pool);
    with->pool_count = count;
}

static size_t show(const hone_vector_index *index, const hn_searcher *with, size_t wanted,
                   float radius, hone_vector_hit *out_hits) {
    size_t count = 0;
    for (size_t i = 0; i < with->pool_count && count < wanted; i++) {
        float distance = hn_vector_distance_shown(index, hn_distance_of_key(with->pool[i]));
        if (distance <= radius) {
            out_hits[count++] = (hone_vector_hit){
                .key = *hn_key_of(index, hn_slot_of_key(with->pool[i])), .distance = distance};
        }
    }
    return count;
}

/* True when what was found may not reach the radius yet although there is more to see. */
static bool is_cut(const hone_vector_index *index, const plan *done, float radius,
                   const hn_searcher *with) {
    size_t count = with->found_count;
    return count > 0 && count >= done->walk.found_width &&
           count < (size_t)(index->slots_count - index->free_count) &&
           hn_vector_distance_shown(index, hn_distance_of_key(with->found[count - 1])) <= radius;
}

static hone_status find(hone_vector_index *index, const hone_vector_search *search, float radius,
                        hn_searcher *with, hone_diag *diag, hone_vector_hit *out_hits,
                        size_t *out_count) {
    hn_query query;
    float length;
    hone_status status =
        hn_vector_query_make(index, search->query, &with->space, &query, &length, diag);
    if (status != HONE_OK) {
        return status;
    }
    if (index->slots_count == index->free_count) {
        *out_count = 0;
        return HONE_OK;
    }
    hone_vector_search wider = *search;
    for (;;) {
        plan todo = make_plan(index, &wider, &query);
        size_t wanted = radius < INFINITY ? 0 : search->count;
        status = run_plan(index, &todo, wanted, with, diag);
        if (status != HONE_OK) {
            return status;
        }
        if (!(radius < INFINITY) || !is_cut(index, &todo, radius, with) ||
            width_of(&wider) >= 4 * (size_t)search->count ||
            2 * width_of(&wider) > HONE_VECTOR_WIDTH_MAX) {
            break;
        }
        wider.width = (uint32_t)(2 * width_of(&wider));
    }
    order(index, &query, radius < INFINITY ? with->found_count : search->count, with);
    *out_count = show(index, with, search->count, radius, out_hits);
    return HONE_OK;
}

hone_status hone_vector_find_within(hone_vector_index *index, const hone_vector_search *search,
                                    float radius, hone_diag *diag, hone_vector_hit *out_hits,
                                    size_t *out_count) {
    hn_searcher *with;
    hone_status status = check_search(search, out_hits, out_count, diag);
    if (status == HONE_OK && (!index || isnan(radius))) {
        status = hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                               "vector search: no index, or a radius that is no number");
    }
    if (status == HONE_OK) {
        status = hn_vector_searcher_acquire(index, diag, &with);
    }
    if (status != HONE_OK) {
        return status;
    }
    hone_rwlock_lock_shared(&index->lock);
    status = find(index, search, radius, with, diag, out_hits, out_count);
    hone_rwlock_unlock_shared(&index->lock);
    hn_vector_searcher_release(index, with);
    return status;
}

hone_status hone_vector_find(hone_vector_index *index, const hone_vector_search *search,
                             hone_diag *diag, hone_vector_hit *out_hits, size_t *out_count) {
    return hone_vector_find_within(index, search, INFINITY, diag, out_hits, out_count);
}
