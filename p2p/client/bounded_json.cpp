// Depth is counted before parsing, outside of strings.
#include "p2p/client/bounded_json.hpp"

#include <nlohmann/json.hpp>

namespace consilium::p2p {
namespace {

bool is_too_deep(std::string_view text) {
    std::size_t depth = 0;
    bool in_string = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (in_string) {
            if (c == '\\') {
                ++i;  // the escaped character neither ends the string nor opens anything
            } else if (c == '"') {
                in_string = false;
            }
        } else if (c == '"') {
            in_string = true;
        } else if (c == '{' || c == '[') {
            if (++depth > kJsonDepthMax) return true;
        } else if ((c == '}' || c == ']') && depth > 0) {
            --depth;
        }
    }
    return false;
}

}  // namespace

Result<nlohmann::json> parse_bounded_json(std::string_view text) {
    if (is_too_deep(text)) return make_error(ErrorCode::kLimitExceeded, "JSON is nested too deep");
    constexpr bool kNoExceptions = false;
    nlohmann::json value = nlohmann::json::parse(text, nullptr, kNoExceptions);
    if (value.is_discarded()) return make_error(ErrorCode::kMalformed, "the text is not JSON");
    return value;
}

}  // namespace consilium::p2p
