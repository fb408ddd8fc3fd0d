/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vector index: remembers vectors under keys and finds those nearest to a query, in memory.
 *
 * Below `exact_below` vectors a search looks at all of them. Above, it walks a graph (HNSW): the
 * wider the walk, the more of the true neighbours it finds and the longer it takes. With the
 * storage HONE_VECTOR_I8, the default, the walk compares codes of one byte an element, and what it
 * finds is ordered again by codes of two bytes, which for the order of neighbours is as good as the
 * floats that came in: 2 bytes an element instead of 4.
 *
 *     hone_vector_index *index;
 *     hone_vector_options options = {.dims = 128, .metric = HONE_VECTOR_COSINE};
 *     status = hone_vector_create(&options, &diag, &index);
 *     hone_vector_item item = {.key = 7, .values = {floats, 128}};
 *     status = hone_vector_add(index, &item, &diag);
 *     hone_vector_hit hits[10];
 *     hone_vector_search search = {.query = {floats, 128}, .count = 10};
 *     status = hone_vector_find(index, &search, &diag, hits, &hits_count);
 *
 * Contract
 *   Threads     shared: searches run beside each other and beside one writer; writers wait for each
 *               other. A search sees every vector whose add returned before it began. create and
 *               destroy: alone.
 *   Ownership   what is passed in is copied; nothing borrowed is kept but the allocator.
 *   Order       hits are sorted by distance, equal ones by their place in the index.
 *   Determinism the same calls in the same order on one thread give the same graph; with I8 and
 *               BITS the same on every machine, whatever its instruction set is.
 *   Limits      dims, links_max, vectors_max: see the options. A refused call changes nothing.
 *   Errors      INVALID_ARGUMENT, WRONG_DIMENSION, NOT_FINITE, DUPLICATE, NOT_FOUND, LIMIT,
 *               OUT_OF_MEMORY; the diag says which argument and what to do.
 *   Cost        suite `vector`. A search allocates only when it is the first one of so many at a
 *               time, of that width, or since the index grew.
 *
 * Sources: Y. Malkov, D. Yashunin, Efficient and robust approximate nearest neighbor search using
 * Hierarchical Navigable Small World graphs, 2016; C. Aguerrebere et al., Similarity search in the
 * blink of an eye with compressed indices, VLDB 2023 (codes scaled per vector, in two levels);
 * A. Singh et al., FreshDiskANN, 2021 (repair after deletes).
 */
#ifndef HONE_VECTOR_INDEX_H
#define HONE_VECTOR_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hone/base/allocator.h"
#include "hone/base/isa_mask.h"
#include "hone/base/status.h"

typedef struct hone_vector_index hone_vector_index;

enum {
    HONE_VECTOR_DIMS_MAX = 65536,
    HONE_VECTOR_LINKS_MIN = 4,
    HONE_VECTOR_LINKS_MAX = 64,
    HONE_VECTOR_WIDTH_MAX = 65536,
    HONE_VECTOR_VECTORS_MAX = 1 << 30,
};

typedef enum hone_vector_metric {
    HONE_VECTOR_COSINE,  /* 1 - cosine: 0 to 2 */
    HONE_VECTOR_L2,      /* the squared Euclidean distance */
    HONE_VECTOR_DOT,     /* minus the inner product */
    HONE_VECTOR_HAMMING, /* bits that differ; goes with BITS, and only with it */
} hone_vector_metric;

typedef enum hone_vector_storage {
    HONE_VECTOR_I8,   /* two levels of int8 codes, scaled per vector: 2 bytes an element */
    HONE_VECTOR_F32,  /* as it came: 4 bytes an element */
    HONE_VECTOR_F16,  /* binary16: 2 bytes */
    HONE_VECTOR_BF16, /* bfloat16: 2 bytes; values up to 3e38 */
    HONE_VECTOR_BITS, /* 1 bit */
} hone_vector_storage;

typedef struct hone_vector_options {
    uint32_t dims; /* elements of a vector: 1 to HONE_VECTOR_DIMS_MAX; of BITS whole words: a
                      multiple of 64 */
    hone_vector_metric metric;
    hone_vector_storage storage;
    uint32_t links_max;   /* of a vector on the upper levels of the graph, twice that on the lowest;
                             HONE_VECTOR_LINKS_MIN to HONE_VECTOR_LINKS_MAX; 0: 16 */
    uint32_t build_width; /* of the walk that looks for a new vector's links; 0: 200 */
    uint32_t exact_below; /* searches look at everything while there are fewer; 0: 4096 */
    uint32_t vectors_max; /* at most HONE_VECTOR_VECTORS_MAX; 0: 2^22 */
    uint64_t seed;        /* of the levels of the graph */
    const hone_isa_mask *features;   /* may be used; NULL: all that this machine has */
    const hone_allocator *allocator; /* borrowed, shared; NULL: libc. For a large index one whose
                                        blocks are huge pages: hone/memory/page_allocator.h */
} hone_vector_options;

