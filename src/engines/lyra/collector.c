/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mark and sweep. Cells of 36 sizes (32 bytes to 16 KiB, four steps a doubling) lie in blocks of
 * 64 KiB; what is larger has a block of its own. An address finds its block through a hash table of
 * pieces of 64 KiB, and its cell by a division; so any word of the C stack can be asked whether it
 * points into a live cell, its inside included. Marking uses a stack of its own and survives when
 * that cannot grow: it then looks through the blocks for marked cells with unmarked children.
 *
 * Invariant: a cell on a free list has kind HN_FREE. Between collections no cell is marked but in
 * blocks that have not been swept yet; allocation sweeps them one by one, and all that are left are
 * swept before the next collection marks.
 *
 * Why this and not reference counts: docs/decisions/0040.
 */
#include "collector_internal.h"

#include <assert.h>
#include <setjmp.h>

#include "kernel_internal.h"
#include "symbols_internal.h"
#include "unwind_internal.h"

enum {
    CELL_BYTES_MIN = 32,
    CELL_BYTES_MAX = 16384,
    MARK_STACK_MIN = 1 << 12,
    MARK_STACK_MAX = 1 << 22,
    MARK_WORDS = HN_BLOCK_BYTES / CELL_BYTES_MIN / 64,
    TRIGGER_BYTES_MIN = 16 << 20,
};

struct hn_block {
    hn_block *next, *previous;
    size_t bytes; /* of the whole block */
    uint32_t cell_bytes, cells_count;
    uint32_t cell_class;
    uint64_t marks[MARK_WORDS];
};

/* Cells begin at a multiple of 16 behind the header. */
enum { BLOCK_HEADER_BYTES = (sizeof(hn_block) + 15) / 16 * 16 };

static const uint16_t class_bytes[HN_CELL_CLASSES] = {
    32,   48,   64,   80,   96,   112,  128,  160,  192,   224,   256,   320,
    384,  448,  512,  640,  768,  896,  1024, 1280, 1536,  1792,  2048,  2560,
    3072, 3584, 4096, 5120, 6144, 7168, 8192, 9312, 10848, 13008, 16288, 16384,
};

static uint32_t class_of(size_t bytes) {
    if (bytes <= 128) {
        return bytes <= CELL_BYTES_MIN ? 0 : (uint32_t)((bytes - 17) / 16);
    }
    uint32_t index = 7;
    while (class_bytes[index] < bytes) {
        index++;
    }
    return index;
}

static hn_node *cell_at(hn_block *block, uint32_t index) {
    return (hn_node *)((char *)block + BLOCK_HEADER_BYTES + (size_t)index * block->cell_bytes);
}

/* --- which block an address lies in ---------------------------------------------------------- */

static uint32_t slot_of(uintptr_t piece, uint32_t capacity) {
    return (uint32_t)((piece >> 16) * 0x9e3779b97f4a7c15u >> 32) & (capacity - 1);
}

static void table_put(uintptr_t *table, hn_block **blocks, uint32_t capacity, uintptr_t piece,
                      hn_block *block) {
    uint32_t slot = slot_of(piece, capacity);
    while (table[slot]) {
        slot = (slot + 1) & (capacity - 1);
    }
    table[slot] = piece;
    blocks[slot] = block;
}

static bool table_grow(hn_collector *it, uint32_t capacity) {
    uintptr_t *table = HONE_NEW_ARRAY(it->allocator, uintptr_t, capacity);
    hn_block **blocks = HONE_NEW_ARRAY(it->allocator, hn_block *, capacity);
    if (!table || !blocks) {
        HONE_DELETE_ARRAY(it->allocator, uintptr_t, table, capacity);
        HONE_DELETE_ARRAY(it->allocator, hn_block *, blocks, capacity);
        return false;
    }
    for (uint32_t i = 0; i < it->table_capacity; i++) {
        if (it->table[i]) {
            table_put(table, blocks, capacity, it->table[i], it->table_blocks[i]);
        }
    }
    HONE_DELETE_ARRAY(it->allocator, uintptr_t, it->table, it->table_capacity);
    HONE_DELETE_ARRAY(it->allocator, hn_block *, it->table_blocks, it->table_capacity);
    it->table = table;
    it->table_blocks = blocks;
    it->table_capacity = capacity;
    return true;
}

