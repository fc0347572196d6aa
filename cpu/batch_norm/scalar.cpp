// Batch norm on a plane, plain: base pass in float64 sums, a query's sums in float32.
#include "cpu/batch_norm/kernel.h"
#include "engine/rules/relu.h"

namespace deepzero::cpu {
namespace {

double sum(const float* x, std::size_t n) {
  double total = 0;
  for (std::size_t i = 0; i < n; ++i) total += static_cast<double>(x[i]);
  return total;
}

void centre(const float* x, float mean, std::size_t n, float* xc, double moments[2]) {
  moments[0] = moments[1] = 0;
  for (std::size_t i = 0; i < n; ++i) {
    xc[i] = x[i] - mean;
    const double value = static_cast<double>(xc[i]);
    moments[0] += value;
    moments[1] += value * value;
  }
}

void affine(const float* x, float scale, float shift, std::size_t n, float* y) {
  for (std::size_t i = 0; i < n; ++i) y[i] = scale * x[i] + shift;
}

void sums(const float* d, const float* xc, std::size_t n, float sums[3]) {
  sums[0] = sums[1] = sums[2] = 0;
  for (std::size_t i = 0; i < n; ++i) {
    sums[0] += d[i];
    sums[1] += xc[i] * d[i];
    sums[2] += d[i] * d[i];
  }
}

void difference(const float* d, const float* xc, float a, float b, float c, std::size_t n, float* y) {
  for (std::size_t i = 0; i < n; ++i) y[i] = a * d[i] + b * xc[i] + c;
}

void difference_then(const float* d, const float* xc, float a, float b, float c, const BatchNormTail& tail,
                     std::size_t n, float* y) {
  for (std::size_t i = 0; i < n; ++i) {
    float value = a * d[i] + b * xc[i] + c;
    if (tail.plus != nullptr) value += tail.plus[i];
    if (tail.rectify) {
      const float x = tail.x != nullptr ? tail.x[i] : tail.scale * xc[i] + tail.shift;
      value = rules::relu_difference(value, x * tail.inverse_mu);
    }
    y[i] = value;
  }
}

}  // namespace

const BatchNormKernels batch_norm_scalar = {sum, centre, affine, sums, difference, difference_then};

}  // namespace deepzero::cpu
