#include "bench/case_file.h"

#include <filesystem>

#include <nlohmann/json.hpp>

#include "engine/error.h"
#include "engine/random/philox.h"

namespace deepzero::bench {
namespace {

/// Makes the directory and writes the model file into it.
void write_case_model(const std::string& directory, const Model& model) {
  std::error_code failed;
  std::filesystem::create_directories(directory, failed);
  if (failed) throw Error("ERR_INVALID_ARGUMENT", directory + ": cannot be made (" + failed.message() + ")");
  write_model(directory + "/model.safetensors", model);
}

}  // namespace

BatchData random_batch(const Network& network, int count, std::uint64_t seed) {
  BatchData batch;
  batch.input.resize(static_cast<std::size_t>(count) * static_cast<std::size_t>(network.input().size()));
  random_normal({seed, static_cast<std::uint32_t>(Purpose::synthetic_data), 0}, 0, batch.input);
  std::vector<std::uint32_t> words(static_cast<std::size_t>(count));
  random_words({seed, static_cast<std::uint32_t>(Purpose::synthetic_data), 1}, 0, words);
  for (const std::uint32_t word : words) {
    batch.labels.push_back(static_cast<std::int32_t>((static_cast<std::uint64_t>(word) * network.outputs()) >> 32));
  }
  return batch;
}

void write_case(const std::string& directory, const Model& model, const BatchData& batch,
                std::span<const std::uint32_t> coordinates, const DifferencesResult& result, double mu) {
  write_case_model(directory, model);
  const Network network(model.spec);
  nlohmann::json names = nlohmann::json::array();
  for (const ParameterInfo& p : network.parameters()) names.push_back(p.name);
  std::vector<std::int32_t> parameters, elements;
  for (const std::uint32_t coordinate : coordinates) {
    const ParameterInfo& p = network.parameter_of(coordinate);
    parameters.push_back(static_cast<std::int32_t>(&p - network.parameters().data()));
    elements.push_back(static_cast<std::int32_t>(coordinate - p.offset));
  }
  const std::vector<std::int64_t> labels(batch.labels.begin(), batch.labels.end());
  const auto images = static_cast<std::int64_t>(labels.size());
  const auto queries = static_cast<std::int64_t>(coordinates.size());
  const Shape& shape = network.input();
  const TensorOut tensors[] = {
      {"input", DType::f32, {images, shape.c, shape.h, shape.w}, std::as_bytes(std::span(batch.input))},
      {"labels", DType::i64, {images}, std::as_bytes(std::span(labels))},
      {"cge/param_index", DType::i32, {queries}, std::as_bytes(std::span(parameters))},
      {"cge/element_index", DType::i32, {queries}, std::as_bytes(std::span(elements))},
      {"estimates", DType::f32, {queries}, std::as_bytes(std::span(result.values))}};
  write_safetensors(directory + "/case.safetensors", tensors,
                    {{"parameters", names.dump()}, {"mu", nlohmann::json(mu).dump()}});
}

void write_base_case(const std::string& directory, const Model& model, const BatchData& batch,
                     std::span<const float> batch_outputs, std::span<const float> running_outputs) {
  write_case_model(directory, model);
  const auto images = static_cast<std::int64_t>(batch.labels.size());
  const auto classes = static_cast<std::int64_t>(batch_outputs.size()) / images;
  const Shape& shape = model.spec.input;
  const TensorOut tensors[] = {
      {"input", DType::f32, {images, shape.c, shape.h, shape.w}, std::as_bytes(std::span(batch.input))},
      {"outputs/batch", DType::f32, {images, classes}, std::as_bytes(batch_outputs)},
      {"outputs/running", DType::f32, {images, classes}, std::as_bytes(running_outputs)}};
  write_safetensors(directory + "/base.safetensors", tensors, {});
}

}  // namespace deepzero::bench
