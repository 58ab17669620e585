// Fresh epochs after so many rounds, and what a store that is copied later still gives away.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/mpc/world.hpp"

namespace consilium::mpc::testing {
namespace {

namespace event = schema::event;
using schema::Mode;
using schema::Phase;

using Contents = std::map<std::string, Bytes>;

// Every 32 bytes at a multiple of 8 of every record of keys.
std::set<Bytes> key_windows(const Contents& contents) {
    std::set<Bytes> windows;
    for (const auto& [name, record] : contents) {
        if (!name.ends_with("/keys") && name.find("/batch-") == std::string::npos) continue;
        for (std::size_t at = 24; at + 32 <= record.size(); at += 8) {
            const auto begin = record.begin() + static_cast<std::ptrdiff_t>(at);
            windows.emplace(begin, begin + 32);
        }
    }
    return windows;
}

TEST(FreshEpochs, come_by_themselves_after_the_parameters_number_of_rounds) {
    World world({.mode = Mode::kPairwise, .rounds = 6, .epoch_rounds_max = 2});
    std::vector<Contents> of_epoch(4);  // the first validator's store, as it was in each epoch
    ASSERT_TRUE(world.run_until(
        [&] {
            if (world.is_in(Phase::kStat1)) {
                of_epoch.at(world.epoch()->mpc_epoch) = world.validators[0]->store.contents;
            }
            return world.results().size() >= 6;
        },
        600));
    std::vector<std::uint64_t> epochs;
    for (const schema::RoundResult& result : world.results()) {
        epochs.push_back(result.label.mpc_epoch);
        world.expect_result_is_plain_sum(result);
    }
    EXPECT_EQ(epochs, (std::vector<std::uint64_t>{1, 1, 2, 2, 3, 3}));
    // Nobody asked for them, and no epoch shares a key with another.
    for (std::size_t a = 1; a <= 3; ++a) {
        ASSERT_FALSE(of_epoch[a].empty());
        const std::set<Bytes> earlier = key_windows(of_epoch[a]);
        for (std::size_t b = a + 1; b <= 3; ++b) {
            for (const Bytes& window : key_windows(of_epoch[b])) {
                EXPECT_FALSE(earlier.contains(window));
            }
        }
    }
    EXPECT_TRUE(world.faults().empty());
    EXPECT_TRUE(world.is_consistent());
}

class CopiedStore : public ::testing::Test {
  protected:
    // The whole of two rounds: states and the store of the first validator, block by block.
    void SetUp() override {
        ASSERT_TRUE(world.run_until([&] {
            states.push_back(world.state);
            stores.push_back(world.validators[0]->store.contents);
            if (!first_done && world.results().size() == 1) first_done = states.size();
            return world.results().size() >= 2 && world.is_in(Phase::kStat1);
        }));
        ASSERT_TRUE(first_done);
    }
    // Shares of rounds that a thief with this store gives for this state.
    [[nodiscard]] std::size_t shares_for(const Contents& contents, const StateTree& state) const {
        MemoryStore store;
        store.contents = contents;
        MemberBlobs blobs(world.blobs);
        Worker thief({.identity = world.genesis.identity(),
                      .own_key = world.validators[0]->key.public_key(),
                      .random = world.validators[0]->random},
                     store, blobs);
        const auto owed = thief.step(state);
        EXPECT_TRUE(owed);
        return static_cast<std::size_t>(
            std::count_if(owed->begin(), owed->end(), [](const Outgoing& sent) {
                return sent.label.starts_with("round-1-") ||
                       sent.label.starts_with("epoch-1/batch-0/");
            }));
    }
    World world{{.mode = Mode::kPairwise, .rounds = 4, .is_wide = true}};
    std::vector<StateTree> states;
    std::vector<Contents> stores;
    std::optional<std::size_t> first_done;  // so many states until round 1 was over
};

TEST_F(CopiedStore, of_a_later_round_answers_nothing_of_an_earlier_one) {
    std::size_t answered_then = 0;
    for (std::size_t i = 0; i < *first_done; ++i) {
        answered_then += shares_for(stores[i], states[i]);
        EXPECT_EQ(shares_for(stores.back(), states[i]), 0U) << "state " << i;
    }
    EXPECT_GT(answered_then, 4U);  // the very states do ask for shares
}

// Chains, ratchets and mask keys: a later store holds none of an earlier round's, and stepping what
// it holds never leads back to one.
TEST_F(CopiedStore, holds_no_key_of_an_earlier_round_however_often_it_is_stepped) {
    std::set<Bytes> earlier;
    for (std::size_t i = 0; i < *first_done; ++i) {
        const auto round = stores[i].find("epoch-1/batch-0");
        if (round == stores[i].end()) continue;
        earlier.merge(key_windows({{round->first, round->second}}));
        // Coin and blur of round 1: the last two rings of the epoch's record.
        const Bytes& record = stores[i].at("epoch-1/keys");
        const std::size_t rings = 2 * (8 + 3 * 32);
        earlier.merge(key_windows(
            {{"round/keys",
              Bytes(record.end() - static_cast<std::ptrdiff_t>(rings + 24), record.end())}}));
    }
    ASSERT_GT(earlier.size(), 30U);
    const std::set<Bytes> later = key_windows(stores.back());
    const smpc::Kdf kdf(world.genesis.chain_id);
    for (const Bytes& window : later) {
        EXPECT_FALSE(earlier.contains(window));
        smpc::Secret32 key(std::span<const std::uint8_t, 32>(window.data(), 32));
        for (int step = 0; step < 20; ++step) {
            key = kdf.derive(key, "next");
            EXPECT_FALSE(earlier.contains(Bytes(key.view().begin(), key.view().end())));
            for (const char* purpose : {"mask", "client", "coin", "blur", "prep"}) {
                const smpc::Secret32 derived = kdf.derive(key, purpose);
                EXPECT_FALSE(earlier.contains(Bytes(derived.view().begin(), derived.view().end())));
            }
        }
    }
}

}  // namespace
}  // namespace consilium::mpc::testing
