/* SPDX-License-Identifier: Apache-2.0 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdbool.h>

#include "hone/memory/budget.h"
#include "hone/platform/thread.h"
#include "random_test.h"

static hone_budget *make(const char *name, size_t limit_bytes, hone_budget *parent) {
    hone_budget *budget = NULL;
    hone_budget_options options = {.name = name, .limit_bytes = limit_bytes, .parent = parent};
    assert_int_equal(hone_budget_create(&options, NULL, &budget), HONE_OK);
    return budget;
}

static void drop(hone_budget *budget) {
    hone_diag diag = {0};
    if (hone_budget_destroy(budget, &diag) != HONE_OK) {
        fail_msg("%s", diag.message);
    }
}

static size_t held(const hone_budget *budget) {
    return hone_budget_read_usage(budget).held_bytes;
}

/* ---- naive twin: the tree as plain sums, computed anew for every question ---- */

enum { NODES = 12, STEPS = 20000 };

typedef struct twin_node {
    int parent; /* -1: the root */
    size_t own;
    size_t limit;
    size_t peak;
} twin_node;

static bool twin_is_below(const twin_node *nodes, int node, int ancestor) {
    while (node >= 0 && node != ancestor) {
        node = nodes[node].parent;
    }
    return node >= 0;
}

static size_t twin_held(const twin_node *nodes, int node) {
    size_t sum = 0;
    for (int i = 0; i < NODES; i++) {
        sum += twin_is_below(nodes, i, node) ? nodes[i].own : 0;
    }
    return sum;
}

/* The lowest node that is too full, or -1. */
static int twin_full(const twin_node *nodes, int node, size_t bytes) {
    for (; node >= 0; node = nodes[node].parent) {
        if (twin_held(nodes, node) + bytes > nodes[node].limit) {
            return node;
        }
    }
    return -1;
}

static void twin_lease(twin_node *nodes, int node, size_t bytes) {
    nodes[node].own += bytes;
    for (; node >= 0; node = nodes[node].parent) {
        size_t now = twin_held(nodes, node);
        nodes[node].peak = now > nodes[node].peak ? now : nodes[node].peak;
    }
}

static void twin_step(twin_node *nodes, hone_budget **budgets, uint64_t *random) {
    int node = (int)random_below(random, NODES);
    size_t bytes = random_below(random, 300);
    hone_diag diag = {0};
    switch (random_below(random, 8)) {
    case 0: {
        size_t limit = 1 + random_below(random, 3000);
        hone_status status = hone_budget_set_limit(budgets[node], limit, &diag);
        bool is_allowed = limit >= twin_held(nodes, node);
        assert_int_equal(status, is_allowed ? HONE_OK : HONE_STATUS_BUDGET);
        nodes[node].limit = is_allowed ? limit : nodes[node].limit;
        break;
    }
    case 1:
    case 2:
    case 3: {
        bytes = bytes > nodes[node].own ? nodes[node].own : bytes;
        hone_budget_return(budgets[node], bytes);
        nodes[node].own -= bytes;
        break;
    }
    default: {
        int full = twin_full(nodes, node, bytes);
        hone_status status = hone_budget_lease(budgets[node], bytes, &diag);
        assert_int_equal(status, full < 0 ? HONE_OK : HONE_STATUS_BUDGET);
        if (full < 0) {
            twin_lease(nodes, node, bytes);
        } else {
            assert_int_equal(diag.subject[0], 'a' + full);
        }
        break;
    }
    }
}

static void test_random_operations_match_a_naive_twin(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        uint64_t random = seed;
        twin_node nodes[NODES] = {0};
        hone_budget *budgets[NODES];
        for (int i = 0; i < NODES; i++) {
            char name[2] = {(char)('a' + i), '\0'};
            nodes[i].parent = i ? (int)random_below(&random, (uint64_t)i) : -1;
            nodes[i].limit = 1 + random_below(&random, 3000);
            budgets[i] = make(name, nodes[i].limit, i ? budgets[nodes[i].parent] : NULL);
        }
        for (int step = 0; step < STEPS; step++) {
            twin_step(nodes, budgets, &random);
            int probe = step % NODES;
            hone_budget_usage usage = hone_budget_read_usage(budgets[probe]);
            assert_int_equal(usage.held_bytes, twin_held(nodes, probe));
            assert_int_equal(usage.peak_bytes, nodes[probe].peak);
            assert_int_equal(usage.limit_bytes, nodes[probe].limit);
        }
        for (int i = NODES - 1; i >= 0; i--) {
            hone_budget_return(budgets[i], nodes[i].own);
            drop(budgets[i]);
        }
    }
}

/* ---- threads ---- */

