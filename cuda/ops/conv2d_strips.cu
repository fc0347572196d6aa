#include "cuda/ops/conv2d_strips.cuh"

#include <algorithm>

namespace deepzero::cuda {
namespace {

/// Calls work.operator()<Strips<…>>() with those of a convolution. Shapes that are rare share a kernel that leaves
/// tiles empty.
template <class Work>
void with_strips(const ConvGeometry& g, int channels, const Work& work) {
  require_shape(fits_strips(g), "convolve_strips");
  const auto parted = [&]<class Whole, class Parted>() {
    channels <= Whole::kStaged ? work.template operator()<Whole>() : work.template operator()<Parted>();
  };
  const auto of = [&]<int kWidth, int kFew, int kMany>() {
    if (g.out_c <= kTile * kFew && channels <= Strips<kWidth, kFew, 1, false>::kStaged)
      return work.template operator()<Strips<kWidth, kFew, 1, false>>();
    parted.template operator()<Strips<kWidth, kMany, 1, false>, Strips<kWidth, kMany, 1, true>>();
  };
  if (g.stride_w == 2 && g.out_w == 16)
    return parted.template operator()<Strips<16, 2, 2, false>, Strips<16, 2, 2, true>>();
  if (g.stride_w == 2) return parted.template operator()<Strips<8, 4, 2, false>, Strips<8, 4, 2, true>>();
  if (g.out_w == 32) return of.template operator()<32, 1, 2>();
  if (g.out_w == 16) return of.template operator()<16, 2, 4>();
  of.template operator()<8, 2, 4>();
}

/// All tiles, in whole blocks.
int all_tiles(const ConvGeometry& g, int channels) {
  int tiles = 0;
  with_strips(g, channels,
              [&]<class S>() { tiles = (g.out_c + S::kTiles * kTile - 1) / (S::kTiles * kTile) * S::kTiles; });
  return tiles;
}

}  // namespace

std::size_t strip_weights(const ConvGeometry& g, int channels) {
  return static_cast<std::size_t>((channels + kTile - 1) / kTile * 9 * all_tiles(g, channels)) * kTile * kTile;
}

int strip_parts(const ConvGeometry& g, int channels, int count) {
  int parts = 0;
  with_strips(g, channels, [&]<class S>() {
    const int bands = (g.out_h + S::kRows - 1) / S::kRows * count;
    parts = (bands + S::kBands - 1) / S::kBands;
  });
  return parts;
}

template <class T>
void pack_strip_weights(const Block& block, const ConvGeometry& g, int channels, const float* weight,
                        const unsigned* largest_weight, T* packed) {
  launch_elements("pack_weights", block, static_cast<int>(strip_weights(g, channels)),
                  PackFragments<T>{weight, largest_weight, g.out_c, all_tiles(g, channels), channels, packed});
}

template <class T>
void convolve_in_strips(const Stream& stream, StripConvolution<T> c) {
  c.tiles = all_tiles(c.g, c.channels), c.parts = strip_parts(c.g, c.channels, c.count);
  with_strips(c.g, c.channels, [&]<class S>() {
    const unsigned parts = static_cast<unsigned>(c.parts), most = 1 << 15;  // a grid is long in x alone
    const dim3 grid(static_cast<unsigned>(c.tiles / S::kTiles) * static_cast<unsigned>(c.queries),
                    std::min(parts, most), (parts + most - 1) / most);
    launch("convolve_strips", convolve_strips<S, T>, grid, S::kThreads,
           S::shared_bytes(c.channels, c.y.whole != nullptr), stream, c);
  });
}

template void pack_strip_weights(const Block&, const ConvGeometry&, int, const float*, const unsigned*, __half*);
template void pack_strip_weights(const Block&, const ConvGeometry&, int, const float*, const unsigned*, __nv_bfloat16*);
template void convolve_in_strips(const Stream&, StripConvolution<__half>);
template void convolve_in_strips(const Stream&, StripConvolution<__nv_bfloat16>);

}  // namespace deepzero::cuda
