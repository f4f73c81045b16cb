// Optimizer steps on rows for AVX2 with fused multiply-add.
#if defined(__x86_64__)
#include "CKernels.h"

#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#define KN_TABLE kn_row_avx2
#include "row_kernels.inc"
#pragma clang attribute pop
#endif
