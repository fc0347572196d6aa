// Random numbers for lib/random.ts: (seed, purpose, stream, offset, out) fills `out`.
#pragma once

#include <napi.h>

namespace deepzero::binding {

/// out: Uint32Array, words offset, offset + 1, … of the sequence.
void random_words_into(const Napi::CallbackInfo& info);

/// out: Float32Array, standard normal numbers offset, offset + 1, … of the sequence.
void random_normal_into(const Napi::CallbackInfo& info);

}  // namespace deepzero::binding
