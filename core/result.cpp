// Names of the error codes.
#include "core/result.hpp"

#include "core/check.hpp"

namespace consilium {

std::string_view to_string(ErrorCode code) {
    switch (code) {
        case ErrorCode::kMalformed:
            return "malformed";
        case ErrorCode::kLimitExceeded:
            return "limit_exceeded";
        case ErrorCode::kInvalidSignature:
            return "invalid_signature";
        case ErrorCode::kInvalidKey:
            return "invalid_key";
        case ErrorCode::kMismatch:
            return "mismatch";
        case ErrorCode::kNotFound:
            return "not_found";
        case ErrorCode::kRefused:
            return "refused";
        case ErrorCode::kUnavailable:
            return "unavailable";
        case ErrorCode::kInternal:
            return "internal";
    }
    UNREACHABLE();
}

}  // namespace consilium
