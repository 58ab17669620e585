// Validators that join and leave by vote of the council: real processes, real wallet commands.
#include <csignal>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "deploy/devnet/interrupt.hpp"
#include "deploy/devnet/result.hpp"
#include "p2p/client/bounded_json.hpp"
#include "tests/e2e/testnet.hpp"
#include "wallet/keystore/secret_file.hpp"

namespace consilium::devnet::test {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr std::size_t kFifth = 5;
constexpr std::uint64_t kPatienceMs = 90'000;

class Membership : public testing::Test {
  protected:
    Membership() : net_(40) {}

    // The answer of a wallet command, which must succeed.
    json wallet(std::vector<std::string> words, const fs::path& folder, const std::string& key) {
        const devnet::Setup& setup = net_.setup();
        const std::vector<std::string> rest = {
            "--genesis",       "genesis.json",
            "--node",          setup.node_address(setup.hospitals[0]),
            "--keystore",      (folder / (key + ".key")).string(),
            "--password-file", (folder / (key + ".password")).string(),
            "--json"};
        words.insert(words.begin(), (setup.options.programs / "consilium-wallet").string());
        words.insert(words.end(), rest.begin(), rest.end());
        Launch launch;
        launch.name = "wallet";
        net_.console().line("  $ " + command_text(words));
        launch.command = std::move(words);
        launch.folder = setup.directory.path();
        launch.log = setup.path("wallet.log");
        launch.output = setup.path("wallet.json");
        std::error_code ignored;
        fs::remove(launch.output, ignored);
        auto process = Process::start(launch);
        if (!process) {
            ADD_FAILURE() << process.error().context;
            return nullptr;
        }
        const auto ending = (*process)->wait(kPatienceMs);
        std::ifstream file(launch.output);
        std::ostringstream text;
        text << file.rdbuf();
        EXPECT_TRUE(ending && ending->code == 0) << text.str() << tail_of(launch.log, 20);
        const auto answer = p2p::parse_bounded_json(text.str());
        return answer && answer->contains("result") ? answer->at("result") : json();
    }
    json council(const std::vector<std::string>& words, std::size_t member) {
        return wallet(words, net_.setup().hospitals[member].folder, "council");
    }
    void pass(const std::vector<std::string>& proposing) {
        const json proposed = council(proposing, 0);
        ASSERT_TRUE(proposed.contains("proposal")) << proposed;
        const std::string number = proposed["proposal"].dump();
        const json shown = council({"validators", "review", number}, 1);
        EXPECT_EQ(shown.value("proven", false), true) << shown;
        for (const std::size_t member : {1U, 2U}) (void)council({"vote", number, "yes"}, member);
    }
    // Keys, configuration and process of a fifth hospital's node.
    void start_fifth() {
        const devnet::Setup& setup = net_.setup();
        fs::create_directories(setup.path(folder_ / "node"));
        fs::permissions(setup.path(folder_), fs::perms::owner_all);
        ASSERT_TRUE(keystore::write_secret_file(setup.path(folder_ / "validator.password").string(),
                                                as_bytes("a password of a fifth hospital"),
                                                keystore::WriteMode::kCreateNew));
        const json made = wallet({"key", "new", "--cost", "floor"}, folder_, "validator");
        ASSERT_TRUE(made.contains("public_key")) << made;
        fifth_key_ = decode_public_key_hex(made["public_key"].get<std::string>()).value();
        (void)wallet({"register", "--role", "validator", "--organisation", "St Elsewhere"}, folder_,
                     "validator");
        std::string text =
            "data_dir = \"node\"\ngenesis_file = \"../genesis.json\"\n"
            "keystore_file = \"validator.key\"\npassword_file = \"validator.password\"\n"
            "signature_threads = 1\n[p2p]\nlisten_port = " +
            std::to_string(setup.ports.p2p(kFifth)) +
            "\n[api]\nlisten_port = " + std::to_string(setup.ports.api(kFifth)) + "\n";
        for (const Hospital& peer : setup.hospitals) {
            text +=
                "[[peers]]\nkey = \"" + peer.validator.hex() +
                "\"\nhost = \"127.0.0.1\"\nport = " + std::to_string(setup.ports.p2p(peer.number)) +
                "\n";
        }
        ASSERT_TRUE(write_text(setup.path(folder_ / "node.toml"), text));
        launch_fifth(true);
    }
    void launch_fifth(bool is_first) {
        Launch launch;
        launch.name = "node 5";
        launch.command = {(net_.setup().options.programs / "consilium-node").string(), "--config",
                          net_.setup().path(folder_ / "node.toml").string()};
        if (is_first) launch.command.emplace_back("--first-start");
        launch.log = net_.setup().path(folder_ / "node.log");
        auto started = Process::start(std::move(launch));
        ASSERT_TRUE(started) << started.error().context;
        fifth_ = std::move(*started);
    }
    // A node's status; null while it does not answer.
    json status(std::size_t hospital) {
        const devnet::Setup& setup = net_.setup();
        p2p::NodePoolOptions pool = setup.only_node(setup.hospitals[0]);
        const PublicKey key =
            hospital == kFifth ? fifth_key_ : setup.hospitals.at(hospital - 1).validator;
        pool.endpoints = {{"127.0.0.1", setup.ports.api(hospital), {key}}};
        p2p::NodePool node(pool);
        const auto answer = node.get("/v1/status");
        if (!answer || !answer->is_success()) return nullptr;
        return p2p::parse_bounded_json(answer->body).value_or(json());
    }
    [[nodiscard]] bool is_in(std::size_t hospital, std::uint64_t epoch, const std::string& mode) {
        const json now = status(hospital);
        return now.is_object() && now["epoch"] == epoch && now["mode"] == mode;
    }
    // Exit code of an audit of the chain against this node.
    int audit(const std::string& node) {
        const devnet::Setup& setup = net_.setup();
        Launch launch;
        launch.name = "audit";
        launch.command = {(setup.options.programs / "consilium-explorer").string(),
                          "audit",
                          "--genesis",
                          setup.path("genesis.json").string(),
                          "--node",
                          node};
        launch.log = setup.path("audit.log");
        auto process = Process::start(std::move(launch));
        if (!process) return -1;
        const auto ending = (*process)->wait(kPatienceMs);
        if (!ending || ending->code != 0) ADD_FAILURE() << tail_of(setup.path("audit.log"), 30);
        return ending ? ending->code : -1;
    }
    // A round whose result is newer than all so far.
    bool follow_a_round() {
        const std::size_t done = net_.rows().size();
        return net_.follow([&] { return net_.rows().size() > done; }, kPatienceMs) &&
               !net_.rows().back().is_cancelled;
    }

