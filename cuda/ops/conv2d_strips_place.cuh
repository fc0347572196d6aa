// How convolutions in strips (cuda/ops/conv2d_strips.h) are cut: sizes known to the compiler, and what a block works
// on.
#pragma once

#include <algorithm>

#include "cuda/ops/conv2d_strips.h"
#include "cuda/reduce.cuh"
#include "cuda/vectors.cuh"

namespace deepzero::cuda {
namespace {

constexpr int kTile = 16;  ///< output channels of a tile, and input channels of a product

/// `kParted`: for more input channels than are staged at once.
template <int kPlaneWidth, int kBlockTiles, int kStride, bool kParted>
struct Strips {
  static constexpr bool kInParts = kParted;
  static constexpr int kWidth = kPlaneWidth, kTiles = kBlockTiles, kStep = kStride;
  static constexpr int kRows = kWidth == 8 ? 8 : 16;  ///< of a band, in the output
  static constexpr int kAcross = kWidth / kVector;    ///< strips of a band
  static constexpr int kWarpStrips = 16 / kRows;
  /// Warps that share output channels: four warps in a block, or as many as a band needs.
  static constexpr int kGroups = std::max(4 / kTiles, kAcross / kWarpStrips);
  static constexpr int kThreads = kTiles * kGroups * kWarp;
  static constexpr int kBands = kGroups * kWarpStrips / kAcross;
  /// Words of a row of the input: the pixel in front of it in the fourth one; the first of the next row is the one
  /// behind it.
  static constexpr int kPitch = kWidth * kStep + 4;
  static constexpr int kInAcross = kAcross * kStep;
  static constexpr int kBandRows = (kRows - 1) * kStep + 3;
  static constexpr int kStagedRows = kBands * kBandRows;
  /// Words of a pair of channels: eight banks further than a multiple of all.
  static constexpr int kPair = ((kStagedRows * kPitch + 4) + 23) / 32 * 32 + 8;
  static constexpr int kPieces = kStagedRows * kInAcross;  ///< vectors of a pair of channels
  static constexpr int kBandVectors = kRows * kAcross;
  static constexpr int kVectors = kBands * kBandVectors;  ///< of an output channel
  /// Words of an output channel: four banks further.
  static constexpr int kOutPitch = kVectors * kVector / 2 + 4;
  /// Channels that are staged at once, in about 48 KiB.
  static constexpr int kStaged = std::max(kTile, (52 << 10) / (kPair * 4) * 2 / kTile * kTile);
  static constexpr int kBlocks = kThreads == 128 ? 4 : 2;  ///< on a multiprocessor: 128 registers
  static std::size_t shared_bytes(int channels, bool whole) {
    const int staged = std::min((channels + kTile - 1) / kTile * kTile, kStaged);
    const int output = kTiles * kTile * kOutPitch * (whole ? 2 : 1);
    return sizeof(std::uint32_t) * static_cast<std::size_t>(std::max(staged / 2 * kPair, output));
  }
};

/// What a block works on. Its number counts output channels fastest, then queries, then parts: blocks that run together
/// read the same input, then the same base features, from the second-level cache.
struct StripPlace {
  int tile;  ///< first one of output channels
  int query;
  int part;
  int bands;       ///< of an image
  int image, row;  ///< of the first band
};

template <class S, class T>
__device__ StripPlace strip_place(const StripConvolution<T>& c) {
  StripPlace b{};
  const int outs = c.tiles / S::kTiles, block = static_cast<int>(blockIdx.x);
  b.query = outs == 1 ? block : block / outs;
  b.tile = (block - b.query * outs) * S::kTiles;
  b.part = static_cast<int>(blockIdx.z * gridDim.y + blockIdx.y);
  b.bands = (c.g.out_h + S::kRows - 1) / S::kRows;
  b.image = b.part * S::kBands;
  if (b.bands > 1) b.row = b.image % b.bands * S::kRows, b.image /= b.bands;
  return b;
}

/// Where a band of a block lies; `image` is `count` or more behind the last one.
struct Band {
  int image, row;  ///< row: of the output
};

template <class S>
__device__ Band band_of(const StripPlace& b, int local) {
  if (S::kBands == 1) return {b.image, b.row};
  if (b.bands == 1) return {b.image + local, 0};
  const int band = b.row / S::kRows + local;
  return {b.image + band / b.bands, band % b.bands * S::kRows};
}

}  // namespace
}  // namespace deepzero::cuda
