// The loops of layers for any processor, and the choice among their variants.
#include "CKernels.h"

#define KN_LANES 4
#define KN_TABLE kn_layer_plain
#include "layer_kernels.inc"

static const kn_layer_kernels *variant(kn_isa isa) {
    switch (isa) {
#if defined(__x86_64__)
    case KN_ISA_AVX2:
    case KN_ISA_AVXVNNI:
        return &kn_layer_avx2;
    case KN_ISA_AVX512VNNI:
    case KN_ISA_AVX512BF16:
        return &kn_layer_avx512;
#endif
    default:
        return &kn_layer_plain;
    }
}

const kn_layer_kernels *kn_layer_variant(kn_isa isa) { return kn_isa_available(isa) ? variant(isa) : NULL; }

void kn_layer_norm_f32(const float *x, size_t x_stride, const float *gain, const float *bias, float *normalized,
                       size_t normalized_stride, float *inverse_deviations, float *y, size_t y_stride, size_t rows,
                       size_t n) {
    variant(kn_isa_current())
        ->layer_norm(x, x_stride, gain, bias, normalized, normalized_stride, inverse_deviations, y, y_stride, rows, n);
}

void kn_layer_norm_backward_f32(const float *y_gradient, size_t y_stride, const float *gain, const float *normalized,
                                size_t normalized_stride, const float *inverse_deviations, float *x_gradient,
                                size_t x_stride, float *gain_gradient, float *bias_gradient, size_t rows, size_t n) {
    variant(kn_isa_current())
        ->layer_norm_backward(y_gradient, y_stride, gain, normalized, normalized_stride, inverse_deviations, x_gradient,
                              x_stride, gain_gradient, bias_gradient, rows, n);
}

void kn_activate_f32(kn_activation kind, const float *bias, float *y, size_t y_stride, float *z, size_t z_stride,
                     size_t rows, size_t n) {
    variant(kn_isa_current())->activate(kind, bias, y, y_stride, z, z_stride, rows, n);
}

void kn_activate_backward_f32(kn_activation kind, const float *y, size_t y_stride, float *gradient,
                              size_t gradient_stride, float *bias_gradient, size_t rows, size_t n) {
    variant(kn_isa_current())
        ->activate_backward(kind, y, y_stride, gradient, gradient_stride, bias_gradient, rows, n);
}

void kn_causal_softmax_f32(float *s, size_t stride, size_t width, const float *bias, size_t span, float scale,
                           size_t first, size_t rows) {
    variant(kn_isa_current())->causal_softmax(s, stride, width, bias, span, scale, first, rows);
}

void kn_causal_softmax_backward_f32(const float *weights, float *gradient, size_t stride, size_t width,
                                    float *bias_gradient, size_t span, float scale, size_t first, size_t rows) {
    variant(kn_isa_current())
        ->causal_softmax_backward(weights, gradient, stride, width, bias_gradient, span, scale, first, rows);
}

void kn_multiply_f32(float *x, const float *y, size_t n) { variant(kn_isa_current())->multiply(x, y, n); }

void kn_add_product_f32(const float *x, const float *y, float *z, size_t n) {
    variant(kn_isa_current())->add_product(x, y, z, n);
}

void kn_dropout_mask_f32(uint64_t state, uint32_t limit, float kept, float *mask, size_t n) {
    variant(kn_isa_current())->dropout_mask(state, limit, kept, mask, n);
}
