#include "engine/precision.h"

#include "engine/error.h"

namespace deepzero {

const char* precision_name(Precision precision) {
  return precision == Precision::f32 ? "f32" : precision == Precision::bf16 ? "bf16" : "f16";
}

Precision precision_of_name(const std::string& what, const std::string& name) {
  for (const Precision precision : {Precision::f32, Precision::bf16, Precision::f16})
    if (name == precision_name(precision)) return precision;
  throw Error("ERR_INVALID_ARGUMENT", what + ": expected 'f32', 'bf16' or 'f16', received '" + name + "'");
}

}  // namespace deepzero
