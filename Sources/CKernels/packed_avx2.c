// The packed int8 table with AVX2. vpmaddubsw would saturate (255 * 127 * 2 > 32767), so both sides are
// widened to 16 bits and vpmaddwd adds pairs exactly. The query is taken back to its signed form,
// which makes the correction term unnecessary here: the integer is the same.
#if defined(__x86_64__)
#include "CKernels.h"

#include <immintrin.h>
#include <string.h>

#define KN_AVX2 __attribute__((target("avx2")))

// The scores of eight rows, half a block, whose 32 bytes a group start at `values`.
KN_AVX2 static inline __m256 score_half(const kn_packed_table *table, const uint8_t *query, float query_scale,
                                        const int8_t *values, size_t row) {
#pragma clang fp contract(off)
    __m256i low = _mm256_setzero_si256(), high = _mm256_setzero_si256();
    const __m256i offset = _mm256_set1_epi16(128);
    for (size_t group = 0; group < table->groups; group++) {
        int32_t four;
        memcpy(&four, query + group * KN_GROUP_COLUMNS, sizeof four);
        const __m256i q = _mm256_sub_epi16(_mm256_cvtepu8_epi16(_mm_set1_epi32(four)), offset);
        const int8_t *w = values + group * KN_BLOCK_ROWS * KN_GROUP_COLUMNS;
        const __m256i w_low = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)w));
        const __m256i w_high = _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(w + 16)));
        low = _mm256_add_epi32(low, _mm256_madd_epi16(q, w_low));
        high = _mm256_add_epi32(high, _mm256_madd_epi16(q, w_high));
    }
    // Each row is two neighbouring sums; hadd interleaves 128-bit halves, the permutation undoes it.
    const __m256i pairs = _mm256_hadd_epi32(low, high);
    const __m256i sums = _mm256_permute4x64_epi64(pairs, 0xd8);
    const __m256 product = _mm256_mul_ps(_mm256_cvtepi32_ps(sums), _mm256_loadu_ps(table->row_scales + row));
    return _mm256_add_ps(_mm256_mul_ps(product, _mm256_set1_ps(query_scale)), _mm256_loadu_ps(table->biases + row));
}

KN_AVX2 static inline void score_block(const kn_packed_table *table, const uint8_t *query, float query_scale,
                                       size_t block, __m256 *low, __m256 *high) {
    const int8_t *values = table->values + block * table->groups * KN_BLOCK_ROWS * KN_GROUP_COLUMNS;
    const size_t row = block * KN_BLOCK_ROWS;
    *low = score_half(table, query, query_scale, values, row);
    *high = score_half(table, query, query_scale, values + 32, row + 8);
}

KN_AVX2 static void score(const kn_packed_table *table, const uint8_t *query, float query_scale, size_t first,
                          size_t blocks, float *scores) {
    for (size_t block = 0; block < blocks; block++) {
        __m256 low, high;
        score_block(table, query, query_scale, first + block, &low, &high);
        _mm256_storeu_ps(scores + block * KN_BLOCK_ROWS, low);
        _mm256_storeu_ps(scores + block * KN_BLOCK_ROWS + 8, high);
    }
}

KN_AVX2 static size_t scan(const kn_packed_table *table, const uint8_t *query, float query_scale, size_t first,
                           size_t blocks, float threshold, uint32_t *rows, float *scores) {
    size_t found = 0;
    const __m256 limit = _mm256_set1_ps(threshold);
    for (size_t block = first; block < first + blocks; block++) {
        __m256 low, high;
        score_block(table, query, query_scale, block, &low, &high);
        const unsigned above = (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(low, limit, _CMP_GT_OQ)) |
                               (unsigned)_mm256_movemask_ps(_mm256_cmp_ps(high, limit, _CMP_GT_OQ)) << 8;
        if (above == 0) continue;
        float block_scores[KN_BLOCK_ROWS];
        _mm256_storeu_ps(block_scores, low);
        _mm256_storeu_ps(block_scores + 8, high);
        for (unsigned left = above; left != 0; left &= left - 1) {
            const unsigned row = (unsigned)__builtin_ctz(left);
            rows[found] = (uint32_t)(block * KN_BLOCK_ROWS + row);
            scores[found] = block_scores[row];
            found++;
        }
    }
    return found;
}

const kn_packed_kernels kn_packed_avx2 = {.score = score, .scan = scan};
#endif
