// Entry 2 of the rule table: against its model in Python, and what it promises beyond entry 1.
#include <algorithm>
#include <array>
#include <bit>
#include <fstream>
#include <numeric>
#include <random>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "fl_engine/smpc/agreement.hpp"
#include "fl_engine/smpc/verdict.hpp"

namespace consilium::smpc {
namespace {

using nlohmann::json;

VerdictInput input_of(const json& game, const json& round) {
    VerdictInput input;
    input.mode = StatMode::kPairwise;
    input.c_max = game.at("c_max");
    input.blur_bound = game.at("beta");
    input.gain = round.at("gain");
    input.clients = round.at("clients").get<std::vector<ClientIndex>>();
    input.norms = round.at("norms").get<std::vector<std::int64_t>>();
    input.statistics = round.at("gram").get<std::vector<std::int64_t>>();
    input.data_weights = round.at("data_weights").get<std::vector<std::uint32_t>>();
    if (!round.at("reference").is_null()) {
        input.reference =
            VerdictReference{round["reference"].at("products"), round["reference"].at("square")};
    }
    return input;
}

void compare(const Verdict& verdict, const VerdictHistory& history, const json& round) {
    json codes = json::array();
    json suspects = json::array();
    json weights = json::array();
    for (const ClientVerdict& client : verdict.clients) {
        codes.push_back(to_string(client.code));
        weights.push_back(client.weight);
        if (client.is_suspect) suspects.push_back(client.client);
    }
    EXPECT_EQ(codes, round.at("codes"));
    EXPECT_EQ(suspects, round.at("suspects"));
    EXPECT_EQ(weights, round.at("weights"));
    EXPECT_EQ(json(verdict.reduced.weights), round.at("reduced"));
    const auto& bits = verdict.reduced.dither_bits;
    EXPECT_EQ(bits ? json(*bits) : json(nullptr), round.at("dither_bits"));
    json follows = json::array();
    for (const auto& value : history.reference) follows.push_back(value ? json(*value) : json());
    EXPECT_EQ(follows, round.at("follows"));
}

void replay(const std::string& name) {
    std::ifstream file(std::string(CONSILIUM_TEST_VECTORS) + "/" + name);
    ASSERT_TRUE(file.good());
    const json games = json::parse(file);
    ASSERT_FALSE(games.empty());
    std::size_t number = 0;
    for (const json& game : games) {
        SCOPED_TRACE("case " + std::to_string(number++) + " " + game.value("name", ""));
        VerdictHistory history = VerdictHistory::make(game.at("slots"));
        for (const json& round : game.at("rounds")) {
            const auto verdict = judge_with_majority(input_of(game, round), history);
            ASSERT_TRUE(verdict.has_value()) << verdict.error().context;
            compare(*verdict, history, round);
            const VerdictHistory copy = decode<VerdictHistory>(encode(history)).value();
            EXPECT_EQ(copy, history);
            EXPECT_TRUE(history.is_well_formed());
        }
        EXPECT_EQ(json(history.products), game.at("long"));
        EXPECT_EQ(json(history.recent), game.at("short"));
    }
}

TEST(MajorityRule, vectors_of_the_model_are_reproduced_exactly) {
    replay("verdict_majority.json");
}

// Every comparison of the text with both sides equal, or one apart.
TEST(MajorityRule, vectors_at_the_edges_of_the_rule_are_reproduced_exactly) {
    replay("verdict_majority_edges.json");
}

constexpr std::int64_t kNorm = std::int64_t{1} << 42;

// Clients of one norm; cosines in thousandths, the same for all pairs but those with client 0.
VerdictInput round_of(std::uint32_t clients, std::int64_t among_others, std::int64_t with_first) {
    VerdictInput input;
    input.mode = StatMode::kPairwise;
    input.c_max = 1;
    input.blur_bound = kNorm / 32;
    for (std::uint32_t i = 0; i < clients; ++i) {
        input.clients.push_back(static_cast<ClientIndex>(i + 1));
        for (std::uint32_t j = 0; j < clients; ++j) {
            const std::int64_t cosine = i == 0 || j == 0 ? with_first : among_others;
            input.statistics.push_back(i == j ? 0 : kNorm / 1000 * cosine);
        }
    }
    input.norms.assign(clients, kNorm);
    input.data_weights.assign(clients, 1);
    return input;
}

void add_reference(VerdictInput& input, std::int64_t first, std::int64_t others) {
    input.reference.emplace();
    input.reference->squared_norm = kNorm;
    for (std::size_t i = 0; i < input.clients.size(); ++i) {
        input.reference->products.push_back(kNorm / 1000 * (i == 0 ? first : others));
    }
}

using Rule = Result<Verdict> (*)(const VerdictInput& input, VerdictHistory& history);

// A poisoner that goes against training as long as there is a direction, then 200 rounds around
// the optimum: the honest updates cancel out, -1/2 to each other, and the poisoner is at 0.
VerdictCode code_after_convergence(Rule rule) {
    VerdictHistory history = VerdictHistory::make(4);
    VerdictCode code{};
    for (int round = 0; round < 210; ++round) {
        VerdictInput input = round < 10 ? round_of(4, 700, -700) : round_of(4, -490, 0);
        input.gain = round < 10 ? 4096 : 200;
        code = rule(input, history).value().clients[0].code;
    }
    return code;
}

TEST(MajorityRule, poisoner_of_the_rounds_with_a_direction_stays_out_when_training_has_converged) {
    EXPECT_EQ(code_after_convergence(judge), VerdictCode::kOk);
    EXPECT_EQ(code_after_convergence(judge_with_majority), VerdictCode::kAgree);
}

// Rounds until a client that was honest for 12 rounds is flagged, 100 if never within 12 more.
int rounds_until_found(Rule rule) {
    VerdictHistory history = VerdictHistory::make(5);
    for (int round = 0; round < 24; ++round) {
        VerdictInput input = round_of(5, 600, round < 12 ? 600 : -600);
        input.gain = std::max(200, 4096 >> round);
        const auto verdict = rule(input, history).value();
        for (std::size_t i = 1; i < 5; ++i) EXPECT_EQ(verdict.clients[i].code, VerdictCode::kOk);
        if (verdict.clients[0].code == VerdictCode::kAgree) return round - 11;
    }
    return 100;
}

TEST(MajorityRule, sleeper_is_found_after_few_rounds) {
    EXPECT_LE(rounds_until_found(judge_with_majority), 3);
    EXPECT_GT(rounds_until_found(judge), rounds_until_found(judge_with_majority));
}

// The last but one client is honest and unlike the others (0.05), so it is flagged, the one
// attacker there may be. The last client turns after 12 rounds. Rounds until it is flagged, 100 if
// never within 48.
int rounds_until_found_behind_an_outlier(Rule rule, std::uint32_t clients) {
    const std::size_t outlier = clients - 2;
    const std::size_t sleeper = clients - 1;
    VerdictHistory history = VerdictHistory::make(clients);
    for (int round = 0; round < 60; ++round) {
        VerdictInput input = round_of(clients, 700, 700);
        for (std::size_t i = 0; i < clients; ++i) {
            for (std::size_t j = 0; j < clients; ++j) {
                std::int64_t& product = input.statistics[i * clients + j];
                if (i != j && (i == outlier || j == outlier)) product = kNorm / 1000 * 50;
                if (i != j && (i == sleeper || j == sleeper) && round >= 12) product = -product;
            }
        }
        input.gain = std::max(200, 4096 >> std::min(round, 12));
        const auto verdict = rule(input, history).value();
        if (round < 12) {
            EXPECT_EQ(verdict.clients[outlier].code, VerdictCode::kAgree);
        }
        if (verdict.clients[sleeper].code == VerdictCode::kAgree) return round - 11;
    }
    return 100;
}

// In HF two are outside, but more than half of the clients agree, so HG moves.
TEST(MajorityRule, sleeper_behind_an_honest_outlier_that_is_flagged_is_found) {
    for (const std::uint32_t clients : {5U, 6U, 10U}) {
        EXPECT_LE(rounds_until_found_behind_an_outlier(judge, clients), 3);
        EXPECT_LE(rounds_until_found_behind_an_outlier(judge_with_majority, clients), 3);
    }
}

// A limit: two of four are no majority.
TEST(MajorityRule, sleeper_behind_an_honest_outlier_of_four_is_a_limit_of_both_entries) {
    EXPECT_EQ(rounds_until_found_behind_an_outlier(judge, 4), 100);
    EXPECT_EQ(rounds_until_found_behind_an_outlier(judge_with_majority, 4), 100);
}

TEST(MajorityRule, reference_that_has_become_noise_rejects_nobody_of_a_majority_that_agrees) {
    VerdictHistory first = VerdictHistory::make(5);
    VerdictHistory second = VerdictHistory::make(5);
    for (int round = 0; round < 10; ++round) {
        VerdictInput input = round_of(5, 500, 500);
        add_reference(input, 20, -20);
        const Verdict by_first = judge(input, first).value();
        const Verdict verdict = judge_with_majority(input, second).value();
        EXPECT_EQ(by_first.clients[3].code, VerdictCode::kRef);
        EXPECT_FALSE(verdict.is_cancelled);
        for (const ClientVerdict& client : verdict.clients) {
            EXPECT_EQ(client.code, VerdictCode::kOk);
            EXPECT_GT(client.weight, 0U);
        }
    }
}

TEST(MajorityRule, without_a_majority_that_agrees_the_reference_decides) {
    VerdictHistory history = VerdictHistory::make(5);
    VerdictInput input = round_of(5, -100, -100);
    add_reference(input, -300, 300);
    const Verdict verdict = judge_with_majority(input, history).value();
    EXPECT_EQ(verdict.clients[0].code, VerdictCode::kRef);
    for (std::size_t i = 1; i < 5; ++i) EXPECT_EQ(verdict.clients[i].code, VerdictCode::kOk);
}

TEST(MajorityRule, who_follows_the_reference_is_spared_though_others_do_not_agree_with_it) {
    VerdictHistory history = VerdictHistory::make(5);
    VerdictInput input = round_of(5, 800, -100);
    EXPECT_EQ(judge_with_majority(input, history).value().clients[0].code, VerdictCode::kAgree);
    history = VerdictHistory::make(5);
    add_reference(input, 500, 300);
    EXPECT_EQ(judge_with_majority(input, history).value().clients[0].code, VerdictCode::kOk);
    history = VerdictHistory::make(5);
    add_reference(input, 100, 300);
    input.reference->products.resize(5);
    EXPECT_EQ(judge_with_majority(input, history).value().clients[0].code, VerdictCode::kAgree);
}

TEST(MajorityRule, updates_below_the_blur_are_all_null_and_stop_nothing) {
    for (const bool with_reference : {false, true}) {
        VerdictHistory history = VerdictHistory::make(4);
        VerdictInput input = round_of(4, 0, 0);
        input.norms = {-5, 0, 1, 2};
        if (with_reference) add_reference(input, -1000, 1000);
        const Verdict verdict = judge_with_majority(input, history).value();
        for (const ClientVerdict& client : verdict.clients) {
            EXPECT_EQ(client.code, VerdictCode::kNull);
        }
    }
}

TEST(MajorityRule, sums_are_judged_as_by_entry_1) {
    VerdictHistory first = VerdictHistory::make(4);
    VerdictHistory second = first;
    VerdictInput input = round_of(4, 0, 0);
    input.mode = StatMode::kSum;
    for (const std::int64_t sum : {-kNorm, kNorm, kNorm / 2}) {
        input.statistics.assign(4, 256 * kNorm);
        input.statistics[0] = 256 * sum;
        const Verdict by_first = judge(input, first).value();
        const Verdict verdict = judge_with_majority(input, second).value();
        EXPECT_EQ(verdict.reduced.weights, by_first.reduced.weights);
        EXPECT_EQ(second, first);
    }
}

bool can_leave(const std::vector<std::int64_t>& products, std::size_t clients,
               std::size_t leavers) {
    std::vector<std::size_t> all(clients);
    std::iota(all.begin(), all.end(), std::size_t{0});
    return can_agree(CosineMatrix::of_products(products, clients), all, leavers);
}
// The fewest that must leave.
std::size_t fewest(const std::vector<std::int64_t>& products, std::size_t clients) {
    std::size_t leavers = 0;
    while (!can_leave(products, clients, leavers)) ++leavers;
    return leavers;
}

TEST(Agreement, fewest_leave_in_the_simple_cases) {
    EXPECT_EQ(fewest({100, 50, 50, 50, 100, 50, 50, 50, 100}, 3), 0U);
    EXPECT_EQ(fewest({100, -50, 50, -50, 100, -50, 50, -50, 100}, 3), 1U);
    EXPECT_EQ(fewest({100, 9, 9, 9, 100, 9, 9, 9, 100}, 3), 2U);
    EXPECT_EQ(fewest({100}, 1), 0U);
    // 0.1 itself agrees: 3276 of 32768 does not, 3277 does.
    EXPECT_EQ(fewest({32'768, 3'276, 3'276, 32'768}, 2), 1U);
    EXPECT_EQ(fewest({32'768, 3'277, 3'277, 32'768}, 2), 0U);
}

// Pairs of clients that disagree.
using Pairs = std::vector<std::pair<std::size_t, std::size_t>>;
std::vector<std::int64_t> products_of(std::size_t size, const Pairs& against) {
    std::vector<std::int64_t> products(size * size, 50);
    for (std::size_t x = 0; x < size; ++x) products[x * size + x] = 100;
    for (const auto& [x, y] : against) products[x * size + y] = products[y * size + x] = -50;
    return products;
}
// By trying every set of clients.
std::size_t fewest_of_all_sets(std::size_t size, const Pairs& against) {
    std::size_t best = size;
    for (std::size_t gone = 0; gone < std::size_t{1} << size; ++gone) {
        const bool is_enough =
            std::all_of(against.begin(), against.end(), [gone](const auto& pair) {
                return ((gone >> pair.first | gone >> pair.second) & 1) != 0;
            });
        if (is_enough) best = std::min(best, static_cast<std::size_t>(std::popcount(gone)));
    }
    return best;
}

TEST(Agreement, every_disagreement_of_up_to_five_clients_is_left_by_the_fewest) {
    for (std::size_t size = 2; size <= 5; ++size) {
        Pairs all;
        for (std::size_t x = 0; x < size; ++x) {
            for (std::size_t y = x + 1; y < size; ++y) all.emplace_back(x, y);
        }
        for (std::size_t chosen = 0; chosen < std::size_t{1} << all.size(); ++chosen) {
            Pairs against;
            for (std::size_t pair = 0; pair < all.size(); ++pair) {
                if ((chosen >> pair & 1) != 0) against.push_back(all[pair]);
            }
            ASSERT_EQ(fewest(products_of(size, against), size), fewest_of_all_sets(size, against))
                << size << " clients, pairs " << chosen;
        }
    }
}

TEST(Agreement, random_disagreements_of_twelve_clients_are_left_by_the_fewest) {
    std::mt19937_64 random(7);  // NOLINT(cert-msc51-cpp): the same games every time
    for (int game = 0; game < 400; ++game) {
        Pairs against;
        const std::uint64_t density = 1 + random() % 9;
        for (std::size_t x = 0; x < 12; ++x) {
            for (std::size_t y = x + 1; y < 12; ++y) {
                if (random() % 10 < density) against.emplace_back(x, y);
            }
        }
        ASSERT_EQ(fewest(products_of(12, against), 12), fewest_of_all_sets(12, against));
    }
}

// Who makes the search long: 31 of 64 clients, each against one to four others at random.
TEST(Agreement, search_among_64_clients_ends_soon_whatever_the_disagreement) {
    std::mt19937_64 random(11);  // NOLINT(cert-msc51-cpp): the same games every time
    for (int game = 0; game < 60; ++game) {
        Pairs against;
        std::vector<bool> is_matched(64, false);
        std::size_t apart_pairs = 0;  // that share no client: each costs one
        for (std::size_t x = 0; x < 31; ++x) {
            for (std::uint64_t count = 1 + random() % 4; count > 0; --count) {
                const std::size_t y = x + 1 + random() % (63 - x);
                against.emplace_back(x, y);
                if (is_matched[x] || is_matched[y]) continue;
                is_matched[x] = is_matched[y] = true;
                ++apart_pairs;
            }
        }
        const auto products = products_of(64, against);
        EXPECT_TRUE(can_leave(products, 64, 31));
        EXPECT_FALSE(can_leave(products, 64, apart_pairs - 1));
        const std::size_t found = fewest(products, 64);
        EXPECT_GE(found, apart_pairs);
        EXPECT_LE(found, 31U);
    }
}

// Each of two colluders is against two of three honest clients. Taking the colluders out is enough,
// whatever their ids are.
TEST(Agreement, colluders_cannot_make_more_leave_than_there_are_colluders) {
    EXPECT_EQ(fewest(products_of(5, {{0, 3}, {0, 4}, {1, 3}, {2, 4}}), 5), 2U);
    EXPECT_EQ(fewest(products_of(5, {{1, 4}, {0, 4}, {1, 3}, {0, 2}}), 5), 2U);
}

}  // namespace
}  // namespace consilium::smpc
