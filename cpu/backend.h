// The CPU backend: threads across chunks, and within a chunk stage by stage, image by image, query by query, so that
// base features and weights are read from cache by all queries of a block.
#pragma once

#include <memory>

#include "engine/backend.h"
#include "engine/precision.h"

namespace deepzero::cpu {

/// How differences along coordinates stand in memory while they wait for the rest of the batch. As bfloat16 they take
/// half of it and keep eight bits of precision; everything is computed in float32, and directions stay so in memory.
enum class Storage { float32, bfloat16 };

/// Throws ERR_INVALID_ARGUMENT for a precision that the CPU does not have.
Storage storage_of(Precision precision);

struct Options {
  int threads = 0;                            ///< 0: one per core
  std::size_t memory = std::size_t{1} << 30;  ///< bytes for differences, all threads together
  Storage storage = Storage::float32;
};

/// Throws ERR_INVALID_ARGUMENT for a thread count out of 0 … 1024 or an unknown DEEPZERO_MAX_ISA.
std::unique_ptr<Backend> make_backend(std::shared_ptr<const Network> network, const Options& options);

/// One per core this process may run on.
int default_threads();

}  // namespace deepzero::cpu
