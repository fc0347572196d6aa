// Cancel of lib/native.ts: a flag that JavaScript raises and a running call reads.
#pragma once

#include <napi.h>

#include <atomic>
#include <memory>

namespace deepzero::binding {

using CancelFlag = std::shared_ptr<std::atomic<bool>>;

class CancelWrap : public Napi::ObjectWrap<CancelWrap> {
 public:
  static Napi::Function define(Napi::Env env);
  /// The flag of a Cancel object; throws ERR_INVALID_ARGUMENT for anything else.
  static CancelFlag flag_of(const Napi::Value& value);

  explicit CancelWrap(const Napi::CallbackInfo& info);

 private:
  void cancel(const Napi::CallbackInfo& info);

  CancelFlag flag_ = std::make_shared<std::atomic<bool>>(false);
};

}  // namespace deepzero::binding
