/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cuts a product into blocks and chooses how each is read; the sums are the variants' (see
 * gemm_f32_body_internal.h). Three choices, none of which changes a bit of the result:
 *
 * - k in parts, so that the rows' part of A fits L1 and the part of B that they go over fits L2.
 *   Between the parts the sums lie in C. For one or two rows of C and a B that is not packed the
 *   parts are short: B is then read row by row, as it lies in memory.
 * - B as it lies, where that is small or used for few rows; else packed block by block in scratch.
 * - rows of A copied, where their distance would let them fight for the same lines of L1.
 */
#include <assert.h>
#include <string.h>

#include "gemm_internal.h"

enum {
    L1_DEFAULT_BYTES = 32 << 10,
    L2_DEFAULT_BYTES = 512 << 10,
    DIRECT_TILES = 2,       /* tiles of rows up to which an unpacked B is read where it lies */
    DIRECT_BYTES = 1 << 20, /* or if it is this small */
    STREAMED_ROWS = 2,      /* rows of C up to which ... */
    STREAMED_K = 8,         /* ... so many rows of B are read side by side */
    FIGHTING_BYTES = 1024,  /* rows this far apart, or a multiple, meet in few sets of L1 */
    COPY_N = 96,            /* columns from which on copying rows pays */
    ROW_PAD = 16,           /* floats between copied rows */
    SMALL_K = 64,
    SMALL_N = 256,
    K_LEAST = 64, /* rows of B in a part, also where L1 is tiny */
};

static const hone_gemm_f32_variant variants[] = {
    {"ref", 0, 1, 1, 1, hn_gemm_f32_block_ref, hn_depthwise_f32_line_ref},
#ifdef HONE_HAVE_AVX2
    {"avx2", HONE_ISA_NEEDED_AVX2, 8, 16, 6, hn_gemm_f32_block_avx2, hn_depthwise_f32_line_avx2},
#endif
#ifdef HONE_HAVE_AVX512
    {"avx512", HONE_ISA_NEEDED_AVX512, 16, 32, 14, hn_gemm_f32_block_avx512,
     hn_depthwise_f32_line_avx512},
#endif
#ifdef HONE_HAVE_NEON
    {"neon", HONE_ISA_NEEDED_NEON, 4, 12, 8, hn_gemm_f32_block_neon, hn_depthwise_f32_line_neon},
#endif
};

const hone_gemm_f32_variant *hone_gemm_f32_variants(size_t *out_count) {
    *out_count = sizeof variants / sizeof *variants;
    return variants;
}

const hone_gemm_f32_variant *hone_gemm_f32_choose(hone_isa_mask features) {
    const hone_gemm_f32_variant *best = variants;
    for (size_t i = 0; i < sizeof variants / sizeof *variants; i++) {
        if (hone_isa_has(features, variants[i].needed)) {
            best = &variants[i];
        }
    }
    return best;
}

/* ---- packing ---- */

static size_t round_up(size_t value, size_t unit) {
    return (value + unit - 1) / unit * unit;
}

size_t hone_gemm_f32_packed_count(const hone_gemm_f32_variant *variant, size_t k, size_t n) {
    return k * round_up(n, variant->lanes);
}

void hone_gemm_f32_pack(const hone_gemm_f32_variant *variant, const float *b, ptrdiff_t row_stride,
                        ptrdiff_t step, size_t k, size_t n, float *out_packed) {
    for (size_t j = 0; j < n; j += variant->panel_width) {
        size_t columns = n - j < variant->panel_width ? n - j : variant->panel_width;
        size_t width = round_up(columns, variant->lanes);
        const float *row = b + (ptrdiff_t)j * step;
        for (size_t p = 0; p < k; p++, row += row_stride, out_packed += width) {
            if (step == 1) {
                memcpy(out_packed, row, columns * sizeof *row);
            } else {
                for (size_t v = 0; v < columns; v++) {
                    out_packed[v] = row[(ptrdiff_t)v * step];
                }
            }
            memset(out_packed + columns, 0, (width - columns) * sizeof *row);
        }
    }
}

