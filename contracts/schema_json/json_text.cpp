// nlohmann's parser with a depth limit, which it does not have of its own.
#include "contracts/schema_json/json_text.hpp"

#include <string>

namespace consilium::schema {

Result<nlohmann::json> parse_json(std::string_view text, std::size_t max_bytes) {
    if (text.size() > max_bytes) {
        return make_error(ErrorCode::kLimitExceeded,
                          "JSON text has more than " + std::to_string(max_bytes) + " bytes");
    }
    // Depth is checked on the text first, so that no deep value is ever built.
    std::size_t depth = 0;
    bool is_in_string = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const char c = text[i];
        if (is_in_string) {
            if (c == '\\') {
                ++i;
            } else if (c == '"') {
                is_in_string = false;
            }
        } else if (c == '"') {
            is_in_string = true;
        } else if (c == '[' || c == '{') {
            if (++depth > kMaxJsonDepth) {
                return make_error(ErrorCode::kMalformed,
                                  "JSON nests deeper than " + std::to_string(kMaxJsonDepth));
            }
        } else if ((c == ']' || c == '}') && depth > 0) {
            --depth;
        }
    }
    auto parsed = nlohmann::json::parse(text, nullptr, false);
    if (parsed.is_discarded()) return make_error(ErrorCode::kMalformed, "not valid JSON");
    return parsed;
}

}  // namespace consilium::schema
