// Between the addon and libdeepzero_cuda: one exported function that gives a table of functions. Nothing but plain
// structures, numbers and pointers crosses; a function that can fail returns false and fills in a Failure. A change of
// anything here, or of what the engine means by it, takes another kInterface.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace deepzero::cuda::api {

inline constexpr std::uint32_t kInterface = 7;
/// Streams per device where nobody says otherwise: one works while the other is fed.
inline constexpr int kStreams = 2;
inline constexpr const char* kEntry = "deepzero_cuda_api";

struct Failure {
  char code[32];
  char message[1024];
};

// --- A network (engine/spec.h) ---

struct Attribute {
  const char* name;
  enum Kind : std::int32_t { flag, number, word, list } kind;
  double value;  ///< of a flag or a number
  const char* text;
  const double* values;
  std::size_t count;
};
struct OpSpec {
  const char *op, *name;
  const char* const* inputs;
  std::size_t input_count;
  const Attribute* attributes;
  std::size_t attribute_count;
};
struct NetworkSpec {
  const char *name, *loss;
  std::int32_t input[3];
  const OpSpec* ops;
  std::size_t op_count;
};

// --- Devices ---

/// Why the devices of this machine cannot be used, or `usable`.
enum class Verdict : std::int32_t { usable, no_driver, driver_too_old, no_device, device_too_old, failed };

struct Device {
  std::int32_t ordinal;
  char name[128];
  std::int32_t major, minor;  ///< compute capability
  std::uint64_t memory;       ///< bytes
};
/// A device that cannot be used.
struct Rejected {
  std::int32_t ordinal;
  char name[128];    ///< empty where it does not tell
  char reason[128];  ///< one clause
};
struct Probe {
  Verdict verdict;
  char message[512];             ///< one clause: what is wrong and what to do; empty when usable
  std::int32_t driver, runtime;  ///< CUDA versions, 1000·major + 10·minor; 0 without a driver
  char architectures[128];       ///< what the library was compiled for, as CMake names it: "80-real,90-virtual"
  Device devices[64];            ///< the usable ones
  std::int32_t count;
  Rejected rejected[64];
  std::int32_t rejected_count;
};

/// 13.0 of 13000; nothing of 0.
inline std::string version(std::int32_t number) {
  return number == 0 ? "" : std::to_string(number / 1000) + "." + std::to_string(number % 1000 / 10);
}

struct Options {
  const std::int32_t* devices;  ///< ordinals; none: all usable ones
  std::size_t device_count;
  std::int32_t streams;    ///< per device; 0: the backend's own
  std::uint64_t memory;    ///< bytes per device; 0: the backend's own
  std::int32_t precision;  ///< 0 f32, 1 bf16, 2 f16
};

// --- Calls (engine/backend.h) ---

struct Info {
  char isa[16];
  std::int32_t lanes;
  std::uint64_t redone;  ///< queries that were done again in float32
  char reason[1024];     ///< which devices have failed meanwhile; empty when none has
};
struct Batch {
  const float* input;
  const std::int32_t* labels;
  std::int32_t count;
  const float* targets;
};
struct Chunk {
  std::int32_t op, channel;
  const std::uint32_t* elements;   ///< per query
  const std::int32_t* parameters;  ///< per query
  std::size_t count;
};
struct Perturbation {
  double mu;
  std::int32_t sign, statistics;  ///< statistics: 0 batch, 1 running
  double label_smoothing;
};
struct Direction {
  const float* components;
  std::size_t count;
  const std::uint8_t* moved;  ///< per tensor
  std::size_t tensors;
};
struct Control {
  const void* cancelled;  ///< std::atomic<bool>, which is a byte: whether the caller has given up; or null
};

using Backend = void;

struct Table {
  std::uint32_t interface;
  const char* version;  ///< of the package

  void (*probe)(Probe* out);
  Backend* (*create)(const NetworkSpec* network, const Options* options, Failure* failure);  ///< null: failed
  void (*destroy)(Backend* backend);
  void (*info)(const Backend* backend, Info* out);
  bool (*load)(Backend* backend, const float* parameters, const float* buffers, Failure* failure);
  /// outputs: [N][K]; observed: one number per buffer element.
  bool (*base)(Backend* backend, const Batch* batch, std::int32_t statistics, bool keep, const Control* control,
               float* outputs, double* observed, Failure* failure);
  bool (*block)(Backend* backend, std::int32_t op, std::int32_t statistics, std::int32_t count, std::int32_t* out,
                Failure* failure);
  bool (*evaluate)(Backend* backend, std::int32_t lane, const Chunk* chunk, const Perturbation* perturbation,
                   const Control* control, double* out, Failure* failure);
  bool (*evaluate_direction)(Backend* backend, std::int32_t lane, const Direction* direction,
                             const Perturbation* perturbation, const Control* control, double* out, Failure* failure);
  bool (*output_differences)(Backend* backend, std::int32_t lane, const Chunk* chunk, const Perturbation* perturbation,
                             const Control* control, float* out, std::size_t count, Failure* failure);
};

/// What the library exports under kEntry. The first two members of the table never move.
using Entry = const Table* (*)();

}  // namespace deepzero::cuda::api
