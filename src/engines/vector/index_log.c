/* SPDX-License-Identifier: Apache-2.0 */
/* The log behind a snapshot: appending, committing, reading it back. index_file_internal.h has the
 * form of a record. */
#include "index_file_internal.h"

static uint32_t values_bytes(const hone_vector_index *index) {
    return index->storage == HONE_VECTOR_BITS ? index->dims / 8
                                              : index->dims * (uint32_t)sizeof(float);
}

static uint64_t record_bytes(uint32_t payload_bytes) {
    return (sizeof(hn_record) + (uint64_t)payload_bytes + 7) & ~(uint64_t)7;
}

/* Of the record that begins at `offset` of the file; its payload follows it. */
static uint64_t checksum_of(const uint8_t *record, uint64_t size, uint64_t offset) {
    return hn_vector_checksum(record + sizeof(uint64_t), (size_t)size - sizeof(uint64_t), offset);
}

/* ---- appending ---- */

/* Whether a change may be made, and room for its record. */
hone_status hn_vector_log_reserve(hone_vector_index *index, hone_diag *diag) {
    hn_vector_journal *journal = index->journal;
    if (!journal || journal->is_replaying) {
        return HONE_OK;
    }
    if (!journal->is_writable) {
        return hone_diag_set(diag, HONE_STATUS_READ_ONLY,
                             "the index was opened for reading; open it with is_writable");
    }
    /* room for the commit record, too: committing must not fail for memory */
    hone_status status = hone_buffer_reserve(
        &journal->pending, (size_t)(record_bytes(values_bytes(index)) + record_bytes(0)));
    return status == HONE_OK ? HONE_OK
                             : hone_diag_set(diag, status,
                                             "no room for more changes that are not committed; "
                                             "commit them");
}

/* The record of a change, for which there is room. */
void hn_vector_log_append(hone_vector_index *index, uint32_t kind, const hone_vector_item *item) {
    hn_vector_journal *journal = index->journal;
    static const uint8_t zeros[8];
    if (!journal || journal->is_replaying) {
        return;
    }
    uint32_t payload = kind == HN_RECORD_ADD || kind == HN_RECORD_UPDATE ? values_bytes(index) : 0;
    hn_record record = {
        .kind = kind, .payload_bytes = payload, .key = item->key, .tags = item->tags};
    size_t at = journal->pending.size;
    uint64_t size = record_bytes(payload);
    hone_buffer_append(&journal->pending, &record, sizeof record);
    hone_buffer_append(&journal->pending, item->values.data, payload);
    hone_buffer_append(&journal->pending, zeros, (size_t)(size - sizeof record - payload));
    record.checksum = checksum_of(journal->pending.data + at, size, journal->committed_bytes + at);
    memcpy(journal->pending.data + at, &record.checksum, sizeof record.checksum);
}

static hone_status write_and_sync(hn_vector_journal *journal, size_t from, size_t size,
                                  hone_diag *diag) {
    const hone_text part = {(const char *)journal->pending.data + from, size};
    hone_status status = hone_file_write_all(&journal->file, part, diag);
    return status == HONE_OK ? hone_file_sync(&journal->file, diag) : status;
}

static hone_status commit(hone_vector_index *index, hone_diag *diag) {
    hn_vector_journal *journal = index->journal;
    const hone_vector_item none = {0};
    if (journal->is_broken) {
        return hone_diag_set(diag, HONE_STATUS_IO,
                             "an earlier commit left the end of the file in an unknown state; "
                             "checkpoint writes it anew");
    }
    size_t changes_size = journal->pending.size;
    if (changes_size == 0) {
        return HONE_OK;
    }
    hone_status status = write_and_sync(journal, 0, changes_size, diag);
    if (status == HONE_OK) {
        hn_vector_log_append(index, HN_RECORD_COMMIT, &none);
        status = write_and_sync(journal, changes_size, journal->pending.size - changes_size, diag);
    }
    if (status == HONE_OK) {
        journal->committed_bytes += journal->pending.size;
        hone_buffer_clear(&journal->pending);
        return HONE_OK;
    }
    /* back to before; where that fails, too, nothing may be appended any more */
    journal->pending.size = changes_size;
    journal->is_broken = hone_file_cut(&journal->file, journal->committed_bytes, NULL) != HONE_OK ||
                         hone_file_sync(&journal->file, NULL) != HONE_OK;
    return status;
}

static hone_status check_writable(const hone_vector_index *index, hone_diag *diag) {
    if (!index || !index->journal) {
        return hone_diag_set(diag, HONE_STATUS_INVALID_ARGUMENT,
                             "the index has no file; hone_vector_save writes one");
    }
    return index->journal->is_writable
               ? HONE_OK
               : hone_diag_set(diag, HONE_STATUS_READ_ONLY, "the index was opened for reading");
}

hone_status hone_vector_commit(hone_vector_index *index, hone_diag *diag) {
    hone_status status = check_writable(index, diag);
    if (status != HONE_OK) {
        return status;
    }
    hone_mutex_lock(&index->writers);
    status = commit(index, diag);
    hone_mutex_unlock(&index->writers);
    hone_diag_at(diag, index->journal->path, 0, 0);
    return status;
}

