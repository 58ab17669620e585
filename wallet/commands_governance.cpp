// create-task, propose, vote, withdraw, open-round.
#include <CLI/CLI.hpp>

#include "contracts/schema/arguments.hpp"
#include "contracts/schema/keys.hpp"
#include "contracts/schema_json/json_text.hpp"
#include "contracts/schema_json/render.hpp"
#include "contracts/schema_json/tables.hpp"
#include "wallet/commands.hpp"

namespace consilium::wallet {
namespace {

using nlohmann::json;

struct TaskFile {
    std::string path;
    bool is_example = false;
};
struct ParameterFile {
    std::string path;
};
struct RoundNumber {
    std::uint64_t round = 0;
    std::uint32_t attempt = 0;
};
struct Number {
    std::uint64_t value = 0;
};
struct ModelNumber {
    std::uint32_t task = 0;
    std::uint32_t version = 0;
};
struct RuleNumber {
    std::uint32_t task = 0;
    std::uint16_t rule = 0;
};
struct Ballot {
    std::uint64_t proposal = 0;
    std::string answer;
};

CommandResult propose(Session& session, schema::ProposalKind kind, Bytes payload) {
    const std::string name(to_string(kind));
    if (payload.size() > schema::kMaxProposalPayloadBytes) {
        return fail_usage("the proposal is longer than 8 KiB", "shorten it");
    }
    return session.carry_out({"governance", "propose",
                              encode(schema::Propose{kind, std::move(payload)}),
                              "proposing " + name});
}

schema::TaskSpec example_task() {
    schema::TaskSpec spec;
    spec.name = "breast cancer, fine needle aspirates";
    spec.data_schema = "wdbc";
    spec.model.kind = schema::ModelKind::kMlp;
    spec.model.layers = {30, 16, 1};
    spec.rounds = 6;
    return spec;
}

CommandResult create_task(Session& session, const TaskFile& values) {
    if (values.is_example) {
        const json example = schema::to_json_value(example_task());
        return Answer{example, example.dump(2) + "\n"};
    }
    if (values.path.empty()) {
        return fail_usage("no task file was given",
                          "write one after: consilium-wallet create-task --example");
    }
    const auto given = read_json_input(values.path);
    if (!given) return tl::unexpected(given.error());
    if (!given->is_object()) {
        return fail_usage(values.path + " holds no JSON object",
                          "compare it with: consilium-wallet create-task --example");
    }
    // What the file leaves out has the schema's default; null stands for "none" where it may.
    json whole = schema::to_json_value(schema::TaskSpec{});
    whole.update(*given, true);
    const auto spec = schema::from_json_value<schema::TaskSpec>(whole);
    if (!spec) {
        return fail_usage(values.path + ": " + spec.error().context,
                          "compare it with: consilium-wallet create-task --example");
    }
    if (const char* fault = schema::find_fault(*spec)) {
        return fail_usage(values.path + ": " + fault, std::string(cure_of("task_invalid")));
    }
    return propose(session, schema::ProposalKind::kCreateTask, encode(*spec));
}

CommandResult set_parameters(Session& session, const ParameterFile& values) {
    const auto given = read_json_input(values.path);
    if (!given) return tl::unexpected(given.error());
    auto reading = session.reader();
    if (!reading) return tl::unexpected(reading.error());
    // What the file leaves out stays as it is, by proof.
    const auto now = (*reading)->read_record<schema::Parameters>(schema::keys::parameters());
    if (!now) return fail_with(ErrorSource::kNode, now.error());
    json whole = schema::to_json_value(now->value_or(schema::Parameters{}));
    whole.merge_patch(*given);
    const auto parameters = schema::from_json_value<schema::Parameters>(whole);
    if (!parameters) {
        return fail_usage(values.path + ": " + parameters.error().context,
                          std::string(cure_of("parameter_out_of_bounds")));
    }
    if (const char* name = schema::find_out_of_bounds(*parameters)) {
        return fail_usage(values.path + ": " + name + " is out of its bounds",
                          std::string(cure_of("parameter_out_of_bounds")));
    }
    return propose(session, schema::ProposalKind::kSetParameters, encode(*parameters));
}

auto propose_round(schema::ProposalKind kind) {
    return [kind](Session& session, const RoundNumber& values) {
        return propose(session, kind, encode(schema::RoundReference{values.round, values.attempt}));
    };
}

auto propose_model(schema::ProposalKind kind) {
    return [kind](Session& session, const ModelNumber& values) {
        return propose(session, kind, encode(schema::ModelReference{values.task, values.version}));
    };
}

CommandResult propose_rule(Session& session, const RuleNumber& values) {
    return propose(session, schema::ProposalKind::kSetRule,
                   encode(schema::RuleChoice{values.task, values.rule}));
}

CommandResult vote(Session& session, const Ballot& values) {
    const bool is_yes = values.answer == "yes";
    return session.carry_out(
        {"governance", "vote", encode(schema::Vote{values.proposal, is_yes}),
         "voting " + values.answer + " on proposal " + std::to_string(values.proposal)});
}

CommandResult withdraw(Session& session, const Number& values) {
    return session.carry_out({"governance", "withdraw", encode(schema::Withdraw{values.value}),
                              "withdrawing proposal " + std::to_string(values.value)});
}

CommandResult open_round(Session& session, const Number& values) {
    const auto task = static_cast<std::uint32_t>(values.value);
    return session.carry_out({"rounds", "open_round", encode(schema::OpenRound{task}),
                              "opening the next round of task " + std::to_string(task)});
}

CLI::Option* add_number(CLI::App& command, const char* name, std::uint64_t& value,
                        const char* help) {
    return command.add_option(name, value, help)->required()->check(whole_number());
}

void add_round_proposals(CLI::App& group, Session& session) {
    CLI::App* cancel = group.add_subcommand("cancel-round", "end a round without a result");
    auto& cancelled = bind_command<RoundNumber>(*cancel, session,
                                                propose_round(schema::ProposalKind::kCancelRound));
    add_number(*cancel, "round", cancelled.round, "number of the round");
    CLI::App* abort =
        group.add_subcommand("abort-round", "begin a new attempt, before submissions close");
    auto& aborted = bind_command<RoundNumber>(*abort, session,
                                              propose_round(schema::ProposalKind::kAbortRound));
    add_number(*abort, "round", aborted.round, "number of the round");
    abort->add_option("attempt", aborted.attempt, "number of the attempt, from 0")
        ->required()
        ->check(whole_number());
    CLI::App* epoch = group.add_subcommand("open-mpc-epoch", "replace the keys of the MPC");
    auto& ended = bind_command<Number>(*epoch, session, [](Session& run, const Number& values) {
        return propose(run, schema::ProposalKind::kOpenMpcEpoch,
                       encode(schema::EpochReference{values.value}));
    });
    add_number(*epoch, "mpc-epoch", ended.value, "number of the epoch that shall end");
}

void add_model_proposals(CLI::App& group, Session& session) {
    CLI::App* close = group.add_subcommand("close-task", "end a task");
    auto& closed = bind_command<Number>(*close, session, [](Session& run, const Number& values) {
        return propose(run, schema::ProposalKind::kCloseTask,
                       encode(schema::TaskReference{static_cast<std::uint32_t>(values.value)}));
    });
    add_number(*close, "task", closed.value, "number of the task")
        ->check(CLI::Range(0U, 0xFFFFFFFFU));
    const auto add = [&](const char* name, const char* help, schema::ProposalKind kind) {
        CLI::App* command = group.add_subcommand(name, help);
        auto& model = bind_command<ModelNumber>(*command, session, propose_model(kind));
        command->add_option("task", model.task, "number of the task")
            ->required()
            ->check(whole_number());
        command->add_option("version", model.version, "version of its model")
            ->required()
            ->check(whole_number());
    };
    add("promote-model", "recommend a version for use", schema::ProposalKind::kPromoteModel);
    add("roll-back-model", "train on from an earlier version",
        schema::ProposalKind::kRollBackModel);
    CLI::App* rule =
        group.add_subcommand("rule", "judge a task by another verdict rule from its next round on");
    auto& choice = bind_command<RuleNumber>(*rule, session, propose_rule);
    rule->add_option("task", choice.task, "number of the task")->required()->check(whole_number());
    rule->add_option("rule", choice.rule, "entry of the rule table (docs/protocol.md, section 7)")
        ->required()
        ->check(CLI::Range(1U, 0xFFFFU));
}

}  // namespace

void add_governance_commands(CLI::App& app, Session& session) {
    CLI::App* task = app.add_subcommand("create-task", "council: propose a training task");
    auto& file = bind_command<TaskFile>(*task, session, create_task);
    task->add_option("file", file.path, "JSON of the task, - for standard input");
    task->add_flag("--example", file.is_example, "print a task file to start from, send nothing");
    task->footer(
        "Example: consilium-wallet create-task --example > task.json\n"
        "         consilium-wallet create-task task.json --keystore council.key\n"
        "The answer names the proposal; the other council members vote: consilium-wallet vote 1 "
        "yes");

    CLI::App* group = app.add_subcommand("propose", "council: propose anything else");
    group->require_subcommand(1);
    CLI::App* set = group->add_subcommand("set-parameters", "change the chain's parameters");
    auto& parameters = bind_command<ParameterFile>(*set, session, set_parameters);
    set->add_option("file", parameters.path, "JSON of what changes, - for standard input")
        ->required();
    add_round_proposals(*group, session);
    add_model_proposals(*group, session);
    add_weight_proposal(*group, session);

    CLI::App* voting = app.add_subcommand("vote", "council: vote on a proposal");
    auto& ballot = bind_command<Ballot>(*voting, session, vote);
    add_number(*voting, "proposal", ballot.proposal, "number of the proposal");
    voting->add_option("answer", ballot.answer, "yes or no")
        ->required()
        ->check(CLI::IsMember({"yes", "no"}));
    CLI::App* back = app.add_subcommand("withdraw", "council: withdraw your own proposal");
    auto& withdrawn = bind_command<Number>(*back, session, withdraw);
    add_number(*back, "proposal", withdrawn.value, "number of the proposal");
    CLI::App* open =
        app.add_subcommand("open-round", "open the next round of a task with manual schedule");
    auto& opened = bind_command<Number>(*open, session, open_round);
    add_number(*open, "task", opened.value, "number of the task")
        ->check(CLI::Range(0U, 0xFFFFFFFFU));
}

}  // namespace consilium::wallet
