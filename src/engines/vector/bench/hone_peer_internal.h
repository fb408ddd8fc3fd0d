/* SPDX-License-Identifier: Apache-2.0 */
/* Searches with filters, which only hone is asked for. */
#ifndef HONE_VECTOR_BENCH_HONE_PEER_INTERNAL_H
#define HONE_VECTOR_BENCH_HONE_PEER_INTERNAL_H

#include "hone/vector/index.h"
#include "peer_internal.h"

enum { HN_BENCH_TAGS = 3, HN_BENCH_HITS_MAX = 2048 };

uint32_t hn_bench_tag_period(uint32_t bit);
size_t hn_bench_find(void *context, const hone_vector_search *search, uint64_t *out_rows);

#endif
