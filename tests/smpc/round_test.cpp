// Whole rounds in memory: both modes, lying members, the attacks that blur and dither must stop.
#include <gtest/gtest.h>

#include "fl_engine/smpc/verdict.hpp"
#include "tests/smpc/consortium.hpp"

namespace consilium::smpc {
namespace {

using testing::Consortium;
using testing::MemberState;
using testing::Posts;
using testing::TestRandom;
using Update = std::vector<std::int64_t>;

constexpr std::uint32_t kNormBits = 22;

std::int64_t dot(const Update& a, const Update& b) {
    std::int64_t sum = 0;
    for (std::size_t x = 0; x < a.size(); ++x) sum += a[x] * b[x];
    return sum;
}

// Updates around a common direction, as honest hospitals send them.
std::vector<Update> similar_updates(std::uint32_t clients, std::uint64_t dimension,
                                    TestRandom& random) {
    Update common(dimension);
    for (auto& value : common) value = random.between(-200000, 200000);
    std::vector<Update> updates(clients, common);
    for (Update& update : updates) {
        for (auto& value : update) value += random.between(-60000, 60000);
    }
    return updates;
}

std::vector<ClientIndex> all_clients(std::uint32_t clients) {
    std::vector<ClientIndex> ids;
    for (ClientIndex i = 1; i <= clients; ++i) ids.push_back(i);
    return ids;
}

struct Scenario {
    std::uint32_t n;
    std::uint32_t clients;
    StatMode mode;
    std::vector<MemberIndex> liars;
};
void PrintTo(const Scenario& s, std::ostream* out) {
    *out << "n=" << s.n << " M=" << s.clients << (s.mode == StatMode::kSum ? " SUM" : " PAIRWISE")
         << " liars=" << s.liars.size();
}

class Round : public ::testing::TestWithParam<Scenario> {
  protected:
    static constexpr std::uint64_t kDimension = 40;

    Round()
        : consortium_(GetParam().n, GetParam().clients, kDimension),
          blur_bits_(default_blur_bits(consortium_.committee, kNormBits)),
          beta_(blur_bound(consortium_.committee, blur_bits_)),
          ids_(all_clients(GetParam().clients)),
          random_(GetParam().n * 100 + GetParam().clients) {}

    // Adds an error to each liar's vector, at a coordinate of its own, and opens.
    std::vector<Element> open_with_liars(Posts posts) {
        std::vector<Fault> expected;
        for (const MemberIndex k : GetParam().liars) {
            const std::size_t x = k % posts[k].size();
            posts[k][x] = Field61::add(posts[k][x], 1 + k);
            expected.push_back({k, x});
        }
        const auto opening = open_shares(consortium_.committee, testing::posted(posts));
        EXPECT_TRUE(opening.has_value());
        if (!opening) return {};
        EXPECT_EQ(opening->faults, expected);
        return opening->values;
    }
    std::vector<Element> open_stat1() {
        const Digest seed_t = sha256(as_bytes("seed T"));
        const RangeVerifier verifier(range_shape(kDimension, kNormBits), std::nullopt, seed_t);
        Posts posts;
        for (const MemberState& member : consortium_.members) {
            posts[member.self] = consortium_.stat_shares(member, blur_bits_)
                                     .stat1(Consortium::client_shares(member, ids_),
                                            consortium_.range_shares(member, ids_, verifier), {});
        }
        return open_with_liars(posts);
    }
    template <typename MakeShares>
    std::vector<Element> open_statistics(MakeShares make_shares) {
        Posts posts;
        for (const MemberState& member : consortium_.members) {
            const StatShares stats = consortium_.stat_shares(member, blur_bits_);
            posts[member.self] = make_shares(stats, Consortium::client_shares(member, ids_));
        }
        return open_with_liars(posts);
    }
    void check_norms(const std::vector<std::int64_t>& norms) {
        for (std::size_t i = 0; i < updates_.size(); ++i) {
            EXPECT_LE(std::abs(norms[i] - dot(updates_[i], updates_[i])), beta_);
            EXPECT_TRUE(norm_passes(norms[i], kNormBits));
        }
    }
    void check_pairwise(const std::vector<std::int64_t>& products) {
        const std::size_t m = updates_.size();
        for (std::size_t i = 0; i < m; ++i) {
            for (std::size_t j = 0; j < m; ++j) {
                if (i == j) continue;
                EXPECT_LE(std::abs(products[i * m + j] - dot(updates_[i], updates_[j])), beta_);
                EXPECT_EQ(products[i * m + j], products[j * m + i]);
            }
        }
    }
    void check_sums(const std::vector<std::int64_t>& sums,
                    const std::vector<std::uint32_t>& omega) {
        for (std::size_t i = 0; i < updates_.size(); ++i) {
            std::int64_t exact = 0;
            for (std::size_t j = 0; j < updates_.size(); ++j) {
                if (i != j) exact += omega[j] * dot(updates_[i], updates_[j]);
            }
            EXPECT_LE(std::abs(sums[i] - exact), 256 * beta_);
        }
    }
    std::vector<std::int64_t> open_stat2(const std::vector<std::int64_t>& norms) {
        const Stat2Layout layout(GetParam().mode, ids_.size());
        const auto omega = clip_weights(norms, beta_);
        const auto opened = open_statistics([&](const StatShares& stats, const auto& v1) {
            return GetParam().mode == StatMode::kSum ? stats.stat2_sum(v1, omega)
                                                     : stats.stat2_pairwise(v1);
        });
        EXPECT_EQ(opened.size(), layout.length());
        const auto values = read_stat2(layout, opened);
        if (GetParam().mode == StatMode::kSum)
            check_sums(values, omega);
        else
            check_pairwise(values);
        return values;
    }
    void check_aggregate(const Verdict& verdict) {
        std::vector<std::size_t> used;
        for (std::size_t i = 0; i < verdict.clients.size(); ++i) {
            if (verdict.clients[i].weight > 0) used.push_back(i);
        }
        Posts posts;
        for (const MemberState& member : consortium_.members) {
            AggregateTerms own;
            for (const std::size_t i : used) {
                own.shares.emplace_back(member.shares[i]);
                own.weights.push_back(verdict.clients[i].weight);
            }
            posts[member.self] = aggregate_share(consortium_.kdf, consortium_.committee,
                                                 member.self, member.blur_ring, own);
        }
        const Update total = read_aggregate(open_with_liars(posts));
        ASSERT_EQ(total.size(), kDimension);
        const auto& bits = verdict.reduced.dither_bits;
        const std::int64_t bound =
            bits ? std::int64_t{consortium_.committee.subset_count()} << *bits : 0;
        for (std::size_t x = 0; x < kDimension; ++x) {
            std::int64_t exact = 0;
            for (const std::size_t i : used) exact += verdict.reduced.weights[i] * updates_[i][x];
            EXPECT_LE(std::abs(total[x] - exact), bound);
        }
    }

