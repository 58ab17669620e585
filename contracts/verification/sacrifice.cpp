// Posting and opening of w and of the checks.
#include "contracts/verification/sacrifice.hpp"

#include <algorithm>

#include "contracts/schema/dispute_records.hpp"
#include "contracts/verification/batch_states.hpp"
#include "contracts/verification/coins.hpp"
#include "contracts/verification/disputes.hpp"
#include "contracts/verification/labels.hpp"
#include "contracts/verification/stored_shares.hpp"
#include "fl_engine/smpc/coin.hpp"

namespace consilium::contracts::verification {
namespace {

using schema::BatchRecord;
using schema::BatchState;
using schema::Code;
using schema::EpochRecord;
namespace action = schema::action;
namespace keys = schema::keys;

constexpr std::uint64_t kWordBytes = 8;

bool is_check_opened(const BatchRecord& batch) {
    return batch.was_sacrificed() && holds_shares(batch.state) &&
           batch.state != BatchState::kSacrifice;
}

// The posted shares of w; nullopt when a blob is missing.
std::optional<StoredShares> open_weight_posts(Execution& execution, const BatchRecord& batch,
                                              schema::MemberSet members) {
    StoredShares posts;
    for (std::uint16_t member = 1; member <= schema::kMaxCommittee; ++member) {
        if ((members & schema::member_bit(member)) == 0) continue;
        const auto record =
            execution.state.load<schema::WeightShareRecord>(keys::prep_w(batch.label, member));
        if (!posts.add(execution, member, record.share.sha256,
                       static_cast<std::size_t>(batch.dimension))) {
            return std::nullopt;
        }
    }
    return posts;
}

SharePosts load_checks(const StateView& state, const BatchRecord& batch,
                       schema::MemberSet members) {
    return load_posts(state, members,
                      [&](std::uint16_t member) { return keys::prep_check(batch.label, member); });
}

// VECOPEN: a share that comes after the opening is compared with the polynomial that was found.
void check_late_weights(Execution& execution, const BatchRecord& batch, std::uint16_t member) {
    const auto base = open_weight_posts(execution, batch, set_of(batch.weight_base));
    if (!base) return;
    const auto late = open_weight_posts(execution, batch, schema::member_bit(member));
    if (!late) return;
    const auto fault = smpc::check_late_share(base->posts(), late->posts().front());
    if (!base->are_read(execution) || !late->are_read(execution)) return;
    if (fault) report_batch_fault(execution, action::kPrepWeights, batch.label, *fault);
}

// The base is found again from what had been posted: whoever adds to it does not change the value.
void check_late_check(Execution& execution, const EpochRecord& epoch, const BatchRecord& batch,
                      const smpc::PostedShare& late) {
    const SharePosts posts = load_checks(execution.state, batch, batch.check_posters);
    const auto opening = smpc::open_shares(committee_of(epoch), posts.spans());
    if (!opening) return;
    const SharePosts base = load_checks(execution.state, batch, set_of(opening->base));
    const auto fault = smpc::check_late_share(base.spans(), late);
    if (fault) report_batch_fault(execution, action::kPrepCheck, batch.label, *fault);
}

Code post_weights(Execution& execution, const Sender& sender,
                  const schema::PrepWeights& arguments) {
    BatchPlace place;
    if (const Code code = find_batch_place(execution.state, sender, arguments.label, place);
        code != Code::kOk) {
        return code;
    }
    BatchRecord& batch = place.batch;
    if (!takes_weights(execution.state, batch)) return Code::kWrongPhase;
    if (arguments.share.length != kWordBytes * batch.dimension) return Code::kWrongLength;
    const Bytes key = keys::prep_w(batch.label, place.member);
    if (const auto stored = execution.state.find<schema::WeightShareRecord>(key)) {
        return compare_stored(execution, sender, action::kPrepWeights,
                              stored->share == arguments.share);
    }
    execution.state.store(key, schema::WeightShareRecord{arguments.share});
    batch.weight_posters |= schema::member_bit(place.member);
    execution.state.store(keys::batch(batch.label), batch);
    if (batch.weight_base.empty()) {
        execution.posted_batches.insert(batch.label.batch);
    } else {
        check_late_weights(execution, batch, place.member);
    }
    return Code::kOk;
}

Code post_check(Execution& execution, const Sender& sender, const schema::PrepCheck& arguments) {
    BatchPlace place;
    if (const Code code = find_batch_place(execution.state, sender, arguments.label, place);
        code != Code::kOk) {
        return code;
    }
    BatchRecord& batch = place.batch;
    const bool is_late = is_check_opened(batch);
    const bool is_open = batch.state == BatchState::kSacrifice && !batch.weight_base.empty();
    if (!is_open && !is_late) return Code::kWrongPhase;
    const Code code = check_words(arguments.values, place.epoch.clients.size());
    if (code != Code::kOk) return code;
    const Bytes key = keys::prep_check(batch.label, place.member);
    if (const auto stored = execution.state.find<schema::ShareRecord>(key)) {
        return compare_stored(execution, sender, action::kPrepCheck,
                              stored->values == arguments.values);
    }
    if (is_late) {
        check_late_check(execution, place.epoch, batch, {place.member, arguments.values});
    } else {
        execution.posted_batches.insert(batch.label.batch);
    }
    execution.state.store(key, schema::ShareRecord{arguments.values});
    batch.check_posters |= schema::member_bit(place.member);
    execution.state.store(keys::batch(batch.label), batch);
    return Code::kOk;
}

void report_faults(Execution& execution, std::uint16_t action, const BatchRecord& batch,
                   std::span<const smpc::Fault> faults) {
    for (const smpc::Fault& fault : faults) {
        report_batch_fault(execution, action, batch.label, fault);
    }
}

void open_weights(Execution& execution, const EpochRecord& epoch, BatchRecord& batch) {
    const auto heard = heard_of(epoch, batch.weight_posters);
    const smpc::Committee committee = committee_of(epoch);
    if (count_members(heard) < 2 * std::size_t{committee.t()} + 1) return;
    const auto posts = open_weight_posts(execution, batch, heard);
    if (!posts) return;
    const auto opened = smpc::find_base(committee, posts->posts());
    if (!posts->are_read(execution) || !opened) return;
    report_faults(execution, action::kPrepWeights, batch, opened->faults);
    batch.weight_base.assign(opened->base.begin(), opened->base.end());
    execution.state.store(keys::batch(batch.label), batch);
}

void open_checks(Execution& execution, const EpochRecord& epoch, BatchRecord& batch) {
    const auto heard = heard_of(epoch, batch.check_posters);
    const SharePosts posts = load_checks(execution.state, batch, heard);
    const auto opening = smpc::open_shares(committee_of(epoch), posts.spans());
    if (!opening) return;
    report_faults(execution, action::kPrepCheck, batch, opening->faults);
    const auto bad = std::find_if(opening->values.begin(), opening->values.end(),
                                  [](smpc::Element value) { return value != 0; });
    if (bad == opening->values.end()) return certify_batch(execution, batch);
    const auto slot = static_cast<std::uint16_t>(bad - opening->values.begin() + 1);
    open_dispute(execution, batch, {schema::DisputeKind::kCheck, slot, slot});
}

}  // namespace

bool takes_weights(const StateView& state, const BatchRecord& batch) {
    if (!batch.weight_base.empty()) return holds_shares(batch.state);
    return batch.state == BatchState::kSacrifice && load_coin(state, chi_coin(batch.label)).seed;
}

void advance_sacrifice(Execution& execution, const EpochRecord& epoch, BatchRecord& batch) {
    if (!try_open_coin(execution, epoch, chi_coin(batch.label))) return;
    if (batch.weight_base.empty()) {
        open_weights(execution, epoch, batch);
    } else {
        open_checks(execution, epoch, batch);
    }
}

std::vector<std::uint64_t> sacrifice_factors(const StateView& state, const EpochRecord& epoch,
                                             const schema::BatchLabel& label) {
    const auto coin = load_coin(state, chi_coin(label));
    CHECK(coin.seed.has_value());
    return smpc::expand_seed(*coin.seed, epoch.clients.size());
}

Code execute_sacrifice(Execution& execution, const Sender& sender, const Transaction& transaction) {
    const ByteView raw = transaction.arguments;
    if (transaction.action == action::kPrepWeights) {
        return with_arguments<schema::PrepWeights>(
            raw, [&](const auto& arguments) { return post_weights(execution, sender, arguments); });
    }
    CHECK(transaction.action == action::kPrepCheck);
    return with_arguments<schema::PrepCheck>(
        raw, [&](const auto& arguments) { return post_check(execution, sender, arguments); });
}

}  // namespace consilium::contracts::verification
