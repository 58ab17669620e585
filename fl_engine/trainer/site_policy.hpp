// What a hospital lets its trainer take part in: a TOML file that the site owns.
//
//   format = "consilium-policy-1"
//   [data]
//   schemas = ["wdbc"]            # a task's data_schema must be one of these
//   minimum_rows = 50             # fewer rows are not trained on
//   [model]
//   kinds = ["logistic", "mlp"]
//   max_parameters = 100000
//   [privacy]
//   required = true               # no task without noise
//   min_noise_multiplier = 0.5    # sigma_c / B_0
//   min_delta_bits = 17           # delta at most 2^-17
//   epsilon_per_task = 8.0        # local level, everything counted
//   epsilon_overall = 20.0        # of all tasks together
//   report_metrics = false        # of tasks with noise: they are exact figures about patients
//
// Every key is optional; an absent one forbids nothing (report_metrics: false). A floor or budget
// under [privacy] makes noise required. Unknown keys and wrong types are errors, all told at once.
#pragma once
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "contracts/schema/mpc_records.hpp"
#include "contracts/schema/task.hpp"
#include "core/result.hpp"

namespace consilium::trainer {

struct SitePolicy {
    std::vector<std::string> schemas;  // empty: any
    std::uint64_t minimum_rows = 0;
    std::vector<schema::ModelKind> kinds;  // empty: any
    std::optional<std::uint64_t> max_parameters;
    bool is_noise_required = false;
    std::uint64_t min_noise_multiplier_micros = 0;
    std::uint8_t min_delta_bits = 0;
    std::optional<std::uint64_t> epsilon_per_task_micros;
    std::optional<std::uint64_t> epsilon_overall_micros;
    bool reports_metrics = false;
    friend bool operator==(const SitePolicy&, const SitePolicy&) = default;
};

inline constexpr std::size_t kMaxPolicyBytes = 1U << 16U;

// kMalformed: every problem of the text, one a line. `name` stands in messages.
[[nodiscard]] Result<SitePolicy> parse_site_policy(std::string_view toml, std::string_view name);
[[nodiscard]] Result<SitePolicy> load_site_policy(const std::filesystem::path& file);

// kRefused with the reason when the site's rows must not be trained on at all.
[[nodiscard]] Result<void> check_rows(const SitePolicy& policy, std::uint64_t rows);
// kRefused with the reason when the policy forbids the task or the round's terms; budgets are
// SiteGuard's part.
[[nodiscard]] Result<void> check_terms(const SitePolicy& policy, const schema::TaskSpec& task,
                                       const schema::RoundTerms& terms);

}  // namespace consilium::trainer
