// The packed int8 table with AVX-512 VNNI: one vpdpbusd adds four products to each of 16 rows.
#if defined(__x86_64__)
#include "CKernels.h"

#include <immintrin.h>

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni"))),             \
                             apply_to = function)

#include "packed_blocks.inc"

static inline __m512i query_group(const kn_packed_query *query, size_t group) {
    return _mm512_set1_epi32(query_four(query, group));
}

static inline __m512i weights(const uint8_t *values, size_t group) {
    return _mm512_loadu_si512(values + group * KN_GROUP_BYTES);
}

static inline __m512 finish(__m512i sums, __m512 scales, float query_scale, __m512 biases) {
#pragma clang fp contract(off)
    const __m512 product = _mm512_mul_ps(_mm512_cvtepi32_ps(sums), scales);
    return _mm512_add_ps(_mm512_mul_ps(product, _mm512_set1_ps(query_scale)), biases);
}

// One block against one query, of which the first groups stand in registers. Two chains of sums hide half
// the latency of the instruction, the blocks that follow the other half: the processor looks that far
// ahead, and memory is still read in order.
static inline __attribute__((always_inline)) __m512 score_block(const kn_packed_table *table,
                                                                const kn_packed_query *query, const uint8_t *values,
                                                                const __m512i *held, size_t held_count) {
    __m512i even = _mm512_set1_epi32(-query->correction), odd = _mm512_setzero_si512();
#pragma clang loop unroll(full)
    for (size_t group = 0; group < held_count; group += 2) {
        even = _mm512_dpbusd_epi32(even, weights(values, group), held[group]);
        odd = _mm512_dpbusd_epi32(odd, weights(values, group + 1), held[group + 1]);
    }
    size_t group = held_count;
    for (; group + 2 <= table->groups; group += 2) {
        even = _mm512_dpbusd_epi32(even, weights(values, group), query_group(query, group));
        odd = _mm512_dpbusd_epi32(odd, weights(values, group + 1), query_group(query, group + 1));
    }
    if (group < table->groups)
        even = _mm512_dpbusd_epi32(even, weights(values, group), query_group(query, group));
    return finish(_mm512_add_epi32(even, odd), _mm512_loadu_ps(block_scales(table, values)), query->scale,
                  _mm512_loadu_ps(block_biases(table, values)));
}

static inline __attribute__((always_inline)) void hold(const kn_packed_query *query, __m512i *held, size_t count) {
#pragma clang loop unroll(full)
    for (size_t group = 0; group < count; group++) held[group] = query_group(query, group);
}

static inline __attribute__((always_inline)) void score_blocks(const kn_packed_table *table,
                                                               const kn_packed_query *query, size_t first,
                                                               size_t blocks, float *scores, size_t held_count) {
    __m512i held[16];
    hold(query, held, held_count);
    for (size_t block = 0; block < blocks; block++)
        _mm512_storeu_ps(scores + block * KN_BLOCK_ROWS,
                         score_block(table, query, block_values(table, first + block), held, held_count));
}

static void score(const kn_packed_table *table, const kn_packed_query *query, size_t first, size_t blocks,
                  float *scores) {
    if (table->groups >= 16) return score_blocks(table, query, first, blocks, scores, 16);
    score_blocks(table, query, first, blocks, scores, 0);
}

// `height` blocks against `width` queries: each weight and each query value is loaded once for all that it meets.
static inline __attribute__((always_inline)) void score_tile(const kn_packed_table *table,
                                                             const kn_packed_query *queries, const uint8_t *values,
                                                             float *scores, size_t stride, size_t height,
                                                             size_t width) {
    const size_t bytes = block_bytes(table);
    __m512i sums[4][4];
    for (size_t q = 0; q < width; q++)
        for (size_t row = 0; row < height; row++) sums[q][row] = _mm512_set1_epi32(-queries[q].correction);
    for (size_t group = 0; group < table->groups; group++) {
        __m512i w[4];
        for (size_t row = 0; row < height; row++) w[row] = weights(values + row * bytes, group);
        for (size_t q = 0; q < width; q++) {
            const __m512i four = query_group(queries + q, group);
            for (size_t row = 0; row < height; row++) sums[q][row] = _mm512_dpbusd_epi32(sums[q][row], w[row], four);
        }
    }
    for (size_t row = 0; row < height; row++) {
        const __m512 scales = _mm512_loadu_ps(block_scales(table, values + row * bytes));
        const __m512 biases = _mm512_loadu_ps(block_biases(table, values + row * bytes));
        for (size_t q = 0; q < width; q++)
            _mm512_storeu_ps(scores + q * stride + row * KN_BLOCK_ROWS,
                             finish(sums[q][row], scales, queries[q].scale, biases));
    }
}

