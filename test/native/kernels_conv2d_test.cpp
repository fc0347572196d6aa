// Convolution kernels: the scalar twin against float64 sums of the definition, each instruction set against the twin.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "test/native/conv2d_frame.h"

namespace deepzero::test {
namespace {

TEST_CASE("conv2d: dense, dense_pair and one_channel of every instruction set") {
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
      CHECK(compare(run_dense(kernels, g, x, weights, &bias), expected, magnitude, conv_tolerance) == "");

      const std::vector<float> twin = [&] {
        const Output y = run_dense(cpu::conv_scalar, g, x, weights, nullptr);
        return std::vector<float>(y.values().begin(), y.values().end());
      }();
      CHECK(compare(run_dense(kernels, g, x, weights, nullptr), twin, magnitude, conv_tolerance) == "");

      if (g.in_channels % 2 == 0)
        CHECK(compare(run_dense_pair(kernels, g, x, weights, bias), expected, magnitude, conv_tolerance) == "");

      Input plane_input(std::span<const float>(&*plane, in_plane)), raw(weights);
      Scratch scratch(kernels.scratch_floats(g));
      Output y(outputs(g));
      kernels.one_channel(g, plane_input.data(), channel, raw.data(), y.data(), scratch.data());
      CHECK(compare(y, narrow, narrow_magnitude, conv_tolerance) == "");
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

}  // namespace
}  // namespace deepzero::test
