#include "cuda/ops/batch_norm.cuh"
#include "engine/ops/batch_norm.h"

#include "cuda/memory.h"
#include "cuda/registry.h"
#include "engine/error.h"

namespace deepzero::cuda {
namespace {

class CudaBatchNorm final : public CudaOp {
 public:
  explicit CudaBatchNorm(const BatchNorm& op)
      : op_(op), channels_(op.input_shape().c), plane_(op.input_shape().plane()) {}

  void load(const float* weight, const float* bias, const float* buffers) override {
    weight_ = weight;
    bias_ = bias;
    running_ = buffers;
    mean_.reserve(static_cast<std::size_t>(channels_));
    bases_.reserve(static_cast<std::size_t>(channels_));
    affine_.reserve(static_cast<std::size_t>(channels_) * 2);
  }
  std::size_t base_floats() const override {
    // The centred input, and two moments of float64 per channel.
    return static_cast<std::size_t>(channels_) * (static_cast<std::size_t>(plane_) + 4);
  }
  std::size_t scratch_floats(int count) const override {
    return static_cast<std::size_t>(channels_) * 3 * static_cast<std::size_t>(count);
  }

  void base(const BaseCall& call) override {
    const bool batch = call.statistics == Statistics::batch;
    if (batch && static_cast<std::size_t>(call.count) * plane_ < 2)
      throw Error("ERR_INVALID_ARGUMENT",
                  "batchNorm2d " + op_.name() +
                      ": expected more than one value per channel for batch statistics, "
                      "received a batch of one with 1×1 planes; use a larger batch or running statistics");
    statistics_ = call.statistics;
    const std::size_t planes = static_cast<std::size_t>(call.count) * channels_;
    const double values = static_cast<double>(call.count) * plane_;
    const float* x = call.inputs[0];
    const auto all = static_cast<unsigned>(planes), per_channel = static_cast<unsigned>(channels_);
    centred_.reserve(planes * plane_);
    moments_.reserve(planes * 2);
    double* moments = moments_.data();
    if (batch) launch("plane_sums", plane_sums, all, kPlaneThreads, kPlaneShared, call.stream, x, plane_, moments);
    launch("channel_means", channel_means, per_channel, kWarp, 0, call.stream,
           static_cast<const double*>(batch ? moments : nullptr), running_, call.count, values, mean_.data());
    launch("centre", centre, all, kPlaneThreads, kPlaneShared, call.stream, x, static_cast<const float*>(mean_.data()),
           channels_, plane_, centred_.data(), moments);
    launch("channel_statistics", channel_statistics, per_channel, kWarp, 0, call.stream,
           static_cast<const double*>(moments), static_cast<const float*>(mean_.data()), running_ + channels_,
           call.count, values, op_.eps, bases_.data(), call.observed);
    launch_elements("batch_norm_affine", {call.stream, 1, 1, 1}, channels_,
                    BatchNormAffine{weight_, bias_, bases_.data(), affine_.data()});
    launch_elements("batch_norm_forward", {call.stream, 1, call.count, 1}, channels_ * plane_,
                    BatchNormForward{centred_.data(), affine_.data(), plane_, call.output});
  }

  bool in_place() const override { return true; }
  bool applies_relu() const override { return true; }
  void difference(const DifferenceCall& call) const override {
    with_stored(call.block, [&]<class T>() { differences<T>(call); });
  }
  void seed(const SeedCall& call) const override {
    const BatchNormSeed seed{call.role == 0 ? centred_.data() : nullptr,
                             bases_.data() + call.channel,
                             channels_,
                             call.channel,
                             plane_,
                             call.sign};
    with_stored(call.block, [&]<class T>() {
      launch_difference("batch_norm_seed", call.block, plane_, destination<T>(call), seed);
    });
  }

  int coefficient_floats() const override { return kCoefficients; }
  const float* centred() const override { return centred_.data(); }
  Normalisation normalisation(const Block& block, const View& in, const float* coefficients, bool relu) const override {
    const bool one = in.kind == Support::one;
    const int first = one ? in.channel : 0;
    return {.coefficients = coefficients,
            .channels = one ? 1 : channels_,
            .xc = centred_.data() + static_cast<std::size_t>(first) * plane_,
            .stride = channels_ * plane_,
            .affine = relu ? affine_.data() + 2 * first : nullptr,
            .inverse_mu = block.inverse_mu(),
            .largest = block.largest};
  }

 private:
  template <class T>
  void differences(const DifferenceCall& call) const {
    const View& d = call.in[0];
    const Block& block = call.block;
    const bool one = d.kind == Support::one;
    const BatchNormQuery<T> query{.d = d.as<T>(),
                                  .xc = centred_.data(),
                                  .bases = bases_.data(),
                                  .gamma = weight_,
                                  .u_gamma = call.moved.weight,
                                  .u_beta = call.moved.bias,
                                  .directed = call.moved.any(),
                                  .batch = statistics_ == Statistics::batch,
                                  .count = block.count,
                                  .all_channels = channels_,
                                  .first = one ? d.channel : 0,
                                  .channels = one ? 1 : channels_,
                                  .plane = plane_,
                                  .mu = block.mu,
                                  .moving = block.queries - call.started.all(),
                                  .gammas = call.started.gamma,
                                  .sign = call.started.sign};
    const auto per_query = static_cast<unsigned>(block.queries) * static_cast<unsigned>(query.channels);
    const float* sums = call.sums.sums;
    if (sums == nullptr && query.d != nullptr && query.batch && query.moving > 0) {
      const bool vectors = plane_ % kVector == 0;
      const int lanes = lanes_for(vectors ? plane_ / kVector : plane_);
      const std::size_t planes = static_cast<std::size_t>(query.moving) * static_cast<unsigned>(query.channels) *
                                 static_cast<unsigned>(block.count),
                        each = static_cast<std::size_t>(kPlaneThreads / lanes);
      launch("batch_norm_sums", batch_norm_sums<T>, static_cast<unsigned>((planes + each - 1) / each), kPlaneThreads, 0,
             block.stream, query, planes, lanes, vectors, call.scratch);
      sums = call.scratch;
    }
    launch("batch_norm_finish", batch_norm_finish<T>, per_query, kWarp, 0, block.stream, query, sums,
           call.sums.sums != nullptr ? call.sums.parts : block.count, call.coefficients);
    if (call.out == nullptr) return;
    launch_difference(
        "batch_norm_apply", block, query.channels * plane_, destination<T>(call),
        BatchNormApply<T>{query.d, normalisation(block, d, call.coefficients, call.relu.x != nullptr), plane_});
  }

  const BatchNorm& op_;
  int channels_, plane_;
  const float *weight_ = nullptr, *bias_ = nullptr, *running_ = nullptr;
  Statistics statistics_ = Statistics::batch;
  DeviceBuffer<float> centred_;  // [N][C][H][W]
  DeviceBuffer<double> moments_;
  DeviceBuffer<float> mean_;
  DeviceBuffer<rules::BatchNormBase> bases_;
  DeviceBuffer<float> affine_;  // [C][2]
};

}  // namespace

std::unique_ptr<CudaOp> make_batch_norm(const Op& op) {
  return std::make_unique<CudaBatchNorm>(static_cast<const BatchNorm&>(op));
}

}  // namespace deepzero::cuda
