// Linear layer on one image, plain: y = bias + Σ_j wt[first + j] · x[j].
#include "cpu/linear/kernel.h"

namespace deepzero::cpu {
namespace {

void forward(const float* x, std::size_t first, std::size_t count, const float* wt, const float* bias, std::size_t out,
             float* y) {
  for (std::size_t o = 0; o < out; ++o) y[o] = bias != nullptr ? bias[o] : 0.0f;
  for (std::size_t j = 0; j < count; ++j) {
    const float* row = wt + (first + j) * out;
    for (std::size_t o = 0; o < out; ++o) y[o] += row[o] * x[j];
  }
}

}  // namespace

const LinearKernels linear_scalar = {forward};

}  // namespace deepzero::cpu
