/* SPDX-License-Identifier: Apache-2.0 */
/* Debian builds faiss for any x86-64, without AVX2: its own releases are faster. */
#include <faiss/IndexHNSW.h>
#include <omp.h>

#include <malloc.h>
#include <memory>
#include <new>

#include "peer_internal.h"

namespace {

using Id = faiss::Index::idx_t;

struct Built {
    faiss::IndexHNSWFlat index;
    size_t size_bytes = 0;
    explicit Built(size_t dims) : index(static_cast<int>(dims), 16, faiss::METRIC_INNER_PRODUCT) {
    }
};

size_t held_bytes() {
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

void *build(const float *rows, size_t rows_count, size_t dims) try {
    omp_set_num_threads(1);
    size_t before = held_bytes();
    auto made = std::make_unique<Built>(dims);
    made->index.hnsw.efConstruction = 200;
    made->index.add(static_cast<Id>(rows_count), rows);
    made->size_bytes = held_bytes() - before;
    return made.release();
} catch (const std::bad_alloc &) {
    return nullptr;
}

size_t search(void *context, const float *query, size_t count, size_t width, uint64_t *out_rows) {
    enum { HITS_MAX = 128 };
    auto *made = static_cast<Built *>(context);
    Id rows[HITS_MAX];
    float distances[HITS_MAX];
    if (count > HITS_MAX) {
        return 0;
    }
    made->index.hnsw.efSearch = static_cast<int>(width);
    made->index.search(1, query, static_cast<Id>(count), distances, rows);
    size_t found = 0;
    for (; found < count && rows[found] >= 0; found++) {
        out_rows[found] = static_cast<uint64_t>(rows[found]);
    }
    return found;
}

size_t size_bytes(void *context) {
    return static_cast<Built *>(context)->size_bytes;
}

void destroy(void *context) {
    delete static_cast<Built *>(context);
}

} // namespace

extern "C" const vector_peer faiss_peer = {build, search, nullptr, size_bytes, destroy};
