// A small host stand-in for a GPU: blocks run one after another, the threads of a block as fibres, in an order that a
// test chooses. Kernels meet it through include/cuda_runtime.h. It is strict where a GPU is lenient: a barrier
// that not all threads reach ends the launch with a message, shared and fresh device memory hold NaN bytes, guard zones
// lie around every allocation, a cp.async copy lands only at the wait that names it, and a stream does its work only
// when somebody waits for it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <source_location>
#include <stdexcept>
#include <string>

namespace simt {

/// The order in which blocks, and the threads between two barriers, run.
enum class Order { forward, reverse, random };
struct Schedule {
  Order order = Order::forward;
  std::uint64_t seed = 0;  ///< of the random order
};
/// Of all launches from here on, on all host threads.
void set_schedule(Schedule schedule);

/// What cudaGetDeviceCount and its like report.
struct Devices {
  int count = 1;
  int driver = 13000;  ///< CUDA version of the driver; 0: there is none
  int major = 9, minor = 0;
  std::size_t memory = std::size_t{4} << 30;  ///< of each, in bytes
  int failing = -1;                           ///< a device that fails with a launch, and from then on
  int launches = 0;                           ///< how many it does before
  int old = -1;                               ///< a device of compute capability 7.5
  int mute = -1;                              ///< a device that does not tell what it is
};
/// At first there are as many as DEEPZERO_SIMT_DEVICES says, "count,failing,launches,old,mute", or one that works.
void set_devices(const Devices& devices);

/// What a kernel did wrong.
struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};
/// The message of the last failure on this host thread.
std::string last_failure();
/// How often each kernel was launched since the last call, by name.
std::map<std::string, int> take_launches();

struct Index {
  unsigned x = 0, y = 0, z = 0;
};
struct Extent {
  unsigned x = 1, y = 1, z = 1;
  constexpr Extent(unsigned of_x = 1, unsigned of_y = 1, unsigned of_z = 1) : x(of_x), y(of_y), z(of_z) {}
  std::size_t size() const { return std::size_t{x} * y * z; }
};
struct Position {
  Index thread, block;
  Extent block_size, grid_size;
};

/// Runs `kernel` once per thread of the grid. Throws Failure.
void run(const char* name, Extent grid, Extent block, std::size_t shared_bytes, const std::function<void()>& kernel);

// --- For the thread that runs ---

const Position& here();
/// The block's dynamic shared memory.
void* shared_memory();
/// Waits for all threads of the block.
void barrier(const std::source_location& where);
/// Waits for all lanes of the warp, having left `value` for them; at most 64 bytes.
void meet(const void* value, std::size_t size, const std::source_location& where);
/// What lane `lane` left at the last meeting.
const std::byte* left_by(unsigned lane);
/// Number of the thread in its warp.
unsigned lane();
/// A copy of `size` bytes, zeros from `valid` on, that lands at a wait.
void copy_async(void* to, const void* from, std::size_t size, std::size_t valid);
void commit_copies();
/// Lands all committed groups but the last `pending`.
void wait_for_copies(unsigned pending);
/// Ends the launch with a message once its threads have run.
void fail(const std::string& message);

/// Leaves `value` for the other lanes of the warp and takes what lane `from(own lane)` left.
template <class T, class From>
T exchange(const T& value, const From& from, const std::source_location& where) {
  meet(&value, sizeof value, where);
  T taken;
  std::memcpy(&taken, left_by(from(lane())), sizeof taken);
  return taken;
}

}  // namespace simt
