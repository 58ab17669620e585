// The page and the API description, compiled into the program by the build.
#pragma once
#include <span>
#include <string_view>

namespace consilium::explorer {

struct Asset {
    std::string_view path;  // of the URL
    std::string_view content_type;
    std::string_view content;
};
[[nodiscard]] std::span<const Asset> assets();

}  // namespace consilium::explorer
