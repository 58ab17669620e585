// A hospital's own budget of privacy against a chain that goes on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "deploy/devnet/privacy_plan.hpp"
#include "tests/e2e/testnet.hpp"

namespace consilium::devnet::test {
namespace {

TEST(Policy, a_site_stops_at_its_budget_also_after_a_kill_while_the_others_go_on) {
    Testnet net(2, 30.0);
    ASSERT_TRUE(net.is_good());
    const Hospital& frugal = net.setup().hospitals[0];
    const schema::PrivacyTerms& terms = *net.setup().task.privacy;
    const std::uint64_t one_round =
        schema::epsilon_micros(schema::local_rho(terms), terms.delta_bits);
    const auto written = write_text(net.setup().path(frugal.folder / "policy.toml"),
                                    site_policy_text(net.setup().task.data_schema, one_round));
    ASSERT_TRUE(written.has_value()) << written.error().context;
    net.admit_trainers();
    net.open_task_and_train();
    ASSERT_TRUE(net.is_good());
    ASSERT_TRUE(net.follow([&] { return !net.rows().empty(); }, 90'000));
    net.kill(net.network().trainer(1));
    net.start_again(net.network().trainer(1));
    ASSERT_TRUE(net.follow([&] { return net.rows().size() >= 2; }, 90'000));

    EXPECT_THAT(net.rows()[0].submitted, testing::Contains(frugal.name));
    EXPECT_EQ(net.rows()[1].submitted.size(), 3U);
    EXPECT_THAT(net.rows()[1].submitted, testing::Not(testing::Contains(frugal.name)));
    EXPECT_THAT(tail_of(net.setup().path(frugal.folder / "trainer.log"), 200),
                testing::HasSubstr("skipped, the site policy refuses: with this round epsilon"));
    const auto spent = net.watch().privacy(frugal);
    ASSERT_TRUE(spent.has_value() && spent->has_value());
    EXPECT_EQ((*spent)->rounds_opened, 1U);
    EXPECT_EQ((*spent)->epsilon_local_micros, one_round);
    const auto other = net.watch().privacy(net.setup().hospitals[1]);
    ASSERT_TRUE(other.has_value() && other->has_value());
    EXPECT_EQ((*other)->rounds_opened, 2U);
}

}  // namespace
}  // namespace consilium::devnet::test
