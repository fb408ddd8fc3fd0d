/* SPDX-License-Identifier: Apache-2.0 */
/* The variants that this architecture can have; the build defines HONE_HAVE_... for those it has.
 */
#ifndef HONE_KERNELS_SCAN_INTERNAL_H
#define HONE_KERNELS_SCAN_INTERNAL_H

#include "hone/kernels/scan.h"

hone_csv_mask_fn hn_csv_mask_avx2, hn_csv_mask_avx512, hn_csv_mask_neon;

#endif
