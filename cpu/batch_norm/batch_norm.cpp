// Batch norm on the CPU. The base pass keeps the centred input xc and a, v, r per channel (engine/rules/batch_norm.h);
// a query takes its three sums where its input is produced, and applies A·d + B·xc + C where it is consumed. What a
// direction does to γ and β is folded into the three coefficients.
#include "engine/ops/batch_norm.h"
#include "cpu/batch_norm/kernel.h"
#include "cpu/registry.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "cpu/memory.h"
#include "engine/error.h"
#include "engine/index.h"
#include "engine/rules/batch_norm.h"

namespace deepzero::cpu {
namespace {

class CpuBatchNorm final : public CpuOp {
 public:
  CpuBatchNorm(const BatchNorm& op, Isa isa)
      : kernels_(batch_norm_kernels(isa)),
        op_(op),
        channels_(op.input_shape().c),
        plane_(static_cast<std::size_t>(op.input_shape().plane())),
        running_coefficients_(at(channels_) * kState) {}

  void load(const float* weight, const float* bias, const float* buffers) override {
    weight_ = weight;
    bias_ = bias;
    running_ = buffers;
  }

  void begin(int count, Statistics statistics, bool keep) override {
    if (statistics == Statistics::batch && at(count) * plane_ < 2)
      throw Error("ERR_INVALID_ARGUMENT",
                  "batchNorm2d " + op_.name() +
                      ": expected more than one value per channel for batch statistics, "
                      "received a batch of one with 1×1 planes; use a larger batch or running statistics");
    statistics_ = statistics;
    count_ = at(count);
    values_ = static_cast<double>(count_ * plane_);
    keep_ = keep;
    if (keep) centred_.reserve(plane_ * at(channels_) * count_);
    mean_.resize(at(channels_));
    scale_.resize(at(channels_));
    shift_.resize(at(channels_));
    base_.resize(at(channels_));
    if (statistics == Statistics::batch) {
      moments_.resize(count_ * at(channels_) * kMoments);
      return;
    }
    for (int c = 0; c < channels_; ++c) {
      mean_[at(c)] = running_[c];
      set_base(c, {0, running_[channels_ + c], 0, op_.eps});
    }
  }
  // Per image and channel, so that the sums over images run in a fixed order on any number of threads.
  void observe(int image, const float* x) override {
    kernels_.moments(x, channels_, plane_, moments_.data() + at(image) * at(channels_) * kMoments);
  }
  // Everything about the batch's first value of the channel, from which the others differ by no more than they vary: so
  // nothing cancels that float32 has told apart. v is that of x, whose centring rounds each xc to float32.
  void settle() override {
    const auto plane = static_cast<double>(plane_);
    for (int c = 0; c < channels_; ++c) {
      const double* first = moments_.data() + at(c) * kMoments;
      const std::size_t step = at(channels_) * kMoments;
      const auto mean_of = [&](const double* image) { return image[0] - first[0] + image[1] / plane; };
      double mean = 0, squares = 0;
      for (std::size_t n = 0; n < count_; ++n) mean += mean_of(first + n * step);
      mean /= static_cast<double>(count_);
      for (std::size_t n = 0; n < count_; ++n) {
        const double* image = first + n * step;
        const double apart = mean_of(image) - mean;
        squares += image[2] - image[1] * image[1] / plane + plane * apart * apart;
      }
      mean_[at(c)] = static_cast<float>(first[0] + mean);
      const double variance = squares / values_;
      set_base(c, {first[0] - static_cast<double>(mean_[at(c)]) + mean, variance < 0 ? 0 : variance, 0, op_.eps});
    }
  }
  void base(const BaseCall& call) const override {
    kernels_.forward({.x = call.inputs[0],
                      .channels = channels_,
                      .plane = plane_,
                      .mean = mean_.data(),
                      .scale = scale_.data(),
                      .shift = shift_.data(),
                      .centred = keep_ ? centred_.data() + at(call.image) * at(channels_) * plane_ : nullptr,
                      .normalised = call.output,
                      .plus = call.tail.plus,
                      .sum = call.tail.sum,
                      .rectified = call.tail.rectified});
  }

