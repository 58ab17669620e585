// Entry points of the contracts' schema: the arguments of every action, and the largest records.
#include "contracts/schema/arguments.hpp"
#include "contracts/schema/dispute_records.hpp"
#include "contracts/schema/events.hpp"
#include "contracts/schema/invitation.hpp"
#include "contracts/schema/membership.hpp"
#include "contracts/schema/mpc_records.hpp"
#include "contracts/schema/parameters.hpp"
#include "contracts/schema/reference_set.hpp"
#include "contracts/schema/rotation.hpp"
#include "contracts/schema/table.hpp"
#include "contracts/schema/task.hpp"
#include "tests/fuzz/entry_points.hpp"

namespace consilium::fuzz {
namespace {

bool run_task(ByteView data) {
    const auto task = decode<schema::TaskSpec>(data);
    if (!task) return false;
    (void)schema::find_fault(*task);
    (void)schema::parameter_count(task->model);
    return run_decoder<schema::TaskSpec>(data);
}

bool run_parameters(ByteView data) {
    const auto parameters = decode<schema::Parameters>(data);
    if (!parameters) return false;
    (void)schema::find_out_of_bounds(*parameters);
    return run_decoder<schema::Parameters>(data);
}

// What a node asks of a transaction before it runs it: cost, and the blob that it names.
bool run_admission(ByteView data) {
    Transaction transaction;
    const auto table = schema::action_table();
    const std::size_t choice = data.empty() ? 0 : data.front() % table.size();
    transaction.module = static_cast<std::uint16_t>(table[choice].module);
    transaction.action = table[choice].action;
    if (!data.empty()) transaction.arguments.assign(data.begin() + 1, data.end());
    (void)schema::transaction_cost(transaction);
    (void)schema::blob_reference(transaction);
    return true;
}

Bytes admission_sample(Random& random) {
    Bytes sample{static_cast<std::uint8_t>(random.next())};
    const Bytes arguments = encode_sample<schema::Pledge>(random);
    sample.insert(sample.end(), arguments.begin(), arguments.end());
    return sample;
}

// Addresses come with a proposal; what parses names a host and a port.
bool run_address(ByteView data) {
    const std::string text(data.begin(), data.end());
    const auto address = schema::parse_address(text);
    return address && !address->host.empty() && address->port != 0;
}

Bytes address_sample(Random& random) {
    const std::string host = random.below(2) == 0 ? "node.example" : "[fe80::1]";
    return to_bytes(as_bytes(host + ":" + std::to_string(1 + random.below(65'535))));
}

bool run_reference_set(ByteView data) {
    const auto set = schema::decode_reference_set(data);
    if (!set) return false;
    (void)schema::describe_set(*set, {});
    return run_decoder<schema::ReferenceSet>(data);
}

Bytes reference_set_sample(Random& random) {
    schema::ReferenceSet set;
    set.data_schema = "wdbc";
    set.columns.resize(1 + random.below(3));
    for (auto& column : set.columns) column.name = "column";
    const std::size_t records = 64 + random.below(8);
    for (std::size_t record = 0; record < records; ++record) {
        set.labels.push_back(record % 2 == 0 ? 1 : 0);
        for (std::size_t i = 0; i < set.columns.size(); ++i) {
            set.features.push_back(static_cast<std::int64_t>(random.next() >> 20U));
        }
    }
    return encode(set);
}

}  // namespace

const std::vector<EntryPoint>& schema_entry_points() {
    using namespace schema;
    static const std::vector<EntryPoint> kEntries{
        {"admission", run_admission, admission_sample},
        {"task", run_task, encode_sample<TaskSpec>},
        {"parameters", run_parameters, encode_sample<Parameters>},
        decoder_of<Register>("register"),
        decoder_of<AccountBallot>("account_ballot"),
        decoder_of<Propose>("propose"),
        decoder_of<Vote>("vote"),
        decoder_of<Withdraw>("withdraw"),
        decoder_of<Pledge>("pledge"),
        decoder_of<Range>("range"),
        decoder_of<RangeRecord>("range_record"),
        decoder_of<RangesClosed>("ranges_closed"),
        decoder_of<EphemeralKey>("ephemeral_key"),
        decoder_of<KeyCommit>("key_commit"),
        decoder_of<KeyAck>("key_ack"),
        decoder_of<ClientKeys>("client_keys"),
        decoder_of<PrepShare>("prep_share"),
        decoder_of<PrepWeights>("prep_w"),
        decoder_of<PrepCheck>("prep_check"),
        decoder_of<PrepReveal>("prep_reveal"),
        decoder_of<CoinShare>("coin_share"),
        decoder_of<StatShare>("stat_share"),
        decoder_of<Aggregate>("aggregate"),
        decoder_of<AggregateOk>("aggregate_ok"),
        decoder_of<ReportMetrics>("report_metrics"),
        {"reference_set", run_reference_set, reference_set_sample},
        decoder_of<ReferenceUpdate>("reference_update"),
        decoder_of<ReferenceSetApproval>("reference_set_approval"),
        decoder_of<DataWeights>("data_weights"),
        decoder_of<ChangeValidators>("change_validators"),
        decoder_of<MembershipReference>("membership_reference"),
        decoder_of<MembershipRecord>("membership_record"),
        decoder_of<MembershipChanged>("membership_changed"),
        {"address", run_address, address_sample},
        decoder_of<RotateKey>("rotate_key"),
        decoder_of<RotationRecord>("rotation_record"),
        decoder_of<KeyRotation>("key_rotation"),
        decoder_of<RuleChoice>("rule_choice"),
        decoder_of<Invite>("invite"),
        decoder_of<Invitation>("invitation"),
        decoder_of<InvitationsRecord>("invitations_record"),
        decoder_of<EpochRecord>("epoch_record"),
        decoder_of<EpochVoidRecord>("epoch_void_record"),
        decoder_of<EpochReference>("epoch_reference"),
        decoder_of<BatchRecord>("batch_record"),
        decoder_of<DisputeRecord>("dispute_record"),
        decoder_of<DisputeKeysRecord>("dispute_keys_record"),
        decoder_of<ExclusionRecord>("exclusion_record"),
        decoder_of<RoundRecord>("round_record"),
        decoder_of<VerdictRecord>("verdict_record"),
        decoder_of<Statistics>("statistics"),
        decoder_of<PrivacyRecord>("privacy_record"),
        decoder_of<PrivacySpent>("privacy_spent"),
    };
    return kEntries;
}

}  // namespace consilium::fuzz