/* ---- how a job is cut ---- */

typedef struct plan {
    size_t k;
    size_t segments_at_once, k_at_once; /* of one segment, if there is one */
    size_t columns_at_once;
    bool packs, copies_rows;
} plan;

static size_t least(size_t a, size_t b) {
    return a < b ? a : b;
}

static size_t most(size_t a, size_t b) {
    return a > b ? a : b;
}

static bool can_read_directly(const hone_gemm_f32_variant *variant, const hone_gemm_f32_job *job,
                              size_t k) {
    return job->b_step == 1 && (job->m <= DIRECT_TILES * variant->rows_max ||
                                k * job->n * sizeof(float) <= DIRECT_BYTES);
}

static plan make_plan(const hone_gemm_f32_variant *variant, const hone_gemm_caches *caches,
                      const hone_gemm_f32_job *job) {
    const size_t l1 = caches && caches->l1_bytes ? caches->l1_bytes : L1_DEFAULT_BYTES;
    const size_t l2 = caches && caches->l2_bytes ? caches->l2_bytes : L2_DEFAULT_BYTES;
    plan made = {.k = job->segments_count * job->segment_k, .columns_at_once = job->n};
    made.packs = !job->b_packed && !can_read_directly(variant, job, made.k);
    bool is_streamed = !job->b_packed && !made.packs && job->m <= STREAMED_ROWS &&
                       made.k * job->n * sizeof(float) > l2 / 2;
    size_t rows_bytes = variant->rows_max * sizeof(float);
    size_t k_max = is_streamed ? STREAMED_K : most(l1 / 2 / rows_bytes, K_LEAST);
    made.k_at_once = most(made.k, 1);
    if (made.k > k_max) { /* parts of nearly the same length */
        size_t parts = (made.k + k_max - 1) / k_max;
        made.k_at_once = (made.k + parts - 1) / parts;
    }
    made.segments_at_once = 1;
    if (job->segments_count > 1) {
        made.segments_at_once = most(made.k_at_once / most(job->segment_k, 1), 1);
    }
    if (job->m > variant->rows_max && made.k_at_once * job->n * sizeof(float) > l2 / 2) {
        size_t panels = l2 / 2 / sizeof(float) / made.k_at_once / variant->panel_width;
        made.columns_at_once = least(most(panels, 1) * variant->panel_width, job->n);
    }
    size_t distance = (size_t)(job->a_row_stride < 0 ? -job->a_row_stride : job->a_row_stride);
    made.copies_rows = variant->lanes > 1 && job->segments_count == 1 && job->n >= COPY_N &&
                       made.k >= 2 * variant->rows_max && job->m > 1 &&
                       (job->a_step != 1 || distance * sizeof(float) % FIGHTING_BYTES == 0);
    return made;
}

static size_t row_copy_count(const hone_gemm_f32_variant *variant, const plan *cut) {
    return cut->copies_rows ? variant->rows_max * (cut->k_at_once + ROW_PAD) : 0;
}

size_t hone_gemm_f32_scratch_count(const hone_gemm_f32_variant *variant,
                                   const hone_gemm_caches *caches, const hone_gemm_f32_job *job) {
    plan cut = make_plan(variant, caches, job);
    size_t k = job->segments_count > 1 ? cut.segments_at_once * job->segment_k : cut.k_at_once;
    size_t packed = cut.packs ? hone_gemm_f32_packed_count(variant, k, cut.columns_at_once) : 0;
    return row_copy_count(variant, &cut) + packed;
}

/* ---- running ---- */

typedef struct run {
    const hone_gemm_f32_variant *variant;
    const hone_gemm_f32_job *job;
    plan cut;
    float *row_copy, *packed;
} run;

/* Some rows of B and of columns of A: all of some segments, or a part of the only one. */
typedef struct k_part {
    size_t first; /* rows of B before it */
    size_t segments_count, segment_k;
    const float *const *a;
} k_part;

