// Tasks by vote, and opening and ending of rounds.
#include "contracts/rounds.hpp"

#include <algorithm>
#include <bit>

#include "contracts/models.hpp"
#include "contracts/reference_sets.hpp"
#include "contracts/schema/arguments.hpp"
#include "contracts/verification/batches.hpp"
#include "contracts/verification/coins.hpp"
#include "contracts/verification/epochs.hpp"
#include "contracts/verification/reference.hpp"
#include "contracts/verification/rules.hpp"
#include "fl_engine/smpc/encoding.hpp"

namespace consilium::contracts::rounds {
namespace {

using schema::Code;
using schema::EndReason;
using schema::EpochRecord;
using schema::Phase;
using schema::RoundRecord;
using schema::RoundsRecord;
using schema::RoundTerms;
using schema::TaskRecord;
using schema::TasksRecord;
using schema::TaskStatus;
namespace event = schema::event;
namespace keys = schema::keys;

void finish_task(Execution& execution, TaskRecord& task, TaskStatus status) {
    task.status = status;
    auto tasks = execution.state.load<TasksRecord>(keys::tasks());
    std::erase(tasks.active, task.id);
    execution.state.store(keys::tasks(), tasks);
    execution.state.store(keys::task(task.id), task);
    execution.emit(schema::Module::kRounds, event::kTaskFinished,
                   schema::TaskFinished{task.id, task.status});
}

void forget_shares(Execution& execution, const RoundRecord& round) {
    for (std::uint16_t member = 1; member <= schema::kMaxCommittee; ++member) {
        execution.state.erase(keys::stat1(round.label.round, member));
        execution.state.erase(keys::stat2(round.label.round, member));
        execution.state.erase(keys::aggregate(round.label.round, member));
        execution.state.erase(keys::aggregate_ok(round.label.round, member));
    }
    verification::forget_references(execution, round);
}

// What depends on the epoch: dw_i by slot and hb by the size of the committee.
void bind_terms(RoundTerms& terms, const std::vector<schema::DataWeight>& weights,
                const EpochRecord& epoch) {
    const auto committee = smpc::Committee::make(static_cast<std::uint32_t>(epoch.members.size()));
    CHECK(committee.has_value());
    terms.blur_bits = static_cast<std::uint8_t>(smpc::default_blur_bits(*committee, terms.nu));
    terms.data_weights.assign(epoch.clients.size(), 1);
    for (const schema::DataWeight& entry : weights) {
        if (const auto slot = epoch.find_slot(entry.trainer)) {
            terms.data_weights[*slot - 1U] = entry.weight;
        }
    }
}

RoundTerms make_terms(Execution& execution, const TaskRecord& task, const EpochRecord& epoch) {
    RoundTerms terms;
    terms.task = task.id;
    terms.task_round = task.rounds_begun;
    terms.model_version = task.current_version;
    terms.model =
        execution.state.load<schema::ModelRecord>(keys::model(task.id, task.current_version))
            .parameters;
    terms.dimension = task.dimension;
    terms.nu = task.spec.nu;
    terms.clip_norm = task.clip_norm;
    terms.mode = task.spec.mode;
    terms.rule = task.spec.rule;
    terms.malicious_max = task.spec.malicious_max;
    terms.windows = task.spec.windows;
    terms.reference_set = task.spec.reference_set;
    terms.is_reference_required = task.spec.is_reference_required;
    terms.privacy = task.spec.privacy;
    bind_terms(terms, task.spec.data_weights, epoch);
    return terms;
}

// Why no round of the task can be opened now.
Code check_opening(const Execution& execution, const TaskRecord& task,
                   const std::optional<EpochRecord>& epoch) {
    if (!epoch || !verification::serves_rounds(execution, *epoch)) return Code::kNoCertifiedBatch;
    const auto clients = std::popcount(epoch->clients_with_key);
    if (clients < schema::min_submissions(task.spec.malicious_max)) return Code::kTooFewClients;
    if (!verification::find_certified(execution.state, *epoch, task.dimension)) {
        return Code::kNoCertifiedBatch;
    }
    return Code::kOk;
}

void open_attempt(Execution& execution, const TaskRecord& task, EpochRecord epoch,
                  RoundRecord round) {
    const auto batch = verification::find_certified(execution.state, epoch, task.dimension);
    CHECK(batch.has_value());
    round.label.mpc_epoch = epoch.mpc_epoch;
    round.label.batch = *batch;
    round.opened = round.phase_height = execution.block.height;
    round.opened_time = round.phase_time = execution.block.time;
    if (!epoch.first_round) epoch.first_round = round.label.round;
    const std::uint64_t known = *epoch.first_round + epoch.rounds_opened;
    if (round.label.round >= known) ++epoch.rounds_opened;
    execution.state.store(keys::epoch(epoch.mpc_epoch), epoch);
    verification::assign_batch(execution, {epoch.mpc_epoch, *batch}, round.label.round);
    execution.state.store(keys::round(round.label.round), round);
    execution.emit(schema::Module::kRounds, event::kRoundOpened,
                   schema::RoundOpened{round.label, round.terms});
}

void open_round(Execution& execution, TaskRecord task, const EpochRecord& epoch) {
    auto rounds = execution.state.load<RoundsRecord>(keys::rounds());
    CHECK(!rounds.current.has_value());
    ++task.rounds_begun;
    RoundRecord round;
    round.label.round = rounds.next_round++;
    round.terms = make_terms(execution, task, epoch);
    rounds.current = round.label.round;
    execution.state.store(keys::rounds(), rounds);
    execution.state.store(keys::task(task.id), task);
    open_attempt(execution, task, epoch, round);
}

// The data weights of a round by key: those its first attempt was opened with, though the council
// may have changed the task's since; the task's for a client that the last attempt did not have.
std::vector<schema::DataWeight> weights_of(const Execution& execution, const TaskRecord& task,
                                           const RoundRecord& round) {
    const auto epoch = execution.state.load<EpochRecord>(keys::epoch(round.label.mpc_epoch));
    std::vector<schema::DataWeight> weights;
    for (std::size_t i = 0; i < epoch.clients.size(); ++i) {
        weights.push_back({epoch.clients[i], round.terms.data_weights[i]});
    }
    for (const schema::DataWeight& entry : task.spec.data_weights) {
        if (!epoch.find_slot(entry.trainer)) weights.push_back(entry);
    }
    return weights;
}

// Attempt a+1 copies every parameter but the label and what depends on the epoch.
void open_next_attempt(Execution& execution, const TaskRecord& task, const EpochRecord& epoch,
                       const RoundRecord& aborted) {
    RoundRecord round;
    round.label.round = aborted.label.round;
    round.label.attempt = aborted.label.attempt + 1;
    round.terms = aborted.terms;
    if (epoch.mpc_epoch != aborted.label.mpc_epoch) {
        bind_terms(round.terms, weights_of(execution, task, aborted), epoch);
    }
    open_attempt(execution, task, epoch, round);
}

Code open_manually(Execution& execution, const schema::OpenRound& arguments) {
    const auto task = execution.state.find<TaskRecord>(keys::task(arguments.task));
    if (!task) return Code::kUnknownTask;
    if (task->status != TaskStatus::kActive) return Code::kTaskNotActive;
    if (task->spec.schedule != schema::Schedule::kManual) return Code::kNotManual;
    if (current_round(execution.state)) return Code::kRoundRunning;
    const auto epoch = verification::current_epoch(execution.state);
    const Code code = check_opening(execution, *task, epoch);
    if (code == Code::kOk) open_round(execution, *task, *epoch);
    return code;
}

}  // namespace

Code execute(Execution& execution, const Sender& /*sender*/, const Transaction& transaction) {
    CHECK(transaction.action == schema::action::kOpenRound);
    return with_arguments<schema::OpenRound>(transaction.arguments, [&](const auto& arguments) {
        return open_manually(execution, arguments);
    });
}

Code check_task(const Execution& execution, const schema::TaskSpec& spec) {
    if (schema::find_fault(spec) != nullptr) return Code::kTaskInvalid;
    const bool is_rule_known =
        verification::find_rule(spec.rule, execution.block.height) != nullptr;
    return is_rule_known ? Code::kOk : Code::kTaskInvalid;
}

Code create_task(Execution& execution, const schema::TaskSpec& spec) {
    if (const Code code = check_task(execution, spec); code != Code::kOk) return code;
    if (!reference_sets::fits(execution.state, spec)) return Code::kTaskInvalid;
    auto tasks = execution.state.load<TasksRecord>(keys::tasks());
    if (tasks.active.size() >= schema::kMaxActiveTasks) return Code::kTasksFull;
    const auto dimension = schema::parameter_count(spec.model);
    CHECK(dimension.has_value());
    TaskRecord task;
    task.id = tasks.next_task++;
    task.spec = spec;
    task.created = execution.block.height;
    task.dimension = *dimension;
    task.clip_norm = spec.clip_initial;
    tasks.active.push_back(task.id);
    execution.state.store(keys::tasks(), tasks);
    execution.state.store(keys::task(task.id), task);
    execution.emit(schema::Module::kRounds, event::kTaskCreated,
                   schema::TaskCreated{task.id, spec.name, task.dimension, spec.rounds});
    models::register_initial(execution, task);
    return Code::kOk;
}

Code close_task(Execution& execution, const schema::TaskReference& reference) {
    auto task = execution.state.find<TaskRecord>(keys::task(reference.task));
    if (!task) return Code::kUnknownTask;
    if (task->status != TaskStatus::kActive) return Code::kTaskNotActive;
    auto round = current_round(execution.state);
    if (round && round->terms.task == task->id) {
        if (round->phase != Phase::kAborted) return Code::kRoundRunning;
        end_round(execution, *round, Phase::kCancelled, EndReason::kTaskClosed);
        task = execution.state.load<TaskRecord>(keys::task(reference.task));
    }
    if (task->status == TaskStatus::kActive) finish_task(execution, *task, TaskStatus::kClosed);
    return Code::kOk;
}

Code check_rule(const schema::RuleChoice& choice) {
    // An entry that is not active yet may be by the time the vote is over.
    return verification::find_rule(choice.rule, Height{~std::uint64_t{0}}) != nullptr
               ? Code::kOk
               : Code::kTaskInvalid;
}

Code set_rule(Execution& execution, const schema::RuleChoice& choice) {
    if (verification::find_rule(choice.rule, execution.block.height) == nullptr) {
        return Code::kTaskInvalid;
    }
    auto task = execution.state.find<TaskRecord>(keys::task(choice.task));
    if (!task) return Code::kUnknownTask;
    if (task->status != TaskStatus::kActive) return Code::kTaskNotActive;
    task->spec.rule = choice.rule;
    execution.state.store(keys::task(task->id), *task);
    return Code::kOk;
}

Code abort_round(Execution& execution, const schema::RoundReference& reference) {
    auto round = current_round(execution.state);
    if (!round || round->label.round != reference.round) return Code::kUnknownRound;
    if (round->label.attempt != reference.attempt) return Code::kWrongLabel;
    // From the test's coin on, shares of what it opens are visible before any block holds them.
    if (schema::phase_order(round->phase) >= schema::phase_order(Phase::kCoinTest)) {
        return Code::kTooLateToAbort;
    }
    end_round(execution, *round, Phase::kAborted, EndReason::kCouncil);
    return Code::kOk;
}

Code cancel_round(Execution& execution, const schema::RoundReference& reference) {
    auto round = current_round(execution.state);
    if (!round || round->label.round != reference.round) return Code::kUnknownRound;
    end_round(execution, *round, Phase::kCancelled, EndReason::kCouncil);
    return Code::kOk;
}

std::optional<RoundRecord> current_round(const StateView& state) {
    const auto rounds = state.load<RoundsRecord>(keys::rounds());
    if (!rounds.current) return std::nullopt;
    return state.load<RoundRecord>(keys::round(*rounds.current));
}

bool is_between_rounds(const StateView& state) {
    const auto round = current_round(state);
    return !round || round->phase == Phase::kAborted;
}

std::optional<TaskRecord> served_task(const StateView& state) {
    if (const auto round = current_round(state)) {
        return state.load<TaskRecord>(keys::task(round->terms.task));
    }
    const auto tasks = state.load<TasksRecord>(keys::tasks());
    std::optional<TaskRecord> manual;
    for (const std::uint32_t id : tasks.active) {
        auto task = state.load<TaskRecord>(keys::task(id));
        if (task.spec.schedule == schema::Schedule::kAutomatic) return task;
        if (!manual) manual = std::move(task);
    }
    return manual;
}

void change_phase(Execution& execution, RoundRecord& round, Phase phase) {
    round.phase = phase;
    round.phase_height = execution.block.height;
    round.phase_time = execution.block.time;
    execution.has_phase_changed = true;
    execution.state.store(keys::round(round.label.round), round);
    execution.emit(schema::Module::kRounds, event::kPhaseChanged,
                   schema::PhaseChanged{round.label, phase});
}

void end_round(Execution& execution, RoundRecord& round, Phase phase, EndReason reason) {
    CHECK(phase == Phase::kAborted || phase == Phase::kCancelled || phase == Phase::kResult);
    if (round.phase != Phase::kAborted) {
        verification::consume_batch(execution, {round.label.mpc_epoch, round.label.batch});
    }
    verification::forget_round_coins(execution, round.label);
    round.reason = reason;
    change_phase(execution, round, phase);
    if (phase == Phase::kAborted) {
        execution.emit(schema::Module::kRounds, event::kRoundAborted,
                       schema::RoundEnded{round.label, reason});
        return;
    }
    if (phase == Phase::kCancelled) {
        execution.emit(schema::Module::kRounds, event::kRoundCancelled,
                       schema::RoundEnded{round.label, reason});
    }
    forget_shares(execution, round);
    auto rounds = execution.state.load<RoundsRecord>(keys::rounds());
    rounds.current.reset();
    execution.state.store(keys::rounds(), rounds);
    auto task = execution.state.load<TaskRecord>(keys::task(round.terms.task));
    if (task.rounds_begun == task.spec.rounds) {
        finish_task(execution, task, TaskStatus::kFinished);
    }
}

void advance(Execution& execution) {
    const auto task = served_task(execution.state);
    if (!task) return;
    auto round = current_round(execution.state);
    if (round && round->phase != Phase::kAborted) return;
    if (round && round->label.attempt + 1 >= schema::kMaxAttempts) {
        end_round(execution, *round, Phase::kCancelled, EndReason::kTooManyAttempts);
        return;
    }
    if (!round && task->spec.schedule == schema::Schedule::kManual) return;
    const auto epoch = verification::current_epoch(execution.state);
    if (check_opening(execution, *task, epoch) != Code::kOk) return;
    if (round) {
        open_next_attempt(execution, *task, *epoch, *round);
    } else {
        open_round(execution, *task, *epoch);
    }
}

}  // namespace consilium::contracts::rounds
