// Implements the colluding attacks.
#include "fl_engine/attacks/collusion.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "core/check.hpp"
#include "fl_engine/data/random_stream.hpp"
#include "fl_engine/data/text_number.hpp"

namespace consilium::fl {
namespace {

struct Entry {
    Collusion attack;
    std::string_view name;
    std::string_view description;
};

constexpr std::array kEntries = {
    Entry{Collusion::kNone, "none", "nobody attacks: counts false rejections"},
    Entry{Collusion::kLabelFlip, "label-flip", "trains on swapped labels"},
    Entry{Collusion::kTargetedFlip, "targeted-flip", "labels every positive record negative"},
    Entry{Collusion::kSignFlip, "sign-flip", "-4 x its own update"},
    Entry{Collusion::kScale, "scale", "10 x its own update"},
    Entry{Collusion::kGaussian, "gaussian", "noise of 4 x the honest median norm"},
    Entry{Collusion::kAlie, "alie", "mean - z deviations, hidden in the spread"},
    Entry{Collusion::kIpm, "ipm", "-0.5 x the honest mean"},
    Entry{Collusion::kIpmLarge, "ipm-large", "-4 x the honest mean"},
    Entry{Collusion::kMinMax, "min-max", "as far from the mean as honest updates are apart"},
    Entry{Collusion::kMinSum, "min-sum", "the same by the sum of squared distances"},
    Entry{Collusion::kBackdoor, "backdoor", "trains a trigger"},
    Entry{Collusion::kBackdoorBoosted, "backdoor-boosted", "its difference to the mean x 10"},
    Entry{Collusion::kBackdoorBlended, "backdoor-blended", "the same, drawn towards the mean"},
    Entry{Collusion::kSybil, "sybil", "many copies of one reversed mean"},
    Entry{Collusion::kColluder, "colluder",
          "knows all opened statistics and the rule: the most harm that is still weighed"},
    Entry{Collusion::kDrift, "drift", "adds one constant vector in every round"},
    Entry{Collusion::kSleeper, "sleeper", "honest for half of the rounds, then the constant"},
    Entry{Collusion::kCopycat, "copycat", "sends the last aggregate again"},
    Entry{Collusion::kMimic, "mimic", "all attackers copy one honest hospital"},
    Entry{Collusion::kZero, "zero", "a zero update"},
};

constexpr std::array kOrder = [] {
    std::array<Collusion, kEntries.size()> order{};
    for (std::size_t i = 0; i < order.size(); ++i) order[i] = kEntries[i].attack;
    return order;
}();

const Entry& entry_of(Collusion attack) {
    for (const Entry& entry : kEntries) {
        if (entry.attack == attack) return entry;
    }
    UNREACHABLE();
}

double squared_length(std::span<const double> vector) {
    double sum = 0;
    for (const double value : vector) sum += value * value;
    return sum;
}

double squared_distance(std::span<const double> a, std::span<const double> b) {
    double sum = 0;
    for (std::size_t x = 0; x < a.size(); ++x) sum += (a[x] - b[x]) * (a[x] - b[x]);
    return sum;
}

RealUpdate scaled(std::span<const double> vector, double factor) {
    RealUpdate out(vector.begin(), vector.end());
    for (double& value : out) value *= factor;
    return out;
}

// a + factor x b
RealUpdate added(std::span<const double> a, std::span<const double> b, double factor) {
    RealUpdate out(a.begin(), a.end());
    for (std::size_t x = 0; x < out.size(); ++x) out[x] += factor * b[x];
    return out;
}

RealUpdate mean_of(std::span<const RealUpdate> updates) {
    RealUpdate mean(updates.front().size());
    for (const RealUpdate& update : updates) {
        mean = added(mean, update, 1.0 / static_cast<double>(updates.size()));
    }
    return mean;
}

RealUpdate deviation_of(std::span<const RealUpdate> updates, std::span<const double> mean) {
    RealUpdate out(mean.size());
    for (const RealUpdate& update : updates) {
        for (std::size_t x = 0; x < out.size(); ++x) {
            out[x] += (update[x] - mean[x]) * (update[x] - mean[x]);
        }
    }
    for (double& value : out) value = std::sqrt(value / static_cast<double>(updates.size()));
    return out;
}

double median_norm(std::span<const RealUpdate> updates) {
    std::vector<double> norms;
    for (const RealUpdate& update : updates) norms.push_back(std::sqrt(squared_length(update)));
    std::sort(norms.begin(), norms.end());
    return norms[(norms.size() - 1) / 2];
}

RealUpdate with_norm(std::span<const double> vector, double norm) {
    const double length = std::sqrt(squared_length(vector));
    return scaled(vector, length > 0 ? norm / length : 0);
}

RealUpdate noise(std::size_t size, double norm, std::uint64_t seed) {
    RandomStream random(seed);
    RealUpdate out(size);
    for (double& value : out) value = random.normal();
    return with_norm(out, norm);
}

// Quantile of the standard normal by bisection; 0 < p < 1.
double normal_quantile(double p) {
    double low = -8;
    double high = 8;
    for (int i = 0; i < 60; ++i) {
        const double middle = (low + high) / 2;
        const double below = std::erfc(-middle / std::sqrt(2.0)) / 2;
        (below < p ? low : high) = middle;
    }
    return low;
}

// z of Baruch et al.: enough supporters believe the forgery; small consortia give 0, hence >= 1.
double alie_factor(std::size_t honest, std::size_t attackers) {
    const auto all = static_cast<double>(honest + attackers);
    const double supporters = std::floor(all / 2 + 1) - static_cast<double>(attackers);
    const double p = (static_cast<double>(honest) - supporters) / static_cast<double>(honest);
    return p > 0 && p < 1 ? std::max(1.0, normal_quantile(p)) : 1.0;
}

// The largest factor of [0, 64 norms] for which mean - factor x direction keeps `fits`.
template <typename Fits>
RealUpdate furthest(std::span<const double> mean, std::span<const double> direction, double reach,
                    const Fits& fits) {
    double low = 0;
    double high = 64 * reach;
    for (int i = 0; i < 40; ++i) {
        const double middle = (low + high) / 2;
        (fits(added(mean, direction, -middle)) ? low : high) = middle;
    }
    return added(mean, direction, -low);
}

double largest_distance(std::span<const RealUpdate> updates, std::span<const double> from) {
    double largest = 0;
    for (const RealUpdate& update : updates) {
        largest = std::max(largest, squared_distance(update, from));
    }
    return largest;
}

double sum_of_distances(std::span<const RealUpdate> updates, std::span<const double> from) {
    double sum = 0;
    for (const RealUpdate& update : updates) sum += squared_distance(update, from);
    return sum;
}

RealUpdate min_max(std::span<const RealUpdate> honest, bool is_sum) {
    const auto measure = is_sum ? sum_of_distances : largest_distance;
    double bound = 0;
    for (const RealUpdate& update : honest) bound = std::max(bound, measure(honest, update));
    const RealUpdate mean = mean_of(honest);
    return furthest(mean, with_norm(mean, 1), median_norm(honest),
                    [&](const RealUpdate& forged) { return measure(honest, forged) <= bound; });
}

// The mean moved towards `own` until it is as far as the median honest update is.
RealUpdate blended(std::span<const RealUpdate> honest, std::span<const double> own) {
    const RealUpdate mean = mean_of(honest);
    std::vector<double> radii;
    for (const RealUpdate& update : honest) radii.push_back(squared_distance(update, mean));
    std::sort(radii.begin(), radii.end());
    const double radius = std::sqrt(radii[(radii.size() - 1) / 2]);
    const double distance = std::sqrt(squared_distance(own, mean));
    return added(mean, added(own, mean, -1), distance > radius ? radius / distance : 1);
}

// Attackers alike up to 1 % noise, so that no two are the same vector.
std::vector<RealUpdate> copies(const RealUpdate& update, std::size_t count, std::uint64_t seed) {
    std::vector<RealUpdate> out;
    const double length = std::sqrt(squared_length(update));
    for (std::size_t i = 0; i < count; ++i) {
        out.push_back(
            added(update, noise(update.size(), 0.01 * length, derive_seed("sybil", {seed, i})), 1));
    }
    return out;
}

// Tries steps back along the mean, from harmless to reversed, and takes the one whose distance
// times weight is largest.
std::vector<RealUpdate> collude(const CollusionView& view) {
    static constexpr std::array kSteps = {0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0};
    const RealUpdate mean = mean_of(view.honest);
    const std::size_t count = view.own.size();
    std::vector<RealUpdate> best = copies(mean, count, view.seed);
    double most = 0;
    for (const double step : kSteps) {
        std::vector<RealUpdate> forged = copies(scaled(mean, 1 - step), count, view.seed);
        const double weight = view.weight_of ? view.weight_of(forged) : 1;
        if (step * weight <= most) continue;
        most = step * weight;
        best = std::move(forged);
    }
    return best;
}

// From one attacker's own update.
RealUpdate forge_alone(Collusion attack, const CollusionView& view, std::size_t attacker,
                       const RealUpdate& constant) {
    const RealUpdate& own = view.own[attacker];
    switch (attack) {
        case Collusion::kSignFlip:
            return scaled(own, -4);
        case Collusion::kScale:
            return scaled(own, 10);
        case Collusion::kBackdoorBoosted: {
            const RealUpdate mean = mean_of(view.honest);
            return added(mean, added(own, mean, -1), 10);
        }
        case Collusion::kGaussian:
            return noise(own.size(), 4 * median_norm(view.honest),
                         derive_seed("gaussian", {view.seed, view.round, attacker}));
        case Collusion::kBackdoorBlended:
            return blended(view.honest, own);
        case Collusion::kDrift:
            return added(own, constant, 1);
        case Collusion::kSleeper:
            return 2 * view.round < view.rounds ? own : constant;
        case Collusion::kZero:
            return RealUpdate(own.size());
        case Collusion::kNone:
        case Collusion::kLabelFlip:
        case Collusion::kTargetedFlip:
        case Collusion::kBackdoor:
        case Collusion::kCopycat:
            return own;  // only the training data differs, or nothing yet
        case Collusion::kAlie:
        case Collusion::kIpm:
        case Collusion::kIpmLarge:
        case Collusion::kMinMax:
        case Collusion::kMinSum:
        case Collusion::kSybil:
        case Collusion::kColluder:
        case Collusion::kMimic:
            break;  // forged together
    }
    UNREACHABLE();
}

}  // namespace

std::span<const Collusion> all_collusions() {
    return kOrder;
}

std::string_view to_string(Collusion attack) {
    return entry_of(attack).name;
}

std::string_view describe(Collusion attack) {
    return entry_of(attack).description;
}

Result<Collusion> parse_collusion(std::string_view name) {
    std::string known;
    for (const Entry& entry : kEntries) {
        if (entry.name == name) return entry.attack;
        known += (known.empty() ? "" : ", ") + std::string(entry.name);
    }
    return make_error(ErrorCode::kMalformed,
                      "attack " + quote(name) + " is not known; write all, or some of " + known);
}

bool is_backdoor(Collusion attack) {
    return attack == Collusion::kBackdoor || attack == Collusion::kBackdoorBoosted ||
           attack == Collusion::kBackdoorBlended;
}

bool is_loud(Collusion attack) {
    return attack == Collusion::kSignFlip || attack == Collusion::kLabelFlip ||
           attack == Collusion::kIpm || attack == Collusion::kIpmLarge ||
           attack == Collusion::kSybil;
}

bool is_attacking(Collusion attack, std::uint32_t round, std::uint32_t rounds) {
    if (attack == Collusion::kNone) return false;
    if (attack == Collusion::kCopycat) return round > 0;  // there is nothing to copy yet
    return attack != Collusion::kSleeper || 2 * round >= rounds;
}

Dataset poisoned_data(Collusion attack, const Dataset& data, const Trigger& trigger) {
    if (is_backdoor(attack)) return poison(data, trigger);
    Dataset out = data;
    if (attack == Collusion::kLabelFlip) {
        for (std::uint8_t& label : out.labels) label = label == 0 ? 1 : 0;
    } else if (attack == Collusion::kTargetedFlip) {
        std::fill(out.labels.begin(), out.labels.end(), std::uint8_t{0});
    }
    return out;
}

std::vector<RealUpdate> Conspiracy::forge(const CollusionView& view) {
    CHECK(!view.honest.empty());
    const std::size_t count = view.own.size();
    const RealUpdate mean = mean_of(view.honest);
    if (constant_.empty()) constant_ = with_norm(mean, -median_norm(view.honest));
    switch (attack_) {
        case Collusion::kAlie: {
            const double z = alie_factor(view.honest.size(), count);
            return copies(added(mean, deviation_of(view.honest, mean), -z), count, view.seed);
        }
        case Collusion::kIpm:
            return copies(scaled(mean, -0.5), count, view.seed);
        case Collusion::kIpmLarge:
            return copies(scaled(mean, -4), count, view.seed);
        case Collusion::kMinMax:
        case Collusion::kMinSum:
            return std::vector<RealUpdate>(count,
                                           min_max(view.honest, attack_ == Collusion::kMinSum));
        case Collusion::kSybil:
            return copies(with_norm(mean, -median_norm(view.honest)), count, view.seed);
        case Collusion::kColluder:
            return collude(view);
        case Collusion::kCopycat:
            if (view.last_change.empty()) break;
            return copies(RealUpdate(view.last_change.begin(), view.last_change.end()), count,
                          view.seed);
        case Collusion::kMimic:
            return std::vector<RealUpdate>(count, view.honest.front());
        case Collusion::kNone:
        case Collusion::kLabelFlip:
        case Collusion::kTargetedFlip:
        case Collusion::kSignFlip:
        case Collusion::kScale:
        case Collusion::kGaussian:
        case Collusion::kBackdoor:
        case Collusion::kBackdoorBoosted:
        case Collusion::kBackdoorBlended:
        case Collusion::kDrift:
        case Collusion::kSleeper:
        case Collusion::kZero:
            break;  // every attacker for itself
    }
    std::vector<RealUpdate> forged;
    for (std::size_t i = 0; i < count; ++i) {
        forged.push_back(forge_alone(attack_, view, i, constant_));
    }
    return forged;
}

}  // namespace consilium::fl
