/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: a budget of 64 MB holds under a workload that wants 1 GB, and evicts exactly what its
 * contract says. A naive twin repeats each step with lists of sizes and sums: when a pass comes, in
 * which band, what it takes from whom, and what is evicted for want.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <string.h>

#include "bench/campaign_internal.h"

enum { ENTRIES_MAX = 1 << 16, MB = 1000 * 1000, SAMPLES = 8 };

typedef struct twin {
    size_t limit, soft, rearm, pass;
    size_t sizes[CAMPAIGN_CACHES][ENTRIES_MAX]; /* oldest first, from `first` */
    size_t first[CAMPAIGN_CACHES], count[CAMPAIGN_CACHES];
    size_t pinned;
    double samples[1 << 14]; /* of passes; all of them */
    uint64_t passes, band_passes[4];
    size_t evicted, wanted_evictions;
} twin;

static size_t twin_cached(const twin *it, int cache) {
    size_t sum = 0;
    for (size_t i = 0; i < it->count[cache]; i++) {
        sum += it->sizes[cache][(it->first[cache] + i) % ENTRIES_MAX];
    }
    return sum;
}

static size_t twin_evictable(const twin *it) {
    size_t sum = 0;
    for (int cache = 0; cache < CAMPAIGN_CACHES; cache++) {
        sum += twin_cached(it, cache);
    }
    return sum;
}

static size_t twin_held(const twin *it) {
    return it->pinned + twin_evictable(it);
}

/* From the first cache on, oldest entries first, until there are enough. */
static void twin_evict(twin *it, size_t bytes) {
    size_t given = 0;
    for (int cache = 0; cache < CAMPAIGN_CACHES; cache++) {
        while (given < bytes && it->count[cache] > 0) {
            given += it->sizes[cache][it->first[cache]];
            it->first[cache] = (it->first[cache] + 1) % ENTRIES_MAX;
            it->count[cache]--;
        }
    }
    it->evicted += given;
    if (twin_held(it) <= it->rearm) {
        it->pass = it->soft;
    }
}

static double twin_pressure(const twin *it) {
    uint64_t first = it->passes < SAMPLES ? 0 : it->passes - SAMPLES;
    double sum = 0;
    for (uint64_t i = first; i < it->passes; i++) {
        sum += it->samples[i];
    }
    double pressure = sum / (double)(it->passes - first) +
                      0.5 * (it->samples[it->passes - 1] - it->samples[first]);
    return pressure > 1 ? 1 : pressure < 0 ? 0 : pressure;
}

/* `held` is with the lease that was just granted, which is not in a cache yet. */
static void twin_pass(twin *it, size_t held, size_t lease) {
    static const size_t percents[] = {10, 20, 30, 50};
    assert_true(it->passes < sizeof it->samples / sizeof *it->samples);
    it->samples[it->passes++] = (double)held / (double)it->limit;
    double pressure = twin_pressure(it);
    int band = pressure < 0.70 ? 0 : pressure < 0.85 ? 1 : pressure < 0.95 ? 2 : 3;
    it->band_passes[band]++;
    twin_evict(it, (twin_evictable(it) * percents[band] + 99) / 100);
    size_t next = twin_held(it) + lease + it->limit / 16;
    next = next > it->limit ? it->limit : next;
    it->pass = next > it->soft ? next : it->soft;
}

static bool twin_lease(twin *it, size_t bytes) {
    size_t held = twin_held(it);
    if (held + bytes > it->limit) {
        size_t missing = held + bytes - it->limit;
        if (twin_evictable(it) < missing) {
            return false;
        }
        it->wanted_evictions++;
        twin_evict(it, missing);
        held = twin_held(it);
    }
    if (held + bytes > it->soft && held + bytes >= it->pass) {
        twin_pass(it, held + bytes, bytes);
    }
    return true;
}

