// Peak of AVX-512: independent sums s ← s·m + a, enough of them to hide the latency (32 registers: 24 sums, two
// factors).
#include <immintrin.h>

#include "bench/peak/peak.h"

namespace deepzero::bench {
namespace {

constexpr int kSums = 24;
constexpr int kLanes = 16;

void run(std::size_t rounds, float* sink) {
  const __m512 m = _mm512_set1_ps(0.999f), a = _mm512_set1_ps(0.001f);
  __m512 sums[kSums];
#pragma GCC unroll 24
  for (int i = 0; i < kSums; ++i) sums[i] = _mm512_set1_ps(static_cast<float>(i));
  for (std::size_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 24
    for (int i = 0; i < kSums; ++i) {
      sums[i] = _mm512_fmadd_ps(sums[i], m, a);
      __asm__ volatile("" : "+v"(sums[i]));  // keeps each step where it is, in a register
    }
  }
  __m512 total = sums[0];
#pragma GCC unroll 24
  for (int i = 1; i < kSums; ++i) total = _mm512_add_ps(total, sums[i]);
  _mm512_storeu_ps(sink, total);
}

}  // namespace

const FmaLoop fma_loop_avx512 = {2.0 * kSums * kLanes, run};

}  // namespace deepzero::bench
