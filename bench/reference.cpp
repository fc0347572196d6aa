#include "bench/reference.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include <nlohmann/json.hpp>

#include "bench/networks.h"
#include "bench/safetensors.h"
#include "engine/error.h"

namespace deepzero::bench {
namespace {

constexpr std::string_view kExpected = ".expected.safetensors";
constexpr std::string_view kStep = "cge/mu=";

/// The expected values of one case, read by name and checked for their number.
class Expected {
 public:
  explicit Expected(const std::string& path) : path_(path), file_(SafetensorsFile::read(path)) {}

  template <class T>
  std::vector<T> values(const std::string& name, std::size_t count) const {
    std::vector<T> list = file_.values<T>(name);
    if (list.size() != count)
      fail(name + ": expected " + std::to_string(count) + " values, received " + std::to_string(list.size()));
    return list;
  }
  std::size_t size(const std::string& name) const { return file_.tensor(name).count; }
  const SafetensorsFile& file() const { return file_; }
  [[noreturn]] void fail(const std::string& what) const {
    throw Error("ERR_INVALID_ARGUMENT", path_ + ": " + what + "; is it another case's?");
  }

 private:
  std::string path_;
  SafetensorsFile file_;
};

std::vector<std::string> parameter_names(const Expected& expected) {
  const auto found = expected.file().metadata().find("parameters");
  if (found == expected.file().metadata().end()) expected.fail("expected the metadata key parameters, found none");
  const nlohmann::json names = nlohmann::json::parse(found->second, nullptr, /*allow_exceptions=*/false);
  if (!names.is_array() || !std::all_of(names.begin(), names.end(), [](const auto& name) { return name.is_string(); }))
    expected.fail("parameters: expected a list of names, received " + found->second);
  return names.get<std::vector<std::string>>();
}

std::vector<std::uint32_t> read_coordinates(const Expected& expected, const Network& network) {
  const std::vector<std::string> names = parameter_names(expected);
  const std::size_t count = expected.size("cge/param_index");
  const auto parameters = expected.values<std::int32_t>("cge/param_index", count);
  const auto elements = expected.values<std::int32_t>("cge/element_index", count);
  std::vector<std::uint32_t> list;
  for (std::size_t q = 0; q < count; ++q) {
    const auto index = static_cast<std::size_t>(parameters[q]);
    if (index >= names.size()) expected.fail("cge/param_index: expected an index of a name, received one beyond");
    const auto infos = network.parameters();
    const auto info = std::find_if(infos.begin(), infos.end(), [&](const auto& p) { return p.name == names[index]; });
    if (info == infos.end()) expected.fail("the network has no parameter " + names[index]);
    const auto element = static_cast<std::size_t>(elements[q]);
    if (element >= info->size) expected.fail("cge/element_index: expected an element of " + info->name);
    list.push_back(static_cast<std::uint32_t>(info->offset + element));
  }
  return list;
}

}  // namespace

std::vector<std::string> reference_names(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code failed;
  for (std::filesystem::directory_iterator entry(folder, failed), end; !failed && entry != end; entry.increment(failed))
    if (const std::string file = entry->path().filename().string(); file.ends_with(kExpected))
      names.push_back(file.substr(0, file.size() - kExpected.size()));
  if (failed) throw Error("ERR_FILE", folder + ": cannot be read (" + failed.message() + ")");
  if (names.empty()) throw Error("ERR_FILE", folder + ": expected CASE.expected.safetensors, found none");
  std::sort(names.begin(), names.end());
  return names;
}

std::string reference_network(const std::string& name) {
  const std::string network = name.substr(0, name.find('-'));
  return network.starts_with("cnn") ? "cnn-" + network.substr(3) : network;
}

Reference read_reference(const std::string& folder, const std::string& name) {
  Reference result{.name = name,
                   .model = model_of(SafetensorsFile::read(folder + "/" + name + ".safetensors"),
                                     network_spec(reference_network(name)))};
  const Network network(result.model.spec);
  const Expected expected(folder + "/" + name + std::string(kExpected));
  const std::size_t count = expected.size("labels");
  const std::size_t logits = count * static_cast<std::size_t>(network.outputs());
  for (const std::int64_t label : expected.values<std::int64_t>("labels", count))
    result.labels.push_back(static_cast<std::int32_t>(label));
  result.input = expected.values<float>("input", count * static_cast<std::size_t>(network.input().size()));
  result.logits_train = expected.values<double>("logits_train", logits);
  result.logits_eval = expected.values<double>("logits_eval", logits);
  result.loss_train = expected.values<double>("loss_train", 1).front();
  for (const BufferInfo& buffer : network.buffers()) {
    const auto values = expected.values<double>("running_after/" + buffer.name, buffer.size);
    result.running_after.insert(result.running_after.end(), values.begin(), values.end());
  }
  result.coordinates = read_coordinates(expected, network);
  for (const auto& [tensor, info] : expected.file().tensors())
    if (tensor.starts_with(kStep))
      result.cge[std::stod(tensor.substr(kStep.size()))] = expected.values<double>(tensor, result.coordinates.size());
  if (result.cge.empty()) expected.fail("expected tensors cge/mu=…, found none");
  return result;
}

}  // namespace deepzero::bench
