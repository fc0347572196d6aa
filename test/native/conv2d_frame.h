// Shapes, a definition and a frame for tests of convolution kernels.
#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <string>
#include <vector>

#include "cpu/conv2d/kernel.h"
#include "test/native/compare.h"
#include "test/native/random_input.h"

namespace deepzero::test {

using cpu::ConvGeometry;
using cpu::ConvKernels;
using cpu::Isa;

// Both sides round once per term (or twice); measured against Σ |w·x| the error of a sum of K terms is about
// 2⁻²⁴ times a small number, whatever K. A lost term of the largest shapes here is 1/K ≥ 1e-3.
inline constexpr double conv_tolerance = 6e-7;

inline ConvGeometry geometry(int ci, int h, int w, int co, int kh, int kw, int sh, int sw, int ph, int pw) {
  return {ci, h, w, co, (h + 2 * ph - kh) / sh + 1, (w + 2 * pw - kw) / sw + 1, kh, kw, sh, sw, ph, pw};
}

inline std::string text(const ConvGeometry& g) {
  const auto n = [](int value) { return std::to_string(value); };
  return n(g.in_channels) + "x" + n(g.in_h) + "x" + n(g.in_w) + " -> " + n(g.out_channels) + "x" + n(g.out_h) + "x" +
         n(g.out_w) + ", kernel " + n(g.kernel_h) + "x" + n(g.kernel_w) + ", stride " + n(g.stride_h) + "x" +
         n(g.stride_w) + ", pad " + n(g.pad_h) + "x" + n(g.pad_w);
}

inline std::size_t outputs(const ConvGeometry& g) {
  return static_cast<std::size_t>(g.out_channels) * g.out_h * g.out_w;
}

inline std::vector<ConvGeometry> shapes() {
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

inline std::vector<float> absolute(std::vector<float> values) {
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

inline Output run_dense(const ConvKernels& kernels, const ConvGeometry& g, std::vector<float>& x,
                        std::vector<float>& weights, const std::vector<float>* bias) {
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

/// The same input in two halves, each of which ends where readable memory ends. The geometry has an even number of
/// channels.
inline Output run_dense_pair(const ConvKernels& kernels, const ConvGeometry& g, const std::vector<float>& x,
                             const std::vector<float>& weights, const std::vector<float>& bias) {
  std::vector<float> packed(kernels.packed_floats(g));
  kernels.pack(g, weights.data(), packed.data());
  const std::span<const float> all(x);
  Input first(all.first(x.size() / 2)), second(all.last(x.size() / 2)), packed_input(packed), bias_input(bias);
  Scratch scratch(kernels.scratch_floats(g));
  Output y(outputs(g));
  kernels.dense_pair(g, first.data(), second.data(), packed_input.data(), bias_input.data(), y.data(), scratch.data());
  return y;
}

/// The definition, in float64.
inline std::vector<float> definition(const ConvGeometry& g, const std::vector<float>& x,
                                     const std::vector<float>& weights, const std::vector<float>& bias) {
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

}  // namespace deepzero::test
