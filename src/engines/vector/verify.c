/* SPDX-License-Identifier: Apache-2.0 */
/* What a snapshot must be so that writers may rely on it: the checksums, and all that the other
 * files of this folder take for granted. Reads everything once. */
#include "index_file_internal.h"

static hone_status damaged(hone_diag *diag, const char *what, uint64_t number) {
    return hone_diag_set(diag, HONE_STATUS_CORRUPT,
                         "%s %llu is damaged; restore the file from a copy", what,
                         (unsigned long long)number);
}

static hone_status check_zeros(const uint8_t *data, uint64_t begin, uint64_t end, hone_diag *diag) {
    for (uint64_t at = begin; at < end; at++) {
        if (data[at] != 0) {
            return damaged(diag, "what fills up a section, at byte", at);
        }
    }
    return HONE_OK;
}

/* Between the sections, so that there is no byte that may change unnoticed. */
static hone_status check_gaps(const hone_vector_index *index, const uint8_t *data,
                              hone_diag *diag) {
    hn_file_plan plan = hn_vector_file_plan(index);
    uint64_t sums_end = plan.sums + (plan.chunks_count + plan.uppers_count + 1) * sizeof(uint64_t);
    hone_status status = check_zeros(data, sizeof(hn_file_header), HN_HEADER_BYTES, diag);
    if (status == HONE_OK) {
        status = check_zeros(data, sums_end, plan.chunks, diag);
    }
    return status == HONE_OK ? check_zeros(data, plan.map + plan.map_bytes, plan.log, diag)
                             : status;
}

static hone_status check_sums(const hone_vector_index *index, const uint8_t *data,
                              hone_diag *diag) {
    hn_file_plan plan = hn_vector_file_plan(index);
    const uint8_t *sums = data + plan.sums;
    uint64_t count = plan.chunks_count + plan.uppers_count + 1;
    for (uint64_t i = 0; i < count; i++) {
        uint64_t expected, size, offset;
        memcpy(&expected, sums + i * sizeof expected, sizeof expected);
        if (i < plan.chunks_count) {
            size = index->layout.chunk_bytes;
            offset = plan.chunks + i * size;
        } else if (i + 1 < count) {
            size = plan.upper_bytes;
            offset = plan.uppers + (i - plan.chunks_count) * size;
        } else {
            size = plan.map_bytes;
            offset = plan.map;
        }
        if (hn_vector_checksum(data + offset, (size_t)size, 0) != expected) {
            return damaged(diag, "section", i);
        }
    }
    return HONE_OK;
}

/* Links lead to slots that reach that level, and nothing follows the last of them. */
static bool are_links_right(const hone_vector_index *index, uint32_t slot, uint32_t level) {
    const uint32_t *links = hn_links_of(index, slot, level);
    bool is_over = false;
    for (uint32_t i = 0; i < hn_links_limit(index, level); i++) {
        is_over = is_over || links[i] == HN_NO_SLOT;
        if (is_over ? links[i] != HN_NO_SLOT
                    : links[i] >= index->slots_count || links[i] == slot ||
                          hn_vector_level_of(index, links[i]) < level) {
            return false;
        }
    }
    return true;
}

static hone_status check_slots(const hone_vector_index *index, hone_diag *diag) {
    uint64_t uppers = 0, live = 0;
    for (uint32_t slot = 0; slot < index->slots_count; slot++) {
        uint32_t levels = hn_vector_level_of(index, slot);
        uint8_t state = *hn_state_of(index, slot);
        if (*hn_upper_of(index, slot) != uppers || uppers + levels > index->uppers_used ||
            state > HN_STATE_LIVE) {
            return damaged(diag, "vector", slot);
        }
        for (uint32_t level = 0; level <= levels; level++) {
            if (!are_links_right(index, slot, level)) {
                return damaged(diag, "a link of vector", slot);
            }
        }
        if (state == HN_STATE_LIVE && hn_vector_map_find(index, *hn_key_of(index, slot)) != slot) {
            return damaged(diag, "the key of vector", slot);
        }
        uppers += levels;
        live += state == HN_STATE_LIVE;
    }
    if (uppers != index->uppers_used || live != index->slots_count - index->free_count) {
        return damaged(diag, "the number of vectors", live);
    }
    return HONE_OK;
}

static hone_status check_map_and_lists(const hone_vector_index *index, hone_diag *diag) {
    uint64_t mapped = 0;
    for (size_t i = 0; i < index->map_capacity; i++) {
        if (index->map[i] != HN_NO_SLOT && (index->map[i] >= index->slots_count ||
                                            *hn_state_of(index, index->map[i]) != HN_STATE_LIVE)) {
            return damaged(diag, "the map of keys at", i);
        }
        mapped += index->map[i] != HN_NO_SLOT;
    }
    uint32_t slot = index->free_slot, count = 0;
    while (count < index->free_count && slot < index->slots_count &&
           *hn_state_of(index, slot) == HN_STATE_FREE) {
        slot = (uint32_t)*hn_key_of(index, slot);
        count++;
    }
    if (count != index->free_count || slot != HN_NO_SLOT) {
        return damaged(diag, "the list of free places after", count);
    }
    if (mapped != index->slots_count - index->free_count) {
        return damaged(diag, "the map of keys, which has", mapped);
    }
    if (index->entry_slot != HN_NO_SLOT &&
        (*hn_state_of(index, index->entry_slot) != HN_STATE_LIVE ||
         hn_vector_level_of(index, index->entry_slot) != index->entry_level)) {
        return damaged(diag, "the entry", index->entry_slot);
    }
    return HONE_OK;
}

hone_status hn_vector_verify(const hone_vector_index *index, const uint8_t *data, hone_diag *diag) {
    hone_status status = check_sums(index, data, diag);
    if (status == HONE_OK) {
        status = check_gaps(index, data, diag);
    }
    if (status == HONE_OK) {
        status = check_slots(index, diag);
    }
    return status == HONE_OK ? check_map_and_lists(index, diag) : status;
}
