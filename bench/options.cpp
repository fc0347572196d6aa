#include "bench/options.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <functional>
#include <numeric>
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

std::int64_t whole(const std::string& name, const std::string& value, double least, double most) {
  const double parsed = number(name, value, least, most);
  if (parsed != std::floor(parsed)) bad(name + ": expected a whole number, received '" + value + "'");
  return static_cast<std::int64_t>(parsed);
}

std::string word(const std::string& name, const std::string& value, const std::vector<std::string>& choices) {
  if (std::find(choices.begin(), choices.end(), value) == choices.end())
    bad(name + ": expected " + choices.front() + " or " + choices.back() + ", received '" + value + "'");
  return value;
}

struct Option {
  std::string name;
  std::string value;  ///< what the help calls it; empty for a flag
  std::string text;
  std::function<void(Options&, const std::string&)> set;
};

template <class T>
std::string shown(T value) {
  std::ostringstream out;
  out << " (" << value << ")";
  return out.str();
}

const std::vector<Option>& table() {
  static const Options d;
  static const std::vector<Option> options = {
      {"--kernels", "", "micro-kernels per op, shape and instruction set (the default)",
       [](Options& o, const std::string&) { o.mode = Mode::kernels; }},
      {"--layers", "", "queries per second, parameter by parameter",
       [](Options& o, const std::string&) { o.mode = Mode::layers; }},
      {"--queries", "", "queries per second of a training step",
       [](Options& o, const std::string&) { o.mode = Mode::queries; }},
      {"--base", "", "the base pass and evaluation, without queries",
       [](Options& o, const std::string&) { o.mode = Mode::base; }},
      {"--scaling", "", "queries per second on 1 … T threads, beside a loop in registers",
       [](Options& o, const std::string&) { o.mode = Mode::scaling; }},
      {"--linearity", "", "seconds by number of coordinates and by images, with fitted lines",
       [](Options& o, const std::string&) { o.mode = Mode::linearity; }},
      {"--profile", "", "where the time of queries goes, function by function",
       [](Options& o, const std::string&) { o.mode = Mode::profile; }},
      {"--roofline", "", "rates of the kernels beside the roofs of one core",
       [](Options& o, const std::string&) { o.mode = Mode::roofline; }},
      {"--ladder", "", "the 3x3 convolution, step by step from the definition to what queries run",
       [](Options& o, const std::string&) { o.mode = Mode::ladder; }},
      {"--peak", "", "the machine's measured peaks", [](Options& o, const std::string&) { o.mode = Mode::peak; }},
      {"--network", "NAME", "resnet8, resnet20, 32, 44, 56, 110, cnn-DEPTHxCHANNELS" + shown(d.network),
       [](Options& o, const std::string& v) { o.network = v; }},
      {"--model", "FILE", "a model file, as saveModel writes it, instead of a name",
       [](Options& o, const std::string& v) { o.model = v; }},
      {"--batch", "N", "images" + shown(d.batch),
       [](Options& o, const std::string& v) { o.batch = static_cast<int>(whole("--batch", v, 1, 65536)); }},
      {"--threads", "T", "worker threads, 0 for one per core" + shown(d.threads),
       [](Options& o, const std::string& v) { o.threads = static_cast<int>(whole("--threads", v, 0, 1024)); }},
      {"--device", "NAME", "cpu or cuda, of --queries and --layers" + shown(d.device),
       [](Options& o, const std::string& v) {
         o.device = word("--device", v, {"cpu", "cuda"});
       }},
      {"--memory", "MIB", "as in a session, 0 for the backend's own" + shown(d.memory),
       [](Options& o, const std::string& v) { o.memory = static_cast<std::size_t>(whole("--memory", v, 0, 1 << 24)); }},
      {"--precision", "NAME",
       "of differences, as in a session: f32, bf16 or f16 (cuda)" + shown(precision_name(d.precision)),
       [](Options& o, const std::string& v) { o.precision = precision_of_name("--precision", v); }},
      {"--mu", "X", "smoothing step" + shown(d.mu),
       [](Options& o, const std::string& v) { o.mu = number("--mu", v, 1e-7, 1); }},
      {"--sparsity", "S", "of conv and linear weights, uniform over layers" + shown(d.sparsity),
       [](Options& o, const std::string& v) { o.sparsity = number("--sparsity", v, 0, 0.999999); }},
      {"--ratios", "FILE", "layer ratios, as deepzero prune writes them, instead of one sparsity",
       [](Options& o, const std::string& v) { o.ratios = v; }},
      {"--sample", "N", "coordinates to time, 0 for a whole step" + shown(d.sample),
       [](Options& o, const std::string& v) { o.sample = static_cast<std::size_t>(whole("--sample", v, 0, 1e9)); }},
      {"--seed", "S", "of weights, batch and sample" + shown(d.seed),
       [](Options& o, const std::string& v) { o.seed = static_cast<std::uint64_t>(whole("--seed", v, 0, 9e15)); }},
      {"--repeats", "R", "timed repeats; median and range are printed" + shown(d.repeats),
       [](Options& o, const std::string& v) { o.repeats = static_cast<int>(whole("--repeats", v, 1, 1000)); }},
      {"--warmups", "R", "repeats before those" + shown(d.warmups),
       [](Options& o, const std::string& v) { o.warmups = static_cast<int>(whole("--warmups", v, 0, 1000)); }},
      {"--check", "N", "coordinates compared with two float64 passes first" + shown(d.check),
       [](Options& o, const std::string& v) { o.check = static_cast<std::size_t>(whole("--check", v, 0, 1e6)); }},
      {"--json", "FILE", "write the result there (not --kernels, --ladder)",
       [](Options& o, const std::string& v) { o.json = v; }},
      {"--case", "DIR", "write what a peer needs to repeat it there (--queries, --base)",
       [](Options& o, const std::string& v) { o.case_directory = v; }},
      {"--working-set", "MIB", "that a micro-kernel walks through" + shown(d.working_set),
       [](Options& o, const std::string& v) { o.working_set = number("--working-set", v, 0.001, 4096); }},
      {"--help", "", "this text", [](Options& o, const std::string&) { o.help = true; }},
  };
  return options;
}

