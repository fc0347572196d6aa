// A call that works off the event loop, on a thread of its own (not libuv's pool, whose four threads file reads and
// DNS share), and settles a promise. A call lives in its environment's list until it has settled; when the environment
// ends first (process.exit, a terminated worker), it is cancelled and joined, and its promise never settles.
#pragma once

#include <napi.h>

#include <chrono>
#include <exception>
#include <memory>
#include <thread>
#include <unordered_map>

#include "binding/cancel.h"
#include "engine/control.h"

namespace deepzero::binding {

class Call {
 public:
  explicit Call(CancelFlag cancelled) : cancelled_(std::move(cancelled)) {}
  virtual ~Call() = default;
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

 protected:
  /// The work, on the call's thread.
  virtual void run(const Control& control) = 0;
  /// Back on the JavaScript thread, before the promise settles, also after an error.
  virtual void finished() = 0;
  /// The promise's value; what it throws rejects the promise.
  virtual Napi::Value result(Napi::Env env) = 0;

 private:
  friend class Calls;
  struct Message;

  void body(bool watched);
  void report(std::size_t done, std::size_t total);
  void post(Message* message);
  void settle(Napi::Env env);
  static void receive(napi_env env, napi_value callback, void* context, void* data);

  CancelFlag cancelled_;
  std::exception_ptr error_;
  std::thread thread_;
  napi_threadsafe_function channel_ = nullptr;
  bool open_ = true;  ///< whether the channel may still be used; one thread at a time, as progress is told
  napi_deferred deferred_ = nullptr;
  std::chrono::steady_clock::time_point reported_{};
};

/// The running calls of one environment (its instance data).
class Calls {
 public:
  explicit Calls(Napi::Env env);

  /// Starts a call; `progress` is a function (done, total) or null. Throws when no thread can be had.
  Napi::Promise start(Napi::Env env, std::unique_ptr<Call> call, const Napi::Value& progress);

 private:
  friend class Call;

  void stop();

  std::unordered_map<Call*, std::unique_ptr<Call>> running_;
};

}  // namespace deepzero::binding
