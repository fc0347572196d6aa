// AVX2 with FMA: eight float lanes. The same names as cpu/simd/avx512.h, so that a kernel body written once
// (cpu/OP/simd.h) is compiled for both.
//
// Everything here and in the bodies lives in anonymous namespaces: a copy of an inline function that this file's
// flags compiled must never be the one that the linker keeps for the rest of the program.
#pragma once

#include <immintrin.h>

#include <cstddef>
#include <cstdint>

namespace deepzero::cpu {
namespace {

constexpr int lanes = 8;

struct Vector {
  __m256 v;
};

inline Vector zero() { return {_mm256_setzero_ps()}; }
inline Vector broadcast(float value) { return {_mm256_set1_ps(value)}; }
inline Vector load(const float* p) { return {_mm256_loadu_ps(p)}; }
inline void store(float* p, Vector a) { _mm256_storeu_ps(p, a.v); }

/// To an aligned place that is not read soon; a lock or fence must come before another thread reads it.
inline void store_away(float* p, Vector a) { _mm256_stream_ps(p, a.v); }

/// Which lanes a load takes: those from `first` to `end` − 1, clamped to the vector.
struct Lanes {
  __m256i mask;
};
inline Lanes lanes_between(int first, int end) {
  const __m256i index = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  const __m256i reached = _mm256_cmpgt_epi32(index, _mm256_set1_epi32(first - 1));
  return {_mm256_and_si256(reached, _mm256_cmpgt_epi32(_mm256_set1_epi32(end), index))};
}
/// p[lane] where taken, 0 elsewhere; reads only what it takes.
inline Vector load_lanes(const float* p, Lanes taken) { return {_mm256_maskload_ps(p, taken.mask)}; }

/// The same for lanes of `a` that are 0 so far.
inline Vector load_more(Vector a, const float* p, Lanes taken) { return {_mm256_or_ps(a.v, load_lanes(p, taken).v)}; }
/// Writes the lanes taken and no others.
inline void store_lanes(float* p, Lanes taken, Vector a) { _mm256_maskstore_ps(p, taken.mask, a.v); }

/// Lanes 0 … n − 1 (0 ≤ n ≤ lanes), zero in the others; reads nothing beyond them.
inline Vector load_first(const float* p, int n) { return load_lanes(p, lanes_between(0, n)); }
/// Writes lanes 0 … n − 1 and nothing beyond them.
inline void store_first(float* p, int n, Vector a) { _mm256_maskstore_ps(p, lanes_between(0, n).mask, a.v); }

inline Vector operator+(Vector a, Vector b) { return {_mm256_add_ps(a.v, b.v)}; }
inline Vector operator-(Vector a, Vector b) { return {_mm256_sub_ps(a.v, b.v)}; }
inline Vector operator*(Vector a, Vector b) { return {_mm256_mul_ps(a.v, b.v)}; }
inline Vector operator/(Vector a, Vector b) { return {_mm256_div_ps(a.v, b.v)}; }
/// a·b + c, rounded once.
inline Vector fma(Vector a, Vector b, Vector c) { return {_mm256_fmadd_ps(a.v, b.v, c.v)}; }

/// The nearest whole number; of two, the even one.
inline Vector nearest_whole(Vector a) { return {_mm256_round_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)}; }
/// a·2ⁿ for whole n from −126 to 127.
inline Vector times_power_of_two(Vector a, Vector n) {
  const __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n.v), _mm256_set1_epi32(127));
  return {_mm256_mul_ps(a.v, _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23)))};
}

/// a > b ? a : b, so that b is the result when either is NaN.
inline Vector larger_or_second(Vector a, Vector b) { return {_mm256_max_ps(a.v, b.v)}; }
/// The larger one; NaN when either is NaN.
inline Vector larger_or_nan(Vector a, Vector b) {
  const __m256 nan = _mm256_cmp_ps(a.v, a.v, _CMP_UNORD_Q);
  return {_mm256_blendv_ps(_mm256_max_ps(a.v, b.v), a.v, nan)};
}
/// x > 0 ? a : b.
inline Vector where_positive(Vector x, Vector a, Vector b) {
  return {_mm256_blendv_ps(b.v, a.v, _mm256_cmp_ps(x.v, _mm256_setzero_ps(), _CMP_GT_OQ))};
}

/// Elements 0, 2, 4, … and 1, 3, 5, … of the 2·lanes elements (low, high).
inline Vector evens(Vector low, Vector high) {
  const __m256d pairs = _mm256_castps_pd(_mm256_shuffle_ps(low.v, high.v, 0x88));
  return {_mm256_castpd_ps(_mm256_permute4x64_pd(pairs, 0xd8))};
}
inline Vector odds(Vector low, Vector high) {
  const __m256d pairs = _mm256_castps_pd(_mm256_shuffle_ps(low.v, high.v, 0xdd));
  return {_mm256_castpd_ps(_mm256_permute4x64_pd(pairs, 0xd8))};
}

