// Whether threads had cores of their own while something was measured, told by the register-only loop of multiply-adds
// (bench/peak/): on a shared machine two virtual CPUs may be one core, and nothing says so but the time it takes.
#pragma once

#include <span>
#include <vector>

namespace deepzero::bench {

/// FLOP/s of the loop on one thread and on all, measured at one moment.
struct LoopRate {
  double one = 0, all = 0;
};

struct LoopCheck {
  double scaling = 0;  ///< the least all/(one·threads)
  double drift = 0;    ///< how much more the best moment's rate on all threads is than the worst's
  bool usable = false;
};

/// Below this share of the threads, figures of several threads say nothing about the program.
constexpr double kLeastScaling = 0.9;
/// Beyond this the machine changed while it was measured.
constexpr double kMostDrift = 0.05;

/// Judges the moments before, between and after; of at least one.
LoopCheck check_loops(std::span<const LoopRate> moments, int threads);

/// 1 … threads, or beyond eight the powers of two and `threads`.
std::vector<int> thread_counts(int threads);

}  // namespace deepzero::bench
