/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Leases are compare-and-exchange loops from the node up to its root; a refusal higher up is undone
 * below. The limit is read again after the exchange: together with the order in set_limit (limit
 * first, then held; all sequentially consistent) either the lease sees the new limit or set_limit
 * sees the lease.
 *
 * Only a lease that does not fit takes a lock: the root's, which makes evictors take turns and
 * guards the list of evictables. It is held across the callbacks, so the thread that evicts is
 * remembered: what it calls from a callback never waits for itself.
 */
#include "hone/memory/budget.h"

#include <assert.h>
#include <string.h>

#include "budget_internal.h"
#include "hone/base/checked.h"
#include "hone/base/hints.h"
#include "hone/base/units.h"

/* ---- leases ---- */

/* How many bytes are missing in the node for a lease; SIZE_MAX when it could never fit. */
static size_t shortfall(const hone_budget *node, size_t bytes) {
    size_t limit = hn_budget_limit(node);
    size_t held = hn_budget_held(node);
    size_t room = held < limit ? limit - held : 0;
    if (bytes > limit) {
        return SIZE_MAX;
    }
    return bytes > room ? bytes - room : 0;
}

static void subtract(hone_budget *node, size_t bytes) {
    size_t before = atomic_fetch_sub_explicit(&node->held_bytes, bytes, memory_order_seq_cst);
    assert(before >= bytes && "more returned than was leased");
    size_t rearm_bytes = atomic_load_explicit(&node->rearm_bytes, memory_order_relaxed);
    if (HONE_UNLIKELY(before > rearm_bytes && before - bytes <= rearm_bytes)) {
        hn_budget_note_low(node);
    }
}

/* *out_held is what the node holds with the bytes. */
static bool add(hone_budget *node, size_t bytes, size_t *out_held) {
    size_t held = hn_budget_held(node);
    do {
        size_t limit = hn_budget_limit(node);
        if (held > limit || bytes > limit - held) {
            return false;
        }
    } while (!atomic_compare_exchange_weak_explicit(&node->held_bytes, &held, held + bytes,
                                                    memory_order_seq_cst, memory_order_relaxed));
    if (held + bytes > hn_budget_limit(node)) { /* lowered meanwhile: see the head comment */
        subtract(node, bytes);
        return false;
    }
    *out_held = held + bytes;
    return true;
}

static void raise_peak(hone_budget *node, size_t held) {
    size_t peak = atomic_load_explicit(&node->peak_bytes, memory_order_relaxed);
    while (held > peak &&
           !atomic_compare_exchange_weak_explicit(&node->peak_bytes, &peak, held,
                                                  memory_order_relaxed, memory_order_relaxed)) {
    }
}

/* Leases in the whole chain, or nowhere: then the full node is returned, else NULL. *out_high is
 * the highest node whose pass is due now, or NULL. */
static hone_budget *lease_chain(hone_budget *budget, size_t bytes, hone_budget **out_high) {
    size_t held[HONE_BUDGET_DEPTH_MAX];
    uint32_t level = 0;
    for (hone_budget *node = budget; node; node = node->parent) {
        if (!add(node, bytes, &held[level++])) {
            for (hone_budget *below = budget; below != node; below = below->parent) {
                subtract(below, bytes);
            }
            return node;
        }
    }
    /* Only now: a lease that is refused further up does not count for the peak. */
    level = 0;
    *out_high = NULL;
    for (hone_budget *node = budget; node; node = node->parent, level++) {
        raise_peak(node, held[level]);
        if (HONE_UNLIKELY(hn_budget_is_due(node, held[level]))) {
            *out_high = node;
        }
    }
    return NULL;
}

