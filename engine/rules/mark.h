// Rules are inline, in an anonymous namespace (a translation unit compiled for a newer instruction set must not lend
// its copy to others), and callable from device code.
#pragma once

#if defined(__CUDACC__)
#define DEEPZERO_RULE __host__ __device__ [[maybe_unused]] inline
#else
#define DEEPZERO_RULE [[maybe_unused]] inline
#endif
