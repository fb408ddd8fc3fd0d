/* SPDX-License-Identifier: Apache-2.0 */
#include "scan_internal.h"

#include <immintrin.h>

void hn_csv_mask_avx512(const uint8_t *bytes, size_t blocks_count, char separator,
                        hone_csv_masks *out_masks) {
    const __m512i separators = _mm512_set1_epi8(separator), line_feeds = _mm512_set1_epi8('\n'),
                  quotes = _mm512_set1_epi8('"');
    for (size_t i = 0; i < blocks_count; i++, bytes += HONE_CSV_BLOCK_BYTES) {
        __m512i block = _mm512_loadu_si512(bytes);
        out_masks[i].ends =
            _mm512_cmpeq_epi8_mask(block, separators) | _mm512_cmpeq_epi8_mask(block, line_feeds);
        out_masks[i].quotes = _mm512_cmpeq_epi8_mask(block, quotes);
    }
}
