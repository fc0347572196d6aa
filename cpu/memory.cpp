#include "cpu/memory.h"

#include <cstdint>
#include <new>
#include <string>

#include "engine/error.h"

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace deepzero::cpu {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kHugePage = std::size_t{2} << 20;

}  // namespace

void Buffer::Release::operator()(float* data) const { ::operator delete (data, std::align_val_t{kPage}); }

Buffer::Buffer(std::size_t floats) { reserve(floats); }

void Buffer::reserve(std::size_t floats) {
  if (floats <= size_) return;
  data_.reset();
  size_ = 0;
  const std::size_t bytes = (floats * sizeof(float) + kPage - 1) / kPage * kPage;
  auto* data = static_cast<float*>(::operator new (bytes, std::align_val_t{kPage}, std::nothrow));
  if (data == nullptr)
    throw Error("ERR_OUT_OF_MEMORY", "could not get " + std::to_string(bytes >> 20) +
                                         " MiB for features or differences; lower the batch size or the memory "
                                         "setting");
  data_.reset(data);
  size_ = floats;
#if defined(__linux__)
  if (bytes >= 2 * kHugePage) {
    const auto first = (reinterpret_cast<std::uintptr_t>(data) + kHugePage - 1) / kHugePage * kHugePage;
    const auto last = (reinterpret_cast<std::uintptr_t>(data) + bytes) / kHugePage * kHugePage;
    madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);  // a hint; failure costs only speed
  }
#endif
}

}  // namespace deepzero::cpu
