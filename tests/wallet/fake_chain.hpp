// A chain in memory behind the node API: real keys, state tree, receipts and certificates.
//
// Time passes only in pause_ms(); each pause makes one block. What goes wrong is told by `faults`.
#pragma once
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/block.hpp"
#include "core/certificate.hpp"
#include "core/genesis.hpp"
#include "core/receipt.hpp"
#include "core/state_tree.hpp"
#include "p2p/client/api_channel.hpp"

namespace consilium::wallet_tests {

struct Faults {
    bool is_down = false;             // nothing answers
    bool loses_transactions = false;  // says 202 and forgets
    bool hides_answers = false;       // takes transactions, but the connection breaks
    std::string refusal;              // code of a 422 for every transaction
    unsigned refusal_status = 422;
    int busy_answers = 0;  // so many 503 first
    std::uint16_t receipt_code = 0;
    int waiting_nonces = 0;           // so many times another transaction waits with the nonce
    int nonce_thefts = 0;             // so many times another transaction takes the nonce first
    bool forges_value = false;        // state answers carry another value than was proven
    bool forges_certificate = false;  // one signature less than a quorum
    bool forges_receipt = false;
    bool refuses_blobs = false;
    bool forges_membership = false;           // another list than the header announced
    std::optional<std::size_t> stale_height;  // state answers are of this block
};

class FakeChain final : public p2p::ApiChannel {
  public:
    explicit FakeChain(const std::vector<KeyPair>& validators, const Genesis& genesis);

    Result<p2p::ApiAnswer> get(std::string_view target) override;
    Result<p2p::ApiAnswer> post_transaction(ByteView transaction) override;
    Result<Bytes> get_blob(const Digest& hash, std::uint64_t length) override;
    // Takes what a waiting transaction names, as a node does, and what expect_blob() announced.
    Result<std::size_t> put_blob(const KeyPair& account, const p2p::BlobUpload& upload) override;
    [[nodiscard]] std::size_t node() const override { return 0; }
    [[nodiscard]] std::uint64_t now_ms() const override { return now_ms_; }
    void pause_ms(std::uint64_t duration_ms) override;

    void write(const Bytes& key, const Bytes& value) { pending_writes_[key] = value; }
    void add_blob(const Bytes& content) { blobs_[sha256(content)] = content; }
    // A pledge on the chain names this blob.
    void expect_blob(const Digest& hash) { expected_blobs_.insert(hash); }
    void make_block();
    // The next block announces these validators; they certify what follows it.
    void change_validators(std::vector<KeyPair> validators);
    [[nodiscard]] Height height() const { return Height{blocks_.size()}; }
    [[nodiscard]] const std::vector<Bytes>& posted() const { return posted_; }
    [[nodiscard]] const std::vector<Bytes>& uploaded() const { return uploaded_; }
    [[nodiscard]] const std::vector<Transaction>& executed() const { return executed_; }

    Faults faults;

  private:
    struct Certified {
        Block block;
        BlockReceipts receipts;
        Certificate certificate;
        StateTree state;
    };
    Result<p2p::ApiAnswer> transaction_answer(const std::string& id, bool with_proof) const;
    Result<p2p::ApiAnswer> state_answer(const std::string& key) const;
    Result<p2p::ApiAnswer> membership_answer(std::uint64_t epoch) const;
    Certificate certify(const BlockHeader& header) const;

    struct Era {
        std::vector<KeyPair> keys;
        Membership membership;
        std::size_t announced = 0;  // height; 0: genesis
    };
    const std::vector<KeyPair>& validators_;  // of genesis
    Genesis genesis_;
    std::deque<Era> eras_;           // after genesis
    Membership membership_;          // certifies the next block
    std::vector<Certified> blocks_;  // height 1 is at 0
    StateTree state_;
    StateWrites pending_writes_;
    std::deque<Transaction> mempool_;
    std::map<PublicKey, std::uint64_t> nonces_;
    std::vector<Bytes> posted_;
    std::vector<Bytes> uploaded_;
    std::vector<Transaction> executed_;
    std::map<Digest, Bytes> blobs_;
    std::set<Digest> expected_blobs_;
    std::uint64_t now_ms_ = 1'000;
};

// Four organisations; the keys are drawn once per test.
struct FakeConsortium {
    std::vector<KeyPair> validators;
    std::vector<KeyPair> council;
    Genesis genesis;
    [[nodiscard]] static FakeConsortium make();
};

}  // namespace consilium::wallet_tests
