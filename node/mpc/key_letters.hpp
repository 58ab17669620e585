// What members of a committee ask each other during the key setup (smpc-protocol.md, 2.1 step 3).
//
// A letter is u8 type (0 request, 1 reply), then the canonical encoding of its struct. It travels
// on the authenticated link between two validators and is never on the chain: what it carries is
// sealed to a key that is erased when the epoch is active, and should not outlive it in an archive.
#pragma once
#include <array>
#include <cstdint>
#include <string_view>
#include <variant>
#include <vector>

#include "contracts/schema/limits.hpp"
#include "contracts/schema/mpc_records.hpp"
#include "core/codec.hpp"
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

// The alternative's index is the type; new ones are added at the end only.
using KeyLetter = std::variant<KeyRequest, KeyReply>;

[[nodiscard]] Bytes encode_letter(const KeyLetter& letter);
// kMalformed, kLimitExceeded.
[[nodiscard]] Result<KeyLetter> decode_letter(ByteView bytes);

}  // namespace consilium::mpc
