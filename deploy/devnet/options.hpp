// What a devnet run was asked for, and the command line that says so.
//
// Everything is checked here: whoever holds Options may rely on its numbers fitting together.
#pragma once
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "core/result.hpp"
#include "fl_engine/attacks/attacks.hpp"
#include "fl_engine/data/split.hpp"
#include "fl_engine/training/recipe.hpp"

namespace consilium::devnet {

inline constexpr std::size_t kMinHospitals = 4;   // fewer validators bear no fault
inline constexpr std::size_t kMaxHospitals = 13;  // the committee of the secure computation
inline constexpr std::uint32_t kMaxRounds = 10'000;
inline constexpr std::uint32_t kMaxHidden = 100'000;  // the task's own limit is on all parameters

// Exit codes of the program, also in --help.
enum ExitCode : int { kOk = 0, kFailed = 1, kBadUsage = 2, kInterrupted = 130 };

struct Options {
    std::uint32_t rounds = 6;
    std::string dataset = "wdbc";    // "wdbc", "heart" or a folder
    std::filesystem::path data_dir;  // where the heart files are; empty: nowhere
    fl::DealSpec split;
    fl::AttackSpec attack{fl::AttackKind::kSignFlip, 4};
    std::size_t attackers = 1;             // the last ones of the hospitals
    std::optional<std::size_t> hospitals;  // absent: as many as the data has, or 4
    // Public records of all hospitals that validators train the reference update on; nobody else
    // does. 0: none; absent: 64 for heart, whose hospitals differ much, otherwise none.
    std::optional<std::size_t> reference;
    std::uint32_t hidden = fl::kUsualHiddenUnits;  // units of the model's hidden layer
    std::optional<double> epsilon;  // of differential privacy over all rounds; absent: off
    std::uint64_t seed = 1;
    std::filesystem::path directory;    // empty: see make_directory()
    std::filesystem::path report;       // empty: none is written
    std::filesystem::path programs;     // folder of the programs that are started
    bool exits = false;                 // when training is done
    std::uint16_t first_port = 27'000;  // of the first block of ports that is tried
};

// Options, or the exit code with which the program ends now (help, bad usage); messages are
// printed.
[[nodiscard]] tl::expected<Options, int> parse_command_line(int argc, char** argv);

// How many records the reference set of this run has; 0: there is none.
[[nodiscard]] std::size_t reference_records(const Options& options);

// Refuses an impossible number of hospitals or attackers, by name.
[[nodiscard]] Result<void> check_numbers(std::size_t hospitals, std::size_t attackers);

}  // namespace consilium::devnet
