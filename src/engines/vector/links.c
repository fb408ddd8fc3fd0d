/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Linking and unlinking. Both first make a plan, the new links of every slot that changes, by
 * reading only; then the plan is written in one go while no search runs.
 *
 * Links are chosen by Malkov's heuristic (algorithm 4): from the nearest on, whoever is nearer to
 * the slot than to all chosen before. So links go into all directions instead of into one cluster.
 *
 * Unlinking mends: whoever had a link to the slot chooses anew among its links and those of the
 * slot. Links into a level cannot all be found without reading the level; looked at are the slot's
 * links and theirs, where nearly all are. A link that is left leads to a free place, which walks
 * pass over, and later to whoever gets the place: a longer link than most, and a right one.
 */
#include "vector_internal.h"

#include <stdlib.h>

enum { PLAN_CAPACITY_MIN = 64, HEURISTIC_STEP = 8 };

static bool is_live(const hone_vector_index *index, uint32_t slot) {
    return slot < index->slots_count && *hn_state_of(index, slot) == HN_STATE_LIVE;
}

static hone_status reserve_changes(hone_vector_index *index, size_t more, hone_diag *diag) {
    hn_plan *plan = &index->plan;
    if (plan->count + more <= plan->capacity) {
        return HONE_OK;
    }
    size_t capacity = plan->capacity ? plan->capacity : PLAN_CAPACITY_MIN;
    while (capacity < plan->count + more) {
        capacity *= 2;
    }
    hn_link_change *changes = hn_vector_allocate(index, capacity * sizeof *changes);
    if (!changes) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY,
                             "no memory to change the links of %zu vectors", capacity);
    }
    if (plan->count) {
        memcpy(changes, plan->changes, plan->count * sizeof *changes);
    }
    hn_vector_release(index, plan->changes, plan->capacity * sizeof *changes);
    plan->changes = changes;
    plan->capacity = capacity;
    return HONE_OK;
}

hone_status hn_vector_plan_reserve(hone_vector_index *index, uint32_t slot, hone_diag *diag) {
    index->plan.count = 0;
    return reserve_changes(
        index, (size_t)(hn_vector_level_of(index, slot) + 1) * (index->links_max + 1), diag);
}

static hn_link_change *next_change(hone_vector_index *index, uint32_t slot, uint32_t level) {
    hn_link_change *change = &index->plan.changes[index->plan.count++];
    change->slot = slot;
    change->level = level;
    change->count = 0;
    return change;
}

static void begin_plan(hone_vector_index *index) {
    index->plan.count = 0;
    index->plan.entry_slot = index->entry_slot;
    index->plan.entry_level = index->entry_level;
}

/* True when `slot` is nearer than `distance` to none of the chosen ones. */
static bool is_diverse(hone_vector_index *index, uint32_t slot, float distance,
                       const hn_link_change *chosen) {
    hn_searcher *with = index->writer;
    hn_query query = hn_vector_query_of(index, slot, &with->row_space);
    for (uint32_t from = 0; from < chosen->count; from += HEURISTIC_STEP) {
        uint32_t count =
            chosen->count - from < HEURISTIC_STEP ? chosen->count - from : HEURISTIC_STEP;
        for (uint32_t i = 0; i < count; i++) {
            with->batch_slots[i] = chosen->links[from + i];
            with->batch_rows[i] = hn_code_of(index, chosen->links[from + i]);
        }
        hn_vector_distances(index, &query, with, count);
        for (uint32_t i = 0; i < count; i++) {
            if (with->batch_distances[i] < distance) {
                return false;
            }
        }
    }
    return true;
}

static bool is_equal(const hone_vector_index *index, uint32_t a, uint32_t b) {
    return (index->storage != HONE_VECTOR_I8 || *hn_scale_of(index, a) == *hn_scale_of(index, b)) &&
           memcmp(hn_code_of(index, a), hn_code_of(index, b), index->layout.row_bytes) == 0;
}

/* Chooses at most `limit` of the sorted candidates for links of change->slot. Those with the same
 * code are all as near: they get a quarter at most, or they would leave no link that leads away
 * from them. */
