// The packed int8 table with Arm's dot-product instructions (Armv8.2): four rows in each register. The
// instruction wants both factors signed: flipping the sign bit of a weight takes its 128 off again, and the
// correction is then not needed.
#if defined(__aarch64__)
#include "CKernels.h"

#include <arm_neon.h>

#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)

#include "packed_blocks.inc"

#include "list_insert.inc"
#include "score_rows.inc"

enum { QUARTER = 4 };

static inline void score_block(const kn_packed_table *table, const kn_packed_query *query, size_t block,
                               float32x4_t result[QUARTER]) {
#pragma clang fp contract(off)
    const uint8_t *values = block_values(table, block);
    int32x4_t sums[QUARTER] = {vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0)};
    for (size_t group = 0; group < table->groups; group++) {
        const int8x16_t q = vreinterpretq_s8_s32(vdupq_n_s32(query_four(query, group)));
        for (size_t part = 0; part < QUARTER; part++) {
            const uint8x16_t w = vld1q_u8(values + group * 64 + part * 16);
            sums[part] = vdotq_s32(sums[part], vreinterpretq_s8_u8(veorq_u8(w, vdupq_n_u8(128))), q);
        }
    }
    const float *scales = block_scales(table, values), *biases = block_biases(table, values);
    for (size_t part = 0; part < QUARTER; part++) {
        const float32x4_t product = vmulq_f32(vcvtq_f32_s32(sums[part]), vld1q_f32(scales + part * 4));
        result[part] = vaddq_f32(vmulq_n_f32(product, query->scale), vld1q_f32(biases + part * 4));
    }
}

static void score(const kn_packed_table *table, const kn_packed_query *query, size_t first, size_t blocks,
                  float *scores) {
    for (size_t block = 0; block < blocks; block++) {
        float32x4_t result[QUARTER];
        score_block(table, query, first + block, result);
        for (size_t part = 0; part < QUARTER; part++) vst1q_f32(scores + block * KN_BLOCK_ROWS + part * 4, result[part]);
    }
}

static void score_many(const kn_packed_table *table, const kn_packed_query *queries, size_t count, size_t first,
                       size_t blocks, float *scores, size_t stride) {
    for (size_t q = 0; q < count; q++) score(table, queries + q, first, blocks, scores + q * stride);
}

static void top(const kn_packed_table *table, const kn_packed_query *query, size_t first, size_t blocks,
                const kn_top_list *list) {
    for (size_t block = first; block < first + blocks; block++) {
        float32x4_t result[QUARTER];
        score_block(table, query, block, result);
        for (size_t part = 0; part < QUARTER; part++) {
            if (vmaxvq_u32(vcgtq_f32(result[part], vdupq_n_f32(list_threshold(list)))) == 0) continue;
            float lanes[4];
            vst1q_f32(lanes, result[part]);
            list_offer(table, list, lanes, block * KN_BLOCK_ROWS + part * 4, 4);
        }
    }
}

static void top_many(const kn_packed_table *table, const kn_packed_query *queries, size_t count, size_t first,
                     size_t blocks, const kn_top_list *lists) {
    for (size_t q = 0; q < count; q++) top(table, queries + q, first, blocks, lists + q);
}

static void top_scores(const float *scores, size_t n, const kn_top_list *list) {
    for (size_t row = 0; row < n; row++) list_offer_score(scores[row], row, list);
}

static int32_t peak(size_t rounds) {
    enum { CHAINS = 8, PRODUCTS = 16 };
    int32x4_t sums[CHAINS] = {0};
    int8x16_t one = vdupq_n_s8(3), other = vdupq_n_s8(5);
    for (size_t round = 0; round < rounds * KN_PEAK_PRODUCTS / (CHAINS * PRODUCTS); round++) {
        // What the compiler cannot see through it cannot take out of the loop.
        __asm__ volatile("" : "+w"(one), "+w"(other));
        for (size_t chain = 0; chain < CHAINS; chain++) sums[chain] = vdotq_s32(sums[chain], one, other);
    }
    int32_t sum = 0;
    for (size_t chain = 0; chain < CHAINS; chain++) sum ^= vaddvq_s32(sums[chain]);
    return sum;
}

const kn_packed_kernels kn_packed_neon = {.score = score, .score_many = score_many, .dequantize = dequantize, .score_rows = score_rows, .top = top, .top_many = top_many, .top_scores = top_scores, .peak = peak};
#pragma clang attribute pop
#endif
