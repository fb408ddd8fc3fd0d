/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread allocates, another releases: a ring of 1024 pointers between them. The second thread
 * sleeps between samples, because the other variants of the case are measured meanwhile; the time
 * begins when it is awake.
 */
#include <stdatomic.h>
#include <stdlib.h>

#include "bench_internal.h"
#include "hone/memory/heap.h"
#include "hone/platform/clock.h"
#include "hone/platform/thread.h"

enum { RING_COUNT = 1024, SAMPLE_BLOCKS = 10000, SPINS_BEFORE_YIELD = 200 };

typedef struct cross {
    _Alignas(HONE_CACHE_LINE_BYTES) _Atomic uint64_t sent;  /* by the measuring thread */
    _Alignas(HONE_CACHE_LINE_BYTES) _Atomic uint64_t taken; /* by the other */
    _Alignas(HONE_CACHE_LINE_BYTES) _Atomic uint64_t target;
    _Atomic uint32_t bell;
    atomic_bool is_ending, is_awake;
    void *ring[RING_COUNT];
    const peer *peer;   /* NULL: the heap */
    void *peer_context; /* the pattern around it */
    hone_heap *heap;
    hone_heap_local *sender, *taker;
    uint32_t sender_cpu;
    hone_thread thread;
} cross;

static void wait_a_little(uint32_t *spins) {
    if (++*spins % SPINS_BEFORE_YIELD == 0) {
        hone_thread_yield();
    } else {
        hone_cpu_relax();
    }
}

static HONE_ALWAYS_INLINE void take_until(cross *it, uint64_t target, bool is_heap) {
    uint64_t taken = atomic_load_explicit(&it->taken, memory_order_relaxed), sent = taken;
    uint32_t spins = 0;
    atomic_store_explicit(&it->is_awake, true, memory_order_release);
    while (taken < target) {
        if (sent == taken) {
            /* Pairs with the release in send: the pointers below it are there. */
            sent = atomic_load_explicit(&it->sent, memory_order_acquire);
            if (sent == taken) {
                wait_a_little(&spins);
                continue;
            }
        }
        char *block = it->ring[taken % RING_COUNT];
        hone_bench_consume(block + *block);
        if (is_heap) {
            hone_heap_release(it->taker, block, OBJECT_BYTES, 16);
        } else {
            it->peer->release(block);
        }
        taken++;
        /* Pairs with the acquire in send: the place is free. */
        atomic_store_explicit(&it->taken, taken, memory_order_release);
    }
}

/* Away from the measuring thread, which may be bound to the CPU it is on, and so are the threads
 * that it starts. */
static void move_away(uint32_t cpu) {
    for (uint32_t other = 0; other < 2; other++) {
        if (other != cpu && hone_thread_pin(other) == HONE_OK) {
            return;
        }
    }
}

static void taker_run(void *context) {
    cross *it = context;
    move_away(it->sender_cpu);
    while (true) {
        uint32_t bell = atomic_load_explicit(&it->bell, memory_order_acquire);
        if (atomic_load_explicit(&it->is_ending, memory_order_acquire)) {
            return;
        }
        uint64_t target = atomic_load_explicit(&it->target, memory_order_acquire);
        if (target == atomic_load_explicit(&it->taken, memory_order_relaxed)) {
            hone_futex_wait(&it->bell, bell, UINT64_MAX);
        } else if (it->peer) {
            take_until(it, target, false);
        } else {
            take_until(it, target, true);
        }
    }
}

static void ring_the_bell(cross *it) {
    atomic_fetch_add_explicit(&it->bell, 1, memory_order_release);
    hone_futex_wake(&it->bell, 1);
}

