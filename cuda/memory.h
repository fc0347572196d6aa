// Memory on the current device, and pinned memory of the host that copies may run beside. Contents are arbitrary until
// written.
#pragma once

#include <cuda_runtime.h>

#include <cstddef>
#include <utility>

#include "cuda/check.h"
#include "engine/error.h"

namespace deepzero::cuda {

/// How a kind of memory is taken and given back.
struct OnDevice {
  static cudaError_t take(void** memory, std::size_t size) { return cudaMalloc(memory, size); }
  static void release(void* memory) { static_cast<void>(cudaFree(memory)); }
};
struct Pinned {
  static cudaError_t take(void** memory, std::size_t size) { return cudaMallocHost(memory, size); }
  static void release(void* memory) { static_cast<void>(cudaFreeHost(memory)); }
};

template <class T, class Kind>
class Buffer {
 public:
  Buffer() = default;
  ~Buffer() { release(); }
  Buffer(Buffer&& other) noexcept
      : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, std::size_t{0})) {}
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  T* data() const { return data_; }
  std::size_t size() const { return size_; }
  /// Grows to at least `size`; contents are lost when it does. Nothing may work on the memory meanwhile. Throws
  /// ERR_OUT_OF_MEMORY, and is empty then.
  void reserve(std::size_t size) {
    if (size <= size_) return;
    release();
    void* memory = nullptr;
    check(Kind::take(&memory, size * sizeof(T)), "memory");
    data_ = static_cast<T*>(memory);
    size_ = size;
  }
  void release() {
    if (data_ != nullptr) Kind::release(data_);
    data_ = nullptr;
    size_ = 0;
  }

 private:
  T* data_ = nullptr;
  std::size_t size_ = 0;
};

template <class T>
using DeviceBuffer = Buffer<T, OnDevice>;
template <class T>
using PinnedBuffer = Buffer<T, Pinned>;

/// Calls take(); where the device has no more memory, make_room() and take() once more.
template <class MakeRoom, class Take>
void with_room(const MakeRoom& make_room, const Take& take) {
  try {
    return take();
  } catch (const Error& error) {
    if (error.code() != "ERR_OUT_OF_MEMORY") throw;
  }
  make_room();
  take();
}

}  // namespace deepzero::cuda