static void choose(hone_vector_index *index, const uint64_t *keys, size_t count, uint32_t limit,
                   hn_link_change *change) {
    uint32_t equals = 0;
    for (size_t i = 0; i < count && change->count < limit; i++) {
        uint32_t slot = hn_slot_of_key(keys[i]);
        if (i > 0 && hn_slot_of_key(keys[i - 1]) == slot) {
            continue;
        }
        if (is_equal(index, slot, change->slot)) {
            if (equals >= limit / 4) {
                continue;
            }
            equals++;
        }
        if (is_diverse(index, slot, hn_distance_of_key(keys[i]), change)) {
            change->links[change->count++] = slot;
        }
    }
}

static int compare_keys(const void *a, const void *b) {
    uint64_t first = *(const uint64_t *)a, second = *(const uint64_t *)b;
    return (first > second) - (first < second);
}

/* Appends keys of those links that are live, not `without` and not `self`, by their distance from
 * the query. */
static size_t add_candidates(hone_vector_index *index, const hn_query *query, const uint32_t *links,
                             size_t links_count, const uint32_t exclude[2], size_t count) {
    hn_searcher *with = index->writer;
    size_t batch = 0;
    for (size_t i = 0; i < links_count; i++) {
        if (links[i] != exclude[0] && links[i] != exclude[1]) {
            with->batch_slots[batch] = links[i];
            with->batch_rows[batch++] = hn_code_of(index, links[i]);
        }
    }
    hn_vector_distances(index, query, with, batch);
    for (size_t i = 0; i < batch; i++) {
        index->candidates[count++] = hn_key_make(with->batch_distances[i], with->batch_slots[i]);
    }
    return count;
}

/* The links of a slot that lead to live ones, or to `also`. */
static size_t live_links(const hone_vector_index *index, uint32_t slot, uint32_t level,
                         uint32_t also, uint32_t *out_links) {
    const uint32_t *links = hn_links_of(index, slot, level);
    size_t count = 0;
    for (uint32_t i = 0; i < hn_links_limit(index, level) && links[i] != HN_NO_SLOT; i++) {
        if (links[i] == also || is_live(index, links[i])) {
            out_links[count++] = links[i];
        }
    }
    return count;
}

static bool contains(const uint32_t *links, size_t count, uint32_t slot) {
    for (size_t i = 0; i < count; i++) {
        if (links[i] == slot) {
            return true;
        }
    }
    return false;
}

/* The links of `from` with one to `slot` added, or chosen anew where they would be too many. */
static void plan_back_link(hone_vector_index *index, uint32_t from, uint32_t slot, uint32_t level) {
    uint32_t links[HN_LINKS0_MAX + 1], limit = hn_links_limit(index, level);
    size_t count = live_links(index, from, level, slot, links);
    if (contains(links, count, slot)) { /* a link to the slot's former vector */
        return;
    }
    hn_link_change *change = next_change(index, from, level);
    links[count++] = slot;
    if (count <= limit) {
        memcpy(change->links, links, count * sizeof *links);
        change->count = (uint32_t)count;
        return;
    }
    hn_query query = hn_vector_query_of(index, from, &index->writer->space);
    const uint32_t exclude[2] = {from, from};
    size_t candidates = add_candidates(index, &query, links, count - 1, exclude, 0);
    candidates = add_candidates(index, &query, &slot, 1, exclude, candidates);
    qsort(index->candidates, candidates, sizeof *index->candidates, compare_keys);
    choose(index, index->candidates, candidates, limit, change);
}

void hn_vector_plan_link(hone_vector_index *index, uint32_t slot) {
    uint32_t level = hn_vector_level_of(index, slot);
    hn_searcher *with = index->writer;
    begin_plan(index);
    if (index->entry_slot == HN_NO_SLOT || level > index->entry_level) {
        index->plan.entry_slot = slot;
        index->plan.entry_level = level;
    }
    if (index->entry_slot == HN_NO_SLOT) {
        return;
    }
    hn_query query = hn_vector_query_of(index, slot, &with->space);
    uint32_t start = hn_vector_descend(index, &query, level, with);
    uint32_t top = level < index->entry_level ? level : index->entry_level;
    for (uint32_t at = top + 1; at-- > 0;) {
        hn_walk walk = {.query = &query, .level = at, .width = index->build_width};
        hn_vector_walk(index, &walk, start, with);
        start = hn_slot_of_key(with->pool[0]);
        size_t own = index->plan.count;
        choose(index, with->pool, with->pool_count, index->links_max, next_change(index, slot, at));
        for (uint32_t i = 0; i < index->plan.changes[own].count; i++) {
            plan_back_link(index, index->plan.changes[own].links[i], slot, at);
        }
        query = hn_vector_query_of(index, slot, &with->space); /* the back links used its room */
    }
}