static bool table_add(hn_collector *it, hn_block *block) {
    uint32_t pieces = (uint32_t)((block->bytes + HN_BLOCK_BYTES - 1) / HN_BLOCK_BYTES);
    uint32_t capacity = it->table_capacity ? it->table_capacity : 64;
    while ((it->table_count + pieces) * 2 > capacity) {
        capacity *= 2;
    }
    if (capacity != it->table_capacity && !table_grow(it, capacity)) {
        return false;
    }
    uintptr_t first = (uintptr_t)block;
    for (uint32_t i = 0; i < pieces; i++) {
        table_put(it->table, it->table_blocks, it->table_capacity,
                  first + (uintptr_t)i * HN_BLOCK_BYTES, block);
    }
    it->table_count += pieces;
    it->lowest = it->lowest == 0 || first < it->lowest ? first : it->lowest;
    it->highest = first + block->bytes > it->highest ? first + block->bytes : it->highest;
    return true;
}

/* Closes the gap behind a removed entry, so that searches need no tombstones. */
static void table_remove_piece(hn_collector *it, uintptr_t piece) {
    uint32_t mask = it->table_capacity - 1, hole = slot_of(piece, it->table_capacity);
    while (it->table[hole] != piece) {
        hole = (hole + 1) & mask;
    }
    for (uint32_t slot = hole;;) {
        it->table[hole] = 0;
        uint32_t home;
        do {
            slot = (slot + 1) & mask;
            if (!it->table[slot]) {
                it->table_count--;
                return;
            }
            home = slot_of(it->table[slot], it->table_capacity);
        } while (((slot - home) & mask) < ((slot - hole) & mask));
        it->table[hole] = it->table[slot];
        it->table_blocks[hole] = it->table_blocks[slot];
        hole = slot;
    }
}

static hn_block *block_at(const hn_collector *it, uintptr_t address) {
    if (address < it->lowest || address >= it->highest) {
        return NULL;
    }
    uintptr_t piece = address & ~(uintptr_t)(HN_BLOCK_BYTES - 1);
    for (uint32_t slot = slot_of(piece, it->table_capacity); it->table[slot];
         slot = (slot + 1) & (it->table_capacity - 1)) {
        if (it->table[slot] == piece) {
            return it->table_blocks[slot];
        }
    }
    return NULL;
}

/* --- blocks ---------------------------------------------------------------------------------- */

static hn_block *block_create(hn_collector *it, size_t bytes, uint32_t cell_bytes) {
    if (bytes > it->bytes_max - it->held_bytes) {
        return NULL;
    }
    hn_block *block = hone_allocate(it->allocator, bytes, HN_BLOCK_BYTES);
    if (!block) {
        return NULL;
    }
    memset(block, 0, sizeof *block);
    block->bytes = bytes;
    block->cell_bytes = cell_bytes;
    block->cells_count = (uint32_t)((bytes - BLOCK_HEADER_BYTES) / cell_bytes);
    if (!table_add(it, block)) {
        hone_release(it->allocator, block, bytes, HN_BLOCK_BYTES);
        return NULL;
    }
    it->held_bytes += bytes;
    it->peak_bytes = it->held_bytes > it->peak_bytes ? it->held_bytes : it->peak_bytes;
    return block;
}

static void block_destroy(hn_collector *it, hn_block *block, hn_block **list) {
    for (size_t offset = 0; offset < block->bytes; offset += HN_BLOCK_BYTES) {
        table_remove_piece(it, (uintptr_t)block + offset);
    }
    if (block->previous) {
        block->previous->next = block->next;
    } else {
        *list = block->next;
    }
    if (block->next) {
        block->next->previous = block->previous;
    }
    it->held_bytes -= block->bytes;
    hone_release(it->allocator, block, block->bytes, HN_BLOCK_BYTES);
}

