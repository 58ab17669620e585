// Transactions, blocks, memberships, certificates, genesis and the light client.
#include <gtest/gtest.h>

#include <set>

#include "core/genesis.hpp"
#include "core/light_client.hpp"

namespace consilium {
namespace {

// Key pair i of the tests: secret = tagged hash of i, so vectors stay the same on every run.
KeyPair test_key(std::uint8_t i) {
    const Digest secret = tagged_hash("consilium/test-key", ByteView(&i, 1));
    auto pair = KeyPair::from_secret(secret.bytes);
    CHECK(pair.has_value());
    return std::move(*pair);
}

struct Chain {
    std::vector<KeyPair> validators;
    Genesis genesis;
    explicit Chain(std::uint8_t n, std::uint8_t first_key = 0) {
        genesis.chain_id = "test-chain";
        genesis.time = TimeMs{1'700'000'000'000};
        for (std::uint8_t i = 0; i < n; ++i) {
            validators.push_back(test_key(static_cast<std::uint8_t>(first_key + i)));
            genesis.organisations.push_back(
                {"Hospital " + std::to_string(i), validators.back().public_key(),
                 test_key(static_cast<std::uint8_t>(100 + i)).public_key()});
        }
    }
    [[nodiscard]] Certificate certify(const BlockHeader& header, std::uint64_t signers) const {
        const Digest digest = header_digest(header);
        Certificate certificate{header.epoch, header.height, View{2}, digest, signers, {}};
        const Digest vote =
            commit_vote_digest(genesis.identity(), {header.epoch, header.height, View{2}, digest});
        for (std::size_t i = 0; i < validators.size(); ++i) {
            if ((signers >> i) & 1U) certificate.signatures.push_back(validators[i].sign(vote));
        }
        return certificate;
    }
    [[nodiscard]] BlockHeader header_at(std::uint64_t height) const {
        BlockHeader header = genesis.header(Digest{});
        header.height = Height{height};
        return header;
    }
};

Transaction make_transaction() {
    Transaction transaction;
    transaction.chain_id = "test-chain";
    transaction.genesis_hash = sha256(as_bytes("genesis"));
    transaction.nonce = 3;
    transaction.valid_until = Height{50};
    transaction.module = 1;
    transaction.action = 2;
    transaction.arguments = {1, 2, 3};
    sign_transaction(transaction, test_key(1));
    return transaction;
}

TEST(Transaction, signing_digest_is_frozen) {
    EXPECT_EQ(signing_digest(make_transaction()).hex(),
              "a66fdc2b4232be780f8bed5fd6ef66c78c091c32d61bae8e9022b376605c2778");
}

TEST(Transaction, a_change_of_any_byte_breaks_signature_or_encoding) {
    const Transaction transaction = make_transaction();
    ASSERT_TRUE(has_valid_signature(transaction));
    const Bytes bytes = encode(transaction);
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        Bytes changed = bytes;
        changed[i] ^= 1U;
        const auto decoded = decode_transaction(changed);
        EXPECT_FALSE(decoded && has_valid_signature(*decoded)) << i;
    }
}

TEST(Transaction, id_covers_the_signature) {
    Transaction transaction = make_transaction();
    const Digest id = transaction_id(transaction);
    sign_transaction(transaction, test_key(1));  // fresh auxiliary randomness
    EXPECT_NE(transaction_id(transaction), id);
    EXPECT_TRUE(has_valid_signature(transaction));
}

TEST(Transaction, over_the_size_limit_is_refused_by_its_size) {
    const auto decoded = decode_transaction(Bytes(kMaxTransactionBytes + 1));
    ASSERT_FALSE(decoded);
    EXPECT_EQ(decoded.error().code, ErrorCode::kLimitExceeded);
}

TEST(Membership, quorum_table_of_4_to_13_members) {
    const std::vector<std::size_t> expected = {3, 4, 4, 5, 6, 6, 7, 8, 8, 9};
    for (std::size_t n = 4; n <= 13; ++n) EXPECT_EQ(quorum_size(n), expected[n - 4]) << n;
}

TEST(Membership, two_quorums_share_a_correct_member_for_every_n) {
    for (std::size_t n = 1; n <= kMaxMembers; ++n) {
        const std::size_t overlap = 2 * quorum_size(n) - n;
        EXPECT_GT(overlap, fault_bound(n)) << n;
        EXPECT_LE(quorum_size(n), n - fault_bound(n)) << n;  // reachable without the faulty
    }
}

TEST(Header, digest_is_frozen) {
    const Chain chain(4);
    EXPECT_EQ(header_digest(chain.genesis.header(Digest{})).hex(),
              "6dbe6aa5ab5c2249acba5777a326b0928b5c9ede3f08a663ef83f22401c75a3f");
    EXPECT_EQ(chain.genesis.hash().hex(),
              "e998f39a8e5a40d24fad5dacb719466cfbfb61678f1e1b3e3192038b256c645c");
}

TEST(Header, every_field_changes_the_digest) {
    const BlockHeader base = Chain(4).header_at(9);
    std::set<Digest> digests{header_digest(base)};
    const auto add = [&](auto change) {
        BlockHeader header = base;
        change(header);
        EXPECT_TRUE(digests.insert(header_digest(header)).second);
    };
    const Digest other = sha256(as_bytes("other"));
    add([](BlockHeader& h) { h.height = Height{10}; });
    add([&](BlockHeader& h) { h.parent = other; });
    add([](BlockHeader& h) { h.time = TimeMs{1}; });
    add([](BlockHeader& h) { h.proposer = ReplicaId{1}; });
    add([](BlockHeader& h) { h.epoch = Epoch{1}; });
    add([&](BlockHeader& h) { h.tx_root = other; });
    add([&](BlockHeader& h) { h.receipt_root = other; });
    add([&](BlockHeader& h) { h.state_root = other; });
    add([&](BlockHeader& h) { h.membership_hash = other; });
    add([](BlockHeader& h) { h.protocol_version = 2; });
}

TEST(Certificate, quorum_of_distinct_signers_verifies) {
    const Chain chain(4);
    const auto header = chain.header_at(1);
    EXPECT_TRUE(verify_certificate(chain.genesis.identity(), chain.genesis.membership(),
                                   chain.certify(header, 0b1011)));
}

TEST(Certificate, one_signer_below_the_quorum_is_refused) {
    const Chain chain(5);  // 2f + 1 = 3 would fork here; the quorum is 4
    EXPECT_FALSE(verify_certificate(chain.genesis.identity(), chain.genesis.membership(),
                                    chain.certify(chain.header_at(1), 0b0111)));
    EXPECT_TRUE(verify_certificate(chain.genesis.identity(), chain.genesis.membership(),
                                   chain.certify(chain.header_at(1), 0b1111)));
}

TEST(Certificate, one_member_signing_for_another_is_refused) {
    const Chain chain(4);
    auto certificate = chain.certify(chain.header_at(1), 0b0111);
    certificate.signatures[2] = certificate.signatures[1];
    EXPECT_FALSE(
        verify_certificate(chain.genesis.identity(), chain.genesis.membership(), certificate));
}

TEST(Certificate, quorum_with_one_bad_extra_signature_is_refused) {
    const Chain chain(4);
    auto certificate = chain.certify(chain.header_at(1), 0b1111);
    certificate.signatures[3].bytes[0] ^= 1U;
    EXPECT_FALSE(
        verify_certificate(chain.genesis.identity(), chain.genesis.membership(), certificate));
}

TEST(Certificate, signer_outside_the_membership_and_surplus_signatures_are_refused) {
    const Chain chain(4);
    const auto identity = chain.genesis.identity();
    const auto membership = chain.genesis.membership();
    auto certificate = chain.certify(chain.header_at(1), 0b0111);
    certificate.signers |= 1U << 9U;
    EXPECT_FALSE(verify_certificate(identity, membership, certificate));
    certificate = chain.certify(chain.header_at(1), 0b0111);
    certificate.signatures.push_back(certificate.signatures[0]);
    EXPECT_FALSE(verify_certificate(identity, membership, certificate));
}

TEST(Certificate, changed_field_or_other_chain_is_refused) {
    const Chain chain(4);
    const auto membership = chain.genesis.membership();
    const auto good = chain.certify(chain.header_at(1), 0b0111);
    auto changed = good;
    changed.view = View{3};
    EXPECT_FALSE(verify_certificate(chain.genesis.identity(), membership, changed));
    changed = good;
    changed.height = Height{2};
    EXPECT_FALSE(verify_certificate(chain.genesis.identity(), membership, changed));
    ChainIdentity other = chain.genesis.identity();
    other.chain_id = "other";
    EXPECT_FALSE(verify_certificate(other, membership, good));
}

TEST(Genesis, structural_rules_name_what_is_wrong) {
    EXPECT_TRUE(validate_genesis(Chain(4).genesis));
    EXPECT_FALSE(validate_genesis(Chain(3).genesis));
    Genesis genesis = Chain(4).genesis;
    genesis.organisations[1].council_key = genesis.organisations[0].validator_key;
    EXPECT_FALSE(validate_genesis(genesis));
    genesis = Chain(4).genesis;
    genesis.organisations[1].name = genesis.organisations[0].name;
    EXPECT_FALSE(validate_genesis(genesis));
    genesis = Chain(4).genesis;
    genesis.chain_id = "Upper";
    EXPECT_FALSE(validate_genesis(genesis));
}

TEST(LightClient, follows_headers_and_checks_state_against_the_certified_root) {
    const Chain chain(4);
    const StateTree tree = StateTree().apply({{Bytes{1}, Bytes{2}}});
    auto header = chain.header_at(5);
    header.state_root = tree.root();
    LightClient client(chain.genesis.identity(), chain.genesis.membership());
    EXPECT_FALSE(client.check_state(Bytes{1}, Bytes{2}, tree.prove(Bytes{1})));
    ASSERT_TRUE(client.accept(header, chain.certify(header, 0b1110)));
    EXPECT_TRUE(client.check_state(Bytes{1}, Bytes{2}, tree.prove(Bytes{1})));
    EXPECT_FALSE(client.check_state(Bytes{1}, Bytes{3}, tree.prove(Bytes{1})));
    EXPECT_TRUE(client.check_state(Bytes{9}, std::nullopt, tree.prove(Bytes{9})));
    EXPECT_FALSE(client.accept(header, chain.certify(header, 0b1110)));  // not newer
    auto other = chain.header_at(6);
    EXPECT_FALSE(client.accept(other, chain.certify(header, 0b1110)));  // another block's
}

TEST(LightClient, membership_changes_only_with_the_announced_next_membership) {
    const Chain chain(4);
    Membership next = chain.genesis.membership();
    next.epoch = Epoch{1};
    next.members.pop_back();
    auto header = chain.header_at(5);
    header.membership_hash = next.hash();
    const auto certificate = chain.certify(header, 0b1110);
    LightClient client(chain.genesis.identity(), chain.genesis.membership());
    EXPECT_FALSE(client.accept(header, certificate));
    Membership wrong = next;
    wrong.members.pop_back();
    EXPECT_FALSE(client.accept(header, certificate, wrong));
    ASSERT_TRUE(client.accept(header, certificate, next));
    EXPECT_EQ(client.membership(), next);
}

// Heights 1..5 of epoch 0, 6..8 of epoch 1, then epoch 2.
class LightClientEpochs : public ::testing::Test {
  protected:
    LightClientEpochs() {
        next_ = second_.genesis.membership();
        next_.epoch = Epoch{1};
        second_.genesis = first_.genesis;  // the same chain for other keys
    }
    Chain first_{4};
    Chain second_{4, 50};
    Membership next_;
    LightClient client_{first_.genesis.identity(), first_.genesis.membership()};