static hone_status checkpoint(hone_vector_index *index, hone_diag *diag) {
    hn_vector_journal *journal = index->journal;
    hone_file file;
    hone_status status = hone_file_replace_by(journal->path, hn_vector_write_snapshot, index, diag);
    if (status != HONE_OK) {
        return status;
    }
    /* from here on all is in the new file; what goes wrong concerns later commits only */
    journal->is_broken = true;
    hone_buffer_clear(&journal->pending);
    status = hone_file_open(journal->path, HONE_FILE_APPEND, diag, &file);
    if (status == HONE_OK) {
        status = hone_file_try_lock(&file, journal->path, diag);
        (void)hone_file_close(status == HONE_OK ? &journal->file : &file, NULL);
    }
    if (status == HONE_OK) {
        journal->file = file;
        journal->log_offset = journal->committed_bytes = hn_vector_file_plan(index).log;
        journal->is_broken = false;
    }
    return status;
}

hone_status hone_vector_checkpoint(hone_vector_index *index, hone_diag *diag) {
    hone_status status = check_writable(index, diag);
    if (status != HONE_OK) {
        return status;
    }
    hone_mutex_lock(&index->writers);
    status = checkpoint(index, diag);
    hone_mutex_unlock(&index->writers);
    hone_diag_at(diag, index->journal->path, 0, 0);
    return status;
}

uint64_t hone_vector_log_bytes(hone_vector_index *index) {
    uint64_t bytes = 0;
    if (index && index->journal) {
        hone_mutex_lock(&index->writers);
        bytes = index->journal->committed_bytes - index->journal->log_offset +
                index->journal->pending.size;
        hone_mutex_unlock(&index->writers);
    }
    return bytes;
}

/* ---- reading ---- */

/* The record at `at`, when there is a whole one that checks; its size, or 0. */
static uint64_t read_record(const uint8_t *data, uint64_t at, uint64_t end, hn_record *out_record) {
    if (end - at < sizeof(hn_record)) {
        return 0;
    }
    memcpy(out_record, data + at, sizeof *out_record);
    uint64_t size = record_bytes(out_record->payload_bytes);
    if (out_record->kind < HN_RECORD_ADD || out_record->kind > HN_RECORD_COMMIT ||
        size > end - at || checksum_of(data + at, size, at) != out_record->checksum) {
        return 0;
    }
    return size;
}

hone_status hn_vector_log_end(const uint8_t *data, uint64_t begin, uint64_t end, hone_diag *diag,
                              uint64_t *out_end) {
    hn_record record;
    uint64_t at = begin, committed = begin, size;
    while (at < end && (size = read_record(data, at, end, &record)) > 0) {
        at += size;
        committed = record.kind == HN_RECORD_COMMIT ? at : committed;
    }
    /* what follows never was whole, or is damaged: then a later commit shows that it was. Commit
     * records are of the smallest size, so looking for them costs that much per 8 bytes. */
    for (uint64_t later = at; later + sizeof record <= end; later += 8) {
        memcpy(&record, data + later, sizeof record);
        if (record.kind == HN_RECORD_COMMIT && record.payload_bytes == 0 &&
            read_record(data, later, end, &record) > 0) {
            return hone_diag_set(diag, HONE_STATUS_CORRUPT,
                                 "the log is damaged at byte %llu, and changes that were committed "
                                 "follow; restore the file from a copy",
                                 (unsigned long long)at);
        }
    }
    *out_end = committed;
    return HONE_OK;
}

hone_status hn_vector_log_replay(hone_vector_index *index, const uint8_t *data, uint64_t begin,
                                 uint64_t end, hone_diag *diag) {
    hone_status status = HONE_OK;
    uint64_t size;
    for (uint64_t at = begin; at < end && status == HONE_OK; at += size) {
        hn_record record = {0};
        size = read_record(data, at, end, &record);
        if (size == 0) { /* find_committed has read all of them before */
            return hone_diag_set(diag, HONE_STATUS_CORRUPT, "a record that cannot be read");
        }
        bool has_values = record.kind == HN_RECORD_ADD || record.kind == HN_RECORD_UPDATE;
        if (has_values && record.payload_bytes != values_bytes(index)) {
            status = hone_diag_set(diag, HONE_STATUS_CORRUPT, "a record of the wrong size");
            break;
        }
        const hone_vector_item item = {
            .key = record.key,
            .tags = record.tags,
            .values = {data + at + sizeof record,
                       index->storage == HONE_VECTOR_BITS ? index->dims / 64 : index->dims}};
        switch (record.kind) {
        case HN_RECORD_ADD: status = hone_vector_add(index, &item, diag); break;
        case HN_RECORD_UPDATE: status = hone_vector_update(index, &item, diag); break;
        case HN_RECORD_REMOVE: status = hone_vector_remove(index, record.key, diag); break;
        default: break;
        }
        if (status != HONE_OK && status != HONE_STATUS_OUT_OF_MEMORY) {
            status = hone_diag_set(diag, HONE_STATUS_CORRUPT,
                                   "the log asks for a change that cannot be (key %llu); restore "
                                   "the file from a copy",
                                   (unsigned long long)record.key);
        }
    }
    return status;
}
