// Winograd convolution F(4×4, 3×3) of images, planar: y[n][Co][Ho·Wo] = W[Co][Ci][3][3] ∗ x[n][Ci][H·W], stride 1, any
// padding, no bias. A tile of 4×4 outputs takes 36 multiplications per pair of channels instead of 144:
//
//     y = Aᵀ·[Σ_ci (G·w·Gᵀ) ⊙ (Bᵀ·x·B)]·A
//
// with x the 6×6 inputs of the tile and the matrices of cpu/winograd/points.h (Lavin and Gray, "Fast algorithms for
// convolutional neural networks", 2016). The result is off by less than 1e-6 of itself, about three times as much as
// direct sums. A difference may be; base values are left to direct sums, since their rounding decides where a ReLU
// switches.
#pragma once

#include <cstddef>

#include "cpu/conv2d/kernel.h"
#include "cpu/fetch_ahead.h"

namespace deepzero::cpu {

struct WinogradKernels {
  /// Images that one call should have: as many as fill its vectors, since a lane is a tile.
  int (*images)(const ConvGeometry&);
  /// Whether `images` images have the shape for it and are done faster so than by direct sums (cpu/conv2d/).
  bool (*pays)(const ConvGeometry&, int images);
  /// Floats of the transformed weights.
  std::size_t (*packed_floats)(const ConvGeometry&);
  /// weights [Co][Ci][3][3] → G·w·Gᵀ in the kernel's own order.
  void (*pack)(const ConvGeometry&, const float* weights, float* packed);
  /// Floats of scratch, 64-byte aligned, contents arbitrary; the same for any number of images.
  std::size_t (*scratch_floats)(const ConvGeometry&);
  /// y = W ∗ x for each image; y never overlaps x. What an image becomes does not depend on the others. Meanwhile
  /// `ahead`, if there is one, is fetched.
  void (*forward)(const ConvGeometry&, const float* x, int images, const float* packed, float* y, float* scratch,
                  FetchAhead* ahead);
};

const WinogradKernels& winograd_kernels(Isa isa);

extern const WinogradKernels winograd_scalar;
extern const WinogradKernels winograd_neon;    // arm64 only
extern const WinogradKernels winograd_avx2;    // x86-64 only
extern const WinogradKernels winograd_avx512;  // x86-64 only

}  // namespace deepzero::cpu
