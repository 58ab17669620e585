// Decimal numbers as text: strict reading, shortest writing that reads back to the same bits.
//
// Independent of the locale. Infinity, NaN, hexadecimal and surrounding text are refused.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace consilium::fl {

[[nodiscard]] std::optional<double> parse_number(std::string_view text);
[[nodiscard]] std::string format_number(double value);
// Without spaces and tabs at either end.
[[nodiscard]] std::string_view trim(std::string_view text);
// For messages: quoted, at most 40 characters, unprintable ones as '?'.
[[nodiscard]] std::string quote(std::string_view text);

}  // namespace consilium::fl
