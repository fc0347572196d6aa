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
  /// Channels that are staged at once: as many as the block's output has, or half of them at stride 2.
  static constexpr int kStaged = kTiles * kTile / kStep;
  /// Pieces of a thread.
  static constexpr int kMine = (kStaged / 2 * kPieces + kThreads - 1) / kThreads;
  static constexpr int kBlocks = kThreads == 128 ? 4 : 2;  ///< on a multiprocessor: 128 registers
  /// Shared memory: the input in words of two channels, and later the output; behind it the next input as it comes.
  static constexpr int input_words(bool whole) {
    return std::max(kStaged / 2 * kPair, kTiles * kTile * kOutPitch * (whole ? 2 : 1));
  }
  static std::size_t shared_bytes(bool whole) {
    return sizeof(std::uint32_t) * static_cast<std::size_t>(input_words(whole)) +
           sizeof(uint4) * 2 * static_cast<std::size_t>(kMine * kThreads);
  }
};

/// What a block works on: its part of some queries. Its number counts output channels fastest, then queries, then
/// parts: blocks that run together read the same input, then the same base features, from the second-level cache.
struct StripPlace {
  int tile;        ///< first one of output channels
  int query, end;  ///< queries
  int part;
  int bands;       ///< of an image
  int image, row;  ///< of the first band
};

