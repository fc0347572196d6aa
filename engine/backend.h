// What a backend is: it holds the weights, runs the base pass and keeps its features, and evaluates chunks of
// queries and directions. It decides layout, precision and memory; it does not group, split or order coordinates
// (engine/schedule.h).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "engine/batch.h"
#include "engine/control.h"
#include "engine/coordinates.h"
#include "engine/direction.h"
#include "engine/network.h"

namespace deepzero {

struct BackendInfo {
  std::string device;  ///< "cpu"
  std::string isa;     ///< instruction set or architecture: "avx512", "avx2", "neon", "scalar"
  std::string reason;  ///< why not a better one; empty when there is none
  int lanes = 1;       ///< how many chunks it evaluates at once
  /// Queries whose differences float16 could not hold, so that they were done again in float32, in all calls so far.
  std::uint64_t redone = 0;
};

struct BaseResult {
  std::vector<float> outputs;    ///< [N][K]
  std::vector<double> observed;  ///< batch statistics in the order of Network::buffers(): mean, unbiased variance
};

/// One perturbation: every query of a chunk moves its coordinate by sign·mu, or a query moves all parameters by
/// sign·mu times a direction; mu > 0. Scaled differences are Δ/mu, so that a negative sign enters with the seed and
/// nowhere else.
struct Perturbation {
  double mu = 1e-4;
  int sign = 1;
  Statistics statistics = Statistics::batch;
  double label_smoothing = 0;  ///< of a cross-entropy (engine/rules/cross_entropy.h), in [0, 1)
};

class Backend {
 public:
  virtual ~Backend() = default;

  virtual BackendInfo info() const = 0;

  /// Takes new weights and running statistics (flat, order of the network). Called before base() after any change.
  virtual void load(std::span<const float> parameters, std::span<const float> buffers) = 0;

  /// One pass over the batch. With `keep`, the features that evaluate() reads stay until the next base().
  virtual BaseResult base(const Batch& batch, Statistics statistics, bool keep, const Control& control) = 0;

  /// The op at which chunks with queries of `op` begin: `op`, or where the backend can have them in one chunk with
  /// those of an op in front, that one (carried_with() in engine/route.h).
  virtual int start(int op) const { return op; }

  /// Most queries of a chunk that begins at `op` that one call of evaluate() takes on a batch of `count`, within the
  /// memory setting; at least 1.
  virtual int block(int op, Statistics statistics, int count) = 0;

  /// Estimates of a chunk of at most block() queries on the features of the last base(): the mean over the batch of
  /// Δloss/(sign·mu) per query goes to `out`. Called from several threads at once with different lanes, 0 … lanes − 1.
  virtual void evaluate(int lane, const Chunk& chunk, const Perturbation& perturbation, const Control& control,
                        std::span<double> out) = 0;

  /// The estimate of the directional derivative on the features of the last base(): the mean over the batch of
  /// Δloss/(sign·mu). Called from several threads at once as evaluate() is.
  virtual double evaluate_direction(int lane, const Direction& direction, const Perturbation& perturbation,
                                    const Control& control) = 0;

  /// The queries of a chunk up to the network's outputs, for a loss that the backend does not know: Δoutputs/mu of
  /// query q on image n goes to out[q][n], K floats each. Needs neither labels nor targets. Called from several threads
  /// at once as evaluate() is.
  virtual void output_differences(int lane, const Chunk& chunk, const Perturbation& perturbation,
                                  const Control& control, std::span<float> out) = 0;

  /// Runs `work(lane)` on every lane at once and waits; rethrows the first exception.
  virtual void on_lanes(const std::function<void(int lane)>& work) = 0;
};

}  // namespace deepzero
