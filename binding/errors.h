// From C++ exceptions to JavaScript errors: the engine's code goes to `code`, the message stays.
#pragma once

#include <napi.h>

#include <exception>
#include <type_traits>

namespace deepzero::binding {

/// The JavaScript error of a caught exception: deepzero::Error keeps its code, bad_alloc becomes ERR_OUT_OF_MEMORY,
/// anything else ERR_INTERNAL; a JavaScript exception stays as it is.
Napi::Error to_javascript(Napi::Env env, std::exception_ptr error);

/// Runs the body of a native function; whatever it throws is thrown as a JavaScript error.
template <class Body>
std::invoke_result_t<Body> guarded(Napi::Env env, Body&& body) {
  try {
    return body();
  } catch (const Napi::Error&) {
    throw;
  } catch (...) {
    throw to_javascript(env, std::current_exception());
  }
}

}  // namespace deepzero::binding
