// One training: a consortium, an attack by some of its sites, a rule; what came of it.
//
// Plaintext, on the chain's integers: the same encoding, verdict and model update, without masks
// and dither (the dither of a sum moves a coordinate by a few units of B = 2^22). Thread-safe:
// everything is local.
#pragma once
#include <atomic>
#include <optional>
#include <vector>

#include "fl_engine/attacks/collusion.hpp"
#include "tests/lab/rules.hpp"
#include "tests/lab/setting.hpp"

namespace consilium::lab {

struct Trial {
    std::uint64_t seed = 0;
    std::vector<std::size_t> attackers;  // sites, ascending
    fl::Collusion attack = fl::Collusion::kNone;
    RuleKind rule{};
    std::uint32_t validators = 4;
    bool searches_trigger = false;  // in the finished model
};

struct Count {
    std::size_t hits = 0;
    std::size_t all = 0;
};

struct TrialResult {
    double auc = 0;  // of the test set; mean over the last three rounds, like the next two
    double balanced_accuracy = 0;
    double stamped_missed = 0;  // share of the stamped positive records called negative
    Count poisoned_rejected;    // attacking site-rounds
    Count honest_rejected;      // honest site-rounds, of all sites while nobody attacks
    std::size_t cancelled_rounds = 0;
    std::optional<double> trigger_excess;  // of search_trigger, when it was asked for
};

inline constexpr std::uint32_t kMeasuredRounds = 3;

// Which sites attack: with one attacker each site in turn as the seeds go on, else drawn by seed.
[[nodiscard]] std::vector<std::size_t> choose_attackers(const Setting& setting, std::uint64_t seed,
                                                        std::size_t turn);

// nullopt when `stop` became true on the way.
[[nodiscard]] Result<std::optional<TrialResult>> run_trial(const Consortium& consortium,
                                                           const Trial& trial,
                                                           const std::atomic<bool>& stop);

}  // namespace consilium::lab
