// Large float buffers, aligned to a page, on huge pages where the system has them. Contents are arbitrary until
// written.
#pragma once

#include <cstddef>
#include <memory>

namespace deepzero::cpu {

class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::size_t floats);

  float* data() const { return data_.get(); }
  std::size_t size() const { return size_; }
  /// Grows to at least `floats`; contents are lost when it does. Throws ERR_OUT_OF_MEMORY.
  void reserve(std::size_t floats);

 private:
  struct Release {
    void operator()(float* data) const;
  };
  std::unique_ptr<float, Release> data_;
  std::size_t size_ = 0;
};

}  // namespace deepzero::cpu
