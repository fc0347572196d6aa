#include "bench/cuda/options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <sstream>

#include "engine/error.h"

namespace deepzero::bench {
namespace {

[[noreturn]] void bad(const std::string& what) { throw Error("ERR_INVALID_ARGUMENT", what + "; see --help"); }

double number(const std::string& name, const std::string& value, double least, double most) {
  double parsed = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), parsed);
  if (error != std::errc() || end != value.data() + value.size() || !(parsed >= least && parsed <= most)) {
    std::ostringstream range;
    range << least << " … " << most;
    bad(name + ": expected a number in " + range.str() + ", received '" + value + "'");
  }
  return parsed;
}

int whole(const std::string& name, const std::string& value, double least, double most) {
  const double parsed = number(name, value, least, most);
  if (parsed != std::floor(parsed)) bad(name + ": expected a whole number, received '" + value + "'");
  return static_cast<int>(parsed);
}

struct Option {
  std::string name, value, text;  ///< `value` is what the help calls it; empty for a flag
  std::function<void(CudaBenchOptions&, const std::string&)> set;
};

template <class T>
std::string shown(T value) {
  std::ostringstream out;
  out << " (" << value << ")";
  return out.str();
}

const std::vector<Option>& table() {
  using Options = CudaBenchOptions;
  static const Options d;
  static const std::vector<Option> options = {
      {"--peak", "", "the device's peaks alone", [](Options& o, const std::string&) { o.peaks_only = true; }},
      {"--network", "NAME", "as deepzero_bench has them" + shown(d.network),
       [](Options& o, const std::string& v) { o.network = v; }},
      {"--batch", "N", "images" + shown(d.batch),
       [](Options& o, const std::string& v) { o.batch = whole("--batch", v, 1, 65536); }},
      {"--queries", "Q", "of a block, as far as a channel has them" + shown(d.queries),
       [](Options& o, const std::string& v) { o.queries = whole("--queries", v, 1, 4096); }},
      {"--precision", "NAME", "of differences, f32, bf16 or f16" + shown(precision_name(d.precision)),
       [](Options& o, const std::string& v) { o.precision = precision_of_name("--precision", v); }},
      {"--sparsity", "S", "of the step whose floor is printed" + shown(d.sparsity),
       [](Options& o, const std::string& v) { o.sparsity = number("--sparsity", v, 0, 0.999999); }},
      {"--ratios", "FILE", "layer ratios instead of one sparsity",
       [](Options& o, const std::string& v) { o.ratios = v; }},
      {"--memory", "MIB", "on the device, 0 for the backend's own" + shown(d.memory),
       [](Options& o, const std::string& v) { o.memory = static_cast<std::size_t>(whole("--memory", v, 0, 1 << 24)); }},
      {"--device", "D", "its number" + shown(d.device),
       [](Options& o, const std::string& v) { o.device = whole("--device", v, 0, 63); }},
      {"--repeats", "R", "timed repeats of a block" + shown(d.repeats),
       [](Options& o, const std::string& v) { o.repeats = whole("--repeats", v, 1, 1000); }},
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
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const auto found =
        std::find_if(table().begin(), table().end(), [&](const Option& o) { return o.name == arguments[i]; });
    if (found == table().end()) bad("unknown option " + arguments[i]);
    if (!found->value.empty() && i + 1 == arguments.size())
      bad(found->name + ": expected " + found->value + " after it");
    found->set(options, found->value.empty() ? "" : arguments[++i]);
  }
  return options;
}

std::string cuda_bench_help() {
  std::ostringstream out;
  out << "deepzero_cuda_bench: a CUDA device's peaks, and the kernels of queries beside their floors\n\n";
  for (const Option& o : table()) {
    std::string left = "  " + o.name + (o.value.empty() ? "" : " " + o.value);
    left.resize(std::max<std::size_t>(left.size() + 1, 24), ' ');
    out << left << o.text << "\n";
  }
  return out.str();
}

}  // namespace deepzero::bench
