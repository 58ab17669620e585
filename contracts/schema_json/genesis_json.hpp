// genesis.json: the genesis as people read, review and exchange it.
//
// {"chain_id", "time_ms", "protocol_version", "organisations": [{"name", "validator_key",
//  "council_key"}], "parameters": {...}}
#pragma once
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include "core/genesis.hpp"

namespace consilium::schema {

[[nodiscard]] nlohmann::json genesis_to_json(const Genesis& genesis);
// Also applies validate_genesis() and the bounds of the parameters.
[[nodiscard]] Result<Genesis> decode_genesis_json(std::string_view text);
[[nodiscard]] Result<Genesis> load_genesis_file(const std::string& path);

}  // namespace consilium::schema
