/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The budget tree: who may hold how many bytes. A node has a name, a limit and a parent; whoever
 * allocates first leases the bytes from its node, and the lease counts in every node up to the
 * root. A cache registers as evictable: when a lease does not fit, caches below the full node are
 * asked to give bytes back, before the lease is refused.
 *
 * Contract
 * - Shared: every call may come from any thread, except destroy, which must be the last one on its
 *   node.
 * - A granted lease never exceeds a limit. A refused one changes nothing. Of two threads that lease
 *   from the same chain at the same moment, one may be refused because of the other's lease
 *   although that one is refused higher up.
 * - The bytes are those asked for: what malloc adds to a block is not counted. The nodes themselves
 *   are not counted either.
 * - A child's limit may be above its parent's, and the children's together too: each lease must fit
 *   everywhere.
 * - Eviction for want: one thread of a tree evicts at a time; others whose lease did not fit wait
 *   for it, then try again. No lock of the budget's is taken by hone_budget_return and the queries.
 * - Eviction ahead of want: a pass evicts 10, 20, 30 or 50 % of the bytes that evictables at and
 *   below a node have, for a pressure below .70, .85, .95 or above (hone/memory/pressure.h). A
 *   hone_budget_lease that leaves a node above its soft mark starts one there, on its thread and
 *   after it was granted; none starts while another thread evicts, from a callback, or by
 *   try_lease. The pressure is the node's own: of its share in use at the last eight passes. After
 *   a pass the next one waits until the node holds a sixteenth of its limit more, or fell to a
 *   sixteenth below the mark and rose above it again. Of several nodes above their marks the
 *   highest has the pass.
 * Cost: a lease is one atomic exchange per level, a return one subtraction per level.
 */
#ifndef HONE_MEMORY_BUDGET_H
#define HONE_MEMORY_BUDGET_H

#include "hone/base/allocator.h"
#include "hone/base/status.h"

typedef struct hone_budget hone_budget;

enum {
    HONE_BUDGET_NAME_BYTES_MAX = 63,
    HONE_BUDGET_DEPTH_MAX = 16, /* nodes from a leaf to its root, both counted */
};

/* A node that only counts; the limits above it still hold. */
#define HONE_BUDGET_UNLIMITED SIZE_MAX

typedef struct hone_budget_options {
    const char *name;    /* for reports and messages; copied */
    size_t limit_bytes;  /* > 0, or HONE_BUDGET_UNLIMITED */
    double soft_share;   /* of the limit: above it, leases start passes; 0: they do not */
    hone_budget *parent; /* borrowed, must outlive the child; NULL makes a root */
    const hone_allocator *allocator; /* borrowed; for the node, and what hone_budget_allocator()
                                        draws from; NULL means libc */
} hone_budget_options;

/* INVALID_ARGUMENT (no name, no limit), LIMIT (name too long, tree too deep), OUT_OF_MEMORY. */
HONE_MUST_USE hone_status hone_budget_create(const hone_budget_options *options, hone_diag *diag,
                                             hone_budget **out_budget);

/* INTERNAL when bytes, children or evictables are still there: the message says which, and the
 * node lives on, because somebody still points to it. NULL is allowed. */
hone_status hone_budget_destroy(hone_budget *budget, hone_diag *diag);

/* Takes `bytes` out of the node and all its ancestors, evicting where that makes room. BUDGET when
 * it does not fit: `diag` names the node that is full, its limit, what it holds and what was asked.
 * 0 bytes always fit. Nothing is evicted for a lease that eviction cannot make fit. */
HONE_MUST_USE hone_status hone_budget_lease(hone_budget *budget, size_t bytes, hone_diag *diag);

/* As lease, but never evicts and never waits. */
HONE_MUST_USE hone_status hone_budget_try_lease(hone_budget *budget, size_t bytes, hone_diag *diag);

/* Gives back what was leased from this very node, in whole or in parts. Giving back more than is
 * held is a bug of the caller's and asserts. */
void hone_budget_return(hone_budget *budget, size_t bytes);

/* What try_lease would say now, without leasing: for a message after an allocator gave NULL. */
HONE_MUST_USE hone_status hone_budget_explain(const hone_budget *budget, size_t bytes,
                                              hone_diag *diag);

/* A new limit. INVALID_ARGUMENT for 0; BUDGET when more than that is held already (see
 * hone_budget_evict): the old limit stays then. */
HONE_MUST_USE hone_status hone_budget_set_limit(hone_budget *budget, size_t limit_bytes,
                                                hone_diag *diag);

/* Figures of one node, children included. Each is exact; under concurrent use they need not belong
 * to the same moment. */
typedef struct hone_budget_usage {
    const char *name; /* valid as long as the node */
    size_t limit_bytes;
    size_t held_bytes;
    size_t peak_bytes;      /* the most ever held by leases that were granted */
    uint64_t refused_count; /* leases asked from this node and refused, here or above */
    uint64_t evicted_bytes; /* given back by evictables registered at this node */
    uint64_t passes_count;  /* that were run at this node */
} hone_budget_usage;

hone_budget_usage hone_budget_read_usage(const hone_budget *budget);

/* An allocator that leases what it hands out and takes the memory from the options' allocator. On
 * refusal it gives NULL. As shared as that one; valid as long as the node. */
const hone_allocator *hone_budget_allocator(const hone_budget *budget);

/*
 * Something that can give bytes back: a cache, a pool with empty slabs. The storage is the
 * owner's. Victims go by rising priority, then by rising cost.
 *
 * The callbacks run on whichever thread needs the bytes. They may lease (that lease then does not
 * evict) and return bytes. They must not register or unregister, nor wait for a lock or a thread
 * that may itself be waiting for a lease: try the lock, and give 0 where it is taken.
 */
typedef struct hone_budget_evictable {
    const char *name;  /* borrowed */
    uint32_t priority; /* 0 is evicted first */
    uint32_t cost;     /* what a byte costs to bring back, in units that its peers share */
    /* How many bytes shrink could give back now; a cheap estimate. */
    size_t (*size_bytes)(void *self);
    /* Gives back at least `bytes` where it can, by hone_budget_return, before it returns; returns
     * how many it were. What must not be lost is persisted by the callback first. */
    size_t (*shrink)(void *self, size_t bytes);
    void *self;
    /* private */
    hone_budget *budget;
    struct hone_budget_evictable *next;
} hone_budget_evictable;

/* Registers at the node whose bytes it can give back. INVALID_ARGUMENT (a callback is missing, or
 * it is called from a callback), DUPLICATE (already registered; a fresh evictable is zeroed). */
HONE_MUST_USE hone_status hone_budget_register(hone_budget *budget,
                                               hone_budget_evictable *evictable, hone_diag *diag);

/* Waits for a running eviction; afterwards the callbacks are not called any more. One that is not
 * registered is allowed. */
void hone_budget_unregister(hone_budget_evictable *evictable);

/* One pass at the node for that pressure (0 to 1), waiting for others; returns how many bytes were
 * given; 0 from a callback. For pressure from outside. */
size_t hone_budget_evict_pass(hone_budget *budget, double pressure);

/* Asks the evictables at and below the node for `bytes` and returns how many they gave; 0 from a
 * callback. Before a smaller limit, say. */
size_t hone_budget_evict(hone_budget *budget, size_t bytes);

#endif
