#include "bench/profile/sampler.h"

#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>
#include <csignal>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <string>

#include "bench/clock.h"
#include "engine/error.h"

namespace deepzero::bench {
namespace {

constexpr long kInterval = 997'000;  // ns; not a divisor of anything that repeats

// What the handler touches: it allocates nothing and takes no lock.
std::vector<Tick> room;
std::atomic<std::size_t> taken{0};
std::atomic<bool> on{false};
std::mutex timers_mutex;

std::uintptr_t instruction_of(const void* context) {
  const mcontext_t& registers = static_cast<const ucontext_t*>(context)->uc_mcontext;
#if defined(__x86_64__)
  return static_cast<std::uintptr_t>(registers.gregs[REG_RIP]);
#elif defined(__aarch64__)
  return static_cast<std::uintptr_t>(registers.pc);
#else
  return 0;
#endif
}

void note(int, siginfo_t*, void* context) {
  if (!on.load(std::memory_order_relaxed)) return;
  const int saved = errno;
  const std::size_t place = taken.fetch_add(1, std::memory_order_relaxed);
  if (place < room.size()) room[place] = {seconds_now(), instruction_of(context)};
  errno = saved;
}

[[noreturn]] void fail(const char* what) {
  throw Error("ERR_INTERNAL", std::string("the profile's timers: ") + what + ": " + std::strerror(errno));
}

}  // namespace

Sampler::Sampler(std::size_t capacity) {
  room.assign(capacity, {});
  taken = 0;
  struct sigaction action = {};
  action.sa_sigaction = note;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  if (sigaction(SIGPROF, &action, nullptr) != 0) fail("sigaction");
  on = true;
}

void Sampler::watch_this_thread() {
  struct sigevent event = {};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = SIGPROF;
  event._sigev_un._tid = static_cast<pid_t>(syscall(SYS_gettid));
  timer_t timer;
  if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0) fail("timer_create");
  {
    const std::lock_guard lock(timers_mutex);
    timers_.push_back(timer);
  }
  const struct itimerspec times = {{0, kInterval}, {0, kInterval}};
  if (timer_settime(timer, 0, &times, nullptr) != 0) fail("timer_settime");
}

void Sampler::stop() {
  on = false;
  for (const timer_t timer : timers_) timer_delete(timer);
  timers_.clear();
}

Sampler::~Sampler() {
  stop();
  // A signal that is still on its way must not end the process.
  std::signal(SIGPROF, SIG_IGN);
}

std::vector<Tick> Sampler::ticks() const {
  const auto count = static_cast<std::ptrdiff_t>(std::min(taken.load(), room.size()));
  return {room.begin(), room.begin() + count};
}

}  // namespace deepzero::bench
