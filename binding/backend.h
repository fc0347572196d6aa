// Which backend a session gets: the device asked for, or with `auto` the best that can be had.
#pragma once

#include <napi.h>

#include <memory>
#include <string>

#include "engine/backend.h"
#include "engine/precision.h"
#include "engine/spec.h"

namespace deepzero::binding {

struct DeviceChoice {
  std::string device;      ///< "auto", "cpu" or "cuda"
  int threads = 0;         ///< of the CPU backend; 0: one per core
  std::size_t memory = 0;  ///< bytes; 0: the backend's own
  Precision precision = Precision::f32;
};

struct ChosenBackend {
  std::unique_ptr<Backend> backend;
  BackendInfo info;  ///< its reason also says why `auto` took nothing better
};

/// `network` is what `spec` compiles to. Throws ERR_DEVICE when a device asked for by name cannot be used; `auto` goes
/// on to the CPU instead. With `auto`, CUDA is taken where each device passes a trial against the CPU
/// (engine/trial.h). Throws ERR_INVALID_ARGUMENT for a precision that the device does not have.
ChosenBackend choose_backend(const NetworkSpec& spec, std::shared_ptr<const Network> network,
                             const DeviceChoice& choice);

/// What `auto` picks here, before there is a network.
BackendInfo best_device();

}  // namespace deepzero::binding
