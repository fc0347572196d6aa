#include "cuda/client/library.h"

#include <cstdlib>
#include <filesystem>
#include <system_error>

#if defined(__linux__)
#include <dlfcn.h>
#endif

namespace deepzero::cuda {

#if defined(__linux__)

Library open_library(const std::string& path) {
  Library result{.path = path};
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    result.reason = "the CUDA backend is not part of this build (there is no " + path + ")";
    return result;
  }
  void* const handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (handle == nullptr) {
    const char* error = dlerror();
    result.reason = std::string("the CUDA backend cannot be opened: ") + (error != nullptr ? error : path);
    return result;
  }
  const auto entry = reinterpret_cast<api::Entry>(dlsym(handle, api::kEntry));
  const api::Table* const table = entry != nullptr ? entry() : nullptr;
  if (table == nullptr || table->interface != api::kInterface || std::string(table->version) != DEEPZERO_VERSION) {
    result.reason = "the CUDA backend at " + path + " is of another version: expected " DEEPZERO_VERSION "." +
                    std::to_string(api::kInterface) + ", received " +
                    (table == nullptr ? "none" : std::string(table->version) + "." + std::to_string(table->interface)) +
                    "; install the package anew";
    return result;
  }
  auto probed = std::make_unique<api::Probe>();
  table->probe(probed.get());
  result.reason = probed->message;
  result.table = table;
  result.probe = std::move(probed);
  return result;
}

const Library& library() {
  static const Library opened = [] {
    if (const char* chosen = std::getenv("DEEPZERO_CUDA_LIBRARY"); chosen != nullptr && *chosen != '\0')
      return open_library(chosen);
    // Beside the file that holds this function.
    Dl_info here{};
    std::error_code failed;
    std::filesystem::path folder;
    if (dladdr(reinterpret_cast<void*>(&library), &here) != 0 && here.dli_fname != nullptr)
      folder = std::filesystem::canonical(here.dli_fname, failed).parent_path();
    return open_library((folder / "libdeepzero_cuda.so").string());
  }();
  return opened;
}

#else

Library open_library(const std::string& path) {
  return {.path = path, .reason = "the CUDA backend is not part of builds for this system"};
}

const Library& library() {
  static const Library opened = open_library("");
  return opened;
}

#endif

}  // namespace deepzero::cuda
