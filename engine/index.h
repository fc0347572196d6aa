// Ops, values, channels and images are counted by ints; containers are indexed by std::size_t.
#pragma once

#include <cstddef>

namespace deepzero {

/// An index or a count that is never negative.
constexpr std::size_t at(int index) { return static_cast<std::size_t>(index); }

}  // namespace deepzero
