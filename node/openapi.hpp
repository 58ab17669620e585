// The text of node/openapi.json, compiled in.
#pragma once
#include <string_view>

namespace consilium::node {

extern const std::string_view kOpenApi;

}  // namespace consilium::node
