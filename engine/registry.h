// The list of ops the engine knows. A new op is one file in engine/ops/, one line here, and one file per backend.
#pragma once

#include <memory>
#include <span>

#include "engine/op.h"

namespace deepzero {

struct OpEntry {
  const char* kind;
  std::size_t inputs;  ///< how many values it reads
  std::unique_ptr<Op> (*make)(const OpSpec&);
};

std::span<const OpEntry> op_registry();

}  // namespace deepzero
