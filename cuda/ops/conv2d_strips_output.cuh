// Output of convolutions in strips: it leaves through shared memory, rounded, where the pixels of a channel come
// together for the sums of the next batch norm.
#pragma once

#include "cuda/ops/conv2d_strips_place.cuh"

namespace deepzero::cuda {
namespace {

/// Leaves the sums of a warp's tile, times `scale`, for its block, two pixels in a word, or as floats; `output`: of the
/// tile. Returns the bits of all numbers, ored.
template <class S, class T>
__device__ std::uint32_t warp_leave_strips(const float (&sums)[S::kWarpStrips][S::kRows][4], float scale,
                                           int first_strip, bool whole, std::uint32_t* output) {
  std::uint32_t ored = 0;
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  DEEPZERO_UNROLL
  for (int i = 0; i < S::kWarpStrips; ++i) {
    const int strip = first_strip + i;
    const int word =
        lane / 4 * S::kOutPitch + strip / S::kAcross * S::kRows * S::kWidth / 2 + strip % S::kAcross * 4 + lane % 4;
    DEEPZERO_UNROLL
    for (int k = 0; k < S::kRows * 2; ++k) {
      const int row = k / 2, half = k % 2, at = word + half * 8 * S::kOutPitch + row * S::kWidth / 2;
      const float first = sums[i][row][2 * half] * scale, second = sums[i][row][2 * half + 1] * scale;
      ored |= __float_as_uint(first) | __float_as_uint(second);
      if (whole)
        reinterpret_cast<float2*>(output)[at] = {first, second};
      else
        output[at] = pack_rounded<T>(first, second);
    }
  }
  return ored;
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
      if (c.xc != nullptr) load_vector_once(c.xc + std::size_t{kVector} * (at != kOutside ? at : 0), xc_[k]);
    }
  }

  /// `ored`: what warp_leave_strips() returned.
  __device__ void store(const std::uint32_t* output, std::uint32_t ored) {
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
      for (int e = 0; e < kVector; ++e) add_sums(total, widened(unpack<T>(pairs[e / 2], e % 2)), xc_[k][e]);
      if ((k + 1) % kEach == 0 && c_.sums != nullptr) leave_sums(channel(k), total);
    }
    largest.rounded_from(ored);
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
      const float sum = lanes_sum(total[k], kLanes);
      if (threadIdx.x % kLanes == 0 && o < c_.g.out_c) to[k] = sum;
      total[k] = 0;
    }
  }

  const StripConvolution<T>& c_;
  const StripPlace& b_;
  std::uint32_t plane_;  ///< vectors of a channel
  float xc_[kCount][kVector] = {};
};

}  // namespace
}  // namespace deepzero::cuda
