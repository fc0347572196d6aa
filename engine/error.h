// The one exception of the native side. `code` becomes DeepZeroError.code in JavaScript (docs/errors.md);
// the message says what was expected, what came and what to do.
#pragma once

#include <stdexcept>
#include <string>

namespace deepzero {

/// Error codes are stable strings: ERR_INVALID_ARGUMENT, ERR_NETWORK, ERR_SHAPE, ERR_NOT_FINITE, ERR_ABORTED,
/// ERR_DISPOSED, ERR_DEVICE, ERR_OUT_OF_MEMORY, ERR_INTERNAL.
class Error : public std::runtime_error {
 public:
  Error(std::string code, const std::string& message) : std::runtime_error(message), code_(std::move(code)) {}
  const std::string& code() const noexcept { return code_; }

 private:
  std::string code_;
};

}  // namespace deepzero
