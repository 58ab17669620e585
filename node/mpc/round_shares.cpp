// Shares of coins, of statistics and of the weighted sum.
#include "node/mpc/round_shares.hpp"

#include <algorithm>

#include "contracts/schema/arguments.hpp"
#include "fl_engine/smpc/aggregate.hpp"
#include "fl_engine/smpc/encoding.hpp"
#include "fl_engine/smpc/stored_share.hpp"
#include "node/mpc/coin_shares.hpp"
#include "node/mpc/range_shares.hpp"
#include "node/mpc/release_log.hpp"

namespace consilium::mpc {
namespace {

using schema::Phase;
using schema::RoundRecord;
namespace action = schema::action;

std::vector<std::uint32_t> slots_of(schema::SlotSet set) {
    std::vector<std::uint32_t> slots;
    for (std::uint32_t slot = 1; slot <= schema::kMaxClients; ++slot) {
        if ((set & schema::slot_bit(slot)) != 0) slots.push_back(slot);
    }
    return slots;
}

Outgoing make_outgoing(const RoundRecord& round, const char* step, std::uint16_t action,
                       Bytes arguments) {
    return {.label = "round-" + std::to_string(round.label.round) + "-" +
                     std::to_string(round.label.attempt) + "/" + step,
            .module = static_cast<std::uint16_t>(schema::Module::kVerification),
            .action = action,
            .arguments = std::move(arguments),
            .blobs = {}};
}

// The members whose AGG comes first.
std::vector<smpc::MemberIndex> first_posters_of(const Context& context) {
    std::vector<smpc::MemberIndex> excluded;
    for (std::uint16_t member = 1; member <= context.epoch.members.size(); ++member) {
        if (context.epoch.is_excluded(member)) excluded.push_back(member);
    }
    auto first = smpc::first_posters(context.committee, excluded);
    CHECK(first.has_value());
    return std::move(*first);
}
bool is_first_poster(const Context& context) {
    const auto first = first_posters_of(context);
    return std::find(first.begin(), first.end(), context.self) != first.end();
}

// The coin whose shares the phase collects.
std::optional<schema::CoinKind> coin_of(Phase phase) {
    if (phase == Phase::kCoinRange) return schema::CoinKind::kRange;
    if (phase == Phase::kCoinTest) return schema::CoinKind::kTest;
    return std::nullopt;
}

// Whether the current phase still lacks something of ours.
bool is_owed(const Context& context, const RoundRecord& round) {
    switch (round.phase) {
        case Phase::kCoinRange:
        case Phase::kCoinTest:
            return is_coin_share_owed(context, {*coin_of(round.phase), round.label});
        case Phase::kStat1:
            return !context.is_mine(round.stat1_posters);
        case Phase::kStat2:
            return !context.is_mine(round.stat2_posters);
        case Phase::kAggregate: {
            if (context.is_mine(round.aggregate_posters)) return false;
            return round.is_aggregate_fallback || is_first_poster(context) ||
                   !context.is_mine(round.aggregate_oks);
        }
        case Phase::kSubmitting:
        case Phase::kRanging:
        case Phase::kResult:
        case Phase::kAborted:
        case Phase::kCancelled:
            return false;
    }
    UNREACHABLE();
}

// R8: with fewer clients of weight the contract cancels, and no state makes a member add up less.
bool may_add_up(const Context& context, const RoundRecord& round) {
    const auto& weights = round.reduced_weights;
    const auto weighted = static_cast<std::size_t>(
        std::count_if(weights.begin(), weights.end(), [](auto weight) { return weight != 0; }));
    if (weighted >= schema::min_accepted(round.terms.malicious_max)) return true;
    context.refuse("a sum of " + std::to_string(weighted) + " updates is not opened");
    return false;
}

// The first posters' vectors; empty while one is not posted or not here.
using FirstShares = std::vector<std::pair<smpc::MemberIndex, std::unique_ptr<smpc::StoredShare>>>;
FirstShares open_first(const Context& context, const RoundRecord& round) {
    FirstShares shares;
    for (const smpc::MemberIndex member : first_posters_of(context)) {
        const auto record = context.find<schema::AggregateShareRecord>(
            schema::keys::aggregate(round.label.round, static_cast<std::uint16_t>(member)));
        if (!record) return {};
        const Digest& hash = record->share.sha256;
        auto blob = context.blobs.open(hash);
        if (!blob || (*blob)->size_bytes() != round.terms.dimension * sizeof(smpc::Element)) {
            return {};
        }
        shares.emplace_back(member, std::make_unique<smpc::StoredShare>(hash, std::move(*blob)));
    }
    return shares;
}

// Whether both streams give the same elements.
bool is_equal(smpc::AggregateStream& own, smpc::InterpolationStream& expected) {
    smpc::SecretElements buffer(smpc::kShareTile);
    for (auto tile = expected.next(); !tile.empty(); tile = expected.next()) {
        const auto part = std::span(buffer).first(tile.size());
        own.next(part);
        if (!std::equal(part.begin(), part.end(), tile.begin())) return false;
    }
    return true;
}

}  // namespace

bool RoundShares::fetch_reference(const Context& context, const RoundRecord& round) {
    if (!round.reference || !reference_.empty()) return true;
    const auto blob = context.blobs.get(round.reference->sha256);
    if (!blob) return false;  // a quorum held it when its REF became final: it is being fetched
    const auto update = smpc::decode_integers(*blob, round.terms.dimension);
    const auto norm = update ? smpc::squared_norm(*update) : std::nullopt;
    if (!norm || *norm != round.reference->squared_norm) {
        context.refuse("the agreed reference update has not the agreed norm");
        return false;
    }
    for (const std::int64_t value : *update) {
        reference_.push_back(smpc::Field61::from_signed(value));
    }
    return true;
}

Result<bool> RoundShares::prepare(const Context& context, const RoundRecord& round) {
    const schema::BatchLabel batch{round.label.mpc_epoch, round.label.batch};
    if (!(label_ == round.label) || !batch_) {
        *this = RoundShares();
        const auto record = context.find<schema::BatchRecord>(schema::keys::batch(batch));
        const bool is_assigned = record && record->state == schema::BatchState::kAssigned &&
                                 record->round == round.label.round;
        auto keys = BatchKeys::load(context, round.label.batch);
        if (!keys) return tl::unexpected(keys.error());
        if (!is_assigned || !*keys || (*keys)->dimension != round.terms.dimension) {
            context.refuse("no keys of the round's batch; silent in this round");
            return false;
        }
        if ((*keys)->products.empty()) return false;  // P1 goes on in the background
        auto is_claimed = claim_for_round(context, round.label.batch, **keys);
        if (!is_claimed) return tl::unexpected(is_claimed.error());
        if (!*is_claimed) return false;
        label_ = round.label;
        batch_ = std::move(**keys);
        delta_ = record->delta;
    }
    if (!fetch_reference(context, round)) return false;
    for (const std::uint32_t slot : slots_of(round.ranged)) {
        if (shares_.contains(slot)) continue;
        const auto pledge = context.find<schema::PledgeRecord>(
            schema::keys::pledge(batch, static_cast<std::uint16_t>(slot)));
        if (!pledge) return false;
        const auto blob = context.blobs.get(pledge->update.sha256);
        if (!blob) return false;  // certified, hence held by others: it is being fetched
        auto share = batch_->update_share(context, slot, *blob);
        if (!share) return false;
        shares_.emplace(slot, std::move(*share));
    }
    return true;
}

std::optional<Outgoing> RoundShares::make_statistics(const Context& context, const EpochKeys& keys,
                                                     const RoundRecord& round) {
    const smpc::BatchItems items(static_cast<std::uint32_t>(context.epoch.clients.size()));
    const HeldPrep prep(context, *batch_, items);
    const smpc::StatShares statistics(context.kdf, context.committee, items,
                                      {.self = context.self,
                                       .blur_bits = round.terms.blur_bits,
                                       .products = batch_->products,
                                       .delta = delta_,
                                       .rho = prep.shares().rho,
                                       .blur_ring = keys.blur});
    const bool is_first = round.phase == Phase::kStat1;
    std::vector<smpc::ClientShare> clients;
    for (const std::uint32_t slot : slots_of(is_first ? round.ranged : round.passed)) {
        clients.push_back({slot, shares_.at(slot)});
    }
    schema::StatShare arguments{round.label, {}};
    if (is_first) {
        if (!ranges_) ranges_ = evaluate_ranges(context, *batch_, round, clients);
        if (!ranges_) return std::nullopt;
        arguments.values = statistics.stat1(clients, *ranges_, reference_);
    } else if (round.terms.mode == schema::Mode::kPairwise) {
        arguments.values = statistics.stat2_pairwise(clients);
    } else {
        arguments.values = statistics.stat2_sum(clients, round.clip_weights);
    }
    return make_outgoing(round, is_first ? "stat1" : "stat2",
                         is_first ? action::kStat1 : action::kStat2, encode(arguments));
}

smpc::AggregateStream RoundShares::open_aggregate(const Context& context, const EpochKeys& keys,
                                                  const RoundRecord& round) const {
    smpc::AggregateTerms terms;
    const auto passed = slots_of(round.passed);
    CHECK(passed.size() == round.reduced_weights.size());
    for (std::size_t i = 0; i < passed.size(); ++i) {
        if (round.reduced_weights[i] == 0) continue;
        terms.shares.emplace_back(shares_.at(passed[i]));
        terms.weights.push_back(round.reduced_weights[i]);
    }
    return {context.kdf, context.committee, context.self, keys.blur, terms};
}

Outgoing RoundShares::make_own_aggregate(const Context& context, const EpochKeys& keys,
                                         const RoundRecord& round) const {
    smpc::AggregateStream stream = open_aggregate(context, keys, round);
    Bytes blob;
    blob.reserve(stream.length() * sizeof(smpc::Element));
    smpc::SecretElements tile(smpc::kTileElements);
    for (std::size_t left = stream.length(); left != 0;) {
        const auto part = std::span(tile).first(std::min(tile.size(), left));
        stream.next(part);
        const Bytes words = smpc::encode_words(part);
        blob.insert(blob.end(), words.begin(), words.end());
        left -= part.size();
    }
    const schema::Aggregate arguments{round.label, {sha256(blob), blob.size()}};
    Outgoing outgoing = make_outgoing(round, "aggregate", action::kAggregate, encode(arguments));
    outgoing.blobs.push_back(std::move(blob));
    return outgoing;
}

std::optional<bool> RoundShares::compare_first(const Context& context, const EpochKeys& keys,
                                               const RoundRecord& round) {
    if (own_aggregate_) return false;
    if (matching_sum_) return true;
    const FirstShares shares = open_first(context, round);
    if (shares.empty()) return std::nullopt;
    std::vector<smpc::PostedShare> first;
    for (const auto& [member, share] : shares) {
        first.push_back({member, smpc::ShareValues(*share)});
    }
    smpc::AggregateStream own = open_aggregate(context, keys, round);
    smpc::InterpolationStream expected(first, context.self);
    const bool is_match = is_equal(own, expected);
    const Digest sum = is_match ? smpc::interpolated_digest(first) : Digest{};
    for (const smpc::PostedShare& share : first) {
        if (share.values.has_failed()) return std::nullopt;  // the next step tries again
    }
    if (is_match) matching_sum_ = sum;
    return is_match;
}

std::optional<Outgoing> RoundShares::make_aggregate(const Context& context, const EpochKeys& keys,
                                                    const RoundRecord& round) {
    if (!may_add_up(context, round)) return std::nullopt;
    if (!round.is_aggregate_fallback && !is_first_poster(context)) {
        const auto is_match = compare_first(context, keys, round);
        if (!is_match) return std::nullopt;
        if (*is_match) {
            shares_.clear();
            const schema::AggregateOk arguments{round.label, *matching_sum_};
            return make_outgoing(round, "aggregate-ok", action::kAggregateOk, encode(arguments));
        }
        // A first share is wrong: ours calls for everybody's.
    }
    if (!own_aggregate_) own_aggregate_ = make_own_aggregate(context, keys, round);
    shares_.clear();
    return own_aggregate_;
}

bool RoundShares::is_aggregate_ready(const Context& context, const RoundRecord& round) const {
    if (round.phase != Phase::kAggregate || !(label_ == round.label)) return false;
    if (own_aggregate_) return true;
    return matching_sum_ && !round.is_aggregate_fallback && !is_first_poster(context);
}

std::optional<Outgoing> RoundShares::make_share(const Context& context, const EpochKeys& keys,
                                                const RoundRecord& round) {
    return round.phase == Phase::kAggregate ? make_aggregate(context, keys, round)
                                            : make_statistics(context, keys, round);
}

Result<void> RoundShares::step(const Context& context, const EpochKeys& keys) {
    const auto rounds = context.find<schema::RoundsRecord>(schema::keys::rounds());
    const auto round = rounds && rounds->current
                           ? context.find<RoundRecord>(schema::keys::round(*rounds->current))
                           : std::nullopt;
    const int order = round ? schema::phase_order(round->phase) : 0;
    const bool is_open = round && round->label.mpc_epoch == context.epoch.mpc_epoch &&
                         order >= schema::phase_order(Phase::kCoinRange) &&
                         order <= schema::phase_order(Phase::kAggregate);
    if (!is_open) {
        *this = RoundShares();  // shares of a finished round are erased
        return {};
    }
    const bool is_silenced = context.epoch.is_excluded(static_cast<std::uint16_t>(context.self)) ||
                             context.epoch.is_halted;
    if (is_silenced || !is_owed(context, *round)) return {};
    if (!keys.are_at(context.epoch, round->label.round)) {
        context.refuse("the round keys are not at round " + std::to_string(round->label.round));
        return {};
    }
    if (const auto coin = coin_of(round->phase)) {
        context.owed.push_back(make_round_coin_share(context, keys, *coin, round->label));
        return {};
    }
    if (!is_aggregate_ready(context, *round)) {
        auto is_prepared = prepare(context, *round);
        if (!is_prepared) return tl::unexpected(is_prepared.error());
        if (!*is_prepared) return {};
    }
    std::optional<Outgoing> outgoing = make_share(context, keys, *round);
    if (!outgoing) return {};
    auto is_admitted = may_release(context, round->label.round, *outgoing);
    if (!is_admitted) return tl::unexpected(is_admitted.error());
    if (*is_admitted) context.owed.push_back(std::move(*outgoing));
    return {};
}

}  // namespace consilium::mpc
