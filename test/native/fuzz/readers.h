// What the fuzzers give the readers of native tools: bytes of a safetensors file, or the JSON of a network. Both read
// or refuse with an Error; anything else (a crash, another exception) is a fault.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "bench/model_file.h"
#include "bench/safetensors.h"
#include "engine/error.h"

namespace deepzero::fuzz {

/// Reads bytes as a model file and as whatever safetensors hold. True when they were read.
inline bool read_bytes(std::span<const std::byte> bytes) {
  try {
    const SafetensorsFile file = SafetensorsFile::parse({bytes.begin(), bytes.end()}, "FILE");
    for (const auto& [name, tensor] : file.tensors()) {
      if (tensor.dtype == DType::f32) (void)file.values<float>(name);
      if (tensor.dtype == DType::i64) (void)file.values<std::int64_t>(name);
    }
    const auto network = file.metadata().find("network");
    if (network != file.metadata().end()) (void)model_of(file, parse_network(network->second));
    return true;
  } catch (const Error&) {
    return false;
  }
}

/// Reads a text as the JSON of a network, and builds it. True when it is one.
inline bool read_network(const std::string& json) {
  try {
    (void)Network(parse_network(json));
    return true;
  } catch (const Error&) {
    return false;
  }
}

}  // namespace deepzero::fuzz
