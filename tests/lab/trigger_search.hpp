// Search for a backdoor's trigger in a finished model: what each hospital, or the council, can do.
//
// The searcher holds the public model and the reference records, and does not know the trigger. It
// stamps its positive records with every candidate of a family and counts how many of those that
// the model finds it then misses, beyond what a model of its own, trained on its records alone,
// misses: a value far outside the data moves that one, too.
// After Wang et al., Neural Cleanse (IEEE S&P 2019), with a family of candidates in place of a
// gradient: with two classes there is no other class to compare with.
#pragma once
#include "tests/lab/setting.hpp"

namespace consilium::lab {

// Images: bright and dark patches of 3 x 3 at every place (an attacker's patch has 4 x 4). Tables:
// every three columns at four standard deviations above or below the mean.
[[nodiscard]] std::vector<fl::Trigger> trigger_candidates(const Consortium& consortium);

// From this excess on the search raises an alarm.
inline constexpr double kTriggerAlarm = 0.5;

struct TriggerFinding {
    double excess = 0;  // of the best candidate, -1..1
    fl::Trigger best;
};
// Errors are those of training the searcher's own model.
[[nodiscard]] Result<TriggerFinding> search_trigger(const Consortium& consortium,
                                                    std::span<const std::int64_t> model,
                                                    std::uint64_t seed);

}  // namespace consilium::lab
