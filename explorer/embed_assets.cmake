# Writes the files of the page as C++ arrays: cmake -DSCRIPT= -DWEB= -DAPI= -DOUTPUT= -P this file.
set(ARRAYS "")
set(ENTRIES "")
function(embed file name path type)
  file(READ "${file}" hex HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
  set(ARRAYS "${ARRAYS}constexpr unsigned char ${name}[] = {${bytes}};\n" PARENT_SCOPE)
  set(ENTRIES "${ENTRIES}    Asset{\"${path}\", \"${type}\", text_of(${name})},\n" PARENT_SCOPE)
endfunction()
embed("${WEB}/index.html" kPage "/" "text/html; charset=utf-8")
embed("${SCRIPT}" kScript "/app.js" "text/javascript; charset=utf-8")
embed("${WEB}/style.css" kStyle "/style.css" "text/css; charset=utf-8")
embed("${WEB}/icon.svg" kIcon "/icon.svg" "image/svg+xml")
embed("${API}" kOpenApi "/api/v1/openapi.json" "application/json")
file(WRITE "${OUTPUT}" "// Made by the build from explorer/web and explorer/openapi.json.
#include \"explorer/assets.hpp\"

#include <array>
#include <cstddef>

namespace consilium::explorer {
namespace {

template <std::size_t N>
std::string_view text_of(const unsigned char (&bytes)[N]) {
    return {reinterpret_cast<const char*>(bytes), N};
}
${ARRAYS}
}  // namespace

std::span<const Asset> assets() {
    static const std::array all{
${ENTRIES}    };
    return all;
}

}  // namespace consilium::explorer
")
