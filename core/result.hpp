// Failure as a value: Result<T> and the error that all of core returns.
//
// Folders above core may define their own error enum and use tl::expected with it.
#pragma once
#include <string>
#include <string_view>
#include <utility>

#include <tl/expected.hpp>

namespace consilium {

enum class ErrorCode {
    kMalformed,         // bytes or text do not follow the grammar
    kLimitExceeded,     // a named limit was passed
    kInvalidSignature,  // a signature does not verify
    kInvalidKey,        // not a point on the curve, or a scalar out of range
    kMismatch,          // two values that must agree do not
    kNotFound,
    kRefused,      // well formed but not allowed
    kUnavailable,  // cannot be had now; trying again later may help
    kInternal,     // a library failed in a way its contract does not describe
};

// Stable lower-case name, as it stands in logs and API answers.
[[nodiscard]] std::string_view to_string(ErrorCode code);

struct Error {
    ErrorCode code{};
    std::string context;  // what was tried and why it failed; never a secret
};

template <typename T>
using Result = tl::expected<T, Error>;

[[nodiscard]] inline tl::unexpected<Error> make_error(ErrorCode code, std::string context) {
    return tl::unexpected<Error>(Error{code, std::move(context)});
}

}  // namespace consilium
