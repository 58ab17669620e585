// Decides whether a block is what it claims to be: by its certificate, and by executing it again.
//
// Two kinds of bad blocks are told apart. One without the quorum's signatures proves only that who
// sent it lies: another node may have the right one. A block that a quorum signed and that does not
// follow from its parent is a divergence: the consortium, or this program, is wrong, and nothing
// after it can be trusted. Plain values: no I/O, no clock.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "contracts/executor.hpp"
#include "core/block.hpp"
#include "core/certificate.hpp"
#include "core/membership.hpp"
#include "core/receipt.hpp"
#include "core/state_tree.hpp"

namespace consilium::explorer {

// The answer of GET /v1/blocks/{height}?raw=1 is its canonical encoding.
struct CertifiedBlock {
    Block block;
    Certificate certificate;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("block", self.block);
        visit("certificate", self.certificate);
    }
    friend bool operator==(const CertifiedBlock&, const CertifiedBlock&) = default;
};

// Where verification stands: the newest verified block and the state after it.
struct ChainHead {
    BlockHeader header;
    Membership membership;  // certifies the next block
    StateTree state;
};

// A verified block and everything that follows from it.
struct VerifiedBlock {
    CertifiedBlock certified;
    BlockReceipts receipts;
    StateWrites writes;
    std::vector<Bytes> blobs;  // derived by execution: models
    ChainHead next;
};

// What does not agree, in words for people; `expected` is what this program computed.
struct Disagreement {
    Height height;
    std::string check;  // "certificate", "parent", "receipt_root", ... see the README
    std::string expected;
    std::string found;
    friend bool operator==(const Disagreement&, const Disagreement&) = default;
};
struct Unproven : Disagreement {};  // the sender's fault
struct Diverged : Disagreement {};  // the chain's fault, or this program's
using Failure = std::variant<contracts::MissingBlob, Unproven, Diverged>;

// State after genesis. kMalformed when the contracts refuse the genesis.
struct GenesisBlock {
    ChainHead head;
    StateWrites writes;
};
[[nodiscard]] Result<GenesisBlock> make_genesis(const Genesis& genesis);

// The certificate is of this header and the membership signed it.
[[nodiscard]] Result<void> check_certified(const ChainIdentity& identity,
                                           const Membership& membership, const BlockHeader& header,
                                           const Certificate& certificate);

// Checks the block after `head` from its certificate to its roots. Cost: one execution.
[[nodiscard]] tl::expected<VerifiedBlock, Failure> verify_block(const ChainIdentity& identity,
                                                                const ChainHead& head,
                                                                const contracts::BlobReader& blobs,
                                                                CertifiedBlock certified);

}  // namespace consilium::explorer
