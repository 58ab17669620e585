// Entry 2 of the rule table: against its model in Python, and what it promises beyond entry 1.
#include <array>
#include <fstream>

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

// A limit. Client 3 is honest and unlike the others (0.05), so it is flagged and counts as the one
// attacker there may be. Client 4 turns after 12 rounds: in HF two are outside, no majority agrees
// there, and HG rests. Rounds until client 4 is flagged, 100 if never within 48.
int rounds_until_found_behind_an_outlier(Rule rule) {
    VerdictHistory history = VerdictHistory::make(5);
    for (int round = 0; round < 60; ++round) {
        VerdictInput input = round_of(5, 700, 700);
        for (std::size_t i = 0; i < 5; ++i) {
            for (std::size_t j = 0; j < 5; ++j) {
                std::int64_t& product = input.statistics[i * 5 + j];
                const bool is_outlier = i == 3 || j == 3;
                if (i != j && is_outlier) product = kNorm / 1000 * 50;
                if (i != j && (i == 4 || j == 4) && round >= 12) product = -product;
            }
        }
        input.gain = std::max(200, 4096 >> std::min(round, 12));
        const auto verdict = rule(input, history).value();
        EXPECT_EQ(verdict.clients[3].code, VerdictCode::kAgree);
        if (verdict.clients[4].code == VerdictCode::kAgree) return round - 11;
    }
    return 100;
}

TEST(MajorityRule, sleeper_behind_an_honest_outlier_that_is_flagged_is_a_limit_of_entry_2) {
    EXPECT_LE(rounds_until_found_behind_an_outlier(judge), 3);
    EXPECT_EQ(rounds_until_found_behind_an_outlier(judge_with_majority), 100);
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

TEST(Agreement, those_outside_are_the_fewest_in_the_simple_cases) {
    const auto outside = [](const std::vector<std::int64_t>& products, std::size_t clients) {
        std::vector<std::size_t> all(clients);
        for (std::size_t i = 0; i < clients; ++i) all[i] = i;
        return count_outside(CosineMatrix::of_products(products, clients), all);
    };
    EXPECT_EQ(outside({100, 50, 50, 50, 100, 50, 50, 50, 100}, 3), 0U);
    EXPECT_EQ(outside({100, -50, 50, -50, 100, -50, 50, -50, 100}, 3), 1U);
    EXPECT_EQ(outside({100, 9, 9, 9, 100, 9, 9, 9, 100}, 3), 2U);
    EXPECT_EQ(outside({100}, 1), 0U);
    // 0.1 itself agrees: 3276 of 32768 does not, 3277 does.
    EXPECT_EQ(outside({32'768, 3'276, 3'276, 32'768}, 2), 1U);
    EXPECT_EQ(outside({32'768, 3'277, 3'277, 32'768}, 2), 0U);
}

// A limit: each of two colluders is against two of three honest clients. Taking the colluders out
// would do, but on ties the smaller ids leave first.
TEST(Agreement, colluders_of_larger_ids_can_make_more_leave_than_there_are_colluders) {
    const auto outside = [](bool are_colluders_first) {
        std::vector<std::int64_t> products(25, 20);
        for (std::size_t i = 0; i < 5; ++i) products[i * 5 + i] = 100;
        using Pair = std::pair<std::size_t, std::size_t>;
        for (auto [honest, colluder] : {Pair{0, 3}, Pair{0, 4}, Pair{1, 3}, Pair{2, 4}}) {
            if (are_colluders_first) {
                honest = 4 - honest;
                colluder = 4 - colluder;
            }
            products[honest * 5 + colluder] = -20;
            products[colluder * 5 + honest] = -20;
        }
        const std::vector<std::size_t> all{0, 1, 2, 3, 4};
        return count_outside(CosineMatrix::of_products(products, 5), all);
    };
    EXPECT_EQ(outside(true), 2U);
    EXPECT_EQ(outside(false), 3U);
}

}  // namespace
}  // namespace consilium::smpc
