// What the tests of the driver's parts share: an Env that records, a genesis, signed transactions.
#pragma once
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "contracts/schema/arguments.hpp"
#include "contracts/schema/parameters.hpp"
#include "core/genesis.hpp"
#include "node/driver/driver.hpp"
#include "tests/simulation/crypto.hpp"
#include "tests/simulation/disk.hpp"

namespace consilium::driver::testing {

using simulation::simulation_key;
using simulation::simulation_sign;

inline constexpr std::size_t kCouncilKeys = 100;

[[nodiscard]] inline PublicKey key_of(std::size_t index) {
    return simulation_key(index).public_key();
}

[[nodiscard]] inline Genesis make_genesis() {
    Genesis genesis;
    genesis.chain_id = "test";
    genesis.time = TimeMs{1'000};
    genesis.parameters = encode(schema::Parameters{});
    for (std::size_t i = 0; i < 4; ++i) {
        genesis.organisations.push_back(
            {"Hospital " + std::to_string(i), key_of(i), key_of(kCouncilKeys + i)});
    }
    return genesis;
}

// Records what is sent; disk and clock belong to the test.
class RecordingEnv final : public Env {
  public:
    explicit RecordingEnv(std::size_t own) : own_(own) {}

    void send(const PublicKey& to, const Frame& frame) override {
        auto message = decode_frame(frame.kind, *frame.payload);
        CHECK(message.has_value());
        sent.emplace_back(to, std::move(*message));
    }
    void broadcast(const Frame& frame) override {
        for (std::size_t i = 0; i < 4; ++i) {
            if (i != own_) send(key_of(i), frame);
        }
    }
    void report_invalid(const PublicKey& peer) override { invalid.push_back(peer); }
    void wake_at(std::uint64_t monotonic_ms) override { wake_ms = monotonic_ms; }
    [[nodiscard]] Storage& storage() override { return disk; }
    [[nodiscard]] Signature sign(const Digest& message) override {
        return simulation_sign(simulation_key(own_), message);
    }
    [[nodiscard]] SignatureVerifier& verifier() override { return verifier_; }
    void check_later(Ticket ticket, std::vector<SignatureCheck> checks) override {
        open_checks.emplace_back(ticket, std::move(checks));
    }
    void on_committed(const CommittedBlock& committed) override {
        committed_heights.push_back(committed.block.header.height);
    }
    void on_submission(const SubmissionResult& result) override { submissions.push_back(result); }
    void on_report(const Report& report) override { reports.push_back(report); }
    void on_letter(const PublicKey& from, Bytes content) override {
        letters.emplace_back(from, std::move(content));
    }

    // The answer to the oldest open question.
    [[nodiscard]] SignaturesChecked take_answer() {
        CHECK(!open_checks.empty());
        auto [ticket, checks] = std::move(open_checks.front());
        open_checks.erase(open_checks.begin());
        return {ticket, verifier_.verify_all(checks)};
    }
    template <typename Message>
    [[nodiscard]] std::vector<std::pair<PublicKey, Message>> take() {
        std::vector<std::pair<PublicKey, Message>> found;
        for (const auto& [to, message] : sent) {
            if (const auto* one = std::get_if<Message>(&message)) found.emplace_back(to, *one);
        }
        sent.clear();
        return found;
    }
    [[nodiscard]] bool has_reported(ReportKind kind) const {
        for (const Report& report : reports) {
            if (report.kind == kind) return true;
        }
        return false;
    }

    simulation::SimulatedDisk disk;
    std::vector<std::pair<PublicKey, PeerMessage>> sent;
    std::vector<PublicKey> invalid;
    std::vector<std::pair<Ticket, std::vector<SignatureCheck>>> open_checks;
    std::vector<Height> committed_heights;
    std::vector<SubmissionResult> submissions;
    std::vector<Report> reports;
    std::vector<std::pair<PublicKey, Bytes>> letters;
    std::uint64_t wake_ms = 0;

  private:
    std::size_t own_;
    DirectVerifier verifier_;
};

// A council member's ballot on a key that nobody registered: admissible, refused by its module.
[[nodiscard]] inline Transaction make_transaction(std::size_t council, std::uint64_t nonce) {
    const Genesis genesis = make_genesis();
    Transaction transaction;
    transaction.chain_id = genesis.chain_id;
    transaction.genesis_hash = genesis.hash();
    transaction.nonce = nonce;
    transaction.valid_until = Height{100};
    transaction.module = static_cast<std::uint16_t>(schema::Module::kRegistration);
    transaction.action = schema::action::kApprove;
    transaction.arguments = encode(schema::AccountBallot{key_of(50)});
    const KeyPair& key = simulation_key(kCouncilKeys + council);
    transaction.sender = key.public_key();
    transaction.signature = simulation_sign(key, signing_digest(transaction));
    return transaction;
}

// A certificate of the first `signers` members.
[[nodiscard]] inline Certificate certify(const ChainIdentity& identity, const BlockHeader& header,
                                         std::size_t signers) {
    Certificate certificate{.epoch = header.epoch,
                            .height = header.height,
                            .view = View{0},
                            .digest = header_digest(header),
                            .signers = 0,
                            .signatures = {}};
    const Digest message = commit_vote_digest(
        identity, {header.epoch, header.height, certificate.view, certificate.digest});
    for (std::size_t i = 0; i < signers; ++i) {
        certificate.signers |= std::uint64_t{1} << i;
        certificate.signatures.push_back(simulation_sign(simulation_key(i), message));
    }
    return certificate;
}

}  // namespace consilium::driver::testing
