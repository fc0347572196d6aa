// What the CUDA backend needs of an op: its base pass over a batch, its seeds, and its difference rule on a block of
// queries. All pointers are of the device. Values are [N][C][H][W], float; a difference is [Q][N][C][H][W] when dense,
// [Q][N][H][W] when it lives in one channel, the same for all queries of a block, and stored as the block says
// (cuda/stored.cuh). Work is put into the stream given.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "cuda/stream.h"
#include "engine/op.h"
#include "engine/precision.h"

namespace deepzero::cuda {

/// Q queries on N images.
struct Block {
  const Stream& stream;
  int queries;
  int count;
  double mu;
  /// Of stored differences, and of tensor cores: float32 keeps them out.
  Precision precision = Precision::f32;
  /// In float16: where an op leaves the bits of the largest |d| that it writes of each query, [Q].
  unsigned* largest = nullptr;
  int images() const { return queries * count; }
  float inverse_mu() const { return static_cast<float>(1 / mu); }
};

/// What a batch norm, and the ReLU behind it, leave to the reader of a view: what stands there is d, the difference is
/// A·d + B·xc + C, and of that the ReLU's (cuda/ops/normalised.cuh).
struct Normalisation {
  const float* coefficients = nullptr;  ///< [Q][channels][4]: A, B, C; null where nothing is left to do
  int channels = 0;                     ///< of the view
  const float* xc = nullptr;            ///< centred base input, from the view's first channel on
  int stride = 0;                       ///< floats of xc per image
  const float* affine = nullptr;        ///< [channels][2]: the ReLU's base input is s·xc + t; null without a ReLU
  float inverse_mu = 0;
  unsigned* largest = nullptr;  ///< [Q]: as Block::largest, for a reader that rounds the difference
};

struct View {
  const void* data = nullptr;
  Support::Kind kind = Support::none;
  int channel = 0;
  Normalisation normalised = {};

  template <class T>
  const T* as() const {
    return static_cast<const T*>(data);
  }
};

/// What a direction moves in an op, by components of the direction times its sign; null where it moves nothing.
struct Moved {
  const float* weight = nullptr;
  const float* bias = nullptr;
  const float* moved_weight = nullptr;  ///< W + μ·U
  bool any() const { return weight != nullptr || bias != nullptr; }
};

struct BaseCall {
  const Stream& stream;
  int count;
  Statistics statistics;
  std::span<const float* const> inputs;
  float* output;
  double* observed;  ///< batch statistics in the order of the op's buffers; null with running ones
};

/// A ReLU to apply to what an op computes: its base input [N][C][H][W], or null for none.
struct AppliedRelu {
  const float* x = nullptr;
};

/// Of a convolution that a batch norm reads: the sums that it also forms. Of that batch norm: those that were formed.
struct Sums {
  float* sums = nullptr;      ///< [Q][C][parts][3]: Σd, Σxc·d, Σd² of parts of all images; null for none
  const float* xc = nullptr;  ///< for the convolution: the batch norm's centred base input [N][C][H][W]
  int parts = 0;              ///< for the batch norm: CudaOp::sum_parts() of the convolution
};

/// Queries at the end of a block that start at a batch norm: those of γ, then those of β. What its input holds of them
/// is 0.
struct Started {
  int gamma = 0, beta = 0;
  float sign = 1;
  int all() const { return gamma + beta; }
};

struct DifferenceCall {
  const Block& block;
  std::span<const View> in;
  void* out;   ///< null where a batch norm leaves its difference to the reader
  bool whole;  ///< out is the network's output: float, whatever the block's precision, and not the memory of an input
  Support::Kind out_kind;
  int out_channel;
  float* scratch;  ///< CudaOp::scratch_floats() per query
  Moved moved;
  AppliedRelu relu;
  float* coefficients = nullptr;  ///< of a batch norm: where its reader finds them, [Q][channels][4]
  Sums sums = {};
  Started started = {};
};

/// A perturbed parameter's first difference: the plane of its channel, times sign.
struct SeedCall {
  const Block& block;
  int role;  ///< 0 weight, 1 bias
  int channel;
  const std::uint32_t* elements;  ///< [Q], inside the channel's slice of the parameter
  float sign;
  void* out;   ///< [Q][N][H][W]
  bool whole;  ///< as in a DifferenceCall
};

class CudaOp {
 public:
  virtual ~CudaOp() = default;

  /// Once: where parameters and running statistics are; null where the op has none. Their contents change between
  /// calls.
  virtual void load(const float* /*weight*/, const float* /*bias*/, const float* /*buffers*/) {}
  /// After every change of the contents: makes what differences of this precision read.
  virtual void prepare(const Stream& /*stream*/, Precision /*precision*/) {}
  /// Bytes that prepare() takes.
  virtual std::size_t prepared_bytes(Precision /*precision*/) const { return 0; }
  /// Floats per image that the base pass takes beyond the values, and floats per query that difference() wants.
  virtual std::size_t base_floats() const { return 0; }
  virtual std::size_t scratch_floats(int /*count*/) const { return 0; }

  virtual void base(const BaseCall& call) = 0;
  /// After the base pass, when features are kept: where the base values of its inputs and output are.
  void bind(std::vector<const float*> inputs, const float* output) {
    base_inputs_ = std::move(inputs);
    base_output_ = output;
  }

  virtual void difference(const DifferenceCall& call) const = 0;
  /// Whether out may be the memory of an input of the same size.
  virtual bool in_place() const { return false; }
  /// Whether difference() can apply a ReLU to its result.
  virtual bool applies_relu() const { return false; }
  virtual void seed(const SeedCall& /*call*/) const {}

  /// Of a batch norm that can leave its difference to the reader: floats of coefficients per query and channel, 0 of
  /// other ops; what the reader finds in its view, with a ReLU behind it or none; its centred base input.
  virtual int coefficient_floats() const { return 0; }
  virtual Normalisation normalisation(const Block& /*block*/, const View& /*in*/, const float* /*coefficients*/,
                                      bool /*relu*/) const {
    return {};
  }
  virtual const float* centred() const { return nullptr; }
  /// Whether difference() takes an input that is left to be normalised, of this support and precision.
  virtual bool normalises_input(Support::Kind /*in*/, Precision /*precision*/) const { return false; }
  /// Of a convolution: whether difference() can form the sums of a batch norm; in how many parts per query and channel.
  virtual bool forms_sums(Support::Kind /*in*/, Precision /*precision*/) const { return false; }
  virtual int sum_parts(Support::Kind /*in*/, int /*count*/) const { return 0; }

  const float* base_input(std::size_t index = 0) const { return base_inputs_[index]; }

 protected:
  const float* base_output() const { return base_output_; }

 private:
  std::vector<const float*> base_inputs_;
  const float* base_output_ = nullptr;
};

/// The CUDA implementation of an op, from the registry in cuda/registry.cpp. Throws ERR_NETWORK when there is none.
std::unique_ptr<CudaOp> make_cuda_op(const Op& op);

}  // namespace deepzero::cuda
