// A named stretch of time on this host thread, as profilers show it (NVTX, which comes with nvcc as headers and does
// nothing unless a profiler listens). Without NVTX, nothing.
#pragma once

#if __has_include(<nvtx3/nvToolsExt.h>)
#include <nvtx3/nvToolsExt.h>
#define DEEPZERO_NVTX 1
#endif

namespace deepzero::cuda {

class Range {
 public:
#if defined(DEEPZERO_NVTX)
  explicit Range(const char* name) { nvtxRangePushA(name); }
  ~Range() { nvtxRangePop(); }
#else
  explicit Range(const char* /*name*/) {}
  ~Range() {}
#endif
  Range(const Range&) = delete;
  Range& operator=(const Range&) = delete;
};

}  // namespace deepzero::cuda
