// Plays the command files under transcripts/ and compares the full trace of all replicas.
//
// Lines beginning with '>' are commands, with '#' comments; everything else is the expected trace.
// CONSILIUM_UPDATE_TRANSCRIPTS=1 writes the traces anew: read the difference before it is kept.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "tests/consensus/manual_cluster.hpp"

namespace consilium::consensus {
namespace {

class Player {
  public:
    void play(const std::string& line) {
        std::istringstream words(line);
        std::string mark;
        std::string command;
        words >> mark >> command;
        std::string argument;
        words >> argument;
        std::string second;
        words >> second;
        if (command == "cluster") {
            cluster_ = std::make_unique<ManualCluster>(std::stoul(argument));
            cluster_->after_step = [this](std::size_t node) { record(node); };
            for (std::size_t i = 0; i < cluster_->size(); ++i) record(i);
            return;
        }
        ASSERT_TRUE(cluster_) << "the first command is cluster";
        run(command, argument, second);
    }
    [[nodiscard]] std::string take_trace() { return std::exchange(trace_, {}); }

  private:
    void run(const std::string& command, const std::string& argument, const std::string& second) {
        if (command == "wait") {
            cluster_->advance(std::stoul(argument));
        } else if (command == "tick") {
            for_each(argument, [this](TestNode& node) { node.tick(cluster_->now); });
        } else if (command == "work") {
            for_each(argument, [this](TestNode& node) {
                node.step(cluster_->now, PendingWork{cluster_->now, false});
            });
        } else if (command == "window") {
            for_each(argument, [this](TestNode& node) {
                node.step(cluster_->now, PendingWork{std::nullopt, true});
            });
        } else if (command == "deliver") {
            cluster_->deliver();
        } else if (command == "drop") {
            cluster_->drop();
        } else if (command == "cut") {
            cluster_->cut.insert({std::stoul(argument), std::stoul(second)});
        } else if (command == "isolate") {
            cluster_->isolate(std::stoul(argument));
        } else if (command == "commits-only-to") {
            const std::size_t only = std::stoul(argument);
            cluster_->filter = [only](std::size_t, std::size_t to, const Message& message) {
                return to == only || type_of(message) != MessageType::kCommit;
            };
        } else if (command == "heal") {
            cluster_->filter = nullptr;
            cluster_->heal();
        } else if (command == "restart") {
            for_each(argument, [this](TestNode& node) { node.restart(cluster_->now); });
        } else if (command == "silent") {
            cluster_->node(std::stoul(argument)).is_silent_primary = true;
        } else if (command == "verdict") {
            cluster_->node(std::stoul(argument)).verdict =
                second == "invalid" ? Verdict::kInvalid : Verdict::kNotYet;
        } else {
            FAIL() << "unknown command " << command;
        }
    }

    template <typename F>
    void for_each(const std::string& which, F act) {
        for (std::size_t i = 0; i < cluster_->size(); ++i) {
            if (which != "all" && std::stoul(which) != i) continue;
            act(cluster_->node(i));
            record(i);
        }
    }

    void record(std::size_t index) {
        TestNode& node = cluster_->node(index);
        for (const Action& action : node.actions) {
            trace_ += "  " + std::to_string(index) + ": " + render(action) + "\n";
        }
        node.actions.clear();
    }

    std::unique_ptr<ManualCluster> cluster_;
    std::string trace_;
};

std::string play(const std::string& text) {
    Player player;
    std::string result;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
        const bool is_command = !line.empty() && line[0] == '>';
        const bool is_kept = is_command || line.empty() || line[0] == '#';
        if (!is_kept) continue;
        result += line + "\n";
        if (!is_command) continue;
        player.play(line);
        result += player.take_trace();
    }
    return result;
}

class Transcript : public testing::TestWithParam<std::string> {};

TEST_P(Transcript, trace_is_as_written) {
    const auto path = std::filesystem::path(CONSENSUS_TRANSCRIPTS) / (GetParam() + ".txt");
    std::ifstream file(path);
    ASSERT_TRUE(file) << path;
    std::stringstream text;
    text << file.rdbuf();
    const std::string played = play(text.str());
    if (std::getenv("CONSILIUM_UPDATE_TRANSCRIPTS") != nullptr) std::ofstream(path) << played;
    EXPECT_EQ(played, text.str());
}

INSTANTIATE_TEST_SUITE_P(Consensus, Transcript,
                         testing::Values("one_block", "silent_primary", "prepared_block_survives",
                                         "lagging_replica", "restart", "invalid_proposal",
                                         "open_window"),
                         [](const auto& suite) { return suite.param; });

}  // namespace
}  // namespace consilium::consensus
