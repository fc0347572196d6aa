// The base pass over a batch: every op in order, threads across images. Values that no rule reads share memory.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "cpu/memory.h"
#include "cpu/op.h"
#include "engine/backend.h"

namespace deepzero::cpu {

class BasePass {
 public:
  explicit BasePass(const Network& network);

  /// Runs the batch and, with `keep`, binds the features to the ops.
  BaseResult run(const Batch& batch, Statistics statistics, bool keep, const Control& control, Pool& pool,
                 std::span<const std::unique_ptr<CpuOp>> ops);

 private:
  /// Which buffer each value uses, and the floats per image of each buffer.
  struct Layout {
    std::vector<int> buffer;
    std::vector<std::size_t> sizes;
  };
  Layout lay_out(bool keep) const;

  const Network& network_;
  Layout layouts_[2];  // without and with features kept
  std::vector<Buffer> buffers_;
  std::vector<Buffer> scratch_;  // per lane
};

}  // namespace deepzero::cpu