static hone_status describe_full(const hone_budget *asked, const hone_budget *full, size_t bytes,
                                 hone_diag *diag) {
    if (!diag) {
        return HONE_STATUS_BUDGET;
    }
    char limit[32] = "none", held[32], more[32];
    size_t limit_bytes = hn_budget_limit(full);
    if (limit_bytes != HONE_BUDGET_UNLIMITED) {
        (void)hone_size_format((double)limit_bytes, limit, sizeof limit);
    }
    size_t held_bytes = hn_budget_held(full);
    (void)hone_size_format((double)held_bytes, held, sizeof held);
    (void)hone_size_format((double)bytes, more, sizeof more);
    hone_diag_about(diag, full->name);
    return hone_diag_set(diag, HONE_STATUS_BUDGET,
                         "memory budget '%s' has a limit of %s (%zu bytes) and holds %s (%zu); %s "
                         "(%zu) more asked through '%s' do not fit: raise the limit or use less",
                         full->name, limit, limit_bytes, held, held_bytes, more, bytes,
                         asked->name);
}

static hone_status refuse(hone_budget *asked, const hone_budget *full, size_t bytes,
                          hone_diag *diag) {
    atomic_fetch_add_explicit(&asked->refused_count, 1, memory_order_relaxed);
    return describe_full(asked, full, bytes, diag);
}

hone_status hone_budget_try_lease(hone_budget *budget, size_t bytes, hone_diag *diag) {
    if (!budget) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT, "no budget given");
    }
    hone_budget *high;
    const hone_budget *full = lease_chain(budget, bytes, &high);
    return full ? refuse(budget, full, bytes, diag) : HONE_OK;
}

void hone_budget_return(hone_budget *budget, size_t bytes) {
    for (hone_budget *node = budget; node; node = node->parent) {
        subtract(node, bytes);
    }
}

hone_status hone_budget_explain(const hone_budget *budget, size_t bytes, hone_diag *diag) {
    if (!budget) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT, "no budget given");
    }
    for (const hone_budget *node = budget; node; node = node->parent) {
        if (shortfall(node, bytes) > 0) {
            return describe_full(budget, node, bytes, diag);
        }
    }
    return HONE_OK;
}

/* ---- eviction ---- */

/* Only this thread can have written its own id, so no order is needed. */
static bool is_evicting(hone_budget *root) {
    return atomic_load_explicit(&root->evictor, memory_order_relaxed) == hone_thread_self_id();
}

bool hn_budget_begin_exclusive(hone_budget *root) {
    if (is_evicting(root)) {
        return false;
    }
    hone_mutex_lock(&root->eviction);
    atomic_store_explicit(&root->evictor, hone_thread_self_id(), memory_order_relaxed);
    return true;
}

bool hn_budget_try_begin_exclusive(hone_budget *root) {
    if (is_evicting(root) || !hone_mutex_try_lock(&root->eviction)) {
        return false;
    }
    atomic_store_explicit(&root->evictor, hone_thread_self_id(), memory_order_relaxed);
    return true;
}

void hn_budget_end_exclusive(hone_budget *root) {
    atomic_store_explicit(&root->evictor, 0, memory_order_relaxed);
    hone_mutex_unlock(&root->eviction);
}

static bool is_at_or_below(const hone_budget *node, const hone_budget *ancestor) {
    while (node && node != ancestor) {
        node = node->parent;
    }
    return node != NULL;
}

size_t hn_budget_evictable_bytes(const hone_budget *node) {
    size_t sum = 0;
    for (const hone_budget_evictable *each = node->root->evictables; each; each = each->next) {
        if (is_at_or_below(each->budget, node) &&
            !hone_size_add(sum, each->size_bytes(each->self), &sum)) {
            return SIZE_MAX;
        }
    }
    return sum;
}

/* Whether eviction could make the lease fit everywhere, going by what the evictables say. */
static bool is_worth_evicting(const hone_budget *budget, size_t bytes) {
    for (const hone_budget *node = budget; node; node = node->parent) {
        size_t missing = shortfall(node, bytes);
        if (missing == SIZE_MAX || (missing > 0 && hn_budget_evictable_bytes(node) < missing)) {
            return false;
        }
    }
    return true;
}

