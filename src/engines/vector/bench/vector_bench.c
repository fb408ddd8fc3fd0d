/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Searches at equal recall, builds and sizes of the vector index, beside hnswlib and faiss where
 * they are installed: all with 16 links (32 on the lowest level), a build width of 200, one thread.
 *
 * The vectors are of 128 dimensions and have 24 of their own, as embeddings do: x = z W / sqrt(24)
 * + 0.3 noise, W and z normal, then of length 1. Independent dimensions would make every graph look
 * bad, and none is met in practice. Queries are 500 more of the same.
 *
 * search/SIZE/recall-R   one query for 10 neighbours, at the least width at which R % of the true
 *                        ones are found: each library by its own, which "at equal width" would hide
 * scan/10k               the same by looking at everything
 * filter/10k/P%          the same for 10 of those P % that pass a filter: hone's choice beside
 * always scanning, and beside walking as wide as the filter demands build/SIZE, bytes/SIZE  the
 * build of an index of that size; what it holds per vector
 *
 * The cases of 100k build their indexes first, which takes a minute; --filter 10k leaves them out.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hone/measure/bench_main.h"
#include "hone/platform/clock.h"
#include "hone_peer_internal.h"

enum { DIMS = 128, OWN_DIMS = 24, QUERIES = 500, NEIGHBOURS = 10, WIDTH_MAX = 1024 };

typedef enum library {
    LIBRARY_HONE,
    LIBRARY_HONE_F32,
    LIBRARY_HNSWLIB,
    LIBRARY_FAISS,
    LIBRARIES
} library;

/* Made once and shared by the cases, since building is what takes long. */
typedef struct data_set {
    size_t rows_count;
    float *rows; /* the queries follow */
    uint64_t (*truth)[NEIGHBOURS];
    void *built[LIBRARIES];
} data_set;

typedef struct workload {
    data_set *data;
    double recall; /* 0: does not matter */
    uint32_t tag;  /* of the filter */
} workload;

typedef struct input {
    const workload *work;
    const vector_peer *peer;
    void *index;
    size_t width, at;
    hone_vector_filter filter;
    bool is_filtered, is_exact;
} input;

