/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The f32 product of one block, for any vector length. gemm_f32_ISA.c defines `vec`, LANES, VECS
 * (of a panel), ROWS_MAX, WIDE_ROWS_1 and WIDE_ROWS_2 (panels at once for so many rows) and the
 * vec_...() functions, and includes this once.
 *
 * A tile of rows x vectors of C stays in registers over the whole k of the block: per step one load
 * of B a vector, one broadcast of A a row. Rows go outside, panels inside: the rows' part of A
 * stays in L1, B comes from L2. Tiles of few rows take more panels at once, so that there are
 * always enough chains to fill the pipeline. Every count of rows has code of its own, and m is cut
 * into tiles of nearly the same count, so that a tail is as fast as the middle.
 */
#ifndef HONE_KERNELS_GEMM_F32_BODY_INTERNAL_H
#define HONE_KERNELS_GEMM_F32_BODY_INTERNAL_H

#include <string.h>

#include "gemm_internal.h"

#define INLINED __attribute__((always_inline))
#define UNROLLED _Pragma("GCC unroll 16")
/* Without it gcc keeps the distances of all rows in vector registers: to fetch them from there
 * waits behind all sums of the tile before. */
#define KEEP_CHAIN(pointer) __asm__("" : "+r"(pointer))

enum {
    PANEL = VECS * LANES,
    TILE_VECS_MAX = VECS * (WIDE_ROWS_1 > WIDE_ROWS_2 ? WIDE_ROWS_1 : WIDE_ROWS_2),
    POINTERS = (ROWS_MAX + 2) / 3, /* three rows share one: base, base + stride, base + 2 stride */
};

/* What a tile is made of: constants wherever a tile is called. */
typedef struct tile_shape {
    size_t rows, panels, vecs; /* vecs: of each panel */
    bool is_tail;              /* the last vector holds `tail` columns only */
} tile_shape;

/* Where it lies. */
typedef struct tile_place {
    const float *const *a; /* bases of the segments */
    ptrdiff_t a_offset;    /* of the first row */
    ptrdiff_t a_row_stride;
    const float *b;
    ptrdiff_t b_row_stride;
    float *c;
    const float *bias;
    size_t tail;
} tile_place;

typedef struct tile_sums {
    vec of[ROWS_MAX][TILE_VECS_MAX];
} tile_sums;

static inline INLINED vec load_columns(const float *from, tile_shape shape, size_t v, size_t tail) {
    bool is_last = v == shape.panels * shape.vecs - 1;
    return shape.is_tail && is_last ? vec_load_some(from, tail) : vec_load(from);
}

static inline INLINED void tile_begin(const hn_gemm_f32_block *block, const tile_place *at,
                                      tile_shape shape, tile_sums *sums) {
    UNROLLED for (size_t v = 0; v < shape.panels * shape.vecs; v++) {
        vec start = vec_broadcast(0);
        if (block->is_first && at->bias) {
            start = load_columns(at->bias + v * LANES, shape, v, at->tail);
        }
        UNROLLED for (size_t i = 0; i < shape.rows; i++) {
            sums->of[i][v] = start;
        }
    }
    if (!block->is_first) {
        UNROLLED for (size_t i = 0; i < shape.rows; i++) {
            const float *row = at->c + (ptrdiff_t)i * block->c_row_stride;
            UNROLLED for (size_t v = 0; v < shape.panels * shape.vecs; v++) {
                sums->of[i][v] = load_columns(row + v * LANES, shape, v, at->tail);
            }
        }
    }
}

static inline INLINED void tile_sum(const hn_gemm_f32_block *block, const tile_place *at,
                                    tile_shape shape, tile_sums *sums) {
    const float *b = at->b;
    const ptrdiff_t stride = at->a_row_stride;
    for (size_t s = 0; s < block->segments_count; s++) {
        const float *a[POINTERS];
        a[0] = at->a[s] + at->a_offset;
        UNROLLED for (size_t q = 1; q < POINTERS; q++) {
            a[q] = a[q - 1] + 3 * stride;
            KEEP_CHAIN(a[q]);
        }
        for (size_t p = 0; p < block->segment_k; p++) {
            vec columns[TILE_VECS_MAX];
            UNROLLED for (size_t v = 0; v < shape.panels * shape.vecs; v++) {
                const float *from = b + (ptrdiff_t)(v / shape.vecs) * block->b_panel_stride;
                columns[v] = load_columns(from + v % shape.vecs * LANES, shape, v, at->tail);
            }
            UNROLLED for (size_t i = 0; i < shape.rows; i++) {
                vec row = vec_broadcast(a[i / 3][(ptrdiff_t)(i % 3) * stride]);
                UNROLLED for (size_t v = 0; v < shape.panels * shape.vecs; v++) {
                    sums->of[i][v] = vec_fma(row, columns[v], sums->of[i][v]);
                }
            }
            UNROLLED for (size_t q = 0; q < POINTERS; q++) {
                a[q] += block->a_step;
            }
            b += at->b_row_stride;
        }
    }
}

