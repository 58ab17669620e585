// Builds, signs, sends and follows one transaction until its fate is known.
//
// The same signed bytes are sent again until the transaction is found in a block or has expired;
// nothing is signed anew while an earlier copy could still be executed. So an instruction is
// carried out at most once, whatever the network does. Not thread-safe.
//
// What a node tells is taken as told: whoever needs proof checks the outcome with
// OutcomeProof (outcome_proof.hpp).
#pragma once
#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "core/membership.hpp"
#include "core/result.hpp"
#include "core/signature.hpp"
#include "core/transaction.hpp"
#include "p2p/client/api_channel.hpp"

namespace consilium::p2p {

struct Instruction {
    std::uint16_t module{};
    std::uint16_t action{};
    Bytes arguments;  // canonical encoding of the action's argument struct
};

struct SenderOptions {
    std::uint64_t expiry_blocks = 100;  // valid_until = height of the node + this
    std::uint64_t timeout_ms = 60'000;  // of waiting for the outcome
    std::uint64_t poll_ms = 100;
    std::uint64_t resend_ms = 3'000;
};

// How far send() waits.
enum class WaitFor : std::uint8_t {
    kNothing,    // one attempt to hand it to a node
    kAccepted,   // a node took it into its mempool; that promises nothing
    kCommitted,  // it stands in a block
};

enum class SendState : std::uint8_t {
    kAccepted,   // in a mempool
    kCommitted,  // in a block; receipt_code tells whether it was carried out
    kRefused,    // not admitted, and no copy of it is on the way
    kExpired,    // past its last height without standing in a block: it never will
    kUnknown,    // sent, and neither seen in a block nor seen to expire before the timeout
};

struct SendOutcome {
    Digest id;
    SendState state = SendState::kUnknown;
    Height height;                 // of the block, kCommitted only
    std::uint16_t receipt_code{};  // kCommitted only; 0 = carried out
    std::string code;              // name of the receipt or refusal code, or of what is unknown
    std::string detail;            // the node's words, or the last failure
    std::string events_json;       // kCommitted only: JSON array of the receipt's events
};

class TransactionSender {
  public:
    // `channel` outlives the sender.
    TransactionSender(ApiChannel& channel, ChainIdentity chain, SenderOptions options);

    // Asks for height and nonce: the transaction without a signature, for signing elsewhere.
    [[nodiscard]] Result<Transaction> draft(const PublicKey& sender,
                                            const Instruction& instruction);
    // draft, and signs. kMismatch when the node is of another chain.
    [[nodiscard]] Result<Transaction> prepare(const KeyPair& key, const Instruction& instruction);
    // True once the transaction could no longer do what it is for; asked now and then while an
    // outcome is awaited, which then ends as kUnknown.
    using IsPointless = std::function<bool()>;
    // Sends signed bytes and waits. An error means that nothing was sent (malformed, other chain).
    [[nodiscard]] Result<SendOutcome> send(const Transaction& transaction, WaitFor wait,
                                           const IsPointless& is_pointless = nullptr);
    // prepare and send. When another transaction of the account took the nonce meanwhile, this one
    // can never be executed and a new one is signed, at most kNonceRetries times.
    [[nodiscard]] Result<SendOutcome> execute(const KeyPair& key, const Instruction& instruction,
                                              WaitFor wait,
                                              const IsPointless& is_pointless = nullptr);

    static constexpr int kNonceRetries = 5;

  private:
    struct Lookup;
    struct Attempt;
    [[nodiscard]] Result<Height> height();
    [[nodiscard]] std::optional<Lookup> look_up(const Digest& id);
    void submit(ByteView bytes, Attempt& attempt);
    [[nodiscard]] std::optional<SendOutcome> settle(const Transaction& transaction,
                                                    Attempt& attempt, WaitFor wait);

    ApiChannel& channel_;
    ChainIdentity chain_;
    SenderOptions options_;
};

}  // namespace consilium::p2p
