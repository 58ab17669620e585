// A real node whose disk runs full stops voting, answers reads, and goes on once there is space.
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "deploy/devnet/interrupt.hpp"
#include "deploy/devnet/result.hpp"
#include "p2p/client/node_pool.hpp"
#include "tests/e2e/testnet.hpp"

namespace consilium::devnet::test {
namespace {

constexpr std::size_t kFull = 2;  // number of the hospital whose disk is full
constexpr std::uint64_t kPatienceMs = 30'000;

class FullDisk : public testing::Test {
  protected:
    FullDisk() : net_(1), flag_(net_.setup().path("disk-is-full")) {}

    // The node again, with the shim before its system calls.
    void start_with_shim() {
        net_.kill(net_.network().node(kFull));
        Launch launch = net_.network().node(kFull)->launch();
        std::erase(launch.command, "--first-start");
        launch.command.insert(launch.command.begin(),
                              {"/usr/bin/env", std::string("LD_PRELOAD=") + CONSILIUM_SHIM,
                               "CONSILIUM_TEST_FULL_DISK=" + flag_.string()});
        auto started = Process::start(std::move(launch));
        ASSERT_TRUE(started.has_value()) << started.error().context;
        node_ = std::move(*started);
        ASSERT_TRUE(becomes("/readyz", 200)) << tail_of(node_->launch().log, 20);
    }
    [[nodiscard]] const Hospital& hospital() const { return net_.setup().hospitals[kFull - 1]; }
    // Status and body, or status 0 when there is no answer.
    [[nodiscard]] p2p::ApiAnswer get(const std::string& target) const {
        p2p::NodePool pool(net_.setup().only_node(hospital()));
        return pool.get(target).value_or(p2p::ApiAnswer{});
    }
    [[nodiscard]] bool becomes(const std::string& target, unsigned status) const {
        const std::uint64_t end = monotonic_ms() + kPatienceMs;
        while (monotonic_ms() < end) {
            if (get(target).status == status) return true;
            (void)pause_ms(100);
        }
        return false;
    }

    [[nodiscard]] bool metric_becomes(const std::string& line) const {
        const std::uint64_t end = monotonic_ms() + kPatienceMs;
        while (monotonic_ms() < end) {
            if (get("/metrics").body.find("\n" + line + "\n") != std::string::npos) return true;
            (void)pause_ms(100);
        }
        return false;
    }

    Testnet net_;
    std::filesystem::path flag_;
    std::unique_ptr<Process> node_;
};

TEST_F(FullDisk, node_stops_voting_serves_reads_and_goes_on_by_itself_when_there_is_space) {
    ASSERT_TRUE(net_.is_good());
    start_with_shim();
    if (HasFatalFailure()) return;
    for (int time = 0; time < 2; ++time) {
        const auto before = net_.commit_one(kPatienceMs);
        ASSERT_TRUE(before.has_value());
        const std::string block = "/v1/blocks/" + std::to_string(before->height.value);
        ASSERT_TRUE(becomes(block, 200));  // three nodes suffice to commit it
        std::ofstream(flag_) << "full";
        ASSERT_TRUE(net_.commit_one(kPatienceMs).has_value());
        ASSERT_TRUE(becomes("/healthz", 503));
        EXPECT_THAT(get("/healthz").body, testing::HasSubstr("disk is full"));
        EXPECT_EQ(get("/readyz").status, 503U);
        EXPECT_EQ(get(block).status, 200U);
        const auto beyond = net_.commit_one(kPatienceMs);  // the three others
        ASSERT_TRUE(beyond.has_value());
        ASSERT_TRUE(node_->is_running());

        std::filesystem::remove(flag_);
        ASSERT_TRUE(becomes("/readyz", 200)) << get("/healthz").body;
        ASSERT_TRUE(becomes("/v1/blocks/" + std::to_string(beyond->height.value), 200));
    }
    ASSERT_TRUE(net_.commit_one(kPatienceMs).has_value());
    EXPECT_TRUE(node_->is_running());
    for (const Hospital& other : net_.setup().hospitals) {
        if (other.number == kFull) continue;
        const auto evidence = net_.ask(other.number, "/v1/evidence");
        ASSERT_TRUE(evidence.is_object());
        EXPECT_TRUE(evidence.at("items").empty()) << "the node has voted twice: " << evidence;
    }
    const std::uint64_t height = net_.ask(1, "/v1/status").at("height");
    const auto agreement = compare_roots(net_.setup(), height);
    ASSERT_TRUE(agreement.has_value()) << agreement.error().context;
    EXPECT_TRUE(agreement->is_equal);
}

TEST_F(FullDisk, node_takes_nothing_new_before_that_and_keeps_voting) {
    ASSERT_TRUE(net_.is_good());
    start_with_shim();
    if (HasFatalFailure()) return;
    p2p::NodePool pool(net_.setup().only_node(hospital()));
    const auto post = [&] { return pool.post_transaction(Bytes{1}).value_or(p2p::ApiAnswer{}); };
    EXPECT_EQ(post().status, 400U);  // looked at and malformed
    std::filesystem::path scarce = flag_;
    scarce += ".scarce";
    std::ofstream(scarce) << "scarce";
    ASSERT_TRUE(metric_becomes("consilium_disk_is_scarce 1"));
    EXPECT_EQ(post().status, 503U);
    EXPECT_THAT(post().body, testing::HasSubstr("disk_nearly_full"));
    const auto beyond = net_.commit_one(kPatienceMs);  // by another node's API
    ASSERT_TRUE(beyond.has_value());
    ASSERT_TRUE(becomes("/v1/blocks/" + std::to_string(beyond->height.value), 200));
    EXPECT_EQ(get("/readyz").status, 200U);

    std::filesystem::remove(scarce);
    ASSERT_TRUE(metric_becomes("consilium_disk_is_scarce 0"));
    EXPECT_EQ(post().status, 400U);
}

}  // namespace
}  // namespace consilium::devnet::test