static inline INLINED void tile_clamp(const hn_gemm_f32_block *block, tile_shape shape,
                                      tile_sums *sums) {
    const vec low = vec_broadcast(block->low), high = vec_broadcast(block->high);
    if (block->clamps_low) {
        UNROLLED for (size_t i = 0; i < shape.rows; i++) {
            UNROLLED for (size_t v = 0; v < shape.panels * shape.vecs; v++) {
                sums->of[i][v] = vec_max(sums->of[i][v], low);
            }
        }
    }
    if (block->clamps_high) {
        UNROLLED for (size_t i = 0; i < shape.rows; i++) {
            UNROLLED for (size_t v = 0; v < shape.panels * shape.vecs; v++) {
                sums->of[i][v] = vec_min(sums->of[i][v], high);
            }
        }
    }
}

static inline INLINED void tile_end(const hn_gemm_f32_block *block, const tile_place *at,
                                    tile_shape shape, const tile_sums *sums) {
    const size_t last = shape.panels * shape.vecs - 1;
    const ptrdiff_t stride = block->c_row_stride; /* a copy: vectors may alias the block */
    float *row = at->c;
    UNROLLED for (size_t i = 0; i < shape.rows; i++, row += stride) {
        UNROLLED for (size_t v = 0; v <= last; v++) {
            if (shape.is_tail && v == last) {
                vec_store_some(row + v * LANES, sums->of[i][v], at->tail);
            } else {
                vec_store(row + v * LANES, sums->of[i][v]);
            }
        }
    }
}

/* `count` tiles side by side. */
static inline INLINED void tiles(const hn_gemm_f32_block *block, const tile_place *first,
                                 tile_shape shape, size_t count) {
    tile_place at = *first;
    do {
        tile_sums sums;
        tile_begin(block, &at, shape, &sums);
        tile_sum(block, &at, shape, &sums);
        tile_clamp(block, shape, &sums);
        tile_end(block, &at, shape, &sums);
        at.b += (ptrdiff_t)shape.panels * block->b_panel_stride;
        at.c += shape.panels * PANEL;
        at.bias = at.bias ? at.bias + shape.panels * PANEL : NULL;
    } while (--count > 0);
}

/* `count` panels of some vectors, for every count of rows. */
static inline INLINED void tiles_of_rows(const hn_gemm_f32_block *block, const tile_place *at,
                                         size_t rows, size_t vecs, bool is_tail, size_t count) {
    switch (rows) {
    case 1: tiles(block, at, (tile_shape){1, 1, vecs, is_tail}, count); break;
    case 2: tiles(block, at, (tile_shape){2, 1, vecs, is_tail}, count); break;
    case 3: tiles(block, at, (tile_shape){3, 1, vecs, is_tail}, count); break;
    case 4: tiles(block, at, (tile_shape){4, 1, vecs, is_tail}, count); break;
    case 5: tiles(block, at, (tile_shape){5, 1, vecs, is_tail}, count); break;
    case 6: tiles(block, at, (tile_shape){6, 1, vecs, is_tail}, count); break;
#if ROWS_MAX > 6
    case 7: tiles(block, at, (tile_shape){7, 1, vecs, is_tail}, count); break;
    case 8: tiles(block, at, (tile_shape){8, 1, vecs, is_tail}, count); break;
#endif
#if ROWS_MAX > 8
    case 9: tiles(block, at, (tile_shape){9, 1, vecs, is_tail}, count); break;
    case 10: tiles(block, at, (tile_shape){10, 1, vecs, is_tail}, count); break;
    case 11: tiles(block, at, (tile_shape){11, 1, vecs, is_tail}, count); break;
    case 12: tiles(block, at, (tile_shape){12, 1, vecs, is_tail}, count); break;
    case 13: tiles(block, at, (tile_shape){13, 1, vecs, is_tail}, count); break;
    case 14: tiles(block, at, (tile_shape){14, 1, vecs, is_tail}, count); break;
#endif
    default: break;
    }
}

static void whole_panels(const hn_gemm_f32_block *block, const tile_place *at, size_t rows,
                         size_t count) {
    tiles_of_rows(block, at, rows, VECS, false, count);
}

/* The last panel: some whole vectors and perhaps a part of one. */
static void last_panel(const hn_gemm_f32_block *block, const tile_place *at, size_t rows,
                       size_t columns) {
    bool is_tail = at->tail != LANES;
    switch ((columns + LANES - 1) / LANES * 2 + is_tail) {
    case 2: tiles_of_rows(block, at, rows, 1, false, 1); break;
    case 3: tiles_of_rows(block, at, rows, 1, true, 1); break;
#if VECS > 2
    case 4: tiles_of_rows(block, at, rows, 2, false, 1); break;
#endif
#if VECS > 1
    case 5: tiles_of_rows(block, at, rows, 2, true, 1); break;
#endif
#if VECS > 2
    case 7: tiles_of_rows(block, at, rows, 3, true, 1); break;
#endif
    default: break;
    }
}

