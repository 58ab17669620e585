// JSON of every struct that describes itself (core/codec.hpp), both ways.
//
//   integers      numbers up to 2^53 - 1, decimal strings above (JavaScript's exact range)
//   bytes, keys   lower-case hexadecimal
//   enums         their to_string() name, or the number when there is none
//   optional      null when absent
//   vector        array
// Field names are those of describe(). from_json() refuses unknown and missing fields by name.
#pragma once
#include <charconv>
#include <concepts>
#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <vector>

#include <nlohmann/json.hpp>

#include "core/codec.hpp"
#include "core/result.hpp"

namespace consilium::schema {

template <codec::Described T>
[[nodiscard]] nlohmann::json to_json_value(const T& value);
template <codec::Described T>
[[nodiscard]] Result<T> from_json_value(const nlohmann::json& json);

namespace json_detail {

inline constexpr std::uint64_t kLargestExact = (std::uint64_t{1} << 53U) - 1;

template <typename T>
concept Named = requires(T value) {
    { to_string(value) } -> std::convertible_to<std::string_view>;
};

template <std::integral T>
nlohmann::json render_integer(T value) {
    if constexpr (std::is_signed_v<T>) {
        const auto wide = static_cast<std::int64_t>(value);
        const auto bound = static_cast<std::int64_t>(kLargestExact);
        if (wide > bound || wide < -bound) return std::to_string(wide);
        return wide;
    } else {
        const auto wide = static_cast<std::uint64_t>(value);
        if (wide > kLargestExact) return std::to_string(wide);
        return wide;
    }
}

// Refused transactions stand in blocks with whatever bytes their sender chose: what is not UTF-8 is
// replaced, because the library throws when it meets it while writing.
inline nlohmann::json render_text(const std::string& text) {
    using Json = nlohmann::json;
    return Json::parse(Json(text).dump(-1, ' ', false, Json::error_handler_t::replace));
}

template <typename T>
nlohmann::json render(const T& value) {
    if constexpr (std::same_as<T, bool>) {
        return nlohmann::json(value);
    } else if constexpr (std::same_as<T, std::string>) {
        return render_text(value);
    } else if constexpr (std::integral<T>) {
        return render_integer(value);
    } else if constexpr (std::is_enum_v<T>) {
        if constexpr (Named<T>) {
            return std::string(to_string(value));
        } else {
            return render_integer(static_cast<std::underlying_type_t<T>>(value));
        }
    } else if constexpr (codec::IsStrongInt<T>::value) {
        return render_integer(value.value);
    } else if constexpr (codec::FixedBytes<T> || std::same_as<T, Bytes>) {
        return to_hex(value);
    } else if constexpr (codec::WrappedBytes<T>) {
        return to_hex(value.bytes);
    } else {
        return to_json_value(value);
    }
}
template <typename T>
nlohmann::json render(const std::optional<T>& value) {
    return value ? render(*value) : nlohmann::json();
}
template <typename T>
requires(!std::same_as<T, std::uint8_t>) nlohmann::json render(const std::vector<T>& values) {
    nlohmann::json array = nlohmann::json::array();
    for (const T& value : values) array.push_back(render(value));
    return array;
}

class Renderer {
  public:
    template <typename T>
    void operator()(const char* name, const T& value) {
        json[name] = render(value);
    }
    template <typename T>
    void operator()(const char* name, const T& value, Limit /*limit*/) {
        json[name] = render(value);
    }
    nlohmann::json json = nlohmann::json::object();
};

// Reads one value; the error's context is the reason only, callers put the field's name before it.
template <typename T>
Result<void> read(const nlohmann::json& json, T& value);

template <std::integral T>
Result<void> read_integer(const nlohmann::json& json, T& value) {
    const auto wrong = [] {
        return make_error(ErrorCode::kMalformed, "is not a whole number from " +
                                                     std::to_string(std::numeric_limits<T>::min()) +
                                                     " to " +
                                                     std::to_string(std::numeric_limits<T>::max()));
    };
    std::string text;
    if (json.is_string()) {
        text = json.template get<std::string>();
    } else if (json.is_number_integer()) {
        text = json.dump();
    } else {
        return wrong();
    }
    T parsed{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), parsed);
    if (error != std::errc{} || end != text.data() + text.size()) return wrong();
    value = parsed;
    return {};
}

template <typename T>
Result<void> read_enum(const nlohmann::json& json, T& value) {
    using Number = std::make_unsigned_t<std::underlying_type_t<T>>;
    std::string names;
    for (unsigned number = 0; number <= 255; ++number) {
        const T candidate = static_cast<T>(static_cast<Number>(number));
        if (!is_known(candidate)) continue;
        const nlohmann::json rendered = render(candidate);
        if (rendered == json) {
            value = candidate;
            return {};
        }
        names += (names.empty() ? "" : ", ") + rendered.dump();
    }
    return make_error(ErrorCode::kMalformed, "is not one of " + names);
}

template <typename Container>
Result<void> read_hex(const nlohmann::json& json, Container& out, std::optional<std::size_t> size) {
    if (!json.is_string()) return make_error(ErrorCode::kMalformed, "is not hexadecimal text");
    auto bytes = decode_hex(json.get<std::string>());
    if (!bytes) return tl::unexpected(bytes.error());
    if (size && bytes->size() != *size) {
        return make_error(ErrorCode::kMalformed,
                          "has not " + std::to_string(2 * *size) + " hexadecimal characters");
    }
    if constexpr (std::same_as<Container, Bytes>) {
        out = std::move(*bytes);
    } else {
        std::copy(bytes->begin(), bytes->end(), out.begin());
    }
    return {};
}

template <typename T>
Result<void> read(const nlohmann::json& json, std::optional<T>& value) {
    if (json.is_null()) {
        value.reset();
        return {};
    }
    return read(json, value.emplace());
}
template <typename T>
requires(!std::same_as<T, std::uint8_t>) Result<void> read(const nlohmann::json& json,
                                                           std::vector<T>& values) {
    if (!json.is_array()) return make_error(ErrorCode::kMalformed, "is not a list");
    values.clear();
    for (const auto& element : json) {
        if (auto done = read(element, values.emplace_back()); !done) {
            return make_error(done.error().code, "[" + std::to_string(values.size() - 1) + "] " +
                                                     done.error().context);
        }
    }
    return {};
}

template <typename T>
Result<void> read(const nlohmann::json& json, T& value) {
    if constexpr (std::same_as<T, bool>) {
        if (!json.is_boolean()) return make_error(ErrorCode::kMalformed, "is not true or false");
        value = json.get<bool>();
        return {};
    } else if constexpr (std::integral<T>) {
        return read_integer(json, value);
    } else if constexpr (std::is_enum_v<T>) {
        return read_enum(json, value);
    } else if constexpr (codec::IsStrongInt<T>::value) {
        return read_integer(json, value.value);
    } else if constexpr (codec::FixedBytes<T>) {
        return read_hex(json, value, value.size());
    } else if constexpr (codec::WrappedBytes<T>) {
        return read_hex(json, value.bytes, value.bytes.size());
    } else if constexpr (std::same_as<T, Bytes>) {
        return read_hex(json, value, std::nullopt);
    } else if constexpr (std::same_as<T, std::string>) {
        if (!json.is_string()) return make_error(ErrorCode::kMalformed, "is not text");
        value = json.get<std::string>();
        return {};
    } else {
        auto inner = from_json_value<T>(json);
        if (!inner) return tl::unexpected(inner.error());
        value = std::move(*inner);
        return {};
    }
}

class Parser {
  public:
    explicit Parser(const nlohmann::json& json) : json_(json) {}

