// Arguments put together again from the records that they left.
#include "node/mpc/posted_shares.hpp"

#include "contracts/schema/arguments.hpp"
#include "node/mpc/release_log.hpp"

namespace consilium::mpc {

namespace action = schema::action;

std::map<std::uint64_t, Digest> posted_of_batch(const Context& context,
                                                const schema::BatchRecord& record) {
    std::map<std::uint64_t, Digest> posted;
    const auto self = static_cast<std::uint16_t>(context.self);
    if (const auto weights =
            context.find<schema::WeightShareRecord>(schema::keys::prep_w(record.label, self))) {
        posted[action::kPrepWeights] =
            sha256(encode(schema::PrepWeights{record.label, weights->share}));
    }
    if (const auto check =
            context.find<schema::ShareRecord>(schema::keys::prep_check(record.label, self))) {
        posted[action::kPrepCheck] = sha256(encode(schema::PrepCheck{record.label, check->values}));
    }
    return posted;
}

Result<void> learn_posted_of_round(const Context& context) {
    const auto rounds = context.find<schema::RoundsRecord>(schema::keys::rounds());
    const auto round =
        rounds && rounds->current
            ? context.find<schema::RoundRecord>(schema::keys::round(*rounds->current))
            : std::nullopt;
    if (!round || round->label.mpc_epoch != context.epoch.mpc_epoch) return {};
    const auto self = static_cast<std::uint16_t>(context.self);
    const schema::RoundLabel& label = round->label;
    std::map<std::uint64_t, Digest> posted;
    if (const auto share =
            context.find<schema::ShareRecord>(schema::keys::stat1(label.round, self))) {
        posted[action::kStat1] = sha256(encode(schema::StatShare{label, share->values}));
    }
    if (const auto share =
            context.find<schema::ShareRecord>(schema::keys::stat2(label.round, self))) {
        posted[action::kStat2] = sha256(encode(schema::StatShare{label, share->values}));
    }
    if (const auto share = context.find<schema::AggregateShareRecord>(
            schema::keys::aggregate(label.round, self))) {
        posted[action::kAggregate] = sha256(encode(schema::Aggregate{label, share->share}));
    }
    if (const auto ok = context.find<schema::AggregateOkRecord>(
            schema::keys::aggregate_ok(label.round, self))) {
        posted[action::kAggregateOk] = sha256(encode(schema::AggregateOk{label, ok->sha256}));
    }
    return note_released(context, label.round, posted);
}

}  // namespace consilium::mpc
