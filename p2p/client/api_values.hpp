// Values out of JSON answers of the node API; nothing of an answer is trusted.
#pragma once
#include <string>

#include <nlohmann/json.hpp>

#include "core/bytes.hpp"
#include "core/codec.hpp"
#include "core/result.hpp"
#include "p2p/node_client.hpp"

namespace consilium::p2p {

// kNotFound for 404, kUnavailable for any other status that is no success; `what` for people.
[[nodiscard]] Result<ApiAnswer> successful(Result<ApiAnswer> answer, const std::string& what);
// kMalformed when the answer is no JSON object.
[[nodiscard]] Result<nlohmann::json> object_of(const Result<ApiAnswer>& answer);
// Of a hexadecimal field. kMalformed when there is none.
[[nodiscard]] Result<Bytes> bytes_at(const nlohmann::json& object, const char* name);
// Of its canonical encoding; errors as decode().
template <typename T>
[[nodiscard]] Result<T> value_at(const nlohmann::json& object, const char* name) {
    auto bytes = bytes_at(object, name);
    if (!bytes) return tl::unexpected(bytes.error());
    auto value = decode<T>(*bytes);
    if (!value) {
        return make_error(value.error().code, std::string(name) + ": " + value.error().context);
    }
    return value;
}

}  // namespace consilium::p2p