  void observed(double* out) const override {
    for (int c = 0; c < channels_; ++c) {
      out[c] = static_cast<double>(mean_[at(c)]) + base_[at(c)].a;
      out[channels_ + c] = base_[at(c)].v * values_ / (values_ - 1);
    }
  }

  bool in_place() const override { return true; }

  void difference(const DifferenceCall& call) const override {
    const View& d = call.in[0];
    if (call.moved.any()) return difference_moved(call);
    const bool one = d.kind == Support::one;
    const int first = one ? d.channel : 0, channels = one ? 1 : channels_;
    if (statistics_ == Statistics::running && !call.tail.any()) {
      for (int c = 0; c < channels; ++c)
        kernels_.affine(d.data + at(c) * plane_, scale_[at(first + c)], 0, plane_, call.out + at(c) * plane_);
      return;
    }
    const double* coefficients = statistics_ == Statistics::batch ? call.state : running_coefficients_.data();
    apply(call, first, channels, d.data, coefficients + at(first) * kState, call.out);
  }

  // Δy/μ is sign for β, and sign·x̂ = sign·r·(xc − a) for γ.
  void seed(const SeedCall& call) const override {
    const rules::BatchNormBase& base = base_[at(call.channel)];
    const bool bias = call.role == 1;
    const double sign = static_cast<double>(call.sign);
    const double coefficients[kState] = {0, bias ? 0 : sign * base.r, bias ? sign : -sign * base.r * base.a};
    const DifferenceCall as_difference = {.image = call.image, .inverse_mu = call.inverse_mu, .tail = call.tail};
    apply(as_difference, call.channel, 1, centred(call.image, call.channel), coefficients, call.out);
  }

  // Three doubles per channel: the sums Σd, Σxc·d, Σd² until the barrier, the coefficients A, B, C after it.
  std::size_t state_size() const override { return at(channels_) * kState; }
  void clear(double* state) const override { std::fill_n(state, state_size(), 0.0); }
  void accumulate(int image, int images, const View& d, double* state) const override {
    const bool one = d.kind == Support::one;
    const int first = one ? d.channel : 0, channels = one ? 1 : channels_;
    kernels_.sums({.d = d.data,
                   .xc = centred(image, first),
                   .d_step = at(channels) * plane_,
                   .xc_step = at(channels_) * plane_,
                   .images = images,
                   .channels = channels,
                   .plane = plane_},
                  state + at(first) * kState);
  }
  void finish(const BarrierCall& call) const override {
    const int first = call.kind == Support::one ? call.channel : 0;
    const int last = call.kind == Support::one ? call.channel : channels_ - 1;
    for (int c = first; c <= last; ++c) {
      double* k = call.state + at(c) * kState;
      const rules::BatchNormBase& base = base_[at(c)];
      const rules::BatchNormChange change = rules::batch_norm_change(base, k[0], k[1], k[2], values_, call.mu);
      const double scale = rules::batch_norm_recomputes(change, call.mu)
                               ? (1 / std::sqrt(moved_variance(call, c) + base.eps) - base.r) / call.mu
                               : rules::batch_norm_scale_change(base, change, call.mu);
      const double gamma = call.moved.any() ? 1 : weight_[c];
      Coefficients result = rules::batch_norm_coefficients(base, change.mean, scale, gamma, call.mu);
      if (call.moved.any()) result = moved(c, result, call.moved);
      k[0] = result.a, k[1] = result.b, k[2] = result.c;
    }
  }

 private:
  static constexpr std::size_t kState = 3, kMoments = 3;
  using Coefficients = rules::BatchNormCoefficients;

