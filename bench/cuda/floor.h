// The floor of a query's steps: what no kernel can do without, by the shapes alone. Operations count direct sums, a
// multiply-add as two; bytes count each difference once in and once out, and base values that the rule reads once for
// all queries of a block; weights stay in cache and count nothing. A step takes at least
// max(operations / peak, bytes / bandwidth).
#pragma once

#include <vector>

#include "bench/cuda/peaks.h"
#include "engine/network.h"
#include "engine/precision.h"
#include "engine/route.h"

namespace deepzero::bench {

struct Work {
  double operations = 0, bytes = 0;
  double fused_bytes = 0;  ///< where all but convolutions and linear layers is done inside their kernels
  bool matrix = false;     ///< whether tensor cores can do it: a dense convolution, of differences in a half precision
};

/// Q queries on N images.
struct BlockSize {
  int queries = 1, count = 1;
};

/// Of each step of a route; the first one makes the seeds.
std::vector<Work> route_work(const Network& network, const Route& route, const BlockSize& block, Precision precision);

/// Seconds.
double floor_of(const Work& work, const Peaks& peaks, Precision precision);

/// Of a whole training step that queries `kept` elements of each parameter in blocks of `block`: the sum of its routes'
/// floors, op by op, and of their operations and bytes.
struct StepFloor {
  double queries = 0, operations = 0, bytes = 0, seconds = 0;
  double fused_seconds = 0;      ///< with fused_bytes: a difference crosses memory once each way per convolution
  double operation_seconds = 0;  ///< if bytes cost nothing
  double byte_seconds = 0;       ///< if operations cost nothing
};
StepFloor step_floor(const Network& network, const std::vector<std::size_t>& kept, const BlockSize& block,
                     Precision precision, const Peaks& peaks);

}  // namespace deepzero::bench
