// Turns a wished epsilon into a task's noise: the council's planning, done by the launcher.
#pragma once
#include <cstdint>
#include <string>

#include "contracts/schema/privacy.hpp"
#include "core/result.hpp"

namespace consilium::devnet {

inline constexpr std::uint8_t kPlannedDeltaBits = 17;  // delta = 2^-17, below 10^-5

struct PrivacyWish {
    std::uint64_t epsilon_micros = 0;  // local level, after all rounds
    std::uint32_t rounds = 1;
    std::uint64_t dimension = 1;
    std::uint8_t nu = 22;
    std::uint64_t real_clip = 0;  // norm to which hospitals clip, units of 2^-32
};
struct PrivacyPlan {
    schema::PrivacyTerms terms;
    std::uint64_t clip_norm = 0;       // C_r of every round, so that B_0 stands for the real clip
    std::uint64_t epsilon_micros = 0;  // what all rounds will cost, at most the wish
};
// The largest B_0 that leaves room for the noise below B = 2^nu. kRefused when the noise would
// leave no room for an update.
[[nodiscard]] Result<PrivacyPlan> plan_privacy(const PrivacyWish& wish);

// The policy file of a site that keeps to the plan: this data schema, this budget.
[[nodiscard]] std::string site_policy_text(const std::string& data_schema,
                                           std::uint64_t epsilon_micros);

}  // namespace consilium::devnet
