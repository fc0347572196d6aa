// The micro-kernels of cpu/ on the shapes of a network: one entry per op, shape and instruction set.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "cpu/isa.h"
#include "engine/network.h"

namespace deepzero::bench {

struct Kernel {
  std::string name;  ///< "conv2d.dense 16x32x32-16 3x3"
  cpu::Isa isa;
  double flops;  ///< of one call; a multiply-add counts 2
  double bytes;  ///< that one call reads and writes, each array once
  /// Allocates `slots` sets of arrays, compares the kernel with its scalar twin (throws ERR_INTERNAL when they
  /// disagree) and returns the call to time, which takes the slot.
  std::function<std::function<void(std::size_t)>(std::size_t slots)> prepare;
};

/// Each shape once, for every instruction set in `isas` that has a kernel of its own.
std::vector<Kernel> kernels_of(const Network& network, const std::vector<cpu::Isa>& isas);

}  // namespace deepzero::bench
