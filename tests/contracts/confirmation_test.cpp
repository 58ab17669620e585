// AGG_OK of a sum that is not the right one: who is named for it, and who sent it in good faith.
//
// Liars among the first posters add a polynomial of degree t with zeros at chosen members, so that
// the shares of these members lie on what the first posters open, although its sum is false.
#include <gtest/gtest.h>

#include "tests/contracts/round_network.hpp"

namespace consilium::contracts::testing {
namespace {

using schema::Code;
using schema::Module;
using schema::Phase;
namespace action = schema::action;
namespace event = schema::event;
namespace keys = schema::keys;

using Members = std::vector<std::uint16_t>;
using Named = std::vector<std::tuple<std::uint16_t, std::uint16_t, std::uint64_t>>;
constexpr std::size_t kFirstError = ConsortiumDriver::kFirstBent;

// A round of seven or more members, t = 2, up to its sum. The first posters are 1, 2, 3.
struct SumPhase : Network {
    explicit SumPhase(std::size_t members = 7) : Network(members, task()) {
        start();
        updates = driver.similar_updates(31, 0);
        driver.submit(updates, all_slots());
        driver.post_stat1();
        driver.post_stat2();
        EXPECT_EQ(driver.round().phase, Phase::kAggregate);
    }
    static schema::TaskSpec task() {
        schema::TaskSpec spec = test_task();
        spec.windows.aggregate = {.blocks = 1000, .ms = 1000};
        return spec;
    }
    void post(const Members& members, const Members& zeros = {}) {
        std::vector<Transaction> transactions;
        for (const std::uint16_t member : members) {
            transactions.push_back(driver.aggregate_of(member, driver.sum_share(member, zeros)));
        }
        chain.run(transactions);
        note_faults();
    }
    Code confirm(std::uint16_t member, const Digest& sha256) {
        const Code code = chain.send(chain.validators[member - 1U], kAggregateOk,
                                     schema::AggregateOk{label(), sha256});
        note_faults();
        return code;
    }
    // Of the sum through the shares of three members, of which some lie.
    Digest sum_of(const Members& members, const Members& liars = {}, const Members& zeros = {}) {
        smpc::testing::Posts posts;
        for (const std::uint16_t member : members) {
            const bool lies = std::find(liars.begin(), liars.end(), member) != liars.end();
            posts[member] = driver.sum_share(member, lies ? zeros : Members{});
        }
        return smpc::opened_digest(smpc::interpolate_vector(smpc::testing::posted(posts), 0));
    }
    // What members 1, 2, 3 open when the first two lie.
    Digest false_sum(const Members& zeros) { return sum_of({1, 2, 3}, {1, 2}, zeros); }
    void exclude(schema::MemberSet members) {
        schema::EpochRecord record = driver.epoch();
        record.excluded = members;
        chain.state =
            chain.state.apply({{keys::epoch(record.mpc_epoch), std::optional(encode(record))}});
    }
    void note_faults() {
        for (const auto& fault :
             chain.events<schema::FaultProved>(Module::kVerification, event::kFault)) {
            if (fault.label.round != 1) continue;
            named.emplace_back(fault.action, fault.member, fault.coordinate);
        }
    }
    [[nodiscard]] schema::RoundLabel label() const {
        return chain.load<schema::RoundRecord>(keys::round(1)).label;
    }

