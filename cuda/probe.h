// Which devices of this machine the backend can use, and if none, why.
#pragma once

#include "cuda/api.h"

namespace deepzero::cuda {

api::Probe probe();

}  // namespace deepzero::cuda
