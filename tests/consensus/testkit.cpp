// The test driver.
#include "tests/consensus/testkit.hpp"

#include <gtest/gtest.h>

#include <array>
#include <map>

namespace consilium::consensus {
namespace {

KeyPair make_key(std::uint16_t index) {
    const Digest secret = sha256(as_bytes("consensus test key " + std::to_string(index)));
    auto key = KeyPair::from_secret(secret.bytes);
    CHECK(key.has_value());
    return std::move(*key);
}

std::string brief(const Digest& digest) {
    return digest.hex().substr(0, 8);
}

std::string brief(const std::optional<Digest>& digest) {
    return digest ? brief(*digest) : "none";
}

std::string place(const Slot& slot) {
    return "height=" + std::to_string(slot.height.value) +
           " view=" + std::to_string(slot.view.value);
}

std::string list(const std::vector<ReplicaId>& ids) {
    std::string text;
    for (const ReplicaId id : ids) text += (text.empty() ? "" : ",") + std::to_string(id.value);
    return text.empty() ? "-" : text;
}

std::string prepared_text(const std::optional<PreparedCertificate>& prepared) {
    if (!prepared) return "none";
    return brief(header_digest(prepared->header)) + "@" + std::to_string(prepared->view.value);
}

struct RenderMessage {
    std::string operator()(const PrePrepare& m) const {
        return "PRE-PREPARE " + place(m.slot) + " digest=" + brief(header_digest(m.header)) +
               " transactions=" + std::to_string(m.transactions.size());
    }
    std::string operator()(const Prepare& m) const {
        return "PREPARE " + place(m.slot) + " digest=" + brief(m.digest);
    }
    std::string operator()(const Commit& m) const {
        return "COMMIT " + place(m.slot) + " digest=" + brief(m.digest);
    }
    std::string operator()(const ViewChange& m) const {
        return "VIEW-CHANGE " + place(m.slot) + " prepared=" + prepared_text(m.prepared);
    }
    std::string operator()(const NewView& m) const {
        std::string senders;
        for (const auto& change : m.view_changes) {
            senders += (senders.empty() ? "" : ",") + std::to_string(change.sender.value);
        }
        return "NEW-VIEW " + place(m.slot) + " from=" + senders + " chosen=" + brief(m.chosen);
    }
    std::string operator()(const Checkpoint& m) const {
        return "CHECKPOINT head=" +
               std::to_string(m.head ? m.head->header.height.value : std::uint64_t{0});
    }
    std::string operator()(const CheckpointQuery& /*m*/) const { return "CHECKPOINT-QUERY"; }
};

struct RenderAction {
    std::string operator()(const Persist& a) const {
        const auto record = decode<JournalRecord>(a.record);
        CHECK(record.has_value());
        return "persist " + std::to_string(record->sequence) + " " +
               render(*decode_message(record->message)) +
               (record->prepared ? " proof=" + prepared_text(record->prepared) : "");
    }
    std::string operator()(const Broadcast& a) const {
        return "broadcast " + render(*decode_message(a.message));
    }
    std::string operator()(const Send& a) const {
        return "send " + std::to_string(a.to.value) + " " + render(*decode_message(a.message));
    }
    std::string operator()(const RequestProposal& a) const {
        return "request-proposal height=" + std::to_string(a.height.value) +
               " view=" + std::to_string(a.view.value) +
               " prepared=" + (a.prepared ? brief(header_digest(*a.prepared)) : "none") +
               " holders=" + list(a.holders);
    }
    std::string operator()(const ValidateBlock& a) const {
        return "validate height=" + std::to_string(a.height.value) +
               " digest=" + brief(header_digest(a.header)) +
               (a.is_first_proposal ? " first" : " again") + " holders=" + list(a.holders);
    }
    std::string operator()(const FetchBody& a) const {
        return "fetch-body digest=" + brief(header_digest(a.header)) +
               " holders=" + list(a.holders);
    }
    std::string operator()(const CommitBlock& a) const {
        return "commit height=" + std::to_string(a.header.height.value) +
               " view=" + std::to_string(a.certificate.view.value) +
               " digest=" + brief(header_digest(a.header)) +
               " signatures=" + std::to_string(a.certificate.signatures.size());
    }
    std::string operator()(const NeedSync& a) const {
        return "need-sync height=" + std::to_string(a.height.value) +
               (a.proof ? " proven" : " claimed");
    }
    std::string operator()(const ReportEvidence& a) const {
        return "evidence offender=" + std::to_string(a.evidence.offender.value) + " " +
               render(*decode_message(a.evidence.first)) + " against " +
               render(*decode_message(a.evidence.second));
    }
};

Digest state_after(const Digest& parent_state, const std::vector<Digest>& transactions) {
    return tagged_hash("test/state", {parent_state.view(), transaction_root(transactions).view()});
}

std::map<Digest, std::vector<Digest>>& bodies() {
    static std::map<Digest, std::vector<Digest>> by_root;
    return by_root;
}

}  // namespace

TestSigner::TestSigner(std::uint16_t index) : key_(make_key(index)) {}

Signature TestSigner::sign(const Digest& digest) const {
    return key_.sign_with_auxiliary(digest, std::array<std::uint8_t, 32>{});
}

const TestSigner& test_signer(std::uint16_t index) {
    static std::map<std::uint16_t, std::unique_ptr<TestSigner>> signers;
    auto& signer = signers[index];
    if (!signer) signer = std::make_unique<TestSigner>(index);
    return *signer;
}

Membership test_membership(std::size_t count, Epoch epoch) {
    Membership membership{.epoch = epoch, .members = {}};
    for (std::uint16_t i = 0; i < count; ++i) {
        membership.members.push_back(
            {"Hospital " + std::to_string(i), test_signer(i).public_key()});
    }
    return membership;
}

ChainIdentity test_identity() {
    return {"test-chain", sha256(as_bytes("test genesis"))};
}

BlockHeader test_genesis(const Membership& membership) {
    BlockHeader header;
    header.time = TimeMs{0};
    header.tx_root = transaction_root({});
    header.membership_hash = membership.hash();
    return header;
}

VerifyContext test_context(std::size_t count) {
    return {test_identity(), {test_membership(count)}};
}

BlockHeader make_block(const BlockHeader& parent, const Membership& membership,
                       const BlockOptions& options) {
    BlockHeader header;
    header.height = parent.height.next();
    header.parent = header_digest(parent);
    header.time = TimeMs{std::max(options.time, parent.time.value + 1)};
    header.proposer = ReplicaId{options.proposer};
    header.epoch = membership.epoch;
    header.tx_root = transaction_root(options.transactions);
    bodies()[header.tx_root] = options.transactions;
    header.state_root = state_after(parent.state_root, options.transactions);
    header.membership_hash = membership.hash();
    return header;
}

bool is_valid_block(const BlockHeader& header, const BlockHeader& parent,
                    const std::vector<Digest>& transactions) {
    return header.parent == header_digest(parent) && header.time > parent.time &&
           header.tx_root == transaction_root(transactions) &&
           header.state_root == state_after(parent.state_root, transactions) &&
           header.membership_hash == parent.membership_hash;
}

VerifiedMessage verified(const Message& message, std::size_t count) {
    auto result = verify(message, test_context(count));
    if (!result) ADD_FAILURE() << "refused: " << result.error().context;
    CHECK(result.has_value());
    return *result;
}

Certificate make_certificate(const BlockHeader& header, View view, std::size_t count) {
    Certificate certificate{header.epoch, header.height, view, header_digest(header), 0, {}};
    const Digest vote = commit_vote_digest(test_identity(),
                                           {header.epoch, header.height, view, certificate.digest});
    for (std::uint16_t i = 0; i < quorum_size(count); ++i) {
        certificate.signers |= std::uint64_t{1} << i;
        certificate.signatures.push_back(test_signer(i).sign(vote));
    }
    return certificate;
}

PreparedCertificate make_prepared(const BlockHeader& header, View view, std::size_t count) {
    PreparedCertificate prepared{view, header, 0, {}};
    const Digest vote = prepare_vote_digest(test_identity(), {header.epoch, header.height, view},
                                            header_digest(header));
    for (std::uint16_t i = 0; i < quorum_size(count); ++i) {
        prepared.signers |= std::uint64_t{1} << i;
        prepared.signatures.push_back(test_signer(i).sign(vote));
    }
    return prepared;
}

TestNode::TestNode(const NodeOptions& node_options)
    : options(node_options), membership(test_membership(node_options.count)) {
    chain.push_back({test_genesis(membership), std::nullopt});
    replica = std::make_unique<Replica>(
        options.config, test_identity(), test_signer(options.index),
        StartState{chain[0].header, std::nullopt, membership, {}, std::nullopt});
}

void TestNode::step(TimeMs now, const Event& event) {
    clock_ = std::max(clock_, now);
    const Output output = replica->step({clock_, event});
    wake_up = output.next_wake_up;
    for (const Action& action : output.actions) carry_out(clock_, action);
    if (!holds_answers) run_local(clock_);
}

void TestNode::run_local(TimeMs now) {
    while (!local.empty()) {
        const Event event = local.front();
        local.pop_front();
        step(now, event);
    }
}

void TestNode::carry_out(TimeMs now, const Action& action) {
    actions.push_back(action);
    const BlockHeader& parent = chain.back().header;
    if (const auto* persist = std::get_if<Persist>(&action)) {
        journal.push_back(persist->record);
    } else if (const auto* broadcast = std::get_if<Broadcast>(&action)) {
        outgoing.push_back({std::nullopt, broadcast->message});
    } else if (const auto* one = std::get_if<Send>(&action)) {
        outgoing.push_back({one->to, one->message});
    } else if (const auto* request = std::get_if<RequestProposal>(&action)) {
        if (is_silent_primary) return;
        auto header = request->prepared ? *request->prepared
                                        : make_block(parent, membership,
                                                     {options.index, now.value, next_transactions});
        // Bodies are not modelled: whoever asks for a prepared block's body gets it.
        const auto ids = request->prepared ? bodies()[header.tx_root] : next_transactions;
        local.push_back(ProposalReady{request->height, request->view, header, ids});
    } else if (const auto* validate = std::get_if<ValidateBlock>(&action)) {
        const bool is_valid = is_valid_block(validate->header, parent, validate->transactions);
        local.push_back(ValidationResult{validate->height, header_digest(validate->header),
                                         is_valid ? verdict : Verdict::kInvalid});
    } else if (const auto* commit = std::get_if<CommitBlock>(&action)) {
        EXPECT_TRUE(verify_certificate(test_identity(), membership, commit->certificate));
        chain.push_back({commit->header, commit->certificate});
        PendingWork left{.oldest_transaction = std::nullopt, .has_open_window = has_open_window};
        if (has_endless_work) left.oldest_transaction = now;
        local.push_back(left);
        local.push_back(HeadAdvanced{commit->header, commit->certificate, membership});
    } else if (const auto* sync = std::get_if<NeedSync>(&action)) {
        sync_wanted = sync->height;
    } else if (const auto* report = std::get_if<ReportEvidence>(&action)) {
        evidence.push_back(report->evidence);
    }
}

bool TestNode::receive(TimeMs now, const Bytes& message) {
    const auto decoded = decode_message(message);
    return decoded && receive(now, *decoded);
}

bool TestNode::receive(TimeMs now, const Message& message) {
    if (replica->admit(message, now) != Admission::kVerify) return false;
    if (cache == nullptr) {
        const auto checked = verify(message, replica->verify_context());
        if (checked) step(now, *checked);
        return checked.has_value();
    }
    const Digest key = sha256(encode_message(message));
    auto known = cache->find(key);
    if (known == cache->end()) {
        const auto checked = verify(message, replica->verify_context());
        known = cache->emplace(key, checked ? std::optional(*checked) : std::nullopt).first;
    }
    if (!known->second) return false;
    step(now, *known->second);
    return true;
}

void TestNode::restart(TimeMs now, std::optional<std::uint64_t> amnesia_nonce) {
    local.clear();
    outgoing.clear();
    sync_wanted.reset();
    const auto recovered = recover_state(journal);
    CHECK(recovered.has_value());
    replica = std::make_unique<Replica>(options.config, test_identity(), test_signer(options.index),
                                        StartState{chain.back().header, chain.back().certificate,
                                                   membership, *recovered, amnesia_nonce});
    tick(now);
}

void TestNode::sync_from(TimeMs now, const TestNode& other) {
    sync_wanted.reset();
    while (head() < other.head()) {
        const ChainBlock& block = other.chain[head().value + 1];
        ASSERT_EQ(block.header.parent, header_digest(chain.back().header));
        ASSERT_TRUE(verify_certificate(test_identity(), membership, *block.certificate));
        chain.push_back(block);
        step(now, HeadAdvanced{block.header, *block.certificate, membership});
    }
}

std::string render(const Message& message) {
    return std::visit(RenderMessage{}, message) + " by " + std::to_string(sender_of(message).value);
}

std::string render(const Action& action) {
    return std::visit(RenderAction{}, action);
}

}  // namespace consilium::consensus
