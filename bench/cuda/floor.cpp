#include "bench/cuda/floor.h"

#include <algorithm>

namespace deepzero::bench {
namespace {

constexpr double kBaseBytes = 4;  // base values are float32

double floats(const Support& support, const Shape& shape) {
  if (support.kind == Support::none) return 0;
  return support.kind == Support::one ? shape.plane() : shape.size();
}

}  // namespace

std::vector<Work> route_work(const Network& network, const Route& route, const BlockSize& block, Precision precision) {
  const double difference = precision == Precision::f32 ? 4 : 2;
  const double images = block.count, all = images * block.queries;
  std::vector<Work> list;
  for (std::size_t s = 0; s < route.steps.size(); ++s) {
    const Step& step = route.steps[s];
    const Op& op = network.op(step.op);
    const double out = floats(step.out, op.output_shape());
    if (s == 0) {
      // A seed is a base plane, moved or scaled, or a constant: at least one operation an element, written once.
      list.push_back({all * out, all * out * difference, all * out * difference, false});
      continue;
    }
    Work work{.operations = 2 * all * op.cost(step.in), .bytes = all * out * difference};
    // Convolutions and linear layers read base values for seeds alone.
    const bool weighted = op.kind() == "conv2d" || op.kind() == "linear";
    double base = 0;
    for (std::size_t i = 0; i < step.in.size(); ++i) {
      const double in = floats(step.in[i], op.input_shape(i));
      work.bytes += all * in * difference;
      if (op.reads_input() && !weighted) base += images * in * kBaseBytes;
    }
    if (op.reads_output() && !weighted) base += images * out * kBaseBytes;
    work.bytes += base;
    work.fused_bytes = weighted ? work.bytes : base;
    work.matrix = precision != Precision::f32 && op.kind() == "conv2d" && step.in[0].kind == Support::dense;
    list.push_back(work);
  }
  return list;
}

double floor_of(const Work& work, const Peaks& peaks, Precision precision) {
  const double matrix = precision == Precision::bf16 ? peaks.mma_bf16 : peaks.mma_f16;
  return std::max(work.operations / (work.matrix ? matrix : peaks.fma), work.bytes / peaks.memory);
}

StepFloor step_floor(const Network& network, const std::vector<std::size_t>& kept, const BlockSize& block,
                     Precision precision, const Peaks& peaks) {
  StepFloor sum;
  for (std::size_t p = 0; p < kept.size(); ++p) {
    const ParameterInfo& parameter = network.parameters()[p];
    const double queries = static_cast<double>(kept[p]);
    sum.queries += queries;
    if (vanishes(network, parameter, Statistics::batch)) continue;
    const Route route = make_route(network, parameter.op, Statistics::batch);
    const double blocks = queries / block.queries;
    for (const Work& work : route_work(network, route, block, precision)) {
      Work alone = work, fused = work;
      fused.bytes = work.fused_bytes;
      sum.fused_seconds += blocks * floor_of(fused, peaks, precision);
      sum.operations += blocks * work.operations;
      sum.bytes += blocks * work.bytes;
      sum.seconds += blocks * floor_of(work, peaks, precision);
      alone.bytes = 0;
      sum.operation_seconds += blocks * floor_of(alone, peaks, precision);
      sum.byte_seconds += blocks * work.bytes / peaks.memory;
    }
  }
  return sum;
}

}  // namespace deepzero::bench
