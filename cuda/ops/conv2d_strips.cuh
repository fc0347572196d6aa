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

/// What of the input does not change from piece to piece.
template <class S, class T>
struct StripInput {
  const uint4* d;       ///< of the query
  std::uint32_t plane;  ///< vectors of a channel
  int first;            ///< channel
  __device__ StripInput(const StripConvolution<T>& c, int query, int first_channel)
      : plane(static_cast<std::uint32_t>(c.g.in_h * S::kInAcross)), first(first_channel) {
    d = reinterpret_cast<const uint4*>(c.d) + static_cast<std::size_t>(query) * c.count * c.channels * plane;
  }
};

/// A vector of two channels: where it comes from and where it goes.
struct StripPiece {
  int word;             ///< in shared memory
  int channel;          ///< the first of the two
  std::uint32_t from;   ///< its vector in the query's difference, and in base features
  std::uint32_t other;  ///< that of the second channel; where there is none, of the first again
  bool inside;          ///< else it is padding, and the rest is another one's
};

template <class S, class T>
__device__ StripPiece strip_piece(const StripConvolution<T>& c, const StripInput<S, T>& in, const StripPlace& b,
                                  int number) {
  const int pair = number / S::kPieces, rest = number % S::kPieces;
  const int vector = rest % S::kInAcross, row = rest / S::kInAcross;
  const Band band = band_of<S>(b, row / S::kBandRows);
  const int h = band.row * S::kStep + row % S::kBandRows - 1, channel = in.first + 2 * pair;
  StripPiece p{};
  p.word = pair * S::kPair + row * S::kPitch + 4 + vector * kVector;
  p.inside = band.image < c.count && h >= 0 && h < c.g.in_h && channel < c.channels;
  if (p.inside) {
    p.channel = channel;
    p.from = static_cast<std::uint32_t>(band.image * c.channels + channel) * in.plane +
             static_cast<std::uint32_t>(h * S::kInAcross + vector);
  }
  p.other = p.from + (p.channel + 1 < c.channels ? in.plane : 0);
  return p;
}

/// Two channels of eight pixels of the input, as they are read.
struct StripValues {
  std::uint32_t d[2][kVector / 2];
  float xc[2][kVector];
};

/// Words of two channels, behind what the input waits for.
template <bool kWaits, class T>
__device__ void make_words(const StripConvolution<T>& c, int query, const StripPiece& p, const StripValues& v,
                           std::uint32_t (&words)[kVector], Largest<T>& largest) {
  const bool second = p.channel + 1 < c.channels;
  if constexpr (kWaits) {
    const NormalisedChannel rules[2] = {normalised_channel(c.normalised, query, p.channel),
                                        normalised_channel(c.normalised, query, second ? p.channel + 1 : p.channel)};
    DEEPZERO_UNROLL
    for (int e = 0; e < kVector; ++e) {
      float y[2];
      DEEPZERO_UNROLL
      for (int k = 0; k < 2; ++k) y[k] = rules[k](widened(unpack<T>(v.d[k][e / 2], e % 2)), v.xc[k][e]);
      words[e] = pack_rounded<T>(y[0], y[1]);
    }
  } else {
    DEEPZERO_UNROLL
    for (int e = 0; e < kVector; ++e) {
      const std::uint32_t low = v.d[0][e / 2], high = v.d[1][e / 2];
      words[e] = e % 2 == 0 ? (low & 0xffffu) | high << 16 : low >> 16 | (high & 0xffff0000u);
    }
  }
  const std::uint32_t kept = !p.inside ? 0 : second ? 0xffffffffu : 0xffffu;
  DEEPZERO_UNROLL
  for (std::uint32_t& word : words) {
    word &= kept;
    if constexpr (kWaits) largest.see_pair(word);
  }
}

