// Convolution of a half-precision difference in one channel into all output channels. A thread takes eight neighbours
// of a row of output pixels, widens what they see once and goes through up to 32 output channels, whose float32 weights
// are in shared memory. Every sum runs over kernel row, kernel column, as in convolve(). Where a batch norm reads the
// output next, a warp also forms Σ y, Σ xc·y and Σ y² of each channel over its 256 pixels, of y as it is stored: eight
// neighbours by a thread, then the warp by a fixed tree.
#pragma once

#include "cuda/ops/conv2d_epilogue.cuh"

namespace deepzero::cuda {
namespace {

/// Of a block, one per warp: they read the same base features, from the first-level cache.
constexpr int kFanQueries = 4;
constexpr int kFanThreads = kFanQueries * kWarp;
constexpr int kFanOut = 32;   ///< output channels of a block, at most
constexpr int kFanGroup = 4;  ///< output channels whose sums go through the warp together

template <class T>
struct FanOut {
  ConvGeometry g;
  int queries, count;
  int parts;            ///< warps' shares of a query's pixels
  const T* d;           ///< [Q][N][in_h][in_w]
  const float* weight;  ///< [out_c][row], from the channel of d on
  int row;
  T* y;               ///< [Q][N][out_c][out_h][out_w]
  unsigned* largest;  ///< as in a Destination
  const float* xc;    ///< of the batch norm that reads y, [N][out_c][out_h][out_w]; null: no sums
  float* sums;        ///< [Q][out_c][parts][3]: Σ y, Σ xc·y, Σ y²
};

/// Kernels of one and three in steps of one and two that keep planes or halve them, of rows that are vectors.
inline bool fans_out(const ConvGeometry& g) {
  return g.kernel_h == g.kernel_w && (g.kernel_h == 1 || g.kernel_h == 3) && g.stride_h == g.stride_w &&
         (g.stride_h == 1 || g.stride_h == 2) && g.pad_h == g.kernel_h / 2 && g.pad_w == g.kernel_w / 2 &&
         g.out_w % kVector == 0 && g.in_w == g.out_w * g.stride_w;
}

/// Warps' shares of a query's pixels.
inline int fan_parts(const ConvGeometry& g, int count) {
  const int vectors = g.out_h * g.out_w / kVector;
  return (vectors * count + kWarp - 1) / kWarp;
}

/// Where a thread's vector lies; one behind the query's last is that one with `inside` false, as in a query behind the
/// last.
struct FanPlace {
  int query, part;
  int out;  ///< first output channel of the block
  bool inside;
  int image, h, w;
};

/// A block's number counts queries fastest.
template <class T>
__device__ FanPlace fan_place(const FanOut<T>& c) {
  const unsigned warp = threadIdx.x / kWarp, lane = threadIdx.x % kWarp;
  const unsigned groups = static_cast<unsigned>(c.queries + kFanQueries - 1) / kFanQueries;
  const unsigned part = blockIdx.x / groups, across = static_cast<unsigned>(c.g.out_w) / kVector;
  const unsigned of_image = static_cast<unsigned>(c.g.out_h) * across;
  const unsigned last = of_image * static_cast<unsigned>(c.count) - 1, vector = part * kWarp + lane;
  const unsigned at = vector < last ? vector : last, image = at / of_image, in_image = at - image * of_image;
  const unsigned h = in_image / across;
  const int query = static_cast<int>((blockIdx.x - part * groups) * kFanQueries + warp);
  return {.query = query,
          .part = static_cast<int>(part),
          .out = static_cast<int>(blockIdx.y) * kFanOut,
          .inside = vector <= last && query < c.queries,
          .image = static_cast<int>(image),
          .h = static_cast<int>(h),
          .w = static_cast<int>((in_image - h * across) * kVector)};
}

/// What eight neighbours see of the input, rows and columns.
template <int kKernel, int kStride>
constexpr int kFanColumns = (kVector - 1) * kStride + kKernel;

/// Zeros beside the input, and everywhere for a thread without a vector.
template <int kKernel, int kStride, class T>
__device__ void load_seen(const FanOut<T>& c, const FanPlace& p,
                          float (&seen)[kKernel][kFanColumns<kKernel, kStride>]) {
  constexpr int pad = kKernel / 2, columns = kFanColumns<kKernel, kStride>;
  const T* image = c.d + (static_cast<std::ptrdiff_t>(p.query) * c.count + p.image) * c.g.in_h * c.g.in_w;
  const int left = p.w * kStride;
  for (int kh = 0; kh < kKernel; ++kh) {
    const int h = p.h * kStride + kh - pad;
    const bool is = p.inside && h >= 0 && h < c.g.in_h;
    const T* from = image + static_cast<std::ptrdiff_t>(h) * c.g.in_w + left;
    std::uint32_t words[kStride][kVector / 2] = {};
    for (int v = 0; v < kStride; ++v)
      if (is) load_vector(from + v * kVector, words[v]);
    for (int i = 0; i < columns; ++i) {
      const int column = i - pad;
      if (column < 0)
        seen[kh][i] = is && left + column >= 0 ? widened(from[column]) : 0;
      else if (column >= kStride * kVector)
        seen[kh][i] = is && left + column < c.g.in_w ? widened(from[column]) : 0;
      else
        seen[kh][i] = widened(unpack<T>(words[column / kVector][column % kVector / 2], column % 2));
    }
  }
}

/// Floats of an output channel's weights in shared memory: vectors of four.
template <int kKernel>
constexpr int kFanPitch = (kKernel * kKernel + 3) / 4 * 4;

/// Weights [kFanOut][pitch] of output channels from `out` on; zeros behind the last, and behind a channel's last.
template <int kKernel, class T>
__device__ void block_load_fan(const FanOut<T>& c, int out, float* weights) {
  constexpr int taps = kKernel * kKernel, pitch = kFanPitch<kKernel>;
  static_assert(pitch * kFanOut % kFanThreads == 0);
  for (int first = 0; first < pitch * kFanOut; first += kFanThreads) {
    const int i = first + static_cast<int>(threadIdx.x), o = out + i / pitch, tap = i % pitch;
    weights[i] = o < c.g.out_c && tap < taps ? c.weight[static_cast<std::size_t>(o) * c.row + tap] : 0;
  }
}

/// Sums of several numbers, a power of two, over the lanes of a warp: each stretch of kWarp / kCount lanes gets one, in
/// order. In every step but the last ones a lane gives half of its numbers away.
template <int kCount>
__device__ float warp_sums(float (&values)[kCount]) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  int step = kWarp / 2;
  for (int half = kCount / 2; half > 0; half /= 2, step /= 2) {
    const bool upper = (lane & step) != 0;
    for (int i = 0; i < half; ++i) {
      const float kept = upper ? values[half + i] : values[i], given = upper ? values[i] : values[half + i];
      values[i] = kept + __shfl_xor_sync(0xffffffffu, given, step);
    }
  }
  for (; step > 0; step /= 2) values[0] += __shfl_xor_sync(0xffffffffu, values[0], step);
  return values[0];
}

/// Of output channels from `out` on, by a warp.
template <class T>
__device__ void warp_leave_sums(const FanOut<T>& c, const FanPlace& p, int out, const float (&totals)[kFanGroup][3]) {
  constexpr int lanes = kWarp / kFanGroup;
  const int lane = static_cast<int>(threadIdx.x) % kWarp, o = out + lane / lanes;
  float all[3];
  for (int k = 0; k < 3; ++k) {
    float values[kFanGroup];
    for (int i = 0; i < kFanGroup; ++i) values[i] = totals[i][k];
    all[k] = warp_sums(values);
  }
  if (lane % lanes != 0 || o >= c.g.out_c) return;
  float* const to = c.sums + ((static_cast<std::size_t>(p.query) * c.g.out_c + o) * c.parts + p.part) * 3;
  for (int k = 0; k < 3; ++k) to[k] = all[k];
}

/// An output channel of eight neighbours.
template <int kKernel, int kStride>
__device__ void convolve_seen(const float (&seen)[kKernel][kFanColumns<kKernel, kStride>], const float* weights,
                              float (&values)[kVector]) {
  constexpr int pitch = kFanPitch<kKernel>;
  float w[pitch];
  for (int i = 0; i < pitch; i += 4) {
    const float4 four = *reinterpret_cast<const float4*>(weights + i);
    w[i] = four.x, w[i + 1] = four.y, w[i + 2] = four.z, w[i + 3] = four.w;
  }
  for (float& value : values) value = 0;
  for (int kh = 0; kh < kKernel; ++kh)
    for (int kw = 0; kw < kKernel; ++kw)
      for (int e = 0; e < kVector; ++e) values[e] = fmaf(w[kh * kKernel + kw], seen[kh][e * kStride + kw], values[e]);
}

/// Blocks that a multiprocessor's registers hold.
template <int kStride>
constexpr int kFanBlocks = kStride == 1 ? 5 : 4;

/// grid: groups of queries × parts, groups of output channels. Shared: weights [kFanOut][kFanPitch].
template <int kKernel, int kStride, bool kSums, class T>
__global__ void __launch_bounds__(kFanThreads, kFanBlocks<kStride>) fan_out(FanOut<T> c) {
  auto* const weights = shared_memory<float>();
  const FanPlace p = fan_place(c);
  float seen[kKernel][kFanColumns<kKernel, kStride>];
  load_seen<kKernel, kStride>(c, p, seen);
  block_load_fan<kKernel>(c, p.out, weights);
  __syncthreads();
  if (p.query >= c.queries) return;  // the whole warp

  const std::ptrdiff_t plane = static_cast<std::ptrdiff_t>(c.g.out_h) * c.g.out_w;
  const std::ptrdiff_t at = (static_cast<std::ptrdiff_t>(p.image) * c.g.out_c + p.out) * plane + p.h * c.g.out_w + p.w;
  T* y = c.y + static_cast<std::ptrdiff_t>(p.query) * c.count * c.g.out_c * plane + at;
  const float* from = kSums ? c.xc + at : nullptr;
  const int outs = c.g.out_c - p.out < kFanOut ? c.g.out_c - p.out : kFanOut;
  Largest<T> largest;
  for (int first = 0; first < outs; first += kFanGroup) {
    float totals[kFanGroup][3] = {};
    for (int o = 0; o < kFanGroup && first + o < outs; ++o) {
      float xc[kVector], values[kVector];
      if constexpr (kSums) load_vector(from, xc);  // in flight while the output is computed
      convolve_seen<kKernel, kStride>(seen, weights + (first + o) * kFanPitch<kKernel>, values);
      std::uint32_t words[kVector / 2];
      for (int i = 0; i < kVector / 2; ++i) words[i] = pack_rounded<T>(values[2 * i], values[2 * i + 1]);
      for (const float value : values) largest.see(value);
      if (p.inside) *reinterpret_cast<uint4*>(y) = {words[0], words[1], words[2], words[3]};
      y += plane;
      if constexpr (kSums) {
        from += plane;
        for (int e = 0; e < kVector; ++e) add_sums(totals[o], widened(unpack<T>(words[e / 2], e % 2)), xc[e]);
      }
    }
    if constexpr (kSums) warp_leave_sums(c, p, p.out + first, totals);
  }
  largest.keep(c.largest, p.query);
}

template <int kKernel, int kStride, class T>
void launch_fan_out(const Stream& stream, const FanOut<T>& c) {
  const auto kernel = c.xc != nullptr ? fan_out<kKernel, kStride, true, T> : fan_out<kKernel, kStride, false, T>;
  const auto groups = static_cast<unsigned>((c.queries + kFanQueries - 1) / kFanQueries);
  const auto slices = static_cast<unsigned>((c.g.out_c + kFanOut - 1) / kFanOut);
  launch("fan_out", kernel, dim3(groups * static_cast<unsigned>(c.parts), slices), kFanThreads,
         sizeof(float) * kFanOut * kFanPitch<kKernel>, stream, c);
}

/// Of a convolution that fans_out().
template <class T>
void launch_fan_out(const Stream& stream, const FanOut<T>& c) {
  require_shape(fans_out(c.g), "fan_out");
  if (c.g.kernel_h == 3)
    c.g.stride_h == 1 ? launch_fan_out<3, 1>(stream, c) : launch_fan_out<3, 2>(stream, c);
  else
    c.g.stride_h == 1 ? launch_fan_out<1, 1>(stream, c) : launch_fan_out<1, 2>(stream, c);
}

}  // namespace
}  // namespace deepzero::cuda
