// Convolution kernels: the scalar twin against float64 sums of the definition, each instruction set against the twin.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <new>
#include <string>

#include "cpu/conv2d/kernel.h"
#include "cpu/conv2d/sparse_weights.h"
#include "cpu/op.h"
#include "engine/network.h"
#include "test/native/compare.h"
#include "test/native/random_input.h"

namespace deepzero::test {
namespace {

using cpu::ConvGeometry;
using cpu::ConvKernels;
using cpu::Isa;

// Both sides round once per term (or twice); measured against Σ |w·x| the error of a sum of K terms is about
// 2⁻²⁴ times a small number, whatever K. A lost term of the largest shapes here is 1/K ≥ 1e-3.
constexpr double tolerance = 6e-7;

ConvGeometry geometry(int ci, int h, int w, int co, int kh, int kw, int sh, int sw, int ph, int pw) {
  return {ci, h, w, co, (h + 2 * ph - kh) / sh + 1, (w + 2 * pw - kw) / sw + 1, kh, kw, sh, sw, ph, pw};
}

std::string text(const ConvGeometry& g) {
  const auto n = [](int value) { return std::to_string(value); };
  return n(g.in_channels) + "x" + n(g.in_h) + "x" + n(g.in_w) + " -> " + n(g.out_channels) + "x" + n(g.out_h) + "x" +
         n(g.out_w) + ", kernel " + n(g.kernel_h) + "x" + n(g.kernel_w) + ", stride " + n(g.stride_h) + "x" +
         n(g.stride_w) + ", pad " + n(g.pad_h) + "x" + n(g.pad_w);
}

std::size_t outputs(const ConvGeometry& g) { return static_cast<std::size_t>(g.out_channels) * g.out_h * g.out_w; }

std::vector<ConvGeometry> shapes() {
  std::vector<ConvGeometry> all = {
      geometry(3, 32, 32, 16, 3, 3, 1, 1, 1, 1),  geometry(16, 32, 32, 16, 3, 3, 1, 1, 1, 1),
      geometry(32, 16, 16, 32, 3, 3, 1, 1, 1, 1), geometry(64, 8, 8, 64, 3, 3, 1, 1, 1, 1),
      geometry(16, 32, 32, 32, 3, 3, 2, 2, 1, 1), geometry(32, 16, 16, 64, 3, 3, 2, 2, 1, 1),
      geometry(18, 32, 32, 18, 3, 3, 1, 1, 1, 1), geometry(18, 16, 16, 18, 3, 3, 1, 1, 1, 1),
      geometry(18, 8, 8, 18, 3, 3, 1, 1, 1, 1),   geometry(8, 14, 14, 10, 5, 5, 1, 1, 2, 2),
      geometry(3, 17, 19, 7, 5, 5, 2, 2, 2, 2),   geometry(16, 32, 32, 32, 1, 1, 1, 1, 0, 0),
      geometry(5, 9, 9, 6, 1, 1, 2, 2, 0, 0),     geometry(4, 3, 3, 9, 3, 3, 1, 1, 0, 0),
      geometry(2, 5, 5, 3, 5, 5, 1, 1, 0, 0),     geometry(1, 1, 1, 1, 3, 3, 1, 1, 1, 1),
      geometry(19, 1, 1, 19, 1, 1, 1, 1, 0, 0),   geometry(2, 40, 11, 5, 3, 3, 3, 3, 1, 1),
      geometry(3, 11, 50, 4, 7, 7, 2, 4, 3, 3),   geometry(2, 7, 70, 3, 1, 5, 1, 1, 0, 2),
      geometry(2, 70, 7, 3, 5, 1, 1, 2, 2, 0),    geometry(2, 6, 6, 3, 2, 2, 2, 2, 0, 0),
      geometry(2, 9, 9, 3, 2, 2, 3, 3, 0, 0),     geometry(1, 4, 4, 2, 3, 3, 1, 1, 3, 3),
      geometry(1, 2, 3, 2, 3, 3, 2, 2, 4, 4),     geometry(3, 3, 40, 33, 3, 3, 1, 1, 1, 1),
  };
  // Random ones: every width and channel count of a small range turns up over the runs.
  std::mt19937_64& random = generator();
  const auto between = [&](int low, int high) { return std::uniform_int_distribution<int>(low, high)(random); };
  while (all.size() < 120) {
    const int kh = between(1, 5), kw = between(1, 5), ph = between(0, 2), pw = between(0, 2);
    const int h = between(1, 20), w = between(1, 36);
    if (h + 2 * ph < kh || w + 2 * pw < kw) continue;
    all.push_back(geometry(between(1, 19), h, w, between(1, 19), kh, kw, between(1, 3), between(1, 3), ph, pw));
  }
  return all;
}

std::vector<float> absolute(std::vector<float> values) {
  for (float& value : values) value = std::abs(value);
  return values;
}

/// Scratch as the contract gives it: 64-byte aligned, contents arbitrary; ends where readable memory ends.
class Scratch {
 public:
  explicit Scratch(std::size_t floats) : input_(std::vector<float>((floats + 15) / 16 * 16, sentinel())) {}
  float* data() { return input_.data(); }

