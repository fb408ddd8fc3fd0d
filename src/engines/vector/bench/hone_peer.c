/* SPDX-License-Identifier: Apache-2.0 */
#include "hone_peer_internal.h"

#include <stdlib.h>

#include "hone/memory/page_allocator.h"

typedef struct built {
    hone_page_allocator pages;
    hone_vector_index *index;
    size_t dims;
} built;

static void destroy(void *context) {
    built *made = context;
    if (made) {
        hone_vector_destroy(made->index);
        free(made);
    }
}

/* Row i gets the tags whose bit b is set where i is a multiple of hn_bench_tag_period(b). */
uint32_t hn_bench_tag_period(uint32_t bit) {
    static const uint32_t periods[] = {2, 20, 200};
    return periods[bit];
}

static uint64_t tags_of(size_t row) {
    uint64_t tags = 0;
    for (uint32_t bit = 0; bit < HN_BENCH_TAGS; bit++) {
        tags |= (uint64_t)(row % hn_bench_tag_period(bit) == 0) << bit;
    }
    return tags;
}

static void *build(const float *rows, size_t rows_count, size_t dims, hone_vector_storage storage) {
    built *made = calloc(1, sizeof *made);
    const hone_page_allocator_options pages = {.huge_pages = HONE_HUGE_PAGES_TRANSPARENT};
    if (!made || hone_page_allocator_init(&made->pages, &pages, NULL) != HONE_OK) {
        free(made);
        return NULL;
    }
    const hone_vector_options options = {.dims = (uint32_t)dims,
                                         .metric = HONE_VECTOR_COSINE,
                                         .storage = storage,
                                         .exact_below = 1,
                                         .vectors_max = (uint32_t)rows_count,
                                         .allocator = &made->pages.allocator};
    hone_status status = hone_vector_create(&options, NULL, &made->index);
    made->dims = dims;
    for (size_t i = 0; i < rows_count && status == HONE_OK; i++) {
        const hone_vector_item item = {
            .key = i, .values = {rows + i * dims, dims}, .tags = tags_of(i)};
        status = hone_vector_add(made->index, &item, NULL);
    }
    if (status != HONE_OK) {
        destroy(made);
        return NULL;
    }
    return made;
}

static void *build_i8(const float *rows, size_t rows_count, size_t dims) {
    return build(rows, rows_count, dims, HONE_VECTOR_I8);
}

static void *build_f32(const float *rows, size_t rows_count, size_t dims) {
    return build(rows, rows_count, dims, HONE_VECTOR_F32);
}

size_t hn_bench_find(void *context, const hone_vector_search *search, uint64_t *out_rows) {
    built *made = context;
    hone_vector_hit hits[HN_BENCH_HITS_MAX];
    size_t found = 0;
    if (search->count > HN_BENCH_HITS_MAX ||
        hone_vector_find(made->index, search, NULL, hits, &found) != HONE_OK) {
        return 0;
    }
    for (size_t i = 0; i < found; i++) {
        out_rows[i] = hits[i].key;
    }
    return found;
}

static size_t search(void *context, const float *query, size_t count, size_t width,
                     uint64_t *out_rows) {
    const built *made = context;
    const hone_vector_search wanted = {
        .query = {query, made->dims}, .count = (uint32_t)count, .width = (uint32_t)width};
    return hn_bench_find(context, &wanted, out_rows);
}

static size_t scan(void *context, const float *query, size_t count, uint64_t *out_rows) {
    const built *made = context;
    const hone_vector_search wanted = {
        .query = {query, made->dims}, .count = (uint32_t)count, .is_exact = true};
    return hn_bench_find(context, &wanted, out_rows);
}

static size_t size_bytes(void *context) {
    hone_vector_stats stats;
    hone_vector_stats_read(((built *)context)->index, &stats);
    return (size_t)stats.memory_bytes;
}

const vector_peer hone_i8_peer = {build_i8, search, scan, size_bytes, destroy};
const vector_peer hone_f32_peer = {build_f32, search, scan, size_bytes, destroy};
