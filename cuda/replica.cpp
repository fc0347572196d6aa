#include "cuda/replica.h"

#include <algorithm>

#include "cuda/program.h"
#include "cuda/range.h"
#include "engine/arena.h"
#include "engine/index.h"

namespace deepzero::cuda {
namespace {

int entered(int device) {
  check(cudaSetDevice(device), "cudaSetDevice");
  return device;
}

}  // namespace

Replica::Replica(const Network& network, int device, Precision precision)
    : network_(network), device_(entered(device)), precision_(precision), loss_(network.loss(), network.outputs()) {
  for (const auto& op : network.ops()) ops_.push_back(make_cuda_op(*op));
  layouts_[0] = lay_out(false);
  layouts_[1] = lay_out(true);
  parameters_.reserve(network.parameter_count());
  buffers_.reserve(network.buffer_count());
  observed_.reserve(network.buffer_count());
  for (int i = 0; i < static_cast<int>(ops_.size()); ++i) {
    const ParameterInfo *weight = network.parameter(i, 0), *bias = network.parameter(i, 1);
    const BufferInfo* buffer = network.buffer(i);
    ops_[at(i)]->load(weight != nullptr ? parameters_.data() + weight->offset : nullptr,
                      bias != nullptr ? parameters_.data() + bias->offset : nullptr,
                      buffer != nullptr ? buffers_.data() + buffer->offset : nullptr);
  }
}

void Replica::enter() const { entered(device_); }

Replica::Layout Replica::lay_out(bool keep) const {
  Layout layout{.offset = std::vector<std::size_t>(at(network_.values()), 0)};
  const auto kept = [&](int value) {
    if (value == network_.values() - 1) return true;
    const auto consumers = network_.consumers(value);
    return keep &&
           (network_.op(value - 1).reads_output() ||
            std::any_of(consumers.begin(), consumers.end(), [&](int op) { return network_.op(op).reads_input(); }));
  };
  std::vector<std::size_t> readers;
  for (int value = 0; value < network_.values(); ++value) readers.push_back(network_.consumers(value).size());
  Arena arena(kArenaAlignment);
  for (int i = 0; i < static_cast<int>(ops_.size()); ++i) {
    const Op& op = network_.op(i);
    layout.offset[at(op.output())] = arena.take(at(op.output_shape().size()));
    for (const int input : op.inputs())
      if (input != 0 && --readers[at(input)] == 0 && !kept(input)) arena.release(layout.offset[at(input)]);
    if (readers[at(op.output())] == 0 && !kept(op.output())) arena.release(layout.offset[at(op.output())]);
  }
  layout.floats = arena.peak();
  return layout;
}

void Replica::load(std::span<const float> parameters, std::span<const float> buffers) {
  enter();
  stream_.to_device(parameters_.data(), parameters.data(), parameters.size());
  stream_.to_device(buffers_.data(), buffers.data(), buffers.size());
  for (const auto& op : ops_) op->prepare(stream_, precision_);
  stream_.wait();
}

std::size_t Replica::resident_bytes(int count, bool keep) const {
  std::size_t image = layouts_[keep ? 1 : 0].floats + at(network_.input().size()), prepared = 0;
  for (const auto& op : ops_) {
    image += op->base_floats();
    prepared += op->prepared_bytes(precision_);
  }
  return (image * sizeof(float) + loss_.bytes()) * at(count) + prepared +
         (network_.parameter_count() + network_.buffer_count()) * sizeof(float);
}

BaseResult Replica::base(const Batch& batch, Statistics statistics, bool keep, const Control& control) {
  const Range range("deepzero: base pass");
  enter();
  const Layout& layout = layouts_[keep ? 1 : 0];
  const std::size_t count = at(batch.count);
  input_.reserve(at(network_.input().size()) * count);
  values_.reserve(layout.floats * count);
  stream_.to_device(input_.data(), batch.input, at(network_.input().size()) * count);

  const auto value = [&](int id) { return id == 0 ? input_.data() : values_.data() + layout.offset[at(id)] * count; };
  const bool observe = statistics == Statistics::batch;
  for (int i = 0; i < static_cast<int>(ops_.size()); ++i) {
    control.check();
    const Op& op = network_.op(i);
    std::vector<const float*> inputs;
    for (const int input : op.inputs()) inputs.push_back(value(input));
    const BufferInfo* buffer = network_.buffer(i);
    ops_[at(i)]->base({stream_, batch.count, statistics, inputs, value(op.output()),
                       buffer != nullptr && observe ? observed_.data() + buffer->offset : nullptr});
    if (keep) ops_[at(i)]->bind(std::move(inputs), value(op.output()));
  }

  const int k = network_.outputs();
  const float* outputs = value(network_.values() - 1);
  BaseResult result{.outputs = std::vector<float>(count * at(k)),
                    .observed = std::vector<double>(network_.buffer_count())};
  stream_.to_host(result.outputs.data(), outputs, result.outputs.size());
  if (observe) stream_.to_host(result.observed.data(), observed_.data(), result.observed.size());
  if (keep) {
    count_ = batch.count;
    loss_.keep(stream_, batch, outputs);
  }
  stream_.wait();
  return result;
}

}  // namespace deepzero::cuda