    Consortium consortium_;
    std::uint32_t blur_bits_;
    std::int64_t beta_;
    std::vector<ClientIndex> ids_;
    TestRandom random_;
    std::vector<Update> updates_;
};

TEST_P(Round, opens_the_plaintext_results_and_names_every_liar) {
    updates_ = similar_updates(GetParam().clients, kDimension, random_);
    for (auto& value : updates_.back()) value *= -1;  // one poisoner
    consortium_.prepare_batch();
    ASSERT_EQ(consortium_.certify().outcome, BatchOutcome::kCertified);
    consortium_.submit(updates_, kNormBits);
    consortium_.prove(kNormBits, {});
    const Stat1Layout layout(ids_.size(), false);
    const auto opened = open_stat1();
    ASSERT_EQ(opened.size(), layout.length());
    const Stat1Values values = read_stat1(layout, opened);
    EXPECT_EQ(values.is_in_range, std::vector<bool>(ids_.size(), true));
    VerdictInput input;
    input.norms = values.norms;
    check_norms(input.norms);
    input.mode = GetParam().mode;
    input.c_max = 1;
    input.blur_bound = beta_;
    input.clients = ids_;
    input.data_weights.assign(ids_.size(), 1);
    input.statistics = open_stat2(input.norms);
    VerdictHistory history = VerdictHistory::make(GetParam().clients);
    const Verdict verdict = judge(input, history).value();
    EXPECT_FALSE(verdict.is_cancelled);
    EXPECT_NE(verdict.clients.back().code, VerdictCode::kOk);
    EXPECT_FALSE(verdict.clients.back().is_accepted());
    for (std::size_t i = 0; i + 1 < ids_.size(); ++i) {
        EXPECT_EQ(verdict.clients[i].code, VerdictCode::kOk);
    }
    check_aggregate(verdict);
}

INSTANTIATE_TEST_SUITE_P(
    Committees, Round,
    ::testing::Values(Scenario{4, 4, StatMode::kPairwise, {}}, Scenario{4, 4, StatMode::kSum, {}},
                      Scenario{4, 4, StatMode::kPairwise, {1}}, Scenario{4, 4, StatMode::kSum, {3}},
                      Scenario{5, 5, StatMode::kPairwise, {2}}, Scenario{5, 5, StatMode::kSum, {5}},
                      Scenario{7, 7, StatMode::kPairwise, {}},
                      Scenario{7, 7, StatMode::kPairwise, {1, 2}},
                      Scenario{7, 7, StatMode::kSum, {2, 6}},
                      Scenario{10, 5, StatMode::kPairwise, {1, 4, 10}}));

TEST(Batch, items_are_in_ascending_order_and_found_by_pair) {
    for (const std::uint32_t clients : {1U, 2U, 4U, 13U, 64U}) {
        const BatchItems items(clients);
        ASSERT_EQ(items.size(), clients * (clients + 1) / 2 + clients);
        for (std::size_t position = 0; position < items.size(); ++position) {
            const BatchItem item = items.at(position);
            EXPECT_EQ(items.position(item.first, item.second), position);
            EXPECT_EQ(items.position(item.second, item.first), position);
            if (position > 0) {
                EXPECT_LT(items.index(items.at(position - 1)), items.index(item));
            }
        }
    }
}

TEST(Batch, decision_waits_certifies_and_disputes) {
    for (const std::uint32_t n : {4U, 5U, 7U}) {
        Consortium consortium(n, 2, 3);
        consortium.prepare_batch();
        const std::uint32_t t = consortium.committee.t();
        const Posts all = consortium.delta_posts();
        for (std::uint32_t count = 0; count <= n; ++count) {
            Posts some;
            for (MemberIndex k = n; k > n - count; --k) some[k] = all.at(k);
            const auto decision = decide_batch(consortium.committee, testing::posted(some), 0);
            EXPECT_EQ(decision.outcome == BatchOutcome::kCertified, count >= 3 * t + 1) << count;
            const auto excluded = decide_batch(consortium.committee, testing::posted(some), t);
            EXPECT_EQ(excluded.outcome == BatchOutcome::kCertified, count >= 2 * t + 1) << count;
        }
        for (MemberIndex liar = 1; liar <= n; ++liar) {
            Posts posts = all;
            posts[liar][3] = Field61::add(posts[liar][3], 5);
            posts[liar][4] = Field61::add(posts[liar][4], 5);
            const auto decision = decide_batch(consortium.committee, testing::posted(posts), 0);
            EXPECT_EQ(decision.outcome, BatchOutcome::kDisputed);
            EXPECT_EQ(decision.bad_item, 3U);
        }
    }
}

TEST(Batch, late_share_is_checked_against_the_certified_polynomial) {
    Consortium consortium(5, 2, 3);
    consortium.prepare_batch();
    Posts posts = consortium.delta_posts();
    std::vector<Element> late = posts.at(5);
    posts.erase(5);
    const auto certified = testing::posted(posts);
    ASSERT_EQ(decide_batch(consortium.committee, certified, 0).outcome, BatchOutcome::kCertified);
    EXPECT_FALSE(check_late_delta(consortium.committee, certified, {5, late}).has_value());
    late[2] = Field61::add(late[2], 1);
    EXPECT_EQ(check_late_delta(consortium.committee, certified, {5, late}), (Fault{5, 2}));
}

TEST(Batch, tiles_do_not_change_masks_or_products) {
    // Longer than a tile, and not a multiple of one.
    const std::uint64_t dimension = 2 * kTileElements + 37;
    Consortium consortium(4, 1, dimension);
    consortium.prepare_batch();
    for (const MemberState& member : consortium.members) {
        ASSERT_EQ(member.masks[1].size(), dimension);
        EXPECT_EQ(member.products[consortium.items.position(1, 1)],
                  inner_product(member.masks[1], member.masks[1]));
        EXPECT_EQ(member.products[consortium.items.position(0, 1)],
                  inner_product(member.masks[0], member.masks[1]));
    }
    ASSERT_EQ(consortium.certify().outcome, BatchOutcome::kCertified);
    const std::vector<Update> updates{Update(dimension, -17)};
    consortium.submit(updates, kNormBits);
    Posts posts;
    for (const MemberState& member : consortium.members) posts[member.self] = member.shares[0];
    const auto opening = open_shares(consortium.committee, testing::posted(posts));
    EXPECT_EQ(read_aggregate(opening->values), updates[0]);
}

TEST(Aggregate, optimistic_opening_needs_2t_plus_1_agreeing_members) {
    const Committee committee = *Committee::make(7);
    EXPECT_EQ(first_posters(committee, {}), (std::vector<MemberIndex>{1, 2, 3}));
    const std::vector<MemberIndex> excluded{2, 3};
    EXPECT_EQ(first_posters(committee, excluded), (std::vector<MemberIndex>{1, 4, 5}));
    EXPECT_FALSE(first_posters(committee, std::vector<MemberIndex>{1, 2, 3, 4, 5}).has_value());
    EXPECT_FALSE(is_optimistic_result(committee, 3, 1));
    EXPECT_TRUE(is_optimistic_result(committee, 3, 2));
    EXPECT_FALSE(is_optimistic_result(committee, 2, 5));
}

TEST(Aggregate, wrong_first_poster_is_noticed_by_every_other_member) {
    Consortium consortium(4, 1, 6);
    consortium.prepare_batch();
    consortium.submit({Update{1, -2, 3, -4, 5, -6}}, kNormBits);
    std::vector<std::vector<Element>> blobs;
    for (const MemberState& member : consortium.members) {
        blobs.push_back(aggregate_share(consortium.kdf, consortium.committee, member.self,
                                        member.blur_ring, {{member.shares[0]}, {1}}));
    }
    std::vector<PostedShare> first{{1, blobs[0]}, {2, blobs[1]}};
    EXPECT_TRUE(lies_on(first, {3, blobs[2]}));
    EXPECT_TRUE(lies_on(first, {4, blobs[3]}));
    EXPECT_EQ(read_aggregate(interpolate_vector(first, 0)), (Update{1, -2, 3, -4, 5, -6}));
    blobs[1][5] = Field61::add(blobs[1][5], 1);
    EXPECT_FALSE(lies_on(first, {3, blobs[2]}));
    EXPECT_FALSE(lies_on(first, {4, blobs[3]}));
}

TEST(Aggregate, integers_round_trip_and_other_lengths_are_refused) {
    const Update values{0, -1, std::numeric_limits<std::int64_t>::min(), 1LL << 40};
    const Bytes bytes = encode_integers(values);
    EXPECT_EQ(decode_integers(bytes, 4).value(), values);
    EXPECT_FALSE(decode_integers(bytes, 3).has_value());
    EXPECT_FALSE(decode_integers(ByteView(bytes).first(31), 4).has_value());
}

// Share of client 3's coordinates recovered from a sum modulo 4096, the weight of the others.
double recovered_by_residues(const Update& sum, const Update& victim, std::uint64_t weight) {
    std::uint64_t inverse = 1;  // of an odd weight modulo 4096, by Newton's iteration
    for (int i = 0; i < 5; ++i) inverse = inverse * (2 - weight * inverse) % 4096;
    std::size_t hits = 0;
    for (std::size_t x = 0; x < sum.size(); ++x) {
        std::int64_t guess =
            static_cast<std::int64_t>(static_cast<std::uint64_t>(sum[x]) * inverse % 4096);
        if (guess >= 2048) guess -= 4096;
        hits += guess == victim[x] ? 1 : 0;
    }
    return static_cast<double>(hits) / static_cast<double>(sum.size());
}

TEST(Aggregate, residues_of_an_unequal_sum_reveal_nothing_under_the_dither) {
    constexpr std::uint64_t kDimension = 4000;
    Consortium consortium(4, 3, kDimension);
    consortium.prepare_batch();
    TestRandom random(27);
    std::vector<Update> updates(3, Update(kDimension));
    for (Update& update : updates) {
        for (auto& value : update) value = random.between(-2000, 2000);
    }
    consortium.submit(updates, kNormBits);
    const std::vector<std::uint32_t> weights{4096, 4096, 3743};
    Posts posts;
    for (const MemberState& member : consortium.members) {
        AggregateTerms terms;
        terms.weights = weights;
        for (const auto& share : member.shares) terms.shares.emplace_back(share);
        posts[member.self] = aggregate_share(consortium.kdf, consortium.committee, member.self,
                                             member.blur_ring, terms);
    }
    const auto opening = open_shares(consortium.committee, testing::posted(posts));
    const Update dithered = read_aggregate(opening->values);
    Update exact(kDimension, 0);
    for (std::size_t i = 0; i < 3; ++i) {
        for (std::size_t x = 0; x < kDimension; ++x) exact[x] += weights[i] * updates[i][x];
    }
    EXPECT_GT(recovered_by_residues(exact, updates[2], 3743), 0.99);  // the attack works
    EXPECT_LT(recovered_by_residues(dithered, updates[2], 3743), 0.005);
    // Even the members 1..t, who know all streams but those of one subset, see a uniform residue:
    // one stream alone spans 2^15 consecutive values.
    EXPECT_EQ(reduce_weights(weights).dither_bits, 14U);
}

TEST(Statistics, low_bits_of_blurred_sums_are_uniform) {
    Consortium consortium(4, 3, 4);
    consortium.prepare_batch();
    consortium.certify();
    consortium.submit({Update{5, 0, 1, 2}, Update{1, 2, 3, 4}, Update{-7, 1, 0, 9}}, kNormBits);
    const std::vector<ClientIndex> ids = all_clients(3);
    const std::vector<std::uint32_t> omega{256, 256, 200};
    const std::uint32_t blur_bits = default_blur_bits(consortium.committee, kNormBits);
    std::vector<std::size_t> counts(256, 0);
    std::size_t samples = 0;
    for (int round = 0; round < 1500; ++round) {
        std::vector<std::vector<Element>> posts;
        for (const MemberIndex k : {1U, 2U}) {
            const MemberState& member = consortium.members[k - 1];
            posts.push_back(consortium.stat_shares(member, blur_bits)
                                .stat2_sum(Consortium::client_shares(member, ids), omega));
        }
        const std::vector<PostedShare> base{{1, posts[0]}, {2, posts[1]}};
        for (const Element value : interpolate_vector(base, 0)) {
            const std::int64_t sum = Field61::centered(value);
            ++counts[static_cast<std::size_t>(sum & 255)];
            ++samples;
        }
        consortium.step_blur_keys();
    }
    const double expected = static_cast<double>(samples) / 256;
    double chi_square = 0;
    for (const std::size_t count : counts) {
        const double error = static_cast<double>(count) - expected;
        chi_square += error * error / expected;
    }
    EXPECT_LT(chi_square, 350);  // 255 degrees of freedom: mean 255, deviation 22.6
    EXPECT_GT(chi_square, 165);
}

TEST(Statistics, blur_stays_within_its_bound_and_spreads_over_it) {
    Consortium consortium(4, 2, 2);
    consortium.prepare_batch();
    consortium.certify();
    consortium.submit({Update{0, 0}, Update{0, 0}}, kNormBits);
    const std::int64_t bound = blur_bound(consortium.committee, 20);
    std::int64_t low = 0;
    std::int64_t high = 0;
    for (int round = 0; round < 500; ++round) {
        std::vector<std::vector<Element>> posts;
        for (const MemberIndex k : {2U, 4U}) {
            const MemberState& member = consortium.members[k - 1];
            posts.push_back(consortium.stat_shares(member, 20)
                                .stat2_pairwise(Consortium::client_shares(member, {1, 2})));
        }
        const std::vector<PostedShare> base{{2, posts[0]}, {4, posts[1]}};
        const std::int64_t blur = Field61::centered(interpolate_vector(base, 0)[0]);
        EXPECT_TRUE(blur >= -bound && blur < bound);
        low = std::min(low, blur);
        high = std::max(high, blur);
        consortium.step_blur_keys();
    }
    EXPECT_LT(low, -bound / 2);
    EXPECT_GT(high, bound / 2);
}

TEST(Statistics, norm_limits_are_inclusive) {
    const std::int64_t square = std::int64_t{1} << 44;
    EXPECT_TRUE(norm_passes(square + square / 128, 22));
    EXPECT_FALSE(norm_passes(square + square / 128 + 1, 22));
    EXPECT_TRUE(norm_passes(-(square / 128), 22));
    EXPECT_FALSE(norm_passes(-(square / 128) - 1, 22));
}

TEST(Statistics, layouts_place_every_entry_once) {
    for (const bool with_reference : {false, true}) {
        const Stat1Layout stat1(3, with_reference);
        std::vector<std::size_t> places;
        for (std::size_t x = 0; x < 3; ++x) {
            for (const std::size_t at :
                 {stat1.lambda(x), stat1.phi(x), stat1.psi(x), stat1.norm(x)}) {
                places.push_back(at);
            }
            if (with_reference) places.push_back(stat1.reference(x));
        }
        ASSERT_EQ(stat1.length(), places.size());
        for (std::size_t at = 0; at < places.size(); ++at) EXPECT_EQ(places[at], at);
    }
    EXPECT_EQ(Stat2Layout(StatMode::kSum, 5).length(), 5U);
    const Stat2Layout layout(StatMode::kPairwise, 5);
    std::size_t next = 0;
    for (std::size_t x = 0; x < 5; ++x) {
        for (std::size_t y = x + 1; y < 5; ++y) {
            EXPECT_EQ(layout.pair(x, y), next);
            EXPECT_EQ(layout.pair(y, x), next);
            ++next;
        }
    }
    EXPECT_EQ(layout.length(), next);
    EXPECT_EQ(Stat2Layout(StatMode::kPairwise, 0).length(), 0U);
}

}  // namespace
}  // namespace consilium::smpc