static void set_b(const run *it, const k_part *part, size_t j, hn_gemm_f32_block *block) {
    const hone_gemm_f32_job *job = it->job;
    const size_t width = it->variant->panel_width, k = part->segments_count * part->segment_k;
    block->is_packed = true;
    block->b_row_stride = (ptrdiff_t)width;
    if (job->b_packed) {
        block->b = job->b_packed + j * it->cut.k + part->first * width;
        block->b_panel_stride = (ptrdiff_t)(width * it->cut.k);
        block->packed_before = part->first;
        return;
    }
    const float *from =
        job->b + (ptrdiff_t)part->first * job->b_row_stride + (ptrdiff_t)j * job->b_step;
    if (it->cut.packs) {
        hone_gemm_f32_pack(it->variant, from, job->b_row_stride, job->b_step, k, block->n,
                           it->packed);
        block->b = it->packed;
        block->b_panel_stride = (ptrdiff_t)(width * k);
        return;
    }
    block->is_packed = false;
    block->b = from;
    block->b_panel_stride = (ptrdiff_t)width;
    block->b_row_stride = job->b_row_stride;
}

static void run_part(const run *it, const k_part *part, size_t j, size_t n) {
    const hone_gemm_f32_job *job = it->job;
    const bool is_last = part->first + part->segments_count * part->segment_k == it->cut.k;
    hn_gemm_f32_block block = {
        .m = job->m,
        .n = n,
        .a = part->a,
        .segments_count = part->segments_count,
        .segment_k = part->segment_k,
        .a_row_stride = job->a_row_stride,
        .a_step = job->a_step,
        .c = job->c + j,
        .c_row_stride = job->c_row_stride,
        .bias = job->bias ? job->bias + j : NULL,
        .is_first = part->first == 0 && !job->is_accumulating,
        .clamps_low = is_last && job->low > -INFINITY,
        .clamps_high = is_last && job->high < INFINITY,
        .low = job->low,
        .high = job->high,
        .row_copy = it->cut.copies_rows ? it->row_copy : NULL,
        .row_copy_stride = (ptrdiff_t)(it->cut.k_at_once + ROW_PAD),
    };
    set_b(it, part, j, &block);
    it->variant->run_block(&block);
}

static void run_columns(const run *it, size_t j, size_t n) {
    const hone_gemm_f32_job *job = it->job;
    if (job->segments_count != 1 || job->segment_k == 0) {
        size_t s = 0;
        do {
            size_t count = least(it->cut.segments_at_once, job->segments_count - s);
            k_part part = {s * job->segment_k, count, job->segment_k, job->a + s};
            run_part(it, &part, j, n);
            s += count;
        } while (s < job->segments_count);
        return;
    }
    for (size_t p = 0; p < job->segment_k; p += it->cut.k_at_once) {
        const float *base = job->a[0] + (ptrdiff_t)p * job->a_step;
        k_part part = {p, 1, least(it->cut.k_at_once, job->segment_k - p), &base};
        run_part(it, &part, j, n);
    }
}

/* What is never cut, whatever the caches: for it to plan would take longer than to do it. */
static bool is_small(const hone_gemm_f32_job *job) {
    return job->segments_count == 1 && job->segment_k <= SMALL_K && job->segment_k > 0 &&
           job->n <= SMALL_N && (job->b_packed || job->b_step == 1);
}

void hone_gemm_f32_run(const hone_gemm_f32_variant *variant, const hone_gemm_caches *caches,
                       const hone_gemm_f32_job *job, float *scratch) {
    if (job->m == 0 || job->n == 0) {
        return;
    }
    if (is_small(job)) {
        run whole = {.variant = variant, .job = job, .cut = {.k = job->segment_k}};
        k_part part = {0, 1, job->segment_k, job->a};
        run_part(&whole, &part, 0, job->n);
        return;
    }
    run it = {variant, job, make_plan(variant, caches, job), scratch, scratch};
    it.packed += row_copy_count(variant, &it.cut);
    for (size_t j = 0; j < job->n; j += it.cut.columns_at_once) {
        run_columns(&it, j, least(it.cut.columns_at_once, job->n - j));
    }
}
