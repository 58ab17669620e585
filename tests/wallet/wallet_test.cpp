// The wallet's command line, run in process against a chain in memory.
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "contracts/schema/arguments.hpp"
#include "contracts/schema/invitation.hpp"
#include "contracts/schema/keys.hpp"
#include "contracts/schema/membership.hpp"
#include "contracts/schema/mpc_records.hpp"
#include "contracts/schema/records.hpp"
#include "contracts/schema/reference_set.hpp"
#include "contracts/schema/rotation.hpp"
#include "contracts/schema/table.hpp"
#include "contracts/schema_json/genesis_json.hpp"
#include "contracts/schema_json/render.hpp"
#include "tests/wallet/fake_chain.hpp"
#include "tests/wallet/temporary_directory.hpp"
#include "wallet/cli.hpp"
#include "wallet/keystore/key_file.hpp"

namespace consilium::wallet {
namespace {

using nlohmann::json;
using testing::HasSubstr;
using testing::Not;
using wallet_tests::FakeChain;
using wallet_tests::FakeConsortium;
using wallet_tests::TemporaryDirectory;

constexpr const char* kPassword = "canary violet kettle harbour";

// Hands every call on to one chain, so that a test may look at it after the wallet is gone.
class Forwarder final : public p2p::ApiChannel {
  public:
    explicit Forwarder(p2p::ApiChannel& target) : target_(target) {}
    Result<p2p::ApiAnswer> get(std::string_view target) override { return target_.get(target); }
    Result<p2p::ApiAnswer> post_transaction(ByteView bytes) override {
        return target_.post_transaction(bytes);
    }
    Result<std::size_t> put_blob(const KeyPair& account, const p2p::BlobUpload& upload) override {
        return target_.put_blob(account, upload);
    }
    Result<Bytes> get_blob(const Digest& hash, std::uint64_t length) override {
        return target_.get_blob(hash, length);
    }
    [[nodiscard]] std::size_t node() const override { return target_.node(); }
    [[nodiscard]] std::uint64_t now_ms() const override { return target_.now_ms(); }
    void pause_ms(std::uint64_t duration_ms) override { target_.pause_ms(duration_ms); }

  private:
    p2p::ApiChannel& target_;
};

std::string base64(ByteView bytes) {
    static constexpr std::string_view kAlphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    for (std::size_t i = 0; i + 2 < bytes.size(); i += 3) {
        const unsigned word = static_cast<unsigned>(bytes[i]) << 16U |
                              static_cast<unsigned>(bytes[i + 1]) << 8U | bytes[i + 2];
        for (const unsigned shift : {18U, 12U, 6U, 0U}) out += kAlphabet[word >> shift & 63U];
    }
    return out;
}

FakeConsortium make_consortium() {
    FakeConsortium made = FakeConsortium::make();
    made.genesis.parameters = encode(schema::Parameters{});
    return made;
}

class Wallet : public testing::Test {
  protected:
    void SetUp() override {
        write_file("genesis.json", schema::genesis_to_json(consortium.genesis).dump());
        ASSERT_TRUE(keystore::write_key_file(directory.file("council.key"), consortium.council[0],
                                             SecretBytes(as_bytes(kPassword)),
                                             {"council", keystore::kFloorKdf, false}));
    }
    void TearDown() override {
        // Whatever a test did: no output may hold the password or the secret key.
        const std::string printed = everything_out + everything_err;
        EXPECT_THAT(printed, Not(HasSubstr(kPassword)));
        const auto secret = consortium.council[0].secret().view();
        EXPECT_THAT(printed, Not(HasSubstr(to_hex(secret))));
        EXPECT_THAT(printed, Not(HasSubstr(base64(secret))));
        EXPECT_THAT(printed, Not(HasSubstr(std::string(secret.begin(), secret.end()))));
    }

    void write_file(const std::string& name, const std::string& text, mode_t mode = 0600) {
        std::ofstream(directory.file(name)) << text;
        ASSERT_EQ(::chmod(directory.file(name).c_str(), mode), 0);
    }

    // Runs the wallet; `out` and `err` hold what it printed.
    int run(std::vector<std::string> arguments) {
        std::ostringstream out_stream;
        std::ostringstream err_stream;
        Surroundings surroundings{
            out_stream, err_stream,
            [this](const p2p::NodePoolOptions& options) -> std::unique_ptr<p2p::ApiChannel> {
                pool = options;
                return std::make_unique<Forwarder>(chain);
            },
            [this](const keystore::PasswordSource& source) -> Result<SecretBytes> {
                ++passwords_asked;
                if (source.file || source.descriptor) return keystore::read_password(source);
                return SecretBytes(as_bytes(typed_password));
            },
            [] { return TimeMs{1'700'000'000'000}; }};
        const int code = run_wallet(arguments, surroundings);
        out = out_stream.str();
        err = err_stream.str();
        everything_out += out;
        everything_err += err;
        return code;
    }
    int run_online(std::vector<std::string> arguments) {
        for (const char* more : {"--genesis", "genesis.json", "--keystore", "council.key"}) {
            arguments.emplace_back(std::string(more).rfind("--", 0) == 0 ? more
                                                                         : directory.file(more));
        }
        return run(std::move(arguments));
    }
    json result() const { return json::parse(out); }

