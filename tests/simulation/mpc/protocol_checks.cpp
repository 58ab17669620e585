// Checks of what parties say and hold, and of what the chain says about them.
#include "tests/simulation/mpc/protocol_checks.hpp"

#include <algorithm>
#include <array>

#include "contracts/schema/codes.hpp"
#include "tests/simulation/mpc/records.hpp"

namespace consilium::simulation {
namespace {

namespace action = schema::action;
namespace event = schema::event;
namespace keys = schema::keys;
using schema::BatchState;
using schema::Code;
using schema::Module;

constexpr std::size_t kSecretsMax = 128;  // names in one store: a few per batch and client
constexpr std::size_t kKeyBytes = 32;
// Whose wrong shares must have been named when a round has its result.
constexpr std::array kRoundActions = {action::kCoinShare, action::kStat1, action::kStat2,
                                      action::kAggregate, action::kAggregateOk};

[[nodiscard]] Digest hash_of(const mpc::Outgoing& outgoing) {
    Bytes all = outgoing.arguments;
    for (const Bytes& blob : outgoing.blobs) all.insert(all.end(), blob.begin(), blob.end());
    return sha256(all);
}

[[nodiscard]] bool starts_with(const Bytes& text, const Bytes& part) {
    return text.size() >= part.size() && std::equal(part.begin(), part.end(), text.begin());
}

// Whether a share of this action carries this label (rounds in full, batches by epoch and number).
[[nodiscard]] bool has_label(const Bytes& arguments, std::uint16_t number,
                             const schema::RoundLabel& label) {
    if (number == action::kCoinShare) {
        return decode<schema::CoinShare>(arguments).value().label == label;
    }
    if (number < action::kStat1) {
        return starts_with(arguments, encode(schema::BatchLabel{label.mpc_epoch, label.batch}));
    }
    return starts_with(arguments, encode(label));
}

// Refusals that an honest validator earns only by a defect: its timing cannot cause them.
constexpr std::array kDefects = {Code::kEquivocation,  Code::kBadArguments,   Code::kWordOutOfRange,
                                 Code::kUnknownAction, Code::kActionInactive, Code::kRoleNotAllowed,
                                 Code::kUnknownSubset, Code::kNotAMember,     Code::kBlobTooLong,
                                 Code::kMemberExcluded};

[[nodiscard]] bool is_defect(Code code) {
    return std::find(kDefects.begin(), kDefects.end(), code) != kDefects.end();
}

[[nodiscard]] std::optional<std::uint64_t> number_after(const std::string& name,
                                                        const std::string& prefix) {
    if (!name.starts_with(prefix)) return std::nullopt;
    return std::stoull(name.substr(prefix.size()));
}

}  // namespace

ProtocolChecks::ProtocolChecks(const Genesis& genesis, bool parameters_differ, Fail fail)
    : reference_(genesis, parameters_differ), fail_(std::move(fail)), changes_(fail_) {}

void ProtocolChecks::expect_references(const Bytes& set, MakeReference make) {
    reference_.add_blob(set);
    execution_inputs_[sha256(set)] = set;
    make_reference_ = std::move(make);
}

void ProtocolChecks::on_owed(const PublicKey& key, const std::vector<mpc::Outgoing>& owed) {
    Member& member = validators_.at(key);
    for (const mpc::Outgoing& outgoing : owed) {
        for (const Bytes& blob : outgoing.blobs) reference_.add_blob(blob);
        if (outgoing.action == action::kPrepReveal && member.is_honest) note_reveal(outgoing);
        if (member.is_robbed) continue;
        if (outgoing.action == action::kCoinShare && member.is_honest) {
            note_coin_share(key, outgoing);
        }
        const Digest hash = hash_of(outgoing);
        const auto [known, is_new] = member.owed.try_emplace(outgoing.label, hash);
        if (!is_new && known->second != hash) {
            fail_("M2: two contents of " + outgoing.label + " from " + key.hex().substr(0, 8));
        }
    }
}

void ProtocolChecks::on_told(const PublicKey& key, const Told& told) {
    for (const Bytes& blob : told.outgoing.blobs) reference_.add_blob(blob);
    if (told.is_false) told_.insert({key, told.outgoing.action, told.outgoing.arguments});
}

void ProtocolChecks::on_masked(const Digest& masked, const Update& update) {
    updates_[masked] = update;
}

void ProtocolChecks::on_proved(const Digest& proof, bool is_forged) {
    if (is_forged) forged_.insert(proof);
}

void ProtocolChecks::on_released(const Release& release, const Bytes& blob) {
    reference_.add_blob(blob);
    const Digest hash = sha256(blob);
    const auto [known, is_new] = released_.try_emplace(
        {release.trainer, release.batch.mpc_epoch, release.batch.batch, release.action}, hash);
    if (!is_new && known->second != hash) {
        fail_("M9: two contents of action " + std::to_string(release.action) +
              " under one mask left a trainer");
    }
}

void ProtocolChecks::check_gone(const std::string& name, const Bytes& before,
                                const SecretDisk::Content& secrets) {
    for (const auto& [other, secret] : secrets) {
        for (std::size_t at = 0; at + kKeyBytes <= before.size(); at += 8) {
            const auto first = before.begin() + static_cast<std::ptrdiff_t>(at);
            if (std::search(secret.begin(), secret.end(), first, first + kKeyBytes) !=
                secret.end()) {
                std::string what = "M8: a key of ";
                what.append(name).append(", which is erased, is in ").append(other);
                return fail_(what);
            }
        }
    }
}

void ProtocolChecks::on_stepped(const Stepped& validator, const StateReader& state,
                                const SecretDisk::Content& secrets) {
    const std::size_t process = validator.process;
    check_seeds(state);
    if (secrets.size() > kSecretsMax) fail_("A9: a store of secrets grows without bound");
    const auto mpc =
        read_record<schema::MpcRecord>(state, keys::mpc()).value_or(schema::MpcRecord{});
    const std::uint64_t newest = mpc.current.value_or(mpc.next_epoch);
    const auto members = current_epoch(state);
    const bool is_member = members && members->find_member(validator.key);
    for (const auto& [name, secret] : secrets) {
        const auto epoch = number_after(name, "epoch-");
        CHECK(epoch.has_value());
        if (*epoch < newest) return fail_("M8: " + name + " is kept after its epoch");
        if (*epoch == newest && !is_member) return fail_("M8: " + name + " is held by no member");
        const std::string prefix = "epoch-" + std::to_string(*epoch) + "/batch-";
        const auto number = number_after(name, prefix);
        if (!number) continue;
        const auto batch = read_record<schema::BatchRecord>(state, keys::batch({*epoch, *number}));
        const bool is_over =
            batch && (batch->state == BatchState::kConsumed || batch->state == BatchState::kVoid ||
                      batch->state == BatchState::kBurned);
        if (is_over && *epoch == newest) return fail_("M8: " + name + " is kept after its batch");
        batch_secrets_[{process, name}] = secret;
    }
    for (auto it = batch_secrets_.begin(); it != batch_secrets_.end();) {
        const auto& [owner, name] = it->first;
        if (owner != process || secrets.contains(name)) {
            ++it;
            continue;
        }
        check_gone(name, it->second, secrets);
        it = batch_secrets_.erase(it);
    }
}

void ProtocolChecks::on_block(const Block& block) {
    const std::string where = " at height " + std::to_string(block.header.height.value);
    const StateTree before = reference_.state();
    if (const auto difference = reference_.follow(block)) {
        return fail_("M1: " + *difference + where);
    }
    const BlockReceipts receipts = reference_.receipts();
    changes_.on_block({before, reference_.state(), block.header.height, receipts.events});
    for (std::size_t i = 0; i < block.transactions.size(); ++i) {
        on_transaction(block.transactions[i], receipts.receipts[i]);
        for (const Event& one : receipts.receipts[i].events) on_event(one);
    }
    for (const Event& one : receipts.events) on_event(one);
}

void ProtocolChecks::on_transaction(const Transaction& transaction, const Receipt& receipt) {
    const auto code = static_cast<Code>(receipt.code);
    if (transaction.module == static_cast<std::uint16_t>(Module::kSubmission)) {
        if (code == Code::kOk && transaction.action == action::kSubmit) ++counts_.submissions;
        if (code == Code::kOk && transaction.action == action::kRange) ++counts_.ranges;
        return;
    }
    if (transaction.module != static_cast<std::uint16_t>(Module::kVerification)) return;
    const auto member = validators_.find(transaction.sender);
    if (member == validators_.end()) return;
    const FalseShare share{transaction.sender, transaction.action, transaction.arguments};
    const bool is_false = told_.contains(share);
    if (code == Code::kOk && is_false) unnamed_.insert(share);
    const bool is_bound = member->second.is_honest && !member->second.is_robbed;
    if (is_bound && is_defect(code)) {
        fail_("M2: a message of an honest validator was refused: action " +
              std::to_string(transaction.action) + ", " + std::string(schema::to_string(code)));
    }
    if (code != Code::kOk) return;
    if (transaction.action == action::kPrepReveal) ++counts_.reveals;
    if (transaction.action == action::kPrepWeights) {
        const auto name = decode<schema::PrepWeights>(transaction.arguments).value().share;
        execution_inputs_[name.sha256] = reference_.get(name.sha256).value();
    }
    if (transaction.action != action::kAggregate) return;
    const auto arguments = decode<schema::Aggregate>(transaction.arguments).value();
    const auto epoch = read_record<schema::EpochRecord>(reference_.state(),
                                                        keys::epoch(arguments.label.mpc_epoch));
    const Bytes content = reference_.get(arguments.share.sha256).value();
    aggregates_[arguments.label.round][*epoch->find_member(transaction.sender)] = content;
    execution_inputs_[arguments.share.sha256] = content;
}

void ProtocolChecks::on_event(const Event& one) {
    if (one.module == static_cast<std::uint16_t>(Module::kRounds)) {
        if (one.kind == event::kRoundOpened) {
            ++counts_.attempts;
            counts_.newest_round = decode<schema::RoundOpened>(one.payload).value().label.round;
        }
        counts_.aborted += one.kind == event::kRoundAborted ? 1U : 0U;
        counts_.cancelled += one.kind == event::kRoundCancelled ? 1U : 0U;
        return;
    }
    if (one.module != static_cast<std::uint16_t>(Module::kVerification)) return;
    switch (one.kind) {
        case event::kFault:
            ++counts_.faults;
            return check(decode<schema::FaultProved>(one.payload).value());
        case event::kAbsent:
            ++counts_.absent;
            return;
        case event::kExcluded:
            return check(decode<schema::ExclusionRecord>(one.payload).value());
        case event::kEpochHalted:
            return fail_("M5: an epoch is halted although at most t members lie");
        case event::kBatchState:
            return check(decode<schema::BatchStateChanged>(one.payload).value());
        case event::kSeed:
            return check(decode<schema::SeedOpened>(one.payload).value());
        case event::kReferenceFixed:
            return check(decode<schema::ReferenceFixed>(one.payload).value());
        case event::kEquivocation:
            return check(decode<schema::Equivocation>(one.payload).value());
        case event::kStatistics:
            return check(decode<schema::Statistics>(one.payload).value());
        case event::kVerdict:
            return check(decode<schema::VerdictRecord>(one.payload).value());
        case event::kResult: {
            const auto result = decode<schema::RoundResult>(one.payload).value();
            check(result);
            for (const std::uint16_t number : kRoundActions) check_named(number, result.label);
            return;
        }
        default:
            return;
    }
}

bool ProtocolChecks::has_told(const PublicKey& key, std::uint16_t number,
                              const schema::RoundLabel& label) const {
    return std::any_of(told_.begin(), told_.end(), [&](const FalseShare& share) {
        return share.sender == key && share.action == number &&
               has_label(share.arguments, number, label);
    });
}

void ProtocolChecks::check(const schema::FaultProved& fault) {
    const PublicKey key = epoch_of(fault.label.mpc_epoch).members.at(fault.member - 1U);
    if (!has_told(key, fault.action, fault.label)) {
        return fail_("M5: FAULT names member " + std::to_string(fault.member) + " for action " +
                     std::to_string(fault.action) + " which it did right");
    }
    std::erase_if(unnamed_, [&](const FalseShare& share) {
        return share.sender == key && share.action == fault.action &&
               has_label(share.arguments, fault.action, fault.label);
    });
}

bool ProtocolChecks::has_unnamed(std::uint16_t number, const schema::RoundLabel& label,
                                 bool counts_excluded) const {
    const auto epoch = epoch_of(label.mpc_epoch);
    return std::any_of(unnamed_.begin(), unnamed_.end(), [&](const FalseShare& share) {
        if (share.action != number || !has_label(share.arguments, number, label)) return false;
        const auto member = epoch.find_member(share.sender);
        return counts_excluded || !member || !epoch.is_excluded(*member);
    });
}

// What an excluded member had posted is not listened to any more, so it is not named either.
void ProtocolChecks::check_named(std::uint16_t number, const schema::RoundLabel& label) {
    if (!has_unnamed(number, label, false)) return;
    fail_("M6: a wrong share of action " + std::to_string(number) + " of round " +
          std::to_string(label.round) + ", batch " + std::to_string(label.batch) +
          " was seen and its sender is not named");
}

void ProtocolChecks::check(const schema::Equivocation& equivocation) {
    const auto trainer = trainers_.find(equivocation.sender);
    const auto member = validators_.find(equivocation.sender);
    const bool is_honest =
        trainer != trainers_.end()
            ? trainer->second
            : member != validators_.end() && member->second.is_honest && !member->second.is_robbed;
    if (is_honest) {
        fail_("M2: an honest party is said to equivocate, action " +
              std::to_string(equivocation.action));
    }
}

void ProtocolChecks::check(const schema::VerdictRecord& verdict) {
    const auto round =
        read_record<schema::RoundRecord>(reference_.state(), keys::round(verdict.label.round));
    const auto epoch = epoch_of(verdict.label.mpc_epoch);
    for (const schema::ClientOutcome& outcome : verdict.clients) {
        const auto trainer = trainers_.find(epoch.clients.at(outcome.slot - 1U));
        check_outcome(*round, outcome, trainer != trainers_.end() && trainer->second);
    }
}

void ProtocolChecks::check_outcome(const schema::RoundRecord& round,
                                   const schema::ClientOutcome& outcome, bool is_honest) {
    const schema::SlotSet slot = schema::slot_bit(outcome.slot);
    const std::string code(schema::to_string(outcome.code));
    const auto proof = read_record<schema::RangeRecord>(
        reference_.state(), keys::range({round.label.mpc_epoch, round.label.batch}, outcome.slot));
    const bool is_forged = proof && forged_.contains(proof->proof.sha256);
    if (is_forged && outcome.code != schema::ClientCode::kRangeFail) {
        fail_("M7: a client with a forged proof has the code " + code);
    }
    if (!is_honest || (round.submitted & slot) == 0) return;
    // Who was away while ranges were proved has no proof; whose was accepted must pass.
    const bool has_lost_range =
        outcome.code == schema::ClientCode::kNoRange && (round.ranged & slot) != 0;
    const bool is_lost = outcome.code == schema::ClientCode::kNoSubmit ||
                         outcome.code == schema::ClientCode::kRangeFail ||
                         outcome.code == schema::ClientCode::kNormFail;
    if (is_lost || has_lost_range) {
        fail_("M7: an honest client that submitted has the code " + code);
    }
}

}  // namespace consilium::simulation
