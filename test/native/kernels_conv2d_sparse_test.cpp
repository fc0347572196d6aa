// Convolution kernels for few weights: against the definition and, bit for bit, against the dense kernels of their
// instruction set; and which of the two the op takes.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>

#include "cpu/conv2d/sparse_weights.h"
#include "cpu/op.h"
#include "engine/network.h"
#include "test/native/conv2d_frame.h"

namespace deepzero::test {
namespace {

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
        CHECK(compare(y, expected, magnitude, conv_tolerance) == "");
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
