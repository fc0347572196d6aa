// How differences of queries along coordinates are rounded where they are stored; all arithmetic is float32. Where they
// are stored, and which of these a backend has, is for the backend to say.
#pragma once

#include <string>

namespace deepzero {

enum class Precision {
  f32,   ///< not at all
  bf16,  ///< to bfloat16, of the range of float32
  f16,   ///< to float16, of eight times the precision
};

/// "f32", "bf16", "f16".
const char* precision_name(Precision precision);
/// Throws ERR_INVALID_ARGUMENT for an unknown name; `what` names the option.
Precision precision_of_name(const std::string& what, const std::string& name);

}  // namespace deepzero
