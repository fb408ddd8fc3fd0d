/* SPDX-License-Identifier: Apache-2.0 */
/* The working memory of searches: taken from a list, made when the list is empty, so that there are
 * as many as searches ever ran at a time. */
#include "vector_internal.h"

enum { POOL_CAPACITY_MIN = 256 };

static size_t floats_bytes(const hone_vector_index *index) {
    size_t floats = index->layout.row_elements * sizeof(float);
    return floats > index->layout.row_bytes ? floats : index->layout.row_bytes;
}

static bool make_space(hone_vector_index *index, hn_query_space *out_space) {
    out_space->floats = hn_vector_allocate(index, floats_bytes(index));
    if (index->storage == HONE_VECTOR_I8) {
        out_space->code = hn_vector_allocate(index, index->layout.row_bytes);
        out_space->residual = hn_vector_allocate(index, index->layout.row_bytes);
    }
    return out_space->floats &&
           (index->storage != HONE_VECTOR_I8 || (out_space->code && out_space->residual));
}

static void drop_space(hone_vector_index *index, const hn_query_space *space) {
    hn_vector_release(index, space->floats, floats_bytes(index));
    hn_vector_release(index, space->code, index->layout.row_bytes);
    hn_vector_release(index, space->residual, index->layout.row_bytes);
}

hn_searcher *hn_vector_searcher_create(hone_vector_index *index) {
    hn_searcher *searcher = hn_vector_allocate(index, sizeof *searcher);
    if (searcher &&
        (!make_space(index, &searcher->space) || !make_space(index, &searcher->row_space))) {
        hn_vector_searcher_destroy(index, searcher);
        searcher = NULL;
    }
    return searcher;
}

void hn_vector_searcher_destroy(hone_vector_index *index, hn_searcher *searcher) {
    if (!searcher) {
        return;
    }
    drop_space(index, &searcher->space);
    drop_space(index, &searcher->row_space);
    hn_vector_release(index, searcher->visited, searcher->visited_count);
    hn_vector_release(index, searcher->pool, searcher->pool_capacity * sizeof(uint64_t));
    hn_vector_release(index, searcher->found, searcher->pool_capacity * sizeof(uint64_t));
    hn_vector_release(index, searcher, sizeof *searcher);
}

static hone_status no_memory(hone_diag *diag) {
    return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for the work of a search");
}

/* Room for walks of that width through all slots there are, and one more. `lock` is held, or
 * `writers`. */
hone_status hn_vector_searcher_fit(hone_vector_index *index, hn_searcher *searcher, size_t width,
                                   hone_diag *diag) {
    if (searcher->visited_count <= index->slots_count) {
        size_t count = ((size_t)index->slots_count / HN_CHUNK_ROWS + 1) * HN_CHUNK_ROWS * 2;
        uint8_t *visited = hn_vector_allocate(index, count);
        if (!visited) {
            return no_memory(diag);
        }
        hn_vector_release(index, searcher->visited, searcher->visited_count);
        searcher->visited = visited;
        searcher->visited_count = count;
        searcher->epoch = 0;
    }
    if (searcher->pool_capacity < width) {
        size_t capacity = width < POOL_CAPACITY_MIN ? POOL_CAPACITY_MIN : width;
        uint64_t *pool = hn_vector_allocate(index, capacity * sizeof *pool);
        uint64_t *found = hn_vector_allocate(index, capacity * sizeof *found);
        if (!pool || !found) {
            hn_vector_release(index, pool, capacity * sizeof *pool);
            hn_vector_release(index, found, capacity * sizeof *found);
            return no_memory(diag);
        }
        hn_vector_release(index, searcher->pool, searcher->pool_capacity * sizeof *pool);
        hn_vector_release(index, searcher->found, searcher->pool_capacity * sizeof *found);
        searcher->pool = pool;
        searcher->found = found;
        searcher->pool_capacity = capacity;
    }
    return HONE_OK;
}

hone_status hn_vector_searcher_acquire(hone_vector_index *index, hone_diag *diag,
                                       hn_searcher **out_searcher) {
    hone_mutex_lock(&index->searchers_lock);
    hn_searcher *searcher = index->searchers;
    if (searcher) {
        index->searchers = searcher->next;
    }
    hone_mutex_unlock(&index->searchers_lock);
    if (!searcher) {
        searcher = hn_vector_searcher_create(index);
    }
    if (!searcher) {
        return no_memory(diag);
    }
    *out_searcher = searcher;
    return HONE_OK;
}

void hn_vector_searcher_release(hone_vector_index *index, hn_searcher *searcher) {
    hone_mutex_lock(&index->searchers_lock);
    searcher->next = index->searchers;
    index->searchers = searcher;
    hone_mutex_unlock(&index->searchers_lock);
}
