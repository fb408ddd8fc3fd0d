/* SPDX-License-Identifier: Apache-2.0 */
#include "hone/base/log.h"

#include <stdio.h>

void hone_log_write(const hone_log *log, hone_log_level level, const char *format, ...) {
    char line[1001];
    if (!log || !log->write || level < log->level_min) {
        return;
    }
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (length > 0) {
        size_t size = (size_t)length < sizeof line ? (size_t)length : sizeof line - 1;
        log->write(log->self, level, (hone_text){line, size});
    }
}
