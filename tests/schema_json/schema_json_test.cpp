// JSON rendering: complete over the tables, exact both ways, bounded on input.
#include <gtest/gtest.h>

#include "contracts/schema/arguments.hpp"
#include "contracts/schema/invitation.hpp"
#include "contracts/schema/keys.hpp"
#include "contracts/schema/membership.hpp"
#include "contracts/schema/rotation.hpp"
#include "contracts/schema/table.hpp"
#include "contracts/schema_json/genesis_json.hpp"
#include "contracts/schema_json/json_text.hpp"
#include "contracts/schema_json/render.hpp"
#include "contracts/schema_json/tables.hpp"

namespace consilium::schema {
namespace {

Genesis make_genesis() {
    Genesis genesis;
    genesis.chain_id = "test";
    genesis.time = TimeMs{5};
    for (int i = 0; i < 4; ++i) {
        genesis.organisations.push_back({"Hospital " + std::to_string(i),
                                         KeyPair::generate().public_key(),
                                         KeyPair::generate().public_key()});
    }
    genesis.parameters = encode(Parameters{});
    return genesis;
}

TEST(SchemaJson, every_action_of_the_table_has_arguments_that_can_be_parsed) {
    for (const ActionInfo& info : action_table()) {
        const auto parsed = parse_arguments(static_cast<std::uint16_t>(info.module), info.action,
                                            nlohmann::json::object());
        if (!parsed) {
            EXPECT_NE(parsed.error().code, ErrorCode::kNotFound) << info.name;
        }
    }
}

TEST(SchemaJson, arguments_survive_the_way_through_json) {
    const Vote vote{.proposal = (std::uint64_t{1} << 60U) + 1, .is_yes = true};
    const auto module = static_cast<std::uint16_t>(Module::kGovernance);
    const auto json = render_arguments(module, action::kVote, encode(vote));
    EXPECT_EQ(json["proposal"], "1152921504606846977");  // over 2^53: text, not a rounded number
    const auto parsed = parse_arguments(module, action::kVote, json);
    ASSERT_TRUE(parsed) << parsed.error().context;
    EXPECT_EQ(*parsed, encode(vote));
}

TEST(SchemaJson, messages_of_the_preparation_survive_the_way_through_json) {
    const auto module = static_cast<std::uint16_t>(Module::kVerification);
    const auto survives = [&](std::uint16_t number, const Bytes& arguments) {
        const auto json = render_arguments(module, number, arguments);
        const auto parsed = parse_arguments(module, number, nlohmann::json::parse(json.dump()));
        ASSERT_TRUE(parsed) << parsed.error().context;
        EXPECT_EQ(*parsed, arguments);
    };
    const BatchLabel label{1, 4};
    survives(action::kPrepWeights, encode(PrepWeights{label, {Digest{}, 328}}));
    survives(action::kPrepCheck, encode(PrepCheck{label, {1, (std::uint64_t{1} << 60U) + 1}}));
    survives(action::kPrepReveal,
             encode(PrepReveal{label, {KeyBytes{1}, KeyBytes{2}}, {KeyBytes{3}}}));
    survives(action::kCoinShare, encode(CoinShare{CoinKind::kTest, {1, 2, 3, 4}, {5, 6, 7}}));
    const auto json = render_arguments(module, action::kCoinShare,
                                       encode(CoinShare{CoinKind::kChi, {1, 0, 0, 4}, {5, 6, 7}}));
    EXPECT_EQ(json["kind"], "chi");
}

TEST(SchemaJson, changes_of_validators_and_keys_survive_the_way_through_json) {
    const PublicKey key = KeyPair::generate().public_key();
    const ChangeValidators change{Epoch{3}, Height{900}, {{"St Anna", key, "anna.example:27000"}}};
    const auto payload = render_proposal_payload(
        static_cast<std::uint16_t>(ProposalKind::kChangeValidators), encode(change));
    EXPECT_EQ(payload["validators"][0]["organisation"], "St Anna");
    EXPECT_EQ(payload["activation"], 900);
    const auto parsed =
        parse_proposal_payload("change_validators", nlohmann::json::parse(payload.dump()));
    ASSERT_TRUE(parsed) << parsed.error().context;
    EXPECT_EQ(*parsed, encode(change));
    const MembershipReference cancelled{Epoch{3}};
    const auto reference = render_proposal_payload(
        static_cast<std::uint16_t>(ProposalKind::kCancelValidatorChange), encode(cancelled));
    EXPECT_EQ(parse_proposal_payload("cancel_validator_change", reference).value(),
              encode(cancelled));
    RotateKey rotation{key, {}};
    rotation.possession.bytes.fill(7);
    const auto module = static_cast<std::uint16_t>(Module::kRegistration);
    const auto json = render_arguments(module, action::kRotateKey, encode(rotation));
    EXPECT_EQ(json["successor"], key.hex());
    EXPECT_EQ(parse_arguments(module, action::kRotateKey, json).value(), encode(rotation));
    const Invite invite{key, Role::kTrainer, "St Anna"};
    const auto guest = render_arguments(module, action::kInvite, encode(invite));
    EXPECT_EQ(guest["role"], "trainer");
    EXPECT_EQ(parse_arguments(module, action::kInvite, guest).value(), encode(invite));
    const MembershipRecord record{Epoch{3}, change.validators, change};
    const auto shown = render_record(keys::membership(), encode(record));
    EXPECT_EQ(shown["record"], "membership");
    EXPECT_EQ(shown["value"]["pending"]["epoch"], 3);
}

TEST(SchemaJson, task_survives_the_way_through_json) {
    TaskSpec spec;
    spec.name = "wdbc";
    spec.model = {ModelKind::kMlp, {30, 16, 1}};
    spec.data_weights = {{KeyPair::generate().public_key(), 3}};
    spec.privacy = PrivacyTerms{.clip = 500'000, .noise = 50'000, .delta_bits = 17};
    const auto json = nlohmann::json::parse(to_json_value(spec).dump());
    const auto parsed = from_json_value<TaskSpec>(json);
    ASSERT_TRUE(parsed) << parsed.error().context;
    EXPECT_EQ(*parsed, spec);
    EXPECT_EQ(json["model"]["layers"], nlohmann::json({30, 16, 1}));
    EXPECT_EQ(json["privacy"]["noise"], 50'000);
    spec.privacy.reset();
    EXPECT_TRUE(to_json_value(spec)["privacy"].is_null());
}

TEST(SchemaJson, errors_name_the_field) {
    auto json = to_json_value(Vote{});
    json["is_yes"] = "maybe";
    EXPECT_NE(from_json_value<Vote>(json).error().context.find("is_yes"), std::string::npos);
    json = to_json_value(Vote{});
    json["extra"] = 1;
    EXPECT_NE(from_json_value<Vote>(json).error().context.find("extra: unknown"),
              std::string::npos);
    json = to_json_value(Vote{});
    json.erase("proposal");
    EXPECT_NE(from_json_value<Vote>(json).error().context.find("proposal: is missing"),
              std::string::npos);
    json = to_json_value(Vote{});
    json["proposal"] = -1;
    EXPECT_FALSE(from_json_value<Vote>(json));
    json["proposal"] = 1.5;
    EXPECT_FALSE(from_json_value<Vote>(json));
    auto task = to_json_value(TaskSpec{});
    task["schedule"] = "sometimes";
    EXPECT_NE(from_json_value<TaskSpec>(task).error().context.find("schedule"), std::string::npos);
}

TEST(SchemaJson, genesis_survives_the_way_through_its_file) {
    const Genesis genesis = make_genesis();
    const auto decoded = decode_genesis_json(genesis_to_json(genesis).dump(2));
    ASSERT_TRUE(decoded) << decoded.error().context;
    EXPECT_EQ(decoded->hash(), genesis.hash());
}

TEST(SchemaJson, genesis_with_a_key_twice_is_refused_by_name) {
    auto json = genesis_to_json(make_genesis());
    json["organisations"][1]["council_key"] = json["organisations"][0]["council_key"];
    const auto decoded = decode_genesis_json(json.dump());
    ASSERT_FALSE(decoded);
    EXPECT_NE(decoded.error().context.find("used twice"), std::string::npos);
}

TEST(SchemaJson, undecodable_bytes_are_shown_as_hexadecimal) {
    EXPECT_EQ(render_arguments(2, action::kVote, Bytes{1})["hex"], "01");
    EXPECT_EQ(render_event({99, 1, Bytes{2}})["payload"]["hex"], "02");
    EXPECT_EQ(render_record(keys::parameters(), Bytes{3})["value"]["hex"], "03");
}

TEST(SchemaJson, text_that_is_no_utf8_is_shown_with_replacements) {
    const Register arguments{.role = Role::kTrainer, .organisation = "a\xff\xfe"};
    const auto module = static_cast<std::uint16_t>(Module::kRegistration);
    const auto json = render_arguments(module, action::kRegister, encode(arguments));
    EXPECT_EQ(json["organisation"], "a\xEF\xBF\xBD\xEF\xBF\xBD");
    EXPECT_FALSE(json.dump().empty());  // throws on anything but UTF-8
}

TEST(JsonText, deep_or_long_or_broken_text_is_refused) {
    EXPECT_TRUE(parse_json("{\"a\":[1,2,\"]]]]\"]}"));
    EXPECT_FALSE(parse_json(std::string(100'000, '[')));
    EXPECT_FALSE(parse_json("{\"a\":"));
    EXPECT_EQ(parse_json("[1,2,3]", 3).error().code, ErrorCode::kLimitExceeded);
}

}  // namespace
}  // namespace consilium::schema
