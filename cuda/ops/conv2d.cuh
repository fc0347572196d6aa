// Convolution of any kernel, stride and padding in float32: one thread per output pixel and kOut output channels, whose
// weights pass through shared memory. Every sum runs over input channel, kernel row, kernel column.
#pragma once

#include "cuda/elements.cuh"
#include "cuda/ops/conv2d_geometry.h"

namespace deepzero::cuda {
namespace {

template <class T>
struct Convolution {
  ConvGeometry g;
  const T* x;  ///< [images][channels][in_h][in_w]
  int channels;
  const float* weight;  ///< [out_c][row], from the first channel of x on
  int row;
  const float* bias;  ///< [out_c] or null
  bool add;           ///< to what is in y
  Destination<T> y;   ///< [images][out_c][out_h][out_w]
};

constexpr int kConvPixels = 128;
constexpr int kConvOut = 16;  ///< sums of a thread, in registers
/// Taps whose weights are in shared memory at once: 8 KiB.
constexpr int kConvTaps = 128;
constexpr std::size_t kConvShared = sizeof(float) * kConvTaps * kConvOut;

/// Weights of taps first … first + taps − 1 and output channels out … out + kConvOut − 1; zeros behind the last.
template <class T>
__device__ void block_load_weights(const Convolution<T>& c, int first, int taps, int out, float* weights) {
  for (int i = static_cast<int>(threadIdx.x); i < taps * kConvOut; i += kConvPixels) {
    const int o = out + i % kConvOut;
    weights[i] = o < c.g.out_c ? c.weight[static_cast<std::size_t>(o) * c.row + first + i / kConvOut] : 0;
  }
}

/// grid: images·tiles × groups of output channels; `count` images per query.
template <class T>
__global__ void convolve(Convolution<T> c, int tiles, int count) {
  const ConvGeometry& g = c.g;
  auto* weights = shared_memory<float>();  // [kConvTaps][kConvOut]
  const std::size_t image = blockIdx.x / tiles;
  const int pixel = static_cast<int>(blockIdx.x) % tiles * kConvPixels + static_cast<int>(threadIdx.x);
  const int out = static_cast<int>(blockIdx.y) * kConvOut, plane = g.out_h * g.out_w;
  const int top = pixel / g.out_w * g.stride_h - g.pad_h, left = pixel % g.out_w * g.stride_w - g.pad_w;
  const T* x = c.x + image * c.channels * g.in_h * g.in_w;

  float sums[kConvOut] = {};
  const int all = c.channels * g.kernel_h * g.kernel_w;
  int ci = 0, kh = 0, kw = 0;
  for (int first = 0; first < all; first += kConvTaps) {
    const int taps = all - first < kConvTaps ? all - first : kConvTaps;
    __syncthreads();  // the weights before these may still be read
    block_load_weights(c, first, taps, out, weights);
    __syncthreads();
    for (int tap = 0; tap < taps; ++tap) {
      const int h = top + kh, w = left + kw;
      const bool inside = pixel < plane && h >= 0 && h < g.in_h && w >= 0 && w < g.in_w;
      const float value = inside ? widened(x[(ci * g.in_h + h) * g.in_w + w]) : 0;
      for (int o = 0; o < kConvOut; ++o) sums[o] = fmaf(weights[tap * kConvOut + o], value, sums[o]);
      if (++kw == g.kernel_w) {
        kw = 0;
        if (++kh == g.kernel_h) kh = 0, ++ci;
      }
    }
  }
  Writer<T> writer(c.y);
  for (int o = 0; o < kConvOut && out + o < g.out_c && pixel < plane; ++o) {
    const std::size_t at = (image * g.out_c + out + o) * plane + pixel;
    writer.put(at, (c.add ? widened(c.y.stored[at]) : 0.0f) + (c.bias != nullptr ? c.bias[out + o] : 0.0f) + sums[o]);
  }
  writer.finish(static_cast<int>(image) / count);
}

/// out[q][n] = sign · (input channel of q's element, shifted by its tap); sign alone without x.
struct ConvSeed {
  ConvGeometry g;
  const float* x;  ///< base input [N][channels][in_h][in_w] or null
  int channels;
  const std::uint32_t* elements;  ///< [Q]
  float sign;
  __device__ float operator()(const Element& e) const {
    if (x == nullptr) return sign;
    const int element = static_cast<int>(elements[e.query]);
    const int kw = element % g.kernel_w, kh = element / g.kernel_w % g.kernel_h;
    const int ci = element / (g.kernel_w * g.kernel_h);
    const int h = e.i / g.out_w * g.stride_h + kh - g.pad_h, w = e.i % g.out_w * g.stride_w + kw - g.pad_w;
    const std::size_t plane = static_cast<std::size_t>(e.image) * channels + ci;
    const bool inside = h >= 0 && h < g.in_h && w >= 0 && w < g.in_w;
    return inside ? sign * x[(plane * g.in_h + h) * g.in_w + w] : 0;
  }
};

}  // namespace
}  // namespace deepzero::cuda