/* `from` chooses anew among its links and those that `slot` had. */
static void plan_mend(hone_vector_index *index, uint32_t from, uint32_t slot, uint32_t level) {
    uint32_t own[HN_LINKS0_MAX], left[HN_LINKS0_MAX];
    size_t own_count = live_links(index, from, level, HN_NO_SLOT, own);
    size_t left_count = live_links(index, slot, level, HN_NO_SLOT, left);
    hn_query query = hn_vector_query_of(index, from, &index->writer->space);
    const uint32_t exclude[2] = {from, slot};
    size_t count = add_candidates(index, &query, own, own_count, exclude, 0);
    count = add_candidates(index, &query, left, left_count, exclude, count);
    qsort(index->candidates, count, sizeof *index->candidates, compare_keys);
    choose(index, index->candidates, count, hn_links_limit(index, level),
           next_change(index, from, level));
}

static hone_status mend_if_linked(hone_vector_index *index, uint32_t from, uint32_t slot,
                                  uint32_t level, hone_diag *diag) {
    hn_searcher *with = index->writer;
    if (with->visited[from] == with->epoch || from == slot || !is_live(index, from)) {
        return HONE_OK;
    }
    with->visited[from] = with->epoch;
    if (!contains(hn_links_of(index, from, level), hn_links_limit(index, level), slot)) {
        return HONE_OK;
    }
    hone_status status = reserve_changes(index, 1, diag);
    if (status == HONE_OK) {
        plan_mend(index, from, slot, level);
    }
    return status;
}

static void plan_other_entry(hone_vector_index *index, uint32_t without) {
    index->plan.entry_slot = HN_NO_SLOT;
    index->plan.entry_level = 0;
    for (uint32_t slot = 0; slot < index->slots_count; slot++) {
        uint32_t level = hn_vector_level_of(index, slot);
        if (slot != without && is_live(index, slot) &&
            (index->plan.entry_slot == HN_NO_SLOT || level > index->plan.entry_level)) {
            index->plan.entry_slot = slot;
            index->plan.entry_level = level;
        }
    }
}

hone_status hn_vector_plan_unlink(hone_vector_index *index, uint32_t slot, hone_diag *diag) {
    hone_status status = HONE_OK;
    uint32_t links[HN_LINKS0_MAX], further[HN_LINKS0_MAX];
    hn_searcher *with = index->writer;
    begin_plan(index);
    for (uint32_t level = 0; level <= hn_vector_level_of(index, slot) && status == HONE_OK;
         level++) {
        hn_vector_begin_epoch(with);
        size_t count = live_links(index, slot, level, HN_NO_SLOT, links);
        for (size_t i = 0; i < count && status == HONE_OK; i++) {
            status = mend_if_linked(index, links[i], slot, level, diag);
            size_t further_count = live_links(index, links[i], level, HN_NO_SLOT, further);
            for (size_t k = 0; k < further_count && status == HONE_OK; k++) {
                status = mend_if_linked(index, further[k], slot, level, diag);
            }
        }
        if (status == HONE_OK && (status = reserve_changes(index, 1, diag)) == HONE_OK) {
            (void)next_change(index, slot, level); /* none */
        }
    }
    if (status == HONE_OK && slot == index->entry_slot) {
        plan_other_entry(index, slot);
    }
    return status;
}

void hn_vector_plan_apply(hone_vector_index *index) {
    const hn_plan *plan = &index->plan;
    for (size_t i = 0; i < plan->count; i++) {
        const hn_link_change *change = &plan->changes[i];
        uint32_t *links = hn_links_of(index, change->slot, change->level);
        uint32_t limit = hn_links_limit(index, change->level);
        memcpy(links, change->links, change->count * sizeof *links);
        memset(links + change->count, 0xFF, (limit - change->count) * sizeof *links);
    }
    index->entry_slot = plan->entry_slot;
    index->entry_level = plan->entry_level;
}
