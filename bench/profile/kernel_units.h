// Which op a function belongs to. Kernels of different ops share names and file names (`difference` in avx512.cpp); the
// tables of kernels in cpu/ know whose they are, and what stands in a kernel's translation unit is its op's.
#pragma once

#include <map>
#include <string>

#include "bench/profile/symbols.h"
#include "cpu/isa.h"

namespace deepzero::bench {

class KernelUnits {
 public:
  KernelUnits(const Symbols& symbols, cpu::Isa isa);
  /// "relu", or for what is no kernel its file without extension ("backend").
  std::string op_of(const Function& function) const;

 private:
  std::map<int, std::string> ops_;  // by translation unit
};

}  // namespace deepzero::bench
