// Asks the backends what runs here.
#include "binding/device.h"

#include "binding/backend.h"
#include "binding/errors.h"
#include "cpu/isa.h"
#include "cuda/client/library.h"

namespace deepzero::binding {
namespace {

/// 13000 is 13.0, and 0 is none.
std::string version_of(int number) {
  return number == 0 ? "" : std::to_string(number / 1000) + "." + std::to_string(number % 1000 / 10);
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
    Napi::Array devices = Napi::Array::New(info.Env());
    for (int i = 0; library.probe && i < library.probe->count; ++i) {
      const cuda::api::Device& known = library.probe->devices[i];
      Napi::Object device = Napi::Object::New(info.Env());
      device.Set("ordinal", known.ordinal);
      device.Set("name", std::string(known.name));
      device.Set("capability", std::to_string(known.major) + "." + std::to_string(known.minor));
      device.Set("memory", static_cast<double>(known.memory));
      devices.Set(static_cast<std::uint32_t>(i), device);
    }
    Napi::Array rejected = Napi::Array::New(info.Env());
    for (int i = 0; library.probe && i < library.probe->rejected_count; ++i) {
      const cuda::api::Rejected& known = library.probe->rejected[i];
      Napi::Object device = Napi::Object::New(info.Env());
      device.Set("ordinal", known.ordinal);
      device.Set("name", std::string(known.name));
      device.Set("reason", std::string(known.reason));
      rejected.Set(static_cast<std::uint32_t>(i), device);
    }
    object.Set("path", library.path);
    object.Set("reason", library.reason);
    object.Set("driver", version_of(library.probe ? library.probe->driver : 0));
    object.Set("runtime", version_of(library.probe ? library.probe->runtime : 0));
    object.Set("architectures", std::string(library.probe ? library.probe->architectures : ""));
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
