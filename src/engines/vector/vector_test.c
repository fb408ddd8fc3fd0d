/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Goal: an index gives what a brute-force twin gives. Method: random adds, updates, removes and
 * filters on both; exact searches must agree hit by hit, walks must find a stated share of the true
 * neighbours, and a filter must never cost a hit. Then the errors, each allocation failing in turn,
 * builds that must come out the same, and searches beside a writer.
 */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include <math.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "hone/memory/checking.h"
#include "hone/memory/failing.h"
#include "hone/platform/thread.h"
#include "hone/vector/index.h"

enum { DIMS = 24, TWIN_MAX = 4000, HITS_MAX = 40 };

typedef struct twin_row {
    bool is_there;
    uint64_t tags;
    union {
        float floats[DIMS];
        uint64_t words[2];
    } values;
} twin_row;

typedef struct twin {
    hone_vector_options options;
    hone_vector_index *index;
    twin_row rows[TWIN_MAX]; /* the key is the place */
    uint32_t count;
    uint64_t seed;
} twin;

static uint64_t next_random(uint64_t *state) {
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

static float next_float(uint64_t *state) {
    return (float)((double)(next_random(state) >> 11) * 0x1p-52 - 1);
}

static size_t values_count(const twin *made) {
    return made->options.metric == HONE_VECTOR_HAMMING ? made->options.dims / 64
                                                       : made->options.dims;
}

/* Points near one of a few centres, so that neighbours mean something. */
static void fill_values(twin *made, twin_row *row) {
    if (made->options.metric == HONE_VECTOR_HAMMING) {
        uint64_t centre = next_random(&made->seed) % 8 + 1;
        for (size_t i = 0; i < 2; i++) {
            uint64_t flips = next_random(&made->seed);
            flips &= next_random(&made->seed);
            flips &= next_random(&made->seed); /* an eighth of the bits */
            row->values.words[i] = next_random(&centre) ^ flips;
        }
        return;
    }
    uint64_t centre = next_random(&made->seed) % 12 + 1;
    for (size_t i = 0; i < DIMS; i++) {
        row->values.floats[i] = next_float(&centre) + 0.8f * next_float(&made->seed);
    }
}

static double true_distance(const twin *made, const twin_row *a, const twin_row *b) {
    double dot = 0, a_square = 0, b_square = 0, square = 0;
    if (made->options.metric == HONE_VECTOR_HAMMING) {
        return __builtin_popcountll(a->values.words[0] ^ b->values.words[0]) +
               __builtin_popcountll(a->values.words[1] ^ b->values.words[1]);
    }
    for (size_t i = 0; i < DIMS; i++) {
        double x = a->values.floats[i], y = b->values.floats[i];
        dot += x * y;
        a_square += x * x;
        b_square += y * y;
        square += (x - y) * (x - y);
    }
    switch (made->options.metric) {
    case HONE_VECTOR_L2: return square;
    case HONE_VECTOR_DOT: return -dot;
    default: return 1 - dot / sqrt(a_square * b_square);
    }
}

static twin *make_twin(hone_vector_metric metric, hone_vector_storage storage) {
    twin *made = calloc(1, sizeof *made);
    hone_diag diag = {0};
    assert_non_null(made);
    made->options = (hone_vector_options){.dims = metric == HONE_VECTOR_HAMMING ? 128 : DIMS,
                                          .metric = metric,
                                          .storage = storage,
                                          .links_max = 8,
                                          .build_width = 60,
                                          .exact_below = 1};
    made->seed = (uint64_t)metric * 10 + (uint64_t)storage + 1;
    assert_int_equal(hone_vector_create(&made->options, &diag, &made->index), HONE_OK);
    return made;
}

static void drop_twin(twin *made) {
    hone_vector_destroy(made->index);
    free(made);
}

static hone_vector_item item_of(const twin *made, uint64_t key) {
    return (hone_vector_item){.key = key,
                              .values = {&made->rows[key].values, values_count(made)},
                              .tags = made->rows[key].tags};
}

static void add_one(twin *made, uint64_t key) {
    hone_diag diag = {0};
    fill_values(made, &made->rows[key]);
    made->rows[key].tags = next_random(&made->seed) % 16;
    made->rows[key].is_there = true;
    made->count++;
    hone_vector_item item = item_of(made, key);
    assert_int_equal(hone_vector_add(made->index, &item, &diag), HONE_OK);
    assert_int_equal(hone_vector_add(made->index, &item, &diag), HONE_STATUS_DUPLICATE);
}

static void update_one(twin *made, uint64_t key) {
    hone_diag diag = {0};
    fill_values(made, &made->rows[key]);
    made->rows[key].tags = next_random(&made->seed) % 16;
    hone_vector_item item = item_of(made, key);
    assert_int_equal(hone_vector_update(made->index, &item, &diag), HONE_OK);
}

static void remove_one(twin *made, uint64_t key) {
    hone_diag diag = {0};
    made->rows[key].is_there = false;
    made->count--;
    assert_int_equal(hone_vector_remove(made->index, key, &diag), HONE_OK);
    assert_int_equal(hone_vector_remove(made->index, key, &diag), HONE_STATUS_NOT_FOUND);
    assert_false(hone_vector_has(made->index, key));
}

static void change_at_random(twin *made, uint32_t changes) {
    for (uint32_t i = 0; i < changes; i++) {
        uint64_t key = next_random(&made->seed) % TWIN_MAX;
        if (!made->rows[key].is_there) {
            add_one(made, key);
        } else if (next_random(&made->seed) % 3 == 0) {
            update_one(made, key);
        } else {
            remove_one(made, key);
        }
    }
}

static bool is_odd(void *self, uint64_t key, uint64_t tags) {
    (void)self;
    (void)tags;
    return key % 2 == 1;
}

static bool passes(const hone_vector_filter *filter, uint64_t key, const twin_row *row) {
    return !filter ||
           ((row->tags & filter->tags_all) == filter->tags_all &&
            (!filter->tags_any || row->tags & filter->tags_any) &&
            !(row->tags & filter->tags_none) && (!filter->accept || is_odd(NULL, key, row->tags)));
}

static int compare_doubles(const void *a, const void *b) {
    double first = *(const double *)a, second = *(const double *)b;
    return (first > second) - (first < second);
}

/* Distances of the twin's rows that pass, sorted; how many. */
static size_t true_distances(const twin *made, const twin_row *query,
                             const hone_vector_filter *filter, double *out_distances) {
    size_t count = 0;
    for (uint64_t key = 0; key < TWIN_MAX; key++) {
        if (made->rows[key].is_there && passes(filter, key, &made->rows[key])) {
            out_distances[count++] = true_distance(made, query, &made->rows[key]);
        }
    }
    qsort(out_distances, count, sizeof *out_distances, compare_doubles);
    return count;
}

/* How far a stored distance may be from the true one, as a share of the largest there are. */
static double tolerance(const twin *made) {
    static const double of[] = {[HONE_VECTOR_I8] = 2e-4,
                                [HONE_VECTOR_F32] = 2e-5,
                                [HONE_VECTOR_F16] = 4e-3,
                                [HONE_VECTOR_BF16] = 4e-2,
                                [HONE_VECTOR_BITS] = 0};
    return of[made->options.storage] * (made->options.metric == HONE_VECTOR_COSINE ? 1 : 20);
}

/* One search, checked: sorted, no doubles, each hit is there, passes, and has its distance; as many
 * as there are. Returns how many are among the nearest. */
static size_t check_search(twin *made, const hone_vector_filter *filter, bool is_exact,
                           size_t *out_expected) {
    static double distances[TWIN_MAX];
    hone_vector_hit hits[HITS_MAX];
    twin_row query;
    hone_diag diag = {0};
    size_t found, near = 0;
    fill_values(made, &query);
    uint32_t wanted = 1 + (uint32_t)(next_random(&made->seed) % 20);
    hone_vector_search search = {.query = {&query.values, values_count(made)},
                                 .count = wanted,
                                 .width = 80,
                                 .is_exact = is_exact,
                                 .filter = filter};
    assert_int_equal(hone_vector_find(made->index, &search, &diag, hits, &found), HONE_OK);
    size_t there = true_distances(made, &query, filter, distances);
    size_t expected = there < wanted ? there : wanted;
    assert_int_equal(found, expected);
    for (size_t i = 0; i < found; i++) {
        const twin_row *row = &made->rows[hits[i].key];
        double distance = true_distance(made, &query, row);
        assert_true(row->is_there && passes(filter, hits[i].key, row));
        assert_true(fabs(distance - (double)hits[i].distance) <= tolerance(made));
        assert_true(i == 0 || hits[i - 1].distance <= hits[i].distance);
        near += distance <= distances[expected - 1] + tolerance(made);
        for (size_t k = 0; k < i; k++) {
            assert_true(hits[k].key != hits[i].key);
        }
    }
    *out_expected = expected;
    return near;
}

static void check_searches(twin *made, uint32_t searches, double recall_min) {
    const hone_vector_filter filters[] = {
        {.tags_all = 1},
        {.tags_any = 6, .tags_none = 8},
        {.tags_all = 15}, /* one of 16 */
        {.tags_all = 15, .accept = is_odd},
        {.tags_all = 16}, /* none */
        {.accept = is_odd},
    };
    size_t near = 0, expected_total = 0;
    for (uint32_t i = 0; i < searches; i++) {
        size_t expected, kind = i % 12;
        const hone_vector_filter *filter = kind < 6 ? &filters[kind] : NULL;
        size_t of_walk = check_search(made, filter, false, &expected);
        near += of_walk;
        expected_total += expected;
        size_t of_scan = check_search(made, filter, true, &expected);
        assert_int_equal(of_scan, expected);
    }
    assert_true((double)near >= recall_min * (double)expected_total);
}

static void check_kind(hone_vector_metric metric, hone_vector_storage storage) {
    twin *made = make_twin(metric, storage);
    size_t expected;
    assert_int_equal(check_search(made, NULL, false, &expected), 0); /* empty */
    add_one(made, 5);
    assert_int_equal(check_search(made, NULL, false, &expected), 1);
    remove_one(made, 5);
    assert_int_equal(check_search(made, NULL, false, &expected), 0);
    for (int round = 0; round < 4; round++) {
        change_at_random(made, 1200);
        check_searches(made, 48, 0.97);
        hone_vector_stats stats;
        hone_vector_stats_read(made->index, &stats);
        assert_int_equal(stats.vectors_count, made->count);
        assert_true(stats.dead_links_count * 50 <= stats.links_count);
    }
    for (uint64_t key = 0; key < TWIN_MAX; key++) { /* to the last one and back */
        if (made->rows[key].is_there) {
            remove_one(made, key);
        }
    }
    assert_int_equal(check_search(made, NULL, false, &expected), 0);
    change_at_random(made, 300);
    check_searches(made, 12, 0.97);
    drop_twin(made);
}

static void every_kind_agrees_with_its_twin(void **state) {
    (void)state;
    check_kind(HONE_VECTOR_COSINE, HONE_VECTOR_I8);
    check_kind(HONE_VECTOR_L2, HONE_VECTOR_I8);
    check_kind(HONE_VECTOR_COSINE, HONE_VECTOR_F32);
    check_kind(HONE_VECTOR_L2, HONE_VECTOR_F16);
    check_kind(HONE_VECTOR_COSINE, HONE_VECTOR_BF16);
    check_kind(HONE_VECTOR_HAMMING, HONE_VECTOR_BITS);
}

/* Products are no distances: a graph over them finds fewer, and a scan all the same. */
static void products_agree_exactly_and_mostly_by_walk(void **state) {
    (void)state;
    twin *made = make_twin(HONE_VECTOR_DOT, HONE_VECTOR_I8);
    change_at_random(made, 1500);
    check_searches(made, 24, 0.8);
    drop_twin(made);
}

static void radius_gives_all_within(void **state) {
    (void)state;
    twin *made = make_twin(HONE_VECTOR_L2, HONE_VECTOR_F32);
    static double distances[TWIN_MAX];
    hone_vector_hit *hits = calloc(TWIN_MAX, sizeof *hits);
    hone_diag diag = {0};
    size_t found, found_total = 0, there_total = 0;
    change_at_random(made, 3000);
    for (int i = 0; i < 30; i++) {
        twin_row query;
        fill_values(made, &query);
        hone_vector_search search = {.query = {&query.values, DIMS}, .count = TWIN_MAX};
        size_t there = true_distances(made, &query, NULL, distances), within = 0;
        float radius = (float)distances[there / (size_t)(10 + i * 4)];
        while (within < there && distances[within] <= (double)radius) {
            within++;
        }
        assert_int_equal(hone_vector_find_within(made->index, &search, radius, &diag, hits, &found),
                         HONE_OK);
        assert_true(found <= within + 1);
        for (size_t k = 0; k < found; k++) {
            assert_true(hits[k].distance <= radius);
        }
        found_total += found;
        there_total += within;
    }
    assert_true((double)found_total >= 0.97 * (double)there_total);
    free(hits);
    drop_twin(made);
}

static void keys_are_listed_each_once(void **state) {
    (void)state;
    twin *made = make_twin(HONE_VECTOR_L2, HONE_VECTOR_I8);
    uint64_t keys[7], cursor = 0, listed = 0;
    bool was_seen[TWIN_MAX] = {false};
    size_t count;
    assert_int_equal(hone_vector_list_keys(made->index, &cursor, keys, 7), 0);
    change_at_random(made, 300);
    while ((count = hone_vector_list_keys(made->index, &cursor, keys, 7)) > 0) {
        for (size_t i = 0; i < count; i++, listed++) {
            assert_true(keys[i] < TWIN_MAX && made->rows[keys[i]].is_there && !was_seen[keys[i]]);
            was_seen[keys[i]] = true;
        }
    }
    assert_int_equal(listed, made->count);
    drop_twin(made);
}

static void stored_values_come_back(void **state) {
    (void)state;
    static const hone_vector_storage storages[] = {HONE_VECTOR_I8, HONE_VECTOR_F32, HONE_VECTOR_F16,
                                                   HONE_VECTOR_BF16};
    static const double errors[] = {1.1 / 127 / 508, 1e-6, 0x1p-11, 0x1p-8};
    for (size_t s = 0; s < 4; s++) {
        twin *made = make_twin(HONE_VECTOR_COSINE, storages[s]);
        hone_diag diag = {0};
        for (uint64_t key = 0; key < 50; key++) {
            float got[DIMS];
            uint64_t tags;
            add_one(made, key);
            assert_int_equal(hone_vector_get(made->index, key, &diag, got, &tags), HONE_OK);
            assert_int_equal(tags, made->rows[key].tags);
            for (size_t i = 0; i < DIMS; i++) {
                assert_true(fabs((double)got[i] - (double)made->rows[key].values.floats[i]) <=
                            2 * errors[s]);
            }
        }
        drop_twin(made);
    }
}

static void bad_options_are_refused(void **state) {
    (void)state;
    const hone_vector_options bad[] = {
        {.dims = 0},
        {.dims = HONE_VECTOR_DIMS_MAX + 1},
        {.dims = 8, .metric = (hone_vector_metric)9},
        {.dims = 8, .storage = (hone_vector_storage)9},
        {.dims = 64, .metric = HONE_VECTOR_HAMMING},
        {.dims = 64, .storage = HONE_VECTOR_BITS},
        {.dims = 65, .metric = HONE_VECTOR_HAMMING, .storage = HONE_VECTOR_BITS},
        {.dims = 8, .links_max = 3},
        {.dims = 8, .links_max = 65},
        {.dims = 8, .build_width = HONE_VECTOR_WIDTH_MAX + 1},
        {.dims = 8, .vectors_max = HONE_VECTOR_VECTORS_MAX + 1},
    };
    hone_vector_index *index = NULL;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        hone_diag diag = {0};
        assert_int_equal(hone_vector_create(&bad[i], &diag, &index), HONE_STATUS_INVALID_ARGUMENT);
        assert_true(diag.message[0] != '\0');
    }
    assert_int_equal(hone_vector_create(NULL, NULL, &index), HONE_STATUS_INVALID_ARGUMENT);
    assert_null(index);
    hone_vector_destroy(NULL);
}

