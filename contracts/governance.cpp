// Proposals, votes, and what a passed proposal does.
#include "contracts/governance.hpp"

#include <algorithm>

#include "contracts/membership.hpp"
#include "contracts/models.hpp"
#include "contracts/reference_sets.hpp"
#include "contracts/rounds.hpp"
#include "contracts/schema/arguments.hpp"
#include "contracts/verification/epochs.hpp"

namespace consilium::contracts::governance {
namespace {

using schema::Code;
using schema::GovernanceRecord;
using schema::ProposalKind;
using schema::ProposalRecord;
using schema::ProposalStatus;
namespace action = schema::action;
namespace event = schema::event;
namespace keys = schema::keys;

enum class Step { kCheck, kExecute };

Code set_parameters(Execution& execution, const schema::Parameters& parameters, Step step) {
    if (schema::find_out_of_bounds(parameters) != nullptr) return Code::kParameterOutOfBounds;
    if (step == Step::kExecute) execution.state.store(keys::parameters(), parameters);
    return Code::kOk;
}

Code run_membership(Execution& execution, ProposalKind kind, ByteView payload, bool runs) {
    if (kind == ProposalKind::kCancelValidatorChange) {
        return with_arguments<schema::MembershipReference>(payload, [&](const auto& it) {
            return runs ? membership::cancel(execution, it) : Code::kOk;
        });
    }
    return with_arguments<schema::ChangeValidators>(payload, [&](const auto& it) {
        return runs ? membership::announce(execution, it) : membership::check(execution, it);
    });
}

// With kCheck only what cannot become right later by itself is refused: a proposal may be opened
// before the round it speaks of has reached its state.
Code run_payload(Execution& execution, ProposalKind kind, ByteView payload, Step step) {
    const auto decoded_or = [](Code code) {
        return code == Code::kBadArguments ? Code::kBadPayload : code;
    };
    const bool runs = step == Step::kExecute;
    switch (kind) {
        case ProposalKind::kCreateTask:
            return decoded_or(with_arguments<schema::TaskSpec>(payload, [&](const auto& spec) {
                return runs ? rounds::create_task(execution, spec)
                            : rounds::check_task(execution, spec);
            }));
        case ProposalKind::kSetParameters:
            return decoded_or(with_arguments<schema::Parameters>(payload, [&](const auto& value) {
                return set_parameters(execution, value, step);
            }));
        case ProposalKind::kCancelRound:
            return decoded_or(with_arguments<schema::RoundReference>(payload, [&](const auto& it) {
                return runs ? rounds::cancel_round(execution, it) : Code::kOk;
            }));
        case ProposalKind::kAbortRound:
            return decoded_or(with_arguments<schema::RoundReference>(payload, [&](const auto& it) {
                return runs ? rounds::abort_round(execution, it) : Code::kOk;
            }));
        case ProposalKind::kOpenMpcEpoch:
            return decoded_or(with_arguments<schema::EpochReference>(payload, [&](const auto& it) {
                return runs ? verification::request_renewal(execution, it) : Code::kOk;
            }));
        case ProposalKind::kCloseTask:
            return decoded_or(with_arguments<schema::TaskReference>(payload, [&](const auto& it) {
                return runs ? rounds::close_task(execution, it) : Code::kOk;
            }));
        case ProposalKind::kPromoteModel:
            return decoded_or(with_arguments<schema::ModelReference>(payload, [&](const auto& it) {
                return runs ? models::promote(execution, it) : Code::kOk;
            }));
        case ProposalKind::kRollBackModel:
            return decoded_or(with_arguments<schema::ModelReference>(payload, [&](const auto& it) {
                return runs ? models::roll_back(execution, it) : Code::kOk;
            }));
        case ProposalKind::kApproveReferenceSet:
            return decoded_or(
                with_arguments<schema::ReferenceSetApproval>(payload, [&](const auto& it) {
                    return runs ? reference_sets::approve(execution, it)
                                : reference_sets::check(it);
                }));
        case ProposalKind::kSetDataWeights:
            return decoded_or(with_arguments<schema::DataWeights>(payload, [&](const auto& it) {
                return runs ? reference_sets::set_data_weights(execution, it)
                            : reference_sets::check(it);
            }));
        case ProposalKind::kChangeValidators:
        case ProposalKind::kCancelValidatorChange:
            return decoded_or(run_membership(execution, kind, payload, runs));
        case ProposalKind::kSetRule:
            return decoded_or(with_arguments<schema::RuleChoice>(payload, [&](const auto& it) {
                return runs ? rounds::set_rule(execution, it) : rounds::check_rule(it);
            }));
    }
    UNREACHABLE();
}

void decide(Execution& execution, ProposalRecord& proposal, ProposalStatus status, Code code) {
    proposal.status = status;
    proposal.code = static_cast<std::uint16_t>(code);
    auto governance = execution.state.load<GovernanceRecord>(keys::governance());
    std::erase(governance.open, proposal.id);
    execution.state.store(keys::governance(), governance);
    execution.state.store(keys::proposal(proposal.id), proposal);
    execution.emit(
        schema::Module::kGovernance, event::kProposalDecided,
        schema::ProposalDecided{proposal.id, proposal.kind, proposal.status, proposal.code});
}

// Counts the votes of those who are still in the council, and acts on them.
void tally(Execution& execution, ProposalRecord& proposal, const Sender& voter, bool is_yes) {
    const auto council = execution.state.load<schema::RegistryRecord>(keys::registry()).council;
    const auto count = [&](const std::vector<PublicKey>& voters) {
        return static_cast<std::size_t>(
            std::count_if(voters.begin(), voters.end(), [&](const PublicKey& key) {
                return std::find(council.begin(), council.end(), key) != council.end();
            }));
    };
    const std::size_t needed = council_threshold(council.size());
    const std::size_t yes = count(proposal.yes);
    const std::size_t no = count(proposal.no);
    execution.emit(schema::Module::kGovernance, event::kVoteCast,
                   schema::VoteCast{proposal.id, voter.key, is_yes, static_cast<std::uint16_t>(yes),
                                    static_cast<std::uint16_t>(needed)});
    if (yes >= needed) {
        const Code code = run_payload(execution, proposal.kind, proposal.payload, Step::kExecute);
        const bool is_done = code == Code::kOk;
        decide(execution, proposal, is_done ? ProposalStatus::kExecuted : ProposalStatus::kFailed,
               code);
    } else if (no > council.size() - needed) {
        decide(execution, proposal, ProposalStatus::kRejected, Code::kOk);
    } else {
        execution.state.store(keys::proposal(proposal.id), proposal);
    }
}

Code propose(Execution& execution, const Sender& sender, const schema::Propose& arguments) {
    auto governance = execution.state.load<GovernanceRecord>(keys::governance());
    if (governance.open.size() >= execution.parameters.open_proposals_max ||
        governance.open.size() >= schema::kMaxOpenProposals) {
        return Code::kProposalsFull;
    }
    const Code code = run_payload(execution, arguments.kind, arguments.payload, Step::kCheck);
    if (code != Code::kOk) return code;
    ProposalRecord proposal;
    proposal.id = governance.next_proposal++;
    proposal.kind = arguments.kind;
    proposal.payload = arguments.payload;
    proposal.proposer = sender.key;
    proposal.opened = execution.block.height;
    proposal.expires =
        Height{execution.block.height.value + execution.parameters.proposal_lifetime_blocks};
    proposal.yes.push_back(sender.key);
    governance.open.push_back(proposal.id);
    execution.state.store(keys::governance(), governance);
    execution.emit(
        schema::Module::kGovernance, event::kProposalOpened,
        schema::ProposalOpened{proposal.id, proposal.kind, proposal.proposer, proposal.expires});
    tally(execution, proposal, sender, true);
    return Code::kOk;
}

Code vote(Execution& execution, const Sender& sender, const schema::Vote& arguments) {
    auto proposal = execution.state.find<ProposalRecord>(keys::proposal(arguments.proposal));
    if (!proposal) return Code::kUnknownProposal;
    if (proposal->status != ProposalStatus::kOpen) return Code::kProposalClosed;
    for (const auto* voters : {&proposal->yes, &proposal->no}) {
        if (std::find(voters->begin(), voters->end(), sender.key) != voters->end()) {
            return Code::kAlreadyVoted;
        }
    }
    auto& voters = arguments.is_yes ? proposal->yes : proposal->no;
    // Members may come and go while a proposal is open; the record holds a bounded number of votes.
    if (voters.size() >= schema::kMaxCouncil) return Code::kProposalClosed;
    voters.push_back(sender.key);
    tally(execution, *proposal, sender, arguments.is_yes);
    return Code::kOk;
}

Code withdraw(Execution& execution, const Sender& sender, const schema::Withdraw& arguments) {
    auto proposal = execution.state.find<ProposalRecord>(keys::proposal(arguments.proposal));
    if (!proposal) return Code::kUnknownProposal;
    if (proposal->status != ProposalStatus::kOpen) return Code::kProposalClosed;
    if (proposal->proposer != sender.key) return Code::kNotProposer;
    decide(execution, *proposal, ProposalStatus::kWithdrawn, Code::kOk);
    return Code::kOk;
}

}  // namespace

schema::Code execute(Execution& execution, const Sender& sender, const Transaction& transaction) {
    const ByteView raw = transaction.arguments;
    if (transaction.action == action::kPropose) {
        return with_arguments<schema::Propose>(
            raw, [&](const auto& arguments) { return propose(execution, sender, arguments); });
    }
    if (transaction.action == action::kVote) {
        return with_arguments<schema::Vote>(
            raw, [&](const auto& arguments) { return vote(execution, sender, arguments); });
    }
    CHECK(transaction.action == action::kWithdraw);
    return with_arguments<schema::Withdraw>(
        raw, [&](const auto& arguments) { return withdraw(execution, sender, arguments); });
}

void fire_deadlines(Execution& execution) {
    const auto governance = execution.state.load<GovernanceRecord>(keys::governance());
    for (const std::uint64_t id : governance.open) {
        auto proposal = execution.state.load<ProposalRecord>(keys::proposal(id));
        if (proposal.expires <= execution.block.height) {
            decide(execution, proposal, ProposalStatus::kExpired, Code::kOk);
        }
    }
}

}  // namespace consilium::contracts::governance
