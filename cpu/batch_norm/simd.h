// Batch norm on a plane on vectors. Reductions keep several chains and fold them in an order that depends on n alone.
// Included after cpu/simd/avx2.h or avx512.h.
#pragma once

#include "cpu/batch_norm/kernel.h"
#include "cpu/relu/rule.h"
#include "cpu/simd/sum.h"

namespace deepzero::cpu {
namespace {

inline void centre(const float* x, float mean, std::size_t n, float* xc, double moments[2]) {
  const Vector centre_at = broadcast(mean);
  Wide sum = wide_zero(), squares = wide_zero();
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) {
    const Vector value = load(x + i) - centre_at;
    store(xc + i, value);
    const Wide wide = widen(value);
    sum = sum + wide;
    squares = fma(wide, wide, squares);
  }
  if (i < n) {
    const int rest = static_cast<int>(n - i);
    store_first(xc + i, rest, load_first(x + i, rest) - centre_at);
    const Wide wide = widen(load_first(xc + i, rest));
    sum = sum + wide;
    squares = fma(wide, wide, squares);
  }
  moments[0] = total(sum);
  moments[1] = total(squares);
}

inline void affine(const float* x, float scale, float shift, std::size_t n, float* y) {
  const Vector a = broadcast(scale), b = broadcast(shift);
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) store(y + i, fma(a, load(x + i), b));
  if (i < n) {
    const int rest = static_cast<int>(n - i);
    store_first(y + i, rest, fma(a, load_first(x + i, rest), b));
  }
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

inline void sums(const float* d, const float* xc, std::size_t n, float sums[3]) {
  Chain a, b, c, e;
  std::size_t i = 0;
  for (; i + 4 * lanes <= n; i += 4 * lanes) {
    a.take(load(d + i), load(xc + i));
    b.take(load(d + i + lanes), load(xc + i + lanes));
    c.take(load(d + i + 2 * lanes), load(xc + i + 2 * lanes));
    e.take(load(d + i + 3 * lanes), load(xc + i + 3 * lanes));
  }
  for (; i + lanes <= n; i += lanes) a.take(load(d + i), load(xc + i));
  if (i < n) {
    const int rest = static_cast<int>(n - i);
    b.take(load_first(d + i, rest), load_first(xc + i, rest));
  }
  sums[0] = total((a.d + b.d) + (c.d + e.d));
  sums[1] = total((a.product + b.product) + (c.product + e.product));
  sums[2] = total((a.square + b.square) + (c.square + e.square));
}

inline void difference(const float* d, const float* xc, float a, float b, float c, std::size_t n, float* y) {
  const Vector of_d = broadcast(a), of_xc = broadcast(b), constant = broadcast(c);
  std::size_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    const Vector first = fma(of_d, load(d + i), fma(of_xc, load(xc + i), constant));
    const Vector second = fma(of_d, load(d + i + lanes), fma(of_xc, load(xc + i + lanes), constant));
    store(y + i, first);
    store(y + i + lanes, second);
  }
  if (i + lanes <= n) {
    store(y + i, fma(of_d, load(d + i), fma(of_xc, load(xc + i), constant)));
    i += lanes;
  }
  if (i < n) {
    const int rest = static_cast<int>(n - i);
    store_first(y + i, rest, fma(of_d, load_first(d + i, rest), fma(of_xc, load_first(xc + i, rest), constant)));
  }
}

/// How the ReLU's base input is had: there is no ReLU, from xc, from memory.
enum class Rectify { no, from_xc, from_memory };

template <bool adds, Rectify rectify>
inline void difference_then(const float* d, const float* xc, float a, float b, float c, const BatchNormTail& tail,
                            std::size_t n, float* y) {
  const Vector of_d = broadcast(a), of_xc = broadcast(b), constant = broadcast(c);
  const Vector scale = broadcast(tail.scale), shift = broadcast(tail.shift);
  const Vector minus_inverse_mu = broadcast(-tail.inverse_mu);
  const auto value = [&](std::size_t i, const auto& read) __attribute__((always_inline)) {
    const Vector centred = read(xc + i);
    Vector result = fma(of_d, read(d + i), fma(of_xc, centred, constant));
    if constexpr (adds) result = result + read(tail.plus + i);
    if constexpr (rectify == Rectify::from_xc) result = relu_rule(result, fma(scale, centred, shift), minus_inverse_mu);
    if constexpr (rectify == Rectify::from_memory) result = relu_rule(result, read(tail.x + i), minus_inverse_mu);
    return result;
  };
  const auto whole = [](const float* p) __attribute__((always_inline)) { return load(p); };
  std::size_t i = 0;
  for (; i + 2 * lanes <= n; i += 2 * lanes) {
    const Vector first = value(i, whole), second = value(i + lanes, whole);
    store(y + i, first);
    store(y + i + lanes, second);
  }
  if (i + lanes <= n) {
    store(y + i, value(i, whole));
    i += lanes;
  }
  if (i < n) {
    const int rest = static_cast<int>(n - i);
    store_first(y + i, rest, value(i, [rest](const float* p) { return load_first(p, rest); }));
  }
}

template <bool adds>
inline void difference_rectified(const float* d, const float* xc, float a, float b, float c, const BatchNormTail& tail,
                                 std::size_t n, float* y) {
  if (!tail.rectify) return difference_then<adds, Rectify::no>(d, xc, a, b, c, tail, n, y);
  if (tail.x == nullptr) return difference_then<adds, Rectify::from_xc>(d, xc, a, b, c, tail, n, y);
  difference_then<adds, Rectify::from_memory>(d, xc, a, b, c, tail, n, y);
}

inline void difference_then(const float* d, const float* xc, float a, float b, float c, const BatchNormTail& tail,
                            std::size_t n, float* y) {
  if (tail.plus != nullptr) return difference_rectified<true>(d, xc, a, b, c, tail, n, y);
  difference_rectified<false>(d, xc, a, b, c, tail, n, y);
}

}  // namespace
}  // namespace deepzero::cpu
