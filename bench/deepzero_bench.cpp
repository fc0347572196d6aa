// The bench harness: micro-kernels (--kernels, Google Benchmark; --roofline), queries per second (--queries, --layers)
// and what they go with (--scaling, --linearity, --profile), the base pass (--base), reference cases (--gradcheck), the
// ladder of the 3×3 convolution (--ladder) and the machine's peaks (--peak). Everything is checked before it is timed.
// bench/README.md says how to read the output.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "bench/base.h"
#include "bench/command_line.h"
#include "bench/gradcheck.h"
#include "bench/kernel_table.h"
#include "bench/ladder/ladder.h"
#include "bench/linearity.h"
#include "bench/options.h"
#include "bench/peak/report.h"
#include "bench/profile/profile.h"
#include "bench/queries.h"
#include "bench/roofline.h"
#include "bench/scaling.h"

int main(int argc, char** argv) {
  using namespace deepzero::bench;
  return run_program("deepzero_bench", [&] {
    const Options options = parse_options({argv + 1, argv + argc});
    if (options.help) {
      std::fputs(help_text().c_str(), stdout);
      return 0;
    }
    switch (options.mode) {
      case Mode::kernels:
        return run_kernels(options);
      case Mode::layers:
        return run_layers(options);
      case Mode::queries:
        return run_queries(options);
      case Mode::base:
        return run_base(options);
      case Mode::scaling:
        return run_scaling(options);
      case Mode::linearity:
        return run_linearity(options);
      case Mode::profile:
        return run_profile(options);
      case Mode::roofline:
        return run_roofline(options);
      case Mode::ladder:
        return run_ladder(options);
      case Mode::gradcheck:
        return run_gradcheck(options);
      case Mode::peak:
        return run_peak(options);
    }
    return 0;
  });
}
