// The harness's command line.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/precision.h"

namespace deepzero::bench {

enum class Mode { kernels, layers, queries, base, scaling, linearity, profile, roofline, ladder, peak, gradcheck };

struct Options {
  Mode mode = Mode::kernels;
  bool help = false;
  std::string network = "resnet20";
  std::string model;  ///< a model file instead of a name
  int batch = 256;
  int threads = 0;  ///< 0: one per core
  std::string device = "cpu";
  std::vector<int> devices;  ///< CUDA ordinals, none for all; one may come twice
  int streams = 0;           ///< per CUDA device; 0: the backend's own
  std::size_t memory = 0;    ///< MiB, as in a session; 0: the backend's own
  Precision precision = Precision::f32;
  double mu = 5e-3;
  double sparsity = 0.9;
  std::string reference;     ///< folder of reference cases
  std::string ratios;        ///< a ratios file instead of one sparsity
  std::size_t sample = 512;  ///< coordinates to time (layers: of each parameter), 0 for the whole step
  std::uint64_t seed = 1;
  int repeats = 5;
  int warmups = 1;
  std::size_t check = 8;            ///< coordinates compared with two float64 passes before timing
  std::string json;                 ///< where the result goes as JSON
  std::string case_directory;       ///< where model, batch, coordinates and estimates go, for a peer to repeat
  double working_set = 8;           ///< MiB that a micro-kernel walks through
  std::vector<std::string> google;  ///< --benchmark_… for Google Benchmark
};

/// Throws ERR_INVALID_ARGUMENT for an unknown option (naming the nearest) or a value out of range.
Options parse_options(const std::vector<std::string>& arguments);

/// What --help prints; the defaults are those of Options.
std::string help_text();

}  // namespace deepzero::bench
