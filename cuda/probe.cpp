#include "cuda/probe.h"

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <string>

#if !defined(DEEPZERO_CUDA_ARCHITECTURES)
#define DEEPZERO_CUDA_ARCHITECTURES ""  // over the SIMT runtime
#endif

namespace deepzero::cuda {
namespace {

// The first with the asynchronous copies and matrix operations that the kernels use.
constexpr int kOldest = 8;

void conclude(api::Probe& probe, api::Verdict verdict, const std::string& message) {
  probe.verdict = verdict;
  std::snprintf(probe.message, sizeof probe.message, "%s", message.c_str());
}

void reject(api::Probe& probe, int ordinal, const char* name, const std::string& reason) {
  if (probe.rejected_count == static_cast<int>(std::size(probe.rejected))) return;
  api::Rejected& device = probe.rejected[probe.rejected_count++];
  device.ordinal = ordinal;
  std::snprintf(device.name, sizeof device.name, "%.127s", name);
  std::snprintf(device.reason, sizeof device.reason, "%s", reason.c_str());
}

}  // namespace

api::Probe probe() {
  api::Probe result{};
  result.verdict = api::Verdict::usable;
  std::snprintf(result.architectures, sizeof result.architectures, "%s", DEEPZERO_CUDA_ARCHITECTURES);
  static_cast<void>(cudaDriverGetVersion(&result.driver));
  static_cast<void>(cudaRuntimeGetVersion(&result.runtime));
  if (result.driver == 0) {
    conclude(result, api::Verdict::no_driver,
             "no NVIDIA driver is installed; install one for CUDA " + api::version(result.runtime) + " or newer");
    return result;
  }
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status == cudaErrorInsufficientDriver) {
    conclude(result, api::Verdict::driver_too_old,
             "the NVIDIA driver is too old: it supports CUDA " + api::version(result.driver) + ", expected " +
                 api::version(result.runtime) + " or newer; update the driver");
  } else if (status == cudaErrorNoDevice || (status == cudaSuccess && count == 0)) {
    conclude(result, api::Verdict::no_device,
             "there is a driver, but no CUDA device can be seen; check nvidia-smi and CUDA_VISIBLE_DEVICES");
  } else if (status != cudaSuccess) {
    conclude(result, api::Verdict::failed,
             std::string("the CUDA devices cannot be listed (") + cudaGetErrorString(status) + ")");
  }
  if (result.verdict != api::Verdict::usable) return result;

  bool old = false;
  for (int ordinal = 0; ordinal < count && result.count < static_cast<int>(std::size(result.devices)); ++ordinal) {
    cudaDeviceProp properties;
    if (const cudaError_t given = cudaGetDeviceProperties(&properties, ordinal); given != cudaSuccess) {
      reject(result, ordinal, "", std::string("does not answer (") + cudaGetErrorString(given) + "); check nvidia-smi");
      continue;
    }
    if (properties.major < kOldest) {
      old = true;
      reject(result, ordinal, properties.name,
             "has compute capability " + std::to_string(properties.major) + "." + std::to_string(properties.minor) +
                 ", expected 8.0 or newer");
      continue;
    }
    api::Device& device = result.devices[result.count++];
    device.ordinal = ordinal;
    std::snprintf(device.name, sizeof device.name, "%.127s", properties.name);
    device.major = properties.major;
    device.minor = properties.minor;
    device.memory = properties.totalGlobalMem;
  }
  if (result.count > 0) return result;
  std::string reasons;
  for (int i = 0; i < result.rejected_count; ++i) {
    const api::Rejected& device = result.rejected[i];
    reasons += (i == 0 ? " " : "; ") + std::to_string(device.ordinal) + ": " + device.name +
               (device.name[0] == '\0' ? "" : " ") + device.reason;
  }
  conclude(result, old ? api::Verdict::device_too_old : api::Verdict::failed, "no CUDA device can be used:" + reasons);
  return result;
}

}  // namespace deepzero::cuda