    template <typename T>
    void operator()(const char* name, T& value) {
        read_field(name, value, std::numeric_limits<std::size_t>::max());
    }
    template <typename T>
    void operator()(const char* name, T& value, Limit limit) {
        read_field(name, value, limit.count);
    }
    [[nodiscard]] std::optional<Error> finish() {
        if (error_) return error_;
        for (const auto& item : json_.items()) {
            if (!seen_.contains(item.key())) {
                return Error{ErrorCode::kMalformed, item.key() + ": unknown field"};
            }
        }
        return std::nullopt;
    }

  private:
    template <typename T>
    void read_field(const char* name, T& value, std::size_t limit) {
        seen_.insert(name);
        if (error_) return;
        const auto found = json_.find(name);
        if (found == json_.end()) {
            error_ = Error{ErrorCode::kMalformed, std::string(name) + ": is missing"};
            return;
        }
        if (auto done = read(*found, value); !done) {
            error_ = Error{done.error().code, std::string(name) + ": " + done.error().context};
            return;
        }
        if constexpr (requires { value.size(); }) {
            if (value.size() > limit) {
                error_ = Error{ErrorCode::kLimitExceeded,
                               std::string(name) + ": is longer than " + std::to_string(limit)};
            }
        }
    }

    const nlohmann::json& json_;
    std::set<std::string> seen_;
    std::optional<Error> error_;
};

}  // namespace json_detail

template <codec::Described T>
nlohmann::json to_json_value(const T& value) {
    json_detail::Renderer renderer;
    T::describe(value, renderer);
    return std::move(renderer.json);
}

template <codec::Described T>
Result<T> from_json_value(const nlohmann::json& json) {
    if (!json.is_object()) return make_error(ErrorCode::kMalformed, "is not an object");
    T value{};
    json_detail::Parser parser(json);
    T::describe(value, parser);
    if (auto error = parser.finish()) return tl::unexpected(std::move(*error));
    return value;
}

}  // namespace consilium::schema