static inline __attribute__((always_inline)) void score_queries(const kn_packed_table *table,
                                                                const kn_packed_query *queries, size_t count,
                                                                const uint8_t *values, float *scores, size_t stride,
                                                                size_t height) {
    size_t q = 0;
    for (; q + 4 <= count; q += 4) score_tile(table, queries + q, values, scores + q * stride, stride, height, 4);
    switch (count - q) {
    case 3:
        return score_tile(table, queries + q, values, scores + q * stride, stride, height, 3);
    case 2:
        return score_tile(table, queries + q, values, scores + q * stride, stride, height, 2);
    case 1:
        return score_tile(table, queries + q, values, scores + q * stride, stride, height, 1);
    }
}

static void score_many(const kn_packed_table *table, const kn_packed_query *queries, size_t count, size_t first,
                       size_t blocks, float *scores, size_t stride) {
    size_t block = 0;
    for (; block + 4 <= blocks; block += 4)
        score_queries(table, queries, count, block_values(table, first + block), scores + block * KN_BLOCK_ROWS, stride, 4);
    for (; block < blocks; block++)
        score_queries(table, queries, count, block_values(table, first + block), scores + block * KN_BLOCK_ROWS, stride, 1);
}

static inline int32_t four_at(const uint8_t *values) {
    int32_t four;
    memcpy(&four, values, sizeof four);
    return four;
}

static void dequantize(const kn_packed_table *table, size_t row, float *x, size_t n) {
    const uint8_t *block = block_values(table, row / KN_BLOCK_ROWS);
    const uint8_t *values = block + row % KN_BLOCK_ROWS * KN_GROUP_COLUMNS;
    const __m512 scale = _mm512_set1_ps(block_scales(table, block)[row % KN_BLOCK_ROWS]);
    for (size_t i = 0; i < n; i += 16, values += 4 * KN_GROUP_BYTES) {
        const size_t left = n - i < 16 ? n - i : 16;
        // A group is there for every column that is; one that is not is read as the one before it.
        const size_t second = left > 4 ? KN_GROUP_BYTES : 0, third = left > 8 ? 2 * KN_GROUP_BYTES : second;
        const size_t fourth = left > 12 ? 3 * KN_GROUP_BYTES : third;
        const __m128i fours = _mm_setr_epi32(four_at(values), four_at(values + second), four_at(values + third),
                                             four_at(values + fourth));
        const __m512i signed_values = _mm512_sub_epi32(_mm512_cvtepu8_epi32(fours), _mm512_set1_epi32(128));
        _mm512_mask_storeu_ps(x + i, (__mmask16)((1u << left) - 1), _mm512_mul_ps(_mm512_cvtepi32_ps(signed_values), scale));
    }
}

