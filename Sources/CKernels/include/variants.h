// The kernels of each instruction set as tables: what a family fills in, what dispatch.c chooses from,
// and what tests and benchmarks run one beside the other. The contracts are in CKernels.h.
#ifndef CKERNELS_VARIANTS_H
#define CKERNELS_VARIANTS_H

#include "CKernels.h"

typedef struct kn_float_kernels {
    float (*dot)(const float *, const float *, size_t);
    void (*axpy)(float, const float *, float *, size_t);
    void (*add_three)(const float *, const float *, const float *, float *, size_t);
    float (*normalize)(const float *, float, float *, size_t);
    void (*add_tangent)(const float *, const float *, float, float, float *, size_t);
    void (*gemv)(const float *, size_t, const float *, float *, size_t, size_t);
    void (*gemv_transposed)(const float *, size_t, const float *, float *, size_t, size_t);
    void (*gemv_i8)(const int8_t *, size_t, const float *, const float *, float *, size_t, size_t);
    void (*gemv_transposed_i8)(const int8_t *, size_t, const float *, const float *, float *, size_t, size_t);
    void (*gemm)(const float *, size_t, size_t, const float *, size_t, float *, size_t, size_t, size_t, size_t, bool);
    void (*gemm_bf16)(const float *, size_t, size_t, const float *, size_t, float *, size_t, size_t,
                      size_t, size_t, bool);
    void (*gemm_nt)(const float *, size_t, const float *, size_t, float *, size_t, size_t, size_t, size_t);
    void (*transpose)(const float *, size_t, float *, size_t, size_t, size_t);
    float (*softmax)(float *, size_t);
    void (*gru_gates)(const float *, const float *, const float *, float *, float *, size_t);
    void (*gru_gates_backward)(const float *, const float *, const float *, const float *, float *, float *,
                               float *, size_t);
    void (*adam)(float *, float *, float *, const float *, float, float, float, float, float, float, size_t);
    // Largest magnitude; +infinity where a value is not finite.
    float (*magnitude)(const float *, size_t);
    // q = round(x / scale), halves away from zero; scale > 0 and no magnitude above 127 * scale.
    void (*quantize)(const float *, float, int8_t *, size_t);
    size_t (*quantize_rows)(const float *, size_t, size_t, size_t, kn_packed_query *);
    uint64_t (*read_words)(const uint64_t *, size_t);
} kn_float_kernels;

typedef struct kn_packed_kernels {
    void (*score)(const kn_packed_table *, const kn_packed_query *, size_t, size_t, float *);
    void (*score_many)(const kn_packed_table *, const kn_packed_query *, size_t, size_t, size_t, float *, size_t);
    void (*dequantize)(const kn_packed_table *, size_t, float *, size_t);
    void (*score_rows)(const kn_packed_table *, const kn_packed_query *, const uint32_t *, size_t, float *);
    void (*top)(const kn_packed_table *, const kn_packed_query *, size_t, size_t, const kn_top_list *);
    void (*top_many)(const kn_packed_table *, const kn_packed_query *, size_t, size_t, size_t, const kn_top_list *);
    void (*top_scores)(const float *, size_t, const kn_top_list *);
    int32_t (*peak)(size_t);
} kn_packed_kernels;

// NULL where the processor cannot run it.
const kn_float_kernels *kn_float_variant(kn_isa isa);
const kn_packed_kernels *kn_packed_variant(kn_isa isa);

extern const kn_float_kernels kn_float_plain;
extern const kn_packed_kernels kn_packed_plain;
#if defined(__x86_64__)
extern const kn_float_kernels kn_float_avx2;
extern const kn_float_kernels kn_float_avx512;
extern const kn_float_kernels kn_float_avx512bf16;
extern const kn_packed_kernels kn_packed_avx2;
extern const kn_packed_kernels kn_packed_avxvnni;
extern const kn_packed_kernels kn_packed_avx512vnni;
#endif
#if defined(__aarch64__)
extern const kn_packed_kernels kn_packed_neon;
#endif

#endif
