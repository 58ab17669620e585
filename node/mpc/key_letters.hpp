// What members of a committee ask each other: keys of the setup that a leader did not send
// (smpc-protocol.md, 2.1 step 3), and keys of the epoch that a member has lost (section 10).
//
// A letter is u8 type (0 request, 1 reply of the setup; 2 request, 3 reply of the recovery), then
// the canonical encoding of its struct. It travels on the authenticated link between two validators
// and is never on the chain: what it carries is sealed to a key that is erased soon, and should not
// outlive it in an archive.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "contracts/schema/limits.hpp"
#include "contracts/schema/mpc_records.hpp"
#include "core/codec.hpp"
#include "core/membership.hpp"
#include "fl_engine/smpc/transport.hpp"

namespace consilium::mpc {

// Asks for what opens this commitment of the chain.
struct KeyQuestion {
    schema::MemberSet subset{};
    Digest commitment;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("subset", self.subset);
        visit("commitment", self.commitment);
    }
    friend bool operator==(const KeyQuestion&, const KeyQuestion&) = default;
};
struct KeyRequest {
    std::uint64_t mpc_epoch{};
    std::vector<KeyQuestion> questions;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("mpc_epoch", self.mpc_epoch);
        visit("questions", self.questions, Limit{schema::kMaxSubsets});
    }
    friend bool operator==(const KeyRequest&, const KeyRequest&) = default;
};

// (K_A, nonce), sealed to the asker's ephemeral key of the epoch.
struct KeyAnswer {
    schema::MemberSet subset{};
    std::array<std::uint8_t, smpc::kSealedOpeningBytes> sealed{};
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("subset", self.subset);
        visit("sealed", self.sealed);
    }
    friend bool operator==(const KeyAnswer&, const KeyAnswer&) = default;
};
struct KeyReply {
    std::uint64_t mpc_epoch{};
    std::vector<KeyAnswer> answers;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("mpc_epoch", self.mpc_epoch);
        visit("answers", self.answers, Limit{schema::kMaxSubsets});
    }
    friend bool operator==(const KeyReply&, const KeyReply&) = default;
};

// What a member needs of an active epoch. Rows of keys, one key per subset of the member.
enum class RecoveryPart : std::uint8_t {
    kChains = 1,     // at batch `index`: client chains of slots 0..M, then the preparation's chain
    kRoundKeys = 2,  // `index` steps after the epoch's first round: coin, then blur
    kBatch = 3,      // of batch `index`: mask keys of slots 0..M, then the preparation's key
};
[[nodiscard]] constexpr bool is_known(RecoveryPart part) {
    return part >= RecoveryPart::kChains && part <= RecoveryPart::kBatch;
}
struct RecoveryQuestion {
    RecoveryPart part = RecoveryPart::kChains;
    std::uint64_t index{};
    std::uint32_t first_row{};  // those before it are here already
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("part", self.part);
        visit("index", self.index);
        visit("first_row", self.first_row);
    }
    friend bool operator==(const RecoveryQuestion&, const RecoveryQuestion&) = default;
};
inline constexpr std::size_t kMaxRecoveryQuestions = 2 + schema::kMaxLiveBatches;

struct RecoveryRequest {
    std::uint64_t mpc_epoch{};
    smpc::TransportPublicKey key{};  // fresh; replies are sealed to it
    Digest challenge;                // of the reply before; zeros: none yet, give one
    std::vector<RecoveryQuestion> questions;
    Signature signature;  // of the asker's validator key over recovery_digest()
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("mpc_epoch", self.mpc_epoch);
        visit("key", self.key);
        visit("challenge", self.challenge);
        visit("questions", self.questions, Limit{kMaxRecoveryQuestions});
        visit("signature", self.signature);
    }
    friend bool operator==(const RecoveryRequest&, const RecoveryRequest&) = default;
};
// What the asker signs: the request to this member on this chain, without its signature.
[[nodiscard]] Digest recovery_digest(const ChainIdentity& identity, const PublicKey& recipient,
                                     const RecoveryRequest& request);

// Rows of the questions in their order, as many as fit (recovery_parts.hpp says how).
struct RecoveryReply {
    static constexpr std::size_t kMaxSealedBytes = 60 * 1024;
    std::uint64_t mpc_epoch{};
    Digest challenge;  // of the request that is answered
    Digest next;       // the challenge that the next request must show
    Bytes sealed;      // empty: the request showed another challenge, or nothing is told
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("mpc_epoch", self.mpc_epoch);
        visit("challenge", self.challenge);
        visit("next", self.next);
        visit("sealed", self.sealed, Limit{kMaxSealedBytes});
    }
    friend bool operator==(const RecoveryReply&, const RecoveryReply&) = default;
};

// The alternative's index is the type; new ones are added at the end only.
using KeyLetter = std::variant<KeyRequest, KeyReply, RecoveryRequest, RecoveryReply>;

[[nodiscard]] Bytes encode_letter(const KeyLetter& letter);
// kMalformed, kLimitExceeded.
[[nodiscard]] Result<KeyLetter> decode_letter(ByteView bytes);

}  // namespace consilium::mpc
