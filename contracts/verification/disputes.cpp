// Reveals, their majority, recomputation piece by piece.
#include "contracts/verification/disputes.hpp"

#include <algorithm>

#include "contracts/verification/batch_states.hpp"
#include "contracts/verification/labels.hpp"
#include "contracts/verification/sacrifice.hpp"
#include "fl_engine/smpc/dispute.hpp"

namespace consilium::contracts::verification {
namespace {

using schema::BatchRecord;
using schema::BatchState;
using schema::Code;
using schema::DisputeKeysRecord;
using schema::DisputeKind;
using schema::DisputeRecord;
using schema::EpochRecord;
using schema::RevealRecord;
namespace action = schema::action;
namespace event = schema::event;
namespace keys = schema::keys;

constexpr std::size_t kWordBytes = 8;

// The rings that every reveal has at `offset`: of the first slot, the second, or pi.
struct RingPlace {
    bool is_prep = false;
    std::size_t slot = 0;
};
std::vector<smpc::RevealedRing> rings_at(
    const std::vector<std::pair<smpc::MemberIndex, RevealRecord>>& reveals, RingPlace place) {
    std::vector<smpc::RevealedRing> rings;
    for (const auto& [member, reveal] : reveals) {
        const std::size_t ring = reveal.prep.size();
        const std::span<const schema::KeyBytes> masks(reveal.masks);
        rings.push_back({member, place.is_prep ? std::span<const schema::KeyBytes>(reveal.prep)
                                               : masks.subspan(place.slot * ring, ring)});
    }
    return rings;
}

// A reveal that comes after the agreement, while the recomputation still runs: a minority value is
// a fault whenever it comes.
void check_late_reveal(Execution& execution, const BatchPlace& place, const DisputeRecord& dispute,
                       const RevealRecord& reveal) {
    const schema::BatchLabel& label = place.batch.label;
    const smpc::Committee committee = committee_of(place.epoch);
    const auto agreed = execution.state.load<DisputeKeysRecord>(keys::dispute_keys(label));
    const std::size_t slots = dispute.asked_slots().size();
    const std::vector<std::pair<smpc::MemberIndex, RevealRecord>> own{{place.member, reveal}};
    for (std::size_t slot = 0; slot <= slots; ++slot) {
        const bool is_prep = slot == slots;
        const auto rings = rings_at(own, {is_prep, slot});
        const auto& right = is_prep ? agreed.prep : slot == 0 ? agreed.first : agreed.second;
        auto fault = smpc::check_late_ring(committee, right, rings.front());
        if (!fault) continue;
        fault->coordinate += slot * reveal.prep.size();
        return report_batch_fault(execution, action::kPrepReveal, label, *fault);
    }
}

Code post_reveal(Execution& execution, const Sender& sender, const schema::PrepReveal& arguments) {
    BatchPlace place;
    if (const Code code = find_batch_place(execution.state, sender, arguments.label, place);
        code != Code::kOk) {
        return code;
    }
    const BatchRecord& batch = place.batch;
    if (batch.state != BatchState::kDisputed) return Code::kWrongPhase;
    auto dispute = execution.state.load<DisputeRecord>(keys::dispute(batch.label));
    const std::size_t ring = committee_of(place.epoch).subsets_of(place.member).size();
    const bool has_sizes = arguments.masks.size() == dispute.asked_slots().size() * ring &&
                           arguments.prep.size() == ring;
    if (!has_sizes) return Code::kWrongLength;
    const RevealRecord reveal{arguments.masks, arguments.prep};
    const Bytes key = keys::prep_reveal(batch.label, place.member);
    if (const auto stored = execution.state.find<RevealRecord>(key)) {
        return compare_stored(execution, sender, action::kPrepReveal, *stored == reveal);
    }
    execution.state.store(key, reveal);
    dispute.revealed |= schema::member_bit(place.member);
    execution.state.store(keys::dispute(batch.label), dispute);
    if (dispute.has_keys) {
        check_late_reveal(execution, place, dispute, reveal);
    } else {
        execution.posted_batches.insert(batch.label.batch);
    }
    return Code::kOk;
}

// Positions of faults count over the keys of the message: masks, then pi.
void collect_faults(std::vector<smpc::Fault>& all, const std::vector<smpc::Fault>& faults,
                    std::size_t offset) {
    for (const smpc::Fault& fault : faults) {
        const bool is_known = std::any_of(all.begin(), all.end(), [&](const smpc::Fault& other) {
            return other.member == fault.member;
        });
        if (!is_known) all.push_back({fault.member, fault.coordinate + offset});
    }
}

// Once every subset has its majority: keeps the keys and names those who revealed others.
void try_agree(Execution& execution, const EpochRecord& epoch, const BatchRecord& batch,
               DisputeRecord& dispute) {
    const smpc::Committee committee = committee_of(epoch);
    std::vector<std::pair<smpc::MemberIndex, RevealRecord>> reveals;
    const auto heard = heard_of(epoch, dispute.revealed);
    for (const smpc::MemberIndex member : members_of(heard)) {
        reveals.emplace_back(member, execution.state.load<RevealRecord>(keys::prep_reveal(
                                         batch.label, static_cast<std::uint16_t>(member))));
    }
    DisputeKeysRecord agreed;
    std::vector<smpc::Fault> faults;
    const std::size_t slots = dispute.asked_slots().size();
    const std::size_t ring = committee.subsets_of(1).size();
    for (std::size_t slot = 0; slot <= slots; ++slot) {
        const bool is_prep = slot == slots;
        auto found = smpc::agree_on_keys(committee, rings_at(reveals, {is_prep, slot}));
        if (!found) return;
        collect_faults(faults, found->faults, slot * ring);
        (is_prep ? agreed.prep : slot == 0 ? agreed.first : agreed.second) = std::move(found->keys);
    }
    for (const smpc::Fault& fault : faults) {
        report_batch_fault(execution, action::kPrepReveal, batch.label, fault);
    }
    execution.state.store(keys::dispute_keys(batch.label), agreed);
    dispute.has_keys = true;
    dispute.sums.assign(count_members(batch.delta_posters), 0);
    execution.state.store(keys::dispute(batch.label), dispute);
}

smpc::Kdf chain_kdf(const StateView& state) {
    return smpc::Kdf(state.load<schema::ChainRecord>(keys::chain()).chain_id);
}

// The next piece of the work.
smpc::CoordinateRange next_range(const smpc::Committee& committee, const BatchRecord& batch,
                                 const DisputeRecord& dispute) {
    const std::uint64_t tile_work =
        smpc::recomputation_work(committee, dispute.asked_slots().size()) * smpc::kTileElements;
    const std::uint64_t tiles = std::max<std::uint64_t>(kWorkPerBlock / tile_work, 1);
    const std::uint64_t left = batch.dimension - dispute.recomputed;
    return {dispute.recomputed, std::min(left, tiles * smpc::kTileElements)};
}

// The shares of w that define it, in one range; nullopt when a blob is missing.
std::optional<SharePosts> read_weights(Execution& execution, const BatchRecord& batch,
                                       const smpc::CoordinateRange& range) {
    SharePosts posts;
    for (const std::uint16_t member : batch.weight_base) {
        const auto record =
            execution.state.load<schema::WeightShareRecord>(keys::prep_w(batch.label, member));
        const auto content = execution.open_blob(record.share.sha256);
        if (!content) return std::nullopt;
        const auto first = static_cast<std::size_t>(kWordBytes * range.first);
        const auto count = static_cast<std::size_t>(range.count);
        Bytes part(kWordBytes * count);
        // It was read as a whole when w was opened.
        CHECK(content->size_bytes() >= first && content->size_bytes() - first >= part.size());
        if (!content->read(first, part)) {
            execution.missing_blob = record.share.sha256;
            return std::nullopt;
        }
        auto words = smpc::decode_words(part, count);
        if (!words) {
            // Voters checked the words of the blob: these have changed on the disk.
            execution.missing_blob = record.share.sha256;
            return std::nullopt;
        }
        posts.add(member, std::move(*words));
    }
    return posts;
}

void compute_piece(Execution& execution, const EpochRecord& epoch, const BatchRecord& batch,
                   DisputeRecord& dispute) {
    const smpc::Committee committee = committee_of(epoch);
    const smpc::Kdf kdf = chain_kdf(execution.state);
    const auto agreed = execution.state.load<DisputeKeysRecord>(keys::dispute_keys(batch.label));
    const auto members = members_of(batch.delta_posters);
    const smpc::CoordinateRange range = next_range(committee, batch, dispute);
    if (dispute.kind == DisputeKind::kShares) {
        const auto& second = agreed.second.empty() ? agreed.first : agreed.second;
        smpc::add_pair_products(kdf, committee, agreed.first, second, members, range, dispute.sums);
    } else {
        const auto weights = read_weights(execution, batch, range);
        if (!weights) return;
        smpc::add_weight_products(kdf, committee, agreed.first, weights->spans(), members, range,
                                  dispute.sums);
    }
    dispute.recomputed += range.count;
    execution.state.store(keys::dispute(batch.label), dispute);
}

std::vector<smpc::DisputeTerm> terms_of(const StateView& state, const EpochRecord& epoch,
                                        const BatchRecord& batch, const DisputeRecord& dispute,
                                        const smpc::BatchItems& items) {
    if (dispute.kind == DisputeKind::kShares) {
        return {{items.position(dispute.first, dispute.second), 1}};
    }
    return smpc::check_terms(items, dispute.second, sacrifice_factors(state, epoch, batch.label));
}

// Compares what the keys give with what was posted.
std::vector<schema::ExclusionRecord> judge(const StateView& state, const EpochRecord& epoch,
                                           const BatchRecord& batch, const DisputeRecord& dispute) {
    const smpc::BatchItems items(static_cast<std::uint32_t>(epoch.clients.size()));
    const auto agreed = state.load<DisputeKeysRecord>(keys::dispute_keys(batch.label));
    const auto members = members_of(batch.delta_posters);
    const auto terms = terms_of(state, epoch, batch, dispute, items);
    const auto masked = smpc::combine_prep(chain_kdf(state), committee_of(epoch), agreed.prep,
                                           items, terms, members);
    const SharePosts posts = load_prep_shares(state, batch, batch.delta_posters);
    const auto spans = posts.spans();
    std::vector<schema::ExclusionRecord> liars;
    for (std::size_t p = 0; p < members.size(); ++p) {
        const std::uint64_t expected = smpc::Field61::add(dispute.sums[p], masked[p]);
        const std::uint64_t posted = smpc::combine_posted(spans[p].values.in_memory(), terms);
        if (expected == posted) continue;
        liars.push_back({batch.label, dispute.kind, dispute.first, dispute.second,
                         static_cast<std::uint16_t>(members[p]), expected, posted});
    }
    return liars;
}

}  // namespace

void open_dispute(Execution& execution, BatchRecord& batch, const DisputedItem& item) {
    DisputeRecord dispute;
    dispute.kind = item.kind;
    dispute.first = item.first;
    dispute.second = item.second;
    execution.state.store(keys::dispute(batch.label), dispute);
    execution.emit(schema::Module::kVerification, event::kBatchDisputed,
                   schema::BatchDisputed{batch.label, item.kind, item.first, item.second});
    store_batch_state(execution, batch, BatchState::kDisputed);
}

Judgement advance_dispute(Execution& execution, EpochRecord& epoch, BatchRecord& batch,
                          bool may_compute) {
    auto dispute = execution.state.load<DisputeRecord>(keys::dispute(batch.label));
    const bool has_news = execution.posted_batches.contains(batch.label.batch);
    if (!dispute.has_keys && has_news) try_agree(execution, epoch, batch, dispute);
    if (!dispute.has_keys || !may_compute) return {};
    compute_piece(execution, epoch, batch, dispute);
    if (dispute.recomputed < batch.dimension) return {};
    Judgement judgement{true, judge(execution.state, epoch, batch, dispute)};
    retire_batch(execution, epoch, batch, BatchState::kBurned);
    return judgement;
}

bool is_recomputing(const StateView& state, const BatchRecord& batch) {
    return batch.state == BatchState::kDisputed &&
           state.load<DisputeRecord>(keys::dispute(batch.label)).has_keys;
}

Code execute_reveal(Execution& execution, const Sender& sender, const Transaction& transaction) {
    CHECK(transaction.action == action::kPrepReveal);
    return with_arguments<schema::PrepReveal>(transaction.arguments, [&](const auto& arguments) {
        return post_reveal(execution, sender, arguments);
    });
}

}  // namespace consilium::contracts::verification
