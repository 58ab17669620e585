// The command line of consilium-lab.
#pragma once
#include <optional>
#include <string>

#include "tests/lab/grid.hpp"

namespace consilium::lab {

struct LabOptions {
    GridOptions grid;
    std::filesystem::path report;  // empty: only to standard output
    bool goes_through_mpc = false;
    std::string command;  // as it was called, for the report
};

// nullopt after --help. Errors say what to write instead.
[[nodiscard]] Result<std::optional<LabOptions>> parse_options(int argc, const char* const* argv);

}  // namespace consilium::lab