static void twin_step(void *self, hone_budget *root, const campaign_step *step) {
    twin *it = self;
    if (step->cache > CAMPAIGN_CACHES) {
        it->pinned -= step->size_bytes;
        if (twin_held(it) <= it->rearm) {
            it->pass = it->soft;
        }
    } else {
        assert_int_equal(twin_lease(it, step->size_bytes), step->is_granted);
        if (step->is_granted && step->cache < CAMPAIGN_CACHES) {
            uint32_t cache = step->cache;
            assert_true(it->count[cache] < ENTRIES_MAX);
            it->sizes[cache][(it->first[cache] + it->count[cache]) % ENTRIES_MAX] =
                step->size_bytes;
            it->count[cache]++;
        } else if (step->is_granted) {
            it->pinned += step->size_bytes;
        }
    }
    hone_budget_usage usage = hone_budget_read_usage(root);
    assert_int_equal(usage.held_bytes, twin_held(it));
    assert_int_equal(usage.passes_count, it->passes);
    assert_true(usage.held_bytes <= it->limit);
}

static twin *make_twin(const campaign_options *options) {
    static twin it;
    memset(&it, 0, sizeof it);
    it.limit = options->limit_bytes;
    it.soft = options->soft_share > 0 ? (size_t)(options->soft_share * (double)it.limit) : SIZE_MAX;
    it.rearm = options->soft_share > 0 ? it.soft - it.limit / 16 : 0;
    it.pass = it.soft;
    return &it;
}

static void test_each_step_matches_a_naive_twin(void **state) {
    (void)state;
    static const struct {
        double soft_share, pinned_share;
    } cases[] = {{0.5, 0.3}, {0.5, 0.9}, {0.65, 0.2}, {0.7, 0.97}, {0.9, 0.99}, {0, 0.5}, {0, 1.1}};
    uint64_t band_passes[4] = {0}, wanted_evictions = 0, refused_count = 0;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        campaign_options options = {.limit_bytes = 64 * MB,
                                    .wanted_bytes = 1000 * MB,
                                    .soft_share = cases[i].soft_share,
                                    .pinned_share = cases[i].pinned_share,
                                    .threads_count = 1,
                                    .seed = i + 1,
                                    .after_step = twin_step};
        twin *it = options.self = make_twin(&options);
        campaign_result result;
        assert_int_equal(campaign_run(&options, NULL, &result), HONE_OK);
        assert_int_equal(result.held_bytes, twin_held(it));
        assert_int_equal(result.held_bytes, result.counted_bytes);
        assert_int_equal(result.evicted_bytes, it->evicted);
        assert_int_equal(result.passes_count, it->passes);
        assert_int_equal(result.over_count, 0);
        assert_true(result.peak_bytes <= options.limit_bytes && result.is_clean);
        for (int band = 0; band < 4; band++) {
            band_passes[band] += it->band_passes[band];
        }
        wanted_evictions += it->wanted_evictions;
        refused_count += result.refused_count;
    }
    /* Each rule was needed. */
    for (int band = 0; band < 4; band++) {
        assert_true(band_passes[band] > 0);
    }
    assert_true(wanted_evictions > 0);
    assert_true(refused_count > 0);
}

static void test_threads_hold_the_limit(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= 2; seed++) {
        campaign_options options = {.limit_bytes = 64 * MB,
                                    .wanted_bytes = 1000 * MB,
                                    .soft_share = seed == 1 ? 0.7 : 0,
                                    .pinned_share = 0.4,
                                    .threads_count = 4,
                                    .seed = seed};
        campaign_result result;
        assert_int_equal(campaign_run(&options, NULL, &result), HONE_OK);
        assert_int_equal(result.over_count, 0);
        assert_true(result.peak_bytes <= options.limit_bytes);
        assert_int_equal(result.held_bytes, result.counted_bytes);
        assert_true(result.is_clean);
        assert_true(result.evicted_bytes > options.wanted_bytes / 2);
        assert_int_equal(result.passes_count > 0, options.soft_share > 0);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_step_matches_a_naive_twin),
        cmocka_unit_test(test_threads_hold_the_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
