/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An allocator for tests that watches its users: a block released twice, never allocated, or with
 * the wrong size or alignment; bytes written behind the end; blocks left over. Fresh blocks are
 * filled with 0xCD and released ones with 0xDD, so that forgotten initialisation and use after
 * release show.
 *
 * Contract: shared. It never aborts: the first fault is kept with its details and all are counted;
 * the test asks at the end. A faulty release is not passed on, unless only size or alignment are
 * wrong.
 */
#ifndef HONE_MEMORY_CHECKING_H
#define HONE_MEMORY_CHECKING_H

#include "hone/base/allocator.h"
#include "hone/base/status.h"

typedef struct hone_checking hone_checking;

/* Watches at most `blocks_max` blocks at a time; an allocation beyond that is a fault and gives
 * NULL. NULL `backing` means libc; the book-keeping itself comes from it, too. INVALID_ARGUMENT,
 * OUT_OF_MEMORY. */
HONE_MUST_USE hone_status hone_checking_create(const hone_allocator *backing, size_t blocks_max,
                                               hone_checking **out_checking);

/* The allocator to hand out; valid until destroy. */
const hone_allocator *hone_checking_allocator(const hone_checking *checking);

/* HONE_OK when there was no fault and no block is live; CORRUPT after a fault, INTERNAL when blocks
 * were left over. `diag` tells the first fault, or the oldest block that is left over. */
HONE_MUST_USE hone_status hone_checking_verify(hone_checking *checking, hone_diag *diag);

/* Gives everything back, blocks that are still live included. NULL is allowed. */
void hone_checking_destroy(hone_checking *checking);

#endif