static void block_link(hn_block *block, hn_block **list) {
    block->next = *list;
    if (*list) {
        (*list)->previous = block;
    }
    *list = block;
}

static bool is_marked(const hn_block *block, uint32_t index) {
    return block->marks[index >> 6] >> (index & 63) & 1;
}

/* Puts the dead cells of a block in front of its class's free list. False: all were dead, and the
 * block is gone. */
static bool block_sweep(hn_collector *it, hn_block *block) {
    hn_cell_class *of = &it->classes[block->cell_class];
    uint64_t any = 0;
    for (uint32_t i = 0; i < MARK_WORDS; i++) {
        any |= block->marks[i];
    }
    if (!any) {
        block_destroy(it, block, &of->blocks);
        return false;
    }
    for (uint32_t i = block->cells_count; i-- > 0;) {
        if (!is_marked(block, i)) {
            hn_node *cell = cell_at(block, i);
            cell->kind = HN_FREE;
            cell->words[0] = hn_of_node(of->free);
            of->free = cell;
        }
    }
    memset(block->marks, 0, sizeof block->marks);
    return true;
}

static void sweep_next(hn_collector *it, hn_cell_class *of) {
    hn_block *block = of->unswept;
    of->unswept = block->next;
    (void)block_sweep(it, block);
}

static bool class_add_block(hn_collector *it, uint32_t index) {
    hn_block *block = block_create(it, HN_BLOCK_BYTES, class_bytes[index]);
    if (!block) {
        return false;
    }
    block->cell_class = index;
    hn_cell_class *of = &it->classes[index];
    block_link(block, &of->blocks);
    for (uint32_t i = block->cells_count; i-- > 0;) {
        hn_node *cell = cell_at(block, i);
        cell->kind = HN_FREE;
        cell->words[0] = hn_of_node(of->free);
        of->free = cell;
    }
    return true;
}

/* --- allocation ------------------------------------------------------------------------------ */

static hn_node *allocate_large(hn_collector *it, size_t bytes) {
    size_t rounded = (bytes + BLOCK_HEADER_BYTES + 4095) & ~(size_t)4095;
    if (rounded < bytes || rounded > UINT32_MAX) {
        return NULL;
    }
    hn_block *block = block_create(it, rounded, (uint32_t)(rounded - BLOCK_HEADER_BYTES));
    if (!block) {
        return NULL;
    }
    block->cell_class = HN_CELL_CLASSES;
    block_link(block, &it->large);
    return cell_at(block, 0);
}

static hn_node *try_allocate(hn_collector *it, size_t bytes) {
    if (bytes > CELL_BYTES_MAX) {
        return allocate_large(it, bytes);
    }
    uint32_t index = class_of(bytes);
    hn_cell_class *of = &it->classes[index];
    while (!of->free && of->unswept) {
        sweep_next(it, of);
    }
    if (!of->free && !class_add_block(it, index)) {
        return NULL;
    }
    hn_node *cell = of->free;
    of->free = hn_node_of(cell->words[0]);
    return cell;
}

HONE_COLD static hn_node *allocate_slow(hone_lyra *lyra, size_t bytes) {
    hn_collector *it = &lyra->collector;
    if (it->allocated_bytes >= it->trigger_bytes) {
        hn_collect(lyra);
    }
    hn_node *cell = try_allocate(it, bytes);
    if (!cell) {
        hn_collect(lyra);
        cell = try_allocate(it, bytes);
    }
    if (!cell) {
        hn_unwind(lyra, HN_UNWIND_MEMORY);
    }
    return cell;
}

hn_node *hn_node_new(hone_lyra *lyra, hn_kind kind, uint32_t words_count) {
    hn_collector *it = &lyra->collector;
    size_t bytes = sizeof(hn_node) + (size_t)words_count * sizeof(hn_value);
    hn_node *cell = NULL;
    it->allocated_bytes += bytes;
    if (HONE_LIKELY(bytes <= 128 && it->allocated_bytes < it->trigger_bytes)) {
        hn_cell_class *of = &it->classes[class_of(bytes)];
        cell = of->free;
        if (HONE_LIKELY(cell != NULL)) {
            of->free = hn_node_of(cell->words[0]);
        }
    }
    if (HONE_UNLIKELY(!cell)) {
        cell = allocate_slow(lyra, bytes);
    }
    memset(cell, 0, bytes);
    cell->kind = (uint8_t)kind;
    return cell;
}

