// A validator that has lost its disk gets the keys of the active epoch from the other members.
#include <gtest/gtest.h>

#include <algorithm>

#include "node/mpc/recovery_answers.hpp"
#include "tests/mpc/letter_checks.hpp"
#include "tests/mpc/world.hpp"

namespace consilium::mpc::testing {
namespace {

namespace action = schema::action;
namespace keys = schema::keys;
using schema::BatchState;
using schema::Mode;
using schema::Phase;

constexpr std::size_t kWiped = 2;  // position of the validator that loses its disk

std::uint16_t member_of(const World& world, std::size_t validator) {
    return world.epoch()->find_member(world.validators[validator]->key.public_key()).value();
}
smpc::Committee committee_of(const World& world) {
    return smpc::Committee::make(static_cast<std::uint32_t>(world.validators.size())).value();
}
smpc::Secret32 secret_of(const std::string& name) {
    const Digest hash = sha256(as_bytes(name));
    return smpc::Secret32(std::span(hash.bytes));
}
// What it sent before is remembered: the same label with other bytes is still a breach.
void wipe(World& world, std::size_t validator = kWiped) {
    world.validators[validator]->store.contents.clear();
    world.restart(validator);
}
bool has_keys(const World& world, std::size_t validator = kWiped) {
    return world.validators[validator]->store.contents.contains("epoch-1/keys");
}
bool posted_statistics(const World& world, std::uint64_t round, std::size_t validator = kWiped) {
    const auto record = world.find<schema::RoundRecord>(keys::round(round));
    return record && (record->stat1_posters & schema::member_bit(member_of(world, validator))) != 0;
}
void expect_clean(const World& world) {
    EXPECT_TRUE(world.faults().empty());
    EXPECT_TRUE(world.is_consistent());
    for (const schema::RoundResult& result : world.results()) {
        world.expect_result_is_plain_sum(result);
    }
}
void expect_recovered(const World& world) {
    EXPECT_TRUE(has_keys(world));
    EXPECT_EQ(world.validators[kWiped]->worker->status().recoveries, 1U);
    EXPECT_EQ(world.epoch()->mpc_epoch, 1U);
}

class LostDisk : public ::testing::TestWithParam<std::tuple<std::uint32_t, Phase>> {};

TEST_P(LostDisk, validator_takes_part_again_in_the_same_epoch) {
    const auto [n, phase] = GetParam();
    World world({.validators = n, .mode = Mode::kPairwise, .rounds = 4, .is_wide = true});
    ASSERT_TRUE(world.run_until([&, wanted = phase] { return world.is_in(wanted); }));
    wipe(world);
    ASSERT_TRUE(world.run_rounds(4, 400));
    expect_recovered(world);
    for (std::uint64_t round = 2; round <= 4; ++round) {
        EXPECT_TRUE(posted_statistics(world, round)) << "round " << round;
    }
    expect_clean(world);
}

INSTANTIATE_TEST_SUITE_P(Phases, LostDisk,
                         ::testing::Combine(::testing::Values(4U, 7U),
                                            ::testing::Values(Phase::kSubmitting, Phase::kCoinRange,
                                                              Phase::kRanging, Phase::kCoinTest,
                                                              Phase::kStat1, Phase::kStat2,
                                                              Phase::kAggregate)));

TEST(LostDiskBeforeTheFirstRound, validator_prepares_the_batches_of_the_epoch) {
    World world({.rounds = 2});
    ASSERT_TRUE(world.run_until([&] { return world.is_active() && world.batch(0); }));
    ASSERT_FALSE(world.epoch()->first_round);
    wipe(world);
    ASSERT_TRUE(world.run_rounds(2));
    expect_recovered(world);
    EXPECT_TRUE(posted_statistics(world, 2));
    expect_clean(world);
}

TEST(LostDiskTwice, validator_recovers_again_also_from_one_that_recovered_before) {
    World world({.rounds = 6});
    ASSERT_TRUE(world.run_rounds(1));
    wipe(world);
    ASSERT_TRUE(world.run_until([&] { return has_keys(world); }));
    wipe(world);
    ASSERT_TRUE(world.run_until([&] { return has_keys(world); }));
    wipe(world, 0);
    ASSERT_TRUE(world.run_until([&] { return has_keys(world, 0); }));
    const std::size_t done = world.results().size();
    ASSERT_LT(done, 5U);
    ASSERT_TRUE(world.run_rounds(6, 600));
    EXPECT_TRUE(posted_statistics(world, 6));
    EXPECT_TRUE(posted_statistics(world, 6, 0));
    expect_clean(world);
}

// Member 0 is away, so batches are checked; the wiped one has posted PREP_W, or is about to.
TEST(LostDiskInTheCheck, validator_sends_no_other_share_than_before) {
    for (const bool has_posted : {false, true}) {
        SCOPED_TRACE(has_posted);
        World world({.validators = 7, .rounds = 2});
        ASSERT_TRUE(world.run_until([&] { return world.is_active(); }));
        world.validators[0]->is_silent = true;
        ASSERT_TRUE(world.run_until([&] {
            const auto batch = world.batch(0);
            const auto own = schema::member_bit(member_of(world, kWiped));
            return batch && batch->state == BatchState::kSacrifice &&
                   ((batch->weight_posters & own) != 0 || !has_posted);
        }));
        wipe(world);
        ASSERT_TRUE(world.run_rounds(2, 400));
        expect_recovered(world);
        EXPECT_TRUE(world.batch(0)->was_sacrificed());
        EXPECT_TRUE(posted_statistics(world, 2));
        expect_clean(world);
    }
}

TEST(LostDiskInTheCheck, second_w_under_another_seed_is_refused) {
    World world({.validators = 7, .rounds = 1});
    ASSERT_TRUE(world.run_until([&] { return world.is_active(); }));
    world.validators[0]->is_silent = true;
    for (const std::size_t i : {std::size_t{1}, std::size_t{3}}) {  // w stays unopened
        world.validators[i]->lie = [](Outgoing& sent) {
            if (sent.action == action::kPrepWeights) sent.arguments.clear();
        };
    }
    const auto own = schema::member_bit(member_of(world, kWiped));
    ASSERT_TRUE(world.run_until(
        [&] { return world.batch(0) && (world.batch(0)->weight_posters & own) != 0; }));
    wipe(world);
    ASSERT_TRUE(world.run_until([&] { return has_keys(world); }));
    ASSERT_TRUE(world.batch(0)->weight_base.empty());
    schema::BatchRecord record = world.batch(0).value();
    record.weight_posters &= static_cast<schema::MemberSet>(~own);
    keys::CoinId chi;
    chi.label.mpc_epoch = 1;
    auto coin = world.find<schema::CoinRecord>(keys::coin(chi)).value();
    coin.seed = sha256(as_bytes("another seed"));
    const StateTree forged = world.state.apply(
        {{keys::batch(record.label), encode(record)}, {keys::coin(chi), encode(coin)}});
    world.restart(kWiped);
    const auto owed = world.validators[kWiped]->worker->step(forged);
    ASSERT_TRUE(owed);
    for (const Outgoing& sent : *owed) {
        EXPECT_FALSE(sent.label == "epoch-1/batch-0/prep-w") << "a second w leaves the node";
    }
    EXPECT_GT(world.validators[kWiped]->worker->status().refusals, 0U);
    world.restart(kWiped);
    for (const auto& validator : world.validators) validator->lie = {};
    ASSERT_TRUE(world.run_rounds(1, 400));
    expect_clean(world);
}

TEST(LostDiskInADispute, validator_reveals_the_true_keys_of_the_burned_batch_and_no_others) {
    World world({.validators = 7, .rounds = 2});
    Validator& liar = *world.validators[0];
    liar.lie = [](Outgoing& sent) {
        if (sent.action != action::kPrepShare) return;
        auto arguments = decode<schema::PrepShare>(sent.arguments).value();
        if (arguments.label.batch != 0) return;
        arguments.values[0] ^= 1;
        sent.arguments = encode(arguments);
    };
    ASSERT_TRUE(world.run_until(
        [&] { return world.batch(0) && world.batch(0)->state == BatchState::kDisputed; }));
    wipe(world);
    ASSERT_TRUE(world.run_rounds(2, 400));
    EXPECT_EQ(world.batch(0)->state, BatchState::kBurned);
    EXPECT_EQ(world.epoch()->excluded, schema::member_bit(member_of(world, 0)));
    expect_recovered(world);
    expect_clean(world);
}

// What it had released before the loss is learned from the state, before anything else is said.
TEST(LostDiskInStatistics, second_share_of_the_round_is_refused_whatever_a_state_says) {
    World world({.clients = 4, .rounds = 2});
    const auto withhold = [](Outgoing& sent) {
        if (sent.action == action::kStat1) sent.arguments.clear();
    };
    for (std::size_t i = 0; i < 2; ++i) world.validators[i]->lie = withhold;
    ASSERT_TRUE(world.run_until([&] { return posted_statistics(world, 1); }));
    wipe(world);
    ASSERT_TRUE(world.run_until([&] { return has_keys(world); }));
    ASSERT_TRUE(world.is_in(Phase::kStat1));
    Validator& wiped = *world.validators[kWiped];
    const auto own = schema::member_bit(member_of(world, kWiped));
    const auto is_stat1 = [](const Outgoing& sent) { return sent.action == action::kStat1; };

    schema::RoundRecord round = world.round().value();
    round.stat1_posters &= static_cast<schema::MemberSet>(~own);
    const StateTree same = world.state.apply({{keys::round(1), encode(round)}});
    round.ranged &= ~schema::slot_bit(1);
    const StateTree forged = world.state.apply({{keys::round(1), encode(round)}});
    auto owed = wiped.worker->step(forged);
    ASSERT_TRUE(owed);
    EXPECT_TRUE(std::none_of(owed->begin(), owed->end(), is_stat1));
    EXPECT_GT(wiped.worker->status().refusals, 0U);

    world.restart(kWiped);
    owed = wiped.worker->step(same);
    ASSERT_TRUE(owed);
    const auto repeated = std::find_if(owed->begin(), owed->end(), is_stat1);
    ASSERT_NE(repeated, owed->end()) << "the same bytes may be sent again";
    EXPECT_EQ(wiped.returned.at(repeated->label), sha256(repeated->arguments));

    world.restart(kWiped);
    for (std::size_t i = 0; i < 2; ++i) world.validators[i]->lie = {};
    ASSERT_TRUE(world.run_rounds(2));
    expect_clean(world);
}

// --- Liars ---

// Rows that nobody holds, sealed as they should be, for the newest request to this member.
Bytes forged_reply(const World& world, std::uint16_t liar, const RecoveryReply& reply,
                   const std::string& name) {
    const Validator& asker = *world.validators[kWiped];
    const auto epoch = world.epoch().value();
    std::optional<RecoveryRequest> request;
    for (const Letter& letter : asker.letters) {
        auto decoded = decode_letter(letter.content).value();
        if (letter.peer != epoch.members[liar - 1U]) continue;
        if (auto* const found = std::get_if<RecoveryRequest>(&decoded)) request = *found;
    }
    const smpc::Committee committee = committee_of(world);
    const smpc::MemberIndex wiped = member_of(world, kWiped);
    std::vector<HandedRows> handed;
    for (const RecoveryQuestion& question : request->questions) {
        HandedRows part;
        part.id = {question.part, question.index};
        part.first_row = question.first_row;
        const std::size_t rows =
            question.part == RecoveryPart::kRoundKeys ? 2 : epoch.clients.size() + 2;
        for (std::size_t row = question.first_row; row < rows; ++row) {
            auto& ring = part.rows.emplace_back();
            for (const smpc::SubsetRank rank : committee.subsets_of(wiped)) {
                if (!committee.contains(rank, liar)) continue;
                ring.push_back(secret_of(name + std::to_string(row * 1000 + rank)));
            }
        }
        handed.push_back(std::move(part));
    }
    RecoveryReply forged = reply;
    std::uint64_t subject = 0;
    for (std::size_t i = 0; i < 8; ++i) {
        subject |= std::uint64_t{reply.challenge.bytes[i]} << (8 * i);
    }
    forged.sealed =
        smpc::seal({.chain_id = world.genesis.chain_id,
                    .mpc_epoch = epoch.mpc_epoch,
                    .label = smpc::kRecoveryLabel,
                    .sender = liar,
                    .subject = subject,
                    .recipient = wiped},
                   request->key, smpc::TransportSecretKey(secret_of("ephemeral" + name)),
                   encode_rows(handed).view())
            .value();
    return encode_letter(forged);
}

// Members that answer with wrong keys; those with one name agree with each other.
void make_liar(World& world, std::size_t validator, const std::string& name) {
    world.validators[validator]->lie_to_member = [&world, validator, name](Letter& letter) {
        auto decoded = decode_letter(letter.content).value();
        const auto* const reply = std::get_if<RecoveryReply>(&decoded);
        if (reply == nullptr || reply->sealed.empty()) return true;
        letter.content = forged_reply(world, member_of(world, validator), *reply, name);
        return true;
    };
}

struct LiarCase {
    std::uint32_t n{};
    std::size_t liars{};
    bool do_agree{};
};
class LyingMembers : public ::testing::TestWithParam<LiarCase> {};

// Every subset has t+1 honest members besides the wiped one and the liars.
TEST_P(LyingMembers, that_are_outvoted_change_nothing) {
    const LiarCase& given = GetParam();
    World world({.validators = given.n, .rounds = 3});
    ASSERT_TRUE(world.run_rounds(1));
    for (std::size_t i = 0; i < given.liars; ++i) {
        const std::size_t liar = i < kWiped ? i : i + 1;
        make_liar(world, liar, given.do_agree ? "same" : "other" + std::to_string(i));
    }
    wipe(world);
    ASSERT_TRUE(world.run_rounds(3, 400));
    expect_recovered(world);
    EXPECT_TRUE(posted_statistics(world, 3));
    expect_clean(world);
}

INSTANTIATE_TEST_SUITE_P(Committees, LyingMembers,
                         ::testing::Values(LiarCase{5, 1, true}, LiarCase{6, 1, true},
                                           LiarCase{7, 1, true}, LiarCase{8, 2, true},
                                           LiarCase{8, 2, false}));

class Contradiction : public ::testing::TestWithParam<LiarCase> {};

// t liars in a subset of 2t+1 leave t honest copies: no value can be told to be the right one.
TEST_P(Contradiction, validator_is_silent_until_the_next_epoch) {
    const LiarCase& given = GetParam();
    World world({.validators = given.n, .rounds = 12});
    ASSERT_TRUE(world.run_rounds(1));
    for (std::size_t i = 0; i < given.liars; ++i) {
        make_liar(world, i, given.do_agree ? "same" : "other" + std::to_string(i));
    }
    wipe(world);
    Validator& wiped = *world.validators[kWiped];
    wiped.returned.clear();
    ASSERT_TRUE(world.run_rounds(3, 400));
    EXPECT_TRUE(wiped.returned.empty());
    EXPECT_TRUE(wiped.store.contents.empty());
    EXPECT_EQ(wiped.worker->status().contradictions, 1U);
    EXPECT_EQ(wiped.worker->status().recoveries, 0U);
    const std::size_t letters = wiped.letters.size();
    for (int i = 0; i < 20; ++i) world.advance();
    EXPECT_EQ(wiped.letters.size(), letters) << "it asks for what it cannot get";
    world.decide(schema::ProposalKind::kOpenMpcEpoch, encode(schema::EpochReference{1}));
    ASSERT_TRUE(world.run_until([&] { return world.results().back().label.mpc_epoch == 2; }, 400));
    EXPECT_TRUE(posted_statistics(world, world.results().back().label.round));
    expect_clean(world);
}

INSTANTIATE_TEST_SUITE_P(Committees, Contradiction,
                         ::testing::Values(LiarCase{4, 1, true}, LiarCase{7, 2, true},
                                           LiarCase{7, 2, false}));

TEST(LyingMember, whose_answer_does_not_open_is_not_asked_again) {
    World world({.validators = 5, .rounds = 3});
    ASSERT_TRUE(world.run_rounds(1));
    world.validators[0]->lie_to_member = [](Letter& letter) {
        auto decoded = decode_letter(letter.content).value();
        auto* const reply = std::get_if<RecoveryReply>(&decoded);
        if (reply == nullptr || reply->sealed.empty()) return true;
        reply->sealed.back() ^= 1;
        letter.content = encode_letter(*reply);
        return true;
    };
    wipe(world);
    ASSERT_TRUE(world.run_rounds(3));
    expect_recovered(world);
    const Validator& wiped = *world.validators[kWiped];
    const PublicKey& liar = world.validators[0]->key.public_key();
    EXPECT_EQ(std::count_if(wiped.letters.begin(), wiped.letters.end(),
                            [&](const Letter& letter) {
                                return letter.peer == liar &&
                                       std::holds_alternative<RecoveryRequest>(
                                           decode_letter(letter.content).value());
                            }),
              2);  // for a challenge, and with it
    expect_clean(world);
}

TEST(SilentMember, is_waited_for_and_asked_less_and_less_often) {
    World world({.rounds = 3});  // of four: every subset needs both other members
    ASSERT_TRUE(world.run_rounds(1));
    world.validators[0]->lie_to_member = [](Letter&) { return false; };
    wipe(world);
    Validator& wiped = *world.validators[kWiped];
    wiped.letters.clear();
    for (int i = 0; i < 200; ++i) world.advance();
    EXPECT_FALSE(has_keys(world));
    const auto to_silent = std::count_if(
        wiped.letters.begin(), wiped.letters.end(),
        [&](const Letter& letter) { return letter.peer == world.validators[0]->key.public_key(); });
    EXPECT_GT(to_silent, 3);
    EXPECT_LT(to_silent, 12);
    EXPECT_LT(wiped.letters.size(), 80U);
    world.validators[0]->lie_to_member = {};
    ASSERT_TRUE(world.run_until([&] { return has_keys(world); }));
    ASSERT_TRUE(world.run_rounds(3));
    expect_clean(world);
}

TEST(FailingStore, recovery_that_cannot_be_stored_is_repeated) {
    for (const bool restarts : {false, true}) {
        for (std::size_t k = 1; k <= 4; ++k) {
            SCOPED_TRACE("put " + std::to_string(k) + (restarts ? ", restart" : ""));
            World world({.rounds = 3});
            ASSERT_TRUE(world.run_until([&] { return world.is_in(Phase::kStat2); }));
            wipe(world);
            Validator& wiped = *world.validators[kWiped];
            wiped.store.failing_put = wiped.store.puts + k;
            const std::size_t errors = wiped.errors;
            bool is_lost_again = false;
            ASSERT_TRUE(world.run_until([&] {
                if (restarts && wiped.errors == errors + 1 && !has_keys(world) && !is_lost_again) {
                    world.restart(kWiped);
                    is_lost_again = true;
                }
                return world.results().size() >= 3;
            }));
            EXPECT_EQ(wiped.errors, errors + 1);
            EXPECT_TRUE(has_keys(world));
            EXPECT_TRUE(posted_statistics(world, 3));
            expect_clean(world);
        }
    }
}

// --- What is given, and to whom ---

class Giving : public ::testing::Test {
  protected:
    void SetUp() override {
        ASSERT_TRUE(world.run_rounds(2));
        ASSERT_TRUE(world.run_until([&] { return world.is_in(Phase::kStat1); }));
        world.restart(0);  // a worker that has given nothing yet
    }
    // Everything that a member needs in this state.
    [[nodiscard]] std::vector<RecoveryQuestion> everything() const {
        const auto epoch = world.epoch().value();
        std::vector<RecoveryQuestion> questions{
            {RecoveryPart::kChains, epoch.next_batch, 0},
            {RecoveryPart::kRoundKeys, world.round()->label.round - *epoch.first_round, 0}};
        for (const std::uint64_t batch : epoch.live_batches) {
            questions.push_back({RecoveryPart::kBatch, batch, 0});
        }
        return questions;
    }
    [[nodiscard]] RecoveryRequest request(std::vector<RecoveryQuestion> questions,
                                          const Digest& shown) const {
        return {1, transport.public_key(), shown, std::move(questions), {}};
    }
    void sign(RecoveryRequest& request, const KeyPair& key) const {
        request.signature = key.sign(recovery_digest(
            world.genesis.identity(), world.validators[0]->key.public_key(), request));
    }
    std::vector<RecoveryReply> tell(const PublicKey& from, const RecoveryRequest& request) {
        return tell(from, request, world.state);
    }
    std::vector<RecoveryReply> tell(const PublicKey& from, const RecoveryRequest& request,
                                    const StateReader& state) {
        Worker& worker = *world.validators[0]->worker;
        worker.receive({from, encode_letter(request)});
        EXPECT_TRUE(worker.step(state));
        std::vector<RecoveryReply> replies;
        for (const Letter& letter : worker.take_letters()) {
            EXPECT_EQ(letter.peer, from);
            replies.push_back(std::get<RecoveryReply>(decode_letter(letter.content).value()));
            last_letter = letter.content;
        }
        return replies;
    }
    // Asks as the second validator does, signed and with the newest challenge.
    RecoveryReply ask(std::vector<RecoveryQuestion> questions) {
        if (!challenge) {
            RecoveryRequest first = request({}, {});
            sign(first, second);
            challenge = tell(second.public_key(), first).at(0).next;
        }
        RecoveryRequest next = request(std::move(questions), *challenge);
        sign(next, second);
        RecoveryReply reply = tell(second.public_key(), next).at(0);
        challenge = reply.next;
        return reply;
    }
    [[nodiscard]] std::vector<HandedRows> open(const RecoveryReply& reply) const {
        std::uint64_t subject = 0;
        for (std::size_t i = 0; i < 8; ++i) {
            subject |= std::uint64_t{reply.challenge.bytes[i]} << (8 * i);
        }
        const auto text = smpc::open_sealed({.chain_id = world.genesis.chain_id,
                                             .mpc_epoch = 1,
                                             .label = smpc::kRecoveryLabel,
                                             .sender = member_of(world, 0),
                                             .subject = subject,
                                             .recipient = member_of(world, 1)},
                                            transport, reply.sealed);
        return decode_rows(text.value().view(), 2).value();  // C(2,1) subsets hold both
    }
    World world{{.rounds = 6}};
    const KeyPair& second = world.validators[1]->key;
    const smpc::TransportSecretKey transport{secret_of("transport")};
    std::optional<Digest> challenge;
    Bytes last_letter;
};

TEST_F(Giving, member_gets_its_own_keys_of_this_state_and_none_in_the_clear) {
    const RecoveryReply reply = ask(everything());
    const std::vector<HandedRows> handed = open(reply);
    ASSERT_EQ(handed.size(), everything().size());
    std::size_t given = 0;
    const auto& own = world.validators[1]->store.contents;
    for (const HandedRows& part : handed) {
        const std::string name = part.id.part == RecoveryPart::kBatch
                                     ? "epoch-1/batch-" + std::to_string(part.id.index)
                                     : "epoch-1/keys";
        const bool is_round = part.id.part == RecoveryPart::kRoundKeys;
        EXPECT_EQ(part.rows.size(), is_round ? 2U : world.clients.size() + 2);
        for (const auto& row : part.rows) {
            for (const smpc::Secret32& key : row) {
                EXPECT_TRUE(holds(own.at(name), key.view()));
                EXPECT_FALSE(holds(last_letter, key.view()));
                ++given;
            }
        }
    }
    EXPECT_GT(given, 2U * (2 + 2 * 5));
    EXPECT_EQ(world.validators[0]->worker->status().keys_given, 1U);
}

TEST_F(Giving, repeated_request_gets_a_challenge_and_no_key) {
    RecoveryRequest first = request(everything(), {});
    sign(first, second);
    const RecoveryReply hello = tell(second.public_key(), first).at(0);
    EXPECT_TRUE(hello.sealed.empty());
    EXPECT_FALSE(hello.next.is_zero());
    RecoveryRequest next = request(everything(), hello.next);
    sign(next, second);
    EXPECT_FALSE(tell(second.public_key(), next).at(0).sealed.empty());
    for (const RecoveryRequest& old : {first, next}) {
        for (int i = 0; i < 3; ++i) {
            EXPECT_TRUE(tell(second.public_key(), old).at(0).sealed.empty());
        }
    }
    world.restart(0);  // also by one that has forgotten
    EXPECT_TRUE(tell(second.public_key(), next).at(0).sealed.empty());
}

TEST_F(Giving, only_what_its_own_key_signed_for_us_in_this_epoch_is_answered) {
    const PublicKey& asker = second.public_key();
    RecoveryRequest unsigned_request = request(everything(), {});
    EXPECT_TRUE(tell(asker, unsigned_request).empty());
    RecoveryRequest of_other = request(everything(), {});
    sign(of_other, world.validators[3]->key);
    EXPECT_TRUE(tell(asker, of_other).empty());
    RecoveryRequest to_other = request(everything(), {});
    to_other.signature = second.sign(
        recovery_digest(world.genesis.identity(), world.validators[3]->key.public_key(), to_other));
    EXPECT_TRUE(tell(asker, to_other).empty());
    RecoveryRequest of_old_epoch = request(everything(), {});
    of_old_epoch.mpc_epoch = 0;
    sign(of_old_epoch, second);
    EXPECT_TRUE(tell(asker, of_old_epoch).empty());
    RecoveryRequest good = request(everything(), {});
    sign(good, second);
    RecoveryRequest other_key = good;
    other_key.key[0] ^= 1;
    EXPECT_TRUE(tell(asker, other_key).empty());
    RecoveryRequest of_client = request(everything(), {});
    sign(of_client, world.clients[0]->key);
    EXPECT_TRUE(tell(world.clients[0]->key.public_key(), of_client).empty());
    RecoveryRequest own = request(everything(), {});
    sign(own, world.validators[0]->key);
    EXPECT_TRUE(tell(world.validators[0]->key.public_key(), own).empty());
    EXPECT_EQ(tell(asker, good).size(), 1U);
}

TEST_F(Giving, nothing_of_another_state_or_of_a_batch_that_is_over_is_given) {
    const auto epoch = world.epoch().value();
    const std::uint64_t steps = world.round()->label.round - *epoch.first_round;
    ASSERT_GE(epoch.next_batch, 1U);
    ASSERT_GE(steps, 1U);
    const std::uint64_t consumed = world.results()[0].label.batch;
    const std::vector<RecoveryQuestion> refused{
        {RecoveryPart::kChains, epoch.next_batch - 1, 0},
        {RecoveryPart::kChains, epoch.next_batch + 1, 0},
        {RecoveryPart::kRoundKeys, steps - 1, 0},
        {RecoveryPart::kRoundKeys, steps + 1, 0},
        {RecoveryPart::kBatch, consumed, 0},
        {RecoveryPart::kBatch, epoch.next_batch, 0},
        {RecoveryPart::kChains, epoch.next_batch, 1'000},
    };
    for (const RecoveryQuestion& question : refused) {
        EXPECT_TRUE(ask({question}).sealed.empty());
    }
    EXPECT_TRUE(ask(refused).sealed.empty());
    EXPECT_FALSE(ask(everything()).sealed.empty());
    // A state in which the batch is over, though its keys are still held here.
    const std::uint64_t live = world.round()->label.batch;
    schema::BatchRecord record = world.batch(live).value();
    record.state = BatchState::kConsumed;
    const StateTree over = world.state.apply({{keys::batch(record.label), encode(record)}});
    RecoveryRequest next = request({{RecoveryPart::kBatch, live, 0}}, *challenge);
    sign(next, second);
    EXPECT_TRUE(tell(second.public_key(), next, over).at(0).sealed.empty());
}

TEST_F(Giving, excluded_member_gets_no_answer_and_an_excluded_one_gives_none) {
    for (const std::size_t excluded : {std::size_t{1}, std::size_t{0}}) {
        auto epoch = world.epoch().value();
        epoch.excluded = schema::member_bit(member_of(world, excluded));
        const StateTree state = world.state.apply({{keys::epoch(1), encode(epoch)}});
        RecoveryRequest first = request(everything(), {});
        sign(first, second);
        EXPECT_TRUE(tell(second.public_key(), first, state).empty());
    }
}

TEST_F(Giving, one_that_asks_for_ever_gets_a_bounded_number_of_copies) {
    std::size_t answered = 0;
    for (int i = 0; i < 100; ++i) {
        if (!challenge) (void)ask({});
        // Many times in one letter counts once.
        std::vector<RecoveryQuestion> questions = everything();
        questions.resize(kMaxRecoveryQuestions, questions[0]);
        RecoveryRequest next = request(questions, *challenge);
        sign(next, second);
        const auto replies = tell(second.public_key(), next);
        if (replies.empty()) break;
        challenge = replies[0].next;
        EXPECT_EQ(open(replies[0]).size(), everything().size());
        ++answered;
    }
    EXPECT_EQ(answered, RecoveryAnswers::kMaxRepeats);
    // Others have an account of their own.
    RecoveryRequest other = request({}, {});
    sign(other, world.validators[3]->key);
    EXPECT_EQ(tell(world.validators[3]->key.public_key(), other).size(), 1U);
}

TEST_F(Giving, one_request_in_a_step_is_looked_at) {
    Worker& worker = *world.validators[0]->worker;
    RecoveryRequest first = request(everything(), {});
    sign(first, second);
    for (int i = 0; i < 4; ++i) worker.receive({second.public_key(), encode_letter(first)});
    ASSERT_TRUE(worker.step(world.state));
    EXPECT_EQ(worker.take_letters().size(), 1U);
}

// 13 members and 64 clients: what is asked for comes in several letters, each within its bound.
TEST(LargeParts, come_in_letters_of_bounded_size) {
    std::vector<HandedRows> handed(1);
    handed[0].id = {RecoveryPart::kChains, 3};
    constexpr std::size_t kColumns = 330;  // C(11, 4) subsets hold two members of 13
    for (int row = 0; row < 5; ++row) {
        auto& ring = handed[0].rows.emplace_back();
        for (std::size_t i = 0; i < kColumns; ++i) {
            ring.push_back(secret_of(std::to_string(row) + "/" + std::to_string(i)));
        }
    }
    const SecretBytes text = encode_rows(handed);
    EXPECT_LE(text.size() + smpc::kSealOverheadBytes, RecoveryReply::kMaxSealedBytes);
    const auto again = decode_rows(text.view(), kColumns).value();
    ASSERT_EQ(again.size(), 1U);
    ASSERT_EQ(again[0].rows.size(), 5U);
    EXPECT_EQ(again[0].id, handed[0].id);
    for (std::size_t row = 0; row < 5; ++row) {
        for (std::size_t i = 0; i < kColumns; ++i) {
            EXPECT_TRUE(
                constant_time_equal(again[0].rows[row][i].view(), handed[0].rows[row][i].view()));
        }
    }
    for (std::size_t cut = 1; cut < text.size(); cut += 97) {
        EXPECT_FALSE(decode_rows(text.view().first(text.size() - cut), kColumns)) << cut;
    }
    EXPECT_FALSE(decode_rows(text.view(), kColumns + 1));
    EXPECT_FALSE(decode_rows(text.view(), 0));
    Bytes unknown(text.view().begin(), text.view().end());
    unknown[0] = 9;
    EXPECT_FALSE(decode_rows(unknown, kColumns));
}

TEST(RecoveryLetters, survive_the_round_trip_and_nothing_else_decodes) {
    RecoveryRequest request{7, {}, sha256(as_bytes("c")), {}, {}};
    request.key.fill(3);
    request.signature.bytes.fill(4);
    request.questions = {{RecoveryPart::kChains, 5, 1}, {RecoveryPart::kBatch, 4, 0}};
    const RecoveryReply reply{7, sha256(as_bytes("c")), sha256(as_bytes("d")), Bytes(70, 9)};
    expect_canonical({KeyLetter(request), KeyLetter(reply)});
    EXPECT_EQ(encode_letter(RecoveryRequest{7, {}, {}, {}, {}}).size(), 1U + 8 + 32 + 32 + 4 + 64);
    // Every field is signed.
    const World world({});
    const PublicKey& to = world.validators[0]->key.public_key();
    const Digest signed_digest = recovery_digest(world.genesis.identity(), to, request);
    for (int field = 0; field < 4; ++field) {
        RecoveryRequest changed = request;
        if (field == 0) changed.mpc_epoch ^= 1;
        if (field == 1) changed.key[31] ^= 1;
        if (field == 2) changed.challenge.bytes[0] ^= 1;
        if (field == 3) changed.questions[1].index ^= 1;
        EXPECT_NE(recovery_digest(world.genesis.identity(), to, changed), signed_digest) << field;
    }
}

}  // namespace
}  // namespace consilium::mpc::testing
