// What the machine offers: device(), cuda() and instructionSets() of lib/native.ts.
#pragma once

#include <napi.h>

#include "engine/backend.h"

namespace deepzero::binding {

/// { device, isa, reason, threads } of a backend.
Napi::Object device_object(Napi::Env env, const BackendInfo& info);

/// What `device: 'auto'` picks here. Throws ERR_INVALID_ARGUMENT for an unknown DEEPZERO_MAX_ISA.
Napi::Value device(const Napi::CallbackInfo& info);

/// { path, reason, devices } of the CUDA backend's library.
Napi::Value cuda_devices(const Napi::CallbackInfo& info);

/// Names of the instruction sets that run here, best first.
Napi::Value instruction_sets(const Napi::CallbackInfo& info);

}  // namespace deepzero::binding
