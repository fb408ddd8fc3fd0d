/* SPDX-License-Identifier: Apache-2.0 */
/* The nine functions of a variant, or six of one that is HN_DISTANCE_WITHOUT_F16, each the
 * including file's distances() with a metric and an element that are constants, so that the
 * compiler makes nine loops of the one. No guard: it is included once by every file that defines
 * HN_DISTANCE_ISA. */
#define HN_DISTANCE_JOIN(a, b) a##b
#define HN_DISTANCE_NAME(a, b) HN_DISTANCE_JOIN(a, b)
#define HN_DISTANCE_ENTRY(name, metric, element)                                               \
    void HN_DISTANCE_NAME(name, HN_DISTANCE_ISA)(const float *query, const void *const *rows,  \
                                                 size_t rows_count, size_t dims, float *out) { \
        distances(query, rows, rows_count, dims, out, metric, element);                        \
    }

HN_DISTANCE_ENTRY(hn_l2_f32_, HONE_DISTANCE_L2, HONE_DISTANCE_F32)
HN_DISTANCE_ENTRY(hn_l2_bf16_, HONE_DISTANCE_L2, HONE_DISTANCE_BF16)
HN_DISTANCE_ENTRY(hn_dot_f32_, HONE_DISTANCE_DOT, HONE_DISTANCE_F32)
HN_DISTANCE_ENTRY(hn_dot_bf16_, HONE_DISTANCE_DOT, HONE_DISTANCE_BF16)
HN_DISTANCE_ENTRY(hn_cosine_f32_, HONE_DISTANCE_COSINE, HONE_DISTANCE_F32)
HN_DISTANCE_ENTRY(hn_cosine_bf16_, HONE_DISTANCE_COSINE, HONE_DISTANCE_BF16)
#ifndef HN_DISTANCE_WITHOUT_F16
HN_DISTANCE_ENTRY(hn_l2_f16_, HONE_DISTANCE_L2, HONE_DISTANCE_F16)
HN_DISTANCE_ENTRY(hn_dot_f16_, HONE_DISTANCE_DOT, HONE_DISTANCE_F16)
HN_DISTANCE_ENTRY(hn_cosine_f16_, HONE_DISTANCE_COSINE, HONE_DISTANCE_F16)
#endif
