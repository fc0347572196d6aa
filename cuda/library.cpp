// What libdeepzero_cuda exports: the table of cuda/api.h over the backend.
#include <algorithm>
#include <atomic>
#include <cstdio>
#include <new>
#include <string>

#include "cuda/api.h"
#include "cuda/backend.h"
#include "cuda/probe.h"
#include "engine/error.h"
#include "engine/network.h"

namespace deepzero::cuda {
namespace {

void fill(api::Failure* failure, const char* code, const char* message) {
  std::snprintf(failure->code, sizeof failure->code, "%s", code);
  std::snprintf(failure->message, sizeof failure->message, "%s", message);
}

/// Runs a function's body; false, with the failure filled in, when it throws.
template <class Body>
bool guarded(api::Failure* failure, const Body& body) {
  try {
    body();
    return true;
  } catch (const Error& error) {
    fill(failure, error.code().c_str(), error.what());
  } catch (const std::bad_alloc&) {
    fill(failure, "ERR_OUT_OF_MEMORY", "an allocation of the CUDA backend failed on the host; use a smaller batch");
  } catch (const std::exception& error) {
    fill(failure, "ERR_INTERNAL", error.what());
  }
  return false;
}

/// A backend with what its sizes are.
struct Made {
  std::shared_ptr<const Network> network;
  std::unique_ptr<deepzero::Backend> backend;
};
deepzero::Backend& backend_of(api::Backend* made) { return *static_cast<Made*>(made)->backend; }
const Network& network_of(api::Backend* made) { return *static_cast<Made*>(made)->network; }

Attribute attribute(const api::Attribute& given) {
  switch (given.kind) {
    case api::Attribute::flag:
      return given.value != 0;
    case api::Attribute::number:
      return given.value;
    case api::Attribute::word:
      return std::string(given.text);
    case api::Attribute::list:
      break;
  }
  return std::vector<double>(given.values, given.values + given.count);
}

deepzero::NetworkSpec network_spec(const api::NetworkSpec& given) {
  deepzero::NetworkSpec spec{
      .name = given.name, .input = {given.input[0], given.input[1], given.input[2]}, .loss = given.loss};
  for (std::size_t i = 0; i < given.op_count; ++i) {
    const api::OpSpec& op = given.ops[i];
    deepzero::OpSpec& made = spec.ops.emplace_back();
    made.op = op.op;
    made.name = op.name;
    made.inputs.assign(op.inputs, op.inputs + op.input_count);
    for (std::size_t k = 0; k < op.attribute_count; ++k)
      made.attributes[op.attributes[k].name] = attribute(op.attributes[k]);
  }
  return spec;
}

Statistics statistics(std::int32_t number) { return number == 0 ? Statistics::batch : Statistics::running; }

deepzero::Perturbation perturbation(const api::Perturbation& given) {
  return {given.mu, given.sign, statistics(given.statistics), given.label_smoothing};
}

deepzero::Chunk chunk(const api::Chunk& given) {
  deepzero::Chunk made{.op = given.op, .channel = given.channel};
  for (std::size_t i = 0; i < given.count; ++i)
    made.queries.push_back({.element = given.elements[i], .parameter = given.parameters[i]});
  return made;
}

deepzero::Control control(const api::Control& given) {
  static_assert(std::atomic<bool>::is_always_lock_free && sizeof(std::atomic<bool>) == 1);
  return {.cancelled = static_cast<const std::atomic<bool>*>(given.cancelled)};
}

// --- The table ---

void probe_into(api::Probe* out) { *out = probe(); }

api::Backend* create(const api::NetworkSpec* given, const api::Options* options, api::Failure* failure) {
  auto made = std::make_unique<Made>();
  const bool done = guarded(failure, [&] {
    Options chosen{.memory = static_cast<std::size_t>(options->memory)};
    chosen.devices.assign(options->devices, options->devices + options->device_count);
    if (options->streams > 0) chosen.streams = options->streams;
    chosen.precision = static_cast<Precision>(options->precision);
    made->network = std::make_shared<const Network>(network_spec(*given));
    made->backend = make_backend(made->network, chosen);
  });
  return done ? made.release() : nullptr;
}

void destroy(api::Backend* made) { delete static_cast<Made*>(made); }

void info(const api::Backend* made, api::Info* out) {
  const BackendInfo known = static_cast<const Made*>(made)->backend->info();
  std::snprintf(out->isa, sizeof out->isa, "%s", known.isa.c_str());
  out->lanes = known.lanes;
  out->redone = known.redone;
  std::snprintf(out->reason, sizeof out->reason, "%s", known.reason.c_str());
}

bool load(api::Backend* made, const float* parameters, const float* buffers, api::Failure* failure) {
  return guarded(failure, [&] {
    const Network& network = network_of(made);
    backend_of(made).load({parameters, network.parameter_count()}, {buffers, network.buffer_count()});
  });
}

bool base(api::Backend* made, const api::Batch* batch, std::int32_t number, bool keep, const api::Control* stop,
          float* outputs, double* observed, api::Failure* failure) {
  return guarded(failure, [&] {
    const BaseResult result = backend_of(made).base({batch->input, batch->labels, batch->count, batch->targets},
                                                    statistics(number), keep, control(*stop));
    std::copy(result.outputs.begin(), result.outputs.end(), outputs);
    std::copy(result.observed.begin(), result.observed.end(), observed);
  });
}

bool block(api::Backend* made, std::int32_t op, std::int32_t number, std::int32_t count, std::int32_t* out,
           api::Failure* failure) {
  return guarded(failure, [&] { *out = backend_of(made).block(op, statistics(number), count); });
}

bool evaluate(api::Backend* made, std::int32_t lane, const api::Chunk* given, const api::Perturbation* by,
              const api::Control* stop, double* out, api::Failure* failure) {
  return guarded(failure, [&] {
    backend_of(made).evaluate(lane, chunk(*given), perturbation(*by), control(*stop), {out, given->count});
  });
}

bool evaluate_direction(api::Backend* made, std::int32_t lane, const api::Direction* given, const api::Perturbation* by,
                        const api::Control* stop, double* out, api::Failure* failure) {
  return guarded(failure, [&] {
    const std::vector<bool> moved(given->moved, given->moved + given->tensors);
    *out = backend_of(made).evaluate_direction(lane, {{given->components, given->count}, moved}, perturbation(*by),
                                               control(*stop));
  });
}

bool output_differences(api::Backend* made, std::int32_t lane, const api::Chunk* given, const api::Perturbation* by,
                        const api::Control* stop, float* out, std::size_t count, api::Failure* failure) {
  return guarded(failure, [&] {
    backend_of(made).output_differences(lane, chunk(*given), perturbation(*by), control(*stop), {out, count});
  });
}

constexpr api::Table kTable = {
    api::kInterface, DEEPZERO_VERSION,   probe_into,        create, destroy, info, load, base, block,
    evaluate,        evaluate_direction, output_differences};

}  // namespace
}  // namespace deepzero::cuda

extern "C" __attribute__((visibility("default"))) const deepzero::cuda::api::Table* deepzero_cuda_api() {
  return &deepzero::cuda::kTable;
}
