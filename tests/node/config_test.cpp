// The node's configuration: precedence, and errors that name every problem at once.
#include "node/config.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace consilium::node {
namespace {

class Config : public ::testing::Test {
  protected:
    void SetUp() override {
        const auto* info = ::testing::UnitTest::GetInstance()->current_test_info();
        folder_ = std::filesystem::path(::testing::TempDir()) /
                  (std::string("consilium-config-") + info->name());
        std::filesystem::create_directories(folder_);
    }
    void TearDown() override { std::filesystem::remove_all(folder_); }

    std::string write(const std::string& text) {
        std::string path = (folder_ / "node.toml").string();
        std::ofstream(path) << text;
        return path;
    }
    static ConfigSources from(const std::string& file) {
        return {.file = file, .flags = {}, .environment = {}};
    }

    std::filesystem::path folder_;
};

constexpr const char* kComplete = R"(
data_dir = "data"
genesis_file = "/etc/genesis.json"
keystore_file = "validator.key"
[p2p]
listen_port = 4001
[api]
allowed_hosts = ["a.example", "localhost"]
[[peers]]
key = "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798"
host = "127.0.0.1"
port = 4002
)";

TEST_F(Config, complete_file_is_read_with_paths_from_its_folder) {
    const auto config = load_config(from(write(kComplete)));
    ASSERT_TRUE(config) << config.error().context;
    EXPECT_EQ(config->data_dir, (folder_ / "data").string());
    EXPECT_EQ(config->genesis_file, "/etc/genesis.json");
    EXPECT_EQ(config->p2p_listen_port, 4001);
    EXPECT_EQ(config->api_listen_port, 27100);
    EXPECT_EQ(config->api_allowed_hosts, (std::vector<std::string>{"a.example", "localhost"}));
    ASSERT_EQ(config->peers.size(), 1U);
    EXPECT_EQ(config->peers[0].port, 4002);
}

TEST_F(Config, flag_beats_environment_beats_file) {
    ConfigSources sources = from(write(kComplete));
    sources.environment = [](const std::string& name) -> std::optional<std::string> {
        if (name == "CONSILIUM_NODE_P2P_LISTEN_PORT") return "5001";
        if (name == "CONSILIUM_NODE_LOG_LEVEL") return "debug";
        return std::nullopt;
    };
    sources.flags = {{"p2p.listen_port", "6001"}};
    const auto config = load_config(sources);
    ASSERT_TRUE(config) << config.error().context;
    EXPECT_EQ(config->p2p_listen_port, 6001);
    EXPECT_EQ(config->log_level, "debug");
}

// CONSILIUM_DATA_DIR names the folder of the data sets: nodes that took it for theirs would all
// open one ledger there.
TEST_F(Config, variables_of_other_programs_are_not_the_nodes) {
    ConfigSources sources = from(write(kComplete));
    sources.environment = [](const std::string& name) -> std::optional<std::string> {
        return name.starts_with("CONSILIUM_NODE_") ? std::nullopt : std::optional("/elsewhere");
    };
    const auto config = load_config(sources);
    ASSERT_TRUE(config) << config.error().context;
    EXPECT_EQ(config->data_dir, (folder_ / "data").string());
}

TEST_F(Config, all_problems_are_reported_at_once) {
    const auto config = load_config(from(write(R"(
data_dir = "data"
genesys_file = "x"
log_level = "loud"
[p2p]
listen_port = 70000
[[peers]]
key = "00"
host = "h"
port = 1
)")));
    ASSERT_FALSE(config);
    for (const char* expected :
         {"genesys_file: unknown key", "genesis_file: is missing", "keystore_file: is missing",
          "log_level", "p2p.listen_port", "peers[0].key"}) {
        EXPECT_NE(config.error().context.find(expected), std::string::npos)
            << expected << " in\n"
            << config.error().context;
    }
}

TEST_F(Config, syntax_error_names_file_and_line) {
    const auto config = load_config(from(write("data_dir = \n")));
    ASSERT_FALSE(config);
    EXPECT_NE(config.error().context.find("node.toml"), std::string::npos);
    EXPECT_NE(config.error().context.find("line 1"), std::string::npos);
}

TEST_F(Config, every_key_has_a_flag_and_a_variable_of_its_own) {
    std::map<std::string, int> seen;
    for (const ConfigKey& key : config_keys()) {
        EXPECT_EQ(seen[flag_name(key)]++, 0);
        EXPECT_EQ(seen[environment_name(key)]++, 0);
        EXPECT_FALSE(key.meaning.empty());
    }
}

}  // namespace
}  // namespace consilium::node
