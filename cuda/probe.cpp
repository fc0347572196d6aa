#include "cuda/probe.h"

#include <cuda_runtime.h>

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <string>

namespace deepzero::cuda {
namespace {

// The first with the asynchronous copies and matrix operations that the kernels use.
constexpr int kOldest = 8;

std::string version(int number) { return std::to_string(number / 1000) + "." + std::to_string(number % 1000 / 10); }

void conclude(api::Probe& probe, api::Verdict verdict, const std::string& message) {
  probe.verdict = verdict;
  std::snprintf(probe.message, sizeof probe.message, "%s", message.c_str());
}

}  // namespace

api::Probe probe() {
  api::Probe result{};
  result.verdict = api::Verdict::usable;
  static_cast<void>(cudaDriverGetVersion(&result.driver));
  static_cast<void>(cudaRuntimeGetVersion(&result.runtime));
  if (result.driver == 0) {
    conclude(result, api::Verdict::no_driver,
             "no NVIDIA driver is installed; install one for CUDA " + version(result.runtime) + " or newer");
    return result;
  }
  int count = 0;
  const cudaError_t status = cudaGetDeviceCount(&count);
  if (status != cudaSuccess) static_cast<void>(cudaGetLastError());
  if (status == cudaErrorInsufficientDriver) {
    conclude(result, api::Verdict::driver_too_old,
             "the NVIDIA driver is too old: it supports CUDA " + version(result.driver) + ", expected " +
                 version(result.runtime) + " or newer; update the driver");
  } else if (status == cudaErrorNoDevice || (status == cudaSuccess && count == 0)) {
    conclude(result, api::Verdict::no_device,
             "there is a driver, but no CUDA device can be seen; check nvidia-smi and CUDA_VISIBLE_DEVICES");
  } else if (status != cudaSuccess) {
    conclude(result, api::Verdict::failed,
             std::string("the CUDA devices cannot be listed (") + cudaGetErrorString(status) + ")");
  }
  if (result.verdict != api::Verdict::usable) return result;

  std::string old;
  for (int ordinal = 0; ordinal < count && result.count < static_cast<int>(std::size(result.devices)); ++ordinal) {
    cudaDeviceProp properties;
    if (cudaGetDeviceProperties(&properties, ordinal) != cudaSuccess) continue;
    if (properties.major < kOldest) {
      old = std::string(properties.name) + " has compute capability " + std::to_string(properties.major) + "." +
            std::to_string(properties.minor);
      continue;
    }
    api::Device& device = result.devices[result.count++];
    device.ordinal = ordinal;
    std::snprintf(device.name, sizeof device.name, "%.127s", properties.name);
    device.major = properties.major;
    device.minor = properties.minor;
    device.memory = properties.totalGlobalMem;
  }
  if (result.count == 0 && !old.empty())
    conclude(result, api::Verdict::device_too_old, "the CUDA device is too old: " + old + ", expected 8.0 or newer");
  else if (result.count == 0)
    conclude(result, api::Verdict::failed, "no CUDA device answers; check nvidia-smi");
  return result;
}

}  // namespace deepzero::cuda
