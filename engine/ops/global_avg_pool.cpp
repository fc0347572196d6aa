#include "engine/ops/global_avg_pool.h"

#include "engine/attributes.h"

namespace deepzero {

GlobalAvgPool::GlobalAvgPool(const OpSpec& spec) : Op(spec) { Attributes(spec).finish(); }

double GlobalAvgPool::cost(std::span<const Support> in) const {
  return 1.0 * in[0].channels(input_shape().c) * input_shape().plane();
}

template <class T>
void GlobalAvgPool::run(const Pass<T>& pass) const {
  const int plane = input_shape().plane();
  const std::size_t planes = static_cast<std::size_t>(pass.count) * input_shape().c;
  for (std::size_t p = 0; p < planes; ++p) {
    T sum = 0;
    for (int i = 0; i < plane; ++i) sum += pass.inputs[0][p * plane + i];
    pass.output[p] = sum / static_cast<T>(plane);
  }
}

void GlobalAvgPool::forward(const Pass<float>& pass) const { run(pass); }
void GlobalAvgPool::forward(const Pass<double>& pass) const { run(pass); }

}  // namespace deepzero
