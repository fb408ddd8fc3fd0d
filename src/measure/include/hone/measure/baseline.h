/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Named baselines: a report kept in a file, to compare later runs with. The file is JSON with a
 * version, the host, and every sample of hone's own variants; DIRECTORY/SUITE/NAME.json.
 *
 * Contract: confined. Saving replaces the file as a whole: a reader sees the old or the new one.
 * Limits: 64 MiB a file, a million samples a case. A damaged file gives a message with file, line
 * and what is wrong.
 */
#ifndef HONE_MEASURE_BASELINE_H
#define HONE_MEASURE_BASELINE_H

#include "hone/measure/bench.h"

/* $XDG_STATE_HOME/hone/baselines or ~/.local/state/hone/baselines, in the arena. ABSENT when
 * neither variable is set: name a directory then. */
HONE_MUST_USE hone_status hone_baseline_directory(hone_arena *arena, hone_diag *diag,
                                                  const char **out_path);

/* Names are letters, digits, '.', '-', '_' and do not begin with a dot; else INVALID_ARGUMENT.
 * Makes the directories. */
HONE_MUST_USE hone_status hone_baseline_save(const hone_bench_report *report, const char *directory,
                                             const char *name, hone_diag *diag);

/* The loaded report has hone's variants alone. NOT_FOUND, SYNTAX (not JSON), CORRUPT (not a
 * baseline, or damaged), UNSUPPORTED (of a later version). */
HONE_MUST_USE hone_status hone_baseline_load(const char *suite, const char *directory,
                                             const char *name, hone_arena *arena, hone_diag *diag,
                                             hone_bench_report *out_report);

/* The same from text in memory; `file` is for messages. */
HONE_MUST_USE hone_status hone_baseline_parse(hone_text text, const char *file, hone_arena *arena,
                                              hone_diag *diag, hone_bench_report *out_report);

#endif
