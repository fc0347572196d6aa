// One JavaScript Error per C++ exception, with `code`.
#include "binding/errors.h"

#include <new>
#include <string>
#include <system_error>

#include "engine/error.h"

namespace deepzero::binding {
namespace {

Napi::Error coded(Napi::Env env, const std::string& code, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  return error;
}

}  // namespace

Napi::Error to_javascript(Napi::Env env, std::exception_ptr error) {
  try {
    std::rethrow_exception(error);
  } catch (const Napi::Error& thrown) {
    return thrown;
  } catch (const Error& thrown) {
    return coded(env, thrown.code(), thrown.what());
  } catch (const std::bad_alloc&) {
    return coded(env, "ERR_OUT_OF_MEMORY",
                 "expected enough memory for this call, but an allocation failed; use a smaller batch, a smaller "
                 "`memory` setting or fewer threads");
  } catch (const std::system_error& thrown) {
    return coded(
        env, "ERR_OUT_OF_MEMORY",
        std::string("the operating system refused a thread or memory: ") + thrown.what() + "; use fewer threads");
  } catch (const std::exception& thrown) {
    return coded(env, "ERR_INTERNAL", thrown.what());
  } catch (...) {
    return coded(env, "ERR_INTERNAL", "an unknown native exception");
  }
}

}  // namespace deepzero::binding