static size_t shrink_one(hone_budget_evictable *evictable, size_t bytes) {
    if (evictable->size_bytes(evictable->self) == 0) {
        return 0;
    }
    size_t given = evictable->shrink(evictable->self, bytes);
    atomic_fetch_add_explicit(&evictable->budget->evicted_bytes, given, memory_order_relaxed);
    return given;
}

/* One pass over the evictables at and below `full`, until the lease would fit there. False when
 * none gave anything. */
static bool make_room(const hone_budget *full, size_t bytes) {
    bool is_any_given = false;
    for (hone_budget_evictable *each = full->root->evictables; each; each = each->next) {
        size_t missing = shortfall(full, bytes);
        if (missing == 0) {
            return true; /* also when somebody else returned it */
        }
        if (is_at_or_below(each->budget, full) && shrink_one(each, missing) > 0) {
            is_any_given = true;
        }
    }
    return is_any_given;
}

/* Each round helps the node that is full; the next one up may be full after that. Other threads can
 * take what was freed, so the rounds are bounded. */
static const hone_budget *lease_evicting(hone_budget *budget, size_t bytes, const hone_budget *full,
                                         hone_budget **out_high) {
    if (!hn_budget_begin_exclusive(budget->root)) {
        return full;
    }
    for (uint32_t round = 0; round <= HONE_BUDGET_DEPTH_MAX; round++) {
        full = lease_chain(budget, bytes, out_high);
        if (!full || !is_worth_evicting(budget, bytes) || !make_room(full, bytes)) {
            break;
        }
    }
    hn_budget_end_exclusive(budget->root);
    return full;
}

hone_status hone_budget_lease(hone_budget *budget, size_t bytes, hone_diag *diag) {
    if (!budget) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT, "no budget given");
    }
    hone_budget *high = NULL;
    const hone_budget *full = lease_chain(budget, bytes, &high);
    if (HONE_UNLIKELY(full)) {
        full = lease_evicting(budget, bytes, full, &high);
    }
    if (HONE_UNLIKELY(full)) {
        return refuse(budget, full, bytes, diag);
    }
    if (HONE_UNLIKELY(high)) {
        hn_budget_note_high(high, hn_budget_held(high));
    }
    return HONE_OK;
}

size_t hn_budget_evict_locked(hone_budget *budget, size_t bytes) {
    size_t given = 0;
    for (hone_budget_evictable *each = budget->root->evictables; each && given < bytes;
         each = each->next) {
        if (is_at_or_below(each->budget, budget) &&
            !hone_size_add(given, shrink_one(each, bytes - given), &given)) {
            given = SIZE_MAX;
        }
    }
    return given;
}

size_t hone_budget_evict(hone_budget *budget, size_t bytes) {
    if (!budget || !hn_budget_begin_exclusive(budget->root)) {
        return 0;
    }
    size_t given = hn_budget_evict_locked(budget, bytes);
    hn_budget_end_exclusive(budget->root);
    return given;
}

static bool goes_before(const hone_budget_evictable *a, const hone_budget_evictable *b) {
    return a->priority != b->priority ? a->priority < b->priority : a->cost < b->cost;
}

hone_status hone_budget_register(hone_budget *budget, hone_budget_evictable *evictable,
                                 hone_diag *diag) {
    if (!budget || !evictable || !evictable->size_bytes || !evictable->shrink) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "an evictable needs a budget and both its callbacks");
    }
    hone_budget *root = budget->root;
    if (!hn_budget_begin_exclusive(root)) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "an evictable cannot be registered from the callback of another");
    }
    hone_status status = HONE_OK;
    if (evictable->budget) {
        status = hone_diag_set(diag, HONE_STATUS_DUPLICATE,
                               "evictable '%s' is registered at budget '%s' already",
                               evictable->name ? evictable->name : "", evictable->budget->name);
    } else {
        hone_budget_evictable **place = &root->evictables;
        while (*place && !goes_before(evictable, *place)) {
            place = &(*place)->next;
        }
        evictable->budget = budget;
        evictable->next = *place;
        *place = evictable;
        atomic_fetch_add_explicit(&budget->evictables_count, 1, memory_order_relaxed);
    }
    hn_budget_end_exclusive(root);
    return status;
}

