#ifndef CALLOCATIONS_H
#define CALLOCATIONS_H

#include <stdint.h>

// Blocks of memory that this process has asked for since its start, on all threads: what links this target has its
// allocator counted (malloc, calloc, realloc and the aligned ones).
uint64_t ca_allocations(void);

// The same of the calling thread alone, for where others work beside it.
uint64_t ca_thread_allocations(void);

#endif
