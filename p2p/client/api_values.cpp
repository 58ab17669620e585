// Reading answers of the node API.
#include "p2p/client/api_values.hpp"

#include "p2p/client/bounded_json.hpp"

namespace consilium::p2p {
namespace {

using nlohmann::json;

constexpr unsigned kNotFound = 404;

}  // namespace

Result<ApiAnswer> successful(Result<ApiAnswer> answer, const std::string& what) {
    if (!answer || answer->is_success()) return answer;
    return make_error(answer->status == kNotFound ? ErrorCode::kNotFound : ErrorCode::kUnavailable,
                      what + ": the node answers " + std::to_string(answer->status));
}

Result<json> object_of(const Result<ApiAnswer>& answer) {
    if (!answer) return tl::unexpected(answer.error());
    auto parsed = parse_bounded_json(answer->body);
    if (!parsed) return tl::unexpected(parsed.error());
    if (!parsed->is_object()) return make_error(ErrorCode::kMalformed, "the answer is no object");
    return parsed;
}

Result<Bytes> bytes_at(const json& object, const char* name) {
    const auto found = object.find(name);
    if (found == object.end() || !found->is_string()) {
        return make_error(ErrorCode::kMalformed, std::string("the answer lacks ") + name);
    }
    return decode_hex(found->get_ref<const std::string&>());
}

}  // namespace consilium::p2p