 private:
  Input input_;
};

Output run_dense(const ConvKernels& kernels, const ConvGeometry& g, std::vector<float>& x, std::vector<float>& weights,
                 const std::vector<float>* bias) {
  Output packed(kernels.packed_floats(g));
  Input raw(weights), image(x);
  kernels.pack(g, raw.data(), packed.data());
  REQUIRE(packed.written_outside() == "");
  Input packed_input(packed.values());
  Scratch scratch(kernels.scratch_floats(g));
  Output y(outputs(g));
  if (bias != nullptr) {
    Input bias_input(*bias);
    kernels.dense(g, image.data(), packed_input.data(), bias_input.data(), y.data(), scratch.data());
  } else {
    kernels.dense(g, image.data(), packed_input.data(), nullptr, y.data(), scratch.data());
  }
  return y;
}

/// The definition, in float64.
std::vector<float> definition(const ConvGeometry& g, const std::vector<float>& x, const std::vector<float>& weights,
                              const std::vector<float>& bias) {
  std::vector<float> y;
  for (int co = 0; co < g.out_channels; ++co) {
    for (int oh = 0; oh < g.out_h; ++oh) {
      for (int ow = 0; ow < g.out_w; ++ow) {
        double sum = static_cast<double>(bias[static_cast<std::size_t>(co)]);
        for (int ci = 0; ci < g.in_channels; ++ci) {
          for (int kh = 0; kh < g.kernel_h; ++kh) {
            for (int kw = 0; kw < g.kernel_w; ++kw) {
              const int ih = oh * g.stride_h + kh - g.pad_h, iw = ow * g.stride_w + kw - g.pad_w;
              if (ih < 0 || ih >= g.in_h || iw < 0 || iw >= g.in_w) continue;
              const int tap = ((co * g.in_channels + ci) * g.kernel_h + kh) * g.kernel_w + kw;
              sum += static_cast<double>(weights[static_cast<std::size_t>(tap)]) *
                     static_cast<double>(x[static_cast<std::size_t>((ci * g.in_h + ih) * g.in_w + iw)]);
            }
          }
        }
        y.push_back(static_cast<float>(sum));
      }
    }
  }
  return y;
}

TEST_CASE("conv2d: dense and one_channel of every instruction set") {
  for (const ConvGeometry& g : shapes()) {
    CAPTURE(text(g));
    const std::size_t in_plane = static_cast<std::size_t>(g.in_h) * g.in_w;
    const std::size_t taps = static_cast<std::size_t>(g.kernel_h) * g.kernel_w;
    std::vector<float> x = random_values(g.in_channels * in_plane);
    std::vector<float> weights = random_values(static_cast<std::size_t>(g.out_channels) * g.in_channels * taps);
    std::vector<float> bias = random_values(static_cast<std::size_t>(g.out_channels));
    const std::vector<float> expected = definition(g, x, weights, bias);
    const std::vector<float> magnitude = definition(g, absolute(x), absolute(weights), absolute(bias));

    const int channel = std::uniform_int_distribution<int>(0, g.in_channels - 1)(generator());
    std::vector<float> single(x.size(), 0.0f);
    const auto plane = x.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(channel) * in_plane);
    std::copy_n(plane, in_plane, single.begin() + (plane - x.begin()));
    const std::vector<float> none(static_cast<std::size_t>(g.out_channels), 0.0f);
    const std::vector<float> narrow = definition(g, single, weights, none);
    const std::vector<float> narrow_magnitude = definition(g, absolute(single), absolute(weights), none);

    for (const Isa isa : cpu::supported_isas()) {
      CAPTURE(std::string(cpu::isa_name(isa)));
      const ConvKernels& kernels = cpu::conv_kernels(isa);
      CHECK(compare(run_dense(kernels, g, x, weights, &bias), expected, magnitude, tolerance) == "");

      const std::vector<float> twin = [&] {
        const Output y = run_dense(cpu::conv_scalar, g, x, weights, nullptr);
        return std::vector<float>(y.values().begin(), y.values().end());
      }();
      CHECK(compare(run_dense(kernels, g, x, weights, nullptr), twin, magnitude, tolerance) == "");

      Input plane_input(std::span<const float>(&*plane, in_plane)), raw(weights);
      Scratch scratch(kernels.scratch_floats(g));
      Output y(outputs(g));
      kernels.one_channel(g, plane_input.data(), channel, raw.data(), y.data(), scratch.data());
      CHECK(compare(y, narrow, narrow_magnitude, tolerance) == "");
    }
  }
}

TEST_CASE("conv2d: shift is exact") {
  for (const ConvGeometry& g : shapes()) {
    CAPTURE(text(g));
    const std::vector<float> plane = random_values(static_cast<std::size_t>(g.in_h) * g.in_w);
    for (int kh = 0; kh < g.kernel_h; ++kh) {
      for (int kw = 0; kw < g.kernel_w; ++kw) {
        std::vector<float> expected(static_cast<std::size_t>(g.out_h) * g.out_w, 0.0f);
        for (int oh = 0; oh < g.out_h; ++oh) {
          for (int ow = 0; ow < g.out_w; ++ow) {
            const int ih = oh * g.stride_h + kh - g.pad_h, iw = ow * g.stride_w + kw - g.pad_w;
            if (ih < 0 || ih >= g.in_h || iw < 0 || iw >= g.in_w) continue;
            expected[static_cast<std::size_t>(oh * g.out_w + ow)] = plane[static_cast<std::size_t>(ih * g.in_w + iw)];
          }
        }
        for (const Isa isa : cpu::supported_isas()) {
          CAPTURE(std::string(cpu::isa_name(isa)));
          Input input(plane);
          Output y(expected.size());
          cpu::conv_kernels(isa).shift(g, input.data(), kh, kw, y.data());
          CHECK(compare_exact(y, expected) == "");
        }
      }
    }
  }
}

TEST_CASE("conv2d: the same call gives the same bits, whatever the scratch holds and wherever the output lies") {
  const ConvGeometry g = geometry(7, 13, 11, 9, 3, 3, 1, 1, 1, 1);
  std::vector<float> x = random_values(7 * 13 * 11), weights = random_values(9 * 7 * 9);
  for (const Isa isa : cpu::supported_isas()) {
    CAPTURE(std::string(cpu::isa_name(isa)));
    const Output first = run_dense(cpu::conv_kernels(isa), g, x, weights, nullptr);
    std::vector<float> scratch(cpu::conv_kernels(isa).scratch_floats(g) + 16, 1e30f);
    const std::size_t rest = reinterpret_cast<std::uintptr_t>(scratch.data()) % 64 / sizeof(float);
    float* aligned = scratch.data() + (rest == 0 ? 0 : 16 - rest);
    std::vector<float> packed(cpu::conv_kernels(isa).packed_floats(g));
    cpu::conv_kernels(isa).pack(g, weights.data(), packed.data());
    std::vector<float> y(outputs(g) + 3);
    cpu::conv_kernels(isa).dense(g, x.data(), packed.data(), nullptr, y.data() + 3, aligned);
    CHECK(std::equal(y.begin() + 3, y.end(), first.values().begin()));
  }
}

/// Weights of which about `density` are not zero, and none of one output channel.
std::vector<float> thinned_weights(const ConvGeometry& g, double density) {
  std::vector<float> weights =
      random_values(static_cast<std::size_t>(g.out_channels) * g.in_channels * g.kernel_h * g.kernel_w);
  std::bernoulli_distribution keep(density);
  for (float& weight : weights)
    if (!keep(generator())) weight = 0;
  const std::size_t inner = weights.size() / static_cast<std::size_t>(g.out_channels);
  const int empty = std::uniform_int_distribution<int>(0, g.out_channels - 1)(generator());
  std::fill_n(weights.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(empty) * inner), inner, 0.0f);
  return weights;
}

