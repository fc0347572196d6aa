// First-fit memory with release, in floats: where values live while they are needed. A plan, not memory.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace deepzero::cuda {

class Arena {
 public:
  std::size_t take(std::size_t size) {
    size = (size + kAlignment - 1) / kAlignment * kAlignment;
    std::size_t offset = 0;
    auto place = taken_.begin();
    for (; place != taken_.end() && offset + size > place->offset; ++place) offset = place->offset + place->size;
    taken_.insert(place, {offset, size});
    peak_ = std::max(peak_, offset + size);
    return offset;
  }
  void release(std::size_t offset) {
    std::erase_if(taken_, [&](const Taken& taken) { return taken.offset == offset; });
  }
  std::size_t peak() const { return peak_; }

 private:
  // Vectors of 16 bytes stay aligned whatever the number of images that an offset is multiplied with.
  static constexpr std::size_t kAlignment = 4;
  struct Taken {
    std::size_t offset, size;
  };
  std::vector<Taken> taken_;  // by offset
  std::size_t peak_ = 0;
};

}  // namespace deepzero::cuda
