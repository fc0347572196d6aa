#include "bench/kernel_table.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdio>
#include <map>
#include <memory>

#include "bench/clock.h"
#include "bench/kernels.h"
#include "bench/machine.h"
#include "bench/peak/peak.h"
#include "bench/stand.h"
#include "engine/error.h"

namespace deepzero::bench {
namespace {

struct Peaks {
  std::map<cpu::Isa, double> flops;  ///< FLOP/s of one thread
  double bandwidth = 0;              ///< bytes/s of one thread
};

/// A call's time from all repetitions of one kernel, as one line. GFLOP/s, GB/s and shares come from the median.
class Table : public benchmark::BenchmarkReporter {
 public:
  bool failed = false;
  int lines = 0;

  bool ReportContext(const Context&) override {
    std::printf("%-46s %11s %9s %9s %7s %9s %7s\n", "kernel", "us a call", "+- %", "GFLOP/s", "peak", "GB/s", "stream");
    return true;
  }

  void ReportRuns(const std::vector<Run>& runs) override {
    std::vector<double> seconds;
    for (const Run& run : runs) {
      if (run.error_occurred) {
        std::printf("%-46s FAILED %s\n", run.benchmark_name().c_str(), run.error_message.c_str());
        failed = true;
        return;
      }
      if (run.run_type == Run::RT_Iteration) {
        seconds.push_back(run.real_accumulated_time / static_cast<double>(run.iterations));
      }
    }
    if (seconds.empty()) return;
    const Spread spread = spread_of(seconds);
    const auto counter = [&](const char* name) { return runs.front().counters.at(name).value / spread.median; };
    std::printf("%-46s %11.3f %9.1f %9.2f %6.1f%% %9.2f %6.1f%%\n", runs.front().run_name.function_name.c_str(),
                1e6 * spread.median, 50 * (spread.most - spread.least) / spread.median, counter("flops") / 1e9,
                100 * counter("peak"), counter("bytes") / 1e9, 100 * counter("stream"));
    ++lines;
  }
};

void time_kernel(benchmark::State& state, const Kernel& kernel, double working_set, const Peaks& peaks) {
  try {
    const auto slots = static_cast<std::size_t>(std::clamp(working_set / kernel.bytes, 1.0, 4096.0));
    const std::function<void(std::size_t)> call = kernel.prepare(slots);
    for (std::size_t slot = 0; slot < slots; ++slot) call(slot);  // the warm-up
    std::size_t slot = 0;
    for (auto _ : state) {
      call(slot);
      slot = slot + 1 == slots ? 0 : slot + 1;
      benchmark::ClobberMemory();
    }
    // Seconds of peak arithmetic and of streaming that a call amounts to; over its time they are shares.
    state.counters["flops"] = kernel.flops;
    state.counters["bytes"] = kernel.bytes;
    state.counters["peak"] = kernel.flops / peaks.flops.at(kernel.isa);
    state.counters["stream"] = kernel.bytes / peaks.bandwidth;
  } catch (const Error& error) {
    state.SkipWithError(error.what());
  }
}

}  // namespace

int run_kernels(const Options& options) {
  std::vector<cpu::Isa> isas;
  for (const cpu::Isa isa : cpu::supported_isas()) {
    if (isa <= cpu::choose_isa().isa) isas.push_back(isa);
  }
  const NetworkSpec spec = chosen_model(options).spec;
  const Network network(spec);
  const std::vector<Kernel> kernels = kernels_of(network, isas);

  const Machine on = machine();
  Peaks peaks;
  peaks.bandwidth = stream_bandwidth(1);
  std::printf("%s, %d cores; one thread; %s\n", on.processor.c_str(), on.cores, on.compiler.c_str());
  for (const cpu::Isa isa : isas) {
    peaks.flops[isa] = peak_flops(isa, 1);
    std::printf("peak %s %.1f GFLOP/s, ", cpu::isa_name(isa), peaks.flops[isa] / 1e9);
  }
  std::printf("stream %.1f GB/s; shapes of %s, working set %g MiB\n", peaks.bandwidth / 1e9, spec.name.c_str(),
              options.working_set);

  std::vector<std::string> words = {"deepzero_bench", "--benchmark_min_time=0.05",
                                    "--benchmark_repetitions=" + std::to_string(options.repeats)};
  words.insert(words.end(), options.google.begin(), options.google.end());
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  int count = static_cast<int>(arguments.size());
  benchmark::Initialize(&count, arguments.data());
  if (benchmark::ReportUnrecognizedArguments(count, arguments.data())) return 2;

  for (const Kernel& kernel : kernels) {
    const std::string name = kernel.name + "/" + cpu::isa_name(kernel.isa);
    benchmark::RegisterBenchmark(name.c_str(), [&kernel, &options, &peaks](benchmark::State& state) {
      time_kernel(state, kernel, options.working_set * 1048576, peaks);
    });
  }
  Table table;
  benchmark::RunSpecifiedBenchmarks(&table);
  benchmark::Shutdown();
  if (table.lines == 0) std::fprintf(stderr, "deepzero_bench: no kernel ran; loosen --benchmark_filter\n");
  return table.failed || table.lines == 0 ? 1 : 0;
}

}  // namespace deepzero::bench
