// The session's object: makes the backend, hands vectors over, starts calls (binding/session_calls.cpp).
#include "binding/session.h"

#include <algorithm>

#include "binding/arguments.h"
#include "binding/backend.h"
#include "binding/call.h"
#include "binding/device.h"
#include "binding/errors.h"
#include "binding/network.h"
#include "binding/session_calls.h"

namespace deepzero::binding {
namespace {

constexpr std::uint64_t most_threads = 1 << 20;  // the backend refuses what it cannot have
constexpr std::uint64_t most_ordinal = 1023;
constexpr std::uint64_t most_memory = std::uint64_t{1} << 52;

Napi::Float32Array copy_out(Napi::Env env, std::span<const float> values) {
  Napi::Float32Array array = Napi::Float32Array::New(env, values.size());
  std::copy(values.begin(), values.end(), array.Data());
  return array;
}

std::vector<int> ordinals_argument(const std::string& name, const Napi::Value& value) {
  if (!value.IsArray()) refuse(name, "an array of integers", value);
  const auto array = value.As<Napi::Array>();
  std::vector<int> ordinals;
  for (std::uint32_t i = 0; i < array.Length(); ++i)
    ordinals.push_back(static_cast<int>(integer_argument(name, array.Get(i), 0, most_ordinal)));
  return ordinals;
}

DeviceChoice device_choice(const Napi::Value& value) {
  const Napi::Object options = object_argument("options", value);
  DeviceChoice choice;
  choice.device = string_argument("options.device", options.Get("device"));
  choice.devices = ordinals_argument("options.devices", options.Get("devices"));
  choice.threads = static_cast<int>(integer_argument("options.threads", options.Get("threads"), 0, most_threads));
  choice.memory = static_cast<std::size_t>(integer_argument("options.memory", options.Get("memory"), 0, most_memory));
  choice.precision =
      precision_of_name("options.precision", string_argument("options.precision", options.Get("precision")));
  return choice;
}

}  // namespace

Session& SessionState::idle() {
  if (disposed) throw Error("ERR_DISPOSED", "expected a session in use, but this one is disposed; create another");
  if (running) throw Error("ERR_BUSY", "expected an idle session, but a call is running; await it first");
  return *session;
}

Napi::Function SessionWrap::define(Napi::Env env) {
  return DefineClass(env, "Session",
                     {
                         InstanceAccessor<&SessionWrap::device>("device"),
                         InstanceMethod<&SessionWrap::set_parameters>("setParameters"),
                         InstanceMethod<&SessionWrap::get_parameters>("getParameters"),
                         InstanceMethod<&SessionWrap::set_buffers>("setBuffers"),
                         InstanceMethod<&SessionWrap::get_buffers>("getBuffers"),
                         InstanceMethod<&SessionWrap::forward>("forward"),
                         InstanceMethod<&SessionWrap::differences>("differences"),
                         InstanceMethod<&SessionWrap::random_differences>("randomDifferences"),
                         InstanceMethod<&SessionWrap::output_differences>("outputDifferences"),
                         InstanceMethod<&SessionWrap::dispose>("dispose"),
                     });
}

SessionWrap::SessionWrap(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<SessionWrap>(info), state_(std::make_shared<SessionState>()) {
  guarded(info.Env(), [&] {
    const NetworkSpec spec = network_spec(info[0]);
    auto network = std::make_shared<const Network>(spec);
    ChosenBackend chosen = choose_backend(spec, network, device_choice(info[1]));
    choice_reason_ = chosen.reason;
    info_ = with_reason(chosen.backend->info(), choice_reason_);
    state_->session = std::make_unique<Session>(std::move(network), std::move(chosen.backend));
  });
}

Napi::Value SessionWrap::device(const Napi::CallbackInfo& info) {
  // Devices can fail while the session lives.
  if (!state_->disposed) info_ = with_reason(state_->session->backend().info(), choice_reason_);
  Napi::Object object = device_object(info.Env(), info_);
  object.Set("redone", static_cast<double>(info_.redone));
  return object;
}

Napi::Value SessionWrap::get_parameters(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value { return copy_out(info.Env(), state_->idle().parameters()); });
}

void SessionWrap::set_parameters(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] { state_->idle().set_parameters(floats_argument("parameters", info[0])); });
}

Napi::Value SessionWrap::get_buffers(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value { return copy_out(info.Env(), state_->idle().buffers()); });
}

void SessionWrap::set_buffers(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] { state_->idle().set_buffers(floats_argument("buffers", info[0])); });
}

Napi::Value SessionWrap::forward(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    state_->idle();
    auto call = forward_call(state_, info[0], info[1], CancelWrap::flag_of(info[2]));
    return info.Env().GetInstanceData<Calls>()->start(info.Env(), std::move(call), info.Env().Null());
  });
}

Napi::Value SessionWrap::differences(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    state_->idle();
    auto call = differences_call(state_, info[0], info[1], info[2], CancelWrap::flag_of(info[3]));
    return info.Env().GetInstanceData<Calls>()->start(info.Env(), std::move(call), info[4]);
  });
}

Napi::Value SessionWrap::random_differences(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    state_->idle();
    auto call = random_differences_call(state_, info[0], info[1], info[2], CancelWrap::flag_of(info[3]));
    return info.Env().GetInstanceData<Calls>()->start(info.Env(), std::move(call), info[4]);
  });
}

Napi::Value SessionWrap::output_differences(const Napi::CallbackInfo& info) {
  return guarded(info.Env(), [&]() -> Napi::Value {
    state_->idle();
    auto call = output_differences_call(state_, info[0], info[1], info[2], info[3], CancelWrap::flag_of(info[4]));
    return info.Env().GetInstanceData<Calls>()->start(info.Env(), std::move(call), info.Env().Null());
  });
}

void SessionWrap::dispose(const Napi::CallbackInfo&) {
  state_->disposed = true;
  if (state_->running) {
    state_->running->store(true, std::memory_order_relaxed);
  } else {
    state_->session.reset();
  }
}

}  // namespace deepzero::binding
