// A route as it is carried out on a device: which ops do the work of the ops behind them, and where the difference of
// each value lives, from the op that makes it to the last one that reads it. What is fused:
//
//   - a ReLU that alone reads an op that can apply it is applied by that op;
//   - a batch norm, with its ReLU, that is read by one op alone that can normalise its input is left to it: the batch
//     norm finds coefficients, and the difference in front of it stays in memory instead of the one behind it;
//   - a convolution that a batch norm with batch statistics alone reads, in the next step, forms its sums.
//
// An elementwise op writes over its input when nobody else reads it. The network's output has a place of its own,
// elsewhere.
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
/// Of coefficients, in floats.
inline constexpr std::size_t kCoefficientAlignment = 4;

/// How a step of the route is carried out.
struct Plan {
  bool applied = false;          ///< a ReLU that the op before it applies: nothing is done
  int relu = -1;                 ///< the op of the ReLU that it applies, or −1
  bool left = false;             ///< a batch norm that is left to its reader
  std::size_t coefficients = 0;  ///< of a batch norm: their offset, in floats per query
  bool forms_sums = false;       ///< a convolution: those of the batch norm in the next step
};

struct Program {
  Route route;
  Precision precision;              ///< of stored differences
  std::vector<Plan> plans;          ///< per step
  std::vector<int> normalised_by;   ///< per value: the step of the batch norm that is left to its reader, or −1
  std::vector<std::size_t> offset;  ///< per value, in elements per query and image
  std::size_t elements = 0;         ///< of all values, per query and image
  std::size_t coefficients = 0;     ///< floats of all batch norms, per query
  std::shared_ptr<const Program> in_float32;  ///< of float16: for queries beyond its range
};

/// `precision` is that of the differences of queries; those of a direction are float32.
Program make_program(const Network& network, const Route& route, std::span<const std::unique_ptr<CudaOp>> ops,
                     Statistics statistics, Precision precision);

}  // namespace deepzero::cuda
