// What a user of the engine holds: a network, its weights and a backend that works on them. Used by binding/ (one
// call at a time per session; the binding queues) and by the bench harness.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/backend.h"
#include "engine/control.h"
#include "engine/direction.h"
#include "engine/network.h"

namespace deepzero {

enum class Scheme { forward, central };

/// How a query is evaluated: by difference propagation, or by two full passes (the oracle).
enum class Method { propagation, two_pass_f32, two_pass_f64 };

struct DifferencesOptions {
  double mu = 1e-4;  ///< smoothing step, > 0
  Scheme scheme = Scheme::forward;
  Statistics statistics = Statistics::batch;
  Method method = Method::propagation;
  bool update_running = false;  ///< let the base pass update the running statistics, when all has gone well
  double label_smoothing = 0;   ///< of a cross-entropy (engine/rules/cross_entropy.h), in [0, 1)
};

struct ForwardOptions {
  Statistics statistics = Statistics::running;
  bool update_running = false;  ///< only with batch statistics
  double label_smoothing = 0;   ///< of a cross-entropy, in [0, 1)
};

struct OutputDifferencesOptions {
  double mu = 1e-4;  ///< smoothing step, > 0
  Scheme scheme = Scheme::forward;
  Statistics statistics = Statistics::batch;
  bool update_running = false;  ///< as in DifferencesOptions
};

/// Weights and running statistics, flat, in the order of the network.
struct Weights {
  std::span<const float> parameters, buffers;
};

struct ForwardResult {
  double loss = 0;             ///< mean over the batch; NaN without labels or targets
  int correct = 0;             ///< how many arg-max outputs equal the label; 0 where there are none
  std::vector<float> outputs;  ///< [N][K]
};

struct DifferencesResult {
  std::vector<float> values;  ///< Δloss/μ per coordinate, in the order given
  double loss = 0;            ///< of the base pass
  int correct = 0;
  std::vector<std::uint32_t> lane_chunks;  ///< how many chunks each lane evaluated
};

struct RandomDifferencesOptions {
  DifferencesOptions query;  ///< how the difference along one direction is evaluated
  std::size_t count = 1;     ///< number q of directions, at least 1
  std::uint32_t first = 0;   ///< index of the first one; those after it go on from there, modulo 2³²
};

/// `values` are the differences D_k along the directions; lane_chunks counts directions.
struct RandomDifferencesResult : DifferencesResult {
  std::vector<float> gradient;  ///< the estimate, [parameters]; 0 outside the active set
};

class Session {
 public:
  Session(std::shared_ptr<const Network> network, std::unique_ptr<Backend> backend);
  ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const Network& network() const { return *network_; }
  const Backend& backend() const { return *backend_; }

  /// All parameters, flat, in the order of Network::parameters(). Throws ERR_NOT_FINITE naming the parameter.
  void set_parameters(std::span<const float> values);
  std::span<const float> parameters() const { return parameters_; }
  /// Running statistics, flat, in the order of Network::buffers().
  void set_buffers(std::span<const float> values);
  std::span<const float> buffers() const { return buffers_; }

  /// Throws ERR_NOT_FINITE when the input, or the loss, is not finite; ERR_INVALID_ARGUMENT for labels out of range.
  ForwardResult forward(const Batch& batch, const ForwardOptions& options, const Control& control);

  /// One estimate per coordinate: a coordinate is an index into the flat parameters; duplicates are allowed. The
  /// parameters are bit-identical before and after.
  DifferencesResult differences(const Batch& batch, std::span<const std::uint32_t> coordinates,
                                const DifferencesOptions& options, const Control& control);

  /// The loss's differences along random directions, D_k = (f(θ + μ·u_k) − f(θ))/μ or its central form, and the
  /// gradient estimate made of them (engine/random_gradient.h). `directions` are of this network. The parameters are
  /// bit-identical before and after.
  RandomDifferencesResult random_differences(const Batch& batch, const Directions& directions,
                                             const RandomDifferencesOptions& options, const Control& control);

  /// What perturbing a coordinate does to the outputs, for a loss of the caller's: Δoutputs/mu, [coordinate][N][K],
  /// with the central scheme [coordinate][2][N][K] for +mu and −mu. Zeros where an estimate vanishes. Works on the
  /// weights given, not on the session's own, so that the calls of one iteration agree whatever happens between them;
  /// each makes a base pass of its own. Neither labels nor targets are needed.
  std::vector<float> output_differences(const Batch& batch, const Weights& weights,
                                        std::span<const std::uint32_t> coordinates,
                                        const OutputDifferencesOptions& options, const Control& control);

 private:
  BaseResult base_pass(const Batch& batch, const Weights& weights, Statistics statistics, bool keep,
                       const Control& control);
  std::vector<Chunk> chunks_of(std::span<const std::uint32_t> coordinates, Statistics statistics, int count);
  void update_running(const BaseResult& base);

  std::shared_ptr<const Network> network_;
  std::unique_ptr<Backend> backend_;
  std::vector<float> parameters_;
  std::vector<float> buffers_;
};

}  // namespace deepzero
