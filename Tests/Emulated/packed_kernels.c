// The packed int8 kernels of this processor beside the plain ones, bit for bit: for instruction sets that the
// machine of the tests does not have, built for them and run by an emulator (`make test-neon`). The processors
// that are there have the same comparison in CKernelsTests.
#include "CKernels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static uint64_t state = 1;

static uint64_t next(void) {
    state += 0x9E3779B97F4A7C15ull;
    uint64_t mixed = state;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9ull;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EBull;
    return mixed ^ (mixed >> 31);
}

// In [-1, 1).
static float unit(void) { return (float)(next() >> 40) * 0x1p-23f - 1; }

static void *checked(void *memory) {
    if (memory == NULL || memory == MAP_FAILED) {
        perror("memory");
        exit(1);
    }
    return memory;
}

// What one problem takes, given back all at once.
static struct {
    void *start;
    size_t bytes;
} mappings[4096];
static size_t mapping_count;

// Bytes that end where a page begins that nobody may touch.
static void *guarded(size_t bytes) {
    const size_t page = 65536, used = (bytes + page - 1) / page * page;
    char *start = checked(mmap(NULL, used + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
    if (mprotect(start + used, page, PROT_NONE) != 0 || mapping_count == sizeof mappings / sizeof *mappings) checked(NULL);
    mappings[mapping_count].start = start;
    mappings[mapping_count++].bytes = used + page;
    return start + used - bytes;
}

static void release(void) {
    while (mapping_count > 0) {
        mapping_count--;
        munmap(mappings[mapping_count].start, mappings[mapping_count].bytes);
    }
}

static long comparisons, differences;

static void compare(const char *kernel, const void *left, const void *right, size_t bytes, size_t columns, size_t rows) {
    comparisons++;
    if (memcmp(left, right, bytes) == 0) return;
    differences++;
    fprintf(stderr, "%s differs: %zu columns, %zu rows\n", kernel, columns, rows);
}

typedef struct problem {
    kn_packed_table table;
    kn_packed_query queries[KN_QUERIES_MAX];
    size_t columns, rows, blocks;
} problem;

static problem make_problem(size_t columns, size_t rows) {
    problem p = {.columns = columns, .rows = rows, .blocks = (rows + KN_BLOCK_ROWS - 1) / KN_BLOCK_ROWS};
    const size_t groups = (columns + KN_GROUP_COLUMNS - 1) / KN_GROUP_COLUMNS;
    const size_t bytes = groups * KN_GROUP_BYTES + KN_TAIL_BYTES;
    uint8_t *blocks = guarded(p.blocks * bytes);
    for (size_t block = 0; block < p.blocks; block++) {
        uint8_t *values = blocks + block * bytes;
        for (size_t place = 0; place < groups * KN_GROUP_BYTES; place++) {
            const size_t column = place / KN_GROUP_BYTES * KN_GROUP_COLUMNS + place % KN_GROUP_COLUMNS;
            // The extremes of int8 stand next to each other now and then.
            values[place] = column >= columns ? 128 : next() % 8 == 0 ? 1 + 254 * (next() & 1) : 1 + next() % 255;
        }
        float *tail = (float *)(values + groups * KN_GROUP_BYTES);
        for (size_t row = 0; row < KN_BLOCK_ROWS; row++) {
            tail[row] = 0.01f + unit() * unit();
            tail[KN_BLOCK_ROWS + row] = block * KN_BLOCK_ROWS + row < rows ? unit() : -__builtin_inff();
        }
    }
    p.table = (kn_packed_table){.blocks = blocks, .groups = groups};
    for (size_t q = 0; q < KN_QUERIES_MAX; q++) {
        int8_t *values = guarded(groups * KN_GROUP_COLUMNS);
        int32_t sum = 0;
        for (size_t column = 0; column < groups * KN_GROUP_COLUMNS; column++) {
            values[column] = column < columns ? (int8_t)(next() % 255 - 127) : 0;
            sum += values[column];
        }
        p.queries[q] = (kn_packed_query){.values = values, .correction = 128 * sum, .scale = 0.02f + 0.01f * unit()};
    }
    return p;
}

typedef struct lists {
    kn_top_list list[KN_QUERIES_MAX];
    size_t places;
} lists;

static lists make_lists(size_t limit) {
    lists made = {.places = (limit + 15) / 16 * 16};
    for (size_t q = 0; q < KN_QUERIES_MAX; q++) {
        made.list[q] = (kn_top_list){.scores = guarded(made.places * 4), .names = guarded(made.places * 4), .limit = limit};
        for (size_t place = 0; place < made.places; place++) {
            made.list[q].scores[place] = -__builtin_inff();
            made.list[q].names[place] = 0;
        }
    }
    return made;
}

static void compare_lists(const char *kernel, const problem *p, const lists *left, const lists *right, size_t count) {
    for (size_t q = 0; q < count; q++) {
        const size_t bytes = left->list[q].limit * 4;
        compare(kernel, left->list[q].scores, right->list[q].scores, bytes, p->columns, p->rows);
        compare(kernel, left->list[q].names, right->list[q].names, bytes, p->columns, p->rows);
    }
}

static void check_scores(const kn_packed_kernels *kernels, const problem *p) {
    const size_t scores = p->blocks * KN_BLOCK_ROWS;
    float *left = guarded(scores * 4), *right = guarded(scores * 4);
    kernels->score(&p->table, p->queries, 0, p->blocks, left);
    kn_packed_plain.score(&p->table, p->queries, 0, p->blocks, right);
    compare("score", left, right, scores * 4, p->columns, p->rows);
    for (size_t count = 1; count <= KN_QUERIES_MAX; count++) {
        float *many = guarded(count * scores * 4), *plain = guarded(count * scores * 4);
        kernels->score_many(&p->table, p->queries, count, 0, p->blocks, many, scores);
        kn_packed_plain.score_many(&p->table, p->queries, count, 0, p->blocks, plain, scores);
        compare("score_many", many, plain, count * scores * 4, p->columns, p->rows);
    }
    uint32_t *rows = guarded(p->rows * 4);
    for (size_t place = 0; place < p->rows; place++) rows[place] = (uint32_t)(next() % p->rows);
    float *some = guarded(p->rows * 4), *plain = guarded(p->rows * 4);
    kernels->score_rows(&p->table, p->queries, rows, p->rows, some);
    kn_packed_plain.score_rows(&p->table, p->queries, rows, p->rows, plain);
    compare("score_rows", some, plain, p->rows * 4, p->columns, p->rows);
    float *values = guarded(p->columns * 4), *expected = guarded(p->columns * 4);
    for (size_t row = 0; row < p->rows; row++) {
        kernels->dequantize(&p->table, row, values, p->columns);
        kn_packed_plain.dequantize(&p->table, row, expected, p->columns);
        compare("dequantize", values, expected, p->columns * 4, p->columns, p->rows);
    }
}

static void check_lists(const kn_packed_kernels *kernels, const problem *p, size_t limit) {
    lists left = make_lists(limit), right = make_lists(limit);
    kernels->top(&p->table, p->queries, 0, p->blocks, left.list);
    kn_packed_plain.top(&p->table, p->queries, 0, p->blocks, right.list);
    compare_lists("top", p, &left, &right, 1);
    for (size_t count = 2; count <= KN_QUERIES_MAX; count += 3) {
        left = make_lists(limit);
        right = make_lists(limit);
        kernels->top_many(&p->table, p->queries, count, 0, p->blocks, left.list);
        kn_packed_plain.top_many(&p->table, p->queries, count, 0, p->blocks, right.list);
        compare_lists("top_many", p, &left, &right, count);
    }
    float *scores = guarded(p->rows * 4);
    for (size_t row = 0; row < p->rows; row++) scores[row] = unit();
    left = make_lists(limit);
    right = make_lists(limit);
    kernels->top_scores(scores, p->rows, left.list);
    kn_packed_plain.top_scores(scores, p->rows, right.list);
    compare_lists("top_scores", p, &left, &right, 1);
}

int main(void) {
    const kn_isa isa = kn_isa_current();
    const kn_packed_kernels *kernels = kn_packed_variant(isa);
    if (isa == KN_ISA_PLAIN || kernels == NULL || kernels == &kn_packed_plain) {
        fprintf(stderr, "this processor has no kernels of its own\n");
        return 1;
    }
    const size_t widths[] = {1, 3, 4, 5, 16, 31, 64, 65, 128, 193};
    const size_t counts[] = {1, 5, 16, 17, 100, 333};
    const size_t limits[] = {1, 5, 20, 60};
    for (size_t width = 0; width < sizeof widths / sizeof *widths; width++)
        for (size_t count = 0; count < sizeof counts / sizeof *counts; count++) {
            const problem p = make_problem(widths[width], counts[count]);
            check_scores(kernels, &p);
            for (size_t limit = 0; limit < sizeof limits / sizeof *limits; limit++) check_lists(kernels, &p, limits[limit]);
            release();
        }
    printf("instruction set %d: %ld comparisons with the plain kernels, %ld differences\n", isa, comparisons, differences);
    return differences == 0 ? 0 : 1;
}
