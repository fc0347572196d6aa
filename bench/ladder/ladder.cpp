#include "bench/ladder/ladder.h"

#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "bench/clock.h"
#include "bench/kernel_case.h"
#include "bench/ladder/step.h"
#include "bench/machine.h"
#include "bench/model_file.h"
#include "bench/peak/peak.h"
#include "bench/stand.h"
#include "cpu/winograd/kernel.h"
#include "engine/network.h"
#include "engine/ops/conv2d.h"

namespace deepzero::bench {
namespace {

using cpu::ConvGeometry;
using cpu::Isa;

constexpr int kImages = 16;              // of one call; a multiple of what any kernel wants together
constexpr double kSecondsOfStep = 0.01;  // per repeat

std::size_t in_floats(const ConvGeometry& g) { return static_cast<std::size_t>(g.in_channels * g.in_h * g.in_w); }
std::size_t out_floats(const ConvGeometry& g) { return static_cast<std::size_t>(g.out_channels * g.out_h * g.out_w); }
double flops(const ConvGeometry& g) { return 18.0 * g.in_channels * static_cast<double>(out_floats(g)); }

/// The definition: one output after the other, its taps in order. In float64 it is what the steps are compared with.
template <class Real>
void by_definition(const ConvGeometry& g, const float* x, const float* weights, float* y) {
  for (int co = 0; co < g.out_channels; ++co) {
    for (int oh = 0; oh < g.out_h; ++oh) {
      for (int ow = 0; ow < g.out_w; ++ow) {
        Real sum = 0;
        for (int ci = 0; ci < g.in_channels; ++ci) {
          for (int kh = 0; kh < 3; ++kh) {
            for (int kw = 0; kw < 3; ++kw) {
              const int ih = oh + kh - g.pad_h, iw = ow + kw - g.pad_w;
              if (ih < 0 || ih >= g.in_h || iw < 0 || iw >= g.in_w) continue;
              sum += static_cast<Real>(weights[((co * g.in_channels + ci) * 3 + kh) * 3 + kw]) *
                     static_cast<Real>(x[(ci * g.in_h + ih) * g.in_w + iw]);
            }
          }
        }
        *y++ = static_cast<float>(sum);
      }
    }
  }
}

void definition(const ConvGeometry& g, const float* x, const float* packed, const float*, float* y, float*) {
  by_definition<float>(g, x, packed, y);
}

std::vector<Step> steps_of(Isa isa) {
  const auto direct = [](const char* name, const cpu::ConvKernels& k) {
    return Step{name, k.packed_floats, k.pack, k.scratch_floats, k.dense, nullptr};
  };
  std::vector<Step> steps = {direct("the definition", cpu::conv_scalar),
                             direct("tap by tap along rows", cpu::conv_scalar)};
  steps[0].image = definition;
  if (isa == Isa::scalar) return steps;
#if defined(__x86_64__)
  const Steps more = isa == Isa::avx512 ? steps_avx512 : steps_avx2;
  steps.insert(steps.end(), more.first, more.first + more.count);
#elif defined(__aarch64__)
  steps.insert(steps.end(), steps_neon.first, steps_neon.first + steps_neon.count);
#endif
  const cpu::WinogradKernels& w = cpu::winograd_kernels(isa);
  steps.push_back(direct("a register tile of channels x vectors", cpu::conv_kernels(isa)));
  steps.push_back(
      {"Winograd F(4x4, 3x3), image by image", w.packed_floats, w.pack, w.scratch_floats, nullptr, w.forward});
  steps.push_back({"images together", w.packed_floats, w.pack, w.scratch_floats, nullptr, w.forward});
  return steps;
}

/// A step with its arrays, compared with the definition.
class Rung {
 public:
  Rung(const Step& step, int together, const ConvGeometry& g, Slots& x, Slots& weights, std::span<const float> expected)
      : step_(step),
        together_(together),
        geometry_(g),
        x_(x[0].data()),
        packed_(1, step.packed_floats(g)),
        scratch_(1, step.scratch_floats(g) + 1),
        y_(Slots::unwritten(1, kImages * out_floats(g))) {
    step.pack(g, weights[0].data(), packed_[0].data());
    run();
    require_agreement(step.name, expected, y_[0], kKernelTolerance);
    while (time(calls_) < kSecondsOfStep) calls_ *= 2;
  }

