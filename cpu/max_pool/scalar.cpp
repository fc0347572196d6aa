// Max-pooling of a plane and its difference rule, plain. A window's part outside the image counts as −∞, so it is
// skipped. A NaN wins: the comparison `best > value ? best : value` returns value when value is NaN, and once best is
// NaN it is kept by asking for it.
#include "cpu/max_pool/kernel.h"
#include "engine/rules/max_pool.h"

#include <limits>

namespace deepzero::cpu {
namespace {

float larger(float best, float value) { return best > value || best != best ? best : value; }

/// Maximum over every window of value(index into the input plane, index into the output plane).
template <class Value>
void pool(const PoolGeometry& g, float* y, const Value& value) {
  for (int oh = 0; oh < g.out_h; ++oh) {
    for (int ow = 0; ow < g.out_w; ++ow) {
      const int output = oh * g.out_w + ow;
      float best = -std::numeric_limits<float>::infinity();
      for (int kh = 0; kh < g.kernel_h; ++kh) {
        const int ih = oh * g.stride_h + kh - g.pad_h;
        if (ih < 0 || ih >= g.in_h) continue;
        for (int kw = 0; kw < g.kernel_w; ++kw) {
          const int iw = ow * g.stride_w + kw - g.pad_w;
          if (iw < 0 || iw >= g.in_w) continue;
          best = larger(best, value(ih * g.in_w + iw, output));
        }
      }
      y[output] = best;
    }
  }
}

void forward(const PoolGeometry& g, const float* x, float* y) {
  pool(g, y, [&](int input, int) { return x[input]; });
}

void difference(const PoolGeometry& g, const float* d, const float* x, const float* y, float inverse_mu, float* dy) {
  pool(g, dy,
       [&](int input, int output) { return rules::max_pool_candidate(d[input], x[input], y[output], inverse_mu); });
}

}  // namespace

const MaxPoolKernels max_pool_scalar = {forward, difference};

}  // namespace deepzero::cpu
