#include "bench/cuda/report.h"

#include <cstdio>

namespace deepzero::bench {
namespace {

template <class... Values>
std::string text(const char* format, Values... values) {
  char line[256];
  std::snprintf(line, sizeof line, format, values...);
  return line;
}

const char* support_name(Support::Kind kind) {
  return kind == Support::dense ? "dense" : kind == Support::one ? "one channel" : "seed";
}

nlohmann::json kernels_json(const std::vector<KernelTime>& kernels) {
  nlohmann::json list = nlohmann::json::array();
  for (const KernelTime& kernel : kernels)
    list.push_back({{"kernel", kernel.kernel}, {"launches", kernel.launches}, {"seconds", kernel.seconds}});
  return list;
}

/// Null where nothing was timed.
nlohmann::json share(double part, double of) { return of > 0 ? nlohmann::json(part / of) : nlohmann::json(); }

nlohmann::json step_json(const StepTime& step, const Peaks& peaks, Precision precision) {
  const double peak = !step.work.matrix ? peaks.fma : precision == Precision::bf16 ? peaks.mma_bf16 : peaks.mma_f16;
  return {{"op", step.name},
          {"kind", step.kind},
          {"difference", support_name(step.support)},
          {"operations", step.work.operations},
          {"bytes", step.work.bytes},
          {"roof", step.work.matrix ? "mma" : "fma"},
          {"floorSeconds", step.floor},
          {"seconds", step.seconds},
          {"shareOfPeak", share(step.work.operations / peak, step.seconds)},
          {"shareOfBandwidth", share(step.work.bytes / peaks.memory, step.seconds)},
          {"kernels", kernels_json(step.kernels)}};
}

}  // namespace

nlohmann::json peaks_json(const Peaks& peaks) {
  return {{"name", peaks.name},
          {"multiprocessors", peaks.multiprocessors},
          {"computeCapability", text("%d.%d", peaks.major, peaks.minor)},
          {"l2Bytes", peaks.l2},
          {"mmaF16", peaks.mma_f16},
          {"mmaBf16", peaks.mma_bf16},
          {"fma", peaks.fma},
          {"memoryBytesPerSecond", peaks.memory},
          {"l2BytesPerSecond", peaks.l2_copy}};
}

nlohmann::json routes_json(const std::vector<RouteTime>& routes, const Peaks& peaks, Precision precision) {
  nlohmann::json list = nlohmann::json::array();
  for (const RouteTime& route : routes) {
    nlohmann::json steps = nlohmann::json::array();
    for (const StepTime& step : route.steps) steps.push_back(step_json(step, peaks, precision));
    list.push_back({{"from", route.from},
                    {"queries", route.queries},
                    {"blockSeconds", route.block_seconds},
                    {"kernelSeconds", route.observed_seconds},
                    {"floorSeconds", route.floor},
                    {"queriesPerSecond", share(route.queries, route.block_seconds)},
                    {"steps", std::move(steps)},
                    {"otherKernels", kernels_json(route.others)}});
  }
  return list;
}

nlohmann::json floor_json(const StepFloor& floor) {
  return {{"queries", floor.queries},
          {"operations", floor.operations},
          {"bytes", floor.bytes},
          {"seconds", floor.seconds},
          {"fusedSeconds", floor.fused_seconds},
          {"operationSeconds", floor.operation_seconds},
          {"byteSeconds", floor.byte_seconds},
          {"queriesPerSecond", share(floor.queries, floor.seconds)}};
}

std::string peaks_table(const Peaks& peaks) {
  return text("%s, sm_%d%d, %d multiprocessors\n", peaks.name.c_str(), peaks.major, peaks.minor,
              peaks.multiprocessors) +
         text("mma.sync f16  %9.1f TFLOP/s\nmma.sync bf16 %9.1f TFLOP/s\nfma f32       %9.1f TFLOP/s\n",
              peaks.mma_f16 / 1e12, peaks.mma_bf16 / 1e12, peaks.fma / 1e12) +
         text("memory copy   %9.1f GB/s\nL2 copy       %9.1f GB/s", peaks.memory / 1e9, peaks.l2_copy / 1e9);
}

std::string routes_table(const std::vector<RouteTime>& routes) {
  std::string out;
  for (const RouteTime& route : routes) {
    out += text("%s, %d queries: %.3f ms a block, %.3f ms in kernels, floor %.3f ms\n", route.from.c_str(),
                route.queries, 1e3 * route.block_seconds, 1e3 * route.observed_seconds, 1e3 * route.floor);
    for (const StepTime& step : route.steps) {
      if (step.seconds == 0) continue;  // done inside another op's kernel
      out += text("  %-24s %-14s %-11s %9.3f ms, floor %9.3f ms, %5.1f %%\n", step.name.c_str(), step.kind.c_str(),
                  support_name(step.support), 1e3 * step.seconds, 1e3 * step.floor, 100 * step.floor / step.seconds);
    }
    for (const KernelTime& kernel : route.others)
      out += text("  %-51s %9.3f ms\n", kernel.kernel.c_str(), 1e3 * kernel.seconds);
  }
  if (!out.empty()) out.pop_back();
  return out;
}

std::string floor_table(const StepFloor& floor) {
  return text("floor of a step: %.0f queries, %.3f s op by op, %.3f s fused (operations %.3f s, bytes %.3f s)",
              floor.queries, floor.seconds, floor.fused_seconds, floor.operation_seconds, floor.byte_seconds);
}

}  // namespace deepzero::bench
