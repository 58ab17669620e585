// The allow-list of names and their case folding.
#include "contracts/schema/names.hpp"

#include <cstdint>

namespace consilium::schema {
namespace {

// One character of valid UTF-8 of at most two bytes; all allowed characters have at most two.
std::optional<std::uint32_t> next_character(std::string_view& text) {
    const auto first = static_cast<std::uint8_t>(text.front());
    if (first < 0x80) {
        text.remove_prefix(1);
        return first;
    }
    if (first < 0xC2 || first > 0xDF || text.size() < 2) return std::nullopt;
    const auto second = static_cast<std::uint8_t>(text[1]);
    if ((second & 0xC0U) != 0x80U) return std::nullopt;
    text.remove_prefix(2);
    return ((first & 0x1FU) << 6) | (second & 0x3FU);
}

constexpr bool is_between(std::uint32_t character, std::uint32_t low, std::uint32_t high) {
    return character >= low && character <= high;
}

bool is_allowed(std::uint32_t character) {
    if (is_between(character, 'a', 'z') || is_between(character, 'A', 'Z')) return true;
    if (is_between(character, '0', '9')) return true;
    if (character < 0x80) {
        return std::string_view(" '-.,&()").find(static_cast<char>(character)) !=
               std::string_view::npos;
    }
    // Latin-1 letters (without the signs of multiplication and division), Latin Extended-A.
    if (character == 0xAA || character == 0xB5 || character == 0xBA) return true;
    return is_between(character, 0xC0, 0x17F) && character != 0xD7 && character != 0xF7;
}

// Lower case of an allowed letter. Pairs of Latin Extended-A are neighbours; which of the two is
// the capital changes at the letters without a pair.
std::uint32_t fold(std::uint32_t character) {
    if (is_between(character, 'A', 'Z')) return character + 32;
    if (is_between(character, 0xC0, 0xDE)) return character + 32;
    if (character == 0x130) return 'i';
    if (character == 0x178) return 0xFF;
    if (character == 0x17F) return 's';
    const bool is_even_capital =
        is_between(character, 0x100, 0x137) || is_between(character, 0x14A, 0x177);
    const bool is_odd_capital =
        is_between(character, 0x139, 0x148) || is_between(character, 0x179, 0x17E);
    if (is_even_capital && character % 2 == 0) return character + 1;
    if (is_odd_capital && character % 2 == 1) return character + 1;
    return character;
}

void append_utf8(std::string& out, std::uint32_t character) {
    if (character < 0x80) {
        out.push_back(static_cast<char>(character));
        return;
    }
    out.push_back(static_cast<char>(0xC0U | (character >> 6)));
    out.push_back(static_cast<char>(0x80U | (character & 0x3FU)));
}

}  // namespace

std::optional<std::string> fold_name(std::string_view name) {
    if (name.empty() || name.front() == ' ' || name.back() == ' ') return std::nullopt;
    if (name.find("  ") != std::string_view::npos) return std::nullopt;
    std::string folded;
    std::size_t characters = 0;
    while (!name.empty()) {
        const auto character = next_character(name);
        if (!character || !is_allowed(*character)) return std::nullopt;
        if (++characters > kMaxNameCharacters) return std::nullopt;
        append_utf8(folded, fold(*character));
    }
    return folded;
}

bool is_valid_name(std::string_view name) {
    return fold_name(name).has_value();
}

}  // namespace consilium::schema
