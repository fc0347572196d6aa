// Peak of the platform's baseline (SSE2 on x86-64, NEON on arm64), which the scalar twins are compiled for:
// independent sums s ← s·m + a in 128-bit registers, multiplication and addition apart as everywhere in cpu/.
#include <cstring>

#include "bench/peak/peak.h"

namespace deepzero::bench {
namespace {

typedef float Vector __attribute__((vector_size(16)));

constexpr int kSums = 12;  // of 16 registers at least
constexpr int kLanes = 4;
constexpr int kReads = 8;  // sums of dot()

#if defined(__aarch64__)
#define DEEPZERO_KEEP(v) __asm__ volatile("" : "+w"(v))
#elif defined(__x86_64__)
#define DEEPZERO_KEEP(v) __asm__ volatile("" : "+x"(v))
#else
#define DEEPZERO_KEEP(v) __asm__ volatile("" : "+m"(v))
#endif

void run(std::size_t rounds, float* sink) {
  const Vector m = {0.999f, 0.999f, 0.999f, 0.999f}, a = {0.001f, 0.001f, 0.001f, 0.001f};
  Vector sums[kSums];
#pragma GCC unroll 12
  for (int i = 0; i < kSums; ++i) sums[i] = m * static_cast<float>(i);
  for (std::size_t round = 0; round < rounds; ++round) {
#pragma GCC unroll 12
    for (int i = 0; i < kSums; ++i) {
      sums[i] = sums[i] * m + a;
      DEEPZERO_KEEP(sums[i]);  // keeps each step where it is, in a register
    }
  }
  Vector total = sums[0];
  for (int i = 1; i < kSums; ++i) total += sums[i];
  for (int lane = 0; lane < kLanes; ++lane) sink[lane] = total[lane];
}

void triad(const float* b, const float* c, float s, std::size_t n, float* a) {
  for (std::size_t i = 0; i < n; ++i) a[i] = b[i] + s * c[i];
}

void dot(const float* b, const float* c, std::size_t n, float* sink) {
  Vector sums[kReads] = {};
  for (std::size_t at = 0; at < n; at += kReads * kLanes) {
    for (int i = 0; i < kReads; ++i) {
      Vector x, z;
      std::memcpy(&x, b + at + i * kLanes, sizeof x);
      std::memcpy(&z, c + at + i * kLanes, sizeof z);
      sums[i] += x * z;
    }
  }
  for (int lane = 0; lane < kLanes; ++lane) {
    sink[lane] = 0;
    for (int i = 0; i < kReads; ++i) sink[lane] += sums[i][lane];
  }
}

}  // namespace

const PeakLoops peak_loops_scalar = {2.0 * kSums * kLanes, run, triad, dot};

}  // namespace deepzero::bench
