// Eight neighbours at a time: 16 bytes of a stored difference of two bytes each, 32 of base features. A vector begins
// at a multiple of eight; of neighbours that are none, those are read whose bit is set, the others are 0.
#pragma once

#include "cuda/stored.cuh"

namespace deepzero::cuda {

inline constexpr int kVector = 8;

/// Two numbers in a word.
template <class T>
__device__ void load_vector(const T* from, std::uint32_t (&to)[kVector / 2]) {
  const uint4 v = *reinterpret_cast<const uint4*>(from);
  to[0] = v.x, to[1] = v.y, to[2] = v.z, to[3] = v.w;
}
__device__ inline void load_vector(const float* from, float (&to)[kVector]) {
  const float4 low = *reinterpret_cast<const float4*>(from), high = *reinterpret_cast<const float4*>(from + 4);
  to[0] = low.x, to[1] = low.y, to[2] = low.z, to[3] = low.w;
  to[4] = high.x, to[5] = high.y, to[6] = high.z, to[7] = high.w;
}

/// As floats.
template <class T>
__device__ void load_widened(const T* from, float (&to)[kVector]) {
  if constexpr (std::is_same_v<T, float>) {
    load_vector(from, to);
  } else {
    std::uint32_t words[kVector / 2];
    load_vector(from, words);
    for (int e = 0; e < kVector; ++e) to[e] = widened(unpack<T>(words[e / 2], e % 2));
  }
}

/// Past the first-level cache: what no other block reads soon.
__device__ inline void load_vector_once(const uint4* from, std::uint32_t (&to)[kVector / 2]) {
#if defined(__CUDACC__)
  const uint4 v = __ldcg(from);
#else
  const uint4 v = *from;
#endif
  to[0] = v.x, to[1] = v.y, to[2] = v.z, to[3] = v.w;
}

/// Base features that no block beside reads soon: they leave the first-level cache to what all blocks read.
__device__ inline void load_vector_once(const float* from, float (&to)[kVector]) {
#if defined(__CUDACC__)
  asm("ld.global.L1::no_allocate.v4.f32 {%0, %1, %2, %3}, [%4];"
      : "=f"(to[0]), "=f"(to[1]), "=f"(to[2]), "=f"(to[3])
      : "l"(from));
  asm("ld.global.L1::no_allocate.v4.f32 {%0, %1, %2, %3}, [%4];"
      : "=f"(to[4]), "=f"(to[5]), "=f"(to[6]), "=f"(to[7])
      : "l"(from + 4));
#else
  load_vector(from, to);
#endif
}

template <class T>
__device__ void load_neighbours(const T* from, unsigned inside, std::uint32_t (&to)[kVector / 2]) {
  const auto number = [&](int e) { return (inside >> e & 1) != 0 ? from[e] : rounded<T>(0); };
  for (int e = 0; e < kVector; e += 2) to[e / 2] = pack(number(e), number(e + 1));
}
__device__ inline void load_neighbours(const float* from, unsigned inside, float (&to)[kVector]) {
  for (int e = 0; e < kVector; ++e) to[e] = (inside >> e & 1) != 0 ? from[e] : 0;
}

}  // namespace deepzero::cuda
