// Reading records and payloads that may be absent or not decode: helpers of the collector.
#pragma once
#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "core/codec.hpp"
#include "core/receipt.hpp"
#include "core/signature.hpp"
#include "core/state_tree.hpp"

namespace consilium::explorer {

template <typename T>
[[nodiscard]] std::optional<T> find_record(const StateTree& state, const Bytes& key) {
    const auto value = state.get(key);
    if (!value) return std::nullopt;
    auto record = decode<T>(*value);
    if (!record) return std::nullopt;
    return std::move(*record);
}

// The place of a key, from 1; 0 when it is not there.
[[nodiscard]] inline std::uint16_t place_of(const std::vector<PublicKey>& keys,
                                            const PublicKey& key) {
    const auto found = std::find(keys.begin(), keys.end(), key);
    return found == keys.end() ? std::uint16_t{0}
                               : static_cast<std::uint16_t>(found - keys.begin() + 1);
}

// Calls `use` with the decoded payload; one that does not decode is not what the contracts emit,
// and what depends on it will be missed by the comparison.
template <typename T, typename Use>
void with_payload(const Event& event, Use use) {
    if (const auto payload = decode<T>(event.payload)) use(*payload);
}

}  // namespace consilium::explorer
