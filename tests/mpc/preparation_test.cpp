// Batches prepared by real workers on the real contracts: absent members, liars, forged states.
#include <gtest/gtest.h>

#include <algorithm>

#include "contracts/schema/dispute_records.hpp"
#include "tests/mpc/world.hpp"

namespace consilium::mpc::testing {
namespace {

namespace action = schema::action;
namespace event = schema::event;
namespace keys = schema::keys;
using schema::BatchState;
using schema::Phase;

constexpr std::uint64_t kError = 12'345;

std::uint16_t member_of(const World& world, std::size_t validator) {
    return world.epoch()->find_member(world.validators[validator]->key.public_key()).value();
}

void add_error(std::vector<std::uint64_t>& values, std::size_t position) {
    values.at(position) = smpc::Field61::add(values.at(position), kError);
}
template <typename Arguments>
void falsify_values(Outgoing& sent, std::size_t position) {
    auto arguments = decode<Arguments>(sent.arguments).value();
    add_error(arguments.values, position);
    sent.arguments = encode(arguments);
}
// A lie in the PREP_SHARE of that batch only.
std::function<void(Outgoing&)> lie_about(std::uint64_t batch, std::size_t position = 0) {
    return [=](Outgoing& sent) {
        if (sent.action != action::kPrepShare) return;
        if (decode<schema::PrepShare>(sent.arguments)->label.batch == batch) {
            falsify_values<schema::PrepShare>(sent, position);
        }
    };
}

std::size_t count_actions(const std::vector<Outgoing>& owed, std::uint16_t number) {
    return static_cast<std::size_t>(std::count_if(
        owed.begin(), owed.end(), [&](const Outgoing& sent) { return sent.action == number; }));
}

bool is_opened(const World& world) {
    const auto epoch = world.epoch();
    return epoch && epoch->next_batch > 0;
}

// Every aligned run of 32 bytes of a stored record that may be a key.
std::set<Bytes> keys_in(const Bytes& record) {
    std::set<Bytes> found;
    for (std::size_t at = 16; at + 32 <= record.size(); at += 8) {
        found.emplace(record.begin() + static_cast<std::ptrdiff_t>(at),
                      record.begin() + static_cast<std::ptrdiff_t>(at + 32));
    }
    return found;
}

class Batches : public ::testing::TestWithParam<std::uint32_t> {};
INSTANTIATE_TEST_SUITE_P(Committees, Batches, ::testing::Values(4U, 7U));

TEST_P(Batches, absent_member_is_replaced_by_the_check_and_rounds_go_on) {
    World world({.validators = GetParam(), .rounds = 2});
    ASSERT_TRUE(world.run_until([&] { return is_opened(world); }));
    world.validators[1]->is_silent = true;
    ASSERT_TRUE(world.run_rounds(2));
    for (const schema::RoundResult& result : world.results()) {
        world.expect_result_is_plain_sum(result);
    }
    EXPECT_GE(world.events_of<schema::SeedOpened>(event::kSeed).size(), 2U);
    for (const schema::Absent& absent : world.events_of<schema::Absent>(event::kAbsent)) {
        EXPECT_EQ(absent.member, member_of(world, 1));
    }
    EXPECT_EQ(world.epoch()->excluded, 0U);
    EXPECT_TRUE(world.faults().empty());
    EXPECT_TRUE(world.is_consistent());
}

TEST(BatchRestarts, the_check_repeats_the_same_bytes_after_a_restart_before_every_step) {
    World world({.rounds = 1,
                 .restarts_every_step = true,
                 .replays_every_step = true,
                 .is_pool_slow = true});
    ASSERT_TRUE(world.run_until([&] { return is_opened(world); }));
    world.validators[2]->is_silent = true;
    ASSERT_TRUE(world.run_rounds(1));
    world.expect_result_is_plain_sum(world.results()[0]);
    EXPECT_GE(world.events_of<schema::SeedOpened>(event::kSeed).size(), 1U);
    EXPECT_TRUE(world.faults().empty());
    EXPECT_TRUE(world.is_consistent());
}

TEST_P(Batches, liar_is_named_excluded_and_rounds_go_on_without_it) {
    World world({.validators = GetParam(), .rounds = 2});
    Validator& liar = *world.validators[2];
    liar.lie = lie_about(0);
    std::map<std::string, Bytes> before;
    ASSERT_TRUE(world.run_until([&] {
        const auto& contents = world.validators[0]->store.contents;
        if (contents.contains("epoch-1/batch-0")) before = contents;
        return !world.events_of<schema::ExclusionRecord>(event::kExcluded).empty();
    }));
    const auto excluded = world.events_of<schema::ExclusionRecord>(event::kExcluded);
    ASSERT_EQ(excluded.size(), 1U);
    EXPECT_EQ(excluded[0].member, member_of(world, 2));
    EXPECT_EQ(world.batch(0)->state, BatchState::kBurned);
    world.advance();
    // Keys of the burned batch are gone from every store; the other one was certified meanwhile.
    const std::set<Bytes> gone = keys_in(before.at("epoch-1/batch-0"));
    for (const auto& validator : world.validators) {
        EXPECT_FALSE(validator->store.contents.contains("epoch-1/batch-0"));
    }
    for (const auto& [name, secret] : world.validators[0]->store.contents) {
        for (const Bytes& key : gone) EXPECT_FALSE(holds(secret, key)) << name;
    }
    const auto refusals_before = world.refusals.size();
    ASSERT_TRUE(world.run_rounds(2));
    for (const schema::RoundResult& result : world.results()) {
        EXPECT_NE(result.label.batch, 0U);
        world.expect_result_is_plain_sum(result);
    }
    EXPECT_EQ(world.epoch()->excluded, schema::member_bit(member_of(world, 2)));
    EXPECT_EQ(world.refusals.size(), refusals_before);  // the excluded member keeps silent
    EXPECT_TRUE(world.is_consistent());
}

TEST_P(Batches, lie_beside_an_absent_member_is_found_and_the_absent_is_not_blamed) {
    World world({.validators = GetParam(), .rounds = 1});
    const std::uint32_t t = (GetParam() - 1) / 3;
    ASSERT_TRUE(world.run_until([&] { return is_opened(world); }));
    for (std::uint32_t i = 0; i < t; ++i) world.validators[i]->is_silent = true;
    world.validators[t]->lie = lie_about(0);
    ASSERT_TRUE(world.run_until([&] { return world.batch(0)->state == BatchState::kSacrifice; }));
    // With t absent and a liar it takes everybody to open w.
    for (std::uint32_t i = 0; i < t; ++i) world.validators[i]->is_silent = false;
    ASSERT_TRUE(world.run_until([&] { return world.epoch()->excluded != 0; }));
    EXPECT_EQ(world.epoch()->excluded, schema::member_bit(member_of(world, t)));
    const auto disputes = world.events_of<schema::BatchDisputed>(event::kBatchDisputed);
    ASSERT_FALSE(disputes.empty());
    EXPECT_EQ(disputes[0].kind, schema::DisputeKind::kCheck);
    ASSERT_TRUE(world.run_rounds(1));
    world.expect_result_is_plain_sum(world.results()[0]);
    EXPECT_TRUE(world.is_consistent());
}

TEST(Dispute, false_reveal_blames_nobody_else) {
    World world({.validators = 7, .rounds = 1});
    Validator& liar = *world.validators[3];
    liar.lie = [](Outgoing& sent) {
        lie_about(0)(sent);
        if (sent.action != action::kPrepReveal) return;
        auto arguments = decode<schema::PrepReveal>(sent.arguments).value();
        for (auto& key : arguments.masks) key[7] ^= 1;
        for (auto& key : arguments.prep) key[7] ^= 1;
        sent.arguments = encode(arguments);
    };
    ASSERT_TRUE(world.run_until([&] { return is_opened(world) && world.epoch()->excluded != 0; }));
    EXPECT_EQ(world.epoch()->excluded, schema::member_bit(member_of(world, 3)));
    const auto faults = world.faults();
    ASSERT_EQ(faults.size(), 1U);
    EXPECT_EQ(faults[0].action, action::kPrepReveal);
    EXPECT_EQ(faults[0].member, member_of(world, 3));
    ASSERT_TRUE(world.run_rounds(1));
    world.expect_result_is_plain_sum(world.results()[0]);
}

TEST(Dispute, wrong_weights_and_checks_of_a_worker_are_corrected_and_named) {
    World world({.validators = 7, .rounds = 1});
    ASSERT_TRUE(world.run_until([&] { return is_opened(world); }));
    world.validators[6]->is_silent = true;
    world.validators[0]->lie = [](Outgoing& sent) {
        if (sent.action == action::kCoinShare) falsify_values<schema::CoinShare>(sent, 2);
        if (sent.action == action::kPrepCheck) falsify_values<schema::PrepCheck>(sent, 1);
        if (sent.action != action::kPrepWeights) return;
        auto arguments = decode<schema::PrepWeights>(sent.arguments).value();
        auto words = smpc::decode_words(sent.blobs[0], sent.blobs[0].size() / 8).value();
        add_error(words, words.size() - 1);
        sent.blobs[0] = smpc::encode_words(words);
        arguments.share = {sha256(sent.blobs[0]), sent.blobs[0].size()};
        sent.arguments = encode(arguments);
    };
    ASSERT_TRUE(world.run_rounds(1));
    world.expect_result_is_plain_sum(world.results()[0]);
    std::set<std::uint16_t> actions;
    for (const schema::FaultProved& fault : world.faults()) {
        EXPECT_EQ(fault.member, member_of(world, 0));
        actions.insert(fault.action);
    }
    EXPECT_EQ(actions, (std::set<std::uint16_t>{action::kPrepWeights, action::kPrepCheck,
                                                action::kCoinShare}));
    EXPECT_EQ(world.epoch()->excluded, 0U);
}

// The state with that batch shown as disputed about item (1,2), never certified.
StateTree show_disputed(const World& world, const schema::BatchRecord& true_record) {
    schema::BatchRecord record = true_record;
    record.state = BatchState::kDisputed;
    record.certified.reset();
    record.round.reset();
    schema::DisputeRecord dispute;
    dispute.first = 1;
    dispute.second = 2;
    schema::RoundsRecord no_round;  // nothing else is asked for
    return world.state.apply({{keys::batch(record.label), encode(record)},
                              {keys::dispute(record.label), encode(dispute)},
                              {keys::rounds(), encode(no_round)}});
}

TEST(InvariantI, batch_seen_certified_or_assigned_is_never_revealed_whatever_a_state_says) {
    for (const BatchState seen : {BatchState::kCertified, BatchState::kAssigned}) {
        World world({.clients = 4, .rounds = 3});
        std::optional<schema::BatchRecord> record;
        ASSERT_TRUE(world.run_until([&] {
            if (!is_opened(world)) return false;
            const schema::EpochRecord epoch = world.epoch().value();
            for (const std::uint64_t number : epoch.live_batches) {
                if (world.batch(number)->state == seen) record = world.batch(number);
            }
            return record.has_value();
        }));
        Validator& validator = *world.validators[0];
        ASSERT_TRUE(validator.worker->step(world.state).has_value());
        const StateTree forged = show_disputed(world, *record);
        for (const bool restarts : {false, true}) {
            if (restarts) world.restart(0);
            const auto refusals = validator.worker->status().refusals;
            const auto owed = validator.worker->step(forged);
            ASSERT_TRUE(owed.has_value());
            EXPECT_EQ(count_actions(*owed, action::kPrepReveal), 0U);
            EXPECT_GT(validator.worker->status().refusals, refusals);
        }
        ASSERT_TRUE(world.run_rounds(2));
        EXPECT_TRUE(world.is_consistent());
    }
}

TEST(InvariantI, record_that_was_certified_is_not_revealed_by_a_member_that_never_saw_it) {
    World world({.clients = 4, .rounds = 1});
    ASSERT_TRUE(world.run_until([&] { return is_opened(world); }));
    Validator& validator = *world.validators[0];
    const schema::BatchRecord record = world.batch(0).value();
    ASSERT_EQ(record.state, BatchState::kPosting);
    schema::BatchRecord disputed = record;
    disputed.state = BatchState::kDisputed;
    schema::BatchRecord certified = disputed;
    certified.certified = Height{3};
    schema::BatchRecord assigned = disputed;
    assigned.round = 1;
    for (const schema::BatchRecord& shown : {certified, assigned, disputed}) {
        schema::DisputeRecord dispute;
        dispute.first = dispute.second = 1;
        const StateTree forged =
            world.state.apply({{keys::batch(record.label), encode(shown)},
                               {keys::dispute(record.label), encode(dispute)}});
        const auto owed = validator.worker->step(forged);
        ASSERT_TRUE(owed.has_value());
        const bool is_allowed = shown == disputed;
        EXPECT_EQ(count_actions(*owed, action::kPrepReveal), is_allowed ? 1U : 0U);
    }
}

TEST(InvariantI, revealed_batch_serves_no_round_whatever_a_state_says) {
    World world({.clients = 4, .rounds = 1});
    world.validators[2]->lie = lie_about(0);
    ASSERT_TRUE(world.run_until(
        [&] { return is_opened(world) && world.batch(0)->state == BatchState::kDisputed; }));
    Validator& validator = *world.validators[0];
    const auto revealed = validator.worker->step(world.state);
    ASSERT_TRUE(revealed.has_value());
    ASSERT_EQ(count_actions(*revealed, action::kPrepReveal), 1U);

    // Another chain, on which the batch was certified and a round is at STAT1 on it.
    World other({.clients = 4, .rounds = 1});
    ASSERT_TRUE(other.run_until([&] { return other.is_in(Phase::kStat1); }));
    ASSERT_EQ(other.round()->label.batch, 0U);
    const auto honest = other.validators[0]->worker->step(other.state);
    ASSERT_TRUE(honest.has_value());
    ASSERT_EQ(count_actions(*honest, action::kStat1), 1U);
    WorldBlobs& blobs = world.blobs;
    for (const auto& [hash, content] : other.blobs.contents) blobs.contents[hash] = content;
    for (const bool restarts : {false, true}) {
        if (restarts) world.restart(0);
        const auto refusals = validator.worker->status().refusals;
        const auto owed = validator.worker->step(other.state);
        ASSERT_TRUE(owed.has_value());
        EXPECT_EQ(count_actions(*owed, action::kStat1), 0U);
        EXPECT_GT(validator.worker->status().refusals, refusals);
    }
}

TEST(InvariantI, second_w_under_another_seed_is_not_released) {
    World world({.rounds = 1});
    ASSERT_TRUE(world.run_until([&] { return is_opened(world); }));
    world.validators[1]->is_silent = true;
    ASSERT_TRUE(world.run_until(
        [&] { return !world.events_of<schema::SeedOpened>(event::kSeed).empty(); }));
    Validator& validator = *world.validators[0];
    const auto honest = validator.worker->step(world.state);
    ASSERT_TRUE(honest.has_value());
    ASSERT_GE(count_actions(*honest, action::kPrepWeights), 1U);
    keys::CoinId chi;
    chi.label = world.events_of<schema::SeedOpened>(event::kSeed)[0].label;
    auto coin = world.find<schema::CoinRecord>(keys::coin(chi)).value();
    coin.seed = sha256(as_bytes("another seed"));
    const StateTree forged = world.state.apply({{keys::coin(chi), encode(coin)}});
    world.restart(0);
    const auto owed = validator.worker->step(forged);
    ASSERT_TRUE(owed.has_value());
    for (const Outgoing& sent : *owed) {
        if (sent.action != action::kPrepWeights) continue;
        EXPECT_NE(decode<schema::PrepWeights>(sent.arguments)->label.batch, chi.label.batch);
    }
    EXPECT_GT(validator.worker->status().refusals, 0U);
    world.restart(0);
    ASSERT_TRUE(world.run_rounds(1));
    EXPECT_TRUE(world.faults().empty());
}

// 5,001 coordinates are two tiles, and a step does one tile of one pass.
WorldOptions sliced(std::uint32_t rounds) {
    return {.rounds = rounds, .features = 5'000, .slice_work = 1};
}
// Short enough for an update of that length.
void shorten_updates(World& world) {
    world.make_update = [](std::size_t client, const schema::RoundRecord& round) {
        Update update = similar_update(1, client, round);
        for (std::int64_t& value : update) value /= 16;
        return update;
    };
}

TEST(Background, preparation_in_slices_leaves_every_round_its_shares) {
    World world(sliced(2));
    shorten_updates(world);
    bool was_busy_in_a_round = false;
    ASSERT_TRUE(world.run_until(
        [&] {
            const bool is_busy = world.validators[0]->worker->status().has_work_left;
            if (is_busy && world.round()) was_busy_in_a_round = true;
            return world.results().size() >= 2;
        },
        400));
    EXPECT_TRUE(was_busy_in_a_round);
    for (const schema::RoundResult& result : world.results()) {
        world.expect_result_is_plain_sum(result);
    }
    EXPECT_TRUE(world.is_consistent());
    EXPECT_TRUE(world.faults().empty());
}

TEST(Background, interrupted_pass_begins_again_after_a_restart_and_posts_the_same) {
    World world(sliced(1));
    shorten_updates(world);
    ASSERT_TRUE(world.run_until([&] { return is_opened(world); }));
    world.advance();
    ASSERT_TRUE(world.validators[0]->worker->status().has_work_left);
    world.restart(0);
    ASSERT_TRUE(world.run_rounds(1, 400));
    world.expect_result_is_plain_sum(world.results()[0]);
    EXPECT_TRUE(world.is_consistent());
}

TEST(Background, sacrifice_in_slices_opens_the_same) {
    World world(sliced(1));
    shorten_updates(world);
    ASSERT_TRUE(world.run_until([&] { return is_opened(world); }));
    world.validators[1]->is_silent = true;
    ASSERT_TRUE(world.run_rounds(1, 400));
    EXPECT_FALSE(world.events_of<schema::SeedOpened>(event::kSeed).empty());
    world.expect_result_is_plain_sum(world.results()[0]);
    EXPECT_TRUE(world.faults().empty());
    EXPECT_TRUE(world.is_consistent());
}

TEST(Stock, two_certified_batches_are_kept_while_rounds_need_them) {
    World world({.rounds = 4});
    ASSERT_TRUE(world.run_until([&] { return world.is_in(Phase::kAggregate); }));
    EXPECT_EQ(world.certified_batches(), 2U);
    ASSERT_TRUE(world.run_rounds(4));
}

}  // namespace
}  // namespace consilium::mpc::testing
