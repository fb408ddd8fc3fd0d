/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chunks of slots, rows of upper links, and the map from key to slot.
 *
 * Chunks are allocated several at a time, twice as many each time up to HN_SLAB_CHUNKS_MAX: a small
 * index stays small, a large one lies in few large blocks, which can be huge pages. The map is open
 * addressing with linear steps, at most three quarters full; a removal moves back what follows it
 * (Knuth, TAOCP 3, 6.4 R), so that there are no tombstones.
 */
#include "vector_internal.h"

#include "hone/base/checked.h"

enum { SECTION_ALIGNMENT = 64, ROW_ALIGNMENT = 32, MAP_CAPACITY_MIN = 64 };

void *hn_vector_allocate(hone_vector_index *index, size_t size) {
    void *block = hone_allocate_zeroed(index->allocator, 1, size, SECTION_ALIGNMENT);
    /* relaxed: a figure, read by nobody who waits for it */
    __atomic_fetch_add(&index->memory_bytes, block ? size : 0, __ATOMIC_RELAXED);
    return block;
}

void hn_vector_release(hone_vector_index *index, void *block, size_t size) {
    __atomic_fetch_sub(&index->memory_bytes, block ? size : 0, __ATOMIC_RELAXED);
    hone_release(index->allocator, block, size, SECTION_ALIGNMENT);
}

static size_t place_section(hn_layout *layout, size_t bytes_per_row) {
    size_t offset = layout->chunk_bytes;
    layout->chunk_bytes += bytes_per_row * HN_CHUNK_ROWS; /* rows are 1024: stays aligned */
    return offset;
}

void hn_vector_lay_out(hone_vector_index *index) {
    static const uint32_t bits[] = {[HONE_VECTOR_I8] = 8,
                                    [HONE_VECTOR_F32] = 32,
                                    [HONE_VECTOR_F16] = 16,
                                    [HONE_VECTOR_BF16] = 16,
                                    [HONE_VECTOR_BITS] = 1};
    hn_layout *layout = &index->layout;
    uint32_t element_bits = bits[index->storage];
    uint32_t bytes = (uint32_t)(((uint64_t)index->dims * element_bits + 7) / 8);
    bool is_i8 = index->storage == HONE_VECTOR_I8;
    *layout = (hn_layout){0};
    layout->row_bytes = (bytes + ROW_ALIGNMENT - 1) / ROW_ALIGNMENT * ROW_ALIGNMENT;
    layout->row_elements = index->storage == HONE_VECTOR_BITS
                               ? index->dims / 64
                               : layout->row_bytes * 8 / element_bits;
    layout->codes = place_section(layout, layout->row_bytes);
    layout->links = place_section(layout, 2 * index->links_max * sizeof(uint32_t));
    layout->residuals = place_section(layout, is_i8 ? layout->row_bytes : 0);
    layout->scales = place_section(layout, is_i8 ? sizeof(float) : 0);
    /* under COSINE what was divided by, under L2 the code's square */
    layout->norms = place_section(layout, index->metric == HONE_VECTOR_COSINE ||
                                                  (is_i8 && index->metric == HONE_VECTOR_L2)
                                              ? sizeof(float)
                                              : 0);
    layout->fine_norms =
        place_section(layout, is_i8 && index->metric == HONE_VECTOR_L2 ? sizeof(float) : 0);
    layout->keys = place_section(layout, sizeof(uint64_t));
    layout->tags = place_section(layout, sizeof(uint64_t));
    layout->uppers = place_section(layout, sizeof(uint32_t));
    layout->states = place_section(layout, sizeof(uint8_t));
}

static uint64_t mix(uint64_t z) {
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
}

/* Each level has one slot of links_max of the one below. */
uint32_t hn_vector_level_of(const hone_vector_index *index, uint32_t slot) {
    uint32_t level = 0;
    uint64_t state = mix(index->seed + 0x9E3779B97F4A7C15u * ((uint64_t)slot + 1));
    while (level + 1 < HN_LEVELS_MAX && state < UINT64_MAX / index->links_max) {
        level++;
        state = mix(state + 0x9E3779B97F4A7C15u);
    }
    return level;
}

/* How many chunks come behind the first chunks_count. */
static size_t slab_chunks(const hone_vector_index *index, size_t chunks_count) {
    size_t more = chunks_count ? chunks_count : 1;
    more = more < HN_SLAB_CHUNKS_MAX ? more : HN_SLAB_CHUNKS_MAX;
    return more < index->chunks_max - chunks_count ? more : index->chunks_max - chunks_count;
}

static hone_status no_memory(hone_diag *diag, size_t bytes) {
    return hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY,
                         "no memory for %zu more bytes of the index; the vector was not taken in",
                         bytes);
}

static hone_status grow_chunks(hone_vector_index *index, hone_diag *diag) {
    size_t more = slab_chunks(index, index->chunks_count), bytes = more * index->layout.chunk_bytes;
    uint8_t *slab = hn_vector_allocate(index, bytes);
    if (!slab) {
        return no_memory(diag, bytes);
    }
    /* the links of slots that are not used yet lead nowhere */
    for (size_t i = 0; i < more; i++) {
        uint8_t *chunk = slab + i * index->layout.chunk_bytes;
        memset(chunk + index->layout.links, 0xFF,
               (size_t)HN_CHUNK_ROWS * 2 * index->links_max * sizeof(uint32_t));
        index->chunks[index->chunks_count + i] = chunk;
    }
    index->chunks_count += more;
    return HONE_OK;
}

static size_t upper_chunk_bytes(const hone_vector_index *index) {
    return (size_t)HN_CHUNK_ROWS * index->links_max * sizeof(uint32_t);
}

