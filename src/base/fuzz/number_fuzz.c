/* SPDX-License-Identifier: Apache-2.0 */
/* Any text: what hone parses, libc parses to the same double, and what hone prints comes back. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "hone/base/number.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(int condition) {
    if (!condition) {
        abort();
    }
}

static void check_double(double value) {
    char text[HONE_NUMBER_TEXT_MAX];
    double again;
    size_t size = hone_number_format_f64(value, text);
    require(size <= 26);
    require(hone_number_parse_f64((hone_text){text, size}, &again) == HONE_OK);
    require(isnan(value) ? isnan(again) : memcmp(&value, &again, sizeof value) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hone_text text = {(const char *)data, size};
    double value;
    int64_t integer;
    char *terminated = malloc(size + 1);
    require(terminated != NULL);
    if (size) {
        memcpy(terminated, data, size);
    }
    terminated[size] = '\0';
    char *end;
    double expected = strtod(terminated, &end);
    hone_status status = hone_number_parse_f64(text, &value);
    if (status == HONE_OK) {
        require(end == terminated + size);
        require(isnan(value) ? isnan(expected) : memcmp(&value, &expected, sizeof value) == 0);
    } else if (status == HONE_STATUS_OVERFLOW) {
        require(isinf(expected));
    }
    if (hone_number_parse_i64(text, &integer) == HONE_OK) {
        char again[HONE_NUMBER_TEXT_MAX];
        int64_t reparsed;
        size_t again_size = hone_number_format_i64(integer, again);
        require(hone_number_parse_i64((hone_text){again, again_size}, &reparsed) == HONE_OK);
        require(reparsed == integer && integer == strtoll(terminated, NULL, 10));
    }
    if (size >= sizeof value) {
        memcpy(&value, data, sizeof value);
        check_double(value);
    }
    free(terminated);
    return 0;
}
