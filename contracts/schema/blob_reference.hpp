// How a transaction names off-chain content: by its hash and length.
#pragma once
#include <cstdint>

#include "core/codec.hpp"

namespace consilium::schema {

struct BlobName {
    Digest sha256;
    std::uint64_t length{};
    template <typename Self, typename Visitor>
    static void describe(Self& self, Visitor& visit) {
        visit("sha256", self.sha256);
        visit("length", self.length);
    }
    friend bool operator==(const BlobName&, const BlobName&) = default;
};

// What the bytes must be for a replica to vote for the transaction.
enum class BlobKind : std::uint8_t {
    kNone = 0,
    kVector = 1,        // 8-byte little-endian words, each a field element
    kCiphertext = 2,    // of the named length, nothing else is checked
    kReferenceSet = 3,  // reference_set.hpp
    kIntegers = 4,      // int64 little-endian
};

}  // namespace consilium::schema