static void bad_vectors_and_searches_are_refused(void **state) {
    (void)state;
    twin *made = make_twin(HONE_VECTOR_COSINE, HONE_VECTOR_I8);
    hone_diag diag = {0};
    hone_vector_hit hit;
    size_t found;
    float values[DIMS] = {0};
    hone_vector_item item = {.key = 1, .values = {values, DIMS}};
    assert_int_equal(hone_vector_add(made->index, &item, &diag), HONE_STATUS_NOT_FINITE);
    values[DIMS - 1] = NAN;
    assert_int_equal(hone_vector_add(made->index, &item, &diag), HONE_STATUS_NOT_FINITE);
    assert_non_null(strstr(diag.message, "element 23"));
    values[DIMS - 1] = -INFINITY;
    assert_int_equal(hone_vector_add(made->index, &item, &diag), HONE_STATUS_NOT_FINITE);
    values[DIMS - 1] = 1;
    item.values.count = DIMS - 1;
    assert_int_equal(hone_vector_add(made->index, &item, &diag), HONE_STATUS_WRONG_DIMENSION);
    assert_string_equal(diag.message, "the vector has 23 elements, those of this index have 24");
    item.values.count = DIMS;
    assert_int_equal(hone_vector_update(made->index, &item, &diag), HONE_STATUS_NOT_FOUND);
    assert_int_equal(hone_vector_get(made->index, 1, &diag, values, NULL), HONE_STATUS_NOT_FOUND);
    assert_int_equal(hone_vector_add(made->index, &item, &diag), HONE_OK);
    const hone_vector_search bad[] = {
        {.query = {values, DIMS}, .count = 0},
        {.query = {values, DIMS}, .count = HONE_VECTOR_WIDTH_MAX + 1},
        {.query = {values, DIMS}, .count = 1, .width = HONE_VECTOR_WIDTH_MAX + 1},
        {.query = {NULL, DIMS}, .count = 1},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(hone_vector_find(made->index, &bad[i], &diag, &hit, &found),
                         HONE_STATUS_INVALID_ARGUMENT);
    }
    hone_vector_search search = {.query = {values, DIMS}, .count = 1};
    assert_int_equal(hone_vector_find_within(made->index, &search, NAN, &diag, &hit, &found),
                     HONE_STATUS_INVALID_ARGUMENT);
    assert_int_equal(hone_vector_find(made->index, &search, &diag, &hit, &found), HONE_OK);
    assert_true(found == 1 && hit.key == 1 && hit.distance < 1e-5f);
    drop_twin(made);
}

