// Optimizer steps on rows for any processor, and the choice among their variants.
#include "CKernels.h"

#define KN_TABLE kn_row_plain
#include "row_kernels.inc"

static const kn_row_kernels *variant(kn_isa isa) {
    switch (isa) {
#if defined(__x86_64__)
    case KN_ISA_AVX2:
    case KN_ISA_AVXVNNI:
        return &kn_row_avx2;
    case KN_ISA_AVX512VNNI:
    case KN_ISA_AVX512BF16:
        return &kn_row_avx512;
#endif
    default:
        return &kn_row_plain;
    }
}

const kn_row_kernels *kn_row_variant(kn_isa isa) { return kn_isa_available(isa) ? variant(isa) : NULL; }

void kn_adagrad_rows_f32(const kn_row_table *table, float *vector_sums, float *bias_sums,
                         const kn_row_gradients *gradients, float decay, float rate, float epsilon) {
    variant(kn_isa_current())->adagrad_rows(table, vector_sums, bias_sums, gradients, decay, rate, epsilon);
}

void kn_adam_rows_f32(const kn_row_table *table, const kn_row_moments *moments, const kn_row_gradients *gradients,
                      float rate, float beta1, float beta2, float epsilon) {
    variant(kn_isa_current())->adam_rows(table, moments, gradients, rate, beta1, beta2, epsilon);
}
