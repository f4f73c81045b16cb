// The kernels that convert floats, on values that have no integer and on the largest: built with clang's sanitizer of
// undefined behaviour (`make test-ubsan`), which ends the process at the first finding. NaN must come through.
#include "CKernels.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { N = 67, ODD = 9 };

static const float odd[ODD] = {0, -0.0f, 88.5f, -88.5f, 3.4e38f, -3.4e38f, INFINITY, -INFINITY, NAN};

static void fill(float *x, size_t n, size_t first) {
    for (size_t i = 0; i < n; i++) x[i] = odd[(first + i) % ODD];
}

static long failures;

static void expect(bool holds, const char *what, int isa) {
    if (holds) return;
    failures++;
    fprintf(stderr, "%s, instruction set %d\n", what, isa);
}

static void check(kn_isa isa) {
    const kn_float_kernels *floats = kn_float_variant(isa);
    const kn_layer_kernels *layers = kn_layer_variant(isa);
    float x[3 * N], y[3 * N], z[3 * N], bias[N] = {0}, next[N], sums[N] = {0};
    for (size_t first = 0; first < ODD; first++) {
        fill(x, N, first);
        floats->softmax(x, N);
        expect(isnan(x[0]), "softmax loses a NaN", isa);
        fill(x, 3 * N, first);
        fill(y, 3 * N, first + 1);
        floats->gru_gates(x, y, bias, z, next, N);
        fill(x, 3 * N, 0);
        memset(y, 0, sizeof y);
        floats->gru_gates(x, y, bias, z, next, N);
        expect(isnan(z[ODD - 1]), "a gate loses a NaN", isa);
        for (kn_activation kind = KN_IDENTITY; kind <= KN_SILU; kind++) {
            fill(y, N, first);
            layers->activate(kind, bias, y, N, z, N, 1, N);
            const size_t place = (2 * ODD - 1 - first) % ODD;
            expect(kind == KN_RELU || isnan(z[place]), "an activation loses a NaN", isa);
            fill(z, N, first + 1);
            layers->activate_backward(kind, y, N, z, N, sums, 1, N);
        }
        fill(x, N, first);
        layers->causal_softmax(x, N, N, bias, N, 1, 0, 1);
        int8_t values[N + 13];
        kn_packed_query query = {.values = values};
        fill(x, N, first);
        expect(floats->quantize_rows(x, N, 1, N, &query) == 0, "a row with a NaN is quantized", isa);
        for (size_t i = 0; i < N; i++) x[i] = i % 2 ? 3.4e38f : -3.4e38f;
        expect(floats->quantize_rows(x, N, 1, N, &query) == 1, "a row of the largest is refused", isa);
    }
    kn_packed_variant(isa)->peak(2000);
}

int main(void) {
    int count = 0;
    for (kn_isa isa = KN_ISA_PLAIN; isa <= KN_ISA_AVX512BF16; isa++) {
        if (kn_float_variant(isa) == NULL || kn_packed_variant(isa) == NULL) continue;
        check(isa);
        count++;
    }
    printf("%d instruction sets, %ld failures\n", count, failures);
    return failures == 0 ? 0 : 1;
}
