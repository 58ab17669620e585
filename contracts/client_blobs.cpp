// How long the blobs of clients are of use: while the attempt runs whose batch masks them.
#include "contracts/execution.hpp"
#include "contracts/executor.hpp"
#include "contracts/rounds.hpp"

namespace consilium::contracts {
namespace {

namespace keys = schema::keys;

schema::BatchLabel batch_of(const schema::RoundRecord& round) {
    return {round.label.mpc_epoch, round.label.batch};
}

std::optional<schema::RoundRecord> running_attempt(const StateView& state) {
    auto round = rounds::current_round(state);
    if (round && round->phase == schema::Phase::kAborted) return std::nullopt;
    return round;
}

}  // namespace

std::optional<Height> attempt_end(const StateReader& reader, const schema::BatchLabel& batch) {
    const StateView state(reader);
    const auto running = running_attempt(state);
    if (running && batch_of(*running) == batch) return std::nullopt;
    const auto record = state.find<schema::BatchRecord>(keys::batch(batch));
    if (!record || !record->round) return Height{0};
    const auto round = state.load<schema::RoundRecord>(keys::round(*record->round));
    // An aborted attempt's record gives way to the next one's, which opens at the end or later.
    return batch_of(round) == batch ? round.phase_height : round.opened;
}

std::set<Digest> client_blobs_in_use(const StateReader& reader) {
    const StateView state(reader);
    std::set<Digest> hashes;
    const auto running = running_attempt(state);
    if (!running) return hashes;
    for (std::uint16_t slot = 1; slot <= schema::kMaxClients; ++slot) {
        if ((running->pledged & schema::slot_bit(slot)) == 0) continue;
        const schema::BatchLabel batch = batch_of(*running);
        const auto pledge = state.find<schema::PledgeRecord>(keys::pledge(batch, slot));
        if (pledge) hashes.insert(pledge->update.sha256);
        const auto range = state.find<schema::RangeRecord>(keys::range(batch, slot));
        if (range) hashes.insert(range->proof.sha256);
    }
    return hashes;
}

}  // namespace consilium::contracts