/// `pairs` times two channels of the block's bands. What is padding is read somewhere and cleared, so that nothing
/// stands between loads; base features are a piece ahead.
template <bool kWaits, class S, class T>
__device__ void block_stage_pieces(const StripConvolution<T>& c, const StripInput<S, T>& in, const StripPlace& b,
                                   int pairs, std::uint32_t* input, Largest<T>& largest) {
  constexpr int together = 5;
  const int pieces = pairs * S::kPieces;
  const auto load_base = [&](const StripPiece& p, StripValues& v) {
    if constexpr (kWaits) {
      load_vector(c.normalised.xc + std::size_t{kVector} * p.from, v.xc[0]);
      load_vector(c.normalised.xc + std::size_t{kVector} * p.other, v.xc[1]);
    }
  };
  for (int begin = static_cast<int>(threadIdx.x); begin < pieces; begin += together * S::kThreads) {
    StripPiece list[together];
    StripValues values[together];
    DEEPZERO_UNROLL
    for (int i = 0; i < together; ++i) {
      list[i] = strip_piece<S>(c, in, b, begin + i * S::kThreads);
      load_vector_once(in.d + list[i].from, values[i].d[0]);
      load_vector_once(in.d + list[i].other, values[i].d[1]);
    }
    load_base(list[0], values[0]);
    DEEPZERO_UNROLL
    for (int i = 0; i < together; ++i) {
      if (i + 1 < together) load_base(list[i + 1], values[i + 1]);
      std::uint32_t words[kVector];
      make_words<kWaits>(c, b.query, list[i], values[i], words, largest);
      if (begin + i * S::kThreads >= pieces) continue;
      auto* const to = reinterpret_cast<uint4*>(input + list[i].word);
      to[0] = {words[0], words[1], words[2], words[3]};
      to[1] = {words[4], words[5], words[6], words[7]};
    }
  }
}

/// The same of channels from `first` on, and zeros around them.
template <class S, class T>
__device__ void block_stage_strips(const StripConvolution<T>& c, const StripPlace& b, int first, int pairs,
                                   std::uint32_t* input, Largest<T>& largest) {
  const StripInput<S, T> in(c, b.query, first);
  if (c.normalised.coefficients != nullptr)
    block_stage_pieces<true>(c, in, b, pairs, input, largest);
  else
    block_stage_pieces<false>(c, in, b, pairs, input, largest);
  constexpr int rows = S::kStagedRows + 1;
  for (int i = static_cast<int>(threadIdx.x); i < pairs * rows; i += S::kThreads)
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

/// The network's output, which is not rounded. output: floats, twice the words of StripOutput.
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

  __device__ void store(const std::uint32_t* output) {
    auto* const to =
        reinterpret_cast<uint4*>(c_.y.stored) + static_cast<std::size_t>(b_.query) * c_.count * c_.g.out_c * plane_;
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
      if ((k + 1) % kEach == 0 && c_.sums != nullptr) leave_sums(channel(k), total);
    }
    largest.keep(c_.y.largest, b_.query);
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
  __device__ void leave_sums(int local, float (&total)[3]) const {
    const int o = b_.tile * kTile + local;
    float* const to = c_.sums + ((static_cast<std::size_t>(b_.query) * c_.g.out_c + o) * c_.parts + b_.part) * 3;
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

/// Leaves the sums of a warp's tile for its block, two pixels in a word, or as floats; `output`: of the tile.
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
    for (int k = 0; k < S::kRows * 2; ++k) {
      const int row = k / 2, half = k % 2, at = word + half * 8 * S::kOutPitch + row * S::kWidth / 2;
      const float first = sums[i][row][2 * half], second = sums[i][row][2 * half + 1];
      if (whole)
        reinterpret_cast<float2*>(output)[at] = {first, second};
      else
        output[at] = pack_rounded<T>(first, second);
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
  warp_leave_strips<S, T>(sums, first_strip, whole, memory + warp % S::kTiles * kTile * S::kOutPitch * (whole ? 2 : 1));
  if (whole) {
    __syncthreads();
    return block_store_whole<S>(c, place, reinterpret_cast<const float*>(memory));
  }
  StripOutput<S, T> output(c, place);
  __syncthreads();
  output.store(memory);
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
