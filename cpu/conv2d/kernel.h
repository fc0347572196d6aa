// Convolution of one image, planar: y[Co][Ho·Wo] = W[Co][Ci][kh][kw] ∗ x[Ci][H·W] (+ bias[Co]). The same kernels
// serve the base pass (with bias) and differences (without), and a pair of inputs those of directions. Any kernel size,
// stride and padding.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cpu/isa.h"

namespace deepzero::cpu {

struct ConvGeometry {
  int in_channels, in_h, in_w;
  int out_channels, out_h, out_w;
  int kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w;
};

/// A weight that is not zero.
struct SparseTap {
  std::uint32_t offset;  ///< ConvKernels::tap_offset of its (ci, kh, kw)
  float weight;
};

/// The weights that are not zero: those of output channel co are taps[first[co]] … taps[first[co + 1] − 1], in the
/// order of (ci, kh, kw). Made by cpu/conv2d/sparse_weights.h.
struct SparseWeights {
  const std::uint32_t* first;
  const SparseTap* taps;
};

struct ConvKernels {
  /// Floats of the packed weights.
  std::size_t (*packed_floats)(const ConvGeometry&);
  /// weights [Co][Ci][kh][kw] → the kernel's own order.
  void (*pack)(const ConvGeometry&, const float* weights, float* packed);
  /// Floats of scratch that dense, dense_pair, sparse and one_channel need, 64-byte aligned, contents arbitrary.
  std::size_t (*scratch_floats)(const ConvGeometry&);
  /// y = W ∗ x + bias; bias may be null. y never overlaps x.
  void (*dense)(const ConvGeometry&, const float* x, const float* packed, const float* bias, float* y, float* scratch);
  /// y = W ∗ (x, z) + bias: the input's first half of channels is x, its second z. The geometry (and with it packing
  /// and scratch) is that of the whole input.
  void (*dense_pair)(const ConvGeometry&, const float* x, const float* z, const float* packed, const float* bias,
                     float* y, float* scratch);
  /// As dense, from the weights that are not zero. For finite x the same bits, signs of zeros aside: the terms
  /// left out add nothing, the others keep their order. Where one input channel is not zero, g and weights are those of
  /// a convolution with one input channel.
  void (*sparse)(const ConvGeometry&, const float* x, const SparseWeights& weights, const float* bias, float* y,
                 float* scratch);
  /// What the sparse kernel finds the input of a tap by.
  std::size_t (*tap_offset)(const ConvGeometry&, int ci, int kh, int kw);
  /// y = W[:, channel] ∗ plane: the only non-zero input channel is given as its plane [H·W].
  void (*one_channel)(const ConvGeometry&, const float* plane, int channel, const float* weights, float* y,
                      float* scratch);
  /// The seed of a weight (co, ci, kh, kw): y[Ho·Wo] = plane of x[ci] shifted by (kh, kw), zero outside.
  void (*shift)(const ConvGeometry&, const float* plane, int kh, int kw, float* y);
};

const ConvKernels& conv_kernels(Isa isa);

extern const ConvKernels conv_scalar;
extern const ConvKernels conv_neon;    // arm64 only
extern const ConvKernels conv_avx2;    // x86-64 only
extern const ConvKernels conv_avx512;  // x86-64 only

}  // namespace deepzero::cpu
