// An auditor beside a real consortium: reports that are the same however they are made, exports,
// and API descriptions that leave nothing out.
#include <csignal>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/e2e/testnet.hpp"
#include "tests/explorer/openapi_kit.hpp"

namespace consilium::devnet::test {
namespace {

using consilium::testing::compare_with_openapi;
using consilium::testing::json_paths;
using nlohmann::json;

constexpr std::uint64_t kAuditMs = 120'000;

std::string text_of(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    std::ostringstream text;
    text << stream.rdbuf();
    return text.str();
}

// consilium-explorer audit with these words; its exit code and what it printed.
class Auditor {
  public:
    explicit Auditor(const Testnet& net) : net_(net) {}

    struct Outcome {
        int code = -1;
        std::string report;
    };
    [[nodiscard]] Outcome run(std::vector<std::string> words,
                              const std::vector<std::string>& environment = {}) {
        const auto process = start(std::move(words), environment);
        if (process == nullptr) return {};
        const auto ending = process->wait(kAuditMs);
        EXPECT_TRUE(ending.has_value());
        if (!ending) return {};
        return {ending->code, text_of(process->launch().output)};
    }
    [[nodiscard]] std::unique_ptr<Process> start(std::vector<std::string> words,
                                                 const std::vector<std::string>& environment = {}) {
        Launch launch;
        launch.name = "audit";
        launch.command = {"/usr/bin/env"};
        launch.command.insert(launch.command.end(), environment.begin(), environment.end());
        for (const std::string& word :
             {std::string(CONSILIUM_PROGRAMS "/consilium-explorer"), std::string("audit"),
              std::string("--genesis"), net_.setup().path("genesis.json").string()}) {
            launch.command.push_back(word);
        }
        launch.command.insert(launch.command.end(), words.begin(), words.end());
        launch.log = folder_.path() / "log";
        launch.output = folder_.path() / ("report-" + std::to_string(++runs_));
        auto started = Process::start(std::move(launch));
        EXPECT_TRUE(started.has_value()) << started.error().context;
        return started ? std::move(*started) : nullptr;
    }
    [[nodiscard]] std::string file(const std::string& name) const {
        return (folder_.path() / name).string();
    }

  private:
    const Testnet& net_;
    TemporaryFolder folder_;
    int runs_ = 0;
};

// What a node answers to each path of its description, for everything that the chain holds.
void expect_node_described(Testnet& net) {
    const json description = net.ask(1, "/v1/openapi.json");
    ASSERT_TRUE(description.is_object());
    const json status = net.ask(1, "/v1/status");
    const std::uint64_t height = status.at("height");
    const auto expect = [&](const std::string& pattern, const std::string& path) {
        const json answer = net.ask(1, path);
        if (answer.is_null()) return false;
        const auto problems = compare_with_openapi(description, pattern, answer);
        EXPECT_TRUE(problems.empty())
            << path << ": " << ::testing::PrintToString(problems).substr(0, 2000);
        return true;
    };
    std::vector<std::string> ids;
    std::vector<std::string> senders;
    for (std::uint64_t h = 0; h <= height; ++h) {
        const std::string path = "/v1/blocks/" + std::to_string(h);
        EXPECT_TRUE(expect("/v1/blocks/{height}", path));
        const json block = net.ask(1, path);
        for (const json& transaction : block.at("transactions")) {
            ids.push_back(transaction.at("id"));
            senders.push_back(transaction.at("sender"));
        }
    }
    ASSERT_FALSE(ids.empty());
    const std::map<std::string, std::vector<std::string>> examples{
        {"{id}", {ids.front(), ids.back() + "?proof=1"}},
        {"{key}", {senders.front(), "726f756e6473?proof=1"}},
        {"{number}", {"0", "1"}},
        {"{task}/{version}", {"1/0", "1/1"}}};
    for (const std::string& pattern : json_paths(description)) {
        const std::size_t at = pattern.find('{');
        if (at == std::string::npos) {
            EXPECT_TRUE(expect(pattern, pattern)) << pattern;
            continue;
        }
        const auto values = examples.find(pattern.substr(at));
        if (values == examples.end()) continue;  // {height} is done, {sha256} is no JSON
        bool is_found = false;
        for (const std::string& value : values->second) {
            is_found = expect(pattern, pattern.substr(0, at) + value) || is_found;
        }
        const bool is_evidence = pattern.starts_with("/v1/evidence");  // of an honest consortium
        EXPECT_EQ(is_found, !is_evidence) << pattern;
    }
}

TEST(Audit, reports_are_the_same_bytes_however_they_are_made_and_apis_are_described_whole) {
    Testnet net(3);
    ASSERT_TRUE(net.is_good());
    net.admit_trainers();
    net.open_task_and_train();
    ASSERT_TRUE(net.is_good());
    ASSERT_TRUE(net.follow([&] { return net.rows().size() >= 2; }, 120'000));
    const std::string to =
        std::to_string(net.ask(1, "/v1/status").at("height").get<std::uint64_t>());
    const std::string node = net.setup().node_address(net.setup().hospitals[0]);
    const std::string other = net.setup().node_address(net.setup().hospitals[2]);

    Auditor auditor(net);
    const auto first = auditor.run({"--node", node, "--to", to, "--json", "--threads", "1"});
    ASSERT_EQ(first.code, 0) << first.report;
    const json report = json::parse(first.report);
    EXPECT_EQ(report.at("outcome"), "equal");
    EXPECT_GE(report.at("recomputed").at("verdicts"), 2);
    // Another node, two threads, another language and time zone.
    const auto second = auditor.run({"--node", other, "--to", to, "--json", "--threads", "2"},
                                    {"LC_ALL=de_DE.UTF-8", "TZ=Asia/Tokyo", "HOME=/nonexistent"});
    EXPECT_EQ(second.code, 0);
    EXPECT_EQ(second.report, first.report);

    // An export that is killed in the middle and started again.
    const std::string folder = auditor.file("export");
    auto killed = auditor.start({"--node", node, "--to", to, "--export", folder});
    ASSERT_NE(killed, nullptr);
    const auto some_block = std::filesystem::path(folder) / "blocks/000000000/000000000010";
    for (int tries = 0; tries < 600 && !std::filesystem::exists(some_block); ++tries) {
        if (killed->wait(10)) break;
    }
    killed->send_signal(SIGKILL);
    ASSERT_TRUE(killed->wait(5'000).has_value());
    const auto resumed = auditor.run({"--node", other, "--to", to, "--json", "--export", folder});
    EXPECT_EQ(resumed.code, 0);
    EXPECT_EQ(resumed.report, first.report);
    const auto offline = auditor.run({"--offline", folder, "--json", "--threads", "2"});
    EXPECT_EQ(offline.code, 0);
    EXPECT_EQ(offline.report, first.report);
    {
        std::fstream block(some_block, std::ios::binary | std::ios::in | std::ios::out);
        block.seekp(50);
        block.put('\x7f');
    }
    const auto damaged = auditor.run({"--offline", folder});
    EXPECT_EQ(damaged.code, 1);
    EXPECT_THAT(damaged.report,
                ::testing::HasSubstr("damaged file: blocks/000000000/000000000010"));
    EXPECT_EQ(auditor.run({"--offline", auditor.file(".")}).code, 2);

    expect_node_described(net);
}

}  // namespace
}  // namespace consilium::devnet::test
