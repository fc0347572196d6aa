// Asks the backends what runs here.
#include "binding/device.h"

#include "binding/backend.h"
#include "binding/errors.h"
#include "cpu/isa.h"
#include "cuda/client/library.h"

namespace deepzero::binding {
namespace {

/// An array of as many objects, filled in by fill(i, object).
template <class Fill>
Napi::Array objects(Napi::Env env, std::int32_t count, const Fill& fill) {
  Napi::Array array = Napi::Array::New(env);
  for (std::int32_t i = 0; i < count; ++i) {
    Napi::Object object = Napi::Object::New(env);
    fill(i, object);
    array.Set(static_cast<std::uint32_t>(i), object);
  }
  return array;
}

}  // namespace

Napi::Object device_object(Napi::Env env, const BackendInfo& info) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("device", info.device);
  object.Set("isa", info.isa);
  object.Set("reason", info.reason);
  object.Set("threads", info.lanes);
  return object;
}

Napi::Value device(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value { return device_object(info.Env(), best_device()); });
}

Napi::Value cuda_devices(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const cuda::Library& library = cuda::library();
    Napi::Object object = Napi::Object::New(info.Env());
    static const cuda::api::Probe nothing{};
    const cuda::api::Probe& probe = library.probe ? *library.probe : nothing;
    const Napi::Array devices = objects(info.Env(), probe.count, [&](std::int32_t i, Napi::Object& device) {
      const cuda::api::Device& known = probe.devices[i];
      device.Set("ordinal", known.ordinal);
      device.Set("name", std::string(known.name));
      device.Set("capability", std::to_string(known.major) + "." + std::to_string(known.minor));
      device.Set("memory", static_cast<double>(known.memory));
    });
    const Napi::Array rejected = objects(info.Env(), probe.rejected_count, [&](std::int32_t i, Napi::Object& device) {
      const cuda::api::Rejected& known = probe.rejected[i];
      device.Set("ordinal", known.ordinal);
      device.Set("name", std::string(known.name));
      device.Set("reason", std::string(known.reason));
    });
    object.Set("path", library.path);
    object.Set("reason", library.reason);
    object.Set("driver", cuda::api::version(probe.driver));
    object.Set("runtime", cuda::api::version(probe.runtime));
    object.Set("architectures", std::string(probe.architectures));
    object.Set("devices", devices);
    object.Set("rejected", rejected);
    return object;
  });
}

Napi::Value instruction_sets(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    Napi::Array names = Napi::Array::New(info.Env());
    std::uint32_t i = 0;
    for (const cpu::Isa isa : cpu::supported_isas()) names.Set(i++, cpu::isa_name(isa));
    return names;
  });
}

}  // namespace deepzero::binding
