// Key setup: leaders, commitments, chains, client bundles, sealing.
#include "fl_engine/smpc/keys.hpp"

#include <set>

#include <gtest/gtest.h>

#include "fl_engine/smpc/openssl_crypto.hpp"
#include "fl_engine/smpc/transport.hpp"
#include "tests/smpc/consortium.hpp"

namespace consilium::smpc {
namespace {

using testing::secret_from;

template <typename Key>
std::string hex_of(const Key& key) {
    return to_hex(key.secret().view());
}

TEST(Hkdf, rfc5869_first_test_case) {
    const Bytes ikm = decode_hex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b").value();
    const Bytes salt = decode_hex("000102030405060708090a0b0c").value();
    const Bytes info = decode_hex("f0f1f2f3f4f5f6f7f8f9").value();
    Bytes okm(42);
    hkdf_expand(hkdf_extract(salt, ikm).view(), info, okm);
    EXPECT_EQ(
        to_hex(okm),
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865");
}

// RFC 7748, section 6.1: Bob's keys, Alice's public key, their shared secret.
TEST(X25519, rfc7748_keys_and_shared_secret) {
    const Bytes secret =
        decode_hex("5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb").value();
    const Bytes peer =
        decode_hex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a").value();
    const Secret32 bob(std::span<const std::uint8_t, 32>(secret.data(), 32));
    Block32 alice{};
    std::copy_n(peer.begin(), 32, alice.begin());
    EXPECT_EQ(to_hex(x25519_public_key(bob.view())),
              "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f");
    const auto shared = x25519(bob.view(), alice);
    ASSERT_TRUE(shared.has_value());
    EXPECT_EQ(to_hex(shared->view()),
              "4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742");
}

TEST(SubsetLeader, moves_through_all_members_by_turn_and_epoch) {
    const Committee committee = *Committee::make(7);
    for (SubsetRank rank = 0; rank < committee.subset_count(); ++rank) {
        std::set<MemberIndex> by_turn;
        std::set<MemberIndex> by_epoch;
        for (std::uint64_t x = 0; x < committee.subset_size(); ++x) {
            by_turn.insert(subset_leader(committee, rank, 3, x));
            by_epoch.insert(subset_leader(committee, rank, x, 0));
        }
        EXPECT_EQ(by_turn.size(), committee.subset_size());
        EXPECT_EQ(by_epoch, by_turn);
        EXPECT_TRUE(committee.contains(rank, subset_leader(committee, rank, ~0ULL, ~0ULL)));
    }
    EXPECT_EQ(subset_leader(committee, 1, 2, 1), committee.members(1)[4]);
}

TEST(SubsetOpening, encoding_round_trips_and_other_lengths_are_refused) {
    const SubsetOpening opening{SubsetKey(secret_from("k")), secret_from("n")};
    const SecretBytes bytes = encode_subset_opening(opening);
    const auto decoded = decode_subset_opening(bytes.view());
    ASSERT_TRUE(decoded.has_value());
    EXPECT_EQ(hex_of(decoded->key), hex_of(opening.key));
    EXPECT_EQ(to_hex(decoded->nonce.view()), to_hex(opening.nonce.view()));
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        EXPECT_FALSE(decode_subset_opening(bytes.view().first(size)).has_value());
    }
}

TEST(Commitment, binds_chain_epoch_subset_key_and_nonce) {
    const auto commit = [](const char* chain, std::uint64_t epoch, std::uint16_t bitmap,
                           const char* key, const char* nonce) {
        return commit_subset_key(Kdf(chain), epoch, bitmap,
                                 {SubsetKey(secret_from(key)), secret_from(nonce)});
    };
    const std::set<Digest> all{commit("c", 1, 7, "k", "n"), commit("d", 1, 7, "k", "n"),
                               commit("c", 2, 7, "k", "n"), commit("c", 1, 11, "k", "n"),
                               commit("c", 1, 7, "l", "n"), commit("c", 1, 7, "k", "m")};
    EXPECT_EQ(all.size(), 6U);
}

TEST(Chains, no_two_derived_keys_are_equal) {
    const Kdf kdf("chain");
    std::set<std::string> seen;
    std::size_t made = 0;
    const auto add = [&](const std::string& hex) {
        seen.insert(hex);
        ++made;
    };
    SubRoots roots = derive_sub_roots(kdf, SubsetKey(secret_from("k")));
    for (ClientIndex client = 0; client <= 5; ++client) {
        ClientChainKey chain = start_client_chain(kdf, roots.client, client);
        for (int batch = 0; batch < 4; ++batch) {
            add(hex_of(chain));
            add(hex_of(step_client_chain(kdf, chain)));
        }
    }
    for (int batch = 0; batch < 4; ++batch) {
        add(hex_of(roots.prep));
        add(hex_of(step_prep_chain(kdf, roots.prep)));
        add(hex_of(roots.coin));
        step_round_key(kdf, roots.coin);
        add(hex_of(roots.blur));
        step_round_key(kdf, roots.blur);
    }
    EXPECT_EQ(seen.size(), made);
}

TEST(Chains, same_key_on_another_chain_derives_other_values) {
    const Secret32 key = secret_from("k");
    EXPECT_NE(to_hex(Kdf("a").derive(key, "cl").view()), to_hex(Kdf("b").derive(key, "cl").view()));
}

// The true chain keys of client 1 for n members, and each member's bundle.
struct BundleCase {
    explicit BundleCase(std::uint32_t n) : committee(*Committee::make(n)) {
        for (SubsetRank rank = 0; rank < committee.subset_count(); ++rank) {
            ring.emplace_back(secret_from("c" + std::to_string(rank)));
        }
        for (MemberIndex k = 1; k <= n; ++k) bundles.push_back({k, bundle_of(k)});
    }
    [[nodiscard]] SecretBytes bundle_of(MemberIndex k) const {
        std::vector<ClientChainKey> keys;
        for (const SubsetRank rank : committee.subsets_of(k)) keys.push_back(ring[rank].clone());
        return encode_client_bundle(keys);
    }
    void corrupt(MemberIndex k, std::uint8_t mark) {
        for (auto& byte : bundles[k - 1].plaintext.mutable_view()) byte ^= mark;
    }
    void expect_right_keys() const {
        const auto combined = combine_client_bundles(committee, bundles);
        ASSERT_TRUE(combined.has_value());
        ASSERT_EQ(combined->size(), ring.size());
        for (std::size_t rank = 0; rank < ring.size(); ++rank) {
            EXPECT_EQ(hex_of((*combined)[rank]), hex_of(ring[rank]));
        }
    }
    void expect_wait() const {
        const auto combined = combine_client_bundles(committee, bundles);
        ASSERT_FALSE(combined.has_value());
        EXPECT_EQ(combined.error().code, ErrorCode::kUnavailable);
    }
    Committee committee;
    std::vector<ClientChainKey> ring;
    std::vector<ClientBundle> bundles;
};

TEST(ClientBundles, honest_bundles_give_the_ring) {
    for (const std::uint32_t n : {4U, 5U, 7U, 10U}) BundleCase(n).expect_right_keys();
}

TEST(ClientBundles, t_members_with_wrong_keys_change_nothing) {
    BundleCase same(7);
    same.corrupt(1, 0x55);
    same.corrupt(2, 0x55);
    same.expect_right_keys();
    BundleCase different(7);
    different.corrupt(3, 1);
    different.corrupt(6, 2);
    different.expect_right_keys();
}

TEST(ClientBundles, client_waits_while_a_subset_lacks_equal_copies) {
    BundleCase one(4);
    one.bundles.erase(one.bundles.begin() + 1, one.bundles.end());
    one.expect_wait();
    BundleCase few(4);  // members 1 and 2 are enough for subsets with both, not for {1,3,4}
    few.bundles.erase(few.bundles.begin() + 2, few.bundles.end());
    few.expect_wait();
    BundleCase liar(4);
    liar.bundles.pop_back();
    liar.corrupt(1, 7);
    liar.expect_wait();  // subset {1,2,4} has one right copy
    BundleCase three(4);
    three.bundles.pop_back();
    three.expect_right_keys();
}

TEST(ClientBundles, repeated_foreign_and_short_bundles_are_passed_over) {
    BundleCase copied(4);
    copied.corrupt(1, 9);
    for (int i = 0; i < 3; ++i) {
        copied.bundles.push_back({1, copied.bundles[0].plaintext.clone()});
    }
    copied.bundles.push_back({0, copied.bundles[0].plaintext.clone()});
    copied.bundles.push_back({5, copied.bundles[0].plaintext.clone()});
    copied.bundles.push_back({2, SecretBytes(31)});
    copied.expect_right_keys();
}

SealContext context() {
    return {"chain", 4, kClientKeysLabel, 2, 3, 3};
}

TEST(Sealing, opens_for_the_recipient_in_the_same_context) {
    const TransportSecretKey recipient(secret_from("recipient"));
    const TransportSecretKey ephemeral(secret_from("ephemeral"));
    const Bytes plaintext{1, 2, 3, 4, 5};
    const Bytes sealed = seal(context(), recipient.public_key(), ephemeral, plaintext).value();
    EXPECT_EQ(sealed.size(), plaintext.size() + kSealOverheadBytes);
    const auto opened = open_sealed(context(), recipient, sealed);
    ASSERT_TRUE(opened.has_value());
    EXPECT_EQ(to_bytes(opened->view()), plaintext);
}

TEST(Sealing, another_context_or_key_does_not_open) {
    const TransportSecretKey recipient(secret_from("recipient"));
    const Bytes sealed = seal(context(), recipient.public_key(),
                              TransportSecretKey(secret_from("ephemeral")), Bytes(64, 7))
                             .value();
    std::vector<SealContext> others(6, context());
    others[0].chain_id = "other";
    others[1].mpc_epoch = 5;
    others[2].label = kKeyCommitLabel;
    others[3].sender = 1;
    others[4].subject = 2;
    others[5].recipient = 2;
    for (const SealContext& other : others) {
        EXPECT_EQ(open_sealed(other, recipient, sealed).error().code, ErrorCode::kMismatch);
    }
    EXPECT_FALSE(open_sealed(context(), TransportSecretKey(secret_from("x")), sealed).has_value());
}

TEST(Sealing, every_bit_flip_and_truncation_is_refused) {
    const TransportSecretKey recipient(secret_from("recipient"));
    const Bytes sealed = seal(context(), recipient.public_key(),
                              TransportSecretKey(secret_from("ephemeral")), Bytes(8, 7))
                             .value();
    for (std::size_t bit = 0; bit < sealed.size() * 8; ++bit) {
        // X25519 ignores the top bit of a public key, but it is part of the salt.
        Bytes changed = sealed;
        changed[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
        EXPECT_FALSE(open_sealed(context(), recipient, changed).has_value()) << bit;
    }
    for (std::size_t size = 0; size < sealed.size(); ++size) {
        EXPECT_FALSE(open_sealed(context(), recipient, ByteView(sealed).first(size)).has_value());
    }
    EXPECT_FALSE(
        open_sealed(context(), recipient, Bytes(kMaxSealedPlaintext + kSealOverheadBytes + 1))
            .has_value());
}

TEST(Sealing, points_of_small_order_are_refused) {
    const TransportSecretKey key(secret_from("k"));
    TransportPublicKey zero{};
    TransportPublicKey one{};
    one[0] = 1;
    for (const TransportPublicKey& weak : {zero, one}) {
        EXPECT_EQ(seal(context(), weak, key, Bytes(1)).error().code, ErrorCode::kInvalidKey);
        Bytes sealed(weak.begin(), weak.end());
        sealed.resize(kSealOverheadBytes + 1);
        EXPECT_EQ(open_sealed(context(), key, sealed).error().code, ErrorCode::kInvalidKey);
    }
}

TEST(KeyCommitBlob, sealed_openings_fill_the_blob_without_gap_or_overlap) {
    const Committee committee = *Committee::make(7);
    const std::vector<SubsetRank> entries{3, 0, 20};
    std::set<std::size_t> offsets;
    for (std::size_t entry = 0; entry < entries.size(); ++entry) {
        const MemberIndex sender = committee.members(entries[entry])[2];
        for (MemberIndex recipient = 0; recipient <= 8; ++recipient) {
            const auto offset =
                sealed_opening_offset(committee, {entry, entries[entry], sender, recipient});
            const bool is_other = committee.is_member(recipient) && recipient != sender &&
                                  committee.contains(entries[entry], recipient);
            ASSERT_EQ(offset.has_value(), is_other);
            if (offset) {
                EXPECT_TRUE(offsets.insert(*offset).second);
            }
        }
    }
    ASSERT_EQ(offsets.size(), 3U * 4);
    std::size_t expected = 0;
    for (const std::size_t offset : offsets) {
        EXPECT_EQ(offset, expected);
        expected += kSealedOpeningBytes;
    }
    EXPECT_EQ(key_commit_blob_bytes(committee, 3), expected);
    EXPECT_EQ(client_keys_blob_bytes(committee), 15U * 32 + 48);
}

}  // namespace
}  // namespace consilium::smpc
