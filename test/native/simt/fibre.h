// A fibre: a stack of its own on which threads of a kernel run until they wait.
#pragma once

#include <cstddef>
#include <functional>

namespace simt {

class Fibre {
 public:
  /// `body` runs at the first resume() and must never return.
  explicit Fibre(std::function<void()> body);
  ~Fibre();
  Fibre(const Fibre&) = delete;
  Fibre& operator=(const Fibre&) = delete;

  /// From the scheduler: runs the fibre until it pauses.
  void resume();
  /// From the fibre: back to the scheduler.
  void pause();

 private:
  static void enter();

  std::function<void()> body_;
  void* stack_;
  void *own_ = nullptr, *scheduler_ = nullptr;  // where their registers lie, on their stacks
  const void* scheduler_stack_ = nullptr;       // what sanitizers want to know
  std::size_t scheduler_bytes_ = 0;
  void *sanitizer_own_ = nullptr, *sanitizer_scheduler_ = nullptr;
};

}  // namespace simt
