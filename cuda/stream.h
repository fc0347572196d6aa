// A stream of the current device: what is put into it runs in order, beside the other streams. Memory of the host must
// live until wait().
#pragma once

#include <cuda_runtime.h>

#include "cuda/check.h"

namespace deepzero::cuda {

class Stream {
 public:
  Stream() { check(cudaStreamCreateWithFlags(&stream_, cudaStreamNonBlocking), "cudaStreamCreate"); }
  ~Stream() { static_cast<void>(cudaStreamDestroy(stream_)); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  cudaStream_t get() const { return stream_; }
  void wait() const { check(cudaStreamSynchronize(stream_), "cudaStreamSynchronize"); }
  /// The same on the way out of an error, which is the one to tell.
  void settle() const noexcept { static_cast<void>(cudaStreamSynchronize(stream_)); }

  template <class T>
  void to_device(T* to, const T* from, std::size_t count) const {
    copy(to, from, count * sizeof(T), cudaMemcpyHostToDevice);
  }
  template <class T>
  void to_host(T* to, const T* from, std::size_t count) const {
    copy(to, from, count * sizeof(T), cudaMemcpyDeviceToHost);
  }
  template <class T>
  void on_device(T* to, const T* from, std::size_t count) const {
    copy(to, from, count * sizeof(T), cudaMemcpyDeviceToDevice);
  }
  template <class T>
  void clear(T* memory, std::size_t count) const {
    if (count > 0) check(cudaMemsetAsync(memory, 0, count * sizeof(T), stream_), "cudaMemsetAsync");
  }

 private:
  void copy(void* to, const void* from, std::size_t size, cudaMemcpyKind kind) const {
    if (size > 0) check(cudaMemcpyAsync(to, from, size, kind, stream_), "cudaMemcpyAsync");
  }

  cudaStream_t stream_ = nullptr;
};

}  // namespace deepzero::cuda
