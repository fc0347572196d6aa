// A fixed set of threads. The calling thread is lane 0, so that one lane needs no thread at all.
#pragma once

#include <condition_variable>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace deepzero::cpu {

class Pool {
 public:
  explicit Pool(int lanes);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  int lanes() const { return static_cast<int>(threads_.size()) + 1; }
  /// Runs work(lane) on every lane and waits for all; rethrows the first exception.
  void run(const std::function<void(int lane)>& work);
  /// Runs work(lane, i) for i = 0 … count − 1, handed out one by one.
  void for_each(int count, const std::function<void(int lane, int i)>& work);

 private:
  void serve(int lane);
  void attempt(int lane);

  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable start_, done_;
  const std::function<void(int)>* work_ = nullptr;
  std::uint64_t round_ = 0;
  std::size_t running_ = 0;
  bool closing_ = false;
  std::exception_ptr failure_;
};

}  // namespace deepzero::cpu
