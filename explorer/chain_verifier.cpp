// The checks of one block, in the order in which their failure means less trust.
#include "explorer/chain_verifier.hpp"

#include <utility>

namespace consilium::explorer {
namespace {

std::string text_of(const Digest& digest) {
    return digest.hex();
}
template <typename Integer>
std::string text_of(Integer value) {
    return std::to_string(value);
}

class Checks {
  public:
    explicit Checks(Height height) : height_(height) {}

    // Notes the first difference.
    template <typename T>
    void compare(const char* check, const T& expected, const T& found) {
        if (expected != found) note(check, text_of(expected), text_of(found));
    }
    void require(const char* check, bool holds, std::string_view expected,
                 const std::string& found) {
        if (!holds) note(check, std::string(expected), found);
    }
    [[nodiscard]] bool has_failed() const { return first_.has_value(); }
    [[nodiscard]] tl::unexpected<Failure> diverged() const {
        return tl::unexpected<Failure>(Diverged{*first_});
    }
    [[nodiscard]] tl::unexpected<Failure> unproven() const {
        return tl::unexpected<Failure>(Unproven{*first_});
    }

  private:
    void note(const char* check, std::string expected, std::string found) {
        if (!first_) first_ = Disagreement{height_, check, std::move(expected), std::move(found)};
    }
    Height height_;
    std::optional<Disagreement> first_;
};

// What a quorum signed, before it is executed.
void check_header(Checks& checks, const ChainHead& head, const BlockHeader& header) {
    checks.compare("parent", header_digest(head.header), header.parent);
    checks.require("time", header.time > head.header.time,
                   "later than " + std::to_string(head.header.time.value),
                   std::to_string(header.time.value));
    checks.require("proposer", head.membership.contains(header.proposer), "a member",
                   std::to_string(header.proposer.value));
    checks.compare("protocol_version", kProtocolVersion, header.protocol_version);
}

void check_signatures(Checks& checks, const std::vector<Transaction>& transactions) {
    for (const Transaction& transaction : transactions) {
        if (!has_valid_signature(transaction)) {
            checks.require("transaction_signature", false, "a valid signature",
                           transaction_id(transaction).hex());
            return;
        }
    }
}

}  // namespace

Result<GenesisBlock> make_genesis(const Genesis& genesis) {
    if (auto valid = validate_genesis(genesis); !valid) return tl::unexpected(valid.error());
    auto writes = contracts::genesis_state(genesis);
    if (!writes) return tl::unexpected(writes.error());
    GenesisBlock block;
    block.head.state = StateTree().apply(*writes);
    block.head.membership = genesis.membership();
    block.head.header = genesis.header(block.head.state.root());
    block.writes = std::move(*writes);
    return block;
}

Result<void> check_certified(const ChainIdentity& identity, const Membership& membership,
                             const BlockHeader& header, const Certificate& certificate) {
    if (certificate.digest != header_digest(header) || certificate.height != header.height ||
        certificate.epoch != header.epoch) {
        return make_error(ErrorCode::kMismatch, "the certificate is of another block");
    }
    return verify_certificate(identity, membership, certificate);
}

tl::expected<VerifiedBlock, Failure> verify_block(const ChainIdentity& identity,
                                                  const ChainHead& head,
                                                  const contracts::BlobReader& blobs,
                                                  CertifiedBlock certified) {
    const BlockHeader& header = certified.block.header;
    const std::vector<Transaction>& transactions = certified.block.transactions;
    Checks checks(head.header.height.next());
    checks.compare("height", head.header.height.next().value, header.height.value);
    if (const auto proven =
            check_certified(identity, head.membership, header, certified.certificate);
        !proven) {
        checks.require("certificate", false, "signatures of a quorum", proven.error().context);
    }
    // The header commits to the transactions: others are the sender's invention.
    checks.compare("tx_root", transaction_root(transaction_ids(transactions)), header.tx_root);
    if (checks.has_failed()) return checks.unproven();

    check_header(checks, head, header);
    check_signatures(checks, transactions);
    if (checks.has_failed()) return checks.diverged();

    auto effects =
        contracts::execute_block(head.state, blobs, {header.height, header.time}, transactions);
    if (!effects) return tl::unexpected<Failure>(effects.error());
    checks.compare("inadmissible_transactions", std::size_t{0}, effects->inadmissible.size());
    checks.compare("receipt_root", receipt_root(effects->receipts), header.receipt_root);
    ChainHead next{.header = header,
                   .membership = effects->next_membership.value_or(head.membership),
                   .state = head.state.apply(effects->writes)};
    checks.compare("state_root", next.state.root(), header.state_root);
    checks.compare("membership_hash", next.membership.hash(), header.membership_hash);
    if (checks.has_failed()) return checks.diverged();
    return VerifiedBlock{.certified = std::move(certified),
                         .receipts = std::move(effects->receipts),
                         .writes = std::move(effects->writes),
                         .blobs = std::move(effects->blobs),
                         .next = std::move(next)};
}

}  // namespace consilium::explorer