    const TemporaryDirectory directory;
    FakeConsortium consortium = make_consortium();
    FakeChain chain{consortium.validators, consortium.genesis};
    std::string typed_password = kPassword;
    int passwords_asked = 0;
    p2p::NodePoolOptions pool;
    std::string out;
    std::string err;
    std::string everything_out;
    std::string everything_err;
};

std::string some_key() {
    return KeyPair::generate().public_key().hex();
}

// ---- keys ----

TEST_F(Wallet, new_key_is_written_encrypted_and_its_public_key_printed) {
    const std::string path = directory.file("new.key");
    ASSERT_EQ(run({"key", "new", "--keystore", path, "--label", "mine", "--cost", "floor"}), 0);
    const auto key = keystore::load_key_file(path, SecretBytes(as_bytes(kPassword)));
    ASSERT_TRUE(key);
    EXPECT_EQ(out, key->public_key().hex() + "\n");
    ASSERT_EQ(run({"key", "export-public", "--keystore", path}), 0);
    EXPECT_EQ(out, key->public_key().hex() + "\n");
    ASSERT_EQ(run({"key", "show", "--keystore", path, "--json"}), 0);
    EXPECT_EQ(result()["result"]["label"], "mine");
    EXPECT_EQ(passwords_asked, 1);
}

TEST_F(Wallet, existing_key_file_is_kept_and_no_password_asked) {
    EXPECT_EQ(run({"key", "new", "--keystore", directory.file("council.key")}), 1);
    EXPECT_THAT(err, HasSubstr("exists already"));
    EXPECT_THAT(err, HasSubstr("--force"));
    EXPECT_EQ(passwords_asked, 0);
}

TEST_F(Wallet, key_list_shows_key_files_and_leaves_out_others) {
    ASSERT_EQ(run({"key", "list", directory.path().string(), "--json"}), 0);
    const json keys = result()["result"]["keys"];
    ASSERT_EQ(keys.size(), 1U);
    EXPECT_EQ(keys[0]["public_key"], consortium.council[0].public_key().hex());
}

TEST_F(Wallet, password_comes_from_a_file_and_an_open_file_is_refused) {
    write_file("password", std::string(kPassword) + "\n");
    EXPECT_EQ(run_online({"approve", some_key(), "--password-file", directory.file("password")}),
              0);
    write_file("password", std::string(kPassword) + "\n", 0644);
    EXPECT_EQ(run_online({"approve", some_key(), "--password-file", directory.file("password")}),
              1);
    EXPECT_THAT(err, HasSubstr("chmod 600"));
}

TEST_F(Wallet, wrong_password_is_a_failure_that_names_the_file_but_not_the_password) {
    typed_password = "some other canary phrase";
    EXPECT_EQ(run_online({"approve", some_key()}), 1);
    EXPECT_THAT(err, HasSubstr("council.key"));
    EXPECT_THAT(err, HasSubstr("wrong password"));
    EXPECT_THAT(err, Not(HasSubstr(typed_password)));
    EXPECT_TRUE(chain.posted().empty());
}

TEST_F(Wallet, password_on_the_command_line_is_not_an_option) {
    EXPECT_EQ(run_online({"approve", some_key(), "--password", "x"}), 2);
}

// ---- sending ----

TEST_F(Wallet, approval_is_sent_with_the_right_arguments_and_waits_for_its_block) {
    const PublicKey target = KeyPair::generate().public_key();
    ASSERT_EQ(run_online({"approve", target.hex(), "--json"}), 0);
    ASSERT_EQ(chain.executed().size(), 1U);
    const Transaction& sent = chain.executed()[0];
    EXPECT_EQ(sent.module, static_cast<std::uint16_t>(schema::Module::kRegistration));
    EXPECT_EQ(sent.action, schema::action::kApprove);
    EXPECT_EQ(decode<schema::AccountBallot>(sent.arguments)->account, target);
    EXPECT_EQ(sent.sender, consortium.council[0].public_key());
    const json answer = result();
    EXPECT_EQ(answer["ok"], true);
    EXPECT_EQ(answer["result"]["state"], "committed");
    EXPECT_EQ(answer["result"]["tx_id"], transaction_id(sent).hex());
    EXPECT_EQ(answer["result"]["proven"], false);
    EXPECT_THAT(err, HasSubstr("approving"));
}

TEST_F(Wallet, every_sending_command_builds_its_action) {
    struct Expected {
        std::vector<std::string> arguments;
        std::string_view module;
        std::string_view action;
        Bytes bytes;
    };
    const PublicKey key = KeyPair::generate().public_key();
    using schema::ProposalKind;
    const auto proposal = [](ProposalKind kind, Bytes payload) {
        return encode(schema::Propose{kind, std::move(payload)});
    };
    const Bytes ballot = encode(schema::AccountBallot{key});
    const std::vector<Expected> cases{
        {{"register", "--role", "auditor", "--organisation", "St Anna"},
         "registration",
         "register",
         encode(schema::Register{schema::Role::kAuditor, "St Anna"})},
        {{"reject", key.hex()}, "registration", "reject", ballot},
        {{"suspend", key.hex()}, "registration", "suspend", ballot},
        {{"reinstate", key.hex()}, "registration", "reinstate", ballot},
        {{"retire", key.hex()}, "registration", "retire", ballot},
        {{"retire"},
         "registration",
         "retire",
         encode(schema::AccountBallot{consortium.council[0].public_key()})},
        {{"vote", "7", "no"}, "governance", "vote", encode(schema::Vote{7, false})},
        {{"withdraw", "7"}, "governance", "withdraw", encode(schema::Withdraw{7})},
        {{"open-round", "2"}, "rounds", "open_round", encode(schema::OpenRound{2})},
        {{"propose", "cancel-round", "3"},
         "governance",
         "propose",
         proposal(ProposalKind::kCancelRound, encode(schema::RoundReference{3, 0}))},
        {{"propose", "abort-round", "3", "1"},
         "governance",
         "propose",
         proposal(ProposalKind::kAbortRound, encode(schema::RoundReference{3, 1}))},
        {{"propose", "promote-model", "1", "4"},
         "governance",
         "propose",
         proposal(ProposalKind::kPromoteModel, encode(schema::ModelReference{1, 4}))},
        {{"propose", "roll-back-model", "1", "2"},
         "governance",
         "propose",
         proposal(ProposalKind::kRollBackModel, encode(schema::ModelReference{1, 2}))},
        {{"propose", "close-task", "1"},
         "governance",
         "propose",
         proposal(ProposalKind::kCloseTask, encode(schema::TaskReference{1}))},
        {{"propose", "open-mpc-epoch", "1"},
         "governance",
         "propose",
         proposal(ProposalKind::kOpenMpcEpoch, encode(schema::EpochReference{1}))},
        {{"tx", "send", "governance", "vote", R"({"proposal": 9, "is_yes": true})"},
         "governance",
         "vote",
         encode(schema::Vote{9, true})},
    };
    for (const Expected& expected : cases) {
        ASSERT_EQ(run_online(expected.arguments), 0) << expected.arguments[0] << err;
        const Transaction& sent = chain.executed().back();
        const auto* action = schema::find_action(expected.module, expected.action);
        ASSERT_NE(action, nullptr);
        EXPECT_EQ(sent.module, static_cast<std::uint16_t>(action->module)) << expected.action;
        EXPECT_EQ(sent.action, action->action) << expected.action;
        EXPECT_EQ(sent.arguments, expected.bytes) << expected.arguments[1];
    }
    EXPECT_EQ(chain.executed().size(), cases.size());
}

TEST_F(Wallet, example_task_is_a_valid_task_and_left_out_fields_get_defaults) {
    ASSERT_EQ(run({"create-task", "--example"}), 0);
    write_file("task.json", out);
    ASSERT_EQ(run_online({"create-task", directory.file("task.json")}), 0) << err;
    write_file("short.json", R"({"name": "n", "data_schema": "wdbc", "rounds": 3, "mode": "sum",
                                 "model": {"kind": "logistic", "layers": [30, 1]}})");
    ASSERT_EQ(run_online({"create-task", directory.file("short.json")}), 0) << err;
    const auto propose = decode<schema::Propose>(chain.executed().back().arguments);
    ASSERT_TRUE(propose);
    const auto spec = decode<schema::TaskSpec>(propose->payload);
    ASSERT_TRUE(spec);
    EXPECT_EQ(spec->rounds, 3U);
    EXPECT_EQ(spec->training, schema::TrainingHints{});
    EXPECT_FALSE(spec->privacy.has_value());
    write_file("noised.json",
               R"({"name": "n", "data_schema": "wdbc", "rounds": 3,
                   "model": {"kind": "mlp", "layers": [30, 16, 1]}, "clip_initial": 4294967296,
                   "clip_min": 4294967296, "clip_max": 4294967296,
                   "privacy": {"clip": 500000, "noise": 100000, "delta_bits": 17}})");
    ASSERT_EQ(run_online({"create-task", directory.file("noised.json")}), 0) << err;
    const auto noised = decode<schema::Propose>(chain.executed().back().arguments);
    ASSERT_TRUE(noised);
    EXPECT_EQ(decode<schema::TaskSpec>(noised->payload)->privacy,
              (schema::PrivacyTerms{.clip = 500'000, .noise = 100'000, .delta_bits = 17}));
}

