// The base pass over a batch, laid out as a query is (cpu/program.h): stage by stage, image by image, with what passes
// between the ops of a stage in cache. Values that a rule reads are kept for the batch where features are wanted.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "cpu/memory.h"
#include "cpu/pool.h"
#include "cpu/program.h"
#include "engine/backend.h"

namespace deepzero::cpu {

class BasePass {
 public:
  BasePass(const Network& network, std::span<const std::unique_ptr<CpuOp>> ops) : network_(network), ops_(ops) {}

  /// Runs the batch and, with `keep`, binds the features to the ops.
  BaseResult run(const Batch& batch, Statistics statistics, bool keep, const Control& control, Pool& pool);

 private:
  struct Plan {
    Program program;
    std::vector<bool> kept;  ///< per value
  };
  struct Lane {
    Buffer image;    // values of the image at hand
    Buffer scratch;  // of the op at hand
  };
  const Plan& plan(Statistics statistics, bool keep);
  void run_image(const Plan& plan, int stage, const Batch& batch, Lane& lane, int image) const;
  float* place(const Plan& plan, int stage, Lane& lane, int value, int image, int count) const;

  const Network& network_;
  std::span<const std::unique_ptr<CpuOp>> ops_;
  std::array<std::array<std::optional<Plan>, 2>, 2> plans_;  // by statistics, and without and with features kept
  std::vector<Buffer> kept_;                                 // per value, [N][C][H][W]
  Buffer stored_;                                            // values that pass from one stage to another
  std::vector<Lane> lanes_;
};

}  // namespace deepzero::cpu
