/* SPDX-License-Identifier: Apache-2.0 */
#include "gemm_internal.h"

void hn_depthwise_f32_line_ref(const hn_depthwise_f32_line *line) {
    for (size_t x = 0; x < line->pixels; x++) {
        for (size_t c = 0; c < line->channels; c++) {
            float sum = line->bias ? line->bias[c] : 0;
            for (size_t t = 0; t < line->taps; t++) {
                sum = fmaf(line->in[t][(ptrdiff_t)x * line->in_stride + (ptrdiff_t)c],
                           line->weights[t * line->channels + c], sum);
            }
            sum = sum < line->low ? line->low : sum;
            line->out[x * line->channels + c] = sum > line->high ? line->high : sum;
        }
    }
}