// Sixteen groups of a row at a time, one lane each: they stand a block's width apart.
static void score_rows(const kn_packed_table *table, const kn_packed_query *query, const uint32_t *rows, size_t n,
                       float *scores) {
#pragma clang fp contract(off)
    const __m512i steps = _mm512_mullo_epi32(
        _mm512_set1_epi32(KN_GROUP_BYTES), _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
    for (size_t place = 0; place < n; place++) {
        const size_t lane = rows[place] % KN_BLOCK_ROWS;
        const uint8_t *values = block_values(table, rows[place] / KN_BLOCK_ROWS);
        __m512i sums = _mm512_setzero_si512();
        for (size_t group = 0; group < table->groups; group += 16) {
            const size_t left = table->groups - group;
            const __mmask16 lanes = left >= 16 ? (__mmask16)0xffff : (__mmask16)((1u << left) - 1);
            const __m512i row = _mm512_mask_i32gather_epi32(
                _mm512_setzero_si512(), lanes, steps, values + group * KN_GROUP_BYTES + lane * KN_GROUP_COLUMNS, 1);
            sums = _mm512_dpbusd_epi32(
                sums, row, _mm512_maskz_loadu_epi32(lanes, query->values + group * KN_GROUP_COLUMNS));
        }
        const int32_t sum = _mm512_reduce_add_epi32(sums) - query->correction;
        const float product = (float)sum * block_scales(table, values)[lane];
        scores[place] = product * query->scale + block_biases(table, values)[lane];
    }
}

// Finds the place of a score in all places at once: those before it keep their rows, it takes the one
// behind them, the rest move up by one lane.
static inline void list_insert(const kn_top_list *list, float score, uint32_t name) {
    const __m512 new_score = _mm512_set1_ps(score);
    const __m512i new_name = _mm512_set1_epi32((int32_t)name);
    __m512i left_scores = _mm512_setzero_si512(), left_names = _mm512_setzero_si512();
    unsigned left_before = 1;
    for (size_t place = 0; place < list->limit; place += 16) {
        const __m512i scores = _mm512_loadu_si512(list->scores + place);
        const __m512i names = _mm512_loadu_si512(list->names + place);
        const unsigned before = _mm512_cmp_ps_mask(_mm512_castsi512_ps(scores), new_score, _CMP_GE_OQ);
        const __mmask16 here = (__mmask16)((before << 1 | left_before) & ~before);
        const __m512i moved_scores = _mm512_mask_mov_epi32(_mm512_alignr_epi32(scores, left_scores, 15), here,
                                                           _mm512_castps_si512(new_score));
        const __m512i moved_names = _mm512_mask_mov_epi32(_mm512_alignr_epi32(names, left_names, 15), here, new_name);
        _mm512_storeu_si512(list->scores + place, _mm512_mask_mov_epi32(moved_scores, (__mmask16)before, scores));
        _mm512_storeu_si512(list->names + place, _mm512_mask_mov_epi32(moved_names, (__mmask16)before, names));
        left_scores = scores;
        left_names = names;
        left_before = before >> 15;
    }
}

// Offers the rows of a block that were above the threshold; returns the threshold afterwards. Rare, so out
// of the loop, which keeps its registers.
static __attribute__((noinline)) float offer(const kn_packed_table *table, const kn_top_list *list, const float *scores,
                                             unsigned above, size_t row) {
    for (; above != 0; above &= above - 1) {
        const unsigned lane = (unsigned)__builtin_ctz(above);
        if (scores[lane] > list_threshold(list)) list_insert(list, scores[lane], row_name(table, row + lane));
    }
    return list_threshold(list);
}

// Tables that no cache holds are asked for this far ahead; in a cache that would only be in the way.
enum { AHEAD_BYTES = 8192, CACHE_BYTES = 24 << 20 };

static inline __attribute__((always_inline)) void ask_ahead(const uint8_t *values, size_t bytes) {
    for (size_t line = 0; line < bytes; line += 64) _mm_prefetch((const char *)values + AHEAD_BYTES + line, _MM_HINT_T0);
}

static inline __attribute__((always_inline)) void top_blocks(const kn_packed_table *table,
                                                             const kn_packed_query *query, size_t first,
                                                             size_t blocks, const kn_top_list *list,
                                                             size_t held_count, bool is_ahead) {
    __m512i held[20];
    hold(query, held, held_count);
    __m512 threshold = _mm512_set1_ps(list_threshold(list));
    const size_t bytes = block_bytes(table);
    const uint8_t *values = block_values(table, first);
    for (size_t block = first; block < first + blocks; block++, values += bytes) {
        if (is_ahead) ask_ahead(values, bytes);
        const __m512 result = score_block(table, query, values, held, held_count);
        const __mmask16 above = _mm512_cmp_ps_mask(result, threshold, _CMP_GT_OQ);
        if (__builtin_expect(above != 0, 0)) {
            float scores[KN_BLOCK_ROWS];
            _mm512_storeu_ps(scores, result);
            threshold = _mm512_set1_ps(offer(table, list, scores, above, block * KN_BLOCK_ROWS));
        }
    }
}

static void top(const kn_packed_table *table, const kn_packed_query *query, size_t first, size_t blocks,
                const kn_top_list *list) {
    const bool is_ahead = blocks * block_bytes(table) > CACHE_BYTES;
    // Twenty groups in registers, two sums, a threshold and what a result needs: 28 of 32.
    if (table->groups == 16 && !is_ahead) return top_blocks(table, query, first, blocks, list, 16, false);
    if (table->groups == 16) return top_blocks(table, query, first, blocks, list, 16, true);
    if (table->groups >= 20 && !is_ahead) return top_blocks(table, query, first, blocks, list, 20, false);
    if (table->groups >= 20) return top_blocks(table, query, first, blocks, list, 20, true);
    top_blocks(table, query, first, blocks, list, 0, is_ahead);
}

// What a tile of blocks and queries has given: in memory, so that nothing in the loop that makes it waits
// for what is rarely done with it.
typedef struct tile_results {
    // Each a line of the cache: a store across two costs double, one across two pages forty times as much.
    _Alignas(64) float scores[16][KN_BLOCK_ROWS];
} tile_results;

static __attribute__((noinline)) void offer_tile(const kn_packed_table *table, const kn_top_list *lists,
                                                 const tile_results *results, float *thresholds, size_t block,
                                                 size_t height, size_t width) {
    for (size_t q = 0; q < width; q++) {
        __m512 threshold = _mm512_set1_ps(thresholds[q]);
        for (size_t row = 0; row < height; row++) {
            const float *scores = results->scores[row * width + q];
            const __mmask16 above = _mm512_cmp_ps_mask(_mm512_load_ps(scores), threshold, _CMP_GT_OQ);
            if (above == 0) continue;
            thresholds[q] = offer(table, lists + q, scores, above, (block + row) * KN_BLOCK_ROWS);
            threshold = _mm512_set1_ps(thresholds[q]);
        }
    }
}

// Queries side by side: group by group, so that one line of memory serves a group of all of them.
typedef struct query_panel {
    _Alignas(64) int32_t fours[KN_PANEL_GROUPS_MAX][KN_QUERIES_MAX];
    int32_t starts[KN_QUERIES_MAX];
    float scales[KN_QUERIES_MAX];
    float thresholds[KN_QUERIES_MAX];
} query_panel;

// `height` blocks against `width` queries, 16 sums in registers: each weight and each query value is loaded
// once for all that it meets.
static inline __attribute__((always_inline)) void top_tiles(const kn_packed_table *table, query_panel *panel,
                                                            size_t first, size_t blocks, const kn_top_list *lists,
                                                            size_t height, size_t width) {
    const size_t groups = table->groups, bytes = block_bytes(table);
    const uint8_t *values = block_values(table, first);
    tile_results results;
    for (size_t block = first; block < first + blocks; block += height, values += height * bytes) {
        __m512i sums[16];
#pragma clang loop unroll(full)
        for (size_t place = 0; place < height * width; place++)
            sums[place] = _mm512_set1_epi32(panel->starts[place % width]);
#pragma clang loop unroll_count(4)
        for (size_t group = 0; group < groups; group++) {
            __m512i w[4];
#pragma clang loop unroll(full)
            for (size_t row = 0; row < height; row++) {
                w[row] = weights(values + row * bytes, group);
                _mm_prefetch((const char *)values + (height + row) * bytes + group * KN_GROUP_BYTES, _MM_HINT_T0);
            }
#pragma clang loop unroll(full)
            for (size_t q = 0; q < width; q++) {
                const __m512i four = _mm512_set1_epi32(panel->fours[group][q]);
#pragma clang loop unroll(full)
                for (size_t row = 0; row < height; row++)
                    sums[row * width + q] = _mm512_dpbusd_epi32(sums[row * width + q], w[row], four);
            }
        }
        // Above its threshold is what is positive after it is taken away, as a number of either kind; -inf less -inf
        // gives a NaN with its sign set. Integers are compared where the products are not multiplied.
        __m512i most = _mm512_setzero_si512();
#pragma clang loop unroll(full)
        for (size_t place = 0; place < height * width; place++) {
            const uint8_t *row_values = values + place / width * bytes;
            const __m512 result =
                finish(sums[place], _mm512_loadu_ps(block_scales(table, row_values)), panel->scales[place % width],
                       _mm512_loadu_ps(block_biases(table, row_values)));
            const __m512 excess = _mm512_sub_ps(result, _mm512_set1_ps(panel->thresholds[place % width]));
            _mm512_store_ps(results.scores[place], result);
            most = _mm512_max_epi32(most, _mm512_castps_si512(excess));
        }
        if (_mm512_test_epi32_mask(most, most) != 0)
            offer_tile(table, lists, &results, panel->thresholds, block, height, width);
    }
}

// Places of the panel that no query stands in can find nothing.
static void fill_panel(query_panel *panel, const kn_packed_query *queries, const kn_top_list *lists, size_t count,
                       size_t width, size_t groups) {
    for (size_t q = 0; q < width; q++) {
        const kn_packed_query *query = queries + (q < count ? q : 0);
        for (size_t group = 0; group < groups; group++) panel->fours[group][q] = query_four(query, group);
        panel->starts[q] = -query->correction;
        panel->scales[q] = query->scale;
        panel->thresholds[q] = q < count ? list_threshold(lists + q) : __builtin_inff();
    }
}

static void top_many(const kn_packed_table *table, const kn_packed_query *queries, size_t count, size_t first,
                     size_t blocks, const kn_top_list *lists) {
    size_t done = 0;
    if (count > 1 && table->groups <= KN_PANEL_GROUPS_MAX) {
        const bool is_few = count <= 4;
        query_panel panel;
        fill_panel(&panel, queries, lists, count, is_few ? 4 : 8, table->groups);
        done = blocks / (is_few ? 4 : 2) * (is_few ? 4 : 2);
        if (is_few)
            top_tiles(table, &panel, first, done, lists, 4, 4);
        else
            top_tiles(table, &panel, first, done, lists, 2, 8);
    }
    if (done == blocks) return;
    for (size_t q = 0; q < count; q++) top(table, queries + q, first + done, blocks - done, lists + q);
}

static void top_scores(const float *scores, size_t n, const kn_top_list *list) {
    __m512 threshold = _mm512_set1_ps(list_threshold(list));
    for (size_t row = 0; row < n; row += KN_BLOCK_ROWS) {
        const __mmask16 left = n - row >= 16 ? (__mmask16)0xffff : (__mmask16)((1u << (n - row)) - 1);
        unsigned above = _mm512_mask_cmp_ps_mask(left, _mm512_maskz_loadu_ps(left, scores + row), threshold, _CMP_GT_OQ);
        if (__builtin_expect(above == 0, 1)) continue;
        for (; above != 0; above &= above - 1) {
            const size_t place = row + (size_t)__builtin_ctz(above);
            if (scores[place] > list_threshold(list)) list_insert(list, scores[place], (uint32_t)place);
        }
        threshold = _mm512_set1_ps(list_threshold(list));
    }
}

static int32_t peak(size_t rounds) {
    enum { CHAINS = 16, PRODUCTS = 64 };
    __m512i sums[CHAINS], one = _mm512_set1_epi8(3), other = _mm512_set1_epi8(5);
    for (size_t chain = 0; chain < CHAINS; chain++) sums[chain] = _mm512_setzero_si512();
    for (size_t round = 0; round < rounds * KN_PEAK_PRODUCTS / (CHAINS * PRODUCTS); round++) {
        // What the compiler cannot see through it cannot take out of the loop.
        __asm__ volatile("" : "+v"(one), "+v"(other));
#pragma clang loop unroll(full)
        for (size_t chain = 0; chain < CHAINS; chain++) sums[chain] = _mm512_dpbusd_epi32(sums[chain], one, other);
    }
    for (size_t chain = 1; chain < CHAINS; chain++) sums[0] = _mm512_add_epi32(sums[0], sums[chain]);
    return _mm512_reduce_add_epi32(sums[0]);
}

const kn_packed_kernels kn_packed_avx512vnni = {.score = score, .score_many = score_many, .dequantize = dequantize, .score_rows = score_rows, .top = top, .top_many = top_many, .top_scores = top_scores, .peak = peak};
#pragma clang attribute pop
#endif
