#include "bench/machine.h"

#include <fstream>

#include "cpu/backend.h"

namespace deepzero::bench {

Machine machine() {
  Machine found{"unknown processor", cpu::default_threads(), "g++ " __VERSION__};
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name")) {
      found.processor = line.substr(line.find(':') + 2);
      break;
    }
  }
  return found;
}

}  // namespace deepzero::bench
