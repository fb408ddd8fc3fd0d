/* SPDX-License-Identifier: Apache-2.0 */
/* An architecture without SIMD kernels: plain C it is. */
#include "isa_internal.h"

void hn_cpu_ask(hn_cpu *out_cpu) {
    *out_cpu = (hn_cpu){0};
}
