// The element-wise loops of layers, forward beside backward: layer norm, activations, causal softmax.
// Whole loops over rows; one indirect call each. Contracts as in CKernels.h.
#ifndef CKERNELS_LAYERS_H
#define CKERNELS_LAYERS_H

#include <stddef.h>
#include <stdint.h>

typedef enum kn_activation {
    KN_IDENTITY = 0,
    KN_SIGMOID = 1,
    KN_TANH = 2,
    KN_RELU = 3,
    // x * Phi(x) by the tangent approximation (Hendrycks and Gimpel 2016): PyTorch's approximate="tanh".
    KN_GELU = 4,
    // x * sigmoid(x) (Elfwing et al. 2018)
    KN_SILU = 5,
} kn_activation;

// What keeps the variance of equal values from zero.
#define KN_LAYER_NORM_EPSILON 1e-5f

// sqrt(2 / pi), and the weight of the cubic term, of GELU's approximation.
#define KN_GELU_SCALE 0.797884561f
#define KN_GELU_CUBIC 0.044715f

// y = (x - mean) / sqrt(variance + 1e-5) * gain + bias, row by row (Ba, Kiros and Hinton 2016). Keeps the
// normalized rows and the inverse deviations for the way back; relative error below 1e-5.
void kn_layer_norm_f32(const float *x, size_t x_stride, const float *gain, const float *bias, float *normalized,
                       size_t normalized_stride, float *inverse_deviations, float *y, size_t y_stride, size_t rows,
                       size_t n);
// x_gradient += the gradient through the norm; gain_gradient and bias_gradient are added to.
void kn_layer_norm_backward_f32(const float *y_gradient, size_t y_stride, const float *gain, const float *normalized,
                                size_t normalized_stride, const float *inverse_deviations, float *x_gradient,
                                size_t x_stride, float *gain_gradient, float *bias_gradient, size_t rows, size_t n);
// y = x + bias, then z = f(y): both are kept.
void kn_activate_f32(kn_activation kind, const float *bias, float *y, size_t y_stride, float *z, size_t z_stride,
                     size_t rows, size_t n);
// gradient *= f'(y), and bias_gradient += its rows.
void kn_activate_backward_f32(kn_activation kind, const float *y, size_t y_stride, float *gradient,
                              size_t gradient_stride, float *bias_gradient, size_t rows, size_t n);
// Row i of `rows`: over its first `first + i + 1` values s = softmax(s * scale + bias[span - 1 - (first + i) + j]),
// zero from there to `width`. The last value of bias is that of distance 0.
void kn_causal_softmax_f32(float *s, size_t stride, size_t width, const float *bias, size_t span, float scale,
                           size_t first, size_t rows);
// From the gradient of those weights, in place, to that of the scores times scale; the unscaled one is added to
// the biases' gradient, laid out as they are.
void kn_causal_softmax_backward_f32(const float *weights, float *gradient, size_t stride, size_t width,
                                    float *bias_gradient, size_t span, float scale, size_t first, size_t rows);
// x *= y, value by value.
void kn_multiply_f32(float *x, const float *y, size_t n);
// z += x * y, value by value.
void kn_add_product_f32(const float *x, const float *y, float *z, size_t n);
// mask[i] = 0 where word i of SplitMix64 (Steele, Lea and Flood 2014) behind `state` is below `limit` in its highest 24
// bits, else `kept`.
void kn_dropout_mask_f32(uint64_t state, uint32_t limit, float kept, float *mask, size_t n);

// The variants, for tests and benchmarks; see variants.h.
typedef struct kn_layer_kernels {
    void (*layer_norm)(const float *, size_t, const float *, const float *, float *, size_t, float *, float *, size_t,
                       size_t, size_t);
    void (*layer_norm_backward)(const float *, size_t, const float *, const float *, size_t, const float *, float *,
                                size_t, float *, float *, size_t, size_t);
    void (*activate)(kn_activation, const float *, float *, size_t, float *, size_t, size_t, size_t);
    void (*activate_backward)(kn_activation, const float *, size_t, float *, size_t, float *, size_t, size_t);
    void (*causal_softmax)(float *, size_t, size_t, const float *, size_t, float, size_t, size_t);
    void (*causal_softmax_backward)(const float *, float *, size_t, size_t, float *, size_t, float, size_t, size_t);
    void (*multiply)(float *, const float *, size_t);
    void (*add_product)(const float *, const float *, float *, size_t);
    void (*dropout_mask)(uint64_t, uint32_t, float, float *, size_t);
} kn_layer_kernels;

// NULL where the processor cannot run it.
const kn_layer_kernels *kn_layer_variant(kn_isa isa);

extern const kn_layer_kernels kn_layer_plain;
#if defined(__x86_64__)
extern const kn_layer_kernels kn_layer_avx2;
extern const kn_layer_kernels kn_layer_avx512;
#endif

#endif
