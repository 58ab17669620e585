// Coins: against the independent vectors, with liars, and one label per key.
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "fl_engine/smpc/coin.hpp"
#include "tests/smpc/consortium.hpp"

namespace consilium::smpc {
namespace {

using nlohmann::json;
using Elements = std::vector<Element>;

json load_vectors() {
    std::ifstream file(std::string(CONSILIUM_TEST_VECTORS) + "/smpc.json");
    return json::parse(file);
}

template <typename Key>
std::vector<Key> ring_of(const Committee& committee, MemberIndex k, const json& keys) {
    std::vector<Key> ring;
    for (const SubsetRank rank : committee.subsets_of(k)) {
        const Bytes bytes = decode_hex(keys[rank].get<std::string>()).value();
        ring.emplace_back(std::span<const std::uint8_t, kKeyBytes>(bytes.data(), kKeyBytes));
    }
    return ring;
}

struct VectorCoin {
    Bytes label;
    testing::Posts posts;
};

VectorCoin compute(const json& entry, const json& coin, const std::string& chain_id) {
    const Kdf kdf(chain_id);
    const Committee committee = *Committee::make(entry.at("n"));
    const std::string kind = coin.at("kind");
    const auto numbers = coin.at("numbers").get<std::vector<std::uint64_t>>();
    VectorCoin result;
    if (kind == "chi") {
        result.label = chi_label(numbers[0], numbers[1]);
        for (MemberIndex k = 1; k <= committee.n(); ++k) {
            const auto ring = ring_of<PrepMaskKey>(committee, k, entry.at("batch_keys"));
            result.posts[k] = chi_coin_shares(kdf, committee, k, ring);
        }
        return result;
    }
    const RoundCoinName name{kind == "R" ? RoundCoin::kRange : RoundCoin::kTest, numbers[0],
                             numbers[1], numbers[2]};
    result.label = round_coin_label(name);
    for (MemberIndex k = 1; k <= committee.n(); ++k) {
        const auto ring = ring_of<CoinRoundKey>(committee, k, entry.at("round_keys"));
        result.posts[k] = round_coin_shares(kdf, committee, k, ring, name);
    }
    return result;
}

TEST(CoinVectors, labels_shares_and_seeds) {
    const json vectors = load_vectors();
    for (const json& entry : vectors.at("coins")) {
        const Committee committee = *Committee::make(entry.at("n"));
        for (const json& expected : entry.at("coins")) {
            const VectorCoin coin = compute(entry, expected, vectors.at("chain_id"));
            EXPECT_EQ(to_hex(coin.label), expected.at("label"));
            for (const auto& [member, shares] : coin.posts) {
                EXPECT_EQ(shares, expected.at("shares")[member - 1].get<Elements>());
            }
            const auto opening = open_shares(committee, testing::posted(coin.posts));
            ASSERT_TRUE(opening.has_value());
            EXPECT_EQ(opening->values, expected.at("opened").get<Elements>());
            const Digest seed = coin_seed(coin.label, opening->values);
            EXPECT_EQ(seed.hex(), expected.at("seed"));
            EXPECT_EQ(expand_seed(seed, 5), expected.at("elements").get<Elements>());
        }
    }
}

TEST(Coin, up_to_t_wrong_or_missing_shares_leave_the_seed_as_it_is) {
    const json vectors = load_vectors();
    for (const json& entry : vectors.at("coins")) {
        const Committee committee = *Committee::make(entry.at("n"));
        const json& expected = entry.at("coins")[0];
        const VectorCoin coin = compute(entry, expected, vectors.at("chain_id"));
        for (MemberIndex first = 1; first <= committee.n() - committee.t() + 1; ++first) {
            testing::Posts wrong = coin.posts;
            testing::Posts missing = coin.posts;
            for (MemberIndex k = first; k < first + committee.t(); ++k) {
                wrong[k][2] = Field61::add(wrong[k][2], 7);
                missing.erase(k);
            }
            const auto opened = open_shares(committee, testing::posted(wrong));
            ASSERT_TRUE(opened.has_value());
            EXPECT_EQ(opened->faults.size(), committee.t());
            EXPECT_EQ(opened->faults.front(), (Fault{first, 2}));
            EXPECT_EQ(coin_seed(coin.label, opened->values).hex(), expected.at("seed"));
            const auto without = open_shares(committee, testing::posted(missing));
            ASSERT_TRUE(without.has_value());
            EXPECT_EQ(without->values, opened->values);
        }
    }
}

TEST(Coin, kinds_rounds_and_attempts_share_no_key_stream) {
    const Committee committee = *Committee::make(4);
    const Kdf kdf("chain");
    std::vector<CoinRoundKey> ring;
    for (const SubsetRank rank : committee.subsets_of(1)) {
        ring.emplace_back(testing::secret_from("coin" + std::to_string(rank)));
    }
    std::vector<Elements> seen;
    for (int round = 1; round <= 2; ++round) {
        for (const RoundCoin coin : {RoundCoin::kRange, RoundCoin::kTest}) {
            for (const std::uint64_t attempt : {0U, 1U}) {
                const RoundCoinName name{coin, 1, static_cast<std::uint64_t>(round), attempt};
                const Elements shares = round_coin_shares(kdf, committee, 1, ring, name);
                for (const Elements& other : seen) EXPECT_NE(shares, other);
                seen.push_back(shares);
            }
        }
        for (CoinRoundKey& key : ring) step_round_key(kdf, key);
    }
    EXPECT_EQ(seen.size(), 8U);
}

}  // namespace
}  // namespace consilium::smpc
