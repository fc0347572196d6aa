// Switching between stacks: the registers that a call preserves go onto the stack that is left and come from the one
// that is entered. swapcontext does the same and asks the kernel each time, which is thirty times slower.
// AddressSanitizer and ThreadSanitizer are told.
#include "test/native/simt/fibre.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdlib>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif
#if defined(__SANITIZE_THREAD__)
#include <sanitizer/tsan_interface.h>
#endif

/// Leaves the registers on this stack, whose end goes to *left, and takes those of the other.
extern "C" void simt_switch_stacks(void** left, void* entered);

#if defined(__x86_64__)
asm(R"(
  .text
  .globl simt_switch_stacks
  .hidden simt_switch_stacks
  .type simt_switch_stacks, @function
simt_switch_stacks:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  ret
  .size simt_switch_stacks, .-simt_switch_stacks
)");
#elif defined(__aarch64__)
asm(R"(
  .text
  .globl simt_switch_stacks
  .hidden simt_switch_stacks
  .type simt_switch_stacks, %function
simt_switch_stacks:
  sub sp, sp, #160
  stp x19, x20, [sp]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
  .size simt_switch_stacks, .-simt_switch_stacks
)");
#else
#error "fibres: no switch of stacks for this processor"
#endif

namespace simt {
namespace {

constexpr std::size_t kStack = std::size_t{256} << 10;

/// What simt_switch_stacks takes from a fresh stack: registers of no interest and the address to go to.
void* fresh(void* stack, void (*entry)()) {
  auto* top = reinterpret_cast<std::uintptr_t*>(static_cast<char*>(stack) + kStack);
#if defined(__x86_64__)
  top[-2] = reinterpret_cast<std::uintptr_t>(entry);
  return top - 8;
#else
  top[-9] = reinterpret_cast<std::uintptr_t>(entry);
  return top - 20;
#endif
}

thread_local Fibre* entered;

}  // namespace

Fibre::Fibre(std::function<void()> body) : body_(std::move(body)) {
  stack_ = mmap(nullptr, kStack, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (stack_ == MAP_FAILED) throw std::bad_alloc();
  own_ = fresh(stack_, &Fibre::enter);
#if defined(__SANITIZE_THREAD__)
  sanitizer_own_ = __tsan_create_fiber(0);
#endif
}

Fibre::~Fibre() {
#if defined(__SANITIZE_ADDRESS__)
  ASAN_UNPOISON_MEMORY_REGION(stack_, kStack);
#endif
#if defined(__SANITIZE_THREAD__)
  __tsan_destroy_fiber(sanitizer_own_);
#endif
  munmap(stack_, kStack);
}

void Fibre::resume() {
  entered = this;
#if defined(__SANITIZE_ADDRESS__)
  void* fake = nullptr;
  __sanitizer_start_switch_fiber(&fake, stack_, kStack);
#endif
#if defined(__SANITIZE_THREAD__)
  sanitizer_scheduler_ = __tsan_get_current_fiber();
  __tsan_switch_to_fiber(sanitizer_own_, 0);
#endif
  simt_switch_stacks(&scheduler_, own_);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(fake, nullptr, nullptr);
#endif
}

void Fibre::pause() {
#if defined(__SANITIZE_ADDRESS__)
  void* fake = nullptr;
  __sanitizer_start_switch_fiber(&fake, scheduler_stack_, scheduler_bytes_);
#endif
#if defined(__SANITIZE_THREAD__)
  __tsan_switch_to_fiber(sanitizer_scheduler_, 0);
#endif
  simt_switch_stacks(&own_, scheduler_);
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(fake, &scheduler_stack_, &scheduler_bytes_);
#endif
}

void Fibre::enter() {
  Fibre* const self = entered;
#if defined(__SANITIZE_ADDRESS__)
  __sanitizer_finish_switch_fiber(nullptr, &self->scheduler_stack_, &self->scheduler_bytes_);
#endif
  self->body_();
  std::abort();
}

}  // namespace simt
