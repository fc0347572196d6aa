#include "cuda/ops/conv2d_strips.cuh"

#include <algorithm>

namespace deepzero::cuda {
namespace {

/// Tiles of a block: the fewest that hold all output channels, or four, or two of the widest planes; at least two where
/// such convolutions are rare.
int block_tiles(const ConvGeometry& g) {
  const int fewest = g.stride_w == 1 ? 1 : 2, most = g.out_w == 32 ? 2 : 4;
  return std::clamp(g.out_c <= kTile ? 1 : g.out_c <= 2 * kTile ? 2 : 4, fewest, most);
}

/// All tiles, in whole blocks.
int all_tiles(const ConvGeometry& g) {
  const int block = block_tiles(g) * kTile;
  return (g.out_c + block - 1) / block * block / kTile;
}

/// Calls work.operator()<Strips<…>>() with those of a convolution.
template <class Work>
void with_strips(const ConvGeometry& g, const Work& work) {
  const int tiles = block_tiles(g);
  const auto narrow = [&]<int kWidth>() {
    if (g.stride_w == 2)
      return tiles == 2 ? work.template operator()<Strips<kWidth, 2, 2>>()
                        : work.template operator()<Strips<kWidth, 4, 2>>();
    if (tiles == 1) return work.template operator()<Strips<kWidth, 1, 1>>();
    if (tiles == 2) return work.template operator()<Strips<kWidth, 2, 1>>();
    work.template operator()<Strips<kWidth, 4, 1>>();
  };
  if (g.out_w == 8) return narrow.template operator()<8>();
  if (g.out_w == 16) return narrow.template operator()<16>();
  tiles == 1 ? work.template operator()<Strips<32, 1, 1>>() : work.template operator()<Strips<32, 2, 1>>();
}

}  // namespace

std::size_t strip_weights(const ConvGeometry& g, int channels) {
  return static_cast<std::size_t>((channels + kTile - 1) / kTile * 9 * all_tiles(g)) * kTile * kTile;
}

int strip_parts(const ConvGeometry& g, int count) {
  int parts = 0;
  with_strips(g, [&]<class S>() {
    const int bands = (g.out_h + S::kRows - 1) / S::kRows * count;
    parts = (bands + S::kBands - 1) / S::kBands;
  });
  return parts;
}

template <class T>
void pack_strip_weights(const Block& block, const ConvGeometry& g, int channels, const float* weight, T* packed) {
  launch_elements("pack_weights", block, static_cast<int>(strip_weights(g, channels)),
                  PackFragments<T>{weight, g.out_c, all_tiles(g), channels, packed});
}

template <class T>
void convolve_in_strips(const Stream& stream, StripConvolution<T> c) {
  c.tiles = all_tiles(c.g), c.parts = strip_parts(c.g, c.count);
  with_strips(c.g, [&]<class S>() {
    const unsigned parts = static_cast<unsigned>(c.parts), most = 1 << 15;  // a grid is long in x alone
    const dim3 grid(static_cast<unsigned>(c.tiles / S::kTiles) * static_cast<unsigned>(c.queries),
                    std::min(parts, most), (parts + most - 1) / most);
    launch("convolve_strips", convolve_strips<S, T>, grid, S::kThreads,
           S::shared_bytes(c.channels, c.y.whole != nullptr), stream, c);
  });
}

template void pack_strip_weights(const Block&, const ConvGeometry&, int, const float*, __half*);
template void pack_strip_weights(const Block&, const ConvGeometry&, int, const float*, __nv_bfloat16*);
template void convolve_in_strips(const Stream&, StripConvolution<__half>);
template void convolve_in_strips(const Stream&, StripConvolution<__nv_bfloat16>);

}  // namespace deepzero::cuda
