// Which struct stands behind which number or key name.
#include "contracts/schema_json/tables.hpp"

#include <array>
#include <span>
#include <string>

#include "contracts/schema/arguments.hpp"
#include "contracts/schema/codes.hpp"
#include "contracts/schema/dispute_records.hpp"
#include "contracts/schema/events.hpp"
#include "contracts/schema/invitation.hpp"
#include "contracts/schema/keys.hpp"
#include "contracts/schema/membership.hpp"
#include "contracts/schema/reference_set.hpp"
#include "contracts/schema/rotation.hpp"
#include "contracts/schema/table.hpp"
#include "contracts/schema_json/json_schema.hpp"
#include "contracts/schema_json/json_text.hpp"
#include "contracts/schema_json/render.hpp"

namespace consilium::schema {
namespace {

using Json = nlohmann::json;
using ParseJson = Result<Bytes> (*)(const Json&);

// How a struct is shown, and how that is described.
struct Shape {
    Json (*show)(ByteView);
    Json (*schema)();
};
using RenderBytes = Shape (*)();

template <typename T>
Json show_as(ByteView bytes) {
    const auto decoded = decode<T>(bytes);
    if (!decoded) return {{"hex", to_hex(bytes)}};
    return to_json_value(*decoded);
}
template <typename T>
Shape render_as() {
    return {show_as<T>, json_schema_of<T>};
}
template <typename T>
Result<Bytes> parse_as(const Json& json) {
    auto value = from_json_value<T>(json);
    if (!value) return tl::unexpected(value.error());
    return encode(*value);
}

struct Numbered {
    Module module;
    std::uint16_t number;
    RenderBytes render;
    ParseJson parse;
};
template <typename T>
constexpr Numbered entry(Module module, std::uint16_t number) {
    return {module, number, render_as<T>, parse_as<T>};
}

constexpr std::array kArguments{
    entry<Register>(Module::kRegistration, action::kRegister),
    entry<AccountBallot>(Module::kRegistration, action::kApprove),
    entry<AccountBallot>(Module::kRegistration, action::kReject),
    entry<AccountBallot>(Module::kRegistration, action::kSuspend),
    entry<AccountBallot>(Module::kRegistration, action::kReinstate),
    entry<AccountBallot>(Module::kRegistration, action::kRetire),
    entry<RotateKey>(Module::kRegistration, action::kRotateKey),
    entry<Invite>(Module::kRegistration, action::kInvite),
    entry<Propose>(Module::kGovernance, action::kPropose),
    entry<Vote>(Module::kGovernance, action::kVote),
    entry<Withdraw>(Module::kGovernance, action::kWithdraw),
    entry<OpenRound>(Module::kRounds, action::kOpenRound),
    entry<Pledge>(Module::kSubmission, action::kPledge),
    entry<Submit>(Module::kSubmission, action::kSubmit),
    entry<Range>(Module::kSubmission, action::kRange),
    entry<EphemeralKey>(Module::kVerification, action::kEphemeralKey),
    entry<KeyCommit>(Module::kVerification, action::kKeyCommit),
    entry<KeyAck>(Module::kVerification, action::kKeyAck),
    entry<ClientKeys>(Module::kVerification, action::kClientKeys),
    entry<PrepShare>(Module::kVerification, action::kPrepShare),
    entry<PrepWeights>(Module::kVerification, action::kPrepWeights),
    entry<PrepCheck>(Module::kVerification, action::kPrepCheck),
    entry<PrepReveal>(Module::kVerification, action::kPrepReveal),
    entry<CoinShare>(Module::kVerification, action::kCoinShare),
    entry<StatShare>(Module::kVerification, action::kStat1),
    entry<StatShare>(Module::kVerification, action::kStat2),
    entry<Aggregate>(Module::kVerification, action::kAggregate),
    entry<AggregateOk>(Module::kVerification, action::kAggregateOk),
    entry<ReferenceUpdate>(Module::kVerification, action::kReference),
    entry<EpochReference>(Module::kVerification, action::kVoidEpoch),
    entry<ReportMetrics>(Module::kModels, action::kReportMetrics),
};

constexpr std::array kEventPayloads{
    entry<AccountRegistered>(Module::kRegistration, event::kAccountRegistered),
    entry<AccountStatusChanged>(Module::kRegistration, event::kAccountStatus),
    entry<BallotCast>(Module::kRegistration, event::kBallotCast),
    entry<KeyRotation>(Module::kRegistration, event::kRotationAnnounced),
    entry<KeyRotation>(Module::kRegistration, event::kKeyRotated),
    entry<Invitation>(Module::kRegistration, event::kAccountInvited),
    entry<ProposalOpened>(Module::kGovernance, event::kProposalOpened),
    entry<VoteCast>(Module::kGovernance, event::kVoteCast),
    entry<ProposalDecided>(Module::kGovernance, event::kProposalDecided),
    entry<ChangeValidators>(Module::kGovernance, event::kMembershipAnnounced),
    entry<MembershipReference>(Module::kGovernance, event::kMembershipCancelled),
    entry<MembershipChanged>(Module::kGovernance, event::kMembershipChanged),
    entry<TaskCreated>(Module::kRounds, event::kTaskCreated),
    entry<RoundOpened>(Module::kRounds, event::kRoundOpened),
    entry<PhaseChanged>(Module::kRounds, event::kPhaseChanged),
    entry<RoundEnded>(Module::kRounds, event::kRoundAborted),
    entry<RoundEnded>(Module::kRounds, event::kRoundCancelled),
    entry<TaskFinished>(Module::kRounds, event::kTaskFinished),
    entry<PrivacySpent>(Module::kRounds, event::kPrivacySpent),
    entry<UpdateNamed>(Module::kSubmission, event::kUpdatePledged),
    entry<UpdateNamed>(Module::kSubmission, event::kUpdateSubmitted),
    entry<SubmissionsClosed>(Module::kSubmission, event::kSubmissionsClosed),
    entry<RangeProved>(Module::kSubmission, event::kRangeProved),
    entry<EpochOpened>(Module::kVerification, event::kEpochOpened),
    entry<EpochChanged>(Module::kVerification, event::kEpochActive),
    entry<EpochChanged>(Module::kVerification, event::kEpochEnded),
    entry<Absent>(Module::kVerification, event::kAbsent),
    entry<PrepOpened>(Module::kVerification, event::kPrepOpened),
    entry<BatchStateChanged>(Module::kVerification, event::kBatchState),
    entry<BatchDisputed>(Module::kVerification, event::kBatchDisputed),
    entry<FaultProved>(Module::kVerification, event::kFault),
    entry<Equivocation>(Module::kVerification, event::kEquivocation),
    entry<Statistics>(Module::kVerification, event::kStatistics),
    entry<VerdictRecord>(Module::kVerification, event::kVerdict),
    entry<RoundResult>(Module::kVerification, event::kResult),
    entry<PhaseChanged>(Module::kVerification, event::kAggregateFallback),
    entry<ExclusionRecord>(Module::kVerification, event::kExcluded),
    entry<EpochHalted>(Module::kVerification, event::kEpochHalted),
    entry<EpochChanged>(Module::kVerification, event::kEpochVoid),
    entry<SeedOpened>(Module::kVerification, event::kSeed),
    entry<RangesClosed>(Module::kVerification, event::kRangesClosed),
    entry<ReferenceFixed>(Module::kVerification, event::kReferenceFixed),
    entry<ModelRecord>(Module::kModels, event::kModelRegistered),
    entry<MetricsReported>(Module::kModels, event::kMetricsReported),
    entry<ModelReference>(Module::kModels, event::kModelPromoted),
    entry<ModelReference>(Module::kModels, event::kModelRolledBack),
};

const Numbered* find(std::span<const Numbered> table, std::uint16_t module, std::uint16_t number) {
    for (const Numbered& candidate : table) {
        if (static_cast<std::uint16_t>(candidate.module) == module && candidate.number == number) {
            return &candidate;
        }
    }
    return nullptr;
}

struct Payload {
    ProposalKind kind;
    RenderBytes render;
    ParseJson parse;
};
template <typename T>
constexpr Payload payload(ProposalKind kind) {
    return {kind, render_as<T>, parse_as<T>};
}
constexpr std::array kPayloads{
    payload<TaskSpec>(ProposalKind::kCreateTask),
    payload<Parameters>(ProposalKind::kSetParameters),
    payload<RoundReference>(ProposalKind::kCancelRound),
    payload<RoundReference>(ProposalKind::kAbortRound),
    payload<EpochReference>(ProposalKind::kOpenMpcEpoch),
    payload<TaskReference>(ProposalKind::kCloseTask),
    payload<ModelReference>(ProposalKind::kPromoteModel),
    payload<ModelReference>(ProposalKind::kRollBackModel),
    payload<ReferenceSetApproval>(ProposalKind::kApproveReferenceSet),
    payload<DataWeights>(ProposalKind::kSetDataWeights),
    payload<ChangeValidators>(ProposalKind::kChangeValidators),
    payload<MembershipReference>(ProposalKind::kCancelValidatorChange),
    payload<RuleChoice>(ProposalKind::kSetRule),
};

Json show_proposal(ByteView bytes) {
    const auto proposal = decode<ProposalRecord>(bytes);
    if (!proposal) return {{"hex", to_hex(bytes)}};
    Json json = to_json_value(*proposal);
    json["payload"] =
        render_proposal_payload(static_cast<std::uint16_t>(proposal->kind), proposal->payload);
    return json;
}

// A decoded payload in the place of its bytes.
Json with_payload_schema(Json schema) {
    schema["properties"]["payload"] = {{"$ref", "#/components/schemas/ProposalPayload"}};
    return schema;
}
Json proposal_schema() {
    return with_payload_schema(json_schema_of<ProposalRecord>());
}
Shape render_proposal() {
    return {show_proposal, proposal_schema};
}

struct NamedRecord {
    std::string_view name;
    RenderBytes render;
};
constexpr std::array kRecords{
    NamedRecord{"chain", render_as<ChainRecord>},
    NamedRecord{"parameters", render_as<Parameters>},
    NamedRecord{"registry", render_as<RegistryRecord>},
    NamedRecord{"governance", render_as<GovernanceRecord>},
    NamedRecord{"tasks", render_as<TasksRecord>},
    NamedRecord{"rounds", render_as<RoundsRecord>},
    NamedRecord{"mpc", render_as<MpcRecord>},
    NamedRecord{"account", render_as<AccountRecord>},
    NamedRecord{"nonce", render_as<NonceRecord>},
    NamedRecord{"organisation", render_as<OrganisationRecord>},
    NamedRecord{"ballot", render_as<BallotRecord>},
    NamedRecord{"proposal", render_proposal},
    NamedRecord{"task", render_as<TaskRecord>},
    NamedRecord{"model", render_as<ModelRecord>},
    NamedRecord{"metrics", render_as<MetricsRecord>},
    NamedRecord{"epoch", render_as<EpochRecord>},
    NamedRecord{"setup", render_as<SetupRecord>},
    NamedRecord{"ephemeral", render_as<EphemeralKeyRecord>},
    NamedRecord{"bundle", render_as<BundleRecord>},
    NamedRecord{"batch", render_as<BatchRecord>},
    NamedRecord{"prep_share", render_as<ShareRecord>},
    NamedRecord{"prep_w", render_as<WeightShareRecord>},
    NamedRecord{"prep_check", render_as<ShareRecord>},
    NamedRecord{"prep_reveal", render_as<RevealRecord>},
    NamedRecord{"dispute", render_as<DisputeRecord>},
    NamedRecord{"dispute_keys", render_as<DisputeKeysRecord>},
    NamedRecord{"exclusion", render_as<ExclusionRecord>},
    NamedRecord{"coin", render_as<CoinRecord>},
    NamedRecord{"coin_share", render_as<ShareRecord>},
    NamedRecord{"stat1", render_as<ShareRecord>},
    NamedRecord{"stat2", render_as<ShareRecord>},
    NamedRecord{"pledge", render_as<PledgeRecord>},
    NamedRecord{"range", render_as<RangeRecord>},
    NamedRecord{"round", render_as<RoundRecord>},
    NamedRecord{"verdict", render_as<VerdictRecord>},
    NamedRecord{"aggregate", render_as<AggregateShareRecord>},
    NamedRecord{"aggregate_ok", render_as<AggregateOkRecord>},
    NamedRecord{"history", render_as<HistoryRecord>},
    NamedRecord{"reference", render_as<ReferenceRecord>},
    NamedRecord{"reference_set", render_as<ReferenceSetRecord>},
    NamedRecord{"privacy", render_as<PrivacyRecord>},
    NamedRecord{"membership", render_as<MembershipRecord>},
    NamedRecord{"rotation", render_as<RotationRecord>},
    NamedRecord{"invitations", render_as<InvitationsRecord>},
    NamedRecord{"epoch_void", render_as<EpochVoidRecord>},
};

std::string name_of_code(std::uint16_t number) {
    const auto code = find_code(number);
    return code ? std::string(to_string(*code)) : "unknown";
}

Json reference_to(const std::string& name) {
    return {{"$ref", "#/components/schemas/" + name}};
}

// Adds the schema under the name to `schemas`, and a reference to it to the alternatives.
void add_alternative(Json& schemas, Json& alternatives, const std::string& name, Json schema) {
    schemas[name] = std::move(schema);
    alternatives.push_back(reference_to(name));
}

Json any_of(Json alternatives) {
    alternatives.push_back(reference_to("Undecoded"));
    return {{"anyOf", std::move(alternatives)}};
}

void add_arguments(Json& schemas) {
    Json alternatives = Json::array();
    for (const Numbered& arguments : kArguments) {
        const auto module = static_cast<std::uint16_t>(arguments.module);
        const ActionInfo* info = find_action(module, arguments.number);
        if (info == nullptr) continue;
        const bool is_proposal =
            arguments.module == Module::kGovernance && arguments.number == action::kPropose;
        Json schema = arguments.render().schema();
        add_alternative(
            schemas, alternatives,
            "Arguments." + std::string(info->module_name) + "." + std::string(info->name),
            is_proposal ? with_payload_schema(std::move(schema)) : std::move(schema));
    }
    schemas["Arguments"] = any_of(std::move(alternatives));
}

void add_events(Json& schemas) {
    Json alternatives = Json::array();
    for (const Numbered& payload : kEventPayloads) {
        const auto module = static_cast<std::uint16_t>(payload.module);
        const EventInfo* info = find_event(module, payload.number);
        if (info == nullptr) continue;
        add_alternative(schemas, alternatives,
                        "Event." + std::string(info->module_name) + "." + std::string(info->name),
                        payload.render().schema());
    }
    schemas["EventPayload"] = any_of(std::move(alternatives));
}

void add_records(Json& schemas) {
    Json alternatives = Json::array();
    for (const NamedRecord& record : kRecords) {
        add_alternative(schemas, alternatives, "Record." + std::string(record.name),
                        record.render().schema());
    }
    schemas["Record"] = any_of(std::move(alternatives));
}

void add_payloads(Json& schemas) {
    Json alternatives = Json::array();
    for (const Payload& payload : kPayloads) {
        add_alternative(schemas, alternatives,
                        "ProposalPayload." + std::string(to_string(payload.kind)),
                        payload.render().schema());
    }
    schemas["ProposalPayload"] = any_of(std::move(alternatives));
}

}  // namespace

Json chain_schemas() {
    Json schemas = {{"Undecoded",
                     {{"type", "object"},
                      {"description", "Bytes that this version does not know"},
                      {"properties", {{"hex", {{"type", "string"}}}}}}}};
    add_arguments(schemas);
    add_events(schemas);
    add_records(schemas);
    add_payloads(schemas);
    return schemas;
}

std::string complete_openapi(std::string_view text) {
    auto description = parse_json(text);
    CHECK(description.has_value());
    (*description)["components"]["schemas"].update(chain_schemas());
    return description->dump(1) + "\n";
}

Json render_arguments(std::uint16_t module, std::uint16_t action, ByteView arguments) {
    const Numbered* found = find(kArguments, module, action);
    Json json =
        found == nullptr ? Json{{"hex", to_hex(arguments)}} : found->render().show(arguments);
    const bool is_proposal = module == static_cast<std::uint16_t>(Module::kGovernance) &&
                             action == action::kPropose && !json.contains("hex");
    if (is_proposal) {
        if (const auto propose = decode<Propose>(arguments)) {
            json["payload"] = render_proposal_payload(static_cast<std::uint16_t>(propose->kind),
                                                      propose->payload);
        }
    }
    return json;
}

Json render_event(const Event& event) {
    const Numbered* found = find(kEventPayloads, event.module, event.kind);
    const EventInfo* info = find_event(event.module, event.kind);
    return {{"module", info == nullptr ? Json(event.module) : Json(std::string(info->module_name))},
            {"kind", event.kind},
            {"name", info == nullptr ? "unknown" : std::string(info->name)},
            {"payload", found == nullptr ? Json{{"hex", to_hex(event.payload)}}
                                         : found->render().show(event.payload)}};
}

Json render_record(ByteView key, ByteView value) {
    const std::string_view name = keys::record_name(key);
    for (const NamedRecord& record : kRecords) {
        if (record.name == name) {
            return {{"record", std::string(name)}, {"value", record.render().show(value)}};
        }
    }
    return {{"record", std::string(name)}, {"value", {{"hex", to_hex(value)}}}};
}

Json render_transaction(const Transaction& transaction) {
    const ActionInfo* info = find_action(transaction.module, transaction.action);
    return {{"id", transaction_id(transaction).hex()},
            {"sender", transaction.sender.hex()},
            {"nonce", transaction.nonce},
            {"valid_until", transaction.valid_until.value},
            {"module",
             info == nullptr ? Json(transaction.module) : Json(std::string(info->module_name))},
            {"action", transaction.action},
            {"name", info == nullptr ? "unknown" : std::string(info->name)},
            {"arguments",
             render_arguments(transaction.module, transaction.action, transaction.arguments)}};
}

Json render_receipt(const Receipt& receipt) {
    Json events = Json::array();
    for (const Event& event : receipt.events) events.push_back(render_event(event));
    return {{"tx_id", receipt.tx_id.hex()},
            {"code", receipt.code},
            {"name", name_of_code(receipt.code)},
            {"events", std::move(events)}};
}

Json render_header(const BlockHeader& header) {
    return {{"digest", header_digest(header).hex()},
            {"height", header.height.value},
            {"parent", header.parent.hex()},
            {"time_ms", header.time.value},
            {"proposer", header.proposer.value},
            {"epoch", header.epoch.value},
            {"tx_root", header.tx_root.hex()},
            {"receipt_root", header.receipt_root.hex()},
            {"state_root", header.state_root.hex()},
            {"membership_hash", header.membership_hash.hex()},
            {"protocol_version", header.protocol_version}};
}

Json render_certificate(const Certificate& certificate) {
    Json signers = Json::array();
    for (unsigned id = 0; id < kMaxMembers; ++id) {
        if (((certificate.signers >> id) & 1U) != 0) signers.push_back(id);
    }
    return {{"epoch", certificate.epoch.value},
            {"height", certificate.height.value},
            {"view", certificate.view.value},
            {"digest", certificate.digest.hex()},
            {"signers", std::move(signers)}};
}

Result<Bytes> parse_arguments(std::uint16_t module, std::uint16_t action, const Json& json) {
    const Numbered* found = find(kArguments, module, action);
    if (found == nullptr) return make_error(ErrorCode::kNotFound, "no such module and action");
    return found->parse(json);
}

Result<Bytes> parse_proposal_payload(std::string_view kind, const Json& json) {
    for (const Payload& candidate : kPayloads) {
        if (to_string(candidate.kind) == kind) return candidate.parse(json);
    }
    return make_error(ErrorCode::kNotFound, "no kind of proposal is named " + std::string(kind));
}

Json render_proposal_payload(std::uint16_t kind, ByteView payload) {
    for (const Payload& candidate : kPayloads) {
        if (static_cast<std::uint16_t>(candidate.kind) == kind)
            return candidate.render().show(payload);
    }
    return {{"hex", to_hex(payload)}};
}

}  // namespace consilium::schema
