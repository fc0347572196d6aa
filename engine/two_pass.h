// The plain way: full forward passes over all ops, in float32 or float64, one weight (or all of them, along a
// direction) perturbed by save, write, restore. The oracle of the tests, and what users compare difference propagation
// with. No reuse, no tricks.
#pragma once

#include <span>
#include <vector>

#include "engine/backend.h"
#include "engine/control.h"
#include "engine/network.h"

namespace deepzero {

template <class T>
class TwoPass {
 public:
  /// `control` is looked at before each op.
  TwoPass(const Network& network, std::span<const float> parameters, std::span<const float> buffers,
          double label_smoothing = 0, const Control& control = {});

  /// Outputs [N][K] of a full pass with the weights as they are.
  const std::vector<T>& forward(const Batch& batch, Statistics statistics);
  /// The network's loss of a full pass, the loss itself in float64.
  double loss(const Batch& batch, Statistics statistics);
  /// Outputs and loss with one coordinate moved by `step`; the weight is restored bit for bit, unless the pass is
  /// stopped.
  const std::vector<T>& perturbed_forward(const Batch& batch, Statistics statistics, std::size_t coordinate,
                                          double step);
  double perturbed_loss(const Batch& batch, Statistics statistics, std::size_t coordinate, double step);
  /// The loss with all parameters moved by `step` times a direction [parameters]; restored bit for bit.
  double perturbed_loss(const Batch& batch, Statistics statistics, std::span<const float> direction, double step);

 private:
  const Network& network_;
  double label_smoothing_;
  Control control_;
  std::vector<T> parameters_;
  std::vector<T> buffers_;
  std::vector<std::vector<T>> values_;
};

}  // namespace deepzero
