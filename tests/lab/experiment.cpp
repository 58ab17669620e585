// Implements one training round after round.
#include "tests/lab/experiment.hpp"

#include <algorithm>
#include <numeric>

#include "fl_engine/data/random_stream.hpp"
#include "fl_engine/models/network.hpp"
#include "fl_engine/training/metrics.hpp"
#include "tests/lab/participants.hpp"
#include "tests/lab/trigger_search.hpp"

namespace consilium::lab {
namespace {

// Share of records called negative: the logit of class 1 is below 0.
double share_called_negative(const fl::ModelSpec& spec, std::span<const std::int64_t> model,
                             const fl::Dataset& data) {
    if (data.rows() == 0) return 0;
    fl::Network network(spec);
    const std::vector<double> logits = network.logits(fl::to_doubles(model), data);
    const auto missed =
        std::count_if(logits.begin(), logits.end(), [](double logit) { return logit < 0; });
    return static_cast<double>(missed) / static_cast<double>(data.rows());
}

class Training {
  public:
    Training(const Consortium& consortium, const Trial& trial)
        : consortium_(consortium),
          trial_(trial),
          participants_(consortium, trial.attack, trial.attackers, trial.seed),
          rule_({.kind = trial.rule,
                 .sites = static_cast<std::uint32_t>(consortium.sites.size()),
                 .attackers = static_cast<std::uint32_t>(trial.attackers.size()),
                 .validators = trial.validators,
                 .dimension = consortium.spec.parameter_count(),
                 .seed = trial.seed}),
          model_(fl::make_initial_model(consortium.spec, trial.seed)) {}

    Result<void> start() {
        const auto clip = first_clip(consortium_, trial_.attackers, model_, trial_.seed);
        if (!clip) return tl::unexpected(clip.error());
        encoding_.clip = *clip;
        return {};
    }

    Result<void> run_round(std::uint32_t round) {
        const RoundContext context{round, model_, encoding_};
        std::optional<fl::IntegerUpdate> reference;
        if (takes_reference(trial_.rule)) {
            auto update = participants_.make_reference(context);
            if (!update) return tl::unexpected(update.error());
            reference = std::move(*update);
        }
        RuleInput input{encoding_, {}, reference ? &*reference : nullptr};
        const auto updates = participants_.make_updates(
            context, [&](const auto& forged) { return weight_share(input, forged, round); });
        if (!updates) return tl::unexpected(updates.error());
        input.updates = *updates;
        auto decision = rule_.decide(input);
        if (!decision) return tl::unexpected(decision.error());
        if (trial_.rule == RuleKind::kOracle) leave_attackers_out(*updates, *decision);
        count(*decision, round);
        if (decision->is_cancelled) return {};
        const fl::IntegerUpdate sum = weighted_sum(*updates, decision->weights);
        auto model = fl::apply_aggregate(
            model_, sum,
            std::accumulate(decision->weights.begin(), decision->weights.end(), std::uint64_t{0}),
            encoding_);
        if (!model) return tl::unexpected(model.error());
        model_ = std::move(*model);
        encoding_.clip = decision->next_clip;
        return {};
    }

    void measure() {
        const fl::Metrics metrics = fl::evaluate(consortium_.spec, model_, consortium_.test);
        result_.auc += metrics.auc.value_or(0);
        result_.balanced_accuracy += metrics.balanced_accuracy.value_or(0);
        result_.stamped_missed +=
            share_called_negative(consortium_.spec, model_, consortium_.stamped);
        ++measured_;
    }

    Result<void> search() {
        const auto finding = search_trigger(consortium_, model_, trial_.seed);
        if (!finding) return tl::unexpected(finding.error());
        result_.trigger_excess = finding->excess;
        return {};
    }

    [[nodiscard]] TrialResult result() const {
        TrialResult out = result_;
        const double share = 1.0 / static_cast<double>(std::max<std::size_t>(measured_, 1));
        out.auc *= share;
        out.balanced_accuracy *= share;
        out.stamped_missed *= share;
        return out;
    }

