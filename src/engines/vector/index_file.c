/* SPDX-License-Identifier: Apache-2.0 */
/* Snapshots: writing one, and using one where it lies. index_log.c has what comes behind it,
 * verify.c what is checked. */
#include "index_file_internal.h"

#include <xxhash.h>

#include "hone/base/checked.h"

uint64_t hn_vector_checksum(const void *data, size_t size, uint64_t seed) {
    return XXH3_64bits_withSeed(data, size, seed);
}

static uint64_t align8(uint64_t size) {
    return (size + 7) & ~(uint64_t)7;
}

static uint64_t chunks_for(uint64_t rows) {
    return (rows + HN_CHUNK_ROWS - 1) / HN_CHUNK_ROWS;
}

/* No product here overflows: at most 2^20 chunks of at most 2^29 bytes each. */
hn_file_plan hn_vector_file_plan(const hone_vector_index *index) {
    hn_file_plan plan = {.chunks_count = chunks_for(index->slots_count),
                         .uppers_count = chunks_for(index->uppers_used),
                         .upper_bytes =
                             (uint64_t)HN_CHUNK_ROWS * index->links_max * sizeof(uint32_t),
                         .map_bytes = (uint64_t)index->map_capacity * sizeof(uint32_t)};
    plan.sums = HN_HEADER_BYTES;
    uint64_t sums_bytes = (plan.chunks_count + plan.uppers_count + 1) * sizeof(uint64_t);
    plan.chunks = plan.sums + (sums_bytes + 63) / 64 * 64;
    plan.uppers = plan.chunks + plan.chunks_count * index->layout.chunk_bytes;
    plan.map = plan.uppers + plan.uppers_count * plan.upper_bytes;
    plan.log = align8(plan.map + plan.map_bytes);
    return plan;
}

hn_file_header hn_vector_file_header(const hone_vector_index *index) {
    hn_file_header header = {.magic = HN_FILE_MAGIC,
                             .version = HN_FILE_VERSION,
                             .byte_order = HN_FILE_BYTE_ORDER,
                             .dims = index->dims,
                             .metric = (uint32_t)index->metric,
                             .storage = (uint32_t)index->storage,
                             .links_max = index->links_max,
                             .build_width = index->build_width,
                             .exact_below = index->exact_below,
                             .vectors_max = index->vectors_max,
                             .seed = index->seed,
                             .chunk_bytes = index->layout.chunk_bytes,
                             .slots_count = index->slots_count,
                             .free_count = index->free_count,
                             .free_slot = index->free_slot,
                             .entry_slot = index->entry_slot,
                             .entry_level = index->entry_level,
                             .uppers_used = index->uppers_used,
                             .map_capacity = index->map_capacity,
                             .log_offset = hn_vector_file_plan(index).log};
    header.checksum = hn_vector_checksum(&header, sizeof header, 0);
    return header;
}

/* ---- writing ---- */

static hone_status write_bytes(hone_file *file, const void *data, uint64_t size, hone_diag *diag) {
    return size ? hone_file_write_all(file, (hone_text){data, (size_t)size}, diag) : HONE_OK;
}

static hone_status write_zeros(hone_file *file, uint64_t size, hone_diag *diag) {
    static const char zeros[HN_HEADER_BYTES];
    return write_bytes(file, zeros, size, diag);
}

static hone_status write_sum(hone_file *file, const void *data, uint64_t size, hone_diag *diag) {
    uint64_t sum = hn_vector_checksum(data, (size_t)size, 0);
    return write_bytes(file, &sum, sizeof sum, diag);
}

/* Chunks, upper chunks and the map, by `each`: first their checksums, then themselves. */
static hone_status for_sections(const hone_vector_index *index, hone_file *file,
                                hone_status (*each)(hone_file *, const void *, uint64_t,
                                                    hone_diag *),
                                hone_diag *diag) {
    hn_file_plan plan = hn_vector_file_plan(index);
    hone_status status = HONE_OK;
    for (uint64_t i = 0; i < plan.chunks_count && status == HONE_OK; i++) {
        status = each(file, index->chunks[i], index->layout.chunk_bytes, diag);
    }
    for (uint64_t i = 0; i < plan.uppers_count && status == HONE_OK; i++) {
        status = each(file, index->upper_chunks[i], plan.upper_bytes, diag);
    }
    return status == HONE_OK ? each(file, index->map, plan.map_bytes, diag) : status;
}

