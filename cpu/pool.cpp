#include "cpu/pool.h"

#include <atomic>

namespace deepzero::cpu {

Pool::Pool(int lanes) {
  threads_.reserve(static_cast<std::size_t>(lanes - 1));
  try {
    for (int lane = 1; lane < lanes; ++lane) threads_.emplace_back([this, lane] { serve(lane); });
  } catch (...) {  // no more threads to be had: stop those that started
    {
      const std::lock_guard lock(mutex_);
      closing_ = true;
    }
    start_.notify_all();
    for (std::thread& thread : threads_) thread.join();
    throw;
  }
}

Pool::~Pool() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
  }
  start_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Pool::attempt(int lane) {
  try {
    (*work_)(lane);
  } catch (...) {
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = std::current_exception();
  }
}

void Pool::serve(int lane) {
  std::uint64_t seen = 0;
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      start_.wait(lock, [&] { return closing_ || round_ != seen; });
      if (closing_) return;
      seen = round_;
    }
    attempt(lane);
    const std::lock_guard lock(mutex_);
    if (--running_ == 0) done_.notify_one();
  }
}

void Pool::run(const std::function<void(int lane)>& work) {
  {
    const std::lock_guard lock(mutex_);
    work_ = &work;
    failure_ = nullptr;
    running_ = threads_.size();
    ++round_;
  }
  start_.notify_all();
  attempt(0);
  std::unique_lock lock(mutex_);
  done_.wait(lock, [&] { return running_ == 0; });
  work_ = nullptr;
  if (failure_) std::rethrow_exception(failure_);
}

void Pool::for_each(int count, const std::function<void(int lane, int i)>& work) {
  std::atomic<int> next{0};
  run([&](int lane) {
    for (int i = next.fetch_add(1, std::memory_order_relaxed); i < count;
         i = next.fetch_add(1, std::memory_order_relaxed))
      work(lane, i);
  });
}

}  // namespace deepzero::cpu
