/* SPDX-License-Identifier: Apache-2.0 */
#include <hnswlib/hnswlib.h>

#include <malloc.h>
#include <memory>
#include <new>

#include "peer_internal.h"

namespace {

struct Built {
    hnswlib::InnerProductSpace space;
    std::unique_ptr<hnswlib::HierarchicalNSW<float>> index;
    std::unique_ptr<hnswlib::BruteforceSearch<float>> rows;
    size_t size_bytes = 0;
    explicit Built(size_t dims) : space(dims) {
    }
};

size_t held_bytes() {
    struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

void *build(const float *rows, size_t rows_count, size_t dims) try {
    size_t before = held_bytes();
    auto made = std::make_unique<Built>(dims);
    made->index =
        std::make_unique<hnswlib::HierarchicalNSW<float>>(&made->space, rows_count, 16, 200, 42);
    for (size_t i = 0; i < rows_count; i++) {
        made->index->addPoint(rows + i * dims, i);
    }
    made->size_bytes = held_bytes() - before;
    return made.release();
} catch (const std::bad_alloc &) {
    return nullptr;
}

template <typename Queue> size_t take_all(Queue found, uint64_t *out_rows) {
    size_t total = found.size();
    for (size_t i = total; i-- > 0; found.pop()) {
        out_rows[i] = found.top().second;
    }
    return total;
}

size_t search(void *context, const float *query, size_t count, size_t width, uint64_t *out_rows) {
    auto *made = static_cast<Built *>(context);
    made->index->setEf(width);
    return take_all(made->index->searchKnn(query, count), out_rows);
}

/* Its flat index, filled from the graph's rows at the first call. */
size_t scan(void *context, const float *query, size_t count, uint64_t *out_rows) {
    auto *made = static_cast<Built *>(context);
    if (!made->rows) {
        size_t total = made->index->cur_element_count;
        made->rows = std::make_unique<hnswlib::BruteforceSearch<float>>(&made->space, total);
        for (size_t i = 0; i < total; i++) {
            made->rows->addPoint(
                made->index->getDataByInternalId(static_cast<hnswlib::tableint>(i)),
                made->index->getExternalLabel(static_cast<hnswlib::tableint>(i)));
        }
    }
    return take_all(made->rows->searchKnn(query, count), out_rows);
}

size_t size_bytes(void *context) {
    return static_cast<Built *>(context)->size_bytes;
}

void destroy(void *context) {
    delete static_cast<Built *>(context);
}

} // namespace

extern "C" const vector_peer hnswlib_peer = {build, search, scan, size_bytes, destroy};
