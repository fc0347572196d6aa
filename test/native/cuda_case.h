// Cases of the CUDA backend: a network with weights, a batch and some coordinates, estimated over the SIMT runtime or,
// with DEEPZERO_CUDA_LIBRARY naming a libdeepzero_cuda.so, on the devices of this machine, and held against two float64
// passes and the scalar CPU backend.
#pragma once

#include <doctest/doctest.h>

#include <cstdlib>
#include <cstring>
#include <functional>

#include "cuda/backend.h"
#include "cuda/client/backend.h"
#include "test/native/isa_cap.h"
#include "test/native/oracle.h"
#include "test/native/random_graph.h"
#include "test/native/simt_orders.h"

namespace deepzero::test {

/// The library to check instead of the SIMT runtime, or null. Throws when it cannot be used.
inline const cuda::Library* library_to_check() {
  const char* path = std::getenv("DEEPZERO_CUDA_LIBRARY");
  if (path == nullptr || *path == '\0') return nullptr;
  if (!cuda::library().reason.empty()) throw Error("ERR_DEVICE", cuda::library().reason);
  return &cuda::library();
}

/// A network with weights, a batch, and some coordinates and directions of it.
struct Case {
  explicit Case(const NetworkSpec& described, int images)
      : spec(described),
        network(std::make_shared<const Network>(described)),
        parameters(random_parameters(*network)),
        buffers(random_buffers(*network)),
        batch(*network, images) {
    for (const ParameterInfo& parameter : network->parameters())
      for (int i = 0; i < 3; ++i)
        coordinates.push_back(static_cast<std::uint32_t>(
            parameter.offset + static_cast<std::size_t>(pick(0, static_cast<int>(parameter.size) - 1))));
  }
  /// Whether float32 base features decide about batch statistics: variances of few values are near 0.
  bool ill_conditioned() const {
    for (const auto& op : network->ops())
      if (op->barrier(Statistics::batch) && op->input_shape().plane() < 4) return true;
    return false;
  }
  std::unique_ptr<Session> session(std::unique_ptr<Backend> backend) const {
    auto made = std::make_unique<Session>(network, std::move(backend));
    made->set_parameters(parameters);
    made->set_buffers(buffers);
    return made;
  }
  std::unique_ptr<Backend> backend(const cuda::Options& options) const {
    if (const cuda::Library* library = library_to_check())
      return cuda::make_client(*library, spec, network,
                               {.devices = options.devices,
                                .streams = options.streams,
                                .memory = options.memory,
                                .precision = options.precision});
    return cuda::make_backend(network, options);
  }
  std::unique_ptr<Session> cuda(const cuda::Options& options = {}) const { return session(backend(options)); }
  std::unique_ptr<Session> scalar() const {
    const Cap cap("scalar");
    return session(cpu::make_backend(network, {.threads = 1}));
  }

  NetworkSpec spec;
  std::shared_ptr<const Network> network;
  std::vector<float> parameters, buffers;
  RandomBatch batch;
  std::vector<std::uint32_t> coordinates;
};

inline bool same_bits(std::span<const float> a, std::span<const float> b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size_bytes()) == 0;
}

/// What a session estimates from a batch, by a method.
using Estimates = std::function<std::vector<float>(Session&, const Batch&, Method)>;

/// Runs the estimates in all orders, which must agree to the bit, and holds them against two float64 passes; beyond the
/// tolerance, against what float32 can know. Returns whether they were.
inline bool agrees(const Case& c, const Estimates& estimates, double tolerance, Precision precision = Precision::f32) {
  std::vector<float> got;
  for_each_order([&] {
    const auto session = c.cuda({.precision = precision});
    const std::vector<float> values = estimates(*session, c.batch.batch(), Method::propagation);
    if (got.empty()) got = values;
    CHECK(same_bits(got, values));
    CHECK(same_bits(session->parameters(), c.parameters));
  });
  const auto scalar = c.scalar();
  const std::vector<float> exact = estimates(*scalar, c.batch.batch(), Method::two_pass_f64);
  const std::vector<float> beside = estimates(*scalar, c.batch.batch(), Method::propagation);
  const double error = relative_error(got, exact), difference = relative_error(got, beside);
  if (error <= tolerance && difference <= 2 * tolerance) return true;
  const double allowed = allowed_by(float32_ambiguity(*scalar, c.parameters, c.batch, exact, [&](const Batch& moved) {
    return estimates(*scalar, moved, Method::two_pass_f64);
  }));
  CHECK(error <= allowed);
  CHECK(difference <= 2 * allowed);
  return false;
}

}  // namespace deepzero::test
