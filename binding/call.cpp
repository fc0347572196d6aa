// Threads and messages of calls. Only the raw Node-API is used where an environment may be ending, as its functions
// then report a status instead of throwing.
#include "binding/call.h"

#include "binding/errors.h"

namespace deepzero::binding {
namespace {

/// Time between two progress reports of a call.
constexpr std::chrono::milliseconds interval{100};

}  // namespace

/// From a call's thread to JavaScript: progress, or the end of the work.
struct Call::Message {
  bool ended = false;
  std::size_t done = 0;
  std::size_t total = 0;
};

void Call::body(bool watched) {
  Control control;
  control.cancelled = cancelled_.get();
  if (watched) control.progress = [this](std::size_t done, std::size_t total) { report(done, total); };
  try {
    control.check();
    run(control);
  } catch (...) {
    error_ = std::current_exception();
  }
  post(new Message{.ended = true});
  if (open_) napi_release_threadsafe_function(channel_, napi_tsfn_release);
}

void Call::report(std::size_t done, std::size_t total) {
  const auto now = std::chrono::steady_clock::now();
  if (done < total && now - reported_ < interval) return;
  reported_ = now;
  post(new Message{.done = done, .total = total});
}

void Call::post(Message* message) {
  // A channel that is closing has given up this thread's hold on it: it must not be touched again.
  if (open_ && napi_call_threadsafe_function(channel_, message, napi_tsfn_nonblocking) == napi_ok) return;
  open_ = false;
  delete message;
}

void Call::receive(napi_env env, napi_value callback, void* context, void* data) {
  const std::unique_ptr<Message> message(static_cast<Message*>(data));
  if (env == nullptr) return;
  if (message->ended) {
    Calls* calls = Napi::Env(env).GetInstanceData<Calls>();
    const auto node = calls->running_.extract(static_cast<Call*>(context));
    if (!node.empty()) node.mapped()->settle(env);
    return;
  }
  napi_value receiver;
  napi_value arguments[2];
  if (napi_get_undefined(env, &receiver) != napi_ok) return;
  if (napi_create_double(env, static_cast<double>(message->done), &arguments[0]) != napi_ok) return;
  if (napi_create_double(env, static_cast<double>(message->total), &arguments[1]) != napi_ok) return;
  if (napi_call_function(env, receiver, callback, 2, arguments, nullptr) != napi_pending_exception) return;
  napi_value thrown;
  if (napi_get_and_clear_last_exception(env, &thrown) == napi_ok) napi_fatal_exception(env, thrown);
}

void Call::settle(Napi::Env env) {
  thread_.join();
  try {
    try {
      finished();
      if (error_) std::rethrow_exception(error_);
      const Napi::Value value = result(env);
      napi_resolve_deferred(env, deferred_, value);
    } catch (...) {
      const Napi::Error error = to_javascript(env, std::current_exception());
      napi_reject_deferred(env, deferred_, error.Value());
    }
  } catch (const Napi::Error&) {
    // The environment no longer runs JavaScript: nobody is left to tell.
  }
}

Calls::Calls(Napi::Env env) {
  env.AddCleanupHook([](Calls* calls) { calls->stop(); }, this);
}

Napi::Promise Calls::start(Napi::Env env, std::unique_ptr<Call> call, const Napi::Value& progress) {
  const bool watched = progress.IsFunction();
  Call* const started = call.get();
  napi_status status = napi_create_threadsafe_function(env, watched ? static_cast<napi_value>(progress) : nullptr,
                                                       nullptr, Napi::String::New(env, "deepzero"), 0, 1, nullptr,
                                                       nullptr, started, &Call::receive, &started->channel_);
  if (status != napi_ok) throw Napi::Error::New(env);
  napi_value promise = nullptr;
  status = napi_create_promise(env, &started->deferred_, &promise);
  if (status != napi_ok) {
    napi_release_threadsafe_function(started->channel_, napi_tsfn_abort);
    throw Napi::Error::New(env);
  }
  running_.emplace(started, std::move(call));
  try {
    started->thread_ = std::thread([started, watched] { started->body(watched); });
  } catch (...) {
    napi_release_threadsafe_function(started->channel_, napi_tsfn_abort);
    running_.erase(started);
    throw;
  }
  return Napi::Promise(env, promise);
}

void Calls::stop() {
  for (auto& [call, owned] : running_) call->cancelled_->store(true, std::memory_order_relaxed);
  for (auto& [call, owned] : running_) call->thread_.join();
  running_.clear();
}

}  // namespace deepzero::binding
