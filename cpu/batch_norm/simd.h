// Batch norm on vectors. Reductions keep several chains and fold them in an order that depends on the sizes alone.
// Included after cpu/simd/neon.h, avx2.h or avx512.h.
#pragma once

#include "cpu/batch_norm/kernel.h"
#include "cpu/relu/rule.h"
#include "cpu/simd/each.h"

namespace deepzero::cpu {
namespace {

inline void moments(const float* x, int channels, std::size_t plane, double* moments) {
  for (int c = 0; c < channels; ++c, x += plane, moments += 3) {
    const Wide minus_first = widen(broadcast(-x[0]));
    Wide sum[2] = {wide_zero(), wide_zero()}, squares[2] = {wide_zero(), wide_zero()};
    const auto take = [&](int chain, Vector value, Wide minus) {
      const Wide wide = widen(value) + minus;
      sum[chain] = sum[chain] + wide;
      squares[chain] = fma(wide, wide, squares[chain]);
    };
    std::size_t i = 0;
    for (; i + 2 * lanes <= plane; i += 2 * lanes) {
      take(0, load(x + i), minus_first);
      take(1, load(x + i + lanes), minus_first);
    }
    if (i + lanes <= plane) {
      take(0, load(x + i), minus_first);
      i += lanes;
    }
    if (i < plane) {
      const int rest = static_cast<int>(plane - i);
      float also[lanes];
      store(also, broadcast(-x[0]));
      take(1, load_first(x + i, rest), widen(load_first(also, rest)));
    }
    moments[0] = static_cast<double>(x[0]);
    moments[1] = total(sum[0] + sum[1]);
    moments[2] = total(squares[0] + squares[1]);
  }
}

inline void forward(const BatchNormForward& call) {
  // Features are read again by queries only, and there are more of them than a cache holds.
  const bool away =
      reinterpret_cast<std::uintptr_t>(call.centred) % (lanes * sizeof(float)) == 0 && call.plane % lanes == 0;
  std::size_t first = 0;
  for (int c = 0; c < call.channels; ++c, first += call.plane) {
    const Vector mean = broadcast(call.mean[c]), scale = broadcast(call.scale[c]), shift = broadcast(call.shift[c]);
    for (std::size_t i = first; i < first + call.plane; i += lanes) {
      const std::size_t left = first + call.plane - i;
      const int count = left < lanes ? static_cast<int>(left) : lanes;
      const auto read = [&](const float* from) {
        return count == lanes ? load(from + i) : load_first(from + i, count);
      };
      const Vector xc = read(call.x) - mean;
      Vector y = fma(scale, xc, shift);
      if (call.plus != nullptr) {
        const Vector sum = y + read(call.plus);
        if (call.normalised != nullptr) put(call.normalised + i, count, y);
        y = sum;
      } else if (call.normalised != nullptr) {
        put(call.normalised + i, count, y);
      }
      if (call.centred != nullptr) {
        if (away) {
          store_away(call.centred + i, xc);
        } else {
          put(call.centred + i, count, xc);
        }
      }
      if (call.sum != nullptr) put(call.sum + i, count, y);
      if (call.rectified != nullptr) put(call.rectified + i, count, larger_or_second(zero(), y));
    }
  }
}

inline void affine(const float* x, float scale, float shift, std::size_t n, float* y) {
  const Vector a = broadcast(scale), b = broadcast(shift);
  each_vector(
      n, y, [&](std::size_t i, const auto& read) __attribute__((always_inline)) { return fma(a, read(x + i), b); });
}

/// One chain of each of the three sums.
struct Chain {
  Vector d = zero(), product = zero(), square = zero();
  void take(Vector value, Vector xc) {
    d = d + value;
    product = fma(xc, value, product);
    square = fma(value, value, square);
  }
};

/// Over a channel in float32 chains, which are added up in float64 after every so many values of a plane: longer chains
/// would lose differences that stand beside a large sum.
inline void sums(const BatchNormInput& input, double* sums) {
  constexpr std::size_t most = 4096;
  const std::size_t n = input.plane;
  for (int channel = 0; channel < input.channels; ++channel, sums += 3) {
    const float *d = input.d + static_cast<std::size_t>(channel) * n,
                *xc = input.xc + static_cast<std::size_t>(channel) * n;
    Chain a, b, c, e;
    const auto fold = [&] {
      sums[0] += static_cast<double>(total((a.d + b.d) + (c.d + e.d)));
      sums[1] += static_cast<double>(total((a.product + b.product) + (c.product + e.product)));
      sums[2] += static_cast<double>(total((a.square + b.square) + (c.square + e.square)));
      a = b = c = e = Chain{};
    };
    for (int image = 0; image < input.images; ++image, d += input.d_step, xc += input.xc_step) {
      std::size_t i = 0;
      for (std::size_t block = 0; block < n; block += most) {
        const std::size_t end = n - block < most ? n : block + most;
        for (; i + 4 * lanes <= end; i += 4 * lanes) {
          a.take(load(d + i), load(xc + i));
          b.take(load(d + i + lanes), load(xc + i + lanes));
          c.take(load(d + i + 2 * lanes), load(xc + i + 2 * lanes));
          e.take(load(d + i + 3 * lanes), load(xc + i + 3 * lanes));
        }
        if (end - block == most) fold();
      }
      for (; i + lanes <= n; i += lanes) a.take(load(d + i), load(xc + i));
      if (i < n) {
        const int rest = static_cast<int>(n - i);
        b.take(load_first(d + i, rest), load_first(xc + i, rest));
      }
    }
    fold();
  }
}

/// How the ReLU's base input is had: there is no ReLU, from xc, from memory.
enum class Rectify { no, from_xc, from_memory };

template <bool adds, Rectify rectify>
inline void difference_as(const BatchNormDifference& call) {
  const Vector minus_inverse_mu = broadcast(-call.inverse_mu);
  for (int channel = 0; channel < call.channels; ++channel) {
    const double* k = call.coefficients + 3 * channel;
    const Vector of_d = broadcast(static_cast<float>(k[0])), of_xc = broadcast(static_cast<float>(k[1])),
                 constant = broadcast(static_cast<float>(k[2]));
    const bool from_xc = rectify == Rectify::from_xc;
    const Vector scale = broadcast(from_xc ? call.scale[channel] : 0),
                 shift = broadcast(from_xc ? call.shift[channel] : 0);
    const std::size_t first = static_cast<std::size_t>(channel) * call.plane;
    const float *d = call.d + first, *xc = call.xc + first;
    const float* plus = adds ? call.plus + first : nullptr;
    const float* x = rectify == Rectify::from_memory ? call.x + first : nullptr;
    each_vector(
        call.plane, call.y + first, [&](std::size_t i, const auto& read) __attribute__((always_inline)) {
          const Vector centred = read(xc + i);
          Vector result = fma(of_d, read(d + i), fma(of_xc, centred, constant));
          if constexpr (adds) result = result + read(plus + i);
          if constexpr (rectify == Rectify::from_xc)
            result = relu_rule(result, fma(scale, centred, shift), minus_inverse_mu);
          if constexpr (rectify == Rectify::from_memory) result = relu_rule(result, read(x + i), minus_inverse_mu);
          return result;
        });
  }
}

template <bool adds>
inline void difference_as(const BatchNormDifference& call) {
  if (!call.rectify) return difference_as<adds, Rectify::no>(call);
  if (call.x == nullptr) return difference_as<adds, Rectify::from_xc>(call);
  difference_as<adds, Rectify::from_memory>(call);
}

inline void difference(const BatchNormDifference& call) {
  if (call.plus != nullptr) return difference_as<true>(call);
  difference_as<false>(call);
}

}  // namespace
}  // namespace deepzero::cpu
