/* SPDX-License-Identifier: Apache-2.0 */
#include "scan_internal.h"

#include <immintrin.h>

static inline uint64_t equal_mask(__m256i low, __m256i high, __m256i pattern) {
    uint32_t low_bits = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(low, pattern));
    uint32_t high_bits = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(high, pattern));
    return low_bits | (uint64_t)high_bits << 32;
}

void hn_csv_mask_avx2(const uint8_t *bytes, size_t blocks_count, char separator,
                      hone_csv_masks *out_masks) {
    const __m256i separators = _mm256_set1_epi8(separator), line_feeds = _mm256_set1_epi8('\n'),
                  quotes = _mm256_set1_epi8('"');
    for (size_t i = 0; i < blocks_count; i++, bytes += HONE_CSV_BLOCK_BYTES) {
        __m256i low = _mm256_loadu_si256((const __m256i *)(const void *)bytes);
        __m256i high = _mm256_loadu_si256((const __m256i *)(const void *)(bytes + 32));
        out_masks[i].ends = equal_mask(low, high, separators) | equal_mask(low, high, line_feeds);
        out_masks[i].quotes = equal_mask(low, high, quotes);
    }
}
