// Tests the launcher's parts one by one; no program of the project is started here.
#include <sys/stat.h>

#include <csignal>
#include <cstdlib>
#include <fstream>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "contracts/schema_json/genesis_json.hpp"
#include "deploy/devnet/directory.hpp"
#include "deploy/devnet/network.hpp"
#include "deploy/devnet/options.hpp"
#include "deploy/devnet/ports.hpp"
#include "deploy/devnet/privacy_plan.hpp"
#include "deploy/devnet/process.hpp"
#include "deploy/devnet/setup.hpp"
#include "fl_engine/data/schema.hpp"
#include "fl_engine/data/table.hpp"
#include "fl_engine/trainer/site_policy.hpp"
#include "node/config.hpp"
#include "wallet/keystore/key_file.hpp"
#include "wallet/keystore/password.hpp"

namespace consilium::devnet {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr std::uint16_t kTestPorts = 15'000;

class TemporaryFolder {
  public:
    TemporaryFolder() {
        std::string pattern = (fs::temp_directory_path() / "devnet-test-XXXXXX").string();
        path_ = ::mkdtemp(pattern.data());
    }
    TemporaryFolder(const TemporaryFolder&) = delete;
    TemporaryFolder& operator=(const TemporaryFolder&) = delete;
    ~TemporaryFolder() { fs::remove_all(path_); }
    [[nodiscard]] fs::path operator/(const std::string& name) const { return path_ / name; }

