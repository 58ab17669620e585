// Validity and distribution of reference sets.
#include "contracts/schema/reference_set.hpp"

#include <algorithm>

#include "contracts/schema/names.hpp"

namespace consilium::schema {
namespace {

bool is_column(const ReferenceColumn& column) {
    const std::string& name = column.name;
    return !name.empty() && std::all_of(name.begin(), name.end(), [](char character) {
        return character >= ' ' && character <= '~';
    });
}

bool is_in_range(std::int64_t value) {
    return value >= -kMaxReferenceValue && value <= kMaxReferenceValue;
}

std::size_t count_of(const ReferenceSet& set, std::uint8_t label) {
    return static_cast<std::size_t>(std::count(set.labels.begin(), set.labels.end(), label));
}

}  // namespace

const char* find_fault(const ReferenceSet& set) {
    if (set.magic != kReferenceMagic) return "this is no reference set";
    if (!is_valid_name(set.data_schema)) return "data schema name";
    if (set.columns.empty()) return "no columns";
    if (!std::all_of(set.columns.begin(), set.columns.end(), is_column)) return "column name";
    if (set.labels.size() < kMinReferenceRecords) return "fewer than 64 records";
    if (count_of(set, 0) + count_of(set, 1) != set.labels.size()) return "a label is not 0 or 1";
    if (count_of(set, 0) == 0 || count_of(set, 1) == 0) return "a class has no record";
    if (set.features.size() != set.labels.size() * set.columns.size()) return "number of features";
    if (!std::all_of(set.features.begin(), set.features.end(), is_in_range)) {
        return "a feature is out of range";
    }
    return nullptr;
}

Result<ReferenceSet> decode_reference_set(ByteView blob) {
    if (blob.size() > kMaxReferenceBytes) {
        return make_error(ErrorCode::kLimitExceeded, "a reference set has at most 4 MiB");
    }
    auto set = decode<ReferenceSet>(blob);
    if (!set) return set;
    if (const char* fault = find_fault(*set)) return make_error(ErrorCode::kMalformed, fault);
    return set;
}

ReferenceSetRecord describe_set(const ReferenceSet& set, const BlobName& blob) {
    ReferenceSetRecord record;
    record.blob = blob;
    record.data_schema = set.data_schema;
    record.columns = static_cast<std::uint32_t>(set.columns.size());
    record.negatives = static_cast<std::uint32_t>(count_of(set, 0));
    record.positives = static_cast<std::uint32_t>(count_of(set, 1));
    return record;
}

}  // namespace consilium::schema
