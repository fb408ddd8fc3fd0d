/* SPDX-License-Identifier: Apache-2.0 */
/* The life of an index and its changes; search.c has the queries. */
#include "index_file_internal.h"

#include "hone/base/checked.h"
#include "hone/platform/isa.h"

enum {
    LINKS_DEFAULT = 16,
    BUILD_WIDTH_DEFAULT = 200,
    EXACT_BELOW_DEFAULT = 4096,
    VECTORS_MAX_DEFAULT = 1 << 22,
};

static hone_status check_options(const hone_vector_options *options, hone_diag *diag) {
    bool is_bits = options->storage == HONE_VECTOR_BITS;
    const char *what = NULL;
    if (options->dims < 1 || options->dims > HONE_VECTOR_DIMS_MAX) {
        what = "dims is from 1 to 65536";
    } else if ((unsigned)options->metric > HONE_VECTOR_HAMMING ||
               (unsigned)options->storage > HONE_VECTOR_BITS) {
        what = "there is no such metric or storage";
    } else if (is_bits != (options->metric == HONE_VECTOR_HAMMING)) {
        what = "the storage bits goes with the metric hamming, and only with it";
    } else if (is_bits && options->dims % 64 != 0) {
        what = "vectors of bits have whole words: dims is a multiple of 64";
    } else if (options->links_max && (options->links_max < HONE_VECTOR_LINKS_MIN ||
                                      options->links_max > HONE_VECTOR_LINKS_MAX)) {
        what = "links_max is from 4 to 64";
    } else if (options->build_width > HONE_VECTOR_WIDTH_MAX) {
        what = "build_width is at most 65536";
    } else if (options->vectors_max > HONE_VECTOR_VECTORS_MAX) {
        what = "vectors_max is at most 2^30";
    }
    return what ? hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT, "vector index: %s", what)
                : HONE_OK;
}

static uint32_t or_default(uint32_t value, uint32_t otherwise) {
    return value ? value : otherwise;
}

static void take_options(hone_vector_index *index, const hone_vector_options *options) {
    index->dims = options->dims;
    index->metric = options->metric;
    index->storage = options->storage;
    index->links_max = or_default(options->links_max, LINKS_DEFAULT);
    index->build_width = or_default(options->build_width, BUILD_WIDTH_DEFAULT);
    if (index->build_width < index->links_max) {
        index->build_width = index->links_max;
    }
    index->exact_below = or_default(options->exact_below, EXACT_BELOW_DEFAULT);
    index->vectors_max = or_default(options->vectors_max, VECTORS_MAX_DEFAULT);
    index->seed = options->seed;
    index->kernels = hone_distance_best(options->features ? *options->features : hone_isa_detect());
    index->entry_slot = index->free_slot = HN_NO_SLOT;
    hn_vector_lay_out(index);
    index->chunks_max = ((size_t)index->vectors_max + HN_CHUNK_ROWS - 1) / HN_CHUNK_ROWS;
    /* above level 0 stands one of links_max - 1 slots on average; 64 chunks more for chance */
    index->upper_chunks_max = 2 * index->chunks_max / (index->links_max - 1) + 64;
}

hone_status hone_vector_create(const hone_vector_options *options, hone_diag *diag,
                               hone_vector_index **out_index) {
    if (!options || !out_index) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "vector index: options and out_index are needed");
    }
    hone_status status = check_options(options, diag);
    if (status != HONE_OK) {
        return status;
    }
    hone_vector_index *index = HONE_NEW(options->allocator, hone_vector_index);
    if (index) {
        index->allocator = options->allocator;
        index->memory_bytes = sizeof *index;
        take_options(index, options);
        hone_mutex_init(&index->writers);
        hone_mutex_init(&index->searchers_lock);
        hone_rwlock_init(&index->lock);
        index->chunks = hn_vector_allocate(index, index->chunks_max * sizeof *index->chunks);
        index->upper_chunks =
            hn_vector_allocate(index, index->upper_chunks_max * sizeof *index->upper_chunks);
        index->writer = hn_vector_searcher_create(index);
    }
    if (!index || !index->chunks || !index->upper_chunks || !index->writer) {
        hone_vector_destroy(index);
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for a vector index");
    }
    *out_index = index;
    return HONE_OK;
}

void hone_vector_destroy(hone_vector_index *index) {
    if (!index) {
        return;
    }
    hn_vector_searcher_destroy(index, index->writer);
    while (index->searchers) {
        hn_searcher *searcher = index->searchers;
        index->searchers = searcher->next;
        hn_vector_searcher_destroy(index, searcher);
    }
    hn_vector_free_store(index);
    hn_vector_journal_destroy(index->allocator, index->journal);
    hn_vector_release(index, index->plan.changes,
                      index->plan.capacity * sizeof *index->plan.changes);
    hone_mutex_deinit(&index->writers);
    hone_mutex_deinit(&index->searchers_lock);
    hone_rwlock_deinit(&index->lock);
    HONE_DELETE(index->allocator, hone_vector_index, index);
}