  private:
    fs::path path_;
};

Launch shell(const TemporaryFolder& folder, const std::string& script) {
    Launch launch;
    launch.name = "shell";
    launch.command = {"/bin/sh", "-c", script};
    launch.log = folder / "log";
    return launch;
}

tl::expected<Options, int> parse(std::vector<std::string> words) {
    words.insert(words.begin(), "consilium-devnet");
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    return parse_command_line(static_cast<int>(arguments.size()), arguments.data());
}

TEST(Options, defaults_are_those_of_the_documentation) {
    const auto options = parse({});
    ASSERT_TRUE(options.has_value());
    EXPECT_EQ(options->rounds, 6U);
    EXPECT_EQ(options->dataset, "wdbc");
    EXPECT_EQ(options->attackers, 1U);
    EXPECT_EQ(options->attack.kind, fl::AttackKind::kSignFlip);
    EXPECT_EQ(options->attack.factor, 4);
    EXPECT_FALSE(options->hospitals.has_value());
    EXPECT_FALSE(options->exits);
}

TEST(Options, attackers_that_are_no_minority_are_refused_by_name) {
    const auto good = check_numbers(7, 3);
    EXPECT_TRUE(good.has_value());
    const auto bad = check_numbers(7, 4);
    ASSERT_FALSE(bad.has_value());
    EXPECT_THAT(bad.error().context, HasSubstr("--attackers: 4 of 7"));
    EXPECT_EQ(parse({"--hospitals", "4", "--attackers", "2"}).error(), kBadUsage);
}

TEST(Options, hospitals_outside_of_four_to_thirteen_are_refused_by_name) {
    for (const std::size_t hospitals : {std::size_t{3}, std::size_t{14}}) {
        const auto bad = check_numbers(hospitals, 1);
        ASSERT_FALSE(bad.has_value());
        EXPECT_THAT(bad.error().context, HasSubstr("--hospitals"));
    }
}

TEST(Options, no_attack_means_no_attackers) {
    const auto options = parse({"--attack", "none"});
    ASSERT_TRUE(options.has_value());
    EXPECT_EQ(options->attackers, 0U);
    EXPECT_EQ(parse({"--attack", "none", "--attackers", "1"}).error(), kBadUsage);
}

TEST(Options, heart_has_a_reference_set_unless_told_otherwise_and_small_ones_are_refused) {
    Options options;
    EXPECT_EQ(reference_records(options), 0U);
    options.dataset = "heart";
    EXPECT_EQ(reference_records(options), 64U);
    options.reference = 0;
    EXPECT_EQ(reference_records(options), 0U);
    const auto wdbc = parse({"--reference", "100"});
    ASSERT_TRUE(wdbc.has_value());
    EXPECT_EQ(reference_records(*wdbc), 100U);
    EXPECT_EQ(parse({"--reference", "63"}).error(), kBadUsage);
    EXPECT_EQ(parse({"--reference", "-1"}).error(), kBadUsage);
}

TEST(Options, unknown_words_are_bad_usage_and_help_is_not) {
    EXPECT_EQ(parse({"--attack", "bribery"}).error(), kBadUsage);
    EXPECT_EQ(parse({"--rounds", "0"}).error(), kBadUsage);
    EXPECT_EQ(parse({"--colour"}).error(), kBadUsage);
    EXPECT_EQ(parse({"--seed", "-1"}).error(), kBadUsage);
    EXPECT_EQ(parse({"--dataset", "hart"}).error(), kBadUsage);
    EXPECT_EQ(parse({"--attackers", "2"}).error(), kBadUsage);
    EXPECT_EQ(parse({"--help"}).error(), kOk);
}

TEST(Options, hidden_units_are_sixteen_or_a_positive_number) {
    EXPECT_EQ(parse({})->hidden, 16U);
    EXPECT_EQ(parse({"--hidden", "31250"})->hidden, 31'250U);
    EXPECT_EQ(parse({"--hidden", "0"}).error(), kBadUsage);
    EXPECT_EQ(parse({"--hidden", "100001"}).error(), kBadUsage);
}

TEST(Options, a_wished_epsilon_is_a_positive_number) {
    EXPECT_FALSE(parse({})->epsilon.has_value());
    EXPECT_EQ(parse({"--privacy", "30"})->epsilon, 30.0);
    EXPECT_EQ(parse({"--privacy", "0"}).error(), kBadUsage);
    EXPECT_EQ(parse({"--privacy", "much"}).error(), kBadUsage);
}

TEST(PrivacyPlan, noise_fits_below_the_bound_and_costs_at_most_the_wish) {
    for (const std::uint64_t dimension : {31U, 513U, 100'000U}) {
        for (const std::uint64_t micros : {3'000'000ULL, 30'000'000ULL, 1'000'000'000ULL}) {
            const PrivacyWish wish{.epsilon_micros = micros,
                                   .rounds = 6,
                                   .dimension = dimension,
                                   .nu = 22,
                                   .real_clip = std::uint64_t{1} << 32U};
            const auto plan = plan_privacy(wish);
            ASSERT_TRUE(plan.has_value()) << plan.error().context;
            EXPECT_EQ(find_fault(plan->terms, dimension, 22), nullptr);
            EXPECT_LE(plan->epsilon_micros, micros);
            EXPECT_GE(plan->epsilon_micros, micros / 100 * 98);
            // The bound is used: a unit more of B_0 with its noise would not fit much longer.
            EXPECT_GT(schema::noised_norm_bound(plan->terms, dimension), 4'190'000U);
        }
    }
}

TEST(PrivacyPlan, a_wish_that_leaves_no_room_is_refused_by_name) {
    PrivacyWish wish{.epsilon_micros = 1'000,
                     .rounds = 10'000,
                     .dimension = 1'000'000,
                     .nu = 22,
                     .real_clip = std::uint64_t{1} << 32U};
    const auto refused = plan_privacy(wish);
    ASSERT_FALSE(refused.has_value());
    EXPECT_THAT(refused.error().context, HasSubstr("--privacy 0.001"));
}

TEST(PrivacyPlan, the_policy_of_a_site_is_read_by_the_trainer) {
    const auto policy =
        trainer::parse_site_policy(site_policy_text("wdbc", 12'345'678), "policy.toml");
    ASSERT_TRUE(policy.has_value()) << policy.error().context;
    EXPECT_EQ(policy->epsilon_per_task_micros, 12'345'678U);
    EXPECT_TRUE(policy->is_noise_required);
    EXPECT_THAT(policy->schemas, testing::ElementsAre("wdbc"));
}

TEST(PortBlock, two_launchers_never_get_the_same_block) {
    auto first = PortBlock::find(4, kTestPorts);
    ASSERT_TRUE(first.has_value());
    auto second = PortBlock::find(4, kTestPorts);
    ASSERT_TRUE(second.has_value());
    EXPECT_NE(first->base(), second->base());
    EXPECT_EQ(first->api(2), first->base() + 102);
    EXPECT_EQ(first->explorer(), first->base() + 200);
}

TEST(Directory, foreign_files_are_never_touched) {
    const TemporaryFolder folder;
    fs::create_directory(folder / "mine");
    std::ofstream(folder / "mine/thesis.txt") << "years of work";
    const auto taken = Directory::make(folder / "mine", "/nowhere");
    ASSERT_FALSE(taken.has_value());
    EXPECT_THAT(taken.error().context, HasSubstr("holds files that no devnet made"));
    EXPECT_TRUE(fs::exists(folder / "mine/thesis.txt"));
}

TEST(Directory, is_held_by_one_and_emptied_for_the_next) {
    const TemporaryFolder folder;
    {
        const auto first = Directory::make(folder / "net", "/nowhere");
        ASSERT_TRUE(first.has_value());
        std::ofstream(first->path() / "old") << "x";
        const auto second = Directory::make(folder / "net", "/nowhere");
        ASSERT_FALSE(second.has_value());
        EXPECT_THAT(second.error().context, HasSubstr("another devnet"));
    }
    const auto third = Directory::make(folder / "net", "/nowhere");
    ASSERT_TRUE(third.has_value());
    EXPECT_FALSE(fs::exists(third->path() / "old"));
}

TEST(Process, exit_code_and_signal_are_told) {
    const TemporaryFolder folder;
    auto good = Process::start(shell(folder, "echo out; echo err >&2; exit 3"));
    ASSERT_TRUE(good.has_value());
    const auto ending = (*good)->wait(10'000);
    ASSERT_TRUE(ending.has_value());
    EXPECT_EQ(ending->code, 3);
    EXPECT_THAT(tail_of(folder / "log", 5), HasSubstr("err"));
    auto killed = Process::start(shell(folder, "sleep 60"));
    ASSERT_TRUE(killed.has_value());
    (*killed)->send_signal(SIGKILL);
    const auto end = (*killed)->wait(10'000);
    ASSERT_TRUE(end.has_value());
    EXPECT_EQ(end->signal, SIGKILL);
}

TEST(Process, missing_program_is_an_error_with_its_name) {
    const TemporaryFolder folder;
    Launch launch = shell(folder, "");
    launch.command.front() = "/nowhere/consilium-nothing";
    const auto started = Process::start(launch);
    ASSERT_FALSE(started.has_value());
    EXPECT_THAT(started.error().context, HasSubstr("consilium-nothing"));
}

TEST(Process, stop_all_ends_what_runs) {
    const TemporaryFolder folder;
    auto one = Process::start(shell(folder, "exec sleep 60"));
    auto two = Process::start(shell(folder, "exec sleep 60"));
    ASSERT_TRUE(one.has_value() && two.has_value());
    stop_all({one->get(), two->get()});
    EXPECT_EQ((*one)->ending()->signal, SIGTERM);
    EXPECT_EQ((*two)->ending()->signal, SIGTERM);
}

TEST(Network, shown_commands_can_be_typed) {
    EXPECT_EQ(command_text({"/x/bin/consilium-wallet", "register", "--organisation",
                            "Queen's Park Hospital", "--json", ""}),
              "consilium-wallet register --organisation 'Queen'\\''s Park Hospital' --json ''");
}

class PreparedTest : public testing::Test {
  protected:
    void SetUp() override {
        Options options;
        options.directory = folder_ / "net";
        options.first_port = kTestPorts;
        options.programs = "/nowhere";
        auto prepared = prepare(options, [](const std::string&) {});
        ASSERT_TRUE(prepared.has_value()) << prepared.error().context;
        setup_ = std::move(*prepared);
    }

    TemporaryFolder folder_;
    std::unique_ptr<devnet::Setup> setup_;
};

TEST_F(PreparedTest, every_patient_is_dealt_once_and_files_hold_what_is_trained_on) {
    std::size_t rows = setup_->test.rows();
    for (const Hospital& hospital : setup_->hospitals) {
        rows += hospital.training.rows();
        const fs::path own = setup_->path(hospital.folder);
        const auto schema = fl::load_schema(own / "schema.toml");
        ASSERT_TRUE(schema.has_value()) << schema.error().context;
        const auto table = fl::load_csv(own / "data.csv", *schema);
        ASSERT_TRUE(table.has_value()) << table.error().context;
        const auto data = fl::to_dataset(*table);
        ASSERT_TRUE(data.has_value());
        EXPECT_EQ(data->features, hospital.training.features);
        EXPECT_EQ(data->labels, hospital.training.labels);
    }
    EXPECT_EQ(rows, 569U);
}

TEST_F(PreparedTest, secrets_are_closed_to_others_and_open_with_their_passwords) {
    std::set<std::string> passwords;
    for (const Hospital& hospital : setup_->hospitals) {
        for (const std::string role : {"validator", "council", "trainer"}) {
            const std::string stem = setup_->path(hospital.folder / role).string();
            for (const char* kind : {".key", ".password"}) {
                struct stat found {};
                ASSERT_EQ(::stat((stem + kind).c_str(), &found), 0);
                EXPECT_EQ(found.st_mode & 0777U, 0600U);
            }
            keystore::PasswordSource source;
            source.file = stem + ".password";
            const auto password = keystore::read_password(source);
            ASSERT_TRUE(password.has_value());
            passwords.insert(to_hex(password->view()));
            const auto key = keystore::load_key_file(stem + ".key", *password);
            ASSERT_TRUE(key.has_value()) << key.error().context;
        }
    }
    EXPECT_EQ(passwords.size(), 12U);
}

TEST_F(PreparedTest, genesis_and_node_configurations_are_accepted_by_their_readers) {
    const auto genesis = schema::load_genesis_file(setup_->path("genesis.json").string());
    ASSERT_TRUE(genesis.has_value()) << genesis.error().context;
    EXPECT_EQ(*genesis, setup_->genesis);
    for (const Hospital& hospital : setup_->hospitals) {
        node::ConfigSources sources;
        sources.file = setup_->path(hospital.folder / "node.toml").string();
        const auto config = node::load_config(sources);
        ASSERT_TRUE(config.has_value()) << config.error().context;
        EXPECT_EQ(config->peers.size(), 3U);
        EXPECT_EQ(config->api_listen_port, setup_->ports.api(hospital.number));
        EXPECT_EQ(config->data_dir, setup_->path(hospital.folder / "node").string());
    }
}

TEST_F(PreparedTest, the_last_hospital_attacks) {
    EXPECT_TRUE(setup_->hospitals.back().is_attacker);
    EXPECT_FALSE(setup_->hospitals.front().is_attacker);
    EXPECT_EQ(setup_->task.malicious_max, 1);
}

}  // namespace
}  // namespace consilium::devnet
