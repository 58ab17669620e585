// One decision at a time, by people who look at the newest decided state.
#include "tests/simulation/mpc/council.hpp"

#include <algorithm>

#include "contracts/schema/records.hpp"
#include "tests/simulation/mpc/records.hpp"

namespace consilium::simulation {
namespace {

namespace action = schema::action;
namespace keys = schema::keys;

}  // namespace

Council::Council(Stage& stage, const Genesis& genesis, std::size_t first_key, schema::TaskSpec task,
                 Bytes reference_set)
    : stage_(stage), task_(std::move(task)), reference_set_(std::move(reference_set)) {
    for (std::size_t i = 0; i < genesis.organisations.size(); ++i) {
        members_.emplace_back(stage, genesis, first_key + i);
    }
}

bool Council::approve(const StateReader& state, const std::vector<PublicKey>& trainers) {
    bool are_all_in = true;
    for (const PublicKey& trainer : trainers) {
        const auto account = read_record<schema::AccountRecord>(state, keys::account(trainer));
        if (account && account->status == schema::AccountStatus::kApproved) continue;
        are_all_in = false;
        if (!account || account->status != schema::AccountStatus::kPending) continue;
        const auto ballot =
            read_record<schema::BallotRecord>(state, keys::ballot(trainer, action::kApprove));
        for (Account& member : members_) {
            const bool has_voted = ballot && std::find(ballot->voters.begin(), ballot->voters.end(),
                                                       member.public_key()) != ballot->voters.end();
            if (has_voted || member.is_busy()) continue;
            member.send(schema::Module::kRegistration, action::kApprove,
                        encode(schema::AccountBallot{trainer}));
        }
    }
    return are_all_in;
}

bool Council::vote(const StateReader& state) {
    const auto governance = read_record<schema::GovernanceRecord>(state, keys::governance());
    if (!governance || governance->open.empty()) return false;
    const auto proposal =
        read_record<schema::ProposalRecord>(state, keys::proposal(governance->open.front()));
    for (Account& member : members_) {
        const bool has_voted = std::find(proposal->yes.begin(), proposal->yes.end(),
                                         member.public_key()) != proposal->yes.end();
        if (has_voted || member.is_busy()) continue;
        member.send(schema::Module::kGovernance, action::kVote,
                    encode(schema::Vote{proposal->id, true}));
    }
    return true;
}

void Council::propose(schema::ProposalKind kind, Bytes payload, std::vector<Bytes> blobs) {
    Account& member = members_[stage_.random().below(members_.size())];
    if (member.is_busy()) return;
    member.send(schema::Module::kGovernance, action::kPropose,
                encode(schema::Propose{kind, std::move(payload)}), std::move(blobs));
}

void Council::prepare_task(const StateReader& state) {
    if (task_.reference_set && !state.get(keys::reference_set(*task_.reference_set))) {
        const schema::ReferenceSetApproval approval{
            {*task_.reference_set, reference_set_.size()}, std::nullopt, false};
        return propose(schema::ProposalKind::kApproveReferenceSet, encode(approval),
                       {reference_set_});
    }
    propose(schema::ProposalKind::kCreateTask, encode(task_));
}

void Council::tick(const StateReader& state, const std::vector<PublicKey>& trainers) {
    bool is_anybody_busy = false;
    for (Account& member : members_) {
        member.tick();
        is_anybody_busy = is_anybody_busy || member.is_busy();
    }
    if (!approve(state, trainers) || vote(state) || is_anybody_busy) return;
    const auto tasks = read_record<schema::TasksRecord>(state, keys::tasks());
    if (!tasks || tasks->active.empty()) {
        return prepare_task(state);
    }
    if (stage_.now_ms() - progress_ms_ < kPatienceMs) return;
    const auto epoch = current_epoch(state);
    if (!epoch) return;
    on_progress();
    stage_.count("epoch_renewed");
    propose(schema::ProposalKind::kOpenMpcEpoch, encode(schema::EpochReference{epoch->mpc_epoch}));
}

}  // namespace consilium::simulation
