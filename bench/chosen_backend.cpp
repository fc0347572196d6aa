#include "bench/chosen_backend.h"

#include "cpu/backend.h"
#include "cuda/client/backend.h"
#include "cuda/client/library.h"

namespace deepzero::bench {

std::unique_ptr<Backend> chosen_backend(const Options& options, const NetworkSpec& spec,
                                        std::shared_ptr<const Network> network) {
  const std::size_t memory = options.memory << 20;
  if (options.device == "cuda")
    return cuda::make_client(
        cuda::library(), spec, std::move(network),
        {.devices = options.devices, .streams = options.streams, .memory = memory, .precision = options.precision});
  cpu::Options chosen{.threads = options.threads, .storage = cpu::storage_of(options.precision)};
  if (memory > 0) chosen.memory = memory;
  return cpu::make_backend(std::move(network), chosen);
}

std::vector<std::string> chosen_devices(const Options& options) {
  std::vector<std::string> names;
  if (options.device != "cuda" || cuda::library().probe == nullptr) return names;
  const cuda::api::Probe& found = *cuda::library().probe;
  const auto name = [&](int ordinal) {
    for (int i = 0; i < found.count; ++i)
      if (found.devices[i].ordinal == ordinal) names.emplace_back(found.devices[i].name);
  };
  if (options.devices.empty())
    for (int i = 0; i < found.count; ++i) name(found.devices[i].ordinal);
  for (const int ordinal : options.devices) name(ordinal);
  return names;
}

}  // namespace deepzero::bench
