// Float kernels for any processor: what the compiler makes of them at the baseline.
#include "CKernels.h"

#define KN_LANES 4
#define KN_TABLE kn_float_plain
#include "float_kernels.inc"
