// Peak of AVX2 with FMA: independent sums s ← s·m + a, enough of them to hide the latency (16 registers: 12 sums, two
// factors).
#include <immintrin.h>

#include "bench/peak/peak.h"

namespace deepzero::bench {
namespace {

constexpr int kSums = 12;
constexpr int kLanes = 8;

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

}  // namespace

const FmaLoop fma_loop_avx2 = {2.0 * kSums * kLanes, run};

}  // namespace deepzero::bench
