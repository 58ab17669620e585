// Approval of reference sets, and changes of a task's data weights.
#include "contracts/reference_sets.hpp"

#include <algorithm>

namespace consilium::contracts::reference_sets {
namespace {

using schema::Code;
using schema::ReferenceSetRecord;
using schema::TaskRecord;
namespace keys = schema::keys;

bool is_usable(const ReferenceSetRecord& record, const schema::TaskSpec& spec) {
    return record.data_schema == spec.data_schema && record.columns == spec.model.layers.front();
}

}  // namespace

Code check(const schema::ReferenceSetApproval& approval) {
    if (approval.blob.length == 0 || approval.blob.length > schema::kMaxReferenceBytes) {
        return Code::kBadPayload;
    }
    return approval.is_required && !approval.task ? Code::kBadPayload : Code::kOk;
}

Code approve(Execution& execution, const schema::ReferenceSetApproval& approval) {
    if (const Code code = check(approval); code != Code::kOk) return code;
    const auto content = execution.read_blob(approval.blob.sha256);
    // Without the blob the effects are worthless, whatever the code.
    if (!content) return Code::kBadPayload;
    const auto set = schema::decode_reference_set(*content);
    if (!set || content->size() != approval.blob.length) return Code::kBadPayload;
    ReferenceSetRecord record = schema::describe_set(*set, approval.blob);
    record.approved = execution.block.height;
    if (approval.task) {
        auto task = execution.state.find<TaskRecord>(keys::task(*approval.task));
        if (!task) return Code::kUnknownTask;
        if (task->status != schema::TaskStatus::kActive) return Code::kTaskNotActive;
        task->spec.reference_set = approval.blob.sha256;
        task->spec.is_reference_required = approval.is_required;
        if (!is_usable(record, task->spec) || schema::find_fault(task->spec) != nullptr) {
            return Code::kTaskInvalid;
        }
        execution.state.store(keys::task(task->id), *task);
    }
    execution.state.store(keys::reference_set(approval.blob.sha256), record);
    return Code::kOk;
}

bool fits(const StateView& state, const schema::TaskSpec& spec) {
    if (!spec.reference_set) return true;
    const auto record = state.find<ReferenceSetRecord>(keys::reference_set(*spec.reference_set));
    return record && is_usable(*record, spec);
}

Code check(const schema::DataWeights& weights) {
    return schema::find_fault(weights.weights) == nullptr ? Code::kOk : Code::kBadPayload;
}

Code set_data_weights(Execution& execution, const schema::DataWeights& weights) {
    if (const Code code = check(weights); code != Code::kOk) return code;
    auto task = execution.state.find<TaskRecord>(keys::task(weights.task));
    if (!task) return Code::kUnknownTask;
    if (task->status != schema::TaskStatus::kActive) return Code::kTaskNotActive;
    task->spec.data_weights = weights.weights;
    execution.state.store(keys::task(task->id), *task);
    return Code::kOk;
}

bool is_proposal_expected(const StateView& state, const PublicKey& sender,
                          const schema::Propose& propose) {
    if (propose.kind != schema::ProposalKind::kApproveReferenceSet) return false;
    const auto approval = decode<schema::ReferenceSetApproval>(propose.payload);
    if (!approval || check(*approval) != Code::kOk) return false;
    const auto council = state.load<schema::RegistryRecord>(keys::registry()).council;
    if (std::find(council.begin(), council.end(), sender) == council.end()) return false;
    const auto open = state.load<schema::GovernanceRecord>(keys::governance()).open.size();
    const auto parameters = state.load<schema::Parameters>(keys::parameters());
    return open < parameters.open_proposals_max && open < schema::kMaxOpenProposals;
}

}  // namespace consilium::contracts::reference_sets
