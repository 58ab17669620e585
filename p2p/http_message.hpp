// Requests and responses of HTTP as plain values, and the pure checks of their text.
//
// Everything here is a pure function of its arguments: no I/O, no clock.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/bytes.hpp"
#include "core/result.hpp"

namespace consilium::p2p {

struct HttpRequest {
    std::string method;                          // "GET", upper case as sent
    std::string path;                            // percent-decoded and sanitised, begins with '/'
    std::map<std::string, std::string> query;    // decoded; a name given twice is refused
    std::map<std::string, std::string> headers;  // lower-case names; repeated ones joined by ", "
    Bytes body;
    std::string remote_address;  // numeric, no port
};

struct HttpResponse {
    unsigned status = 200;
    std::string content_type = "application/json";
    std::vector<std::pair<std::string, std::string>> headers;
    Bytes body;
};

[[nodiscard]] HttpResponse make_response(unsigned status, std::string_view content_type,
                                         std::string_view body);
// RFC 9457 problem document; `code` is the stable machine-readable name. Text is escaped.
[[nodiscard]] HttpResponse make_problem(unsigned status, std::string_view code,
                                        std::string_view detail);
// nosniff, no framing, no referrer, CSP default-src 'self', no caching of API answers.
void add_security_headers(HttpResponse& response);
// The standard phrase of a status code; "Status" for one that is not used here.
[[nodiscard]] std::string_view reason_phrase(unsigned status);
// Value of a header by lower-case name.
[[nodiscard]] std::optional<std::string_view> find_header(const HttpRequest& request,
                                                          std::string_view lower_case_name);

// Target split and checked; see parse_target.
struct HttpTarget {
    std::string path;
    std::map<std::string, std::string> query;
};
// Parses the request target (origin form). Refuses a bad escape, NUL and control characters,
// backslash, an escaped '.', '/', '\' or '%', empty segments, "." and ".." segments, bytes that
// are not UTF-8, a repeated query name, more than 64 query parameters, over 2 KiB.
[[nodiscard]] Result<HttpTarget> parse_target(std::string_view target);
[[nodiscard]] Result<std::string> percent_decode(std::string_view text, bool is_plus_a_space);
// Escapes all but unreserved characters (RFC 3986).
[[nodiscard]] std::string percent_encode(std::string_view text);

// True when the Host header (port optional and ignored) names one of the hosts, case-insensitively.
[[nodiscard]] bool is_host_allowed(std::string_view host_header,
                                   const std::vector<std::string>& allowed_hosts);
// True for an Origin whose host is allowed; "null" is not.
[[nodiscard]] bool is_origin_allowed(std::string_view origin_header,
                                     const std::vector<std::string>& allowed_hosts);

}  // namespace consilium::p2p
