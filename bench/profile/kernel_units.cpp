#include "bench/profile/kernel_units.h"

#include <cstring>

#include "cpu/add/kernel.h"
#include "cpu/batch_norm/kernel.h"
#include "cpu/conv2d/kernel.h"
#include "cpu/global_avg_pool/kernel.h"
#include "cpu/linear/kernel.h"
#include "cpu/max_pool/kernel.h"
#include "cpu/relu/kernel.h"
#include "cpu/winograd/kernel.h"

namespace deepzero::bench {
namespace {

/// Calls `take` with every word of a table of kernels; those that are functions are found among the symbols.
template <class Kernels, class Take>
void for_each_word(const Kernels& kernels, const Take& take) {
  static_assert(sizeof(Kernels) % sizeof(std::uintptr_t) == 0);
  for (std::size_t at = 0; at < sizeof(Kernels); at += sizeof(std::uintptr_t)) {
    std::uintptr_t word = 0;
    std::memcpy(&word, reinterpret_cast<const char*>(&kernels) + at, sizeof word);
    take(word);
  }
}

}  // namespace

KernelUnits::KernelUnits(const Symbols& symbols, cpu::Isa best) {
  const auto take = [&](const char* op) {
    return [&, op](std::uintptr_t word) {
      const Function* function = symbols.find(word);
      if (function != nullptr && function->begin == word && function->unit >= 0) ops_.emplace(function->unit, op);
    };
  };
  for (const cpu::Isa isa : cpu::supported_isas()) {
    if (isa > best) continue;
    for_each_word(cpu::add_kernels(isa), take("add"));
    for_each_word(cpu::batch_norm_kernels(isa), take("batch_norm"));
    for_each_word(cpu::conv_kernels(isa), take("conv2d"));
    for_each_word(cpu::global_avg_pool_kernels(isa), take("global_avg_pool"));
    for_each_word(cpu::linear_kernels(isa), take("linear"));
    for_each_word(cpu::max_pool_kernels(isa), take("max_pool"));
    for_each_word(cpu::relu_kernels(isa), take("relu"));
    for_each_word(cpu::winograd_kernels(isa), take("winograd"));
  }
}

std::string KernelUnits::op_of(const Function& function) const {
  const auto known = ops_.find(function.unit);
  if (known != ops_.end()) return known->second;
  return function.file.empty() ? "shared" : function.file.substr(0, function.file.rfind('.'));
}

}  // namespace deepzero::bench
