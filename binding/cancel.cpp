// A type tag tells Cancel objects from others, so that a wrong argument is an error and not a crash.
#include "binding/cancel.h"

#include "binding/arguments.h"

namespace deepzero::binding {
namespace {

constexpr napi_type_tag tag = {0x64656570'7a65726fULL, 0x63616e63'656c0001ULL};

}  // namespace

Napi::Function CancelWrap::define(Napi::Env env) {
  return DefineClass(env, "Cancel", {InstanceMethod<&CancelWrap::cancel>("cancel")});
}

CancelFlag CancelWrap::flag_of(const Napi::Value& value) {
  if (!value.IsObject() || !value.As<Napi::Object>().CheckTypeTag(&tag)) refuse("cancel", "a Cancel", value);
  return Unwrap(value.As<Napi::Object>())->flag_;
}

CancelWrap::CancelWrap(const Napi::CallbackInfo& info) : Napi::ObjectWrap<CancelWrap>(info) {
  info.This().As<Napi::Object>().TypeTag(&tag);
}

void CancelWrap::cancel(const Napi::CallbackInfo&) { flag_->store(true, std::memory_order_relaxed); }

}  // namespace deepzero::binding
