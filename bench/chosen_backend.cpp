#include "bench/chosen_backend.h"

#include "cpu/backend.h"
#include "cuda/client/backend.h"
#include "cuda/client/library.h"

namespace deepzero::bench {

std::unique_ptr<Backend> chosen_backend(const Options& options, const NetworkSpec& spec,
                                        std::shared_ptr<const Network> network) {
  const std::size_t memory = options.memory << 20;
  if (options.device == "cuda")
    return cuda::make_client(cuda::library(), spec, std::move(network),
                             {.memory = memory, .precision = options.precision});
  cpu::Options chosen{.threads = options.threads, .storage = cpu::storage_of(options.precision)};
  if (memory > 0) chosen.memory = memory;
  return cpu::make_backend(std::move(network), chosen);
}

std::vector<std::string> chosen_devices(const Options& options) {
  std::vector<std::string> names;
  if (options.device == "cuda")
    for (int i = 0; i < cuda::library().probe->count; ++i) names.emplace_back(cuda::library().probe->devices[i].name);
  return names;
}

}  // namespace deepzero::bench
