#include "bench/options.h"

#include <algorithm>
#include <sstream>

#include "bench/command_line.h"
#include "bench/networks.h"

namespace deepzero::bench {
namespace {

std::string word(const std::string& name, const std::string& value, const std::vector<std::string>& choices) {
  if (std::find(choices.begin(), choices.end(), value) == choices.end())
    bad_option(name + ": expected " + choices.front() + " or " + choices.back() + ", received '" + value + "'");
  return value;
}

std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::vector<int> ordinals(const std::string& name, const std::string& value) {
  std::vector<int> list;
  std::istringstream words(value);
  for (std::string word; std::getline(words, word, ',');) list.push_back(static_cast<int>(whole(name, word, 0, 63)));
  if (list.empty()) bad_option(name + ": expected numbers with commas, received '" + value + "'");
  return list;
}

const std::vector<Option<Options>>& table() {
  static const Options d;
  static const std::vector<Option<Options>> options = {
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
      {"--gradcheck", "", "the reference cases of --reference DIR, on either device",
       [](Options& o, const std::string&) { o.mode = Mode::gradcheck; }},
      {"--reference", "DIR", "of reference cases, CASE.safetensors and CASE.expected.safetensors",
       [](Options& o, const std::string& v) { o.reference = v; }},
      {"--network", "NAME",
       listed(network_names()) + ",\n" + std::string(24, ' ') + "or a file, NAME.json (deepzero-network/1) or a model" +
           shown(d.network),
       [](Options& o, const std::string& v) { o.network = v; }},
      {"--model", "FILE", "a model file, as saveModel writes it, instead of a name",
       [](Options& o, const std::string& v) { o.model = v; }},
      {"--batch", "N", "images" + shown(d.batch),
       [](Options& o, const std::string& v) { o.batch = static_cast<int>(whole("--batch", v, 1, 65536)); }},
      {"--threads", "T", "worker threads, 0 for one per core" + shown(d.threads),
       [](Options& o, const std::string& v) { o.threads = static_cast<int>(whole("--threads", v, 0, 1024)); }},
      {"--device", "NAME", "cpu or cuda, of --queries, --layers, --base and --gradcheck" + shown(d.device),
       [](Options& o, const std::string& v) {
         o.device = word("--device", v, {"cpu", "cuda"});
       }},
      {"--devices", "LIST", "CUDA devices by number, with commas; all that can be used unless given",
       [](Options& o, const std::string& v) { o.devices = ordinals("--devices", v); }},
      {"--streams", "N", "per CUDA device, 0 for the backend's own" + shown(d.streams),
       [](Options& o, const std::string& v) { o.streams = static_cast<int>(whole("--streams", v, 0, 64)); }},
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
      {"--check", "N",
       "coordinates compared with two float64 passes first" + shown(d.check) + "; 0 is for profilers, of\n" +
           std::string(24, ' ') + "--queries, --layers and --base: no check, so no figures and no --json",
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

/// Without a check there is nothing to print, so that modes which only measure cannot go without, nor can a file.
void refuse_figures(const Options& options) {
  const bool runs = options.mode == Mode::queries || options.mode == Mode::layers || options.mode == Mode::base;
  if (!runs) bad_option("--check: expected at least 1 (0 is for --queries, --layers and --base), received 0");
  if (!options.json.empty()) bad_option("--json: expected a --check of at least 1 with it, received 0");
}

}  // namespace

Options parse_options(const std::vector<std::string>& arguments) {
  Options options;
  std::vector<std::string> own;
  for (const std::string& argument : arguments)
    (argument.starts_with("--benchmark_") ? options.google : own).push_back(argument);
  parse_command_line(table(), own, options);
  if (options.check == 0) refuse_figures(options);
  return options;
}

std::string help_text() {
  std::ostringstream out;
  out << "deepzero_bench: kernels of the CPU backend and queries of either, timed after they were checked\n\n"
      << help_lines(table())
      << "  --benchmark_…         options of Google Benchmark, for --kernels\n\n"
         "DEEPZERO_MAX_ISA=scalar|avx2|avx512, on arm64 scalar|neon, caps the instruction set; DEEPZERO_CUDA_LIBRARY "
         "says\n"
         "where libdeepzero_cuda.so is, if not beside the executable.\n";
  return out.str();
}

}  // namespace deepzero::bench
