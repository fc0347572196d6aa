// The runtime's functions for devices, memory, streams and events, on the host. Device memory is taken with guard
// zones, which every launch checks, and counts against the size that set_devices() gave.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "test/native/simt/include/cuda_runtime.h"
#include "test/native/simt/memory.h"

struct SimtStream {
  std::vector<std::function<void()>> work;
  std::size_t done = 0;
  void run_to(std::size_t end) {
    while (done < end) {
      const std::function<void()> item = std::move(work[done++]);
      item();
    }
    if (done == work.size()) finished += done, done = 0, work.clear();
  }
  std::size_t finished = 0;  ///< items before those in `work`
  int device = 0;
};
struct SimtEvent {
  SimtStream* stream = nullptr;
  std::size_t position = 0;                                     ///< in the stream, counted from its beginning
  std::shared_ptr<std::chrono::steady_clock::time_point> time;  ///< the stream's, once it came here
};

namespace simt {
namespace {

std::mutex mutex;
Devices first_devices() {
  Devices given;
  if (const char* text = std::getenv("DEEPZERO_SIMT_DEVICES"))
    static_cast<void>(
        std::sscanf(text, "%d,%d,%d,%d,%d", &given.count, &given.failing, &given.launches, &given.old, &given.mute));
  return given;
}

Devices devices = first_devices();
int launches = 0;  // on the device that is to fail
bool gone(int device) { return device == devices.failing && launches > devices.launches; }
std::map<std::string, int> launched;
thread_local int current_device = 0;
thread_local std::string failure;

struct Allocation {
  std::unique_ptr<GuardedMemory> memory;
  int device;
};
std::map<void*, Allocation>& allocations() {
  static std::map<void*, Allocation> map;
  return map;
}
std::size_t used(int device) {
  std::size_t sum = 0;
  for (const auto& [pointer, allocation] : allocations())
    if (allocation.device == device) sum += allocation.memory->size();
  return sum;
}

/// Of this thread's calls, until somebody asks.
thread_local cudaError_t last_error = cudaSuccess;
cudaError_t told(cudaError_t error) { return last_error = error; }

cudaError_t failed(const std::string& message) {
  failure = message;
  return told(cudaErrorLaunchFailure);
}

/// Does a stream's work up to an event or its end.
cudaError_t work_off(SimtStream* stream, std::size_t end) {
  try {
    if (end > stream->finished) stream->run_to(end - stream->finished);
    return cudaSuccess;
  } catch (const Failure& thrown) {
    stream->finished += stream->work.size();
    stream->done = 0;
    stream->work.clear();
    return failed(thrown.what());
  }
}
std::size_t end_of(const SimtStream* stream) { return stream->finished + stream->work.size(); }

}  // namespace

void set_devices(const Devices& given) {
  const std::lock_guard lock(mutex);
  devices = given;
  launches = 0;
}
std::string last_failure() { return failure; }
std::map<std::string, int> take_launches() {
  const std::lock_guard lock(mutex);
  return std::exchange(launched, {});
}

void launch(const char* name, Extent grid, Extent block, std::size_t shared_bytes, cudaStream_t stream,
            std::function<void()> kernel) {
  stream->work.push_back([=, kernel = std::move(kernel)] {
    {
      const std::lock_guard lock(mutex);
      ++launched[name];
      if (stream->device == devices.failing) ++launches;
      if (gone(stream->device)) throw Failure(std::string(name) + ": the device is gone");
    }
    run(name, grid, block, shared_bytes, kernel);
    const std::lock_guard lock(mutex);
    for (const auto& [pointer, allocation] : allocations())
      if (!allocation.memory->intact())
        throw Failure(std::string(name) + ": a write outside an allocation of " +
                      std::to_string(allocation.memory->size()) + " bytes");
  });
}

}  // namespace simt

using namespace simt;

const char* cudaGetErrorName(cudaError_t error) {
  switch (error) {
    case cudaSuccess:
      return "cudaSuccess";
    case cudaErrorInvalidValue:
      return "cudaErrorInvalidValue";
    case cudaErrorMemoryAllocation:
      return "cudaErrorMemoryAllocation";
    case cudaErrorInsufficientDriver:
      return "cudaErrorInsufficientDriver";
    case cudaErrorNoDevice:
      return "cudaErrorNoDevice";
    case cudaErrorInvalidDevice:
      return "cudaErrorInvalidDevice";
    case cudaErrorLaunchFailure:
      return "cudaErrorLaunchFailure";
  }
  return "cudaErrorUnknown";
}
const char* cudaGetErrorString(cudaError_t error) {
  return error == cudaErrorLaunchFailure ? failure.c_str() : cudaGetErrorName(error);
}
cudaError_t cudaGetLastError() { return std::exchange(last_error, cudaSuccess); }