TEST_F(Wallet, a_task_file_may_name_a_reference_set_or_say_null) {
    write_file("none.json", R"({"name": "n", "data_schema": "wdbc", "reference_set": null,
                                "model": {"kind": "mlp", "layers": [30, 16, 1]}})");
    ASSERT_EQ(run_online({"create-task", directory.file("none.json")}), 0) << err;
    const std::string hash(64, 'a');
    write_file("some.json", R"({"name": "n", "data_schema": "wdbc", "reference_set": ")" + hash +
                                R"(", "is_reference_required": true,
                                "model": {"kind": "mlp", "layers": [30, 16, 1]}})");
    ASSERT_EQ(run_online({"create-task", directory.file("some.json")}), 0) << err;
    const auto propose = decode<schema::Propose>(chain.executed().back().arguments);
    const auto spec = decode<schema::TaskSpec>(propose->payload);
    ASSERT_TRUE(spec && spec->reference_set);
    EXPECT_EQ(spec->reference_set->hex(), hash);
    write_file("required.json", R"({"name": "n", "data_schema": "wdbc",
                                "is_reference_required": true,
                                "model": {"kind": "mlp", "layers": [30, 16, 1]}})");
    EXPECT_EQ(run_online({"create-task", directory.file("required.json")}), 2);
    write_file("list.json", "[1]");
    EXPECT_EQ(run_online({"create-task", directory.file("list.json")}), 2);
}

constexpr const char* kSmallSchema = R"(format = "consilium-schema-1"
header = "names"
missing = ["?"]
[[column]]
name = "age"
kind = "numeric"
impute = 50.0
centre = 50.0
scale = 10.0
[[column]]
name = "sex"
kind = "categorical"
values = ["f", "m"]
[[column]]
name = "ill"
kind = "label"
negative = ["no"]
positive = ["yes"]
)";

std::string small_csv(std::size_t records) {
    std::string text = "age,sex,ill\n";
    for (std::size_t i = 0; i < records; ++i) {
        text += (i == 3 ? "?" : std::to_string(30 + i % 40)) +
                std::string(i % 2 == 0 ? ",f" : ",m") + (i % 4 == 0 ? ",yes\n" : ",no\n");
    }
    return text;
}

TEST_F(Wallet, a_reference_set_is_built_inspected_uploaded_and_proposed) {
    write_file("schema.toml", kSmallSchema);
    write_file("data.csv", small_csv(80));
    const std::string file = directory.file("set.bin");
    ASSERT_EQ(run({"reference-set", "build", "--data", directory.file("data.csv"), "--schema",
                   directory.file("schema.toml"), "--name", "small", "--out", file, "--json"}),
              0)
        << err;
    const json built = json::parse(out)["result"];
    EXPECT_EQ(built["records"], 80);
    EXPECT_EQ(built["positives"], 20);
    EXPECT_EQ(built["columns"].size(), 3U);
    ASSERT_EQ(run({"reference-set", "inspect", file, "--json"}), 0) << err;
    EXPECT_EQ(json::parse(out)["result"], built);
    ASSERT_EQ(run_online({"reference-set", "propose", file, "--task", "4", "--required"}), 0)
        << err;
    ASSERT_EQ(chain.uploaded().size(), 1U);
    EXPECT_EQ(sha256(chain.uploaded()[0]).hex(), built["sha256"]);
    const auto set = schema::decode_reference_set(chain.uploaded()[0]);
    ASSERT_TRUE(set.has_value());
    EXPECT_EQ(set->features[0], -(std::int64_t{2} << 32U));  // (30 - 50) / 10
    EXPECT_EQ(set->features[3 * 3], 0);                      // imputed
    const auto propose = decode<schema::Propose>(chain.executed().back().arguments);
    const auto approval = decode<schema::ReferenceSetApproval>(propose->payload);
    ASSERT_TRUE(approval);
    EXPECT_EQ(approval->blob.sha256.hex(), built["sha256"]);
    EXPECT_EQ(approval->task, 4U);
    EXPECT_TRUE(approval->is_required);
    EXPECT_EQ(chain.executed().size(), 1U);
}

