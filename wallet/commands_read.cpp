// Reading the chain: everything from the state is proven from genesis before it is shown.
#include <algorithm>
#include <charconv>
#include <limits>
#include <map>

#include <CLI/CLI.hpp>

#include "contracts/schema/keys.hpp"
#include "contracts/schema/mpc_records.hpp"
#include "contracts/schema/records.hpp"
#include "contracts/schema_json/json_text.hpp"
#include "contracts/schema_json/render.hpp"
#include "contracts/schema_json/tables.hpp"
#include "wallet/commands.hpp"

namespace consilium::wallet {
namespace {

using nlohmann::json;
namespace keys = schema::keys;

constexpr std::uint64_t kListedMax = 100;  // one proof is fetched per entry

struct Nothing {};
struct AccountKey {
    std::string account;
};
struct AccountFilter {
    bool is_pending_only = false;
};
struct OptionalNumber {
    std::uint64_t number = 0;
    bool is_given = false;
};
struct ListLength {
    std::uint64_t last = 10;
};
struct ModelNumber {
    std::uint32_t task = 1;
    std::optional<std::uint32_t> version;
};
struct TaskNumber {
    std::uint32_t task = 1;
};
struct Query {
    std::vector<std::string> words;
};

// Reads records one after the other and remembers the oldest height, which goes into the answer.
class Records {
  public:
    explicit Records(p2p::VerifiedReader& reader) : reader_(reader) {}

    // nullopt: proven absent.
    Fallible<std::optional<Bytes>> value(const Bytes& key) {
        auto read = reader_.read(key);
        if (!read) return fail_with(ErrorSource::kNode, read.error());
        height_ = std::min(height_, read->header.height.value);
        time_ms_ = std::min(time_ms_, read->header.time.value);
        return std::move(read->value);
    }
    template <typename T>
    Fallible<std::optional<T>> record(const Bytes& key) {
        auto bytes = value(key);
        if (!bytes) return tl::unexpected(bytes.error());
        if (!*bytes) return std::optional<T>();
        auto decoded = decode<T>(**bytes);
        if (!decoded) return fail_with(ErrorSource::kNode, decoded.error());
        return std::optional<T>(*std::move(decoded));
    }
    // The record as JSON, or null.
    Fallible<json> rendered(const Bytes& key) {
        const auto bytes = value(key);
        if (!bytes) return tl::unexpected(bytes.error());
        if (!*bytes) return json();
        json shown = schema::render_record(key, **bytes);
        return shown.is_object() && shown.contains("value") ? shown["value"] : shown;
    }
    [[nodiscard]] Answer answer(json result) const {
        result["as_of"] = {{"height", height_}, {"time_ms", time_ms_}};
        result["proven"] = true;
        return Answer{std::move(result), ""};
    }

