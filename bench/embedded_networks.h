// The files of bench/networks/, which CMake writes into a source of the build folder (embedded_networks.cpp.in).
#pragma once

#include <span>
#include <string_view>

namespace deepzero::bench {

struct EmbeddedNetwork {
  std::string_view name;  ///< of the file, without .json
  std::string_view json;  ///< deepzero-network/1
};

/// Sorted by name.
std::span<const EmbeddedNetwork> embedded_networks();

}  // namespace deepzero::bench
