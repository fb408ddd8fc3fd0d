/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding structural bytes in text: the vector variants of what base's scanners run on.
 *
 * Contract: shared; pure functions on the caller's memory. A mask function reads exactly
 * blocks_count x 64 bytes at any alignment and writes blocks_count masks (hone/base/csv.h); every
 * variant gives the same bits as hone_csv_mask_ref(), for every separator.
 */
#ifndef HONE_KERNELS_SCAN_H
#define HONE_KERNELS_SCAN_H

#include "hone/base/csv.h"
#include "hone/base/isa_mask.h"

typedef struct hone_scan_variant {
    const char *name;     /* "ref", "avx2", "avx512", "neon" */
    hone_isa_mask needed; /* may run only where the machine has all of these */
    hone_csv_mask_fn *csv_mask;
} hone_scan_variant;

/* The variants of this build in rising order, ref first; *out_count of them. Static storage. */
const hone_scan_variant *hone_scan_variants(size_t *out_count);

/* The last variant that `features` allows; never NULL. */
hone_csv_mask_fn *hone_scan_csv_mask(hone_isa_mask features);

#endif
