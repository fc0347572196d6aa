// Names of this program's functions, from the symbol table of its own file (ELF). Functions of one translation unit
// stand together there, so that names which several units have, such as `difference` of two ops, are told apart.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace deepzero::bench {

struct Function {
  std::uintptr_t begin = 0, end = 0;  ///< addresses in this process
  std::string name;                   ///< demangled, without namespaces, return type and arguments
  std::string file;                   ///< "relu.cpp"; empty for one that several units may share
  int unit = -1;                      ///< the same for all functions of a translation unit
};

class Symbols {
 public:
  /// Throws ERR_FILE when the program's file has no symbol table.
  Symbols();
  /// The function that holds an instruction, or null: another library's, or the system's.
  const Function* find(std::uintptr_t instruction) const;

 private:
  std::vector<Function> functions_;  // by address
};

/// "void deepzero::cpu::(anonymous namespace)::dense<8, 3>(deepzero::cpu::ConvGeometry const&)" → "dense<8, 3>"; what
/// std::function calls is named for where it was written, "lambda in Pool::for_each".
std::string short_name(const std::string& demangled);

}  // namespace deepzero::bench
