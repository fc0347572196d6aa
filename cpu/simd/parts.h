// A range cut into even parts. Included by files compiled for an instruction set.
#pragma once

namespace deepzero::cpu {
namespace {

/// Splits `size` into the fewest parts of at most `most`, as even as possible, the larger ones first.
struct Parts {
  int count, size, larger;  ///< `larger` of them have size + 1
  int operator[](int part) const { return size + (part < larger ? 1 : 0); }
};

inline Parts parts(int size, int most) {
  const int count = (size + most - 1) / most;
  return {count, size / count, size % count};
}

}  // namespace
}  // namespace deepzero::cpu
