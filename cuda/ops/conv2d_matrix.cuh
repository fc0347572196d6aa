// Convolution of a dense difference on tensor cores, as an implicit matrix product: y[pixel][co] = Σ over input channel
// and tap of d[pixel + tap][ci]·w[tap][ci][co]. Differences and weights are T, float16 or bfloat16; sums are float32.
//
// A block takes a tile of at most 128 output pixels (some rows and columns of an image, or several small images) and
// kOut output channels. For sixteen input channels at a time, the part of the input that the tile sees goes through
// registers into shared memory, channels innermost, so that every tap of every pixel is an aligned row for ldmatrix;
// the weights come by asynchronous copies meanwhile.
#pragma once

#include "cuda/matrix.cuh"
#include "cuda/ops/conv2d.cuh"
#include "cuda/reduce.cuh"

namespace deepzero::cuda {
namespace {

constexpr int kMatrixThreads = 128;
constexpr int kMatrixPixels = 128;  ///< of a tile; 32 for each warp
constexpr int kMatrixDepth = 16;    ///< input channels at a time
constexpr int kHalfRow = 8;         ///< numbers of two bytes in 16

struct Tile {
  int images, h, w;          ///< output pixels
  int seen_h, seen_w;        ///< input pixels of each image
  int across, down, groups;  ///< tiles per image, and of the images of a query, which share none with another
  int positions() const { return images * seen_h * seen_w; }
};

template <class T>
struct MatrixConvolution {
  ConvGeometry g;
  Tile tile;
  const T* d;  ///< [Q][N][channels][in_h][in_w]
  int count, channels;
  int out_padded;
  const T* packed;   ///< [channels / 16][taps][out_padded][16]
  Destination<T> y;  ///< [Q][N][out_c][out_h][out_w]
};

/// Where half `part` of row `row` lies, in numbers: the halves of every other four rows are exchanged, so
/// that eight rows one after another fall into different banks.
__device__ int swizzled(int row, int part) { return row * kMatrixDepth + (part ^ (row >> 2 & 1)) * kHalfRow; }

/// The weights of sixteen input channels for kOut output channels from `out` on, in flight when it returns.
template <int kOut, class T>
__device__ void block_fetch_weights(const MatrixConvolution<T>& c, int chunk, int out, T* weights) {
  const int taps = c.g.kernel_h * c.g.kernel_w;
  for (int i = static_cast<int>(threadIdx.x); i < taps * kOut * 2; i += kMatrixThreads) {
    const int row = i / 2, part = i % 2, tap = row / kOut, o = out + row % kOut;
    const std::size_t from = (static_cast<std::size_t>(chunk) * taps + tap) * c.out_padded + o;
    copy_async(weights + swizzled(row, part), c.packed + from * kMatrixDepth + part * kHalfRow);
  }
}

/// The input of the tile, sixteen channels from `first` on, zeros outside the image.
template <class T>
__device__ void block_stage_input(const MatrixConvolution<T>& c, int first_image, int end_image, int top, int left,
                                  int first, T* input) {
  const Tile& t = c.tile;
  const int positions = t.images * t.seen_h * t.seen_w, plane = c.g.in_h * c.g.in_w;
  for (int i = static_cast<int>(threadIdx.x); i < 2 * positions; i += kMatrixThreads) {
    const int part = i / positions, position = i % positions;
    const int image = first_image + position / (t.seen_h * t.seen_w);
    const int h = top + position / t.seen_w % t.seen_h, w = left + position % t.seen_w;
    const bool inside = image < end_image && h >= 0 && h < c.g.in_h && w >= 0 && w < c.g.in_w;
    const int channel = first + part * kHalfRow;
    const std::size_t from = (static_cast<std::size_t>(image) * c.channels + channel) * plane + h * c.g.in_w + w;
    T value[kHalfRow];
    for (int k = 0; k < kHalfRow; ++k)
      value[k] = inside && channel + k < c.channels ? c.d[from + static_cast<std::size_t>(k) * plane] : rounded<T>(0);
    *reinterpret_cast<uint4*>(input + swizzled(position, part)) = {pack(value[0], value[1]), pack(value[2], value[3]),
                                                                   pack(value[4], value[5]), pack(value[6], value[7])};
  }
}

/// grid: tiles × groups of kOut output channels. Shared: weights [taps][kOut][16], input [positions][16].
template <int kOut, class T>
__global__ void __launch_bounds__(kMatrixThreads) convolve_matrix(MatrixConvolution<T> c) {
  const Tile& t = c.tile;
  const int taps = c.g.kernel_h * c.g.kernel_w;
  auto* weights = shared_memory<T>();
  T* input = weights + taps * kOut * kMatrixDepth;
  const int lane = static_cast<int>(threadIdx.x) % kWarp, warp = static_cast<int>(threadIdx.x) / kWarp;
  const int block = static_cast<int>(blockIdx.x), out = static_cast<int>(blockIdx.y) * kOut;
  const int query = block / (t.across * t.down * t.groups);
  const int first_image = query * c.count + block / (t.across * t.down) % t.groups * t.images;
  const int end_image = (query + 1) * c.count;
  const int first_h = block / t.across % t.down * t.h, first_w = block % t.across * t.w;

  // Of the two times sixteen pixels of this warp, where the row that this lane gives to ldmatrix begins.
  int position[2];
  for (int m = 0; m < 2; ++m) {
    const int pixel = warp * 32 + m * 16 + lane % 16;
    const int image = pixel / (t.h * t.w), h = pixel / t.w % t.h, w = pixel % t.w;
    position[m] = image < t.images ? (image * t.seen_h + h * c.g.stride_h) * t.seen_w + w * c.g.stride_w : 0;
  }

  float sums[2][kOut / 8][4] = {};
  for (int first = 0; first < c.channels; first += kMatrixDepth) {
    __syncthreads();  // what is in shared memory may still be read
    block_fetch_weights<kOut>(c, first / kMatrixDepth, out, weights);
    block_stage_input(c, first_image, end_image, first_h * c.g.stride_h - c.g.pad_h, first_w * c.g.stride_w - c.g.pad_w,
                      first, input);
    wait_for_copies();
    __syncthreads();
    for (int tap = 0; tap < taps; ++tap) {
      const int shift = tap / c.g.kernel_w * t.seen_w + tap % c.g.kernel_w;
      std::uint32_t a[2][4];
      for (int m = 0; m < 2; ++m) warp_load_matrices(a[m], input + swizzled(position[m] + shift, lane / 16));
      for (int n = 0; n < kOut / 16; ++n) {
        std::uint32_t both[4];
        const int row = tap * kOut + n * 16 + lane % 8 + lane / 16 * 8;
        warp_load_matrices(both, weights + swizzled(row, lane / 8 % 2));
        const std::uint32_t b[2][2] = {{both[0], both[1]}, {both[2], both[3]}};
        for (int m = 0; m < 2; ++m)
          for (int k = 0; k < 2; ++k) warp_multiply<T>(sums[m][2 * n + k], a[m], b[k]);
      }
    }
  }

  Writer<T> writer(c.y);
  const int plane = c.g.out_h * c.g.out_w;
  for (int i = 0; i < 4; ++i) {  // rows lane / 4 + 8·(i mod 2) of both times sixteen pixels
    const int m = i / 2, pixel = warp * 32 + m * 16 + i % 2 * 8 + lane / 4;
    const int image = first_image + pixel / (t.h * t.w);
    const int h = first_h + pixel / t.w % t.h, w = first_w + pixel % t.w;
    if (pixel >= t.images * t.h * t.w || image >= end_image || h >= c.g.out_h || w >= c.g.out_w) continue;
    const std::size_t first = static_cast<std::size_t>(image) * c.g.out_c * plane + h * c.g.out_w + w;
    for (int n = 0; n < kOut / 8; ++n)
      for (int k = 0; k < 2; ++k) {
        const int o = out + n * 8 + lane % 4 * 2 + k;
        if (o < c.g.out_c) writer.put(first + static_cast<std::size_t>(o) * plane, sums[m][n][i % 2 * 2 + k]);
      }
  }
  writer.finish(query);
}

/// packed[chunk][tap][o][i] = w[o][16·chunk + i][tap], zeros where there is none.
template <class T>
struct PackWeights {
  const float* weight;  ///< [out_c][channels][taps]
  int out_c, out_padded, channels, taps;
  T* packed;
  __device__ void operator()(const Element& e) const {
    const int i = e.i % kMatrixDepth, row = e.i / kMatrixDepth;
    const int o = row % out_padded, tap = row / out_padded % taps;
    const int channel = row / out_padded / taps * kMatrixDepth + i;
    const bool is = o < out_c && channel < channels;
    packed[e.i] = rounded<T>(is ? weight[(static_cast<std::size_t>(o) * channels + channel) * taps + tap] : 0.0f);
  }
};

}  // namespace
}  // namespace deepzero::cuda
