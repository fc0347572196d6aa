#include "cpu/base_pass.h"

#include <algorithm>

namespace deepzero::cpu {
namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

}  // namespace

BasePass::BasePass(const Network& network) : network_(network), layouts_{lay_out(false), lay_out(true)} {}

BasePass::Layout BasePass::lay_out(bool keep) const {
  Layout layout{.buffer = std::vector<int>(at(network_.values()), -1)};
  std::vector<std::size_t> readers(at(network_.values()));
  std::vector<int> free;
  for (int value = 0; value < network_.values(); ++value) readers[at(value)] = network_.consumers(value).size();
  const auto kept = [&](int value) {
    if (value == network_.values() - 1) return true;
    const auto consumers = network_.consumers(value);
    return keep &&
           (network_.op(value - 1).reads_output() ||
            std::any_of(consumers.begin(), consumers.end(), [&](int op) { return network_.op(op).reads_input(); }));
  };
  for (int i = 0; i < static_cast<int>(network_.ops().size()); ++i) {
    const Op& op = network_.op(i);
    const auto size = static_cast<std::size_t>(op.output_shape().size());
    int& buffer = layout.buffer[at(op.output())];
    if (!kept(op.output()) && !free.empty()) {
      buffer = free.back();
      free.pop_back();
      layout.sizes[at(buffer)] = std::max(layout.sizes[at(buffer)], size);
    } else {
      buffer = static_cast<int>(layout.sizes.size());
      layout.sizes.push_back(size);
    }
    for (const int input : op.inputs())
      if (input != 0 && --readers[at(input)] == 0 && !kept(input)) free.push_back(layout.buffer[at(input)]);
    if (readers[at(op.output())] == 0 && !kept(op.output())) free.push_back(buffer);  // an output that nobody reads
  }
  return layout;
}

BaseResult BasePass::run(const Batch& batch, Statistics statistics, bool keep, const Control& control, Pool& pool,
                         std::span<const std::unique_ptr<CpuOp>> ops) {
  const Layout& layout = layouts_[keep ? 1 : 0];
  const std::size_t count = at(batch.count);
  if (buffers_.size() < layout.sizes.size()) buffers_.resize(layout.sizes.size());
  for (std::size_t b = 0; b < layout.sizes.size(); ++b) buffers_[b].reserve(layout.sizes[b] * count);
  std::size_t scratch = 0;
  for (const auto& op : ops) scratch = std::max(scratch, op->scratch_floats());
  scratch_.resize(at(pool.lanes()));
  std::vector<float*> lanes;
  for (Buffer& buffer : scratch_) {
    buffer.reserve(scratch);
    lanes.push_back(buffer.data());
  }

  const auto value = [&](int id) -> float* { return buffers_[at(layout.buffer[at(id)])].data(); };
  BaseResult result{.observed = std::vector<double>(network_.buffer_count())};
  for (int i = 0; i < static_cast<int>(ops.size()); ++i) {
    control.check();
    const Op& op = network_.op(i);
    std::vector<const float*> inputs;
    for (const int input : op.inputs()) inputs.push_back(input == 0 ? batch.input : value(input));
    ops[at(i)]->base({pool, batch.count, statistics, inputs, value(op.output()), lanes});
    if (keep) ops[at(i)]->bind(inputs, value(op.output()));
    if (const BufferInfo* buffer = network_.buffer(i); buffer != nullptr && statistics == Statistics::batch)
      ops[at(i)]->observed(result.observed.data() + buffer->offset);
  }
  const float* outputs = value(network_.values() - 1);
  result.outputs.assign(outputs, outputs + count * at(network_.outputs()));
  return result;
}

}  // namespace deepzero::cpu
