// What a peer needs to repeat a measurement on the same numbers: DIR/model.safetensors (a model file) and
// DIR/case.safetensors with `input` [N, C, H, W] f32, `labels` [N] i64, `cge/param_index` and `cge/element_index`
// [Q] i32 (into the metadata's `parameters` list; into the flattened parameter), `estimates` [Q] f32, and the
// metadata keys `parameters` (JSON list of names) and `mu`. For passes without queries, DIR/base.safetensors holds
// `input`, and `outputs/batch` and `outputs/running` [N, K] f32 with either statistics.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "bench/model_file.h"
#include "engine/session.h"

namespace deepzero::bench {

struct BatchData {
  std::vector<float> input;          ///< [N][C][H][W], standard normal
  std::vector<std::int32_t> labels;  ///< [N], uniform
};

BatchData random_batch(const Network& network, int count, std::uint64_t seed);

/// Makes DIR when it is missing.
void write_case(const std::string& directory, const Model& model, const BatchData& batch,
                std::span<const std::uint32_t> coordinates, const DifferencesResult& result, double mu);

/// For base passes; the same rules.
void write_base_case(const std::string& directory, const Model& model, const BatchData& batch,
                     std::span<const float> batch_outputs, std::span<const float> running_outputs);

}  // namespace deepzero::bench
