// JSON schemas of the structs that render.hpp shows, made from the same describe().
//
// The API descriptions of node and explorer name them, so a field that is added to a record or an
// event is described where it is shown. Integers that may pass 2^53 are numbers or text.
#pragma once
#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include <nlohmann/json.hpp>

#include "contracts/schema_json/render.hpp"

namespace consilium::schema {

// {"type": "object", "properties": {...}}
template <codec::Described T>
[[nodiscard]] nlohmann::json json_schema_of();

namespace json_detail {

template <typename T>
struct ElementOf {};
template <typename T>
struct ElementOf<std::optional<T>> {
    using Optional = T;
};
template <typename T>
requires(!std::same_as<T, std::uint8_t>) struct ElementOf<std::vector<T>> {
    using List = T;
};

inline nlohmann::json of_type(const char* type) {
    return {{"type", type}};
}

template <std::integral T>
nlohmann::json integer_schema() {
    if constexpr (sizeof(T) < sizeof(std::uint64_t)) return of_type("integer");
    return {{"type", nlohmann::json::array({"integer", "string"})}};
}

// Text, or bytes in hexadecimal.
template <typename T>
constexpr bool is_text() {
    return std::same_as<T, std::string> || std::same_as<T, Bytes> || codec::FixedBytes<T> ||
           codec::WrappedBytes<T>;
}

template <typename T>
nlohmann::json value_schema() {
    if constexpr (requires { typename ElementOf<T>::Optional; }) {
        return {{"anyOf", nlohmann::json::array(
                              {value_schema<typename ElementOf<T>::Optional>(), of_type("null")})}};
    } else if constexpr (requires { typename ElementOf<T>::List; }) {
        return {{"type", "array"}, {"items", value_schema<typename ElementOf<T>::List>()}};
    } else if constexpr (std::same_as<T, bool>) {
        return of_type("boolean");
    } else if constexpr (is_text<T>()) {
        return of_type("string");
    } else if constexpr (std::integral<T>) {
        return integer_schema<T>();
    } else if constexpr (std::is_enum_v<T>) {
        return of_type(Named<T> ? "string" : "integer");
    } else if constexpr (codec::IsStrongInt<T>::value) {
        return integer_schema<typename T::Underlying>();
    } else {
        return json_schema_of<T>();
    }
}

class SchemaVisitor {
  public:
    template <typename T>
    void operator()(const char* name, const T& /*value*/) {
        properties[name] = value_schema<T>();
    }
    template <typename T>
    void operator()(const char* name, const T& /*value*/, Limit /*limit*/) {
        properties[name] = value_schema<T>();
    }
    nlohmann::json properties = nlohmann::json::object();
};

}  // namespace json_detail

template <codec::Described T>
nlohmann::json json_schema_of() {
    json_detail::SchemaVisitor visitor;
    const T value{};
    T::describe(value, visitor);
    return {{"type", "object"}, {"properties", std::move(visitor.properties)}};
}

}  // namespace consilium::schema