/* --- marking --------------------------------------------------------------------------------- */

static void mark_push(hn_collector *it, hn_value value) {
    if (it->mark_count == it->mark_capacity) {
        size_t capacity = it->mark_capacity ? it->mark_capacity * 2 : MARK_STACK_MIN;
        hn_value *grown = capacity > MARK_STACK_MAX
                              ? NULL
                              : hone_reallocate(it->allocator, it->mark_stack,
                                                it->mark_capacity * sizeof(hn_value),
                                                capacity * sizeof(hn_value), _Alignof(hn_value));
        if (!grown) {
            it->has_mark_overflow = true;
            return;
        }
        it->mark_stack = grown;
        it->mark_capacity = capacity;
    }
    it->mark_stack[it->mark_count++] = value;
}

static bool mark_cell(hn_block *block, hn_node *cell) {
    uint32_t index =
        (uint32_t)((size_t)((char *)cell - (char *)block - BLOCK_HEADER_BYTES) / block->cell_bytes);
    uint64_t bit = (uint64_t)1 << (index & 63);
    if (block->marks[index >> 6] & bit) {
        return false;
    }
    block->marks[index >> 6] |= bit;
    return true;
}

static uint32_t traced_words(const hn_node *node) {
    switch (node->kind) {
    case HN_NORMAL: return node->count + 1;
    case HN_RATIONAL:
    case HN_COMPLEX: return 2;
    case HN_PATTERN:
    case HN_RULE: return node->count;
    default: return 0;
    }
}

static void mark_one(hone_lyra *lyra, hn_value value) {
    hn_collector *it = &lyra->collector;
    if (hn_is_symbol(value)) {
        hn_symbol_of(value)->is_marked = true;
        return;
    }
    if (!hn_is_node(value)) {
        return;
    }
    hn_block *block = block_at(it, (uintptr_t)value);
    assert(block);
    if (mark_cell(block, hn_node_of(value))) {
        it->live_bytes += block->cell_bytes;
        if (traced_words(hn_node_of(value)) > 0) {
            mark_push(it, value);
        }
    }
}

static void mark_children(hone_lyra *lyra, const hn_node *node) {
    for (uint32_t i = 0, count = traced_words(node); i < count; i++) {
        mark_one(lyra, node->words[i]);
    }
}

static void mark_drain(hone_lyra *lyra) {
    hn_collector *it = &lyra->collector;
    while (it->mark_count > 0) {
        mark_children(lyra, hn_node_of(it->mark_stack[--it->mark_count]));
    }
}

void hn_collector_mark(hone_lyra *lyra, hn_value value) {
    mark_one(lyra, value);
    mark_drain(lyra);
}

static void each_block(hn_collector *it, void (*visit)(void *context, hn_block *block),
                       void *context) {
    for (uint32_t i = 0; i < HN_CELL_CLASSES; i++) {
        for (hn_block *block = it->classes[i].blocks; block; block = block->next) {
            visit(context, block);
        }
    }
    for (hn_block *block = it->large; block; block = block->next) {
        visit(context, block);
    }
}

static void mark_again(void *context, hn_block *block) {
    hone_lyra *lyra = context;
    for (uint32_t i = 0; i < block->cells_count; i++) {
        if (is_marked(block, i)) {
            mark_children(lyra, cell_at(block, i));
            mark_drain(lyra);
        }
    }
}

