// Convolution of a dense difference by 3×3 kernels with one row of padding, on tensor cores, to planes 8, 16 or 32 wide
// (at stride 2: 8 or 16, from twice that): the layers in which residual networks for small images spend their time.
// Other dense convolutions take cuda/ops/conv2d_matrix.cuh.
//
// Planes are cut into bands of whole rows, bands into strips eight pixels wide. A warp takes sixteen output channels of
// a strip of sixteen rows, or of two strips of eight: what it reads of a row of the input serves three rows of the
// output.
#pragma once

#include "cuda/op.h"
#include "cuda/ops/conv2d_geometry.h"
#include "cuda/stored.cuh"

namespace deepzero::cuda {

template <class T>
struct StripConvolution {
  ConvGeometry g;
  const T* d;  ///< [Q][N][channels][h][w]
  Normalisation normalised;
  int queries, count, channels;
  int tiles, parts;  ///< all sixteens of output channels, in whole blocks; strip_parts()
  const T* packed;   ///< pack_strip_weights()
  const unsigned* largest_weight;
  Destination<T> y;  ///< [Q][N][out_c][h][w]
  const float* xc;   ///< of the batch norm that reads y, [N][out_c][h][w]; null: no sums
  float* sums;       ///< [Q][out_c][parts][3]: Σ y, Σ xc·y, Σ y²
};

/// Whether these kernels take a convolution.
inline bool fits_strips(const ConvGeometry& g) {
  if (g.kernel_h != 3 || g.kernel_w != 3 || g.pad_h != 1 || g.pad_w != 1 || g.stride_h != g.stride_w) return false;
  if (g.stride_w == 1) return g.out_w == 8 || g.out_w == 16 || g.out_w == 32;
  return g.stride_w == 2 && g.in_w == 2 * g.out_w && (g.out_w == 8 || g.out_w == 16);
}

/// Numbers of packed weights, of two bytes each.
std::size_t strip_weights(const ConvGeometry& g, int channels);
/// Blocks that share an output channel's images of a query; each forms a part of the sums.
int strip_parts(const ConvGeometry& g, int channels, int count);
/// weight [out_c][channels][3][3] as the kernels read it; largest_weight: find_largest_weight().
template <class T>
void pack_strip_weights(const Block& block, const ConvGeometry& g, int channels, const float* weight,
                        const unsigned* largest_weight, T* packed);
/// Fills in `tiles` and `parts`.
template <class T>
void convolve_in_strips(const Stream& stream, StripConvolution<T> convolution);

}  // namespace deepzero::cuda
