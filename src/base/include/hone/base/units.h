/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Quantities as people write them in a node file: "100ms", "3s", "64MiB". And back again, for
 * reports. Contract: pure functions, no allocation.
 */
#ifndef HONE_BASE_UNITS_H
#define HONE_BASE_UNITS_H

#include "hone/base/span.h"
#include "hone/base/status.h"

/* ns us ms s m h d, decimals allowed ("1.5s"); a bare number is no duration. SYNTAX,
 * OVERFLOW (9.2e18 ns and more). */
HONE_MUST_USE hone_status hone_duration_parse(hone_text text, uint64_t *out_ns);

/* B, KiB MiB GiB TiB (1024) and kB MB GB TB (1000), decimals allowed; a bare number is bytes.
 * SYNTAX, OVERFLOW. */
HONE_MUST_USE hone_status hone_size_parse(hone_text text, uint64_t *out_bytes);

/* "12.3 us", "4.00 s"; "1.5 MiB". Terminated, three significant digits; returns the length. 16
 * bytes are enough. */
size_t hone_duration_format(double ns, char *out_text, size_t size);
size_t hone_size_format(double bytes, char *out_text, size_t size);

#endif
