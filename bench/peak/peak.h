// What the machine can do at most, measured: multiply-adds that never leave the registers, per instruction set, and
// streaming through memory. Kernels and whole steps are reported as shares of these.
#pragma once

#include <cstddef>

#include "cpu/isa.h"

namespace deepzero::bench {

/// The loops of one instruction set; one file each, as in cpu/.
struct PeakLoops {
  /// Of multiply-adds in registers. Without FMA instructions (scalar: the baseline of the platform) a multiply-add is a
  /// multiplication and an addition.
  double flops_per_round;
  void (*run)(std::size_t rounds, float* sink);  ///< sink [64] keeps the result alive
  /// a = b + s·c; n is a multiple of 128.
  void (*triad)(const float* b, const float* c, float s, std::size_t n, float* a);
  /// Lane by lane Σ b·c, which only reads; n is a multiple of 128.
  void (*dot)(const float* b, const float* c, std::size_t n, float* sink);
};

extern const PeakLoops peak_loops_scalar;
extern const PeakLoops peak_loops_neon;    // arm64 only
extern const PeakLoops peak_loops_avx2;    // x86-64 only
extern const PeakLoops peak_loops_avx512;  // x86-64 only

const PeakLoops& peak_loops(cpu::Isa isa);

/// FLOP/s of all threads together: the best of several runs of about `seconds` each.
double peak_flops(cpu::Isa isa, int threads, double seconds = 0.03);

/// Bytes/s of a[i] = b[i] + s·c[i] over 3 × 64 MiB (8 bytes read and 4 written an element), all threads together.
/// Where the last-level cache is larger than that, this is the cache's rate.
double stream_bandwidth(int threads);

/// Bytes/s on one thread, in vectors of an instruction set, over arrays of `bytes` together, again and again: what the
/// cache that holds them gives. The better of that sum and of one that only reads.
double working_set_bandwidth(cpu::Isa isa, std::size_t bytes);

/// Bytes of one core's L2 cache as the system says, or 1 MiB where it does not say.
std::size_t l2_bytes();

}  // namespace deepzero::bench