enum { THREADS = 4, ROUNDS = 50000, SHARED_LIMIT = 4000 };

typedef struct shared_cache {
    hone_mutex lock;
    hone_budget *budget;
    size_t bytes;
} shared_cache;

static size_t shared_cache_size(void *self) {
    shared_cache *it = self;
    if (!hone_mutex_try_lock(&it->lock)) {
        return 0;
    }
    size_t bytes = it->bytes;
    hone_mutex_unlock(&it->lock);
    return bytes;
}

static size_t shared_cache_shrink(void *self, size_t bytes) {
    shared_cache *it = self;
    if (!hone_mutex_try_lock(&it->lock)) {
        return 0;
    }
    size_t given = bytes < it->bytes ? bytes : it->bytes;
    it->bytes -= given;
    hone_budget_return(it->budget, given);
    hone_mutex_unlock(&it->lock);
    return given;
}

/* Leases under its own lock: the worst that a user may do. */
static void shared_cache_grow(shared_cache *it, size_t bytes) {
    hone_mutex_lock(&it->lock);
    if (hone_budget_lease(it->budget, bytes, NULL) == HONE_OK) {
        it->bytes += bytes;
    }
    hone_mutex_unlock(&it->lock);
}

typedef struct worker {
    hone_budget *root;
    hone_budget *leaf;
    shared_cache *cache;
    uint64_t random;
    size_t leased; /* at the end */
    size_t over_count;
    size_t refused_count;
} worker;

static void worker_step(worker *it) {
    size_t bytes = random_below(&it->random, 400);
    if (hone_budget_read_usage(it->root).held_bytes > SHARED_LIMIT) {
        it->over_count++;
    }
    switch (random_below(&it->random, 8)) {
    case 0: shared_cache_grow(it->cache, bytes); break;
    case 1:
        (void)!hone_budget_set_limit(it->leaf, 1000 + random_below(&it->random, 3000), NULL);
        break;
    case 2:
    case 3:
    case 4:
        bytes = bytes > it->leased ? it->leased : bytes;
        hone_budget_return(it->leaf, bytes);
        it->leased -= bytes;
        break;
    default:
        if (hone_budget_lease(it->leaf, bytes, NULL) == HONE_OK) {
            it->leased += bytes;
        } else {
            it->refused_count++;
        }
    }
}

static void worker_run(void *context) {
    worker *it = context;
    for (int round = 0; round < ROUNDS; round++) {
        worker_step(it);
    }
}

static void test_threads_never_exceed_the_limit(void **state) {
    (void)state;
    hone_budget *root = make("node", SHARED_LIMIT, NULL);
    hone_budget *leaves[2] = {make("left", 3000, root), make("right", 3000, root)};
    hone_budget *cached = make("cache", 2000, root);
    shared_cache shared = {.budget = cached};
    hone_mutex_init(&shared.lock);
    hone_budget_evictable evictable = {.name = "cache",
                                       .size_bytes = shared_cache_size,
                                       .shrink = shared_cache_shrink,
                                       .self = &shared};
    assert_int_equal(hone_budget_register(cached, &evictable, NULL), HONE_OK);
    worker workers[THREADS];
    hone_thread threads[THREADS];
    for (int i = 0; i < THREADS; i++) {
        workers[i] = (worker){
            .root = root, .leaf = leaves[i % 2], .cache = &shared, .random = (uint64_t)i + 1};
        assert_int_equal(hone_thread_create("budget", worker_run, &workers[i], &threads[i]),
                         HONE_OK);
    }
    size_t refused = 0;
    for (int i = 0; i < THREADS; i++) {
        hone_thread_join(threads[i]);
        assert_int_equal(workers[i].over_count, 0);
        refused += workers[i].refused_count;
    }
    size_t left = workers[0].leased + workers[2].leased;
    size_t right = workers[1].leased + workers[3].leased;
    assert_int_equal(held(leaves[0]), left);
    assert_int_equal(held(leaves[1]), right);
    assert_int_equal(held(cached), shared.bytes);
    assert_int_equal(held(root), left + right + shared.bytes);
    assert_int_equal(hone_budget_read_usage(leaves[0]).refused_count +
                         hone_budget_read_usage(leaves[1]).refused_count,
                     refused);
    assert_true(hone_budget_read_usage(cached).evicted_bytes > 0);
    hone_budget_unregister(&evictable);
    hone_budget_return(cached, shared.bytes);
    hone_budget_return(leaves[0], left);
    hone_budget_return(leaves[1], right);
    hone_mutex_deinit(&shared.lock);
    drop(cached);
    drop(leaves[0]);
    drop(leaves[1]);
    drop(root);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random_operations_match_a_naive_twin),
        cmocka_unit_test(test_threads_never_exceed_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
