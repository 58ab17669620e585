// SACRIFICE and DISPUTE: one vector per path of a batch, key majority, and pieces of any size.
#include <algorithm>
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "fl_engine/smpc/coin.hpp"
#include "fl_engine/smpc/dispute.hpp"
#include "fl_engine/smpc/sacrifice.hpp"
#include "tests/smpc/consortium.hpp"

namespace consilium::smpc {
namespace {

using nlohmann::json;
using Elements = std::vector<Element>;

const json& vectors() {
    static const json loaded = [] {
        std::ifstream file(std::string(CONSILIUM_TEST_VECTORS) + "/smpc.json");
        return json::parse(file);
    }();
    return loaded;
}

RevealedKey key_of(const json& hex) {
    const Bytes bytes = decode_hex(hex.get<std::string>()).value();
    RevealedKey key{};
    std::copy_n(bytes.begin(), key.size(), key.begin());
    return key;
}
std::vector<RevealedKey> keys_of(const json& list) {
    std::vector<RevealedKey> keys;
    for (const json& hex : list) keys.push_back(key_of(hex));
    return keys;
}
std::vector<RevealedKey> ring_of(const Committee& committee, MemberIndex k,
                                 const std::vector<RevealedKey>& keys) {
    std::vector<RevealedKey> ring;
    for (const SubsetRank rank : committee.subsets_of(k)) ring.push_back(keys[rank]);
    return ring;
}

// One batch of the vectors with the parties' keys.
struct Case {
    explicit Case(const json& source)
        : entry(source),
          kdf(vectors().at("chain_id").get<std::string>()),
          committee(*Committee::make(source.at("n"))),
          items(source.at("clients")),
          dimension(source.at("dimension")) {
        const auto absent = entry.at("absent").get<std::vector<MemberIndex>>();
        for (MemberIndex k = 1; k <= committee.n(); ++k) {
            if (std::find(absent.begin(), absent.end(), k) == absent.end()) posters.push_back(k);
        }
    }
    std::vector<std::vector<Prg>> streams(MemberIndex k) const {
        std::vector<std::vector<Prg>> result;
        for (const json& keys : entry.at("mask_keys")) {
            std::vector<Prg> of_slot;
            for (const RevealedKey& key : ring_of(committee, k, keys_of(keys))) {
                of_slot.emplace_back(kdf, Secret32(std::span(key)), PrgDomain::kUpdateMask);
            }
            result.push_back(std::move(of_slot));
        }
        return result;
    }
    PrepShares prep_shares(MemberIndex k) const {
        std::vector<PrepMaskKey> ring;
        for (const RevealedKey& key : ring_of(committee, k, keys_of(entry.at("prep_keys")))) {
            ring.emplace_back(std::span(key));
        }
        return make_prep_shares(kdf, committee, k, ring, items);
    }
    Elements posted(MemberIndex k) const { return entry.at("posted")[k - 1].get<Elements>(); }
    Elements chi() const { return entry.at("chi").get<Elements>(); }
    Elements weights(MemberIndex k) const {
        SacrificeVector vector(committee, k, streams(k), dimension, chi());
        while (vector.advance()) {
        }
        return std::move(vector).take();
    }
    BatchDecision decide() const {
        testing::Posts posts;
        for (const MemberIndex k : posters) posts[k] = posted(k);
        return decide_batch(committee, testing::posted(posts), 0);
    }
    // Who posted something else than the keys say.
    std::vector<MemberIndex> blame(std::span<const Element> sums,
                                   std::span<const DisputeTerm> terms) const {
        const auto prep = keys_of(entry.at("prep_keys"));
        const Elements masked = combine_prep(kdf, committee, prep, items, terms, posters);
        std::vector<MemberIndex> liars;
        for (std::size_t p = 0; p < posters.size(); ++p) {
            const Element expected = Field61::add(sums[p], masked[p]);
            if (expected != combine_posted(posted(posters[p]), terms)) liars.push_back(posters[p]);
        }
        return liars;
    }