TEST_F(Wallet, a_reference_set_that_is_none_is_refused_before_anything_is_sent) {
    write_file("schema.toml", kSmallSchema);
    write_file("few.csv", small_csv(63));
    EXPECT_EQ(
        run({"reference-set", "build", "--data", directory.file("few.csv"), "--schema",
             directory.file("schema.toml"), "--name", "small", "--out", directory.file("set.bin")}),
        2);
    EXPECT_THAT(err, HasSubstr("64 records"));
    write_file("junk.bin", "CONSREF1 but nothing else");
    EXPECT_EQ(run_online({"reference-set", "propose", directory.file("junk.bin")}), 2);
    EXPECT_EQ(run_online({"reference-set", "propose", directory.file("absent.bin")}), 2);
    EXPECT_TRUE(chain.posted().empty());
}

TEST_F(Wallet, a_refused_upload_tells_that_the_transaction_may_be_on_its_way) {
    write_file("schema.toml", kSmallSchema);
    write_file("data.csv", small_csv(80));
    const std::string file = directory.file("set.bin");
    ASSERT_EQ(run({"reference-set", "build", "--data", directory.file("data.csv"), "--schema",
                   directory.file("schema.toml"), "--name", "small", "--out", file}),
              0);
    chain.faults.refuses_blobs = true;
    EXPECT_EQ(run_online({"reference-set", "propose", file}), 4);
    EXPECT_THAT(err, HasSubstr("none took the blob"));
}

TEST_F(Wallet, an_approved_reference_set_is_shown_with_its_proof) {
    const Digest hash = sha256(as_bytes("set"));
    chain.write(schema::keys::reference_set(hash),
                encode(schema::ReferenceSetRecord{{hash, 9}, "heart", 15, 40, 24, Height{2}}));
    chain.make_block();
    ASSERT_EQ(run_online({"reference-set", "show", hash.hex(), "--json"}), 0) << err;
    const json shown = json::parse(out)["result"];
    EXPECT_EQ(shown["positives"], 24);
    EXPECT_EQ(shown["negatives"], 40);
    EXPECT_EQ(shown["proven"], true);
    EXPECT_EQ(run_online({"reference-set", "show", std::string(64, '0')}), 1);
    EXPECT_EQ(run_online({"reference-set", "show", "12"}), 2);
}

TEST_F(Wallet, data_weights_are_proposed_from_a_file) {
    const std::string trainer = consortium.council[1].public_key().hex();
    write_file("w.json",
               R"({"task": 2, "weights": [{"trainer": ")" + trainer + R"(", "weight": 7}]})");
    ASSERT_EQ(run_online({"propose", "data-weights", directory.file("w.json")}), 0) << err;
    const auto propose = decode<schema::Propose>(chain.executed().back().arguments);
    EXPECT_EQ(propose->kind, schema::ProposalKind::kSetDataWeights);
    const auto weights = decode<schema::DataWeights>(propose->payload);
    ASSERT_TRUE(weights);
    EXPECT_EQ(weights->task, 2U);
    EXPECT_EQ(weights->weights.at(0).weight, 7U);
    write_file("w.json",
               R"({"task": 2, "weights": [{"trainer": ")" + trainer + R"(", "weight": 17}]})");
    EXPECT_EQ(run_online({"propose", "data-weights", directory.file("w.json")}), 2);
    EXPECT_THAT(err, HasSubstr("1..16"));
}

TEST_F(Wallet, another_rule_is_proposed_by_its_number) {
    ASSERT_EQ(run_online({"propose", "rule", "1", "2"}), 0) << err;
    const auto propose = decode<schema::Propose>(chain.executed().back().arguments);
    EXPECT_EQ(propose->kind, schema::ProposalKind::kSetRule);
    EXPECT_EQ(propose->payload, encode(schema::RuleChoice{1, 2}));
    EXPECT_EQ(run_online({"propose", "rule", "1", "0"}), 2);
    EXPECT_EQ(run_online({"propose", "rule", "1", "65536"}), 2);
}

TEST_F(Wallet, bad_task_files_are_usage_errors_that_name_the_fault) {
    write_file("a.json", R"({"rouds": 3})");
    EXPECT_EQ(run_online({"create-task", directory.file("a.json")}), 2);
    EXPECT_THAT(err, HasSubstr("rouds"));
    write_file("b.json", R"({"name": "n", "rounds": "many"})");
    EXPECT_EQ(run_online({"create-task", directory.file("b.json")}), 2);
    EXPECT_THAT(err, HasSubstr("rounds"));
    write_file("c.json", "{");
    EXPECT_EQ(run_online({"create-task", directory.file("c.json")}), 2);
    EXPECT_EQ(run_online({"create-task", directory.file("absent.json")}), 2);
    EXPECT_EQ(run_online({"create-task"}), 2);
    EXPECT_TRUE(chain.posted().empty());
}

TEST_F(Wallet, parameters_that_are_left_out_stay_as_they_are_on_chain) {
    schema::Parameters now;
    now.batch_stock = 3;
    chain.write(schema::keys::parameters(), encode(now));
    chain.make_block();
    write_file("p.json", R"({"open_proposals_max": 8})");
    ASSERT_EQ(run_online({"propose", "set-parameters", directory.file("p.json")}), 0) << err;
    const auto propose = decode<schema::Propose>(chain.executed().back().arguments);
    const auto proposed = decode<schema::Parameters>(propose->payload);
    ASSERT_TRUE(proposed);
    EXPECT_EQ(proposed->batch_stock, 3U);
    EXPECT_EQ(proposed->open_proposals_max, 8U);
}

// ---- outcomes and exit codes ----

TEST_F(Wallet, outcome_proven_shows_the_proof_was_checked) {
    ASSERT_EQ(run_online({"vote", "1", "yes", "--wait", "proven", "--json"}), 0) << err;
    EXPECT_EQ(result()["result"]["proven"], true);
}

TEST_F(Wallet, forged_receipt_is_exit_code_5) {
    chain.faults.forges_receipt = true;
    chain.faults.receipt_code = 24;
    EXPECT_EQ(run_online({"vote", "1", "yes", "--wait", "proven", "--json"}), 5);
    EXPECT_EQ(result()["error"]["code"], "not_proven");
}

