// Kernels of cuda/ops/conv2d_strips.h. Differences and weights are T, float16 or bfloat16; sums are float32.
//
// A block takes `kTiles` times sixteen output channels of some bands of a query. The bands, with the rows around them,
// go through registers, where a batch norm and a ReLU are applied that the input still waits for, into shared memory:
// two channels of a pixel in a word, so that a word is what a lane gives to the tensor cores, whatever the tap. Output
// leaves through shared memory, rounded, where the pixels of a channel come together for the sums of the next batch
// norm.
#pragma once

#include "cuda/elements.cuh"
#include "cuda/matrix.cuh"
#include "cuda/ops/conv2d_strips.h"
#include "cuda/ops/normalised.cuh"
#include "cuda/reduce.cuh"
#include "cuda/vectors.cuh"

namespace deepzero::cuda {
namespace {

constexpr int kTile = 16;  ///< output channels of a tile, and input channels of a product

template <int kPlaneWidth, int kBlockTiles, int kStride>
struct Strips {
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

/// A vector of two channels: where it comes from and where it goes.
struct StripPiece {
  int word;            ///< in shared memory
  int channel;         ///< the first of the two
  std::uint32_t from;  ///< its vector in the query's difference, and in base features
  bool inside;         ///< else it is padding
  uint4 d[2];
};

/// What of the input does not change from piece to piece.
template <class T>
struct StripInput {
  const uint4* d;       ///< of the query
  std::uint32_t plane;  ///< vectors of a channel
  __device__ StripInput(const StripConvolution<T>& c, int query, int width)
      : plane(static_cast<std::uint32_t>(c.g.in_h * width / kVector)) {
    d = reinterpret_cast<const uint4*>(c.d) + static_cast<std::size_t>(query) * c.count * c.channels * plane;
  }
};

template <class S, class T>
__device__ StripPiece load_strip_piece(const StripConvolution<T>& c, const StripInput<T>& in, const StripPlace& b,
                                       int first, int number) {
  StripPiece p;
  const int pair = number / S::kPieces, rest = number % S::kPieces;
  const int vector = rest % S::kInAcross, row = rest / S::kInAcross;
  const Band band = band_of<S>(b, row / S::kBandRows);
  const int h = band.row * S::kStep + row % S::kBandRows - 1;
  p.channel = first + 2 * pair;
  p.word = pair * S::kPair + row * S::kPitch + 4 + vector * kVector;
  p.inside = band.image < c.count && h >= 0 && h < c.g.in_h && p.channel < c.channels;
  p.from = static_cast<std::uint32_t>(band.image * c.channels + p.channel) * in.plane +
           static_cast<std::uint32_t>(h * S::kInAcross + vector);
  if (p.inside) {
    p.d[0] = load_once(in.d + p.from);
    // Where there is no second channel, the first one again; what comes of it is cleared.
    p.d[1] = load_once(in.d + p.from + (p.channel + 1 < c.channels ? in.plane : 0));
  }
  return p;
}

/// Applies what the piece waits for and writes it, two channels to a word.
template <class S, class T>
__device__ void store_strip_piece(const StripConvolution<T>& c, const StripInput<T>& in, int query, const StripPiece& p,
                                  std::uint32_t* input, Largest<T>& largest) {
  std::uint32_t words[kVector] = {};
  if (p.inside) {
    const std::uint32_t d[2][kVector / 2] = {{p.d[0].x, p.d[0].y, p.d[0].z, p.d[0].w},
                                             {p.d[1].x, p.d[1].y, p.d[1].z, p.d[1].w}};
    const int second = p.channel + 1 < c.channels ? 1 : 0;
    if (c.normalised.coefficients != nullptr) {
      float y[2][kVector];
      DEEPZERO_UNROLL
      for (int k = 0; k < 2; ++k) {
        const NormalisedChannel rule = normalised_channel(c.normalised, query, p.channel + k * second);
        float xc[kVector];
        load_vector(c.normalised.xc + std::size_t{kVector} * (p.from + (k * second != 0 ? in.plane : 0)), xc);
        DEEPZERO_UNROLL
        for (int e = 0; e < kVector; ++e) y[k][e] = rule(widened(unpack<T>(d[k][e / 2], e % 2)), xc[e]);
      }
      DEEPZERO_UNROLL
      for (int e = 0; e < kVector; ++e) {
        words[e] = pack_rounded<T>(y[0][e], y[1][e]);
        largest.see_pair(words[e]);
      }
    } else {
      DEEPZERO_UNROLL
      for (int e = 0; e < kVector; ++e) {
        const std::uint32_t low = d[0][e / 2], high = d[1][e / 2];
        words[e] = e % 2 == 0 ? (low & 0xffffu) | high << 16 : low >> 16 | (high & 0xffff0000u);
      }
    }
    if (second == 0) {
      DEEPZERO_UNROLL
      for (std::uint32_t& word : words) word &= 0xffffu;
    }
  }
  auto* const to = reinterpret_cast<uint4*>(input + p.word);
  to[0] = {words[0], words[1], words[2], words[3]};
  to[1] = {words[4], words[5], words[6], words[7]};
}

/// Channels first … first + 2·pairs − 1 of the block's bands, and zeros around them.
template <class S, class T>
__device__ void block_stage_strips(const StripConvolution<T>& c, const StripPlace& b, int first, int pairs,
                                   std::uint32_t* input, Largest<T>& largest) {
  constexpr int together = 2;  // whose loads are in flight
  const int thread = static_cast<int>(threadIdx.x), pieces = pairs * S::kPieces;
  const StripInput<T> in(c, b.query, S::kWidth * S::kStep);
  for (int begin = thread; begin < pieces; begin += together * S::kThreads) {
    StripPiece list[together];
    DEEPZERO_UNROLL
    for (int i = 0; i < together; ++i)
      if (i == 0 || begin + i * S::kThreads < pieces)
        list[i] = load_strip_piece<S>(c, in, b, first, begin + i * S::kThreads);
    DEEPZERO_UNROLL
    for (int i = 0; i < together; ++i)
      if (i == 0 || begin + i * S::kThreads < pieces) store_strip_piece<S>(c, in, b.query, list[i], input, largest);
  }
  constexpr int rows = S::kStagedRows + 1;
  for (int i = thread; i < pairs * rows; i += S::kThreads)
    *reinterpret_cast<uint4*>(input + i / rows * S::kPair + i % rows * S::kPitch) = {0, 0, 0, 0};
}

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
    for (int row = 0; row < S::kBandRows; ++row) DEEPZERO_UNROLL
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

/// The network's output, which is not rounded. output: floats, twice the words of block_store_strips().
template <class S, class T>
__device__ void block_store_whole(const StripConvolution<T>& c, const StripPlace& b, const float* output) {
  constexpr int pixels = S::kVectors * kVector, of_band = S::kBandVectors * kVector;
  const int plane = c.g.out_h * S::kWidth;
  Writer<T> writer(c.y);
  for (int i = static_cast<int>(threadIdx.x); i < S::kTiles * kTile * pixels; i += S::kThreads) {
    const int local = i / pixels, o = b.tile * kTile + local;
    const Band band = band_of<S>(b, i % pixels / of_band);
    const int pixel = band.row * S::kWidth + i % of_band;
    if (o >= c.g.out_c || band.image >= c.count || pixel >= plane) continue;
    const std::size_t image = static_cast<std::size_t>(b.query) * c.count + band.image;
    writer.put((image * c.g.out_c + o) * plane + pixel, output[local * 2 * S::kOutPitch + i % pixels]);
  }
  writer.finish(b.query);
}

/// Eight lanes take a channel's vectors, each some of them, so that a few exchanges end the sums.
template <class S, class T>
__device__ void block_store_strips(const StripConvolution<T>& c, const StripPlace& b, const std::uint32_t* output) {
  constexpr int lanes = 8, each = S::kVectors / lanes;
  const int thread = static_cast<int>(threadIdx.x), lane = thread % lanes;
  const auto plane = static_cast<std::uint32_t>(c.g.out_h * S::kAcross);  // in vectors
  auto* const to =
      reinterpret_cast<uint4*>(c.y.stored) + static_cast<std::size_t>(b.query) * c.count * c.g.out_c * plane;
  Largest<T> largest;
  for (int local = thread / lanes; local < S::kTiles * kTile; local += S::kThreads / lanes) {
    const int o = b.tile * kTile + local;
    float total[3] = {};
    DEEPZERO_UNROLL
    for (int i = 0; i < each; ++i) {
      const int vector = i * lanes + lane;
      const Band band = band_of<S>(b, i * lanes / S::kBandVectors);
      const auto in_plane = static_cast<std::uint32_t>(band.row * S::kAcross + vector % S::kBandVectors);
      if (o >= c.g.out_c || band.image >= c.count || in_plane >= plane) continue;
      const std::uint32_t at = static_cast<std::uint32_t>(band.image * c.g.out_c + o) * plane + in_plane;
      const uint4 words = *reinterpret_cast<const uint4*>(output + local * S::kOutPitch + vector * (kVector / 2));
      to[at] = words;
      float xc[kVector] = {};
      if (c.xc != nullptr) load_vector(c.xc + std::size_t{kVector} * at, xc);
      const std::uint32_t pairs[4] = {words.x, words.y, words.z, words.w};
      DEEPZERO_UNROLL
      for (const std::uint32_t pair : pairs) largest.see_pair(pair);
      DEEPZERO_UNROLL
      for (int e = 0; e < kVector; ++e) {
        const float y = widened(unpack<T>(pairs[e / 2], e % 2));
        total[0] += y;
        total[1] = fmaf(xc[e], y, total[1]);
        total[2] = fmaf(y, y, total[2]);
      }
    }
    if (c.sums == nullptr) continue;
    DEEPZERO_UNROLL
    for (float& sum : total) DEEPZERO_UNROLL
    for (int distance = lanes / 2; distance > 0; distance /= 2) sum += __shfl_xor_sync(0xffffffffu, sum, distance);
    if (lane != 0 || o >= c.g.out_c) continue;
    float* const sums = c.sums + ((static_cast<std::size_t>(b.query) * c.g.out_c + o) * c.parts + b.part) * 3;
    DEEPZERO_UNROLL
    for (int k = 0; k < 3; ++k) sums[k] = total[k];
  }
  largest.keep(c.y.largest, b.query);
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
  // Behind the first input, which needs the registers that these take.
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
    if (first >= c.channels) break;
    __syncthreads();
    chunks = stage(first);
  }
  if (c.normalised.coefficients != nullptr) largest.keep(c.normalised.largest, place.query);

