/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What detect shows of a calibration: the figures that were measured on this host, and what they
 * advise about huge pages. Contract: confined.
 */
#ifndef HN_CLI_CALIBRATION_VIEW_INTERNAL_H
#define HN_CLI_CALIBRATION_VIEW_INTERNAL_H

#include "hone/base/json.h"
#include "hone/measure/calibration.h"
#include "session_internal.h"

typedef struct hn_calibration_view {
    bool is_known;
    hone_calibration calibration;
    int64_t age_ns;    /* since it was measured; negative: the clock was set back */
    hone_diag absence; /* why it is not known */
} hn_calibration_view;

/* With --calibrate measures and stores; else loads what is stored for this host. A calibration that
 * is not there or not sound is an absence, not a failure. HN_EXIT_OK, or the exit code after the
 * complaint. */
int hn_cli_calibration_get(hn_session *session, hn_calibration_view *out_view);

/* The same without measuring, for a command without --calibrate. */
void hn_cli_calibration_find(hn_session *session, hn_calibration_view *out_view);

void hn_cli_calibration_print(hn_cli_output *out, const hn_calibration_view *view);
void hn_cli_calibration_write(hone_json_writer *writer, const hn_calibration_view *view);

/* What to do with heaps of 64 MiB, 256 MiB and 1 GiB on the machine described. */
void hn_cli_huge_pages_print(hn_cli_output *out, const hone_platform *platform,
                             const hn_calibration_view *view);
void hn_cli_huge_pages_write(hone_json_writer *writer, const hone_platform *platform,
                             const hn_calibration_view *view);

#endif
