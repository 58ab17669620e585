// kill -9 of real processes: rounds go on, restarted ones take part again, nothing is lost.
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "deploy/devnet/interrupt.hpp"
#include "deploy/devnet/result.hpp"
#include "p2p/client/bounded_json.hpp"
#include "tests/e2e/testnet.hpp"

namespace consilium::devnet::test {
namespace {

using nlohmann::json;

bool is_training(const Testnet& net, const std::optional<schema::RoundRecord>& round) {
    return net.is_good() && round && round->phase == schema::Phase::kSubmitting;
}

TEST(Crash, one_node_trainer_and_explorer_may_die_in_a_round_and_come_back) {
    Testnet net(40);
    ASSERT_TRUE(net.is_good());
    net.admit_trainers();
    net.open_task_and_train();
    ASSERT_TRUE(net.is_good());
    ASSERT_TRUE(net.follow([&] { return !net.rows().empty(); }, 90'000));

    // Nodes, in the middle of a round. The first two members post the shares of the sum, so with
    // them a round also waits for its substitutes; back after two rounds, they have missed much.
    for (const std::size_t number : {std::size_t{1}, std::size_t{2}}) {
        ASSERT_TRUE(net.follow([&] { return is_training(net, net.watch().current()); }, 60'000));
        net.kill(net.network().node(number));
        std::size_t done = net.rows().size();
        ASSERT_TRUE(net.follow([&] { return net.rows().size() >= done + 2; }, 60'000));
        EXPECT_FALSE(net.rows().back().is_cancelled);
        net.start_again(net.network().node(number));
        const auto back = net.network().wait_for_node(net.setup().hospitals[number - 1], 60'000);
        ASSERT_TRUE(back.has_value()) << back.error().context;
        // Fresh mask batches need every validator, so four more rounds show that it takes part.
        done = net.rows().size();
        ASSERT_TRUE(net.follow([&] { return net.rows().size() >= done + 4; }, 60'000));
    }

    // A trainer: the round ends without it, and with it again once it is back.
    ASSERT_TRUE(net.follow([&] { return is_training(net, net.watch().current()); }, 60'000));
    net.kill(net.network().trainer(1));
    const std::string name = net.setup().hospitals[0].name;
    ASSERT_TRUE(net.follow([&] { return net.rows().back().submitted.size() == 3; }, 60'000));
    EXPECT_THAT(net.rows().back().submitted, testing::Not(testing::Contains(name)));
    net.start_again(net.network().trainer(1));
    ASSERT_TRUE(net.follow([&] { return net.rows().back().submitted.size() == 4; }, 60'000));

    // The explorer.
    net.kill(net.network().explorer());
    const std::size_t done = net.rows().size();
    ASSERT_TRUE(net.follow([&] { return net.rows().size() > done; }, 60'000));
    const auto shown = net.network().start_explorer();
    ASSERT_TRUE(shown.has_value()) << shown.error().context;

    const auto agreement = compare_roots(net.setup(), net.watch().height());
    ASSERT_TRUE(agreement.has_value()) << agreement.error().context;
    EXPECT_TRUE(agreement->is_equal);
}

TEST(Crash, all_nodes_killed_at_once_come_back_with_every_committed_transaction) {
    Testnet net(1);
    ASSERT_TRUE(net.is_good());
    net.admit_trainers();
    ASSERT_TRUE(net.is_good());
    std::set<std::string> committed;
    const std::uint64_t height = net.ask(1, "/v1/status").at("height");
    for (std::uint64_t h = 1; h <= height; ++h) {
        const json block = net.ask(1, "/v1/blocks/" + std::to_string(h));
        for (const json& transaction : block.at("transactions")) {
            committed.insert(transaction.at("id").get<std::string>());
        }
    }
    ASSERT_GE(committed.size(), 4U + 4 * 3);
    for (const Hospital& hospital : net.setup().hospitals) {
        net.network().node(hospital.number)->send_signal(SIGKILL);
    }
    for (const Hospital& hospital : net.setup().hospitals) {
        ASSERT_TRUE(net.network().node(hospital.number)->wait(5'000).has_value());
    }
    for (const Hospital& hospital : net.setup().hospitals) {
        net.start_again(net.network().node(hospital.number));
    }
    for (const Hospital& hospital : net.setup().hospitals) {
        const auto up = net.network().wait_for_node(hospital, 60'000);
        ASSERT_TRUE(up.has_value()) << up.error().context;
        for (const std::string& id : committed) {
            const json found = net.ask(hospital.number, "/v1/transactions/" + id);
            ASSERT_TRUE(found.is_object()) << hospital.name << " lost transaction " << id;
            EXPECT_EQ(found.at("status"), "committed");
        }
    }
    // And they work: the task is opened and its round trained.
    net.open_task_and_train();
    ASSERT_TRUE(net.is_good());
    EXPECT_TRUE(net.follow([&] { return net.watch().is_finished(); }, 90'000));
}

}  // namespace
}  // namespace consilium::devnet::test
