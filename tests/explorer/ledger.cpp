// Builds the ledger by playing a consortium, then certifies what it did.
#include "tests/explorer/ledger.hpp"

#include <unistd.h>

#include <cstdlib>
#include <filesystem>

#include <gtest/gtest.h>

#include "contracts/executor.hpp"
#include "contracts/schema/reference_set.hpp"
#include "core/state_tree.hpp"
#include "tests/contracts/consortium_driver.hpp"

namespace consilium::explorer::testing {
namespace {

using contracts::testing::Chain;
using contracts::testing::ConsortiumDriver;
namespace schema = consilium::schema;

constexpr std::size_t kHospitals = 4;
constexpr std::uint16_t kPoisoner = 3;  // slot
constexpr std::uint64_t kSeed = 2;

KeyPair key_pair(const std::string& name) {
    const Digest secret = sha256(as_bytes(name));
    return KeyPair::from_secret(std::span(secret.bytes)).value();
}

// Proposed in one block and voted for in later ones, as people do.
Digest approve_reference(Chain& chain, const std::string& data_schema) {
    schema::ReferenceSet set;
    set.data_schema = data_schema;
    set.columns = {{"age"}, {"sex"}, {"chol"}};
    for (std::size_t record = 0; record < 64; ++record) {
        set.labels.push_back(record % 4 == 0 ? 1 : 0);
        set.features.insert(set.features.end(), 3, static_cast<std::int64_t>(record) << 30U);
    }
    const Bytes blob = encode(set);
    const schema::ReferenceSetApproval approval{
        {chain.blobs.put(blob), blob.size()}, std::nullopt, false};
    const auto id = chain.load<schema::GovernanceRecord>(schema::keys::governance()).next_proposal;
    CHECK(chain.send(chain.council[0], contracts::testing::kPropose,
                     schema::Propose{schema::ProposalKind::kApproveReferenceSet,
                                     encode(approval)}) == schema::Code::kOk);
    for (std::size_t i = 1; i < 3; ++i) {
        CHECK(chain.send(chain.council[i], contracts::testing::kVote, schema::Vote{id, true}) ==
              schema::Code::kOk);
    }
    return approval.blob.sha256;
}

// With an account of privacy; the driver's updates themselves carry no noise.
schema::TaskSpec noised_task() {
    schema::TaskSpec spec = contracts::testing::test_task();
    spec.clip_min = spec.clip_max = spec.clip_initial;
    spec.privacy = schema::PrivacyTerms{.clip = 500'000, .noise = 50'000, .delta_bits = 20};
    return spec;
}

void play(Chain& chain) {
    ConsortiumDriver driver(chain);
    for (std::size_t i = 0; i < kHospitals; ++i) chain.add_trainer(i);
    schema::TaskSpec task = noised_task();
    task.reference_set = approve_reference(chain, task.data_schema);
    const auto code = chain.decide(schema::ProposalKind::kCreateTask, encode(task));
    CHECK(code == schema::Code::kOk);
    driver.set_up_epoch();
    driver.prepare_batches();
    const auto updates = driver.similar_updates(kSeed, kPoisoner);
    std::uint64_t norm = 0;
    for (const std::int64_t value : updates[0]) norm += static_cast<std::uint64_t>(value * value);
    driver.post_references(updates[0], norm, {0, 2, 3});
    driver.submit(updates, {1, 2, 3, 4});
    driver.verify();
    for (std::uint32_t i = 0; i < kHospitals; ++i) {
        const schema::ReportMetrics metrics{.task = 1,
                                            .version = 1,
                                            .auc_micros = 900'000 + 10'000 * i,
                                            .accuracy_micros = 880'000,
                                            .balanced_accuracy_micros = 870'000,
                                            .rows_log2 = 6};
        CHECK(chain.send(chain.trainers[i], contracts::testing::kReportMetrics, metrics) ==
              schema::Code::kOk);
    }
    // A refusal belongs to a chain too: the task does not exist.
    CHECK(chain.send(chain.council[0], contracts::testing::kOpenRound,
                     schema::OpenRound{.task = 9}) == schema::Code::kUnknownTask);
}

CertifiedBlock run_again(const Ledger& ledger, const contracts::testing::RanBlock& ran,
                         ChainHead& head) {
    CertifiedBlock certified;
    certified.block.transactions = ran.transactions;
    for (Transaction& transaction : certified.block.transactions) {
        sign_transaction(transaction, ledger.keys.at(transaction.sender));
    }
    const auto& transactions = certified.block.transactions;
    const auto effects =
        contracts::execute_block(head.state, ledger.blobs, ran.context, transactions);
    CHECK(effects.has_value());
    head.state = head.state.apply(effects->writes);
    BlockHeader& header = certified.block.header;
    header.height = ran.context.height;
    header.parent = header_digest(head.header);
    header.time = ran.context.time;
    header.proposer = ReplicaId{static_cast<std::uint16_t>(ran.context.height.value % kHospitals)};
    header.tx_root = transaction_root(transaction_ids(transactions));
    header.receipt_root = receipt_root(effects->receipts);
    header.state_root = head.state.root();
    header.membership_hash = head.membership.hash();
    ledger.certify(certified);
    head.header = header;
    return certified;
}

}  // namespace

Ledger certify_chain(const Chain& chain) {
    Ledger ledger;
    ledger.genesis = chain.genesis;
    ledger.blobs = chain.blobs;
    for (const GenesisOrganisation& organisation : chain.genesis.organisations) {
        for (const char* role : {" validator", " council", " trainer"}) {
            KeyPair pair = key_pair(organisation.name + role);
            const PublicKey key = pair.public_key();
            ledger.keys.emplace(key, std::move(pair));
        }
    }
    ChainHead head = make_genesis(ledger.genesis).value().head;
    ledger.blocks.push_back({.block = {head.header, {}}, .certificate = {}});
    for (const auto& ran : chain.history) ledger.blocks.push_back(run_again(ledger, ran, head));
    CHECK(head.state.root() == chain.state.root());
    return ledger;
}

void Ledger::certify(CertifiedBlock& block) const {
    const Membership membership = genesis.membership();
    Certificate& certificate = block.certificate;
    const BlockHeader& header = block.block.header;
    certificate = {.epoch = header.epoch,
                   .height = header.height,
                   .view = View{0},
                   .digest = header_digest(header),
                   .signers = 0,
                   .signatures = {}};
    const Digest message = commit_vote_digest(
        genesis.identity(), {header.epoch, header.height, certificate.view, certificate.digest});
    for (std::uint16_t id = 0; id < membership.quorum(); ++id) {
        certificate.signers |= std::uint64_t{1} << id;
        certificate.signatures.push_back(keys.at(membership.key_of(ReplicaId{id})).sign(message));
    }
}

const Ledger& test_ledger() {
    static const Ledger ledger = [] {
        Chain chain(kHospitals);
        play(chain);
        return certify_chain(chain);
    }();
    return ledger;
}

std::string FakeSource::name(std::size_t node) const {
    return "node-" + std::to_string(node);
}

Result<CertifiedBlock> FakeSource::block(std::size_t node, Height height) {
    if (is_down(node)) return make_error(ErrorCode::kUnavailable, "connection refused");
    if (height > served || height > ledger_.height()) {
        return make_error(ErrorCode::kNotFound, "not there yet");
    }
    ++blocks_served;
    CertifiedBlock block = ledger_.blocks.at(height.value);
    if (tamper) tamper(node, block);
    return block;
}

Result<Bytes> FakeSource::blob(std::size_t node, const Digest& hash, std::uint64_t length) {
    if (is_down(node)) return make_error(ErrorCode::kUnavailable, "connection refused");
    auto content = ledger_.blobs.get(hash);
    if (!has_blobs || !content) return make_error(ErrorCode::kNotFound, "no such blob");
    EXPECT_EQ(content->size(), length);
    ++blobs_served;
    return *std::move(content);
}

Result<Height> FakeSource::height(std::size_t node) {
    const Height there = claimed ? claimed(node) : std::min(served, ledger_.height());
    if (is_down(node)) return make_error(ErrorCode::kUnavailable, "connection refused");
    return there;
}

TempFolder::TempFolder() {
    std::string pattern = std::filesystem::temp_directory_path() / "explorer_test_XXXXXX";
    CHECK(::mkdtemp(pattern.data()) != nullptr);
    path_ = pattern;
}
TempFolder::~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

}  // namespace consilium::explorer::testing
