// Events that take the time on a device's own clock.
#pragma once

#include <cuda_runtime.h>

#include "cuda/check.h"
#include "cuda/stream.h"

namespace deepzero::bench {

class Event {
 public:
  Event() { cuda::check(cudaEventCreateWithFlags(&event_, cudaEventDefault), "cudaEventCreate"); }
  ~Event() { static_cast<void>(cudaEventDestroy(event_)); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;

  void record(const cuda::Stream& stream) { cuda::check(cudaEventRecord(event_, stream.get()), "cudaEventRecord"); }
  /// Seconds from an event that was recorded before; waits for this one.
  double seconds_since(const Event& begin) const {
    float milliseconds = 0;
    cuda::check(cudaEventSynchronize(event_), "cudaEventSynchronize");
    cuda::check(cudaEventElapsedTime(&milliseconds, begin.event_, event_), "cudaEventElapsedTime");
    return 1e-3 * static_cast<double>(milliseconds);
  }

 private:
  cudaEvent_t event_ = nullptr;
};

}  // namespace deepzero::bench
