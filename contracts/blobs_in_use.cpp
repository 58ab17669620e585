// The blobs that the key setup, the clients, batches under check and the round still need.
#include <set>

#include "contracts/execution.hpp"
#include "contracts/executor.hpp"
#include "contracts/rounds.hpp"
#include "contracts/schema/dispute_records.hpp"
#include "contracts/schema/reference_set.hpp"
#include "contracts/verification/epochs.hpp"

namespace consilium::contracts {
namespace {

using schema::BlobKind;
using schema::BlobName;
using schema::Phase;
namespace keys = schema::keys;

class Names {
  public:
    // The first one to name a blob says whose it is; so members' come before clients'.
    void add(const BlobName& name, BlobKind kind,
             const std::optional<schema::BatchLabel>& batch = {}) {
        if (!seen_.insert(name.sha256).second) return;
        found_.push_back({name.sha256, name.length, kind, batch});
    }
    [[nodiscard]] std::vector<schema::BlobReference> take() && { return std::move(found_); }

  private:
    std::set<Digest> seen_;
    std::vector<schema::BlobReference> found_;
};

// Ciphertexts of subset keys for members, bundles for clients.
void add_of_epoch(const StateView& state, const schema::EpochRecord& epoch, Names& names) {
    const auto setup = state.find<schema::SetupRecord>(keys::setup(epoch.mpc_epoch));
    if (setup) {
        for (const schema::SubsetSetup& entry : setup->subsets) {
            if (entry.ciphertexts) names.add(*entry.ciphertexts, BlobKind::kCiphertext);
        }
    }
    for (std::uint16_t slot = 1; slot <= epoch.clients.size(); ++slot) {
        for (std::uint16_t member = 1; member <= epoch.members.size(); ++member) {
            if ((epoch.bundles[slot - 1U] & schema::member_bit(member)) == 0) continue;
            const auto bundle =
                state.find<schema::BundleRecord>(keys::bundle({epoch.mpc_epoch, member, slot}));
            if (bundle) names.add(bundle->ciphertexts, BlobKind::kCiphertext);
        }
    }
}

// Shares of w, which members combine for PREP_CHK and the contract reads in a dispute.
void add_of_batches(const StateView& state, const schema::EpochRecord& epoch, Names& names) {
    for (const std::uint64_t number : epoch.live_batches) {
        const schema::BatchLabel label{epoch.mpc_epoch, number};
        const auto batch = state.load<schema::BatchRecord>(keys::batch(label));
        for (std::uint16_t member = 1; member <= epoch.members.size(); ++member) {
            if ((batch.weight_posters & schema::member_bit(member)) == 0) continue;
            const auto post = state.find<schema::WeightShareRecord>(keys::prep_w(label, member));
            if (post) names.add(post->share, BlobKind::kVector);
        }
    }
}

// What the slots have sent: masked updates and range proofs.
void add_of_slot(const StateView& state, const schema::BatchLabel& batch, std::uint16_t slot,
                 Names& names) {
    const auto pledge = state.find<schema::PledgeRecord>(keys::pledge(batch, slot));
    if (pledge) names.add(pledge->update, BlobKind::kVector, batch);
    const auto range = state.find<schema::RangeRecord>(keys::range(batch, slot));
    if (range) names.add(range->proof, BlobKind::kVector, batch);
}

void add_reference(const StateView& state, const schema::RoundRecord& round, Names& names) {
    if (round.terms.reference_set) {
        const auto set =
            state.find<schema::ReferenceSetRecord>(keys::reference_set(*round.terms.reference_set));
        if (set) names.add(set->blob, BlobKind::kReferenceSet);
    }
    if (round.reference) {
        names.add({round.reference->sha256, sizeof(std::int64_t) * round.terms.dimension},
                  BlobKind::kIntegers);
    }
}

void add_of_round(const StateView& state, const schema::RoundRecord& round, Names& names) {
    add_reference(state, round, names);
    for (std::uint16_t member = 1; member <= schema::kMaxCommittee; ++member) {
        if ((round.aggregate_posters & schema::member_bit(member)) == 0) continue;
        const auto post =
            state.find<schema::AggregateShareRecord>(keys::aggregate(round.label.round, member));
        if (post) names.add(post->share, BlobKind::kVector);
    }
    const schema::BatchLabel batch{round.label.mpc_epoch, round.label.batch};
    for (std::uint16_t slot = 1; slot <= schema::kMaxClients; ++slot) {
        if ((round.submitted & schema::slot_bit(slot)) == 0) continue;
        add_of_slot(state, batch, slot, names);
    }
}

}  // namespace

std::vector<schema::BlobReference> blobs_in_use(const StateReader& reader) {
    const StateView state(reader);
    Names names;
    if (const auto epoch = verification::current_epoch(state)) {
        add_of_epoch(state, *epoch, names);
        add_of_batches(state, *epoch, names);
    }
    const auto round = rounds::current_round(state);
    if (round && round->phase != Phase::kAborted) add_of_round(state, *round, names);
    return std::move(names).take();
}

}  // namespace consilium::contracts
