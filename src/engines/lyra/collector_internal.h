/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory of expressions: blocks of cells of one size, swept lazily, and a collector that marks from
 * the value stack, the symbols, and the C stack, which it reads conservatively. See collector.c.
 *
 * Contract: confined. A value stays alive while it is on the C stack or in a register of a function
 * that runs inside the kernel, on the value stack, or reachable from a symbol. It does not stay
 * alive in memory of malloc. Cells never move.
 */
#ifndef HN_LYRA_COLLECTOR_INTERNAL_H
#define HN_LYRA_COLLECTOR_INTERNAL_H

#include "value_internal.h"

#include "hone/base/allocator.h"
#include "hone/lyra/lyra.h"

enum { HN_CELL_CLASSES = 36, HN_BLOCK_BYTES = 1 << 16 };

typedef struct hn_block hn_block;

typedef struct hn_cell_class {
    hn_node *free;     /* linked through words[0] */
    hn_block *blocks;  /* all of them */
    hn_block *unswept; /* the next one to sweep; NULL: none is left */
} hn_cell_class;

typedef struct hn_collector {
    hn_cell_class classes[HN_CELL_CLASSES];
    hn_block *large;
    uintptr_t *table; /* open addressing: addresses of pieces of 64 KiB, with their blocks */
    hn_block **table_blocks;
    uint32_t table_count, table_capacity;
    uintptr_t lowest, highest;
    hn_value *mark_stack;
    size_t mark_count, mark_capacity;
    bool has_mark_overflow;
    size_t held_bytes, peak_bytes, live_bytes, allocated_bytes; /* the last since a collection */
    size_t trigger_bytes, bytes_max;
    uint64_t collections_count;
    const char *stack_base; /* where the kernel was entered; NULL: it is not running */
    const hone_allocator *allocator;
} hn_collector;

void hn_collector_init(hn_collector *collector, const hone_allocator *allocator, size_t bytes_max);
void hn_collector_deinit(hn_collector *collector);

/* A cell whose words are HN_NONE. Unwinds with HN_UNWIND_MEMORY when there is no room. */
hn_node *hn_node_new(hone_lyra *lyra, hn_kind kind, uint32_t words_count);

/* Collects now. */
void hn_collect(hone_lyra *lyra);

/* For roots: marks what a value reaches. */
void hn_collector_mark(hone_lyra *lyra, hn_value value);
/* Marks what the word points into, if it is a pointer at all. */
void hn_collector_mark_word(hone_lyra *lyra, hn_value word);
/* kernel.c: marks everything but the C stack. */
void hn_kernel_mark_roots(hone_lyra *lyra);
/* symbols.c: forgets temporary symbols that were not marked; clears marks. */
void hn_symbols_sweep(hone_lyra *lyra);

/* Calls `visit` for each live cell: stamps are forgotten this way. */
void hn_collector_visit(hn_collector *collector, void (*visit)(hn_node *node));

#endif