    [[nodiscard]] BlockHeader header(Height height, Epoch epoch, const Membership& announced) {
        BlockHeader header = first_.header_at(height.value);
        header.epoch = epoch;
        header.membership_hash = announced.hash();
        return header;
    }
    [[nodiscard]] Certificate by_newcomers(const BlockHeader& header) {
        return second_.certify(header, 0b0111);
    }
    void follow() {
        const auto last = header(Height{5}, Epoch{0}, next_);
        ASSERT_TRUE(client_.accept(last, first_.certify(last, 0b0111), next_));
    }
};

TEST_F(LightClientEpochs, headers_of_each_epoch_are_certified_by_its_own_members) {
    follow();
    const auto old = header(Height{3}, Epoch{0}, first_.genesis.membership());
    EXPECT_TRUE(client_.check(old, first_.certify(old, 0b0111)));
    EXPECT_FALSE(client_.check(old, by_newcomers(old)));
    const auto fresh = header(Height{6}, Epoch{1}, next_);
    EXPECT_TRUE(client_.check(fresh, by_newcomers(fresh)));
    EXPECT_FALSE(client_.check(fresh, first_.certify(fresh, 0b0111)));
    ASSERT_TRUE(client_.accept(fresh, by_newcomers(fresh)));
    EXPECT_EQ(client_.membership(), next_);
}

TEST_F(LightClientEpochs, former_members_certify_nothing_behind_their_epoch) {
    follow();
    for (const std::uint64_t height : {6U, 60U}) {
        const auto forged = header(Height{height}, Epoch{0}, first_.genesis.membership());
        EXPECT_EQ(client_.check(forged, first_.certify(forged, 0b1111)).error().code,
                  ErrorCode::kMismatch);
        EXPECT_FALSE(client_.accept(forged, first_.certify(forged, 0b1111)));
    }
}

TEST_F(LightClientEpochs, newcomers_certify_nothing_before_their_epoch) {
    follow();
    const auto early = header(Height{5}, Epoch{1}, next_);
    EXPECT_EQ(client_.check(early, by_newcomers(early)).error().code, ErrorCode::kMismatch);
}

TEST_F(LightClientEpochs, an_epoch_that_was_not_followed_is_unknown) {
    const auto fresh = header(Height{6}, Epoch{1}, next_);
    EXPECT_EQ(client_.check(fresh, by_newcomers(fresh)).error().code, ErrorCode::kUnavailable);
}

}  // namespace
}  // namespace consilium