    const json& entry;
    Kdf kdf;
    Committee committee;
    BatchItems items;
    std::uint64_t dimension;
    std::vector<MemberIndex> posters;
};

TEST(BatchPath, sacrifice_shares_and_values_are_as_computed_independently) {
    for (const json& entry : vectors().at("batches")) {
        const Case batch(entry);
        const Elements delta = entry.at("delta").get<Elements>();
        Digest seed;
        std::copy_n(decode_hex(entry.at("seed").get<std::string>()).value().begin(), 32,
                    seed.bytes.begin());
        EXPECT_EQ(expand_seed(seed, batch.items.clients()), batch.chi());
        testing::Posts weights;
        testing::Posts checks;
        for (MemberIndex k = 1; k <= batch.committee.n(); ++k) {
            weights[k] = batch.weights(k);
            EXPECT_EQ(weights[k], entry.at("weights")[k - 1].get<Elements>());
        }
        const auto w = open_shares(batch.committee, testing::posted(weights));
        ASSERT_TRUE(w && w->faults.empty());
        EXPECT_EQ(w->values, entry.at("opened").get<Elements>());
        for (MemberIndex k = 1; k <= batch.committee.n(); ++k) {
            SacrificeProducts products(batch.committee, k, batch.streams(k), w->values);
            while (products.advance()) {
            }
            const PrepShares prep = batch.prep_shares(k);
            checks[k] =
                check_shares(batch.items, {batch.chi(), delta, prep.rho, products.products()});
            EXPECT_EQ(checks[k], entry.at("checks")[k - 1].get<Elements>());
        }
        const auto opened = open_shares(batch.committee, testing::posted(checks));
        ASSERT_TRUE(opened && opened->faults.empty());
        EXPECT_EQ(opened->values, entry.at("check_values").get<Elements>());
    }
}

TEST(BatchPath, decision_of_the_posted_shares) {
    std::size_t disputes = 0;
    for (const json& entry : vectors().at("batches")) {
        const Case batch(entry);
        const BatchDecision decision = batch.decide();
        const std::string path = entry.at("outcome").at("path");
        if (path == "type 1") {
            ++disputes;
            ASSERT_EQ(decision.outcome, BatchOutcome::kDisputed);
            const BatchItem item = batch.items.at(decision.bad_item);
            EXPECT_EQ(json({item.first, item.second}), entry.at("outcome").at("item"));
        } else {
            EXPECT_EQ(decision.outcome,
                      path == "certified" ? BatchOutcome::kCertified : BatchOutcome::kIncomplete);
            EXPECT_EQ(decision.delta, entry.at("delta").get<Elements>());
        }
    }
    EXPECT_EQ(disputes, 2U);
}

TEST(BatchPath, recomputation_names_exactly_those_who_lied_about_the_item) {
    std::size_t blamed = 0;
    for (const json& entry : vectors().at("batches")) {
        const Case batch(entry);
        const json& outcome = entry.at("outcome");
        if (outcome.at("item").empty()) continue;
        const std::uint32_t i = outcome.at("item")[0];
        const std::uint32_t j = outcome.at("item")[1];
        Elements sums(batch.posters.size(), 0);
        std::vector<DisputeTerm> terms;
        const auto right = keys_of(entry.at("mask_keys")[j]);
        if (outcome.at("path") == "type 1") {
            const auto left = keys_of(entry.at("mask_keys")[i]);
            add_pair_products(batch.kdf, batch.committee, left, right, batch.posters,
                              {0, batch.dimension}, sums);
            terms = {{batch.items.position(i, j), 1}};
        } else {
            testing::Posts base;
            for (MemberIndex k = 1; k <= batch.committee.t() + 1; ++k) base[k] = batch.weights(k);
            add_weight_products(batch.kdf, batch.committee, right, testing::posted(base),
                                batch.posters, {0, batch.dimension}, sums);
            terms = check_terms(batch.items, j, batch.chi());
        }
        const auto liars = batch.blame(sums, terms);
        EXPECT_EQ(liars, outcome.at("blamed").get<std::vector<MemberIndex>>());
        blamed += liars.size();
    }
    EXPECT_EQ(blamed, 5U);
}

TEST(Recomputation, pieces_of_whole_tiles_add_up_to_the_whole) {
    const Committee committee = *Committee::make(7);
    const Kdf kdf("chain");
    std::vector<RevealedKey> first, second;
    for (SubsetRank rank = 0; rank < committee.subset_count(); ++rank) {
        first.push_back(sha256(as_bytes("a" + std::to_string(rank))).bytes);
        second.push_back(sha256(as_bytes("b" + std::to_string(rank))).bytes);
    }
    const std::vector<MemberIndex> members{1, 2, 4, 5, 7};
    const std::uint64_t dimension = 3 * kTileElements + 77;
    std::vector<Elements> own;
    for (const MemberIndex k : members) {
        std::vector<std::vector<Prg>> streams;
        for (const auto& keys : {first, second}) {
            auto& of_slot = streams.emplace_back();
            for (const RevealedKey& key : ring_of(committee, k, keys)) {
                of_slot.emplace_back(kdf, Secret32(std::span(key)), PrgDomain::kUpdateMask);
            }
        }
        MaskBuilder builder(committee, k, std::move(streams), dimension);
        while (builder.advance()) {
        }
        own.push_back(builder.products());  // (0,1) and (1,1)
    }
    for (const std::uint64_t tiles : {1U, 2U, 4U}) {
        Elements mixed(members.size(), 0);
        Elements square(members.size(), 0);
        for (std::uint64_t at = 0; at < dimension; at += tiles * kTileElements) {
            const CoordinateRange range{at, std::min(dimension - at, tiles * kTileElements)};
            add_pair_products(kdf, committee, first, second, members, range, mixed);
            add_pair_products(kdf, committee, second, second, members, range, square);
        }
        for (std::size_t p = 0; p < members.size(); ++p) {
            EXPECT_EQ(mixed[p], own[p][0]);
            EXPECT_EQ(square[p], own[p][1]);
        }
    }
}

TEST(KeyMajority, honest_value_wins_and_the_others_are_named) {
    for (const std::uint32_t n : {4U, 7U, 10U}) {
        const Committee committee = *Committee::make(n);
        std::vector<RevealedKey> keys;
        for (SubsetRank rank = 0; rank < committee.subset_count(); ++rank) {
            keys.push_back(sha256(as_bytes("k" + std::to_string(rank))).bytes);
        }
        std::vector<std::vector<RevealedKey>> rings;
        for (MemberIndex k = 1; k <= n; ++k) rings.push_back(ring_of(committee, k, keys));
        // t liars agree on another value in the last key of their rings.
        for (MemberIndex k = 1; k <= committee.t(); ++k) rings[k - 1].back().fill(7);
        std::vector<RevealedRing> revealed;
        for (MemberIndex k = 1; k <= n; ++k) revealed.push_back({k, rings[k - 1]});
        const auto agreed = agree_on_keys(committee, revealed);
        ASSERT_TRUE(agreed.has_value());
        EXPECT_EQ(agreed->keys, keys);
        ASSERT_EQ(agreed->faults.size(), committee.t());
        for (const Fault& fault : agreed->faults) {
            EXPECT_LE(fault.member, committee.t());
            EXPECT_EQ(fault.coordinate, rings[fault.member - 1].size() - 1);
        }
    }
}

TEST(KeyMajority, waits_until_every_subset_has_t_plus_one_equal_copies) {
    const Committee committee = *Committee::make(4);
    std::vector<RevealedKey> keys(committee.subset_count());
    for (std::size_t rank = 0; rank < keys.size(); ++rank) keys[rank].fill(std::uint8_t(rank));
    std::vector<std::vector<RevealedKey>> rings;
    for (MemberIndex k = 1; k <= 4; ++k) rings.push_back(ring_of(committee, k, keys));
    // Two members: every pair shares two of the four subsets only.
    EXPECT_FALSE(agree_on_keys(committee, std::vector<RevealedRing>{{1, rings[0]}, {2, rings[1]}}));
    EXPECT_TRUE(agree_on_keys(
        committee, std::vector<RevealedRing>{{1, rings[0]}, {2, rings[1]}, {3, rings[2]}}));
    rings[0].front().fill(9);  // a lie among three: its subset has two copies that differ
    EXPECT_FALSE(agree_on_keys(
        committee, std::vector<RevealedRing>{{1, rings[0]}, {2, rings[1]}, {4, rings[3]}}));
}

TEST(KeyMajority, late_ring_is_compared_with_what_was_agreed) {
    const Committee committee = *Committee::make(7);
    std::vector<RevealedKey> keys(committee.subset_count());
    for (std::size_t rank = 0; rank < keys.size(); ++rank) keys[rank].fill(std::uint8_t(rank));
    for (MemberIndex k = 1; k <= 7; ++k) {
        std::vector<RevealedKey> ring = ring_of(committee, k, keys);
        EXPECT_FALSE(check_late_ring(committee, keys, {k, ring}));
        ring.back()[31] ^= 1;
        EXPECT_EQ(check_late_ring(committee, keys, {k, ring}), (Fault{k, ring.size() - 1}));
        ring[4][0] ^= 1;
        EXPECT_EQ(check_late_ring(committee, keys, {k, ring}), (Fault{k, 4}));
    }
}

TEST(Stream, started_at_a_word_continues_as_read_from_the_start) {
    const Kdf kdf("chain");
    const Secret32 key = testing::secret_from("key");
    Prg whole(kdf, key, PrgDomain::kUpdateMask);
    Elements words(1000);
    whole.fill_words(words);
    for (const std::uint64_t first : {0U, 2U, 4U, 512U, 998U}) {
        Prg part(kdf, key, PrgDomain::kUpdateMask, first);
        Elements rest(words.size() - first);
        part.fill_words(rest);
        EXPECT_TRUE(std::equal(rest.begin(), rest.end(),
                               words.begin() + static_cast<std::ptrdiff_t>(first)));
    }
}

}  // namespace
}  // namespace consilium::smpc