static void the_maximum_holds(void **state) {
    (void)state;
    const hone_vector_options options = {.dims = 1, .metric = HONE_VECTOR_L2, .vectors_max = 3};
    hone_vector_index *index;
    hone_diag diag = {0};
    assert_int_equal(hone_vector_create(&options, &diag, &index), HONE_OK);
    for (uint64_t key = 0; key < 5; key++) {
        float value = (float)key;
        hone_vector_item item = {.key = key, .values = {&value, 1}};
        assert_int_equal(hone_vector_add(index, &item, &diag),
                         key < 3 ? HONE_OK : HONE_STATUS_LIMIT);
    }
    float value = 9;
    hone_vector_item item = {.key = 9, .values = {&value, 1}};
    assert_int_equal(hone_vector_remove(index, 1, &diag), HONE_OK);
    assert_int_equal(hone_vector_add(index, &item, &diag), HONE_OK);
    hone_vector_destroy(index);
}

/* The same vector many times over, and zeros, must not cut the graph. */
static void many_equal_vectors_do_not_hide_others(void **state) {
    (void)state;
    twin *made = make_twin(HONE_VECTOR_L2, HONE_VECTOR_I8);
    hone_diag diag = {0};
    static const float same[DIMS] = {0};
    for (uint64_t key = 0; key < 600; key++) {
        hone_vector_item item = {.key = 10000 + key, .values = {same, DIMS}};
        assert_int_equal(hone_vector_add(made->index, &item, &diag), HONE_OK);
        if (key % 3 == 0) {
            add_one(made, key);
        }
    }
    size_t right = 0;
    for (uint64_t key = 0; key < 600; key += 3) {
        hone_vector_hit hit;
        size_t found;
        hone_vector_search search = {.query = {&made->rows[key].values, DIMS}, .count = 1};
        assert_int_equal(hone_vector_find(made->index, &search, &diag, &hit, &found), HONE_OK);
        right += found == 1 && hit.key == key;
    }
    assert_true(right >= 198); /* of 200 */
    hone_vector_hit hits[10];
    size_t found;
    hone_vector_search search = {.query = {same, DIMS}, .count = 10};
    assert_int_equal(hone_vector_find(made->index, &search, &diag, hits, &found), HONE_OK);
    assert_true(found == 10 && hits[9].distance == 0);
    drop_twin(made);
}