TEST_F(Wallet, refused_by_the_contract_is_exit_code_1_with_the_receipts_code) {
    chain.faults.receipt_code = 24;
    EXPECT_EQ(run_online({"vote", "1", "yes", "--json"}), 1);
    const json error = result()["error"];
    EXPECT_EQ(error["code"], "wrong_phase");
    EXPECT_THAT(error["cure"].get<std::string>(), HasSubstr("consilium-wallet round"));
    EXPECT_EQ(error["details"]["receipt"]["code"], 24);
}

TEST_F(Wallet, refused_by_the_node_is_exit_code_1_with_its_code) {
    chain.faults.refusal = "unknown_account";
    EXPECT_EQ(run_online({"vote", "1", "yes"}), 1);
    EXPECT_THAT(err, HasSubstr("[unknown_account]"));
    EXPECT_THAT(err, HasSubstr("register this key"));
}

TEST_F(Wallet, unreachable_node_is_exit_code_3_before_a_password_is_asked_for) {
    chain.faults.is_down = true;
    EXPECT_EQ(run_online({"status"}), 3);
    EXPECT_EQ(run_online({"vote", "1", "yes"}), 3);
    EXPECT_THAT(err, HasSubstr("--node"));
}

TEST_F(Wallet, lost_transaction_is_exit_code_4_and_tells_its_id) {
    chain.faults.hides_answers = true;
    chain.faults.loses_transactions = true;
    EXPECT_EQ(run_online({"vote", "1", "yes", "--timeout", "5", "--json"}), 4);
    const json error = result()["error"];
    EXPECT_EQ(error["code"], "outcome_unknown");
    EXPECT_EQ(error["details"]["tx_id"],
              transaction_id(decode_transaction(chain.posted()[0]).value()).hex());
    EXPECT_THAT(error["cure"].get<std::string>(), HasSubstr("tx show"));
}

TEST_F(Wallet, expired_transaction_is_exit_code_1_because_its_fate_is_known) {
    chain.faults.loses_transactions = true;
    EXPECT_EQ(run_online({"vote", "1", "yes", "--expiry-blocks", "3", "--json"}), 1);
    EXPECT_EQ(result()["error"]["code"], "expired");
}

TEST_F(Wallet, wait_accepted_ends_at_the_mempool) {
    ASSERT_EQ(run_online({"vote", "1", "yes", "--wait", "accepted", "--json"}), 0);
    EXPECT_EQ(result()["result"]["state"], "accepted");
    EXPECT_TRUE(chain.executed().empty());
}

TEST_F(Wallet, node_of_another_chain_is_exit_code_5) {
    Genesis other = consortium.genesis;
    other.chain_id = "other";
    write_file("genesis.json", schema::genesis_to_json(other).dump());
    EXPECT_EQ(run_online({"vote", "1", "yes"}), 5);
    EXPECT_EQ(run_online({"status"}), 5);
    EXPECT_TRUE(chain.posted().empty());
}

// ---- offline signing ----

TEST_F(Wallet, drafted_signed_and_broadcast_transaction_is_executed_once) {
    ASSERT_EQ(run_online({"vote", "4", "yes", "--generate-only"}), 0) << err;
    EXPECT_EQ(passwords_asked, 0);
    write_file("draft.json", out);
    EXPECT_EQ(run_online({"tx", "broadcast", directory.file("draft.json")}), 2);
    ASSERT_EQ(run({"tx", "sign", directory.file("draft.json"), "--keystore",
                   directory.file("council.key")}),
              0)
        << err;
    EXPECT_THAT(err, HasSubstr("vote"));
    write_file("signed.json", out);
    EXPECT_TRUE(chain.posted().empty());
    ASSERT_EQ(run_online({"tx", "broadcast", directory.file("signed.json")}), 0) << err;
    ASSERT_EQ(run_online({"tx", "broadcast", directory.file("signed.json")}), 0) << err;
    ASSERT_EQ(chain.executed().size(), 1U);
    EXPECT_EQ(decode<schema::Vote>(chain.executed()[0].arguments)->proposal, 4U);
}

TEST_F(Wallet, draft_for_another_key_or_chain_is_not_signed) {
    ASSERT_EQ(run({"vote", "4", "yes", "--generate-only", "--sender", some_key(), "--genesis",
                   directory.file("genesis.json")}),
              0)
        << err;
    write_file("draft.json", out);
    EXPECT_EQ(run_online({"tx", "sign", directory.file("draft.json")}), 2);
    EXPECT_THAT(err, HasSubstr("the transaction is for key"));
    write_file("broken.json", R"({"format": "consilium-transaction-1", "transaction": "00"})");
    EXPECT_EQ(run_online({"tx", "sign", directory.file("broken.json")}), 2);
    EXPECT_EQ(run_online({"tx", "sign", directory.file("genesis.json")}), 2);
}

// ---- verified reading ----

TEST_F(Wallet, query_shows_a_proven_value_and_a_proven_absence) {
    schema::NonceRecord record;
    record.next = 5;
    const PublicKey key = consortium.council[0].public_key();
    chain.write(schema::keys::nonce(key), encode(record));
    chain.make_block();
    ASSERT_EQ(run_online({"query", "nonce", key.hex(), "--json"}), 0) << err;
    EXPECT_EQ(result()["result"]["value"]["value"]["next"], 5);
    EXPECT_EQ(result()["result"]["proven"], true);
    ASSERT_EQ(run_online({"query", "raw", to_hex(schema::keys::round(8)), "--json"}), 0) << err;
    EXPECT_EQ(result()["result"]["exists"], false);
}

TEST_F(Wallet, forged_value_and_weak_certificate_are_exit_code_5) {
    chain.write(schema::keys::parameters(), encode(schema::Parameters{}));
    chain.make_block();
    chain.faults.forges_value = true;
    EXPECT_EQ(run_online({"parameters"}), 5);
    EXPECT_THAT(err, HasSubstr("do not trust"));
    chain.faults.forges_value = false;
    chain.faults.forges_certificate = true;
    chain.make_block();
    EXPECT_EQ(run_online({"parameters"}), 5);
    EXPECT_EQ(run_online({"block", std::to_string(chain.height().value)}), 5);
}

