/* SPDX-License-Identifier: Apache-2.0 */
/* What the suite asks of each library: an index over rows of floats by cosine, built on one thread
 * with 16 links (32 below) and a width of 200, and searches of it. */
#ifndef HONE_VECTOR_BENCH_PEER_INTERNAL_H
#define HONE_VECTOR_BENCH_PEER_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct vector_peer {
    /* NULL when memory is short. Rows are of length 1 and stay valid. */
    void *(*build)(const float *rows, size_t rows_count, size_t dims);
    /* The numbers of the `count` nearest rows; how many were found. */
    size_t (*search)(void *index, const float *query, size_t count, size_t width,
                     uint64_t *out_rows);
    /* The same by looking at every row. NULL: it does not offer that. */
    size_t (*scan)(void *index, const float *query, size_t count, uint64_t *out_rows);
    /* Held by the index. */
    size_t (*size_bytes)(void *index);
    void (*destroy)(void *index);
} vector_peer;

extern const vector_peer hone_i8_peer, hone_f32_peer, hnswlib_peer, faiss_peer;

#ifdef __cplusplus
}
#endif

#endif
