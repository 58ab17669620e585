// The protocol against tests/vectors/smpc.json and smpc_large.json, which make_vectors.py and
// make_large_vectors.py computed independently.
#include <fstream>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/smpc/consortium.hpp"

namespace consilium::smpc {
namespace {

using nlohmann::json;
using Elements = std::vector<Element>;
using Integers = std::vector<std::int64_t>;

const json& vectors() {
    static const json loaded = [] {
        std::ifstream file(std::string(CONSILIUM_TEST_VECTORS) + "/smpc.json");
        return json::parse(file);
    }();
    return loaded;
}

Secret32 secret_of(const json& hex) {
    const Bytes bytes = decode_hex(hex.get<std::string>()).value();
    return Secret32(std::span<const std::uint8_t, 32>(bytes.data(), 32));
}

Kdf kdf_of_vectors() {
    return Kdf(vectors().at("chain_id").get<std::string>());
}

// Keys of all ranks, and the ring of one member.
template <typename Key>
std::vector<Key> all_keys(const json& keys) {
    std::vector<Key> ring;
    for (const json& hex : keys) ring.emplace_back(secret_of(hex));
    return ring;
}
template <typename Key>
std::vector<Key> member_ring(const Committee& committee, MemberIndex k, const json& keys) {
    std::vector<Key> ring;
    for (const SubsetRank rank : committee.subsets_of(k)) ring.emplace_back(secret_of(keys[rank]));
    return ring;
}

Secret32 counting_key() {
    std::array<std::uint8_t, 32> bytes{};
    for (std::uint8_t i = 0; i < 32; ++i) bytes[i] = i;
    return Secret32(std::span(bytes));
}

TEST(Vectors, key_derivation) {
    const Kdf kdf = kdf_of_vectors();
    for (const json& entry : vectors().at("kdf")) {
        const auto args = entry.at("args").get<std::vector<std::uint64_t>>();
        const std::string purpose = entry.at("purpose");
        const Secret32 derived = args.empty() ? kdf.derive(counting_key(), purpose)
                                 : args.size() == 1
                                     ? kdf.derive(counting_key(), purpose, {args[0]})
                                     : kdf.derive(counting_key(), purpose, {args[0], args[1]});
        EXPECT_EQ(to_hex(derived.view()), entry.at("key"));
    }
}

TEST(Vectors, streams_whatever_the_size_of_the_reads) {
    const json& expected = vectors().at("prg");
    for (std::size_t step = 1; step <= 6; ++step) {
        Prg elements(kdf_of_vectors(), counting_key(), PrgDomain::kUpdateMask);
        Prg words(kdf_of_vectors(), counting_key(), PrgDomain::kBlur);
        Digest seed;
        std::copy_n(counting_key().view().begin(), 32, seed.bytes.begin());
        Prg expanded = Prg::expand(seed);
        Elements a(6), b(6), c(6);
        for (std::size_t x = 0; x < 6; x += step) {
            const std::size_t size = std::min(step, 6 - x);
            elements.fill_elements(std::span(a).subspan(x, size));
            words.fill_words(std::span(b).subspan(x, size));
            expanded.fill_elements(std::span(c).subspan(x, size));
        }
        EXPECT_EQ(a, expected.at("domain1_elements").get<Elements>());
        EXPECT_EQ(b, expected.at("domain5_words").get<Elements>());
        EXPECT_EQ(c, expected.at("expand").get<Elements>());
    }
}

TEST(Vectors, commitment) {
    const json& entry = vectors().at("commitment");
    const SubsetOpening opening{SubsetKey(secret_of(entry.at("key"))),
                                secret_of(entry.at("nonce"))};
    EXPECT_EQ(
        commit_subset_key(kdf_of_vectors(), entry.at("epoch"), entry.at("bitmap"), opening).hex(),
        entry.at("sha256"));
}

TEST(Vectors, subset_order_and_polynomials) {
    for (const json& table : vectors().at("tables")) {
        const Committee committee = *Committee::make(table.at("n"));
        const json& bitmaps = table.at("bitmaps");
        ASSERT_EQ(bitmaps.size(), committee.subset_count());
        for (SubsetRank rank = 0; rank < committee.subset_count(); ++rank) {
            EXPECT_EQ(committee.bitmap(rank), bitmaps[rank]);
        }
        const json& values = table.at("values");
        const std::uint32_t stride = values.size() == bitmaps.size() ? 1 : 71;
        for (std::uint32_t row = 0; row < values.size(); ++row) {
            for (MemberIndex k = 1; k <= committee.n(); ++k) {
                EXPECT_EQ(committee.coefficient(row * stride, k), values[row][k - 1]);
            }
        }
    }
}

TEST(Vectors, shares_secrets_and_zeros_of_one_key_set) {
    const Kdf kdf = kdf_of_vectors();
    for (const json& entry : vectors().at("sharing")) {
        const Committee committee = *Committee::make(entry.at("n"));
        const auto keys = all_keys<ClientMaskKey>(entry.at("keys"));
        SecretStream secrets(committee,
                             open_streams<ClientMaskKey>(kdf, keys, PrgDomain::kUpdateMask));
        Elements secret(5);
        secrets.next(std::span(secret).first(2));
        secrets.next(std::span(secret).last(3));
        EXPECT_EQ(secret, entry.at("secret").get<Elements>());
        for (MemberIndex k = 1; k <= committee.n(); ++k) {
            const auto ring = member_ring<ClientMaskKey>(committee, k, entry.at("keys"));
            ShareStream stream(committee, k,
                               open_streams<ClientMaskKey>(kdf, ring, PrgDomain::kUpdateMask));
            Elements shares(5);
            stream.next(std::span(shares).first(3));
            stream.next(std::span(shares).last(2));
            EXPECT_EQ(shares, entry.at("shares")[k - 1].get<Elements>());
            EXPECT_EQ(zero_shares(committee, k,
                                  open_streams<ClientMaskKey>(kdf, ring, PrgDomain::kZeta), 5),
                      entry.at("zeros")[k - 1].get<Elements>());
        }
    }
}

TEST(Vectors, openings_with_liars_and_waits) {
    std::size_t waits = 0;
    std::size_t faults = 0;
    for (const json& entry : vectors().at("openings")) {
        const Committee committee = *Committee::make(entry.at("n"));
        testing::Posts posts;
        for (const json& post : entry.at("posted")) posts[post[0]] = post[1].get<Elements>();
        const auto opening = open_shares(committee, testing::posted(posts));
        ASSERT_EQ(opening.has_value(), !entry.at("opened").is_null());
        if (!opening) {
            ++waits;
            continue;
        }
        EXPECT_EQ(opening->values, entry["opened"].at("values").get<Elements>());
        json named = json::array();
        for (const Fault& fault : opening->faults)
            named.push_back({fault.member, fault.coordinate});
        EXPECT_EQ(named, entry["opened"].at("faults"));
        faults += opening->faults.size();
    }
    EXPECT_GE(waits, 8U);
    EXPECT_GE(faults, 8U);
}

// One member of a round vector, with everything it computes.
struct VectorMember {
    std::vector<Elements> masks;
    Elements products;
    PrepShares prep;
    std::vector<BlurRoundKey> blur_ring;
    std::vector<Elements> shares;
};

VectorMember make_member(const json& entry, const Committee& committee, MemberIndex k) {
    const Kdf kdf = kdf_of_vectors();
    VectorMember member;
    std::vector<std::vector<Prg>> streams;
    for (const json& keys : entry.at("mask_keys")) {
        const auto ring = member_ring<ClientMaskKey>(committee, k, keys);
        streams.push_back(open_streams<ClientMaskKey>(kdf, ring, PrgDomain::kUpdateMask));
    }
    member.masks.resize(streams.size());
    MaskBuilder builder(committee, k, std::move(streams), entry.at("dimension"));
    while (builder.advance()) {
        for (std::uint32_t slot = 0; slot < member.masks.size(); ++slot) {
            const auto tile = builder.tile(slot);
            member.masks[slot].insert(member.masks[slot].end(), tile.begin(), tile.end());
        }
    }
    member.products = builder.products();
    const auto prep_ring = member_ring<PrepMaskKey>(committee, k, entry.at("prep_keys"));
    const BatchItems items(entry.at("clients"));
    member.prep = make_prep_shares(kdf, committee, k, prep_ring, items);
    member.blur_ring = member_ring<BlurRoundKey>(committee, k, entry.at("blur_keys"));
    for (std::size_t i = 0; i < items.clients(); ++i) {
        Elements share = entry.at("masked")[i].get<Elements>();
        add_vectors(share, member.masks[i + 1], share);
        member.shares.push_back(share);
    }
    return member;
}

TEST(Vectors, an_honest_batch_is_certified_with_the_expected_values) {
    for (const json& entry : vectors().at("rounds")) {
        const Committee committee = *Committee::make(entry.at("n"));
        testing::Posts posts;
        for (MemberIndex k = 1; k <= committee.n(); ++k) {
            const VectorMember member = make_member(entry, committee, k);
            EXPECT_EQ(member.products, entry.at("products")[k - 1].get<Elements>());
            posts[k] = delta_shares(member.products, member.prep);
            EXPECT_EQ(posts[k], entry.at("posted")[k - 1].get<Elements>());
        }
        const BatchDecision decision = decide_batch(committee, testing::posted(posts), 0);
        EXPECT_EQ(decision.outcome, BatchOutcome::kCertified);
        EXPECT_EQ(decision.delta, entry.at("delta").get<Elements>());
    }
}

TEST(Vectors, client_masks_give_the_expected_bytes) {
    for (const json& entry : vectors().at("rounds")) {
        const Committee committee = *Committee::make(entry.at("n"));
        for (std::size_t i = 0; i < entry.at("updates").size(); ++i) {
            const auto ring = all_keys<ClientMaskKey>(entry.at("mask_keys")[i + 1]);
            const Integers update = entry["updates"][i].get<Integers>();
            const auto masked = mask_update(kdf_of_vectors(), committee, ring, update, 22).value();
            EXPECT_EQ(masked, entry.at("masked")[i].get<Elements>());
            EXPECT_EQ(unmask_update(kdf_of_vectors(), committee, ring, masked), update);
        }
    }
}

Digest digest_of(const json& hex) {
    return decode_digest_hex(hex.get<std::string>()).value();
}

Digest hash_of_words(std::span<const Element> words) {
    return sha256(encode_words(words));
}

// The RANGE blob of client i of a round in the vectors (small mode), checked against its hash.
Elements proof_of(const json& entry, const Committee& committee, ClientIndex i) {
    const Elements masked = entry.at("masked")[i - 1].get<Elements>();
    const RangeShape shape = range_shape(masked.size(), entry.at("nu"));
    const auto ring = all_keys<ClientMaskKey>(entry.at("mask_keys")[i]);
    auto proof =
        make_range_proof(kdf_of_vectors(), committee, ring, {shape, std::nullopt}, masked).value();
    EXPECT_EQ(hash_of_words(proof).hex(), entry.at("proof_sha256")[i - 1]);
    return proof;
}

TEST(Vectors, range_proofs_of_both_modes_and_of_the_edges) {
    const Kdf kdf = kdf_of_vectors();
    for (const json& entry : vectors().at("ranges")) {
        const Committee committee = *Committee::make(entry.at("n"));
        const RangeShape shape = range_shape(entry.at("dimension"), entry.at("nu"));
        const std::optional<Digest> seed_r =
            shape.is_small() ? std::nullopt : std::optional(digest_of(entry.at("seed_r")));
        const Integers update = entry.at("update").get<Integers>();
        const SecretIntegers projections = RangeProjections(shape, seed_r).project(update);
        EXPECT_EQ(Integers(projections.begin(), projections.end()),
                  entry.at("projections").get<Integers>());
        const auto ring = all_keys<ClientMaskKey>(entry.at("keys"));
        EXPECT_EQ(range_point(kdf, committee, ring), entry.at("f0"));
        const auto edges = range_message(shape, entry.at("edges").get<Integers>(), entry.at("f0"));
        EXPECT_EQ(hash_of_words(*edges).hex(), entry.at("edge_message_sha256"));
        const auto masked = mask_update(kdf, committee, ring, update, entry.at("nu")).value();
        const auto blob = make_range_proof(kdf, committee, ring, {shape, seed_r}, masked).value();
        EXPECT_EQ(json(std::span<const Element>(blob).first(4)), entry.at("blob_start"));
        EXPECT_EQ(hash_of_words(blob).hex(), entry.at("blob_sha256"));
        const RangeVerifier verifier(shape, seed_r, digest_of(entry.at("seed_t")));
        for (MemberIndex k = 1; k <= committee.n(); ++k) {
            const auto own = member_ring<ClientMaskKey>(committee, k, entry.at("keys"));
            ShareStream masks(committee, k,
                              open_streams<ClientMaskKey>(kdf, own, PrgDomain::kUpdateMask));
            Elements share(update.size());
            masks.next(share);
            add_vectors(share, masked, share);
            const RangeShares values =
                verifier.evaluate(share, range_message_share(kdf, committee, k, own, blob));
            EXPECT_EQ((Elements{values.lambda, values.phi, values.psi}),
                      entry.at("shares")[k - 1].get<Elements>());
        }
        const Elements opened = entry.at("opened").get<Elements>();
        EXPECT_TRUE(range_passes({opened[0], opened[1], opened[2]}));
    }
}

Integers open_all(const Committee& committee, const testing::Posts& posts) {
    const auto opening = open_shares(committee, testing::posted(posts));
    EXPECT_TRUE(opening && opening->faults.empty());
    return opening ? read_aggregate(opening->values) : Integers{};
}

TEST(Vectors, statistics_of_a_round) {
    const Kdf kdf = kdf_of_vectors();
    for (const json& entry : vectors().at("rounds")) {
        const Committee committee = *Committee::make(entry.at("n"));
        const BatchItems items(entry.at("clients"));
        const Elements delta = entry.at("delta").get<Elements>();
        Elements reference;
        for (const json& value : entry.at("reference")) {
            reference.push_back(Field61::from_signed(value));
        }
        const RangeShape shape = range_shape(entry.at("dimension"), entry.at("nu"));
        const RangeVerifier verifier(shape, std::nullopt, digest_of(entry.at("seed_t")));
        testing::Posts stat1, pairwise, sums;
        for (MemberIndex k = 1; k <= committee.n(); ++k) {
            const VectorMember member = make_member(entry, committee, k);
            const StatShares stats(kdf, committee, items,
                                   {k, entry.at("blur_bits"), member.products, delta,
                                    member.prep.rho, member.blur_ring});
            std::vector<ClientShare> clients;
            for (ClientIndex i = 1; i <= items.clients(); ++i) {
                clients.push_back({i, member.shares[i - 1]});
            }
            std::vector<RangeShares> ranges;
            for (ClientIndex i = 1; i <= items.clients(); ++i) {
                ranges.push_back(verifier.evaluate(
                    member.shares[i - 1],
                    range_message_share(
                        kdf, committee, k,
                        member_ring<ClientMaskKey>(committee, k, entry.at("mask_keys")[i]),
                        proof_of(entry, committee, i))));
            }
            stat1[k] = stats.stat1(clients, ranges, reference);
            EXPECT_EQ(stat1[k], entry.at("stat1")[k - 1].get<Elements>());
            pairwise[k] = stats.stat2_pairwise(clients);
            EXPECT_EQ(pairwise[k], entry.at("pairwise")[k - 1].get<Elements>());
            sums[k] = stats.stat2_sum(clients, entry.at("omega").get<std::vector<std::uint32_t>>());
            EXPECT_EQ(sums[k], entry.at("sums")[k - 1].get<Elements>());
        }
        EXPECT_EQ(open_all(committee, stat1), entry.at("stat1_opened").get<Integers>());
        EXPECT_EQ(open_all(committee, pairwise), entry.at("pairwise_opened").get<Integers>());
        EXPECT_EQ(open_all(committee, sums), entry.at("sums_opened").get<Integers>());
    }
}

TEST(Vectors, plain_and_dithered_aggregates) {
    const Kdf kdf = kdf_of_vectors();
    for (const json& entry : vectors().at("rounds")) {
        const Committee committee = *Committee::make(entry.at("n"));
        for (const json& expected : entry.at("aggregates")) {
            const auto weights = expected.at("weights").get<std::vector<std::uint32_t>>();
            const ReducedWeights reduced = reduce_weights(weights);
            EXPECT_EQ(json(reduced.weights), expected.at("reduced"));
            testing::Posts posts;
            for (MemberIndex k = 1; k <= committee.n(); ++k) {
                const VectorMember member = make_member(entry, committee, k);
                AggregateTerms terms;
                terms.weights = weights;
                for (const Elements& share : member.shares) terms.shares.emplace_back(share);
                posts[k] = aggregate_share(kdf, committee, k, member.blur_ring, terms);
                EXPECT_EQ(posts[k], expected.at("shares")[k - 1].get<Elements>());
            }
            const Integers total = open_all(committee, posts);
            EXPECT_EQ(total, expected.at("opened").get<Integers>());
            EXPECT_EQ(aggregate_digest(total).hex(), expected.at("sha256"));
        }
    }
}

// nu = 23 with 64 clients: the largest norms and the most pairs there may be.
const json& large_vectors() {
    static const json loaded = [] {
        std::ifstream file(std::string(CONSILIUM_TEST_VECTORS) + "/smpc_large.json");
        return json::parse(file);
    }();
    return loaded;
}

TEST(LargeVectors, blur_bits_and_scales_of_all_shapes) {
    ASSERT_EQ(large_vectors().at("blur_bits").size(), 80U);
    for (const json& entry : large_vectors().at("blur_bits")) {
        const Committee committee = *Committee::make(entry[0]);
        EXPECT_EQ(default_blur_bits(committee, entry[1]), entry[2]) << entry;
    }
    for (const json& entry : large_vectors().at("scales")) {
        EXPECT_EQ(encoding_scale(entry[0], entry[1]), entry[2]) << entry;
    }
}

TEST(LargeVectors, updates_at_the_norm_bound_are_masked_and_one_unit_more_is_refused) {
    const json& batch = large_vectors();
    const Committee committee = *Committee::make(batch.at("n"));
    for (const json& set : batch.at("sets")) {
        for (std::size_t i = 0; i < batch.at("clients").get<std::size_t>(); ++i) {
            const auto ring = all_keys<ClientMaskKey>(batch.at("mask_keys")[i + 1]);
            Integers update = set.at("updates")[i].get<Integers>();
            const auto masked =
                mask_update(kdf_of_vectors(), committee, ring, update, batch.at("nu"));
            ASSERT_TRUE(masked.has_value()) << i;
            EXPECT_EQ(hash_of_words(*masked).hex(), set.at("masked_sha256")[i]);
            // The last coordinate is as long as the norm lets it be.
            update.back() += update.back() < 0 ? -1 : 1;
            EXPECT_FALSE(mask_update(kdf_of_vectors(), committee, ring, update, batch.at("nu")))
                << i;
        }
    }
}

// The batch and one set of updates as one entry, with the masked updates in it.
json large_round(const json& set) {
    json entry = large_vectors();
    entry.erase("sets");
    const Committee committee = *Committee::make(entry.at("n"));
    entry["masked"] = json::array();
    for (std::size_t i = 0; i < set.at("updates").size(); ++i) {
        const auto ring = all_keys<ClientMaskKey>(entry.at("mask_keys")[i + 1]);
        entry["masked"].push_back(mask_update(kdf_of_vectors(), committee, ring,
                                              set["updates"][i].get<Integers>(), entry.at("nu"))
                                      .value());
    }
    return entry;
}

TEST(LargeVectors, all_products_of_64_clients_are_certified) {
    const json entry = large_round(large_vectors().at("sets")[0]);
    const Committee committee = *Committee::make(entry.at("n"));
    testing::Posts posts;
    for (MemberIndex k = 1; k <= committee.n(); ++k) {
        const VectorMember member = make_member(entry, committee, k);
        EXPECT_EQ(member.products.size(), 64U * 65 / 2 + 64);
        EXPECT_EQ(hash_of_words(member.products).hex(), entry.at("products_sha256")[k - 1]);
        posts[k] = delta_shares(member.products, member.prep);
        EXPECT_EQ(hash_of_words(posts[k]).hex(), entry.at("posted_sha256")[k - 1]);
    }
    const BatchDecision decision = decide_batch(committee, testing::posted(posts), 0);
    EXPECT_EQ(decision.outcome, BatchOutcome::kCertified);
    EXPECT_EQ(hash_of_words(decision.delta).hex(), entry.at("delta_sha256"));
}

struct LargePosts {
    testing::Posts norms, products, sums, aggregate;
};

// What all members post of one set of updates.
LargePosts large_posts(const json& entry, const json& set) {
    const Kdf kdf = kdf_of_vectors();
    const Committee committee = *Committee::make(entry.at("n"));
    const BatchItems items(entry.at("clients"));
    std::vector<VectorMember> members;
    testing::Posts deltas;
    for (MemberIndex k = 1; k <= committee.n(); ++k) {
        members.push_back(make_member(entry, committee, k));
        deltas[k] = delta_shares(members.back().products, members.back().prep);
    }
    const Elements delta = decide_batch(committee, testing::posted(deltas), 0).delta;
    const Stat1Layout layout(items.clients(), false);
    LargePosts posts;
    for (MemberIndex k = 1; k <= committee.n(); ++k) {
        const VectorMember& own = members[k - 1];
        const StatShares stats(
            kdf, committee, items,
            {k, entry.at("hb"), own.products, delta, own.prep.rho, own.blur_ring});
        std::vector<ClientShare> clients;
        AggregateTerms terms;
        terms.weights = set.at("aggregate").at("weights").get<std::vector<std::uint32_t>>();
        for (ClientIndex i = 1; i <= items.clients(); ++i) {
            clients.push_back({i, own.shares[i - 1]});
            terms.shares.emplace_back(own.shares[i - 1]);
        }
        // Range proofs do not depend on M; the vectors of range proofs have nu = 23.
        const Elements stat1 = stats.stat1(clients, std::vector<RangeShares>(clients.size()), {});
        for (std::size_t x = 0; x < clients.size(); ++x) {
            posts.norms[k].push_back(stat1[layout.norm(x)]);
        }
        posts.products[k] = stats.stat2_pairwise(clients);
        posts.sums[k] = stats.stat2_sum(
            clients, set.at("statistics").at("omega").get<std::vector<std::uint32_t>>());
        posts.aggregate[k] = aggregate_share(kdf, committee, k, own.blur_ring, terms);
    }
    return posts;
}

TEST(LargeVectors, statistics_and_aggregate_of_64_clients_at_the_norm_bound) {
    for (const json& set : large_vectors().at("sets")) {
        const json entry = large_round(set);
        const Committee committee = *Committee::make(entry.at("n"));
        const LargePosts posts = large_posts(entry, set);
        const json& expected = set.at("statistics");
        for (MemberIndex k = 1; k <= committee.n(); ++k) {
            EXPECT_EQ(hash_of_words(posts.norms.at(k)).hex(), expected.at("norms_sha256")[k - 1]);
            EXPECT_EQ(hash_of_words(posts.products.at(k)).hex(),
                      expected.at("products_sha256")[k - 1]);
            EXPECT_EQ(hash_of_words(posts.sums.at(k)).hex(), expected.at("sums_sha256")[k - 1]);
            EXPECT_EQ(json(posts.aggregate.at(k)), set.at("aggregate").at("shares")[k - 1]);
        }
        const Integers norms = open_all(committee, posts.norms);
        EXPECT_EQ(json(norms), expected.at("norms"));
        for (const std::int64_t norm : norms) EXPECT_TRUE(norm_passes(norm, entry.at("nu")));
        EXPECT_EQ(json(open_all(committee, posts.sums)), expected.at("sums"));
        EXPECT_EQ(json(open_all(committee, posts.aggregate)), set.at("aggregate").at("opened"));
        const Integers products = open_all(committee, posts.products);
        ASSERT_EQ(products.size(), 64U * 63 / 2);
        EXPECT_EQ(aggregate_digest(products).hex(), expected.at("products_opened_sha256"));
        Integers ends(products.begin(), products.begin() + 4);
        ends.insert(ends.end(), products.end() - 4, products.end());
        EXPECT_EQ(json(ends), expected.at("products_ends"));
    }
}

}  // namespace
}  // namespace consilium::smpc
