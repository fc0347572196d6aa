// How differences of queries along coordinates are rounded on their way; all arithmetic is float32. Which of them a
// backend has is for the backend to say.
#pragma once

#include <string>

namespace deepzero {

enum class Precision {
  f32,   ///< not at all
  bf16,  ///< to bfloat16, while they wait in memory
  f16,   ///< to float16, where tensor cores read them
};

/// "f32", "bf16", "f16".
const char* precision_name(Precision precision);
/// Throws ERR_INVALID_ARGUMENT for an unknown name; `what` names the option.
Precision precision_of_name(const std::string& what, const std::string& name);

}  // namespace deepzero
