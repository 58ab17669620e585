// Each invariant as code.
#include "tests/simulation/checks.hpp"

#include "core/certificate.hpp"

namespace consilium::simulation {

Checks::Checks(ChainIdentity identity, Membership membership) : identity_(std::move(identity)) {
    memberships_.emplace(membership.epoch, std::move(membership));
}

void Checks::fail(const std::string& what) {
    if (!violation_) violation_ = what;
}

Height Checks::top() const {
    return Height{chain_.size()};
}

void Checks::decide(const Block& block, const Certificate& certificate) {
    const Height height = block.header.height;
    if (height.value == 0) return;
    const std::string where = " at height " + std::to_string(height.value);
    if (height > top().next()) return fail("A2: a gap" + where);
    if (height <= top()) {
        if (chain_[height.value - 1].block.header != block.header) {
            fail("A1: two different blocks" + where);
        }
        return;
    }
    if (height.value > 1 && block.header.parent != header_digest(chain_.back().block.header)) {
        return fail("A1: a block on another parent" + where);
    }
    for (const Digest& id : transaction_ids(block.transactions)) {
        if (!acknowledged_.insert(id).second) fail("A6: a transaction twice" + where);
    }
    chain_.push_back({block, certificate});
}

void Checks::on_committed(std::size_t process, const driver::CommittedBlock& committed) {
    const Height height = committed.block.header.height;
    const std::string where =
        " at height " + std::to_string(height.value) + " of process " + std::to_string(process);
    const auto head = heads_.find(process);
    if (head != heads_.end() && height != head->second.next()) fail("A2: out of order" + where);
    heads_[process] = height;
    const auto members = memberships_.find(committed.block.header.epoch);
    if (members == memberships_.end() ||
        committed.certificate.digest != header_digest(committed.block.header) ||
        committed.certificate.height != height ||
        !verify_certificate(identity_, members->second, committed.certificate)) {
        fail("A5: a bad certificate" + where);
    }
    note_membership(committed.block.header, committed.membership);
    if (committed.state.root() != committed.block.header.state_root) fail("A4: root" + where);
    decide(committed.block, committed.certificate);
}

void Checks::on_stored(const driver::CertifiedBlock& block, const Membership& next) {
    note_membership(block.block.header, next);
    decide(block.block, block.certificate);
}

// What certifies the next block is what the header announces, and epochs follow one another.
void Checks::note_membership(const BlockHeader& header, const Membership& next) {
    const Epoch now = header.epoch;
    const std::string where = " at height " + std::to_string(header.height.value);
    if (next.hash() != header.membership_hash) {
        return fail("A5: another membership than announced" + where);
    }
    if (next.epoch != now && next.epoch != now.next()) fail("A5: an epoch is skipped" + where);
    const auto [known, is_new] = memberships_.emplace(next.epoch, next);
    if (!is_new && known->second != next) fail("A1: two memberships of one epoch" + where);
}

void Checks::on_started(std::size_t process, const driver::Head& head, const StateTree& state) {
    const Height height = head.header.height;
    const std::string where = " of process " + std::to_string(process);
    const auto known = heads_.find(process);
    if (known != heads_.end() && height < known->second) fail("A2: the prefix shrank" + where);
    heads_[process] = height;
    if (state.root() != head.header.state_root) fail("A4: root after restart" + where);
    if (height.value > 0 && height <= top() &&
        chain_[height.value - 1].block.header != head.header) {
        fail("A1: another head after restart" + where);
    }
}

void Checks::on_sent(const PublicKey& sender, const driver::Frame& frame) {
    using driver::FrameKind;
    if (frame.kind != FrameKind::kVote && frame.kind != FrameKind::kProposal) return;
    auto message = driver::decode_frame(frame.kind, *frame.payload);
    if (!message) return fail("a correct node sent a frame that does not decode");
    ByteView content;
    if (const auto* vote = std::get_if<driver::VoteMessage>(&*message)) content = vote->content;
    if (const auto* proposal = std::get_if<driver::ProposalMessage>(&*message)) {
        content = proposal->content;
    }
    if (content.empty()) return;
    const auto vote = consensus::decode_message(content);
    if (!vote) return fail("a correct node sent a vote that does not decode");
    const auto slot = consensus::slot_of(*vote);
    if (!slot) return;
    const auto members = memberships_.find(slot->epoch);
    if (members == memberships_.end()) return fail("A3: a vote in an epoch that has not begun");
    // Others' votes are passed on to laggards.
    const auto id = members->second.find(sender);
    if (!id || *id != consensus::sender_of(*vote)) return;
    const VoteKey key{sender, consensus::type_of(*vote), slot->height, slot->view};
    const Digest claim = consensus::claim_of(*vote);
    const auto [known, is_first] = votes_.emplace(key, claim);
    if (!is_first && known->second != claim) {
        fail("A3: replica " + std::to_string(id->value) + " voted twice at height " +
             std::to_string(slot->height.value) + ", view " + std::to_string(slot->view.value));
    }
}

void Checks::on_status(std::size_t process, const driver::DriverStatus& status) {
    namespace limits = driver::limits;
    const bool is_bounded = status.waiting_transactions <= limits::kMempoolTransactions &&
                            status.waiting_bytes <= limits::kMempoolBytes &&
                            status.pulled_blobs <= 2 * limits::kWantedBlobs &&
                            status.pulled_bytes <= limits::kPullBytes &&
                            status.buffered_messages <= status.buffered_messages_max;
    if (!is_bounded) fail("A9: a structure over its cap in process " + std::to_string(process));
}

void Checks::on_report(std::size_t process, const driver::Report& report) {
    if (report.kind == driver::ReportKind::kStateMismatch) {
        fail("A4: process " + std::to_string(process) + ": " + report.detail);
    }
}

void Checks::on_final(std::size_t process, const driver::Storage& storage, Height head) {
    for (const driver::CertifiedBlock& block : chain_) {
        if (block.block.header.height > head) return;
        for (const Digest& id : transaction_ids(block.block.transactions)) {
            const auto place = storage.find_transaction(id);
            if (place && *place && (*place)->height == block.block.header.height) continue;
            return fail("A7: process " + std::to_string(process) + " lost transaction " + id.hex());
        }
    }
}

}  // namespace consilium::simulation
