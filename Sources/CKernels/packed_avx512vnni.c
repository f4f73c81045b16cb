// The packed int8 table with AVX-512 VNNI: one vpdpbusd adds four products to each of 16 rows.
#if defined(__x86_64__)
#include "CKernels.h"

#include <immintrin.h>
#include <string.h>

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni"))),             \
                             apply_to = function)

static inline __m512i query_group(const kn_packed_query *query, size_t group) {
    int32_t four;
    memcpy(&four, query->values + group * KN_GROUP_COLUMNS, sizeof four);
    return _mm512_set1_epi32(four);
}

static inline __m512 finish(const kn_packed_table *table, const kn_packed_query *query, __m512i sums, size_t row) {
#pragma clang fp contract(off)
    const __m512 exact = _mm512_cvtepi32_ps(_mm512_sub_epi32(sums, _mm512_set1_epi32(query->correction)));
    const __m512 product = _mm512_mul_ps(exact, _mm512_loadu_ps(table->row_scales + row));
    return _mm512_add_ps(_mm512_mul_ps(product, _mm512_set1_ps(query->scale)), _mm512_loadu_ps(table->biases + row));
}

static inline __m512 score_block(const kn_packed_table *table, const kn_packed_query *query, size_t block) {
    const size_t groups = table->groups;
    const uint8_t *values = table->values + block * groups * KN_BLOCK_ROWS * KN_GROUP_COLUMNS;
    // Two chains hide the latency of the instruction; more blocks are in flight beside this one.
    __m512i even = _mm512_setzero_si512(), odd = _mm512_setzero_si512();
    size_t group = 0;
    for (; group + 2 <= groups; group += 2) {
        even = _mm512_dpbusd_epi32(even, _mm512_loadu_si512(values + group * 64), query_group(query, group));
        odd = _mm512_dpbusd_epi32(odd, _mm512_loadu_si512(values + group * 64 + 64), query_group(query, group + 1));
    }
    if (group < groups)
        even = _mm512_dpbusd_epi32(even, _mm512_loadu_si512(values + group * 64), query_group(query, group));
    return finish(table, query, _mm512_add_epi32(even, odd), block * KN_BLOCK_ROWS);
}

static void score(const kn_packed_table *table, const kn_packed_query *query, size_t first, size_t blocks,
                  float *scores) {
    for (size_t block = 0; block < blocks; block++)
        _mm512_storeu_ps(scores + block * KN_BLOCK_ROWS, score_block(table, query, first + block));
}

// Appends those of 16 rows whose score is above the threshold; returns how many.
static inline size_t keep(__m512 result, float threshold, size_t row, uint32_t *rows, float *scores) {
    const __mmask16 above = _mm512_cmp_ps_mask(result, _mm512_set1_ps(threshold), _CMP_GT_OQ);
    if (above == 0) return 0;
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    _mm512_mask_compressstoreu_epi32(rows, above, _mm512_add_epi32(lane, _mm512_set1_epi32((int32_t)row)));
    _mm512_mask_compressstoreu_ps(scores, above, result);
    return (size_t)__builtin_popcount(above);
}

static size_t scan(const kn_packed_table *table, const kn_packed_query *query, size_t first, size_t blocks,
                   float threshold, uint32_t *rows, float *scores) {
    size_t found = 0;
    for (size_t block = first; block < first + blocks; block++) {
        const __m512 result = score_block(table, query, block);
        found += keep(result, threshold, block * KN_BLOCK_ROWS, rows + found, scores + found);
    }
    return found;
}

// Two blocks against eight queries: sixteen sums in registers, and each weight and each query value is
// loaded once for all that it meets.
static void scan_many(const kn_packed_table *table, const kn_packed_query *queries, size_t count, size_t first,
                      size_t blocks, const float *thresholds, uint32_t *rows, float *scores, size_t stride,
                      size_t *found) {
    for (size_t q = 0; q < count; q++) found[q] = 0;
    size_t block = first;
    const size_t bytes = table->groups * KN_BLOCK_ROWS * KN_GROUP_COLUMNS;
    for (; count == KN_QUERIES_MAX && block + 2 <= first + blocks; block += 2) {
        const uint8_t *values = table->values + block * bytes;
        __m512i low[KN_QUERIES_MAX], high[KN_QUERIES_MAX];
        for (size_t q = 0; q < KN_QUERIES_MAX; q++) low[q] = high[q] = _mm512_setzero_si512();
        for (size_t group = 0; group < table->groups; group++) {
            const __m512i w_low = _mm512_loadu_si512(values + group * 64);
            const __m512i w_high = _mm512_loadu_si512(values + bytes + group * 64);
#pragma clang loop unroll(full)
            for (size_t q = 0; q < KN_QUERIES_MAX; q++) {
                const __m512i four = query_group(queries + q, group);
                low[q] = _mm512_dpbusd_epi32(low[q], w_low, four);
                high[q] = _mm512_dpbusd_epi32(high[q], w_high, four);
            }
        }
#pragma clang loop unroll(full)
        for (size_t q = 0; q < KN_QUERIES_MAX; q++) {
            const size_t row = block * KN_BLOCK_ROWS;
            uint32_t *found_rows = rows + q * stride;
            float *found_scores = scores + q * stride;
            const __m512 first_result = finish(table, queries + q, low[q], row);
            found[q] += keep(first_result, thresholds[q], row, found_rows + found[q], found_scores + found[q]);
            const __m512 second_result = finish(table, queries + q, high[q], row + KN_BLOCK_ROWS);
            found[q] += keep(second_result, thresholds[q], row + KN_BLOCK_ROWS, found_rows + found[q],
                             found_scores + found[q]);
        }
    }
    if (block == first + blocks) return;
    for (size_t q = 0; q < count; q++) {
        const size_t place = q * stride + found[q];
        found[q] += scan(table, queries + q, block, first + blocks - block, thresholds[q], rows + place, scores + place);
    }
}

const kn_packed_kernels kn_packed_avx512vnni = {.score = score, .scan = scan, .scan_many = scan_many};
#pragma clang attribute pop
#endif