cudaError_t cudaDriverGetVersion(int* version) { return *version = devices.driver, cudaSuccess; }
cudaError_t cudaRuntimeGetVersion(int* version) { return *version = 13000, cudaSuccess; }
cudaError_t cudaGetDeviceCount(int* count) {
  *count = 0;
  if (devices.driver < 13000) return told(cudaErrorInsufficientDriver);
  if (devices.count == 0) return told(cudaErrorNoDevice);
  *count = devices.count;
  return cudaSuccess;
}
cudaError_t cudaGetDeviceProperties(cudaDeviceProp* properties, int device) {
  if (device < 0 || device >= devices.count || device == devices.mute) return told(cudaErrorInvalidDevice);
  *properties = {};
  std::snprintf(properties->name, sizeof properties->name, "SIMT host %d", device);
  properties->major = device == devices.old ? 7 : devices.major;
  properties->minor = device == devices.old ? 5 : devices.minor;
  properties->multiProcessorCount = 1;
  properties->l2CacheSize = 1 << 18;
  properties->totalGlobalMem = devices.memory;
  return cudaSuccess;
}
cudaError_t cudaSetDevice(int device) {
  if (device < 0 || device >= devices.count) return told(cudaErrorInvalidDevice);
  current_device = device;
  return cudaSuccess;
}
cudaError_t cudaGetDevice(int* device) { return *device = current_device, cudaSuccess; }
cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  const std::lock_guard lock(mutex);
  const std::size_t taken = used(current_device);
  *total = devices.memory;
  *free = taken < devices.memory ? devices.memory - taken : 0;
  return cudaSuccess;
}

cudaError_t cudaMalloc(void** memory, std::size_t size) {
  const std::lock_guard lock(mutex);
  *memory = nullptr;
  if (gone(current_device)) return failed("the device is gone");
  if (size == 0) return cudaSuccess;
  if (used(current_device) + size > devices.memory) return told(cudaErrorMemoryAllocation);
  auto taken = std::make_unique<GuardedMemory>(size);
  *memory = taken->data();
  allocations()[*memory] = {std::move(taken), current_device};
  return cudaSuccess;
}
cudaError_t cudaFree(void* memory) {
  const std::lock_guard lock(mutex);
  if (memory != nullptr && allocations().erase(memory) == 0) return told(cudaErrorInvalidValue);
  return cudaSuccess;
}
cudaError_t cudaMallocHost(void** memory, std::size_t size) {
  *memory = std::malloc(size);
  return *memory != nullptr ? cudaSuccess : told(cudaErrorMemoryAllocation);
}
cudaError_t cudaFreeHost(void* memory) {
  std::free(memory);
  return cudaSuccess;
}

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t size, cudaMemcpyKind, cudaStream_t stream) {
  stream->work.push_back([=] { std::memcpy(to, from, size); });
  return cudaSuccess;
}
cudaError_t cudaMemsetAsync(void* memory, int value, std::size_t size, cudaStream_t stream) {
  stream->work.push_back([=] { std::memset(memory, value, size); });
  return cudaSuccess;
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned) {
  *stream = new SimtStream;
  (*stream)->device = current_device;
  return cudaSuccess;
}
cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  delete stream;
  return cudaSuccess;
}
cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  {
    const std::lock_guard lock(mutex);
    if (gone(stream->device)) return failed("the device is gone");
  }
  return work_off(stream, end_of(stream));
}
cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  stream->work.push_back([event = *event] {
    if (event.stream != nullptr && work_off(event.stream, event.position) != cudaSuccess) throw Failure(failure);
  });
  return cudaSuccess;
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned) {
  *event = new SimtEvent;
  return cudaSuccess;
}
cudaError_t cudaEventDestroy(cudaEvent_t event) {
  delete event;
  return cudaSuccess;
}
cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const auto time = std::make_shared<std::chrono::steady_clock::time_point>();
  stream->work.push_back([time] { *time = std::chrono::steady_clock::now(); });
  *event = {stream, end_of(stream), time};
  return cudaSuccess;
}
cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t begin, cudaEvent_t end) {
  if (begin->time == nullptr || end->time == nullptr) return told(cudaErrorInvalidValue);
  *milliseconds = std::chrono::duration<float, std::milli>(*end->time - *begin->time).count();
  return cudaSuccess;
}
cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  return event->stream == nullptr ? cudaSuccess : work_off(event->stream, event->position);
}
