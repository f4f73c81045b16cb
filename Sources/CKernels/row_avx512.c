// Optimizer steps on rows for AVX-512.
#if defined(__x86_64__)
#include "CKernels.h"

#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,fma"))), apply_to = function)
#define KN_TABLE kn_row_avx512
#include "row_kernels.inc"
#pragma clang attribute pop
#endif
