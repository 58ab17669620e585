// From the final state to the REF transaction.
#include "node/mpc/round_reference.hpp"

#include <algorithm>

#include "contracts/schema/keys.hpp"
#include "contracts/schema/records.hpp"
#include "fl_engine/smpc/aggregate.hpp"
#include "fl_engine/smpc/encoding.hpp"

namespace consilium::mpc {
namespace {

namespace keys = schema::keys;
using schema::RoundRecord;

template <typename T>
std::optional<T> find(const StateReader& state, const Bytes& key) {
    const auto bytes = state.get(key);
    if (!bytes) return std::nullopt;
    auto record = decode<T>(*bytes);
    if (!record) return std::nullopt;
    return std::move(*record);
}

// The round whose REF this validator owes.
std::optional<RoundRecord> find_owed(const ReferenceContext& context) {
    const auto rounds = find<schema::RoundsRecord>(context.state, keys::rounds());
    if (!rounds || !rounds->current) return std::nullopt;
    auto round = find<RoundRecord>(context.state, keys::round(*rounds->current));
    if (!round || round->phase != schema::Phase::kSubmitting || !round->terms.reference_set) {
        return std::nullopt;
    }
    if (context.state.get(keys::reference(round->label.round, context.own_key))) {
        return std::nullopt;
    }
    const auto registry = find<schema::RegistryRecord>(context.state, keys::registry());
    if (!registry) return std::nullopt;
    const auto& validators = registry->validators;
    const bool is_validator =
        std::find(validators.begin(), validators.end(), context.own_key) != validators.end();
    if (!is_validator) return std::nullopt;
    return round;
}

}  // namespace

std::optional<Outgoing> RoundReference::compute(const ReferenceContext& context,
                                                const RoundRecord& round) {
    const auto task = find<schema::TaskRecord>(context.state, keys::task(round.terms.task));
    const auto model_blob = context.blobs.get(round.terms.model.sha256);
    const auto set_blob = context.blobs.get(*round.terms.reference_set);
    if (!task || !model_blob || !set_blob) return std::nullopt;  // on their way; asked for again
    round_ = round.label.round;
    const auto model = smpc::decode_integers(*model_blob, round.terms.dimension);
    const auto set = schema::decode_reference_set(*set_blob);
    if (!model || !set) {
        context.status.last_problem = "model or reference set of the round do not parse";
        return std::nullopt;
    }
    const auto update = context.source.compute({.model_spec = task->spec.model,
                                                .training = task->spec.training,
                                                .terms = round.terms,
                                                .round = round.label.round,
                                                .model = *model,
                                                .set = *set});
    if (!update) {
        context.status.last_problem = "no reference update: " + update.error().context;
        return std::nullopt;
    }
    const auto norm = smpc::squared_norm(*update);
    const auto limit = static_cast<Uint128>(1) << (2U * round.terms.nu);
    if (update->size() != round.terms.dimension || !norm || *norm > limit) {
        context.status.last_problem = "the reference update does not fit the round";
        return std::nullopt;
    }
    Bytes blob = smpc::encode_integers(*update);
    const schema::ReferenceUpdate arguments{.round = round.label.round,
                                            .update = {sha256(blob), blob.size()},
                                            .squared_norm = static_cast<std::uint64_t>(*norm)};
    Outgoing outgoing{.label = "round-" + std::to_string(round.label.round) + "/reference",
                      .module = static_cast<std::uint16_t>(schema::Module::kVerification),
                      .action = schema::action::kReference,
                      .arguments = encode(arguments),
                      .blobs = {}};
    outgoing.blobs.push_back(std::move(blob));
    return outgoing;
}

void RoundReference::step(const ReferenceContext& context) {
    const auto round = find_owed(context);
    if (!round) return;
    if (round_ != round->label.round) outgoing_ = compute(context, *round);
    if (outgoing_) context.owed.push_back(*outgoing_);
}

}  // namespace consilium::mpc
