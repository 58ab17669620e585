// The command line and main loop of a trainer program.
//
// consilium-trainer is exactly this. A test-only adversary adds one option of its own, whose value
// yields a deviation from honest training; the shipped program has none.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "core/result.hpp"
#include "fl_engine/trainer/update_sealer.hpp"
#include "fl_engine/training/transform.hpp"

namespace consilium::trainer {

struct DeviationOption {
    std::string flag;  // such as "--attack"
    std::string help;
    std::function<Result<fl::Deviation>(const std::string& value, std::uint64_t seed)> make;
    // May be empty, and may answer null: then updates are sealed honestly.
    std::function<Result<std::unique_ptr<UpdateSealer>>(const std::string& value)> make_sealer =
        nullptr;
};

struct ProgramDescription {
    std::string name;
    std::string summary;
    std::optional<DeviationOption> deviation;
};

// Runs until SIGINT or SIGTERM. Exit codes: 0 stopped by a signal, 1 could not start, 2 bad usage,
// 3 the site policy refuses the data.
[[nodiscard]] int run_program(int argc, char** argv, const ProgramDescription& description);

}  // namespace consilium::trainer