static uint64_t next_random(uint64_t *state) {
    uint64_t z = (*state += 0x9E3779B97F4A7C15u);
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* Box and Muller. */
static double next_normal(uint64_t *state) {
    double a = ((double)(next_random(state) >> 11) + 0.5) * 0x1p-53;
    double b = (double)(next_random(state) >> 11) * 0x1p-53;
    return sqrt(-2 * log(a)) * cos(6.283185307179586 * b);
}

static void fill_rows(float *rows, size_t count) {
    static double mixing[OWN_DIMS][DIMS];
    uint64_t seed = 42;
    for (size_t i = 0; i < (size_t)OWN_DIMS * DIMS; i++) {
        mixing[i / DIMS][i % DIMS] = next_normal(&seed);
    }
    for (float *row = rows; row < rows + count * DIMS; row += DIMS) {
        double own[OWN_DIMS], values[DIMS], square = 0;
        for (size_t k = 0; k < OWN_DIMS; k++) {
            own[k] = next_normal(&seed);
        }
        for (size_t i = 0; i < DIMS; i++) {
            values[i] = 0;
            for (size_t k = 0; k < OWN_DIMS; k++) {
                values[i] += own[k] * mixing[k][i];
            }
            values[i] = values[i] / sqrt(OWN_DIMS) + 0.3 * next_normal(&seed);
            square += values[i] * values[i];
        }
        for (size_t i = 0; i < DIMS; i++) {
            row[i] = (float)(values[i] / sqrt(square));
        }
    }
}

static float product_of(const float *a, const float *b) {
    float sums[16] = {0}, sum = 0;
    for (size_t i = 0; i < DIMS; i++) {
        sums[i % 16] += a[i] * b[i];
    }
    for (size_t i = 0; i < 16; i++) {
        sum += sums[i];
    }
    return sum;
}

static void find_truth(const data_set *data, const float *query, uint64_t *out_rows) {
    float nearest[NEIGHBOURS];
    size_t count = 0;
    for (size_t r = 0; r < data->rows_count; r++) {
        float product = product_of(query, data->rows + r * DIMS);
        if (count == NEIGHBOURS && product <= nearest[count - 1]) {
            continue;
        }
        size_t at = count < NEIGHBOURS ? count++ : count - 1;
        for (; at > 0 && nearest[at - 1] < product; at--) {
            nearest[at] = nearest[at - 1];
            out_rows[at] = out_rows[at - 1];
        }
        nearest[at] = product;
        out_rows[at] = r;
    }
}

static hone_status no_memory(hone_diag *diag) {
    return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory for the vectors");
}

static hone_status make_data(data_set *data, hone_diag *diag) {
    if (data->rows) {
        return HONE_OK;
    }
    data->rows = calloc((data->rows_count + QUERIES) * DIMS, sizeof *data->rows);
    data->truth = calloc(QUERIES, sizeof *data->truth);
    if (!data->rows || !data->truth) {
        return no_memory(diag);
    }
    fill_rows(data->rows, data->rows_count + QUERIES);
    for (size_t i = 0; i < QUERIES; i++) {
        find_truth(data, data->rows + (data->rows_count + i) * DIMS, data->truth[i]);
    }
    return HONE_OK;
}

static const vector_peer *peer_of(library which) {
    switch (which) {
    case LIBRARY_HONE_F32: return &hone_f32_peer;
#if HONE_BENCH_HNSWLIB
    case LIBRARY_HNSWLIB: return &hnswlib_peer;
#endif
#if HONE_BENCH_FAISS
    case LIBRARY_FAISS: return &faiss_peer;
#endif
    default: return &hone_i8_peer;
    }
}

static const float *query_of(const data_set *data, size_t at) {
    return data->rows + (data->rows_count + at % QUERIES) * DIMS;
}

static double recall_of(const input *made) {
    const data_set *data = made->work->data;
    size_t right = 0;
    for (size_t i = 0; i < QUERIES; i++) {
        uint64_t rows[NEIGHBOURS];
        size_t found =
            made->peer->search(made->index, query_of(data, i), NEIGHBOURS, made->width, rows);
        for (size_t k = 0; k < found * NEIGHBOURS; k++) {
            right += rows[k / NEIGHBOURS] == data->truth[i][k % NEIGHBOURS];
        }
    }
    return (double)right / (QUERIES * NEIGHBOURS);
}

/* The least width that reaches the recall; recall rises with the width. */
static hone_status choose_width(input *made, hone_diag *diag) {
    size_t low = NEIGHBOURS, high = WIDTH_MAX;
    while (low < high) {
        made->width = (low + high) / 2;
        if (recall_of(made) >= made->work->recall) {
            high = made->width;
        } else {
            low = made->width + 1;
        }
    }
    made->width = high;
    return high < WIDTH_MAX
               ? HONE_OK
               : hone_diag_set(diag, HONE_STATUS_ABSENT, "it does not reach that recall");
}

static hone_status make_input(const void *parameter, library which, hone_diag *diag,
                              void **out_context) {
    const workload *work = parameter;
    hone_status status = make_data(work->data, diag);
    input *made = calloc(1, sizeof *made);
    if (status != HONE_OK || !made) {
        free(made);
        return no_memory(diag);
    }
    void **built = &work->data->built[which];
    made->work = work;
    made->peer = peer_of(which);
    if (!*built) {
        *built = made->peer->build(work->data->rows, work->data->rows_count, DIMS);
    }
    made->index = *built;
    status = !*built ? no_memory(diag) : work->recall > 0 ? choose_width(made, diag) : HONE_OK;
    if (status != HONE_OK) {
        free(made);
        return status;
    }
    *out_context = made;
    return HONE_OK;
}

static hone_status make_hone(const void *parameter, hone_diag *diag, void **out_context) {
    return make_input(parameter, LIBRARY_HONE, diag, out_context);
}

static hone_status make_f32(const void *parameter, hone_diag *diag, void **out_context) {
    return make_input(parameter, LIBRARY_HONE_F32, diag, out_context);
}

#if HONE_BENCH_HNSWLIB
static hone_status make_hnswlib(const void *parameter, hone_diag *diag, void **out_context) {
    return make_input(parameter, LIBRARY_HNSWLIB, diag, out_context);
}
#endif

#if HONE_BENCH_FAISS
static hone_status make_faiss(const void *parameter, hone_diag *diag, void **out_context) {
    return make_input(parameter, LIBRARY_FAISS, diag, out_context);
}
#endif

static void run_search(void *context, uint64_t iterations) {
    input *made = context;
    uint64_t rows[NEIGHBOURS];
    for (uint64_t i = 0; i < iterations; i++) {
        (void)made->peer->search(made->index, query_of(made->work->data, made->at++), NEIGHBOURS,
                                 made->width, rows);
        hone_bench_consume(rows);
    }
}

static void run_scan(void *context, uint64_t iterations) {
    input *made = context;
    uint64_t rows[NEIGHBOURS];
    for (uint64_t i = 0; i < iterations; i++) {
        (void)made->peer->scan(made->index, query_of(made->work->data, made->at++), NEIGHBOURS,
                               rows);
        hone_bench_consume(rows);
    }
}

static hone_status make_filtered(const void *parameter, bool is_exact, hone_diag *diag,
                                 void **out_context) {
    hone_status status = make_hone(parameter, diag, out_context);
    if (status == HONE_OK) {
        input *made = *out_context;
        made->filter.tags_all = (uint64_t)1 << made->work->tag;
        made->is_filtered = true;
        made->is_exact = is_exact;
        made->width = 64;
    }
    return status;
}

static hone_status make_planned(const void *parameter, hone_diag *diag, void **out_context) {
    return make_filtered(parameter, false, diag, out_context);
}

static hone_status make_scanned(const void *parameter, hone_diag *diag, void **out_context) {
    return make_filtered(parameter, true, diag, out_context);
}

static void run_filtered(void *context, uint64_t iterations) {
    input *made = context;
    uint64_t rows[NEIGHBOURS];
    for (uint64_t i = 0; i < iterations; i++) {
        const hone_vector_search search = {.query = {query_of(made->work->data, made->at++), DIMS},
                                           .count = NEIGHBOURS,
                                           .width = (uint32_t)made->width,
                                           .is_exact = made->is_exact,
                                           .filter = &made->filter};
        (void)hn_bench_find(made->index, &search, rows);
        hone_bench_consume(rows);
    }
}

/* What a library without filters is left with: as many as leave enough after the filter. */
static void run_post_filtered(void *context, uint64_t iterations) {
    input *made = context;
    uint32_t period = hn_bench_tag_period(made->work->tag), wanted = NEIGHBOURS * period;
    uint64_t rows[HN_BENCH_HITS_MAX];
    for (uint64_t i = 0; i < iterations; i++) {
        const hone_vector_search search = {.query = {query_of(made->work->data, made->at++), DIMS},
                                           .count = wanted,
                                           .width = (uint32_t)made->width * period};
        size_t found = hn_bench_find(made->index, &search, rows), count = 0;
        for (size_t k = 0; k < found; k++) {
            rows[count] = rows[k];
            count += rows[k] % period == 0;
        }
        hone_bench_consume(rows);
    }
}

static double measure_build(void *context) {
    const input *made = context;
    const data_set *data = made->work->data;
    uint64_t start = hone_clock_monotonic_ns();
    void *built = made->peer->build(data->rows, data->rows_count, DIMS);
    uint64_t end = hone_clock_monotonic_ns();
    if (built) {
        made->peer->destroy(built);
    }
    return (double)(end - start);
}

static double measure_bytes(void *context) {
    const input *made = context;
    return (double)made->peer->size_bytes(made->index) / (double)made->work->data->rows_count;
}

static void drop_input(void *context) {
    free(context);
}

static data_set ten_k = {.rows_count = 10000}, hundred_k = {.rows_count = 100000};

#if HONE_BENCH_HNSWLIB
#define HNSWLIB(action, function) \
    { .name = "hnswlib", .setup = make_hnswlib, .action = (function), .teardown = drop_input }
#else
#define HNSWLIB(action, function) \
    { .name = "hnswlib", .absent = "libhnswlib-dev is not installed" }
#endif
#if HONE_BENCH_FAISS
#define FAISS(action, function) \
    { .name = "faiss", .setup = make_faiss, .action = (function), .teardown = drop_input }
#else
#define FAISS(action, function) \
    { .name = "faiss", .absent = "libfaiss-dev is not installed" }
#endif
#define HONE(action, function)                                                              \
    {.name = "hone", .setup = make_hone, .action = (function), .teardown = drop_input}, {   \
        .name = "hone-f32", .setup = make_f32, .action = (function), .teardown = drop_input \
    }

#define SEARCH(title, set, share, ...)                                                   \
    {                                                                                    \
        .name = (title), .unit = "us", .scale = 1e-3, .iterations_max = 1,               \
        .parameter = &(const workload){.data = &(set), .recall = (share)}, .variants = { \
            HONE(run, run_search),                                                       \
            HNSWLIB(run, run_search),                                                    \
            __VA_ARGS__                                                                  \
        }                                                                                \
    }
#define FILTER(title, bit)                                                                        \
    {                                                                                             \
        .name = (title), .unit = "us", .scale = 1e-3,                                             \
        .parameter = &(const workload){.data = &ten_k, .tag = (bit)}, .variants = {               \
            {.name = "hone", .setup = make_planned, .run = run_filtered, .teardown = drop_input}, \
            {.name = "scan", .setup = make_scanned, .run = run_filtered, .teardown = drop_input}, \
            {.name = "post-filter",                                                               \
             .setup = make_planned,                                                               \
             .run = run_post_filtered,                                                            \
             .teardown = drop_input},                                                             \
        }                                                                                         \
    }
#define SIZES(title, what, function, set, factor)                     \
    {                                                                 \
        .name = (title), .unit = (what), .scale = (factor),           \
        .parameter = &(const workload){.data = &(set)}, .variants = { \
            HONE(measure, function),                                  \
            HNSWLIB(measure, function)                                \
        }                                                             \
    }

static const hone_bench_case cases[] = {
    SEARCH("search/10k/recall-95", ten_k, 0.95, FAISS(run, run_search)),
    SEARCH("search/10k/recall-99", ten_k, 0.99, FAISS(run, run_search)),
    SEARCH("search/10k/recall-99.9", ten_k, 0.999, FAISS(run, run_search)),
    {.name = "scan/10k",
     .unit = "us",
     .scale = 1e-3,
     .iterations_max = 1,
     .parameter = &(const workload){.data = &ten_k},
     .variants = {HONE(run, run_scan), HNSWLIB(run, run_scan)}},
    FILTER("filter/10k/50%", 0),
    FILTER("filter/10k/5%", 1),
    FILTER("filter/10k/0.5%", 2),
    SIZES("build/10k", "s", measure_build, ten_k, 1e-9),
    SIZES("bytes/10k", "B/vector", measure_bytes, ten_k, 1),
    SEARCH("search/100k/recall-95", hundred_k, 0.95),
    SEARCH("search/100k/recall-99", hundred_k, 0.99),
    SIZES("bytes/100k", "B/vector", measure_bytes, hundred_k, 1),
};

int main(int argc, char **argv) {
    static const hone_bench_suite suite = {"vector", cases, sizeof cases / sizeof *cases};
    int result = hone_bench_main(argc, argv, &suite);
    data_set *const sets[] = {&ten_k, &hundred_k};
    for (size_t s = 0; s < 2; s++) {
        for (int which = 0; which < LIBRARIES; which++) {
            peer_of((library)which)->destroy(sets[s]->built[which]);
        }
        free(sets[s]->rows);
        free(sets[s]->truth);
    }
    return result;
}
