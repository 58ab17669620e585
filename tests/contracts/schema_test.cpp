// The schema: names, bounds, tables, keys; and encodings frozen for ever.
#include <gtest/gtest.h>

#include <set>

#include "contracts/schema/codes.hpp"
#include "contracts/schema/dispute_records.hpp"
#include "contracts/schema/membership.hpp"
#include "contracts/schema/names.hpp"
#include "contracts/schema/reference_set.hpp"
#include "contracts/schema/rotation.hpp"
#include "contracts/schema/table.hpp"
#include "fl_engine/smpc/verdict.hpp"
#include "tests/contracts/chain.hpp"

namespace consilium::schema {
namespace {

using contracts::testing::key_of;
using contracts::testing::test_task;

TEST(NamesTest, allowed_names_fold_and_others_are_refused) {
    EXPECT_EQ(fold_name("St. Mary's (North) & Sons, 2-3"), "st. mary's (north) & sons, 2-3");
    EXPECT_EQ(fold_name("H\xC3\x94PITAL \xC5\x81\xC3\x93"
                        "D\xC5\xB9"),
              "h\xC3\xB4pital \xC5\x82\xC3\xB3"
              "d\xC5\xBA");
    EXPECT_EQ(fold_name("\xC5\xB8"), "\xC3\xBF");
    EXPECT_TRUE(is_valid_name(std::string(64, 'x')));
    EXPECT_TRUE(is_valid_name("\xC3\x9F"));
    std::string long_letters;
    for (int i = 0; i < 64; ++i) long_letters += "\xC3\xA9";
    EXPECT_TRUE(is_valid_name(long_letters));
    for (const std::string& name :
         {std::string(), std::string(65, 'x'), std::string(" a"), std::string("a "),
          std::string("a  b"), std::string("a/b"), std::string("a\nb"), std::string("<b>"),
          std::string("\xC3\x97"), std::string("\xC3\xB7"), std::string("\xC6\x80"),
          std::string("\xE2\x82\xAC"), std::string("\xC3"), std::string("\xC0\x80"),
          std::string("a\0b", 3)}) {
        EXPECT_FALSE(is_valid_name(name)) << to_hex(as_bytes(name));
    }
}

TEST(ParametersTest, defaults_are_valid_and_bounds_are_named) {
    EXPECT_EQ(find_out_of_bounds(Parameters{}), nullptr);
    Parameters parameters;
    parameters.expiry_horizon_blocks = 15;
    EXPECT_STREQ(find_out_of_bounds(parameters), "expiry_horizon_blocks");
    parameters = {};
    parameters.setup_window.blocks = 0;
    EXPECT_STREQ(find_out_of_bounds(parameters), "setup_window");
    parameters = {};
    parameters.preparation_window.ms = kMaxWindow.ms + 1;
    EXPECT_STREQ(find_out_of_bounds(parameters), "preparation_window");
}

TEST(TaskTest, parameter_counts_follow_the_layers) {
    EXPECT_EQ(parameter_count({ModelKind::kMlp, {30, 16, 1}}), 513U);
    EXPECT_EQ(parameter_count({ModelKind::kLogistic, {30, 1}}), 31U);
    EXPECT_EQ(parameter_count({ModelKind::kLogistic, {30, 2}}), std::nullopt);
    EXPECT_EQ(parameter_count({ModelKind::kLogistic, {30, 4, 1}}), std::nullopt);
    EXPECT_EQ(parameter_count({ModelKind::kMlp, {30}}), std::nullopt);
    EXPECT_EQ(parameter_count({ModelKind::kMlp, {30, 0, 1}}), std::nullopt);
    EXPECT_EQ(parameter_count({ModelKind::kMlp, {1U << 20, 1U << 20, 1}}), std::nullopt);
    EXPECT_EQ(parameter_count({ModelKind::kMlp, {0xFFFFFFFF, 0xFFFFFFFF}}), std::nullopt);
}

TEST(TaskTest, every_rule_of_a_task_is_checked) {
    EXPECT_EQ(find_fault(test_task()), nullptr);
    const auto is_faulty = [](auto change) {
        TaskSpec spec = test_task();
        change(spec);
        return find_fault(spec) != nullptr;
    };
    EXPECT_TRUE(is_faulty([](TaskSpec& s) { s.name = ""; }));
    EXPECT_TRUE(is_faulty([](TaskSpec& s) { s.data_schema = "a;b"; }));
    EXPECT_TRUE(is_faulty([](TaskSpec& s) { s.model.layers = {}; }));
    EXPECT_TRUE(is_faulty([](TaskSpec& s) { s.model = {ModelKind::kLogistic, {14, 1}}; }));
    EXPECT_TRUE(is_faulty([](TaskSpec& s) { s.rounds = 0; }));
    EXPECT_TRUE(is_faulty([](TaskSpec& s) { s.training.epochs = 0; }));
    EXPECT_TRUE(is_faulty([](TaskSpec& s) { s.training.learning_rate_micros = 0; }));
    EXPECT_TRUE(is_faulty([](TaskSpec& s) { s.nu = 15; }));
    EXPECT_TRUE(is_faulty([](TaskSpec& s) { s.nu = 24; }));
    EXPECT_TRUE(is_faulty([](TaskSpec& s) { s.malicious_max = 0; }));
    EXPECT_TRUE(is_faulty([](TaskSpec& s) { s.malicious_max = 2; }));  // d < 48
    EXPECT_FALSE(is_faulty([](TaskSpec& s) {
        s.malicious_max = 2;
        s.mode = Mode::kSum;
    }));
    EXPECT_TRUE(is_faulty([](TaskSpec& s) { s.clip_min = 0; }));
    EXPECT_TRUE(is_faulty([](TaskSpec& s) { s.clip_initial = s.clip_max + 1; }));
    EXPECT_TRUE(is_faulty([](TaskSpec& s) { s.windows.submit.blocks = 0; }));
    EXPECT_TRUE(is_faulty([](TaskSpec& s) { s.windows.range.blocks = 0; }));
    EXPECT_TRUE(is_faulty([](TaskSpec& s) { s.data_weights = {{key_of("a"), 17}}; }));
    EXPECT_TRUE(is_faulty([](TaskSpec& s) {
        s.data_weights = {{key_of("a"), 2}, {key_of("a"), 2}};
    }));
    EXPECT_TRUE(is_faulty([](TaskSpec& s) { s.is_reference_required = true; }));
    EXPECT_TRUE(is_faulty([](TaskSpec& s) {
        s.reference_set = sha256(as_bytes("set"));
        s.model.layers = {3, 8, 2};
    }));
    EXPECT_FALSE(is_faulty([](TaskSpec& s) {
        s.reference_set = sha256(as_bytes("set"));
        s.is_reference_required = true;
    }));
}

TEST(TableTest, numbers_and_names_are_unique) {
    std::set<std::pair<std::uint16_t, std::uint16_t>> numbers;
    std::set<std::pair<std::string_view, std::string_view>> names;
    for (const ActionInfo& info : action_table()) {
        EXPECT_TRUE(numbers.emplace(static_cast<std::uint16_t>(info.module), info.action).second);
        EXPECT_TRUE(names.emplace(info.module_name, info.name).second);
        EXPECT_EQ(find_action(info.module_name, info.name), &info);
        EXPECT_EQ(find_action(static_cast<std::uint16_t>(info.module), info.action), &info);
    }
    EXPECT_EQ(find_action(1, 99), nullptr);
    numbers.clear();
    for (const EventInfo& info : event_table()) {
        EXPECT_TRUE(numbers.emplace(static_cast<std::uint16_t>(info.module), info.kind).second);
        EXPECT_EQ(find_event(static_cast<std::uint16_t>(info.module), info.kind), &info);
    }
}

TEST(TableTest, codes_have_stable_numbers_and_distinct_names) {
    std::set<std::string_view> names;
    for (std::uint16_t number = 0; number < 1000; ++number) {
        if (const auto code = find_code(number)) {
            EXPECT_TRUE(names.insert(to_string(*code)).second);
        }
    }
    EXPECT_EQ(names.size(), 79U);
    EXPECT_EQ(static_cast<int>(Code::kExpired), 3);
    EXPECT_EQ(static_cast<int>(Code::kNonceUsed), 5);
    EXPECT_EQ(static_cast<int>(Code::kBadArguments), 22);
    EXPECT_EQ(static_cast<int>(Code::kWrongPhase), 24);
    EXPECT_TRUE(is_admission(Code::kBadSignature));
    EXPECT_FALSE(is_admission(Code::kUnknownAction));
}

TEST(TableTest, blobs_are_named_by_the_actions_that_have_one) {
    Transaction transaction;
    const auto set = [&](Module module, std::uint16_t number, Bytes arguments) {
        transaction.module = static_cast<std::uint16_t>(module);
        transaction.action = number;
        transaction.arguments = std::move(arguments);
    };
    const BlobName blob{sha256(as_bytes("blob")), 328};
    const RoundLabel label{3, 9, 1, 5};
    const BlobReference of_client{blob.sha256, 328, BlobKind::kVector, BatchLabel{3, 5}};
    set(Module::kSubmission, action::kSubmit, encode(Submit{label, 1, blob}));
    EXPECT_EQ(blob_reference(transaction), of_client);
    set(Module::kSubmission, action::kPledge, encode(Pledge{{}, 1, blob}));
    EXPECT_EQ(blob_reference(transaction), std::nullopt);
    set(Module::kSubmission, action::kRange, encode(Range{label, 1, blob}));
    EXPECT_EQ(blob_reference(transaction), of_client);
    set(Module::kVerification, action::kKeyCommit, encode(KeyCommit{1, {}, blob}));
    EXPECT_EQ(blob_reference(transaction)->kind, BlobKind::kCiphertext);
    set(Module::kVerification, action::kClientKeys, encode(ClientKeys{1, 1, blob}));
    EXPECT_EQ(blob_reference(transaction)->kind, BlobKind::kCiphertext);
    set(Module::kVerification, action::kPrepWeights, encode(PrepWeights{{}, blob}));
    EXPECT_EQ(blob_reference(transaction)->kind, BlobKind::kVector);
    set(Module::kVerification, action::kAggregate, encode(Aggregate{{}, blob}));
    EXPECT_EQ(blob_reference(transaction)->kind, BlobKind::kVector);
    transaction.arguments.pop_back();
    EXPECT_EQ(blob_reference(transaction), std::nullopt);
    EXPECT_GT(transaction_cost(transaction), 5000U);
}

TEST(BlobTest, a_vector_holds_only_field_elements) {
    EXPECT_TRUE(contracts::check_blob(BlobKind::kVector, Bytes(16, 0x0F)));
    EXPECT_FALSE(contracts::check_blob(BlobKind::kVector, Bytes(16, 0xFF)));
    EXPECT_FALSE(contracts::check_blob(BlobKind::kVector, Bytes(15, 0)));
    EXPECT_TRUE(contracts::check_blob(BlobKind::kCiphertext, Bytes(15, 0xFF)));
    const Bytes prime{0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x1F};
    EXPECT_FALSE(contracts::check_blob(BlobKind::kVector, prime));
}

TEST(KeysTest, keys_are_readable_and_big_endian) {
    EXPECT_EQ(to_hex(keys::round(7)), "726f756e642f0000000000000007");
    EXPECT_EQ(to_hex(keys::batch({1, 258})), "62617463682f00000000000000010000000000000102");
    EXPECT_EQ(to_hex(keys::model(3, 4)), "6d6f64656c2f0000000300000004");
    EXPECT_EQ(to_hex(keys::privacy(3, 4)), "707269766163792f0000000300000004");
    EXPECT_EQ(keys::record_name(keys::privacy(0, 1)), "privacy");
    EXPECT_EQ(to_hex(keys::stat1(2, 5)), "73746174312f00000000000000020005");
    EXPECT_EQ(keys::account(key_of("a")).size(), 8U + 32);
    EXPECT_EQ(keys::record_name(keys::pledge({1, 2}, 3)), "pledge");
    EXPECT_EQ(keys::record_name(keys::range({1, 2}, 3)), "range");
    EXPECT_EQ(keys::record_name(keys::aggregate_ok(1, 2)), "aggregate_ok");
    EXPECT_EQ(to_hex(keys::epoch_void(1)), "65706f63685f766f69642f0000000000000001");
    EXPECT_EQ(keys::record_name(keys::epoch_void(1)), "epoch_void");
    EXPECT_EQ(keys::record_name(keys::mpc()), "mpc");
    EXPECT_EQ(keys::record_name(as_bytes("unknown/1")), "");
    EXPECT_EQ(keys::record_name({}), "");
}

RoundLabel sample_label() {
    return {.mpc_epoch = 1, .round = 2, .attempt = 3, .batch = 4};
}

// Encodings of the chain are never changed silently: their digests stand here.
TEST(FrozenTest, encodings_have_not_changed) {
    const BlobName blob{sha256(as_bytes("blob")), 328};
    EpochRecord epoch;
    epoch.members = {key_of("a"), key_of("b")};
    epoch.clients = {key_of("c")};
    epoch.bundles = {3};
    epoch.live_batches = {1, 2};
    RoundRecord round;
    round.label = sample_label();
    round.terms.model = blob;
    round.norms = {-1, 5};
    round.dither_bits = 14;
    BatchRecord batch;
    batch.label = {1, 4};
    batch.state = BatchState::kSacrifice;
    batch.posters = batch.delta_posters = 7;
    batch.delta = {5, 6};
    batch.weight_base = {1, 2};
    const std::vector<std::pair<std::string, std::string>> frozen{
        {to_hex(encode(sample_label())),
         "01000000000000000200000000000000030000000400000000000000"},
        {sha256(encode(Pledge{sample_label(), 1, blob})).hex(),
         "6be40b2d64251e399bfb791c4b5dde24fbd1e9e6ac6be58ffedc70c00b095a89"},
        {sha256(encode(Range{sample_label(), 1, blob})).hex(),
         "6be40b2d64251e399bfb791c4b5dde24fbd1e9e6ac6be58ffedc70c00b095a89"},
        {sha256(encode(Parameters{})).hex(),
         "a7c76fee646e5c8e04d69adb3ea03df1eb5ed28e3a56817a887d294b6af93c4a"},
        {sha256(encode(test_task())).hex(),
         "319a0c2ec2dd07de6e29293c20f012690cf51025e7b71ec54e537d4d927cc9e7"},
        {sha256(encode(epoch)).hex(),
         "9fe061ea377bae36183f89730e97e936e9ec8680b02d40b574ab1dedb5fd5f5d"},
        {sha256(encode(round)).hex(),
         "e991e88c2c6d1006a1cce5f1dcb21b2b8993700e78766095abed57c81560be9c"},
        {to_hex(encode(CoinShare{CoinKind::kTest, sample_label(), {1, 2, 3}})),
         "03010000000000000002000000000000000300000004000000000000000300000001000000000000"
         "0002000000000000000300000000000000"},
        {to_hex(encode(PrepWeights{{1, 4}, blob})),
         "01000000000000000400000000000000fa2c8cc4f28176bbeed4b736df569a34c79cd3723e9ec42f"
         "9674b4d46ac6b8b84801000000000000"},
        {to_hex(encode(PrepCheck{{1, 4}, {7, 9}})),
         "010000000000000004000000000000000200000007000000000000000900000000000000"},
        {sha256(encode(PrepReveal{{1, 4}, {KeyBytes{1}, KeyBytes{2}}, {KeyBytes{3}}})).hex(),
         "06fcc9960deacb1a23a9916d2ebb1732e0c6e626c36cca403d75f0d38ce93ade"},
        {to_hex(encode(ExclusionRecord{{1, 4}, DisputeKind::kCheck, 3, 3, 2, 10, 11})),
         "01000000000000000400000000000000020300030002000a000000000000000b00000000000000"},
        {sha256(encode(batch)).hex(),
         "f277fca249113e42332015d2d1c79f4b536dbe4c602efff3ccc82c0d84f38df8"},
        {sha256(encode(VerdictRecord{.label = sample_label(),
                                     .clients = {{1, ClientCode::kAgree, true, 9, 3}},
                                     .dither_bits = {},
                                     .weight_sum = 3,
                                     .clip_next = 5,
                                     .is_cancelled = false}))
             .hex(),
         "ba89ad611cfc45b555cb1ee18a440638c8d5f9a28dfa8b75f6ff5cc59ff94a68"},
        {to_hex(encode(EpochReference{258})), "0201000000000000"},
        {to_hex(encode(EpochVoidRecord{0x105})), "0501"},
        {to_hex(encode(PrivacyTerms{.clip = 1, .noise = 2, .delta_bits = 3})),
         "010000000200000003"},
        {to_hex(encode(PrivacyRecord{1, 2, 3, 4, 5, 6, 7, 8, 9, 10})),
         "01000000020000000304000000050000000600000000000000070000000000000008000000000000000900"
         "0000000000000a00000000000000"},
        {to_hex(encode(PrivacySpent{{}, PrivacyLevel::kCentral, {{1, 2, 3}}})),
         "00000000000000000000000000000000000000000000000000000000020100000001000000020000000000"
         "00000300000000000000"},
    };
    for (const auto& [now, then] : frozen) EXPECT_EQ(now, then);
}

TEST(FrozenTest, encodings_of_references_have_not_changed) {
    const BlobName blob{sha256(as_bytes("blob")), 328};
    ReferenceSet set;
    set.data_schema = "heart";
    set.columns = {{"age"}, {"cp=typical"}};
    set.labels = {0, 1};
    set.features = {-1, 2, 3, -4};
    RoundRecord round;
    round.label = sample_label();
    round.terms.reference_set = blob.sha256;
    round.terms.is_reference_required = true;
    round.reference = AgreedReference{blob.sha256, 99};
    round.reference_products = {7, -8};
    const std::vector<std::pair<std::string, std::string>> frozen{
        {to_hex(encode(ReferenceUpdate{2, {{}, 16}, 77})),
         "0200000000000000" + std::string(64, '0') + "10000000000000004d00000000000000"},
        {to_hex(encode(set)),
         "434f4e53524546310500000068656172740200000003000000616765"
         "0a00000063703d7479706963616c02000000000104000000"
         "ffffffffffffffff02000000000000000300000000000000fcffffffffffffff"},
        {sha256(encode(ReferenceSetApproval{blob, 3, true})).hex(),
         "5937cf1627801a2e003612f27703d256b09ab3ac8397bb6e2097bde079dde085"},
        {sha256(encode(DataWeights{4, {{key_of("a"), 5}}})).hex(),
         "362729139fbd0ce97ecf792858753656decf75063693cfb7cd0228795539c186"},
        {to_hex(encode(RuleChoice{4, 2})), "040000000200"},
        {sha256(encode(ReferenceSetRecord{blob, "heart", 15, 40, 24, Height{9}})).hex(),
         "cb63930546fd430b4f52f72f567c7fe12e67d97e7f073cfb9f34b93e92760373"},
        {sha256(encode(ReferenceFixed{sample_label(), {blob.sha256, 99}})).hex(),
         "793b3fed443a5cde20ccf112e9e877ab634f941944f7a8a9a411182dadddab4c"},
        {sha256(encode(SubmissionsClosed{sample_label(), 5, blob.sha256})).hex(),
         "699c5618a6ce7a17b45e7abcd6c62c4ee082206fb614492a2d8a1ae031ec2644"},
        {sha256(encode(Statistics{sample_label(), Mode::kSum, {1}, {2}, {3}, {4}})).hex(),
         "49055f54d1cf9646e85ae7b720a0b8cf95c52d36acd24c360542bc2ae43ff986"},
        {sha256(encode(round)).hex(),
         "c0c37bff46f75904fa5848cdb75a03f896f0db2e6a65ed065db280fe5c559193"},
    };
    for (const auto& [now, then] : frozen) EXPECT_EQ(now, then);
}

TEST(FrozenTest, encodings_of_changes_of_validators_and_keys_have_not_changed) {
    const ChangeValidators change{Epoch{2}, Height{300}, {{"A", key_of("a"), "a:1"}}};
    const MembershipRecord record{Epoch{2}, change.validators, change};
    Signature signature;
    signature.bytes.fill(7);
    const std::vector<std::pair<std::string, std::string>> frozen{
        {sha256(encode(change)).hex(),
         "8d4a887ecb1196680b5ee0f058bcd976ae2fa9f098cfaf67e40a11b95d08b0ec"},
        {sha256(encode(record)).hex(),
         "50f2a96fcd772f99d3b7212536afeb998eff85106cbb03f7f8df6a8dfc00c811"},
        {sha256(encode(MembershipChanged{Epoch{3}, change.validators, {key_of("b")}})).hex(),
         "16f15fe6157d739d9762fa4771f54a046050686408d5c4099023b90fdb3d68e4"},
        {to_hex(encode(MembershipReference{Epoch{5}})), "0500000000000000"},
        {sha256(encode(RotateKey{key_of("b"), signature})).hex(),
         "c0591eac38b9ebeee005cafcd140bf4b6259938cf7f2c1c31044495db488cd79"},
        {rotation_digest({"test-chain", sha256(as_bytes("genesis"))}, key_of("a"), key_of("b"))
             .hex(),
         "eeb0d0a177f99e0360268efe4b2b2e5b2751718d3bd7b015d91f894048380c86"},
    };
    for (const auto& [found, expected] : frozen) EXPECT_EQ(found, expected);
}

TEST(FrozenTest, invitations) {
    const Invite invite{key_of("a"), Role::kTrainer, "A"};
    const Invitation invitation{key_of("a"), Role::kOperator, "B", 7, true};
    EXPECT_EQ(to_hex(encode(invite)),
              "4da006f958beba78ec54443df4a3f52237253f7ae8cbdb17dccf3feaa57f3126040100000041");
    EXPECT_EQ(to_hex(encode(invitation)),
              "4da006f958beba78ec54443df4a3f52237253f7ae8cbdb17dccf3feaa57f3126"
              "0301000000420700000001");
    EXPECT_EQ(sha256(encode(InvitationsRecord{{invitation}})).hex(),
              "cd6d13cb2f54369550f8d0b2a557b4d412b739641e0dc4db98be2ac5af42f71c");
}

TEST(FrozenTest, the_history_record_is_what_the_verdict_rule_encodes) {
    smpc::VerdictHistory history = smpc::VerdictHistory::make(3);
    history.first_clip_norm = 77;
    history.products[4] = -9;
    history.leave_out[1] = 12;
    const auto record = decode<HistoryRecord>(encode(history));
    ASSERT_TRUE(record.has_value());
    EXPECT_EQ(record->products, history.products);
    EXPECT_EQ(record->leave_out, history.leave_out);
    EXPECT_EQ(encode(*record), encode(history));
}

template <typename T>
void expect_strict_decoding(const T& value) {
    const Bytes encoded = encode(value);
    EXPECT_EQ(decode<T>(encoded).value(), value);
    for (std::size_t length = 0; length < encoded.size(); ++length) {
        EXPECT_FALSE(decode<T>(ByteView(encoded).first(length)).has_value());
    }
    Bytes longer = encoded;
    longer.push_back(0);
    EXPECT_FALSE(decode<T>(longer).has_value());
    for (std::size_t bit = 0; bit < 8 * encoded.size(); ++bit) {
        Bytes flipped = encoded;
        flipped[bit / 8] ^= static_cast<std::uint8_t>(1U << (bit % 8));
        const auto decoded = decode<T>(flipped);
        if (decoded) {
            EXPECT_EQ(encode(*decoded), flipped);
        }
    }
}

TEST(DecodingTest, every_truncation_and_bit_flip_is_refused_or_means_something_else) {
    const BlobName blob{sha256(as_bytes("blob")), 328};
    expect_strict_decoding(Register{Role::kAuditor, "Clinic"});
    expect_strict_decoding(Propose{ProposalKind::kCloseTask, encode(TaskReference{1})});
    expect_strict_decoding(Pledge{sample_label(), 1, blob});
    expect_strict_decoding(Range{sample_label(), 1, blob});
    expect_strict_decoding(RangeRecord{blob, Height{7}});
    expect_strict_decoding(RangesClosed{sample_label(), 5});
    expect_strict_decoding(KeyCommit{1, {{7, 0, blob.sha256}}, blob});
    expect_strict_decoding(StatShare{sample_label(), {1, 2, 3}});
    expect_strict_decoding(ReferenceUpdate{2, blob, 77});
    expect_strict_decoding(ReferenceSetApproval{blob, 3, true});
    expect_strict_decoding(DataWeights{4, {{key_of("a"), 5}}});
    expect_strict_decoding(RuleChoice{4, 2});
    expect_strict_decoding(test_task());
    TaskSpec noised = test_task();
    noised.privacy = PrivacyTerms{.clip = 5, .noise = 6, .delta_bits = 7};
    expect_strict_decoding(noised);
    expect_strict_decoding(PrivacyRecord{1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
    expect_strict_decoding(PrivacySpent{sample_label(), PrivacyLevel::kLocal, {{1, 2, 3}}});
    expect_strict_decoding(Parameters{});
}

}  // namespace
}  // namespace consilium::schema
