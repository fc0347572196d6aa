// Converts keys; engine/random draws.
#include "binding/random.h"

#include <limits>

#include "binding/arguments.h"
#include "binding/errors.h"
#include "engine/random/philox.h"

namespace deepzero::binding {
namespace {

constexpr std::uint64_t largest_safe = (std::uint64_t{1} << 53) - 1;
constexpr std::uint64_t largest_word = std::numeric_limits<std::uint32_t>::max();

RandomKey key_argument(const Napi::CallbackInfo& info) {
  RandomKey key;
  key.seed = integer_argument("seed", info[0], 0, largest_safe);
  key.purpose = static_cast<std::uint32_t>(integer_argument("purpose", info[1], 0, largest_word));
  key.stream = static_cast<std::uint32_t>(integer_argument("stream", info[2], 0, largest_word));
  return key;
}

}  // namespace

void random_words_into(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    random_words(key_argument(info), integer_argument("offset", info[3], 0, largest_safe),
                 words_argument("out", info[4]));
  });
}

void random_normal_into(const Napi::CallbackInfo& info) {
  guarded(info.Env(), [&] {
    random_normal(key_argument(info), integer_argument("offset", info[3], 0, largest_safe),
                  floats_argument("out", info[4]));
  });
}

}  // namespace deepzero::binding
