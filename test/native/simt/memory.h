// Memory between two guard zones, filled with NaN bytes. Under AddressSanitizer the zones cannot be touched; without
// it, check() finds what was written there.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace simt {

class GuardedMemory {
 public:
  explicit GuardedMemory(std::size_t size) : size_(size) {
    const std::size_t whole = (size + 2 * guard + alignment - 1) / alignment * alignment;
    base_ = static_cast<unsigned char*>(std::aligned_alloc(alignment, whole));
    if (base_ == nullptr) throw std::bad_alloc();
    tail_ = whole - guard - size;
    std::memset(base_, pattern, whole);
    fill();
#if defined(__SANITIZE_ADDRESS__)
    ASAN_POISON_MEMORY_REGION(base_, guard);
    ASAN_POISON_MEMORY_REGION(base_ + guard + size_, tail_);
#endif
  }
  ~GuardedMemory() {
#if defined(__SANITIZE_ADDRESS__)
    ASAN_UNPOISON_MEMORY_REGION(base_, guard + size_ + tail_);
#endif
    std::free(base_);
  }
  GuardedMemory(const GuardedMemory&) = delete;
  GuardedMemory& operator=(const GuardedMemory&) = delete;

  unsigned char* data() { return base_ + guard; }
  std::size_t size() const { return size_; }
  void fill() { std::memset(base_ + guard, 0xff, size_); }
  /// Whether the guard zones are as they were.
  bool intact() const {
#if !defined(__SANITIZE_ADDRESS__)
    for (std::size_t i = 0; i < guard; ++i)
      if (base_[i] != pattern) return false;
    for (std::size_t i = 0; i < tail_; ++i)
      if (base_[guard + size_ + i] != pattern) return false;
#endif
    return true;
  }

 private:
  static constexpr std::size_t alignment = 256, guard = 256;
  static constexpr unsigned char pattern = 0xa5;
  unsigned char* base_;
  std::size_t size_, tail_;
};

}  // namespace simt
