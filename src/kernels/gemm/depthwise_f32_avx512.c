/* SPDX-License-Identifier: Apache-2.0 */
#include "vec_f32_avx512_internal.h"

#include "depthwise_f32_body_internal.h"

void hn_depthwise_f32_line_avx512(const hn_depthwise_f32_line *line) {
    run_line(line);
}
