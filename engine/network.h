// A network, checked and laid out: ops in topological order, parameters and running statistics in flat vectors.
// Immutable after construction; shared by sessions and backends.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/loss.h"
#include "engine/op.h"
#include "engine/spec.h"

namespace deepzero {

class Network {
 public:
  /// Throws ERR_NETWORK (unknown op, unknown or later input, duplicate name, unknown attribute) or ERR_SHAPE.
  explicit Network(const NetworkSpec& spec);

  const std::string& name() const { return name_; }
  const Shape& input() const { return shapes_.front(); }
  Loss loss() const { return loss_; }
  /// Number of outputs K (the last op's size).
  int outputs() const { return shapes_.back().size(); }

  std::span<const std::unique_ptr<Op>> ops() const { return ops_; }
  const Op& op(int index) const { return *ops_[static_cast<std::size_t>(index)]; }
  /// Values: id 0 is the input, i + 1 the output of op i.
  int values() const { return static_cast<int>(shapes_.size()); }
  const Shape& shape(int value) const { return shapes_[static_cast<std::size_t>(value)]; }
  /// Indices of the ops that read a value.
  std::span<const int> consumers(int value) const { return consumers_[static_cast<std::size_t>(value)]; }

  std::span<const ParameterInfo> parameters() const { return parameters_; }
  std::span<const BufferInfo> buffers() const { return buffers_; }
  std::size_t parameter_count() const { return parameter_count_; }
  std::size_t buffer_count() const { return buffer_count_; }
  /// The op's parameter of a role (0 weight, 1 bias), or null.
  const ParameterInfo* parameter(int op, int role) const;
  /// The parameter that holds a flat index.
  const ParameterInfo& parameter_of(std::size_t coordinate) const;
  /// First buffer of an op, or null.
  const BufferInfo* buffer(int op) const;

 private:
  std::string name_;
  Loss loss_;
  std::vector<std::unique_ptr<Op>> ops_;
  std::vector<Shape> shapes_;
  std::vector<std::vector<int>> consumers_;
  std::vector<ParameterInfo> parameters_;
  std::vector<BufferInfo> buffers_;
  std::size_t parameter_count_ = 0;
  std::size_t buffer_count_ = 0;
};

}  // namespace deepzero
