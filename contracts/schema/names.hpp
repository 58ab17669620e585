// Names on chain: which characters they may hold, and when two of them count as the same.
//
// Allowed are 1-64 characters of ASCII letters, digits, space, ' - . , & ( ), and the letters of
// Latin-1 and Latin Extended-A, in UTF-8, without space at either end or two spaces in a row.
#pragma once
#include <optional>
#include <string>
#include <string_view>

namespace consilium::schema {

inline constexpr std::size_t kMaxNameCharacters = 64;

[[nodiscard]] bool is_valid_name(std::string_view name);
// The name with every letter in lower case; nullopt for an invalid name. Two names are the same
// when this is equal.
[[nodiscard]] std::optional<std::string> fold_name(std::string_view name);

}  // namespace consilium::schema
