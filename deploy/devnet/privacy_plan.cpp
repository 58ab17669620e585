// Solves the validity rule of a task for clip and noise.
#include "deploy/devnet/privacy_plan.hpp"

#include <cmath>
#include <cstdio>

#include "fl_engine/models/fixed_point.hpp"

namespace consilium::devnet {
namespace {

constexpr double kRhoUnit = 1.0 / 1'099'511'627'776.0;  // 2^-40

tl::unexpected<Error> refuse(const PrivacyWish& wish, const std::string& why) {
    char epsilon[32];
    std::snprintf(epsilon, sizeof epsilon, "%g", static_cast<double>(wish.epsilon_micros) / 1e6);
    return make_error(ErrorCode::kRefused, std::string("--privacy ") + epsilon + ": " + why);
}

}  // namespace

Result<PrivacyPlan> plan_privacy(const PrivacyWish& wish) {
    const schema::Rho total = schema::rho_within(wish.epsilon_micros, kPlannedDeltaBits);
    const schema::Rho of_round = total / wish.rounds;
    if (of_round == 0) return refuse(wish, "so little does not pay for a round");
    const double multiplier = 1 / std::sqrt(2 * static_cast<double>(of_round) * kRhoUnit);
    const std::uint64_t root = fl::ceil_sqrt(wish.dimension);
    const double room = std::max(1.2 * static_cast<double>(root), static_cast<double>(root) + 9);
    const double bound = std::exp2(wish.nu);
    PrivacyPlan plan;
    plan.terms.delta_bits = kPlannedDeltaBits;
    plan.terms.clip = static_cast<std::uint32_t>(bound / (1 + multiplier * room));
    if (plan.terms.clip < 2 * root) return refuse(wish, "the noise leaves no room for an update");
    plan.terms.noise = static_cast<std::uint32_t>(std::ceil(multiplier * plan.terms.clip));
    // Rounding may have left a unit too few or too many.
    while (schema::local_rho(plan.terms) > of_round) ++plan.terms.noise;
    while (plan.terms.clip > 0 &&
           schema::noised_norm_bound(plan.terms, wish.dimension) > std::uint64_t{1} << wish.nu) {
        --plan.terms.clip;
    }
    if (const char* fault = find_fault(plan.terms, wish.dimension, wish.nu)) {
        return refuse(wish, fault);
    }
    const double scale = bound - static_cast<double>(root);
    const double clip =
        static_cast<double>(wish.real_clip) * scale / static_cast<double>(plan.terms.clip - root);
    if (!(clip >= 1 && clip < static_cast<double>(fl::kMaxClip))) {
        return refuse(wish, "the clip norm of the rounds would be out of range");
    }
    plan.clip_norm = static_cast<std::uint64_t>(clip);
    plan.epsilon_micros =
        schema::epsilon_micros(wish.rounds * schema::local_rho(plan.terms), kPlannedDeltaBits);
    return plan;
}

std::string site_policy_text(const std::string& data_schema, std::uint64_t epsilon_micros) {
    constexpr std::uint64_t kMillion = 1'000'000;
    char epsilon[48];
    std::snprintf(epsilon, sizeof epsilon, "%llu.%06llu",
                  static_cast<unsigned long long>(epsilon_micros / kMillion),
                  static_cast<unsigned long long>(epsilon_micros % kMillion));
    return "# What this site's trainer takes part in; keys: fl_engine/trainer/site_policy.hpp.\n"
           "format = \"consilium-policy-1\"\n\n[data]\nschemas = [\"" +
           data_schema + "\"]\n\n[privacy]\nrequired = true\nmin_delta_bits = " +
           std::to_string(kPlannedDeltaBits) + "\nepsilon_per_task = " + epsilon + "\n";
}

}  // namespace consilium::devnet
