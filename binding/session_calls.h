// The calls of a session that work off the event loop. Making one checks and copies every argument, and marks the
// session as busy until it has finished.
#pragma once

#include <napi.h>

#include <memory>

#include "binding/call.h"
#include "binding/session.h"

namespace deepzero::binding {

/// batch: { input, labels, count }; options: { statistics, updateRunning, labelSmoothing }.
std::unique_ptr<Call> forward_call(std::shared_ptr<SessionState> state, const Napi::Value& batch,
                                   const Napi::Value& options, CancelFlag cancelled);

/// coordinates: Uint32Array; options: { mu, scheme, statistics, method, updateRunning, labelSmoothing }.
std::unique_ptr<Call> differences_call(std::shared_ptr<SessionState> state, const Napi::Value& batch,
                                       const Napi::Value& coordinates, const Napi::Value& options,
                                       CancelFlag cancelled);

/// coordinates: the active set as a Uint32Array, or null for all; options: those of differences and { count, first,
/// seed, directions }.
std::unique_ptr<Call> random_differences_call(std::shared_ptr<SessionState> state, const Napi::Value& batch,
                                              const Napi::Value& coordinates, const Napi::Value& options,
                                              CancelFlag cancelled);

/// weights: { parameters, buffers }; coordinates: Uint32Array; options: { mu, scheme, statistics, updateRunning }.
std::unique_ptr<Call> output_differences_call(std::shared_ptr<SessionState> state, const Napi::Value& batch,
                                              const Napi::Value& weights, const Napi::Value& coordinates,
                                              const Napi::Value& options, CancelFlag cancelled);

}  // namespace deepzero::binding
