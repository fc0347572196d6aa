// Batch norm, plain: the readable twin of the vector kernels.
#include "cpu/batch_norm/kernel.h"
#include "engine/rules/relu.h"

namespace deepzero::cpu {
namespace {

void moments(const float* x, int channels, std::size_t plane, double* sums) {
  for (int c = 0; c < channels; ++c, x += plane, sums += 2) {
    for (std::size_t i = 0; i < plane; ++i) {
      const double value = static_cast<double>(x[i]);
      sums[0] += value;
      sums[1] += value * value;
    }
  }
}

void forward(const BatchNormForward& call) {
  for (int c = 0; c < call.channels; ++c) {
    const std::size_t first = static_cast<std::size_t>(c) * call.plane;
    for (std::size_t i = first; i < first + call.plane; ++i) {
      const float xc = call.x[i] - call.mean[c];
      float y = call.scale[c] * xc + call.shift[c];
      if (call.centred != nullptr) call.centred[i] = xc;
      if (call.normalised != nullptr) call.normalised[i] = y;
      if (call.plus != nullptr) y += call.plus[i];
      if (call.sum != nullptr) call.sum[i] = y;
      if (call.rectified != nullptr) call.rectified[i] = 0.0f > y ? 0.0f : y;
    }
  }
}

void affine(const float* x, float scale, float shift, std::size_t n, float* y) {
  for (std::size_t i = 0; i < n; ++i) y[i] = scale * x[i] + shift;
}

void sums(const BatchNormInput& input, double* sums) {
  for (int c = 0; c < input.channels; ++c, sums += 3) {
    float sum = 0, product = 0, square = 0;
    for (int n = 0; n < input.images; ++n) {
      const std::size_t first = static_cast<std::size_t>(c) * input.plane;
      const float* d = input.d + static_cast<std::size_t>(n) * input.d_step + first;
      const float* xc = input.xc + static_cast<std::size_t>(n) * input.xc_step + first;
      for (std::size_t i = 0; i < input.plane; ++i) {
        sum += d[i];
        product += xc[i] * d[i];
        square += d[i] * d[i];
      }
    }
    sums[0] += static_cast<double>(sum);
    sums[1] += static_cast<double>(product);
    sums[2] += static_cast<double>(square);
  }
}

void difference(const BatchNormDifference& call) {
  for (int c = 0; c < call.channels; ++c) {
    const double* k = call.coefficients + 3 * c;
    const auto of_d = static_cast<float>(k[0]), of_xc = static_cast<float>(k[1]), constant = static_cast<float>(k[2]);
    const std::size_t first = static_cast<std::size_t>(c) * call.plane;
    for (std::size_t i = first; i < first + call.plane; ++i) {
      const float xc = call.xc[i];
      float y = of_d * call.d[i] + of_xc * xc + constant;
      if (call.plus != nullptr) y += call.plus[i];
      if (call.rectify) {
        const float x = call.x != nullptr ? call.x[i] : call.scale[c] * xc + call.shift[c];
        y = rules::relu_difference(y, x * call.inverse_mu);
      }
      call.y[i] = y;
    }
  }
}

}  // namespace

const BatchNormKernels batch_norm_scalar = {moments, forward, affine, sums, difference};

}  // namespace deepzero::cpu
