// Output of the convolution on tensor cores: from the registers of the warps through shared memory, where the pixels of
// a channel come together, to device memory, rounded on the way. Where a batch norm reads it next, the block also forms
// Σ y, Σ xc·y and Σ y² of each channel over its tile, of y as it is stored: eight neighbours by a thread, then the
// sixteen threads of a channel by a fixed tree.
#pragma once

#include "cuda/ops/conv2d_tile.cuh"
#include "cuda/reduce.cuh"

namespace deepzero::cuda {
namespace {

/// Floats of a channel in shared memory; sums of a warp go to different banks.
constexpr int kChannelPitch = kMatrixPixels + 4;
/// Threads of a channel.
constexpr int kChannelThreads = kMatrixPixels / kVector;

/// Sums of a warp, times `scale`, by fragments: rows lane / 4 and 8 more of each sixteen pixels, columns 2·(lane mod 4)
/// and the next of each eight channels.
template <int kOut>
__device__ void warp_leave_output(const float (&sums)[2][kOut / 8][4], float scale, float* output) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp, warp = static_cast<int>(threadIdx.x) / kWarp;
  for (int m = 0; m < 2; ++m)
    for (int n = 0; n < kOut / 8; ++n)
      for (int i = 0; i < 4; ++i) {
        const int pixel = warp * 32 + m * 16 + i / 2 * 8 + lane / 4, o = n * 8 + lane % 4 * 2 + i % 2;
        output[o * kChannelPitch + pixel] = sums[m][n][i] * scale;
      }
}

/// Where pixel `pixel` of the tile lies in a tensor's channel 0 of image 0 of the query, in numbers; −1 behind the
/// image's edge or the query's last image.
template <class T>
__device__ std::ptrdiff_t pixel_place(const MatrixConvolution<T>& c, const BlockPlace& b, int pixel) {
  const Tile& t = c.tile;
  const int image = b.first + pixel / (t.h * t.w), h = b.h + pixel / t.w % t.h, w = b.w + pixel % t.w;
  if (image >= b.end || h >= c.g.out_h || w >= c.g.out_w) return -1;
  return (static_cast<std::ptrdiff_t>(image) * c.g.out_c * c.g.out_h + h) * c.g.out_w + w;
}

template <int kOut, class T>
__device__ void block_store_output(const MatrixConvolution<T>& c, const BlockPlace& b, const float* output) {
  const int thread = static_cast<int>(threadIdx.x), segment = thread % kChannelThreads;
  const std::ptrdiff_t plane = static_cast<std::ptrdiff_t>(c.g.out_h) * c.g.out_w;
  const std::ptrdiff_t query = static_cast<std::ptrdiff_t>(b.query) * c.count * c.g.out_c * plane;
  const std::ptrdiff_t vector = c.wide_out ? pixel_place(c, b, segment * kVector) : -1;
  Writer<T> writer(c.y);
  for (int local = thread / kChannelThreads; local < kOut; local += kMatrixThreads / kChannelThreads) {
    const int o = b.out + local;
    const float* from = output + local * kChannelPitch + segment * kVector;
    float total[3] = {};
    if (o < c.g.out_c && vector >= 0) {
      const float4 low = *reinterpret_cast<const float4*>(from), high = *reinterpret_cast<const float4*>(from + 4);
      const float values[kVector] = {low.x, low.y, low.z, low.w, high.x, high.y, high.z, high.w};
      const std::ptrdiff_t at = vector + o * plane;
      writer.put_vector(static_cast<std::size_t>(query + at), values);
      if (c.xc != nullptr) {
        float xc[kVector];
        load_vector(c.xc + at, xc);
        for (int e = 0; e < kVector; ++e) add_sums(total, widened(rounded<T>(values[e])), xc[e]);
      }
    } else if (o < c.g.out_c && !c.wide_out) {
      for (int e = 0; e < kVector; ++e) {
        const std::ptrdiff_t pixel = pixel_place(c, b, segment * kVector + e);
        if (pixel < 0) continue;
        const std::ptrdiff_t at = pixel + o * plane;
        writer.put(static_cast<std::size_t>(query + at), from[e]);
        if (c.xc != nullptr) add_sums(total, widened(rounded<T>(from[e])), c.xc[at]);
      }
    }
    if (c.xc == nullptr) continue;
    for (int k = 0; k < 3; ++k)
      for (int step = kChannelThreads / 2; step > 0; step /= 2)
        total[k] += __shfl_xor_sync(0xffffffffu, total[k], step);
    if (segment != 0 || o >= c.g.out_c) continue;
    float* const to = c.sums + ((static_cast<std::size_t>(b.query) * c.g.out_c + o) * c.tile.per_query() + b.part) * 3;
    for (int k = 0; k < 3; ++k) to[k] = total[k];
  }
  writer.finish(b.query);
}

}  // namespace
}  // namespace deepzero::cuda