  private:
    p2p::VerifiedReader& reader_;
    std::uint64_t height_ = std::numeric_limits<std::uint64_t>::max();
    std::uint64_t time_ms_ = std::numeric_limits<std::uint64_t>::max();
};

tl::unexpected<Failure> fail_absent(const std::string& what, std::string cure) {
    return tl::unexpected(Failure{ExitCode::kFailed, "not_found",
                                  "there is no " + what + " (proven)", std::move(cure)});
}

Fallible<Records> open_records(Session& session) {
    auto reader = session.reader();
    if (!reader) return tl::unexpected(reader.error());
    return Records(**reader);
}

// A count of millionths as a plain number for people; text above 2^53 stays as it is.
json millionths(const json& count) {
    constexpr double kMicros = 1e6;
    return count.is_number() ? json(count.get<double>() / kMicros) : count;
}

CommandResult show_status(Session& session, const Nothing& /*values*/) {
    auto channel = session.channel();
    if (!channel) return tl::unexpected(channel.error());
    const auto answer = (*channel)->get("/v1/status");
    if (!answer) return fail_with(ErrorSource::kNode, answer.error());
    auto parsed = schema::parse_json(answer->body);
    if (!answer->is_success() || !parsed) {
        return fail_with(
            ErrorSource::kNode,
            Error{ErrorCode::kUnavailable, "the node answers " + std::to_string(answer->status)});
    }
    const auto genesis = session.genesis();
    if (!genesis) return tl::unexpected(genesis.error());
    if (!parsed->is_object() || parsed->value("genesis_hash", json()) != (*genesis)->hash().hex()) {
        return fail_with(ErrorSource::kNode,
                         Error{ErrorCode::kMismatch, "the node is of another chain"});
    }
    return Answer{*std::move(parsed), ""};
}

CommandResult show_account(Session& session, const AccountKey& values) {
    PublicKey key;
    if (values.account.empty()) {
        const auto own = session.own_key();
        if (!own) return tl::unexpected(own.error());
        key = *own;
    } else {
        const auto given = decode_public_key_hex(values.account);
        if (!given) return fail_with(ErrorSource::kInput, given.error());
        key = *given;
    }
    auto records = open_records(session);
    if (!records) return tl::unexpected(records.error());
    const auto account = records->record<schema::AccountRecord>(keys::account(key));
    if (!account) return tl::unexpected(account.error());
    if (!*account) {
        return fail_absent("account " + key.hex(), "register it: consilium-wallet register");
    }
    json result = schema::to_json_value(**account);
    result["key"] = key.hex();
    const auto organisation = records->rendered(keys::organisation((*account)->organisation));
    if (!organisation) return tl::unexpected(organisation.error());
    result["organisation_name"] = organisation->is_object() ? (*organisation)["name"] : json();
    const auto nonce = records->record<schema::NonceRecord>(keys::nonce(key));
    if (!nonce) return tl::unexpected(nonce.error());
    result["nonce"] = *nonce ? (*nonce)->next : 0;
    return records->answer(std::move(result));
}

CommandResult list_accounts(Session& session, const AccountFilter& values) {
    auto records = open_records(session);
    if (!records) return tl::unexpected(records.error());
    const auto registry = records->record<schema::RegistryRecord>(keys::registry());
    if (!registry) return tl::unexpected(registry.error());
    std::vector<PublicKey> listed;
    if (*registry) {
        listed = (*registry)->pending;
        if (!values.is_pending_only) {
            for (const auto* list :
                 {&(*registry)->validators, &(*registry)->council, &(*registry)->trainers}) {
                listed.insert(listed.end(), list->begin(), list->end());
            }
        }
    }
    std::map<std::uint32_t, json> names;  // of organisations, each fetched once
    json accounts = json::array();
    for (const PublicKey& key : listed) {
        const auto account = records->record<schema::AccountRecord>(keys::account(key));
        if (!account) return tl::unexpected(account.error());
        if (!*account) continue;
        const std::uint32_t id = (*account)->organisation;
        if (!names.contains(id)) {
            const auto organisation = records->rendered(keys::organisation(id));
            if (!organisation) return tl::unexpected(organisation.error());
            names[id] = organisation->is_object() ? (*organisation)["name"] : json();
        }
        accounts.push_back({{"key", key.hex()},
                            {"organisation", names[id]},
                            {"role", std::string(to_string((*account)->role))},
                            {"status", std::string(to_string((*account)->status))}});
    }
    return records->answer({{"accounts", std::move(accounts)}});
}

CommandResult list_proposals(Session& session, const OptionalNumber& values) {
    auto records = open_records(session);
    if (!records) return tl::unexpected(records.error());
    std::vector<std::uint64_t> ids{values.number};
    if (!values.is_given) {
        const auto governance = records->record<schema::GovernanceRecord>(keys::governance());
        if (!governance) return tl::unexpected(governance.error());
        ids = *governance ? (*governance)->open : std::vector<std::uint64_t>{};
    }
    json proposals = json::array();
    for (const std::uint64_t id : ids) {
        auto proposal = records->record<schema::ProposalRecord>(keys::proposal(id));
        if (!proposal) return tl::unexpected(proposal.error());
        if (!*proposal) {
            if (!values.is_given) continue;
            return fail_absent("proposal " + std::to_string(id),
                               std::string(cure_of("unknown_proposal")));
        }
        json shown = schema::to_json_value(**proposal);
        shown["payload"] = schema::render_proposal_payload(
            static_cast<std::uint16_t>((*proposal)->kind), (*proposal)->payload);
        proposals.push_back(std::move(shown));
    }
    if (values.is_given) return records->answer(std::move(proposals[0]));
    return records->answer({{"open", std::move(proposals)}});
}

CommandResult list_tasks(Session& session, const Nothing& /*values*/) {
    auto records = open_records(session);
    if (!records) return tl::unexpected(records.error());
    const auto known = records->record<schema::TasksRecord>(keys::tasks());
    if (!known) return tl::unexpected(known.error());
    json tasks = json::array();
    const std::uint32_t next = *known ? (*known)->next_task : 1;
    const std::uint32_t first =
        next > kListedMax ? next - static_cast<std::uint32_t>(kListedMax) : 1;
    for (std::uint32_t id = first; id < next; ++id) {
        auto task = records->rendered(keys::task(id));
        if (!task) return tl::unexpected(task.error());
        if (!task->is_null()) tasks.push_back(*std::move(task));
    }
    return records->answer({{"tasks", std::move(tasks)}});
}

CommandResult list_rounds(Session& session, const ListLength& values) {
    auto records = open_records(session);
    if (!records) return tl::unexpected(records.error());
    const auto known = records->record<schema::RoundsRecord>(keys::rounds());
    if (!known) return tl::unexpected(known.error());
    const std::uint64_t next = *known ? (*known)->next_round : 1;
    const std::uint64_t count = std::min(values.last, kListedMax);
    json rounds = json::array();
    for (std::uint64_t id = next > count ? next - count : 1; id < next; ++id) {
        const auto round = records->record<schema::RoundRecord>(keys::round(id));
        if (!round) return tl::unexpected(round.error());
        if (!*round) continue;
        json version;
        if ((*round)->model_version) version = *(*round)->model_version;
        rounds.push_back({{"round", id},
                          {"task", (*round)->terms.task},
                          {"attempt", (*round)->label.attempt},
                          {"phase", std::string(to_string((*round)->phase))},
                          {"reason", std::string(to_string((*round)->reason))},
                          {"opened", (*round)->opened.value},
                          {"model_version", std::move(version)}});
    }
    return records->answer({{"rounds", std::move(rounds)}});
}

CommandResult show_round(Session& session, const OptionalNumber& values) {
    auto records = open_records(session);
    if (!records) return tl::unexpected(records.error());
    std::uint64_t number = values.number;
    if (!values.is_given) {
        const auto known = records->record<schema::RoundsRecord>(keys::rounds());
        if (!known) return tl::unexpected(known.error());
        const schema::RoundsRecord rounds = known->value_or(schema::RoundsRecord{});
        number = rounds.current.value_or(rounds.next_round == 0 ? 0 : rounds.next_round - 1);
    }
    auto round = records->rendered(keys::round(number));
    if (!round) return tl::unexpected(round.error());
    if (round->is_null()) {
        return fail_absent("round " + std::to_string(number),
                           "see what there is: consilium-wallet rounds");
    }
    auto verdict = records->rendered(keys::verdict(number));
    if (!verdict) return tl::unexpected(verdict.error());
    return records->answer({{"round", *std::move(round)}, {"verdict", *std::move(verdict)}});
}

// The version asked for, or the newest one of the task.
Fallible<std::uint32_t> version_of(Records& records, const ModelNumber& values) {
    if (values.version) return *values.version;
    const auto task = records.record<schema::TaskRecord>(keys::task(values.task));
    if (!task) return tl::unexpected(task.error());
    if (!*task) {
        return fail_absent("task " + std::to_string(values.task),
                           std::string(cure_of("unknown_task")));
    }
    return (*task)->latest_version;
}

// `model` and `metrics` differ in the record they show.
auto show_of_model(Bytes (*key_of)(std::uint32_t, std::uint32_t), const char* name) {
    return [key_of, name](Session& session, const ModelNumber& values) -> CommandResult {
        auto records = open_records(session);
        if (!records) return tl::unexpected(records.error());
        const auto version = version_of(*records, values);
        if (!version) return tl::unexpected(version.error());
        auto shown = records->rendered(key_of(values.task, *version));
        if (!shown) return tl::unexpected(shown.error());
        if (shown->is_null()) {
            return fail_absent(std::string(name) + " of task " + std::to_string(values.task) +
                                   " version " + std::to_string(*version),
                               "see the versions with: consilium-wallet tasks");
        }
        return records->answer(
            {{"task", values.task}, {"version", *version}, {name, *std::move(shown)}});
    };
}

// What the hospitals have spent of their privacy in a task; 0: in all of them.
CommandResult list_privacy(Session& session, const TaskNumber& values) {
    auto records = open_records(session);
    if (!records) return tl::unexpected(records.error());
    const auto registry = records->record<schema::RegistryRecord>(keys::registry());
    if (!registry) return tl::unexpected(registry.error());
    const std::uint32_t known = *registry ? (*registry)->organisations : 0;
    const auto count = std::min(known, static_cast<std::uint32_t>(kListedMax));
    json hospitals = json::array();
    for (std::uint32_t id = 0; id < count; ++id) {
        auto account = records->rendered(keys::privacy(values.task, id));
        if (!account) return tl::unexpected(account.error());
        if (account->is_null()) continue;
        const auto organisation = records->rendered(keys::organisation(id));
        if (!organisation) return tl::unexpected(organisation.error());
        json entry = {
            {"organisation", organisation->is_object() ? (*organisation)["name"] : json()},
            {"epsilon_local", millionths((*account)["epsilon_local_micros"])},
            {"epsilon_central", millionths((*account)["epsilon_central_micros"])}};
        entry["account"] = *std::move(account);
        hospitals.push_back(std::move(entry));
    }
    return records->answer({{"task", values.task}, {"hospitals", std::move(hospitals)}});
}

CommandResult show_parameters(Session& session, const Nothing& /*values*/) {
    auto records = open_records(session);
    if (!records) return tl::unexpected(records.error());
    auto shown = records->rendered(keys::parameters());
    if (!shown) return tl::unexpected(shown.error());
    return records->answer({{"parameters", *std::move(shown)}});
}

CommandResult show_block(Session& session, const OptionalNumber& values) {
    auto reader = session.reader();
    if (!reader) return tl::unexpected(reader.error());
    const auto found = (*reader)->block(Height{values.number});
    if (!found) return fail_with(ErrorSource::kNode, found.error());
    json transactions = json::array();
    for (const Transaction& transaction : found->block.transactions) {
        transactions.push_back(schema::render_transaction(transaction));
    }
    return Answer{{{"header", schema::render_header(found->block.header)},
                   {"certificate", schema::render_certificate(found->certificate)},
                   {"transactions", std::move(transactions)},
                   {"proven", true}},
                  ""};
}

// One part of a state key as it stands behind the name: a number in big-endian, or key bytes.
class QueryKey {
  public:
    explicit QueryKey(const std::vector<std::string>& words) : words_(words) {}

