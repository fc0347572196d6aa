// Loops of vectors over n values, or n pairs of them; the last, partial vector is loaded and stored masked.
// Included after cpu/simd/neon.h, avx2.h or avx512.h.
#pragma once

namespace deepzero::cpu {
namespace {

/// Writes `count` ≤ lanes floats.
inline void put(float* p, int count, Vector value) {
  if (count == lanes) {
    store(p, value);
  } else {
    store_first(p, count, value);
  }
}

/// `value(i, read)` for i = 0, lanes, … is stored at y + i; read(p) gives the lanes at p that exist.
template <class Value>
__attribute__((always_inline)) inline void each_vector(std::size_t n, float* y, const Value& value) {
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
