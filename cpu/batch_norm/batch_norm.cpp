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
#include "engine/rules/batch_norm.h"

namespace deepzero::cpu {
namespace {

class CpuBatchNorm final : public CpuOp {
 public:
  CpuBatchNorm(const BatchNorm& op, Isa isa)
      : kernels_(batch_norm_kernels(isa)),
        op_(op),
        channels_(op.input_shape().c),
        plane_(static_cast<std::size_t>(op.input_shape().plane())) {}

  void load(const float* weight, const float* bias, const float* buffers) override {
    weight_ = weight;
    bias_ = bias;
    running_ = buffers;
  }

  void base(const BaseCall& call) override {
    const std::size_t size = plane_ * at(channels_), count = at(call.count);
    const bool batch = call.statistics == Statistics::batch;
    if (batch && count * plane_ < 2)
      throw Error("ERR_INVALID_ARGUMENT",
                  "batchNorm2d " + op_.name() +
                      ": expected more than one value per channel for batch statistics, "
                      "received a batch of one with 1×1 planes; use a larger batch or running statistics");
    statistics_ = call.statistics;
    values_ = static_cast<double>(count * plane_);
    centred_.reserve(size * count);
    base_.resize(at(channels_));
    mean_.resize(at(channels_));
    scale_.resize(at(channels_));
    shift_.resize(at(channels_));
    // Per image and channel, so that the sums over images run in a fixed order on any number of threads.
    std::vector<double> moments(count * at(channels_) * 2);
    if (batch) {
      call.pool.for_each(call.count, [&](int, int n) {
        for (int c = 0; c < channels_; ++c)
          moments[at(n) * at(channels_) + at(c)] = kernels_.sum(call.inputs[0] + at(n) * size + at(c) * plane_, plane_);
      });
    }
    for (int c = 0; c < channels_; ++c) {
      double sum = 0;
      for (std::size_t n = 0; n < count; ++n) sum += moments[n * at(channels_) + at(c)];
      mean_[at(c)] = batch ? static_cast<float>(sum / values_) : running_[c];
    }
    call.pool.for_each(call.count, [&](int, int n) {
      for (int c = 0; c < channels_; ++c)
        kernels_.centre(call.inputs[0] + at(n) * size + at(c) * plane_, mean_[at(c)], plane_,
                        centred_.data() + at(n) * size + at(c) * plane_, &moments[(at(n) * at(channels_) + at(c)) * 2]);
    });
    for (int c = 0; c < channels_; ++c) {
      rules::BatchNormBase& base = base_[at(c)];
      base = {0, running_[channels_ + c], 0, op_.eps};
      if (batch) {
        double sum = 0, squares = 0;
        for (std::size_t n = 0; n < count; ++n) {
          sum += moments[(n * at(channels_) + at(c)) * 2];
          squares += moments[(n * at(channels_) + at(c)) * 2 + 1];
        }
        base.a = sum / values_;
        base.v = std::max(0.0, squares / values_ - base.a * base.a);
      }
      base.r = 1 / std::sqrt(base.v + base.eps);
      const double scale = weight_[c] * base.r;
      scale_[at(c)] = static_cast<float>(scale);
      shift_[at(c)] = static_cast<float>(bias_[c] - scale * base.a);
    }
    call.pool.for_each(call.count, [&](int, int n) {
      for (int c = 0; c < channels_; ++c) {
        kernels_.affine(centred_.data() + at(n) * size + at(c) * plane_, scale_[at(c)], shift_[at(c)], plane_,
                        call.output + at(n) * size + at(c) * plane_);
      }
    });
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
    const auto one = [&](int channel, const float* from, float* to) {
      if (statistics_ == Statistics::running && !call.tail.any()) {
        kernels_.affine(from, static_cast<float>(weight_[channel] * base_[at(channel)].r), 0, plane_, to);
        return;
      }
      const Coefficients running = {weight_[channel] * base_[at(channel)].r, 0, 0};
      apply(call, channel, from, statistics_ == Statistics::batch ? coefficients(call.state, channel) : running, to);
    };
    if (d.kind == Support::one) return one(d.channel, d.data, call.out);
    for (int c = 0; c < channels_; ++c) one(c, d.data + at(c) * plane_, call.out + at(c) * plane_);
  }

  void seed(const SeedCall& call) const override {
    if (call.role == 1) {
      std::fill_n(call.out, plane_, call.sign);
      return;
    }
    const rules::BatchNormBase& base = base_[at(call.channel)];
    kernels_.affine(centred(call.image, call.channel), static_cast<float>(call.sign * base.r),
                    static_cast<float>(-call.sign * base.r * base.a), plane_, call.out);
  }

  // Three doubles per channel: the sums Σd, Σxc·d, Σd² until the barrier, the coefficients A, B, C after it.
  std::size_t state_size() const override { return at(channels_) * kState; }
  void clear(double* state) const override { std::fill_n(state, state_size(), 0.0); }
  void accumulate(int image, const View& d, double* state) const override {
    const auto one = [&](int channel, const float* from) {
      float sums[3];
      kernels_.sums(from, centred(image, channel), plane_, sums);
      for (std::size_t i = 0; i < kState; ++i) state[at(channel) * kState + i] += static_cast<double>(sums[i]);
    };
    if (d.kind == Support::one) return one(d.channel, d.data);
    for (int c = 0; c < channels_; ++c) one(c, d.data + at(c) * plane_);
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
  static constexpr std::size_t kState = 3;
  static std::size_t at(int index) { return static_cast<std::size_t>(index); }
  using Coefficients = rules::BatchNormCoefficients;

  static Coefficients coefficients(const double* state, int channel) {
    const double* k = state + at(channel) * kState;
    return {k[0], k[1], k[2]};
  }
  /// A·d + B·xc + C on the plane of a channel, and what follows it.
  void apply(const DifferenceCall& call, int channel, const float* d, const Coefficients& k, float* to) const {
    const float *xc = centred(call.image, channel);
    const auto a = static_cast<float>(k.a), b = static_cast<float>(k.b), c = static_cast<float>(k.c);
    if (!call.tail.any()) return kernels_.difference(d, xc, a, b, c, plane_, to);
    const View& plus = call.tail.plus;
    const float* x = call.tail.base;
    kernels_.difference_then(d, xc, a, b, c,
                             {.plus = plus.kind == Support::dense ? plus.data + at(channel) * plane_ : plus.data,
                              .rectify = call.tail.rectify,
                              .x = x != nullptr ? x + at(channel) * plane_ : nullptr,
                              .scale = scale_[at(channel)],
                              .shift = shift_[at(channel)],
                              .inverse_mu = call.inverse_mu},
                             plane_, to);
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
        kernels_.affine(centred(call.image, c), static_cast<float>(k.b), static_cast<float>(k.c), plane_, to);
      } else {
        const bool batch = statistics_ == Statistics::batch;
        apply(call, c, d.data + at(c) * plane_,
              batch ? coefficients(call.state, c) : moved(c, {base_[at(c)].r, 0, 0}, call.moved), to);
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
  double values_ = 0;
  Buffer centred_;  // [N][C][H][W]
  std::vector<float> mean_;
  std::vector<float> scale_, shift_;  // output = scale·xc + shift
  std::vector<rules::BatchNormBase> base_;
};

}  // namespace

std::unique_ptr<CpuOp> make_batch_norm(const Op& op, Isa isa) {
  return std::make_unique<CpuBatchNorm>(static_cast<const BatchNorm&>(op), isa);
}

}  // namespace deepzero::cpu
