// Chooses the variant once, before main, and forwards every call to it: one indirect call a whole
// loop, never one an element.
#include "CKernels.h"

#include <stdlib.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#elif defined(__aarch64__)
#include <sys/auxv.h>
#endif

typedef struct variant {
    const char *name;
    const kn_float_kernels *floats;
    const kn_packed_kernels *packed;
} variant;

static const variant variants[KN_ISA_COUNT] = {
    [KN_ISA_PLAIN] = {"plain", &kn_float_plain, &kn_packed_plain},
#if defined(__x86_64__)
    [KN_ISA_AVX2] = {"avx2", &kn_float_avx2, &kn_packed_avx2},
    [KN_ISA_AVXVNNI] = {"avxvnni", &kn_float_avx2, &kn_packed_avxvnni},
    [KN_ISA_AVX512VNNI] = {"avx512vnni", &kn_float_avx512, &kn_packed_avx512vnni},
    [KN_ISA_AVX512BF16] = {"avx512bf16", &kn_float_avx512bf16, &kn_packed_avx512vnni},
#endif
#if defined(__aarch64__)
    // Advanced SIMD is part of every 64-bit Arm: the plain float kernels are compiled for it.
    [KN_ISA_NEON] = {"neon", &kn_float_plain, &kn_packed_neon},
#endif
};

static kn_isa current = KN_ISA_PLAIN;
static const kn_float_kernels *floats = &kn_float_plain;
static const kn_packed_kernels *packed = &kn_packed_plain;

#if defined(__x86_64__)
// CPUID leaf 7, sub-leaf 1, EAX bit 4 (Intel SDM): __builtin_cpu_supports has no name for it.
static bool has_avx_vnni(void) {
    unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
    return __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0 && (eax & (1u << 4)) != 0;
}
#endif

#if defined(__aarch64__)
// HWCAP_ASIMDDP of Linux's asm/hwcap.h: the dot-product instructions of Armv8.2.
static bool has_dot_product(void) { return (getauxval(AT_HWCAP) & (1ul << 20)) != 0; }
#endif

bool kn_isa_available(kn_isa isa) {
    switch (isa) {
    case KN_ISA_PLAIN:
        return true;
#if defined(__x86_64__)
    case KN_ISA_AVX2:
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    case KN_ISA_AVXVNNI:
        return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && has_avx_vnni();
    case KN_ISA_AVX512VNNI:
        return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
               __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
               __builtin_cpu_supports("avx512vnni");
    case KN_ISA_AVX512BF16:
        return kn_isa_available(KN_ISA_AVX512VNNI) && __builtin_cpu_supports("avx512bf16");
#endif
#if defined(__aarch64__)
    case KN_ISA_NEON:
        return has_dot_product();
#endif
    default:
        return false;
    }
}

bool kn_isa_select(kn_isa isa) {
    if (!kn_isa_available(isa)) return false;
    current = isa;
    floats = variants[isa].floats;
    packed = variants[isa].packed;
    return true;
}

kn_isa kn_isa_current(void) { return current; }

const kn_float_kernels *kn_float_variant(kn_isa isa) { return kn_isa_available(isa) ? variants[isa].floats : NULL; }

const kn_packed_kernels *kn_packed_variant(kn_isa isa) { return kn_isa_available(isa) ? variants[isa].packed : NULL; }

__attribute__((constructor)) static void select_at_start(void) {
#if defined(__x86_64__)
    __builtin_cpu_init();
#endif
    for (int isa = KN_ISA_COUNT - 1; isa >= 0; isa--) {
        if (kn_isa_select((kn_isa)isa)) break;
    }
    const char *wanted = getenv("FRESHET_ISA");
    if (wanted == NULL) return;
    for (int isa = 0; isa < KN_ISA_COUNT; isa++) {
        if (variants[isa].name != NULL && strcmp(wanted, variants[isa].name) == 0) kn_isa_select((kn_isa)isa);
    }
}

float kn_dot_f32(const float *a, const float *b, size_t n) { return floats->dot(a, b, n); }

void kn_axpy_f32(float s, const float *x, float *y, size_t n) { floats->axpy(s, x, y, n); }

void kn_add_three_f32(const float *a, const float *b, const float *c, float *y, size_t n) {
    floats->add_three(a, b, c, y, n);
}

float kn_normalize_f32(const float *x, float length, float *y, size_t n) {
    return floats->normalize(x, length, y, n);
}

void kn_add_tangent_f32(const float *g, const float *direction, float shrink, float scale, float *y, size_t n) {
    floats->add_tangent(g, direction, shrink, scale, y, n);
}

