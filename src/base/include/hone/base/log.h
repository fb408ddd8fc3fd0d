/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a library call may say something: a sink given by the caller. hone itself never prints.
 * Contract: the sink's write function must be as thread-safe as the objects it is given to (a
 * node's is shared).
 */
#ifndef HONE_BASE_LOG_H
#define HONE_BASE_LOG_H

#include "hone/base/span.h"
#include "hone/base/status.h"

typedef enum hone_log_level {
    HONE_LOG_DEBUG,
    HONE_LOG_INFO,
    HONE_LOG_WARNING,
    HONE_LOG_ERROR
} hone_log_level;

typedef struct hone_log {
    void (*write)(void *self, hone_log_level level,
                  hone_text message); /* one line, without its end */
    void *self;
    hone_log_level level_min;
} hone_log;

/* Formats and hands over one line (cut at 1000 bytes). NULL log, or a level below level_min:
 * nothing happens. */
void hone_log_write(const hone_log *log, hone_log_level level, const char *format, ...)
    HONE_PRINTF(3, 4);

#endif