/* Where the vector is going to be. */
static uint32_t next_slot(const hone_vector_index *index, uint64_t key, bool is_new) {
    return !is_new                 ? hn_vector_map_find(index, key)
           : index->free_count > 0 ? index->free_slot
                                   : index->slots_count;
}

/* All that adding can fail at, before anything changes: memory, then the vector itself, which ends
 * as a query in the writer's space. `writers` is held. */
static hone_status prepare(hone_vector_index *index, const hone_vector_item *item, bool is_new,
                           hn_query *out_query, float *out_length, hone_diag *diag) {
    hone_status status = hn_vector_query_make(index, item->values, &index->writer->space, out_query,
                                              out_length, diag);
    if (status == HONE_OK) {
        status = hn_vector_log_reserve(index, diag);
    }
    if (status == HONE_OK && is_new) {
        status = hn_vector_map_reserve(index, diag);
    }
    if (status == HONE_OK && is_new && index->free_count == 0) {
        status = hn_vector_grow(index, diag);
    }
    if (status == HONE_OK) {
        status = hn_vector_plan_reserve(index, next_slot(index, item->key, is_new), diag);
    }
    if (status == HONE_OK) {
        status = hn_vector_searcher_fit(index, index->writer, index->build_width, diag);
    }
    return status;
}

/* Fills the next free place, or the next behind all. Nothing fails here. */
static void put(hone_vector_index *index, hn_record_kind kind, const hone_vector_item *item,
                const hn_query *query, float length) {
    bool is_reused = index->free_count > 0;
    uint32_t slot = is_reused ? index->free_slot : index->slots_count;
    if (is_reused) { /* links that are left may lead a search here */
        hone_rwlock_lock(&index->lock);
        hn_vector_store(index, slot, query, length);
        hone_rwlock_unlock(&index->lock);
    } else {
        hn_vector_store(index, slot, query, length);
        *hn_upper_of(index, slot) = (uint32_t)index->uppers_used;
    }
    hn_vector_plan_link(index, slot);
    hone_rwlock_lock(&index->lock);
    if (is_reused) {
        index->free_slot = (uint32_t)*hn_key_of(index, slot);
        index->free_count--;
    } else {
        index->uppers_used += hn_vector_level_of(index, slot);
        index->slots_count++;
    }
    hn_vector_plan_apply(index);
    *hn_key_of(index, slot) = item->key;
    *hn_tags_of(index, slot) = item->tags;
    *hn_state_of(index, slot) = HN_STATE_LIVE;
    hn_vector_map_insert(index, item->key, slot);
    hone_rwlock_unlock(&index->lock);
    hn_vector_log_append(index, kind, item);
}

static hone_status take_out(hone_vector_index *index, uint32_t slot, hone_diag *diag) {
    hone_status status = hn_vector_plan_unlink(index, slot, diag);
    if (status != HONE_OK) {
        return status;
    }
    hone_rwlock_lock(&index->lock);
    hn_vector_plan_apply(index);
    hn_vector_map_remove(index, *hn_key_of(index, slot));
    *hn_state_of(index, slot) = HN_STATE_FREE;
    *hn_key_of(index, slot) = index->free_slot;
    index->free_slot = slot;
    index->free_count++;
    hone_rwlock_unlock(&index->lock);
    return HONE_OK;
}

static hone_status missing(hone_diag *diag, uint64_t key) {
    return hone_diag_set(diag, HONE_STATUS_NOT_FOUND, "no vector has the key %llu",
                         (unsigned long long)key);
}

hone_status hone_vector_add(hone_vector_index *index, const hone_vector_item *item,
                            hone_diag *diag) {
    hn_query query;
    float length;
    if (!index || !item) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT, "no index, or no item");
    }
    hone_mutex_lock(&index->writers);
    hone_status status = HONE_OK;
    if (hn_vector_map_find(index, item->key) != HN_NO_SLOT) {
        status = hone_diag_set(diag, HONE_STATUS_DUPLICATE,
                               "a vector with the key %llu is there already; update gives it other "
                               "values",
                               (unsigned long long)item->key);
    } else {
        status = prepare(index, item, true, &query, &length, diag);
    }
    if (status == HONE_OK) {
        put(index, HN_RECORD_ADD, item, &query, length);
    }
    hone_mutex_unlock(&index->writers);
    return status;
}

