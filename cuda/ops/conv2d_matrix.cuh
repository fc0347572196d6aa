// Convolution of a dense difference on tensor cores, as an implicit matrix product: y[pixel][co] = Σ over input channel
// and tap of d[pixel + tap][ci]·w[tap][ci][co]. Differences and weights are T, float16 or bfloat16; sums are float32.
//
// A block takes a tile of output pixels (cuda/ops/conv2d_tile.cuh) and kOut output channels. For sixteen input channels
// at a time, the part of the input that the tile sees goes into shared memory, channels innermost, so that every tap of
// every pixel is an aligned row for ldmatrix. While the tensor cores work on sixteen channels, the weights of the next
// ones come by asynchronous copies into the other buffer, and their input into registers. A difference is read as its
// convolution left it (cuda/ops/conv2d_stage.cuh) and the sums of the next batch norm are formed on the way out
// (cuda/ops/conv2d_epilogue.cuh), so that it crosses device memory once in each direction.
#pragma once

#include "cuda/ops/conv2d_epilogue.cuh"
#include "cuda/ops/conv2d_packing.cuh"
#include "cuda/ops/conv2d_stage.cuh"

namespace deepzero::cuda {
namespace {

/// The weights of sixteen input channels for kOut output channels from `out` on, in flight when it returns.
template <int kOut, class T>
__device__ void block_fetch_weights(const MatrixConvolution<T>& c, int chunk, int out, T* weights) {
  const int taps = c.g.kernel_h * c.g.kernel_w;
  for (int i = static_cast<int>(threadIdx.x); i < taps * kOut * 2; i += kMatrixThreads) {
    const int row = i / 2, part = i % 2, tap = row / kOut, o = out + row % kOut;
    const std::size_t from = (static_cast<std::size_t>(chunk) * taps + tap) * c.out_padded + o;
    copy_async(weights + swizzled(row, part), c.packed + from * kMatrixDepth + part * kVector);
  }
}

/// Adds the products of sixteen input channels. `position`: where the row that this lane gives to ldmatrix begins, of
/// the two times sixteen pixels of its warp.
template <int kOut, class T>
__device__ void warp_multiply_taps(const MatrixConvolution<T>& c, const int (&position)[2], const T* weights,
                                   const T* input, float (&sums)[2][kOut / 8][4]) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp, taps = c.g.kernel_h * c.g.kernel_w;
  for (int tap = 0; tap < taps; ++tap) {
    const int shift = tap / c.g.kernel_w * c.tile.seen_w + tap % c.g.kernel_w;
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

/// Shared memory of a block.
inline std::size_t matrix_shared(const ConvGeometry& g, const Tile& t, int out, int stages) {
  const std::size_t numbers =
      static_cast<std::size_t>(stages) * kMatrixDepth * static_cast<std::size_t>(g.taps() * out + t.positions());
  return std::max(numbers * sizeof(std::uint16_t), static_cast<std::size_t>(out) * kChannelPitch * sizeof(float));
}

/// Blocks that a multiprocessor's registers hold. Fewer output channels are less work beside the same memory traffic,
/// which more blocks hide.
template <int kOut>
constexpr int kMatrixBlocks = kOut < 64 ? 3 : 2;

/// grid: as in block_place(). Shared, matrix_shared() bytes: of each stage weights [taps][kOut][16] and input
/// [positions][16]; at the end output [kOut][pixels].
template <int kOut, class T>
__global__ void __launch_bounds__(kMatrixThreads, kMatrixBlocks<kOut>) convolve_matrix(MatrixConvolution<T> c) {
  const Tile& t = c.tile;
  const int positions = t.positions();
  const int of_weights = c.g.kernel_h * c.g.kernel_w * kOut * kMatrixDepth,
            of_stage = of_weights + positions * kMatrixDepth;
  auto* const memory = shared_memory<T>();
  const int thread = static_cast<int>(threadIdx.x), lane = thread % kWarp, warp = thread / kWarp;
  const BlockPlace place = block_place<kOut>(c);
  const Seen seen = seen_by(c, place);

  const Piece ahead = piece(c, place, seen, thread);
  PieceValues values;
  block_fetch_weights<kOut>(c, 0, place.out, memory);
  load_piece(c, ahead, 0, values);
  for (int stage = 0; stage < c.stages; ++stage)
    for (int i = thread; i < 2 * positions; i += kMatrixThreads)
      reinterpret_cast<uint4*>(memory + stage * of_stage + of_weights)[i] = {0, 0, 0, 0};
  __syncthreads();

  int position[2];
  for (int m = 0; m < 2; ++m) {
    const int pixel = warp * 32 + m * 16 + lane % 16;
    const int image = pixel / (t.h * t.w), h = pixel / t.w % t.h, w = pixel % t.w;
    position[m] = image < t.images ? (image * t.seen_h + h * c.g.stride_h) * t.seen_w + w * c.g.stride_w : 0;
  }

  float sums[2][kOut / 8][4] = {};
  Largest<T> largest;  // of what is normalised here
  const int chunks = (c.channels + kMatrixDepth - 1) / kMatrixDepth;
  for (int chunk = 0; chunk < chunks; ++chunk) {
    T* const weights = memory + chunk % c.stages * of_stage;
    T* const input = weights + of_weights;
    const int first = chunk * kMatrixDepth;
    store_piece(c, ahead, place.query, first, values, input, largest);
    for (int number = thread + kMatrixThreads; number < seen.pieces; number += kMatrixThreads) {
      const Piece more = piece(c, place, seen, number);
      load_piece(c, more, first, values);
      store_piece(c, more, place.query, first, values, input, largest);
    }
    wait_for_copies();
    __syncthreads();
    const bool next = chunk + 1 < chunks;
    if (next && c.stages == 2)
      block_fetch_weights<kOut>(c, chunk + 1, place.out, memory + (chunk + 1) % c.stages * of_stage);
    if (next) load_piece(c, ahead, first + kMatrixDepth, values);
    warp_multiply_taps<kOut>(c, position, weights, input, sums);
    if (c.stages == 2) continue;
    __syncthreads();
    if (next) block_fetch_weights<kOut>(c, chunk + 1, place.out, memory);
  }
  if (c.normalised.coefficients != nullptr) largest.keep(c.normalised.largest, place.query);

  auto* const output = reinterpret_cast<float*>(memory);
  __syncthreads();  // the last stage may still be read
  warp_leave_output<kOut>(sums, packing_scale(c.largest_weight).inverse, output);
  __syncthreads();
  block_store_output<kOut>(c, place, output);
}

/// packed[chunk][tap][o][i] = w[o][16·chunk + i][tap], zeros where there is none.
template <class T>
struct PackWeights {
  const float* weight;  ///< [out_c][channels][taps]
  const unsigned* largest_weight;
  int out_c, out_padded, channels, taps;
  T* packed;
  __device__ void operator()(const Element& e) const {
    const int i = e.i % kMatrixDepth, row = e.i / kMatrixDepth;
    const int o = row % out_padded, tap = row / out_padded % taps;
    const int channel = row / out_padded / taps * kMatrixDepth + i;
    const bool is = o < out_c && channel < channels;
    const float w = is ? weight[(static_cast<std::size_t>(o) * channels + channel) * taps + tap] : 0.0f;
    packed[e.i] = rounded<T>(w * packing_scale(largest_weight).scale);
  }
};

}  // namespace
}  // namespace deepzero::cuda
