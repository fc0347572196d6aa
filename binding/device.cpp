// Asks the CPU backend what runs here.
#include "binding/device.h"

#include "binding/errors.h"
#include "cpu/backend.h"
#include "cpu/isa.h"

namespace deepzero::binding {

Napi::Object device_object(Napi::Env env, const BackendInfo& info) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("device", info.device);
  object.Set("isa", info.isa);
  object.Set("reason", info.reason);
  object.Set("threads", info.lanes);
  return object;
}

Napi::Value device(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    const cpu::IsaChoice choice = cpu::choose_isa();
    return device_object(info.Env(), {"cpu", cpu::isa_name(choice.isa), choice.reason, cpu::default_threads()});
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
