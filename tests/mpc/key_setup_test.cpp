// Lying leaders of the key setup, members that help each other, liars among the bundles.
#include <gtest/gtest.h>

#include <algorithm>
#include <bit>

#include "node/mpc/key_exchange.hpp"
#include "tests/mpc/letter_checks.hpp"
#include "tests/mpc/world.hpp"

namespace consilium::mpc::testing {
namespace {

namespace action = schema::action;
namespace event = schema::event;
namespace keys = schema::keys;
using schema::EpochPhase;

std::uint16_t member_of(const World& world, std::size_t validator) {
    return world.epoch()->find_member(world.validators[validator]->key.public_key()).value();
}
std::size_t validator_of(const World& world, std::uint16_t member) {
    std::size_t at = 0;
    while (member_of(world, at) != member) ++at;
    return at;
}
schema::SetupRecord setup_of(const World& world) {
    return world.find<schema::SetupRecord>(keys::setup(world.epoch()->mpc_epoch)).value();
}
bool is_committing(const World& world) {
    const auto epoch = world.epoch();
    return epoch && epoch->phase == EpochPhase::kCommitments;
}
smpc::Committee committee_of(const World& world) {
    return smpc::Committee::make(static_cast<std::uint32_t>(world.validators.size())).value();
}
smpc::Secret32 secret_of(const std::string& name) {
    const Digest hash = sha256(as_bytes(name));
    return smpc::Secret32(std::span(hash.bytes));
}
std::size_t replies_in(const std::vector<Letter>& letters, const PublicKey& to) {
    return static_cast<std::size_t>(
        std::count_if(letters.begin(), letters.end(), [&](const Letter& letter) {
            return letter.peer == to &&
                   std::holds_alternative<KeyReply>(decode_letter(letter.content).value());
        }));
}
std::size_t requests_in(const std::vector<Letter>& letters) {
    return static_cast<std::size_t>(
        std::count_if(letters.begin(), letters.end(), [](const Letter& letter) {
            return std::holds_alternative<KeyRequest>(decode_letter(letter.content).value());
        }));
}

// What a leader puts in the place of the sealed opening for `recipient`.
using Forger =
    std::function<Bytes(const schema::KeyCommitment& entry, smpc::MemberIndex recipient)>;

// Replaces what the leader sealed for each of `victims`.
void forge_for(const World& world, smpc::MemberIndex leader, schema::MemberSet victims,
               const Forger& forge, Outgoing& sent) {
    if (sent.action != action::kKeyCommit) return;
    const smpc::Committee committee = committee_of(world);
    auto arguments = decode<schema::KeyCommit>(sent.arguments).value();
    for (std::size_t i = 0; i < arguments.entries.size(); ++i) {
        const auto rank = committee.rank_of(arguments.entries[i].subset).value();
        for (smpc::MemberIndex member = 1; member <= committee.n(); ++member) {
            if ((victims & schema::member_bit(member)) == 0) continue;
            const auto offset = smpc::sealed_opening_offset(
                committee, {.entry = i, .rank = rank, .sender = leader, .recipient = member});
            if (!offset) continue;
            const Bytes forged = forge(arguments.entries[i], member);
            ASSERT_EQ(forged.size(), smpc::kSealedOpeningBytes);
            std::copy(forged.begin(), forged.end(),
                      sent.blobs[0].begin() + static_cast<std::ptrdiff_t>(*offset));
        }
    }
    arguments.ciphertexts.sha256 = sha256(sent.blobs[0]);
    sent.arguments = encode(arguments);
}

Bytes zeros(const schema::KeyCommitment& /*entry*/, smpc::MemberIndex /*recipient*/) {
    return Bytes(smpc::kSealedOpeningBytes);
}

// Another K_A, properly sealed under this label.
Bytes seal_other_key(const World& world, smpc::MemberIndex sender, schema::MemberSet subset,
                     smpc::MemberIndex recipient, std::string_view label) {
    const auto epoch = world.epoch().value();
    const auto key = world.find<schema::EphemeralKeyRecord>(
        keys::ephemeral(epoch.mpc_epoch, epoch.members[recipient - std::size_t{1}]));
    const std::string name = std::to_string(subset) + "/" + std::to_string(recipient);
    const smpc::SubsetOpening opening{smpc::SubsetKey(secret_of("other key")),
                                      secret_of("other nonce")};
    return smpc::seal({.chain_id = world.genesis.chain_id,
                       .mpc_epoch = epoch.mpc_epoch,
                       .label = label,
                       .sender = sender,
                       .subject = subset,
                       .recipient = recipient},
                      key->key, smpc::TransportSecretKey(secret_of(name)),
                      smpc::encode_subset_opening(opening).view())
        .value();
}

// What a leader that equivocates sends.
Forger other_key(const World& world, smpc::MemberIndex leader) {
    return [&world, leader](const schema::KeyCommitment& entry, smpc::MemberIndex recipient) {
        return seal_other_key(world, leader, entry.subset, recipient, smpc::kKeyCommitLabel);
    };
}

// Every member ended with keys, gave every client its bundle, and a round gives the plain sum.
void expect_all_take_part(World& world) {
    ASSERT_TRUE(world.run_until([&] { return world.is_active(); }));
    for (int i = 0; i < 3; ++i) world.advance();
    for (const auto& validator : world.validators) {
        EXPECT_TRUE(validator->store.contents.contains("epoch-1/keys"));
    }
    const std::vector<schema::MemberSet> posted = world.epoch()->bundles;
    for (const schema::MemberSet bundles : posted) {
        EXPECT_EQ(std::popcount(bundles), static_cast<int>(world.validators.size()));
    }
    ASSERT_TRUE(world.run_rounds(1));
    world.expect_result_is_plain_sum(world.results()[0]);
    EXPECT_TRUE(world.faults().empty());
    EXPECT_TRUE(world.is_consistent());
}

class LyingLeader : public ::testing::TestWithParam<std::uint32_t> {
  protected:
    // Up to the step in which leaders commit: the liar leads the first subset, its victims, t of
    // them, are in it.
    void begin() {
        ASSERT_TRUE(world.run_until([&] { return is_committing(world); }));
        const schema::SubsetSetup first = setup_of(world).subsets[0];
        liar_ = first.leader;
        for (std::uint16_t member = 1; victims_.size() < committee_of(world).t(); ++member) {
            if (member == liar_ || (first.subset & schema::member_bit(member)) == 0) continue;
            victims_.push_back(member);
        }
    }
    [[nodiscard]] Validator& validator(std::uint16_t member) const {
        return *world.validators[validator_of(world, member)];
    }
    [[nodiscard]] Validator& liar() const { return validator(liar_); }
    [[nodiscard]] schema::MemberSet all_but_liar() const {
        const std::uint32_t all = (1U << committee_of(world).n()) - 1;
        return static_cast<schema::MemberSet>(all ^ schema::member_bit(liar_));
    }
    void forge(schema::MemberSet victims, Forger forger) {
        liar().lie = [this, victims, forger = std::move(forger)](Outgoing& sent) {
            forge_for(world, liar_, victims, forger, sent);
        };
        liar().lie_to_member = [](Letter&) { return false; };
    }
    World world{{.validators = GetParam(), .rounds = 1}};
    std::uint16_t liar_ = 0;
    std::vector<std::uint16_t> victims_;
};

TEST_P(LyingLeader, that_sends_nothing_to_one_member_is_made_up_for_by_the_others) {
    begin();
    forge(schema::member_bit(victims_[0]), zeros);
    expect_all_take_part(world);
    EXPECT_TRUE(world.events_of<schema::Absent>(event::kAbsent).empty());
    EXPECT_GT(requests_in(validator(victims_[0]).letters), 0U);
}

TEST_P(LyingLeader, that_equivocates_is_made_up_for_by_those_with_the_committed_key) {
    begin();
    schema::MemberSet victims = 0;
    for (const std::uint16_t member : victims_) victims |= schema::member_bit(member);
    forge(victims, other_key(world, liar_));
    expect_all_take_part(world);
    EXPECT_TRUE(world.events_of<schema::Absent>(event::kAbsent).empty());
    for (std::uint16_t member = 1; member <= world.validators.size(); ++member) {
        const bool is_victim = (victims & schema::member_bit(member)) != 0;
        EXPECT_EQ(requests_in(validator(member).letters) > 0, is_victim) << "member " << member;
    }
}

TEST_P(LyingLeader, that_sends_to_nobody_loses_its_turn) {
    begin();
    forge(all_but_liar(), zeros);
    expect_all_take_part(world);
    const auto absences = world.events_of<schema::Absent>(event::kAbsent);
    ASSERT_FALSE(absences.empty());
    for (const schema::Absent& absent : absences) {
        EXPECT_EQ(absent.member, liar_);
    }
}

TEST_P(LyingLeader, whose_ciphertexts_are_bad_but_who_answers_needs_nobody_else) {
    begin();
    forge(all_but_liar(), zeros);
    liar().lie_to_member = {};
    expect_all_take_part(world);
    EXPECT_TRUE(world.events_of<schema::Absent>(event::kAbsent).empty());
}

// t members acknowledge what nobody can open: t+1 would be needed.
TEST_P(LyingLeader, that_commits_to_garbage_is_not_carried_by_false_acknowledgements) {
    begin();
    std::vector<std::uint16_t> liars = victims_;  // they acknowledge what they do not hold
    liars.back() = liar_;
    liar().lie = [](Outgoing& sent) {
        if (sent.action != action::kKeyCommit) return;
        auto arguments = decode<schema::KeyCommit>(sent.arguments).value();
        for (auto& entry : arguments.entries) entry.commitment.bytes[5] ^= 1;
        sent.arguments = encode(arguments);
    };
    std::size_t false_acknowledgements = 0;
    ASSERT_TRUE(world.run_until([&] {
        for (const std::uint16_t member : liars) {
            if (!is_committing(world)) break;
            schema::KeyAck arguments{world.epoch()->mpc_epoch, {}};
            const schema::SetupRecord setup = setup_of(world);
            for (const auto& entry : setup.subsets) {
                const auto own = schema::member_bit(member);
                if (entry.leader == liar_ && entry.commitment && (entry.subset & own) != 0 &&
                    (entry.acknowledged & own) == 0) {
                    arguments.entries.push_back({entry.subset, *entry.commitment});
                }
            }
            if (arguments.entries.empty()) continue;
            false_acknowledgements += arguments.entries.size();
            world.send(validator(member).key, schema::Module::kVerification, action::kKeyAck,
                       encode(arguments));
        }
        return world.is_active();
    }));
    EXPECT_GT(false_acknowledgements, 0U);
    for (const auto& absent : world.events_of<schema::Absent>(event::kAbsent)) {
        EXPECT_EQ(absent.member, liar_);
    }
    EXPECT_FALSE(world.events_of<schema::Absent>(event::kAbsent).empty());
    expect_all_take_part(world);
}

// The first to answer is a liar; the others are asked as well, and the liar never again.
TEST_P(LyingLeader, with_a_helper_that_answers_falsely_changes_nothing) {
    begin();
    forge(schema::member_bit(victims_[0]), zeros);
    liar().lie_to_member = [](Letter& letter) {
        auto reply = decode_letter(letter.content).value();
        if (auto* const content = std::get_if<KeyReply>(&reply)) {
            for (KeyAnswer& answer : content->answers) answer.sealed.back() ^= 1;
        }
        letter.content = encode_letter(reply);
        return true;
    };
    expect_all_take_part(world);
    EXPECT_GT(replies_in(liar().letters, validator(victims_[0]).key.public_key()), 0U);
    EXPECT_GT(validator(victims_[0]).worker->status().refusals, 0U);
}

// The seal is right, the key is not the committed one.
TEST_P(LyingLeader, with_a_helper_that_seals_another_key_is_not_believed) {
    begin();
    forge(schema::member_bit(victims_[0]), zeros);
    std::size_t forged = 0;
    liar().lie_to_member = [this, &forged](Letter& letter) {
        auto reply = decode_letter(letter.content).value();
        if (auto* const content = std::get_if<KeyReply>(&reply)) {
            const std::uint16_t recipient = world.epoch()->find_member(letter.peer).value();
            for (KeyAnswer& answer : content->answers) {
                const Bytes sealed =
                    seal_other_key(world, liar_, answer.subset, recipient, smpc::kKeyReplyLabel);
                std::copy(sealed.begin(), sealed.end(), answer.sealed.begin());
                ++forged;
            }
        }
        letter.content = encode_letter(reply);
        return true;
    };
    expect_all_take_part(world);
    EXPECT_GT(forged, 0U);
    EXPECT_GT(validator(victims_[0]).worker->status().refusals, 0U);
}

INSTANTIATE_TEST_SUITE_P(Committees, LyingLeader, ::testing::Values(4U, 7U));

TEST(LateMember, that_has_no_ciphertexts_asks_for_all_its_keys) {
    World world({.validators = 5, .rounds = 1});
    world.validators[4]->is_silent = true;
    ASSERT_TRUE(world.run_until([&] {
        const auto record = world.epoch();
        if (!record || record->phase != EpochPhase::kCommitments) return false;
        const schema::SetupRecord setup = setup_of(world);
        return std::all_of(setup.subsets.begin(), setup.subsets.end(),
                           [](const auto& entry) { return entry.commitment.has_value(); });
    }));
    world.validators[4]->is_silent = false;
    expect_all_take_part(world);
    EXPECT_GT(requests_in(world.validators[4]->letters), 0U);
}

// Nobody can tell it K_A any more: that is erased. It gets what follows from it.
TEST(MemberAwayForTheWholeSetup, with_false_ciphertexts_recovers_its_keys_in_the_active_epoch) {
    World world({.validators = 5, .rounds = 3});
    ASSERT_TRUE(world.run_until([&] { return is_committing(world); }));
    // It is away from here on, and each leader has sealed zeros for it.
    Validator& away = *world.validators[4];
    const schema::MemberSet victim = schema::member_bit(member_of(world, 4));
    away.is_silent = true;
    for (std::size_t i = 0; i < 4; ++i) {
        world.validators[i]->lie = [&world, victim, leader = member_of(world, i)](Outgoing& sent) {
            forge_for(world, leader, victim, zeros, sent);
        };
    }
    ASSERT_TRUE(world.run_until([&] { return world.is_active(); }));
    world.advance();
    for (std::size_t i = 0; i < 4; ++i) {
        ASSERT_FALSE(world.validators[i]->store.contents.contains("epoch-1/setup"));
    }
    away.is_silent = false;
    ASSERT_TRUE(world.run_rounds(3));
    EXPECT_EQ(away.worker->status().recoveries, 1U);
    EXPECT_TRUE(away.store.contents.contains("epoch-1/keys"));
    EXPECT_FALSE(away.store.contents.contains("epoch-1/setup"));
    const auto last = world.find<schema::RoundRecord>(keys::round(3));
    EXPECT_NE(last->stat1_posters & victim, 0);
    for (const schema::RoundResult& result : world.results()) {
        EXPECT_EQ(result.label.mpc_epoch, 1U);
        world.expect_result_is_plain_sum(result);
    }
    EXPECT_TRUE(world.faults().empty());
    EXPECT_TRUE(world.is_consistent());
}

// Its transport key is lost, so nothing of the setup can be opened: its disk went meanwhile.
TEST(MemberThatLosesItsDiskDuringTheSetup, recovers_its_keys_in_the_active_epoch) {
    World world({.validators = 5, .rounds = 3});
    ASSERT_TRUE(world.run_until([&] { return is_committing(world); }));
    Validator& wiped = *world.validators[1];
    wiped.store.contents.clear();
    world.restart(1);
    ASSERT_TRUE(world.run_rounds(3));
    EXPECT_EQ(wiped.worker->status().recoveries, 1U);
    const auto last = world.find<schema::RoundRecord>(keys::round(3));
    EXPECT_NE(last->stat1_posters & schema::member_bit(member_of(world, 1)), 0);
    for (const schema::RoundResult& result : world.results()) {
        world.expect_result_is_plain_sum(result);
    }
    EXPECT_TRUE(world.faults().empty());
    EXPECT_TRUE(world.is_consistent());
}

TEST(LyingLeaderAndRestarts, no_step_in_between_loses_a_key) {
    World world({.rounds = 1, .restarts_every_step = true});
    ASSERT_TRUE(world.run_until([&] { return is_committing(world); }));
    const std::uint16_t liar = setup_of(world).subsets[0].leader;
    world.validators[validator_of(world, liar)]->lie = [&](Outgoing& sent) {
        const auto victim = static_cast<std::uint16_t>(liar % 4 + 1);
        forge_for(world, liar, schema::member_bit(victim), zeros, sent);
    };
    expect_all_take_part(world);
    std::size_t requests = 0;
    for (const auto& validator : world.validators) requests += requests_in(validator->letters);
    EXPECT_GT(requests, 0U);
}

// A bundle of CLIENT_KEYS with wrong values; liars that agree give the same ones.
void forge_bundle(const World& world, smpc::MemberIndex member, bool do_agree, Outgoing& sent) {
    if (sent.action != action::kClientKeys) return;
    auto arguments = decode<schema::ClientKeys>(sent.arguments).value();
    const auto epoch = world.epoch().value();
    const auto key = world.find<schema::EphemeralKeyRecord>(
        keys::ephemeral(epoch.mpc_epoch, epoch.clients[arguments.slot - 1U]));
    const smpc::Committee committee = committee_of(world);
    std::vector<smpc::ClientChainKey> wrong;
    for (const smpc::SubsetRank rank : committee.subsets_of(member)) {
        const std::string name =
            std::to_string(committee.bitmap(rank)) + "/" + std::to_string(do_agree ? 0 : member);
        wrong.emplace_back(secret_of(name));
    }
    sent.blobs[0] = smpc::seal({.chain_id = world.genesis.chain_id,
                                .mpc_epoch = epoch.mpc_epoch,
                                .label = smpc::kClientKeysLabel,
                                .sender = member,
                                .subject = arguments.slot,
                                .recipient = arguments.slot},
                               key->key, smpc::TransportSecretKey(secret_of("ephemeral")),
                               smpc::encode_client_bundle(wrong).view())
                        .value();
    arguments.ciphertexts.sha256 = sha256(sent.blobs[0]);
    sent.arguments = encode(arguments);
}

class BundleLiars : public ::testing::TestWithParam<std::tuple<std::uint32_t, bool>> {};

// Every subset with all liars in it has exactly t+1 honest members.
TEST_P(BundleLiars, client_gets_the_right_keys_from_t_plus_1_honest_members) {
    const auto [n, do_agree] = GetParam();
    World world({.validators = n, .rounds = 1});
    ASSERT_TRUE(world.run_until([&] { return is_committing(world); }));
    for (std::uint16_t member = 1; member <= committee_of(world).t(); ++member) {
        world.validators[validator_of(world, member)]->lie = [&world, member,
                                                              do_agree = do_agree](Outgoing& sent) {
            forge_bundle(world, member, do_agree, sent);
        };
    }
    ASSERT_TRUE(world.run_rounds(1));
    for (const auto& client : world.clients) EXPECT_FALSE(client->ring.empty());
    for (const auto& outcome : world.verdict(1).clients) {
        EXPECT_EQ(outcome.code, schema::ClientCode::kOk);
    }
    world.expect_result_is_plain_sum(world.results()[0]);
    EXPECT_TRUE(world.faults().empty());
    EXPECT_TRUE(world.is_consistent());
}

INSTANTIATE_TEST_SUITE_P(Committees, BundleLiars,
                         ::testing::Combine(::testing::Values(4U, 7U), ::testing::Bool()));

TEST(BundleLiarAndAbsentMember, client_waits_until_t_plus_1_copies_agree) {
    World world({.rounds = 1});
    ASSERT_TRUE(world.run_until([&] { return is_committing(world); }));
    world.validators[0]->lie = [&](Outgoing& sent) {
        forge_bundle(world, member_of(world, 0), false, sent);
    };
    ASSERT_TRUE(world.run_until([&] { return world.is_active(); }));
    world.validators[1]->is_silent = true;
    for (int i = 0; i < 15; ++i) world.advance();
    for (const auto& client : world.clients) {
        EXPECT_TRUE(client->ring.empty());
        EXPECT_TRUE(client->updates.empty());
    }
    world.validators[1]->is_silent = false;
    ASSERT_TRUE(world.run_rounds(1));
    world.expect_result_is_plain_sum(world.results()[0]);
    EXPECT_TRUE(world.is_consistent());
}

// Every commitment is on the chain and everybody holds its keys, but one acknowledgement is missing
// so that the phase stays open.
class Answering : public ::testing::Test {
  protected:
    void SetUp() override {
        world.validators[3]->lie = [](Outgoing& sent) {
            if (sent.action == action::kKeyAck) sent.arguments.clear();
        };
        ASSERT_TRUE(world.run_until([&] { return is_committing(world) && world.epoch()->ready; }));
        world.advance();
        ASSERT_TRUE(is_committing(world));
    }
    [[nodiscard]] KeyRequest request_for(schema::MemberSet members) const {
        KeyRequest request{world.epoch()->mpc_epoch, {}};
        const schema::SetupRecord setup = setup_of(world);
        for (const auto& entry : setup.subsets) {
            if ((entry.subset & members) == members) {
                request.questions.push_back({entry.subset, *entry.commitment});
            }
        }
        return request;
    }
    [[nodiscard]] schema::MemberSet bits(std::size_t a, std::size_t b) const {
        return static_cast<schema::MemberSet>(schema::member_bit(member_of(world, a)) |
                                              schema::member_bit(member_of(world, b)));
    }
    // Replies of validator 0 to this letter.
    std::vector<KeyReply> ask(const PublicKey& asker, const KeyRequest& request) {
        return ask_raw(asker, encode_letter(request));
    }
    std::vector<KeyReply> ask_raw(const PublicKey& asker, Bytes content) {
        Worker& worker = *world.validators[0]->worker;
        worker.receive({asker, std::move(content)});
        EXPECT_TRUE(worker.step(world.state));
        std::vector<KeyReply> replies;
        for (const Letter& letter : worker.take_letters()) {
            EXPECT_EQ(letter.peer, asker);
            replies.push_back(std::get<KeyReply>(decode_letter(letter.content).value()));
        }
        return replies;
    }
    World world{{.rounds = 1}};
    const PublicKey& second = world.validators[1]->key.public_key();
};

TEST_F(Answering, member_of_the_subset_gets_one_answer_for_each_and_no_key_in_the_clear) {
    const KeyRequest request = request_for(bits(0, 1));
    ASSERT_EQ(request.questions.size(), 2U);  // of C(4,1) subsets of three, two hold both
    const auto replies = ask(second, request);
    ASSERT_EQ(replies.size(), 1U);
    ASSERT_EQ(replies[0].answers.size(), 2U);
    const Bytes letter = encode_letter(replies[0]);
    const Bytes& setup = world.validators[0]->store.contents.at("epoch-1/setup");
    for (std::size_t at = 0; at + smpc::kKeyBytes <= setup.size(); at += 8) {
        EXPECT_FALSE(holds(letter, ByteView(setup).subspan(at, smpc::kKeyBytes))) << at;
    }
    EXPECT_LE(letter.size(), 4 * encode_letter(request).size());  // asking costs what it brings
}

TEST_F(Answering, nobody_but_a_member_of_the_subset_is_answered) {
    schema::MemberSet without_second = 0;
    const schema::SetupRecord setup = setup_of(world);
    for (const auto& entry : setup.subsets) {
        if ((entry.subset & schema::member_bit(member_of(world, 1))) == 0) {
            without_second = entry.subset;
        }
    }
    KeyRequest foreign{world.epoch()->mpc_epoch, {}};
    for (const auto& entry : setup.subsets) {
        if (entry.subset == without_second) {
            foreign.questions.push_back({entry.subset, *entry.commitment});
        }
    }
    ASSERT_EQ(foreign.questions.size(), 1U);
    EXPECT_TRUE(ask(second, foreign).empty());
    const KeyRequest request = request_for(bits(0, 1));
    EXPECT_TRUE(ask(world.clients[0]->key.public_key(), request).empty());
    EXPECT_TRUE(ask(world.validators[0]->key.public_key(), request).empty());  // ourselves
    EXPECT_FALSE(ask(second, request).empty());
}

TEST_F(Answering, only_commitments_of_this_state_are_answered) {
    KeyRequest request = request_for(bits(0, 1));
    request.mpc_epoch += 1;
    EXPECT_TRUE(ask(second, request).empty());
    request.mpc_epoch -= 1;
    for (KeyQuestion& question : request.questions) question.commitment.bytes[0] ^= 1;
    EXPECT_TRUE(ask(second, request).empty());
    request.questions = {{0, {}}, {0xffff, {}}};
    EXPECT_TRUE(ask(second, request).empty());
    EXPECT_TRUE(ask_raw(second, {}).empty());
    EXPECT_TRUE(ask_raw(second, {7, 1, 2}).empty());
    EXPECT_FALSE(ask(second, request_for(bits(0, 1))).empty());
}

TEST_F(Answering, once_the_epoch_is_active_nobody_is_answered) {
    const KeyRequest request = request_for(bits(0, 1));
    ASSERT_TRUE(world.run_until([&] { return world.is_active(); }));
    EXPECT_TRUE(ask(second, request).empty());
    world.advance();
    EXPECT_TRUE(ask(second, request).empty());
}

TEST_F(Answering, one_that_asks_for_ever_is_answered_a_bounded_number_of_times) {
    KeyRequest request = request_for(bits(0, 1));
    request.questions.resize(1);
    request.questions.resize(500, request.questions[0]);  // 500 times in one letter
    std::size_t answers = 0;
    for (int i = 0; i < 50; ++i) {
        for (const KeyReply& reply : ask(second, request)) {
            EXPECT_EQ(reply.answers.size(), 1U);
            answers += reply.answers.size();
        }
    }
    EXPECT_EQ(answers, KeyExchange::kMaxQuestions);
    // Others have an account of their own.
    EXPECT_FALSE(ask(world.validators[2]->key.public_key(), request_for(bits(0, 2))).empty());
}

TEST(Mailboxes, flood_of_one_peer_leaves_room_for_the_others) {
    Mailbox mailbox;
    const PublicKey first = World({}).validators[0]->key.public_key();
    const PublicKey other = World({}).validators[1]->key.public_key();
    for (std::uint8_t i = 0; i < 100; ++i) {
        EXPECT_EQ(mailbox.push({first, {i}}), i < Mailbox::kMaxPerPeer);
    }
    EXPECT_TRUE(mailbox.push({other, {200}}));
    EXPECT_FALSE(mailbox.push({other, Bytes(kMaxLetterBytes + 1)}));
    EXPECT_EQ(mailbox.take().size(), Mailbox::kMaxPerPeer + 1);
    EXPECT_TRUE(mailbox.take().empty());
}

TEST(KeyLetters, survive_the_round_trip_and_nothing_else_decodes) {
    KeyReply reply{3, {{0x0b, {}}, {0x0d, {}}}};
    reply.answers[0].sealed.fill(0xa5);
    expect_canonical(
        {KeyLetter(KeyRequest{7, {{0x07, sha256(as_bytes("c"))}, {0x0e, {}}}}), KeyLetter(reply)});
    const Bytes frozen = encode_letter(KeyRequest{7, {{0x07, {}}}});
    EXPECT_EQ(to_hex(frozen).substr(0, 30), "000700000000000000010000000700");
}

}  // namespace
}  // namespace consilium::mpc::testing
