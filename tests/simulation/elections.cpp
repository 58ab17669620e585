// Drawing lists within the rules, and seeing them through.
#include "tests/simulation/elections.hpp"

#include <algorithm>

#include "contracts/schema/arguments.hpp"
#include "contracts/schema/records.hpp"
#include "tests/simulation/mpc/records.hpp"

namespace consilium::simulation {
namespace {

namespace action = schema::action;
namespace keys = schema::keys;
using schema::MembershipRecord;
using schema::Validator;

constexpr std::size_t kMostValidators = 7;

void erase_at(std::vector<Validator>& list, std::size_t position) {
    list.erase(list.begin() + static_cast<std::ptrdiff_t>(position));
}

bool contains(const Membership& membership, const Member& member) {
    return membership.find(member.validator_key).has_value();
}

}  // namespace

const std::vector<std::string>& election_kinds() {
    static const std::vector<std::string> kinds = {"validator_joined",   "validator_left",
                                                   "validator_replaced", "primary_left",
                                                   "change_cancelled",   "store_lost_in_change"};
    return kinds;
}

Elections::Elections(Stage& stage, const Genesis& genesis, const Parts& parts)
    : stage_(stage), parts_(parts), rest_until_ms_(parts.first_ms) {
    for (std::size_t i = 0; i < parts.newcomers; ++i) {
        newcomers_.push_back(
            {Account(stage, genesis, parts.first_newcomer + i), "Newcomer " + std::to_string(i)});
    }
}

void Elections::register_newcomers(const StateReader& state) {
    for (Newcomer& newcomer : newcomers_) {
        newcomer.account.tick();
        if (newcomer.account.is_busy()) continue;
        if (state.get(keys::account(newcomer.account.public_key()))) continue;
        newcomer.account.send(
            schema::Module::kRegistration, action::kRegister,
            encode(schema::Register{schema::Role::kValidator, newcomer.organisation}));
    }
}

bool Elections::vote(const StateReader& state) {
    const auto governance = read_record<schema::GovernanceRecord>(state, keys::governance());
    if (!governance || governance->open.empty()) return false;
    const auto proposal =
        read_record<schema::ProposalRecord>(state, keys::proposal(governance->open.front()));
    for (Account& member : parts_.council) {
        const bool has_voted = std::find(proposal->yes.begin(), proposal->yes.end(),
                                         member.public_key()) != proposal->yes.end();
        if (has_voted || member.is_busy()) continue;
        member.send(schema::Module::kGovernance, action::kVote,
                    encode(schema::Vote{proposal->id, true}));
    }
    return true;
}

std::optional<Validator> Elections::next_newcomer(const StateReader& state) {
    for (const Newcomer& newcomer : newcomers_) {
        const PublicKey& key = newcomer.account.public_key();
        const auto account = read_record<schema::AccountRecord>(state, keys::account(key));
        if (account && account->status == schema::AccountStatus::kPending) {
            return Validator{newcomer.organisation, key, ""};
        }
    }
    return std::nullopt;
}

std::optional<std::vector<Validator>> Elections::draw_list(const StateReader& state,
                                                           const MembershipRecord& record,
                                                           ReplicaId proposer) {
    std::vector<Validator> list = record.validators;
    const auto newcomer = next_newcomer(state);
    const std::size_t any = stage_.random().below(list.size());
    // Often it is the primary that has to go: it makes the block that removes it.
    const std::size_t leaver = stage_.random().one_in(2) ? any : proposer.value;
    switch (stage_.random().below(3)) {
        case 0:
            if (!newcomer || list.size() >= kMostValidators) return std::nullopt;
            list.push_back(*newcomer);
            return list;
        case 1:
            if (list.size() <= schema::kMinValidators || leaver >= list.size()) return std::nullopt;
            erase_at(list, leaver);
            return list;
        case 2:
            if (!newcomer || leaver >= list.size()) return std::nullopt;
            list[leaver] = *newcomer;
            return list;
    }
    UNREACHABLE();
}

void Elections::tick(const StateReader& state, ReplicaId proposer) {
    register_newcomers(state);
    bool is_anybody_busy = false;
    for (Account& member : parts_.council) {
        member.tick();
        is_anybody_busy = is_anybody_busy || member.is_busy();
    }
    if (vote(state) || is_anybody_busy || stage_.now_ms() < rest_until_ms_) return;
    const auto record = read_record<MembershipRecord>(state, keys::membership());
    Account& member = parts_.council[stage_.random().below(parts_.council.size())];
    rest_until_ms_ =
        stage_.now_ms() + stage_.random().between(parts_.rest_min_ms, parts_.rest_max_ms);
    if (record->pending) {
        if (!stage_.random().one_in(8)) return;
        stage_.count("change_cancelled");
        return member.send(
            schema::Module::kGovernance, action::kPropose,
            encode(schema::Propose{schema::ProposalKind::kCancelValidatorChange,
                                   encode(schema::MembershipReference{record->epoch})}));
    }
    auto list = draw_list(state, *record, proposer);
    if (!list) return;
    std::uint64_t lead = parts_.lead_min;
    if (parts_.lead_spread > 0) lead += stage_.random().below(parts_.lead_spread);
    const schema::ChangeValidators change{record->epoch, Height{stage_.top().value + lead},
                                          std::move(*list)};
    member.send(schema::Module::kGovernance, action::kPropose,
                encode(schema::Propose{schema::ProposalKind::kChangeValidators, encode(change)}));
}

void Elections::on_decided(const BlockHeader& header, const Membership& membership,
                           const Membership& next) {
    if (next.epoch == membership.epoch) return;
    const auto left = std::count_if(membership.members.begin(), membership.members.end(),
                                    [&](const Member& it) { return !contains(next, it); });
    const auto joined = std::count_if(next.members.begin(), next.members.end(),
                                      [&](const Member& it) { return !contains(membership, it); });
    if (left > 0 && joined > 0) {
        stage_.count("validator_replaced");
    } else {
        stage_.count(left > 0 ? "validator_left" : "validator_joined");
    }
    if (!contains(next, membership.members.at(header.proposer.value))) {
        stage_.count("primary_left");
    }
}

}  // namespace consilium::simulation
