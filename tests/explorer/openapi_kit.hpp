// Compares answers with an OpenAPI description: no field that is not described, no other type.
//
// Understands what the descriptions use: $ref, type (one or several), properties, required, items,
// enum, anyOf, allOf, additionalProperties.
#pragma once
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace consilium::testing {

// What does not fit, each with its place ("/items/0/reference: not described"). `path`: as the
// description writes it. The schema is that of the answer 200.
[[nodiscard]] std::vector<std::string> compare_with_openapi(const nlohmann::json& description,
                                                            const std::string& path,
                                                            const nlohmann::json& answer);
// Every path whose GET answers JSON.
[[nodiscard]] std::vector<std::string> json_paths(const nlohmann::json& description);

}  // namespace consilium::testing
