// On x86-64 asks CPUID what the processor has and XGETBV which registers the operating system keeps across a context
// switch: an instruction set counts only when both say yes. Every 64-bit Arm processor has NEON.
#include "cpu/isa.h"

#include <cstdint>
#include <cstdlib>
#include <iterator>
#include <vector>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include "engine/error.h"

namespace deepzero::cpu {
namespace {

/// What was found, and why not more.
struct Machine {
  std::vector<Isa> isas;
  std::string reason;
};

#if defined(__x86_64__)
constexpr Isa platform[] = {Isa::avx512, Isa::avx2, Isa::scalar};

bool bit(unsigned word, int index) { return ((word >> index) & 1u) != 0; }

/// XCR0, the register states that the operating system saves; call only when CPUID reports OSXSAVE.
std::uint64_t saved_states() {
  std::uint32_t low = 0, high = 0;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return (static_cast<std::uint64_t>(high) << 32) | low;
}

Machine look() {
  unsigned a = 0, b = 0, c = 0, d = 0, b7 = 0, c1 = 0;
  if (__get_cpuid(1, &a, &b, &c, &d) != 0) c1 = c;
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d) != 0) b7 = b;
  const bool cpu_avx2 = bit(c1, 28) && bit(c1, 12) && bit(b7, 5);                    // AVX, FMA, AVX2
  const bool cpu_avx512 = bit(b7, 16) && bit(b7, 17) && bit(b7, 30) && bit(b7, 31);  // F, DQ, BW, VL
  const std::uint64_t states = bit(c1, 27) ? saved_states() : 0;
  const bool os_ymm = (states & 0x06) == 0x06;  // XMM, YMM
  const bool os_zmm = (states & 0xe6) == 0xe6;  // and k, ZMM, ZMM16-31
  if (!cpu_avx2) return {{Isa::scalar}, "this CPU has no AVX2 with FMA"};
  if (!os_ymm) return {{Isa::scalar}, "the operating system does not keep the AVX registers"};
  if (!cpu_avx512) return {{Isa::avx2, Isa::scalar}, "this CPU has no AVX-512 (F, BW, DQ, VL)"};
  if (!os_zmm) return {{Isa::avx2, Isa::scalar}, "the operating system does not keep the AVX-512 registers"};
  return {{Isa::avx512, Isa::avx2, Isa::scalar}, ""};
}
#elif defined(__aarch64__)
constexpr Isa platform[] = {Isa::neon, Isa::scalar};

Machine look() { return {{Isa::neon, Isa::scalar}, ""}; }
#else
constexpr Isa platform[] = {Isa::scalar};

Machine look() { return {{Isa::scalar}, "vector kernels exist for x86-64 and arm64 only, and this CPU is another"}; }
#endif

const Machine& machine() {
  static const Machine found = look();
  return found;
}

/// "scalar, avx2 or avx512".
std::string platform_names() {
  std::string names;
  for (std::size_t i = std::size(platform); i-- > 0;) {
    if (!names.empty()) names += i == 0 ? " or " : ", ";
    names += isa_name(platform[i]);
  }
  return names;
}

/// The platform's name that was probably meant, or an empty text.
std::string nearest(const std::string& name) {
  const auto holds = [&name](const char* part) { return name.find(part) != std::string::npos; };
  if (platform[0] != Isa::avx512) return "";
  if (holds("512")) return "Did you mean avx512? ";
  return holds("avx") || holds("AVX") ? "Did you mean avx2? " : "";
}

Isa parse(const std::string& name) {
  for (const Isa isa : platform) {
    if (name == isa_name(isa)) return isa;
  }
  throw Error("ERR_INVALID_ARGUMENT", "DEEPZERO_MAX_ISA: expected " + platform_names() + ", received \"" + name +
                                          "\". " + nearest(name) + "Unset it to use the best that this machine has.");
}

}  // namespace

const char* isa_name(Isa isa) {
  switch (isa) {
    case Isa::avx512:
      return "avx512";
    case Isa::avx2:
      return "avx2";
    case Isa::neon:
      return "neon";
    case Isa::scalar:
      break;
  }
  return "scalar";
}

std::span<const Isa> platform_isas() { return platform; }

std::span<const Isa> supported_isas() { return machine().isas; }

IsaChoice choose_isa() {
  const Isa best = machine().isas.front();
  const char* cap = std::getenv("DEEPZERO_MAX_ISA");
  if (cap == nullptr || *cap == '\0') return {best, machine().reason};
  const Isa most = parse(cap);
  if (most >= best) return {best, machine().reason};
  for (const Isa isa : supported_isas()) {
    if (isa <= most) return {isa, std::string("DEEPZERO_MAX_ISA=") + cap + " is set"};
  }
  return {Isa::scalar, std::string("DEEPZERO_MAX_ISA=") + cap + " is set"};
}

}  // namespace deepzero::cpu
