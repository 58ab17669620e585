// The account of privacy: integers against the closed forms, and what rounds charge on chain.
#include <cmath>

#include <gtest/gtest.h>

#include "contracts/schema/privacy.hpp"
#include "fl_engine/privacy/accountant.hpp"
#include "tests/contracts/consortium_driver.hpp"

namespace consilium::contracts::testing {
namespace {

using schema::Code;
using schema::Module;
using schema::Phase;
using schema::PrivacyLevel;
using schema::PrivacyRecord;
using schema::PrivacyTerms;
using schema::Rho;
namespace event = schema::event;
namespace keys = schema::keys;

constexpr double kRhoUnit = 1.0 / 1'099'511'627'776.0;  // 2^-40

double reserved_delta(std::uint8_t bits) {
    return std::exp2(-static_cast<double>(bits)) * 15 / 16;
}

TEST(PrivacyAccountTest, epsilon_is_an_upper_bound_and_at_most_one_percent_above) {
    for (const std::uint8_t bits : {std::uint8_t{10}, std::uint8_t{17}, std::uint8_t{30}}) {
        for (double rho = 1e-6; rho < 1e4; rho *= 1.37) {
            const auto units = static_cast<Rho>(std::ceil(rho / kRhoUnit));
            const double exact =
                fl::epsilon_of_rho(static_cast<double>(units) * kRhoUnit, reserved_delta(bits));
            const double bound = static_cast<double>(schema::epsilon_micros(units, bits)) / 1e6;
            EXPECT_GE(bound, exact * (1 - 1e-4)) << rho;  // the reference searches a finer grid
            EXPECT_LE(bound, exact * 1.01 + 3e-6) << rho;
        }
    }
}

TEST(PrivacyAccountTest, epsilon_covers_the_exact_delta_of_gaussian_noise) {
    for (const double sigma : {0.5, 1.0, 3.0, 30.0}) {
        for (const std::uint8_t bits : {std::uint8_t{10}, std::uint8_t{20}, std::uint8_t{30}}) {
            const auto rho = static_cast<Rho>(std::ceil(fl::gaussian_rho(1, sigma) / kRhoUnit));
            const double epsilon = static_cast<double>(schema::epsilon_micros(rho, bits)) / 1e6;
            EXPECT_LE(fl::gaussian_delta(epsilon, sigma), reserved_delta(bits)) << sigma;
        }
    }
}

TEST(PrivacyAccountTest, epsilon_grows_with_rho_and_ends_at_its_limits) {
    EXPECT_EQ(schema::epsilon_micros(0, 20), 0U);
    std::uint64_t last = 0;
    for (unsigned bit = 0; bit < 64; ++bit) {
        const std::uint64_t epsilon = schema::epsilon_micros(Rho{1} << bit, 20);
        EXPECT_GE(epsilon, last);
        last = epsilon;
    }
    // rho = 2^24: epsilon is hardly more than rho.
    const std::uint64_t most = schema::epsilon_micros(~Rho{0}, 20);
    EXPECT_GE(most, std::uint64_t{16'777'216} * 1'000'000);
    EXPECT_LT(most, std::uint64_t{16'900'000} * 1'000'000);
}

TEST(PrivacyAccountTest, epsilon_is_frozen) {
    // Replicas of all versions must agree. Computed with 200 bits from the formula and the orders.
    EXPECT_EQ(schema::epsilon_micros(Rho{1} << 40U, 17), 7'187'730U);
    EXPECT_EQ(schema::epsilon_micros(Rho{1} << 39U, 20), 5'247'528U);
    EXPECT_EQ(schema::epsilon_micros(Rho{1} << 30U, 30), 243'188U);
}

TEST(PrivacyAccountTest, budgets_turn_into_the_largest_rho) {
    for (const std::uint64_t micros : {1ULL, 1'000ULL, 1'000'000ULL, 50'000'000ULL}) {
        const Rho rho = schema::rho_within(micros, 20);
        EXPECT_LE(schema::epsilon_micros(rho, 20), micros);
        EXPECT_GT(schema::epsilon_micros(rho + 1, 20), micros);
    }
}

TEST(PrivacyTermsTest, rho_is_rounded_up_and_exact_where_it_can_be) {
    EXPECT_EQ(schema::local_rho({.clip = 100, .noise = 100, .delta_bits = 20}), Rho{1} << 39U);
    EXPECT_EQ(schema::local_rho({.clip = 1, .noise = 4'000'000, .delta_bits = 20}), 1U);
    const PrivacyTerms odd{.clip = 3, .noise = 7, .delta_bits = 20};
    EXPECT_EQ(schema::local_rho(odd), ((Rho{9} << 40U) + 97) / 98);
}

TEST(PrivacyTermsTest, terms_that_do_not_fit_are_named) {
    const PrivacyTerms good{.clip = 500'000, .noise = 100'000, .delta_bits = 20};
    EXPECT_EQ(find_fault(good, 513, 22), nullptr);
    EXPECT_EQ(schema::noised_norm_bound(good, 513), 500'000U + 100'000 * 32);
    EXPECT_EQ(schema::noised_norm_bound(good, 1'000'000), 500'000U + 100'000 * 1200);
    const auto with = [&](auto change) {
        PrivacyTerms terms = good;
        change(terms);
        return find_fault(terms, 513, 22);
    };
    EXPECT_NE(with([](PrivacyTerms& t) { t.clip = 45; }), nullptr);
    EXPECT_NE(with([](PrivacyTerms& t) { t.clip = 1'000'000; }), nullptr);
    EXPECT_NE(with([](PrivacyTerms& t) { t.clip = 0xFFFFFFFF; }), nullptr);
    EXPECT_NE(with([](PrivacyTerms& t) { t.noise = 15; }), nullptr);
    EXPECT_NE(with([](PrivacyTerms& t) { t.noise = 0xFFFFFFFF; }), nullptr);
    EXPECT_NE(with([](PrivacyTerms& t) { t.delta_bits = 9; }), nullptr);
    EXPECT_NE(with([](PrivacyTerms& t) { t.delta_bits = 31; }), nullptr);
}

TEST(PrivacyTermsTest, central_rho_counts_the_noise_of_surely_honest_equals_only) {
    const PrivacyTerms terms{.clip = 400'000, .noise = 100'000, .delta_bits = 20};
    const Rho local = schema::local_rho(terms);
    const auto rho = [&](const std::vector<std::uint32_t>& weights, std::size_t index,
                         std::uint16_t malicious) {
        return schema::central_rho(terms, weights, index, malicious, 513);
    };
    EXPECT_EQ(rho({1, 0, 1, 1}, 1, 1), 0U);              // not in the sum
    EXPECT_EQ(rho({4096, 4000, 3900, 1}, 0, 1), local);  // no equals
    EXPECT_EQ(rho({4096, 4096, 3900, 1}, 0, 1), local);  // the one equal may be dishonest
    EXPECT_NEAR(static_cast<double>(rho({1, 1, 1, 0}, 0, 1)), static_cast<double>(local) / 2,
                static_cast<double>(local) * 1e-6);
    EXPECT_NEAR(static_cast<double>(rho({1, 1, 1, 1, 1, 1}, 5, 2)), static_cast<double>(local) / 4,
                static_cast<double>(local) * 1e-6);
    EXPECT_GT(rho({1, 1, 1, 0}, 0, 1), local / 2);  // whole numbers do not halve exactly
}

// Splits of a change over h clients, as the bound claims: squares of a whole-number split.
TEST(PrivacyTermsTest, the_split_bound_holds_for_every_small_change) {
    for (std::int64_t h = 1; h <= 9; ++h) {
        for (std::int64_t v = -200; v <= 200; ++v) {
            std::int64_t squares = 0;
            std::int64_t total = 0;
            for (std::int64_t j = 0; j < h; ++j) {
                const std::int64_t part = (v * (j + 1) / h) - (v * j / h);
                squares += part * part;
                total += part;
            }
            EXPECT_EQ(total, v);
            EXPECT_LE(4 * h * squares, 4 * v * v + h * h);
        }
    }
}

schema::TaskSpec private_task() {
    schema::TaskSpec spec = test_task();
    spec.clip_min = spec.clip_max = spec.clip_initial;
    spec.privacy = PrivacyTerms{.clip = 500'000, .noise = 50'000, .delta_bits = 20};
    return spec;
}

struct Network {
    explicit Network(const schema::TaskSpec& spec = private_task()) : chain(4), driver(chain) {
        for (std::size_t i = 0; i < 4; ++i) chain.add_trainer(i);
        EXPECT_EQ(chain.decide(schema::ProposalKind::kCreateTask, encode(spec)), Code::kOk);
        driver.set_up_epoch();
        driver.prepare_batches();
    }
    [[nodiscard]] std::optional<PrivacyRecord> account(std::uint32_t task,
                                                       std::uint32_t organisation) const {
        return chain.find<PrivacyRecord>(keys::privacy(task, organisation));
    }
    [[nodiscard]] std::vector<schema::PrivacySpent> charges() const {
        return chain.events<schema::PrivacySpent>(Module::kRounds, event::kPrivacySpent);
    }
    Chain chain;
    ConsortiumDriver driver;
};

const std::set<std::uint16_t> kAll{1, 2, 3, 4};

TEST(PrivacyChargeTest, a_round_charges_local_at_its_statistics_and_central_at_its_sum) {
    Network net;
    EXPECT_EQ(net.driver.round().terms.privacy, private_task().privacy);
    EXPECT_FALSE(net.account(1, 0).has_value());
    net.driver.submit(net.driver.similar_updates(1, 0), kAll);
    EXPECT_FALSE(net.account(1, 0).has_value());  // an abort is still possible, and costs nothing
    net.driver.prove();
    ASSERT_EQ(net.driver.round().phase, Phase::kCoinTest);
    const Rho local = schema::local_rho(*private_task().privacy);
    const auto opened = net.account(1, 0);
    ASSERT_TRUE(opened.has_value());
    EXPECT_EQ(opened->rounds_opened, 1U);
    EXPECT_EQ(opened->rho_local, local);
    EXPECT_EQ(opened->epsilon_local_micros, schema::epsilon_micros(local, 20));
    EXPECT_EQ(opened->rho_central, 0U);
    ASSERT_EQ(net.charges().size(), 1U);
    EXPECT_EQ(net.charges()[0].level, PrivacyLevel::kLocal);
    EXPECT_EQ(net.charges()[0].charges.size(), 4U);
    net.driver.reach_stat1();
    net.driver.post_stat1();
    net.driver.post_stat2();
    ASSERT_EQ(net.driver.round().phase, Phase::kAggregate);
    ASSERT_EQ(net.charges().size(), 1U);
    EXPECT_EQ(net.charges()[0].level, PrivacyLevel::kCentral);
    const auto summed = net.account(1, 0);
    EXPECT_EQ(summed->rounds_summed, 1U);
    EXPECT_GT(summed->rho_central, 0U);
    EXPECT_LE(summed->rho_central, summed->rho_local);
    net.driver.post_aggregate();
    EXPECT_EQ(net.account(1, 0), summed);  // the result costs nothing more
}

TEST(PrivacyChargeTest, rounds_and_tasks_add_up_per_hospital) {
    schema::TaskSpec spec = private_task();
    spec.rounds = 2;
    Network net(spec);
    for (std::uint64_t r = 1; r <= 2; ++r) {
        net.driver.submit(net.driver.similar_updates(r, 0), kAll);
        net.driver.verify();
    }
    spec.privacy->delta_bits = 25;
    EXPECT_EQ(net.chain.decide(schema::ProposalKind::kCreateTask, encode(spec)), Code::kOk);
    net.driver.prepare_batches();
    net.driver.submit(net.driver.similar_updates(3, 0), kAll);
    net.driver.reach_stat1();
    const Rho local = schema::local_rho(*spec.privacy);
    EXPECT_EQ(net.account(1, 2)->rho_local, 2 * local);
    EXPECT_EQ(net.account(2, 2)->rho_local, local);
    EXPECT_EQ(net.account(2, 2)->delta_bits, 25);
    const auto total = net.account(0, 2);
    EXPECT_EQ(total->rho_local, 3 * local);
    EXPECT_EQ(total->delta_bits, 25);  // the smallest delta counts
    EXPECT_EQ(total->rounds_opened, 3U);
    EXPECT_EQ(total->epsilon_local_micros, schema::epsilon_micros(3 * local, 25));
}

TEST(PrivacyChargeTest, an_attempt_that_ends_before_its_statistics_costs_nothing) {
    Network net;
    net.driver.submit(net.driver.similar_updates(1, 0), {1, 2});
    net.chain.pass(20);  // too few have submitted
    const schema::RoundRecord round = net.driver.round();
    EXPECT_EQ(round.label.round, 1U);
    EXPECT_TRUE(round.label.attempt > 0 || round.phase == Phase::kAborted);
    for (std::uint32_t organisation = 0; organisation < 4; ++organisation) {
        EXPECT_FALSE(net.account(1, organisation).has_value());
        EXPECT_FALSE(net.account(0, organisation).has_value());
    }
}

TEST(PrivacyChargeTest, a_round_cancelled_after_its_statistics_stays_charged) {
    Network net;
    net.driver.submit(net.driver.similar_updates(1, 0), kAll);
    net.driver.reach_stat1();
    const auto before = net.account(1, 3);
    ASSERT_TRUE(before.has_value());
    EXPECT_EQ(
        net.chain.decide(schema::ProposalKind::kCancelRound, encode(schema::RoundReference{1, 0})),
        Code::kOk);
    EXPECT_EQ(net.account(1, 3)->rho_local, before->rho_local);
    EXPECT_EQ(net.account(1, 3)->rho_central, 0U);
}

TEST(PrivacyChargeTest, a_hospital_that_is_absent_or_rejected_pays_only_what_was_opened_of_it) {
    Network net;
    const Updates updates = net.driver.similar_updates(2, 3);
    net.driver.submit(updates, kAll);
    net.driver.verify();
    const auto rejected = net.account(1, 2);  // slot 3
    EXPECT_EQ(rejected->rounds_opened, 1U);
    EXPECT_EQ(rejected->rounds_summed, 0U);
    EXPECT_EQ(rejected->rho_central, 0U);
    EXPECT_EQ(net.account(1, 0)->rounds_summed, 1U);
    net.driver.prepare_batches();
    net.driver.submit(net.driver.similar_updates(3, 0), {1, 2, 3});
    for (int i = 0; i < 20 && net.driver.round().phase == Phase::kSubmitting; ++i) {
        net.chain.pass(1);
    }
    net.driver.reach_stat1();
    EXPECT_EQ(net.account(1, 3)->rounds_opened, 1U);  // slot 4 stayed away this time
    EXPECT_EQ(net.account(1, 0)->rounds_opened, 2U);
}

TEST(PrivacyChargeTest, a_new_trainer_key_goes_on_with_its_hospitals_account) {
    Network net;
    net.driver.submit(net.driver.similar_updates(1, 0), kAll);
    net.driver.verify();
    const PublicKey old = net.chain.trainers[0];
    ASSERT_EQ(net.chain.send(old, kRetire, schema::AccountBallot{old}), Code::kOk);
    const PublicKey fresh = key_of("another trainer");
    const std::string& hospital = net.chain.genesis.organisations[0].name;
    ASSERT_EQ(net.chain.send(fresh, kRegister, schema::Register{schema::Role::kTrainer, hospital}),
              Code::kOk);
    ASSERT_EQ(net.chain.ballot(schema::action::kApprove, fresh), Code::kOk);
    net.chain.trainers = {net.chain.trainers[1], net.chain.trainers[2], net.chain.trainers[3],
                          fresh};
    // The clients change between rounds only.
    ASSERT_EQ(
        net.chain.decide(schema::ProposalKind::kCancelRound, encode(schema::RoundReference{2, 0})),
        Code::kOk);
    net.driver.set_up_epoch();
    ASSERT_EQ(net.driver.epoch().clients, net.chain.trainers);
    net.driver.prepare_batches();
    net.driver.submit(net.driver.similar_updates(2, 0), kAll);
    net.driver.reach_stat1();
    ASSERT_EQ(net.driver.round().phase, Phase::kStat1);
    const auto account = net.account(1, 0);
    EXPECT_EQ(account->rounds_opened, 2U);
    EXPECT_EQ(account->rho_local, 2 * schema::local_rho(*private_task().privacy));
    EXPECT_EQ(account->last_round, 3U);
}

TEST(PrivacyChargeTest, without_noise_there_is_no_account) {
    Network net(test_task());
    net.driver.submit(net.driver.similar_updates(1, 0), kAll);
    net.driver.verify();
    EXPECT_TRUE(net.charges().empty());
    EXPECT_FALSE(net.account(1, 0).has_value());
}

TEST(PrivacyTaskTest, noise_needs_a_fixed_clip_norm_and_terms_that_fit) {
    EXPECT_EQ(find_fault(private_task()), nullptr);
    const auto is_faulty = [](auto change) {
        schema::TaskSpec spec = private_task();
        change(spec);
        return find_fault(spec) != nullptr;
    };
    EXPECT_TRUE(is_faulty([](schema::TaskSpec& s) { s.clip_min -= 1; }));
    EXPECT_TRUE(is_faulty([](schema::TaskSpec& s) { s.clip_max += 1; }));
    EXPECT_TRUE(is_faulty([](schema::TaskSpec& s) { s.privacy->noise = 0; }));
    EXPECT_TRUE(is_faulty([](schema::TaskSpec& s) { s.privacy->noise = 400'000; }));
    EXPECT_TRUE(is_faulty([](schema::TaskSpec& s) { s.privacy->delta_bits = 40; }));
}

}  // namespace
}  // namespace consilium::contracts::testing
