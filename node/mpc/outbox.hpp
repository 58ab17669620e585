// The book of what a worker owes on its way into blocks: what to sign, what to hand in again.
//
// Each owed message is signed once; as long as it is owed and not expired the same bytes are handed
// in again, after expiry it is signed anew with another nonce. One that is no longer owed is
// forgotten. Pure: time and nonces are arguments, so the node and the simulator run the same book.
#pragma once
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/transaction.hpp"
#include "node/mpc/worker.hpp"

namespace consilium::mpc {

// A signed transaction and the blobs that it names.
struct SignedMessage {
    Bytes transaction;  // canonical encoding
    std::vector<Bytes> blobs;
};

struct HandIn {
    std::string label;
    std::shared_ptr<const SignedMessage> message;  // the book keeps it for the next time
};

class Outbox {
  public:
    using Sign = std::function<Signature(const Digest&)>;
    // Next nonce of the account, counting what waits in the node; nullopt: no answer now.
    using NextNonce = std::function<std::optional<std::uint64_t>()>;
    struct Moment {
        Height height;  // of the final state that `owed` follows from
        std::uint64_t now_ms{};
    };

    Outbox(ChainIdentity identity, const PublicKey& key, Sign sign);

    // What to hand to the node now, in order. `next_nonce` is asked only when it matters.
    [[nodiscard]] std::vector<HandIn> plan(std::vector<Outgoing> owed, const Moment& moment,
                                           const NextNonce& next_nonce);
    // After a refusal: nonces moved under us, everything that is owed is signed again.
    void forget() { pending_.clear(); }
    [[nodiscard]] std::size_t size() const { return pending_.size(); }

    static constexpr std::uint64_t kExpiryBlocks = 200;
    static constexpr std::uint64_t kResubmitMs = 2'000;

  private:
    struct Pending {
        std::shared_ptr<const SignedMessage> message;
        Height valid_until;
        std::uint64_t nonce{};
        std::uint64_t handed_in_ms{};
    };
    void settle(const std::vector<Outgoing>& owed, Height height);
    // True when nothing that waits has the account's next nonce.
    [[nodiscard]] bool has_nonce_gap(const NextNonce& next_nonce) const;
    [[nodiscard]] Pending sign(Outgoing outgoing, const Moment& moment, std::uint64_t nonce) const;

    ChainIdentity identity_;
    PublicKey key_;
    Sign sign_;
    std::map<std::string, Pending> pending_;  // by label
};

}  // namespace consilium::mpc
