// What the CPU backend needs of an op: its base pass over a batch, its seeds, and its difference rule on one image.
// Tensors are planar: [N][C][H][W], a difference in one channel is that channel's plane alone.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "cpu/fetch_ahead.h"
#include "cpu/isa.h"
#include "engine/op.h"

namespace deepzero::cpu {

/// What a batch norm does to its result in the base pass for the ops that follow it (cpu/fusion.h); all of one image.
struct BaseTail {
  const float* plus = nullptr;  ///< the other branch of a residual sum, or null
  float* sum = nullptr;         ///< where the sum goes, if anybody reads it
  float* rectified = nullptr;   ///< where the ReLU of the result goes, if one follows
};

/// The base pass of one op on one image.
struct BaseCall {
  int image;
  std::vector<const float*> inputs;  ///< [C][H][W] each
  float* output;                     ///< null where only the tail's results are read
  float* scratch;                    ///< scratch_floats()
  BaseTail tail;
};

/// One image of a value's difference. `data` is [C][H][W] when dense, [H][W] when it lives in one channel.
struct View {
  const float* data = nullptr;
  Support::Kind kind = Support::none;
  int channel = 0;
};

/// What a direction moves in an op, by components of the direction times its sign; null where it moves nothing.
struct Moved {
  const float* weight = nullptr;
  const float* bias = nullptr;
  const float* packed = nullptr;  ///< what pack_direction() made of the weight's
  double mu = 0;
  bool any() const { return weight != nullptr || bias != nullptr; }
};

/// What an op does to its result in the same pass over memory, for ops that follow it (cpu/fusion.h).
struct Tail {
  View plus;                    ///< the other branch of a residual sum, where it has a difference
  bool rectify = false;         ///< then the ReLU rule
  const float* base = nullptr;  ///< around this base value, [C][H][W]; null where it is the op's own result

  bool any() const { return plus.kind != Support::none || rectify; }
};

/// The difference rule on one image of one query.
struct DifferenceCall {
  int image;
  View in[2];
  float* out;
  Support::Kind out_kind;
  int out_channel;
  float inverse_mu;
  const double* state;  ///< this op's state of the query, state_size() doubles
  float* scratch;
  Moved moved;
  Tail tail;
  FetchAhead* ahead;  ///< what is read after this image and those worked off with it
};

/// A perturbed parameter's first difference on one image: the plane of its channel, times sign.
struct SeedCall {
  int image;
  int role;  ///< 0 weight, 1 bias
  int channel;
  int element;  ///< inside the channel's slice of the parameter
  float sign;
  float* out;  ///< [H][W]
  float inverse_mu;
  Tail tail;
};

/// The sums over the batch that an op with a barrier takes before its rule.
struct BarrierCall {
  int count;
  double mu;
  Support::Kind kind;
  int channel;
  double* state;
  std::function<const float*(int image)> input;  ///< the whole input difference, for the rare second look
  Moved moved;
};

class CpuOp {
 public:
  virtual ~CpuOp() = default;

  /// New weights; null where the op has none. Pointers stay valid until the next load.
  virtual void load(const float* /*weight*/, const float* /*bias*/, const float* /*buffers*/) {}
  virtual std::size_t scratch_floats() const { return 0; }

  /// Before a base pass over `count` images; with `keep` it keeps what its rules read beyond the values themselves.
  virtual void begin(int /*count*/, Statistics /*statistics*/, bool /*keep*/) {}
  /// The base pass on one image; lanes work on different images at the same time.
  virtual void base(const BaseCall& call) const = 0;
  /// Ops with a barrier: take what they need of one image of their input, and after the last one make it ready.
  virtual void observe(int /*image*/, const float* /*input*/) {}
  virtual void settle() {}
  /// After the base pass, when features are kept: where the base values of its inputs and output are.
  void bind(std::vector<const float*> inputs, const float* output) {
    base_inputs_ = std::move(inputs);
    base_output_ = output;
  }
  /// Batch statistics of the base pass, in the order of the op's buffers.
  virtual void observed(double* /*out*/) const {}

  virtual void difference(const DifferenceCall& call) const = 0;
  /// The rule on `images` images from call.image on at once, where that is faster; in and out hold them one behind the
  /// other. False when it was not done.
  virtual bool differences(const DifferenceCall& /*call*/, int /*images*/) const { return false; }
  /// How many images differences() would have, for dense inputs.
  virtual int images() const { return 1; }
  /// Whether out may be the memory of an input, or of the branch that the tail adds.
  virtual bool in_place() const { return false; }
  virtual void seed(const SeedCall& /*call*/) const {}

  /// Ops with a weight that a direction can move: floats that difference() wants prepared of one direction, and their
  /// preparation from its components. `scratch` holds as many floats.
  virtual std::size_t direction_floats() const { return 0; }
  virtual void pack_direction(const float* /*weight*/, double /*mu*/, float* /*packed*/, float* /*scratch*/) const {}

  /// Ops with a barrier: doubles of state per query, what one image adds to it, and what follows the last image.
  virtual std::size_t state_size() const { return 0; }
  virtual void clear(double* /*state*/) const {}
  virtual void accumulate(int /*image*/, int /*images*/, const View& /*in*/, double* /*state*/) const {}
  virtual void finish(const BarrierCall& /*call*/) const {}

  /// One image of a base input of `size` floats, after bind().
  const float* base_input(int image, std::size_t size, std::size_t index = 0) const {
    return base_inputs_[index] + static_cast<std::size_t>(image) * size;
  }

 protected:
  const float* base_output(int image, std::size_t size) const {
    return base_output_ + static_cast<std::size_t>(image) * size;
  }

 private:
  std::vector<const float*> base_inputs_;
  const float* base_output_ = nullptr;
};

/// The CPU implementation of an op, from the registry in cpu/registry.cpp.
std::unique_ptr<CpuOp> make_cpu_op(const Op& op, Isa isa);

}  // namespace deepzero::cpu