TEST_F(Wallet, account_is_shown_with_role_status_organisation_and_nonce) {
    const PublicKey key = consortium.council[0].public_key();
    schema::AccountRecord account;
    account.role = schema::Role::kCouncil;
    account.status = schema::AccountStatus::kApproved;
    account.organisation = 2;
    schema::OrganisationRecord organisation;
    organisation.name = "St Anna";
    schema::RegistryRecord registry;
    registry.council = {key};
    chain.write(schema::keys::account(key), encode(account));
    chain.write(schema::keys::organisation(2), encode(organisation));
    chain.write(schema::keys::registry(), encode(registry));
    chain.make_block();
    ASSERT_EQ(run_online({"account", "--json"}), 0) << err;
    EXPECT_EQ(result()["result"]["role"], "council");
    EXPECT_EQ(result()["result"]["organisation_name"], "St Anna");
    EXPECT_EQ(result()["result"]["as_of"]["height"], chain.height().value);
    ASSERT_EQ(run_online({"accounts", "--json"}), 0) << err;
    EXPECT_EQ(result()["result"]["accounts"][0]["status"], "approved");
    EXPECT_EQ(run_online({"account", some_key()}), 1);
    EXPECT_THAT(err, HasSubstr("(proven)"));
}

TEST_F(Wallet, proposals_tasks_rounds_and_models_are_listed) {
    schema::GovernanceRecord governance;
    governance.open = {3};
    schema::ProposalRecord proposal;
    proposal.id = 3;
    proposal.kind = schema::ProposalKind::kCloseTask;
    proposal.payload = encode(schema::TaskReference{1});
    schema::TasksRecord tasks;
    tasks.next_task = 2;
    schema::TaskRecord task;
    task.id = 1;
    task.latest_version = 4;
    schema::RoundsRecord rounds;
    rounds.next_round = 2;
    schema::ModelRecord model;
    model.version = 4;
    chain.write(schema::keys::governance(), encode(governance));
    chain.write(schema::keys::proposal(3), encode(proposal));
    chain.write(schema::keys::tasks(), encode(tasks));
    chain.write(schema::keys::task(1), encode(task));
    chain.write(schema::keys::rounds(), encode(rounds));
    chain.write(schema::keys::round(1), encode(schema::RoundRecord{}));
    chain.write(schema::keys::model(1, 4), encode(model));
    chain.make_block();
    ASSERT_EQ(run_online({"proposals", "--json"}), 0) << err;
    EXPECT_EQ(result()["result"]["open"][0]["payload"]["task"], 1);
    EXPECT_EQ(run_online({"proposals", "9"}), 1);
    ASSERT_EQ(run_online({"tasks", "--json"}), 0) << err;
    EXPECT_EQ(result()["result"]["tasks"][0]["latest_version"], 4);
    ASSERT_EQ(run_online({"rounds", "--json"}), 0) << err;
    EXPECT_EQ(result()["result"]["rounds"][0]["round"], 1);
    ASSERT_EQ(run_online({"round", "--json"}), 0) << err;
    EXPECT_TRUE(result()["result"]["verdict"].is_null());
    ASSERT_EQ(run_online({"model", "1", "--json"}), 0) << err;
    EXPECT_EQ(result()["result"]["version"], 4);
    EXPECT_EQ(run_online({"metrics", "1"}), 1);
    EXPECT_EQ(run_online({"model", "7"}), 1);
}

TEST_F(Wallet, privacy_is_listed_per_hospital_with_names) {
    schema::RegistryRecord registry;
    registry.organisations = 3;
    schema::OrganisationRecord organisation;
    organisation.name = "St Anna";
    schema::PrivacyRecord account{.task = 2, .organisation = 1, .delta_bits = 20};
    account.epsilon_local_micros = 4'500'000;
    account.epsilon_central_micros = 1;
    chain.write(schema::keys::registry(), encode(registry));
    chain.write(schema::keys::organisation(1), encode(organisation));
    chain.write(schema::keys::privacy(2, 1), encode(account));
    chain.make_block();
    ASSERT_EQ(run_online({"privacy", "2", "--json"}), 0) << err;
    const auto hospitals = result()["result"]["hospitals"];
    ASSERT_EQ(hospitals.size(), 1U);
    EXPECT_EQ(hospitals[0]["organisation"], "St Anna");
    EXPECT_EQ(hospitals[0]["epsilon_local"], 4.5);
    EXPECT_EQ(hospitals[0]["epsilon_central"], 1e-6);
    EXPECT_EQ(hospitals[0]["account"]["delta_bits"], 20);
    ASSERT_EQ(run_online({"privacy", "1", "--json"}), 0) << err;
    EXPECT_TRUE(result()["result"]["hospitals"].empty());
    ASSERT_EQ(run_online({"query", "privacy", "2", "1", "--json"}), 0) << err;
    EXPECT_EQ(result()["result"]["value"]["value"]["task"], 2);
}

TEST_F(Wallet, transaction_is_shown_with_its_proven_receipt) {
    ASSERT_EQ(run_online({"vote", "1", "yes", "--json"}), 0);
    const std::string id = result()["result"]["tx_id"];
    ASSERT_EQ(run_online({"tx", "show", id, "--json"}), 0) << err;
    EXPECT_EQ(result()["result"]["name"], "ok");
    EXPECT_EQ(result()["result"]["proven"], true);
    EXPECT_EQ(run_online({"tx", "show", std::string(64, '0')}), 1);
    EXPECT_EQ(run_online({"tx", "show", "zz"}), 2);
    ASSERT_EQ(run_online({"block", "2", "--json"}), 0) << err;
    EXPECT_EQ(result()["result"]["transactions"].size(), 1U);
}

// ---- invitations ----

TEST_F(Wallet, invitation_names_key_role_and_organisation) {
    const PublicKey guest = consortium.validators[0].public_key();
    ASSERT_EQ(
        run_online({"invite", guest.hex(), "--role", "operator", "--organisation", "St Anna"}), 0)
        << err;
    const Transaction& sent = chain.executed().back();
    EXPECT_EQ(sent.sender, consortium.council[0].public_key());
    EXPECT_EQ(sent.action, schema::action::kInvite);
    EXPECT_EQ(decode<schema::Invite>(sent.arguments).value(),
              (schema::Invite{guest, schema::Role::kOperator, "St Anna"}));
    EXPECT_EQ(run_online({"invite", "zz", "--organisation", "St Anna"}), 2);
    EXPECT_EQ(run_online({"invite", guest.hex(), "--organisation", " St Anna"}), 2);
    EXPECT_EQ(run_online({"invite", guest.hex()}), 2);
}

