// libFuzzer's target: the first byte says which reader gets the rest. `cmake --preset fuzz` builds it with clang.
#include "test/native/fuzz/readers.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::span<const std::uint8_t> rest(data + 1, size - 1);
  if (data[0] % 2 == 0) {
    deepzero::fuzz::read_bytes(std::as_bytes(rest));
  } else {
    deepzero::fuzz::read_network({rest.begin(), rest.end()});
  }
  return 0;
}
