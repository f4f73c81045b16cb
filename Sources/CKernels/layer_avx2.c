// The loops of layers for AVX2 with fused multiply-add.
#if defined(__x86_64__)
#include "CKernels.h"

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define KN_LANES 8
#define KN_TABLE kn_layer_avx2
#include "layer_kernels.inc"
#pragma clang attribute pop
#endif