void kn_gemv_f32(const float *a, size_t stride, const float *x, float *y, size_t rows, size_t columns) {
    floats->gemv(a, stride, x, y, rows, columns);
}

void kn_gemv_transposed_f32(const float *a, size_t stride, const float *x, float *y, size_t rows, size_t columns) {
    floats->gemv_transposed(a, stride, x, y, rows, columns);
}

void kn_gemv_i8f32(const int8_t *a, size_t stride, const float *scales, const float *x, float *y, size_t rows,
                   size_t columns) {
    floats->gemv_i8(a, stride, scales, x, y, rows, columns);
}

void kn_gemv_transposed_i8f32(const int8_t *a, size_t stride, const float *scales, const float *x, float *y,
                              size_t rows, size_t columns) {
    floats->gemv_transposed_i8(a, stride, scales, x, y, rows, columns);
}

void kn_gemm_f32(const float *a, size_t row_step, size_t column_step, const float *b, size_t b_stride, float *c,
                 size_t c_stride, size_t m, size_t n, size_t k, bool adding) {
    floats->gemm(a, row_step, column_step, b, b_stride, c, c_stride, m, n, k, adding);
}

void kn_gemm_bf16(const float *a, size_t row_step, size_t column_step, const float *b, size_t b_stride, float *c,
                  size_t c_stride, size_t m, size_t n, size_t k, bool adding) {
    floats->gemm_bf16(a, row_step, column_step, b, b_stride, c, c_stride, m, n, k, adding);
}

void kn_gemm_nt_f32(const float *a, size_t a_stride, const float *b, size_t b_stride, float *c, size_t c_stride,
                    size_t m, size_t n, size_t k) {
    floats->gemm_nt(a, a_stride, b, b_stride, c, c_stride, m, n, k);
}

void kn_transpose_f32(const float *a, size_t a_stride, float *b, size_t b_stride, size_t rows, size_t columns) {
    floats->transpose(a, a_stride, b, b_stride, rows, columns);
}

float kn_softmax_f32(float *x, size_t n) { return floats->softmax(x, n); }

void kn_gru_gates_f32(const float *input, const float *hidden, const float *previous, float *gates, float *next,
                      size_t d) {
    floats->gru_gates(input, hidden, previous, gates, next, d);
}

void kn_gru_gates_backward_f32(const float *gates, const float *hidden, const float *previous,
                               const float *gradient, float *input_gradient, float *hidden_gradient,
                               float *previous_gradient, size_t d) {
    floats->gru_gates_backward(gates, hidden, previous, gradient, input_gradient, hidden_gradient,
                               previous_gradient, d);
}

void kn_adam_f32(float *w, float *m, float *v, const float *g, float gradient_scale, float rate, float beta1,
                 float beta2, float root_correction, float epsilon, size_t n) {
    floats->adam(w, m, v, g, gradient_scale, rate, beta1, beta2, root_correction, epsilon, n);
}

void kn_score_u8i8(const kn_packed_table *table, const kn_packed_query *query, size_t first, size_t blocks,
                   float *scores) {
    packed->score(table, query, first, blocks, scores);
}

void kn_score_many_u8i8(const kn_packed_table *table, const kn_packed_query *queries, size_t count, size_t first,
                        size_t blocks, float *scores, size_t stride) {
    packed->score_many(table, queries, count, first, blocks, scores, stride);
}

void kn_score_rows_u8i8(const kn_packed_table *table, const kn_packed_query *query, const uint32_t *rows, size_t n,
                        float *scores) {
    packed->score_rows(table, query, rows, n, scores);
}

void kn_top_u8i8(const kn_packed_table *table, const kn_packed_query *query, size_t first, size_t blocks,
                 const kn_top_list *list) {
    packed->top(table, query, first, blocks, list);
}

void kn_top_many_u8i8(const kn_packed_table *table, const kn_packed_query *queries, size_t count, size_t first,
                      size_t blocks, const kn_top_list *lists) {
    packed->top_many(table, queries, count, first, blocks, lists);
}

void kn_top_f32(const float *scores, size_t n, const kn_top_list *list) { packed->top_scores(scores, n, list); }

int32_t kn_peak_u8i8(size_t rounds) { return packed->peak(rounds); }

size_t kn_quantize_rows_f32i8(const float *x, size_t stride, size_t rows, size_t n, kn_packed_query *queries) {
    return floats->quantize_rows(x, stride, rows, n, queries);
}

void kn_dequantize_u8f32(const kn_packed_table *table, size_t row, float *x, size_t n) {
    packed->dequantize(table, row, x, n);
}

uint64_t kn_read_words(const uint64_t *words, size_t n) { return floats->read_words(words, n); }