static void assert_same_hits(twin *a, twin *b) {
    for (int i = 0; i < 50; i++) {
        hone_vector_hit hits_a[10], hits_b[10];
        size_t found_a, found_b;
        twin_row query;
        fill_values(a, &query);
        hone_vector_search search = {.query = {&query.values, DIMS}, .count = 10, .width = 12};
        assert_int_equal(hone_vector_find(a->index, &search, NULL, hits_a, &found_a), HONE_OK);
        assert_int_equal(hone_vector_find(b->index, &search, NULL, hits_b, &found_b), HONE_OK);
        assert_int_equal(found_a, found_b);
        for (size_t k = 0; k < found_a; k++) {
            assert_int_equal(hits_a[k].key, hits_b[k].key);
            assert_memory_equal(&hits_a[k].distance, &hits_b[k].distance, sizeof(float));
        }
    }
    hone_vector_stats stats_a, stats_b;
    hone_vector_stats_read(a->index, &stats_a);
    hone_vector_stats_read(b->index, &stats_b);
    assert_int_equal(stats_a.links_count, stats_b.links_count);
}

/* Codes make the graph the same by plain C as by whatever this machine has. */
static void builds_are_the_same_everywhere(void **state) {
    (void)state;
    for (int metric = HONE_VECTOR_COSINE; metric <= HONE_VECTOR_DOT; metric++) {
        const hone_isa_mask plain = 0;
        twin *a = make_twin((hone_vector_metric)metric, HONE_VECTOR_I8);
        twin *b = make_twin((hone_vector_metric)metric, HONE_VECTOR_I8);
        hone_vector_destroy(b->index);
        b->options.features = &plain;
        assert_int_equal(hone_vector_create(&b->options, NULL, &b->index), HONE_OK);
        change_at_random(a, 1500);
        change_at_random(b, 1500);
        assert_same_hits(a, b);
        drop_twin(a);
        drop_twin(b);
    }
}

