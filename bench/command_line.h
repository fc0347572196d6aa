// A command line as a table of options: --name, --name VALUE or --name=VALUE. An unknown option is refused with the
// nearest name; help is made of the table.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <sstream>
#include <string>
#include <vector>

namespace deepzero::bench {

/// Throws ERR_INVALID_ARGUMENT.
[[noreturn]] void bad_option(const std::string& what);
/// `value` of option `name`, in least … most. Throws ERR_INVALID_ARGUMENT.
double number(const std::string& name, const std::string& value, double least, double most);
std::int64_t whole(const std::string& name, const std::string& value, double least, double most);

/// Of a table's texts: a default in brackets.
template <class T>
std::string shown(T value) {
  std::ostringstream out;
  out << " (" << value << ")";
  return out.str();
}

template <class Options>
struct Option {
  std::string name;
  std::string value;  ///< what the help calls it; empty for a flag
  std::string text;
  std::function<void(Options&, const std::string&)> set;
};

/// "unknown option …; did you mean …?"
[[noreturn]] void unknown_option(const std::string& name, const std::vector<std::string>& known);

/// Sets what the arguments say. Throws ERR_INVALID_ARGUMENT.
template <class Options>
void parse_command_line(const std::vector<Option<Options>>& table, const std::vector<std::string>& arguments,
                        Options& options) {
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    const std::size_t equals = arguments[i].find('=');
    const std::string name = arguments[i].substr(0, equals);
    const auto found =
        std::find_if(table.begin(), table.end(), [&](const auto& option) { return option.name == name; });
    if (found == table.end()) {
      std::vector<std::string> known;
      for (const auto& option : table) known.push_back(option.name);
      unknown_option(name, known);
    }
    const bool assigned = equals != std::string::npos;
    if (found->value.empty()) {
      if (assigned) bad_option(name + ": takes no value");
      found->set(options, "");
    } else if (assigned) {
      found->set(options, arguments[i].substr(equals + 1));
    } else {
      if (i + 1 == arguments.size()) bad_option(name + ": expected " + found->value + " after it");
      found->set(options, arguments[++i]);
    }
  }
}

/// A line for each option.
template <class Options>
std::string help_lines(const std::vector<Option<Options>>& table) {
  std::ostringstream out;
  for (const auto& option : table) {
    std::string left = "  " + option.name + (option.value.empty() ? "" : " " + option.value);
    left.resize(std::max<std::size_t>(left.size() + 1, 24), ' ');
    out << left << option.text << "\n";
  }
  return out.str();
}

/// A program's exit code: what its work returns, 1 after ERR_INTERNAL, 2 after any other Error, 3 after another
/// exception, with a line on standard error.
int run_program(const char* name, const std::function<int()>& work);

}  // namespace deepzero::bench
