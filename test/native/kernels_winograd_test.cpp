// Winograd kernels: the scalar twin and each instruction set against direct sums, on maps, channels and numbers of
// images of every remainder.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "cpu/winograd/kernel.h"
#include "test/native/compare.h"
#include "test/native/random_input.h"

namespace deepzero::test {
namespace {

using cpu::ConvGeometry;
using cpu::FetchAhead;
using cpu::Isa;
using cpu::WinogradKernels;

// An error is relative to all that goes into a tile, also what cancels in an output: magnitudes are those of the
// largest input of each plane and the largest weight of each filter. Over 25 runs it stayed below 7e-7; a lost term of
// the largest shapes here is 1/360 of a sum.
constexpr double tolerance = 2e-6;

struct Case {
  ConvGeometry g;
  int images;
};

Case make(int ci, int h, int w, int co, int ph, int pw, int images) {
  return {{ci, h, w, co, h + 2 * ph - 2, w + 2 * pw - 2, 3, 3, 1, 1, ph, pw}, images};
}

std::string text(const Case& c) {
  const auto n = [](int value) { return std::to_string(value); };
  return n(c.images) + " images, " + n(c.g.in_channels) + "x" + n(c.g.in_h) + "x" + n(c.g.in_w) + " -> " +
         n(c.g.out_channels) + "x" + n(c.g.out_h) + "x" + n(c.g.out_w) + ", pad " + n(c.g.pad_h) + "x" + n(c.g.pad_w);
}

std::vector<Case> cases() {
  std::vector<Case> all = {
      make(16, 32, 32, 16, 1, 1, 1), make(32, 16, 16, 32, 1, 1, 2), make(64, 8, 8, 64, 1, 1, 8),
      make(18, 32, 32, 18, 1, 1, 1), make(18, 16, 16, 18, 1, 1, 3), make(1, 1, 1, 1, 1, 1, 1),
      make(3, 3, 3, 2, 0, 0, 7),     make(2, 4, 4, 25, 1, 1, 33),   make(2, 3, 70, 2, 1, 1, 1),
      make(2, 70, 3, 2, 1, 1, 1),    make(4, 5, 6, 3, 3, 3, 2),     make(1, 2, 2, 1, 5, 6, 1),
  };
  // Random ones: all widths, and with them ways in which registers are cut into rows, and all channel counts.
  const auto between = [](int low, int high) { return std::uniform_int_distribution<int>(low, high)(generator()); };
  while (all.size() < 150) {
    const int ph = between(0, 2), pw = between(0, 2), h = between(1, 20), w = between(1, 36);
    if (h + 2 * ph < 3 || w + 2 * pw < 3) continue;
    all.push_back(make(between(1, 40), h, w, between(1, 40), ph, pw, between(1, 5)));
  }
  return all;
}

/// Every value replaced by the largest absolute one of its group of `size`.
std::vector<float> largest(std::vector<float> values, std::size_t size) {
  for (auto group = values.begin(); group != values.end(); group += static_cast<std::ptrdiff_t>(size)) {
    float most = 0;
    for (std::size_t i = 0; i < size; ++i) most = std::max(most, std::abs(group[static_cast<std::ptrdiff_t>(i)]));
    std::fill_n(group, size, most);
  }
  return values;
}

std::vector<float> direct(const Case& c, const std::vector<float>& x, const std::vector<float>& weights) {
  const std::size_t in = x.size() / c.images;
  const std::size_t out = static_cast<std::size_t>(c.g.out_channels) * c.g.out_h * c.g.out_w;
  std::vector<float> y(out * c.images);
  for (int n = 0; n < c.images; ++n)
    cpu::conv_scalar.dense(c.g, x.data() + n * in, weights.data(), nullptr, y.data() + n * out, nullptr);
  return y;
}

/// Scratch ends where memory that may be read ends, and so do the inputs.
Output run(const WinogradKernels& kernels, const Case& c, const std::vector<float>& x,
           const std::vector<float>& weights, float garbage) {
  Output packed(kernels.packed_floats(c.g));
  Input raw(weights), images(x);
  kernels.pack(c.g, raw.data(), packed.data());
  REQUIRE(packed.written_outside() == "");
  Input packed_input(packed.values()),
      scratch(std::vector<float>((kernels.scratch_floats(c.g) + 15) / 16 * 16, garbage));
  Output y(static_cast<std::size_t>(c.images) * c.g.out_channels * c.g.out_h * c.g.out_w);
  FetchAhead ahead;
  ahead.add(images.data(), x.size() * sizeof(float));
  ahead.add(raw.data(), weights.size() * sizeof(float));
  kernels.forward(c.g, images.data(), c.images, packed_input.data(), y.data(), scratch.data(), &ahead);
  return y;
}

TEST_CASE("winograd: as direct sums") {
  for (const Case& c : cases()) {
    CAPTURE(text(c));
    const std::vector<float> x =
        random_values(static_cast<std::size_t>(c.images) * c.g.in_channels * c.g.in_h * c.g.in_w);
    const std::vector<float> weights = random_values(static_cast<std::size_t>(c.g.out_channels) * c.g.in_channels * 9);
    const std::vector<float> expected = direct(c, x, weights);
    const std::size_t plane = static_cast<std::size_t>(c.g.in_h) * c.g.in_w;
    const std::vector<float> magnitude = direct(c, largest(x, plane), largest(weights, 9));
    for (const Isa isa : cpu::supported_isas()) {
      CAPTURE(std::string(cpu::isa_name(isa)));
      CHECK(compare(run(cpu::winograd_kernels(isa), c, x, weights, sentinel()), expected, magnitude, tolerance) == "");
    }
  }
}

TEST_CASE("winograd: an image gets the same bits in any company, whatever the scratch holds") {
  for (const int side : {4, 7, 8, 12, 16, 32}) {
    const Case c = make(9, side, side, 13, 1, 1, 5);
    const std::size_t in = static_cast<std::size_t>(9) * side * side, out = static_cast<std::size_t>(13) * side * side;
    const std::vector<float> x = random_values(5 * in), weights = random_values(13 * 9 * 9);
    CAPTURE(text(c));
    for (const Isa isa : cpu::supported_isas()) {
      CAPTURE(std::string(cpu::isa_name(isa)));
      const Output together = run(cpu::winograd_kernels(isa), c, x, weights, sentinel());
      for (std::size_t n = 0; n < 5; ++n) {
        const auto image = x.begin() + static_cast<std::ptrdiff_t>(n * in);
        const std::vector<float> alone(image, image + static_cast<std::ptrdiff_t>(in));
        const Output y = run(cpu::winograd_kernels(isa), {c.g, 1}, alone, weights, 1e30f);
        CHECK(compare_exact(y, together.values().subspan(n * out, out)) == "");
      }
    }
  }
}

TEST_CASE("winograd: taken for 3x3 kernels of stride 1 between enough channels, once lanes are filled") {
  for (const Isa isa : cpu::supported_isas()) {
    CAPTURE(std::string(cpu::isa_name(isa)));
    const WinogradKernels& kernels = cpu::winograd_kernels(isa);
    const bool vectors = isa != Isa::scalar;
    for (const auto& [channels, side] : {std::pair(16, 32), std::pair(32, 16), std::pair(64, 8), std::pair(64, 4)}) {
      const ConvGeometry g = make(channels, side, side, channels, 1, 1, 1).g;
      CHECK(kernels.pays(g, kernels.images(g)) == vectors);
      ConvGeometry other = g;
      other.stride_h = 2, other.out_h = side / 2;
      CHECK(!kernels.pays(other, 8));
      other = g;
      other.kernel_w = 1, other.out_w = side + 2;
      CHECK(!kernels.pays(other, 8));
      other = g;
      other.in_channels = 3;
      CHECK(!kernels.pays(other, 8));
    }
    CHECK(!kernels.pays(make(64, 4, 4, 64, 1, 1, 1).g, 1));
  }
}

}  // namespace
}  // namespace deepzero::test