/* A fixed little program; its statuses are HONE_OK, or OUT_OF_MEMORY with nothing changed. */
static hone_status run_program(const hone_allocator *allocator) {
    hone_vector_options options = {.dims = 4,
                                   .metric = HONE_VECTOR_L2,
                                   .links_max = 4,
                                   .vectors_max = 5000,
                                   .exact_below = 1,
                                   .allocator = allocator};
    hone_vector_index *index = NULL;
    hone_diag diag = {0};
    hone_status status = hone_vector_create(&options, &diag, &index);
    uint64_t seed = 1, count = 0;
    for (uint64_t key = 0; key < 150 && status == HONE_OK; key++) {
        float values[4] = {next_float(&seed), next_float(&seed), next_float(&seed), 0};
        hone_vector_item item = {.key = key, .values = {values, 4}};
        hone_vector_search search = {.query = {values, 4}, .count = 1};
        hone_vector_hit hit;
        size_t found;
        status = hone_vector_add(index, &item, &diag);
        assert_int_equal(hone_vector_has(index, key), status == HONE_OK);
        count += status == HONE_OK;
        if (status == HONE_OK) {
            status = hone_vector_find(index, &search, &diag, &hit, &found);
        }
        if (status == HONE_OK && key % 5 == 4) {
            status = hone_vector_remove(index, key - 2, &diag);
            assert_int_equal(hone_vector_has(index, key - 2), status != HONE_OK);
            count -= status == HONE_OK;
        }
        if (status == HONE_OK && key % 7 == 6) {
            values[3] = 1;
            status = hone_vector_update(index, &item, &diag);
            assert_true(hone_vector_has(index, key));
        }
    }
    if (index) {
        hone_vector_stats stats;
        hone_vector_stats_read(index, &stats);
        assert_int_equal(stats.vectors_count, count);
    }
    hone_vector_destroy(index);
    return status;
}