  private:
    // What the colluding validator computes for its client: the rule's answer to a forgery.
    double weight_share(RuleInput input, std::span<const fl::IntegerUpdate> updates,
                        std::uint32_t round) const {
        Rule copy = rule_;
        copy.draw_other_blur(fl::derive_seed("guess", {trial_.seed, round}));
        input.updates = updates;
        const auto decision = copy.decide(input);
        if (!decision || decision->is_cancelled) return 0;
        std::uint64_t all = 0;
        std::uint64_t forged = 0;
        for (std::size_t site = 0; site < updates.size(); ++site) {
            all += decision->weights[site];
            if (participants_.is_attacker(site)) forged += decision->weights[site];
        }
        return all == 0 ? 0 : static_cast<double>(forged) / static_cast<double>(all);
    }

    void leave_attackers_out(std::span<const fl::IntegerUpdate> updates, Decision& decision) {
        std::vector<Uint128> norms;
        for (std::size_t site = 0; site < updates.size(); ++site) {
            if (participants_.is_attacker(site)) {
                decision.weights[site] = 0;
            } else {
                norms.push_back(fl::norm_squared(updates[site]));
            }
        }
        decision.next_clip = fl::next_clip(norms, model_.size(), encoding_, {});
    }

    void count(const Decision& decision, std::uint32_t round) {
        if (decision.is_cancelled) ++result_.cancelled_rounds;
        const bool is_attack = fl::is_attacking(trial_.attack, round, consortium_.rounds);
        for (std::size_t site = 0; site < decision.rejected.size(); ++site) {
            const bool is_poisoned = is_attack && participants_.is_attacker(site);
            // An attacker that sleeps is neither poisoned nor honest.
            if (!is_poisoned && participants_.is_attacker(site) &&
                trial_.attack != fl::Collusion::kNone) {
                continue;
            }
            Count& counted = is_poisoned ? result_.poisoned_rejected : result_.honest_rejected;
            ++counted.all;
            if (decision.rejected[site]) ++counted.hits;
        }
    }

    static fl::IntegerUpdate weighted_sum(std::span<const fl::IntegerUpdate> updates,
                                          std::span<const std::uint64_t> weights) {
        fl::IntegerUpdate sum(updates.front().size());
        for (std::size_t site = 0; site < updates.size(); ++site) {
            const auto weight = static_cast<std::int64_t>(weights[site]);
            if (weight == 0) continue;
            for (std::size_t x = 0; x < sum.size(); ++x) sum[x] += weight * updates[site][x];
        }
        return sum;
    }

    const Consortium& consortium_;
    const Trial& trial_;
    Participants participants_;
    Rule rule_;
    fl::IntegerModel model_;
    fl::EncodingParameters encoding_;
    TrialResult result_;
    std::size_t measured_ = 0;
};

}  // namespace

std::vector<std::size_t> choose_attackers(const Setting& setting, std::uint64_t seed,
                                          std::size_t turn) {
    if (setting.attackers == 1) return {turn % setting.sites};
    std::vector<std::size_t> order(setting.sites);
    std::iota(order.begin(), order.end(), std::size_t{0});
    fl::RandomStream random(fl::derive_seed("attackers", {seed}));
    random.shuffle(order);
    order.resize(setting.attackers);
    std::sort(order.begin(), order.end());
    return order;
}

Result<std::optional<TrialResult>> run_trial(const Consortium& consortium, const Trial& trial,
                                             const std::atomic<bool>& stop) {
    Training training(consortium, trial);
    if (const Result<void> status = training.start(); !status) {
        return tl::unexpected(status.error());
    }
    for (std::uint32_t round = 0; round < consortium.rounds; ++round) {
        if (stop.load()) return std::nullopt;
        if (const Result<void> status = training.run_round(round); !status) {
            return tl::unexpected(status.error());
        }
        if (round + kMeasuredRounds >= consortium.rounds) training.measure();
    }
    if (trial.searches_trigger) {
        if (const Result<void> status = training.search(); !status) {
            return tl::unexpected(status.error());
        }
    }
    return training.result();
}

}  // namespace consilium::lab
