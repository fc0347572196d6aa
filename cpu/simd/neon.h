// NEON, which every 64-bit Arm processor has: eight float lanes in two registers of four. The same names as
// cpu/simd/avx2.h, so that a kernel body written once (cpu/OP/simd.h) is compiled for both, with the same number of
// vectors to work with: 32 registers here, 16 of twice the width there. Sums are folded in the same order, too.
#pragma once

#include <arm_neon.h>

#include <cstddef>
#include <cstdint>

namespace deepzero::cpu {
namespace {

constexpr int lanes = 8;

struct Vector {
  float32x4_t low, high;
};

inline Vector zero() { return {vdupq_n_f32(0), vdupq_n_f32(0)}; }
inline Vector broadcast(float value) { return {vdupq_n_f32(value), vdupq_n_f32(value)}; }
inline Vector load(const float* p) { return {vld1q_f32(p), vld1q_f32(p + 4)}; }
inline void store(float* p, Vector a) {
  vst1q_f32(p, a.low);
  vst1q_f32(p + 4, a.high);
}

/// To an aligned place that is not read soon. There is no intrinsic for that: an ordinary store.
inline void store_away(float* p, Vector a) { store(p, a); }

/// Lanes 0 … n − 1 (0 ≤ n ≤ lanes), zero in the others; reads nothing beyond them.
inline Vector load_first(const float* p, int n) {
  if (n >= lanes) return load(p);
  const bool half = (n & 4) != 0;
  const float32x4_t four = half ? vld1q_f32(p) : vdupq_n_f32(0);
  if (half) p += 4;
  const bool pair = (n & 2) != 0;
  const float32x2_t two = pair ? vld1_f32(p) : vdup_n_f32(0);
  if (pair) p += 2;
  const float32x2_t one = (n & 1) != 0 ? vld1_lane_f32(p, vdup_n_f32(0), 0) : vdup_n_f32(0);
  const float32x4_t rest = pair ? vcombine_f32(two, one) : vcombine_f32(one, two);
  return half ? Vector{four, rest} : Vector{rest, four};
}
/// Writes lanes 0 … n − 1 and nothing beyond them.
inline void store_first(float* p, int n, Vector a) {
  if (n >= lanes) return store(p, a);
  float32x4_t rest = a.low;
  if ((n & 4) != 0) {
    vst1q_f32(p, rest);
    p += 4;
    rest = a.high;
  }
  float32x2_t two = vget_low_f32(rest);
  if ((n & 2) != 0) {
    vst1_f32(p, two);
    p += 2;
    two = vget_high_f32(rest);
  }
  if ((n & 1) != 0) vst1_lane_f32(p, two, 0);
}

/// Lane i is lane i + by, zero where there is none.
inline Vector moved(Vector a, int by) {
  const uint8x16_t low = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  const uint8x16_t offset = vdupq_n_u8(static_cast<std::uint8_t>(4 * by));
  const uint8x16_t from = vaddq_u8(low, offset);  // beyond the 32 bytes of a vector, the table gives 0
  const uint8x16x2_t table = {{vreinterpretq_u8_f32(a.low), vreinterpretq_u8_f32(a.high)}};
  return {vreinterpretq_f32_u8(vqtbl2q_u8(table, from)),
          vreinterpretq_f32_u8(vqtbl2q_u8(table, vaddq_u8(from, vdupq_n_u8(16))))};
}

/// Which lanes a load takes: those from `first` to `end` − 1, clamped to the vector.
struct Lanes {
  int first, count;
};
inline Lanes lanes_between(int first, int end) {
  if (first < 0) first = 0;
  if (end > lanes) end = lanes;
  return end > first ? Lanes{first, end - first} : Lanes{0, 0};
}
/// p[lane] where taken, 0 elsewhere; reads only what it takes.
inline Vector load_lanes(const float* p, Lanes taken) {
  const Vector values = load_first(p + taken.first, taken.count);
  return taken.first == 0 ? values : moved(values, -taken.first);
}
/// The same for lanes of `a` that are 0 so far.
inline Vector load_more(Vector a, const float* p, Lanes taken) {
  const Vector more = load_lanes(p, taken);
  const auto either = [](float32x4_t x, float32x4_t y) {
    return vreinterpretq_f32_u32(vorrq_u32(vreinterpretq_u32_f32(x), vreinterpretq_u32_f32(y)));
  };
  return {either(a.low, more.low), either(a.high, more.high)};
}
/// Writes the lanes taken and no others.
inline void store_lanes(float* p, Lanes taken, Vector a) {
  store_first(p + taken.first, taken.count, taken.first == 0 ? a : moved(a, taken.first));
}

inline Vector operator+(Vector a, Vector b) { return {vaddq_f32(a.low, b.low), vaddq_f32(a.high, b.high)}; }
inline Vector operator-(Vector a, Vector b) { return {vsubq_f32(a.low, b.low), vsubq_f32(a.high, b.high)}; }
inline Vector operator*(Vector a, Vector b) { return {vmulq_f32(a.low, b.low), vmulq_f32(a.high, b.high)}; }
inline Vector operator/(Vector a, Vector b) { return {vdivq_f32(a.low, b.low), vdivq_f32(a.high, b.high)}; }
/// a·b + c, rounded once.
inline Vector fma(Vector a, Vector b, Vector c) {
  return {vfmaq_f32(c.low, a.low, b.low), vfmaq_f32(c.high, a.high, b.high)};
}

/// The nearest whole number; of two, the even one.
inline Vector nearest_whole(Vector a) { return {vrndnq_f32(a.low), vrndnq_f32(a.high)}; }
/// a·2ⁿ for whole n from −126 to 127.
inline Vector times_power_of_two(Vector a, Vector n) {
  const auto power = [](float32x4_t exponent) {
    return vreinterpretq_f32_s32(vshlq_n_s32(vaddq_s32(vcvtnq_s32_f32(exponent), vdupq_n_s32(127)), 23));
  };
  return {vmulq_f32(a.low, power(n.low)), vmulq_f32(a.high, power(n.high))};
}

/// a > b ? a : b, so that b is the result when either is NaN.
inline Vector larger_or_second(Vector a, Vector b) {
  return {vbslq_f32(vcgtq_f32(a.low, b.low), a.low, b.low), vbslq_f32(vcgtq_f32(a.high, b.high), a.high, b.high)};
}
/// The larger one; NaN when either is NaN.
inline Vector larger_or_nan(Vector a, Vector b) { return {vmaxq_f32(a.low, b.low), vmaxq_f32(a.high, b.high)}; }
/// x > 0 ? a : b.
inline Vector where_positive(Vector x, Vector a, Vector b) {
  return {vbslq_f32(vcgtzq_f32(x.low), a.low, b.low), vbslq_f32(vcgtzq_f32(x.high), a.high, b.high)};
}

/// Elements 0, 2, 4, … and 1, 3, 5, … of the 2·lanes elements (low, high).
inline Vector evens(Vector low, Vector high) {
  return {vuzp1q_f32(low.low, low.high), vuzp1q_f32(high.low, high.high)};
}
inline Vector odds(Vector low, Vector high) { return {vuzp2q_f32(low.low, low.high), vuzp2q_f32(high.low, high.high)}; }

/// The first and the last two elements of a and b.
inline float32x4_t first_pairs(float32x4_t a, float32x4_t b) {
  return vreinterpretq_f32_f64(vzip1q_f64(vreinterpretq_f64_f32(a), vreinterpretq_f64_f32(b)));
}
inline float32x4_t last_pairs(float32x4_t a, float32x4_t b) {
  return vreinterpretq_f32_f64(vzip2q_f64(vreinterpretq_f64_f32(a), vreinterpretq_f64_f32(b)));
}
/// A 4×4 matrix, its rows in a, b, c and d: its transpose.
inline void transpose_four(float32x4_t& a, float32x4_t& b, float32x4_t& c, float32x4_t& d) {
  const float32x4_t ab_low = vzip1q_f32(a, b), ab_high = vzip2q_f32(a, b);
  const float32x4_t cd_low = vzip1q_f32(c, d), cd_high = vzip2q_f32(c, d);
  a = first_pairs(ab_low, cd_low);
  b = last_pairs(ab_low, cd_low);
  c = first_pairs(ab_high, cd_high);
  d = last_pairs(ab_high, cd_high);
}
/// Four vectors as 4×4 matrices, one in each group of four lanes: their transposes.
inline void transpose_fours(Vector& a, Vector& b, Vector& c, Vector& d) {
  transpose_four(a.low, b.low, c.low, d.low);
  transpose_four(a.high, b.high, c.high, d.high);
}
/// The first two of the four transposed rows.
inline void transpose_fours(const Vector (&rows)[4], Vector& first, Vector& second) {
  Vector a = rows[0], b = rows[1], c = rows[2], d = rows[3];
  transpose_fours(a, b, c, d);
  first = a;
  second = b;
}

/// The vector whose halves lie at `low` and `high`, and the way back.
inline Vector load_halves(const float* low, const float* high) { return {vld1q_f32(low), vld1q_f32(high)}; }
inline void store_halves(float* low, float* high, Vector a) {
  vst1q_f32(low, a.low);
  vst1q_f32(high, a.high);
}

/// A vector of bfloat16 values (engine/rules/bfloat16.h).
inline Vector load_bfloat16(const std::uint16_t* p) {
  const uint16x8_t values = vld1q_u16(p);
  return {vreinterpretq_f32_u32(vshll_n_u16(vget_low_u16(values), 16)),
          vreinterpretq_f32_u32(vshll_high_n_u16(values, 16))};
}
inline void store_bfloat16(std::uint16_t* p, Vector a) {
  const auto narrowed = [](float32x4_t x) {
    const uint32x4_t bits = vreinterpretq_u32_f32(x), upper = vshrq_n_u32(bits, 16);
    const uint32x4_t odd = vandq_u32(upper, vdupq_n_u32(1));
    const uint32x4_t rounded = vshrq_n_u32(vaddq_u32(bits, vaddq_u32(odd, vdupq_n_u32(0x7fff))), 16);
    const uint32x4_t quiet = vorrq_u32(upper, vdupq_n_u32(0x40));
    return vmovn_u32(vbslq_u32(vceqq_f32(x, x), rounded, quiet));
  };
  vst1q_u16(p, vcombine_u16(narrowed(a.low), narrowed(a.high)));
}

/// Which lane each lane is taken from: the bytes of each lane's source.
struct Shuffle {
  uint8x16_t low, high;
};
/// A negative lane gives zero.
inline Shuffle shuffle_from(const int (&from)[lanes]) {
  std::uint8_t bytes[4 * lanes];
  // Beyond the 32 bytes of a vector a table look-up gives 0.
  for (int i = 0; i < 4 * lanes; ++i) {
    bytes[i] = static_cast<std::uint8_t>(from[i / 4] < 0 ? 0xff : 4 * from[i / 4] + i % 4);
  }
  return {vld1q_u8(bytes), vld1q_u8(bytes + 16)};
}
inline Vector shuffled(Vector a, const Shuffle& s) {
  const uint8x16x2_t table = {{vreinterpretq_u8_f32(a.low), vreinterpretq_u8_f32(a.high)}};
  return {vreinterpretq_f32_u8(vqtbl2q_u8(table, s.low)), vreinterpretq_f32_u8(vqtbl2q_u8(table, s.high))};
}

/// Σ lanes, halves folded in a fixed order.
inline float total(Vector a) {
  const float32x4_t four = vaddq_f32(a.low, a.high);
  return vpadds_f32(vadd_f32(vget_low_f32(four), vget_high_f32(four)));
}

/// The lanes in float64.
struct Wide {
  float64x2_t pairs[4];
};

inline Wide wide_zero() { return {{vdupq_n_f64(0), vdupq_n_f64(0), vdupq_n_f64(0), vdupq_n_f64(0)}}; }
inline Wide widen(Vector a) {
  return {{vcvt_f64_f32(vget_low_f32(a.low)), vcvt_high_f64_f32(a.low), vcvt_f64_f32(vget_low_f32(a.high)),
           vcvt_high_f64_f32(a.high)}};
}
inline Wide operator+(Wide a, Wide b) {
  for (int i = 0; i < 4; ++i) a.pairs[i] = vaddq_f64(a.pairs[i], b.pairs[i]);
  return a;
}
inline Wide fma(Wide a, Wide b, Wide c) {
  for (int i = 0; i < 4; ++i) c.pairs[i] = vfmaq_f64(c.pairs[i], a.pairs[i], b.pairs[i]);
  return c;
}
inline double total(Wide a) {
  return vpaddd_f64(vaddq_f64(vaddq_f64(a.pairs[0], a.pairs[2]), vaddq_f64(a.pairs[1], a.pairs[3])));
}

}  // namespace
}  // namespace deepzero::cpu
