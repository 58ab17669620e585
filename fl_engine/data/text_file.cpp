// Implements reading a text file in one go.
#include "fl_engine/data/text_file.hpp"

#include <fstream>
#include <system_error>

namespace consilium::fl {

Result<std::string> read_text_file(const std::filesystem::path& file, std::size_t max_bytes) {
    const std::string name = file.string();
    std::error_code error;
    if (!std::filesystem::is_regular_file(file, error)) {
        return make_error(ErrorCode::kNotFound,
                          name + ": no such file; check the path and the working directory");
    }
    std::ifstream stream(file, std::ios::binary);
    if (!stream) {
        return make_error(ErrorCode::kNotFound, name + ": cannot be opened; check its permissions");
    }
    const std::uintmax_t size = std::filesystem::file_size(file, error);
    if (error) return make_error(ErrorCode::kInternal, name + ": " + error.message());
    if (size > max_bytes) {
        return make_error(ErrorCode::kLimitExceeded, name + ": larger than " +
                                                         std::to_string(max_bytes) +
                                                         " bytes; split the file or drop columns");
    }
    // A file that grows meanwhile is read up to the size seen first.
    std::string text(static_cast<std::size_t>(size), '\0');
    stream.read(text.data(), static_cast<std::streamsize>(text.size()));
    if (stream.bad()) return make_error(ErrorCode::kInternal, name + ": reading failed");
    text.resize(static_cast<std::size_t>(stream.gcount()));
    return text;
}

}  // namespace consilium::fl
