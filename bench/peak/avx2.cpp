// Peak of AVX2 with FMA: independent sums s ← s·m + a, enough of them to hide the latency (16 registers: 12 sums, two
// factors).
#include <immintrin.h>

#include "bench/peak/peak.h"

namespace deepzero::bench {
namespace {

constexpr int kSums = 12;
constexpr int kLanes = 8;
constexpr int kReads = 8;  // sums of dot()

void run(std::size_t rounds, float* sink) {
  const __m256 m = _mm256_set1_ps(0.999f), a = _mm256_set1_ps(0.001f);
  __m256 sums[kSums];
#pragma GCC unroll 12
  for (int i = 0; i < kSums; ++i) sums[i] = _mm256_set1_ps(static_cast<float>(i));
  for (std::size_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (int i = 0; i < kSums; ++i) {
      sums[i] = _mm256_fmadd_ps(sums[i], m, a);
      __asm__ volatile("" : "+x"(sums[i]));  // keeps each step where it is, in a register
    }
  }
  __m256 total = sums[0];
#pragma GCC unroll 12
  for (int i = 1; i < kSums; ++i) total = _mm256_add_ps(total, sums[i]);
  _mm256_storeu_ps(sink, total);
}

void triad(const float* b, const float* c, float s, std::size_t n, float* a) {
  const __m256 factor = _mm256_set1_ps(s);
  for (std::size_t i = 0; i < n; i += kLanes)
    _mm256_storeu_ps(a + i, _mm256_fmadd_ps(factor, _mm256_loadu_ps(c + i), _mm256_loadu_ps(b + i)));
}

void dot(const float* b, const float* c, std::size_t n, float* sink) {
  __m256 sums[kReads];
#pragma GCC unroll 8
  for (int i = 0; i < kReads; ++i) sums[i] = _mm256_setzero_ps();
  for (std::size_t at = 0; at < n; at += kReads * kLanes) {
#pragma GCC unroll 8
    for (int i = 0; i < kReads; ++i)
      sums[i] = _mm256_fmadd_ps(_mm256_loadu_ps(b + at + i * kLanes), _mm256_loadu_ps(c + at + i * kLanes), sums[i]);
  }
  for (int i = 1; i < kReads; ++i) sums[0] = _mm256_add_ps(sums[0], sums[i]);
  _mm256_storeu_ps(sink, sums[0]);
}

}  // namespace

const PeakLoops peak_loops_avx2 = {2.0 * kSums * kLanes, run, triad, dot};

}  // namespace deepzero::bench
