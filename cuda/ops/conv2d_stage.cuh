// Input of the convolution on tensor cores: from device memory through registers, where a batch norm and a ReLU are
// applied that the input still waits for, into shared memory, channels innermost. A thread takes pieces of four
// channels of eight neighbours in a row.
#pragma once

#include "cuda/matrix.cuh"
#include "cuda/ops/conv2d_tile.cuh"
#include "cuda/ops/normalised.cuh"

namespace deepzero::cuda {
namespace {

constexpr int kPieceChannels = 4;

/// Where half `part` of row `row` lies, in numbers: the halves of every other four rows are exchanged, so that eight
/// rows one after another fall into different banks.
__device__ inline int swizzled(int row, int part) { return row * kMatrixDepth + (part ^ (row >> 2 & 1)) * kVector; }

/// The part of the images that a tile sees. The rest of what it sees is padding, 0 in shared memory from the start on.
struct Seen {
  int top, left;              ///< of all that is seen, in the image; may be negative
  int first_row, rows;        ///< inside the image
  int first_vector, vectors;  ///< inside the image, of a row
  int pieces;
};

template <class T>
__device__ Seen seen_by(const MatrixConvolution<T>& c, const BlockPlace& b) {
  const Tile& t = c.tile;
  Seen s{};
  s.top = b.h * c.g.stride_h - c.g.pad_h;
  s.left = b.w * c.g.stride_w - c.g.pad_w;
  s.first_row = s.top > 0 ? s.top : 0;
  s.first_vector = (s.left > 0 ? s.left : 0) / kVector;
  const int end_h = s.top + t.seen_h < c.g.in_h ? s.top + t.seen_h : c.g.in_h;
  const int end_w = s.left + t.seen_w < c.g.in_w ? s.left + t.seen_w : c.g.in_w;
  s.rows = end_h > s.first_row ? end_h - s.first_row : 0;
  s.vectors = end_w > s.first_vector * kVector ? (end_w + kVector - 1) / kVector - s.first_vector : 0;
  s.pieces = (b.end - b.first) * s.rows * s.vectors * (kMatrixDepth / kPieceChannels);
  return s;
}

/// A piece's place.
struct Piece {
  unsigned inside = 0;    ///< bit e: neighbour e is seen and in the image
  int channel;            ///< of sixteen
  int position;           ///< of neighbour 0 in what is seen
  int turn;               ///< where the thread begins to write
  std::size_t from;       ///< of neighbour 0 of channel 0, in d
  std::size_t from_base;  ///< in the normalisation's xc
};

template <class T>
__device__ Piece piece(const MatrixConvolution<T>& c, const BlockPlace& b, const Seen& s, int number) {
  Piece p{};
  if (number >= s.pieces) return p;
  constexpr int many = kMatrixDepth / kPieceChannels;
  const int place = number / many, row = place / s.vectors;
  const int image = row / s.rows, h = s.first_row + row % s.rows;
  const int w = (s.first_vector + place % s.vectors) * kVector;
  p.channel = number % many * kPieceChannels;
  p.position = (image * c.tile.seen_h + h - s.top) * c.tile.seen_w + w - s.left;
  // Four places one after another write to positions that differ modulo four.
  p.turn = (place - p.position) & 3;
  for (int e = 0; e < kVector; ++e) {
    const int seen = w + e - s.left;
    if (seen >= 0 && seen < c.tile.seen_w && w + e < c.g.in_w) p.inside |= 1u << e;
  }
  const std::size_t plane = static_cast<std::size_t>(c.g.in_h) * c.g.in_w,
                    pixel = static_cast<std::size_t>(h) * c.g.in_w + w;
  const std::size_t n = static_cast<std::size_t>(b.first + image);
  p.from = (static_cast<std::size_t>(b.query) * c.count + n) * c.channels * plane + pixel;
  p.from_base = n * c.channels * plane + pixel;
  return p;
}

/// A piece's numbers on their way.
struct PieceValues {
  std::uint32_t d[kPieceChannels][kVector / 2];
  float xc[kPieceChannels][kVector];
};

/// Of sixteen channels from `first` on.
template <class T>
__device__ void load_piece(const MatrixConvolution<T>& c, const Piece& p, int first, PieceValues& v) {
  if (p.inside == 0) return;
  const std::size_t plane = static_cast<std::size_t>(c.g.in_h) * c.g.in_w;
  for (int k = 0; k < kPieceChannels; ++k) {
    const int channel = first + p.channel + k;
    if (channel < c.channels) {
      const T* const d = c.d + p.from + channel * plane;
      const float* const xc = c.normalised.xc + p.from_base + channel * plane;
      const bool waits = c.normalised.coefficients != nullptr;
      if (c.wide_in) {
        load_vector(d, v.d[k]);
        if (waits) load_vector(xc, v.xc[k]);
      } else {
        load_neighbours(d, p.inside, v.d[k]);
        if (waits) load_neighbours(xc, p.inside, v.xc[k]);
      }
    } else {
      for (int e = 0; e < kVector / 2; ++e) v.d[k][e] = 0;
    }
  }
}

/// values[i] = values[(i + turn) mod 4].
__device__ inline void turned(std::uint32_t (&values)[4], int turn) {
  const std::uint32_t a = values[0], b = values[1], c = values[2], d = values[3];
  const bool one = (turn & 1) != 0, two = (turn & 2) != 0;
  const std::uint32_t e = one ? b : a, f = one ? c : b, g = one ? d : c, h = one ? a : d;
  values[0] = two ? g : e, values[1] = two ? h : f, values[2] = two ? e : g, values[3] = two ? f : h;
}

/// Applies what the piece waits for and writes it, by pixels.
template <class T>
__device__ void store_piece(const MatrixConvolution<T>& c, const Piece& p, int query, int first, PieceValues& v,
                            T* input, Largest<T>& largest) {
  if (p.inside == 0) return;
  if (c.normalised.coefficients != nullptr) {
    for (int k = 0; k < kPieceChannels; ++k) {
      const int channel = first + p.channel + k;
      if (channel >= c.channels) continue;
      const NormalisedChannel rule = normalised_channel(c.normalised, query, channel);
      for (int e = 0; e < kVector; e += 2) {
        T value[2];
        for (int i = 0; i < 2; ++i) {
          const float y = rule(widened(unpack<T>(v.d[k][e / 2], i)), v.xc[k][e + i]);
          if ((p.inside >> (e + i) & 1) != 0) largest.see(y);
          value[i] = rounded<T>(y);
        }
        v.d[k][e / 2] = pack(value[0], value[1]);
      }
    }
  }
  const int half = p.channel / kVector, quarter = p.channel % kVector;
  for (int e = 0; e < kVector; e += 4) {
    // Four pixels; of each, two words of two channels.
    std::uint32_t words[2][4];
    for (int j = 0; j < 2; ++j) {
      for (int i = 0; i < 4; ++i) {
        const std::uint32_t low = v.d[2 * j][(e + i) / 2], high = v.d[2 * j + 1][(e + i) / 2];
        words[j][i] = i % 2 == 0 ? (low & 0xffffu) | high << 16 : low >> 16 | (high & 0xffff0000u);
      }
      turned(words[j], p.turn);
    }
    for (int i = 0; i < 4; ++i) {
      const int pixel = e + ((i + p.turn) & 3);
      if ((p.inside >> pixel & 1) != 0)
        *reinterpret_cast<uint2*>(input + swizzled(p.position + pixel, half) + quarter) = {words[0][i], words[1][i]};
    }
  }
}

}  // namespace
}  // namespace deepzero::cuda