static void each_allocation_may_fail(void **state) {
    (void)state;
    for (uint64_t nth = 1;; nth++) {
        hone_failing failing;
        hone_failing_init(&failing, NULL, nth, false);
        hone_status status = run_program(&failing.allocator);
        assert_int_equal(hone_failing_read_stats(&failing).live_bytes, 0);
        if (!hone_failing_has_failed(&failing)) {
            assert_int_equal(status, HONE_OK);
            break;
        }
        assert_int_equal(status, HONE_STATUS_OUT_OF_MEMORY);
    }
}

static void blocks_are_released_as_they_were_asked_for(void **state) {
    (void)state;
    hone_checking *checking;
    hone_diag diag = {0};
    assert_int_equal(hone_checking_create(NULL, 1000, &checking), HONE_OK);
    assert_int_equal(run_program(hone_checking_allocator(checking)), HONE_OK);
    assert_int_equal(hone_checking_verify(checking, &diag), HONE_OK);
    hone_checking_destroy(checking);
}

enum { SHARED_COUNT = 1500 };

typedef struct shared {
    twin *made;
    _Atomic bool is_over;
    _Atomic uint64_t searches, missed;
} shared;

/* Keys below 100 stay: each must be found as its own nearest all the time. */
static void search_on(void *context) {
    shared *with = context;
    uint64_t key = 0;
    while (!atomic_load_explicit(&with->is_over, memory_order_relaxed)) {
        hone_vector_hit hit;
        size_t found = 0;
        hone_vector_search search = {.query = {&with->made->rows[key % 100].values, DIMS},
                                     .count = 1};
        hone_status status = hone_vector_find(with->made->index, &search, NULL, &hit, &found);
        bool is_right = status == HONE_OK && found == 1 && hit.key == key % 100;
        atomic_fetch_add_explicit(&with->searches, 1, memory_order_relaxed);
        atomic_fetch_add_explicit(&with->missed, !is_right, memory_order_relaxed);
        key++;
    }
}

