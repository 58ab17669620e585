// Checks of the preparation and the coins: who is excluded, what is revealed, which seeds open.
#include <bit>

#include "contracts/schema/keys.hpp"
#include "fl_engine/smpc/coin.hpp"
#include "fl_engine/smpc/opening.hpp"
#include "tests/simulation/mpc/protocol_checks.hpp"
#include "tests/simulation/mpc/records.hpp"

namespace consilium::simulation {
namespace {

namespace action = schema::action;
namespace keys = schema::keys;
using schema::BatchState;
using schema::CoinKind;

[[nodiscard]] std::string text_of(const schema::BatchLabel& label) {
    return "batch " + std::to_string(label.mpc_epoch) + "/" + std::to_string(label.batch);
}

[[nodiscard]] schema::RoundLabel label_of(const schema::BatchLabel& label) {
    schema::RoundLabel of_batch;
    of_batch.mpc_epoch = label.mpc_epoch;
    of_batch.batch = label.batch;
    return of_batch;
}

[[nodiscard]] Bytes seed_label(CoinKind kind, const schema::RoundLabel& label) {
    if (kind == CoinKind::kChi) return smpc::chi_label(label.mpc_epoch, label.batch);
    const auto coin = kind == CoinKind::kRange ? smpc::RoundCoin::kRange : smpc::RoundCoin::kTest;
    return smpc::round_coin_label(
        {coin, label.mpc_epoch, label.round, std::uint64_t{label.attempt}});
}

}  // namespace

schema::EpochRecord ProtocolChecks::epoch_of(std::uint64_t mpc_epoch) const {
    return *read_record<schema::EpochRecord>(reference_.state(), keys::epoch(mpc_epoch));
}

void ProtocolChecks::note_coin_share(const PublicKey& key, const mpc::Outgoing& outgoing) {
    const auto share = decode<schema::CoinShare>(outgoing.arguments).value();
    const auto member = epoch_of(share.label.mpc_epoch).find_member(key);
    if (member) coin_shares_[keys::coin({share.kind, share.label})][*member] = share.values;
}

// Invariant I of the preparation, on what leaves an honest worker.
void ProtocolChecks::note_reveal(const mpc::Outgoing& outgoing) {
    const auto label = decode<schema::PrepReveal>(outgoing.arguments).value().label;
    revealed_.insert({label.mpc_epoch, label.batch});
    if (certified_.contains({label.mpc_epoch, label.batch})) {
        fail_("M11: keys of " + text_of(label) + ", which was certified, are revealed");
    }
}

// A replica may be ahead of the record: whoever comes first counts.
void ProtocolChecks::check_seed(CoinKind kind, const schema::RoundLabel& label,
                                const Digest& seed) {
    const auto known = seeds_.emplace(keys::coin({kind, label}), seed).first;
    if (known->second != seed) {
        fail_("M12: two seeds of " + std::string(schema::to_string(kind)));
    }
}

void ProtocolChecks::check_seeds(const StateReader& state) {
    if (const auto round = current_round(state)) {
        if (round->range_seed) check_seed(CoinKind::kRange, round->label, *round->range_seed);
        if (round->test_seed) check_seed(CoinKind::kTest, round->label, *round->test_seed);
    }
    const auto epoch = current_epoch(state);
    if (!epoch) return;
    for (const std::uint64_t batch : epoch->live_batches) {
        const auto label = label_of({epoch->mpc_epoch, batch});
        const auto coin =
            read_record<schema::CoinRecord>(state, keys::coin({CoinKind::kChi, label}));
        if (coin && coin->seed) check_seed(CoinKind::kChi, label, *coin->seed);
    }
}

// Any t + 1 shares of honest workers give the seed.
void ProtocolChecks::check(const schema::SeedOpened& opened) {
    ++counts_.seeds;
    const Bytes coin = keys::coin({opened.kind, opened.label});
    const std::string name = std::string(schema::to_string(opened.kind));
    check_seed(opened.kind, opened.label, opened.seed);
    const smpc::Committee committee = committee_of(epoch_of(opened.label.mpc_epoch));
    std::vector<smpc::PostedShare> shares;
    for (const auto& [member, values] : coin_shares_[coin]) shares.push_back({member, values});
    if (shares.size() < committee.t() + 1) {
        return fail_("M12: " + name + " was opened without t + 1 honest members");
    }
    const auto base = std::span(shares).first(committee.t() + 1);
    for (const smpc::PostedShare& share : std::span(shares).subspan(committee.t() + 1)) {
        if (smpc::check_late_share(base, share)) fail_("M12: honest shares of " + name + " differ");
    }
    const auto values = smpc::interpolate_vector(base, 0);
    if (smpc::coin_seed(seed_label(opened.kind, opened.label), values) != opened.seed) {
        fail_("M12: the seed of " + name + " is not that of the honest shares");
    }
    coin_shares_.erase(coin);
}

void ProtocolChecks::check(const schema::ExclusionRecord& liar) {
    ++counts_.excluded;
    const auto epoch = epoch_of(liar.label.mpc_epoch);
    const PublicKey& key = epoch.members.at(liar.member - 1U);
    const auto label = label_of(liar.label);
    if (!has_told(key, action::kPrepShare, label)) {
        fail_("M5: EXCLUDE names member " + std::to_string(liar.member) + " for " +
              text_of(liar.label) + ", whose share was right");
    }
    const auto excluded = static_cast<std::size_t>(std::popcount(epoch.excluded));
    if (excluded > committee_of(epoch).t()) fail_("M5: more than t members are excluded");
}

void ProtocolChecks::check_calm(std::uint64_t view_changes) {
    const auto expect_none = [this](std::uint64_t count, const std::string& what) {
        if (count > 0)
            fail_("M14: in a calm run: " + what + ", " + std::to_string(count) + " times");
    };
    expect_none(counts_.absent, "a member counts as absent");
    expect_none(counts_.sacrifices, "a batch lacks somebody's share");
    expect_none(counts_.faults, "a member is named");
    expect_none(counts_.disputes + counts_.excluded, "a batch is disputed");
    expect_none(view_changes, "a view changes");
}

void ProtocolChecks::check(const schema::BatchStateChanged& change) {
    const std::pair<std::uint64_t, std::uint64_t> id{change.label.mpc_epoch, change.label.batch};
    const auto label = label_of(change.label);
    switch (change.state) {
        case BatchState::kCertified:
            certified_.insert(id);
            // Also of an excluded member: what it shares must have been found before.
            if (has_unnamed(action::kPrepShare, label, true)) {
                fail_("M6: " + text_of(change.label) + " is certified with a wrong share");
            }
            check_named(action::kPrepWeights, label);
            check_named(action::kPrepCheck, label);
            check_named(action::kCoinShare, label);
            break;
        case BatchState::kSacrifice:
            ++counts_.sacrifices;
            break;
        case BatchState::kDisputed:
            ++counts_.disputes;
            if (certified_.contains(id)) {
                fail_("M11: " + text_of(change.label) + " is disputed after it was certified");
            }
            break;
        case BatchState::kBurned:
            ++counts_.burned;
            check_named(action::kPrepShare, label);
            check_named(action::kPrepWeights, label);
            check_named(action::kPrepCheck, label);
            check_named(action::kCoinShare, label);
            check_named(action::kPrepReveal, label);
            break;
        case BatchState::kPosting:
        case BatchState::kAssigned:
        case BatchState::kConsumed:
        case BatchState::kVoid:
            break;
    }
    const bool is_serving =
        change.state == BatchState::kCertified || change.state == BatchState::kAssigned;
    if (is_serving && revealed_.contains(id)) {
        fail_("M11: " + text_of(change.label) + " serves although it was revealed");
    }
}

}  // namespace consilium::simulation
