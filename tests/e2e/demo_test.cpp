// Runs the whole program as a user does, and judges its report.
#include <csignal>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "deploy/devnet/process.hpp"
#include "tests/e2e/testnet.hpp"

namespace consilium::devnet::test {
namespace {

using nlohmann::json;

Launch demo_launch(const TemporaryFolder& folder, const std::vector<std::string>& words) {
    Launch launch;
    launch.name = "devnet";
    launch.command = {std::string(CONSILIUM_PROGRAMS) + "/consilium-devnet", "--dir",
                      (folder.path() / "net").string()};
    launch.command.insert(launch.command.end(), words.begin(), words.end());
    launch.log = folder.path() / "devnet.log";
    return launch;
}

// Pids of everything that the launcher has started, by its network.json.
std::vector<pid_t> pids_of(const std::filesystem::path& folder) {
    std::ifstream stream(folder / "net/network.json");
    const json network = json::parse(stream, nullptr, false);
    std::vector<pid_t> pids;
    if (!network.is_object()) return pids;
    for (const json& hospital : network.at("hospitals")) {
        for (const char* program : {"node", "trainer"}) {
            const json& process = hospital.at(program);
            if (process.is_object()) pids.push_back(process.at("pid").get<pid_t>());
        }
    }
    if (network.at("explorer").is_object()) {
        pids.push_back(network.at("explorer").at("pid").get<pid_t>());
    }
    return pids;
}

TEST(Demo, poisoner_is_rejected_in_every_round_and_the_model_is_as_good_as_without) {
    const TemporaryFolder folder;
    const auto report_file = folder.path() / "report.json";
    auto demo = Process::start(
        demo_launch(folder, {"--rounds", "3", "--exit", "--report", report_file.string()}));
    ASSERT_TRUE(demo.has_value()) << demo.error().context;
    const auto ending = (*demo)->wait(180'000);
    ASSERT_TRUE(ending.has_value()) << tail_of(folder.path() / "devnet.log", 40);
    ASSERT_EQ(ending->code, 0) << tail_of(folder.path() / "devnet.log", 40);

    std::ifstream stream(report_file);
    const json report = json::parse(stream);
    EXPECT_EQ(report.at("seed"), 1);
    EXPECT_EQ(report.at("chain").at("validators"), 4);
    EXPECT_TRUE(report.at("chain").at("roots_equal").get<bool>());
    ASSERT_EQ(report.at("rounds").size(), 3U);
    const std::string poisoner = report.at("attack").at("by").at(0);
    for (const json& round : report.at("rounds")) {
        EXPECT_EQ(round.at("submitted").size(), 4U);
        ASSERT_EQ(round.at("rejected").size(), 1U) << round;
        EXPECT_EQ(round.at("rejected").at(0).at("hospital"), poisoner);
        EXPECT_EQ(round.at("accepted").size(), 3U);
        EXPECT_EQ(round.at("weights").size(), 3U);
    }
    const double defended = report.at("rounds").back().at("metrics").at("auc");
    const double peaceful = report.at("baselines").at("no_attack").at("auc");
    const double undefended = report.at("baselines").at("attack_undefended").at("auc");
    EXPECT_NEAR(defended, peaceful, 0.02);
    EXPECT_LT(undefended, peaceful);
    for (const pid_t pid : pids_of(folder.path())) {
        EXPECT_NE(::kill(pid, 0), 0) << "process " << pid << " was left behind";
    }
}

// At 1.1 times the bound each projection stays 7 deviations inside the range. (At 4 times, the coin
// of the round decides which of both tests finds it.)
TEST(Demo, updates_beyond_the_norm_or_the_range_are_rejected_with_their_reason) {
    for (const auto& [attack, reason] :
         {std::pair{"oversize:2", "NORM_FAIL"}, std::pair{"oversize:1000", "RANGE_FAIL"}}) {
        const TemporaryFolder folder;
        const auto report_file = folder.path() / "report.json";
        auto demo =
            Process::start(demo_launch(folder, {"--rounds", "1", "--attack", attack, "--exit",
                                                "--report", report_file.string()}));
        ASSERT_TRUE(demo.has_value()) << demo.error().context;
        const auto ending = (*demo)->wait(120'000);
        ASSERT_TRUE(ending.has_value()) << tail_of(folder.path() / "devnet.log", 40);
        ASSERT_EQ(ending->code, 0) << tail_of(folder.path() / "devnet.log", 40);
        std::ifstream stream(report_file);
        const json report = json::parse(stream);
        const json& round = report.at("rounds").at(0);
        ASSERT_EQ(round.at("rejected").size(), 1U) << round;
        EXPECT_EQ(round.at("rejected").at(0).at("hospital"), report.at("attack").at("by").at(0));
        EXPECT_EQ(round.at("rejected").at(0).at("reason"), reason);
        EXPECT_EQ(round.at("accepted").size(), 3U);
    }
}

TEST(Demo, privacy_is_spent_as_planned_and_told_with_its_price) {
    const TemporaryFolder folder;
    const auto report_file = folder.path() / "report.json";
    auto demo =
        Process::start(demo_launch(folder, {"--rounds", "2", "--privacy", "30", "--attack", "none",
                                            "--exit", "--report", report_file.string()}));
    ASSERT_TRUE(demo.has_value()) << demo.error().context;
    const auto ending = (*demo)->wait(180'000);
    ASSERT_TRUE(ending.has_value()) << tail_of(folder.path() / "devnet.log", 40);
    ASSERT_EQ(ending->code, 0) << tail_of(folder.path() / "devnet.log", 40);

    std::ifstream stream(report_file);
    const json report = json::parse(stream);
    ASSERT_EQ(report.at("rounds").size(), 2U);
    for (const json& round : report.at("rounds")) EXPECT_EQ(round.at("submitted").size(), 4U);
    const json& privacy = report.at("privacy");
    ASSERT_EQ(privacy.at("epsilon_per_hospital").size(), 4U);
    for (const auto& [hospital, spent] : privacy.at("epsilon_per_hospital").items()) {
        EXPECT_LE(spent.at("local").get<double>(), 30.0) << hospital;
        EXPECT_GT(spent.at("local").get<double>(), 29.0) << hospital;  // both rounds were opened
        EXPECT_LE(spent.at("central"), spent.at("local")) << hospital;
        EXPECT_EQ(spent.at("rounds"), 2) << hospital;
    }
    EXPECT_GT(privacy.at("no_attack").at("auc"), 0.5);
    // The sites kept their own account and asked their policy.
    const std::string log = tail_of(folder.path() / "net/hospital-1/trainer.log", 200);
    EXPECT_THAT(log, testing::HasSubstr("with noise of differential privacy"));
    EXPECT_THAT(log, testing::HasSubstr("metrics stay here"));
    EXPECT_TRUE(std::filesystem::exists(folder.path() / "net/hospital-1/trainer/privacy-account"));
}

// A process that only waits for somebody to read its exit code is over: where the first process of
// a container does not do that for orphans, it stays in the list.
bool is_running(pid_t pid) {
    std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
    std::string line;
    if (!std::getline(file, line)) return false;
    const std::size_t name_end = line.rfind(')');
    return name_end != std::string::npos && line.substr(name_end, 3) != ") Z";
}

TEST(Demo, killed_launcher_leaves_no_process_behind) {
    const TemporaryFolder folder;
    auto demo = Process::start(demo_launch(folder, {}));
    ASSERT_TRUE(demo.has_value()) << demo.error().context;
    std::vector<pid_t> pids;
    for (int tries = 0; tries < 600 && pids.size() < 4; ++tries) {
        ASSERT_FALSE((*demo)->wait(100).has_value());
        pids = pids_of(folder.path());
    }
    ASSERT_GE(pids.size(), 4U);
    (*demo)->send_signal(SIGKILL);
    ASSERT_TRUE((*demo)->wait(5'000).has_value());
    bool is_any_left = true;
    for (int tries = 0; tries < 100 && is_any_left; ++tries) {
        is_any_left = false;
        for (const pid_t pid : pids) is_any_left = is_any_left || is_running(pid);
        if (is_any_left) ::usleep(100'000);
    }
    EXPECT_FALSE(is_any_left);
}

TEST(Demo, terminated_launcher_stops_what_it_started_and_says_so) {
    const TemporaryFolder folder;
    auto demo = Process::start(demo_launch(folder, {}));
    ASSERT_TRUE(demo.has_value()) << demo.error().context;
    std::vector<pid_t> pids;
    for (int tries = 0; tries < 600 && pids.size() < 4; ++tries) {
        ASSERT_FALSE((*demo)->wait(100).has_value());
        pids = pids_of(folder.path());
    }
    (*demo)->send_signal(SIGTERM);
    const auto ending = (*demo)->wait(20'000);
    ASSERT_TRUE(ending.has_value());
    EXPECT_EQ(ending->code, 130);
    for (const pid_t pid : pids) EXPECT_NE(::kill(pid, 0), 0);
    EXPECT_THAT(tail_of(folder.path() / "devnet.log", 10), testing::HasSubstr("all stopped"));
}

}  // namespace
}  // namespace consilium::devnet::test
