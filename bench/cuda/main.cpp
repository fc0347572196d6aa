// deepzero_cuda_bench: a device's peaks (--peak) and, beside them, the kernels of a block of queries from each kind of
// convolution, and the floor of a whole training step. bench/README.md says how to read it.
#include <cstdio>

#include "bench/atomic_file.h"
#include "bench/command_line.h"
#include "bench/cuda/options.h"
#include "bench/cuda/report.h"
#include "bench/networks.h"
#include "bench/sample.h"
#include "cuda/probe.h"
#include "engine/error.h"

namespace deepzero::bench {
namespace {

int run(const CudaBenchOptions& options) {
  const cuda::api::Probe found = cuda::probe();
  if (found.verdict != cuda::api::Verdict::usable) throw Error("ERR_DEVICE", found.message);
  cuda::check(cudaSetDevice(options.device), "cudaSetDevice");
  PeakSizes sizes;
  sizes.seconds = options.seconds;
  const Peaks peaks = measure_peaks(sizes);
  std::puts(peaks_table(peaks).c_str());
  nlohmann::json result = {
      {"mode", "cuda"}, {"peaks", peaks_json(peaks)}, {"driver", found.driver}, {"runtime", found.runtime}};
  if (!options.peaks_only) {
    const Model model = named_model(options.network, 1);
    const Network network(model.spec);
    const StepFloor floor = step_floor(
        network,
        options.ratios.empty() ? kept_uniformly(network, options.sparsity) : kept_by_ratios(network, options.ratios),
        {options.queries, options.batch}, options.precision, peaks);
    std::puts(floor_table(floor).c_str());
    const std::vector<RouteTime> routes = time_routes(model,
                                                      {.batch = options.batch,
                                                       .queries = options.queries,
                                                       .memory = options.memory << 20,
                                                       .precision = options.precision,
                                                       .device = options.device,
                                                       .repeats = options.repeats},
                                                      peaks);
    std::puts(routes_table(routes).c_str());
    result.update({{"network", model.spec.name},
                   {"batch", options.batch},
                   {"precision", precision_name(options.precision)},
                   {"repeats", options.repeats},
                   {"eventSeconds", event_seconds()},
                   {"stepFloor", floor_json(floor)},
                   {"routes", routes_json(routes, peaks, options.precision)}});
    if (options.ratios.empty()) {
      result["sparsity"] = options.sparsity;
    } else {
      result["ratios"] = options.ratios.substr(options.ratios.find_last_of('/') + 1);
    }
  }
  if (!options.json.empty()) write_file_atomically(options.json, result.dump(2) + "\n");
  return 0;
}

}  // namespace
}  // namespace deepzero::bench

int main(int argc, char** argv) {
  using namespace deepzero::bench;
  return run_program("deepzero_cuda_bench", [&] {
    const CudaBenchOptions options = parse_cuda_bench_options({argv + 1, argv + argc});
    if (!options.help) return run(options);
    std::fputs(cuda_bench_help().c_str(), stdout);
    return 0;
  });
}
