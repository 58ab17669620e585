// The verdict rule against the oracle's vectors, and properties the rule promises.
#include "fl_engine/smpc/verdict.hpp"

#include <cstdlib>
#include <fstream>
#include <numeric>
#include <set>
#include <string_view>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "tests/smpc/consortium.hpp"

namespace consilium::smpc {
namespace {

using nlohmann::json;
using testing::TestRandom;

std::string vector_file() {
    const char* named = std::getenv("CONSILIUM_VERDICT_VECTORS");
    return named != nullptr ? named : std::string(CONSILIUM_TEST_VECTORS) + "/verdict.json";
}

// All slots, unless the round names those of V1.
std::vector<ClientIndex> clients_of(const json& round) {
    if (round.contains("clients")) return round["clients"].get<std::vector<ClientIndex>>();
    std::vector<ClientIndex> all(round.at("norms").size());
    std::iota(all.begin(), all.end(), ClientIndex{1});
    return all;
}

VerdictInput input_of(const json& game, const json& round) {
    VerdictInput input;
    input.mode = game.at("mode") == "SUM" ? StatMode::kSum : StatMode::kPairwise;
    input.c_max = game.at("c_max");
    input.blur_bound = game.at("beta");
    input.gain = round.at("K");
    input.norms = round.at("norms").get<std::vector<std::int64_t>>();
    input.data_weights = round.at("q").get<std::vector<std::uint32_t>>();
    input.clients = clients_of(round);
    if (input.mode == StatMode::kSum) {
        input.statistics = round.at("sigma").get<std::vector<std::int64_t>>();
    } else {
        for (const json& row : round.at("gram")) {
            for (const json& value : row) input.statistics.push_back(value);
        }
    }
    if (!round.at("ref").is_null()) {
        input.reference = VerdictReference{round["ref"].at("c"), round["ref"].at("gamma")};
    }
    return input;
}

void compare(const Verdict& verdict, const VerdictHistory& history, const json& round) {
    json codes = json::array();
    json suspects = json::array();
    json weights = json::array();
    for (std::size_t i = 0; i < verdict.clients.size(); ++i) {
        codes.push_back(to_string(verdict.clients[i].code));
        weights.push_back(verdict.clients[i].weight);
        if (verdict.clients[i].is_suspect) suspects.push_back(i);
    }
    EXPECT_EQ(codes, round.at("codes"));
    EXPECT_EQ(suspects, round.at("suspects"));
    EXPECT_EQ(weights, round.at("weights"));
    EXPECT_EQ(json(verdict.reduced.weights), round.at("reduced_weights"));
    const auto& bits = verdict.reduced.dither_bits;
    EXPECT_EQ(bits ? json(*bits) : json(nullptr), round.at("dither_bits"));
    const auto nullable = [](const std::vector<std::optional<std::int64_t>>& values) {
        json list = json::array();
        for (const auto& value : values) list.push_back(value ? json(*value) : json(nullptr));
        return list;
    };
    EXPECT_EQ(nullable(history.reference), round.at("E"));
    EXPECT_EQ(nullable(history.leave_out), round.at("L"));
    if (round.contains("cancelled")) {
        EXPECT_EQ(verdict.is_cancelled, round["cancelled"]);
    }
    const auto row = history.products.begin();
    EXPECT_EQ(json(std::vector<std::int64_t>(row, row + history.clients())), round.at("A0"));
}

// The games of a file, judged round by round and compared.
json replay(const std::string& name) {
    std::ifstream file(name);
    EXPECT_TRUE(file.good()) << name;
    json games = json::parse(file);
    EXPECT_FALSE(games.empty());
    std::size_t number = 0;
    for (const json& game : games) {
        SCOPED_TRACE("case " + std::to_string(number++));
        VerdictHistory history = VerdictHistory::make(game.at("m"));
        for (const json& round : game.at("rounds")) {
            const auto verdict = judge(input_of(game, round), history);
            if (!verdict) {
                ADD_FAILURE() << verdict.error().context;
                break;
            }
            compare(*verdict, history, round);
            const VerdictHistory copy = decode<VerdictHistory>(encode(history)).value();
            EXPECT_EQ(copy, history);
        }
        json products = json::array();
        for (std::size_t row = 0; row < history.clients(); ++row) {
            const auto start =
                history.products.begin() + static_cast<std::ptrdiff_t>(row * history.clients());
            products.push_back(std::vector<std::int64_t>(start, start + history.clients()));
        }
        EXPECT_EQ(products, game.value("A", products));
    }
    return games;
}

TEST(Verdict, verdict_vectors_of_the_oracle_are_reproduced_exactly) {
    replay(vector_file());
}

std::string joined(std::initializer_list<std::string_view> parts) {
    std::string result;
    for (const std::string_view part : parts) result += part;
    return result;
}

// What a file of vectors reaches: codes with mode, reference and suspicion, averages around the
// threshold of REF with what became of them, and kinds of flags that competed for the cap.
std::set<std::string> reached(const json& games) {
    std::set<std::string> found;
    for (const json& game : games) {
        const std::string mode = game.at("mode");
        for (const json& round : game.at("rounds")) {
            const std::string kind = mode + (round.at("ref").is_null() ? "" : " with g");
            const auto clients = clients_of(round);
            if (clients.size() < game.at("m").get<std::size_t>()) found.insert("somebody away");
            if (round.at("cancelled").get<bool>()) found.insert("cancelled");
            std::set<std::string> rejected;
            std::set<std::string> suspected;
            for (std::size_t i = 0; i < clients.size(); ++i) {
                const std::string code = round.at("codes").at(i);
                const auto& suspects = round.at("suspects");
                const bool is_suspect =
                    std::find(suspects.begin(), suspects.end(), i) != suspects.end();
                if (code != "OK") (is_suspect ? suspected : rejected).insert(code);
                found.insert(joined({kind, " ", code, is_suspect ? " suspect" : ""}));
                const json& average = round.at("E").at(clients[i] - 1);
                if (round["ref"].is_null() || average < -1 || average > 1) continue;
                found.insert(joined({kind, " ", code, " at ", average.dump()}));
            }
            for (const std::string& first : rejected) {
                for (const std::string& second : suspected) {
                    found.insert(joined({kind, " ", first, " before ", second}));
                }
            }
        }
    }
    return found;
}

TEST(Verdict, vectors_with_a_reference_are_reproduced_exactly) {
    const auto found =
        reached(replay(std::string(CONSILIUM_TEST_VECTORS) + "/verdict_reference.json"));
    for (const std::string kind : {"PAIRWISE with g ", "SUM with g "}) {
        for (const std::string what : {"REF", "REF suspect", "REF at -1", "REF at 0", "OK at 1",
                                       "REF before REF", "REF before NULL", "NULL before NULL"}) {
            EXPECT_TRUE(found.contains(kind + what)) << kind << what;
        }
    }
    for (const std::string what :
         {"SUM with g REF before LOO", "SUM with g LOO before LOO", "SUM with g LOO before NULL",
          "SUM LOO", "SUM OK", "PAIRWISE AGREE before NULL", "somebody away", "cancelled"}) {
        EXPECT_TRUE(found.contains(what)) << what;
    }
}

// PAIRWISE input of m clients with equal norms and equal products.
VerdictInput equal_input(std::uint32_t m, std::int64_t norm) {
    VerdictInput input;
    input.c_max = 1;
    for (ClientIndex i = 1; i <= m; ++i) input.clients.push_back(i);
    input.norms.assign(m, norm);
    input.statistics.assign(std::size_t{m} * m, norm);
    for (std::size_t i = 0; i < m; ++i) input.statistics[i * m + i] = 0;
    input.data_weights.assign(m, 1);
    return input;
}

TEST(Verdict, equal_honest_updates_under_extreme_blur_are_all_accepted) {
    for (const StatMode mode : {StatMode::kPairwise, StatMode::kSum}) {
        for (const std::uint32_t m : {3U, 4U, 7U, 13U}) {
            for (const bool with_reference : {false, true}) {
                TestRandom random(m);
                const std::int64_t square = std::int64_t{1} << 44;
                const std::int64_t beta = square / 128;
                VerdictHistory history = VerdictHistory::make(m);
                for (int round = 0; round < 5; ++round) {
                    const auto blur = [&] { return random.word() % 2 == 0 ? beta : -beta; };
                    VerdictInput input = equal_input(m, square / 4);
                    input.mode = mode;
                    input.c_max = std::max(1U, (m - 1) / 3);
                    input.blur_bound = beta;
                    for (std::int64_t& norm : input.norms) norm += blur();
                    for (std::size_t i = 0; i < m; ++i) {
                        for (std::size_t j = 0; j < i; ++j) {
                            input.statistics[i * m + j] += blur();
                            input.statistics[j * m + i] = input.statistics[i * m + j];
                        }
                    }
                    if (mode == StatMode::kSum) {
                        const auto omega = clip_weights(input.norms, beta);
                        std::vector<std::int64_t> sums(m, 0);
                        for (std::size_t i = 0; i < m; ++i) {
                            for (std::size_t j = 0; j < m; ++j) {
                                if (i != j) sums[i] += omega[j] * (square / 4);
                            }
                            sums[i] += 256 * blur();
                        }
                        input.statistics = sums;
                    }
                    if (with_reference) {
                        input.reference.emplace();
                        input.reference->squared_norm = square / 4;
                        for (std::uint32_t i = 0; i < m; ++i) {
                            input.reference->products.push_back(square / 4 + blur());
                        }
                    }
                    const Verdict verdict = judge(input, history).value();
                    for (const ClientVerdict& client : verdict.clients) {
                        EXPECT_EQ(client.code, VerdictCode::kOk) << m;
                    }
                    EXPECT_FALSE(verdict.is_cancelled);
                }
            }
        }
    }
}

TEST(Verdict, fewer_than_m_min_positive_weights_cancel_the_round) {
    VerdictInput input = equal_input(4, 1);
    input.norms = {1, 1, std::int64_t{1} << 46, std::int64_t{1} << 46};
    VerdictHistory history = VerdictHistory::make(4);
    const Verdict verdict = judge(input, history).value();
    EXPECT_TRUE(verdict.is_cancelled);
}

// Clients of equal norms that agree, and c_max zero vectors: clients 1, 3, 5, ...
bool is_zero_vector(const VerdictInput& input, std::size_t i) {
    return i % 2 == 0 && i / 2 < input.c_max;
}
VerdictInput input_with_zero_vectors(std::uint32_t m, std::uint32_t c_max, StatMode mode) {
    constexpr std::int64_t kNorm = std::int64_t{1} << 43;
    VerdictInput input = equal_input(m, kNorm);
    input.mode = mode;
    input.c_max = c_max;
    input.blur_bound = kNorm / 64;
    for (std::size_t i = 0; i < m; ++i) {
        if (is_zero_vector(input, i)) input.norms[i] = 1;
    }
    const auto omega = clip_weights(input.norms, input.blur_bound);
    std::vector<std::int64_t> sums(m, 0);
    for (std::size_t i = 0; i < m; ++i) {
        for (std::size_t j = 0; j < m; ++j) {
            std::int64_t& product = input.statistics[i * m + j];
            if (is_zero_vector(input, i) || is_zero_vector(input, j)) product = 0;
            sums[i] += omega[j] * product;
        }
    }
    if (mode == StatMode::kSum) input.statistics = sums;
    return input;
}

class ZeroVectors : public ::testing::TestWithParam<std::tuple<bool, StatMode, std::uint32_t>> {};

// Nobody honest is flagged, and its weight before the votes is all of 4096. SUM has no votes; in
// PAIRWISE everybody votes for everybody once all zero vectors are rejected.
TEST_P(ZeroVectors, of_c_max_clients_leave_every_honest_weight_whole) {
    const auto [has_majority, mode, c_max] = GetParam();
    const std::uint32_t kept = std::max(3U, c_max + 2);
    const std::uint32_t fewest = std::max(kept, 2 * c_max + 1);
    for (std::uint32_t m = fewest; m <= fewest + 4; ++m) {
        const VerdictInput input = input_with_zero_vectors(m, c_max, mode);
        VerdictHistory history = VerdictHistory::make(m);
        const Verdict verdict =
            (has_majority ? judge_with_majority(input, history) : judge(input, history)).value();
        for (std::size_t i = 0; i < m; ++i) {
            const ClientVerdict& client = verdict.clients[i];
            if (is_zero_vector(input, i)) {
                EXPECT_EQ(client.code, VerdictCode::kNull) << m;
                continue;
            }
            EXPECT_EQ(client.code, VerdictCode::kOk) << m;
            if (mode == StatMode::kSum || m >= c_max + kept) {
                EXPECT_EQ(client.weight, 4096U) << m;
            }
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Rules, ZeroVectors,
                         ::testing::Combine(::testing::Bool(),
                                            ::testing::Values(StatMode::kPairwise, StatMode::kSum),
                                            ::testing::Range(1U, 6U)));

TEST(Verdict, one_weight_never_exceeds_the_sum_of_the_others) {
    VerdictInput input = equal_input(4, 1000000);
    input.data_weights = {16, 1, 1, 1};
    VerdictHistory history = VerdictHistory::make(4);
    const Verdict verdict = judge(input, history).value();
    // Ties go to smaller ids, so the votes are 4, 4, 3 and 1 of 4.
    EXPECT_EQ(verdict.clients[0].weight, 4096U + 3072 + 1024);
    EXPECT_EQ(verdict.reduced.weights, (std::vector<std::uint32_t>{8, 4, 3, 1}));
    EXPECT_EQ(verdict.reduced.sum, 16U);
    EXPECT_EQ(verdict.reduced.dither_bits, 5U);
}

TEST(Verdict, absent_clients_keep_their_history) {
    VerdictHistory history = VerdictHistory::make(5);
    VerdictInput all = equal_input(5, 1000000);
    ASSERT_TRUE(judge(all, history).has_value());
    const VerdictHistory before = history;
    VerdictInput some = equal_input(4, 2000000);
    some.clients = {1, 2, 4, 5};
    ASSERT_TRUE(judge(some, history).has_value());
    for (std::size_t j = 0; j < 5; ++j) {
        EXPECT_EQ(history.products[2 * 5 + j], before.products[2 * 5 + j]);
        EXPECT_EQ(history.products[j * 5 + 2], before.products[j * 5 + 2]);
    }
    EXPECT_NE(history.products[0], before.products[0]);
    EXPECT_EQ(history.products[4], history.products[20]);
}

TEST(Verdict, values_at_the_limits_of_a_field_element_are_judged_without_overflow) {
    const std::int64_t edge = std::int64_t{1} << 60;
    for (const StatMode mode : {StatMode::kPairwise, StatMode::kSum}) {
        for (const std::int64_t norm : {edge, std::int64_t{1}, -edge}) {
            for (const std::int64_t value : {edge, -edge}) {
                VerdictHistory history = VerdictHistory::make(3);
                VerdictInput input = equal_input(3, norm);
                input.mode = mode;
                input.gain = 16384;
                input.statistics.assign(mode == StatMode::kSum ? 3 : 9, value);
                input.reference = VerdictReference{{value, -value, value}, edge};
                for (int round = 0; round < 40; ++round) {
                    EXPECT_TRUE(judge(input, history).has_value());
                    EXPECT_TRUE(history.is_well_formed());
                }
            }
        }
    }
}

TEST(Verdict, inconsistent_inputs_are_errors) {
    VerdictHistory history = VerdictHistory::make(4);
    const auto refuses = [&history](auto change) {
        VerdictInput input = equal_input(4, 1000);
        change(input);
        return !judge(input, history).has_value();
    };
    EXPECT_FALSE(refuses([](VerdictInput&) {}));
    EXPECT_TRUE(refuses([](VerdictInput& v) { v = VerdictInput{}; }));
    EXPECT_TRUE(refuses([](VerdictInput& v) { v.norms.pop_back(); }));
    EXPECT_TRUE(refuses([](VerdictInput& v) { v.statistics.pop_back(); }));
    EXPECT_TRUE(refuses([](VerdictInput& v) { v.data_weights[1] = 0; }));
    EXPECT_TRUE(refuses([](VerdictInput& v) { v.data_weights[1] = 17; }));
    EXPECT_TRUE(refuses([](VerdictInput& v) { v.clients[3] = 5; }));
    EXPECT_TRUE(refuses([](VerdictInput& v) { v.clients[0] = 0; }));
    EXPECT_TRUE(refuses([](VerdictInput& v) { v.clients[1] = 1; }));
    EXPECT_TRUE(refuses([](VerdictInput& v) { v.reference.emplace(); }));
    EXPECT_TRUE(refuses([](VerdictInput& v) { v.norms[0] = (std::int64_t{1} << 60) + 1; }));
    EXPECT_TRUE(refuses([](VerdictInput& v) { v.mode = StatMode::kSum; }));
    history.leave_out.pop_back();
    EXPECT_TRUE(refuses([](VerdictInput&) {}));
}

TEST(Gain, follows_the_square_of_the_clip_norm_within_bounds) {
    VerdictHistory history = VerdictHistory::make(3);
    EXPECT_EQ(agree_gain(history, 1), 4096);
    note_clip_norm(history, std::uint64_t{1} << 32);
    note_clip_norm(history, 5);  // only the first counts
    EXPECT_EQ(agree_gain(history, std::uint64_t{1} << 32), 4096);
    EXPECT_EQ(agree_gain(history, std::uint64_t{1} << 31), 1024);
    EXPECT_EQ(agree_gain(history, std::uint64_t{1} << 33), 16384);
    EXPECT_EQ(agree_gain(history, kClipNormLimit - 1), 16384);
    EXPECT_EQ(agree_gain(history, 1), 1);
}

TEST(NextClipNorm, is_twice_the_median_norm_within_the_bounds) {
    const std::vector<std::int64_t> norms{1 << 20, 1 << 20, 1 << 22};
    ClipNormRule rule{1000000, 4096, 1, kClipNormLimit - 1};
    EXPECT_EQ(next_clip_norm(norms, 0, rule), 2048U * 1000000 / 4096);
    rule.highest = 400000;
    EXPECT_EQ(next_clip_norm(norms, 0, rule), 400000U);
    rule = {1000000, 4096, 600000, 700000};
    EXPECT_EQ(next_clip_norm(norms, 0, rule), 600000U);
}

TEST(ClipWeights, are_256_up_to_the_median_and_fall_with_the_norm) {
    const std::vector<std::int64_t> norms{100, 100, 400, 1LL << 50, -5};
    EXPECT_EQ(clip_weights(norms, 0), (std::vector<std::uint32_t>{256, 256, 128, 1, 256}));
}

TEST(ReducedWeights, dither_follows_the_largest_weight) {
    EXPECT_EQ(reduce_weights(std::vector<std::uint32_t>{4096, 4096, 4096}).dither_bits,
              std::nullopt);
    const ReducedWeights unequal = reduce_weights(std::vector<std::uint32_t>{4096, 0, 3743});
    EXPECT_EQ(unequal.weights, (std::vector<std::uint32_t>{4096, 0, 3743}));
    EXPECT_EQ(unequal.dither_bits, 14U);
    EXPECT_EQ(unequal.sum, 7839U);
    EXPECT_EQ(reduce_weights(std::vector<std::uint32_t>{2, 4}).dither_bits, 3U);
    EXPECT_EQ(reduce_weights(std::vector<std::uint32_t>{0, 0}).sum, 0U);
    EXPECT_EQ(reduce_weights(std::vector<std::uint32_t>{65536, 65535}).dither_bits, 18U);
}

}  // namespace
}  // namespace consilium::smpc
