// Asking, verifying, storing.
#include "explorer/evidence_collector.hpp"

#include <utility>

#include "consensus/evidence.hpp"
#include "consensus/message_names.hpp"

namespace consilium::explorer {

Result<std::size_t> EvidenceCollector::poll(TimeMs now) {
    const std::size_t node = next_node_;
    next_node_ = (next_node_ + 1) % source_.evidence_nodes();
    const auto ids = source_.evidence_ids(node);
    if (!ids) return std::size_t{0};  // the follower tells who does not answer
    std::size_t stored = 0;
    std::size_t fetched = 0;
    for (const Digest& id : *ids) {
        if (fetched == kMaxFetches) break;
        if (refused_.contains(id)) continue;
        const auto is_there = store_.has_evidence(id);
        if (!is_there) return tl::unexpected(is_there.error());
        if (*is_there) continue;
        ++fetched;
        const auto outcome = take(node, id, now);
        if (!outcome) return tl::unexpected(outcome.error());
        if (*outcome == Outcome::kStored) ++stored;
        if (*outcome == Outcome::kNotGiven) break;
        if (*outcome != Outcome::kKnown && *outcome != Outcome::kRefused) continue;
        if (refused_.size() >= kMaxRefused) refused_.clear();
        refused_.insert(id);
    }
    return stored;
}

Result<EvidenceCollector::Outcome> EvidenceCollector::take(std::size_t node, const Digest& id,
                                                           TimeMs now) {
    auto content = source_.evidence(node, id);
    if (!content) return Outcome::kNotGiven;
    if (sha256(*content) == id) return store(node, id, *std::move(content), now);
    // Another node may have the right one under this id: it stays wanted.
    if (auto noted = note_lie(node, "other bytes than its id says", now); !noted) {
        return tl::unexpected(noted.error());
    }
    return Outcome::kNotGiven;
}

Result<EvidenceCollector::Outcome> EvidenceCollector::store(std::size_t node, const Digest& id,
                                                            Bytes content, TimeMs now) {
    const auto evidence = decode<consensus::Evidence>(content);
    const auto membership = evidence
                                ? store_.membership_of(evidence->slot.epoch)
                                : Result<Membership>(make_error(ErrorCode::kNotFound, "no epoch"));
    if (evidence && !membership) {
        if (membership.error().code != ErrorCode::kNotFound) {
            return tl::unexpected(membership.error());
        }
        return Outcome::kNotYet;  // of an epoch that is not verified yet, or never comes
    }
    const auto verified =
        evidence ? consensus::verify_evidence(*evidence, {store_.identity(), {*membership}})
                 : Result<void>(tl::unexpected(evidence.error()));
    if (!verified) {
        if (auto noted = note_lie(node, "no proof of two messages", now); !noted) {
            return tl::unexpected(noted.error());
        }
        return Outcome::kRefused;
    }
    const Member& offender = membership->members.at(evidence->offender.value);
    const auto known = store_.count_evidence(offender.validator_key);
    if (!known) return tl::unexpected(known.error());
    if (*known >= kMaxPerMember) return Outcome::kKnown;
    EvidenceRow row{.id = id,
                    .kind = std::string(consensus::to_string(evidence->kind)),
                    .epoch = evidence->slot.epoch,
                    .height = evidence->slot.height,
                    .view = evidence->slot.view,
                    .offender = offender.validator_key,
                    .name = offender.name,
                    .first_claim = {},
                    .second_claim = {},
                    .content = std::move(content),
                    .node = source_.evidence_node(node),
                    .time = now};
    row.first_claim = consensus::claim_of(consensus::decode_message(evidence->first).value());
    row.second_claim = consensus::claim_of(consensus::decode_message(evidence->second).value());
    if (auto added = store_.add_evidence(row); !added) return tl::unexpected(added.error());
    return Outcome::kStored;
}

// One row for each node and kind of lie, however often it comes.
Result<void> EvidenceCollector::note_lie(std::size_t node, const std::string& found, TimeMs now) {
    return store_.add_divergence({.what = {Height{0}, "evidence", "proof against a member", found},
                                  .kind = "unproven",
                                  .node = source_.evidence_node(node),
                                  .time = now,
                                  .is_open = false});
}

}  // namespace consilium::explorer