hone_status hn_vector_write_snapshot(void *self, hone_file *file, hone_diag *diag) {
    const hone_vector_index *index = self;
    hn_file_plan plan = hn_vector_file_plan(index);
    hn_file_header header = hn_vector_file_header(index);
    uint64_t sums_end = plan.sums + (plan.chunks_count + plan.uppers_count + 1) * sizeof(uint64_t);
    hone_status status = write_bytes(file, &header, sizeof header, diag);
    if (status == HONE_OK) {
        status = write_zeros(file, HN_HEADER_BYTES - sizeof header, diag);
    }
    if (status == HONE_OK) {
        status = for_sections(index, file, write_sum, diag);
    }
    if (status == HONE_OK) {
        status = write_zeros(file, plan.chunks - sums_end, diag);
    }
    if (status == HONE_OK) {
        status = for_sections(index, file, write_bytes, diag);
    }
    if (status == HONE_OK) {
        status = write_zeros(file, plan.log - plan.map - plan.map_bytes, diag);
    }
    return status;
}

hone_status hone_vector_save(hone_vector_index *index, const char *path, hone_diag *diag) {
    if (!index || !path) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT, "no index, or no path");
    }
    hone_mutex_lock(&index->writers); /* searches go on */
    hone_status status = hone_file_replace_by(path, hn_vector_write_snapshot, index, diag);
    hone_mutex_unlock(&index->writers);
    hone_diag_at(diag, path, 0, 0);
    return status;
}

/* ---- opening ---- */

static hone_status damaged(hone_diag *diag, const char *what) {
    return hone_diag_set(diag, HONE_STATUS_CORRUPT,
                         "the header says %s; the file is damaged, restore it from a copy", what);
}

static hone_status read_header(const hone_file_mapping *mapping, hn_file_header *out_header,
                               hone_diag *diag) {
    hn_file_header header = {.version = 0};
    if (mapping->size_bytes < HN_HEADER_BYTES) {
        return hone_diag_set(diag, HONE_STATUS_TRUNCATED,
                             "the file has %zu bytes, less than the header of a vector index",
                             mapping->size_bytes);
    }
    memcpy(&header, mapping->data, sizeof header);
    if (memcmp(header.magic, HN_FILE_MAGIC, sizeof header.magic) != 0) {
        return hone_diag_set(diag, HONE_STATUS_UNSUPPORTED, "this is no file of a vector index");
    }
    if (header.byte_order != HN_FILE_BYTE_ORDER) {
        return hone_diag_set(diag, HONE_STATUS_UNSUPPORTED,
                             "the file comes from a machine of the other byte order");
    }
    if (header.version != HN_FILE_VERSION) {
        return hone_diag_set(diag, HONE_STATUS_UNSUPPORTED,
                             "the file is of version %u, this program reads version %u",
                             header.version, (unsigned)HN_FILE_VERSION);
    }
    uint64_t checksum = header.checksum;
    header.checksum = 0;
    if (hn_vector_checksum(&header, sizeof header, 0) != checksum) {
        return hone_diag_set(diag, HONE_STATUS_CORRUPT,
                             "the checksum of the header is wrong; restore the file from a copy");
    }
    *out_header = header;
    return HONE_OK;
}

