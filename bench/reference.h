// Reference cases: values of a network in float64 from an independent framework, in two safetensors files.
// CASE.safetensors holds weights and running statistics under PyTorch's names, CASE.expected.safetensors
//   input [B, C, H, W] f32, labels [B] i64      the batch as it enters the network
//   logits_train, loss_train                    with batch statistics
//   logits_eval                                 with running statistics
//   running_after/NAME                          running statistics after one pass with batch statistics
//   cge/param_index, cge/element_index [Q] i32  queried coordinates; metadata `parameters` lists the names
//   cge/mu=MU [Q]                               (loss(θ + μ·e_i) − loss(θ)) / μ, batch statistics
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "bench/model_file.h"

namespace deepzero::bench {

struct Reference {
  std::string name;
  Model model;
  std::vector<float> input;
  std::vector<std::int32_t> labels;
  std::vector<double> logits_train, logits_eval;  ///< [B][K]
  double loss_train = 0;
  std::vector<double> running_after;  ///< in the order of Network::buffers()
  std::vector<std::uint32_t> coordinates;
  std::map<double, std::vector<double>> cge;  ///< by μ, [Q]

  int count() const { return static_cast<int>(labels.size()); }
};

/// Names of the cases in a folder, sorted. Throws ERR_FILE when it cannot be read or holds none.
std::vector<std::string> reference_names(const std::string& folder);

/// The network that a case is of, from its name up to the first dash: "resnet20-init", "cnn2x8-init" (cnn-2x8).
std::string reference_network(const std::string& name);

/// Throws ERR_INVALID_ARGUMENT when a file cannot be read, or a tensor is missing or of another size.
Reference read_reference(const std::string& folder, const std::string& name);

}  // namespace deepzero::bench
