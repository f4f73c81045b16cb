// The arithmetic of Freshet: whole loops over primitives. Nothing here allocates, keeps state other
// than which variant was chosen at start, or checks what Tensors has checked already.
//
// Every kernel exists for each instruction set below; the plain variant is the definition. Integer
// results are the same on all of them, bit for bit. Float sums are taken in another order, so they
// agree within n * 2^-23 of the sum of magnitudes; on one instruction set they are repeatable.
//
// Rows of float matrices are padded with zeros to 16 floats (64 bytes) and start on 64 bytes.
#ifndef CKERNELS_H
#define CKERNELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef enum kn_isa {
    KN_ISA_PLAIN = 0,
    KN_ISA_AVX2 = 1,
    KN_ISA_AVXVNNI = 2,
    KN_ISA_AVX512VNNI = 3,
    KN_ISA_NEON = 4,
    // AVX-512 with VNNI, and products of bfloat16 beside them.
    KN_ISA_AVX512BF16 = 5,
} kn_isa;

enum { KN_ISA_COUNT = 6 };

// The variant in use. Chosen once when the program starts: the best that the processor has, or what
// FRESHET_ISA names where the processor has it.
kn_isa kn_isa_current(void);
bool kn_isa_available(kn_isa isa);
// For tests and benchmarks. Not to be called while another thread computes.
bool kn_isa_select(kn_isa isa);

// --- float ---------------------------------------------------------------------------------------

// sum of a[i] * b[i]
float kn_dot_f32(const float *a, const float *b, size_t n);
// y += s * x
void kn_axpy_f32(float s, const float *x, float *y, size_t n);
// y += a, then b, then c
void kn_add_three_f32(const float *a, const float *b, const float *c, float *y, size_t n);
// y = length * x / max(|x|, 1e-12), which may be x itself; returns what x was multiplied with
float kn_normalize_f32(const float *x, float length, float *y, size_t n);
// y += scale * (g - shrink * (g . direction) * direction): with shrink 1 / |direction|^2 without the part along it
void kn_add_tangent_f32(const float *g, const float *direction, float shrink, float scale, float *y, size_t n);
// y[r] += a[r] . x, for each of the rows of a
void kn_gemv_f32(const float *a, size_t stride, const float *x, float *y, size_t rows, size_t columns);
// y += sum over r of x[r] * a[r]
void kn_gemv_transposed_f32(const float *a, size_t stride, const float *x, float *y, size_t rows, size_t columns);
// The same two of rows of int8, each with a scale: a[r] stands for scales[r] * a[r].
void kn_gemv_i8f32(const int8_t *a, size_t stride, const float *scales, const float *x, float *y, size_t rows,
                   size_t columns);
void kn_gemv_transposed_i8f32(const int8_t *a, size_t stride, const float *scales, const float *x, float *y,
                              size_t rows, size_t columns);
// C[i][j] = sum over p of A(i, p) * B[p][j], with A(i, p) = a[i * row_step + p * column_step]; where adding, C += that.
// n is rounded up to 16: the padding of B is zero, so that of C is.
void kn_gemm_f32(const float *a, size_t row_step, size_t column_step, const float *b, size_t b_stride, float *c,
                 size_t c_stride, size_t m, size_t n, size_t k, bool adding);
// The same with both factors rounded to bfloat16, eight bits, where the processor multiplies those twice as fast;
// elsewhere just the same. A has one of its steps 1. Within 2^-7 of the sum of the products' magnitudes.
void kn_gemm_bf16(const float *a, size_t row_step, size_t column_step, const float *b, size_t b_stride, float *c,
                  size_t c_stride, size_t m, size_t n, size_t k, bool adding);
// C[i][j] += A[i] . B[j], rows of k, rounded up to 16
void kn_gemm_nt_f32(const float *a, size_t a_stride, const float *b, size_t b_stride, float *c, size_t c_stride,
                    size_t m, size_t n, size_t k);
// b[j][i] = a[i][j], for the rows and columns of a
void kn_transpose_f32(const float *a, size_t a_stride, float *b, size_t b_stride, size_t rows, size_t columns);
// x = exp(x - m) / sum, with m the largest x; returns m + log(sum). At least one x is finite, none is
// NaN or +infinity. Relative error of each value below 1e-6 + (m - x) * 2^-23: the difference is rounded.
float kn_softmax_f32(float *x, size_t n);
// The gates of a GRU, PyTorch's equations and order (r, z, n). d = width; gates has 3d values.
void kn_gru_gates_f32(const float *input, const float *hidden, const float *previous, float *gates, float *next,
                      size_t d);
// dL/d(input), dL/d(hidden), and the direct part of dL/d(previous), from dL/d(next).
void kn_gru_gates_backward_f32(const float *gates, const float *hidden, const float *previous,
                               const float *gradient, float *input_gradient, float *hidden_gradient,
                               float *previous_gradient, size_t d);
