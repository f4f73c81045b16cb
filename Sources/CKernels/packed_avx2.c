// The packed int8 table with AVX2. vpmaddubsw would saturate (255 * 127 * 2 > 32767): the even and the odd
// weights are multiplied apart, as 16-bit numbers, and vpmaddwd adds pairs exactly.
#if defined(__x86_64__)
#include "CKernels.h"

#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
static inline __m256i add_products(__m256i sums, __m256i weights, __m256i query) {
    const __m256i even = _mm256_and_si256(weights, _mm256_set1_epi16(255));
    const __m256i odd = _mm256_srli_epi16(weights, 8);
    const __m256i even_query = _mm256_srai_epi16(_mm256_slli_epi16(query, 8), 8);
    const __m256i odd_query = _mm256_srai_epi16(query, 8);
    sums = _mm256_add_epi32(sums, _mm256_madd_epi16(even, even_query));
    return _mm256_add_epi32(sums, _mm256_madd_epi16(odd, odd_query));
}

#define KN_TABLE kn_packed_avx2
#include "packed_256.inc"
#pragma clang attribute pop
#endif
