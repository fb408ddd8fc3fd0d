/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of this suite share: the peers, and the cases of each file.
 */
#ifndef HN_MEMORY_BENCH_INTERNAL_H
#define HN_MEMORY_BENCH_INTERNAL_H

#include "hone/measure/bench.h"
#include "patterns_internal.h"

/* An allocator that is loaded at run time and called through pointers, glibc's as well. */
typedef struct peer {
    void *(*allocate)(size_t size);
    void (*release)(void *block);
} peer;

/* Each makes a pattern whose self is a peer; drop_peer unmakes it. */
hone_status make_glibc(const void *parameter, hone_diag *diag, void **out_context);
hone_status make_mimalloc(const void *parameter, hone_diag *diag, void **out_context);
hone_status make_jemalloc(const void *parameter, hone_diag *diag, void **out_context);
hone_status make_tcmalloc(const void *parameter, hone_diag *diag, void **out_context);
void drop_peer(void *context);

void run_peer_pair(void *context, uint64_t iterations);
void run_peer_pair_32k(void *context, uint64_t iterations);
void run_peer_pair_1m(void *context, uint64_t iterations);
void run_peer_fifo(void *context, uint64_t iterations);
void run_peer_burst(void *context, uint64_t iterations);
void run_peer_replace(void *context, uint64_t iterations);
void run_peer_batch(void *context, uint64_t iterations);

/* A pattern on `self`, with nothing live; NULL without memory. Its live blocks are the caller's to
 * release before it is dropped. */
pattern *make_pattern(void *self);
void drop_pattern(pattern *it);

/* cross_bench.c: one thread allocates, another releases; a variant per allocator. */
hone_status make_cross_heap(const void *parameter, hone_diag *diag, void **out_context);
hone_status make_cross_glibc(const void *parameter, hone_diag *diag, void **out_context);
hone_status make_cross_mimalloc(const void *parameter, hone_diag *diag, void **out_context);
hone_status make_cross_jemalloc(const void *parameter, hone_diag *diag, void **out_context);
hone_status make_cross_tcmalloc(const void *parameter, hone_diag *diag, void **out_context);
double measure_cross_heap(void *context);
double measure_cross_peer(void *context);
void drop_cross(void *context);

/* budget_bench.c */
hone_status make_budgets(const void *parameter, hone_diag *diag, void **out_context);
void drop_budgets(void *context);
void run_lease(void *context, uint64_t iterations);
void run_accounted(void *context, uint64_t iterations);
hone_status make_campaign(const void *parameter, hone_diag *diag, void **out_context);
double measure_campaign_rate(void *context);
double measure_campaign_peak(void *context);
double measure_campaign_evicted(void *context);
double measure_campaign_passes(void *context);

/* clang-format off */
#define PEER(peer_name, run_function) \
    {.name = #peer_name, .setup = make_##peer_name, .run = run_function, .teardown = drop_peer}
#define PEERS(run_function) \
    PEER(glibc, run_function), PEER(mimalloc, run_function), PEER(jemalloc, run_function), \
    PEER(tcmalloc, run_function)
/* clang-format on */

#endif
