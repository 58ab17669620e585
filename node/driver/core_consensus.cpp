// Stepping the replica and carrying out its actions in order.
#include <string>
#include <type_traits>
#include <utility>

#include "node/driver/core.hpp"

namespace consilium::driver {
namespace {

// The proposal that a record's own message votes for.
[[nodiscard]] std::optional<Digest> voted_digest(const consensus::JournalRecord& record) {
    const auto message = consensus::decode_message(record.message);
    CHECK(message.has_value());
    if (const auto* prepare = std::get_if<consensus::Prepare>(&*message)) return prepare->digest;
    if (const auto* commit = std::get_if<consensus::Commit>(&*message)) return commit->digest;
    return std::nullopt;
}

// A pre-prepare is a proposal to the network, everything else a vote.
[[nodiscard]] Frame consensus_frame(const Bytes& message) {
    CHECK(!message.empty());
    if (message[0] == static_cast<std::uint8_t>(consensus::MessageType::kPrePrepare)) {
        return encode_frame(ProposalMessage{message});
    }
    return encode_frame(VoteMessage{message});
}

}  // namespace

void Driver::Core::queue(consensus::Event event) {
    inputs_.push_back(std::move(event));
}

void Driver::Core::run_queue() {
    while (!inputs_.empty() && !is_degraded_) {
        consensus::Input input{TimeMs{now_.monotonic_ms}, std::move(inputs_.front())};
        inputs_.pop_front();
        perform(replica_.step(input));
    }
}

void Driver::Core::perform(const consensus::Output& output) {
    replica_wake_ms_.reset();
    if (output.next_wake_up) replica_wake_ms_ = output.next_wake_up->value;
    std::vector<consensus::Persist> records;  // neighbours share one sync
    for (const consensus::Action& action : output.actions) {
        if (const auto* record = std::get_if<consensus::Persist>(&action)) {
            records.push_back(*record);
            continue;
        }
        persist(std::exchange(records, {}));
        if (is_degraded_) return;
        std::visit(
            [this](const auto& content) {
                using T = std::decay_t<decltype(content)>;
                if constexpr (!std::is_same_v<T, consensus::Persist>) perform(content);
            },
            action);
        if (is_degraded_) return;
    }
    persist(records);
}

void Driver::Core::persist(const std::vector<consensus::Persist>& records) {
    if (records.empty()) return;
    std::vector<VoteWrite> votes;
    for (const consensus::Persist& record : records) {
        const auto content = decode<consensus::JournalRecord>(record.record);
        CHECK(content.has_value());
        votes.push_back({.record = {.sequence = content->sequence,
                                    .height = record.height,
                                    .content = record.record},
                         .body = std::nullopt});
        // With the first vote for a proposal goes its body, never after.
        if (const auto digest = voted_digest(*content)) {
            votes.back().body = desk_.take_unsaved_body(*digest);
        }
    }
    if (auto written = env_.storage().write_votes(votes); !written) {
        fail(written.error(), ReportKind::kDegraded);
    }
}

void Driver::Core::perform(const consensus::Broadcast& action) {
    const Frame frame = consensus_frame(action.message);
    for (const Member& member : chain_.membership().members) {
        if (member.validator_key != options_.own_key) env_.send(member.validator_key, frame);
    }
}

void Driver::Core::perform(const consensus::Send& action) {
    if (!chain_.membership().contains(action.to)) return;
    env_.send(chain_.membership().key_of(action.to), consensus_frame(action.message));
}

void Driver::Core::perform(const consensus::RequestProposal& action) {
    if (action.height == chain_.height().next()) desk_.propose(action);
}

void Driver::Core::perform(const consensus::ValidateBlock& action) {
    if (action.height == chain_.height().next()) desk_.validate(action);
}

void Driver::Core::perform(const consensus::FetchBody& action) {
    if (action.header.height == chain_.height().next()) desk_.fetch(action);
}

void Driver::Core::perform(const consensus::CommitBlock& action) {
    if (action.header.height != chain_.height().next()) return;
    auto executed = desk_.take_decided(action.header);
    if (!executed) {
        // Decided by others while this replica, say after a restart, lacks its body.
        sync_.set_target(action.header.height);
        return;
    }
    commit(std::move(*executed), action.certificate, true);
}

void Driver::Core::perform(const consensus::NeedSync& action) {
    if (action.proof) sync_.set_target(action.proof->header.height);
    if (action.height > chain_.height()) sync_.set_target(action.height);
}

void Driver::Core::perform(const consensus::ReportEvidence& action) {
    const consensus::Evidence& evidence = action.evidence;
    ++evidence_;
    const Membership* members = replica_.verify_context().find(evidence.slot.epoch);
    std::optional<PublicKey> known;
    if (members != nullptr && members->contains(evidence.offender)) {
        known = members->key_of(evidence.offender);
    }
    env_.on_report({ReportKind::kEvidence,
                    "replica " + std::to_string(evidence.offender.value) +
                        " signed two messages at height " +
                        std::to_string(evidence.slot.height.value) + ", view " +
                        std::to_string(evidence.slot.view.value),
                    known});
    if (!known) return;
    const PublicKey& offender = *known;
    // The first ones prove the matter; a member that goes on must not fill the disk.
    std::size_t& stored = stored_evidence_[offender];
    if (stored >= limits::kEvidencePerMember) return;
    auto added = env_.storage().add_evidence({offender, now_.wall, encode(evidence)});
    if (!added) return fail(added.error(), ReportKind::kDegraded);
    ++stored;
}

}  // namespace consilium::driver
