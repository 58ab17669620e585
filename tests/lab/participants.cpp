// Implements local training of all sites and the attackers' forgeries.
#include "tests/lab/participants.hpp"

#include <algorithm>
#include <cmath>

#include "fl_engine/data/random_stream.hpp"
#include "fl_engine/reference/trainer.hpp"
#include "tests/lab/fast_training.hpp"

namespace consilium::lab {
namespace {

double length_of(std::span<const double> update) {
    double sum = 0;
    for (const double value : update) sum += value * value;
    return std::sqrt(sum);
}

// As the sender's encoding will clip it.
fl::RealUpdate clipped(fl::RealUpdate update, double clip) {
    const double length = length_of(update);
    if (length > clip) {
        for (double& value : update) value *= clip / length;
    }
    return update;
}

std::uint64_t seed_of_site(std::uint64_t seed, std::uint64_t owner) {
    return fl::derive_seed("hospital", {seed, owner});
}

}  // namespace

Participants::Participants(const Consortium& consortium, fl::Collusion attack,
                           std::vector<std::size_t> attackers, std::uint64_t seed)
    : consortium_(consortium), attackers_(std::move(attackers)), seed_(seed), conspiracy_(attack) {
    for (const std::size_t site : attackers_) {
        poisoned_.push_back(
            fl::poisoned_data(attack, consortium.sites.at(site), consortium.trigger));
    }
    for (const double value : consortium.reference.features) {
        reference_features_.push_back(std::llround(value / fl::kFixedPointUnit));
    }
}

bool Participants::is_attacker(std::size_t site) const {
    return std::binary_search(attackers_.begin(), attackers_.end(), site);
}

Result<fl::RealUpdate> Participants::train(const fl::Dataset& data, std::uint64_t owner,
                                           const RoundContext& context) const {
    const std::uint64_t seed =
        fl::training_seed(seed_of_site(seed_, owner), /*task=*/0, context.round);
    auto update = train_fast(consortium_.spec, context.model, data, consortium_.training, seed);
    if (!update) return update;
    return clipped(std::move(*update), fl::clip_to_double(context.encoding.clip));
}

Result<fl::IntegerUpdate> Participants::make_reference(const RoundContext& context) const {
    const fl::TrainingConfig& training = consortium_.training;
    return reference::train({.task = 0,
                             .round = context.round,
                             .layers = consortium_.spec.layers,
                             .model = context.model,
                             .epochs = training.epochs,
                             .batch_size = training.batch_size,
                             .learning_rate_micros = training.learning_rate_millionths,
                             .momentum_micros = training.momentum_millionths,
                             .weight_decay_micros = training.weight_decay_millionths,
                             .norm_bits = context.encoding.norm_bits,
                             .clip_norm = context.encoding.clip,
                             .features = reference_features_,
                             .labels = consortium_.reference.labels});
}

Result<std::vector<fl::IntegerUpdate>> Participants::make_updates(const RoundContext& context,
                                                                  const Preview& preview) {
    std::vector<fl::RealUpdate> honest;
    std::vector<fl::RealUpdate> own;
    for (std::size_t site = 0; site < consortium_.sites.size(); ++site) {
        const fl::Dataset& data =
            is_attacker(site) ? poisoned_[own.size()] : consortium_.sites[site];
        auto update = train(data, site, context);
        if (!update) return tl::unexpected(update.error());
        (is_attacker(site) ? own : honest).push_back(std::move(*update));
    }
    std::vector<double> change;
    if (!last_model_.empty()) {
        change = fl::to_doubles(context.model);
        const std::vector<double> before = fl::to_doubles(last_model_);
        for (std::size_t x = 0; x < change.size(); ++x) change[x] -= before[x];
    }
    last_model_.assign(context.model.begin(), context.model.end());

    const auto encode_all =
        [&](std::span<const fl::RealUpdate> forged) -> Result<std::vector<fl::IntegerUpdate>> {
        std::vector<fl::IntegerUpdate> updates;
        std::size_t attacker = 0;
        for (std::size_t site = 0; site < consortium_.sites.size(); ++site) {
            const fl::RealUpdate& update =
                is_attacker(site) ? forged[attacker] : honest[site - attacker];
            if (is_attacker(site)) ++attacker;
            auto encoded = fl::encode_update(update, context.encoding);
            if (!encoded) return tl::unexpected(encoded.error());
            updates.push_back(std::move(*encoded));
        }
        return updates;
    };
    if (own.empty()) return encode_all({});
    fl::CollusionView view{.round = context.round,
                           .rounds = consortium_.rounds,
                           .seed = seed_,
                           .honest = honest,
                           .own = own,
                           .last_change = change,
                           .weight_of = {}};
    if (preview) {
        view.weight_of = [&](std::span<const fl::RealUpdate> forged) {
            const auto updates = encode_all(forged);
            return updates ? preview(*updates) : 0;
        };
    }
    return encode_all(conspiracy_.forge(view));
}

Result<std::uint64_t> first_clip(const Consortium& consortium,
                                 std::span<const std::size_t> attackers,
                                 std::span<const std::int64_t> model, std::uint64_t seed) {
    std::vector<double> norms;
    for (std::size_t site = 0; site < consortium.sites.size(); ++site) {
        if (std::binary_search(attackers.begin(), attackers.end(), site)) continue;
        const auto update =
            train_fast(consortium.spec, model, consortium.sites[site], consortium.training,
                       fl::training_seed(seed_of_site(seed, site), /*task=*/0, /*round=*/0));
        if (!update) return tl::unexpected(update.error());
        norms.push_back(length_of(*update));
    }
    std::sort(norms.begin(), norms.end());
    return fl::clip_from_double(2 * norms[(norms.size() - 1) / 2]);
}

}  // namespace consilium::lab
