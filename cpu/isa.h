// Which instruction sets this machine has (the CPU and the operating system are both asked), and the cap that
// DEEPZERO_MAX_ISA=scalar|avx2|avx512, on arm64 scalar|neon, puts on them.
#pragma once

#include <span>
#include <string>

namespace deepzero::cpu {

/// Within a platform, a later one is the better one.
enum class Isa { scalar, neon, avx2, avx512 };

const char* isa_name(Isa isa);

/// Those that there are kernels for on this platform, whether they run on this machine or not; best first, scalar last.
std::span<const Isa> platform_isas();

/// Those that run here, best first; always ends with scalar. Not capped.
std::span<const Isa> supported_isas();

struct IsaChoice {
  Isa isa;
  std::string reason;  ///< why not a better one; empty for the best of the platform
};

/// The best supported one, at most DEEPZERO_MAX_ISA. Throws ERR_INVALID_ARGUMENT where that names none of the
/// platform's.
IsaChoice choose_isa();

}  // namespace deepzero::cpu