Output run_sparse(const ConvKernels& kernels, const ConvGeometry& g, std::span<const float> x, const float* weights,
                  std::size_t step, std::vector<float>* bias) {
  cpu::SparseLists lists;
  lists.assign(g, kernels, weights, step);
  Input image(x);
  Scratch scratch(kernels.scratch_floats(g));
  Output y(outputs(g));
  kernels.sparse(g, image.data(), lists.view(), bias != nullptr ? bias->data() : nullptr, y.data(), scratch.data());
  return y;
}

TEST_CASE("conv2d: sparse of every instruction set has the bits of dense and one_channel, and is right") {
  for (const ConvGeometry& g : shapes()) {
    CAPTURE(text(g));
    const std::size_t in_plane = static_cast<std::size_t>(g.in_h) * g.in_w;
    const std::size_t taps = static_cast<std::size_t>(g.kernel_h) * g.kernel_w;
    const std::size_t inner = static_cast<std::size_t>(g.in_channels) * taps;
    std::vector<float> x = random_values(g.in_channels * in_plane);
    std::vector<float> bias = random_values(static_cast<std::size_t>(g.out_channels));
    for (const double density : {0.0, 0.02, 0.1, 0.35, 1.0}) {
      CAPTURE(density);
      std::vector<float> weights = thinned_weights(g, density);
      const std::vector<float> expected = definition(g, x, weights, bias);
      const std::vector<float> magnitude = definition(g, absolute(x), absolute(weights), absolute(bias));
      for (const Isa isa : cpu::supported_isas()) {
        CAPTURE(std::string(cpu::isa_name(isa)));
        const ConvKernels& kernels = cpu::conv_kernels(isa);
        const Output y = run_sparse(kernels, g, x, weights.data(), inner, &bias);
        CHECK(compare(y, expected, magnitude, tolerance) == "");
        CHECK(compare_exact(y, run_dense(kernels, g, x, weights, &bias).values()) == "");
        CHECK(compare_exact(run_sparse(kernels, g, x, weights.data(), inner, nullptr),
                            run_dense(kernels, g, x, weights, nullptr).values()) == "");

        const int channel = std::uniform_int_distribution<int>(0, g.in_channels - 1)(generator());
        const std::size_t ci = static_cast<std::size_t>(channel);
        ConvGeometry single = g;
        single.in_channels = 1;
        Scratch scratch(kernels.scratch_floats(g));
        Output narrow(outputs(g));
        kernels.one_channel(g, x.data() + ci * in_plane, channel, weights.data(), narrow.data(), scratch.data());
        CHECK(compare_exact(run_sparse(kernels, single, std::span(x).subspan(ci * in_plane, in_plane),
                                       weights.data() + ci * taps, inner, nullptr),
                            narrow.values()) == "");
      }
    }
  }
}