  const char* name() const { return step_.name; }
  /// Of an image.
  double seconds() { return time(calls_) / static_cast<double>(calls_) / kImages; }

 private:
  void run() {
    const std::size_t in = in_floats(geometry_), out = out_floats(geometry_);
    for (int n = 0; n < kImages; n += together_) {
      const float* x = x_ + static_cast<std::size_t>(n) * in;
      float* y = y_[0].data() + static_cast<std::size_t>(n) * out;
      if (step_.image != nullptr)
        step_.image(geometry_, x, packed_[0].data(), nullptr, y, scratch_[0].data());
      else
        step_.images(geometry_, x, std::min(together_, kImages - n), packed_[0].data(), y, scratch_[0].data(), nullptr);
    }
  }
  double time(std::size_t calls) {
    const double start = seconds_now();
    for (std::size_t i = 0; i < calls; ++i) run();
    return seconds_now() - start;
  }

  Step step_;
  int together_;
  ConvGeometry geometry_;
  const float* x_;
  Slots packed_, scratch_, y_;
  std::size_t calls_ = 1;
};

void climb(const ConvGeometry& g, Isa isa, double peak, int repeats) {
  Slots x = Slots::random(1, kImages * in_floats(g), 1);
  Slots weights = Slots::random(1, static_cast<std::size_t>(9 * g.in_channels * g.out_channels), 2);
  std::vector<float> expected(kImages * out_floats(g));
  for (std::size_t n = 0; n < kImages; ++n)
    by_definition<double>(g, x[0].data() + n * in_floats(g), weights[0].data(), expected.data() + n * out_floats(g));

  std::vector<Rung> rungs;
  const std::vector<Step> steps = steps_of(isa);
  for (const Step& step : steps) {
    const bool last = isa != Isa::scalar && &step == &steps.back();
    rungs.emplace_back(step, last ? cpu::winograd_kernels(isa).images(g) : 1, g, x, weights, expected);
  }
  std::vector<std::vector<double>> seconds(rungs.size());
  for (int repeat = 0; repeat < repeats; ++repeat) {
    for (std::size_t i = 0; i < rungs.size(); ++i) seconds[i].push_back(rungs[i].seconds());
  }
  std::printf("\n%dx%dx%d-%d, %s\n", g.in_channels, g.in_h, g.in_w, g.out_channels, cpu::isa_name(isa));
  std::printf("%-44s %12s %9s %9s %7s\n", "step", "us an image", "GFLOP/s", "of peak", "gain");
  double before = 0;
  for (std::size_t i = 0; i < rungs.size(); ++i) {
    const double median = spread_of(seconds[i]).median, rate = flops(g) / median;
    std::printf("%-44s %12.2f %9.1f %8.1f%%", rungs[i].name(), 1e6 * median, rate / 1e9, 100 * rate / peak);
    if (i > 0) std::printf(" %6.2fx", before / median);
    std::printf("\n");
    before = median;
  }
}

}  // namespace

int run_ladder(const Options& options) {
  const Isa isa = cpu::choose_isa().isa;
  const double peak = peak_flops(isa, 1);
  const Machine on = machine();
  const Network network(chosen_model(options).spec);
  std::printf("%s; one thread; peak %s %.1f GFLOP/s; operations counted as direct sums\n", on.processor.c_str(),
              cpu::isa_name(isa), peak / 1e9);
  std::vector<Shape> seen;
  for (const auto& op : network.ops()) {
    const auto* conv = dynamic_cast<const Conv2d*>(op.get());
    if (conv == nullptr || conv->kernel_h != 3 || conv->kernel_w != 3 || conv->stride_h != 1 || conv->stride_w != 1)
      continue;
    const Shape &in = conv->input_shape(), &out = conv->output_shape();
    const auto same = [&](const Shape& s) { return s.c == in.c && s.h == in.h && s.w == in.w; };
    if (in.c < 8 || std::any_of(seen.begin(), seen.end(), same)) continue;
    seen.push_back(in);
    climb({in.c, in.h, in.w, out.c, out.h, out.w, 3, 3, 1, 1, conv->pad_h, conv->pad_w}, isa, peak, options.repeats);
  }
  return seen.empty() ? 1 : 0;
}

}  // namespace deepzero::bench