static hone_status grow_uppers(hone_vector_index *index, uint32_t rows, hone_diag *diag) {
    size_t needed = (size_t)((index->uppers_used + rows + HN_CHUNK_ROWS - 1) / HN_CHUNK_ROWS);
    if (needed > index->upper_chunks_max) { /* an unlikely run of high levels */
        return hone_diag_set(diag, HONE_STATUS_LIMIT,
                             "the upper levels of the graph are full; raise vectors_max");
    }
    while (index->upper_chunks_count < needed) {
        uint32_t *chunk = hn_vector_allocate(index, upper_chunk_bytes(index));
        if (!chunk) {
            return no_memory(diag, upper_chunk_bytes(index));
        }
        memset(chunk, 0xFF, upper_chunk_bytes(index));
        index->upper_chunks[index->upper_chunks_count++] = chunk;
    }
    return HONE_OK;
}

/* Room for the slot that comes next behind all others. */
hone_status hn_vector_grow(hone_vector_index *index, hone_diag *diag) {
    hone_status status = HONE_OK;
    if (index->slots_count >= index->vectors_max) {
        return hone_diag_set(diag, HONE_STATUS_LIMIT,
                             "the index holds %u vectors, its maximum; remove some or create it "
                             "with a larger vectors_max",
                             index->slots_count);
    }
    if (index->slots_count >> HN_CHUNK_SHIFT >= index->chunks_count) {
        status = grow_chunks(index, diag);
    }
    if (status == HONE_OK) {
        status = grow_uppers(index, hn_vector_level_of(index, index->slots_count), diag);
    }
    return status;
}

void hn_vector_free_store(hone_vector_index *index) {
    if (index->chunks) {
        for (size_t i = index->chunks_mapped; i < index->chunks_count;) {
            size_t chunks = slab_chunks(index, i);
            hn_vector_release(index, index->chunks[i], chunks * index->layout.chunk_bytes);
            i += chunks;
        }
    }
    for (size_t i = index->upper_chunks_mapped;
         index->upper_chunks && i < index->upper_chunks_count; i++) {
        hn_vector_release(index, index->upper_chunks[i], upper_chunk_bytes(index));
    }
    hn_vector_release(index, index->chunks, index->chunks_max * sizeof *index->chunks);
    hn_vector_release(index, index->upper_chunks,
                      index->upper_chunks_max * sizeof *index->upper_chunks);
    if (!index->is_map_mapped) {
        hn_vector_release(index, index->map, index->map_capacity * sizeof *index->map);
    }
}

/* ---- the map ---- */

static size_t home_of(const hone_vector_index *index, uint64_t key) {
    return (size_t)mix(key + 0x9E3779B97F4A7C15u) & (index->map_capacity - 1);
}

/* Where the key is, or would be; the capacity when there is no such place, which can be in a
 * damaged file only. */
static size_t find_place(const hone_vector_index *index, uint64_t key) {
    size_t at = home_of(index, key);
    for (size_t steps = 0; steps < index->map_capacity; steps++) {
        uint32_t slot = index->map[at];
        if (slot == HN_NO_SLOT || (slot < index->slots_count && *hn_key_of(index, slot) == key)) {
            return at;
        }
        at = (at + 1) & (index->map_capacity - 1);
    }
    return index->map_capacity;
}

uint32_t hn_vector_map_find(const hone_vector_index *index, uint64_t key) {
    size_t place = index->map_capacity ? find_place(index, key) : 0;
    return place < index->map_capacity ? index->map[place] : HN_NO_SLOT;
}

void hn_vector_map_insert(hone_vector_index *index, uint64_t key, uint32_t slot) {
    index->map[find_place(index, key)] = slot;
}

void hn_vector_map_remove(hone_vector_index *index, uint64_t key) {
    size_t mask = index->map_capacity - 1, hole = find_place(index, key), at = hole;
    for (;;) {
        at = (at + 1) & mask;
        if (index->map[at] == HN_NO_SLOT) {
            break;
        }
        size_t home = home_of(index, *hn_key_of(index, index->map[at]));
        if (((at - home) & mask) >= ((at - hole) & mask)) {
            index->map[hole] = index->map[at];
            hole = at;
        }
    }
    index->map[hole] = HN_NO_SLOT;
}

/* Room for one key more. Takes the lock when it has to move the map. */
hone_status hn_vector_map_reserve(hone_vector_index *index, hone_diag *diag) {
    size_t used = index->slots_count - index->free_count;
    if ((used + 1) * 4 <= index->map_capacity * 3) {
        return HONE_OK;
    }
    size_t capacity = index->map_capacity ? 2 * index->map_capacity : MAP_CAPACITY_MIN;
    uint32_t *map = hn_vector_allocate(index, capacity * sizeof *map), *old = index->map;
    size_t old_capacity = index->map_capacity;
    if (!map) {
        return no_memory(diag, capacity * sizeof *map);
    }
    memset(map, 0xFF, capacity * sizeof *map);
    hone_rwlock_lock(&index->lock);
    index->map = map;
    index->map_capacity = capacity;
    for (size_t i = 0; i < old_capacity; i++) {
        if (old[i] != HN_NO_SLOT) {
            hn_vector_map_insert(index, *hn_key_of(index, old[i]), old[i]);
        }
    }
    bool was_mapped = index->is_map_mapped;
    index->is_map_mapped = false;
    hone_rwlock_unlock(&index->lock);
    if (!was_mapped) {
        hn_vector_release(index, old, old_capacity * sizeof *old);
    }
    return HONE_OK;
}
