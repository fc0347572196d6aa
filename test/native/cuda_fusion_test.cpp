// What the CUDA backend fuses: which kernels a route launches, that the fused ones agree with two float64 passes and
// with the CPU backend on ragged shapes in every order of threads, and where nothing may be fused.
#include "bench/networks.h"
#include "test/native/cuda_case.h"

namespace deepzero::test {
namespace {

OpSpec relu_spec(const std::string& name, const std::string& input) { return {"relu", name, {input}, {}}; }

/// Adds convolution, batch norm and perhaps a ReLU behind `input`; returns the last one's name.
std::string add_chain(NetworkSpec& spec, const std::string& name, const std::string& input, int out, int kernel,
                      int stride, bool relu) {
  spec.ops.push_back(conv_spec(name + ".conv", input, out, kernel, stride, kernel / 2, false));
  spec.ops.push_back(batch_norm_spec(name + ".norm", name + ".conv"));
  if (!relu) return name + ".norm";
  spec.ops.push_back(relu_spec(name + ".relu", name + ".norm"));
  return name + ".relu";
}

/// A residual network of `blocks` blocks, the first one with a projection in its shortcut; the shapes are ragged for
/// odd sizes and widths.
NetworkSpec residual(Shape input, int width, int blocks, int kernel, int stride) {
  NetworkSpec spec{.name = "residual", .input = input, .loss = "crossEntropy"};
  std::string x = add_chain(spec, "stem", "input", width, 3, 1, true);
  for (int b = 0; b < blocks; ++b) {
    const std::string at = "b" + std::to_string(b);
    const bool projects = b == 0 && stride != 1;
    const int out = b == 0 ? width + 3 : width;
    const std::string inner = add_chain(spec, at + ".1", x, out, kernel, projects ? stride : 1, true);
    const std::string y = add_chain(spec, at + ".2", inner, width, 3, 1, false);
    if (projects) x = add_chain(spec, at + ".p", x, width, 1, stride, false);
    spec.ops.push_back({"add", at + ".add", {y, x}, {}});
    spec.ops.push_back(relu_spec(at + ".relu", at + ".add"));
    x = at + ".relu";
  }
  spec.ops.push_back({"globalAvgPool", "pool", {x}, {}});
  spec.ops.push_back(linear_spec("fc", "pool", 5, true));
  return spec;
}

Estimates differences(std::span<const std::uint32_t> coordinates, Statistics statistics) {
  return [=](Session& session, const Batch& batch, Method method) {
    return session.differences(batch, coordinates, {.statistics = statistics, .method = method}, {}).values;
  };
}

/// The first coordinates of an op's weight, of one output channel.
std::vector<std::uint32_t> coordinates_of(const Case& c, int op, std::uint32_t count) {
  std::vector<std::uint32_t> list;
  const auto first = static_cast<std::uint32_t>(c.network->parameter(op, 0)->offset);
  for (std::uint32_t i = 0; i < count; ++i) list.push_back(first + i);
  return list;
}

/// Coordinates of an op's weight in several output channels, so that no estimates stand alone that cancel to little.
std::vector<std::uint32_t> spread_over(const Case& c, int op, std::uint32_t count) {
  const ParameterInfo& weight = *c.network->parameter(op, 0);
  std::vector<std::uint32_t> list;
  for (std::uint32_t i = 0; i < count; ++i)
    list.push_back(static_cast<std::uint32_t>(weight.offset + i * (weight.size - 1) / (count - 1)));
  return list;
}

/// Kernels that a base pass and one block of queries launch, and those of queries that were done again in float32.
struct Launches {
  std::map<std::string, int> counts;
  std::uint64_t redone;
};
Launches all_launched(const Case& c, std::span<const std::uint32_t> coordinates, Statistics statistics,
                      Precision precision) {
  const auto session = c.cuda({.streams = 1, .precision = precision});
  simt::take_launches();
  session->differences(c.batch.batch(), coordinates, {.statistics = statistics}, {});
  return {simt::take_launches(), session->backend().info().redone};
}

/// The same, where nothing is done twice.
std::map<std::string, int> launched(const Case& c, std::span<const std::uint32_t> coordinates, Statistics statistics,
                                    Precision precision) {
  std::map<std::string, int> counts = all_launched(c, coordinates, statistics, precision).counts;
  CHECK(counts["conv_seed"] == 1);
  return counts;
}

TEST_CASE("cuda: a residual network touches dense differences once in each direction per convolution") {
  if (library_to_check() != nullptr) return;
  const Case c(residual({3, 8, 16}, 8, 3, 3, 2), 3);
  const std::vector<std::uint32_t> stem = coordinates_of(c, 0, 3);
  auto counts = launched(c, stem, Statistics::batch, Precision::f16);
  // Seven convolutions and batch norms behind the stem. A difference in one channel meets the first block's two.
  CHECK(counts["convolve"] == 8);  // of the base pass
  CHECK(counts["fan_out"] == 2);
  CHECK(counts["convolve_strips"] == 5);
  CHECK(counts["batch_norm_finish"] == 8);
  CHECK(counts["batch_norm_sums"] == 1);   // in one channel
  CHECK(counts["batch_norm_apply"] == 1);  // in one channel
  CHECK(counts["add_vectors"] == 3);
  CHECK(counts["activation_difference"] == 0);

  counts = launched(c, stem, Statistics::running, Precision::f16);
  CHECK(counts["batch_norm_finish"] == 8);
  CHECK(counts["batch_norm_sums"] == 0);
  CHECK(counts["batch_norm_apply"] == 1);

  // Without tensor cores the residual sums alone take what batch norms leave.
  counts = launched(c, stem, Statistics::batch, Precision::f32);
  CHECK(counts["convolve_strips"] == 0);
  CHECK(counts["fan_out"] == 0);
  CHECK(counts["batch_norm_sums"] == 8);
  CHECK(counts["batch_norm_apply"] == 4);
}

TEST_CASE("cuda: a value with two readers, the network's output and what float32 reads are not fused") {
  if (library_to_check() != nullptr) return;
  NetworkSpec spec{.name = "readers", .input = {3, 6, 6}, .loss = "meanSquaredError"};
  std::string x = add_chain(spec, "a", "input", 8, 3, 1, false);
  x = add_chain(spec, "b", x, 8, 3, 1, false);
  // The batch norm's difference has two readers, the convolution's as well.
  spec.ops.push_back(conv_spec("c.conv", x, 8, 3, 1, 1, true));
  spec.ops.push_back(batch_norm_spec("c.norm", "c.conv"));
  spec.ops.push_back({"add", "first", {"c.norm", "c.conv"}, {}});
  spec.ops.push_back({"add", "second", {"first", x}, {}});
  x = add_chain(spec, "d", "second", 9, 3, 1, false);
  const Case c(spec, 2);
  auto counts = launched(c, coordinates_of(c, 0, 2), Statistics::batch, Precision::f16);
  CHECK(counts["convolve_matrix"] == 2);
  // Of a, in one channel; of b, behind a difference in one channel; of c, whose input is read twice; not of d.
  CHECK(counts["batch_norm_sums"] == 3);
  // Of a; of b, which is read twice; not of c; of d, which is the output.
  CHECK(counts["batch_norm_apply"] == 3);
  for (const Statistics statistics : {Statistics::batch, Statistics::running})
    CHECK(agrees(c, differences(spread_over(c, 0, 4), statistics), 5e-3, Precision::f16));
}

TEST_CASE("cuda: ragged residual networks agree with two float64 passes in every order of threads") {
  struct Variant {
    Shape input;
    int images, width, blocks, kernel, stride;
  };
  // Rows that are vectors and rows that are not, tiles that images do not fill, one chunk of channels or more, a whole
  // group of output channels and a part, kernels of one and five.
  const std::vector<Variant> variants = {{{3, 6, 8}, 2, 16, 1, 3, 2},
                                         {{2, 5, 7}, 2, 9, 2, 3, 2},
                                         {{1, 6, 8}, 2, 12, 1, 5, 1},
                                         {{1, 3, 40}, 1, 8, 1, 3, 1},
                                         {{2, 4, 4}, 3, 33, 1, 1, 2}};
  int ambiguous = 0;
  for (const Variant& v : variants) {
    const Case c(residual(v.input, v.width, v.blocks, v.kernel, v.stride), v.images);
    INFO(network_json(c.spec));
    const std::vector<std::uint32_t> some = spread_over(c, 0, 5);
    const Statistics statistics = pick(0, 2) > 0 ? Statistics::batch : Statistics::running;
    // Eleven bits of each difference and weight, or eight, through some layers of small planes, where batch norms and a
    // mean take most of a difference away: a few estimates are off by up to 1e-2. A wrong term is off by all of itself.
    const bool half = pick(0, 2) > 0;
    ambiguous +=
        agrees(c, differences(some, statistics), half ? 2e-2 : 0.16, half ? Precision::f16 : Precision::bf16) ? 0 : 1;
  }
  CHECK(ambiguous <= 2);
}

TEST_CASE("cuda: convolutions in strips agree with two float64 passes in every order of threads") {
  struct Variant {
    Shape input;
    int images, width;
    bool pools;      ///< else the network ends with a convolution
    int stride = 1;  ///< of the second block
  };
  // Each width of planes with one, two and four tiles of output channels, bands and blocks that images do not fill, and
  // input channels that are staged in two parts.
  const std::vector<Variant> variants = {
      {{2, 8, 8}, 3, 12, true},    {{1, 11, 8}, 3, 20, false},   {{1, 3, 8}, 2, 35, true},
      {{1, 2, 8}, 1, 97, true},    {{2, 17, 16}, 2, 9, false},   {{1, 4, 16}, 3, 18, true},
      {{1, 3, 16}, 1, 33, true},   {{1, 2, 16}, 1, 66, true},    {{1, 18, 32}, 1, 10, true},
      {{1, 2, 32}, 1, 34, false},  {{1, 5, 16}, 2, 12, true, 2}, {{1, 3, 16}, 1, 34, true, 2},
      {{1, 4, 32}, 1, 18, true, 2}};
  int ambiguous = 0;
  for (const Variant& v : variants) {
    NetworkSpec spec{.name = "strips", .input = v.input, .loss = v.pools ? "crossEntropy" : "meanSquaredError"};
    const std::string a = add_chain(spec, "a", "input", v.width, 3, 1, true);
    const std::string b = add_chain(spec, "b", a, v.width, 3, 1, false);
    spec.ops.push_back({"add", "add", {a, b}, {}});
    const std::string d =
        add_chain(spec, "d", add_chain(spec, "c", "add", v.width, 3, v.stride, true), v.width, 3, 1, true);
    if (v.pools) {
      spec.ops.push_back({"globalAvgPool", "pool", {d}, {}});
      spec.ops.push_back(linear_spec("fc", "pool", 5, true));
    } else {
      spec.ops.push_back(conv_spec("last", d, 3, 3, 1, 1, true));
    }
    const Case c(spec, v.images);
    INFO(network_json(c.spec));
    const bool half = pick(0, 2) > 0;
    ambiguous += agrees(c, differences(spread_over(c, 0, 3), Statistics::batch), half ? 2e-2 : 0.16,
                        half ? Precision::f16 : Precision::bf16)
                     ? 0
                     : 1;
    if (library_to_check() != nullptr) continue;
    CHECK(launched(c, coordinates_of(c, 0, 2), Statistics::batch, Precision::bf16)["convolve_strips"] ==
          (v.pools ? 2 : 3));
  }
  CHECK(ambiguous <= 3);
}

/// A convolution of three channels, from one of which a difference goes into all `out` of the next one.
NetworkSpec fanned(Shape input, int out, int kernel, int stride) {
  NetworkSpec spec{.name = "fanned", .input = input, .loss = "crossEntropy"};
  const std::string x = add_chain(spec, "one", "input", 3, 3, 1, true);
  spec.ops.push_back({"globalAvgPool", "pool", {add_chain(spec, "all", x, out, kernel, stride, true)}, {}});
  spec.ops.push_back(linear_spec("fc", "pool", 5, true));
  return spec;
}

TEST_CASE("cuda: a difference that goes from one channel into all agrees with two float64 passes, its sums included") {
  struct Variant {
    Shape input;
    int images, out, kernel, stride;
  };
  // Planes of eight, sixteen and 32 columns; warps whose pixels are those of several images or of a part of one, full
  // and not; a part of a group of output channels, and more of them than a block takes.
  const std::vector<Variant> variants = {
      {{2, 8, 8}, 5, 16, 3, 1}, {{1, 16, 16}, 3, 6, 3, 1}, {{1, 9, 32}, 2, 16, 3, 1}, {{1, 3, 8}, 7, 35, 3, 1},
      {{2, 9, 16}, 3, 9, 3, 2}, {{1, 6, 32}, 3, 16, 3, 2}, {{1, 5, 16}, 5, 10, 1, 2}, {{2, 4, 8}, 9, 5, 1, 1}};
  for (const Variant& v : variants) {
    const Case c(fanned(v.input, v.out, v.kernel, v.stride), v.images);
    INFO(network_json(c.spec));
    const std::vector<std::uint32_t> channel = coordinates_of(c, 0, 7);
    for (const Statistics statistics : {Statistics::batch, Statistics::running}) {
      if (library_to_check() == nullptr) {
        auto counts = launched(c, channel, statistics, Precision::f16);
        CHECK(counts["fan_out"] == 1);
        CHECK(counts["batch_norm_sums"] == (statistics == Statistics::batch ? 1 : 0));
      }
      for (const auto& [precision, tolerance] : {std::pair{Precision::f16, 5e-3}, {Precision::bf16, 4e-2}})
        agrees(c, differences(channel, statistics), tolerance, precision);
    }
  }
}

TEST_CASE("cuda: the size of a block does not change a bit of what goes from one channel into all") {
  const Case c(fanned({2, 8, 8}, 9, 3, 1), 5);
  const std::vector<std::uint32_t> channel = coordinates_of(c, 0, 11);
  for (const Precision precision : {Precision::f16, Precision::bf16}) {
    const auto session = c.cuda({.streams = 1, .precision = precision});
    const auto values = [&](std::size_t first, std::size_t size) {
      return session->differences(c.batch.batch(), std::span(channel).subspan(first, size), {}, {}).values;
    };
    const std::vector<float> all = values(0, channel.size());
    for (const auto& [first, size] : {std::pair<std::size_t, std::size_t>{0, 1}, {7, 1}, {3, 4}, {2, 9}})
      CHECK(same_bits(values(first, size), std::span(all).subspan(first, size)));
  }
}

/// With the weights of some ops times a large or small scale, and of others over it, differences leave the range of
/// float16: the estimates are then those of float32.
void check_range(const Case& c, const std::vector<int>& times, const std::vector<int>& over) {
  const auto estimates = [&](float scale, Precision precision) {
    std::vector<float> parameters = c.parameters;
    const auto by = [&](const std::vector<int>& ops, float factor) {
      for (const int op : ops) {
        const ParameterInfo& p = *c.network->parameter(op, 0);
        for (std::size_t i = 0; i < p.size; ++i) parameters[p.offset + i] *= factor;
      }
    };
    by(times, scale);
    by(over, 1 / scale);
    const auto session = c.cuda({.precision = precision});
    session->set_parameters(parameters);
    return session->differences(c.batch.batch(), coordinates_of(c, 0, 4), {.mu = 1e-6}, {}).values;
  };
  using enum Precision;
  CHECK(!same_bits(estimates(1, f16), estimates(1, f32)));
  CHECK(same_bits(estimates(1e6f, f16), estimates(1e6f, f32)));
  CHECK(same_bits(estimates(1e-5f, f16), estimates(1e-5f, f32)));
}

TEST_CASE("cuda: what goes from one channel into all is held against the range of float16") {
  // A batch norm behind the convolution takes the scale back.
  check_range(Case(fanned({2, 8, 8}, 9, 3, 1), 3), {3}, {});
}

TEST_CASE("cuda: shortcuts, residual sums and pooling by vectors agree with two float64 passes") {
  for (const int stride : {1, 2}) {
    NetworkSpec spec{.name = "vectors", .input = {2, 6, stride * 8}, .loss = "crossEntropy"};
    const std::string stem = add_chain(spec, "stem", "input", 8, 3, 1, true);
    const std::string a = add_chain(spec, "a", stem, 8, 3, 1, false);
    // Both branches in one channel, one of them, and none.
    spec.ops.push_back({"add", "first", {a, stem}, {}});
    const std::string x = add_chain(spec, "b", "first", 16, 3, stride, false);
    spec.ops.push_back({"shortcutA", "shortcut", {"first"}, {{"out", 16.0}, {"stride", double(stride)}}});
    spec.ops.push_back({"add", "second", {x, "shortcut"}, {}});
    spec.ops.push_back(relu_spec("relu", "second"));
    spec.ops.push_back({"globalAvgPool", "pool", {"relu"}, {}});
    spec.ops.push_back(linear_spec("fc", "pool", 11, true));
    const Case c(spec, 3);
    for (const int op : {0, 3})  // of the stem and of a
      for (const auto& [precision, tolerance] : {std::pair{Precision::f16, 5e-3}, {Precision::bf16, 4e-2}}) {
        INFO("stride ", stride, ", op ", op);
        agrees(c, differences(coordinates_of(c, op, 5), Statistics::batch), tolerance, precision);
        if (library_to_check() != nullptr) continue;
        auto counts = launched(c, coordinates_of(c, op, 2), Statistics::batch, precision);
        CHECK(counts["shortcut_vectors"] == 1);
        CHECK(counts["add_vectors"] == (op == 0 ? 2 : 1));
        CHECK(counts["multiply_images"] == 2);  // one of the base pass
      }
  }
}

TEST_CASE("cuda: blocks, streams and devices do not change a bit of fused estimates") {
  for (const Shape input : {Shape{3, 6, 6}, Shape{3, 6, 16}}) {
    const Case c(residual(input, 8, 1, 3, 2), 3);
    const std::vector<std::uint32_t> coordinates = coordinates_of(c, 0, 7);
    const auto values = [&](const cuda::Options& options) {
      return c.cuda(options)->differences(c.batch.batch(), coordinates, {}, {}).values;
    };
    const std::vector<float> expected = values({.streams = 1, .precision = Precision::f16});
    CHECK(!same_bits(values({.streams = 1}), expected));
    CHECK(same_bits(values({.devices = {0, 0}, .streams = 2, .precision = Precision::f16}), expected));
    CHECK(same_bits(values({.streams = 1, .memory = 1 << 19, .precision = Precision::f16}), expected));
  }
}

/// Coordinates of some ops' parameters in a channel, at most 20 of each.
std::vector<std::uint32_t> in_channel(const Case& c, std::span<const int> ops, int channel) {
  std::vector<std::uint32_t> list;
  for (const ParameterInfo& p : c.network->parameters())
    if (std::find(ops.begin(), ops.end(), p.op) != ops.end())
      for (std::size_t i = 0; i < std::min<std::size_t>(p.inner(), 20); ++i)
        list.push_back(static_cast<std::uint32_t>(p.offset + static_cast<std::size_t>(channel) * p.inner() + i));
  return list;
}

TEST_CASE(
    "cuda: queries of a batch norm go with those of the convolution in front of it, and alone have the same bits") {
  // The second batch norm of the block is left to the residual sum.
  const Case c(residual({3, 6, 8}, 8, 1, 3, 2), 3);
  int inner = 0;
  while (c.network->op(inner).name() != "b0.2.conv") ++inner;
  for (const int conv : {0, inner})
    for (const Statistics statistics : {Statistics::batch, Statistics::running})
      for (const Precision precision : {Precision::f32, Precision::bf16, Precision::f16}) {
        CAPTURE(conv);
        const std::vector<int> both = {conv, conv + 1}, norm = {conv + 1};
        std::vector<std::uint32_t> together = in_channel(c, both, 2);
        const std::size_t weights = together.size() - 2;
        if (library_to_check() == nullptr) {
          auto [counts, redone] = all_launched(c, together, statistics, precision);
          CHECK(counts["batch_norm_seed"] == 0);
          if (redone == 0) CHECK(counts["conv_seed"] == 1);
          counts = all_launched(c, in_channel(c, norm, 2), statistics, precision).counts;
          CHECK(counts["batch_norm_seed"] == 0);
          CHECK(counts["conv_seed"] == 0);
        }
        const auto values = [&](std::span<const std::uint32_t> coordinates, const cuda::Options& options) {
          return c.cuda(options)->differences(c.batch.batch(), coordinates, {.statistics = statistics}, {}).values;
        };
        const std::vector<float> got = values(together, {.streams = 1, .precision = precision});
        const std::vector<float> scale_and_shift(got.end() - 2, got.end());
        CHECK(same_bits(values(in_channel(c, norm, 2), {.streams = 1, .precision = precision}), scale_and_shift));
        CHECK(same_bits(values(together, {.devices = {0, 0}, .streams = 2, .memory = 1 << 17, .precision = precision}),
                        got));
        std::reverse(together.begin(), together.end());
        std::vector<float> reversed = values(together, {.streams = 1, .precision = precision});
        std::reverse(reversed.begin(), reversed.end());
        CHECK(same_bits(reversed, got));
        CHECK(weights > 2);
        CHECK(agrees(c, differences(together, statistics),
                     precision == Precision::f32   ? 1e-4
                     : precision == Precision::f16 ? 5e-3
                                                   : 4e-2,
                     precision));
      }
}

TEST_CASE("cuda: what is rounded where it is read is held against the range of float16 as well") {
  NetworkSpec spec{.name = "range", .input = {3, 6, 8}, .loss = "crossEntropy"};
  const std::string x = add_chain(spec, "a", "input", 8, 3, 1, true);
  const std::string y = add_chain(spec, "b", add_chain(spec, "c", x, 8, 3, 1, true), 8, 3, 1, true);
  spec.ops.push_back(linear_spec("fc", add_chain(spec, "d", y, 8, 3, 1, true), 5, true));
  // The third batch norm's difference, which is never in memory, becomes large or small; so does what the convolution
  // behind it writes, but for weights that take it back.
  check_range(Case(spec, 2), {7}, {9});
}

}  // namespace
}  // namespace deepzero::test
