/* SPDX-License-Identifier: Apache-2.0 */
/* NEON has no movemask: equal bytes keep one bit of their own each, and three rounds of pairwise
 * additions bring the 64 bits together. */
#include "scan_internal.h"

#include <arm_neon.h>

static inline uint64_t gather_bits(uint8x16_t a, uint8x16_t b, uint8x16_t c, uint8x16_t d) {
    static const uint8_t weights_bytes[16] = {1, 2, 4, 8, 16, 32, 64, 128,
                                              1, 2, 4, 8, 16, 32, 64, 128};
    const uint8x16_t weights = vld1q_u8(weights_bytes);
    uint8x16_t ab = vpaddq_u8(vandq_u8(a, weights), vandq_u8(b, weights));
    uint8x16_t cd = vpaddq_u8(vandq_u8(c, weights), vandq_u8(d, weights));
    uint8x16_t sums = vpaddq_u8(ab, cd);
    sums = vpaddq_u8(sums, sums);
    return vgetq_lane_u64(vreinterpretq_u64_u8(sums), 0);
}

static inline uint8x16_t end_bytes(uint8x16_t block, uint8x16_t separators) {
    return vorrq_u8(vceqq_u8(block, separators), vceqq_u8(block, vdupq_n_u8('\n')));
}

void hn_csv_mask_neon(const uint8_t *bytes, size_t blocks_count, char separator,
                      hone_csv_masks *out_masks) {
    const uint8x16_t separators = vdupq_n_u8((uint8_t)separator), quotes = vdupq_n_u8('"');
    for (size_t i = 0; i < blocks_count; i++, bytes += HONE_CSV_BLOCK_BYTES) {
        uint8x16_t a = vld1q_u8(bytes), b = vld1q_u8(bytes + 16);
        uint8x16_t c = vld1q_u8(bytes + 32), d = vld1q_u8(bytes + 48);
        out_masks[i].ends = gather_bits(end_bytes(a, separators), end_bytes(b, separators),
                                        end_bytes(c, separators), end_bytes(d, separators));
        out_masks[i].quotes = gather_bits(vceqq_u8(a, quotes), vceqq_u8(b, quotes),
                                          vceqq_u8(c, quotes), vceqq_u8(d, quotes));
    }
}
