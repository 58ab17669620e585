// Replicas with a small honest driver around them, for tests that route messages by hand.
//
// A TestNode carries out the actions of its replica at once: persists into memory, "executes"
// blocks whose state root is a hash over the transaction ids, commits. What it sends piles up in
// `outgoing` until the test routes it. Signatures use fixed auxiliary bytes: equal runs are equal.
#pragma once
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "consensus/replica.hpp"

namespace consilium::consensus {

class TestSigner final : public Signer {
  public:
    explicit TestSigner(std::uint16_t index);
    [[nodiscard]] PublicKey public_key() const override { return key_.public_key(); }
    [[nodiscard]] Signature sign(const Digest& digest) const override;

  private:
    KeyPair key_;
};

[[nodiscard]] const TestSigner& test_signer(std::uint16_t index);
[[nodiscard]] Membership test_membership(std::size_t count, Epoch epoch = Epoch{0});
[[nodiscard]] ChainIdentity test_identity();
[[nodiscard]] BlockHeader test_genesis(const Membership& membership);
[[nodiscard]] VerifyContext test_context(std::size_t count);

struct BlockOptions {
    std::uint16_t proposer = 0;
    std::uint64_t time = 1;
    std::vector<Digest> transactions{};
};
// A valid block on `parent` under an unchanging membership.
[[nodiscard]] BlockHeader make_block(const BlockHeader& parent, const Membership& membership,
                                     const BlockOptions& options);
[[nodiscard]] bool is_valid_block(const BlockHeader& header, const BlockHeader& parent,
                                  const std::vector<Digest>& transactions);

template <typename T>
[[nodiscard]] T signed_by(std::uint16_t index, T message) {
    message.signature = test_signer(index).sign(signing_digest(test_identity(), message));
    return message;
}
// verify() with the test membership of `count`; the test fails hard when it is refused.
[[nodiscard]] VerifiedMessage verified(const Message& message, std::size_t count);

[[nodiscard]] Certificate make_certificate(const BlockHeader& header, View view, std::size_t count);
[[nodiscard]] PreparedCertificate make_prepared(const BlockHeader& header, View view,
                                                std::size_t count);

struct Outgoing {
    std::optional<ReplicaId> to;  // absent: to all
    Bytes bytes;
};

struct ChainBlock {
    BlockHeader header;
    std::optional<Certificate> certificate;  // absent at genesis
};

struct NodeOptions {
    std::size_t count = 4;
    std::uint16_t index = 0;
    ReplicaConfig config;
};

// By hash of the message. All nodes of a run verify under the same context.
using VerifyCache = std::map<Digest, std::optional<VerifiedMessage>>;

class TestNode {
  public:
    explicit TestNode(const NodeOptions& options);

    // Steps the replica and carries out its actions; local answers follow at once unless held.
    void step(TimeMs now, const Event& event);
    void tick(TimeMs now) { step(now, Tick{}); }
    // admit, verify, step. False when it was refused.
    bool receive(TimeMs now, const Bytes& message);
    bool receive(TimeMs now, const Message& message);
    // A new life from journal and chain; an amnesic one gets a nonce.
    void restart(TimeMs now, std::optional<std::uint64_t> amnesia_nonce = std::nullopt);
    // Takes blocks above the own head from another's chain, as block sync does.
    void sync_from(TimeMs now, const TestNode& other);
    void run_local(TimeMs now);  // the answers that were held

    [[nodiscard]] Height head() const { return chain.back().header.height; }

    NodeOptions options;
    Membership membership;
    std::unique_ptr<Replica> replica;
    std::vector<ChainBlock> chain;
    std::vector<Bytes> journal;
    std::vector<Outgoing> outgoing;
    std::deque<Event> local;
    std::vector<Action> actions;  // all since the test cleared them
    std::optional<TimeMs> wake_up;
    std::optional<Height> sync_wanted;
    std::vector<Evidence> evidence;
    std::vector<Digest> next_transactions;  // what the next own proposal holds
    Verdict verdict = Verdict::kValid;      // for blocks that are valid in truth
    bool has_endless_work = false;          // a new transaction waits after every block
    bool has_open_window = false;           // after the next block
    VerifyCache* cache = nullptr;           // shared by the nodes of one run, to save time
    bool holds_answers = false;             // keep local answers until run_local
    bool is_silent_primary = false;         // never answers RequestProposal

  private:
    void carry_out(TimeMs now, const Action& action);
    TimeMs clock_;
};

// Names an action in one line, digests shortened.
[[nodiscard]] std::string render(const Action& action);
[[nodiscard]] std::string render(const Message& message);

}  // namespace consilium::consensus
