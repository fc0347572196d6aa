// Forces an instruction set for the length of a scope.
#pragma once

#include <cstdlib>
#include <string>

namespace deepzero::test {

/// Sets DEEPZERO_MAX_ISA and puts back what was there.
class Cap {
 public:
  explicit Cap(const char* value) {
    const char* old = std::getenv(name);
    had_ = old != nullptr;
    if (had_) old_ = old;
    if (value != nullptr) {
      setenv(name, value, 1);
    } else {
      unsetenv(name);
    }
  }
  ~Cap() {
    if (had_) {
      setenv(name, old_.c_str(), 1);
    } else {
      unsetenv(name);
    }
  }
  Cap(const Cap&) = delete;
  Cap& operator=(const Cap&) = delete;

 private:
  static constexpr const char* name = "DEEPZERO_MAX_ISA";
  bool had_ = false;
  std::string old_;
};

}  // namespace deepzero::test
