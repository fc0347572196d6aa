// The warp's matrix operations, on the host: ldmatrix of four 8×8 tiles of 16-bit numbers, and mma.m16n8k16 of float16
// or bfloat16 with float32 sums. The layout of fragments over lanes is that of the PTX manual.
#pragma once

#include <cstdint>
#include <source_location>

namespace simt {

/// Lane l gives the address of row l mod 8 of tile l / 8, 16 bytes; it gets two neighbours of row l / 4 of each tile.
void load_matrices(std::uint32_t (&tiles)[4], const void* row, const std::source_location& where);

/// c[16][8] += a[16][16]·b[16][8]; numbers are __half or __nv_bfloat16.
template <class T>
void multiply(float (&c)[4], const std::uint32_t (&a)[4], const std::uint32_t (&b)[2],
              const std::source_location& where);

}  // namespace simt