    Fallible<Bytes> build() {
        const std::string& name = words_[0];
        if (name == "raw") return raw();
        for (const Bytes& plain :
             {keys::chain(), keys::parameters(), keys::registry(), keys::governance(),
              keys::tasks(), keys::rounds(), keys::mpc()}) {
            if (name == std::string(plain.begin(), plain.end())) return finish(plain);
        }
        if (name == "account") return finish(keys::account(key(1)));
        if (name == "nonce") return finish(keys::nonce(key(1)));
        if (name == "organisation") return finish(keys::organisation(number<std::uint32_t>(1)));
        if (name == "proposal") return finish(keys::proposal(number<std::uint64_t>(1)));
        if (name == "task") return finish(keys::task(number<std::uint32_t>(1)));
        if (name == "model" || name == "metrics") {
            const auto task = number<std::uint32_t>(1);
            const auto version = number<std::uint32_t>(2);
            return finish(name == "model" ? keys::model(task, version)
                                          : keys::metrics(task, version));
        }
        if (name == "privacy") {
            const auto task = number<std::uint32_t>(1);
            return finish(keys::privacy(task, number<std::uint32_t>(2)));
        }
        if (name == "epoch") return finish(keys::epoch(number<std::uint64_t>(1)));
        if (name == "setup") return finish(keys::setup(number<std::uint64_t>(1)));
        if (name == "batch") {
            const auto epoch = number<std::uint64_t>(1);
            return finish(keys::batch({epoch, number<std::uint64_t>(2)}));
        }
        if (name == "round") return finish(keys::round(number<std::uint64_t>(1)));
        if (name == "verdict") return finish(keys::verdict(number<std::uint64_t>(1)));
        return fail_usage("no record is called \"" + name + "\"", "see: consilium-wallet query -h");
    }

