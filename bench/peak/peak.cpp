#include "bench/peak/peak.h"

#include <unistd.h>

#include <algorithm>
#include <functional>
#include <thread>
#include <vector>

#include "bench/clock.h"
#include "cpu/memory.h"

namespace deepzero::bench {
namespace {

constexpr double kPassBytes = 2e8;  // of one run of working_set_bandwidth(), at least
constexpr int kRuns = 7;            // the best one counts: a peak is what was possible once

/// Seconds of `work(thread)` on all threads at once.
double time_on_threads(int threads, const std::function<void(int)>& work) {
  const double start = seconds_now();
  std::vector<std::thread> others;
  for (int i = 1; i < threads; ++i) others.emplace_back(work, i);
  work(0);
  for (std::thread& other : others) other.join();
  return seconds_now() - start;
}

}  // namespace

const PeakLoops& peak_loops([[maybe_unused]] cpu::Isa isa) {
#if defined(__x86_64__)
  if (isa == cpu::Isa::avx512) return peak_loops_avx512;
  if (isa == cpu::Isa::avx2) return peak_loops_avx2;
#elif defined(__aarch64__)
  if (isa == cpu::Isa::neon) return peak_loops_neon;
#endif
  return peak_loops_scalar;
}

double peak_flops(cpu::Isa isa, int threads, double seconds) {
  const PeakLoops& loop = peak_loops(isa);
  std::vector<std::vector<float>> sinks(static_cast<std::size_t>(threads), std::vector<float>(64));
  const auto time = [&](std::size_t rounds) {
    return time_on_threads(threads, [&](int i) { loop.run(rounds, sinks[static_cast<std::size_t>(i)].data()); });
  };
  std::size_t rounds = 1 << 16;
  while (time(rounds) < seconds) rounds *= 2;  // also the warm-up
  double best = 0;
  for (int run = 0; run < kRuns; ++run) {
    best = std::max(best, loop.flops_per_round * static_cast<double>(rounds) * threads / time(rounds));
  }
  return best;
}

double stream_bandwidth(int threads) {
  constexpr std::size_t kFloats = std::size_t{16} << 20;
  std::vector<float> a(kFloats, 0.0f), b(kFloats, 1.0f), c(kFloats, 2.0f);
  float s = 0.5f;
  double best = 0;
  for (int run = 0; run < kRuns; ++run) {
    const double seconds = time_on_threads(threads, [&](int i) {
      const std::size_t begin = kFloats * static_cast<std::size_t>(i) / static_cast<std::size_t>(threads);
      const std::size_t end = kFloats * static_cast<std::size_t>(i + 1) / static_cast<std::size_t>(threads);
      for (std::size_t j = begin; j < end; ++j) a[j] = b[j] + s * c[j];
    });
    best = std::max(best, 12.0 * static_cast<double>(kFloats) / seconds);
    s += a[kFloats / 2] * 1e-9f;  // the next run needs this one
  }
  return best;
}

double working_set_bandwidth(cpu::Isa isa, std::size_t bytes) {
  const PeakLoops& loops = peak_loops(isa);
  double best = 0;
  for (const bool reads_only : {false, true}) {
    const std::size_t arrays = reads_only ? 2 : 3;
    const std::size_t floats = std::max<std::size_t>(bytes / (arrays * sizeof(float)) / 128 * 128, 128);
    cpu::Buffer a(floats), b(floats), c(floats);  // on cache lines, as the kernels' arrays are
    std::fill_n(b.data(), floats, 1.0f);
    std::fill_n(c.data(), floats, 2.0f);
    const double pass = static_cast<double>(arrays * sizeof(float) * floats);
    const auto passes = static_cast<int>(std::max(1.0, kPassBytes / pass));
    for (int run = 0; run <= kRuns; ++run) {
      const double start = seconds_now();
      for (int i = 0; i < passes; ++i) {
        if (reads_only) {
          loops.dot(b.data(), c.data(), floats, a.data());
        } else {
          loops.triad(b.data(), c.data(), 0.5f, floats, a.data());
        }
      }
      if (run > 0) best = std::max(best, passes * pass / (seconds_now() - start));  // the first run is the warm-up
    }
  }
  return best;
}

std::size_t l2_bytes() {
#if defined(_SC_LEVEL2_CACHE_SIZE)
  if (const long said = sysconf(_SC_LEVEL2_CACHE_SIZE); said > 0) return static_cast<std::size_t>(said);
#endif
  return std::size_t{1} << 20;
}

}  // namespace deepzero::bench
