// The packed int8 table with AVX-512 VNNI: one vpdpbusd adds four products to each of 16 rows.
#if defined(__x86_64__)
#include "CKernels.h"

#include <immintrin.h>
#include <string.h>

#define KN_VNNI __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")))

KN_VNNI static inline __m512i group_of(const uint8_t *query, size_t group) {
    int32_t four;
    memcpy(&four, query + group * KN_GROUP_COLUMNS, sizeof four);
    return _mm512_set1_epi32(four);
}

KN_VNNI static inline __m512 score_block(const kn_packed_table *table, const uint8_t *query, float query_scale,
                                         size_t block) {
#pragma clang fp contract(off)
    const size_t groups = table->groups;
    const int8_t *values = table->values + block * groups * KN_BLOCK_ROWS * KN_GROUP_COLUMNS;
    // Two chains hide the latency of the instruction; more blocks are in flight beside this one.
    __m512i even = _mm512_setzero_si512(), odd = _mm512_setzero_si512();
    size_t group = 0;
    for (; group + 2 <= groups; group += 2) {
        even = _mm512_dpbusd_epi32(even, group_of(query, group), _mm512_loadu_si512(values + group * 64));
        odd = _mm512_dpbusd_epi32(odd, group_of(query, group + 1), _mm512_loadu_si512(values + group * 64 + 64));
    }
    if (group < groups)
        even = _mm512_dpbusd_epi32(even, group_of(query, group), _mm512_loadu_si512(values + group * 64));
    const size_t row = block * KN_BLOCK_ROWS;
    const __m512i sums =
        _mm512_sub_epi32(_mm512_add_epi32(even, odd), _mm512_loadu_si512(table->corrections + row));
    const __m512 product = _mm512_mul_ps(_mm512_cvtepi32_ps(sums), _mm512_loadu_ps(table->row_scales + row));
    return _mm512_add_ps(_mm512_mul_ps(product, _mm512_set1_ps(query_scale)), _mm512_loadu_ps(table->biases + row));
}

KN_VNNI static void score(const kn_packed_table *table, const uint8_t *query, float query_scale, size_t first,
                          size_t blocks, float *scores) {
    for (size_t block = 0; block < blocks; block++)
        _mm512_storeu_ps(scores + block * KN_BLOCK_ROWS, score_block(table, query, query_scale, first + block));
}

KN_VNNI static size_t scan(const kn_packed_table *table, const uint8_t *query, float query_scale, size_t first,
                           size_t blocks, float threshold, uint32_t *rows, float *scores) {
    size_t found = 0;
    const __m512 limit = _mm512_set1_ps(threshold);
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    for (size_t block = first; block < first + blocks; block++) {
        const __m512 result = score_block(table, query, query_scale, block);
        const __mmask16 above = _mm512_cmp_ps_mask(result, limit, _CMP_GT_OQ);
        if (above == 0) continue;
        const __m512i row = _mm512_add_epi32(lane, _mm512_set1_epi32((int32_t)(block * KN_BLOCK_ROWS)));
        _mm512_mask_compressstoreu_epi32(rows + found, above, row);
        _mm512_mask_compressstoreu_ps(scores + found, above, result);
        found += (size_t)__builtin_popcount(above);
    }
    return found;
}

const kn_packed_kernels kn_packed_avx512vnni = {.score = score, .scan = scan};
#endif
