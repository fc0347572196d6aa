#include "bench/profile/symbols.h"

#include <cxxabi.h>
#include <elf.h>
#include <link.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <memory>

#include "engine/error.h"

namespace deepzero::bench {
namespace {

std::string demangled(const char* symbol) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> name(abi::__cxa_demangle(symbol, nullptr, nullptr, &status),
                                                         &std::free);
  return status == 0 ? name.get() : symbol;
}

/// Where the program was loaded; 0 when it is not position-independent.
std::uintptr_t load_address() {
  std::uintptr_t address = 0;
  dl_iterate_phdr(
      [](dl_phdr_info* info, std::size_t, void* out) {
        *static_cast<std::uintptr_t*>(out) = info->dlpi_addr;
        return 1;  // the first one is the program itself
      },
      &address);
  return address;
}

}  // namespace

std::string short_name(const std::string& demangled) {
  std::string name = demangled;
  for (const std::string unnamed = "(anonymous namespace)::"; name.find(unnamed) != std::string::npos;)
    name.erase(name.find(unnamed), unnamed.size());
  if (const std::size_t lambda = name.find("::{lambda(");
      name.starts_with("std::_Function_handler<") && lambda != std::string::npos) {
    const std::size_t signature = name.find("), ");
    return "lambda in " + short_name(name.substr(signature + 3, lambda - signature - 3));
  }
  // Up to the arguments: the first bracket outside of template arguments.
  int depth = 0;
  std::size_t end = name.size(), begin = 0;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (name[i] == '<') ++depth;
    if (name[i] == '>') --depth;
    if (depth == 0 && name[i] == '(' && i > 0) {
      end = i;
      break;
    }
    if (depth == 0 && name[i] == ' ') begin = i + 1;  // behind the return type
  }
  name = name.substr(begin, end - begin);
  for (const std::string space : {"deepzero::cpu::", "deepzero::"})
    while (name.find(space) != std::string::npos) name.erase(name.find(space), space.size());
  return name;
}

Symbols::Symbols() {
  std::ifstream file("/proc/self/exe", std::ios::binary);
  const std::vector<char> bytes(std::istreambuf_iterator<char>(file), {});
  const auto lacking = [] {
    throw Error("ERR_FILE", "this program's file: expected an ELF symbol table; not stripped?");
  };
  if (bytes.size() < sizeof(Elf64_Ehdr) || std::memcmp(bytes.data(), ELFMAG, SELFMAG) != 0) lacking();
  const auto& header = *reinterpret_cast<const Elf64_Ehdr*>(bytes.data());
  const auto* sections = reinterpret_cast<const Elf64_Shdr*>(bytes.data() + header.e_shoff);
  const auto* end = sections + header.e_shnum;
  const auto* table = std::find_if(sections, end, [](const Elf64_Shdr& s) { return s.sh_type == SHT_SYMTAB; });
  if (table == end) lacking();
  const char* names = bytes.data() + sections[table->sh_link].sh_offset;
  const auto* symbols = reinterpret_cast<const Elf64_Sym*>(bytes.data() + table->sh_offset);
  const std::size_t count = table->sh_size / sizeof(Elf64_Sym);
  const std::uintptr_t base = load_address();
  std::string source;
  int unit = -1;
  for (std::size_t i = 0; i < count; ++i) {
    const Elf64_Sym& symbol = symbols[i];
    if (ELF64_ST_TYPE(symbol.st_info) == STT_FILE) {  // the local symbols that follow are this unit's
      source = names + symbol.st_name;
      ++unit;
    }
    if (ELF64_ST_TYPE(symbol.st_info) != STT_FUNC || symbol.st_size == 0) continue;
    const bool local = ELF64_ST_BIND(symbol.st_info) == STB_LOCAL;
    functions_.push_back({base + symbol.st_value, base + symbol.st_value + symbol.st_size,
                          short_name(demangled(names + symbol.st_name)), local ? source : "", local ? unit : -1});
  }
  std::sort(functions_.begin(), functions_.end(),
            [](const Function& a, const Function& b) { return a.begin < b.begin; });
}

const Function* Symbols::find(std::uintptr_t instruction) const {
  const auto after = std::upper_bound(functions_.begin(), functions_.end(), instruction,
                                      [](std::uintptr_t address, const Function& f) { return address < f.begin; });
  if (after == functions_.begin()) return nullptr;
  const Function& function = *std::prev(after);
  return instruction < function.end ? &function : nullptr;
}

}  // namespace deepzero::bench
