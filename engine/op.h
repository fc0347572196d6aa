// One op of a network: its attributes, shapes, parameters, and how a difference travels through it. A backend keeps
// its own object per op, made from this one; the two-pass oracle lives here.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "engine/spec.h"

namespace deepzero {

/// What batch norm normalises with: the batch's statistics (training) or the running ones (evaluation).
enum class Statistics { batch, running };

/// Where a difference lives: nowhere, in one channel (that of the seed, moved up by `shift`), or everywhere.
struct Support {
  enum Kind { none, one, dense } kind = none;
  int shift = 0;
  /// In how many of a value's `all` channels.
  int channels(int all) const { return kind == none ? 0 : kind == one ? 1 : all; }
  bool operator==(const Support&) const = default;
};

/// A trainable tensor. shape[0] is always the output channel.
struct ParameterInfo {
  std::string name;  ///< "layer1.0.conv1.weight"
  std::vector<int> shape;
  int op = 0;              ///< index of the op that owns it
  int role = 0;            ///< 0 weight, 1 bias
  std::size_t offset = 0;  ///< in the flat parameter vector
  std::size_t size = 0;
  int channels() const { return shape.front(); }
  std::size_t inner() const { return size / static_cast<std::size_t>(shape.front()); }
};

/// A running statistic, [channels].
struct BufferInfo {
  std::string name;  ///< "bn1.running_mean"
  int op = 0;
  double initial = 0;
  double momentum = 0.1;
  std::size_t offset = 0;
  std::size_t size = 0;
};

/// A full forward pass in T, as the two-pass oracle runs it: whole-batch tensors [N][C][H][W].
template <class T>
struct Pass {
  int count = 0;
  Statistics statistics = Statistics::batch;
  std::vector<const T*> inputs;
  T* output = nullptr;
  const T* weight = nullptr;  ///< parameters by role, null where the op has none
  const T* bias = nullptr;
  const T* buffers = nullptr;  ///< this op's running statistics: mean [C], variance [C]
};

class Op {
 public:
  explicit Op(const OpSpec& spec) : kind_(spec.op), name_(spec.name) {}
  virtual ~Op() = default;

  const std::string& kind() const { return kind_; }
  const std::string& name() const { return name_; }

  /// Value ids: 0 is the network's input, i + 1 the output of op i.
  std::span<const int> inputs() const { return inputs_; }
  int output() const { return output_; }
  const Shape& input_shape(std::size_t i = 0) const { return input_shapes_[i]; }
  const Shape& output_shape() const { return output_shape_; }

  /// Output shape from the inputs'; throws ERR_SHAPE with the op's name. Called once, while the network is built.
  virtual Shape infer(std::span<const Shape> inputs) = 0;
  virtual std::vector<ParameterInfo> parameters() const { return {}; }
  virtual std::vector<BufferInfo> buffers() const { return {}; }

  /// How the supports of the inputs' differences become the output's. Elementwise by default.
  virtual Support propagate(std::span<const Support> in) const { return in[0]; }
  /// Whether its difference needs sums of its input's difference over the whole batch first.
  virtual bool barrier(Statistics) const { return false; }
  /// Whether a difference that is constant over a channel of its input vanishes (batch statistics subtract it).
  virtual bool absorbs_constant(Statistics) const { return false; }
  /// Base values that its difference rule or its seeds read.
  virtual bool reads_input() const { return false; }
  virtual bool reads_output() const { return false; }
  /// Work of its difference rule, in multiply-adds per image.
  virtual double cost(std::span<const Support> in) const = 0;

  virtual void forward(const Pass<float>& pass) const = 0;
  virtual void forward(const Pass<double>& pass) const = 0;

 protected:
  /// A shape error in one form: "conv2d layer1.0.conv1: expected …, received …".
  [[noreturn]] void shape_error(const std::string& what) const;

 private:
  friend class Network;
  std::string kind_;
  std::string name_;
  std::vector<int> inputs_;
  int output_ = 0;
  std::vector<Shape> input_shapes_;
  Shape output_shape_;
};

}  // namespace deepzero
