// The named rules of the bug catalogue (P1 to P17), each by hand-routed messages.
#include <gtest/gtest.h>

#include "consensus/amnesia.hpp"
#include "consensus/block_time.hpp"
#include "consensus/timing.hpp"
#include "consensus/view_change.hpp"
#include "tests/consensus/manual_cluster.hpp"

namespace consilium::consensus {
namespace {

constexpr std::size_t kFour = 4;

BlockHeader first_block(std::uint64_t time = 5) {
    const Membership membership = test_membership(kFour);
    return make_block(test_genesis(membership), membership, {.proposer = 0, .time = time});
}

Slot slot_of_view(std::uint64_t view) {
    return {Epoch{0}, Height{1}, View{view}};
}

PrePrepare proposal_by(std::uint16_t primary, std::uint64_t view, const BlockHeader& header) {
    return signed_by(primary, PrePrepare{slot_of_view(view), ReplicaId{primary}, header, {}, {}});
}
Prepare prepare_by(std::uint16_t sender, std::uint64_t view, const Digest& digest) {
    return signed_by(sender, Prepare{slot_of_view(view), ReplicaId{sender}, digest, {}});
}
Commit commit_by(std::uint16_t sender, std::uint64_t view, const Digest& digest) {
    return signed_by(sender, Commit{slot_of_view(view), ReplicaId{sender}, digest, {}});
}
ViewChange view_change_by(std::uint16_t sender, std::uint64_t view,
                          std::optional<PreparedCertificate> prepared = std::nullopt) {
    return signed_by(sender,
                     ViewChange{slot_of_view(view), ReplicaId{sender}, std::move(prepared), {}});
}
NewView new_view_by(std::uint16_t sender, std::uint64_t view, std::vector<ViewChange> changes) {
    NewView message{slot_of_view(view), ReplicaId{sender}, std::move(changes), std::nullopt, {}};
    message.chosen = chosen_digest(message.view_changes);
    return signed_by(sender, message);
}

TestNode backup() {
    TestNode node({.count = kFour, .index = 3, .config = {}});
    node.tick(TimeMs{1'000});
    return node;
}

bool is_refused(const Message& message) {
    return !verify(message, test_context(kFour));
}

// P1: every way in which a NEW-VIEW may lack its justification.

TEST(NewView, justified_one_is_taken) {
    auto node = backup();
    const auto message =
        new_view_by(1, 1, {view_change_by(0, 1), view_change_by(1, 1), view_change_by(2, 1)});
    EXPECT_TRUE(node.receive(TimeMs{1'001}, message));
    EXPECT_EQ(node.replica->view(), View{1});
    EXPECT_FALSE(node.replica->is_changing_view());
}

TEST(NewView, fewer_view_changes_than_a_quorum_are_refused) {
    EXPECT_TRUE(is_refused(new_view_by(1, 1, {view_change_by(0, 1), view_change_by(1, 1)})));
}

TEST(NewView, more_view_changes_than_a_quorum_are_refused) {
    EXPECT_TRUE(is_refused(new_view_by(
        1, 1,
        {view_change_by(0, 1), view_change_by(1, 1), view_change_by(2, 1), view_change_by(3, 1)})));
}

TEST(NewView, repeated_signer_is_refused) {
    EXPECT_TRUE(is_refused(
        new_view_by(1, 1, {view_change_by(0, 1), view_change_by(1, 1), view_change_by(1, 1)})));
}

TEST(NewView, view_change_of_another_view_is_refused) {
    EXPECT_TRUE(is_refused(
        new_view_by(1, 1, {view_change_by(0, 1), view_change_by(1, 1), view_change_by(2, 2)})));
}

TEST(NewView, forged_view_change_inside_is_refused) {
    ViewChange forged = view_change_by(2, 1);
    forged.signature.bytes[5] ^= 1;
    EXPECT_TRUE(
        is_refused(new_view_by(1, 1, {view_change_by(0, 1), view_change_by(1, 1), forged})));
}

TEST(NewView, null_choice_although_a_block_is_prepared_is_refused) {
    const auto prepared = make_prepared(first_block(), View{0}, kFour);
    NewView message = new_view_by(
        1, 1, {view_change_by(0, 1, prepared), view_change_by(1, 1), view_change_by(2, 1)});
    EXPECT_FALSE(is_refused(message));
    message.chosen = std::nullopt;
    EXPECT_TRUE(is_refused(signed_by(1, message)));
}

TEST(NewView, choice_of_another_block_is_refused) {
    NewView message =
        new_view_by(1, 1, {view_change_by(0, 1), view_change_by(1, 1), view_change_by(2, 1)});
    message.chosen = header_digest(first_block());
    EXPECT_TRUE(is_refused(signed_by(1, message)));
}

TEST(NewView, the_highest_prepared_view_is_chosen) {
    const auto low = make_prepared(first_block(5), View{0}, kFour);
    const auto high = make_prepared(first_block(6), View{2}, kFour);
    const NewView message = new_view_by(
        3, 3, {view_change_by(0, 3, high), view_change_by(1, 3, low), view_change_by(2, 3)});
    EXPECT_FALSE(is_refused(message));
    EXPECT_EQ(message.chosen, header_digest(first_block(6)));
}

TEST(NewView, sender_that_is_not_primary_of_the_view_is_ignored) {
    auto node = backup();
    const auto message =
        new_view_by(2, 1, {view_change_by(0, 1), view_change_by(1, 1), view_change_by(2, 1)});
    EXPECT_FALSE(node.receive(TimeMs{1'001}, message));
    node.step(TimeMs{1'001}, verified(message, kFour));
    EXPECT_EQ(node.replica->view(), View{0});
}

TEST(NewView, one_of_a_view_already_left_is_ignored) {
    auto node = backup();
    node.receive(
        TimeMs{1'001},
        new_view_by(2, 2, {view_change_by(0, 2), view_change_by(1, 2), view_change_by(2, 2)}));
    const auto stale =
        new_view_by(1, 1, {view_change_by(0, 1), view_change_by(1, 1), view_change_by(2, 1)});
    node.step(TimeMs{1'002}, verified(stale, kFour));
    EXPECT_EQ(node.replica->view(), View{2});
}

TEST(NewView, other_block_than_the_chosen_one_is_not_voted_for) {
    auto node = backup();
    const auto prepared = make_prepared(first_block(5), View{0}, kFour);
    node.receive(TimeMs{1'001}, new_view_by(1, 1,
                                            {view_change_by(0, 1, prepared), view_change_by(1, 1),
                                             view_change_by(2, 1)}));
    node.actions.clear();
    const auto other =
        make_block(test_genesis(node.membership), node.membership, {.proposer = 1, .time = 9});
    node.receive(TimeMs{1'002}, proposal_by(1, 1, other));
    EXPECT_TRUE(sent_of<Prepare>(node).empty());
    node.receive(TimeMs{1'003}, proposal_by(1, 1, first_block(5)));
    ASSERT_EQ(sent_of<Prepare>(node).size(), 1U);
    EXPECT_EQ(sent_of<Prepare>(node)[0].digest, header_digest(first_block(5)));
}

TEST(PrePrepare, one_of_a_higher_view_waits_for_its_new_view) {
    auto node = backup();
    const auto header =
        make_block(test_genesis(node.membership), node.membership, {.proposer = 1, .time = 9});
    node.receive(TimeMs{1'001}, proposal_by(1, 1, header));
    EXPECT_TRUE(actions_of<ValidateBlock>(node).empty());
    node.receive(
        TimeMs{1'002},
        new_view_by(1, 1, {view_change_by(0, 1), view_change_by(1, 1), view_change_by(2, 1)}));
    EXPECT_EQ(actions_of<ValidateBlock>(node).size(), 1U);
}

// P2: see also transcripts/prepared_block_survives.txt.
TEST(ViewChange, block_committed_at_one_replica_only_is_decided_by_the_others_too) {
    ManualCluster cluster(4);
    cluster.filter = [](std::size_t, std::size_t to, const Message& message) {
        const bool is_first_view = slot_of(message)->view == View{0};
        return to == 0 || type_of(message) != MessageType::kCommit || !is_first_view;
    };
    cluster.add_work();
    cluster.deliver();
    ASSERT_EQ(cluster.node(0).head(), Height{1});
    ASSERT_EQ(cluster.node(1).head(), Height{0});
    cluster.isolate(0);
    cluster.run_for(5'000);
    for (std::size_t i = 1; i < 4; ++i) {
        ASSERT_GE(cluster.node(i).head(), Height{1});
        EXPECT_EQ(cluster.node(i).chain[1].header, cluster.node(0).chain[1].header);
        EXPECT_EQ(cluster.node(i).chain[1].certificate->view, View{1});
    }
}

TEST(ViewChange, commit_is_persisted_with_its_proof_before_it_is_sent) {
    ManualCluster cluster(4);
    cluster.add_work();
    cluster.deliver();
    std::optional<std::size_t> persisted;
    std::optional<std::size_t> sent;
    const auto& actions = cluster.node(2).actions;
    for (std::size_t i = 0; i < actions.size(); ++i) {
        if (const auto* persist = std::get_if<Persist>(&actions[i])) {
            const auto record = decode<JournalRecord>(persist->record);
            if (type_of(*decode_message(record->message)) != MessageType::kCommit) continue;
            EXPECT_TRUE(record->prepared.has_value());
            persisted = i;
        } else if (const auto* broadcast = std::get_if<Broadcast>(&actions[i])) {
            if (type_of(*decode_message(broadcast->message)) == MessageType::kCommit) sent = i;
        }
    }
    ASSERT_TRUE(persisted && sent);
    EXPECT_LT(*persisted, *sent);
}

// P13: a quorum of others does not stand in for the own validation.
TEST(Commit, replica_that_has_not_validated_the_block_sends_none) {
    auto node = backup();
    node.verdict = Verdict::kNotYet;
    const BlockHeader header = first_block();
    node.receive(TimeMs{1'001}, proposal_by(0, 0, header));
    for (std::uint16_t i = 0; i < 3; ++i) {
        node.receive(TimeMs{1'002}, prepare_by(i, 0, header_digest(header)));
    }
    EXPECT_TRUE(sent_of<Prepare>(node).empty());
    EXPECT_TRUE(sent_of<Commit>(node).empty());
    node.step(TimeMs{1'003}, ValidationResult{Height{1}, header_digest(header), Verdict::kValid});
    EXPECT_EQ(sent_of<Prepare>(node).size(), 1U);
    EXPECT_EQ(sent_of<Commit>(node).size(), 1U);
}

TEST(Commit, block_that_others_certify_is_committed_only_once_it_is_validated_here) {
    auto node = backup();
    node.verdict = Verdict::kNotYet;
    const BlockHeader header = first_block();
    node.receive(TimeMs{1'001}, proposal_by(0, 0, header));
    for (std::uint16_t i = 0; i < 3; ++i) {
        node.receive(TimeMs{1'002}, commit_by(i, 0, header_digest(header)));
    }
    EXPECT_EQ(node.head(), Height{0});
    node.tick(TimeMs{1'502});
    EXPECT_EQ(node.sync_wanted, Height{1});
    node.step(TimeMs{1'503}, ValidationResult{Height{1}, header_digest(header), Verdict::kValid});
    EXPECT_EQ(node.head(), Height{1});
}

// P4.
TEST(Evidence, second_proposal_of_the_primary_is_evidence_and_not_voted_for) {
    auto node = backup();
    node.receive(TimeMs{1'001}, proposal_by(0, 0, first_block(5)));
    node.receive(TimeMs{1'002}, proposal_by(0, 0, first_block(6)));
    ASSERT_EQ(node.evidence.size(), 1U);
    EXPECT_EQ(node.evidence[0].offender, ReplicaId{0});
    EXPECT_TRUE(verify_evidence(node.evidence[0], test_context(kFour)));
    EXPECT_EQ(sent_of<Prepare>(node).size(), 1U);
    // Once per member and kind: a third one makes no more.
    node.receive(TimeMs{1'003}, proposal_by(0, 0, first_block(7)));
    EXPECT_EQ(node.evidence.size(), 1U);
}

TEST(Evidence, conflicting_votes_and_view_changes_become_evidence) {
    auto node = backup();
    const Digest one = header_digest(first_block(5));
    const Digest other = header_digest(first_block(6));
    node.receive(TimeMs{1'001}, prepare_by(1, 0, one));
    node.receive(TimeMs{1'001}, prepare_by(1, 0, other));
    node.receive(TimeMs{1'001}, commit_by(1, 0, one));
    node.receive(TimeMs{1'001}, commit_by(1, 0, other));
    node.receive(TimeMs{1'001}, view_change_by(1, 1));
    node.receive(TimeMs{1'001},
                 view_change_by(1, 1, make_prepared(first_block(5), View{0}, kFour)));
    ASSERT_EQ(node.evidence.size(), 3U);
    for (const Evidence& evidence : node.evidence) {
        EXPECT_EQ(evidence.offender, ReplicaId{1});
        EXPECT_TRUE(verify_evidence(evidence, test_context(kFour)));
    }
}

TEST(Evidence, two_equal_claims_are_refused) {
    const auto message = encode_message(prepare_by(1, 0, Digest{}));
    const Evidence evidence{MessageType::kPrepare, slot_of_view(0), ReplicaId{1}, message, message};
    const auto checked = verify_evidence(evidence, test_context(kFour));
    ASSERT_FALSE(checked);
    EXPECT_EQ(checked.error().code, ErrorCode::kRefused);
}

// P5.
TEST(Quorum, one_member_with_many_signatures_counts_once) {
    auto node = backup();
    const Digest digest = header_digest(first_block());
    node.receive(TimeMs{1'001}, proposal_by(0, 0, first_block()));
    for (std::uint8_t i = 0; i < 5; ++i) {
        Prepare vote = prepare_by(1, 0, digest);
        const KeyPair key =
            KeyPair::from_secret(sha256(as_bytes("consensus test key 1")).bytes).value();
        std::array<std::uint8_t, 32> auxiliary{};
        auxiliary[0] = i;
        vote.signature = key.sign_with_auxiliary(
            prepare_vote_digest(test_identity(), vote.slot, digest), auxiliary);
        node.step(TimeMs{1'001}, verified(vote, kFour));
    }
    EXPECT_TRUE(sent_of<Commit>(node).empty());
    node.receive(TimeMs{1'002}, prepare_by(2, 0, digest));
    EXPECT_EQ(sent_of<Commit>(node).size(), 1U);
}

// P6.
TEST(Quorum, prepared_certificate_with_an_unneeded_or_wrong_signature_is_refused) {
    const Membership membership = test_membership(kFour);
    const auto good = make_prepared(first_block(), View{0}, kFour);
    EXPECT_TRUE(verify_prepared(good, slot_of_view(1), test_identity(), membership));
    auto extra = good;
    extra.signers |= 8;
    extra.signatures.push_back(test_signer(3).sign(
        prepare_vote_digest(test_identity(), slot_of_view(0), header_digest(first_block()))));
    EXPECT_FALSE(verify_prepared(extra, slot_of_view(1), test_identity(), membership));
    auto wrong = good;
    wrong.signatures[2].bytes[0] ^= 1;
    EXPECT_FALSE(verify_prepared(wrong, slot_of_view(1), test_identity(), membership));
    auto foreign = good;
    foreign.signers = 0b10'0011;
    EXPECT_FALSE(verify_prepared(foreign, slot_of_view(1), test_identity(), membership));
    EXPECT_FALSE(verify_prepared(good, slot_of_view(0), test_identity(), membership));
}

TEST(Quorum, certificate_with_junk_beside_a_quorum_does_not_decide) {
    auto node = backup();
    Certificate certificate = make_certificate(first_block(), View{0}, kFour);
    certificate.signers |= 8;
    certificate.signatures.push_back(Signature{});
    const auto message = signed_by(
        1, Checkpoint{Epoch{0}, ReplicaId{1}, 0, CertifiedHeader{first_block(), certificate}, {}});
    EXPECT_FALSE(node.receive(TimeMs{1'001}, message));
    EXPECT_FALSE(node.sync_wanted);
}

// P7.
TEST(ViewBound, views_of_2_to_the_63_and_above_do_not_decode) {
    for (const std::uint64_t view : {kMaxView + 1, std::uint64_t{1} << 63, ~std::uint64_t{0}}) {
        const auto decoded = decode_message(encode_message(view_change_by(1, view)));
        ASSERT_FALSE(decoded);
        EXPECT_EQ(decoded.error().code, ErrorCode::kLimitExceeded);
    }
}

TEST(ViewBound, one_loud_member_moves_nobody_and_f_plus_1_move_all_to_the_lower_view) {
    auto node = backup();
    node.receive(TimeMs{1'001}, view_change_by(1, kMaxView));
    EXPECT_EQ(node.replica->view(), View{0});
    node.receive(TimeMs{1'002}, view_change_by(2, 5));
    EXPECT_EQ(node.replica->view(), View{5});
}

// P9.
TEST(Memory, flood_of_votes_for_many_views_and_heights_stays_bounded) {
    auto node = backup();
    const Digest digest = header_digest(first_block());
    for (std::uint64_t i = 0; i < 200; ++i) {
        for (std::uint16_t sender = 0; sender < 3; ++sender) {
            node.receive(TimeMs{1'001 + i}, prepare_by(sender, i, digest));
            node.receive(TimeMs{1'001 + i}, commit_by(sender, i, digest));
            Prepare ahead{{Epoch{0}, Height{2 + i}, View{i}}, ReplicaId{sender}, digest, {}};
            node.receive(TimeMs{1'001 + i}, signed_by(sender, ahead));
        }
    }
    EXPECT_LE(node.replica->buffered_messages(), node.replica->max_buffered_messages());
}

// P11.
TEST(Restart, every_crash_point_of_a_height_resends_the_same_bytes_and_signs_nothing_anew) {
    ManualCluster cluster(4);
    cluster.isolate(0);  // of the primary nothing arrives at first: it keeps its votes
    cluster.add_work();
    cluster.drop();
    const auto journal = cluster.node(0).journal;
    ASSERT_EQ(journal.size(), 2U);
    for (std::size_t kept = 0; kept <= journal.size(); ++kept) {
        TestNode node({.count = kFour, .index = 0, .config = {}});
        node.journal.assign(journal.begin(), journal.begin() + static_cast<std::ptrdiff_t>(kept));
        node.next_transactions = {sha256(as_bytes("another proposal after the crash"))};
        node.restart(TimeMs{9'000});
        node.step(TimeMs{9'000}, PendingWork{TimeMs{9'000}, false});
        if (kept == 0) continue;  // nothing was sent before: free to propose what it likes
        const auto stored = decode<JournalRecord>(journal[0]);
        for (const PrePrepare& sent : sent_of<PrePrepare>(node)) {
            EXPECT_EQ(encode_message(sent), stored->message);
        }
        EXPECT_FALSE(sent_of<PrePrepare>(node).empty());
        if (kept < 2) continue;
        ASSERT_FALSE(sent_of<Prepare>(node).empty());
        EXPECT_EQ(encode_message(sent_of<Prepare>(node)[0]),
                  decode<JournalRecord>(journal[1])->message);
        EXPECT_EQ(node.journal.size(), journal.size());
    }
}

TEST(Restart, vote_of_the_earlier_life_binds_against_another_proposal) {
    auto node = backup();
    node.receive(TimeMs{1'001}, proposal_by(0, 0, first_block(5)));
    ASSERT_EQ(sent_of<Prepare>(node).size(), 1U);
    node.actions.clear();
    // The proposal's own record is lost with the tail of an unsynced file, say: only the vote left.
    node.journal = {node.journal[1]};
    node.restart(TimeMs{2'000});
    node.receive(TimeMs{2'001}, proposal_by(0, 0, first_block(6)));
    for (const Prepare& vote : sent_of<Prepare>(node)) {
        EXPECT_EQ(vote.digest, header_digest(first_block(5)));
    }
    EXPECT_TRUE(sent_of<Commit>(node).empty());
}

TEST(Restart, all_replicas_losing_power_after_commit_decide_the_same_block) {
    ManualCluster cluster(4);
    cluster.filter = [](std::size_t, std::size_t, const Message& message) {
        return type_of(message) != MessageType::kCommit;
    };
    cluster.add_work();
    cluster.deliver();
    const auto digest = sent_of<Commit>(cluster.node(0)).at(0).digest;
    cluster.filter = nullptr;
    cluster.isolate(0);
    for (std::size_t i = 0; i < 4; ++i) cluster.node(i).restart(cluster.now);
    cluster.deliver();
    for (std::size_t i = 1; i < 4; ++i) {
        ASSERT_EQ(cluster.node(i).head(), Height{1});
        EXPECT_EQ(header_digest(cluster.node(i).chain[1].header), digest);
    }
}

TEST(Journal, gap_and_contradiction_are_found) {
    auto node = backup();
    node.receive(TimeMs{1'001}, proposal_by(0, 0, first_block(5)));
    ASSERT_EQ(node.journal.size(), 2U);
    auto record = *decode<JournalRecord>(node.journal[1]);
    EXPECT_TRUE(recover_state(node.journal));
    record.sequence = 5;
    EXPECT_FALSE(recover_state({node.journal[0], encode(record)}));
    record.sequence = 2;
    record.message = encode_message(prepare_by(3, 0, Digest{}));
    EXPECT_FALSE(recover_state({node.journal[0], node.journal[1], encode(record)}));
    EXPECT_FALSE(recover_state({Bytes{1, 2, 3}}));
}

// P12.
TEST(Amnesia, wiped_replica_votes_only_two_blocks_above_every_proven_head) {
    ManualCluster cluster(4);
    for (int i = 0; i < 3; ++i) {
        cluster.add_work();
        cluster.deliver();
    }
    ASSERT_EQ(cluster.node(3).head(), Height{3});
    auto& wiped = cluster.node(3);
    wiped.journal.clear();
    wiped.chain.resize(1);
    cluster.advance(1'000);
    wiped.restart(cluster.now, 77);
    cluster.deliver();
    wiped.sync_from(cluster.now, cluster.node(0));
    cluster.run_for(1'000);
    for (std::uint64_t head = 3; head < 5; ++head) {
        ASSERT_EQ(wiped.head(), Height{head});
        EXPECT_FALSE(wiped.replica->can_vote());
        cluster.add_work();
        cluster.deliver();
    }
    EXPECT_TRUE(wiped.journal.empty());
    EXPECT_TRUE(wiped.replica->can_vote());
    cluster.add_work();
    cluster.deliver();
    EXPECT_FALSE(wiped.journal.empty());
    EXPECT_EQ(wiped.head(), Height{6});
}

// Decision 6: a quorum of the old list that is late knows nothing of votes in the new one.
TEST(Amnesia, answers_that_name_an_epoch_that_is_over_prove_nothing) {
    TestNode node({.count = kFour, .index = 3, .config = {}});
    node.restart(TimeMs{1'000}, 77);
    const auto answer_all = [&](Epoch epoch, const std::optional<CertifiedHeader>& head,
                                TimeMs now) {
        for (std::uint16_t i = 0; i < 3; ++i) {
            node.receive(now, signed_by(i, Checkpoint{epoch, ReplicaId{i}, 77, head, {}}));
        }
    };
    const Membership next = test_membership(kFour, Epoch{1});
    answer_all(Epoch{0}, std::nullopt, TimeMs{1'001});  // heads of 0, before the change
    std::optional<CertifiedHeader> first_of_next;
    BlockHeader header = first_block();
    header.membership_hash = next.hash();
    for (std::uint64_t height = 1; height <= 5; ++height) {
        const TimeMs now{1'000 + 10 * height};
        const Certificate certificate = make_certificate(header, View{0}, kFour);
        if (height == 2) first_of_next = CertifiedHeader{header, certificate};
        node.step(now, HeadAdvanced{header, certificate, next});
        answer_all(Epoch{0}, std::nullopt, now);
        EXPECT_FALSE(node.replica->can_vote()) << height;
        header.parent = header_digest(header);
        header.height = header.height.next();
        header.epoch = Epoch{1};
    }
    answer_all(Epoch{1}, first_of_next, TimeMs{2'000});
    node.tick(TimeMs{2'001});
    EXPECT_TRUE(node.replica->can_vote());
}

TEST(Amnesia, answers_to_another_nonce_prove_nothing) {
    AmnesiaGuard guard(7);
    for (std::uint16_t i = 0; i < 3; ++i) {
        guard.hear(Checkpoint{Epoch{0}, ReplicaId{i}, 6, std::nullopt, {}});
    }
    EXPECT_FALSE(guard.has_quorum(3));
}

TEST(Amnesia, store_older_than_the_journal_only_observes_until_it_caught_up) {
    ManualCluster cluster(4);
    cluster.add_work();
    cluster.deliver();
    auto& node = cluster.node(2);
    cluster.add_work();
    cluster.deliver();
    node.chain.resize(1);
    node.restart(cluster.now);
    EXPECT_FALSE(node.replica->can_vote());
    node.sync_from(cluster.now, cluster.node(0));
    EXPECT_TRUE(node.replica->can_vote());
}

// P14.
TEST(Liveness, timeout_doubles_up_to_the_cap) {
    EXPECT_EQ(doubled_timeout(2'000, View{0}, 30'000), 2'000U);
    EXPECT_EQ(doubled_timeout(2'000, View{3}, 30'000), 16'000U);
    EXPECT_EQ(doubled_timeout(2'000, View{4}, 30'000), 30'000U);
    EXPECT_EQ(doubled_timeout(2'000, View{kMaxView}, 30'000), 30'000U);
    EXPECT_EQ(doubled_timeout(0, View{kMaxView}, 30'000), 0U);
}

TEST(Liveness, block_comes_within_the_cap_after_f_plus_1_were_gone_for_an_hour) {
    ManualCluster cluster(4);
    cluster.isolate(0);
    cluster.isolate(1);
    cluster.add_work();
    cluster.run_for(3'600'000);
    cluster.heal();
    cluster.run_for(35'000);
    for (std::size_t i = 0; i < 4; ++i) EXPECT_GE(cluster.node(i).head(), Height{1});
}

// P15.
TEST(Liveness, ten_thousand_view_changes_of_one_member_change_nothing) {
    auto node = backup();
    std::size_t admitted = 0;
    for (std::uint64_t i = 1; i <= 10'000; ++i) {
        ViewChange message{slot_of_view(i), ReplicaId{1}, std::nullopt, {}};
        if (node.replica->admit(message, TimeMs{1'001 + i / 10}) != Admission::kVerify) continue;
        ++admitted;
        node.receive(TimeMs{1'001 + i / 10}, signed_by(1, message));
    }
    EXPECT_LE(admitted, 16U);  // a burst of 8 and four a second
    EXPECT_EQ(node.replica->view(), View{0});
    EXPECT_TRUE(sent_of<ViewChange>(node).empty());
}

// P16: silence is in transcripts/silent_primary.txt; here the proposal comes but no block follows.
TEST(Liveness, view_that_does_not_commit_in_time_is_left) {
    auto node = backup();
    node.receive(TimeMs{1'001}, proposal_by(0, 0, first_block()));
    node.tick(TimeMs{3'000});
    EXPECT_EQ(node.replica->view(), View{0});
    node.tick(TimeMs{3'001});
    EXPECT_EQ(node.replica->view(), View{1});
    EXPECT_TRUE(node.replica->is_changing_view());
}

// Members 0 and 1 vote at this height: of f + 1 one is correct.
void hear_votes_at(TestNode& node, Height height, TimeMs now) {
    for (std::uint16_t member = 0; member < 2; ++member) {
        const Slot slot{Epoch{0}, height, View{0}};
        node.receive(now, signed_by(member, Prepare{slot, ReplicaId{member}, Digest{}, {}}));
    }
}

// Rule 14. What was said at the height that a synced block leads to went by while this replica was
// behind: nobody says it again, so a wait would only let the others get further ahead.
TEST(Liveness, replica_that_synced_asks_again_at_once_when_the_others_are_ahead_still) {
    auto node = backup();
    hear_votes_at(node, Height{2}, TimeMs{1'001});
    node.tick(TimeMs{1'500});
    EXPECT_FALSE(node.sync_wanted);
    node.tick(TimeMs{1'501});
    EXPECT_EQ(node.sync_wanted, Height{1});
    TestNode other({.count = kFour, .index = 2, .config = {}});
    const BlockHeader block = first_block();
    other.chain.push_back({block, make_certificate(block, View{0}, kFour)});
    node.sync_from(TimeMs{1'510}, other);
    EXPECT_FALSE(node.sync_wanted);  // nobody is known to be ahead of it
    hear_votes_at(node, Height{3}, TimeMs{1'520});
    EXPECT_EQ(node.sync_wanted, Height{2});
    node.actions.clear();
    node.tick(TimeMs{2'519});
    EXPECT_TRUE(actions_of<NeedSync>(node).empty());  // the same request again: once a second
    node.tick(TimeMs{2'520});
    EXPECT_EQ(actions_of<NeedSync>(node).size(), 1U);
}

TEST(Liveness, replica_that_decides_itself_waits_for_messages_on_their_way_before_it_syncs) {
    ManualCluster cluster(kFour);
    cluster.add_work();
    cluster.deliver();
    TestNode& node = cluster.node(3);
    ASSERT_EQ(node.head(), Height{1});
    const TimeMs heard = cluster.now;
    hear_votes_at(node, Height{3}, heard);
    node.tick(after(heard, 499));
    EXPECT_FALSE(node.sync_wanted);
    node.tick(after(heard, 500));
    EXPECT_EQ(node.sync_wanted, Height{2});
}

TEST(Liveness, idle_primary_that_misses_its_heartbeat_loses_its_view) {
    ManualCluster cluster(4);
    cluster.isolate(0);
    cluster.run_for(40'000);
    EXPECT_GE(cluster.node(1).head(), Height{1});
    EXPECT_EQ(cluster.node(1).chain[1].header.proposer, ReplicaId{1});
}

// P17: blocks commit, but one transaction stays out of all of them.
TEST(Liveness, censoring_primary_loses_its_office) {
    ManualCluster cluster(4);
    const TimeMs arrival = cluster.now;
    std::uint64_t blocks = 0;
    while (cluster.node(1).chain.back().header.proposer == ReplicaId{0} && blocks < 100) {
        for (std::size_t i = 0; i < 4; ++i) {
            cluster.node(i).step(cluster.now, PendingWork{arrival, false});
        }
        cluster.deliver();
        cluster.advance(100);
        ++blocks;
    }
    EXPECT_EQ(cluster.node(1).chain.back().header.proposer, ReplicaId{1});
    EXPECT_LE(cluster.now.value - arrival.value, 2 * 2'000U);
}

TEST(Liveness, transaction_that_one_replica_alone_sees_waiting_does_not_stop_its_votes) {
    ManualCluster cluster(4);
    const TimeMs arrival = cluster.now;
    for (int i = 0; i < 100; ++i) {
        for (std::size_t node = 0; node < 3; ++node) {
            cluster.node(node).step(cluster.now, PendingWork{cluster.now, false});
        }
        cluster.node(3).step(cluster.now, PendingWork{arrival, false});
        cluster.deliver();
        cluster.advance(100);
        if (cluster.node(3).head() < cluster.node(0).head()) {
            cluster.node(3).sync_from(cluster.now, cluster.node(0));
        }
    }
    std::size_t own_votes = 0;
    for (const Commit& vote : sent_of<Commit>(cluster.node(3))) {
        own_votes += vote.sender == ReplicaId{3} ? 1 : 0;
    }
    EXPECT_GE(own_votes, 60U);
}

// P22: the new membership counts from the next height on.
TEST(Epoch, votes_of_a_removed_member_no_longer_count) {
    auto node = backup();
    Membership after_removal = test_membership(kFour, Epoch{1});
    std::swap(after_removal.members[0], after_removal.members[3]);  // this replica is 0 now
    after_removal.members.pop_back();                               // and replica 0 is gone
    BlockHeader header = first_block();
    header.membership_hash = after_removal.hash();
    node.step(TimeMs{1'001},
              HeadAdvanced{header, make_certificate(header, View{0}, kFour), after_removal});
    EXPECT_EQ(node.replica->self(), ReplicaId{0});
    EXPECT_EQ(node.replica->height(), Height{2});
    const Slot slot{Epoch{1}, Height{2}, View{0}};
    const auto old_member = signed_by(0, Prepare{slot, ReplicaId{3}, Digest{}, {}});
    EXPECT_EQ(node.replica->admit(old_member, TimeMs{1'002}), Admission::kNotMember);
    const auto old_epoch =
        signed_by(1, Prepare{{Epoch{0}, Height{2}, View{0}}, ReplicaId{1}, Digest{}, {}});
    EXPECT_NE(node.replica->admit(old_epoch, TimeMs{1'002}), Admission::kVerify);
    const auto next_epoch =
        signed_by(1, Prepare{{Epoch{2}, Height{2}, View{0}}, ReplicaId{1}, Digest{}, {}});
    EXPECT_EQ(verify(next_epoch, node.replica->verify_context()).error().code,
              ErrorCode::kUnavailable);
}

TEST(Observer, replica_outside_the_membership_follows_but_never_votes) {
    TestNode node({.count = kFour, .index = 9, .config = {}});
    node.tick(TimeMs{1'000});
    node.step(TimeMs{1'000}, PendingWork{TimeMs{1'000}, false});
    const Digest digest = header_digest(first_block());
    node.receive(TimeMs{1'001}, proposal_by(0, 0, first_block()));
    for (std::uint16_t i = 0; i < 3; ++i) node.receive(TimeMs{1'002}, commit_by(i, 0, digest));
    node.tick(TimeMs{60'000});
    EXPECT_EQ(node.head(), Height{1});
    EXPECT_TRUE(node.journal.empty());
    EXPECT_TRUE(sent_of<Prepare>(node).empty());
}

TEST(BlockTime, first_proposal_is_held_against_the_clock_and_a_repeated_one_is_not) {
    const auto judge = [](std::uint64_t block, bool is_first) {
        return check_block_time({TimeMs{100}, TimeMs{block}, TimeMs{1'000}}, is_first);
    };
    EXPECT_EQ(judge(100, true), BlockTimeVerdict::kNotAfterParent);
    EXPECT_EQ(judge(101, true), BlockTimeVerdict::kAcceptable);
    EXPECT_EQ(judge(1'500, true), BlockTimeVerdict::kAcceptable);
    EXPECT_EQ(judge(1'501, true), BlockTimeVerdict::kAheadOfClock);
    EXPECT_EQ(judge(9'999, false), BlockTimeVerdict::kAcceptable);
    EXPECT_EQ(next_block_time(TimeMs{100}, TimeMs{50}), TimeMs{101});
    EXPECT_EQ(next_block_time(TimeMs{100}, TimeMs{500}), TimeMs{500});
}

}  // namespace
}  // namespace consilium::consensus
