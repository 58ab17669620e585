// Silent and lying validators, missing clients, a setup that goes wrong.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/mpc/world.hpp"
#include "tests/smpc/consortium.hpp"

namespace consilium::mpc::testing {
namespace {

namespace action = schema::action;
namespace event = schema::event;
using schema::BatchState;
using schema::ClientCode;
using schema::EpochPhase;
using schema::Mode;
using schema::Phase;

constexpr std::uint64_t kError = 12'345;

std::uint16_t member_of(const World& world, std::size_t validator) {
    return world.epoch()->find_member(world.validators[validator]->key.public_key()).value();
}
std::size_t validator_of(const World& world, std::uint16_t member) {
    for (std::size_t i = 0; i < world.validators.size(); ++i) {
        if (member_of(world, i) == member) return i;
    }
    return world.validators.size();
}

// Adds to the last value that the message carries.
void falsify(Outgoing& outgoing, std::uint64_t error) {
    const auto add = [&](std::uint64_t& word) { word = smpc::Field61::add(word, error); };
    if (outgoing.action == action::kStat1 || outgoing.action == action::kStat2) {
        auto arguments = decode<schema::StatShare>(outgoing.arguments).value();
        add(arguments.values.back());
        outgoing.arguments = encode(arguments);
    } else if (outgoing.action == action::kCoinShare) {
        auto arguments = decode<schema::CoinShare>(outgoing.arguments).value();
        add(arguments.values.back());
        outgoing.arguments = encode(arguments);
    } else if (outgoing.action == action::kPrepShare) {
        auto arguments = decode<schema::PrepShare>(outgoing.arguments).value();
        add(arguments.values.back());
        outgoing.arguments = encode(arguments);
    } else if (outgoing.action == action::kAggregate) {
        auto arguments = decode<schema::Aggregate>(outgoing.arguments).value();
        auto words = smpc::decode_words(outgoing.blobs[0], outgoing.blobs[0].size() / 8).value();
        add(words.back());
        outgoing.blobs[0] = smpc::encode_words(words);
        arguments.share = {sha256(outgoing.blobs[0]), outgoing.blobs[0].size()};
        outgoing.arguments = encode(arguments);
    } else if (outgoing.action == action::kAggregateOk) {
        auto arguments = decode<schema::AggregateOk>(outgoing.arguments).value();
        arguments.sha256.bytes[0] ^= 1;
        outgoing.arguments = encode(arguments);
    }
}

class SilentValidator
    : public ::testing::TestWithParam<std::tuple<std::uint32_t, Phase, std::uint16_t>> {};

TEST_P(SilentValidator, round_ends_without_it_and_it_takes_part_again_later) {
    const auto [n, phase, member] = GetParam();
    World world({.validators = n,
                 .mode = Mode::kPairwise,
                 .rounds = 3,
                 .is_wide = phase == Phase::kCoinRange});
    ASSERT_TRUE(world.run_until([&, wanted = phase] { return world.is_in(wanted); }));
    const std::size_t silent = validator_of(world, member);
    world.validators[silent]->is_silent = true;
    ASSERT_TRUE(world.run_rounds(1));
    world.validators[silent]->is_silent = false;
    ASSERT_TRUE(world.run_rounds(3));
    for (const schema::RoundResult& result : world.results()) {
        world.expect_result_is_plain_sum(result);
    }
    const auto last = world.find<schema::RoundRecord>(schema::keys::round(3)).value();
    EXPECT_NE(last.stat1_posters & schema::member_bit(member), 0);
    EXPECT_NE(last.stat2_posters & schema::member_bit(member), 0);
    EXPECT_TRUE(world.faults().empty());
    EXPECT_TRUE(world.is_consistent());
}

INSTANTIATE_TEST_SUITE_P(Phases, SilentValidator,
                         ::testing::Combine(::testing::Values(4U, 7U),
                                            ::testing::Values(Phase::kCoinRange, Phase::kCoinTest,
                                                              Phase::kStat1, Phase::kStat2,
                                                              Phase::kAggregate),
                                            ::testing::Values(std::uint16_t{1}, std::uint16_t{4})));

class LyingValidators
    : public ::testing::TestWithParam<std::tuple<std::uint32_t, std::uint16_t, bool, Mode>> {};

TEST_P(LyingValidators, shares_are_corrected_and_exactly_the_liars_are_named) {
    const auto [n, kind, are_first, mode] = GetParam();
    const bool is_wide = kind == action::kCoinShare && mode == Mode::kPairwise && n == 4;
    World world({.validators = n, .mode = mode, .rounds = 2, .is_wide = is_wide});
    ASSERT_TRUE(world.run_until([&] { return world.is_in(Phase::kSubmitting); }));
    const std::uint16_t t = static_cast<std::uint16_t>((n - 1) / 3);
    std::set<std::uint16_t> liars;
    for (std::uint16_t i = 1; i <= t; ++i) {
        liars.insert(are_first ? i : static_cast<std::uint16_t>(n + 1 - i));
    }
    for (const std::uint16_t member : liars) {
        world.validators[validator_of(world, member)]->lie = [kind = kind, member](Outgoing& sent) {
            const bool is_sum = kind == action::kAggregate && (sent.action == action::kAggregate ||
                                                               sent.action == action::kAggregateOk);
            if (sent.action == kind || is_sum) falsify(sent, kError * member);
        };
    }
    ASSERT_TRUE(world.run_rounds(2));
    for (const schema::RoundResult& result : world.results()) {
        world.expect_result_is_plain_sum(result);
        std::set<std::uint16_t> named;
        for (const schema::FaultProved& fault : world.faults()) {
            if (fault.label.round == result.label.round) named.insert(fault.member);
        }
        EXPECT_EQ(named, liars) << "round " << result.label.round;
    }
    const bool has_fallback =
        !world.events_of<schema::PhaseChanged>(event::kAggregateFallback).empty();
    if (kind == action::kAggregate && are_first) {
        EXPECT_TRUE(has_fallback);
    }
    if (kind != action::kAggregate) {
        EXPECT_FALSE(has_fallback);
    }
    EXPECT_TRUE(world.is_consistent());
}

INSTANTIATE_TEST_SUITE_P(Kinds, LyingValidators,
                         ::testing::Combine(::testing::Values(4U, 7U),
                                            ::testing::Values(action::kCoinShare, action::kStat1,
                                                              action::kStat2, action::kAggregate),
                                            ::testing::Bool(),
                                            ::testing::Values(Mode::kPairwise, Mode::kSum)));

TEST(MissingClient, pledge_without_submission_leaves_an_unused_slot) {
    World world({.clients = 4, .rounds = 2});
    world.clients[1]->submits = false;
    ASSERT_TRUE(world.run_rounds(1));
    const std::uint16_t slot = world.epoch()->find_slot(world.clients[1]->key.public_key()).value();
    EXPECT_EQ(world.verdict(1).clients[slot - 1U].code, ClientCode::kNoSubmit);
    world.clients[1]->submits = true;
    ASSERT_TRUE(world.run_rounds(2));
    EXPECT_EQ(world.verdict(2).clients[slot - 1U].code, ClientCode::kOk);
    for (const schema::RoundResult& result : world.results()) {
        world.expect_result_is_plain_sum(result);
    }
}

TEST(MissingClient, submission_without_a_proof_is_left_out) {
    for (const bool is_wide : {false, true}) {
        World world({.clients = 4, .mode = Mode::kPairwise, .rounds = 2, .is_wide = is_wide});
        world.clients[1]->proves = false;
        ASSERT_TRUE(world.run_rounds(1));
        const std::uint16_t slot =
            world.epoch()->find_slot(world.clients[1]->key.public_key()).value();
        EXPECT_EQ(world.verdict(1).clients[slot - 1U].code, ClientCode::kNoRange);
        world.clients[1]->proves = true;
        ASSERT_TRUE(world.run_rounds(2));
        // It is judged again; that the rule's history lacks its first round may count against it.
        EXPECT_NE(world.verdict(2).clients[slot - 1U].code, ClientCode::kNoRange);
        const auto round = world.find<schema::RoundRecord>(schema::keys::round(2)).value();
        EXPECT_NE(round.passed & schema::slot_bit(slot), 0U);
        for (const schema::RoundResult& result : world.results()) {
            world.expect_result_is_plain_sum(result);
        }
        EXPECT_TRUE(world.is_consistent());
    }
}

TEST(MissingClient, too_few_proofs_abort_and_the_next_attempt_uses_new_coins) {
    World world({.clients = 3, .mode = Mode::kPairwise, .rounds = 1, .is_wide = true});
    world.clients[0]->proves = false;
    std::optional<Digest> first;
    ASSERT_TRUE(world.run_until([&] {
        const auto round = world.round();
        if (round && round->label.attempt == 0) first = round->range_seed;
        return round && round->label.attempt == 1;
    }));
    ASSERT_TRUE(first.has_value());
    world.clients[0]->proves = true;
    ASSERT_TRUE(world.run_rounds(1));
    const schema::RoundResult result = world.results()[0];
    EXPECT_EQ(result.label.attempt, 1U);
    EXPECT_NE(world.find<schema::RoundRecord>(schema::keys::round(1))->range_seed, first);
    world.expect_result_is_plain_sum(result);
    EXPECT_TRUE(world.is_consistent());
}

class CheatingClient : public ::testing::TestWithParam<bool> {};

TEST_P(CheatingClient, is_stopped_by_range_or_norm_and_the_rest_is_summed) {
    World world({.clients = 5, .mode = Mode::kPairwise, .rounds = 1, .is_wide = GetParam()});
    const auto wrapping = [](const schema::RoundRecord& round) {
        std::vector<smpc::Element> update(round.terms.dimension, 7);
        update[3] = std::uint64_t{1} << 31;
        return std::optional(update);
    };
    const auto oversized = [](const schema::RoundRecord& round) {
        const std::uint64_t b = std::uint64_t{1} << round.terms.nu;
        return std::optional(std::vector<smpc::Element>(round.terms.dimension, b / 6));
    };
    world.clients[0]->cheat = wrapping;
    world.clients[3]->cheat = oversized;
    ASSERT_TRUE(world.run_rounds(1));
    const auto code_of = [&](std::size_t client) {
        const auto slot = world.epoch()->find_slot(world.clients[client]->key.public_key());
        return world.verdict(1).clients[*slot - 1U].code;
    };
    EXPECT_EQ(code_of(0), ClientCode::kRangeFail);
    EXPECT_EQ(code_of(3), ClientCode::kNormFail);
    for (const std::size_t honest : {1U, 2U, 4U}) EXPECT_EQ(code_of(honest), ClientCode::kOk);
    world.expect_result_is_plain_sum(world.results()[0]);
    EXPECT_TRUE(world.is_consistent());
    EXPECT_TRUE(world.faults().empty());
}

INSTANTIATE_TEST_SUITE_P(Modes, CheatingClient, ::testing::Bool());

// Bytes that another client masked, or that this one masked for another batch: under the mask of
// its own batch they are a random vector.
class CopiedUpdate : public ::testing::TestWithParam<std::tuple<bool, bool>> {};

TEST_P(CopiedUpdate, is_a_random_vector_and_fails_the_range) {
    const auto [is_of_another, is_wide] = GetParam();
    World world({.clients = 4, .mode = Mode::kPairwise, .rounds = 2, .is_wide = is_wide});
    const std::size_t copier = 3;
    const std::size_t source = is_of_another ? 0 : copier;
    std::map<std::uint64_t, Bytes> copied;  // by round
    world.clients[copier]->cheat =
        [&world, &copied,
         source](const schema::RoundRecord& round) -> std::optional<std::vector<smpc::Element>> {
        if (round.label.round == 1) return std::nullopt;
        const std::pair batch{round.label.mpc_epoch, round.label.batch};
        Client& client = *world.clients[copier];
        if (!copied.contains(round.label.round)) {
            const auto& masked = world.clients[source]->masked;
            copied[round.label.round] = source == copier ? masked.begin()->second  // of round 1
                                                         : masked.at(batch);
        }
        const auto words =
            smpc::decode_words(copied.at(round.label.round), round.terms.dimension).value();
        // What its mask makes of these bytes.
        auto update = smpc::testing::mask_elements(
            smpc::Kdf(world.genesis.chain_id),
            smpc::Committee::make(static_cast<std::uint32_t>(world.validators.size())).value(),
            client.masks.at(batch), std::vector<smpc::Element>(words.size(), 0));
        for (std::size_t x = 0; x < words.size(); ++x) {
            update[x] = smpc::Field61::sub(words[x], update[x]);
        }
        return update;
    };
    ASSERT_TRUE(world.run_rounds(2));
    const auto slot = world.epoch()->find_slot(world.clients[copier]->key.public_key()).value();
    EXPECT_EQ(world.verdict(1).clients[slot - 1U].code, ClientCode::kOk);
    EXPECT_EQ(world.verdict(2).clients[slot - 1U].code, ClientCode::kRangeFail);
    const auto label = world.results()[1].label;
    const auto pledge = world.find<schema::PledgeRecord>(
        schema::keys::pledge({label.mpc_epoch, label.batch}, slot));
    EXPECT_EQ(pledge->update.sha256, sha256(copied.at(2)));  // it was the copy
    world.expect_result_is_plain_sum(world.results()[1]);
    EXPECT_TRUE(world.faults().empty());
}

INSTANTIATE_TEST_SUITE_P(Sources, CopiedUpdate,
                         ::testing::Combine(::testing::Bool(), ::testing::Bool()));

TEST(MissingBlobs, a_member_without_the_proofs_waits_and_the_round_goes_on) {
    World world({.mode = Mode::kPairwise, .rounds = 2, .is_wide = true});
    ASSERT_TRUE(world.run_until([&] { return world.is_in(Phase::kRanging); }));
    world.validators[0]->blobs.is_blind = true;
    ASSERT_TRUE(world.run_until([&] { return world.is_in(Phase::kStat2); }));
    const std::uint16_t member = member_of(world, 0);
    EXPECT_EQ(world.round()->stat1_posters & schema::member_bit(member), 0);
    world.validators[0]->blobs.is_blind = false;
    ASSERT_TRUE(world.run_rounds(2));
    EXPECT_TRUE(world.faults().empty());
    EXPECT_TRUE(world.is_consistent());
}

TEST(MissingClient, one_without_transport_key_has_no_part_in_the_epoch) {
    World world({.clients = 4, .rounds = 2});
    world.clients[0]->is_silent = true;
    ASSERT_TRUE(world.run_rounds(1));
    world.clients[0]->is_silent = false;
    ASSERT_TRUE(world.run_rounds(2));
    EXPECT_TRUE(world.clients[0]->ring.empty());
    for (const schema::RoundResult& result : world.results()) {
        world.expect_result_is_plain_sum(result);
    }
    EXPECT_TRUE(world.is_consistent());
}

TEST(MissingClient, too_few_submissions_abort_and_the_next_attempt_uses_a_new_batch) {
    World world({.clients = 3, .rounds = 1});
    world.clients[0]->submits = false;
    ASSERT_TRUE(world.run_until([&] {
        const auto round = world.round();
        return round && round->label.attempt == 1;
    }));
    world.clients[0]->submits = true;
    ASSERT_TRUE(world.run_rounds(1));
    const schema::RoundResult result = world.results()[0];
    EXPECT_EQ(result.label.attempt, 1U);
    EXPECT_GT(result.label.batch, 0U);
    world.expect_result_is_plain_sum(result);
    EXPECT_TRUE(world.is_consistent());
}

TEST(KeySetup, member_that_was_away_opens_the_ciphertexts_later) {
    World world({.rounds = 1});
    ASSERT_TRUE(world.run_until([&] {
        const auto epoch = world.epoch();
        return epoch && epoch->phase == EpochPhase::kCommitments;
    }));
    world.validators[3]->is_silent = true;
    ASSERT_TRUE(world.run_until([&] { return world.is_active(); }));
    world.validators[3]->is_silent = false;
    ASSERT_TRUE(world.run_rounds(1));
    world.expect_result_is_plain_sum(world.results()[0]);
    EXPECT_TRUE(world.is_consistent());
}

TEST(KeySetup, member_without_blobs_waits_for_them) {
    World world({.rounds = 1});
    world.validators[0]->blobs.is_blind = true;
    ASSERT_TRUE(world.run_until([&] { return world.is_active(); }));
    for (int i = 0; i < 5; ++i) world.advance();
    EXPECT_TRUE(world.validators[0]->store.contents.contains("epoch-1/setup"));
    world.validators[0]->blobs.is_blind = false;
    ASSERT_TRUE(world.run_rounds(1));
    EXPECT_FALSE(world.validators[0]->store.contents.contains("epoch-1/setup"));
    world.expect_result_is_plain_sum(world.results()[0]);
}

TEST(KeySetup, garbled_ciphertexts_move_the_leader) {
    World world({.rounds = 1});
    Validator& liar = *world.validators[1];
    liar.lie = [](Outgoing& sent) {
        if (sent.action != action::kKeyCommit) return;
        auto arguments = decode<schema::KeyCommit>(sent.arguments).value();
        for (std::uint8_t& byte : sent.blobs[0]) byte ^= 0x55;
        arguments.ciphertexts.sha256 = sha256(sent.blobs[0]);
        sent.arguments = encode(arguments);
    };
    liar.lie_to_member = [](Letter&) { return false; };
    ASSERT_TRUE(world.run_rounds(1));
    const auto absences = world.events_of<schema::Absent>(event::kAbsent);
    ASSERT_FALSE(absences.empty());
    for (const schema::Absent& absent : absences) {
        EXPECT_EQ(validator_of(world, absent.member), 1U);
    }
    world.expect_result_is_plain_sum(world.results()[0]);
    EXPECT_TRUE(world.is_consistent());
}

TEST(KeySetup, member_that_missed_its_transport_key_recovers_its_keys_in_the_active_epoch) {
    World world({.validators = 5, .rounds = 3});
    Validator& late = *world.validators[4];
    late.is_silent = true;
    ASSERT_TRUE(world.run_until([&] { return world.is_active(); }));
    late.is_silent = false;
    ASSERT_TRUE(world.run_rounds(3));
    for (const schema::RoundResult& result : world.results()) {
        world.expect_result_is_plain_sum(result);
    }
    EXPECT_EQ(late.worker->status().recoveries, 1U);
    EXPECT_TRUE(late.returned.contains("round-3-0/stat1"));
    EXPECT_FALSE(late.returned.contains("epoch-1/ephemeral-key"));
    EXPECT_TRUE(world.is_consistent());
    EXPECT_TRUE(world.faults().empty());
}

}  // namespace
}  // namespace consilium::mpc::testing
