// Shares of statistics and of the weighted sum.
#include "node/mpc/round_shares.hpp"

#include <algorithm>

#include "contracts/schema/arguments.hpp"
#include "fl_engine/smpc/aggregate.hpp"
#include "fl_engine/smpc/statistics.hpp"

namespace consilium::mpc {
namespace {

using schema::Phase;
using schema::RoundRecord;
namespace action = schema::action;

constexpr auto kModule = static_cast<std::uint16_t>(schema::Module::kVerification);

std::vector<std::uint32_t> slots_of(schema::SlotSet set) {
    std::vector<std::uint32_t> slots;
    for (std::uint32_t slot = 1; slot <= schema::kMaxClients; ++slot) {
        if ((set & schema::slot_bit(slot)) != 0) slots.push_back(slot);
    }
    return slots;
}

std::string label_of(const RoundRecord& round, const char* step) {
    return "round-" + std::to_string(round.label.round) + "-" +
           std::to_string(round.label.attempt) + "/" + step;
}

}  // namespace

// True when keys, delta and every submitted update are at hand and the shares are computed.
Result<bool> RoundShares::prepare(const Context& context, const RoundRecord& round) {
    if (!(label_ == round.label) || !batch_) {
        *this = RoundShares();
        label_ = round.label;
        auto keys = BatchKeys::load(context, round.label.batch);
        if (!keys) return tl::unexpected(keys.error());
        if (!*keys) {
            context.refuse("no keys of the round's batch; silent in this round");
            return false;
        }
        batch_ = std::move(**keys);
    }
    const schema::BatchLabel batch{round.label.mpc_epoch, round.label.batch};
    for (const std::uint32_t slot : slots_of(round.submitted)) {
        if (shares_.contains(slot)) continue;
        const auto pledge = context.find<schema::PledgeRecord>(
            schema::keys::pledge(batch, static_cast<std::uint16_t>(slot)));
        if (!pledge) return false;
        const auto blob = context.blobs.get(pledge->update.sha256);
        if (!blob) return false;  // certified, hence held by others: it is being fetched
        const auto masked = smpc::decode_words(*blob, round.terms.dimension);
        if (!masked) return false;
        smpc::SecretElements share = batch_->mask_share(context, slot, round.terms.dimension);
        smpc::add_vectors(*masked, share, share);
        shares_.emplace(slot, std::move(share));
    }
    return true;
}

void RoundShares::post_statistics(const Context& context, const EpochKeys& keys,
                                  const RoundRecord& round) const {
    const auto record = context.find<schema::BatchRecord>(
        schema::keys::batch({round.label.mpc_epoch, round.label.batch}));
    if (!record) return;
    const smpc::BatchItems items(static_cast<std::uint32_t>(context.epoch.clients.size()));
    const smpc::PrepShares prep =
        smpc::make_prep_shares(context.kdf, context.committee, context.self, batch_->prep, items);
    const smpc::StatShares statistics(context.kdf, context.committee, items,
                                      {.self = context.self,
                                       .blur_bits = round.terms.blur_bits,
                                       .products = batch_->products,
                                       .delta = record->delta,
                                       .rho = prep.rho,
                                       .blur_ring = keys.blur});
    const bool is_first = round.phase == Phase::kStat1;
    std::vector<smpc::ClientShare> clients;
    for (const std::uint32_t slot : slots_of(is_first ? round.submitted : round.passed)) {
        clients.push_back({slot, shares_.at(slot)});
    }
    schema::StatShare arguments;
    arguments.label = round.label;
    if (is_first) {
        arguments.values = statistics.stat1(clients, {});
    } else if (round.terms.mode == schema::Mode::kPairwise) {
        arguments.values = statistics.stat2_pairwise(clients);
    } else {
        arguments.values = statistics.stat2_sum(clients, round.clip_weights);
    }
    context.owed.push_back({.label = label_of(round, is_first ? "stat1" : "stat2"),
                            .module = kModule,
                            .action = is_first ? action::kStat1 : action::kStat2,
                            .arguments = encode(arguments),
                            .blobs = {}});
}

std::vector<smpc::Element> RoundShares::own_aggregate(const Context& context, const EpochKeys& keys,
                                                      const RoundRecord& round) const {
    smpc::AggregateTerms terms;
    const auto passed = slots_of(round.passed);
    for (std::size_t i = 0; i < passed.size() && i < round.reduced_weights.size(); ++i) {
        if (round.reduced_weights[i] == 0) continue;
        terms.shares.emplace_back(shares_.at(passed[i]));
        terms.weights.push_back(round.reduced_weights[i]);
    }
    return smpc::aggregate_share(context.kdf, context.committee, context.self, keys.blur, terms);
}

void RoundShares::post_aggregate(const Context& context, const EpochKeys& keys,
                                 const RoundRecord& round) {
    if (aggregate_.empty()) aggregate_ = own_aggregate(context, keys, round);
    const auto first = smpc::first_posters(context.committee, {});
    CHECK(first.has_value());  // nobody is excluded
    const bool is_first = std::find(first->begin(), first->end(), context.self) != first->end();
    const bool is_owed = is_first || round.is_aggregate_fallback;
    if (is_owed && !context.is_mine(round.aggregate_posters)) {
        Bytes blob = smpc::encode_words(aggregate_);
        const schema::BlobName name{sha256(blob), blob.size()};
        context.owed.push_back({.label = label_of(round, "aggregate"),
                                .module = kModule,
                                .action = action::kAggregate,
                                .arguments = encode(schema::Aggregate{round.label, name}),
                                .blobs = {std::move(blob)}});
    }
    if (!is_owed && !context.is_mine(round.aggregate_oks)) {
        post_approval(context, round, *first, aggregate_);
    }
}

void RoundShares::post_approval(const Context& context, const RoundRecord& round,
                                const std::vector<smpc::MemberIndex>& first,
                                const std::vector<smpc::Element>& own) const {
    std::vector<std::vector<smpc::Element>> vectors;
    for (const smpc::MemberIndex member : first) {
        const auto record = context.find<schema::AggregateShareRecord>(
            schema::keys::aggregate(round.label.round, static_cast<std::uint16_t>(member)));
        if (!record) return;
        const auto blob = context.blobs.get(record->share.sha256);
        if (!blob) return;
        auto words = smpc::decode_words(*blob, round.terms.dimension);
        if (!words) return;
        vectors.push_back(std::move(*words));
    }
    std::vector<smpc::PostedShare> posted;
    for (std::size_t i = 0; i < first.size(); ++i) posted.push_back({first[i], vectors[i]});
    if (!smpc::lies_on(posted, {context.self, own})) {
        context.refuse("a first share of the aggregate is wrong; waiting for all shares");
        return;
    }
    const auto sum = smpc::read_aggregate(smpc::interpolate_vector(posted, 0));
    context.owed.push_back(
        {.label = label_of(round, "aggregate-ok"),
         .module = kModule,
         .action = action::kAggregateOk,
         .arguments = encode(schema::AggregateOk{round.label, smpc::aggregate_digest(sum)}),
         .blobs = {}});
}

Result<void> RoundShares::step(const Context& context, const EpochKeys& keys) {
    const auto rounds = context.find<schema::RoundsRecord>(schema::keys::rounds());
    const auto round = rounds && rounds->current
                           ? context.find<RoundRecord>(schema::keys::round(*rounds->current))
                           : std::nullopt;
    const bool is_ours = round && round->label.mpc_epoch == context.epoch.mpc_epoch;
    const bool is_open =
        is_ours && (round->phase == Phase::kStat1 || round->phase == Phase::kStat2 ||
                    round->phase == Phase::kAggregate);
    if (!is_open) {
        *this = RoundShares();  // shares of a finished round are erased
        return {};
    }
    const bool is_owed =
        (round->phase == Phase::kStat1 && !context.is_mine(round->stat1_posters)) ||
        (round->phase == Phase::kStat2 && !context.is_mine(round->stat2_posters)) ||
        round->phase == Phase::kAggregate;
    if (!is_owed) return {};
    auto is_prepared = prepare(context, *round);
    if (!is_prepared) return tl::unexpected(is_prepared.error());
    if (!*is_prepared) return {};
    if (round->phase == Phase::kAggregate) {
        post_aggregate(context, keys, *round);
    } else {
        post_statistics(context, keys, *round);
    }
    return {};
}

}  // namespace consilium::mpc