  private:
    template <typename T>
    T number(std::size_t index) {
        T parsed{};
        const std::string word = take(index);
        const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), parsed);
        if (error != std::errc{} || end != word.data() + word.size()) is_wrong_ = true;
        return parsed;
    }
    PublicKey key(std::size_t index) {
        auto parsed = decode_public_key_hex(take(index));
        if (!parsed) is_wrong_ = true;
        return parsed.value_or(PublicKey{});
    }
    Fallible<Bytes> raw() {
        auto bytes = decode_hex(take(1));
        if (!bytes || bytes->empty() || bytes->size() > kMaxStateKeyBytes) is_wrong_ = true;
        return finish(bytes.value_or(Bytes{}));
    }
    std::string take(std::size_t index) {
        used_ = index + 1;
        return index < words_.size() ? words_[index] : std::string();
    }
    Fallible<Bytes> finish(Bytes key) const {
        if (is_wrong_ || used_ != words_.size()) {
            return fail_usage("the parts of record \"" + words_[0] + "\" are not as they should be",
                              "see: consilium-wallet query -h");
        }
        return key;
    }

    const std::vector<std::string>& words_;
    std::size_t used_ = 1;
    bool is_wrong_ = false;
};

CommandResult query(Session& session, const Query& values) {
    const auto key = QueryKey(values.words).build();
    if (!key) return tl::unexpected(key.error());
    auto reader = session.reader();
    if (!reader) return tl::unexpected(reader.error());
    const auto found = (*reader)->read(*key);
    if (!found) return fail_with(ErrorSource::kNode, found.error());
    json value;
    if (found->value) value = schema::render_record(*key, *found->value);
    return Answer{{{"key", to_hex(*key)},
                   {"exists", found->value.has_value()},
                   {"value", std::move(value)},
                   {"header", schema::render_header(found->header)},
                   {"certificate", schema::render_certificate(found->certificate)},
                   {"proven", true}},
                  ""};
}

