// Offsets, in floats, in a piece of memory that is planned and not yet there: first fit, with release.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace deepzero {

class Arena {
 public:
  /// All offsets are multiples of `alignment`.
  explicit Arena(std::size_t alignment) : alignment_(alignment) {}

  /// Offset of `size` floats that nothing else has until they are released.
  std::size_t take(std::size_t size) {
    size = (size + alignment_ - 1) / alignment_ * alignment_;
    std::size_t offset = 0;
    auto place = taken_.begin();
    for (; place != taken_.end() && offset + size > place->offset; ++place) offset = place->offset + place->size;
    taken_.insert(place, {offset, size});
    peak_ = std::max(peak_, offset + size);
    return offset;
  }
  void release(std::size_t offset) {
    std::erase_if(taken_, [&](const Block& block) { return block.offset == offset; });
  }
  /// Floats that the memory must have.
  std::size_t peak() const { return peak_; }

 private:
  struct Block {
    std::size_t offset, size;
  };
  std::size_t alignment_;
  std::vector<Block> taken_;  // by offset
  std::size_t peak_ = 0;
};

}  // namespace deepzero