  const bool whole = c.y.whole != nullptr;
  __syncthreads();  // the input may still be read
  DEEPZERO_UNROLL
  for (int i = 0; i < S::kWarpStrips; ++i) {
    const int strip = first_strip + i, o = warp % S::kTiles * kTile + lane / 4;
    const int word =
        o * S::kOutPitch + strip / S::kAcross * S::kRows * S::kWidth / 2 + strip % S::kAcross * 4 + lane % 4;
    DEEPZERO_UNROLL
    for (int row = 0; row < S::kRows; ++row) DEEPZERO_UNROLL
    for (int half = 0; half < 2; ++half) {
      const int at = word + half * 8 * S::kOutPitch + row * S::kWidth / 2;
      const float first = sums[i][row][2 * half], second = sums[i][row][2 * half + 1];
      if (whole)
        reinterpret_cast<float2*>(memory)[at] = {first, second};
      else
        memory[at] = pack_rounded<T>(first, second);
    }
  }
  __syncthreads();
  whole ? block_store_whole<S>(c, place, reinterpret_cast<const float*>(memory))
        : block_store_strips<S>(c, place, memory);
}

/// packed[chunk][kw][kh][tile][lane][word][2]: of each sixteen output and sixteen input channels what a lane gives to
/// the tensor cores; zeros where there is no weight.
template <class T>
struct PackFragments {
  const float* weight;  ///< [out_c][channels][3][3]
  int out_c, tiles, channels;
  T* packed;
  __device__ void operator()(const Element& e) const {
    const int word = e.i / 2 % 4, lane = e.i / 8 % kWarp, rest = e.i / (8 * kWarp);
    const int tile = rest % tiles, kh = rest / tiles % 3, kw = rest / tiles / 3 % 3, chunk = rest / tiles / 9;
    const int o = tile * kTile + lane / 4 + word % 2 * 8;
    const int channel = chunk * kTile + lane % 4 * 2 + word / 2 * 8 + e.i % 2;
    const bool is = o < out_c && channel < channels;
    packed[e.i] =
        rounded<T>(is ? weight[((static_cast<std::size_t>(o) * channels + channel) * 3 + kh) * 3 + kw] : 0.0f);
  }
};

}  // namespace
}  // namespace deepzero::cuda
