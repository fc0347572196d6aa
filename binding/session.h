// Session of lib/native.ts: a network and its weights on a device. One call at a time; lib/session.ts queues.
#pragma once

#include <napi.h>

#include <memory>

#include "binding/cancel.h"
#include "engine/session.h"

namespace deepzero::binding {

/// What a session's object and its running call share. All members belong to the JavaScript thread, but `session`
/// belongs to the call's thread while a call runs.
struct SessionState {
  std::unique_ptr<Session> session;
  bool disposed = false;
  CancelFlag running;  ///< of the call that runs; null when idle

  /// The session, when nothing works on it. Throws ERR_DISPOSED, or ERR_BUSY while a call runs.
  Session& idle();
};

class SessionWrap : public Napi::ObjectWrap<SessionWrap> {
 public:
  static Napi::Function define(Napi::Env env);

  explicit SessionWrap(const Napi::CallbackInfo& info);

 private:
  Napi::Value device(const Napi::CallbackInfo& info);
  Napi::Value get_parameters(const Napi::CallbackInfo& info);
  void set_parameters(const Napi::CallbackInfo& info);
  Napi::Value get_buffers(const Napi::CallbackInfo& info);
  void set_buffers(const Napi::CallbackInfo& info);
  Napi::Value forward(const Napi::CallbackInfo& info);
  Napi::Value differences(const Napi::CallbackInfo& info);
  Napi::Value random_differences(const Napi::CallbackInfo& info);
  Napi::Value output_differences(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);

  std::shared_ptr<SessionState> state_;
  std::string choice_reason_;  ///< why the device was taken
  BackendInfo info_;           ///< what was last known
};

}  // namespace deepzero::binding
