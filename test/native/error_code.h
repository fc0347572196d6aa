// The code of the error that some work ends with.
#pragma once

#include <string>

#include "engine/error.h"

namespace deepzero::test {

/// "none" where it ends well.
template <class Work>
std::string error_code(const Work& work) {
  try {
    work();
  } catch (const Error& error) {
    return error.code();
  }
  return "none";
}

}  // namespace deepzero::test
