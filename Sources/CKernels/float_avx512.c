// Float kernels for AVX-512.
#if defined(__x86_64__)
#include "CKernels.h"

#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,fma"))), apply_to = function)

// A root and a division take 35 cycles for 16 values; estimates of 14 bits, each made better by one step
// of Newton's, take a quarter of that and are within 2^-22.
static inline __m512 reciprocal(__m512 x) {
    const __m512 estimate = _mm512_rcp14_ps(x);
    return _mm512_mul_ps(estimate, _mm512_fnmadd_ps(x, estimate, _mm512_set1_ps(2.0f)));
}

static inline __m512 root(__m512 x) {
    // 0 has no reciprocal root; its root is 0.
    const __mmask16 positive = _mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_GT_OQ);
    const __m512 estimate = _mm512_maskz_rsqrt14_ps(positive, x);
    const __m512 near = _mm512_mul_ps(x, estimate);
    const __m512 rest = _mm512_fnmadd_ps(near, estimate, _mm512_set1_ps(1.0f));
    return _mm512_fmadd_ps(_mm512_mul_ps(near, _mm512_set1_ps(0.5f)), rest, near);
}

static void adam(float *restrict w, float *restrict m, float *restrict v, const float *restrict g, float rate,
                 float beta1, float beta2, float root_correction, float epsilon, size_t n) {
    const __m512 decay1 = _mm512_set1_ps(beta1), share1 = _mm512_set1_ps(1.0f - beta1);
    const __m512 decay2 = _mm512_set1_ps(beta2), share2 = _mm512_set1_ps(1.0f - beta2);
    for (size_t i = 0; i < n; i += 16) {
        const __mmask16 left = n - i >= 16 ? (__mmask16)0xffff : (__mmask16)((1u << (n - i)) - 1);
        const __m512 slope = _mm512_maskz_loadu_ps(left, g + i);
        const __m512 first = _mm512_fmadd_ps(decay1, _mm512_maskz_loadu_ps(left, m + i), _mm512_mul_ps(share1, slope));
        const __m512 second = _mm512_fmadd_ps(decay2, _mm512_maskz_loadu_ps(left, v + i),
                                              _mm512_mul_ps(share2, _mm512_mul_ps(slope, slope)));
        const __m512 scale =
            reciprocal(_mm512_fmadd_ps(root(second), _mm512_set1_ps(root_correction), _mm512_set1_ps(epsilon)));
        const __m512 step = _mm512_mul_ps(_mm512_mul_ps(_mm512_set1_ps(rate), first), scale);
        _mm512_mask_storeu_ps(m + i, left, first);
        _mm512_mask_storeu_ps(v + i, left, second);
        _mm512_mask_storeu_ps(w + i, left, _mm512_sub_ps(_mm512_maskz_loadu_ps(left, w + i), step));
    }
}

#define KN_ADAM adam
#define KN_LANES 16
#define KN_TABLE kn_float_avx512
#include "float_kernels.inc"
#pragma clang attribute pop
#endif
