// Attacks by colluding clients that know all honest updates of the round before they send.
//
// The strongest attacker of the literature: it sees what honest clients will send, what was opened
// so far, and it can ask how the rule would weigh a forgery. For the laboratory and tests; the
// simple attacks of attacks.hpp need no such knowledge and also exist as a real adversary.
#pragma once
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "core/result.hpp"
#include "fl_engine/attacks/backdoor.hpp"
#include "fl_engine/data/dataset.hpp"

namespace consilium::fl {

using RealUpdate = std::vector<double>;  // real units, not encoded

enum class Collusion {
    kNone,             // honest
    kLabelFlip,        // trains on 1 - label
    kTargetedFlip,     // trains with every positive record labelled negative
    kSignFlip,         // -4 x own update (the sender's clip makes it -C)
    kScale,            // 10 x own update (likewise +C)
    kGaussian,         // noise of the honest median norm x 4
    kAlie,             // mean - z x deviation per coordinate (Baruch et al., 2019), z >= 1
    kIpm,              // -0.5 x mean (Xie et al., 2019)
    kIpmLarge,         // -4 x mean
    kMinMax,           // furthest along -mean within the honest diameter (Shejwalkar et al., 2021)
    kMinSum,           // likewise, sum of squared distances
    kBackdoor,         // trains on stamped records, own norm
    kBackdoorBoosted,  // its difference to the mean x 10: model replacement (Bagdasaryan et al.,
                       // 2020)
    kBackdoorBlended,  // pulled to the mean until within the honest radius: constrain and scale
    kSybil,            // one -mean of median norm from every attacker, almost equal
    kColluder,         // a validator's knowledge: the strongest step that the rule still weighs
    kDrift,            // own update plus one constant vector, opposite to the first mean
    kSleeper,          // honest for half of the rounds, then only the constant vector
    kCopycat,          // the last aggregate, for nothing
    kMimic,            // all attackers copy one honest client (Karimireddy et al., 2022)
    kZero,             // a zero update
};

[[nodiscard]] std::span<const Collusion> all_collusions();  // in the order above
[[nodiscard]] std::string_view to_string(Collusion attack);
[[nodiscard]] Result<Collusion> parse_collusion(std::string_view name);
// One line for help texts.
[[nodiscard]] std::string_view describe(Collusion attack);
[[nodiscard]] bool is_backdoor(Collusion attack);
// Sign flip, label flip, inner-product manipulation, sybils: what every defence must stop.
[[nodiscard]] bool is_loud(Collusion attack);
[[nodiscard]] bool is_attacking(Collusion attack, std::uint32_t round, std::uint32_t rounds);

// The attackers' training data under that attack.
[[nodiscard]] Dataset poisoned_data(Collusion attack, const Dataset& data, const Trigger& trigger);

// Weight of the attackers' updates as a share of the sum, 0..1, if they sent these.
using WeightOracle = std::function<double(std::span<const RealUpdate> forged)>;

struct CollusionView {
    std::uint32_t round = 0;  // from 0
    std::uint32_t rounds = 0;
    std::uint64_t seed = 0;
    std::span<const RealUpdate> honest;   // at least one, as their senders will clip them
    std::span<const RealUpdate> own;      // trained on poisoned_data(), one per attacker
    std::span<const double> last_change;  // of the model by the last round; empty in the first
    WeightOracle weight_of;               // empty: unknown, nothing is held back
};

// What the attackers send over the rounds of one training.
class Conspiracy {
  public:
    explicit Conspiracy(Collusion attack) : attack_(attack) {}
    // One update per attacker; rounds in order.
    [[nodiscard]] std::vector<RealUpdate> forge(const CollusionView& view);

  private:
    Collusion attack_;
    RealUpdate constant_;  // of kDrift and kSleeper, fixed in the first round
};

}  // namespace consilium::fl
