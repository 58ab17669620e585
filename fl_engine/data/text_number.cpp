// Implements strict number parsing on std::from_chars, which no locale changes.
#include "fl_engine/data/text_number.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <system_error>

#include "core/check.hpp"

namespace consilium::fl {

std::optional<double> parse_number(std::string_view text) {
    if (text.starts_with('+')) {
        text.remove_prefix(1);
        if (text.starts_with('-')) return std::nullopt;  // from_chars refuses a second plus itself
    }
    double value = 0;
    const char* end = text.data() + text.size();
    const auto [position, error] = std::from_chars(text.data(), end, value);
    if (error != std::errc{} || position != end || !std::isfinite(value)) return std::nullopt;
    return value;
}

std::string format_number(double value) {
    std::array<char, 40> buffer{};
    const auto [end, error] = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
    CHECK(error == std::errc{});  // the longest shortest form has 24 characters
    return {buffer.data(), end};
}

std::string_view trim(std::string_view text) {
    while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
    while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
    return text;
}

std::string quote(std::string_view text) {
    constexpr std::size_t kShown = 40;
    std::string out = "'";
    for (const char c : text.substr(0, kShown)) out += (c >= ' ' && c <= '~') ? c : '?';
    if (text.size() > kShown) out += "...";
    return out + "'";
}

}  // namespace consilium::fl