void add_number_argument(CLI::App& command, const char* name, OptionalNumber& values,
                         const char* help) {
    command
        .add_option_function<std::uint64_t>(
            name,
            [&values](const std::uint64_t& number) {
                values.number = number;
                values.is_given = true;
            },
            help)
        ->check(whole_number());
}

void add_model_readers(CLI::App& app, Session& session) {
    const auto add = [&](const char* name, const char* help,
                         Bytes (*key_of)(std::uint32_t, std::uint32_t)) {
        CLI::App* command = app.add_subcommand(name, help);
        auto& values = bind_command<ModelNumber>(*command, session, show_of_model(key_of, name));
        command->add_option("task", values.task, "number of the task")
            ->check(whole_number())
            ->capture_default_str();
        command->add_option("version", values.version, "of its model; the newest if left out")
            ->check(whole_number());
    };
    add("model", "a version of a task's global model: hash, lineage", &keys::model);
    add("metrics", "what the hospitals reported of a version", &keys::metrics);
}

}  // namespace

void add_read_commands(CLI::App& app, Session& session) {
    bind_command<Nothing>(*app.add_subcommand("status", "height and peers, as the node tells them"),
                          session, show_status);
    CLI::App* account = app.add_subcommand("account", "an account: role, status, organisation");
    auto& key = bind_command<AccountKey>(*account, session, show_account);
    account->add_option("key", key.account, "public key; that of --keystore if left out");
    CLI::App* accounts = app.add_subcommand("accounts", "all accounts in office or waiting");
    auto& filter = bind_command<AccountFilter>(*accounts, session, list_accounts);
    accounts->add_flag("--pending", filter.is_pending_only, "only those that wait for approval");
    CLI::App* proposals = app.add_subcommand("proposals", "open proposals, or one by its number");
    add_number_argument(*proposals, "proposal",
                        bind_command<OptionalNumber>(*proposals, session, list_proposals),
                        "number of a proposal, open or decided");
    bind_command<Nothing>(*app.add_subcommand("tasks", "training tasks"), session, list_tasks);
    CLI::App* rounds = app.add_subcommand("rounds", "the last rounds, one line each");
    auto& length = bind_command<ListLength>(*rounds, session, list_rounds);
    rounds->add_option("--last", length.last, "how many, at most 100")
        ->check(whole_number())
        ->capture_default_str();
    CLI::App* round = app.add_subcommand("round", "a round and its verdict");
    add_number_argument(*round, "round", bind_command<OptionalNumber>(*round, session, show_round),
                        "number of the round; the running or last one if left out");
    add_model_readers(app, session);
    CLI::App* privacy = app.add_subcommand(
        "privacy", "what differential privacy has cost each hospital, as epsilon");
    auto& of_task = bind_command<TaskNumber>(*privacy, session, list_privacy);
    privacy->add_option("task", of_task.task, "number of the task; 0 for all tasks together")
        ->check(whole_number())
        ->capture_default_str();
    bind_command<Nothing>(*app.add_subcommand("parameters", "the chain's parameters in force"),
                          session, show_parameters);
    CLI::App* block = app.add_subcommand("block", "a block with its certificate");
    auto& height = bind_command<OptionalNumber>(*block, session, show_block);
    block->add_option("height", height.number, "from 1")->required()->check(whole_number());
    CLI::App* asking = app.add_subcommand("query", "any record of the state, with its proof");
    auto& words = bind_command<Query>(*asking, session, query);
    asking->add_option("record", words.words, "name of the record and its parts")->required();
    asking->footer(
        "Records: chain, parameters, registry, governance, tasks, rounds, mpc, account KEY,\n"
        "  nonce KEY, organisation ID, proposal ID, task ID, model TASK VERSION,\n"
        "  metrics TASK VERSION, privacy TASK ORGANISATION, epoch E, setup E, batch E B,\n"
        "  round R, verdict R, raw HEX\n"
        "Example: consilium-wallet query verdict 3 --json\n"
        "The answer is checked from genesis: certificate of the block, proof of the value.");
}

}  // namespace consilium::wallet
