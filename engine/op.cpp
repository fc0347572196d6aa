#include "engine/op.h"

#include "engine/error.h"

namespace deepzero {

void Op::shape_error(const std::string& what) const { throw Error("ERR_SHAPE", kind_ + " " + name_ + ": " + what); }

}  // namespace deepzero
