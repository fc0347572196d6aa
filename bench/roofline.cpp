#include "bench/roofline.h"

#include <algorithm>
#include <cstdio>
#include <string>

#include "bench/clock.h"
#include "bench/kernels.h"
#include "bench/machine.h"
#include "bench/peak/peak.h"
#include "bench/stand.h"
#include "cpu/isa.h"

namespace deepzero::bench {
namespace {

constexpr double kSecondsOfRepeat = 0.01;
constexpr std::size_t kMostSlots = std::size_t{1} << 18;
constexpr std::size_t kMemoryBytes = std::size_t{192} << 20;  // as stream_bandwidth()

/// Arrays of a kernel's slots, all together, and the bandwidth at that size.
struct Level {
  const char* name;
  std::size_t bytes;
  double bandwidth;
};

/// Seconds of a call that walks through a working set.
Spread time_kernel(const Kernel& kernel, std::size_t bytes, int repeats) {
  const auto fitting = static_cast<std::size_t>(static_cast<double>(bytes) / kernel.bytes);
  const std::size_t slots = std::clamp<std::size_t>(fitting, 1, kMostSlots);
  const auto call = kernel.prepare(slots);
  std::size_t slot = 0;
  const auto time = [&](std::size_t calls) {
    const double start = seconds_now();
    for (std::size_t i = 0; i < calls; ++i) {
      call(slot);
      slot = slot + 1 == slots ? 0 : slot + 1;
    }
    return seconds_now() - start;
  };
  std::size_t calls = slots;
  while (time(calls) < kSecondsOfRepeat) calls *= 2;  // also the warm-up
  std::vector<double> seconds;
  for (int i = 0; i < repeats; ++i) seconds.push_back(time(calls) / static_cast<double>(calls));
  return spread_of(seconds);
}

/// What queries run on differences or seeds; the base pass has no bearing here, and weights that are left out change
/// what an operation is.
bool shown(const Kernel& kernel) {
  for (const char* other :
       {"conv2d.sparse", "batch_norm.moments", "batch_norm.affine", "batch_norm.forward", "relu.forward"})
    if (kernel.name.starts_with(other)) return false;
  return kernel.flops > 0;
}

}  // namespace

int run_roofline(const Options& options) {
  const cpu::Isa isa = cpu::choose_isa().isa;
  const Machine on = machine();
  const Network network(chosen_model(options).spec);
  const double peak = peak_flops(isa, 1);
  const std::size_t l2 = l2_bytes() / 4;
  const Level levels[] = {{"l2", l2, working_set_bandwidth(isa, l2)},
                          {"memory", kMemoryBytes, working_set_bandwidth(isa, kMemoryBytes)}};
  std::printf(
      "%s; one thread; peak %s %.1f GFLOP/s, L2 %.1f GB/s, memory %.1f GB/s; operations counted as direct sums\n",
      on.processor.c_str(), cpu::isa_name(isa), peak / 1e9, levels[0].bandwidth / 1e9, levels[1].bandwidth / 1e9);
  std::printf("%-42s %8s | %9s %7s %7s | %9s %7s %7s\n", "", "FLOP/B", "GFLOP/s", "peak", "stream", "GFLOP/s", "peak",
              "stream");
  std::printf("%-42s %8s | %25s | %25s\n", "kernel", "", "arrays in L2", "arrays in memory");
  nlohmann::json kernels = nlohmann::json::array();
  for (const Kernel& kernel : kernels_of(network, {isa})) {
    if (!shown(kernel)) continue;
    const std::size_t space = kernel.name.find(' ');
    nlohmann::json entry = {{"kernel", kernel.name.substr(0, space)},
                            {"shape", kernel.name.substr(space + 1)},
                            {"flops", kernel.flops},
                            {"bytes", kernel.bytes}};
    std::printf("%-42s %8.2f", kernel.name.c_str(), kernel.flops / kernel.bytes);
    for (const Level& level : levels) {
      const Spread seconds = time_kernel(kernel, level.bytes, options.repeats);
      const double rate = kernel.flops / seconds.median, stream = kernel.bytes / seconds.median;
      std::printf(" | %9.1f %6.1f%% %6.1f%%", rate / 1e9, 100 * rate / peak, 100 * stream / level.bandwidth);
      entry[level.name] = {{"seconds", spread_json(seconds)}, {"flopsPerSecond", rate}};
    }
    std::printf("\n");
    kernels.push_back(std::move(entry));
  }
  if (kernels.empty()) {
    std::fprintf(stderr, "deepzero_bench: %s has no kernel to show\n", network.name().c_str());
    return 1;
  }
  const double after = peak_flops(isa, 1);
  std::printf("peak afterwards %.1f GFLOP/s\n", after / 1e9);
  record(options, {{"mode", "roofline"},
                   {"processor", on.processor},
                   {"compiler", on.compiler},
                   {"isa", cpu::isa_name(isa)},
                   {"network", network.name()},
                   {"repeats", options.repeats},
                   {"peakFlops", std::max(peak, after)},
                   {"peakFlopsBeforeAndAfter", {peak, after}},
                   {"bandwidth", {{"l2", levels[0].bandwidth}, {"memory", levels[1].bandwidth}}},
                   {"workingSet", {{"l2", levels[0].bytes}, {"memory", levels[1].bytes}}},
                   {"kernels", std::move(kernels)}});
  return 0;
}

}  // namespace deepzero::bench
