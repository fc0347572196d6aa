#include "bench/cuda/options.h"

#include "bench/command_line.h"

namespace deepzero::bench {
namespace {

int count(const std::string& name, const std::string& value, double least, double most) {
  return static_cast<int>(whole(name, value, least, most));
}

const std::vector<Option<CudaBenchOptions>>& table() {
  using Options = CudaBenchOptions;
  static const Options d;
  static const std::vector<Option<Options>> options = {
      {"--peak", "", "the device's peaks alone", [](Options& o, const std::string&) { o.peaks_only = true; }},
      {"--network", "NAME", "as deepzero_bench has them" + shown(d.network),
       [](Options& o, const std::string& v) { o.network = v; }},
      {"--batch", "N", "images" + shown(d.batch),
       [](Options& o, const std::string& v) { o.batch = count("--batch", v, 1, 65536); }},
      {"--queries", "Q", "of a block, as far as a channel has them" + shown(d.queries),
       [](Options& o, const std::string& v) { o.queries = count("--queries", v, 1, 4096); }},
      {"--precision", "NAME", "of differences, f32, bf16 or f16" + shown(precision_name(d.precision)),
       [](Options& o, const std::string& v) { o.precision = precision_of_name("--precision", v); }},
      {"--sparsity", "S", "of the step whose floor is printed" + shown(d.sparsity),
       [](Options& o, const std::string& v) { o.sparsity = number("--sparsity", v, 0, 0.999999); }},
      {"--ratios", "FILE", "layer ratios instead of one sparsity",
       [](Options& o, const std::string& v) { o.ratios = v; }},
      {"--memory", "MIB", "on the device, 0 for the backend's own" + shown(d.memory),
       [](Options& o, const std::string& v) { o.memory = static_cast<std::size_t>(whole("--memory", v, 0, 1 << 24)); }},
      {"--device", "D", "its number" + shown(d.device),
       [](Options& o, const std::string& v) { o.device = count("--device", v, 0, 63); }},
      {"--repeats", "R", "timed repeats of a block" + shown(d.repeats),
       [](Options& o, const std::string& v) { o.repeats = count("--repeats", v, 1, 1000); }},
      {"--seconds", "S", "of a timed run of a peak" + shown(d.seconds),
       [](Options& o, const std::string& v) { o.seconds = number("--seconds", v, 1e-6, 60); }},
      {"--json", "FILE", "write the result there", [](Options& o, const std::string& v) { o.json = v; }},
      {"--help", "", "this text", [](Options& o, const std::string&) { o.help = true; }},
  };
  return options;
}

}  // namespace

CudaBenchOptions parse_cuda_bench_options(const std::vector<std::string>& arguments) {
  CudaBenchOptions options;
  parse_command_line(table(), arguments, options);
  return options;
}

std::string cuda_bench_help() {
  return "deepzero_cuda_bench: a CUDA device's peaks, and the kernels of queries beside their floors\n\n" +
         help_lines(table());
}

}  // namespace deepzero::bench
