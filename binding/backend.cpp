#include "binding/backend.h"

#include "cpu/backend.h"
#include "cpu/isa.h"
#include "cuda/client/backend.h"
#include "cuda/client/library.h"
#include "engine/error.h"
#include "engine/trial.h"

namespace deepzero::binding {
namespace {

std::string joined(const std::string& first, const std::string& second) {
  return first.empty() || second.empty() ? first + second : first + "; " + second;
}

ChosenBackend with_info(std::unique_ptr<Backend> backend, const std::string& reason) {
  ChosenBackend chosen{std::move(backend), {}};
  chosen.info = chosen.backend->info();
  chosen.info.reason = joined(reason, chosen.info.reason);
  return chosen;
}

/// Throws with the reason where a device does not compute what the CPU does.
void try_devices(const cuda::Library& library, const NetworkSpec& spec, const std::shared_ptr<const Network>& network,
                 const DeviceChoice& choice) {
  for (int i = 0; i < library.probe->count; ++i) {
    const cuda::api::Device& device = library.probe->devices[i];
    const std::string failure =
        trial(network,
              cuda::make_client(
                  library, spec, network,
                  {.devices = {device.ordinal}, .streams = 1, .memory = choice.memory, .precision = choice.precision}),
              cpu::make_backend(network, {.threads = choice.threads}));
    if (!failure.empty())
      throw Error("ERR_DEVICE", "CUDA device " + std::to_string(device.ordinal) + " (" + device.name +
                                    ") did not pass the trial against the CPU: " + failure);
  }
}

}  // namespace

ChosenBackend choose_backend(const NetworkSpec& spec, std::shared_ptr<const Network> network,
                             const DeviceChoice& choice) {
  if (choice.device != "auto" && choice.device != "cpu" && choice.device != "cuda")
    throw Error("ERR_DEVICE", "device '" + choice.device + "': expected 'auto', 'cpu' or 'cuda'");
  std::string reason;
  if (choice.device != "cpu") {
    const cuda::Library& library = cuda::library();
    if (choice.device == "cuda" && !library.reason.empty())
      throw Error("ERR_DEVICE", "device 'cuda': " + library.reason + "; expected 'cpu' or 'auto'");
    reason = library.reason;
    if (reason.empty()) {
      try {
        auto client =
            cuda::make_client(library, spec, network, {.memory = choice.memory, .precision = choice.precision});
        if (choice.device == "auto") try_devices(library, spec, network, choice);
        return with_info(std::move(client), "");
      } catch (const Error& error) {
        if (choice.device == "cuda") throw;
        reason = error.what();
      }
    }
  }
  cpu::Options options{.threads = choice.threads};
  try {
    options.storage = cpu::storage_of(choice.precision);
  } catch (const Error& error) {
    throw Error(error.code(), joined(error.what(), reason));
  }
  if (choice.memory > 0) options.memory = choice.memory;
  return with_info(cpu::make_backend(std::move(network), options), reason);
}

BackendInfo best_device() {
  const cuda::Library& library = cuda::library();
  if (library.reason.empty()) {
    const cuda::api::Probe& probe = *library.probe;
    const cuda::api::Device& first = probe.devices[0];
    return {"cuda", "sm_" + std::to_string(first.major) + std::to_string(first.minor), "",
            probe.count * cuda::api::kStreams};
  }
  const cpu::IsaChoice choice = cpu::choose_isa();
  return {"cpu", cpu::isa_name(choice.isa), joined(library.reason, choice.reason), cpu::default_threads()};
}

}  // namespace deepzero::binding
