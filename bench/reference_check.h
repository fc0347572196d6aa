// A session against a reference case: errors relative in the 2-norm, and what is allowed. As `deepzero gradcheck` does,
// where there is no Node.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "bench/reference.h"
#include "engine/precision.h"
#include "engine/session.h"

namespace deepzero::bench {

struct Deviation {
  std::string name;  ///< "logits_train", "loss_train", "running_after", "logits_eval", "cge/mu=0.005"
  double error = 0, tolerance = 0;
  bool passed() const { return error <= tolerance; }
};

/// Of estimates against exact finite differences: differences in float32 1e-4, or 1e-3 where μ is below 1e-3 and the
/// roundings of base features count more; in float16, whose roundings are up to 2⁻¹¹, 1e-3; in bfloat16, up to 2⁻⁹,
/// 5e-3 on the CPU, and 2e-2 on CUDA, which rounds behind every op, and weights as well. As in lib/gradcheck.
double estimate_tolerance(Precision precision, const std::string& device, double mu);

/// Whether base pass, evaluation and the estimates at every μ of the case are as expected, of at most `most` of its
/// coordinates, spread over all of them (0: all). The session gets the case's weights and has them afterwards.
std::vector<Deviation> check_reference(Session& session, const Reference& reference, Precision precision,
                                       std::size_t most = 0);

}  // namespace deepzero::bench