/// Four vectors as 4×4 matrices, one in each group of four lanes: their transposes.
inline void transpose_fours(Vector& a, Vector& b, Vector& c, Vector& d) {
  const __m256 ab_low = _mm256_unpacklo_ps(a.v, b.v), ab_high = _mm256_unpackhi_ps(a.v, b.v);
  const __m256 cd_low = _mm256_unpacklo_ps(c.v, d.v), cd_high = _mm256_unpackhi_ps(c.v, d.v);
  a = {_mm256_shuffle_ps(ab_low, cd_low, 0x44)};
  b = {_mm256_shuffle_ps(ab_low, cd_low, 0xee)};
  c = {_mm256_shuffle_ps(ab_high, cd_high, 0x44)};
  d = {_mm256_shuffle_ps(ab_high, cd_high, 0xee)};
}
/// The first two of the four transposed rows.
inline void transpose_fours(const Vector (&rows)[4], Vector& first, Vector& second) {
  const __m256 low = _mm256_unpacklo_ps(rows[0].v, rows[1].v), high = _mm256_unpacklo_ps(rows[2].v, rows[3].v);
  first = {_mm256_shuffle_ps(low, high, 0x44)};
  second = {_mm256_shuffle_ps(low, high, 0xee)};
}

/// The vector whose halves lie at `low` and `high`, and the way back.
inline Vector load_halves(const float* low, const float* high) { return {_mm256_loadu2_m128(high, low)}; }
inline void store_halves(float* low, float* high, Vector a) { _mm256_storeu2_m128(high, low, a.v); }

/// A vector of bfloat16 values (engine/rules/bfloat16.h).
inline Vector load_bfloat16(const std::uint16_t* p) {
  const __m128i values = _mm_loadu_si128(reinterpret_cast<const __m128i*>(p));
  return {_mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(values), 16))};
}
inline void store_bfloat16(std::uint16_t* p, Vector a) {
  const __m256i bits = _mm256_castps_si256(a.v), upper = _mm256_srli_epi32(bits, 16);
  const __m256i odd = _mm256_and_si256(upper, _mm256_set1_epi32(1));
  const __m256i rounded =
      _mm256_srli_epi32(_mm256_add_epi32(bits, _mm256_add_epi32(odd, _mm256_set1_epi32(0x7fff))), 16);
  const __m256i quiet = _mm256_or_si256(upper, _mm256_set1_epi32(0x40));
  const __m256i nan = _mm256_castps_si256(_mm256_cmp_ps(a.v, a.v, _CMP_UNORD_Q));
  const __m256i result = _mm256_blendv_epi8(rounded, quiet, nan);
  const __m128i low = _mm256_castsi256_si128(result), high = _mm256_extracti128_si256(result, 1);
  _mm_storeu_si128(reinterpret_cast<__m128i*>(p), _mm_packus_epi32(low, high));
}

/// Which lane each lane is taken from.
struct Shuffle {
  __m256i from;
  __m256 taken;
};
/// A negative lane gives zero.
inline Shuffle shuffle_from(const int (&from)[lanes]) {
  const __m256i index = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  return {index, _mm256_castsi256_ps(_mm256_cmpgt_epi32(index, _mm256_set1_epi32(-1)))};
}
inline Vector shuffled(Vector a, const Shuffle& s) {
  return {_mm256_and_ps(_mm256_permutevar8x32_ps(a.v, s.from), s.taken)};
}

/// Σ lanes, halves folded in a fixed order.
inline float total(Vector a) {
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(a.v), _mm256_extractf128_ps(a.v, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

/// The lanes in float64.
struct Wide {
  __m256d low, high;
};

inline Wide wide_zero() { return {_mm256_setzero_pd(), _mm256_setzero_pd()}; }
inline Wide widen(Vector a) {
  return {_mm256_cvtps_pd(_mm256_castps256_ps128(a.v)), _mm256_cvtps_pd(_mm256_extractf128_ps(a.v, 1))};
}
inline Wide operator+(Wide a, Wide b) { return {_mm256_add_pd(a.low, b.low), _mm256_add_pd(a.high, b.high)}; }
inline Wide fma(Wide a, Wide b, Wide c) {
  return {_mm256_fmadd_pd(a.low, b.low, c.low), _mm256_fmadd_pd(a.high, b.high, c.high)};
}
inline double total(Wide a) {
  const __m256d four = _mm256_add_pd(a.low, a.high);
  const __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
  return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
}

}  // namespace
}  // namespace deepzero::cpu
