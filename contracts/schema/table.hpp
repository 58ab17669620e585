// The one table of actions and events: numbers, names, roles, activation, blobs, cost.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "contracts/schema/arguments.hpp"
#include "contracts/schema/blob_reference.hpp"
#include "contracts/schema/modules.hpp"
#include "core/transaction.hpp"
#include "core/types.hpp"

namespace consilium::schema {

struct ActionInfo {
    Module module;
    std::uint16_t action;
    std::string_view module_name;
    std::string_view name;
    RoleSet roles;  // who may send it; kNoAccountNeeded: a key without an account
    Height activation;
    BlobKind blob;
    std::uint32_t cost;  // execution units of the transaction itself
};
[[nodiscard]] std::span<const ActionInfo> action_table();
[[nodiscard]] const ActionInfo* find_action(std::uint16_t module, std::uint16_t action);
[[nodiscard]] const ActionInfo* find_action(std::string_view module, std::string_view action);

struct EventInfo {
    Module module;
    std::uint16_t kind;
    std::string_view module_name;
    std::string_view name;
};
[[nodiscard]] std::span<const EventInfo> event_table();
[[nodiscard]] const EventInfo* find_event(std::uint16_t module, std::uint16_t kind);

// Deterministic execution cost: the action's cost plus one unit per 64 bytes of arguments. An
// unknown action costs as much as the cheapest one.
[[nodiscard]] std::uint64_t transaction_cost(const Transaction& transaction);

// The off-chain content a transaction names.
struct BlobReference {
    Digest sha256;
    std::uint64_t length{};
    BlobKind kind = BlobKind::kNone;
    // A masked update or a range proof of a client: of no use once the attempt that this batch
    // serves is over.
    std::optional<BatchLabel> batch{};
    friend bool operator==(const BlobReference&, const BlobReference&) = default;
};
// nullopt: the action names no blob, or the arguments do not decode (then the receipt says so and
// no blob is needed).
[[nodiscard]] std::optional<BlobReference> blob_reference(const Transaction& transaction);

}  // namespace consilium::schema
