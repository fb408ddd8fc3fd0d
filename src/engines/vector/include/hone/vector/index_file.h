/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A vector index in a file: one file, that holds a snapshot of the index and behind it a log of the
 * changes since.
 *
 * Opened for reading, the snapshot is used where it lies in the file: opening takes as long for a
 * gigabyte as for a kilobyte, and pages come from the device when a search first touches them.
 * Opened for writing, it is used the same way, changes go to memory of their own and to the log.
 *
 *     status = hone_vector_create(&options, &diag, &index);
 *     ...adds...
 *     status = hone_vector_save(index, "places.hv", &diag);     // a snapshot, from any index
 *     hone_vector_destroy(index);
 *
 *     hone_vector_file_options options = {.is_writable = true};
 *     status = hone_vector_open("places.hv", &options, &diag, &index);
 *     status = hone_vector_add(index, &item, &diag);
 *     status = hone_vector_commit(index, &diag);      // from here on it survives
 *     status = hone_vector_checkpoint(index, &diag);  // now and then: the log becomes a snapshot
 *
 * Contract
 *   Threads     as index.h; commit, save and checkpoint count as writers.
 *   Durability  what was changed before a commit that returned HONE_OK is there after any crash;
 *               what was not committed is not, as a whole. save and checkpoint write beside the
 *               file and put it into its place: a crash leaves the old file or the new one.
 *   Damage      a file that is shorter than it says, or whose header does not check, is refused.
 *               Opening for writing checks everything (and so reads everything), and so does
 *               hone_vector_check_file. Opening for reading does not, unless there is a log: in a
 *               damaged snapshot a search may find the wrong vectors, but never reads beyond the
 *               file. A log that ends in the middle of a commit is as if that had not begun; one
 *               that is damaged before a later commit is refused.
 *   Sharing     one process at a time writes, any number read. A reader sees the file as it was
 *               when it opened it. Files are for machines of one byte order.
 *   Errors      as file.h of platform, and TRUNCATED, CORRUPT, UNSUPPORTED (another version).
 *   Limits      changes that are not committed: 256 MiB.
 */
#ifndef HONE_VECTOR_INDEX_FILE_H
#define HONE_VECTOR_INDEX_FILE_H

#include "hone/vector/index.h"

typedef struct hone_vector_file_options {
    bool is_writable;
    const hone_isa_mask *features;   /* as hone_vector_options */
    const hone_allocator *allocator; /* likewise */
} hone_vector_file_options;

/* Writes a snapshot of the index to `path`, replacing what is there. */
HONE_MUST_USE hone_status hone_vector_save(hone_vector_index *index, const char *path,
                                           hone_diag *diag);

/* Opens a file; the index is destroyed like any other, which closes it. Changes that were not
 * committed are gone then. `options` may be NULL: for reading. WOULD_BLOCK when another process
 * writes to it. */
HONE_MUST_USE hone_status hone_vector_open(const char *path,
                                           const hone_vector_file_options *options, hone_diag *diag,
                                           hone_vector_index **out_index);

/* Makes all changes so far survive. After an error they are still in the index and not in the file:
 * commit again, or checkpoint. READ_ONLY, or INVALID_ARGUMENT for an index that has no file.
 * NO_SPACE, IO. Cost: two waits for the device; nothing when nothing has changed. */
HONE_MUST_USE hone_status hone_vector_commit(hone_vector_index *index, hone_diag *diag);

/* Commits everything by writing the file anew, without a log. As commit. */
HONE_MUST_USE hone_status hone_vector_checkpoint(hone_vector_index *index, hone_diag *diag);

/* Bytes of the log behind the snapshot, uncommitted changes included: for when to checkpoint. */
uint64_t hone_vector_log_bytes(hone_vector_index *index);

/* Reads the whole file and checks every checksum, every link and every key. */
HONE_MUST_USE hone_status hone_vector_check_file(const char *path, hone_diag *diag);

#endif
