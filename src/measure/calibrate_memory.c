/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Latency is a walk along a chain of pointers in random order (one cycle through all lines, by
 * Sattolo's shuffle), so that no load can begin before the one before it has ended and no
 * prefetcher can guess. The cost of a translation shows in walks over the same number of lines
 * that lie together, or each on a page of its own: the lines fit into the second cache either way.
 * Source: Sattolo 1986; McVoy & Staelin 1996 (lmbench).
 */
#include <string.h>

#include "calibrate_internal.h"
#include "hone/platform/pages.h"

enum {
    LINE_BYTES = 64,
    PIECE_BYTES = 2 << 20,
    HOP_LINES = 8192,
    HOP_STRIDE_BYTES = 4096,
    HOP_SPREAD = 32, /* pages that differ in the bits above those of a line within a page */
    STREAM_STEP_BYTES = 64 << 10,
    HUGE_SHARE_PERCENT = 90, /* of the block must lie on huge pages to speak of them */
};

/* ---- blocks ---- */

void hn_calibration_block_init(hn_calibration_block *block, size_t size_bytes, bool is_huge) {
    size_t huge = hone_pages_transparent_huge_bytes();
    void *data = NULL;
    *block = (hn_calibration_block){.size_bytes = size_bytes};
    block->status = hone_pages_map(size_bytes, huge ? huge : hone_pages_size_bytes(), &data);
    if (block->status == HONE_OK) {
        block->data = data;
        hone_status advised =
            hone_pages_advise(data, size_bytes, is_huge ? HONE_PAGES_HUGE : HONE_PAGES_SMALL);
        /* A kernel without huge pages refuses the advice not to use them. */
        block->status = is_huge ? advised : HONE_OK;
    }
    if (is_huge && block->data && block->status != HONE_OK) {
        hone_pages_unmap(block->data, size_bytes);
        block->data = NULL;
        if (hone_pages_map_huge(size_bytes, &data) == HONE_OK) {
            *block = (hn_calibration_block){data, size_bytes, true, HONE_OK};
        }
    }
}

void hn_calibration_block_deinit(hn_calibration_block *block) {
    if (block->is_reserved) {
        hone_pages_unmap_huge(block->data, block->size_bytes);
    } else {
        hone_pages_unmap(block->data, block->size_bytes);
    }
    block->data = NULL;
}

/* ---- work ---- */

typedef struct toucher {
    hn_calibration_block *block;
    size_t next_byte;
} toucher;

static void touch_pieces(void *context, uint64_t iterations) {
    toucher *mine = context;
    size_t step = hone_pages_size_bytes();
    for (uint64_t i = 0; i < iterations; i++) {
        size_t end = mine->next_byte + PIECE_BYTES;
        end = end < mine->block->size_bytes ? end : mine->block->size_bytes;
        for (; mine->next_byte < end; mine->next_byte += step) {
            ((volatile uint8_t *)mine->block->data)[mine->next_byte] = 1;
        }
    }
}

static void walk_chain(void *context, uint64_t iterations) {
    void **at = *(void ***)context;
    for (uint64_t i = 0; i < iterations; i++) {
        at = *at;
    }
    *(void ***)context = at;
}

uint64_t hn_calibration_sum(const uint8_t *data, size_t size_bytes) {
    typedef uint64_t lanes __attribute__((vector_size(32)));
    const lanes *at = (const lanes *)(const void *)data;
    lanes a = {0}, b = {0}, c = {0}, d = {0};
    for (size_t i = 0; i < size_bytes / sizeof(lanes); i += 4) {
        a += at[i];
        b += at[i + 1];
        c += at[i + 2];
        d += at[i + 3];
    }
    a += b + c + d;
    return a[0] + a[1] + a[2] + a[3];
}

typedef struct streamer {
    const hn_calibration_block *block;
    size_t next_byte;
} streamer;

static void stream(void *context, uint64_t iterations) {
    streamer *mine = context;
    uint64_t sum = 0;
    for (uint64_t i = 0; i < iterations; i++) {
        sum += hn_calibration_sum(mine->block->data + mine->next_byte, STREAM_STEP_BYTES);
        mine->next_byte += STREAM_STEP_BYTES;
        mine->next_byte = mine->next_byte < mine->block->size_bytes ? mine->next_byte : 0;
    }
    (void)hone_bench_opaque(sum);
}

/* Where the lines of a chain lie: together, or one to a page (spread over the sets of a cache). */
static size_t line_offset(uint32_t index, bool is_hopping) {
    return is_hopping
               ? (size_t)index * HOP_STRIDE_BYTES +
                     (size_t)(index / HOP_SPREAD % (HOP_STRIDE_BYTES / LINE_BYTES)) * LINE_BYTES
               : (size_t)index * LINE_BYTES;
}

/* Links `count` lines into one cycle in random order. */
static hone_status link_chain(hn_calibrator *calibrator, uint8_t *data, uint32_t count,
                              bool is_hopping) {
    uint32_t *order = HONE_NEW_ARRAY(calibrator->allocator, uint32_t, count);
    if (!order) {
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    for (uint32_t i = 0; i < count; i++) {
        order[i] = i;
    }
    for (uint32_t i = count - 1; i > 0; i--) {
        uint32_t other = (uint32_t)hone_random_below(&calibrator->random, i);
        uint32_t swapped = order[i];
        order[i] = order[other];
        order[other] = swapped;
    }
    for (uint32_t i = 0; i < count; i++) {
        void *next = data + line_offset(order[i], is_hopping);
        memcpy(data + line_offset(i, is_hopping), &next, sizeof next);
    }
    HONE_DELETE_ARRAY(calibrator->allocator, uint32_t, order, count);
    return HONE_OK;
}

static hone_status calibrate_chain(hn_calibrator *calibrator, hone_calibration_id id, uint8_t *data,
                                   uint32_t count, bool is_hopping) {
    hone_status status = link_chain(calibrator, data, count, is_hopping);
    if (status == HONE_OK) {
        void *at = data;
        uint64_t warm = count < (1u << 20) ? 2 * (uint64_t)count : 1u << 16;
        walk_chain(&at, warm);
        hn_calibrate(calibrator,
                     &(hn_calibration_work){.id = id, .run = walk_chain, .context = &at});
    }
    return status;
}

/* ---- pages ---- */

static const struct page_ids {
    hone_calibration_id populate, hop, chase, stream;
} page_ids[2] = {
    {HONE_CALIBRATION_POPULATE_SMALL_PAGES, HONE_CALIBRATION_HOP_SMALL_PAGES,
     HONE_CALIBRATION_CHASE_SMALL_PAGES, HONE_CALIBRATION_STREAM_SMALL_PAGES},
    {HONE_CALIBRATION_POPULATE_HUGE_PAGES, HONE_CALIBRATION_HOP_HUGE_PAGES,
     HONE_CALIBRATION_CHASE_HUGE_PAGES, HONE_CALIBRATION_STREAM_HUGE_PAGES},
};

static void populate(hn_calibrator *calibrator, hn_calibration_block *block,
                     hone_calibration_id id) {
    toucher touching = {.block = block};
    uint32_t pieces = (uint32_t)(block->size_bytes / PIECE_BYTES);
    hn_calibrate(calibrator, &(hn_calibration_work){
                                 .id = id,
                                 .run = touch_pieces,
                                 .context = &touching,
                                 .scale = (double)(1 << 20) / PIECE_BYTES,
                                 .iterations = 1,
                                 .samples_max = pieces,
                             });
    touch_pieces(&touching, pieces + 1);
}

static hone_status calibrate_block(hn_calibrator *calibrator, hn_calibration_block *block,
                                   const struct page_ids *ids) {
    streamer streaming = {.block = block};
    hone_status status = HONE_OK;
    uint32_t hops = HOP_LINES;
    while ((size_t)hops * HOP_STRIDE_BYTES > block->size_bytes) {
        hops /= 2;
    }
    if (hops == HOP_LINES) {
        status = calibrate_chain(calibrator, ids->hop, block->data, hops, true);
    } else {
        hn_calibrate_absent(calibrator, ids->hop, "the block is too small for %d pages", HOP_LINES);
    }
    if (status == HONE_OK) {
        status = calibrate_chain(calibrator, ids->chase, block->data,
                                 (uint32_t)(block->size_bytes / LINE_BYTES), false);
    }
    hn_calibrate(calibrator, &(hn_calibration_work){.id = ids->stream,
                                                    .run = stream,
                                                    .context = &streaming,
                                                    .bytes_per_iteration = STREAM_STEP_BYTES});
    return status;
}

/* Why there are no figures of huge pages; populating has a figure of its own. */
static void refuse_huge(hn_calibrator *calibrator, const struct page_ids *ids, const char *reason) {
    const hone_calibration_id all[] = {ids->populate, ids->hop, ids->chase, ids->stream};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        hn_calibrate_absent(calibrator, all[i], "%s", reason);
    }
}

/* Under a hypervisor the first touch since the guest started also makes the host find the memory.
 * That must not be in the figures; it is done with the same kind of page, since huge ones come from
 * other places than small ones. */
static void warm_host(size_t size_bytes, bool is_huge) {
    hn_calibration_block block;
    hn_calibration_block_init(&block, size_bytes, is_huge);
    if (block.data) {
        touch_pieces(&(toucher){.block = &block}, size_bytes / PIECE_BYTES + 1);
        hn_calibration_block_deinit(&block);
    }
}

hone_status hn_calibrate_pages(hn_calibrator *calibrator, bool is_huge) {
    const struct page_ids *ids = &page_ids[is_huge];
    hn_calibration_block block;
    hone_calibration *calibration = calibrator->calibration;
    warm_host(calibration->block_bytes, is_huge);
    hn_calibration_block_init(&block, calibration->block_bytes, is_huge);
    if (!block.data) {
        if (!is_huge) {
            return block.status;
        }
        refuse_huge(calibrator, ids,
                    block.status == HONE_STATUS_FORBIDDEN
                        ? "transparent huge pages are switched off, and none are reserved"
                        : "this kernel gives no huge pages");
        return HONE_OK;
    }
    populate(calibrator, &block, ids->populate);
    size_t huge_bytes = 0;
    hone_status status = HONE_OK;
    if (is_huge && !block.is_reserved &&
        hone_pages_count_huge(block.data, block.size_bytes, &huge_bytes) != HONE_OK) {
        huge_bytes = 0;
    }
    huge_bytes = block.is_reserved ? block.size_bytes : huge_bytes;
    if (is_huge && huge_bytes < block.size_bytes / 100 * HUGE_SHARE_PERCENT) {
        refuse_huge(calibrator, ids, "the kernel gave huge pages for less than 90 % of the block");
    } else {
        status = calibrate_block(calibrator, &block, ids);
        calibration->huge_bytes = is_huge ? huge_bytes : calibration->huge_bytes;
    }
    hn_calibration_block_deinit(&block);
    return status;
}

/* ---- caches ---- */

/* Half of a cache, or less where it is much larger than the one before: others share it. */
static hone_status calibrate_cache(hn_calibrator *calibrator, hn_calibration_block *block,
                                   uint32_t level, hone_calibration_id id) {
    uint64_t size = hone_platform_cache_bytes(&calibrator->platform, level);
    uint64_t inner = level > 1 ? hone_platform_cache_bytes(&calibrator->platform, level - 1) : 0;
    uint64_t wanted = size / 8 > 2 * inner && level > 1 ? size / 8 : size / 2;
    if (size == 0) {
        hn_calibrate_absent(calibrator, id, "the machine tells of no cache of level %u", level);
        return HONE_OK;
    }
    if (wanted <= inner || wanted > block->size_bytes) {
        hn_calibrate_absent(calibrator, id,
                            "no block lies between this cache and the one before it");
        return HONE_OK;
    }
    return calibrate_chain(calibrator, id, block->data, (uint32_t)(wanted / LINE_BYTES), false);
}

/* The chase over the block is of memory when the block is large against the last cache. */
static void set_memory_latency(hn_calibrator *calibrator) {
    hone_calibration_figure *figures = calibrator->calibration->figures;
    uint64_t cache_bytes = 0;
    for (uint32_t level = 1; level <= 4; level++) {
        uint64_t bytes = hone_platform_cache_bytes(&calibrator->platform, level);
        cache_bytes = bytes > cache_bytes ? bytes : cache_bytes;
    }
    if (calibrator->calibration->block_bytes < 4 * cache_bytes) {
        hn_calibrate_absent(calibrator, HONE_CALIBRATION_MEMORY_LATENCY,
                            "the block of %llu MiB is not large against the cache of %llu MiB",
                            (unsigned long long)calibrator->calibration->block_bytes >> 20,
                            (unsigned long long)cache_bytes >> 20);
        return;
    }
    bool has_huge = figures[HONE_CALIBRATION_CHASE_HUGE_PAGES].is_known;
    figures[HONE_CALIBRATION_MEMORY_LATENCY] =
        figures[has_huge ? HONE_CALIBRATION_CHASE_HUGE_PAGES : HONE_CALIBRATION_CHASE_SMALL_PAGES];
}

hone_status hn_calibrate_caches(hn_calibrator *calibrator) {
    hn_calibration_block block;
    hn_calibration_block_init(&block, calibrator->calibration->block_bytes / 4, true);
    if (!block.data) { /* then with the cost of translations in it */
        hn_calibration_block_init(&block, calibrator->calibration->block_bytes / 4, false);
    }
    if (!block.data) {
        return block.status;
    }
    hone_status status = calibrate_chain(calibrator, HONE_CALIBRATION_HOP_PACKED, block.data,
                                         block.size_bytes < HOP_LINES * LINE_BYTES
                                             ? (uint32_t)(block.size_bytes / LINE_BYTES)
                                             : HOP_LINES,
                                         false);
    for (uint32_t level = 1; level <= 3 && status == HONE_OK; level++) {
        status = calibrate_cache(calibrator, &block, level,
                                 (hone_calibration_id)(HONE_CALIBRATION_L1_LATENCY + level - 1));
    }
    set_memory_latency(calibrator);
    hn_calibration_block_deinit(&block);
    return status;
}
