// Float kernels for AVX-512 with products of pairs of bfloat16.
#if defined(__x86_64__)
#include "CKernels.h"

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512bf16,fma"))), apply_to = function)
#include "exponential_avx512.inc"

// A word holds two neighbours along k, rounded: one instruction multiplies the pairs of a word and adds both products,
// twice what a float multiplication does. Parts of A and B are rounded as they are needed, so that what is read again
// stays in the first-level cache.
enum { rounded_words = 64, rounded_rows = 48, rounded_columns = 64 };

static inline __m512i interleave(__m512 first, __m512 second) {
    static const uint16_t order[32] = {0, 16, 1, 17, 2,  18, 3,  19, 4,  20, 5,  21, 6,  22, 7,  23,
                                       8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
    const __m512bh both = _mm512_cvtne2ps_pbh(second, first);
    return _mm512_permutexvar_epi16(_mm512_loadu_si512(order), (__m512i)both);
}

// words[p / 2][i] = (x[p][i], x[p + 1][i]) for k rows of `columns` values; a row behind the last counts as zeros.
static void round_pairs_of_rows(const float *x, size_t stride, size_t k, size_t columns, uint32_t *words,
                                size_t words_stride) {
    for (size_t p = 0; p < k; p += 2) {
        const float *first = x + p * stride;
        for (size_t i = 0; i < columns; i += 16) {
            const __mmask16 left = lanes_left(columns - i);
            const __m512 above = _mm512_maskz_loadu_ps(left, first + i);
            const __m512 below = p + 1 < k ? _mm512_maskz_loadu_ps(left, first + stride + i) : _mm512_setzero_ps();
            _mm512_storeu_si512(words + p / 2 * words_stride + i, interleave(above, below));
        }
    }
}

// words[i][p / 2] = (x[i][p], x[i][p + 1]) for m rows of k values, padded with zeros.
static void round_rows(const float *x, size_t stride, size_t m, size_t k, uint32_t *words) {
    for (size_t i = 0; i < m; i++) {
        for (size_t p = 0; p < k; p += 32) {
            const float *from = x + i * stride + p;
            const __m512 low = _mm512_maskz_loadu_ps(lanes_left(k - p), from);
            const __m512 high = k - p > 16 ? _mm512_maskz_loadu_ps(lanes_left(k - p - 16), from + 16) : _mm512_setzero_ps();
            _mm512_storeu_si512(words + i * rounded_words + p / 2, (__m512i)_mm512_cvtne2ps_pbh(high, low));
        }
    }
}

static inline __attribute__((always_inline)) void rounded_tile(const uint32_t *a, size_t row_step, size_t column_step,
                                                               const uint32_t *b, float *c, size_t c_stride,
                                                               size_t words, bool adding, size_t height,
                                                               size_t vectors) {
    __m512 sums[6][4];
    for (size_t i = 0; i < height; i++)
        for (size_t v = 0; v < vectors; v++)
            sums[i][v] = adding ? _mm512_loadu_ps(c + i * c_stride + v * 16) : _mm512_setzero_ps();
    for (size_t p = 0; p < words; p++) {
        __m512bh column[4];
        for (size_t v = 0; v < vectors; v++) column[v] = (__m512bh)_mm512_load_si512(b + p * rounded_columns + v * 16);
        for (size_t i = 0; i < height; i++) {
            const __m512bh factor = (__m512bh)_mm512_set1_epi32((int)a[i * row_step + p * column_step]);
            for (size_t v = 0; v < vectors; v++) sums[i][v] = _mm512_dpbf16_ps(sums[i][v], factor, column[v]);
        }
    }
    for (size_t i = 0; i < height; i++)
        for (size_t v = 0; v < vectors; v++) _mm512_storeu_ps(c + i * c_stride + v * 16, sums[i][v]);
}

#define ROUNDED_TILE(height)                                                                                           \
    rounded_tile(a + i * row_step, row_step, column_step, b, c + i * c_stride, c_stride, words, adding, height, vectors)

static inline __attribute__((always_inline)) void rounded_panel(const uint32_t *a, size_t row_step, size_t column_step,
                                                                const uint32_t *b, float *c, size_t c_stride, size_t m,
                                                                size_t words, bool adding, size_t vectors) {
    size_t i = 0;
    for (; i + 6 <= m; i += 6) ROUNDED_TILE(6);
    switch (m - i) {
    case 5:
        return ROUNDED_TILE(5);
    case 4:
        return ROUNDED_TILE(4);
    case 3:
        return ROUNDED_TILE(3);
    case 2:
        return ROUNDED_TILE(2);
    case 1:
        return ROUNDED_TILE(1);
    }
}

// A has one of its steps 1: rows one after another, or columns.
static void gemm_bf16(const float *a, size_t row_step, size_t column_step, const float *b, size_t b_stride, float *c,
                      size_t c_stride, size_t m, size_t n, size_t k, bool adding) {
    _Alignas(64) uint32_t left[rounded_rows * rounded_words];
    _Alignas(64) uint32_t right[rounded_words * rounded_columns];
    const bool by_rows = column_step == 1;
    for (size_t p = 0; p < k; p += 2 * rounded_words) {
        const size_t depth = k - p < 2 * rounded_words ? k - p : 2 * rounded_words;
        const size_t words = (depth + 1) / 2;
        const bool going_on = adding || p > 0;
        for (size_t j = 0; j < n; j += rounded_columns) {
            const size_t vectors = n - j < rounded_columns ? (n - j + 15) / 16 : rounded_columns / 16;
            round_pairs_of_rows(b + p * b_stride + j, b_stride, depth, vectors * 16, right, rounded_columns);
            for (size_t i = 0; i < m; i += rounded_rows) {
                const size_t rows = m - i < rounded_rows ? m - i : rounded_rows;
                const float *from = a + i * row_step + p * column_step;
                if (by_rows) round_rows(from, row_step, rows, depth, left);
                else round_pairs_of_rows(from, column_step, depth, rows, left, rounded_rows);
                const size_t next_row = by_rows ? rounded_words : 1, next_word = by_rows ? 1 : rounded_rows;
                float *to = c + i * c_stride + j;
                switch (vectors) {
                case 4:
                    rounded_panel(left, next_row, next_word, right, to, c_stride, rows, words, going_on, 4);
                    break;
                case 3:
                    rounded_panel(left, next_row, next_word, right, to, c_stride, rows, words, going_on, 3);
                    break;
                case 2:
                    rounded_panel(left, next_row, next_word, right, to, c_stride, rows, words, going_on, 2);
                    break;
                default:
                    rounded_panel(left, next_row, next_word, right, to, c_stride, rows, words, going_on, 1);
                }
            }
        }
    }
}

#define KN_GEMM_BF16 gemm_bf16
#define KN_TABLE kn_float_avx512bf16
#include "float_avx512.inc"
#pragma clang attribute pop
#endif