void hone_budget_unregister(hone_budget_evictable *evictable) {
    if (!evictable || !evictable->budget) {
        return;
    }
    hone_budget *budget = evictable->budget;
    bool is_alone = hn_budget_begin_exclusive(budget->root);
    assert(is_alone && "unregistered from a callback");
    hone_budget_evictable **place = &budget->root->evictables;
    while (*place && *place != evictable) {
        place = &(*place)->next;
    }
    if (*place) {
        *place = evictable->next;
        evictable->next = NULL;
        evictable->budget = NULL;
        atomic_fetch_sub_explicit(&budget->evictables_count, 1, memory_order_relaxed);
    }
    if (is_alone) {
        hn_budget_end_exclusive(budget->root);
    }
}

/* ---- the allocator ---- */

static void *accounting_allocate(void *self, size_t size, size_t alignment) {
    hone_budget *budget = self;
    if (hone_budget_lease(budget, size, NULL) != HONE_OK) {
        return NULL;
    }
    void *block = hone_allocate(budget->allocator, size, alignment);
    if (!block) {
        hone_budget_return(budget, size);
    }
    return block;
}

static void accounting_release(void *self, void *block, size_t size, size_t alignment) {
    hone_budget *budget = self;
    hone_release(budget->allocator, block, size, alignment);
    hone_budget_return(budget, size);
}

static void *accounting_resize(void *self, void *block, size_t old_size, size_t new_size,
                               size_t alignment) {
    hone_budget *budget = self;
    size_t more = new_size > old_size ? new_size - old_size : 0;
    if (hone_budget_lease(budget, more, NULL) != HONE_OK) {
        return NULL;
    }
    void *resized = hone_reallocate(budget->allocator, block, old_size, new_size, alignment);
    if (!resized) {
        hone_budget_return(budget, more);
    } else if (new_size < old_size) {
        hone_budget_return(budget, old_size - new_size);
    }
    return resized;
}

const hone_allocator *hone_budget_allocator(const hone_budget *budget) {
    return &budget->accounting;
}

/* ---- life ---- */

static hone_status check_options(const hone_budget_options *options, hone_diag *diag) {
    if (!options || !options->name || !options->name[0]) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT, "a memory budget needs a name");
    }
    if (strlen(options->name) > HONE_BUDGET_NAME_BYTES_MAX) {
        return hone_diag_set(diag, HONE_STATUS_LIMIT,
                             "memory budget '%.20s...': a name has at most %d bytes", options->name,
                             HONE_BUDGET_NAME_BYTES_MAX);
    }
    if (options->limit_bytes == 0) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "memory budget '%s' needs a limit above 0 bytes", options->name);
    }
    if (options->parent && options->parent->depth == HONE_BUDGET_DEPTH_MAX) {
        return hone_diag_set(diag, HONE_STATUS_LIMIT,
                             "memory budget '%s' would be nested deeper than %d levels",
                             options->name, HONE_BUDGET_DEPTH_MAX);
    }
    if (!(options->soft_share >= 0 && options->soft_share <= 1) ||
        (options->soft_share > 0 && options->limit_bytes == HONE_BUDGET_UNLIMITED)) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "memory budget '%s': a soft mark is a share of the limit, 0 to 1, not "
                             "%g, and needs a limit",
                             options->name, options->soft_share);
    }
    return HONE_OK;
}

