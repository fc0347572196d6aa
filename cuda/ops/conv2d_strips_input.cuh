// Input of convolutions in strips: the bands, with the rows around them, go through registers, where a batch norm and a
// ReLU are applied that the input still waits for, into shared memory: two channels of a pixel in a word, so that a
// word is what a lane gives to the tensor cores, whatever the tap.
#pragma once

#include "cuda/ops/conv2d_strips_place.cuh"
#include "cuda/ops/normalised.cuh"

namespace deepzero::cuda {
namespace {

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
  std::uint32_t ored = 0;
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
      ored |= __float_as_uint(y[0]) | __float_as_uint(y[1]);
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
  // Of padding too, which is other numbers of the query.
  if constexpr (kWaits) largest.rounded_from(ored);
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
      load_vector_once(c.normalised.xc + std::size_t{kVector} * p.from, v.xc[0]);
      load_vector_once(c.normalised.xc + std::size_t{kVector} * p.other, v.xc[1]);
    }
  };
  for (int begin = static_cast<int>(threadIdx.x); begin < pieces; begin += together * S::kThreads) {
    StripPiece list[together];
    StripValues values[together];
    DEEPZERO_UNROLL
    for (int i = 0; i < together; ++i) {
      // Without base features the last piece again behind the last: no store is conditional, so that loads stay
      // together.
      const int number = begin + i * S::kThreads;
      list[i] = strip_piece<S>(c, in, b, kWaits || number < pieces ? number : pieces - 1);
      load_vector_once(in.d + list[i].from, values[i].d[0]);
      load_vector_once(in.d + list[i].other, values[i].d[1]);
    }
    load_base(list[0], values[0]);
    DEEPZERO_UNROLL
    for (int i = 0; i < together; ++i) {
      if (i + 1 < together) load_base(list[i + 1], values[i + 1]);
      std::uint32_t words[kVector];
      make_words<kWaits>(c, b.query, list[i], values[i], words, largest);
      if (kWaits && begin + i * S::kThreads >= pieces) continue;
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

}  // namespace
}  // namespace deepzero::cuda
