// Global models: the initial one, new versions with their lineage, metrics, promotion, rollback.
#pragma once
#include <cstdint>
#include <vector>

#include "contracts/execution.hpp"
#include "contracts/schema/mpc_records.hpp"

namespace consilium::contracts::models {

// Weights uniform in [-limit, limit], limit = isqrt(6 * 2^64 / (inputs + outputs)) per layer, from
// a SHA-256 stream of the seed; biases 0. Layout as in schema/task.hpp. The spec is a valid one.
[[nodiscard]] std::vector<std::int64_t> initial_model(const schema::ModelSpec& spec,
                                                      const std::array<std::uint8_t, 32>& seed);

// Version 0 of a new task.
void register_initial(Execution& execution, const schema::TaskRecord& task);

struct NewVersion {
    std::uint64_t round{};
    Digest aggregate;
    std::uint32_t parent{};
    Bytes parameters;  // in blob form
};
// Writes the model's record and changes the task's versions; the caller stores the task.
[[nodiscard]] schema::ModelRecord register_version(Execution& execution, schema::TaskRecord& task,
                                                   NewVersion version);

// report_metrics
[[nodiscard]] schema::Code execute(Execution& execution, const Sender& sender,
                                   const Transaction& transaction);

// By vote of the council.
[[nodiscard]] schema::Code promote(Execution& execution, const schema::ModelReference& reference);
[[nodiscard]] schema::Code roll_back(Execution& execution, const schema::ModelReference& reference);

}  // namespace consilium::contracts::models
