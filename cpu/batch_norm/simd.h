// Batch norm on a plane on vectors. Reductions keep several chains and fold them in an order that depends on n alone.
// Included after cpu/simd/avx2.h or avx512.h.
#pragma once

#include "cpu/batch_norm/kernel.h"
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

}  // namespace
}  // namespace deepzero::cpu
