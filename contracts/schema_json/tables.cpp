// Which struct stands behind which number or key name.
#include "contracts/schema_json/tables.hpp"

#include <array>
#include <span>
#include <string>

#include "contracts/schema/arguments.hpp"
#include "contracts/schema/codes.hpp"
#include "contracts/schema/dispute_records.hpp"
#include "contracts/schema/events.hpp"
#include "contracts/schema/keys.hpp"
#include "contracts/schema/reference_set.hpp"
#include "contracts/schema/table.hpp"
#include "contracts/schema_json/render.hpp"

namespace consilium::schema {
namespace {

using Json = nlohmann::json;
using RenderBytes = Json (*)(ByteView);
using ParseJson = Result<Bytes> (*)(const Json&);

template <typename T>
Json render_as(ByteView bytes) {
    const auto decoded = decode<T>(bytes);
    if (!decoded) return {{"hex", to_hex(bytes)}};
    return to_json_value(*decoded);
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
    entry<ReportMetrics>(Module::kModels, action::kReportMetrics),
};

constexpr std::array kEventPayloads{
    entry<AccountRegistered>(Module::kRegistration, event::kAccountRegistered),
    entry<AccountStatusChanged>(Module::kRegistration, event::kAccountStatus),
    entry<BallotCast>(Module::kRegistration, event::kBallotCast),
    entry<ProposalOpened>(Module::kGovernance, event::kProposalOpened),
    entry<VoteCast>(Module::kGovernance, event::kVoteCast),
    entry<ProposalDecided>(Module::kGovernance, event::kProposalDecided),
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
    payload<RuleChoice>(ProposalKind::kSetRule),
};

Json render_proposal(ByteView bytes) {
    const auto proposal = decode<ProposalRecord>(bytes);
    if (!proposal) return {{"hex", to_hex(bytes)}};
    Json json = to_json_value(*proposal);
    json["payload"] =
        render_proposal_payload(static_cast<std::uint16_t>(proposal->kind), proposal->payload);
    return json;
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
};

std::string name_of_code(std::uint16_t number) {
    const auto code = find_code(number);
    return code ? std::string(to_string(*code)) : "unknown";
}

}  // namespace

Json render_arguments(std::uint16_t module, std::uint16_t action, ByteView arguments) {
    const Numbered* found = find(kArguments, module, action);
    Json json = found == nullptr ? Json{{"hex", to_hex(arguments)}} : found->render(arguments);
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
                                         : found->render(event.payload)}};
}

Json render_record(ByteView key, ByteView value) {
    const std::string_view name = keys::record_name(key);
    for (const NamedRecord& record : kRecords) {
        if (record.name == name) {
            return {{"record", std::string(name)}, {"value", record.render(value)}};
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
        if (static_cast<std::uint16_t>(candidate.kind) == kind) return candidate.render(payload);
    }
    return {{"hex", to_hex(payload)}};
}

}  // namespace consilium::schema
