#include "engine/network.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <map>

#include "engine/error.h"
#include "engine/registry.h"

namespace deepzero {
namespace {

std::unique_ptr<Op> make_op(const OpSpec& spec) {
  std::string known;
  for (const OpEntry& entry : op_registry()) {
    if (spec.op == entry.kind) {
      if (spec.inputs.size() != entry.inputs)
        throw Error("ERR_NETWORK", spec.op + " " + spec.name + ": expected " + std::to_string(entry.inputs) +
                                       " inputs, received " + std::to_string(spec.inputs.size()));
      return entry.make(spec);
    }
    known += (known.empty() ? "" : ", ") + std::string(entry.kind);
  }
  throw Error("ERR_NETWORK", "unknown op '" + spec.op + "' (" + spec.name + "); expected one of " + known);
}

/// A value of the network, per image, is counted in an int, and so it must fit one.
void check_size(const Shape& shape, const std::string& of) {
  constexpr std::int64_t most = std::numeric_limits<int>::max();
  const std::int64_t plane = std::int64_t{shape.h} * shape.w;
  if (std::min({shape.c, shape.h, shape.w}) < 1 || plane > most || shape.c > most / plane)
    throw Error("ERR_SHAPE", of + ": expected at most 2^31 - 1 numbers an image, received " + std::to_string(shape.c) +
                                 "×" + std::to_string(shape.h) + "×" + std::to_string(shape.w));
}

/// Elements of a parameter. Coordinates are 32 bits, and all parameters together have no more than these can name.
std::size_t parameter_size(const ParameterInfo& parameter, std::size_t before) {
  constexpr std::size_t most = std::numeric_limits<std::uint32_t>::max();
  std::size_t size = 1;
  for (const int extent : parameter.shape) {
    if (size > most / static_cast<std::size_t>(extent)) size = most + 1;
    if (size <= most) size *= static_cast<std::size_t>(extent);
  }
  if (size > most - before)
    throw Error("ERR_SHAPE",
                parameter.name + ": expected at most 2^32 - 1 parameters in a network, it makes them more");
  return size;
}

}  // namespace

Network::Network(const NetworkSpec& spec) : name_(spec.name), loss_(loss_of_name(spec.loss)) {
  if (spec.input.c < 1 || spec.input.h < 1 || spec.input.w < 1)
    throw Error("ERR_SHAPE", "the network's input: expected three positive numbers [channels, height, width]");
  check_size(spec.input, "the network's input");
  if (spec.ops.empty()) throw Error("ERR_NETWORK", "expected a network with at least one op");

  std::map<std::string, int> values{{"input", 0}};
  shapes_.push_back(spec.input);
  consumers_.emplace_back();
  for (const OpSpec& op_spec : spec.ops) {
    const int index = static_cast<int>(ops_.size());
    std::unique_ptr<Op> op = make_op(op_spec);
    for (const std::string& input : op_spec.inputs) {
      const auto found = values.find(input);
      if (found == values.end())
        throw Error("ERR_NETWORK", op_spec.op + " " + op_spec.name + ": unknown input '" + input +
                                       "'; expected 'input' or the name of an earlier op");
      op->inputs_.push_back(found->second);
      op->input_shapes_.push_back(shape(found->second));
      consumers_[static_cast<std::size_t>(found->second)].push_back(index);
    }
    op->output_ = index + 1;
    op->output_shape_ = op->infer(op->input_shapes_);
    check_size(op->output_shape_, op_spec.op + " " + op_spec.name);
    if (op_spec.name.empty() || !values.emplace(op_spec.name, index + 1).second)
      throw Error("ERR_NETWORK", op_spec.op + " " + op_spec.name + ": expected a name that is not empty and that no " +
                                     "earlier op has, received '" + op_spec.name + "'");
    for (ParameterInfo parameter : op->parameters()) {
      parameter.op = index;
      parameter.offset = parameter_count_;
      parameter.size = parameter_size(parameter, parameter_count_);
      parameter_count_ += parameter.size;
      parameters_.push_back(std::move(parameter));
    }
    for (BufferInfo buffer : op->buffers()) {
      buffer.op = index;
      buffer.offset = buffer_count_;
      buffer_count_ += buffer.size;
      buffers_.push_back(std::move(buffer));
    }
    shapes_.push_back(op->output_shape());
    consumers_.emplace_back();
    ops_.push_back(std::move(op));
  }
}

const ParameterInfo* Network::parameter(int op, int role) const {
  for (const ParameterInfo& parameter : parameters_)
    if (parameter.op == op && parameter.role == role) return &parameter;
  return nullptr;
}

const ParameterInfo& Network::parameter_of(std::size_t coordinate) const {
  const auto after =
      std::upper_bound(parameters_.begin(), parameters_.end(), coordinate,
                       [](std::size_t value, const ParameterInfo& parameter) { return value < parameter.offset; });
  return *std::prev(after);
}

const BufferInfo* Network::buffer(int op) const {
  for (const BufferInfo& buffer : buffers_)
    if (buffer.op == op) return &buffer;
  return nullptr;
}

}  // namespace deepzero