// ---- rotation ----

TEST_F(Wallet, rotation_is_signed_by_both_keys) {
    const std::string path = directory.file("new.key");
    ASSERT_EQ(run({"key", "new", "--keystore", path, "--cost", "floor"}), 0);
    const auto successor = keystore::load_key_file(path, SecretBytes(as_bytes(kPassword)));
    ASSERT_TRUE(successor);
    ASSERT_EQ(run_online({"rotate-key", "--new-keystore", path}), 0) << err;
    const Transaction& sent = chain.executed().back();
    EXPECT_EQ(sent.sender, consortium.council[0].public_key());
    EXPECT_EQ(sent.action, schema::action::kRotateKey);
    const auto rotation = decode<schema::RotateKey>(sent.arguments).value();
    EXPECT_EQ(rotation.successor, successor->public_key());
    EXPECT_TRUE(verify_signature(
        rotation.successor,
        schema::rotation_digest(consortium.genesis.identity(), sent.sender, rotation.successor),
        rotation.possession));
    EXPECT_EQ(run_online({"rotate-key", "--new-keystore", directory.file("absent.key")}), 1);
    EXPECT_EQ(run_online({"rotate-key"}), 2);
}

// ---- validators ----

class ValidatorCommands : public Wallet {
  protected:
    ValidatorCommands() {
        schema::MembershipRecord record;
        for (const auto& entry : consortium.genesis.organisations) {
            record.validators.push_back({entry.name, entry.validator_key, ""});
        }
        fifth_ = KeyPair::generate().public_key();
        write_account(fifth_, schema::Role::kValidator, 4);
        chain.write(schema::keys::organisation(4),
                    encode(schema::OrganisationRecord{"St Elsewhere", {}, {}, {}, 1}));
        set(record);
    }
    void set(const schema::MembershipRecord& record) {
        record_ = record;
        chain.write(schema::keys::membership(), encode(record));
        chain.make_block();
    }
    void write_account(const PublicKey& key, schema::Role role, std::uint32_t organisation) {
        schema::AccountRecord account;
        account.role = role;
        account.organisation = organisation;
        chain.write(schema::keys::account(key), encode(account));
    }
    [[nodiscard]] schema::ChangeValidators proposed() const {
        const auto propose = decode<schema::Propose>(chain.executed().back().arguments).value();
        EXPECT_EQ(propose.kind, schema::ProposalKind::kChangeValidators);
        return decode<schema::ChangeValidators>(propose.payload).value();
    }

    PublicKey fifth_;
    schema::MembershipRecord record_;
};

TEST_F(ValidatorCommands, a_validators_key_registers_like_any_other) {
    ASSERT_EQ(run_online({"register", "--role", "validator", "--organisation", "St Anna"}), 0);
    EXPECT_EQ(chain.executed().back().arguments,
              encode(schema::Register{schema::Role::kValidator, "St Anna"}));
}

TEST_F(ValidatorCommands, proposal_holds_the_complete_list_with_registered_names) {
    ASSERT_EQ(run_online({"validators", "propose", "--add", fifth_.hex() + "=node5.example:27000",
                          "--remove", "Hospital B", "--at", "500"}),
              0)
        << err;
    const auto change = proposed();
    EXPECT_EQ(change.epoch, Epoch{0});
    EXPECT_EQ(change.activation, Height{500});
    auto expected = record_.validators;
    expected.erase(expected.begin() + 1);
    expected.push_back({"St Elsewhere", fifth_, "node5.example:27000"});
    EXPECT_EQ(change.validators, expected);
    EXPECT_THAT(err, HasSubstr("St Elsewhere"));  // shown before it is sent
}

TEST_F(ValidatorCommands, replacing_keeps_the_place_and_blocks_count_from_now) {
    const std::uint64_t now = chain.height().value;
    ASSERT_EQ(run_online({"validators", "propose", "--replace",
                          record_.validators[2].key.hex() + "=" + fifth_.hex(), "--in", "40"}),
              0)
        << err;
    EXPECT_EQ(proposed().validators[2], (schema::Validator{"St Elsewhere", fifth_, ""}));
    EXPECT_EQ(proposed().activation, Height{now + 40});
}

TEST_F(ValidatorCommands, keys_that_are_no_validators_and_bad_addresses_are_refused_here) {
    const PublicKey trainer = KeyPair::generate().public_key();
    write_account(trainer, schema::Role::kTrainer, 4);
    chain.make_block();
    const std::vector<std::vector<std::string>> lines{
        {"--add", trainer.hex()}, {"--add", fifth_.hex() + "=nowhere"}, {"--add", "zz"},
        {"--remove", "Nobody"},   {"--replace", "Hospital A=zz"},       {"--at", "7"}};
    for (auto line : lines) {
        line.insert(line.begin(), {"validators", "propose"});
        EXPECT_EQ(run_online(line), 2) << testing::PrintToString(line);
        EXPECT_THAT(err, HasSubstr("cure:"));
    }
    EXPECT_EQ(run_online({"validators", "propose", "--add", some_key()}), 1);
    EXPECT_THAT(err, HasSubstr("no account"));
    EXPECT_TRUE(chain.posted().empty());
}

TEST_F(ValidatorCommands, list_that_is_too_long_names_cause_and_cure_before_anything_is_signed) {
    schema::MembershipRecord record = record_;
    const std::string address(schema::kMaxAddressBytes - 6, 'a');
    while (record.validators.size() < 50) {
        const std::string name = "Hospital number " + std::to_string(record.validators.size());
        record.validators.push_back({name, KeyPair::generate().public_key(), address + ":27000"});
    }
    set(record);
    const std::string more = fifth_.hex() + "=node5.example:27000";
    EXPECT_EQ(run_online({"validators", "propose", "--add", more}), 2);
    EXPECT_THAT(err, HasSubstr("the new list of 51 validators takes "));
    EXPECT_THAT(err, HasSubstr("a proposal holds 8192"));
    EXPECT_THAT(err, HasSubstr("--replace KEY=KEY"));
    EXPECT_TRUE(chain.posted().empty());
    EXPECT_EQ(passwords_asked, 0);
    // The cure.
    std::vector<std::string> line{"validators", "propose", "--add", more};
    for (std::size_t i = 10; i < 25; ++i) {
        const PublicKey& key = record.validators[i].key;
        write_account(key, schema::Role::kValidator, 4);
        line.insert(line.end(), {"--replace", key.hex() + "=" + key.hex()});
    }
    chain.make_block();
    ASSERT_EQ(run_online(line), 0) << err;
    EXPECT_EQ(proposed().validators.size(), 51U);
    EXPECT_TRUE(proposed().validators[10].address.empty());
    EXPECT_EQ(proposed().validators[25].address, address + ":27000");
}