/* `count` floats, or for HAMMING `count` words of 64 bits each. */
typedef struct hone_vector_values {
    const void *data;
    size_t count;
} hone_vector_values;

typedef struct hone_vector_item {
    uint64_t key;
    hone_vector_values values;
    uint64_t tags; /* a set of up to 64 marks, for filters */
} hone_vector_item;

/* INVALID_ARGUMENT, OUT_OF_MEMORY. */
HONE_MUST_USE hone_status hone_vector_create(const hone_vector_options *options, hone_diag *diag,
                                             hone_vector_index **out_index);

/* NULL is allowed. */
void hone_vector_destroy(hone_vector_index *index);

/* ---- change ---- */

/* DUPLICATE when the key is there already; NOT_FINITE (a NaN or an infinity, or under COSINE a
 * vector without a direction: all zero); WRONG_DIMENSION; LIMIT at vectors_max; OUT_OF_MEMORY. */
HONE_MUST_USE hone_status hone_vector_add(hone_vector_index *index, const hone_vector_item *item,
                                          hone_diag *diag);

/* Gives the key other values and tags. As add, and NOT_FOUND. */
HONE_MUST_USE hone_status hone_vector_update(hone_vector_index *index, const hone_vector_item *item,
                                             hone_diag *diag);

/* Takes the vector out of the index and of its graph, whose links it leaves are mended; its place
 * goes to a later add. NOT_FOUND, OUT_OF_MEMORY. */
HONE_MUST_USE hone_status hone_vector_remove(hone_vector_index *index, uint64_t key,
                                             hone_diag *diag);

/* ---- query ---- */

bool hone_vector_has(hone_vector_index *index, uint64_t key);

/* The vector as it is stored, decoded: dims floats (or words) into `out_values`; its tags, unless
 * out_tags is NULL. NOT_FOUND. */
HONE_MUST_USE hone_status hone_vector_get(hone_vector_index *index, uint64_t key, hone_diag *diag,
                                          void *out_values, uint64_t *out_tags);

/* Keys in the order of their places, from place *cursor on, which moves behind the last one: begin
 * with 0. Fewer than keys_max only at the end, 0 when there are none left. What changes between two
 * calls may be listed or not. */
size_t hone_vector_list_keys(hone_vector_index *index, uint64_t *cursor, uint64_t *out_keys,
                             size_t keys_max);

typedef struct hone_vector_hit {
    uint64_t key;
    float distance;
} hone_vector_hit;

/* What a hit must be. All of: every mark of tags_all, any mark of tags_any (0: no matter), none of
 * tags_none, and accept(self, key, tags), where there is one. accept is called on the searching
 * thread, must not change the index, and may be called for vectors that are no hits. */
typedef struct hone_vector_filter {
    uint64_t tags_all, tags_any, tags_none;
    bool (*accept)(void *self, uint64_t key, uint64_t tags);
    void *self;
} hone_vector_filter;

typedef struct hone_vector_search {
    hone_vector_values query;
    uint32_t count; /* of hits wanted, at least 1 */
    uint32_t width; /* of the walk: how many of the nearest seen it goes on from. 0: 64; at least
                       `count` counts */
    bool is_exact;  /* looks at everything, whatever the size */
    const hone_vector_filter *filter; /* NULL: none */
} hone_vector_search;

/* The nearest: search->count of them, or all that there are and pass the filter. With a filter the
 * walk goes on, or everything is looked at, until that many are found: never fewer because of it.
 * INVALID_ARGUMENT, WRONG_DIMENSION, NOT_FINITE, OUT_OF_MEMORY. An empty index has no hits:
 * HONE_OK.
 */
HONE_MUST_USE hone_status hone_vector_find(hone_vector_index *index,
                                           const hone_vector_search *search, hone_diag *diag,
                                           hone_vector_hit *out_hits, size_t *out_count);

/* Those not farther than `radius`, nearest first, at most search->count of them: where
 * *out_count is that, there may be more. The walk widens until it has seen beyond the radius. */
HONE_MUST_USE hone_status hone_vector_find_within(hone_vector_index *index,
                                                  const hone_vector_search *search, float radius,
                                                  hone_diag *diag, hone_vector_hit *out_hits,
                                                  size_t *out_count);

typedef struct hone_vector_stats {
    uint64_t vectors_count;
    uint64_t free_count;       /* places of removed vectors, waiting for adds */
    uint64_t memory_bytes;     /* held from the allocator, searches' own memory included */
    uint64_t links_count;      /* on the lowest level */
    uint64_t dead_links_count; /* of these, to free places */
    uint32_t levels_count;     /* of the graph; 0: empty */
    uint32_t dims;
    hone_vector_metric metric;
    hone_vector_storage storage;
} hone_vector_stats;

/* Cost: reads all links. */
void hone_vector_stats_read(hone_vector_index *index, hone_vector_stats *out_stats);

/* "i8", "cosine": the words of the command line. Never NULL. */
const char *hone_vector_metric_name(hone_vector_metric metric);
const char *hone_vector_storage_name(hone_vector_storage storage);

#endif
