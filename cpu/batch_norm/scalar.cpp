// Batch norm, plain: the readable twin of the vector kernels.
#include "cpu/batch_norm/kernel.h"
#include "engine/rules/relu.h"

#include <algorithm>

namespace deepzero::cpu {
namespace {

void moments(const float* x, int channels, std::size_t plane, double* moments) {
  for (int c = 0; c < channels; ++c, x += plane, moments += 3) {
    const double first = static_cast<double>(x[0]);
    double sum = 0, squares = 0;
    for (std::size_t i = 0; i < plane; ++i) {
      const double value = static_cast<double>(x[i]) - first;
      sum += value;
      squares += value * value;
    }
    moments[0] = first;
    moments[1] = sum;
    moments[2] = squares;
  }
}

// The fused passes go by strips, whose values wait in local arrays while it is decided what becomes of them: loops
// without such decisions, on memory that nothing else can name, are what compilers turn into vectors.
constexpr std::size_t kStrip = 64;

/// strip(first, size) over the plane of channel c.
template <class Strip>
void by_strips(int c, std::size_t plane, const Strip& strip) {
  const std::size_t first = static_cast<std::size_t>(c) * plane, end = first + plane;
  for (std::size_t i = first; i < end; i += kStrip) strip(i, std::min(kStrip, end - i));
}

void add(const float* x, std::size_t n, float* y) {
  for (std::size_t i = 0; i < n; ++i) y[i] += x[i];
}

void forward(const BatchNormForward& call) {
  for (int c = 0; c < call.channels; ++c) {
    const float mean = call.mean[c], scale = call.scale[c], shift = call.shift[c];
    by_strips(c, call.plane, [&](std::size_t first, std::size_t n) {
      float xc[kStrip], y[kStrip];
      for (std::size_t i = 0; i < n; ++i) {
        xc[i] = call.x[first + i] - mean;
        y[i] = scale * xc[i] + shift;
      }
      if (call.centred != nullptr) std::copy_n(xc, n, call.centred + first);
      if (call.normalised != nullptr) std::copy_n(y, n, call.normalised + first);
      if (call.plus != nullptr) add(call.plus + first, n, y);
      if (call.sum != nullptr) std::copy_n(y, n, call.sum + first);
      if (call.rectified == nullptr) return;
      for (std::size_t i = 0; i < n; ++i) y[i] = 0.0f > y[i] ? 0.0f : y[i];
      std::copy_n(y, n, call.rectified + first);
    });
  }
}

void affine(const float* x, float scale, float shift, std::size_t n, float* y) {
  for (std::size_t i = 0; i < n; ++i) y[i] = scale * x[i] + shift;
}

void sums(const BatchNormInput& input, double* sums) {
  for (int c = 0; c < input.channels; ++c, sums += 3) {
    double sum = 0, product = 0, square = 0;
    for (int n = 0; n < input.images; ++n) {
      const std::size_t first = static_cast<std::size_t>(c) * input.plane;
      const float* d = input.d + static_cast<std::size_t>(n) * input.d_step + first;
      const float* xc = input.xc + static_cast<std::size_t>(n) * input.xc_step + first;
      for (std::size_t i = 0; i < input.plane; ++i) {
        const double value = static_cast<double>(d[i]);
        sum += value;
        product += static_cast<double>(xc[i]) * value;
        square += value * value;
      }
    }
    sums[0] += sum;
    sums[1] += product;
    sums[2] += square;
  }
}

void difference(const BatchNormDifference& call) {
  for (int c = 0; c < call.channels; ++c) {
    const double* k = call.coefficients + 3 * c;
    const auto of_d = static_cast<float>(k[0]), of_xc = static_cast<float>(k[1]), constant = static_cast<float>(k[2]);
    by_strips(c, call.plane, [&](std::size_t first, std::size_t n) {
      const float *d = call.d + first, *xc = call.xc + first;
      float y[kStrip];
      for (std::size_t i = 0; i < n; ++i) y[i] = of_d * d[i] + of_xc * xc[i] + constant;
      if (call.plus != nullptr) add(call.plus + first, n, y);
      if (call.rectify) {
        float x[kStrip];
        if (call.x != nullptr)
          std::copy_n(call.x + first, n, x);
        else
          affine(xc, call.scale[c], call.shift[c], n, x);
        for (std::size_t i = 0; i < n; ++i) y[i] = rules::relu_difference(y[i], x[i] * call.inverse_mu);
      }
      std::copy_n(y, n, call.y + first);
    });
  }
}

}  // namespace

const BatchNormKernels batch_norm_scalar = {moments, forward, affine, sums, difference};

}  // namespace deepzero::cpu
