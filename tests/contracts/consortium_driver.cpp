// The parties of the MPC as the contract tests play them.
#include "tests/contracts/consortium_driver.hpp"

#include <algorithm>

#include <gtest/gtest.h>

#include "contracts/verification/coins.hpp"
#include "fl_engine/smpc/coin.hpp"

namespace consilium::contracts::testing {
namespace {

namespace keys = schema::keys;
using smpc::testing::Consortium;
using smpc::testing::MemberState;

void lie(const Conduct& conduct, std::uint16_t member, std::vector<std::uint64_t>& values) {
    if (conduct.liars.contains(member)) values.back() = smpc::Field61::add(values.back(), 5);
}

std::vector<smpc::ClientIndex> slots_in(schema::SlotSet set) {
    std::vector<smpc::ClientIndex> slots;
    for (std::uint32_t slot = 1; slot <= schema::kMaxClients; ++slot) {
        if ((set & schema::slot_bit(slot)) != 0) slots.push_back(slot);
    }
    return slots;
}

}  // namespace

schema::EpochRecord ConsortiumDriver::epoch() const {
    const auto mpc = chain_.load<schema::MpcRecord>(keys::mpc());
    CHECK(mpc.current.has_value());
    return chain_.load<schema::EpochRecord>(keys::epoch(*mpc.current));
}

schema::RoundRecord ConsortiumDriver::round() const {
    const auto rounds = chain_.load<schema::RoundsRecord>(keys::rounds());
    return chain_.load<schema::RoundRecord>(
        keys::round(rounds.current.value_or(rounds.next_round - 1)));
}

PublicKey ConsortiumDriver::member_key(std::uint16_t member) const {
    return epoch().members.at(member - 1U);
}

void ConsortiumDriver::post_ephemeral_keys() {
    const schema::EpochRecord record = epoch();
    std::vector<Transaction> transactions;
    for (const auto* list : {&record.members, &record.clients}) {
        for (const PublicKey& key : *list) {
            schema::EphemeralKey arguments{.mpc_epoch = record.mpc_epoch, .key = key.bytes};
            transactions.push_back(chain_.make(key, kEphemeralKey, arguments));
        }
    }
    chain_.run(transactions);
}

void ConsortiumDriver::post_commitments(const Conduct& conduct) {
    const schema::EpochRecord record = epoch();
    const auto setup = chain_.load<schema::SetupRecord>(keys::setup(record.mpc_epoch));
    std::map<std::uint16_t, schema::KeyCommit> by_leader;
    for (const schema::SubsetSetup& entry : setup.subsets) {
        if (entry.commitment || conduct.silent.contains(entry.leader)) continue;
        schema::KeyCommit& commit = by_leader[entry.leader];
        commit.mpc_epoch = record.mpc_epoch;
        commit.ciphertexts = {sha256(as_bytes("key blob")), 100};
        commit.entries.push_back({entry.subset, entry.turn, sha256(encode(entry.subset))});
    }
    std::vector<Transaction> transactions;
    for (const auto& [leader, commit] : by_leader) {
        transactions.push_back(chain_.make(member_key(leader), kKeyCommit, commit));
    }
    chain_.run(transactions);
}

void ConsortiumDriver::post_acknowledgements(const Conduct& conduct) {
    const schema::EpochRecord record = epoch();
    const auto setup = chain_.load<schema::SetupRecord>(keys::setup(record.mpc_epoch));
    std::vector<Transaction> transactions;
    for (std::uint16_t member = 1; member <= record.members.size(); ++member) {
        if (conduct.silent.contains(member)) continue;
        schema::KeyAck ack{.mpc_epoch = record.mpc_epoch, .entries = {}};
        for (const schema::SubsetSetup& entry : setup.subsets) {
            if ((entry.subset & schema::member_bit(member)) == 0 || !entry.commitment) continue;
            ack.entries.push_back({entry.subset, *entry.commitment});
        }
        if (ack.entries.empty()) continue;
        transactions.push_back(chain_.make(member_key(member), kKeyAck, ack));
    }
    chain_.run(transactions);
}

void ConsortiumDriver::post_bundles() {
    const schema::EpochRecord record = epoch();
    std::vector<Transaction> transactions;
    for (std::uint16_t member = 1; member <= record.members.size(); ++member) {
        for (std::uint16_t slot = 1; slot <= record.clients.size(); ++slot) {
            if ((record.clients_with_key & schema::slot_bit(slot)) == 0) continue;
            const schema::ClientKeys arguments{
                record.mpc_epoch, slot, {sha256(as_bytes("bundle")), 96}};
            transactions.push_back(chain_.make(member_key(member), kClientKeys, arguments));
        }
    }
    chain_.run(transactions);
}

void ConsortiumDriver::set_up_epoch() {
    post_ephemeral_keys();
    post_commitments();
    post_acknowledgements();
    ASSERT_EQ(epoch().phase, schema::EpochPhase::kActive);
    post_bundles();
}

Consortium& ConsortiumDriver::consortium_at(std::uint64_t batch) {
    const schema::EpochRecord record = epoch();
    auto& slot = consortia_[{record.mpc_epoch, batch}];
    if (!slot) {
        const auto task = chain_.load<schema::TasksRecord>(keys::tasks()).active.at(0);
        const auto dimension = chain_.load<schema::TaskRecord>(keys::task(task)).dimension;
        slot = std::make_unique<Consortium>(static_cast<std::uint32_t>(record.members.size()),
                                            static_cast<std::uint32_t>(record.clients.size()),
                                            dimension, std::to_string(record.mpc_epoch));
        for (std::uint64_t b = 0; b <= batch; ++b) slot->prepare_batch();
    }
    return *slot;
}

std::vector<std::uint64_t> ConsortiumDriver::prep_share(std::uint64_t batch, std::uint16_t member) {
    return consortium_at(batch).members.at(member - 1U).delta_post;
}

void ConsortiumDriver::prepare_batches(const Conduct& conduct) {
    const schema::EpochRecord record = epoch();
    std::vector<Transaction> transactions;
    for (const std::uint64_t number : record.live_batches) {
        const schema::BatchLabel label{record.mpc_epoch, number};
        const auto batch = chain_.load<schema::BatchRecord>(keys::batch(label));
        if (batch.state != schema::BatchState::kPosting) continue;
        for (std::uint16_t member = 1; member <= record.members.size(); ++member) {
            const bool has_posted = (batch.posters & schema::member_bit(member)) != 0;
            if (has_posted || conduct.silent.contains(member)) continue;
            schema::PrepShare arguments{label, prep_share(number, member)};
            lie(conduct, member, arguments.values);
            transactions.push_back(chain_.make(member_key(member), kPrepShare, arguments));
        }
    }
    chain_.run(transactions);
}

Updates ConsortiumDriver::similar_updates(std::uint64_t seed, std::uint16_t poisoner) const {
    smpc::testing::TestRandom random(seed);
    const std::size_t dimension = static_cast<std::size_t>(round().terms.dimension);
    std::vector<std::int64_t> common(dimension);
    for (auto& value : common) value = random.between(-400'000, 400'000);
    Updates updates(epoch().clients.size(), common);
    for (auto& update : updates) {
        for (auto& value : update) value += random.between(-60'000, 60'000);
    }
    if (poisoner != 0) {
        for (auto& value : updates.at(poisoner - 1U)) value = -value;
    }
    return updates;
}

void ConsortiumDriver::submit(const Updates& updates, const std::set<std::uint16_t>& slots) {
    updates_ = updates;
    const schema::RoundRecord record = round();
    Consortium& parties = working();
    std::vector<Transaction> pledges;
    std::vector<Transaction> submits;
    for (const std::uint16_t slot : slots) {
        Bytes content = smpc::encode_words(parties.masked.at(slot - 1U));
        const std::uint64_t length = content.size();
        const schema::Pledge arguments{record.label, slot, {chain_.blobs.put(content), length}};
        const PublicKey key = epoch().clients.at(slot - 1U);
        pledges.push_back(chain_.make(key, kPledge, arguments));
        submits.push_back(chain_.make(key, kSubmit, arguments));
    }
    chain_.run(pledges);
    chain_.run(submits);
}

Consortium& ConsortiumDriver::working() {
    const schema::RoundRecord record = round();
    Consortium& parties = consortium_at(record.label.batch);
    const schema::BatchLabel label{record.label.mpc_epoch, record.label.batch};
    parties.delta = chain_.load<schema::BatchRecord>(keys::batch(label)).delta;
    parties.submit(updates_, record.terms.nu);
    for (const auto& [slot, elements] : cheats_) {
        parties.masked.at(slot - 1U) = parties.mask_anything(slot, elements);
    }
    parties.spread();
    return parties;
}

std::vector<std::uint64_t> ConsortiumDriver::stat1_share(std::uint16_t member) {
    const schema::RoundRecord record = round();
    Consortium& parties = working();
    const MemberState& state = parties.members.at(member - 1U);
    const auto slots = slots_in(record.ranged);
    parties.proofs.assign(epoch().clients.size(), {});
    for (const auto& [slot, proof] : proofs_) parties.proofs.at(slot - 1U) = proof;
    const auto shape = smpc::range_shape(record.terms.dimension, record.terms.nu);
    CHECK(record.test_seed.has_value());
    const smpc::RangeVerifier verifier(shape, record.range_seed, *record.test_seed);
    std::vector<std::uint64_t> reference;
    if (record.reference) {
        for (const std::int64_t value : references_.at(record.reference->sha256)) {
            reference.push_back(smpc::Field61::from_signed(value));
        }
    }
    return parties.stat_shares(state, record.terms.blur_bits)
        .stat1(Consortium::client_shares(state, slots),
               parties.range_shares(state, slots, verifier), reference);
}

schema::CoinShare ConsortiumDriver::coin_share(std::uint16_t member) {
    const schema::RoundRecord record = round();
    Consortium& parties = consortium_at(record.label.batch);
    const auto kind = verification::coin_of(record.phase);
    CHECK(kind.has_value());
    const auto coin =
        *kind == schema::CoinKind::kRange ? smpc::RoundCoin::kRange : smpc::RoundCoin::kTest;
    const auto& label = record.label;
    return {*kind, label,
            smpc::round_coin_shares(parties.kdf, parties.committee, member,
                                    parties.members.at(member - 1U).coin_ring,
                                    {coin, label.mpc_epoch, label.round, label.attempt})};
}

void ConsortiumDriver::draw_coin(const Conduct& conduct) {
    std::vector<Transaction> transactions;
    for (std::uint16_t member = 1; member <= epoch().members.size(); ++member) {
        if (conduct.silent.contains(member)) continue;
        schema::CoinShare share = coin_share(member);
        lie(conduct, member, share.values);
        transactions.push_back(chain_.make(member_key(member), kCoinShare, share));
    }
    chain_.run(transactions);
}

schema::Range ConsortiumDriver::range_of(std::uint16_t slot) {
    const schema::RoundRecord record = round();
    Consortium& parties = working();
    const auto shape = smpc::range_shape(record.terms.dimension, record.terms.nu);
    const smpc::RangeStatement statement{shape, record.range_seed};
    const auto cheat = cheats_.find(slot);
    proofs_[slot] = cheat == cheats_.end()
                        ? smpc::make_range_proof(parties.kdf, parties.committee,
                                                 parties.mask_rings.at(slot - 1U), statement,
                                                 parties.masked.at(slot - 1U))
                              .value()
                        : parties.prove_anything(slot, cheat->second, statement);
    const auto alteration = alterations_.find(slot);
    if (alteration != alterations_.end()) alteration->second(proofs_[slot]);
    Bytes content = smpc::encode_words(proofs_[slot]);
    const std::uint64_t length = content.size();
    return {record.label, slot, {chain_.blobs.put(content), length}};
}

void ConsortiumDriver::prove(const std::set<std::uint16_t>& slots) {
    std::set<std::uint16_t> all = slots;
    if (slots.empty()) {
        for (const smpc::ClientIndex slot : slots_in(round().submitted)) {
            all.insert(static_cast<std::uint16_t>(slot));
        }
    }
    std::vector<Transaction> transactions;
    for (const std::uint16_t slot : all) {
        const PublicKey key = epoch().clients.at(slot - 1U);
        transactions.push_back(chain_.make(key, kRange, range_of(slot)));
    }
    chain_.run(transactions);
}

void ConsortiumDriver::reach_stat1(const Conduct& conduct) {
    if (round().phase == schema::Phase::kCoinRange) draw_coin(conduct);
    if (round().phase == schema::Phase::kRanging) prove();
    if (round().phase == schema::Phase::kCoinTest) draw_coin(conduct);
}

void ConsortiumDriver::post_references(const std::vector<std::int64_t>& update,
                                       std::uint64_t squared_norm,
                                       const std::vector<std::size_t>& validators) {
    Bytes content = smpc::encode_integers(update);
    const schema::ReferenceUpdate arguments{.round = round().label.round,
                                            .update = {sha256(content), content.size()},
                                            .squared_norm = squared_norm};
    references_[chain_.blobs.put(std::move(content))] = update;
    std::vector<Transaction> transactions;
    for (const std::size_t validator : validators) {
        transactions.push_back(chain_.make(chain_.validators.at(validator), kReference, arguments));
    }
    chain_.run(transactions);
}

void ConsortiumDriver::post_stat1(const Conduct& conduct) {
    reach_stat1();
    const schema::RoundRecord record = round();
    std::vector<Transaction> transactions;
    for (std::uint16_t member = 1; member <= epoch().members.size(); ++member) {
        if (conduct.silent.contains(member)) continue;
        schema::StatShare arguments{record.label, stat1_share(member)};
        lie(conduct, member, arguments.values);
        transactions.push_back(chain_.make(member_key(member), kStat1, arguments));
    }
    chain_.run(transactions);
}

void ConsortiumDriver::post_stat2(const Conduct& conduct) {
    const schema::RoundRecord record = round();
    Consortium& parties = working();
    std::vector<Transaction> transactions;
    for (std::uint16_t member = 1; member <= epoch().members.size(); ++member) {
        if (conduct.silent.contains(member)) continue;
        const MemberState& state = parties.members.at(member - 1U);
        const auto shares = Consortium::client_shares(state, slots_in(record.passed));
        const auto stats = parties.stat_shares(state, record.terms.blur_bits);
        schema::StatShare arguments{record.label, record.terms.mode == schema::Mode::kSum
                                                      ? stats.stat2_sum(shares, record.clip_weights)
                                                      : stats.stat2_pairwise(shares)};
        lie(conduct, member, arguments.values);
        transactions.push_back(chain_.make(member_key(member), kStat2, arguments));
    }
    chain_.run(transactions);
}

std::vector<std::uint64_t> ConsortiumDriver::aggregate_share(const MemberState& member) {
    const schema::RoundRecord record = round();
    const auto passed = slots_in(record.passed);
    smpc::AggregateTerms terms;
    for (std::size_t i = 0; i < passed.size(); ++i) {
        if (record.reduced_weights.at(i) == 0) continue;
        terms.shares.emplace_back(member.shares.at(passed[i] - 1U));
        terms.weights.push_back(record.reduced_weights[i]);
    }
    Consortium& parties = consortium_at(record.label.batch);
    return smpc::aggregate_share(parties.kdf, parties.committee, member.self, member.blur_ring,
                                 terms);
}

std::vector<std::uint64_t> ConsortiumDriver::sum_share(std::uint16_t member,
                                                       const std::vector<std::uint16_t>& zeros) {
    std::vector<std::uint64_t> share = aggregate_share(working().members.at(member - 1U));
    if (zeros.empty()) return share;
    std::uint64_t error = 1'000;
    for (const std::uint16_t zero : zeros) {
        error = smpc::Field61::mul(error, smpc::Field61::sub(member, zero));
    }
    for (std::size_t x = kFirstBent; x < share.size(); ++x) {
        share[x] = smpc::Field61::add(share[x], error);
    }
    return share;
}

Transaction ConsortiumDriver::aggregate_of(std::uint16_t member,
                                           const std::vector<std::uint64_t>& share) {
    Bytes content = smpc::encode_words(share);
    const std::uint64_t length = content.size();
    const schema::Aggregate arguments{round().label, {chain_.blobs.put(content), length}};
    return chain_.make(member_key(member), kAggregate, arguments);
}

std::vector<Transaction> ConsortiumDriver::aggregates(const Conduct& conduct,
                                                      const std::set<std::uint16_t>& members) {
    const schema::RoundRecord record = round();
    Consortium& parties = working();
    std::vector<Transaction> transactions;
    for (const std::uint16_t member : members) {
        if (conduct.silent.contains(member)) continue;
        if ((record.aggregate_posters & schema::member_bit(member)) != 0) continue;
        std::vector<std::uint64_t> share = aggregate_share(parties.members.at(member - 1U));
        lie(conduct, member, share);
        transactions.push_back(aggregate_of(member, share));
    }
    return transactions;
}

void ConsortiumDriver::post_aggregate(const Conduct& conduct) {
    const schema::RoundRecord record = round();
    Consortium& parties = working();
    const auto n = static_cast<std::uint16_t>(epoch().members.size());
    const schema::EpochRecord record_of_epoch = epoch();
    std::set<std::uint16_t> first_members;
    std::set<std::uint16_t> all_members;
    for (std::uint16_t member = 1; member <= n; ++member) {
        if (record_of_epoch.is_excluded(member)) continue;
        all_members.insert(member);
        if (first_members.size() <= parties.committee.t()) first_members.insert(member);
    }
    chain_.run(aggregates(conduct, first_members));
    const bool is_clean = std::none_of(first_members.begin(), first_members.end(), [&](auto k) {
        return conduct.liars.contains(k) || conduct.silent.contains(k);
    });
    if (is_clean) {
        smpc::testing::Posts posts;
        for (const std::uint16_t member : first_members) {
            posts[member] = aggregate_share(parties.members.at(member - 1U));
        }
        const auto opened = smpc::interpolate_vector(smpc::testing::posted(posts), 0);
        const Digest digest = smpc::aggregate_digest(smpc::read_aggregate(opened));
        std::vector<Transaction> oks;
        for (const std::uint16_t member : all_members) {
            if (first_members.contains(member) || conduct.silent.contains(member)) continue;
            const schema::AggregateOk arguments{record.label, digest};
            oks.push_back(chain_.make(member_key(member), kAggregateOk, arguments));
        }
        chain_.run(oks);
    } else {
        while (!round().is_aggregate_fallback) chain_.pass(1);
        chain_.run(aggregates(conduct, all_members));
    }
}

void ConsortiumDriver::verify(const Conduct& conduct) {
    reach_stat1(conduct);
    ASSERT_EQ(round().phase, schema::Phase::kStat1);
    post_stat1(conduct);
    ASSERT_EQ(round().phase, schema::Phase::kStat2);
    post_stat2(conduct);
    ASSERT_EQ(round().phase, schema::Phase::kAggregate);
    post_aggregate(conduct);
}

}  // namespace consilium::contracts::testing
