// Optimizer steps on those rows of a large table that a step touched. One indirect call for all of them; each row lies
// somewhere else in memory, so that the coming ones are asked for early. Contracts as in CKernels.h.
#ifndef CKERNELS_ROWS_H
#define CKERNELS_ROWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct kn_row_table {
    float *vectors; // rows of `columns` values, `stride` floats apart
    size_t stride;
    size_t columns;
    float *biases; // one a row
    bool normalizing; // vectors are brought back to length one after their step
} kn_row_table;

// Gradients of `count` rows, each named once.
typedef struct kn_row_gradients {
    const int32_t *rows;
    const float *vectors;
    size_t stride;
    const float *biases;
    size_t count;
} kn_row_gradients;

// Row-wise Adagrad, for each row: its sum = decay * sum + mean(g^2); w -= rate * g / (sqrt(sum) + epsilon). The bias has
// a sum of its own.
void kn_adagrad_rows_f32(const kn_row_table *table, float *vector_sums, float *bias_sums,
                         const kn_row_gradients *gradients, float decay, float rate, float epsilon);
// Adam, lazily: moments of `columns` + 1 values a row, the bias's last, `stride` floats apart; `updates` counts the
// steps of each row, which the corrections go by.
typedef struct kn_row_moments {
    float *first;
    float *second;
    size_t stride;
    float *updates;
} kn_row_moments;

void kn_adam_rows_f32(const kn_row_table *table, const kn_row_moments *moments, const kn_row_gradients *gradients,
                      float rate, float beta1, float beta2, float epsilon);

// The variants, for tests and benchmarks; see variants.h.
typedef struct kn_row_kernels {
    void (*adagrad_rows)(const kn_row_table *, float *, float *, const kn_row_gradients *, float, float, float);
    void (*adam_rows)(const kn_row_table *, const kn_row_moments *, const kn_row_gradients *, float, float, float, float);
} kn_row_kernels;

// NULL where the processor cannot run it.
const kn_row_kernels *kn_row_variant(kn_isa isa);

extern const kn_row_kernels kn_row_plain;
#if defined(__x86_64__)
extern const kn_row_kernels kn_row_avx2;
extern const kn_row_kernels kn_row_avx512;
#endif

#endif
