// The records that name blobs which execution reads.
#include "explorer/blob_lengths.hpp"

#include "contracts/schema/dispute_records.hpp"
#include "contracts/schema/mpc_records.hpp"
#include "contracts/schema/records.hpp"
#include "contracts/schema/table.hpp"

namespace consilium::explorer {

std::optional<std::uint64_t> find_blob_length(const StateTree& state, const Block& block,
                                              const Digest& hash) {
    for (const Transaction& transaction : block.transactions) {
        const auto reference = schema::blob_reference(transaction);
        if (reference && reference->sha256 == hash) return reference->length;
    }
    std::optional<std::uint64_t> length;
    state.for_each(as_bytes("aggregate/"), [&](ByteView, ByteView value) {
        const auto record = decode<schema::AggregateShareRecord>(value);
        if (record && record->share.sha256 == hash) length = record->share.length;
    });
    state.for_each(as_bytes("prep_w/"), [&](ByteView, ByteView value) {
        const auto record = decode<schema::WeightShareRecord>(value);
        if (record && record->share.sha256 == hash) length = record->share.length;
    });
    state.for_each(as_bytes("model/"), [&](ByteView, ByteView value) {
        const auto record = decode<schema::ModelRecord>(value);
        if (record && record->parameters.sha256 == hash) length = record->parameters.length;
    });
    // A reference set is read by the vote that approves it, often in a later block.
    state.for_each(as_bytes("proposal/"), [&](ByteView, ByteView value) {
        const auto record = decode<schema::ProposalRecord>(value);
        if (!record || record->kind != schema::ProposalKind::kApproveReferenceSet) return;
        const auto approval = decode<schema::ReferenceSetApproval>(record->payload);
        if (approval && approval->blob.sha256 == hash) length = approval->blob.length;
    });
    return length;
}

}  // namespace consilium::explorer
