// The packed int8 table with AVX-VNNI: vpdpbusd in 256-bit registers, for processors without AVX-512.
#if defined(__x86_64__)
#include "CKernels.h"

#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx2,avxvnni"))), apply_to = function)
static inline __m256i add_products(__m256i sums, __m256i weights, __m256i query) {
    return _mm256_dpbusd_avx_epi32(sums, weights, query);
}

#define KN_TABLE kn_packed_avxvnni
#include "packed_256.inc"
#pragma clang attribute pop
#endif
