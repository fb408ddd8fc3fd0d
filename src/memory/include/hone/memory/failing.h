/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An allocator for tests that fails on purpose: shows that a piece of code survives every single
 * allocation going wrong. The usual loop:
 *
 *     for (uint64_t n = 1;; n++) {
 *         hone_failing failing;
 *         hone_failing_init(&failing, NULL, n, false);
 *         hone_status status = build_and_drop_the_thing(&failing.allocator);
 *         assert_int_equal(hone_failing_read_stats(&failing).live_bytes, 0);
 *         if (!hone_failing_has_failed(&failing)) {
 *             break;   // n calls were not reached: every one of them has failed once
 *         }
 *         assert_int_equal(status, HONE_STATUS_OUT_OF_MEMORY);
 *     }
 *
 * Contract: shared. Calls counted are allocate and resize; release never fails.
 */
#ifndef HONE_MEMORY_FAILING_H
#define HONE_MEMORY_FAILING_H

#include <stdatomic.h>
#include <stdbool.h>

#include "hone/base/allocator.h"

typedef struct hone_failing {
    hone_allocator allocator; /* hand out &failing.allocator; the struct must not move */
    const hone_allocator *backing;
    uint64_t fail_at;
    bool is_lasting;
    _Atomic uint64_t calls_count;
    _Atomic uint64_t failed_count;
    _Atomic uint64_t live_count;
    _Atomic uint64_t live_bytes;
} hone_failing;

typedef struct hone_failing_stats {
    uint64_t calls_count;
    uint64_t failed_count; /* failed on purpose */
    uint64_t live_count;   /* blocks not released yet */
    uint64_t live_bytes;
} hone_failing_stats;

/* Call number `fail_at`, from 1, gives NULL; with `is_lasting` all later ones do, too. 0: none
 * does. NULL `backing` means libc. */
void hone_failing_init(hone_failing *failing, const hone_allocator *backing, uint64_t fail_at,
                       bool is_lasting);

/* True once a call was failed on purpose. */
bool hone_failing_has_failed(const hone_failing *failing);

hone_failing_stats hone_failing_read_stats(const hone_failing *failing);

#endif
