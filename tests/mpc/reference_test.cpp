// The reference update through the workers: computed alike, agreed on, fetched by its hash.
#include <gtest/gtest.h>

#include "fl_engine/smpc/encoding.hpp"
#include "node/reference_trainer.hpp"
#include "tests/mpc/world.hpp"

namespace consilium::mpc::testing {
namespace {

namespace keys = schema::keys;
using schema::ClientCode;
using schema::Mode;
using schema::Phase;

// Sends a reference update of its own making, or none.
class OtherReference final : public ReferenceSource {
  public:
    explicit OtherReference(bool is_able) : is_able_(is_able) {}
    [[nodiscard]] Result<Update> compute(const ReferenceRequest& request) override {
        ++calls;
        if (!is_able_) return make_error(ErrorCode::kRefused, "this validator cannot train");
        return Update(static_cast<std::size_t>(request.terms.dimension), 1'000);
    }
    int calls = 0;

  private:
    bool is_able_;
};

// g of the round, as every honest party computes it.
Update reference_of(const World& world, const schema::RoundRecord& round) {
    const auto task = world.find<schema::TaskRecord>(keys::task(round.terms.task)).value();
    const auto model = smpc::decode_integers(world.blobs.get(round.terms.model.sha256).value(),
                                             round.terms.dimension)
                           .value();
    const auto set =
        schema::decode_reference_set(world.blobs.get(*round.terms.reference_set).value()).value();
    node::ReferenceTrainer trainer;
    return trainer
        .compute({task.spec.model, task.spec.training, round.terms, round.label.round, model, set})
        .value();
}

// Hospitals whose updates lean towards g, one of them (by position) against it.
void align(World& world, std::optional<std::size_t> poisoner = {}) {
    world.make_update = [&world, poisoner](std::size_t client, const schema::RoundRecord& round) {
        Update update = reference_of(world, round);
        const Update own = similar_update(world.options.seed + client + 1, client, round);
        const auto norm =
            static_cast<std::int64_t>(smpc::isqrt(smpc::squared_norm(own).value()) + 1);
        const auto length =
            static_cast<std::int64_t>(smpc::isqrt(smpc::squared_norm(update).value()) + 1);
        for (std::size_t x = 0; x < update.size(); ++x) {
            // Of norm 2^20 along g and a third of that in a direction of its own.
            update[x] = update[x] * (1 << 20) / length + own[x] * (1 << 20) / (3 * norm);
            if (client == poisoner) update[x] = -update[x];
        }
        return update;
    };
}

std::vector<schema::ReferenceFixed> fixed_of(const World& world) {
    return world.events_of<schema::ReferenceFixed>(schema::event::kReferenceFixed);
}

class References : public ::testing::TestWithParam<std::tuple<std::uint32_t, Mode>> {};

TEST_P(References, every_round_has_the_update_that_all_validators_computed) {
    World world({.validators = std::get<0>(GetParam()),
                 .clients = 4,
                 .mode = std::get<1>(GetParam()),
                 .replays_every_step = true,
                 .has_reference = true});
    align(world);
    std::map<std::uint64_t, Digest> expected;
    ASSERT_TRUE(world.run_until([&] {
        const auto round = world.round();
        if (round && round->phase == Phase::kSubmitting) {
            expected[round->label.round] =
                sha256(smpc::encode_integers(reference_of(world, *round)));
        }
        return world.results().size() >= 2;
    }));
    ASSERT_EQ(fixed_of(world).size(), 2U);
    for (const schema::ReferenceFixed& fixed : fixed_of(world)) {
        EXPECT_EQ(fixed.reference.sha256, expected[fixed.label.round]);
    }
    for (const schema::RoundResult& result : world.results()) {
        world.expect_result_is_plain_sum(result);
        for (const auto& client : world.verdict(result.label.round).clients) {
            EXPECT_EQ(client.code, ClientCode::kOk);
        }
    }
    EXPECT_TRUE(world.is_consistent());
    EXPECT_TRUE(world.faults().empty());
    EXPECT_TRUE(world.refusals.empty());
}

INSTANTIATE_TEST_SUITE_P(Committees, References,
                         ::testing::Combine(::testing::Values(4U, 7U),
                                            ::testing::Values(Mode::kPairwise, Mode::kSum)));

class PoisonAgainstReference : public ::testing::TestWithParam<Mode> {};

TEST_P(PoisonAgainstReference, update_against_g_is_rejected_with_that_code) {
    // Entry 1: by entry 2 the majority of these clients, which agree, finds it before g does.
    World world({.clients = 4,
                 .mode = GetParam(),
                 .rounds = 2,
                 .has_reference = true,
                 .adjust_task = [](schema::TaskSpec& spec) { spec.rule = 1; }});
    align(world, 1);
    ASSERT_TRUE(world.run_rounds(2));
    const auto slot =
        world.find<schema::EpochRecord>(keys::epoch(world.results()[0].label.mpc_epoch))
            .value()
            .find_slot(world.clients[1]->key.public_key())
            .value();
    for (const schema::RoundResult& result : world.results()) {
        world.expect_result_is_plain_sum(result);
        for (const auto& client : world.verdict(result.label.round).clients) {
            EXPECT_EQ(client.code, client.slot == slot ? ClientCode::kRef : ClientCode::kOk);
            EXPECT_FALSE(client.is_suspect);
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Modes, PoisonAgainstReference,
                         ::testing::Values(Mode::kPairwise, Mode::kSum));

class DeviatingValidator : public ::testing::TestWithParam<bool> {};

TEST_P(DeviatingValidator, fetches_the_agreed_update_and_posts_right_shares) {
    World world({.clients = 4, .rounds = 2, .has_reference = true});
    align(world);
    auto other = std::make_unique<OtherReference>(GetParam());
    OtherReference& source = *other;
    world.validators[2]->references = std::move(other);
    world.restart(2);
    ASSERT_TRUE(world.run_rounds(2));
    for (const schema::RoundResult& result : world.results()) {
        world.expect_result_is_plain_sum(result);
    }
    EXPECT_TRUE(world.faults().empty());  // its STAT1 lies on the others' polynomial
    const auto round = world.find<schema::RoundRecord>(keys::round(1)).value();
    EXPECT_EQ(round.stat1_posters, 0xFU);
    EXPECT_EQ(source.calls, 2);  // once a round, though it looks at every block
    EXPECT_EQ(world.validators[2]->worker->status().refusals, 0U);
}

INSTANTIATE_TEST_SUITE_P(WrongUpdateOrNone, DeviatingValidator, ::testing::Bool());

// Only a forged state can say so: a quorum agreed on hash and norm together.
TEST(ReferenceFaults, update_of_another_norm_than_the_agreed_one_gets_no_share) {
    World world({.clients = 4, .rounds = 1, .has_reference = true});
    align(world);
    ASSERT_TRUE(world.run_until([&] { return world.is_in(Phase::kStat1); }));
    Validator& validator = *world.validators[0];
    const auto posts_stat1 = [&](const StateTree& state) {
        world.restart(0);
        const auto owed = validator.worker->step(state);
        EXPECT_TRUE(owed.has_value());
        return owed && std::any_of(owed->begin(), owed->end(), [](const Outgoing& sent) {
                   return sent.action == schema::action::kStat1;
               });
    };
    schema::RoundRecord round = world.round().value();
    ++round.reference->squared_norm;
    EXPECT_FALSE(posts_stat1(world.state.apply({{keys::round(1), encode(round)}})));
    EXPECT_GT(validator.worker->status().refusals, 0U);
    EXPECT_TRUE(posts_stat1(world.state));
}

TEST(ReferenceFaults, validator_without_the_agreed_bytes_stays_silent_until_they_come) {
    World world({.clients = 4, .rounds = 1, .has_reference = true});
    align(world);
    ASSERT_TRUE(world.run_until([&] { return world.is_in(Phase::kStat1); }));
    Validator& late = *world.validators[1];
    late.blobs.is_blind = true;
    ASSERT_TRUE(world.run_until([&] { return world.is_in(Phase::kStat2); }));
    const auto member = world.epoch()->find_member(late.key.public_key()).value();
    EXPECT_EQ(world.round()->stat1_posters & schema::member_bit(member), 0U);
    late.blobs.is_blind = false;
    ASSERT_TRUE(world.run_rounds(1));
    EXPECT_TRUE(world.faults().empty());
    world.expect_result_is_plain_sum(world.results()[0]);
}

TEST(ReferenceFaults, without_a_quorum_the_attempt_is_aborted_and_the_next_one_succeeds) {
    World world({.clients = 4, .rounds = 1, .has_reference = true});
    align(world);
    for (const std::size_t i : {0U, 3U}) {
        world.validators[i]->references = std::make_unique<OtherReference>(false);
        world.restart(i);
    }
    ASSERT_TRUE(world.run_until([&] { return world.is_in(Phase::kAborted); }));
    EXPECT_EQ(world.round()->reason, schema::EndReason::kNoReference);
    EXPECT_TRUE(fixed_of(world).empty());
    world.validators[0]->references = std::make_unique<node::ReferenceTrainer>();
    world.restart(0);
    ASSERT_TRUE(world.run_rounds(1));
    EXPECT_GE(world.results()[0].label.attempt, 1U);
    EXPECT_EQ(fixed_of(world).size(), 1U);
    world.expect_result_is_plain_sum(world.results()[0]);
    EXPECT_TRUE(world.is_consistent());
}

}  // namespace
}  // namespace consilium::mpc::testing
