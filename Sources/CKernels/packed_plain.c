// The packed int8 table on any processor: the definition of the result.
#include "CKernels.h"

static void score_block(const kn_packed_table *table, const kn_packed_query *query, size_t block, float *scores) {
#pragma clang fp contract(off)
    const uint8_t *values = table->values + block * table->groups * KN_BLOCK_ROWS * KN_GROUP_COLUMNS;
    int32_t sums[KN_BLOCK_ROWS] = {0};
    for (size_t group = 0; group < table->groups; group++) {
        const int8_t *q = query->values + group * KN_GROUP_COLUMNS;
        for (size_t row = 0; row < KN_BLOCK_ROWS; row++) {
            const uint8_t *w = values + (group * KN_BLOCK_ROWS + row) * KN_GROUP_COLUMNS;
            sums[row] += q[0] * w[0] + q[1] * w[1] + q[2] * w[2] + q[3] * w[3];
        }
    }
    const size_t first = block * KN_BLOCK_ROWS;
    for (size_t row = 0; row < KN_BLOCK_ROWS; row++) {
        const float product = (float)(sums[row] - query->correction) * table->row_scales[first + row];
        scores[row] = product * query->scale + table->biases[first + row];
    }
}

static void score(const kn_packed_table *table, const kn_packed_query *query, size_t first, size_t blocks,
                  float *scores) {
    for (size_t block = 0; block < blocks; block++)
        score_block(table, query, first + block, scores + block * KN_BLOCK_ROWS);
}

static size_t scan(const kn_packed_table *table, const kn_packed_query *query, size_t first, size_t blocks,
                   float threshold, uint32_t *rows, float *scores) {
    size_t found = 0;
    for (size_t block = first; block < first + blocks; block++) {
        float block_scores[KN_BLOCK_ROWS];
        score_block(table, query, block, block_scores);
        for (size_t row = 0; row < KN_BLOCK_ROWS; row++) {
            if (!(block_scores[row] > threshold)) continue;
            rows[found] = (uint32_t)(block * KN_BLOCK_ROWS + row);
            scores[found] = block_scores[row];
            found++;
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

const kn_packed_kernels kn_packed_plain = {.score = score, .scan = scan, .scan_many = scan_many};