TEST_CASE("conv2d: the op leaves out weights that are zero when there are few others") {
  const NetworkSpec spec{.name = "conv",
                         .input = {10, 6, 6},
                         .ops = {{"conv2d",
                                  "conv",
                                  {"input"},
                                  {{"out", 10.0},
                                   {"kernel", std::vector<double>{1, 1}},
                                   {"stride", std::vector<double>{1, 1}},
                                   {"padding", std::vector<double>{0, 0}},
                                   {"bias", false}}}},
                         .loss = "crossEntropy"};
  const Network network(spec);
  // A NaN comes out where a weight of zero is multiplied with it.
  std::vector<float> x = random_values(360), y(360);
  x[40] = std::nanf("");  // in channel 1
  for (const Isa isa : cpu::supported_isas()) {
    CAPTURE(std::string(cpu::isa_name(isa)));
    const auto op = cpu::make_cpu_op(network.op(0), isa);
    std::vector<float> scratch_memory(op->scratch_floats() + 16);
    void* aligned = scratch_memory.data();
    std::size_t space = scratch_memory.size() * sizeof(float);
    REQUIRE(std::align(64, op->scratch_floats() * sizeof(float), aligned, space) != nullptr);
    const auto multiplies_zeros = [&](int weights) {
      std::vector<float> loaded(100, 0.0f);
      for (int i = 0, set = 0; set < weights; ++i)
        if (i % 10 != 1) loaded[static_cast<std::size_t>(i)] = 1, ++set;
      op->load(loaded.data(), nullptr, nullptr);
      cpu::DifferenceCall call{.out = y.data(), .out_kind = Support::dense, .scratch = static_cast<float*>(aligned)};
      call.in[0] = {x.data(), Support::dense, 0};
      op->difference(call);
      const bool dense = std::isnan(y[4]);
      call.in[0] = {x.data() + 36, Support::one, 1};
      op->difference(call);
      CHECK(std::isnan(y[4]) == dense);
      return dense;
    };
    CHECK(!multiplies_zeros(0));
    CHECK(!multiplies_zeros(35));
    CHECK(multiplies_zeros(36));
    CHECK(!multiplies_zeros(20));
  }
}

}  // namespace
}  // namespace deepzero::test