/* A word that may be anything. */
void hn_collector_mark_word(hone_lyra *lyra, hn_value word) {
    hn_collector *it = &lyra->collector;
    hn_block *block = block_at(it, (uintptr_t)word);
    if (!block || word < (uintptr_t)block + BLOCK_HEADER_BYTES) {
        hn_symbols_mark_word(lyra, word);
        return;
    }
    size_t index = (word - (uintptr_t)block - BLOCK_HEADER_BYTES) / block->cell_bytes;
    if (index < block->cells_count && cell_at(block, (uint32_t)index)->kind != HN_FREE) {
        hn_collector_mark(lyra, hn_of_node(cell_at(block, (uint32_t)index)));
    }
}

/* Reads the stack as it is, red zones of sanitizers included. */
#if defined(__GNUC__)
__attribute__((no_sanitize("address", "thread", "undefined"), noinline))
#endif
static void
mark_c_stack(hone_lyra *lyra) {
    jmp_buf registers; /* what callers keep in registers is on the stack from here on */
    (void)setjmp(registers);
    const char *end = lyra->collector.stack_base;
    const char *here = (const char *)&registers;
    for (const char *at = (const char *)((uintptr_t)here & ~(uintptr_t)7); at < end;
         at += sizeof(hn_value)) {
        hn_collector_mark_word(lyra, *(const volatile hn_value *)(const void *)at);
    }
}

static void sweep_large(hn_collector *it) {
    for (hn_block *block = it->large, *next; block; block = next) {
        next = block->next;
        if (!is_marked(block, 0)) {
            block_destroy(it, block, &it->large);
        } else {
            memset(block->marks, 0, sizeof block->marks);
        }
    }
}

void hn_collect(hone_lyra *lyra) {
    hn_collector *it = &lyra->collector;
    for (uint32_t i = 0; i < HN_CELL_CLASSES; i++) {
        while (it->classes[i].unswept) {
            sweep_next(it, &it->classes[i]);
        }
    }
    it->live_bytes = 0;
    hn_kernel_mark_roots(lyra);
    if (it->stack_base) {
        mark_c_stack(lyra);
    }
    while (it->has_mark_overflow) {
        it->has_mark_overflow = false;
        each_block(it, mark_again, lyra);
    }
    hn_symbols_sweep(lyra);
    sweep_large(it);
    for (uint32_t i = 0; i < HN_CELL_CLASSES; i++) {
        it->classes[i].free = NULL;
        it->classes[i].unswept = it->classes[i].blocks;
    }
    it->collections_count++;
    it->allocated_bytes = 0;
    it->trigger_bytes =
        it->live_bytes > TRIGGER_BYTES_MIN ? it->live_bytes : (size_t)TRIGGER_BYTES_MIN;
}

static void visit_block(void *context, hn_block *block) {
    void (*visit)(hn_node *) = *(void (**)(hn_node *))context;
    for (uint32_t i = 0; i < block->cells_count; i++) {
        if (cell_at(block, i)->kind != HN_FREE) {
            visit(cell_at(block, i));
        }
    }
}

void hn_collector_visit(hn_collector *collector, void (*visit)(hn_node *node)) {
    each_block(collector, visit_block, &visit);
}

/* --- life ------------------------------------------------------------------------------------ */

void hn_collector_init(hn_collector *collector, const hone_allocator *allocator, size_t bytes_max) {
    *collector = (hn_collector){
        .allocator = allocator, .bytes_max = bytes_max, .trigger_bytes = TRIGGER_BYTES_MIN};
}

void hn_collector_deinit(hn_collector *collector) {
    for (uint32_t i = 0; i < HN_CELL_CLASSES; i++) {
        while (collector->classes[i].blocks) {
            block_destroy(collector, collector->classes[i].blocks, &collector->classes[i].blocks);
        }
    }
    while (collector->large) {
        block_destroy(collector, collector->large, &collector->large);
    }
    HONE_DELETE_ARRAY(collector->allocator, uintptr_t, collector->table, collector->table_capacity);
    HONE_DELETE_ARRAY(collector->allocator, hn_block *, collector->table_blocks,
                      collector->table_capacity);
    HONE_DELETE_ARRAY(collector->allocator, hn_value, collector->mark_stack,
                      collector->mark_capacity);
}
