// libdeepzero_cuda on the addon's side: opened when first asked for, from beside the addon or from where
// DEEPZERO_CUDA_LIBRARY says, and what it says about this machine's devices.
#pragma once

#include <memory>
#include <string>

#include "cuda/api.h"

namespace deepzero::cuda {

struct Library {
  const api::Table* table = nullptr;  ///< null when there is none that fits
  std::unique_ptr<const api::Probe> probe;
  std::string path;
  std::string reason;  ///< why CUDA is not used: what is wrong and what to do; empty when it can be
};

/// Opens a file. The library stays open until the process ends, as its threads and device contexts may.
Library open_library(const std::string& path);

/// The one of this package, opened once.
const Library& library();

}  // namespace deepzero::cuda
