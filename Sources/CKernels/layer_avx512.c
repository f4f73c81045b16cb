// The loops of layers for AVX-512.
#if defined(__x86_64__)
#include "CKernels.h"

#include <math.h>

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,fma"))), apply_to = function)
#include "exponential_avx512.inc"
#include "reductions_avx512.inc"

// A row of at most four registers, which it stays in.
enum { NORM_VECTORS = 4 };

static inline __attribute__((always_inline)) void norm_row(const float *x, const float *gain, const float *bias,
                                                           float *normalized, float *inverse_deviation, float *y,
                                                           size_t n) {
    const float share = 1.0f / (float)n;
    __m512 values[NORM_VECTORS], sums = _mm512_setzero_ps(), squares = _mm512_setzero_ps();
    for (size_t v = 0; v * 16 < n; v++) {
        values[v] = _mm512_maskz_loadu_ps(lanes_left(n - v * 16), x + v * 16);
        sums = _mm512_add_ps(sums, values[v]);
    }
    const __m512 mean = _mm512_set1_ps(_mm512_reduce_add_ps(sums) * share);
    for (size_t v = 0; v * 16 < n; v++) {
        values[v] = _mm512_maskz_sub_ps(lanes_left(n - v * 16), values[v], mean);
        squares = _mm512_fmadd_ps(values[v], values[v], squares);
    }
    const __m128 variance = _mm_set_ss(_mm512_reduce_add_ps(squares) * share + KN_LAYER_NORM_EPSILON);
    const float inverse = 1.0f / _mm_cvtss_f32(_mm_sqrt_ss(variance));
    *inverse_deviation = inverse;
    for (size_t v = 0; v * 16 < n; v++) {
        const __mmask16 left = lanes_left(n - v * 16);
        const __m512 value = _mm512_mul_ps(values[v], _mm512_set1_ps(inverse));
        _mm512_mask_storeu_ps(normalized + v * 16, left, value);
        _mm512_mask_storeu_ps(y + v * 16, left,
                              _mm512_fmadd_ps(value, _mm512_maskz_loadu_ps(left, gain + v * 16),
                                              _mm512_maskz_loadu_ps(left, bias + v * 16)));
    }
}

static inline __attribute__((always_inline)) __m512 lane_everywhere(__m128 lanes, size_t lane) {
    return _mm512_permutexvar_ps(_mm512_set1_epi32((int)lane), _mm512_castps128_ps512(lanes));
}

// Four rows of 64: what each waits for alone, two sums across lanes, a root and a division, is done for all of them at
// once. The same bits.
static void norm_four(const float *x, size_t x_stride, const float *gain, const float *bias, float *normalized,
                      size_t normalized_stride, float *inverse_deviations, float *y, size_t y_stride) {
    const __m128 share = _mm_set1_ps(1.0f / 64);
    __m512 values[4][4], sums[4], squares[4];
#pragma clang loop unroll(full)
    for (size_t row = 0; row < 4; row++) {
        sums[row] = _mm512_setzero_ps();
#pragma clang loop unroll(full)
        for (size_t v = 0; v < 4; v++) {
            values[row][v] = _mm512_loadu_ps(x + row * x_stride + v * 16);
            sums[row] = _mm512_add_ps(sums[row], values[row][v]);
        }
    }
    const __m128 means = _mm_mul_ps(float_sums_of_four(sums), share);
#pragma clang loop unroll(full)
    for (size_t row = 0; row < 4; row++) {
        const __m512 mean = lane_everywhere(means, row);
        squares[row] = _mm512_setzero_ps();
#pragma clang loop unroll(full)
        for (size_t v = 0; v < 4; v++) {
            values[row][v] = _mm512_sub_ps(values[row][v], mean);
            squares[row] = _mm512_fmadd_ps(values[row][v], values[row][v], squares[row]);
        }
    }
    const __m128 variances = _mm_fmadd_ps(float_sums_of_four(squares), share, _mm_set1_ps(KN_LAYER_NORM_EPSILON));
    const __m128 inverses = _mm_div_ps(_mm_set1_ps(1.0f), _mm_sqrt_ps(variances));
    _mm_storeu_ps(inverse_deviations, inverses);
#pragma clang loop unroll(full)
    for (size_t row = 0; row < 4; row++) {
        const __m512 inverse = lane_everywhere(inverses, row);
#pragma clang loop unroll(full)
        for (size_t v = 0; v < 4; v++) {
            const __m512 value = _mm512_mul_ps(values[row][v], inverse);
            _mm512_storeu_ps(normalized + row * normalized_stride + v * 16, value);
            _mm512_storeu_ps(y + row * y_stride + v * 16,
                             _mm512_fmadd_ps(value, _mm512_loadu_ps(gain + v * 16), _mm512_loadu_ps(bias + v * 16)));
        }
    }
}

