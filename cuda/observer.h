// Who watches the kernels of this process: launch() (launch.cuh) tells an observer before and after each of them is put
// into a stream, and an ObservedOp says for which op of the network. For the bench, which puts events around kernels;
// without an observer it costs a load of a pointer.
#pragma once

#include <atomic>

#include "cuda/stream.h"

namespace deepzero::cuda {

class Observer {
 public:
  virtual ~Observer() = default;
  /// `op` is that of the innermost ObservedOp of this thread, −1 outside of one.
  virtual void before(const char* kernel, int op, const Stream& stream) = 0;
  virtual void after(const Stream& stream) = 0;
};

/// Null for none. What it points to outlives all launches.
inline std::atomic<Observer*> observer{nullptr};
inline thread_local int observed_op = -1;

/// The kernels that this thread launches while it lives belong to an op.
class ObservedOp {
 public:
  explicit ObservedOp(int op) : outer_(observed_op) { observed_op = op; }
  ~ObservedOp() { observed_op = outer_; }
  ObservedOp(const ObservedOp&) = delete;
  ObservedOp& operator=(const ObservedOp&) = delete;

 private:
  int outer_;
};

/// A kernel that is put into a stream while it lives.
class ObservedLaunch {
 public:
  ObservedLaunch(const char* kernel, const Stream& stream)
      : watching_(observer.load(std::memory_order_relaxed)), stream_(stream) {
    if (watching_ != nullptr) watching_->before(kernel, observed_op, stream_);
  }
  ~ObservedLaunch() {
    if (watching_ != nullptr) watching_->after(stream_);
  }
  ObservedLaunch(const ObservedLaunch&) = delete;
  ObservedLaunch& operator=(const ObservedLaunch&) = delete;

 private:
  Observer* watching_;
  const Stream& stream_;
};

}  // namespace deepzero::cuda
