// Peak of NEON's fused multiply-add: independent sums s ← s + m·a, as it adds to its target, enough of them to hide the
// latency (32 registers: 24 sums, two factors).
#include <arm_neon.h>

#include "bench/peak/peak.h"

namespace deepzero::bench {
namespace {

constexpr int kSums = 24;
constexpr int kLanes = 4;
constexpr int kReads = 8;  // sums of dot()

void run(std::size_t rounds, float* sink) {
  const float32x4_t m = vdupq_n_f32(0.999f), a = vdupq_n_f32(0.001f);
  float32x4_t sums[kSums];
#pragma GCC unroll 24
  for (int i = 0; i < kSums; ++i) sums[i] = vdupq_n_f32(static_cast<float>(i));
  for (std::size_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 24
    for (int i = 0; i < kSums; ++i) {
      sums[i] = vfmaq_f32(sums[i], m, a);
      __asm__ volatile("" : "+w"(sums[i]));  // keeps each step where it is, in a register
    }
  }
  float32x4_t total = sums[0];
#pragma GCC unroll 24
  for (int i = 1; i < kSums; ++i) total = vaddq_f32(total, sums[i]);
  vst1q_f32(sink, total);
}

void triad(const float* b, const float* c, float s, std::size_t n, float* a) {
  const float32x4_t factor = vdupq_n_f32(s);
  for (std::size_t i = 0; i < n; i += kLanes) vst1q_f32(a + i, vfmaq_f32(vld1q_f32(b + i), factor, vld1q_f32(c + i)));
}

void dot(const float* b, const float* c, std::size_t n, float* sink) {
  float32x4_t sums[kReads];
#pragma GCC unroll 8
  for (int i = 0; i < kReads; ++i) sums[i] = vdupq_n_f32(0);
  for (std::size_t at = 0; at < n; at += kReads * kLanes) {
#pragma GCC unroll 8
    for (int i = 0; i < kReads; ++i)
      sums[i] = vfmaq_f32(sums[i], vld1q_f32(b + at + i * kLanes), vld1q_f32(c + at + i * kLanes));
  }
  for (int i = 1; i < kReads; ++i) sums[0] = vaddq_f32(sums[0], sums[i]);
  vst1q_f32(sink, sums[0]);
}

}  // namespace

const PeakLoops peak_loops_neon = {2.0 * kSums * kLanes, run, triad, dot};

}  // namespace deepzero::bench