static void layer_norm_any(const float *x, size_t x_stride, const float *gain, const float *bias, float *normalized,
                           size_t normalized_stride, float *inverse_deviations, float *y, size_t y_stride, size_t rows,
                           size_t n);

static void layer_norm(const float *x, size_t x_stride, const float *gain, const float *bias, float *normalized,
                       size_t normalized_stride, float *inverse_deviations, float *y, size_t y_stride, size_t rows,
                       size_t n) {
    if (n > NORM_VECTORS * 16)
        return layer_norm_any(x, x_stride, gain, bias, normalized, normalized_stride, inverse_deviations, y, y_stride,
                              rows, n);
    size_t row = 0;
    for (; n == 64 && row + 4 <= rows; row += 4)
        norm_four(x + row * x_stride, x_stride, gain, bias, normalized + row * normalized_stride, normalized_stride,
                  inverse_deviations + row, y + row * y_stride, y_stride);
    for (; row < rows; row++) {
        const float *from = x + row * x_stride;
        float *kept = normalized + row * normalized_stride, *to = y + row * y_stride;
        // The usual width with its loops unrolled.
        if (n == 64) norm_row(from, gain, bias, kept, inverse_deviations + row, to, 64);
        else norm_row(from, gain, bias, kept, inverse_deviations + row, to, n);
    }
}

// Rows are short and of all lengths: whole registers with the places behind the end masked.
static void causal_softmax(float *s, size_t stride, size_t width, const float *bias, size_t span, float scale,
                           size_t first, size_t rows) {
    for (size_t row = 0; row < rows; row++) {
        const size_t count = first + row + 1;
        float *values = s + row * stride;
        const float *offsets = bias + span - count;
        __m512 most = _mm512_set1_ps(-INFINITY), sums = _mm512_setzero_ps();
        for (size_t j = 0; j < count; j += 16) {
            const __mmask16 left = lanes_left(count - j);
            const __m512 score = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(left, values + j), _mm512_set1_ps(scale),
                                                 _mm512_maskz_loadu_ps(left, offsets + j));
            most = _mm512_mask_max_ps(most, left, most, score);
            _mm512_mask_storeu_ps(values + j, left, score);
        }
        const __m512 largest = _mm512_set1_ps(_mm512_reduce_max_ps(most));
        for (size_t j = 0; j < count; j += 16) {
            const __mmask16 left = lanes_left(count - j);
            const __m512 below = _mm512_sub_ps(_mm512_maskz_loadu_ps(left, values + j), largest);
            const __m512 power = _mm512_maskz_mov_ps(left, exponential_lanes(below));
            sums = _mm512_add_ps(sums, power);
            _mm512_mask_storeu_ps(values + j, left, power);
        }
        const __m512 inverse = _mm512_set1_ps(1.0f / _mm512_reduce_add_ps(sums));
        for (size_t j = 0; j < width; j += 16) {
            const __mmask16 used = j < count ? lanes_left(count - j) : 0;
            const __m512 weight = _mm512_mul_ps(_mm512_maskz_loadu_ps(used, values + j), inverse);
            _mm512_mask_storeu_ps(values + j, lanes_left(width - j), _mm512_maskz_mov_ps(used, weight));
        }
    }
}

static void causal_softmax_backward(const float *weights, float *gradient, size_t stride, size_t width,
                                    float *bias_gradient, size_t span, float scale, size_t first, size_t rows) {
    for (size_t row = 0; row < rows; row++) {
        const size_t count = first + row + 1;
        const float *weight = weights + row * stride;
        float *slope = gradient + row * stride, *offsets = bias_gradient + span - count;
        __m512 sums = _mm512_setzero_ps();
        for (size_t j = 0; j < count; j += 16) {
            const __mmask16 left = lanes_left(count - j);
            sums = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(left, weight + j), _mm512_maskz_loadu_ps(left, slope + j), sums);
        }
        const __m512 mean = _mm512_set1_ps(_mm512_reduce_add_ps(sums));
        for (size_t j = 0; j < width; j += 16) {
            const __mmask16 used = j < count ? lanes_left(count - j) : 0;
            const __m512 distance = _mm512_sub_ps(_mm512_maskz_loadu_ps(used, slope + j), mean);
            const __m512 value = _mm512_maskz_mul_ps(used, _mm512_maskz_loadu_ps(used, weight + j), distance);
            const __m512 offset = _mm512_maskz_loadu_ps(used, offsets + j);
            _mm512_mask_storeu_ps(offsets + j, used, _mm512_add_ps(offset, value));
            _mm512_mask_storeu_ps(slope + j, lanes_left(width - j), _mm512_mul_ps(value, _mm512_set1_ps(scale)));
        }
    }
}

