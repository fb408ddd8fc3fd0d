/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A sorted sequence in blocks of at most 512 values: a place is found by binary search over the
 * blocks' first values, then inside the block, and at most a block is moved. A full block is split;
 * one that is less than a quarter full joins its neighbour where both fit into three quarters. So
 * two neighbours always hold at least 128, and memory stays below 64 bytes a value. A window of up
 * to 511 rows is one sorted array.
 */
#include <assert.h>

#include "window_internal.h"

enum { SLOTS_FIRST = 4, BLOCK_SMALL = HN_ORDER_BLOCK / 4, BLOCK_JOINED = HN_ORDER_BLOCK / 4 * 3 };

static double *block_at(const hn_order *order, uint32_t position) {
    return order->values + (size_t)order->positions[position] * HN_ORDER_BLOCK;
}

static uint32_t *count_at(const hn_order *order, uint32_t position) {
    return &order->counts[order->positions[position]];
}

static hone_status grow(hn_order *order) {
    uint32_t old = order->capacity;
    uint32_t capacity = old ? old * 2 : SLOTS_FIRST;
    size_t block = HN_ORDER_BLOCK * sizeof(double);
    double *values = hone_allocate(order->allocator, capacity * block, sizeof(double));
    uint32_t *tables = hone_allocate(order->allocator, (size_t)capacity * 8, sizeof(uint32_t));
    if (!values || !tables) {
        hone_release(order->allocator, values, capacity * block, sizeof(double));
        hone_release(order->allocator, tables, (size_t)capacity * 8, sizeof(uint32_t));
        return HONE_STATUS_OUT_OF_MEMORY;
    }
    if (old) {
        memcpy(values, order->values, old * block);
        memcpy(tables, order->positions, (size_t)old * 4);
        memcpy(tables + capacity, order->counts, (size_t)old * 4);
    }
    for (uint32_t slot = old; slot < capacity; slot++) {
        tables[slot] = slot;
    }
    hone_release(order->allocator, order->values, old * block, sizeof(double));
    hone_release(order->allocator, order->positions, (size_t)old * 8, sizeof(uint32_t));
    order->values = values;
    order->positions = tables;
    order->counts = tables + capacity;
    order->capacity = capacity;
    return HONE_OK;
}

/* Opens an empty block at `position`. */
static hone_status add_block(hn_order *order, uint32_t position) {
    if (order->blocks_count == order->capacity) {
        hone_status status = grow(order);
        if (status != HONE_OK) {
            return status;
        }
    }
    uint32_t *positions = order->positions;
    uint32_t slot = positions[order->blocks_count];
    memmove(positions + position + 1, positions + position,
            (size_t)(order->blocks_count - position) * 4);
    positions[position] = slot;
    order->counts[slot] = 0;
    order->blocks_count++;
    return HONE_OK;
}

static void remove_block(hn_order *order, uint32_t position) {
    uint32_t *positions = order->positions;
    uint32_t slot = positions[position];
    order->blocks_count--;
    memmove(positions + position, positions + position + 1,
            (size_t)(order->blocks_count - position) * 4);
    positions[order->blocks_count] = slot;
}

/* The last block whose first value is not above `value`, else the first block. */
static uint32_t find_block(const hn_order *order, double value) {
    uint32_t low = 0, high = order->blocks_count;
    while (high - low > 1) {
        uint32_t middle = low + (high - low) / 2;
        if (block_at(order, middle)[0] <= value) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

/* How many values of the block are below `value`. */
static uint32_t count_below(const double *block, uint32_t count, double value) {
    uint32_t low = 0;
    while (count > 0) {
        uint32_t half = count / 2;
        bool is_below = block[low + half] < value;
        low = is_below ? low + half + 1 : low;
        count = is_below ? count - half - 1 : half;
    }
    return low;
}

static hone_status split(hn_order *order, uint32_t position) {
    hone_status status = add_block(order, position + 1);
    if (status != HONE_OK) {
        return status;
    }
    enum { HALF = HN_ORDER_BLOCK / 2 };
    memcpy(block_at(order, position + 1), block_at(order, position) + HALF, HALF * sizeof(double));
    *count_at(order, position) = HALF;
    *count_at(order, position + 1) = HALF;
    return HONE_OK;
}

hone_status hn_order_insert(hn_order *order, double value) {
    if (order->blocks_count == 0) {
        hone_status status = add_block(order, 0);
        if (status != HONE_OK) {
            return status;
        }
    }
    uint32_t position = find_block(order, value);
    if (*count_at(order, position) == HN_ORDER_BLOCK) {
        hone_status status = split(order, position);
        if (status != HONE_OK) {
            return status;
        }
        position = find_block(order, value);
    }
    double *block = block_at(order, position);
    uint32_t *count = count_at(order, position);
    uint32_t index = count_below(block, *count, value);
    memmove(block + index + 1, block + index, (*count - index) * sizeof(double));
    block[index] = value;
    (*count)++;
    order->total++;
    return HONE_OK;
}

/* Joins the blocks at `position` and behind it, where both fit well into one. */
static void join(hn_order *order, uint32_t position) {
    uint32_t *count = count_at(order, position);
    uint32_t next_count = *count_at(order, position + 1);
    if (*count + next_count <= BLOCK_JOINED) {
        memcpy(block_at(order, position) + *count, block_at(order, position + 1),
               next_count * sizeof(double));
        *count += next_count;
        remove_block(order, position + 1);
    }
}

void hn_order_remove(hn_order *order, double value) {
    uint32_t position = find_block(order, value);
    double *block = block_at(order, position);
    uint32_t *count = count_at(order, position);
    uint32_t index = count_below(block, *count, value);
    assert(index < *count && block[index] == value);
    (*count)--;
    order->total--;
    memmove(block + index, block + index + 1, (*count - index) * sizeof(double));
    if (*count == 0) {
        remove_block(order, position);
    } else if (*count < BLOCK_SMALL && position + 1 < order->blocks_count) {
        join(order, position);
    } else if (*count < BLOCK_SMALL && position > 0) {
        join(order, position - 1);
    }
}

void hn_order_clear(hn_order *order) {
    order->blocks_count = 0; /* the free slots stand behind the used ones: nothing to move */
    order->total = 0;
}

void hn_order_free(hn_order *order) {
    hone_release(order->allocator, order->values,
                 (size_t)order->capacity * HN_ORDER_BLOCK * sizeof(double), sizeof(double));
    hone_release(order->allocator, order->positions, (size_t)order->capacity * 8, sizeof(uint32_t));
    *order = (hn_order){0};
}

static double value_at(const hn_order *order, uint64_t rank) {
    uint32_t position = 0;
    while (rank >= *count_at(order, position)) {
        rank -= *count_at(order, position);
        position++;
    }
    return block_at(order, position)[rank];
}

double hn_order_quantile(const hn_order *order, double p) {
    assert(order->total > 0);
    double place = (double)(order->total - 1) * p;
    uint64_t rank = (uint64_t)place;
    double part = place - (double)rank;
    double low = value_at(order, rank);
    if (part == 0) { /* also keeps infinity - infinity away */
        return low;
    }
    return low + part * (value_at(order, rank + 1) - low);
}
