#include "bench/cuda/route_times.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <tuple>

#include "bench/case_file.h"
#include "bench/clock.h"
#include "cuda/backend.h"
#include "engine/error.h"

namespace deepzero::bench {
namespace {

/// Queries of consecutive elements of the first channel of a weight, at most as many as it has.
Chunk chunk_of(const Network& network, const ParameterInfo& weight, int queries) {
  Chunk chunk{.op = weight.op, .channel = 0};
  const int index = static_cast<int>(&weight - network.parameters().data());
  const std::size_t count = std::min(static_cast<std::size_t>(queries), weight.inner());
  for (std::uint32_t q = 0; q < count; ++q) chunk.queries.push_back({q, q, index});
  return chunk;
}

class Routes {
 public:
  Routes(const Model& model, const RouteOptions& options, const Peaks& peaks)
      : options_(options),
        peaks_(peaks),
        network_(std::make_shared<const Network>(model.spec)),
        backend_(cuda::make_backend(
            network_,
            {.devices = {options.device}, .streams = 1, .memory = options.memory, .precision = options.precision})) {
    const BatchData batch = random_batch(*network_, options.batch, 1);
    backend_->load(model.parameters, model.buffers);
    backend_->base({batch.input.data(), batch.labels.data(), options.batch}, Statistics::batch, /*keep=*/true, {});
  }

  std::vector<RouteTime> all() {
    std::vector<RouteTime> list;
    std::vector<std::tuple<int, int, int, int>> seen;
    for (const ParameterInfo& parameter : network_->parameters()) {
      const Op& op = network_->op(parameter.op);
      if (op.kind() != "conv2d" || parameter.role != 0) continue;
      const Shape &in = op.input_shape(), &out = op.output_shape();
      const std::tuple shape{in.c, in.h, out.c, out.h};
      if (std::find(seen.begin(), seen.end(), shape) != seen.end()) continue;
      seen.push_back(shape);
      list.push_back(time(parameter));
    }
    return list;
  }

 private:
  RouteTime time(const ParameterInfo& weight) {
    const int block = backend_->block(weight.op, Statistics::batch, options_.batch);
    const Chunk chunk = chunk_of(*network_, weight, std::min(options_.queries, block));
    RouteTime result{.from = weight.name, .queries = static_cast<int>(chunk.queries.size())};
    for (int i = 0; i < options_.warmups; ++i) evaluate(chunk);
    std::vector<double> seconds;
    for (int i = 0; i < options_.repeats; ++i) {
      const double start = seconds_now();
      evaluate(chunk);
      seconds.push_back(seconds_now() - start);
    }
    result.block_seconds = spread_of(seconds).median;

    std::vector<KernelTime> sums;
    {
      const KernelTimes watch;
      for (int i = 0; i < options_.repeats; ++i) evaluate(chunk);
      sums = watch.sums();
    }
    for (KernelTime& sum : sums) {
      sum.launches /= options_.repeats;
      sum.seconds /= options_.repeats;
      result.observed_seconds += sum.seconds;
    }
    add_steps(result, make_route(*network_, weight.op, Statistics::batch), sums);
    return result;
  }

  void add_steps(RouteTime& result, const Route& route, const std::vector<KernelTime>& sums) const {
    const std::vector<Work> works = route_work(*network_, route, {result.queries, options_.batch}, options_.precision);
    for (std::size_t s = 0; s < route.steps.size(); ++s) {
      const Op& op = network_->op(route.steps[s].op);
      StepTime step{.op = route.steps[s].op,
                    .name = op.name(),
                    .kind = op.kind(),
                    .support = s == 0 ? Support::none : route.steps[s].in.front().kind,
                    .work = works[s],
                    .floor = floor_of(works[s], peaks_, options_.precision)};
      for (const KernelTime& sum : sums)
        if (sum.op == step.op) step.kernels.push_back(sum), step.seconds += sum.seconds;
      result.floor += step.floor;
      result.steps.push_back(std::move(step));
    }
    for (const KernelTime& sum : sums)
      if (std::none_of(result.steps.begin(), result.steps.end(),
                       [&](const StepTime& step) { return step.op == sum.op; }))
        result.others.push_back(sum);
  }

  void evaluate(const Chunk& chunk) {
    std::vector<double> out(chunk.queries.size(), std::nan(""));
    backend_->evaluate(0, chunk, {.mu = 5e-3, .sign = 1, .statistics = Statistics::batch}, {}, out);
    for (const double value : out)
      if (!std::isfinite(value)) throw Error("ERR_INTERNAL", "an estimate is not finite; nothing was timed");
  }

  const RouteOptions& options_;
  const Peaks& peaks_;
  std::shared_ptr<const Network> network_;
  std::unique_ptr<Backend> backend_;
};

}  // namespace

std::vector<RouteTime> time_routes(const Model& model, const RouteOptions& options, const Peaks& peaks) {
  return Routes(model, options, peaks).all();
}

double event_seconds() {
  const cuda::Stream stream;
  Event begin, end;
  std::vector<double> seconds;
  for (int i = 0; i < 21; ++i) {
    begin.record(stream);
    end.record(stream);
    seconds.push_back(end.seconds_since(begin));
  }
  return spread_of(seconds).median;
}

}  // namespace deepzero::bench
