// AVX-512 (F, BW, DQ, VL): sixteen float lanes. The same names as cpu/simd/avx2.h, so that a kernel body written once
// (cpu/OP/simd.h) is compiled for both.
//
// Everything here and in the bodies lives in anonymous namespaces: a copy of an inline function that this file's
// flags compiled must never be the one that the linker keeps for the rest of the program.
#pragma once

// GCC's own header leaves don't-care operands uninitialised on purpose, and GCC 12 warns of it (GCC bug 105593).
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wuninitialized"
#pragma GCC diagnostic ignored "-Wmaybe-uninitialized"
#include <immintrin.h>
#pragma GCC diagnostic pop
#else
#include <immintrin.h>
#endif

#include <cstddef>
#include <cstdint>

namespace deepzero::cpu {
namespace {

constexpr int lanes = 16;

struct Vector {
  __m512 v;
};

inline Vector zero() { return {_mm512_setzero_ps()}; }
inline Vector broadcast(float value) { return {_mm512_set1_ps(value)}; }
inline Vector load(const float* p) { return {_mm512_loadu_ps(p)}; }
inline void store(float* p, Vector a) { _mm512_storeu_ps(p, a.v); }

/// To an aligned place that is not read soon; a lock or fence must come before another thread reads it.
inline void store_away(float* p, Vector a) { _mm512_stream_ps(p, a.v); }

inline __mmask16 first_lanes(int n) { return static_cast<__mmask16>((1u << n) - 1u); }

/// Lanes 0 … n − 1 (0 ≤ n ≤ lanes), zero in the others; reads nothing beyond them.
inline Vector load_first(const float* p, int n) { return {_mm512_maskz_loadu_ps(first_lanes(n), p)}; }
/// Writes lanes 0 … n − 1 and nothing beyond them.
inline void store_first(float* p, int n, Vector a) { _mm512_mask_storeu_ps(p, first_lanes(n), a.v); }

/// Which lanes a load takes: those from `first` to `end` − 1, clamped to the vector.
struct Lanes {
  __mmask16 mask;
};
inline Lanes lanes_between(int first, int end) {
  const int low = first < 0 ? 0 : first > lanes ? lanes : first;
  const int high = end < 0 ? 0 : end > lanes ? lanes : end;
  return {static_cast<__mmask16>(((1u << high) - 1u) & ~((1u << low) - 1u))};
}
/// p[lane] where taken, 0 elsewhere; reads only what it takes.
inline Vector load_lanes(const float* p, Lanes taken) { return {_mm512_maskz_loadu_ps(taken.mask, p)}; }
/// The same for lanes of `a` that are 0 so far.
inline Vector load_more(Vector a, const float* p, Lanes taken) { return {_mm512_mask_loadu_ps(a.v, taken.mask, p)}; }
/// Writes the lanes taken and no others.
inline void store_lanes(float* p, Lanes taken, Vector a) { _mm512_mask_storeu_ps(p, taken.mask, a.v); }

inline Vector operator+(Vector a, Vector b) { return {_mm512_add_ps(a.v, b.v)}; }
inline Vector operator-(Vector a, Vector b) { return {_mm512_sub_ps(a.v, b.v)}; }
inline Vector operator*(Vector a, Vector b) { return {_mm512_mul_ps(a.v, b.v)}; }
inline Vector operator/(Vector a, Vector b) { return {_mm512_div_ps(a.v, b.v)}; }
/// a·b + c, rounded once.
inline Vector fma(Vector a, Vector b, Vector c) { return {_mm512_fmadd_ps(a.v, b.v, c.v)}; }

/// The nearest whole number; of two, the even one.
inline Vector nearest_whole(Vector a) {
  return {_mm512_roundscale_ps(a.v, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
/// a·2ⁿ for whole n from −126 to 127.
inline Vector times_power_of_two(Vector a, Vector n) { return {_mm512_scalef_ps(a.v, n.v)}; }

/// a > b ? a : b, so that b is the result when either is NaN.
inline Vector larger_or_second(Vector a, Vector b) { return {_mm512_max_ps(a.v, b.v)}; }
/// The larger one; NaN when either is NaN.
inline Vector larger_or_nan(Vector a, Vector b) {
  const __mmask16 nan = _mm512_cmp_ps_mask(a.v, a.v, _CMP_UNORD_Q);
  return {_mm512_mask_mov_ps(_mm512_max_ps(a.v, b.v), nan, a.v)};
}
/// x > 0 ? a : b.
inline Vector where_positive(Vector x, Vector a, Vector b) {
  return {_mm512_mask_blend_ps(_mm512_cmp_ps_mask(x.v, _mm512_setzero_ps(), _CMP_GT_OQ), b.v, a.v)};
}

/// Elements 0, 2, 4, … and 1, 3, 5, … of the 2·lanes elements (low, high).
inline Vector evens(Vector low, Vector high) {
  const __m512i index = _mm512_set_epi32(30, 28, 26, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 4, 2, 0);
  return {_mm512_permutex2var_ps(low.v, index, high.v)};
}
inline Vector odds(Vector low, Vector high) {
  const __m512i index = _mm512_set_epi32(31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1);
  return {_mm512_permutex2var_ps(low.v, index, high.v)};
}

/// Four vectors as 4×4 matrices, one in each group of four lanes: their transposes.
inline void transpose_fours(Vector& a, Vector& b, Vector& c, Vector& d) {
  const __m512 ab_low = _mm512_unpacklo_ps(a.v, b.v), ab_high = _mm512_unpackhi_ps(a.v, b.v);
  const __m512 cd_low = _mm512_unpacklo_ps(c.v, d.v), cd_high = _mm512_unpackhi_ps(c.v, d.v);
  a = {_mm512_shuffle_ps(ab_low, cd_low, 0x44)};
  b = {_mm512_shuffle_ps(ab_low, cd_low, 0xee)};
  c = {_mm512_shuffle_ps(ab_high, cd_high, 0x44)};
  d = {_mm512_shuffle_ps(ab_high, cd_high, 0xee)};
}
/// The first two of the four transposed rows.
inline void transpose_fours(const Vector (&rows)[4], Vector& first, Vector& second) {
  const __m512 low = _mm512_unpacklo_ps(rows[0].v, rows[1].v), high = _mm512_unpacklo_ps(rows[2].v, rows[3].v);
  first = {_mm512_shuffle_ps(low, high, 0x44)};
  second = {_mm512_shuffle_ps(low, high, 0xee)};
}

/// The vector whose halves lie at `low` and `high`, and the way back.
inline Vector load_halves(const float* low, const float* high) {
  return {_mm512_insertf32x8(_mm512_castps256_ps512(_mm256_loadu_ps(low)), _mm256_loadu_ps(high), 1)};
}
inline void store_halves(float* low, float* high, Vector a) {
  _mm256_storeu_ps(low, _mm512_castps512_ps256(a.v));
  _mm256_storeu_ps(high, _mm512_extractf32x8_ps(a.v, 1));
}

/// A vector of bfloat16 values (engine/rules/bfloat16.h).
inline Vector load_bfloat16(const std::uint16_t* p) {
  const __m256i values = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(p));
  return {_mm512_castsi512_ps(_mm512_slli_epi32(_mm512_cvtepu16_epi32(values), 16))};
}
inline void store_bfloat16(std::uint16_t* p, Vector a) {
  const __m512i bits = _mm512_castps_si512(a.v), upper = _mm512_srli_epi32(bits, 16);
  const __m512i odd = _mm512_and_si512(upper, _mm512_set1_epi32(1));
  const __m512i rounded =
      _mm512_srli_epi32(_mm512_add_epi32(bits, _mm512_add_epi32(odd, _mm512_set1_epi32(0x7fff))), 16);
  const __mmask16 nan = _mm512_cmp_ps_mask(a.v, a.v, _CMP_UNORD_Q);
  const __m512i result = _mm512_mask_or_epi32(rounded, nan, upper, _mm512_set1_epi32(0x40));
  _mm256_storeu_si256(reinterpret_cast<__m256i*>(p), _mm512_cvtepi32_epi16(result));
}

/// Which lane each lane is taken from.
struct Shuffle {
  __m512i from;
  __mmask16 taken;
};
/// A negative lane gives zero.
inline Shuffle shuffle_from(const int (&from)[lanes]) {
  const __m512i index = _mm512_loadu_si512(from);
  return {index, _mm512_cmpge_epi32_mask(index, _mm512_setzero_si512())};
}
inline Vector shuffled(Vector a, const Shuffle& s) { return {_mm512_maskz_permutexvar_ps(s.taken, s.from, a.v)}; }

/// Σ lanes, halves folded in a fixed order.
inline float total(Vector a) {
  const __m256 eight = _mm256_add_ps(_mm512_castps512_ps256(a.v), _mm512_extractf32x8_ps(a.v, 1));
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

/// The lanes in float64.
struct Wide {
  __m512d low, high;
};

inline Wide wide_zero() { return {_mm512_setzero_pd(), _mm512_setzero_pd()}; }
inline Wide widen(Vector a) {
  return {_mm512_cvtps_pd(_mm512_castps512_ps256(a.v)), _mm512_cvtps_pd(_mm512_extractf32x8_ps(a.v, 1))};
}
inline Wide operator+(Wide a, Wide b) { return {_mm512_add_pd(a.low, b.low), _mm512_add_pd(a.high, b.high)}; }
inline Wide fma(Wide a, Wide b, Wide c) {
  return {_mm512_fmadd_pd(a.low, b.low, c.low), _mm512_fmadd_pd(a.high, b.high, c.high)};
}
inline double total(Wide a) {
  const __m512d eight = _mm512_add_pd(a.low, a.high);
  const __m256d four = _mm256_add_pd(_mm512_castpd512_pd256(eight), _mm512_extractf64x4_pd(eight, 1));
  const __m128d two = _mm_add_pd(_mm256_castpd256_pd128(four), _mm256_extractf128_pd(four, 1));
  return _mm_cvtsd_f64(_mm_add_sd(two, _mm_unpackhi_pd(two, two)));
}

}  // namespace
}  // namespace deepzero::cpu