// Adam of g * gradient_scale, with the bias corrections already in `rate` and `epsilon` left plain:
// w -= rate * m / (sqrt(v) * root_correction + epsilon)
void kn_adam_f32(float *w, float *m, float *v, const float *g, float gradient_scale, float rate, float beta1,
                 float beta2, float root_correction, float epsilon, size_t n);

// Asks for some bytes to be brought near, and does not wait for them.
static inline void kn_prefetch(const void *start, size_t bytes) {
    for (size_t place = 0; place < bytes; place += 64) __builtin_prefetch((const char *)start + place, 1, 2);
}

// Reads n words in order and returns their exclusive or: the fastest that memory can be read, which
// benchmarks measure other kernels against.
uint64_t kn_read_words(const uint64_t *words, size_t n);

// --- int8 ----------------------------------------------------------------------------------------
//
// A packed table holds blocks of 16 rows. In a block, columns go in groups of four: 64 bytes hold the
// four values of row 0, then of row 1, ... of row 15. One VNNI instruction thus adds four products to
// each of 16 rows, and no sum ever crosses lanes. Columns are padded to a multiple of 4. Behind its values
// a block holds the scales of its rows and then their biases, 16 floats each: a scan reads one stream,
// strictly in order, which is what memory is fastest at.
//
// Values are kept unsigned, w + 128, as VNNI wants its first factor; padding is 128, which is zero.
// A query is signed, -127...127, zero in the padding. sum(q * w) = sum(q * u8) - 128 * sum(q): the second
// term is one number a query (`correction`), from which the sums start.
//
//   score[row] = (sum(q * w) * row_scale[row]) * query_scale + bias[row]

enum {
    KN_BLOCK_ROWS = 16,
    KN_GROUP_COLUMNS = 4,
    KN_GROUP_BYTES = KN_BLOCK_ROWS * KN_GROUP_COLUMNS,
    // Scales and biases of a block.
    KN_TAIL_BYTES = 2 * KN_BLOCK_ROWS * 4,
    KN_QUERIES_MAX = 8,
    // Wider tables are scanned for one query at a time.
    KN_PANEL_GROUPS_MAX = 256,
};

typedef struct kn_packed_table {
    const uint8_t *blocks;
    size_t groups;
    // What each row is called in a list; NULL where it is called by its number.
    const uint32_t *names;
} kn_packed_table;

typedef struct kn_packed_query {
    const int8_t *values;
    int32_t correction; // 128 * sum(values)
    float scale;
} kn_packed_query;

// The best rows of a query so far: falling score, equal scores in the order in which they came. Places that
// nothing stands in yet score -infinity. Both arrays have room for `limit` rounded up to 16.
typedef struct kn_top_list {
    float *scores;
    uint32_t *names;
    size_t limit; // at least 1
} kn_top_list;

// Scores of the rows of `blocks` blocks from block `first`, 16 a block.
void kn_score_u8i8(const kn_packed_table *table, const kn_packed_query *query, size_t first, size_t blocks,
                   float *scores);
// The same bits for some queries side by side, those of a query `stride` floats behind the one before: what a layer
// makes of many positions.
void kn_score_many_u8i8(const kn_packed_table *table, const kn_packed_query *queries, size_t count, size_t first,
                        size_t blocks, float *scores, size_t stride);
// Scores of n rows in any order: the same bits.
void kn_score_rows_u8i8(const kn_packed_table *table, const kn_packed_query *query, const uint32_t *rows, size_t n,
                        float *scores);
// Offers those rows, in order, to the list: it takes each whose score is above that of its last place.
void kn_top_u8i8(const kn_packed_table *table, const kn_packed_query *query, size_t first, size_t blocks,
                 const kn_top_list *list);
// The same for up to KN_QUERIES_MAX queries, each with its list: the table is read once for all.
void kn_top_many_u8i8(const kn_packed_table *table, const kn_packed_query *queries, size_t count, size_t first,
                      size_t blocks, const kn_top_list *lists);
// Offers the scores of rows 0 to n, already known, to the list.
void kn_top_f32(const float *scores, size_t n, const kn_top_list *list);
// Runs `rounds` times KN_PEAK_PRODUCTS products of bytes that stand in registers, and adds them up: the most
// that the processor can do, which benchmarks measure the scans against.
enum { KN_PEAK_PRODUCTS = 1024 };
int32_t kn_peak_u8i8(size_t rounds);
// Makes queries of some rows of n values, `stride` floats apart, each with a scale of a 127th of its largest magnitude,
// 1 where that is below 1e-30: q = round(x / scale), halves away from zero; writes where the queries' values point. Returns the first row that is not finite, where it stops, else `rows`.
size_t kn_quantize_rows_f32i8(const float *x, size_t stride, size_t rows, size_t n, kn_packed_query *queries);
// The values of a block from sixteen quantized rows, `stride` bytes apart, padded with zeros to whole groups.
void kn_pack_block(const int8_t *rows, size_t stride, size_t groups, uint8_t *values);
// The first n values of a row of the table, as near as int8 tells.
void kn_dequantize_u8f32(const kn_packed_table *table, size_t row, float *x, size_t n);

#include "layers.h"
#include "rows.h"
#include "variants.h"

#endif
