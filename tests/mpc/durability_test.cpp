// Crashes, failing and restored secret stores, erasure, and who holds an update.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/mpc/world.hpp"

namespace consilium::mpc::testing {
namespace {

namespace action = schema::action;
using schema::Code;
using schema::EpochPhase;
using schema::Mode;
using schema::Phase;

class Restarts : public ::testing::TestWithParam<std::tuple<std::uint32_t, Mode>> {};

TEST_P(Restarts, worker_restarted_before_every_step_repeats_the_same_bytes) {
    World world({.validators = std::get<0>(GetParam()),
                 .mode = std::get<1>(GetParam()),
                 .restarts_every_step = true,
                 .replays_every_step = true,
                 .is_pool_slow = true});
    ASSERT_TRUE(world.run_rounds(2));
    EXPECT_TRUE(world.is_consistent());
    EXPECT_TRUE(world.faults().empty());
    // The slow pool did make workers send the same twice.
    EXPECT_TRUE(std::count(world.refusals.begin(), world.refusals.end(), Code::kDuplicate) > 0);
    for (const schema::RoundResult& result : world.results()) {
        world.expect_result_is_plain_sum(result);
    }
}

INSTANTIATE_TEST_SUITE_P(Committees, Restarts,
                         ::testing::Combine(::testing::Values(4U, 7U),
                                            ::testing::Values(Mode::kPairwise, Mode::kSum)));

std::size_t puts_of_a_clean_run() {
    World world({.rounds = 1});
    EXPECT_TRUE(world.run_rounds(1));
    return world.validators[1]->store.puts;
}

class FailingPut : public ::testing::TestWithParam<std::tuple<MemoryStore::Failure, bool>> {};

TEST_P(FailingPut, no_call_that_fails_stops_or_splits_the_protocol) {
    const MemoryStore::Failure failure = std::get<0>(GetParam());
    const bool restarts = std::get<1>(GetParam());
    const std::size_t puts = puts_of_a_clean_run();
    ASSERT_GT(puts, 8U);
    for (std::size_t k = 1; k <= puts; ++k) {
        SCOPED_TRACE("put " + std::to_string(k));
        World world({.rounds = 1, .replays_every_step = true, .is_pool_slow = true});
        Validator& target = *world.validators[1];
        target.store.failing_put = k;
        target.store.failure = failure;
        ASSERT_TRUE(world.run_until([&] {
            if (restarts && target.errors == 1) world.restart(1);
            return !world.results().empty();
        }));
        EXPECT_LE(target.errors, 1U);
        EXPECT_TRUE(world.is_consistent());
        EXPECT_TRUE(world.faults().empty());
        world.expect_result_is_plain_sum(world.results()[0]);
    }
}

INSTANTIATE_TEST_SUITE_P(Kinds, FailingPut,
                         ::testing::Combine(::testing::Values(MemoryStore::Failure::kBefore,
                                                              MemoryStore::Failure::kAfter),
                                            ::testing::Bool()));

TEST(FailingErase, is_tried_again_until_nothing_is_left) {
    World clean({.rounds = 2, .epoch_rounds_max = 1});
    ASSERT_TRUE(clean.run_rounds(2));
    for (int i = 0; i < 3; ++i) clean.advance();
    const std::size_t erases = clean.validators[0]->store.erases;
    ASSERT_GT(erases, 4U);
    for (std::size_t k = 1; k <= erases; ++k) {
        SCOPED_TRACE("erase " + std::to_string(k));
        World world({.rounds = 2, .epoch_rounds_max = 1});
        world.validators[0]->store.failing_erase = k;
        ASSERT_TRUE(world.run_rounds(2));
        for (int i = 0; i < 3; ++i) world.advance();
        EXPECT_EQ(world.validators[0]->errors, 1U);
        EXPECT_TRUE(world.is_consistent());
        const auto& left = world.validators[0]->store.contents;
        const auto& expected = clean.validators[0]->store.contents;
        ASSERT_EQ(left.size(), expected.size());
        EXPECT_TRUE(std::equal(left.begin(), left.end(), expected.begin(),
                               [](const auto& a, const auto& b) { return a.first == b.first; }));
    }
}

TEST(OldSnapshot, store_of_any_earlier_block_never_contradicts_what_was_sent) {
    for (std::uint64_t height = 5; height < 60; height += 2) {
        SCOPED_TRACE("snapshot at height " + std::to_string(height));
        World world({.validators = 5, .rounds = 4});
        std::optional<std::map<std::string, Bytes>> snapshot;
        ASSERT_TRUE(world.run_until([&] {
            if (world.height.value >= height && !snapshot) {
                snapshot = world.validators[2]->store.contents;
            }
            return world.results().size() >= 2;
        }));
        if (!snapshot) break;  // two rounds were over before that height
        world.validators[2]->store.contents = *snapshot;
        world.restart(2);
        ASSERT_TRUE(world.run_rounds(4));
        EXPECT_TRUE(world.is_consistent());
        EXPECT_TRUE(world.faults().empty());
        for (const schema::RoundResult& result : world.results()) {
            world.expect_result_is_plain_sum(result);
        }
    }
}

TEST(OldState, is_answered_with_nothing_new_and_erases_nothing) {
    World world({.mode = Mode::kPairwise, .rounds = 4, .epoch_rounds_max = 2});
    std::vector<StateTree> history;
    ASSERT_TRUE(world.run_until([&] {
        history.push_back(world.state);
        return world.results().size() >= 3;
    }));
    Validator& validator = *world.validators[0];
    ASSERT_TRUE(validator.worker->step(world.state).has_value());
    const auto held = validator.store.contents;
    for (const StateTree& old : history) {
        world.restart(0);
        const auto owed = validator.worker->step(old);
        ASSERT_TRUE(owed.has_value());
        for (const Outgoing& outgoing : *owed) {
            const auto known = validator.returned.find(outgoing.label);
            ASSERT_NE(known, validator.returned.end()) << outgoing.label;
            Bytes all = outgoing.arguments;
            for (const Bytes& blob : outgoing.blobs)
                all.insert(all.end(), blob.begin(), blob.end());
            EXPECT_EQ(known->second, sha256(all)) << outgoing.label;
            EXPECT_FALSE(outgoing.label.starts_with("epoch-1/")) << "its keys are gone";
            EXPECT_FALSE(outgoing.label.starts_with("round-")) << "its keys are gone";
        }
    }
    EXPECT_EQ(validator.store.contents, held);
    ASSERT_TRUE(world.run_rounds(4));
    EXPECT_TRUE(world.is_consistent());
}

TEST(ForgedState, asks_for_a_second_share_of_a_round_and_gets_none) {
    World world({.clients = 4, .rounds = 2});
    ASSERT_TRUE(world.run_until([&] { return world.is_in(Phase::kStat1); }));
    Validator& validator = *world.validators[0];
    const auto honest = validator.worker->step(world.state);
    ASSERT_TRUE(honest.has_value());
    const auto is_stat1 = [](const Outgoing& sent) { return sent.action == action::kStat1; };
    ASSERT_TRUE(std::any_of(honest->begin(), honest->end(), is_stat1));

    schema::RoundRecord round = world.round().value();
    round.ranged &= ~schema::slot_bit(1);
    const StateTree forged = world.state.apply({{schema::keys::round(1), encode(round)}});
    round.label.attempt = 1;
    const StateTree other_attempt = world.state.apply({{schema::keys::round(1), encode(round)}});
    round = world.round().value();
    round.test_seed = sha256(as_bytes("another question about the same proofs"));
    const StateTree other_test = world.state.apply({{schema::keys::round(1), encode(round)}});
    for (const StateTree& state : {forged, other_attempt, other_test}) {
        world.restart(0);
        const auto owed = validator.worker->step(state);
        ASSERT_TRUE(owed.has_value());
        EXPECT_TRUE(std::none_of(owed->begin(), owed->end(), is_stat1));
        EXPECT_GT(validator.worker->status().refusals, 0U);
    }
    world.restart(0);
    ASSERT_TRUE(world.run_rounds(2));
    EXPECT_TRUE(world.is_consistent());
    EXPECT_TRUE(world.faults().empty());
}

Bytes slice(const Bytes& record, std::size_t from, std::size_t size) {
    return {record.begin() + static_cast<std::ptrdiff_t>(from),
            record.begin() + static_cast<std::ptrdiff_t>(from + size)};
}
// Every 32 bytes at a multiple of 8.
std::vector<Bytes> windows_of(const Bytes& record) {
    std::vector<Bytes> windows;
    for (std::size_t at = 0; at + 32 <= record.size(); at += 8) {
        windows.push_back(slice(record, at, 32));
    }
    return windows;
}
bool is_anywhere(const MemoryStore& store, const Bytes& secret) {
    return std::any_of(store.contents.begin(), store.contents.end(),
                       [&](const auto& entry) { return holds(entry.second, secret); });
}
// Transport key, K_A and nonces of a setup record.
std::vector<Bytes> setup_secrets(const Bytes& record) {
    constexpr std::size_t kEntry = 8 + 3 * 32;
    std::vector<Bytes> secrets{slice(record, 0, 32)};
    for (std::size_t at = 40; at + kEntry <= record.size(); at += kEntry) {
        secrets.push_back(slice(record, at + 40, 32));
        secrets.push_back(slice(record, at + 72, 32));
    }
    return secrets;
}

TEST(Erasure, no_setup_secret_is_left_once_the_epoch_is_active) {
    World world({.validators = 7, .rounds = 1});
    std::vector<std::vector<Bytes>> secrets(7);
    ASSERT_TRUE(world.run_until([&] {
        for (std::size_t i = 0; i < 7; ++i) {
            const auto& contents = world.validators[i]->store.contents;
            const auto setup = contents.find("epoch-1/setup");
            if (setup != contents.end()) secrets[i] = setup_secrets(setup->second);
        }
        return world.is_active();
    }));
    world.advance();
    for (const auto& of_one : secrets) {
        ASSERT_EQ(of_one.size(), 1U + 2 * 15);  // the transport key, C(6, 2) keys and nonces
        for (const Bytes& secret : of_one) {
            for (const auto& validator : world.validators) {
                EXPECT_FALSE(is_anywhere(validator->store, secret));
            }
            for (const auto& [hash, blob] : world.blobs.contents) {
                EXPECT_FALSE(holds(blob, secret));
            }
        }
    }
}

TEST(Erasure, crash_between_storing_the_keys_and_erasing_the_setup_leaves_nothing) {
    World world({.rounds = 2});
    std::map<std::string, Bytes> last;
    ASSERT_TRUE(world.run_until([&] {
        if (!world.is_active()) last = world.validators[0]->store.contents;
        return world.certified_batches() >= 1;
    }));
    // As if the files of the setup had outlived the derivation.
    Validator& validator = *world.validators[0];
    ASSERT_TRUE(last.contains("epoch-1/setup"));
    validator.store.contents.insert(last.begin(), last.end());
    world.restart(0);
    world.advance();
    for (const auto& [name, secret] : last) EXPECT_FALSE(validator.store.contents.contains(name));
    ASSERT_TRUE(world.run_rounds(2));
}

TEST(Erasure, keys_of_a_consumed_batch_and_of_a_finished_round_are_gone) {
    World world({.rounds = 3});
    for (std::uint64_t number = 1; number <= 2; ++number) {
        ASSERT_TRUE(world.run_until([&] { return world.is_in(Phase::kStat2); }));
        const std::string batch = "epoch-1/batch-" + std::to_string(world.round()->label.batch);
        std::vector<std::vector<Bytes>> secrets;
        for (const auto& validator : world.validators) {
            std::vector<Bytes> found = windows_of(validator->store.contents.at(batch));
            const Bytes& record = validator->store.contents.at("epoch-1/keys");
            const std::size_t rings = 2 * (8 + 3 * 32);  // coin and blur: the round's keys
            for (Bytes& window : windows_of(slice(record, record.size() - rings, rings))) {
                found.push_back(std::move(window));
            }
            EXPECT_TRUE(is_anywhere(validator->store, found.front()));
            secrets.push_back(std::move(found));
        }
        ASSERT_TRUE(world.run_rounds(number));
        world.advance();
        for (std::size_t i = 0; i < secrets.size(); ++i) {
            for (const Bytes& secret : secrets[i]) {
                EXPECT_FALSE(is_anywhere(world.validators[i]->store, secret));
            }
            EXPECT_FALSE(world.validators[i]->store.contents.contains(batch));
        }
    }
}

TEST(Erasure, key_chains_of_batches_taken_are_gone) {
    World world({.rounds = 4});
    ASSERT_TRUE(world.run_until([&] { return world.is_in(Phase::kSubmitting); }));
    const Bytes before = world.validators[0]->store.contents.at("epoch-1/keys");
    ASSERT_TRUE(world.run_rounds(2));
    world.advance();
    const Bytes after = world.validators[0]->store.contents.at("epoch-1/keys");
    ASSERT_NE(slice(before, 0, 8), slice(after, 0, 8)) << "no new batch was taken";
    for (const Bytes& window : windows_of(slice(before, 24, before.size() - 24))) {
        EXPECT_FALSE(is_anywhere(world.validators[0]->store, window));
    }
}

TEST(Ownership, nobody_but_the_client_ever_holds_its_update) {
    World world({.mode = Mode::kPairwise, .rounds = 2});
    std::vector<Bytes> seen;  // of stores, at every block
    ASSERT_TRUE(world.run_until([&] {
        for (const auto& validator : world.validators) {
            for (const auto& [name, secret] : validator->store.contents) seen.push_back(secret);
        }
        return world.results().size() >= 2;
    }));
    std::sort(seen.begin(), seen.end());
    seen.erase(std::unique(seen.begin(), seen.end()), seen.end());
    for (const auto& [hash, blob] : world.blobs.contents) seen.push_back(blob);
    for (const Event& event : world.events) seen.push_back(event.payload);
    world.state.for_each(
        {}, [&](ByteView, ByteView value) { seen.emplace_back(value.begin(), value.end()); });
    std::set<Bytes> pairs;  // two coordinates in a row, as int64 and as field elements
    for (const auto& client : world.clients) {
        for (const auto& [round, update] : client->updates) {
            std::vector<smpc::Element> elements;
            for (const std::int64_t value : update) {
                elements.push_back(smpc::Field61::from_signed(value));
            }
            for (const Bytes& words :
                 {smpc::encode_integers(update), smpc::encode_words(elements)}) {
                for (std::size_t at = 0; at + 16 <= words.size(); at += 8) {
                    pairs.insert(slice(words, at, 16));
                }
            }
        }
    }
    ASSERT_GT(pairs.size(), 200U);
    std::size_t looked_at = 0;
    for (const Bytes& text : seen) {
        for (std::size_t at = 0; at + 16 <= text.size(); ++at, ++looked_at) {
            ASSERT_FALSE(pairs.contains(slice(text, at, 16)));
        }
    }
    EXPECT_GT(looked_at, 10'000U);
}

}  // namespace
}  // namespace consilium::mpc::testing
