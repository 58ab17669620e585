// JSON of what stands on the chain, found by its numbers: arguments, events, records, blocks.
//
// What does not decode (or is of a newer version) is shown as {"hex": ...}; nothing here fails.
#pragma once
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "core/block.hpp"
#include "core/certificate.hpp"
#include "core/receipt.hpp"
#include "core/result.hpp"

namespace consilium::schema {

// Components of an OpenAPI description, by name: "Arguments.submission.pledge", "Event.rounds.
// round_opened", "Record.round", "ProposalPayload.create_task", and "Arguments", "EventPayload",
// "Record", "ProposalPayload" for any of them.
[[nodiscard]] nlohmann::json chain_schemas();
// An API's description (OpenAPI, JSON) with these components added. The text is the program's own.
[[nodiscard]] std::string complete_openapi(std::string_view text);

[[nodiscard]] nlohmann::json render_arguments(std::uint16_t module, std::uint16_t action,
                                              ByteView arguments);
// {module, kind, name, payload}
[[nodiscard]] nlohmann::json render_event(const Event& event);
// {record, value}, by the key's name.
[[nodiscard]] nlohmann::json render_record(ByteView key, ByteView value);
// {id, sender, nonce, valid_until, module, action, name, arguments}
[[nodiscard]] nlohmann::json render_transaction(const Transaction& transaction);
// {tx_id, code, name, events}
[[nodiscard]] nlohmann::json render_receipt(const Receipt& receipt);
// {digest, height, parent, time_ms, ...}
[[nodiscard]] nlohmann::json render_header(const BlockHeader& header);
// {epoch, view, digest, signers: [replica ids]}
[[nodiscard]] nlohmann::json render_certificate(const Certificate& certificate);

// Canonical bytes of an action's arguments from their JSON. kNotFound for an unknown action.
[[nodiscard]] Result<Bytes> parse_arguments(std::uint16_t module, std::uint16_t action,
                                            const nlohmann::json& json);
// Canonical bytes of a proposal's payload, by the kind's name such as "create_task".
[[nodiscard]] Result<Bytes> parse_proposal_payload(std::string_view kind,
                                                   const nlohmann::json& json);
[[nodiscard]] nlohmann::json render_proposal_payload(std::uint16_t kind, ByteView payload);

}  // namespace consilium::schema
