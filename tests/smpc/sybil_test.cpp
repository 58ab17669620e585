// Clients of one owner against the rule: where its promise holds, and where it ends.
//
// PAIRWISE without a reference: a client needs c_max others that agree with it. So up to c_max
// equal sybils are found, one more is not (the bound of the assumption), and honest clients that
// are more than c_max are never expelled by however tight a cluster.
#include <gtest/gtest.h>

#include "fl_engine/smpc/verdict.hpp"
#include "tests/smpc/consortium.hpp"

namespace consilium::smpc {
namespace {

using testing::TestRandom;
using Update = std::vector<std::int64_t>;

constexpr std::size_t kDimension = 64;

std::int64_t dot(const Update& a, const Update& b) {
    std::int64_t sum = 0;
    for (std::size_t x = 0; x < a.size(); ++x) sum += a[x] * b[x];
    return sum;
}

// Around one direction; the larger the spread, the smaller the cosine of any two.
std::vector<Update> honest_updates(std::size_t count, std::int64_t spread, std::uint64_t seed) {
    TestRandom random(seed);
    Update common(kDimension);
    for (std::int64_t& value : common) value = random.between(-100'000, 100'000);
    std::vector<Update> updates(count, common);
    for (Update& update : updates) {
        for (std::int64_t& value : update) value += random.between(-spread, spread);
    }
    return updates;
}

Update opposite(Update update) {
    for (std::int64_t& value : update) value = -value;
    return update;
}

Verdict judge_once(const std::vector<Update>& updates, std::uint32_t c_max) {
    const std::size_t m = updates.size();
    VerdictInput input;
    input.c_max = c_max;
    input.blur_bound = 1;
    input.data_weights.assign(m, 1);
    for (std::size_t i = 0; i < m; ++i) {
        input.clients.push_back(static_cast<ClientIndex>(i + 1));
        input.norms.push_back(dot(updates[i], updates[i]));
        for (std::size_t j = 0; j < m; ++j) {
            input.statistics.push_back(i == j ? 0 : dot(updates[i], updates[j]));
        }
    }
    VerdictHistory history = VerdictHistory::make(static_cast<std::uint32_t>(m));
    return judge(input, history).value();
}

// Honest ones first, then `sybils` copies of one update.
std::vector<Update> joined(std::vector<Update> honest, std::size_t sybils, const Update& update) {
    honest.insert(honest.end(), sybils, update);
    return honest;
}

TEST(Sybils, up_to_c_max_equal_poisons_are_rejected_and_nobody_honest_is) {
    for (std::uint32_t c_max = 1; c_max <= 4; ++c_max) {
        const std::size_t honest = 2 * std::size_t{c_max} + 3;
        for (std::uint32_t sybils = 1; sybils <= c_max; ++sybils) {
            const auto updates = honest_updates(honest, 60'000, c_max);
            const Verdict verdict =
                judge_once(joined(updates, sybils, opposite(updates[0])), c_max);
            for (std::size_t i = 0; i < honest; ++i) {
                EXPECT_EQ(verdict.clients[i].code, VerdictCode::kOk) << c_max << " " << i;
            }
            for (std::size_t i = honest; i < verdict.clients.size(); ++i) {
                EXPECT_EQ(verdict.clients[i].code, VerdictCode::kAgree) << c_max << " " << i;
                EXPECT_EQ(verdict.clients[i].weight, 0U) << c_max << " " << i;
            }
        }
    }
}

// The bound: c_max + 1 vouch for one another.
TEST(Sybils, one_more_than_c_max_are_accepted_which_is_the_bound) {
    for (std::uint32_t c_max = 1; c_max <= 4; ++c_max) {
        const std::size_t honest = 2 * std::size_t{c_max} + 3;
        const auto updates = honest_updates(honest, 60'000, 10 + c_max);
        const Verdict verdict =
            judge_once(joined(updates, c_max + std::size_t{1}, opposite(updates[0])), c_max);
        for (const ClientVerdict& client : verdict.clients) {
            EXPECT_TRUE(client.is_accepted()) << c_max << " " << client.client;
        }
        EXPECT_GT(verdict.clients.back().weight, 0U);
    }
}

TEST(Sybils, tightest_cluster_of_four_does_not_expel_the_honest_pair) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        const auto updates = honest_updates(2, 60'000, 100 + seed);
        const Verdict verdict = judge_once(joined(updates, 2, opposite(updates[0])), 1);
        for (std::size_t i = 0; i < 2; ++i) {
            EXPECT_TRUE(verdict.clients[i].is_accepted()) << "seed " << seed;
            EXPECT_GT(verdict.clients[i].weight, 0U) << "seed " << seed;
        }
    }
}

// Poison that stays close enough to look honest: it is not found, nobody honest is expelled for it,
// and it weighs no more than an honest update does, so that it moves the sum by its share only.
TEST(Sybils, c_max_equal_updates_at_the_edge_expel_nobody_and_weigh_no_more_than_the_honest) {
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        constexpr std::uint32_t kMalicious = 3;
        const std::size_t honest = 9;
        const auto updates = honest_updates(honest, 60'000, 200 + seed);
        TestRandom random(300 + seed);
        Update edge = updates[0];  // as far from the centre as the honest are from one another
        for (std::int64_t& value : edge) value += random.between(-90'000, 90'000);
        const Verdict verdict = judge_once(joined(updates, kMalicious, edge), kMalicious);
        std::uint32_t honest_max = 0;
        for (std::size_t i = 0; i < honest; ++i) {
            EXPECT_EQ(verdict.clients[i].code, VerdictCode::kOk) << "seed " << seed << " " << i;
            honest_max = std::max(honest_max, verdict.clients[i].weight);
        }
        for (std::size_t i = honest; i < verdict.clients.size(); ++i) {
            EXPECT_LE(verdict.clients[i].weight, honest_max) << "seed " << seed;
        }
    }
}

}  // namespace
}  // namespace consilium::smpc
