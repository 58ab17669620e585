// Hexadecimal text in and out.
#include "core/bytes.hpp"

#include <array>
#include <optional>

namespace consilium {
namespace {

std::optional<std::uint8_t> nibble_of(char c) {
    if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
    if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
    if (c >= 'A' && c <= 'F') return static_cast<std::uint8_t>(c - 'A' + 10);
    return std::nullopt;
}

}  // namespace

std::string to_hex(ByteView bytes) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    text.reserve(bytes.size() * 2);
    for (const std::uint8_t byte : bytes) {
        text.push_back(kDigits[byte >> 4U]);
        text.push_back(kDigits[byte & 0x0FU]);
    }
    return text;
}

Result<Bytes> decode_hex(std::string_view text) {
    if (text.size() % 2 != 0) {
        return make_error(ErrorCode::kMalformed, "hexadecimal text has an odd length");
    }
    Bytes bytes;
    bytes.reserve(text.size() / 2);
    for (std::size_t i = 0; i < text.size(); i += 2) {
        const auto high = nibble_of(text[i]);
        const auto low = nibble_of(text[i + 1]);
        if (!high || !low) {
            return make_error(ErrorCode::kMalformed,
                              "not a hexadecimal digit at position " + std::to_string(i));
        }
        bytes.push_back(static_cast<std::uint8_t>((*high << 4U) | *low));
    }
    return bytes;
}

}  // namespace consilium
