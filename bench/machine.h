// What a figure was measured on, without names of hosts or paths.
#pragma once

#include <string>

namespace deepzero::bench {

struct Machine {
  std::string processor;  ///< model name as the operating system gives it
  int cores = 0;          ///< this process may run on
  std::string compiler;
};

Machine machine();

}  // namespace deepzero::bench