hone_status hone_budget_create(const hone_budget_options *options, hone_diag *diag,
                               hone_budget **out_budget) {
    hone_status status = check_options(options, diag);
    if (status != HONE_OK) {
        return status;
    }
    hone_budget *budget = HONE_NEW(options->allocator, hone_budget);
    if (!budget) {
        return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY,
                             "no memory for the budget '%s' itself", options->name);
    }
    hone_budget *parent = options->parent;
    budget->parent = parent;
    budget->root = parent ? parent->root : budget;
    budget->depth = parent ? parent->depth + 1 : 1;
    budget->allocator = options->allocator;
    budget->accounting =
        (hone_allocator){accounting_allocate, accounting_resize, accounting_release, budget};
    memcpy(budget->name, options->name, strlen(options->name));
    atomic_init(&budget->limit_bytes, options->limit_bytes);
    budget->soft_share = options->soft_share;
    hn_budget_set_marks(budget, options->limit_bytes);
    hone_mutex_init(&budget->eviction);
    if (parent) {
        atomic_fetch_add_explicit(&parent->children_count, 1, memory_order_relaxed);
    }
    *out_budget = budget;
    return HONE_OK;
}

hone_status hone_budget_destroy(hone_budget *budget, hone_diag *diag) {
    if (!budget) {
        return HONE_OK;
    }
    size_t held = hn_budget_held(budget);
    uint32_t children = atomic_load_explicit(&budget->children_count, memory_order_relaxed);
    uint32_t evictables = atomic_load_explicit(&budget->evictables_count, memory_order_relaxed);
    if (held || children || evictables) {
        hone_diag_about(diag, budget->name);
        return hone_diag_set(diag, HONE_STATUS_INTERNAL,
                             "memory budget '%s' cannot go: it holds %zu bytes, %u children and %u "
                             "evictables that must be given back first",
                             budget->name, held, (unsigned)children, (unsigned)evictables);
    }
    if (budget->parent) {
        atomic_fetch_sub_explicit(&budget->parent->children_count, 1, memory_order_relaxed);
    }
    hone_mutex_deinit(&budget->eviction);
    HONE_DELETE(budget->allocator, hone_budget, budget);
    return HONE_OK;
}

/* ---- limit and figures ---- */

hone_status hone_budget_set_limit(hone_budget *budget, size_t limit_bytes, hone_diag *diag) {
    if (!budget || limit_bytes == 0) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "a memory budget needs a limit above 0 bytes");
    }
    if (!hn_budget_begin_exclusive(budget->root)) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "a limit cannot be set from the callback of an evictable");
    }
    size_t before = hn_budget_limit(budget);
    atomic_store_explicit(&budget->limit_bytes, limit_bytes, memory_order_seq_cst);
    size_t held = hn_budget_held(budget);
    if (held > limit_bytes) {
        atomic_store_explicit(&budget->limit_bytes, before, memory_order_seq_cst);
    } else {
        hn_budget_set_marks(budget, limit_bytes);
    }
    hn_budget_end_exclusive(budget->root);
    if (held <= limit_bytes) {
        return HONE_OK;
    }
    hone_diag_about(diag, budget->name);
    return hone_diag_set(diag, HONE_STATUS_BUDGET,
                         "memory budget '%s' holds %zu bytes, more than the new limit of %zu; the "
                         "limit stays at %zu: free some first",
                         budget->name, held, limit_bytes, before);
}

hone_budget_usage hone_budget_read_usage(const hone_budget *budget) {
    return (hone_budget_usage){
        .name = budget->name,
        .limit_bytes = hn_budget_limit(budget),
        .held_bytes = hn_budget_held(budget),
        .peak_bytes = atomic_load_explicit(&budget->peak_bytes, memory_order_relaxed),
        .refused_count = atomic_load_explicit(&budget->refused_count, memory_order_relaxed),
        .evicted_bytes = atomic_load_explicit(&budget->evicted_bytes, memory_order_relaxed),
        .passes_count = atomic_load_explicit(&budget->passes_count, memory_order_relaxed),
    };
}