  void set_base(int channel, rules::BatchNormBase base) {
    base.r = 1 / std::sqrt(base.v + base.eps);
    base_[at(channel)] = base;
    const double scale = weight_[channel] * base.r;
    scale_[at(channel)] = static_cast<float>(scale);
    shift_[at(channel)] = static_cast<float>(bias_[channel] - scale * base.a);
    if (statistics_ == Statistics::running) running_coefficients_[at(channel) * kState] = scale;
  }
  /// A·d + B·xc + C on neighbouring channels, and what follows it.
  void apply(const DifferenceCall& call, int first, int channels, const float* d, const double* coefficients,
             float* to) const {
    const View& plus = call.tail.plus;
    const float* x = call.tail.base;
    kernels_.difference({.d = d,
                         .xc = centred(call.image, first),
                         .channels = channels,
                         .plane = plane_,
                         .coefficients = coefficients,
                         .y = to,
                         .plus = plus.kind == Support::dense ? plus.data + at(first) * plane_ : plus.data,
                         .rectify = call.tail.rectify,
                         .x = x != nullptr ? x + at(first) * plane_ : nullptr,
                         .scale = scale_.data() + first,
                         .shift = shift_.data() + first,
                         .inverse_mu = call.inverse_mu});
  }
  /// The coefficients of Δx̂/μ with what a direction does to γ and β.
  Coefficients moved(int channel, const Coefficients& normalised, const Moved& by) const {
    return rules::batch_norm_moved(base_[at(channel)], normalised, weight_[channel],
                                   by.weight != nullptr ? by.weight[channel] : 0,
                                   by.bias != nullptr ? by.bias[channel] : 0, by.mu);
  }
  void difference_moved(const DifferenceCall& call) const {
    const View& d = call.in[0];
    for (int c = 0; c < channels_; ++c) {
      float* to = call.out + at(c) * plane_;
      if (d.kind == Support::none) {
        const Coefficients k = moved(c, {0, 0, 0}, call.moved);
        const double coefficients[kState] = {0, k.b, k.c};
        apply(call, c, 1, centred(call.image, c), coefficients, to);
      } else {
        const Coefficients k = moved(c, {base_[at(c)].r, 0, 0}, call.moved);
        const double running[kState] = {k.a, k.b, k.c};
        apply(call, c, 1, d.data + at(c) * plane_,
              statistics_ == Statistics::batch ? call.state + at(c) * kState : running, to);
      }
    }
  }
  const float* centred(int image, int channel) const {
    return centred_.data() + (at(image) * at(channels_) + at(channel)) * plane_;
  }
  /// var(x + Δx), centred, in two passes: for the rare query that nearly cancels the channel's variance.
  double moved_variance(const BarrierCall& call, int channel) const {
    const std::size_t skip = call.kind == Support::one ? 0 : at(channel) * plane_;
    const auto sum = [&](double centre, bool squared) {
      double total = 0;
      for (int n = 0; n < call.count; ++n) {
        const float *xc = centred(n, channel), *d = call.input(n) + skip;
        for (std::size_t i = 0; i < plane_; ++i) {
          const double moved = static_cast<double>(xc[i]) + call.mu * static_cast<double>(d[i]) - centre;
          total += squared ? moved * moved : moved;
        }
      }
      return total / values_;
    };
    return sum(sum(0, false), true);
  }

  const BatchNormKernels& kernels_;
  const BatchNorm& op_;
  int channels_;
  std::size_t plane_;
  const float *weight_ = nullptr, *bias_ = nullptr, *running_ = nullptr;
  Statistics statistics_ = Statistics::batch;
  std::size_t count_ = 0;
  bool keep_ = false;
  double values_ = 0;
  Buffer centred_;               // [N][C][H][W]
  std::vector<double> moments_;  // [N][C][3]: s, Σ (x − s), Σ (x − s)²
  std::vector<float> mean_;
  std::vector<float> scale_, shift_;  // output = scale·xc + shift
  std::vector<rules::BatchNormBase> base_;
  std::vector<double> running_coefficients_;  // [C][3], with running statistics
};

}  // namespace

std::unique_ptr<CpuOp> make_batch_norm(const Op& op, Isa isa) {
  return std::make_unique<CpuBatchNorm>(static_cast<const BatchNorm&>(op), isa);
}

}  // namespace deepzero::cpu