/* The numbers of the header into the index, as far as they can be right. */
static hone_status take_header(hone_vector_index *index, const hn_file_header *header,
                               uint64_t file_bytes, hone_diag *diag) {
    bool is_empty = header->slots_count == header->free_count;
    if (header->slots_count > index->vectors_max || header->free_count > header->slots_count) {
        return damaged(diag, "more vectors than there may be");
    }
    if (header->uppers_used > (uint64_t)index->upper_chunks_max * HN_CHUNK_ROWS) {
        return damaged(diag, "more upper links than there may be");
    }
    if (is_empty
            ? header->entry_slot != HN_NO_SLOT
            : header->entry_slot >= header->slots_count || header->entry_level >= HN_LEVELS_MAX) {
        return damaged(diag, "that the graph begins where nothing is");
    }
    if ((header->map_capacity && !hone_is_power_of_two(header->map_capacity)) ||
        header->map_capacity > (uint64_t)4 * HONE_VECTOR_VECTORS_MAX ||
        (uint64_t)(header->slots_count - header->free_count) * 4 > header->map_capacity * 3) {
        return damaged(diag, "a wrong size of the map of keys");
    }
    if (header->chunk_bytes != index->layout.chunk_bytes) {
        return damaged(diag, "another layout than its options give");
    }
    index->slots_count = header->slots_count;
    index->free_count = header->free_count;
    index->free_slot = header->free_slot;
    index->entry_slot = header->entry_slot;
    index->entry_level = header->entry_level;
    index->uppers_used = header->uppers_used;
    index->map_capacity = (size_t)header->map_capacity;
    hn_file_plan plan = hn_vector_file_plan(index);
    if (plan.log != header->log_offset) {
        return damaged(diag, "another place of the log than its sizes give");
    }
    if (plan.log > file_bytes) {
        return hone_diag_set(diag, HONE_STATUS_TRUNCATED,
                             "the file has %llu bytes, its header asks for %llu; restore it from a "
                             "copy",
                             (unsigned long long)file_bytes, (unsigned long long)plan.log);
    }
    return HONE_OK;
}

/* Chunks, upper links and map where they lie in the mapping. */
static void use_mapping(hone_vector_index *index, uint8_t *data) {
    hn_file_plan plan = hn_vector_file_plan(index);
    for (uint64_t i = 0; i < plan.chunks_count; i++) {
        index->chunks[i] = data + plan.chunks + i * index->layout.chunk_bytes;
    }
    for (uint64_t i = 0; i < plan.uppers_count; i++) {
        index->upper_chunks[i] = (uint32_t *)(void *)(data + plan.uppers + i * plan.upper_bytes);
    }
    index->chunks_count = index->chunks_mapped = (size_t)plan.chunks_count;
    index->upper_chunks_count = index->upper_chunks_mapped = (size_t)plan.uppers_count;
    index->map = index->map_capacity ? (uint32_t *)(void *)(data + plan.map) : NULL;
    index->is_map_mapped = true;
}

static hone_status make_index(const hn_file_header *header, const hone_vector_file_options *options,
                              hone_diag *diag, hone_vector_index **out_index) {
    const hone_vector_options made = {.dims = header->dims,
                                      .metric = (hone_vector_metric)header->metric,
                                      .storage = (hone_vector_storage)header->storage,
                                      .links_max = header->links_max,
                                      .build_width = header->build_width,
                                      .exact_below = header->exact_below,
                                      .vectors_max = header->vectors_max,
                                      .seed = header->seed,
                                      .features = options->features,
                                      .allocator = options->allocator};
    return hone_vector_create(&made, diag, out_index);
}

/* The log: where it ends, what is in it; and for writing its file, ready for more. */
static hone_status open_log(hone_vector_index *index, hone_diag *diag) {
    hn_vector_journal *journal = index->journal;
    const uint8_t *data = journal->mapping.data;
    uint64_t end;
    hone_status status =
        hn_vector_log_end(data, journal->log_offset, journal->mapping.size_bytes, diag, &end);
    if (status == HONE_OK && (journal->is_writable || end > journal->log_offset)) {
        status = hn_vector_verify(index, data, diag);
    }
    if (status == HONE_OK && end > journal->log_offset) {
        journal->is_replaying = true;
        status = hn_vector_log_replay(index, data, journal->log_offset, end, diag);
        journal->is_replaying = false;
    }
    journal->committed_bytes = end;
    if (status == HONE_OK && journal->is_writable && end < journal->mapping.size_bytes) {
        status = hone_file_cut(&journal->file, end, diag);
    }
    return status;
}

