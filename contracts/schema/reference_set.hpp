// A reference set: the labelled records from which every validator computes the reference update.
//
// Canonical encoding of a blob (core/codec.hpp), at most kMaxReferenceBytes:
//   u8[8]           "CONSREF1"
//   string          name of the data schema, as in TaskSpec::data_schema
//   vector<string>  names of the columns as the model takes them, printable ASCII
//   bytes           labels, 0 or 1, one a record; at least kMinReferenceRecords, both classes
//   vector<i64>     features, one row a record, units of 2^-32: imputed, scaled and encoded
// The blob is public: it must hold no patient's record that may not be published.
#pragma once
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "contracts/schema/blob_reference.hpp"
#include "core/codec.hpp"
#include "core/membership.hpp"
#include "core/types.hpp"

namespace consilium::schema {

inline constexpr std::size_t kMaxReferenceBytes = std::size_t{4} << 20U;
inline constexpr std::size_t kMinReferenceRecords = 64;
inline constexpr std::size_t kMaxReferenceColumns = 65'536;
inline constexpr std::size_t kMaxReferenceValues = kMaxReferenceBytes / 8;
inline constexpr std::size_t kMaxColumnNameBytes = 256;
// 2^20 in real numbers: far beyond any scaled feature, far inside a double's exact integers.
inline constexpr std::int64_t kMaxReferenceValue = std::int64_t{1} << 52U;
inline constexpr std::array<std::uint8_t, 8> kReferenceMagic{'C', 'O', 'N', 'S',
                                                             'R', 'E', 'F', '1'};

struct ReferenceColumn {
    std::string name;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("name", self.name, Limit{kMaxColumnNameBytes});
    }
    friend bool operator==(const ReferenceColumn&, const ReferenceColumn&) = default;
};
struct ReferenceSet {
    std::array<std::uint8_t, 8> magic = kReferenceMagic;
    std::string data_schema;
    std::vector<ReferenceColumn> columns;
    Bytes labels;
    std::vector<std::int64_t> features;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("magic", self.magic);
        visit("data_schema", self.data_schema, Limit{kMaxNameBytes});
        visit("columns", self.columns, Limit{kMaxReferenceColumns});
        visit("labels", self.labels, Limit{kMaxReferenceValues});
        visit("features", self.features, Limit{kMaxReferenceValues});
    }
    friend bool operator==(const ReferenceSet&, const ReferenceSet&) = default;
};

// What is wrong with the set, in words for people, or nullptr.
[[nodiscard]] const char* find_fault(const ReferenceSet& set);
// A set without fault, or kMalformed with the reason.
[[nodiscard]] Result<ReferenceSet> decode_reference_set(ByteView blob);

// reference_set/<sha256>: an approved set and its distribution, as the contract counted it.
struct ReferenceSetRecord {
    BlobName blob;
    std::string data_schema;
    std::uint32_t columns{};
    std::uint32_t negatives{};  // records of class 0
    std::uint32_t positives{};  // records of class 1
    Height approved;
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("blob", self.blob);
        visit("data_schema", self.data_schema, Limit{kMaxNameBytes});
        visit("columns", self.columns);
        visit("negatives", self.negatives);
        visit("positives", self.positives);
        visit("approved", self.approved);
    }
    friend bool operator==(const ReferenceSetRecord&, const ReferenceSetRecord&) = default;
};
// Of a set without fault; `approved` is the caller's.
[[nodiscard]] ReferenceSetRecord describe_set(const ReferenceSet& set, const BlobName& blob);

}  // namespace consilium::schema