    Updates updates;
    Named named;
};

TEST(Confirmation, honest_member_whose_share_fits_a_false_sum_is_not_named) {
    SumPhase phase;
    const Members zeros{3, 4};
    phase.post({1, 2}, zeros);
    phase.post({3});
    EXPECT_EQ(phase.confirm(4, phase.false_sum(zeros)), Code::kOk);
    phase.post({5, 6, 7});
    EXPECT_TRUE(phase.driver.round().is_aggregate_fallback);
    EXPECT_TRUE(phase.named.empty());
    phase.post({4});
    expect_model_step(phase, phase.updates, 1);
    EXPECT_EQ(phase.named,
              (Named{{action::kAggregate, 1, kFirstError}, {action::kAggregate, 2, kFirstError}}));
}

// Its share is not on chain, but it follows from those of the others.
TEST(Confirmation, honest_member_that_never_posts_its_share_is_not_named_either) {
    SumPhase phase(8);
    const Members zeros{3, 4};
    phase.post({1, 2}, zeros);
    phase.post({3});
    EXPECT_EQ(phase.confirm(4, phase.false_sum(zeros)), Code::kOk);
    phase.post({5, 6, 7, 8});
    expect_model_step(phase, phase.updates, 1);
    EXPECT_EQ(phase.named,
              (Named{{action::kAggregate, 1, kFirstError}, {action::kAggregate, 2, kFirstError}}));
}

// One liar beside two honest first posters has no zero left to choose.
TEST(Confirmation, accomplice_whose_share_does_not_fit_is_named_with_its_first_wrong_coordinate) {
    SumPhase phase;
    phase.post({1}, {2, 3});
    phase.post({2, 3});
    EXPECT_EQ(phase.confirm(4, phase.sum_of({1, 2, 3}, {1}, {2, 3})), Code::kOk);
    phase.post({5, 6, 7});
    expect_model_step(phase, phase.updates, 1);
    EXPECT_EQ(phase.named, (Named{{action::kAggregate, 1, kFirstError},
                                  {action::kAggregateOk, 4, kFirstError}}));
}

TEST(Confirmation, sum_that_nobody_can_have_seen_is_named_at_coordinate_0) {
    SumPhase phase;
    phase.post({1, 2, 3});
    EXPECT_EQ(phase.confirm(6, sha256(as_bytes("no sum"))), Code::kOk);
    EXPECT_EQ(phase.confirm(7, phase.false_sum({3, 4})), Code::kOk);
    phase.post({4, 5});
    expect_model_step(phase, phase.updates, 1);
    EXPECT_EQ(phase.named, (Named{{action::kAggregateOk, 6, 0}, {action::kAggregateOk, 7, 0}}));
}

TEST(Confirmation, first_poster_that_confirms_a_false_sum_is_named) {
    SumPhase phase;
    const Members zeros{3, 4};
    phase.post({1, 2}, zeros);
    phase.post({3});
    EXPECT_EQ(phase.confirm(2, phase.false_sum(zeros)), Code::kOk);
    phase.post({4, 5, 6, 7});
    expect_model_step(phase, phase.updates, 1);
    EXPECT_EQ(phase.named, (Named{{action::kAggregate, 1, kFirstError},
                                  {action::kAggregate, 2, kFirstError},
                                  {action::kAggregateOk, 2, 0}}));
}

TEST(Confirmation, is_refused_before_every_first_poster_has_posted) {
    SumPhase phase;
    const Digest guess = sha256(as_bytes("guess"));
    EXPECT_EQ(phase.confirm(5, guess), Code::kWrongPhase);
    phase.post({1, 2});
    EXPECT_EQ(phase.confirm(5, guess), Code::kWrongPhase);
    EXPECT_EQ(phase.driver.round().aggregate_oks, 0U);
    phase.post({3});
    EXPECT_EQ(phase.confirm(5, guess), Code::kOk);
    EXPECT_EQ(phase.confirm(5, guess), Code::kDuplicate);
    EXPECT_EQ(phase.driver.round().aggregate_oks, schema::member_bit(5));
}

// X grows while the sum is open: the first posters are 2, 3, 4 from then on, and what 5 had seen
// before was the sum of 1, 2, 3.
TEST(Confirmation, sent_in_good_faith_before_an_exclusion_is_not_named_after_it) {
    SumPhase phase;
    const Members zeros{3, 5};
    phase.post({1, 2}, zeros);
    phase.post({3});
    const Digest seen = phase.false_sum(zeros);
    EXPECT_EQ(phase.confirm(5, seen), Code::kOk);
    phase.exclude(schema::member_bit(1));
    EXPECT_EQ(phase.confirm(1, seen), Code::kMemberExcluded);
    EXPECT_EQ(phase.confirm(2, seen), Code::kOk);  // a first poster confirms nothing
    phase.post({4, 5});
    EXPECT_EQ(phase.driver.round().label.round, 1U);
    phase.post({7, 6});
    expect_model_step(phase, phase.updates, 1);
    EXPECT_EQ(phase.named,
              (Named{{action::kAggregate, 2, kFirstError}, {action::kAggregateOk, 2, 0}}));
}

// A member of X is not heard, so a sum that needs its share is not waited for.
TEST(Confirmation, after_an_exclusion_the_sum_of_the_next_first_posters_can_be_confirmed) {
    SumPhase phase;
    phase.exclude(schema::member_bit(1));
    phase.post({2, 3});
    EXPECT_EQ(phase.confirm(6, sha256(as_bytes("early"))), Code::kWrongPhase);
    phase.post({4});
    const Digest right = phase.sum_of({2, 3, 4});
    EXPECT_EQ(phase.confirm(6, right), Code::kOk);
    EXPECT_EQ(phase.confirm(7, right), Code::kOk);
    expect_model_step(phase, phase.updates, 1);
    EXPECT_TRUE(phase.named.empty());
}

}  // namespace
}  // namespace consilium::contracts::testing