template <class S, class T>
__device__ StripPlace strip_place(const StripConvolution<T>& c) {
  StripPlace b{};
  const int outs = c.tiles / S::kTiles, block = static_cast<int>(blockIdx.x);
  const int group = outs == 1 ? block : block / outs;
  b.tile = (block - group * outs) * S::kTiles;
  b.query = group * c.together;
  b.end = b.query + c.together < c.queries ? b.query + c.together : c.queries;
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

/// Words of two channels of eight pixels: of each channel as it is read, behind what it waits for.
template <class T>
__device__ void normalise_words(const NormalisedChannel (&rules)[2], const float (&xc)[2][kVector], const uint4 (&d)[2],
                                std::uint32_t (&words)[kVector]) {
  const std::uint32_t from[2][kVector / 2] = {{d[0].x, d[0].y, d[0].z, d[0].w}, {d[1].x, d[1].y, d[1].z, d[1].w}};
  DEEPZERO_UNROLL
  for (int e = 0; e < kVector; ++e) {
    float y[2];
    DEEPZERO_UNROLL
    for (int k = 0; k < 2; ++k) y[k] = rules[k](widened(unpack<T>(from[k][e / 2], e % 2)), xc[k][e]);
    words[e] = pack_rounded<T>(y[0], y[1]);
  }
}
__device__ inline void interleave_words(const uint4 (&d)[2], std::uint32_t (&words)[kVector]) {
  const std::uint32_t low[4] = {d[0].x, d[0].y, d[0].z, d[0].w}, high[4] = {d[1].x, d[1].y, d[1].z, d[1].w};
  DEEPZERO_UNROLL
  for (int e = 0; e < kVector; e += 2) {
    words[e] = (low[e / 2] & 0xffffu) | high[e / 2] << 16;
    words[e + 1] = low[e / 2] >> 16 | (high[e / 2] & 0xffff0000u);
  }
}

/// The input of a block: pieces of it, vectors of two channels, are the same threads' from query to query. A thread
/// fetches its own pieces, asynchronously, and alone reads what it fetched.
template <class S, class T>
class StripInput {
 public:
  /// `fetched`: shared memory, [2][kMine][threads].
  __device__ StripInput(const StripConvolution<T>& c, const StripPlace& b, uint4* fetched)
      : c_(c), plane_(static_cast<std::uint32_t>(c.g.in_h * S::kInAcross)), fetched_(fetched + threadIdx.x) {
    DEEPZERO_UNROLL
    for (int i = 0; i < S::kMine; ++i) {
      const int rest = number(i) % S::kPieces, vector = rest % S::kInAcross, row = rest / S::kInAcross;
      const Band band = band_of<S>(b, row / S::kBandRows);
      const int h = band.row * S::kStep + row % S::kBandRows - 1;
      from_[i] = band.image < c.count && h >= 0 && h < c.g.in_h
                     ? static_cast<std::uint32_t>(band.image * c.channels) * plane_ +
                           static_cast<std::uint32_t>(h * S::kInAcross + vector)
                     : kPadding;
    }
  }

  /// Of channels from `first` on.
  __device__ void fetch(int query, int first) const {
    const auto* d =
        reinterpret_cast<const uint4*>(c_.d) + static_cast<std::size_t>(query) * c_.count * c_.channels * plane_;
    DEEPZERO_UNROLL
    for (int i = 0; i < S::kMine; ++i) {
      const int channel = first + pair(i) * 2;
      if (from_[i] == kPadding || pair(i) >= S::kStaged / 2) continue;
      const uint4* const from = d + from_[i] + static_cast<std::uint32_t>(channel) * plane_;
      if (channel < c_.channels) copy_async(slot(i, 0), from);
      if (channel + 1 < c_.channels) copy_async(slot(i, 1), from + plane_);
    }
  }

  /// After fetch(), of the same channels; and zeros around them.
  __device__ void stage(int query, int first, std::uint32_t* input, Largest<T>& largest) const {
    wait_for_copies();
    if (c_.normalised.coefficients != nullptr)
      stage_pieces<true>(query, first, input, largest);
    else
      stage_pieces<false>(query, first, input, largest);
    constexpr int rows = S::kStagedRows + 1;
    for (int i = static_cast<int>(threadIdx.x); i < S::kStaged / 2 * rows; i += S::kThreads)
      *reinterpret_cast<uint4*>(input + i / rows * S::kPair + i % rows * S::kPitch) = {0, 0, 0, 0};
  }

 private:
  static constexpr std::uint32_t kPadding = ~std::uint32_t{0};
  __device__ static int number(int i) { return static_cast<int>(threadIdx.x) + i * S::kThreads; }
  __device__ static int pair(int i) { return number(i) / S::kPieces; }
  __device__ uint4* slot(int i, int k) const { return fetched_ + (k * S::kMine + i) * S::kThreads; }

  template <bool kWaits>
  __device__ void stage_pieces(int query, int first, std::uint32_t* input, Largest<T>& largest) const {
    float xc[2][2][kVector];  // of a piece, and of the next one
    load_base<kWaits>(0, first, xc[0]);
    DEEPZERO_UNROLL
    for (int i = 0; i < S::kMine; ++i) {
      if (i + 1 < S::kMine) load_base<kWaits>(i + 1, first, xc[(i + 1) % 2]);
      const int channel = first + pair(i) * 2;
      const uint4 d[2] = {*slot(i, 0), *slot(i, 1)};
      std::uint32_t words[kVector];
      if constexpr (kWaits) {
        const NormalisedChannel rules[2] = {normalised_channel(c_.normalised, query, kept(channel)),
                                            normalised_channel(c_.normalised, query, kept(channel + 1))};
        normalise_words<T>(rules, xc[i % 2], d, words);
      } else {
        interleave_words(d, words);
      }
      // What was not fetched is cleared.
      const std::uint32_t mask = from_[i] == kPadding || channel >= c_.channels ? 0
                                 : channel + 1 < c_.channels                    ? 0xffffffffu
                                                                                : 0xffffu;
      DEEPZERO_UNROLL
      for (std::uint32_t& word : words) {
        word &= mask;
        if constexpr (kWaits) largest.see_pair(word);
      }
      if (pair(i) >= S::kStaged / 2) continue;
      const int rest = number(i) % S::kPieces;
      auto* const to = reinterpret_cast<uint4*>(input + pair(i) * S::kPair + rest / S::kInAcross * S::kPitch + 4 +
                                                rest % S::kInAcross * kVector);
      to[0] = {words[0], words[1], words[2], words[3]};
      to[1] = {words[4], words[5], words[6], words[7]};
    }
  }
  /// The channel, or one that there is.
  __device__ int kept(int channel) const { return channel < c_.channels ? channel : c_.channels - 1; }
  template <bool kWaits>
  __device__ void load_base(int i, int first, float (&xc)[2][kVector]) const {
    if constexpr (kWaits) {
      DEEPZERO_UNROLL
      for (int k = 0; k < 2; ++k) {
        const auto channel = static_cast<std::uint32_t>(kept(first + pair(i) * 2 + k));
        const std::uint32_t at = (from_[i] == kPadding ? 0 : from_[i]) + channel * plane_;
        load_vector(c_.normalised.xc + std::size_t{kVector} * at, xc[k]);
      }
    }
  }

  const StripConvolution<T>& c_;
  std::uint32_t plane_;  ///< vectors of a channel
  uint4* fetched_;
  std::uint32_t from_[S::kMine];  ///< of channel 0, in the query's difference and in base features
};

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

/// The network's output, which is not rounded. output: floats, twice the words of StripOutput.
template <class S, class T>
__device__ void block_store_whole(const StripConvolution<T>& c, const StripPlace& b, int query, const float* output) {
  constexpr int pixels = S::kVectors * kVector, of_band = S::kBandVectors * kVector;
  const int plane = c.g.out_h * S::kWidth;
  Writer<T> writer(c.y);
  for (int i = static_cast<int>(threadIdx.x); i < S::kTiles * kTile * pixels; i += S::kThreads) {
    const int local = i / pixels, o = b.tile * kTile + local;
    const Band band = band_of<S>(b, i % pixels / of_band);
    const int pixel = band.row * S::kWidth + i % of_band;
    if (o >= c.g.out_c || band.image >= c.count || pixel >= plane) continue;
    const std::size_t image = static_cast<std::size_t>(query) * c.count + band.image;
    writer.put((image * c.g.out_c + o) * plane + pixel, output[local * 2 * S::kOutPitch + i % pixels]);
  }
  writer.finish(query);
}

/// What a thread writes of the output: eight vectors. Eight lanes take a channel's, each every eighth one, so that a
/// few exchanges end the sums.
template <class S, class T>
class StripOutput {
 public:
  /// Reads the base features of the sums, before the output is there.
  __device__ StripOutput(const StripConvolution<T>& c, const StripPlace& b)
      : c_(c), b_(b), plane_(static_cast<std::uint32_t>(c.g.out_h * S::kAcross)) {
    DEEPZERO_UNROLL
    for (int k = 0; k < kCount; ++k) {
      const std::uint32_t at = place(k);
      if (c.xc != nullptr) load_vector(c.xc + std::size_t{kVector} * (at != kOutside ? at : 0), xc_[k]);
    }
  }

  __device__ void store(int query, const std::uint32_t* output) {
    auto* const to =
        reinterpret_cast<uint4*>(c_.y.stored) + static_cast<std::size_t>(query) * c_.count * c_.g.out_c * plane_;
    Largest<T> largest;
    float total[3] = {};
    DEEPZERO_UNROLL
    for (int k = 0; k < kCount; ++k) {
      const std::uint32_t at = place(k);
      std::uint32_t pairs[kVector / 2] = {};
      if (at != kOutside) {
        const auto* from =
            reinterpret_cast<const uint4*>(output + channel(k) * S::kOutPitch + vector(k) * (kVector / 2));
        pairs[0] = from->x, pairs[1] = from->y, pairs[2] = from->z, pairs[3] = from->w;
        to[at] = {pairs[0], pairs[1], pairs[2], pairs[3]};
      }
      DEEPZERO_UNROLL
      for (const std::uint32_t pair : pairs) largest.see_pair(pair);
      DEEPZERO_UNROLL
      for (int e = 0; e < kVector; ++e) {
        const float y = widened(unpack<T>(pairs[e / 2], e % 2));
        total[0] += y;
        total[1] = fmaf(xc_[k][e], y, total[1]);
        total[2] = fmaf(y, y, total[2]);
      }
      if ((k + 1) % kEach == 0 && c_.sums != nullptr) leave_sums(query, channel(k), total);
    }
    largest.keep(c_.y.largest, query);
  }

 private:
  static constexpr int kLanes = 8, kEach = S::kVectors / kLanes, kCount = 8;
  static constexpr std::uint32_t kOutside = ~std::uint32_t{0};
  static_assert(S::kTiles * kTile * S::kVectors == kCount * S::kThreads);

  /// Of vector k: the channel in the block, the vector in the channel, and its place in the query's tensor.
  __device__ static int channel(int k) {
    return static_cast<int>(threadIdx.x) / kLanes + k / kEach * (S::kThreads / kLanes);
  }
  __device__ static int vector(int k) { return k % kEach * kLanes + static_cast<int>(threadIdx.x) % kLanes; }
  __device__ std::uint32_t place(int k) const {
    const int o = b_.tile * kTile + channel(k);
    const Band band = band_of<S>(b_, k % kEach * kLanes / S::kBandVectors);
    const auto in_plane = static_cast<std::uint32_t>(band.row * S::kAcross + vector(k) % S::kBandVectors);
    if (o >= c_.g.out_c || band.image >= c_.count || in_plane >= plane_) return kOutside;
    return static_cast<std::uint32_t>(band.image * c_.g.out_c + o) * plane_ + in_plane;
  }
  /// Of a channel of the block, by its lanes; sets them to 0.
  __device__ void leave_sums(int query, int local, float (&total)[3]) const {
    const int o = b_.tile * kTile + local;
    float* const to = c_.sums + ((static_cast<std::size_t>(query) * c_.g.out_c + o) * c_.parts + b_.part) * 3;
    DEEPZERO_UNROLL
    for (int k = 0; k < 3; ++k) {
      DEEPZERO_UNROLL
      for (int distance = kLanes / 2; distance > 0; distance /= 2)
        total[k] += __shfl_xor_sync(0xffffffffu, total[k], distance);
      if (threadIdx.x % kLanes == 0 && o < c_.g.out_c) to[k] = total[k];
      total[k] = 0;
    }
  }

  const StripConvolution<T>& c_;
  const StripPlace& b_;
  std::uint32_t plane_;  ///< vectors of a channel
  float xc_[kCount][kVector] = {};
};

/// Sums of a warp's tile, two pixels in a word, or as floats; `output`: of the tile's first channel.
template <class S, class T>
__device__ void warp_leave_strips(const float (&sums)[S::kWarpStrips][S::kRows][4], int first_strip, bool whole,
                                  std::uint32_t* output) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  DEEPZERO_UNROLL
  for (int i = 0; i < S::kWarpStrips; ++i) {
    const int strip = first_strip + i;
    const int word =
        lane / 4 * S::kOutPitch + strip / S::kAcross * S::kRows * S::kWidth / 2 + strip % S::kAcross * 4 + lane % 4;
    DEEPZERO_UNROLL
    for (int row = 0; row < S::kRows; ++row) {
      DEEPZERO_UNROLL
      for (int half = 0; half < 2; ++half) {
        const int at = word + half * 8 * S::kOutPitch + row * S::kWidth / 2;
        const float first = sums[i][row][2 * half], second = sums[i][row][2 * half + 1];
        if (whole)
          reinterpret_cast<float2*>(output)[at] = {first, second};
        else
          output[at] = pack_rounded<T>(first, second);
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
  const bool whole = c.y.whole != nullptr;
  const StripInput<S, T> in(c, place, reinterpret_cast<uint4*>(memory + S::input_words(whole)));
  in.fetch(place.query, 0);

  const int tile = warp % S::kTiles, first_strip = warp / S::kTiles * S::kWarpStrips;
  const std::uint32_t* input[S::kWarpStrips];
  DEEPZERO_UNROLL
  for (int i = 0; i < S::kWarpStrips; ++i) {
    const int band = (first_strip + i) / S::kAcross, across = (first_strip + i) % S::kAcross;
    input[i] =
        memory + lane % 4 * S::kPair + band * S::kBandRows * S::kPitch + 3 + (across * kVector + lane / 4) * S::kStep;
  }

  for (int query = place.query; query < place.end; ++query) {
    const uint4* packed = reinterpret_cast<const uint4*>(c.packed) + (place.tile + tile) * kWarp + lane;
    Largest<T> largest;  // of what is normalised here
    const auto stage = [&](int first) {
      if (query > place.query || first > 0) __syncthreads();  // what is there may still be read
      in.stage(query, first, memory, largest);
      if (S::kInParts && first + S::kStaged < c.channels)
        in.fetch(query, first + S::kStaged);
      else if (query + 1 < place.end)
        in.fetch(query + 1, 0);
      __syncthreads();
    };
    stage(0);
    // Behind the input, which needs the registers that these take.
    float sums[S::kWarpStrips][S::kRows][4] = {};
    for (int first = 0;;) {
      const int left = (c.channels - first + kTile - 1) / kTile, most = S::kStaged / kTile;
      for (int chunk = 0; chunk < (left < most ? left : most); ++chunk) {
        const std::uint32_t* from[S::kWarpStrips];
        DEEPZERO_UNROLL
        for (int i = 0; i < S::kWarpStrips; ++i) from[i] = input[i] + chunk * (kTile / 2) * S::kPair;
        warp_multiply_strips<S, T>(from, packed, c.tiles, sums);
        packed += 9 * c.tiles * kWarp;
      }
      first += S::kStaged;
      if (!S::kInParts || first >= c.channels) break;
      stage(first);
    }
    if (c.normalised.coefficients != nullptr) largest.keep(c.normalised.largest, query);

    __syncthreads();  // the input may still be read
    warp_leave_strips<S, T>(sums, first_strip, whole, memory + tile * kTile * S::kOutPitch * (whole ? 2 : 1));
    if (whole) {
      __syncthreads();
      block_store_whole<S>(c, place, query, reinterpret_cast<const float*>(memory));
    } else {
      StripOutput<S, T> output(c, place);
      __syncthreads();
      output.store(query, memory);
    }
  }
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
