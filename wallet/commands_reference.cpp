// reference-set build | inspect | propose | show, and propose data-weights.
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>

#include <CLI/CLI.hpp>

#include "contracts/schema/arguments.hpp"
#include "contracts/schema/keys.hpp"
#include "contracts/schema/reference_set.hpp"
#include "contracts/schema_json/render.hpp"
#include "fl_engine/data/table.hpp"
#include "wallet/commands.hpp"

namespace consilium::wallet {
namespace {

using nlohmann::json;

struct BuildOrder {
    std::string data;
    std::string schema;
    std::string name;
    std::string out;
};
struct OneFile {
    std::string path;
};
struct SetProposal {
    std::string path;
    std::optional<std::uint32_t> task;
    bool is_required = false;
};
struct OneHash {
    std::string sha256;
};

constexpr double kUnitsPerOne = 4294967296.0;  // features are in units of 2^-32

json report_of(const schema::ReferenceSet& set, ByteView blob) {
    const auto record = schema::describe_set(set, {sha256(blob), blob.size()});
    json columns = json::array();
    for (const schema::ReferenceColumn& column : set.columns) columns.push_back(column.name);
    return {{"sha256", record.blob.sha256.hex()}, {"length", record.blob.length},
            {"data_schema", record.data_schema},  {"records", set.labels.size()},
            {"negatives", record.negatives},      {"positives", record.positives},
            {"columns", std::move(columns)}};
}

Fallible<schema::ReferenceSet> make_set(const BuildOrder& values) {
    const auto schema = fl::load_schema(values.schema);
    if (!schema) return fail_with(ErrorSource::kInput, schema.error());
    const auto table = fl::load_csv(values.data, *schema);
    if (!table) return fail_with(ErrorSource::kInput, table.error());
    const auto data = fl::to_dataset(*table);
    if (!data) return fail_with(ErrorSource::kInput, data.error());
    schema::ReferenceSet set;
    set.data_schema = values.name;
    for (const std::string& name : data->feature_names) set.columns.push_back({name});
    set.labels = data->labels;
    for (const double value : data->features) {
        const double units = std::nearbyint(value * kUnitsPerOne);
        if (!(std::abs(units) <= static_cast<double>(schema::kMaxReferenceValue))) {
            return fail_usage(values.data + ": a feature is beyond 2^20",
                              "give the schema a centre and a scale for its column");
        }
        set.features.push_back(static_cast<std::int64_t>(units));
    }
    if (const char* fault = schema::find_fault(set)) {
        return fail_usage(values.data + " makes no reference set: " + fault,
                          "it needs 64 records or more, of both classes");
    }
    return set;
}

CommandResult build_set(Session& /*session*/, const BuildOrder& values) {
    const auto set = make_set(values);
    if (!set) return tl::unexpected(set.error());
    const Bytes blob = encode(*set);
    if (blob.size() > schema::kMaxReferenceBytes) {
        return fail_usage("the reference set would be longer than 4 MiB", "give fewer records");
    }
    std::ofstream file(values.out, std::ios::binary | std::ios::trunc);
    file.write(reinterpret_cast<const char*>(blob.data()),
               static_cast<std::streamsize>(blob.size()));
    if (!file.flush()) {
        return fail_usage("cannot write " + values.out, "check the folder's name and rights");
    }
    return Answer{report_of(*set, blob), ""};
}

struct LoadedSet {
    Bytes blob;
    schema::ReferenceSet set;
};

Fallible<LoadedSet> load_set(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    if (!file) return fail_usage("cannot open " + path, "check the file's name and rights");
    Bytes blob(schema::kMaxReferenceBytes + 1);
    file.read(reinterpret_cast<char*>(blob.data()), static_cast<std::streamsize>(blob.size()));
    blob.resize(static_cast<std::size_t>(file.gcount()));
    auto set = schema::decode_reference_set(blob);
    if (!set) {
        return fail_usage(path + " is no reference set: " + set.error().context,
                          "make one with: consilium-wallet reference-set build");
    }
    return LoadedSet{std::move(blob), std::move(*set)};
}

CommandResult inspect_set(Session& /*session*/, const OneFile& values) {
    const auto loaded = load_set(values.path);
    if (!loaded) return tl::unexpected(loaded.error());
    return Answer{report_of(loaded->set, loaded->blob), ""};
}

CommandResult propose_set(Session& session, const SetProposal& values) {
    auto loaded = load_set(values.path);
    if (!loaded) return tl::unexpected(loaded.error());
    if (values.is_required && !values.task) {
        return fail_usage("--required says nothing without --task",
                          "name the task, or write is_reference_required into the task file");
    }
    const Digest hash = sha256(loaded->blob);
    const schema::ReferenceSetApproval approval{
        {hash, loaded->blob.size()}, values.task, values.is_required};
    Order order{
        "governance", "propose",
        encode(schema::Propose{schema::ProposalKind::kApproveReferenceSet, encode(approval)}),
        "proposing reference set " + hash.hex()};
    order.blob = std::move(loaded->blob);
    return session.carry_out(order);
}

CommandResult show_set(Session& session, const OneHash& values) {
    const auto hash = decode_digest_hex(values.sha256);
    if (!hash) {
        return fail_usage("\"" + values.sha256 + "\" is no hash: " + hash.error().context,
                          "give the 64 hexadecimal digits that a task or a proposal names");
    }
    auto reading = session.reader();
    if (!reading) return tl::unexpected(reading.error());
    const auto found = (*reading)->read(schema::keys::reference_set(*hash));
    if (!found) return fail_with(ErrorSource::kNode, found.error());
    if (!found->value) {
        return tl::unexpected(Failure{ExitCode::kFailed, "not_found",
                                      "no reference set of this hash is approved (proven)",
                                      "list the proposals: consilium-wallet proposals"});
    }
    const auto record = decode<schema::ReferenceSetRecord>(*found->value);
    if (!record) return fail_with(ErrorSource::kNode, record.error());
    json result = schema::to_json_value(*record);
    result["as_of"] = {{"height", found->header.height.value},
                       {"time_ms", found->header.time.value}};
    result["proven"] = true;
    return Answer{std::move(result), ""};
}

CommandResult propose_weights(Session& session, const OneFile& values) {
    const auto given = read_json_input(values.path);
    if (!given) return tl::unexpected(given.error());
    const auto weights = schema::from_json_value<schema::DataWeights>(*given);
    const char* form =
        R"(write {"task": 1, "weights": [{"trainer": "<64 hex>", "weight": 2}]}, weights 1 to 16)";
    if (!weights) return fail_usage(values.path + ": " + weights.error().context, form);
    if (const char* fault = schema::find_fault(weights->weights)) {
        return fail_usage(values.path + ": " + fault, form);
    }
    return session.carry_out(
        {"governance", "propose",
         encode(schema::Propose{schema::ProposalKind::kSetDataWeights, encode(*weights)}),
         "proposing data weights of task " + std::to_string(weights->task)});
}

void add_building(CLI::App& group, Session& session) {
    CLI::App* build = group.add_subcommand("build", "make one from a CSV file, send nothing");
    auto& order = bind_command<BuildOrder>(*build, session, build_set);
    build->add_option("--data", order.data, "CSV of the records, which become public")->required();
    build->add_option("--schema", order.schema, "TOML of its columns, with all constants")
        ->required();
    build->add_option("--name", order.name, "data_schema of the tasks it is for")->required();
    build->add_option("--out", order.out, "file to write")->required();
    CLI::App* inspect =
        group.add_subcommand("inspect", "what a file holds, before you vote for it");
    auto& file = bind_command<OneFile>(*inspect, session, inspect_set);
    inspect->add_option("file", file.path, "the file")->required();
}

}  // namespace

void add_reference_commands(CLI::App& app, Session& session) {
    CLI::App* group = app.add_subcommand(
        "reference-set", "public records from which validators compute the reference update");
    group->require_subcommand(1);
    add_building(*group, session);
    CLI::App* propose = group->add_subcommand("propose", "council: upload one and propose it");
    auto& proposal = bind_command<SetProposal>(*propose, session, propose_set);
    propose->add_option("file", proposal.path, "made by build")->required();
    propose->add_option("--task", proposal.task, "existing task that gets it with its next round")
        ->check(whole_number());
    propose->add_flag("--required", proposal.is_required,
                      "no round of that task goes on without a reference");
    CLI::App* show = group->add_subcommand("show", "an approved set's distribution, proven");
    auto& hash = bind_command<OneHash>(*show, session, show_set);
    show->add_option("sha256", hash.sha256, "64 hexadecimal digits")->required();
    group->footer(
        "Example: consilium-wallet reference-set build --data public.csv --schema schema.toml "
        "--name heart --out set.bin\n"
        "         consilium-wallet reference-set propose set.bin --keystore council.key\n"
        "Then a task names its hash in reference_set, or --task gives it to an existing one.");
}

void add_weight_proposal(CLI::App& group, Session& session) {
    CLI::App* weights = group.add_subcommand("data-weights", "replace a task's data weights");
    auto& file = bind_command<OneFile>(*weights, session, propose_weights);
    weights->add_option("file", file.path, "JSON with task and weights, - for standard input")
        ->required();
}

}  // namespace consilium::wallet