/* Wakes the other thread, sends, and gives the ns from then to the last release, per block. */
static HONE_ALWAYS_INLINE double send(cross *it, bool is_heap) {
    uint64_t sent = atomic_load_explicit(&it->sent, memory_order_relaxed);
    uint64_t target = sent + SAMPLE_BLOCKS, taken = sent;
    uint32_t spins = 0;
    atomic_store_explicit(&it->is_awake, false, memory_order_relaxed);
    atomic_store_explicit(&it->target, target, memory_order_release);
    ring_the_bell(it);
    while (!atomic_load_explicit(&it->is_awake, memory_order_acquire)) {
        wait_a_little(&spins);
    }
    uint64_t start_ns = hone_clock_monotonic_ns();
    while (sent < target) {
        if (sent - taken == RING_COUNT || taken == sent) {
            taken = atomic_load_explicit(&it->taken, memory_order_acquire);
        }
        if (sent - taken == RING_COUNT) {
            wait_a_little(&spins);
            continue;
        }
        void *block = is_heap ? hone_heap_allocate(it->sender, OBJECT_BYTES, 16)
                              : it->peer->allocate(OBJECT_BYTES);
        touch(block);
        it->ring[sent % RING_COUNT] = block;
        sent++;
        atomic_store_explicit(&it->sent, sent, memory_order_release);
    }
    while (atomic_load_explicit(&it->taken, memory_order_acquire) != target) {
        wait_a_little(&spins);
    }
    return (double)(hone_clock_monotonic_ns() - start_ns) / SAMPLE_BLOCKS;
}

double measure_cross_heap(void *context) {
    return send(context, true);
}

double measure_cross_peer(void *context) {
    return send(context, false);
}

static hone_status start(cross *it, void **out_context) {
    it->sender_cpu = hone_thread_cpu();
    hone_status status = hone_thread_create("taker", taker_run, it, &it->thread);
    if (status == HONE_OK) {
        *out_context = it;
    }
    return status;
}

static cross *make_cross(void) {
    cross *it = aligned_alloc(HONE_CACHE_LINE_BYTES, sizeof *it);
    if (it) {
        *it = (cross){0};
    }
    return it;
}

hone_status make_cross_heap(const void *parameter, hone_diag *diag, void **out_context) {
    (void)parameter;
    cross *it = make_cross();
    if (!it) {
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    hone_heap_options options = {.bytes_max = 64 << 20};
    hone_status status = hone_heap_create(&options, diag, &it->heap);
    if (status == HONE_OK) {
        status = hone_heap_local_create(it->heap, diag, &it->sender);
    }
    if (status == HONE_OK) {
        status = hone_heap_local_create(it->heap, diag, &it->taker);
    }
    return status == HONE_OK ? start(it, out_context) : status;
}

static hone_status make_cross_peer(hone_status (*make)(const void *, hone_diag *, void **),
                                   hone_diag *diag, void **out_context) {
    cross *it = make_cross();
    if (!it) {
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    hone_status status = make(NULL, diag, &it->peer_context);
    if (status != HONE_OK) {
        free(it);
        return status;
    }
    it->peer = ((pattern *)it->peer_context)->self;
    return start(it, out_context);
}

hone_status make_cross_glibc(const void *parameter, hone_diag *diag, void **out_context) {
    (void)parameter;
    return make_cross_peer(make_glibc, diag, out_context);
}

hone_status make_cross_mimalloc(const void *parameter, hone_diag *diag, void **out_context) {
    (void)parameter;
    return make_cross_peer(make_mimalloc, diag, out_context);
}

hone_status make_cross_jemalloc(const void *parameter, hone_diag *diag, void **out_context) {
    (void)parameter;
    return make_cross_peer(make_jemalloc, diag, out_context);
}

hone_status make_cross_tcmalloc(const void *parameter, hone_diag *diag, void **out_context) {
    (void)parameter;
    return make_cross_peer(make_tcmalloc, diag, out_context);
}

void drop_cross(void *context) {
    cross *it = context;
    atomic_store_explicit(&it->is_ending, true, memory_order_release);
    ring_the_bell(it);
    hone_thread_join(it->thread);
    if (it->peer) {
        drop_peer(it->peer_context);
    } else {
        hone_heap_local_destroy(it->sender);
        hone_heap_local_destroy(it->taker);
        (void)hone_heap_destroy(it->heap, NULL);
    }
    free(it);
}
