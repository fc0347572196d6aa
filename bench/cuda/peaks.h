// What a device can do at most, measured: matrix products of tensor cores that never leave the registers (mma.sync
// m16n8k16, all warps, several independent sums each), multiply-adds of float32, and copies through memory and within
// the L2 cache. Kernels and whole steps are reported as shares of these.
#pragma once

#include <cstddef>
#include <string>

namespace deepzero::bench {

struct Peaks {
  std::string name;  ///< of the device
  int multiprocessors = 0, major = 0, minor = 0;
  std::size_t l2 = 0;                         ///< bytes of the cache
  double mma_f16 = 0, mma_bf16 = 0, fma = 0;  ///< operations/s, a multiply-add is two
  double memory = 0, l2_copy = 0;             ///< bytes/s, read and written together
};

struct PeakSizes {
  double seconds = 0.05;                           ///< of a timed run, at least
  int runs = 7;                                    ///< the best one counts: a peak is what was possible once
  int blocks = 8;                                  ///< per multiprocessor
  std::size_t memory = std::size_t{512} << 20;     ///< bytes of each of the two arrays of a copy, if free
  std::size_t most_rounds = std::size_t{1} << 19;  ///< of a loop; sums stay exact in float32
};

/// On the current device. Throws ERR_INTERNAL when a kernel has not done its work.
Peaks measure_peaks(const PeakSizes& sizes);

}  // namespace deepzero::bench
