// Kernels of cuda/ops/conv2d_strips.h. Differences and weights are T, float16 or bfloat16; sums are float32. A block
// takes some times sixteen output channels of some bands of a query.
#pragma once

#include "cuda/elements.cuh"
#include "cuda/matrix.cuh"
#include "cuda/ops/conv2d_packing.cuh"
#include "cuda/ops/conv2d_strips_input.cuh"
#include "cuda/ops/conv2d_strips_output.cuh"

namespace deepzero::cuda {
namespace {

/// Adds the products of sixteen input channels. `input`: the lane's word of the tile's first row and pixel for the tap
/// on the left above, per strip. `packed`: of the lane.
template <class S, class T>
__device__ void warp_multiply_strips(const std::uint32_t* const (&input)[S::kWarpStrips], const uint4* packed,
                                     int tiles, float (&sums)[S::kWarpStrips][S::kRows][4]) {
  DEEPZERO_UNROLL
  for (int kw = 0; kw < 3; ++kw) {
    std::uint32_t a[3][4];
    DEEPZERO_UNROLL
    for (int kh = 0; kh < 3; ++kh) {
      const uint4 words = packed[(kw * 3 + kh) * tiles * kWarp];
      a[kh][0] = words.x, a[kh][1] = words.y, a[kh][2] = words.z, a[kh][3] = words.w;
    }
    DEEPZERO_UNROLL
    for (int row = 0; row < S::kBandRows; ++row) {
      DEEPZERO_UNROLL
      for (int strip = 0; strip < S::kWarpStrips; ++strip) {
        const std::uint32_t* const from = input[strip] + row * S::kPitch + kw;
        const std::uint32_t pixels[2] = {from[0], from[4 * S::kPair]};
        DEEPZERO_UNROLL
        for (int kh = 0; kh < 3; ++kh) {
          const int at = row - kh;  // times the stride
          if (at >= 0 && at % S::kStep == 0 && at / S::kStep < S::kRows)
            warp_multiply<T>(sums[strip][at / S::kStep], a[kh], pixels);
        }
      }
    }
  }
}

/// grid: as in StripPlace.
template <class S, class T>
__global__ void __launch_bounds__(S::kThreads, S::kBlocks) convolve_strips(StripConvolution<T> c) {
  auto* const memory = shared_memory<std::uint32_t>();
  const int lane = static_cast<int>(threadIdx.x) % kWarp, warp = static_cast<int>(threadIdx.x) / kWarp;
  const StripPlace place = strip_place<S>(c);
  if (place.part >= c.parts) return;
  const int tile = place.tile + warp % S::kTiles, first_strip = warp / S::kTiles * S::kWarpStrips;

  const std::uint32_t* input[S::kWarpStrips];
  DEEPZERO_UNROLL
  for (int i = 0; i < S::kWarpStrips; ++i) {
    const int band = (first_strip + i) / S::kAcross, across = (first_strip + i) % S::kAcross;
    input[i] =
        memory + lane % 4 * S::kPair + band * S::kBandRows * S::kPitch + 3 + (across * kVector + lane / 4) * S::kStep;
  }
  const uint4* packed = reinterpret_cast<const uint4*>(c.packed) + tile * kWarp + lane;

  Largest<T> largest;  // of what is normalised here
  const auto stage = [&](int first) {
    const int left = (c.channels - first + kTile - 1) / kTile, most = S::kStaged / kTile;
    const int chunks = left < most ? left : most;
    block_stage_strips<S>(c, place, first, chunks * kTile / 2, memory, largest);
    __syncthreads();
    return chunks;
  };
  int chunks = stage(0);
  // Behind the input, which needs the registers that these take.
  float sums[S::kWarpStrips][S::kRows][4] = {};
  for (int first = 0;;) {
    for (int chunk = 0; chunk < chunks; ++chunk) {
      const std::uint32_t* from[S::kWarpStrips];
      DEEPZERO_UNROLL
      for (int i = 0; i < S::kWarpStrips; ++i) from[i] = input[i] + chunk * (kTile / 2) * S::kPair;
      warp_multiply_strips<S, T>(from, packed, c.tiles, sums);
      packed += 9 * c.tiles * kWarp;
    }
    first += S::kStaged;
    if (!S::kInParts || first >= c.channels) break;
    __syncthreads();
    chunks = stage(first);
  }
  if (c.normalised.coefficients != nullptr) largest.keep(c.normalised.largest, place.query);

  const bool whole = c.y.whole != nullptr;
  __syncthreads();  // the input may still be read
  const std::uint32_t ored =
      warp_leave_strips<S, T>(sums, packing_scale(c.largest_weight).inverse, first_strip, whole,
                              memory + warp % S::kTiles * kTile * S::kOutPitch * (whole ? 2 : 1));
  if (whole) {
    __syncthreads();
    return block_store_whole<S>(c, place, reinterpret_cast<const float*>(memory));
  }
  StripOutput<S, T> output(c, place);
  __syncthreads();
  output.store(memory, ored);
}

/// packed[chunk][kw][kh][tile][lane][word][2]: of each sixteen output and sixteen input channels what a lane gives to
/// the tensor cores; zeros where there is no weight.
template <class T>
struct PackFragments {
  const float* weight;  ///< [out_c][channels][3][3]
  const unsigned* largest_weight;
  int out_c, tiles, channels;
  T* packed;
  __device__ void operator()(const Element& e) const {
    const int word = e.i / 2 % 4, lane = e.i / 8 % kWarp, rest = e.i / (8 * kWarp);
    const int tile = rest % tiles, kh = rest / tiles % 3, kw = rest / tiles / 3 % 3, chunk = rest / tiles / 9;
    const int o = tile * kTile + lane / 4 + word % 2 * 8;
    const int channel = chunk * kTile + lane % 4 * 2 + word / 2 * 8 + e.i % 2;
    const bool is = o < out_c && channel < channels;
    const float w = is ? weight[((static_cast<std::size_t>(o) * channels + channel) * 3 + kh) * 3 + kw] : 0.0f;
    packed[e.i] = rounded<T>(w * packing_scale(largest_weight).scale);
  }
};

}  // namespace
}  // namespace deepzero::cuda
