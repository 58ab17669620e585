// Evidence of equivocation: gathered from nodes that may lie, verified before it is stored.
#include "explorer/evidence_collector.hpp"

#include <gtest/gtest.h>

#include "consensus/evidence.hpp"
#include "explorer/api.hpp"
#include "tests/explorer/ledger.hpp"

namespace consilium::explorer::testing {
namespace {

using Json = nlohmann::json;

constexpr TimeMs kNow{7'000};

// Nodes that answer what a test puts there.
class FakeEvidence final : public EvidenceSource {
  public:
    explicit FakeEvidence(std::size_t nodes) : answers(nodes) {}

    [[nodiscard]] std::size_t evidence_nodes() const override { return answers.size(); }
    [[nodiscard]] std::string evidence_node(std::size_t node) const override {
        return "node-" + std::to_string(node);
    }
    [[nodiscard]] Result<std::vector<Digest>> evidence_ids(std::size_t node) override {
        std::vector<Digest> ids;
        for (const auto& [id, content] : answers.at(node)) ids.push_back(id);
        return ids;
    }
    [[nodiscard]] Result<Bytes> evidence(std::size_t node, const Digest& id) override {
        ++fetches;
        const auto& content = answers.at(node).at(id);
        if (!content) return make_error(ErrorCode::kUnavailable, "no answer");
        return *content;
    }
    void hold(std::size_t node, const Bytes& content) {
        answers.at(node)[sha256(content)] = content;
    }

    std::vector<std::map<Digest, std::optional<Bytes>>> answers;
    std::size_t fetches = 0;
};

consensus::Commit commit_of(std::uint16_t member, Height height, std::uint8_t claim) {
    consensus::Commit commit;
    commit.slot = {Epoch{0}, height, View{0}};
    commit.sender = ReplicaId{member};
    commit.digest.bytes.fill(claim);
    const Membership membership = test_ledger().genesis.membership();
    const KeyPair& key = test_ledger().keys.at(membership.key_of(commit.sender));
    commit.signature =
        key.sign(consensus::signing_digest(test_ledger().genesis.identity(), commit));
    return commit;
}

consensus::Evidence evidence_of(std::uint16_t member, Height height, std::uint8_t second = 2) {
    return {consensus::MessageType::kCommit,
            {Epoch{0}, height, View{0}},
            ReplicaId{member},
            consensus::encode_message(commit_of(member, height, 1)),
            consensus::encode_message(commit_of(member, height, second))};
}

struct Desk {
    Desk()
        : store(IndexStore::open(folder.file("index"), test_ledger().genesis, false).value()),
          reader(folder.file("index")),
          api(test_ledger().genesis, reader, [] { return FollowerStatus{}; }) {}
    [[nodiscard]] Json get(const std::string& path) const {
        p2p::HttpRequest request;
        request.method = "GET";
        request.path = path;
        const auto response = api.handle(request);
        return Json::parse(std::string(response.body.begin(), response.body.end()));
    }
    [[nodiscard]] Json items() const { return get("/api/v1/evidence")["items"]; }
    [[nodiscard]] Json findings() const { return get("/api/v1/status")["findings"]; }

    TempFolder folder;
    IndexStore store;
    IndexReader reader;
    Api api;
};

TEST(EvidenceTest, proof_of_two_votes_is_stored_once_and_shown_with_the_offender) {
    Desk desk;
    FakeEvidence source(2);
    const Bytes content = encode(evidence_of(2, Height{5}));
    source.hold(0, content);
    source.hold(1, content);
    EvidenceCollector collector(desk.store, source);
    EXPECT_EQ(collector.poll(kNow).value(), 1U);
    EXPECT_EQ(collector.poll(kNow).value(), 0U);
    EXPECT_EQ(source.fetches, 1U);
    ASSERT_EQ(desk.items().size(), 1U);
    const Json item = desk.items()[0];
    EXPECT_EQ(item["id"], sha256(content).hex());
    EXPECT_EQ(item["kind"], "commit");
    EXPECT_EQ(item["name"], "Hospital 3");
    EXPECT_EQ(item["height"], 5);
    EXPECT_EQ(item["claims"][0].get<std::string>().substr(0, 4), "0101");
    EXPECT_EQ(item["claims"][1].get<std::string>().substr(0, 4), "0202");
    EXPECT_EQ(item["node"], "node-0");
    const Json detail = desk.get("/api/v1/evidence/" + sha256(content).hex());
    EXPECT_EQ(detail["evidence"], to_hex(content));
    EXPECT_EQ(desk.get("/api/v1/status")["counts"]["evidence"], 1);
    EXPECT_TRUE(desk.findings().empty());
}

TEST(EvidenceTest, what_proves_nothing_is_refused_and_its_sender_named_once) {
    consensus::Evidence same = evidence_of(1, Height{4}, 1);
    consensus::Evidence other_member = evidence_of(1, Height{4});
    other_member.offender = ReplicaId{2};
    consensus::Evidence false_signature = evidence_of(1, Height{4});
    false_signature.second.back() ^= 1;
    consensus::Evidence stranger = evidence_of(1, Height{4});
    stranger.offender = ReplicaId{63};
    consensus::Evidence other_slot = evidence_of(1, Height{4});
    other_slot.slot.height = Height{6};
    Desk desk;
    FakeEvidence source(1);
    for (const auto& evidence : {same, other_member, false_signature, stranger, other_slot}) {
        source.hold(0, encode(evidence));
    }
    source.hold(0, Bytes{1, 2, 3});
    EvidenceCollector collector(desk.store, source);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(collector.poll(kNow).value(), 0U);
    EXPECT_TRUE(desk.items().empty());
    EXPECT_EQ(source.fetches, 6U);  // none is asked for again
    ASSERT_EQ(desk.findings().size(), 1U);
    EXPECT_EQ(desk.findings()[0]["kind"], "unproven");
    EXPECT_EQ(desk.findings()[0]["check"], "evidence");
    EXPECT_EQ(desk.findings()[0]["node"], "node-0");
}

TEST(EvidenceTest, every_flipped_bit_of_a_proof_is_refused) {
    Desk desk;
    const Bytes content = encode(evidence_of(1, Height{4}));
    for (std::size_t at = 0; at < content.size(); ++at) {
        Bytes other = content;
        other[at] ^= static_cast<std::uint8_t>(1U << (at % 8));
        FakeEvidence source(1);
        source.hold(0, other);
        EvidenceCollector collector(desk.store, source);
        EXPECT_EQ(collector.poll(kNow).value(), 0U) << "byte " << at;
    }
    EXPECT_TRUE(desk.items().empty());
}

TEST(EvidenceTest, other_bytes_under_an_id_are_named_and_another_node_is_asked) {
    Desk desk;
    FakeEvidence source(2);
    const Bytes content = encode(evidence_of(0, Height{9}));
    source.answers[0][sha256(content)] = Bytes{1};
    source.hold(1, content);
    EvidenceCollector collector(desk.store, source);
    EXPECT_EQ(collector.poll(kNow).value(), 0U);
    EXPECT_EQ(collector.poll(kNow).value(), 1U);
    EXPECT_EQ(desk.findings().size(), 1U);
    EXPECT_EQ(desk.items()[0]["node"], "node-1");
}

TEST(EvidenceTest, evidence_of_one_member_is_bounded_and_so_is_a_poll) {
    Desk desk;
    FakeEvidence source(1);
    for (std::uint64_t height = 1; height <= 30; ++height) {
        source.hold(0, encode(evidence_of(1, Height{height})));
    }
    EvidenceCollector collector(desk.store, source);
    EXPECT_EQ(collector.poll(kNow).value(), EvidenceCollector::kMaxFetches);
    EXPECT_EQ(source.fetches, EvidenceCollector::kMaxFetches);
    for (int i = 0; i < 10; ++i) EXPECT_TRUE(collector.poll(kNow).has_value());
    EXPECT_EQ(desk.items().size(), EvidenceCollector::kMaxPerMember);
    EXPECT_EQ(source.fetches, 30U);
    source.hold(0, encode(evidence_of(2, Height{1})));
    EXPECT_EQ(collector.poll(kNow).value(), 1U);  // another member has its own bound
}

TEST(EvidenceTest, silent_node_holds_up_nothing_and_unknown_epoch_waits) {
    Desk desk;
    FakeEvidence source(1);
    consensus::Evidence later = evidence_of(1, Height{4});
    later.slot.epoch = Epoch{3};
    source.hold(0, encode(later));
    source.answers[0][sha256(as_bytes("never given"))] = std::nullopt;
    EvidenceCollector collector(desk.store, source);
    EXPECT_EQ(collector.poll(kNow).value(), 0U);
    EXPECT_LE(source.fetches, 2U);
    EXPECT_TRUE(desk.findings().empty());
    EXPECT_EQ(desk.get("/api/v1/evidence/" + std::string(64, '0'))["status"], 404);
}

TEST(EvidenceTest, what_was_stored_is_there_after_a_restart) {
    TempFolder folder;
    const Bytes content = encode(evidence_of(3, Height{2}));
    {
        auto store = IndexStore::open(folder.file("index"), test_ledger().genesis, false).value();
        FakeEvidence source(1);
        source.hold(0, content);
        EvidenceCollector collector(store, source);
        EXPECT_EQ(collector.poll(kNow).value(), 1U);
    }
    auto store = IndexStore::open(folder.file("index"), test_ledger().genesis, false).value();
    EXPECT_TRUE(store.has_evidence(sha256(content)).value());
    EXPECT_EQ(store.membership_of(Epoch{0}).value(), test_ledger().genesis.membership());
    EXPECT_EQ(store.membership_of(Epoch{1}).error().code, ErrorCode::kNotFound);
}

}  // namespace
}  // namespace consilium::explorer::testing
