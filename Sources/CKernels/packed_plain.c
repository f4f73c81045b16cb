// The packed int8 table on any processor: the definition of the result.
#include "CKernels.h"

#include "packed_blocks.inc"

#include "list_insert.inc"
#include "score_rows.inc"

static void score_block(const kn_packed_table *table, const kn_packed_query *query, size_t block, float *scores) {
#pragma clang fp contract(off)
    const uint8_t *values = block_values(table, block);
    int32_t sums[KN_BLOCK_ROWS] = {0};
    for (size_t group = 0; group < table->groups; group++) {
        const int8_t *q = query->values + group * KN_GROUP_COLUMNS;
        for (size_t row = 0; row < KN_BLOCK_ROWS; row++) {
            const uint8_t *w = values + (group * KN_BLOCK_ROWS + row) * KN_GROUP_COLUMNS;
            sums[row] += q[0] * w[0] + q[1] * w[1] + q[2] * w[2] + q[3] * w[3];
        }
    }
    const float *scales = block_scales(table, values), *biases = block_biases(table, values);
    for (size_t row = 0; row < KN_BLOCK_ROWS; row++) {
        const float product = (float)(sums[row] - query->correction) * scales[row];
        scores[row] = product * query->scale + biases[row];
    }
}

static void score(const kn_packed_table *table, const kn_packed_query *query, size_t first, size_t blocks,
                  float *scores) {
    for (size_t block = 0; block < blocks; block++)
        score_block(table, query, first + block, scores + block * KN_BLOCK_ROWS);
}

static void score_many(const kn_packed_table *table, const kn_packed_query *queries, size_t count, size_t first,
                       size_t blocks, float *scores, size_t stride) {
    for (size_t q = 0; q < count; q++) score(table, queries + q, first, blocks, scores + q * stride);
}

static void top(const kn_packed_table *table, const kn_packed_query *query, size_t first, size_t blocks,
                const kn_top_list *list) {
    for (size_t block = first; block < first + blocks; block++) {
        float scores[KN_BLOCK_ROWS];
        score_block(table, query, block, scores);
        list_offer(table, list, scores, block * KN_BLOCK_ROWS, KN_BLOCK_ROWS);
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
    // Unsigned: some hundred rounds are more than 31 bits.
    uint32_t sums[KN_BLOCK_ROWS] = {0};
    for (size_t round = 0; round < rounds; round++)
        for (size_t product = 0; product < KN_PEAK_PRODUCTS; product++)
            sums[product % KN_BLOCK_ROWS] += (uint32_t)(product & 255) * (uint32_t)(round & 127);
    uint32_t sum = 0;
    for (size_t row = 0; row < KN_BLOCK_ROWS; row++) sum ^= sums[row];
    return (int32_t)(sum & INT32_MAX);
}

void kn_pack_block(const int8_t *rows, size_t stride, size_t groups, uint8_t *values) {
    for (size_t group = 0; group < groups; group++)
        for (size_t row = 0; row < KN_BLOCK_ROWS; row++) {
            uint32_t four;
            memcpy(&four, rows + row * stride + group * KN_GROUP_COLUMNS, sizeof four);
            // Flipping the sign bit adds 128.
            four ^= 0x80808080u;
            memcpy(values + (group * KN_BLOCK_ROWS + row) * KN_GROUP_COLUMNS, &four, sizeof four);
        }
}

const kn_packed_kernels kn_packed_plain = {.score = score, .score_many = score_many, .dequantize = dequantize, .score_rows = score_rows, .top = top, .top_many = top_many, .top_scores = top_scores, .peak = peak};
