// The kernel table of an instruction set: the scalar one so far.
#include "cpu/global_avg_pool/kernel.h"

namespace deepzero::cpu {

const GlobalAvgPoolKernels& global_avg_pool_kernels([[maybe_unused]] Isa isa) {
  return global_avg_pool_scalar;
}

}  // namespace deepzero::cpu
