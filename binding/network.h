// Networks across the boundary: a JavaScript NetworkSpec (`deepzero-network/1`) to the engine's, a compiled network's
// layout back.
#pragma once

#include <napi.h>

#include <memory>

#include "engine/network.h"
#include "engine/spec.h"

namespace deepzero::binding {

/// Throws ERR_NETWORK when the object is not a network description.
NetworkSpec network_spec(const Napi::Value& value);

/// NetworkLayout of lib/native.ts.
Napi::Object network_layout(Napi::Env env, const Network& network);

/// describe(network): compiles a network without weights and gives its layout. Throws ERR_NETWORK or ERR_SHAPE.
Napi::Value describe(const Napi::CallbackInfo& info);

}  // namespace deepzero::binding