static inline __m512 gelu_argument(__m512 x) {
    const __m512 cubic = _mm512_mul_ps(_mm512_mul_ps(x, x), _mm512_mul_ps(x, _mm512_set1_ps(KN_GELU_CUBIC)));
    return _mm512_mul_ps(_mm512_set1_ps(2 * KN_GELU_SCALE), _mm512_add_ps(x, cubic));
}

static inline __attribute__((always_inline)) __m512 activation(kn_activation kind, __m512 x) {
    switch (kind) {
    case KN_SIGMOID:
        return sigmoid_lanes(x);
    case KN_TANH:
        return hyperbolic_tangent_lanes(x);
    case KN_RELU:
        return _mm512_max_ps(x, _mm512_setzero_ps());
    case KN_GELU:
        return _mm512_mul_ps(x, sigmoid_lanes(gelu_argument(x)));
    case KN_SILU:
        return _mm512_mul_ps(x, sigmoid_lanes(x));
    default:
        return x;
    }
}

static inline __attribute__((always_inline)) __m512 slope(kn_activation kind, __m512 x) {
    const __m512 one = _mm512_set1_ps(1.0f);
    switch (kind) {
    case KN_SIGMOID: {
        const __m512 s = sigmoid_lanes(x);
        return _mm512_fnmadd_ps(s, s, s);
    }
    case KN_TANH: {
        const __m512 t = hyperbolic_tangent_lanes(x);
        return _mm512_fnmadd_ps(t, t, one);
    }
    case KN_RELU:
        return _mm512_maskz_mov_ps(_mm512_cmp_ps_mask(x, _mm512_setzero_ps(), _CMP_GT_OQ), one);
    case KN_GELU: {
        const __m512 s = sigmoid_lanes(gelu_argument(x));
        const __m512 inner = _mm512_fmadd_ps(_mm512_mul_ps(x, x), _mm512_set1_ps(3 * KN_GELU_CUBIC), one);
        const __m512 rise = _mm512_mul_ps(_mm512_fnmadd_ps(s, s, s), _mm512_set1_ps(2 * KN_GELU_SCALE));
        return _mm512_fmadd_ps(_mm512_mul_ps(x, rise), inner, s);
    }
    case KN_SILU: {
        const __m512 s = sigmoid_lanes(x);
        return _mm512_fmadd_ps(x, _mm512_fnmadd_ps(s, s, s), s);
    }
    default:
        return one;
    }
}

static inline __attribute__((always_inline)) void activate_rows(kn_activation kind, const float *bias, float *y,
                                                                size_t y_stride, float *z, size_t z_stride, size_t rows,
                                                                size_t n) {
    for (size_t row = 0; row < rows; row++) {
        float *from = y + row * y_stride, *to = z + row * z_stride;
        for (size_t i = 0; i < n; i += 16) {
            const __mmask16 left = lanes_left(n - i);
            const __m512 x = _mm512_add_ps(_mm512_maskz_loadu_ps(left, from + i), _mm512_maskz_loadu_ps(left, bias + i));
            _mm512_mask_storeu_ps(from + i, left, x);
            _mm512_mask_storeu_ps(to + i, left, activation(kind, x));
        }
    }
}

static inline __attribute__((always_inline)) void slope_rows(kn_activation kind, const float *y, size_t y_stride,
                                                             float *gradient, size_t gradient_stride,
                                                             float *bias_gradient, size_t rows, size_t n) {
    for (size_t i = 0; i < n; i += 16) {
        const __mmask16 left = lanes_left(n - i);
        __m512 sums = _mm512_maskz_loadu_ps(left, bias_gradient + i);
        for (size_t row = 0; row < rows; row++) {
            float *to = gradient + row * gradient_stride + i;
            const __m512 x = _mm512_maskz_loadu_ps(left, y + row * y_stride + i);
            const __m512 value = _mm512_mul_ps(_mm512_maskz_loadu_ps(left, to), slope(kind, x));
            sums = _mm512_add_ps(sums, value);
            _mm512_mask_storeu_ps(to, left, value);
        }
        _mm512_mask_storeu_ps(bias_gradient + i, left, sums);
    }
}

#define KN_ACTIVATE_ROWS activate_rows
#define KN_LAYER_NORM layer_norm
#define KN_CAUSAL_SOFTMAX causal_softmax
#define KN_CAUSAL_SOFTMAX_BACKWARD causal_softmax_backward
#define KN_LANES 16
#define KN_TABLE kn_layer_avx512
#include "layer_kernels.inc"
#pragma clang attribute pop
#endif
