// Which instruction sets this machine has (the CPU and the operating system are both asked), and the cap that
// DEEPZERO_MAX_ISA=scalar|avx2|avx512 puts on them.
#pragma once

#include <span>
#include <string>

namespace deepzero::cpu {

enum class Isa { scalar, avx2, avx512 };

const char* isa_name(Isa isa);

/// Those that run here, best first; always ends with scalar. Not capped.
std::span<const Isa> supported_isas();

struct IsaChoice {
  Isa isa;
  std::string reason;  ///< why not a better one; empty for the best the package has
};

/// The best supported one, at most DEEPZERO_MAX_ISA. Throws ERR_INVALID_ARGUMENT for an unknown name there.
IsaChoice choose_isa();

}  // namespace deepzero::cpu
