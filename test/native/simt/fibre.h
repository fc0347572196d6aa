// A fibre: a stack of its own on which threads of a kernel run until they wait. Switching goes through ucontext, with
// the annotations that AddressSanitizer needs to follow.
#pragma once

#include <sys/mman.h>
#include <ucontext.h>

#include <cstdint>
#include <functional>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace simt {

class Fibre {
 public:
  /// `body` runs at the first resume() and must never return.
  explicit Fibre(std::function<void()> body) : body_(std::move(body)) {
    stack_ = mmap(nullptr, stack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (stack_ == MAP_FAILED) throw std::bad_alloc();
    getcontext(&own_);
    own_.uc_stack.ss_sp = stack_;
    own_.uc_stack.ss_size = stack_bytes;
    own_.uc_link = nullptr;
    // makecontext passes ints only.
    const auto self = reinterpret_cast<std::uintptr_t>(this);
    makecontext(&own_, reinterpret_cast<void (*)()>(&enter), 2, static_cast<unsigned>(self >> 32),
                static_cast<unsigned>(self));
  }
  ~Fibre() {
#if defined(__SANITIZE_ADDRESS__)
    ASAN_UNPOISON_MEMORY_REGION(stack_, stack_bytes);
#endif
    munmap(stack_, stack_bytes);
  }
  Fibre(const Fibre&) = delete;
  Fibre& operator=(const Fibre&) = delete;

  /// From the scheduler: runs the fibre until it pauses.
  void resume() {
#if defined(__SANITIZE_ADDRESS__)
    void* fake = nullptr;
    __sanitizer_start_switch_fiber(&fake, stack_, stack_bytes);
    swapcontext(&scheduler_, &own_);
    __sanitizer_finish_switch_fiber(fake, nullptr, nullptr);
#else
    swapcontext(&scheduler_, &own_);
#endif
  }
  /// From the fibre: back to the scheduler.
  void pause() {
#if defined(__SANITIZE_ADDRESS__)
    void* fake = nullptr;
    __sanitizer_start_switch_fiber(&fake, scheduler_stack_, scheduler_bytes_);
    swapcontext(&own_, &scheduler_);
    __sanitizer_finish_switch_fiber(fake, &scheduler_stack_, &scheduler_bytes_);
#else
    swapcontext(&own_, &scheduler_);
#endif
  }

 private:
  static constexpr std::size_t stack_bytes = std::size_t{256} << 10;

  static void enter(unsigned high, unsigned low) {
    auto* self = reinterpret_cast<Fibre*>(std::uintptr_t{high} << 32 | low);
#if defined(__SANITIZE_ADDRESS__)
    __sanitizer_finish_switch_fiber(nullptr, &self->scheduler_stack_, &self->scheduler_bytes_);
#endif
    self->body_();
    std::abort();
  }

  std::function<void()> body_;
  void* stack_;
  ucontext_t own_{}, scheduler_{};
#if defined(__SANITIZE_ADDRESS__)
  const void* scheduler_stack_ = nullptr;
  std::size_t scheduler_bytes_ = 0;
#endif
};

}  // namespace simt
