// bfloat16, plain: the readable twin of the vector kernels.
#include "cpu/bfloat16/kernel.h"
#include "engine/rules/bfloat16.h"

namespace deepzero::cpu {
namespace {

void narrow(const float* from, std::size_t n, std::uint16_t* to) {
  for (std::size_t i = 0; i < n; ++i) to[i] = rules::to_bfloat16(from[i]);
}

void widen(const std::uint16_t* from, std::size_t n, float* to) {
  for (std::size_t i = 0; i < n; ++i) to[i] = rules::from_bfloat16(from[i]);
}

}  // namespace

const Bfloat16Kernels bfloat16_scalar = {narrow, widen};

}  // namespace deepzero::cpu