    Testnet net_;
    fs::path folder_ = "hospital-5";
    PublicKey fifth_key_;
    std::unique_ptr<Process> fifth_;
};

TEST_F(Membership, a_fifth_validator_joins_another_leaves_and_rounds_go_on) {
    ASSERT_TRUE(net_.is_good());
    net_.admit_trainers();
    net_.open_task_and_train();
    ASSERT_TRUE(net_.is_good());
    ASSERT_TRUE(net_.follow([&] { return !net_.rows().empty(); }, kPatienceMs));

    // An observer follows the chain before anybody has voted for it.
    start_fifth();
    ASSERT_TRUE(fifth_ != nullptr);
    ASSERT_TRUE(net_.follow([&] { return is_in(kFifth, 0, "observing"); }, kPatienceMs));
    pass({"validators", "propose", "--add",
          fifth_key_.hex() + "=127.0.0.1:" + std::to_string(net_.setup().ports.p2p(kFifth)), "--in",
          "120"});
    ASSERT_TRUE(net_.follow([&] { return is_in(kFifth, 1, "voting"); }, kPatienceMs));
    ASSERT_TRUE(follow_a_round());
    const json grown = status(kFifth);
    ASSERT_EQ(grown["peers"].size(), 5U);
    for (const json& peer : grown["peers"]) EXPECT_EQ(peer["connected"], true) << peer;

    // One leaves; another is killed shortly before and comes back behind the change.
    pass({"validators", "propose", "--remove", net_.setup().hospitals[3].name, "--in", "100"});
    net_.kill(net_.network().node(2));
    ASSERT_TRUE(net_.follow([&] { return is_in(1, 2, "voting"); }, kPatienceMs));
    net_.start_again(net_.network().node(2));
    ASSERT_TRUE(net_.follow([&] { return is_in(2, 2, "voting") && is_in(kFifth, 2, "voting"); },
                            kPatienceMs));
    ASSERT_TRUE(net_.follow([&] { return is_in(4, 2, "observing"); }, kPatienceMs));
    ASSERT_TRUE(follow_a_round());
    ASSERT_TRUE(follow_a_round());

    // Four of four are needed for fresh masks: all have their part in the secure computation.
    const json epoch = net_.ask(1, "/v1/epochs/current");
    const json record = net_.ask(1, "/v1/epochs/" + epoch["mpc"]["current"].dump())["value"];
    EXPECT_EQ(record["members"].size(), 4U);
    EXPECT_THAT(record["members"], testing::Contains(fifth_key_.hex()));
    EXPECT_THAT(record["members"],
                testing::Not(testing::Contains(net_.setup().hospitals[3].validator.hex())));
    // Proven from genesis across both changes; who has left still follows and serves.
    const json shown = council({"validators", "show"}, 0);
    EXPECT_EQ(shown["epoch"], 2);
    EXPECT_EQ(shown["proven"], true);
    const auto agreement = compare_roots(net_.setup(), net_.watch().height());
    ASSERT_TRUE(agreement.has_value()) << agreement.error().context;
    EXPECT_TRUE(agreement->is_equal);
    // An auditor recomputes the rounds of three memberships from genesis.
    EXPECT_EQ(audit(net_.setup().node_address(net_.setup().hospitals[0])), 0);
    // From the newcomer, whose key no genesis names: with the key, or by the changes that it tells.
    const std::string newcomer = "127.0.0.1:" + std::to_string(net_.setup().ports.api(kFifth));
    EXPECT_EQ(audit(newcomer + "=" + fifth_key_.hex()), 0);
    EXPECT_EQ(audit(newcomer), 0);
    // A restart of the newcomer, without --first-start.
    fifth_->send_signal(SIGKILL);
    ASSERT_TRUE(fifth_->wait(5'000).has_value());
    launch_fifth(false);
    ASSERT_TRUE(net_.follow([&] { return is_in(kFifth, 2, "voting"); }, kPatienceMs));
}

}  // namespace
}  // namespace consilium::devnet::test
