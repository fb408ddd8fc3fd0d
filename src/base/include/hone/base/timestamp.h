/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Points in time as text: RFC 3339 in UTC, and seconds since 1970. Times are ns since 1970-01-01
 * UTC, from 1678 to 2261. Contract: pure functions, shared, no allocation.
 */
#ifndef HONE_BASE_TIMESTAMP_H
#define HONE_BASE_TIMESTAMP_H

#include "hone/base/span.h"
#include "hone/base/status.h"

enum { HONE_TIMESTAMP_TEXT_MAX = 40 };

/* "2026-11-20T23:11:53.5Z", also with an offset ("+01:00"), with a space or t in the place of T,
 * without seconds' fraction; without an offset it is UTC. Or a number: seconds since 1970, with a
 * fraction. Finer digits than ns are cut. SYNTAX, OVERFLOW. */
HONE_MUST_USE hone_status hone_timestamp_parse(hone_text text, int64_t *out_ns);

/* "2026-11-20T23:11:53.5Z": as few digits behind the point as are exact, terminated; returns the
 * length. */
size_t hone_timestamp_format(int64_t ns, char *out_text);

/* "1763680313.5": seconds, the same way. */
size_t hone_timestamp_format_seconds(int64_t ns, char *out_text);

#endif
