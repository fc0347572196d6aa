// A route laid out in device memory: where each value's difference lives, from the op that makes it to the last one
// that reads it. An elementwise op writes over its input when nobody else reads it. The network's output has a place of
// its own, elsewhere.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "cuda/op.h"
#include "engine/route.h"

namespace deepzero::cuda {

/// Of places, in elements of two bytes or four: vectors of 16 bytes stay aligned whatever the number of images that an
/// offset is multiplied with.
inline constexpr std::size_t kArenaAlignment = 8;

struct Program {
  Route route;
  std::vector<std::size_t> offset;  ///< per value, in elements per query and image
  std::size_t elements = 0;         ///< of all values, per query and image
  std::vector<int> relu;            ///< per step: the op of the ReLU that it applies, or −1
  std::vector<bool> applied;        ///< per step: whether it is such a ReLU
};

Program make_program(const Network& network, Route route, std::span<const std::unique_ptr<CudaOp>> ops);

}  // namespace deepzero::cuda