static void wide_1(const hn_gemm_f32_block *block, const tile_place *at, size_t count) {
    tiles(block, at, (tile_shape){1, WIDE_ROWS_1, VECS, false}, count);
}

static void wide_1_half(const hn_gemm_f32_block *block, const tile_place *at) {
    tiles(block, at, (tile_shape){1, WIDE_ROWS_1 / 2, VECS, false}, 1);
}

static void wide_2(const hn_gemm_f32_block *block, const tile_place *at, size_t count) {
    tiles(block, at, (tile_shape){2, WIDE_ROWS_2, VECS, false}, count);
}

static void move_on(const hn_gemm_f32_block *block, tile_place *at, size_t panels) {
    at->b += (ptrdiff_t)panels * block->b_panel_stride;
    at->c += panels * PANEL;
    at->bias = at->bias ? at->bias + panels * PANEL : NULL;
}

static void run_rows(const hn_gemm_f32_block *block, tile_place at, size_t rows) {
    size_t panels = block->n / PANEL, rest = block->n % PANEL;
    if (rows == 1 && panels >= WIDE_ROWS_1) {
        wide_1(block, &at, panels / WIDE_ROWS_1);
        move_on(block, &at, panels / WIDE_ROWS_1 * WIDE_ROWS_1);
        panels %= WIDE_ROWS_1;
    }
    if (rows == 1 && panels >= WIDE_ROWS_1 / 2) {
        wide_1_half(block, &at);
        move_on(block, &at, WIDE_ROWS_1 / 2);
        panels -= WIDE_ROWS_1 / 2;
    } else if (rows == 2 && panels >= WIDE_ROWS_2) {
        wide_2(block, &at, panels / WIDE_ROWS_2);
        move_on(block, &at, panels / WIDE_ROWS_2 * WIDE_ROWS_2);
        panels %= WIDE_ROWS_2;
    }
    if (panels > 0) {
        whole_panels(block, &at, rows, panels);
        move_on(block, &at, panels);
    }
    if (rest > 0) {
        if (block->is_packed) {
            size_t width = (rest + LANES - 1) / LANES * LANES;
            at.b -= (ptrdiff_t)(block->packed_before * (PANEL - width));
            at.b_row_stride = (ptrdiff_t)width;
        }
        at.tail = (rest - 1) % LANES + 1;
        last_panel(block, &at, rows, rest);
    }
}

/* Rows whose distance is a multiple of a page fight for few lines of L1: those of a tile are copied
 * side by side. */
static void copy_rows(const hn_gemm_f32_block *block, const tile_place *at, size_t rows) {
    const float *from = at->a[0] + at->a_offset;
    if (block->a_step == 1) {
        for (size_t i = 0; i < rows; i++, from += block->a_row_stride) {
            memcpy(block->row_copy + (ptrdiff_t)i * block->row_copy_stride, from,
                   block->segment_k * sizeof *from);
        }
        return;
    }
    for (size_t p = 0; p < block->segment_k; p++, from += block->a_step) {
        for (size_t i = 0; i < rows; i++) {
            block->row_copy[(ptrdiff_t)i * block->row_copy_stride + (ptrdiff_t)p] =
                from[(ptrdiff_t)i * block->a_row_stride];
        }
    }
}

static void run_on_copies(const hn_gemm_f32_block *block, tile_place at, size_t rows) {
    const float *copied = block->row_copy;
    hn_gemm_f32_block on_copy = *block;
    copy_rows(block, &at, rows);
    on_copy.a_step = 1;
    at.a = &copied;
    at.a_offset = 0;
    at.a_row_stride = block->row_copy_stride;
    run_rows(&on_copy, at, rows);
}

static void run_block(const hn_gemm_f32_block *block) {
    const size_t tiles_count = (block->m + ROWS_MAX - 1) / ROWS_MAX;
    const size_t rows_least = tiles_count > 1 ? block->m / tiles_count : block->m;
    const size_t larger_count = block->m - rows_least * tiles_count;
    tile_place at = {.a = block->a,
                     .a_row_stride = block->a_row_stride,
                     .b = block->b,
                     .b_row_stride = block->b_row_stride,
                     .c = block->c,
                     .bias = block->bias};
    for (size_t t = 0; t < tiles_count; t++) {
        size_t rows = rows_least + (t < larger_count);
        if (block->row_copy) {
            run_on_copies(block, at, rows);
        } else {
            run_rows(block, at, rows);
        }
        at.a_offset += (ptrdiff_t)rows * block->a_row_stride;
        at.c += (ptrdiff_t)rows * block->c_row_stride;
    }
}

#endif