/// Edits (insert, delete, replace) between two words.
std::size_t distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({replaced, row[j] + 1, row[j - 1] + 1});
    }
  }
  return row[b.size()];
}

}  // namespace

Options parse_options(const std::vector<std::string>& arguments) {
  Options options;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::string& argument = arguments[i];
    if (argument.starts_with("--benchmark_")) {
      options.google.push_back(argument);
      continue;
    }
    const std::size_t equals = argument.find('=');
    const std::string name = argument.substr(0, equals);
    const auto found = std::find_if(table().begin(), table().end(), [&](const Option& o) { return o.name == name; });
    if (found == table().end()) {
      const auto nearest = std::min_element(table().begin(), table().end(), [&](const Option& a, const Option& b) {
        return distance(a.name, name) < distance(b.name, name);
      });
      bad("unknown option " + name + "; did you mean " + nearest->name + "?");
    }
    if (found->value.empty()) {
      if (equals != std::string::npos) bad(name + ": takes no value");
      found->set(options, "");
    } else if (equals != std::string::npos) {
      found->set(options, argument.substr(equals + 1));
    } else {
      if (i + 1 == arguments.size()) bad(name + ": expected " + found->value + " after it");
      found->set(options, arguments[++i]);
    }
  }
  return options;
}

std::string help_text() {
  std::ostringstream out;
  out << "deepzero_bench: kernels of the CPU backend and queries of either, timed after they were checked\n\n";
  for (const Option& o : table()) {
    std::string left = "  " + o.name + (o.value.empty() ? "" : " " + o.value);
    left.resize(std::max<std::size_t>(left.size() + 1, 24), ' ');
    out << left << o.text << "\n";
  }
  out << "  --benchmark_…         options of Google Benchmark, for --kernels\n\n"
         "DEEPZERO_MAX_ISA=scalar|avx2|avx512 caps the instruction set; DEEPZERO_CUDA_LIBRARY says where\n"
         "libdeepzero_cuda.so is, if not beside the executable.\n";
  return out.str();
}

}  // namespace deepzero::bench
