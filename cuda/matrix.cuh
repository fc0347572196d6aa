// Tensor cores: tiles of float16 or bfloat16 from shared memory into the registers of a warp, their product with
// float32 sums, and copies from device to shared memory that run beside. PTX on a GPU of compute capability 8.0 and
// newer, the SIMT runtime's versions in tests. All lanes of the warp must take part.
#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include <cstdint>
#include <source_location>
#include <type_traits>

#include "cuda/launch.cuh"

namespace deepzero::cuda {

/// ldmatrix.x4: lane l gives the address of row l mod 8 of tile l / 8 (16 bytes); it gets elements 2·(l mod 4) and the
/// next of row l / 4 of each tile.
__device__ inline void warp_load_matrices(std::uint32_t (&tiles)[4], const void* row) {
#if defined(__CUDACC__)
  const auto address = static_cast<std::uint32_t>(__cvta_generic_to_shared(row));
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
               : "=r"(tiles[0]), "=r"(tiles[1]), "=r"(tiles[2]), "=r"(tiles[3])
               : "r"(address)
               : "memory");
#else
  simt::load_matrices(tiles, row, std::source_location::current());
#endif
}

/// mma.m16n8k16: c[16][8] += a[16][16]·b[16][8] of numbers T, __half or __nv_bfloat16.
template <class T>
__device__ void warp_multiply(float (&c)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2]) {
#if defined(__CUDACC__)
  if constexpr (std::is_same_v<T, __half>)
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  else
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
        "{%0, %1, %2, %3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
#else
  simt::multiply<T>(c, a, b, std::source_location::current());
#endif
}

/// Sixteen bytes to shared memory; they are there after wait_for_copies() of this thread, for others after a barrier.
__device__ inline void copy_async(void* shared, const void* from) {
#if defined(__CUDACC__)
  const auto address = static_cast<std::uint32_t>(__cvta_generic_to_shared(shared));
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(address), "l"(from) : "memory");
#else
  simt::copy_async(shared, from, 16, 16);
#endif
}

/// Waits for all copies of this thread.
__device__ inline void wait_for_copies() {
#if defined(__CUDACC__)
  asm volatile("cp.async.wait_all;" ::: "memory");
#else
  simt::commit_copies();
  simt::wait_for_copies(0);
#endif
}

}  // namespace deepzero::cuda