static void searches_run_beside_a_writer(void **state) {
    (void)state;
    shared with = {.made = make_twin(HONE_VECTOR_COSINE, HONE_VECTOR_I8)};
    hone_thread threads[2];
    for (uint64_t key = 0; key < 100; key++) {
        add_one(with.made, key);
    }
    for (int i = 0; i < 2; i++) {
        assert_int_equal(hone_thread_create("search", search_on, &with, &threads[i]), HONE_OK);
    }
    for (uint64_t key = 100; key < SHARED_COUNT; key++) {
        add_one(with.made, key);
        if (key % 3 == 0) {
            remove_one(with.made, key - 2);
        } else if (key % 7 == 0) {
            update_one(with.made, key);
        }
    }
    while (atomic_load_explicit(&with.searches, memory_order_relaxed) < 200) {
        hone_thread_yield();
    }
    atomic_store_explicit(&with.is_over, true, memory_order_relaxed);
    for (int i = 0; i < 2; i++) {
        hone_thread_join(threads[i]);
    }
    assert_true(atomic_load(&with.missed) * 100 <= atomic_load(&with.searches));
    drop_twin(with.made);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_agrees_with_its_twin),
        cmocka_unit_test(products_agree_exactly_and_mostly_by_walk),
        cmocka_unit_test(radius_gives_all_within),
        cmocka_unit_test(keys_are_listed_each_once),
        cmocka_unit_test(stored_values_come_back),
        cmocka_unit_test(bad_options_are_refused),
        cmocka_unit_test(bad_vectors_and_searches_are_refused),
        cmocka_unit_test(the_maximum_holds),
        cmocka_unit_test(many_equal_vectors_do_not_hide_others),
        cmocka_unit_test(builds_are_the_same_everywhere),
        cmocka_unit_test(each_allocation_may_fail),
        cmocka_unit_test(blocks_are_released_as_they_were_asked_for),
        cmocka_unit_test(searches_run_beside_a_writer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
