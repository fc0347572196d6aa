// What the machine can do at most, measured: multiply-adds that never leave the registers, per instruction set, and
// streaming through memory. Kernels and whole steps are reported as shares of these.
#pragma once

#include <cstddef>

#include "cpu/isa.h"

namespace deepzero::bench {

/// A loop of multiply-adds in registers; one file per instruction set, as in cpu/. Without FMA instructions (scalar:
/// the baseline of the platform) it is a multiplication and an addition.
struct FmaLoop {
  double flops_per_round;
  void (*run)(std::size_t rounds, float* sink);  ///< sink [64] keeps the result alive
};

extern const FmaLoop fma_loop_scalar;
extern const FmaLoop fma_loop_avx2;    // x86-64 only
extern const FmaLoop fma_loop_avx512;  // x86-64 only

/// FLOP/s of all threads together: the best of several runs of about `seconds` each.
double peak_flops(cpu::Isa isa, int threads, double seconds = 0.03);

/// Bytes/s of a[i] = b[i] + s·c[i] over 3 × 64 MiB (8 bytes read and 4 written an element), all threads together.
/// Where the last-level cache is larger than that, this is the cache's rate.
double stream_bandwidth(int threads);

}  // namespace deepzero::bench