TEST_F(ValidatorCommands, show_and_review_tell_who_joins_and_leaves) {
    schema::MembershipRecord record = record_;
    schema::ChangeValidators change{Epoch{0}, Height{90}, record.validators};
    change.validators[0] = {"St Elsewhere", fifth_, "node5.example:27000"};
    record.pending = change;
    schema::ProposalRecord proposal;
    proposal.id = 7;
    proposal.kind = schema::ProposalKind::kChangeValidators;
    proposal.payload = encode(change);
    chain.write(schema::keys::proposal(7), encode(proposal));
    proposal.id = 8;
    proposal.kind = schema::ProposalKind::kCloseTask;
    chain.write(schema::keys::proposal(8), encode(proposal));
    set(record);
    ASSERT_EQ(run_online({"validators", "show", "--json"}), 0) << err;
    json shown = result()["result"];
    EXPECT_EQ(shown["validators"].size(), 4U);
    EXPECT_EQ(shown["pending"]["joins"][0]["organisation"], "St Elsewhere");
    EXPECT_EQ(shown["pending"]["leaves"][0]["organisation"], "Hospital A");
    EXPECT_EQ(shown["pending"]["not_before_height"], 90);
    ASSERT_EQ(run_online({"validators", "review", "7", "--json"}), 0) << err;
    shown = result()["result"];
    EXPECT_EQ(shown["joins"][0]["address"], "node5.example:27000");
    EXPECT_EQ(shown["quorum"], 3);
    EXPECT_EQ(shown["is_for_present_epoch"], true);
    EXPECT_EQ(run_online({"validators", "review", "8"}), 2);
    EXPECT_EQ(run_online({"validators", "review", "9"}), 1);
    ASSERT_EQ(run_online({"validators", "cancel"}), 0) << err;
    const auto cancel = decode<schema::Propose>(chain.executed().back().arguments).value();
    EXPECT_EQ(cancel.kind, schema::ProposalKind::kCancelValidatorChange);
    EXPECT_EQ(cancel.payload, encode(schema::MembershipReference{Epoch{0}}));
}

// ---- the command line itself ----

TEST_F(Wallet, any_validator_may_answer_unless_a_key_is_named) {
    ASSERT_EQ(run_online({"status"}), 0) << err;
    ASSERT_EQ(pool.endpoints.size(), 1U);
    EXPECT_TRUE(pool.endpoints[0].allowed_keys.empty());
    EXPECT_EQ(pool.genesis, consortium.genesis);
    const std::string key = consortium.validators[2].public_key().hex();
    ASSERT_EQ(run_online({"status", "--node", "10.0.0.1:1", "--node", "10.0.0.2:2", "--node-key",
                          key, "--node-key", key}),
              0)
        << err;
    ASSERT_EQ(pool.endpoints.size(), 2U);
    EXPECT_EQ(pool.endpoints[1].port, 2);
    EXPECT_EQ(pool.endpoints[1].allowed_keys,
              std::vector<PublicKey>{consortium.validators[2].public_key()});
    EXPECT_EQ(run_online({"status", "--node-key", key, "--node-key", key}), 2);
    EXPECT_EQ(run_online({"status", "--node", "nonsense"}), 2);
}

TEST_F(Wallet, usage_errors_are_exit_code_2_with_cause_and_cure_in_both_forms) {
    const std::vector<std::vector<std::string>> lines{
        {},
        {"nonsense"},
        {"vote"},
        {"vote", "1", "perhaps"},
        {"vote", "-1", "yes"},
        {"vote", "0x1", "yes"},
        {"vote", "18446744073709551616", "yes"},
        {"approve", "123"},
        {"register", "--role", "king", "--organisation", "x"},
        {"register", "--organisation", "bad\nname"},
        {"query", "nonsense"},
        {"query", "round"},
        {"query", "round", "1", "2"},
        {"query", "round", "x"},
        {"tx", "send", "governance", "nonsense", "{}"},
        {"tx", "send", "governance", "vote", "{"},
        {"tx", "send", "governance", "vote", "{}"},
        {"status", "--wait", "for-ever"},
        {"open-round", "4294967296"}};
    for (auto line : lines) {
        EXPECT_EQ(run_online(line), 2) << testing::PrintToString(line) << out;
        EXPECT_THAT(err, HasSubstr("cure:")) << testing::PrintToString(line);
        EXPECT_TRUE(out.empty());
        line.emplace_back("--json");
        EXPECT_EQ(run_online(line), 2);
        EXPECT_FALSE(result()["error"]["cure"].get<std::string>().empty());
    }
    EXPECT_EQ(run({"status"}), 2);
    EXPECT_THAT(err, HasSubstr("--genesis"));
    EXPECT_TRUE(chain.posted().empty());
}

TEST_F(Wallet, help_teaches_with_examples_and_names_the_exit_codes) {
    ASSERT_EQ(run({"--help"}), 0);
    EXPECT_THAT(out, HasSubstr("consilium-wallet key new"));
    EXPECT_THAT(out, HasSubstr("Exit codes"));
    ASSERT_EQ(run({"query", "--help"}), 0);
    EXPECT_THAT(out, HasSubstr("verdict R"));
    ASSERT_EQ(run({"tx", "actions"}), 0);
    EXPECT_THAT(out, HasSubstr("governance vote"));
}

TEST(RenderLines, control_characters_from_the_chain_stay_escaped) {
    const std::string lines = render_lines({{"name", "a\x1b[2Jb"}, {"plain", "St Anna"}});
    EXPECT_EQ(lines.find('\x1b'), std::string::npos);
    EXPECT_THAT(lines, HasSubstr("plain: St Anna\n"));
}

}  // namespace
}  // namespace consilium::wallet
