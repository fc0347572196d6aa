#include "cuda/ops/conv2d_strips.cuh"

namespace deepzero::cuda {
namespace {

/// Tiles of a block: the fewest that hold all output channels, or four, or two of the widest planes.
int block_tiles(const ConvGeometry& g) {
  const int most = g.out_w == 32 ? 2 : 4;
  return g.out_c <= kTile ? 1 : std::min(most, g.out_c <= 2 * kTile ? 2 : 4);
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
  if (g.out_w == 32)
    return tiles == 1 ? work.template operator()<Strips<32, 1>>() : work.template operator()<Strips<32, 2>>();
  const auto narrow = [&]<int kWidth>() {
    if (tiles == 1) return work.template operator()<Strips<kWidth, 1>>();
    if (tiles == 2) return work.template operator()<Strips<kWidth, 2>>();
    work.template operator()<Strips<kWidth, 4>>();
  };
  g.out_w == 16 ? narrow.template operator()<16>() : narrow.template operator()<8>();
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
    const auto blocks =
        static_cast<unsigned>(c.tiles / S::kTiles) * static_cast<unsigned>(c.queries) * static_cast<unsigned>(c.parts);
    launch("convolve_strips", convolve_strips<S, T>, blocks, S::kThreads,
           S::shared_bytes(c.channels, c.y.whole != nullptr), stream, c);
  });
}

template void pack_strip_weights(const Block&, const ConvGeometry&, int, const float*, __half*);
template void pack_strip_weights(const Block&, const ConvGeometry&, int, const float*, __nv_bfloat16*);
template void convolve_in_strips(const Stream&, StripConvolution<__half>);
template void convolve_in_strips(const Stream&, StripConvolution<__nv_bfloat16>);

}  // namespace deepzero::cuda
