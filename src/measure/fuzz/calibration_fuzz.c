/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a calibration: a message, or figures that are sound enough to compute with. */
#include <stdlib.h>

#include "hone/measure/calibration.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hone_diag diag = {0};
    hone_calibration calibration;
    hone_text text = {(const char *)data, size};
    hone_status status = hone_calibration_parse(text, "fuzz.json", &diag, &calibration);
    if (status != HONE_OK && diag.message[0] == '\0') {
        abort();
    }
    hone_huge_page_figures figures;
    if (status == HONE_OK && hone_calibration_huge_pages(&calibration, &figures)) {
        const hone_huge_page_offer offer = {4096, 2 << 20, 0, true};
        hone_huge_page_advice advice;
        if (hone_huge_page_advise(1 << 30, 0, &offer, &figures, &advice) != HONE_OK) {
            abort(); /* what was read is positive and finite */
        }
    }
    return 0;
}
