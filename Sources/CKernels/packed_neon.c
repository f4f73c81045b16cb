// The packed int8 table with Arm's dot-product instructions (Armv8.2): four rows in each register. The
// instruction wants both factors signed: flipping the sign bit of a weight takes its 128 off again, and the
// correction is then not needed.
#if defined(__aarch64__)
#include "CKernels.h"

#include <arm_neon.h>

#pragma clang attribute push(__attribute__((target("dotprod"))), apply_to = function)

enum { QUARTER = 4 };

static inline void score_block(const kn_packed_table *table, const kn_packed_query *query, size_t block,
                               float32x4_t result[QUARTER]) {
#pragma clang fp contract(off)
    const uint8_t *values = table->values + block * table->groups * KN_BLOCK_ROWS * KN_GROUP_COLUMNS;
    int32x4_t sums[QUARTER] = {vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0), vdupq_n_s32(0)};
    for (size_t group = 0; group < table->groups; group++) {
        const int8x16_t q = vreinterpretq_s8_s32(vld1q_dup_s32((const int32_t *)(query->values + group * KN_GROUP_COLUMNS)));
        for (size_t part = 0; part < QUARTER; part++) {
            const uint8x16_t w = vld1q_u8(values + group * 64 + part * 16);
            sums[part] = vdotq_s32(sums[part], vreinterpretq_s8_u8(veorq_u8(w, vdupq_n_u8(128))), q);
        }
    }
    for (size_t part = 0; part < QUARTER; part++) {
        const size_t row = block * KN_BLOCK_ROWS + part * 4;
        const float32x4_t product = vmulq_f32(vcvtq_f32_s32(sums[part]), vld1q_f32(table->row_scales + row));
        result[part] = vaddq_f32(vmulq_n_f32(product, query->scale), vld1q_f32(table->biases + row));
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

static size_t scan(const kn_packed_table *table, const kn_packed_query *query, size_t first, size_t blocks,
                   float threshold, uint32_t *rows, float *scores) {
    size_t found = 0;
    const float32x4_t limit = vdupq_n_f32(threshold);
    for (size_t block = first; block < first + blocks; block++) {
        float32x4_t result[QUARTER];
        score_block(table, query, block, result);
        for (size_t part = 0; part < QUARTER; part++) {
            if (vmaxvq_u32(vcgtq_f32(result[part], limit)) == 0) continue;
            float lanes[4];
            vst1q_f32(lanes, result[part]);
            for (size_t lane = 0; lane < 4; lane++) {
                if (!(lanes[lane] > threshold)) continue;
                rows[found] = (uint32_t)(block * KN_BLOCK_ROWS + part * 4 + lane);
                scores[found] = lanes[lane];
                found++;
            }
        }
    }
    return found;
}

static void scan_many(const kn_packed_table *table, const kn_packed_query *queries, size_t count, size_t first,
                      size_t blocks, const float *thresholds, uint32_t *rows, float *scores, size_t stride,
                      size_t *found) {
    for (size_t q = 0; q < count; q++)
        found[q] = scan(table, queries + q, first, blocks, thresholds[q], rows + q * stride, scores + q * stride);
}

const kn_packed_kernels kn_packed_neon = {.score = score, .scan = scan, .scan_many = scan_many};
#pragma clang attribute pop
#endif
