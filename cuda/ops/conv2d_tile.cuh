// A dense difference's convolution on tensor cores (cuda/ops/conv2d_matrix.cuh): what it is given, and how its output
// is cut into tiles of at most 128 pixels: some rows and columns of an image, or several small images of one query.
#pragma once

#include <algorithm>

#include "cuda/ops/conv2d.cuh"
#include "cuda/vectors.cuh"

namespace deepzero::cuda {
namespace {

constexpr int kMatrixThreads = 128;
constexpr int kMatrixPixels = 128;  ///< of a tile; 32 for each warp
constexpr int kMatrixDepth = 16;    ///< input channels at a time

struct Tile {
  int images, h, w;          ///< output pixels
  int seen_h, seen_w;        ///< input pixels of each image
  int across, down, groups;  ///< tiles per image, and of the images of a query, which share none with another
  __host__ __device__ int positions() const { return images * seen_h * seen_w; }
  __host__ __device__ int per_query() const { return groups * down * across; }
};

inline Tile make_tile(const ConvGeometry& g, int count) {
  Tile t{};
  t.w = std::min(g.out_w, 32);
  t.h = std::min(g.out_h, kMatrixPixels / t.w);
  t.images = std::min(count, kMatrixPixels / (t.w * t.h));
  t.seen_h = (t.h - 1) * g.stride_h + g.kernel_h;
  t.seen_w = (t.w - 1) * g.stride_w + g.kernel_w;
  t.across = (g.out_w + t.w - 1) / t.w;
  t.down = (g.out_h + t.h - 1) / t.h;
  t.groups = (count + t.images - 1) / t.images;
  return t;
}

/// Whether eight pixels of a tile, from a multiple of eight on, are eight neighbours in memory at a multiple of eight.
inline bool in_vectors(const ConvGeometry& g, const Tile& t) {
  if (t.w == g.out_w) return t.h * t.w % kVector == 0 && g.out_h * g.out_w % kVector == 0;
  return t.w % kVector == 0 && g.out_w % kVector == 0;
}

template <class T>
struct MatrixConvolution {
  ConvGeometry g;
  Tile tile;
  const T* d;  ///< [Q][N][channels][in_h][in_w]
  Normalisation normalised;
  int queries, count, channels;
  int out_padded;
  const T* packed;  ///< [channels / 16][taps][out_padded][16]
  const unsigned* largest_weight;
  int stages;        ///< buffers of shared memory: two where the next sixteen channels come beside the product of these
  bool wide_in;      ///< rows of the input are vectors
  bool wide_out;     ///< in_vectors()
  Destination<T> y;  ///< [Q][N][out_c][out_h][out_w]
  const float* xc;   ///< of the batch norm that reads y, [N][out_c][out_h][out_w]; null: no sums
  float* sums;       ///< [Q][out_c][tiles of a query][3]: Σ y, Σ xc·y, Σ y²
};

/// What a block works on. Its number counts output channels fastest, then queries, tiles of an image, images: blocks
/// that run together read the same input, then the same base features, from the second-level cache.
struct BlockPlace {
  int out;          ///< first output channel
  int query, part;  ///< part: of the query's tiles
  int first, end;   ///< images of the query
  int h, w;         ///< of the first output pixel
};

template <int kOut, class T>
__device__ BlockPlace block_place(const MatrixConvolution<T>& c) {
  const Tile& t = c.tile;
  const int outs = c.out_padded / kOut, block = static_cast<int>(blockIdx.x) / outs;
  BlockPlace b{};
  b.out = static_cast<int>(blockIdx.x) % outs * kOut;
  b.query = block % c.queries;
  b.part = block / c.queries;
  b.w = b.part % t.across * t.w;
  b.h = b.part / t.across % t.down * t.h;
  b.first = b.part / t.across / t.down * t.images;
  b.end = b.first + t.images < c.count ? b.first + t.images : c.count;
  return b;
}

}  // namespace
}  // namespace deepzero::cuda
