// A function of vectors over n values, or n pairs of them; the last, partial vector is loaded and stored masked.
// Included after cpu/simd/avx2.h or avx512.h.
#pragma once

namespace deepzero::cpu {
namespace {

/// y[i] = f(a[i]); y may be a.
template <class F>
inline void each(const float* a, std::size_t n, float* y, const F& f) {
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) store(y + i, f(load(a + i)));
  if (i < n) {
    const int rest = static_cast<int>(n - i);
    store_first(y + i, rest, f(load_first(a + i, rest)));
  }
}

/// y[i] = f(a[i], b[i]); y may be a or b.
template <class F>
inline void each(const float* a, const float* b, std::size_t n, float* y, const F& f) {
  std::size_t i = 0;
  for (; i + lanes <= n; i += lanes) store(y + i, f(load(a + i), load(b + i)));
  if (i < n) {
    const int rest = static_cast<int>(n - i);
    store_first(y + i, rest, f(load_first(a + i, rest), load_first(b + i, rest)));
  }
}

}  // namespace
}  // namespace deepzero::cpu