hone_status hone_vector_update(hone_vector_index *index, const hone_vector_item *item,
                               hone_diag *diag) {
    hn_query query;
    float length;
    if (!index || !item) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT, "no index, or no item");
    }
    hone_mutex_lock(&index->writers);
    uint32_t slot = hn_vector_map_find(index, item->key);
    hone_status status = slot == HN_NO_SLOT ? missing(diag, item->key)
                                            : prepare(index, item, false, &query, &length, diag);
    if (status == HONE_OK) {
        status = take_out(index, slot, diag);
    }
    if (status == HONE_OK) { /* mending the links used the writer's space */
        status =
            hn_vector_query_make(index, item->values, &index->writer->space, &query, &length, diag);
        put(index, HN_RECORD_UPDATE, item, &query, length);
    }
    hone_mutex_unlock(&index->writers);
    return status;
}

hone_status hone_vector_remove(hone_vector_index *index, uint64_t key, hone_diag *diag) {
    if (!index) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT, "no index");
    }
    hone_mutex_lock(&index->writers);
    uint32_t slot = hn_vector_map_find(index, key);
    const hone_vector_item item = {.key = key};
    hone_status status = slot == HN_NO_SLOT ? missing(diag, key)
                                            : hn_vector_searcher_fit(index, index->writer, 1, diag);
    if (status == HONE_OK) {
        status = hn_vector_log_reserve(index, diag);
    }
    if (status == HONE_OK) {
        status = take_out(index, slot, diag);
    }
    if (status == HONE_OK) {
        hn_vector_log_append(index, HN_RECORD_REMOVE, &item);
    }
    hone_mutex_unlock(&index->writers);
    return status;
}

bool hone_vector_has(hone_vector_index *index, uint64_t key) {
    if (!index) {
        return false;
    }
    hone_rwlock_lock_shared(&index->lock);
    bool is_there = hn_vector_map_find(index, key) != HN_NO_SLOT;
    hone_rwlock_unlock_shared(&index->lock);
    return is_there;
}

hone_status hone_vector_get(hone_vector_index *index, uint64_t key, hone_diag *diag,
                            void *out_values, uint64_t *out_tags) {
    if (!index || !out_values) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT, "no index, or no room for values");
    }
    hone_rwlock_lock_shared(&index->lock);
    uint32_t slot = hn_vector_map_find(index, key);
    if (slot != HN_NO_SLOT) {
        hn_vector_load(index, slot, out_values);
        if (out_tags) {
            *out_tags = *hn_tags_of(index, slot);
        }
    }
    hone_rwlock_unlock_shared(&index->lock);
    return slot == HN_NO_SLOT ? missing(diag, key) : HONE_OK;
}

size_t hone_vector_list_keys(hone_vector_index *index, uint64_t *cursor, uint64_t *out_keys,
                             size_t keys_max) {
    size_t count = 0;
    if (!index || !cursor || !out_keys) {
        return 0;
    }
    hone_rwlock_lock_shared(&index->lock);
    for (; count < keys_max && *cursor < index->slots_count; ++*cursor) {
        uint32_t slot = (uint32_t)*cursor;
        if (*hn_state_of(index, slot) == HN_STATE_LIVE) {
            out_keys[count++] = *hn_key_of(index, slot);
        }
    }
    hone_rwlock_unlock_shared(&index->lock);
    return count;
}

void hone_vector_stats_read(hone_vector_index *index, hone_vector_stats *out_stats) {
    *out_stats = (hone_vector_stats){0};
    if (!index) {
        return;
    }
    hone_rwlock_lock_shared(&index->lock);
    out_stats->vectors_count = index->slots_count - index->free_count;
    out_stats->free_count = index->free_count;
    out_stats->memory_bytes = __atomic_load_n(&index->memory_bytes, __ATOMIC_RELAXED);
    out_stats->levels_count = index->entry_slot == HN_NO_SLOT ? 0 : index->entry_level + 1;
    out_stats->dims = index->dims;
    out_stats->metric = index->metric;
    out_stats->storage = index->storage;
    for (uint32_t slot = 0; slot < index->slots_count; slot++) {
        const uint32_t *links = hn_links_of(index, slot, 0);
        for (uint32_t i = 0; i < hn_links_limit(index, 0) && links[i] < index->slots_count; i++) {
            out_stats->links_count++;
            out_stats->dead_links_count += *hn_state_of(index, links[i]) != HN_STATE_LIVE;
        }
    }
    hone_rwlock_unlock_shared(&index->lock);
}

const char *hone_vector_metric_name(hone_vector_metric metric) {
    static const char *const names[] = {"cosine", "l2", "dot", "hamming"};
    return (unsigned)metric < sizeof names / sizeof *names ? names[metric] : "unknown";
}

const char *hone_vector_storage_name(hone_vector_storage storage) {
    static const char *const names[] = {"i8", "f32", "f16", "bf16", "bits"};
    return (unsigned)storage < sizeof names / sizeof *names ? names[storage] : "unknown";
}