static hone_status open_mapped(const char *path, const hone_vector_file_options *options,
                               hn_vector_journal *journal, hone_diag *diag,
                               hone_vector_index **out_index) {
    hn_file_header header = {.version = 0};
    hone_vector_index *index = NULL;
    hone_status status = hone_file_map(path, true, diag, &journal->mapping);
    if (status == HONE_OK) {
        status = read_header(&journal->mapping, &header, diag);
    }
    if (status == HONE_OK) {
        status = make_index(&header, options, diag, &index);
    }
    if (status == HONE_OK) {
        status = take_header(index, &header, journal->mapping.size_bytes, diag);
        if (status == HONE_OK) {
            use_mapping(index, journal->mapping.data);
        } else {
            index->map_capacity = 0; /* there is no map to release */
        }
        journal->log_offset = header.log_offset;
        index->journal = journal;
    }
    if (status == HONE_OK) {
        status = open_log(index, diag);
    }
    *out_index = index;
    return status;
}

void hn_vector_journal_destroy(const hone_allocator *allocator, hn_vector_journal *journal) {
    if (!journal) {
        return;
    }
    hone_file_unmap(&journal->mapping);
    if (journal->file.fd >= 0) {
        (void)hone_file_close(&journal->file, NULL);
    }
    hone_buffer_deinit(&journal->pending);
    hone_release(allocator, journal->path, journal->path_size, 1);
    HONE_DELETE(allocator, hn_vector_journal, journal);
}

hone_status hone_vector_open(const char *path, const hone_vector_file_options *options,
                             hone_diag *diag, hone_vector_index **out_index) {
    static const hone_vector_file_options for_reading = {0};
    if (!path || !out_index) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT, "no path, or no out_index");
    }
    options = options ? options : &for_reading;
    hone_vector_index *index = NULL;
    hone_status status = HONE_OK;
    hn_vector_journal *journal = HONE_NEW(options->allocator, hn_vector_journal);
    char *copy = hone_allocate(options->allocator, strlen(path) + 1, 1);
    if (!journal || !copy) {
        status = hone_diag_set(diag, HONE_STATUS_OUT_OF_MEMORY, "no memory to open the file");
        hone_release(options->allocator, copy, strlen(path) + 1, 1);
        HONE_DELETE(options->allocator, hn_vector_journal, journal);
        return status;
    }
    memcpy(copy, path, strlen(path) + 1);
    *journal = (hn_vector_journal){.path = copy,
                                   .path_size = strlen(path) + 1,
                                   .file = {.fd = -1},
                                   .is_writable = options->is_writable};
    hone_buffer_init(&journal->pending, options->allocator, HN_LOG_BYTES_MAX);
    if (options->is_writable) { /* never created here: it has to be there */
        hone_file_stamp stamp;
        status = hone_file_stamp_read(path, &stamp);
        status = status == HONE_OK ? hone_file_open(path, HONE_FILE_APPEND, diag, &journal->file)
                                   : hone_diag_set(diag, status,
                                                   "there is no such file; hone_vector_save makes "
                                                   "one");
        if (status == HONE_OK) {
            status = hone_file_try_lock(&journal->file, path, diag);
        }
    }
    if (status == HONE_OK) {
        status = open_mapped(path, options, journal, diag, &index);
    }
    if (status != HONE_OK) {
        hone_diag_at(diag, path, 0, 0);
        if (index) {
            index->journal = journal;
            hone_vector_destroy(index);
        } else {
            hn_vector_journal_destroy(options->allocator, journal);
        }
        return status;
    }
    *out_index = index;
    return HONE_OK;
}

hone_status hone_vector_check_file(const char *path, hone_diag *diag) {
    hone_vector_index *index;
    hone_status status = hone_vector_open(path, NULL, diag, &index);
    if (status != HONE_OK) {
        return status;
    }
    /* with a log all was checked before it was replayed, and the index has moved on since */
    const hn_vector_journal *journal = index->journal;
    if (journal->committed_bytes == journal->log_offset) {
        status = hn_vector_verify(index, journal->mapping.data, diag);
        hone_diag_at(diag, path, 0, 0);
    }
    hone_vector_destroy(index);
    return status;
}
