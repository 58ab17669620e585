// Errors of the canonical decoder.
#include "core/codec.hpp"

#include <algorithm>

namespace consilium::codec {

void Reader::fail(ErrorCode code, const char* why) {
    if (error_) return;
    error_ = Error{code, std::string(why) + " (field '" + field_ + "', byte " +
                             std::to_string(consumed()) + ")"};
}

std::optional<Error> Reader::finish() {
    if (!error_ && !remaining_.empty()) fail(ErrorCode::kMalformed, "trailing bytes");
    return error_;
}

void Reader::read_fixed(std::uint8_t* out, std::size_t size) {
    if (error_) return;
    if (remaining_.size() < size) return fail(ErrorCode::kMalformed, "bytes end early");
    std::copy_n(remaining_.begin(), size, out);
    remaining_ = remaining_.subspan(size);
}

}  // namespace consilium::codec
