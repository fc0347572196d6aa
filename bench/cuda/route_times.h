// One block of queries from each convolution of a network to the loss, kernel by kernel: events around every launch,
// summed by op, beside the op's floor. The block then runs again without events, which shows what they and the gaps
// between kernels cost.
#pragma once

#include <string>
#include <vector>

#include "bench/cuda/floor.h"
#include "bench/cuda/kernel_times.h"
#include "bench/model_file.h"

namespace deepzero::bench {

struct RouteOptions {
  int batch = 256, queries = 64;
  std::size_t memory = 0;  ///< bytes, as the backend takes it
  Precision precision = Precision::f32;
  int device = 0;
  int repeats = 5, warmups = 1;
};

struct StepTime {
  int op = 0;
  std::string name, kind;
  Support::Kind support = Support::none;  ///< of its first input's difference; none for the seeds
  Work work;
  double floor = 0;  ///< seconds of a block
  double seconds = 0;
  std::vector<KernelTime> kernels;  ///< of one block
};

struct RouteTime {
  std::string from;  ///< the parameter that is queried
  int queries = 0;
  double block_seconds = 0;     ///< by the host's clock, without events
  double observed_seconds = 0;  ///< sum of all kernels
  double floor = 0;             ///< sum of the steps'
  std::vector<StepTime> steps;
  std::vector<KernelTime> others;  ///< kernels of no step: copies of outputs, the loss
};

/// Of the weights of all convolutions, or of those whose steps differ from every other's in shape. Throws ERR_INTERNAL
/// when an estimate is not finite.
std::vector<RouteTime> time_routes(const Model& model, const RouteOptions& options, const Peaks& peaks);

/// Seconds between two events with nothing between them, which every kernel's time contains.
double event_seconds();

}  // namespace deepzero::bench
