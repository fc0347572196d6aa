#include "bench/kernels.h"

#include <algorithm>
#include <memory>
#include <set>
#include <sstream>
#include <string>
#include <utility>

#include "bench/kernel_case.h"
#include "cpu/add/kernel.h"
#include "cpu/batch_norm/kernel.h"
#include "cpu/conv2d/kernel.h"
#include "cpu/conv2d/sparse_weights.h"
#include "cpu/global_avg_pool/kernel.h"
#include "cpu/linear/kernel.h"
#include "cpu/max_pool/kernel.h"
#include "cpu/relu/kernel.h"
#include "cpu/winograd/kernel.h"
#include "engine/ops/conv2d.h"
#include "engine/ops/max_pool.h"

namespace deepzero::bench {
namespace {

using cpu::Isa;

constexpr double kFloat = sizeof(float);
constexpr float kInverseMu = 200;  // μ = 5e-3

/// Where entries go: each name once per instruction set, and none that merely repeats the scalar kernel.
struct Collection {
  std::vector<Kernel> kernels;
  std::set<std::pair<std::string, Isa>> seen;

  template <class Function>
  void add(const std::string& name, Isa isa, Function kernel, Function scalar, double flops, double bytes,
           decltype(Kernel::prepare) prepare) {
    if (isa != Isa::scalar && kernel == scalar) return;
    if (!seen.insert({name, isa}).second) return;
    kernels.push_back({name, isa, flops, bytes, std::move(prepare)});
  }
};

/// Runs `twin` and `kernel` on slot 0 and compares; `Arrays` holds the inputs and an output `y` per slot. Both take
/// (arrays, slot, y).
template <class Arrays, class Twin, class Call>
std::function<void(std::size_t)> checked(const std::string& name, std::shared_ptr<Arrays> arrays, Twin twin,
                                         Call kernel) {
  Slots expected = Slots::unwritten(1, arrays->y[0].size());
  twin(*arrays, 0, expected[0].data());
  kernel(*arrays, 0, arrays->y[0].data());
  require_agreement(name, expected[0], arrays->y[0], kKernelTolerance);
  return [arrays, kernel](std::size_t slot) { kernel(*arrays, slot, arrays->y[slot].data()); };
}

/// Normal numbers, `zeros` percent of them, drawn at random, zero.
std::vector<float> thinned_weights(std::size_t count, int zeros) {
  std::vector<float> weights(count), draw(count);
  const auto key = [](std::uint32_t stream) {
    return RandomKey{7, static_cast<std::uint32_t>(Purpose::synthetic_data), stream};
  };
  random_normal(key(2), 0, weights);
  random_normal(key(3), 0, draw);
  std::vector<float> sorted = draw;
  const auto last = sorted.begin() + static_cast<std::ptrdiff_t>(count * static_cast<std::size_t>(zeros) / 100);
  std::nth_element(sorted.begin(), last, sorted.end());
  for (std::size_t i = 0; i < count; ++i) {
    if (draw[i] < *last) weights[i] = 0;
  }
  return weights;
}

struct Arrays {
  Slots a, b, y;  ///< two inputs and the output of each slot
};

/// An entry of a kernel that reads one or two arrays of n values and writes `outputs`; call(kernels, a, b, y).
template <class Kernels, class Function, class Call>
void add_elementwise(Collection& into, const std::string& op, Isa isa, const Kernels& fast, const Kernels& scalar,
                     Function Kernels::*member, std::size_t n, std::size_t outputs, int reads, double flops_each,
                     Call call) {
  const std::string name = op + " n=" + std::to_string(n);
  const auto values = static_cast<double>(n);
  into.add(name, isa, fast.*member, scalar.*member, flops_each * values,
           kFloat * (reads * values + static_cast<double>(outputs)), [=, &fast, &scalar](std::size_t slots) {
             auto arrays = std::make_shared<Arrays>(
                 Arrays{Slots::random(slots, n, 1), Slots::random(slots, n, 2), Slots::unwritten(slots, outputs)});
             const auto with = [call](const Kernels& kernels) {
               return [call, &kernels](Arrays& s, std::size_t slot, float* y) {
                 call(kernels, s.a[slot].data(), s.b[slot].data(), y);
               };
             };
             return checked(name, arrays, with(scalar), with(fast));
           });
}

void add_planes(Collection& into, Isa isa, std::size_t n) {
  {
    const auto &fast = cpu::batch_norm_kernels(isa), &scalar = cpu::batch_norm_scalar;
    using K = cpu::BatchNormKernels;
    add_elementwise(into, "batch_norm.moments", isa, fast, scalar, &K::moments, n, 3, 1, 4,
                    [n](const K& k, const float* a, const float*, float* y) {
                      double moments[3] = {};
                      k.moments(a, 1, n, moments);
                      std::copy_n(moments, 3, y);
                    });
    add_elementwise(into, "batch_norm.forward", isa, fast, scalar, &K::forward, n, 2 * n, 1, 4,
                    [n](const K& k, const float* a, const float*, float* y) {
                      static constexpr float mean = 0.25f, scale = 0.75f, shift = 0.5f;
                      k.forward({.x = a,
                                 .channels = 1,
                                 .plane = n,
                                 .mean = &mean,
                                 .scale = &scale,
                                 .shift = &shift,
                                 .centred = y,
                                 .rectified = y + n});
                    });
    add_elementwise(into, "batch_norm.sums", isa, fast, scalar, &K::sums, n, 3, 2, 5,
                    [n](const K& k, const float* a, const float* b, float* y) {
                      double sums[3] = {};
                      k.sums({.d = a, .xc = b, .images = 1, .channels = 1, .plane = n}, sums);
                      std::copy_n(sums, 3, y);
                    });
    static constexpr double coefficients[3] = {0.75, -0.5, 0.25};
    add_elementwise(into, "batch_norm.difference", isa, fast, scalar, &K::difference, n, n, 2, 4,
                    [n](const K& k, const float* a, const float* b, float* y) {
                      k.difference({.d = a, .xc = b, .channels = 1, .plane = n, .coefficients = coefficients, .y = y});
                    });
    add_elementwise(into, "batch_norm.difference+relu", isa, fast, scalar, &K::difference, n, n, 2, 8,
                    [n](const K& k, const float* a, const float* b, float* y) {
                      k.difference({.d = a,
                                    .xc = b,
                                    .channels = 1,
                                    .plane = n,
                                    .coefficients = coefficients,
                                    .y = y,
                                    .rectify = true,
                                    .x = b,
                                    .inverse_mu = kInverseMu});
                    });
  }
  {
    const auto &fast = cpu::relu_kernels(isa), &scalar = cpu::relu_scalar;
    using K = cpu::ReluKernels;
    add_elementwise(into, "relu.forward", isa, fast, scalar, &K::forward, n, n, 1, 1,
                    [n](const K& k, const float* a, const float*, float* y) { k.forward(a, n, y); });
    add_elementwise(
        into, "relu.difference", isa, fast, scalar, &K::difference, n, n, 2, 4,
        [n](const K& k, const float* a, const float* b, float* y) { k.difference(a, b, kInverseMu, n, y); });
  }
  using K = cpu::AddKernels;
  add_elementwise(into, "add.forward", isa, cpu::add_kernels(isa), cpu::add_scalar, &K::forward, n, n, 2, 1,
                  [n](const K& k, const float* a, const float* b, float* y) { k.forward(a, b, n, y); });
}

struct ConvArrays {
  Slots x, y;
  Slots weights, packed, twin_packed, scratch;
};

struct SparseConvArrays {
  Slots x, y, scratch;
  cpu::SparseLists lists, twin_lists;
};

/// The convolution with `zeros` percent of its weights zero.
void add_sparse_conv(Collection& into, Isa isa, const cpu::ConvGeometry& g, const std::string& title, int zeros) {
  const auto &fast = cpu::conv_kernels(isa), &scalar = cpu::conv_scalar;
  const std::string name = "conv2d.sparse-" + std::to_string(zeros) + title;
  const auto x_floats = static_cast<std::size_t>(g.in_channels * g.in_h * g.in_w);
  const auto y_floats = static_cast<std::size_t>(g.out_channels * g.out_h * g.out_w);
  const auto weights = static_cast<std::size_t>(g.out_channels * g.in_channels * g.kernel_h * g.kernel_w);
  const std::size_t inner = weights / static_cast<std::size_t>(g.out_channels);
  const double kept = static_cast<double>(weights) * (100 - zeros) / 100;
  into.add(name, isa, fast.sparse, scalar.sparse, 2 * kept * g.out_h * g.out_w,
           kFloat * static_cast<double>(x_floats + y_floats), [=, &fast, &scalar](std::size_t slots) {
             auto arrays = std::make_shared<SparseConvArrays>(
                 SparseConvArrays{Slots::random(slots, x_floats, 1),
                                  Slots::unwritten(slots, y_floats),
                                  Slots(1, std::max(fast.scratch_floats(g), scalar.scratch_floats(g))),
                                  {},
                                  {}});
             const std::vector<float> thinned = thinned_weights(weights, zeros);
             arrays->lists.assign(g, fast, thinned.data(), inner);
             arrays->twin_lists.assign(g, scalar, thinned.data(), inner);
             return checked(
                 name, arrays,
                 [g, &scalar](SparseConvArrays& s, std::size_t slot, float* y) {
                   scalar.sparse(g, s.x[slot].data(), s.twin_lists.view(), nullptr, y, s.scratch[0].data());
                 },
                 [g, &fast](SparseConvArrays& s, std::size_t slot, float* y) {
                   fast.sparse(g, s.x[slot].data(), s.lists.view(), nullptr, y, s.scratch[0].data());
                 });
           });
}

void add_conv(Collection& into, Isa isa, const Conv2d& op) {
  const Shape &in = op.input_shape(), &out = op.output_shape();
  const cpu::ConvGeometry g{in.c,        in.h,        in.w,        out.c,       out.h,    out.w,
                            op.kernel_h, op.kernel_w, op.stride_h, op.stride_w, op.pad_h, op.pad_w};
  std::ostringstream shape_text;
  shape_text << ' ' << in.c << 'x' << in.h << 'x' << in.w << '-' << out.c << ' ' << g.kernel_h << 'x' << g.kernel_w;
  if (g.stride_h > 1) shape_text << '/' << g.stride_h;
  const std::string shape = shape_text.str();
  const auto &fast = cpu::conv_kernels(isa), &scalar = cpu::conv_scalar;
  const auto taps = static_cast<std::size_t>(g.kernel_h * g.kernel_w);
  const auto weights = static_cast<std::size_t>(out.c) * static_cast<std::size_t>(in.c) * taps;
  const auto x_floats = static_cast<std::size_t>(in.size()), y_floats = static_cast<std::size_t>(out.size());
  const auto prepare_with = [=, &fast, &scalar](const std::string& name, std::size_t outputs, auto call) {
    return [=, &fast, &scalar](std::size_t slots) {
      const std::size_t scratch = std::max(fast.scratch_floats(g), scalar.scratch_floats(g));
      auto arrays = std::make_shared<ConvArrays>(
          ConvArrays{Slots::random(slots, x_floats, 1), Slots::unwritten(slots, outputs), Slots::random(1, weights, 2),
                     Slots(1, fast.packed_floats(g)), Slots(1, scalar.packed_floats(g)), Slots(1, scratch)});
      fast.pack(g, arrays->weights[0].data(), arrays->packed[0].data());
      scalar.pack(g, arrays->weights[0].data(), arrays->twin_packed[0].data());
      return checked(
          name, arrays,
          [=, &scalar](ConvArrays& s, std::size_t slot, float* y) {
            call(scalar, s, s.twin_packed[0].data(), slot, y);
          },
          [=, &fast](ConvArrays& s, std::size_t slot, float* y) { call(fast, s, s.packed[0].data(), slot, y); });
    };
  };
  const double work = 2.0 * static_cast<double>(taps) * out.size();
  const int channel = in.c / 2;
  const std::string dense = "conv2d.dense" + shape, one = "conv2d.one_channel" + shape, shift = "conv2d.shift" + shape;
  into.add(dense, isa, fast.dense, scalar.dense, work * in.c, kFloat * (in.size() + out.size()),
           prepare_with(dense, y_floats,
                        [g](const cpu::ConvKernels& k, ConvArrays& s, const float* packed, std::size_t slot, float* y) {
                          k.dense(g, s.x[slot].data(), packed, nullptr, y, s.scratch[0].data());
                        }));
  cpu::ConvGeometry single = g;
  single.in_channels = 1;
  for (const int zeros : {50, 65, 80, 90, 95, 99}) {
    add_sparse_conv(into, isa, g, shape, zeros);
    add_sparse_conv(into, isa, single, " one_channel" + shape, zeros);
  }
  into.add(one, isa, fast.one_channel, scalar.one_channel, work, kFloat * (in.plane() + out.size()),
           prepare_with(
               one, y_floats, [=](const cpu::ConvKernels& k, ConvArrays& s, const float*, std::size_t slot, float* y) {
                 k.one_channel(
                     g, s.x[slot].data() + static_cast<std::size_t>(channel) * static_cast<std::size_t>(in.plane()),
                     channel, s.weights[0].data(), y, s.scratch[0].data());
               }));
  into.add(shift, isa, fast.shift, scalar.shift, 0, kFloat * (in.plane() + out.plane()),
           prepare_with(shift, static_cast<std::size_t>(out.plane()),
                        [g](const cpu::ConvKernels& k, ConvArrays& s, const float*, std::size_t slot, float* y) {
                          k.shift(g, s.x[slot].data(), 0, 0, y);
                        }));
}

/// Beside conv2d.dense, where a query takes it instead; a call does several images. Compared with direct sums, and its
/// operations are counted as theirs.
void add_winograd(Collection& into, Isa isa, const Conv2d& op) {
  const Shape &in = op.input_shape(), &out = op.output_shape();
  const cpu::ConvGeometry g{in.c,        in.h,        in.w,        out.c,       out.h,    out.w,
                            op.kernel_h, op.kernel_w, op.stride_h, op.stride_w, op.pad_h, op.pad_w};
  const auto &fast = cpu::winograd_kernels(isa), &scalar = cpu::winograd_scalar;
  const int images = fast.images(g);
  if (!fast.pays(g, images)) return;
  std::ostringstream text;
  text << "winograd.forward " << images << "x " << in.c << 'x' << in.h << 'x' << in.w << '-' << out.c << " 3x3";
  const std::string name = text.str();
  const auto x_floats = static_cast<std::size_t>(images * in.size()),
             y_floats = static_cast<std::size_t>(images * out.size()),
             weights = static_cast<std::size_t>(9 * in.c * out.c);
  struct WinogradArrays {
    Slots x, y, weights, packed, scratch;
  };
  into.add(name, isa, fast.forward, scalar.forward, 18.0 * images * in.c * out.size(),
           kFloat * static_cast<double>(x_floats + y_floats), [=, &fast](std::size_t slots) {
             auto arrays = std::make_shared<WinogradArrays>(WinogradArrays{
                 Slots::random(slots, x_floats, 1), Slots::unwritten(slots, y_floats), Slots::random(1, weights, 2),
                 Slots(1, fast.packed_floats(g)), Slots(1, fast.scratch_floats(g))});
             fast.pack(g, arrays->weights[0].data(), arrays->packed[0].data());
             return checked(
                 name, arrays,
                 [=](WinogradArrays& s, std::size_t slot, float* y) {
                   for (int n = 0; n < images; ++n)
                     cpu::conv_scalar.dense(g, s.x[slot].data() + n * in.size(), s.weights[0].data(), nullptr,
                                            y + n * out.size(), nullptr);
                 },
                 [=, &fast](WinogradArrays& s, std::size_t slot, float* y) {
                   fast.forward(g, s.x[slot].data(), images, s.packed[0].data(), y, s.scratch[0].data(), nullptr);
                 });
           });
}

void add_max_pool(Collection& into, Isa isa, const MaxPool& op) {
  const Shape &in = op.input_shape(), &out = op.output_shape();
  const cpu::PoolGeometry g{in.h,        in.w,        out.h,       out.w,    op.kernel_h,
                            op.kernel_w, op.stride_h, op.stride_w, op.pad_h, op.pad_w};
  const std::string name = "max_pool.difference " + std::to_string(in.h) + "x" + std::to_string(in.w);
  const auto &fast = cpu::max_pool_kernels(isa), &scalar = cpu::max_pool_scalar;
  const auto x_floats = static_cast<std::size_t>(in.plane()), y_floats = static_cast<std::size_t>(out.plane());
  struct PoolArrays {
    Slots d, x, base, y;
  };
  into.add(name, isa, fast.difference, scalar.difference, 3.0 * g.kernel_h * g.kernel_w * out.plane(),
           kFloat * (2 * in.plane() + 2 * out.plane()), [=, &fast, &scalar](std::size_t slots) {
             auto arrays = std::make_shared<PoolArrays>(
                 PoolArrays{Slots::random(slots, x_floats, 1), Slots::random(slots, x_floats, 2),
                            Slots::unwritten(slots, y_floats), Slots::unwritten(slots, y_floats)});
             for (std::size_t slot = 0; slot < slots; ++slot) {
               scalar.forward(g, arrays->x[slot].data(), arrays->base[slot].data());
             }
             const auto with = [g](const cpu::MaxPoolKernels& k) {
               return [g, &k](PoolArrays& s, std::size_t slot, float* y) {
                 k.difference(g, s.d[slot].data(), s.x[slot].data(), s.base[slot].data(), kInverseMu, y);
               };
             };
             return checked(name, arrays, with(scalar), with(fast));
           });
}

void add_linear(Collection& into, Isa isa, std::size_t in, std::size_t out) {
  const std::string name = "linear.forward " + std::to_string(in) + "-" + std::to_string(out);
  const auto &fast = cpu::linear_kernels(isa), &scalar = cpu::linear_scalar;
  struct LinearArrays {
    Slots x, y, weights;
  };
  into.add(name, isa, fast.forward, scalar.forward, 2.0 * static_cast<double>(in * out),
           kFloat * static_cast<double>(in + out + in * out), [=, &fast, &scalar](std::size_t slots) {
             auto arrays = std::make_shared<LinearArrays>(LinearArrays{
                 Slots::random(slots, in, 1), Slots::unwritten(slots, out), Slots::random(1, in * out, 2)});
             const auto with = [=](const cpu::LinearKernels& k) {
               return [=, &k](LinearArrays& s, std::size_t slot, float* y) {
                 k.forward(s.x[slot].data(), 0, in, s.weights[0].data(), nullptr, out, y);
               };
             };
             return checked(name, arrays, with(scalar), with(fast));
           });
}

}  // namespace

std::vector<Kernel> kernels_of(const Network& network, const std::vector<Isa>& isas) {
  Collection into;
  for (const auto& op : network.ops()) {
    for (const Isa isa : isas) {
      const Shape& in = op->input_shape();
      if (const auto* conv = dynamic_cast<const Conv2d*>(op.get())) {
        add_conv(into, isa, *conv);
        add_winograd(into, isa, *conv);
      }
      if (const auto* pool = dynamic_cast<const MaxPool*>(op.get())) add_max_pool(into, isa, *pool);
      if (op->kind() == "batchNorm2d") add_planes(into, isa, static_cast<std::size_t>(in.plane()));
      if (op->kind() == "linear") {
        add_linear(into, isa, static_cast<std::size_t>(in.size()), static_cast<std::size_t>(op->output_shape().size()));
      }
      if (op->kind() == "globalAvgPool") {
        using K = cpu::GlobalAvgPoolKernels;
        const auto n = static_cast<std::size_t>(in.plane());
        add_elementwise(into, "global_avg_pool.mean", isa, cpu::global_avg_pool_kernels(isa),
                        cpu::global_avg_pool_scalar, &K::mean, n, 1, 1, 1,
                        [n](const K& k, const float* a, const float*, float* y) { *y = k.mean(a, n); });
      }
    }
  }
  return std::move(into.kernels);
}

}  // namespace deepzero::bench
